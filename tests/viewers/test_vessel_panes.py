"""Vessel trees in slices and in 3D: what is painted, what is picked, and what the tools ask for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from vessel_scenes import FRAME, NODES, NotingKeeper, drag_to, hand_tree, place_on, shown_tree

from planner.imaging.masks import Mask
from viewers.panes.pane_grid import PaneGrid
from viewers.panes.tools.vessel_tree import NOT_ON_VESSEL, NOTHING_CHOSEN
from viewers.panes.volume_frame import volume_frame
from viewers.panes.volume_pane import VolumePane
from viewers.scene.vessel_scene3d import SIDES, VesselMeshes, camera_on_vessels, surfaces_of_vessels
from viewers.scene.volume_renderer import VolumeRenderer
from viewers.state.scene3d import Camera, Scene3D
from viewers.state.vessels import INJECTED, InjectionShown, TipShown, TreeShown, VesselDesk

LEFT, NONE, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
AORTA_CUT = np.array([0.0, 20.0, -10.0])
EDGE = np.array([3.54, 3.54, 0.0])
"""From the middle of the aorta to its wall, off the lines of the crosshair."""


@pytest.fixture
def bench(make_bench, ball, library):
    made = make_bench(ball, "mpr", (700, 700))
    made.open_case(library)
    made.state.vessels.keeper = NotingKeeper()
    made.state.vessels.trees.set((shown_tree(),))
    made.state.move_cursor(FRAME, AORTA_CUT)
    made.settle()
    return made


def coloured(bench, pane_id: str, where: QPoint, reach: int = 2) -> float:
    """How far the most colourful pixel about a point is from grey."""
    image = bench.pane(pane_id).grab().toImage()
    ratio = image.devicePixelRatio()
    found = 0.0
    for x in range(-reach, reach + 1):
        for y in range(-reach, reach + 1):
            shade = image.pixelColor(round((where.x() + x) * ratio), round((where.y() + y) * ratio))
            found = max(
                found, max(shade.red(), shade.green(), shade.blue()) - min(shade.red(), shade.green(), shade.blue())
            )
    return found


# Slices


def test_that_a_cut_vessel_is_a_circle_as_wide_as_it_was_measured(bench) -> None:
    edge = bench.at("axial", AORTA_CUT + EDGE)
    inside = bench.at("axial", AORTA_CUT + (2.2, -2.2, 0.0))
    assert coloured(bench, "axial", edge, 1) > 40.0
    assert coloured(bench, "axial", inside, 0) < 20.0, "the lumen itself stays to be seen"


def test_that_a_vessel_along_the_slice_is_a_line_and_one_beside_it_is_not_drawn(bench) -> None:
    bench.state.move_cursor(FRAME, (35.0, 0.0, 5.0))
    bench.settle()
    on = bench.at("axial", (-10.0, -4.0, 5.0))
    assert coloured(bench, "axial", on, 1) > 60.0
    bench.state.move_cursor(FRAME, (35.0, 0.0, 25.0))
    bench.settle()
    assert coloured(bench, "axial", bench.at("axial", (-10.0, -4.0, 25.0)), 1) < 20.0


def test_that_a_hidden_tree_is_not_drawn(bench) -> None:
    bench.state.set_visible("tree-1", False)
    bench.settle()
    assert coloured(bench, "axial", bench.at("axial", AORTA_CUT + EDGE), 1) < 20.0


def test_that_the_territory_is_coloured_in_the_slices(bench) -> None:
    where = np.array([-15.0, -15.0, -10.0])
    before = coloured(bench, "axial", bench.at("axial", where), 0)
    grid = bench.volume.grid
    points = grid.lps_from_kji.points(np.stack(np.indices(grid.size_kji), axis=-1))
    mask = Mask.of(grid, np.linalg.norm(points - where, axis=-1) < 10.0)
    tip = TipShown(place_on("right"), (-10.0, -4.0, 5.0))
    bench.state.vessels.injection.set(InjectionShown(tip, FRAME, frozenset({"right", "a8", "thin"}), mask))
    bench.settle()
    assert coloured(bench, "axial", bench.at("axial", where), 0) > before + 20.0
    bench.state.vessels.injection.set(None)
    bench.settle()
    assert coloured(bench, "axial", bench.at("axial", where), 0) == pytest.approx(before)


def test_that_a_click_with_the_tree_tool_chooses_a_vessel_and_keys_edit_it(bench) -> None:
    keeper = bench.state.vessels.keeper
    bench.pane("axial").setFocus()
    bench.key("axial", Qt.Key.Key_Y)
    bench.key("axial", Qt.Key.Key_X)
    assert bench.desk.kit.notice.value == NOTHING_CHOSEN
    bench.click("axial", bench.at("axial", AORTA_CUT + (3.0, 0.0, 0.0)))
    assert bench.state.vessels.chosen.value.segment == "aorta"
    for key in (Qt.Key.Key_X, Qt.Key.Key_U, Qt.Key.Key_Delete):
        bench.key("axial", key)
    assert keeper.asked == [("cut", "aorta", False), ("root", "aorta"), ("cut", "aorta", True)]


def test_that_control_click_adds_a_branch_and_a_click_beside_says_there_is_none(bench) -> None:
    keeper = bench.state.vessels.keeper
    bench.pane("axial").setFocus()
    bench.key("axial", Qt.Key.Key_Y)
    bench.click("axial", bench.at("axial", (-20.0, -20.0, -10.0)))
    assert bench.desk.kit.notice.value == NOT_ON_VESSEL
    bench.click("axial", bench.at("axial", (-20.0, -20.0, -10.0)), CONTROL)
    (asked,) = keeper.asked
    assert asked[:2] == ("branch", "tree-1")
    assert np.allclose(asked[2], (-20, -20, -10), atol=1)


def test_that_a_join_waits_for_the_other_piece(bench) -> None:
    keeper = bench.state.vessels.keeper
    bench.state.vessels.choose(place_on("left"))
    bench.pane("axial").setFocus()
    bench.key("axial", Qt.Key.Key_Y)
    bench.key("axial", Qt.Key.Key_J)
    bench.click("axial", bench.at("axial", AORTA_CUT))
    assert keeper.asked == [("join", "left", "aorta")]


def test_that_enter_confirms_a_proposed_name_only(bench) -> None:
    keeper = bench.state.vessels.keeper
    bench.state.vessels.trees.set((TreeShown("tree-1", "Arteries", hand_tree(proposed=("aorta",))),))
    bench.pane("axial").setFocus()
    bench.key("axial", Qt.Key.Key_Y)
    bench.click("axial", bench.at("axial", AORTA_CUT))
    bench.key("axial", Qt.Key.Key_Return)
    assert keeper.asked == [("confirm", "aorta")]
    bench.state.vessels.trees.set((shown_tree(),))
    bench.key("axial", Qt.Key.Key_Return)
    assert keeper.asked == [("confirm", "aorta")]
    assert bench.state.enlarged_pane.value == "axial", "elsewhere Enter enlarges, as everywhere"


def test_that_without_a_tree_a_click_asks_for_one_from_there(bench) -> None:
    bench.state.vessels.trees.set(())
    bench.pane("axial").setFocus()
    bench.key("axial", Qt.Key.Key_Y)
    bench.click("axial", bench.at("axial", AORTA_CUT))
    (asked,) = bench.state.vessels.keeper.asked
    assert asked[0] == "find"
    assert np.allclose(asked[1], AORTA_CUT, atol=1)


def test_that_a_tip_follows_the_hand_along_the_vessels(bench) -> None:
    keeper = bench.state.vessels.keeper
    bench.state.move_cursor(FRAME, (0.0, 0.0, 5.0))
    bench.settle()
    bench.pane("axial").setFocus()
    bench.key("axial", Qt.Key.Key_C)
    bench.drag(
        "axial", *(bench.at("axial", each) for each in ((-3.0, -1.2, 5.0), (-10.0, -3.0, 5.0), (12.0, -9.0, 5.0)))
    )
    assert [each[0] for each in keeper.asked] == ["hold", "hold", "hold", "keep"]
    assert [each[1].place.segment for each in keeper.asked] == ["right", "right", "left", "left"]
    on_vessel = keeper.asked[-1][1].lps_mm
    assert on_vessel[1] == pytest.approx(-0.4 * on_vessel[0], abs=0.1), "the tip stays in the vessel"


def test_that_escape_in_the_middle_of_a_drag_gives_it_up(bench) -> None:
    keeper = bench.state.vessels.keeper
    bench.pane("axial").setFocus()
    bench.key("axial", Qt.Key.Key_C)
    QTest.mousePress(bench.pane("axial"), LEFT, NONE, bench.at("axial", AORTA_CUT))
    QTest.keyClick(bench.pane("axial"), Qt.Key.Key_Escape)
    QTest.mouseRelease(bench.pane("axial"), LEFT, NONE, bench.at("axial", AORTA_CUT))
    assert [each[0] for each in keeper.asked] == ["hold", "drop"]


# 3D


@pytest.fixture
def pane(make_bench, ball) -> VolumePane:
    bench = make_bench(ball)
    bench.grid.release()
    bench.grid.hide()
    bench.grid = PaneGrid(bench.desk, {"3d": volume_frame})
    bench.grid.resize(600, 600)
    bench.state.vessels.keeper = NotingKeeper()
    bench.state.vessels.trees.set((shown_tree(),))
    bench.grid.show()
    bench.state.layout.set("3d")
    bench.settle()
    made = bench.grid.frame("3d").pane
    made.bench = bench
    return made


def on_screen(pane: VolumePane, lps_mm: tuple[float, float, float]) -> QPoint:
    camera = pane.scene.camera
    up, eye = np.asarray(camera.up_lps), np.asarray(camera.eye_lps)
    away = (np.asarray(lps_mm) - np.asarray(camera.focal_lps_mm)) * pane.height() / (2.0 * camera.half_height_mm)
    return QPointF(pane.width() / 2.0 + away @ np.cross(up, eye), pane.height() / 2.0 - away @ up).toPoint()


def test_that_the_eye_goes_to_the_tree_when_it_comes_on_show(pane: VolumePane) -> None:
    assert pane.scene.preset is None, "the volume gives way"
    points = shown_tree().flat.points_lps_mm
    assert pane.scene.camera.focal_lps_mm == pytest.approx((points.min(axis=0) + points.max(axis=0)) / 2.0)
    assert any(mesh.key == "tree/tree-1" for mesh in pane.scene.meshes)


def test_that_a_click_in_3d_chooses_the_vessel_in_front(pane: VolumePane) -> None:
    QTest.mouseClick(pane, LEFT, NONE, on_screen(pane, NODES["n6"]))
    assert pane.bench.state.vessels.chosen.value.segment == "a8"
    camera = pane.scene.camera
    # The trunk to the front hides the aorta where both lie behind each other.
    QTest.mouseClick(pane, LEFT, NONE, on_screen(pane, (0.0, 8.0, 3.0)))
    assert pane.bench.state.vessels.chosen.value.segment == "coeliac"
    assert pane.scene.camera == camera, "a click turns nothing"


def test_that_the_catheter_is_dragged_in_3d_and_the_camera_stays(pane: VolumePane) -> None:
    keeper, camera = pane.bench.state.vessels.keeper, pane.scene.camera
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_C)
    QTest.mousePress(pane, LEFT, NONE, on_screen(pane, (-10.0, -4.0, 5.0)))
    drag_to(pane, on_screen(pane, NODES["n6"]))
    QTest.mouseRelease(pane, LEFT, NONE, on_screen(pane, NODES["n6"]))
    assert [each[0] for each in keeper.asked] == ["hold", "hold", "keep"]
    assert [each[1].place.segment for each in keeper.asked] == ["right", "a8", "a8"]
    assert pane.scene.camera == camera


def test_that_a_drag_beside_the_vessels_still_turns_the_patient(pane: VolumePane) -> None:
    before = pane.scene.camera
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_C)
    QTest.mousePress(pane, LEFT, NONE, QPoint(20, 20))
    drag_to(pane, QPoint(60, 20))
    QTest.mouseRelease(pane, LEFT, NONE, QPoint(60, 20))
    assert pane.scene.camera.eye_lps != before.eye_lps


@pytest.fixture(scope="module")
def renderer() -> Iterator[VolumeRenderer]:
    found = VolumeRenderer()
    yield found
    found.close()


def test_that_lit_vessels_shine_in_3d_and_doubtful_ones_are_broken(renderer: VolumeRenderer) -> None:
    vessels = VesselDesk()
    vessels.trees.set((shown_tree(),))
    made = VesselMeshes(vessels)
    camera = Camera((0.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), 40.0)
    tip = TipShown(place_on("right", 0.5), (-10.0, -4.0, 5.0))
    vessels.injection.set(InjectionShown(tip, FRAME, frozenset({"right", "a8", "thin"})))
    picture = renderer.draw(Scene3D(meshes=made.meshes(FRAME, frozenset()), camera=camera), (240, 240)).astype(int)

    def at(lps_mm: tuple[float, float, float]) -> np.ndarray:
        x, y = round(120 + 3 * lps_mm[0]), round(120 - 3 * lps_mm[2])
        return picture[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).max(axis=0)

    lit, dim = at((-25.0, -8.0, 10.0)), at((15.0, -6.0, 5.0))
    assert lit[2] > 1.5 * lit[0], f"contrast is drawn in {INJECTED}"
    assert lit.sum() > 2 * dim.sum()
    way = zip(np.linspace(-21, -29, 40), np.linspace(4, -4, 40), strict=True)
    line = [picture[round(120 - 3 * z), round(120 + 3 * x)].sum() for x, z in way]
    assert min(line) == 0 < max(line)


def test_that_unchanged_meshes_are_the_same_value_and_hidden_trees_are_gone() -> None:
    vessels = VesselDesk()
    vessels.trees.set((shown_tree(),))
    made = VesselMeshes(vessels)
    (first,), (second,) = made.meshes(FRAME, frozenset()), made.meshes(FRAME, frozenset())
    assert first is second
    assert len(first.vertices_lps_mm) == SIDES * 7 * 21
    vessels.pointed.set(place_on("a8"))
    (third,) = made.meshes(FRAME, frozenset())
    assert third is not first
    assert third.vertices_lps_mm is first.vertices_lps_mm, "only its colours are others"
    assert made.meshes(FRAME, frozenset({"tree-1"})) == ()
    assert made.meshes("another frame", frozenset()) == ()


def test_that_tubes_are_as_thick_as_the_vessels() -> None:
    vessels = VesselDesk()
    vessels.trees.set((shown_tree(),))
    (mesh,) = VesselMeshes(vessels).meshes(FRAME, frozenset())
    rings = mesh.vertices_lps_mm.reshape(-1, SIDES, 3)
    away = np.linalg.norm(rings - shown_tree().flat.points_lps_mm[:, None], axis=-1)
    assert away[10] == pytest.approx(5.0)
    assert mesh.triangles.max() < len(mesh.vertices_lps_mm)


def test_that_the_territory_is_a_surface_of_its_frame_only() -> None:
    vessels = VesselDesk()
    vessels.trees.set((shown_tree(),))
    assert surfaces_of_vessels(vessels, FRAME) == ()
    assert camera_on_vessels(vessels, "another frame") is None
    from planner.geometry import Grid

    grid = Grid.of((8, 8, 8), frame_uid=FRAME)
    mask = Mask.of(grid, np.ones((8, 8, 8), dtype=np.bool_))
    tip = TipShown(place_on("right"), (0.0, 0.0, 0.0))
    vessels.injection.set(InjectionShown(tip, FRAME, frozenset(), mask))
    (surface,) = surfaces_of_vessels(vessels, FRAME)
    assert QColor(surface.colour).name() == INJECTED
    assert surfaces_of_vessels(vessels, "another frame") == ()
