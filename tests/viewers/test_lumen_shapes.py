"""Shapes of lumens and stents from stored numbers, and the state that panes share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lumen_scenes import LENGTH_MM, NARROW_MM, WIDE_MM, place, shown_stent, tube_lumen, tube_shown

from planner.planning.stent_deployment import plane_lines
from viewers.scene.lumen_scene3d import lumen_mesh, ring_mesh, stent_mesh
from viewers.scene.lumen_section_painter import NOT_MEASURED, circle_centre, diameter_words
from viewers.state.lumens import LumenDesk, mark_name, mark_names


def ellipse() -> object:
    """A tube of 20 by 10 mm whose long axis stands at 30 degrees."""
    lumen = tube_lumen()
    many = len(lumen.along_mm)
    return replace(
        tube_shown(),
        lumen=replace(
            lumen, least_mm=np.full(many, 10.0), greatest_mm=np.full(many, 20.0),
            greatest_angle_deg=np.full(many, 30.0),
        ),
    )  # fmt: skip


def test_that_without_contours_the_edge_is_the_ellipse_of_the_stored_axes() -> None:
    shown = ellipse()
    _, across, beside = shown.lumen.frames
    for degrees, radius in ((30.0, 10.0), (120.0, 5.0), (210.0, 10.0)):
        way = np.cos(np.deg2rad(degrees)) * across + np.sin(np.deg2rad(degrees)) * beside
        assert np.allclose(shown.reach_mm(way), radius, atol=0.06)
    outline = shown.outline_at(30.0)
    assert np.linalg.norm(outline - place(30.0), axis=1).max() == pytest.approx(10.0, abs=0.05)


def test_that_edges_follow_the_width_along_the_lumen() -> None:
    right, left = tube_shown().edges_mm(0.0)
    along = tube_lumen().along_mm
    assert right[np.searchsorted(along, 5.0)] == pytest.approx(WIDE_MM / 2.0, rel=0.06)
    assert left[np.searchsorted(along, 30.0)] == pytest.approx(NARROW_MM / 2.0, rel=0.06)


def test_that_where_nothing_was_measured_there_is_no_outline_and_no_wall() -> None:
    lumen = tube_lumen()
    closed = (lumen.along_mm > 25.0) & (lumen.along_mm < 35.0)
    gone = {
        name: np.where(closed, np.nan, getattr(lumen, name))
        for name in ("least_mm", "greatest_mm", "equivalent_mm", "inscribed_mm")
    }
    shown = replace(tube_shown(), lumen=replace(lumen, **gone))
    assert shown.outline_at(30.0) is None
    assert shown.outline_at(10.0) is not None
    vertices, triangles, _ = shown.wall
    heights = 30.0 - vertices[triangles][:, :, 2]
    assert not ((heights.min(axis=1) > 26.0) & (heights.max(axis=1) < 34.0)).any()
    assert diameter_words(shown.lumen, 30.0)[0][1] == NOT_MEASURED


def test_that_the_wall_crosses_a_plane_in_a_circle_of_the_measured_width() -> None:
    shown = tube_shown()
    vertices, triangles, _ = shown.wall
    plane = shown.course.plane(10.0)
    lines = plane_lines(vertices, triangles, plane)
    away = np.linalg.norm(lines.reshape(-1, 3) - place(10.0), axis=1)
    assert len(lines) >= 20
    assert away.min() > 0.9 * WIDE_MM / 2.0
    assert away.max() < 1.1 * WIDE_MM / 2.0


def test_that_a_stent_lies_in_its_lumen_with_a_waist_and_opens_to_its_nominal_diameter() -> None:
    stent = shown_stent()
    held, opened, triangles = stent.walls
    along = 30.0 - held[:, 2]
    away = np.hypot(held[:, 0] - 4.0, held[:, 1] + 3.0)
    assert away[np.abs(along - 30.0) < 1.0].max() == pytest.approx(NARROW_MM / 2.0, rel=0.05)
    assert away[along < 15.0].min() == pytest.approx(WIDE_MM / 2.0, rel=0.05)
    assert np.allclose(np.hypot(opened[:, 0] - 4.0, opened[:, 1] + 3.0), 9.0, atol=0.01)
    assert triangles.max() < len(held)
    assert along.min() == pytest.approx(12.0, abs=0.01)
    assert along.max() == pytest.approx(48.0, abs=0.01)
    assert stent.landing_mm == pytest.approx((8.0, 8.0))


def test_that_3d_shows_lumen_stent_and_line_where_they_are() -> None:
    tube, wires, ring = lumen_mesh(tube_shown()), stent_mesh(shown_stent()), ring_mesh(tube_shown(), 20.0)
    assert wires is not None
    along = 30.0 - wires.vertices_lps_mm[:, 2]
    assert along.min() > 11.5
    assert along.max() < 48.5
    assert np.allclose(30.0 - ring.vertices_lps_mm[:, 2], 20.0, atol=0.6)
    assert tube.opacity < 1.0
    assert np.ptp(tube.vertices_lps_mm[:, 2]) == pytest.approx(LENGTH_MM, abs=2.0)


def test_that_the_circle_inside_is_centred_where_the_edge_is_farthest() -> None:
    turn = np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False)
    drop = np.stack([100.0 + 30.0 * np.cos(turn), 50.0 + 20.0 * np.sin(turn)], axis=-1)
    drop[5, 0] += 40.0
    x, y = circle_centre(drop)
    assert x == pytest.approx(100.0, abs=6.0)
    assert y == pytest.approx(50.0, abs=2.0)


def test_that_the_line_stays_on_the_lumen_and_the_cut_turns_round() -> None:
    desk = LumenDesk()
    desk.look(5.0)
    assert desk.along_mm.value == 0.0
    desk.lumens.set((tube_shown(),))
    desk.look(500.0)
    assert desk.along_mm.value == pytest.approx(LENGTH_MM)
    desk.turn(170.0)
    desk.turn(20.0)
    assert desk.angle_deg.value == pytest.approx(-170.0)


def test_that_the_stent_under_the_hand_stands_for_the_one_of_the_plan() -> None:
    desk = LumenDesk()
    desk.stents.set((shown_stent(),))
    moved = shown_stent(20.0, 56.0)
    desk.held_stent.set(moved)
    assert desk.stents_in("lumen-1") == (moved,)
    assert desk.stents_in("lumen-1", frozenset({"stent-1"})) == ()
    desk.forget()
    assert desk.held_stent.value is None


def test_that_marks_are_offered_by_the_kind_of_lumen() -> None:
    assert "carina" in dict(mark_names("airway"))
    assert "papilla" in dict(mark_names("bile"))
    assert "papilla" not in dict(mark_names("airway"))
    assert "fistula" in dict(mark_names("oesophagus"))
    assert mark_name("airway", "carina") == "Carina"
    assert mark_name("airway", "my own place") == "my own place"
