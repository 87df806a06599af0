"""Vessel trees from masks: lines, radii, branches, loops, gaps, roots."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from feeder_truth import tree_of_lines
from tree_truth import compare_trees, drawn

from planner.errors import OperatorError
from planner.geometry import Grid
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.model.vessel_items import BRIDGED
from planner.planning.tree_extraction import tree_from_mask
from planner.planning.tree_growing import branch_to
from planner.planning.vessel_tree import VesselTree

ROOT = (0.0, 0.0, 60.0)


def line(start: tuple[float, float, float], end: tuple[float, float, float], bend: float = 0.0) -> np.ndarray:
    share = np.linspace(0.0, 1.0, 60)[:, None]
    straight = np.asarray(start) * (1.0 - share) + np.asarray(end) * share
    return straight + bend * np.sin(np.pi * share) * np.array([1.0, 0.6, 0.0])


@cache
def truth() -> VesselTree:
    """A trunk of 8 mm with three branches, one of which forks; the narrowest is 1.6 mm wide."""
    return tree_of_lines(
        [
            ("root", "n1", line(ROOT, (0.0, 0.0, 38.0)), 4.0),
            ("n1", "n2", line((0.0, 0.0, 38.0), (1.0, 0.0, 20.0)), 3.6),
            ("n2", "end", line((1.0, 0.0, 20.0), (2.0, 0.0, 0.0)), 3.2),
            ("n1", "fork", line((0.0, 0.0, 38.0), (26.0, 2.0, 44.0), 2.0), 2.0),
            ("fork", "up", line((26.0, 2.0, 44.0), (44.0, 0.0, 58.0)), 1.4),
            ("fork", "down", line((26.0, 2.0, 44.0), (42.0, 8.0, 30.0), -2.0), 1.1),
            ("n2", "thin", line((1.0, 0.0, 20.0), (-26.0, -6.0, 8.0), 2.0), 0.8),
        ]
    )


@cache
def picture(slice_mm: float) -> tuple[Volume, Mask]:
    return drawn(truth(), (slice_mm, 0.8, 0.8), noise=12.0, blur_mm=0.4, least_cover=0.35)


@pytest.mark.parametrize(("slice_mm", "line_mm", "radius_mm"), [(0.8, 0.25, 0.14), (2.5, 0.45, 0.25)])
def test_that_every_branch_is_found_and_lies_within_half_a_voxel(
    slice_mm: float, line_mm: float, radius_mm: float
) -> None:
    volume, mask = picture(slice_mm)
    found = tree_from_mask(mask, root_lps_mm=ROOT, volume=volume)
    measured = compare_trees(found, truth())
    assert measured.recall == 1.0
    assert (measured.topology_errors, measured.false_branches) == (0, 0)
    assert measured.line_mean_mm < line_mm
    assert measured.radius_error_mm < radius_mm


def test_that_a_mask_alone_gives_a_tree_with_radii_and_close_points() -> None:
    _, mask = picture(0.8)
    found = tree_from_mask(mask, root_lps_mm=ROOT)
    measured = compare_trees(found, truth())
    assert measured.recall == 1.0
    assert measured.line_mean_mm < 0.3
    assert measured.radius_error_mm < 0.35
    assert (
        max(float(np.linalg.norm(np.diff(each.points_lps_mm, axis=0), axis=1).max()) for each in found.segments) <= 0.5
    )
    assert len(found.segments) == len(truth().segments)


def test_that_without_a_root_the_thickest_end_is_taken_and_ends_are_reached() -> None:
    _, mask = picture(0.8)
    found = tree_from_mask(mask)
    assert np.linalg.norm(found.nodes[found.root] - np.asarray(ROOT)) < 4.5
    ends = np.array([found.nodes[key] for key in found.nodes if found.node_kind(key) == "end"])
    for key in ("end", "up", "down", "thin"):
        # The drawn ends are round: the lumen ends a radius beyond the last point.
        reach = truth().segment(key).mean_radius_mm
        assert reach is not None
        assert np.linalg.norm(ends - truth().nodes[key], axis=1).min() < reach + 1.2


def test_that_thin_vessels_are_doubtful_and_wide_ones_are_not() -> None:
    volume, mask = picture(0.8)
    found = tree_from_mask(mask, root_lps_mm=ROOT, volume=volume)
    thin = found.nearest((-15.0, -2.0, 13.0))
    wide = found.nearest((0.0, 0.0, 50.0))
    assert thin is not None
    assert wide is not None
    assert found.segment(wide.segment).doubtful_share == 0.0
    assert found.segment(thin.segment).doubtful_share > 0.5


def test_that_a_gap_is_bridged_and_said_and_a_far_piece_is_left_out() -> None:
    volume, mask = picture(0.8)
    bits = mask.full()
    k, j, i = mask.grid.kji_from_lps.points(np.array([14.0, 3.0, 41.5])).round().astype(int)
    bits[:, :, i - 2 : i + 2] &= np.arange(bits.shape[0])[:, None, None] < k - 12
    loose = mask.grid.kji_from_lps.points(np.array([-22.0, -4.0, 52.0])).round().astype(int)
    bits[loose[0] - 3 : loose[0] + 3, loose[1] - 2 : loose[1], loose[2] - 2 : loose[2]] = True
    found = tree_from_mask(Mask.of(mask.grid, bits), root_lps_mm=ROOT, volume=volume)
    assert compare_trees(found, truth()).recall == 1.0
    bridges = [each for each in found.segments if each.origin == BRIDGED]
    assert bridges
    assert all(each.doubtful[:-1].all() for each in bridges)
    assert any("was bridged" in text for text in found.findings)
    assert any("left out" in text for text in found.findings)
    place = found.nearest((-22.0, -4.0, 52.0))
    assert place is not None
    assert place.distance_mm > 10.0


def test_that_a_loop_is_cut_where_it_is_narrowest_and_said() -> None:
    ring = [
        ("root", "a", line((0.0, 0.0, 40.0), (0.0, 0.0, 28.0)), 2.5),
        ("a", "b", line((0.0, 0.0, 28.0), (0.0, 0.0, 0.0), 14.0), 2.2),
        ("a", "c", line((0.0, 0.0, 28.0), (0.0, 0.0, 0.0), -14.0), 2.2),
        ("b", "d", line((0.0, 0.0, 0.0), (0.0, 0.0, -16.0)), 2.2),
    ]
    _, mask = drawn(tree_of_lines(ring), (0.8, 0.8, 0.8), least_cover=0.4)
    bits = mask.full()
    pinch = line((0.0, 0.0, 28.0), (0.0, 0.0, 0.0), -14.0)[18]
    index = np.argwhere(bits)
    gap = np.linalg.norm(mask.grid.lps_from_kji.points(index) - pinch, axis=1)
    away = np.linalg.norm(np.cross(mask.grid.lps_from_kji.points(index) - pinch, tangent_at(18)), axis=1)
    bits[tuple(index[(gap < 4.0) & (away > 1.0)].T)] = False
    found = tree_from_mask(Mask.of(mask.grid, bits), root_lps_mm=(0.0, 0.0, 40.0))
    assert any("loop" in text for text in found.findings)
    ends = np.array([found.nodes[key] for key in found.nodes if found.node_kind(key) == "end"])
    assert np.linalg.norm(ends - pinch, axis=1).min() < 6.0


def tangent_at(index: int) -> np.ndarray:
    curve = line((0.0, 0.0, 28.0), (0.0, 0.0, 0.0), -14.0)
    way = curve[index + 1] - curve[index - 1]
    return way / np.linalg.norm(way)


def test_that_a_bump_of_the_wall_is_no_branch() -> None:
    tube = tree_of_lines([("root", "end", line((0.0, 0.0, 40.0), (0.0, 0.0, 0.0)), 5.0)])
    _, mask = drawn(tube, (0.8, 0.8, 0.8), least_cover=0.5)
    bits = mask.full()
    at = mask.grid.kji_from_lps.points(np.array([5.4, 0.0, 20.0])).round().astype(int)
    bits[at[0] - 3 : at[0] + 4, at[1] - 3 : at[1] + 4, at[2] - 2 : at[2] + 2] = True
    assert len(tree_from_mask(Mask.of(mask.grid, bits)).segments) == 1


@pytest.mark.parametrize(("radius_mm", "tilt"), [(6.0, 0.0), (6.0, 0.4), (4.0, 0.2)])
def test_that_the_corners_of_a_flat_end_are_no_branches_and_no_way_of_the_line(radius_mm: float, tilt: float) -> None:
    size = (70, int((2 * radius_mm + 32) / 0.7), int((2 * radius_mm + 8) / 0.7))
    grid = Grid.of(size, origin_lps_mm=(0.13, 0.21, 0.37), spacing_kji_mm=(0.7, 0.7, 0.7), frame_uid="1.2.3")
    x, y, z = np.moveaxis(grid.lps_from_kji.points(np.stack(np.indices(size), axis=-1).astype(float)), -1, 0)
    middle = radius_mm + 4.0
    away = np.hypot(x - middle, (y - middle - tilt * z) / np.hypot(1.0, tilt))
    found = tree_from_mask(Mask.of(grid, (away < radius_mm) & (z > 5.0) & (z < 45.0)))
    assert len(found.segments) == 1
    points = found.segments[0].points_lps_mm
    assert np.hypot(points[:, 0] - middle, points[:, 1] - middle - tilt * points[:, 2]).max() < 0.35
    assert found.total_length_mm == pytest.approx(40.0 * np.hypot(1.0, tilt), abs=2.0)


def test_that_wide_tubes_on_even_voxels_branch_where_they_do_and_make_no_loop() -> None:
    # The middle of every tube lies between two rows of voxels: two ways through each are equally cheap.
    fork, left, right = (60.0, 30.0, 50.0), (34.0, 30.0, 22.0), (88.0, 30.0, 24.0)
    tubes = ((fork, (60.0, 30.0, 100.0), 8.5), (fork, left, 6.0), (fork, right, 5.5), (left, (28.0, 30.0, 0.0), 4.5))
    grid = Grid.of((52, 30, 56), origin_lps_mm=(5.0, 1.0, 1.0), spacing_kji_mm=(2.0, 2.0, 2.0), frame_uid="1.2.3")
    places = grid.lps_from_kji.points(np.stack(np.indices(grid.size_kji), axis=-1).astype(float))
    bits = np.zeros(grid.size_kji, dtype=np.bool_)
    for start, end, radius in tubes:
        way = np.subtract(end, start)
        share = np.clip((places - start) @ way / (way @ way), 0.0, 1.0)
        bits |= np.linalg.norm(places - start - share[..., None] * way, axis=-1) < radius
    found = tree_from_mask(Mask.of(grid, bits), root_lps_mm=(60.0, 30.0, 98.0))
    assert not found.findings
    (trunk,) = found.starting_at[found.root]
    assert np.linalg.norm(found.nodes[trunk.end] - fork) < 4.0
    assert len(found.segments) == 3


def test_that_an_empty_mask_and_a_root_elsewhere_are_refused() -> None:
    grid = Grid.of((20, 20, 20), frame_uid="1.2.3")
    with pytest.raises(OperatorError) as empty:
        tree_from_mask(Mask.empty(grid))
    assert empty.value.code == "empty-mask"
    with pytest.raises(OperatorError) as away:
        tree_from_mask(picture(0.8)[1], root_lps_mm=(200.0, 0.0, 0.0))
    assert away.value.code == "root-outside"


def test_that_a_click_at_its_end_adds_a_missed_branch() -> None:
    volume, mask = picture(0.8)
    found = tree_from_mask(mask, root_lps_mm=ROOT, volume=volume)
    place = found.nearest((38.0, 5.0, 33.0))
    assert place is not None
    from planner.planning.tree_edits import cut

    without = cut(found, place.segment)
    assert compare_trees(without, truth()).recall < 1.0
    grown = branch_to(without, volume, (41.5, 7.8, 30.4))
    measured = compare_trees(grown, truth())
    assert measured.recall == 1.0
    assert measured.line_mean_mm < 0.4
    assert [each.origin for each in grown.segments].count("added") == 1


@pytest.mark.parametrize(
    ("click", "code"),
    [
        ((500.0, 0.0, 0.0), "click-outside-image"),
        ((0.0, 0.0, 50.0), "click-on-tree"),
        ((-25.0, 5.0, 50.0), "no-contrast"),
    ],
)
def test_that_a_click_that_cannot_be_followed_is_refused(click: tuple[float, float, float], code: str) -> None:
    volume, mask = picture(0.8)
    found = tree_from_mask(mask, root_lps_mm=ROOT, volume=volume)
    smooth = Volume(np.where(mask.full(), 300, 60).astype(np.int16), volume.grid, volume.source)
    with pytest.raises(OperatorError) as refused:
        branch_to(found, smooth, click)
    assert refused.value.code == code
