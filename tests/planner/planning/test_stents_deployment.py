"""A stent laid along a centreline: its tube, its waist, its outline on a slice, its marks."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import FrameMismatch
from planner.geometry import Polyline, SlicePlane
from planner.model.vessel_items import LumenMark
from planner.planning.stent_branches import branch_marks
from planner.planning.stent_deployment import crimped_length_mm, deploy
from planner.planning.vessel_tree import TreeSegment, VesselTree

DOWN = Polyline(np.column_stack([np.full(201, 10.0), np.full(201, 20.0), np.linspace(200.0, 100.0, 201)]), "1.2.3")
ALONG = np.linspace(0.0, 100.0, 201)
NARROW = np.where(np.abs(ALONG - 50.0) < 10.0, 6.0, 14.0)


def test_that_the_tube_has_the_nominal_diameter_open_and_the_waist_as_the_lumen_is() -> None:
    laid = deploy(DOWN, 30.0, 70.0, 16.0, lumen_along_mm=ALONG, lumen_mm=NARROW, stricture_mm=(40.0, 60.0))
    assert laid.waist_mm == pytest.approx(6.0)
    assert laid.waist_percent == pytest.approx(37.5)
    assert (laid.landing_proximal_mm, laid.landing_distal_mm) == (10.0, 10.0)
    for opened, least in ((True, 8.0), (False, 3.0)):
        vertices, triangles = laid.mesh(opened=opened)
        radius = np.linalg.norm(vertices[:, :2] - (10.0, 20.0), axis=1)
        assert radius.min() == pytest.approx(least, abs=1e-6)
        assert triangles.max() == len(vertices) - 1
        assert vertices[:, 2].max() == pytest.approx(170.0)
        assert vertices[:, 2].min() == pytest.approx(130.0)


def test_that_the_area_of_the_open_tube_is_a_cylinders() -> None:
    vertices, triangles = deploy(DOWN, 30.0, 70.0, 16.0).mesh(opened=True, sides=64)
    corners = vertices[triangles]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
    assert area == pytest.approx(np.pi * 16.0 * 40.0, rel=0.005)


def test_that_a_slice_across_shows_a_closed_ring_and_one_along_two_walls() -> None:
    laid = deploy(DOWN, 30.0, 70.0, 16.0)
    ring = laid.outline(SlicePlane.axial((0.0, 0.0, 150.2)), opened=True)
    assert np.linalg.norm(ring[:, 1] - ring[:, 0], axis=1).sum() == pytest.approx(np.pi * 16.0, rel=0.01)
    walls = laid.outline(SlicePlane.coronal((0.0, 20.001, 0.0)), opened=True)
    assert np.linalg.norm(walls[:, 1] - walls[:, 0], axis=1).sum() == pytest.approx(80.0, rel=0.01)
    assert not len(laid.outline(SlicePlane.axial((0.0, 0.0, 180.0))))


def test_that_marks_are_told_from_both_ends_and_a_stent_beyond_the_lumen_is_cut() -> None:
    marks = (LumenMark("carina", 20.0, (0, 0, 0)), LumenMark("azygos", 50.0, (0, 0, 0)))
    before, inside = deploy(DOWN, 30.0, 70.0, 16.0, marks=marks).marks
    assert (before.inside, before.from_start_mm) == (False, 10.0)
    assert inside.inside
    beyond = deploy(DOWN, 80.0, 120.0, 16.0)
    assert beyond.cut
    assert beyond.mesh()[0][:, 2].min() == pytest.approx(100.0)
    with pytest.raises(ValueError, match="no stent"):
        deploy(DOWN, 120.0, 150.0, 16.0)


def test_that_an_unknown_shortening_gives_no_crimped_length() -> None:
    assert crimped_length_mm(60.0, None) is None
    assert crimped_length_mm(60.0, 25.0) == pytest.approx(80.0)
    assert deploy(DOWN, 30.0, 70.0, 16.0).waist_mm is None


def test_that_branches_of_a_tree_that_leave_the_course_are_marked() -> None:
    def segment(
        name: str, start: str, end: str, *points: tuple[float, float, float], named: str | None = None
    ) -> TreeSegment:
        line = np.array(points, dtype=np.float64)
        return TreeSegment(name, start, end, line, np.full(len(line), 7.0), np.zeros(len(line), bool), named)

    nodes = {
        "r": (10, 20, 220),
        "a": (10, 20, 160),
        "A": (40, 20, 150),
        "b": (10, 20, 130),
        "B": (10, 60, 120),
        "e": (10, 20, 90),
    }
    tree = VesselTree(
        "airway", "1.2.3", "r", {key: np.array(at, dtype=np.float64) for key, at in nodes.items()},
        (
            segment("1", "r", "a", (10, 20, 220), (10, 20, 160)),
            segment("2", "a", "A", (10, 20, 160), (40, 20, 150)),
            segment("3", "a", "b", (10, 20, 160), (10, 20, 130)),
            segment("4", "b", "B", (10, 20, 130), (10, 60, 120), named="left upper lobe"),
            segment("5", "b", "e", (10, 20, 130), (10, 20, 90)),
        ),
    )  # fmt: skip
    found = branch_marks(tree, DOWN, "airway")
    assert [each.name for each in found] == ["side branch", "left upper lobe"]
    assert [each.name for each in branch_marks(tree, DOWN, "vein")] == ["side branch", "side branch"]
    assert [each.along_mm for each in found] == pytest.approx([40.0, 70.0], abs=0.6)
    with pytest.raises(FrameMismatch, match="different frames"):
        branch_marks(tree, Polyline(DOWN.points_lps_mm, "9.9"), "airway")
