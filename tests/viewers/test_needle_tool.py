"""Needles by hand: placed, dragged, locked and removed by real pointer and key events in the panes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from planner.imaging.masks import Mask
from planner.model.items import RegionBody
from planner.model.needle_items import NEEDLE_PATH, NeedleMeasures, NeedlePathBody
from viewers.panes.needle_pane import NO_NEEDLE, needle_frame
from viewers.panes.pane_grid import PaneGrid
from viewers.panes.probe_pane import probe_frame
from viewers.panes.tools.base import NO_CASE
from viewers.panes.tools.needle import LOCKED, NO_TARGET
from viewers.scene.scene_content import tubes_of_marks
from viewers.state.marking import RegionTarget
from viewers.state.needles import NeedleShape, Reading

TIP, ENTRY = np.array([6.0, -8.0, 5.0]), np.array([-20.0, -30.0, 5.0])
BODY_RADIUS_MM = 36.0
CONTROL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier


class Keeper:
    """Puts needles into the plan without measuring them."""

    diameter_mm = 1.5

    def __init__(self, bench) -> None:
        self._bench = bench

    def keep(self, shape: NeedleShape) -> str | None:
        body = NeedlePathBody(
            shape.entry_lps_mm, shape.tip_lps_mm, "ablation", shape.diameter_mm, region_id=shape.region_id
        )
        self._bench.state.selected_id.set(self._put(body, shape.name or "Needle 1", shape.item_id))
        return None

    def lock(self, item_id: str, locked: bool) -> str | None:
        mark = self._bench.desk.marks.mark(item_id)
        self._put(replace(mark.body, locked=locked), mark.item.name, item_id)
        return None

    def _put(self, body: NeedlePathBody, name: str, item_id: str | None) -> str:
        volume = self._bench.volume
        return self._bench.desk.marks.host.put_item(
            NEEDLE_PATH,
            body,
            name=name,
            frame_uid=volume.grid.frame_uid,
            source=volume.source,
            label="Place needle",
            tool="needle",
            item_id=item_id,
        )


@pytest.fixture
def reading(make_bench, ball, library) -> Iterator:
    """A bench with an open case and the panes of needles, the cursor at the target."""
    bench = make_bench(ball)
    bench.grid.release()
    bench.grid.hide()
    frames = {"needle-along": needle_frame, "needle-across": needle_frame, "probe": probe_frame}
    bench.grid = PaneGrid(bench.desk, frames)
    bench.grid.resize(900, 800)
    bench.grid.show()
    bench.document = bench.open_case(library)
    bench.state.needles.keeper = Keeper(bench)
    bench.state.move_cursor(ball.grid.frame_uid, TIP)
    bench.settle()
    return bench


def drag_on(pane: QWidget, point: QPoint) -> None:
    """A move with the left button held."""
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    place_in, outside = point.toPointF(), pane.mapToGlobal(point).toPointF()
    move = QMouseEvent(QEvent.Type.MouseMove, place_in, outside, Qt.MouseButton.NoButton, left, none)
    QApplication.sendEvent(pane, move)


def needles(bench) -> list[NeedlePathBody]:
    return [mark.body for mark in bench.desk.marks.marks.value if isinstance(mark.body, NeedlePathBody)]


def place(bench, entry: np.ndarray = ENTRY, tip: np.ndarray = TIP) -> NeedlePathBody:
    bench.key("axial", Qt.Key.Key_T)
    bench.click("axial", bench.at("axial", tip))
    bench.click("axial", bench.at("axial", entry), ALT)
    return needles(bench)[-1]


def near(bench, point: tuple[float, float, float], wanted: np.ndarray) -> bool:
    """Within a pixel of the pane in its plane."""
    return float(np.linalg.norm(np.subtract(point, wanted))) <= 2.0 * bench.pane("axial").view().mm_per_px


def test_that_t_and_two_clicks_place_a_needle_as_one_undo_step(reading) -> None:
    body = place(reading)
    assert near(reading, body.tip_lps_mm, TIP)
    assert near(reading, body.entry_lps_mm, ENTRY)
    (mark,) = reading.desk.marks.marks.value
    assert reading.state.selected_id.value == mark.id
    assert reading.document.undo()
    assert not needles(reading)
    assert reading.document.redo()
    assert needles(reading) == [body]


def test_that_the_way_to_the_pointer_is_shown_before_the_second_click(reading) -> None:
    reading.key("axial", Qt.Key.Key_T)
    reading.click("axial", reading.at("axial", TIP))
    assert reading.state.active_tool.value == "needle"
    target = reading.desk.kit.preview.value.target
    assert near(reading, target.lps_mm, TIP)
    reading.hover("axial", reading.at("axial", ENTRY))
    draft = reading.state.needles.draft.value
    assert near(reading, draft.entry_lps_mm, ENTRY)
    assert reading.desk.kit.preview.value.needle == draft
    QTest.keyClick(reading.pane("axial"), Qt.Key.Key_Escape)
    assert reading.state.needles.draft.value is None
    assert reading.state.needles.target.value is None
    assert not needles(reading)


def test_that_an_entry_finds_the_segmented_skin(reading) -> None:
    k, j, i = np.indices(reading.volume.grid.size_kji)
    points = reading.volume.grid.lps_from_kji.points(np.stack([k, j, i], axis=-1))
    skin = Mask.of(reading.volume.grid, np.hypot(points[..., 0], points[..., 1]) < BODY_RADIUS_MM)
    target = RegionTarget("Skin", structure="skin")
    reading.desk.marks.host.put_region(skin, reading.volume.source, target, label="Skin", tool="automatic")
    reading.key("axial", Qt.Key.Key_T)
    reading.click("axial", reading.at("axial", TIP))
    reading.click("axial", reading.at("axial", TIP + (-12.0, -4.0, 0.0)))
    (body,) = needles(reading)
    assert np.hypot(*body.entry_lps_mm[:2]) == pytest.approx(BODY_RADIUS_MM, abs=1.0)
    way = np.subtract(body.entry_lps_mm, body.tip_lps_mm)
    assert np.degrees(np.arctan2(way[1], way[0])) == pytest.approx(np.degrees(np.arctan2(-4.0, -12.0)), abs=3.0)


@pytest.mark.parametrize("end", ["entry", "tip"])
def test_that_dragging_an_end_moves_it_alone_as_one_undo_step(reading, end: str) -> None:
    before = place(reading)
    here = reading.at("axial", getattr(before, f"{end}_lps_mm"))
    reading.drag("axial", here, here + QPoint(10, 4), here + QPoint(20, -12), modifiers=ALT)
    (after,) = needles(reading)
    moved = np.array([20.0, -12.0, 0.0]) * reading.pane("axial").view().mm_per_px
    other = "tip" if end == "entry" else "entry"
    assert getattr(after, f"{other}_lps_mm") == getattr(before, f"{other}_lps_mm")
    assert np.subtract(getattr(after, f"{end}_lps_mm"), getattr(before, f"{end}_lps_mm")) == pytest.approx(moved)
    assert reading.document.undo()
    assert needles(reading) == [before]


def test_that_dragging_the_shaft_moves_the_needle_parallel(reading) -> None:
    before = place(reading)
    here = reading.at("axial", (np.asarray(before.entry_lps_mm) + before.tip_lps_mm) / 2.0)
    reading.drag("axial", here, here + QPoint(-10, 10), here + QPoint(-25, 15))
    (after,) = needles(reading)
    moved = np.array([-25.0, 15.0, 0.0]) * reading.pane("axial").view().mm_per_px
    assert np.subtract(after.entry_lps_mm, before.entry_lps_mm) == pytest.approx(moved)
    assert np.subtract(after.tip_lps_mm, before.tip_lps_mm) == pytest.approx(moved)


def test_that_a_drag_in_another_plane_keeps_the_third_direction(reading) -> None:
    before = place(reading)
    here = reading.at("coronal", before.tip_lps_mm)
    reading.drag("coronal", here, here + QPoint(0, -20))
    (after,) = needles(reading)
    up = 20.0 * reading.pane("coronal").view().mm_per_px
    assert np.subtract(after.tip_lps_mm, before.tip_lps_mm) == pytest.approx([0.0, 0.0, up])


def test_that_a_locked_needle_stays_until_it_is_unlocked(reading) -> None:
    before = place(reading)
    reading.key("axial", Qt.Key.Key_L)
    assert needles(reading)[0].locked
    here = reading.at("axial", before.tip_lps_mm)
    reading.drag("axial", here, here + QPoint(20, 0))
    assert reading.desk.kit.notice.value == LOCKED
    reading.key("axial", Qt.Key.Key_Delete)
    assert needles(reading) == [replace(before, locked=True)]
    reading.key("axial", Qt.Key.Key_L)
    reading.key("axial", Qt.Key.Key_Delete)
    assert not needles(reading)
    assert reading.document.undo()
    assert needles(reading) == [before]


def test_that_an_entry_without_a_target_says_what_to_do_and_a_region_is_a_target(reading) -> None:
    reading.key("axial", Qt.Key.Key_N)
    reading.click("axial", reading.at("axial", ENTRY))
    assert reading.desk.kit.notice.value == NO_TARGET
    k, j, i = np.indices(reading.volume.grid.size_kji)
    points = reading.volume.grid.lps_from_kji.points(np.stack([k, j, i], axis=-1))
    lump = Mask.of(reading.volume.grid, np.linalg.norm(points - TIP, axis=-1) < 6.0)
    target = RegionTarget("Lump")
    chosen = reading.desk.marks.host.put_region(lump, reading.volume.source, target, label="Lump", tool="brush")
    reading.state.selected_id.set(chosen)
    reading.click("axial", reading.at("axial", ENTRY))
    (body,) = needles(reading)
    assert body.tip_lps_mm == pytest.approx(lump.centroid_lps_mm())
    assert body.region_id == chosen


def test_that_without_a_case_the_tool_says_what_to_do(reading) -> None:
    reading.state.needles.keeper = None
    reading.key("axial", Qt.Key.Key_T)
    reading.click("axial", reading.at("axial", TIP))
    assert reading.desk.kit.notice.value == NO_CASE


def test_that_the_crosshair_selects_a_needle_and_a_click_beside_it_does_not(reading) -> None:
    place(reading)
    reading.key("axial", Qt.Key.Key_Escape)
    reading.click("axial", reading.at("axial", (30.0, 20.0, 5.0)))
    assert reading.state.selected_id.value is None
    reading.click("axial", reading.at("axial", (TIP + ENTRY) / 2.0))
    assert reading.state.selected_id.value == reading.desk.marks.marks.value[0].id


def painted(bench, pane_id: str, lps_mm: np.ndarray) -> tuple[int, int, int]:
    image = bench.pane(pane_id).grab().toImage()
    point = bench.at(pane_id, lps_mm)
    colour = image.pixelColor(round(point.x() * image.devicePixelRatio()), round(point.y() * image.devicePixelRatio()))
    return colour.red(), colour.green(), colour.blue()


def test_that_a_needle_is_solid_in_its_plane_and_faint_beside_it(reading) -> None:
    body = place(reading)
    middle = (np.asarray(body.entry_lps_mm) + body.tip_lps_mm) / 2.0
    bare = painted(reading, "axial", middle + (4.0, -4.0, 0.0))
    assert painted(reading, "axial", middle) == (255, 255, 255)
    assert max(bare) < 200
    reading.state.move_cursor(reading.volume.grid.frame_uid, TIP + (0.0, 0.0, 12.0))
    reading.settle()
    view = reading.pane("axial").view()
    line = [painted(reading, "axial", body.entry_lps_mm + share * (np.subtract(body.tip_lps_mm, body.entry_lps_mm)))
            for share in np.linspace(0.3, 0.7, 15)]  # fmt: skip
    assert view is not None
    assert (255, 255, 255) not in line


def test_that_the_gauge_is_true_to_scale(reading) -> None:
    """Across the shaft, 6 mm of needle are 6 mm of white pixels."""
    reading.state.needles.keeper.diameter_mm = 6.0
    body = place(reading, entry=TIP + (-26.0, 0.0, 0.0))
    reading.state.active_tool.set("crosshair")
    reading.pane("axial").pane_state.zoom.set(3.0)
    reading.settle()
    image = reading.pane("axial").grab().toImage()
    middle = reading.at("axial", (np.asarray(body.entry_lps_mm) + body.tip_lps_mm) / 2.0)
    rows = range(middle.y() - 60, middle.y() + 60)
    # Words may lie over a part of the shaft: it is measured where none do.
    white = max(
        sum(image.pixelColor(middle.x() + right, y).getRgb()[:3] == (255, 255, 255) for y in rows)
        for right in range(-60, 61, 10)
    )
    assert white * reading.pane("axial").view().mm_per_px == pytest.approx(6.0, abs=0.7)


def test_that_3d_draws_the_needle_as_a_tube_as_thick_as_it_is(reading) -> None:
    body = place(reading)
    (tube,) = tubes_of_marks(reading.desk.marks.marks.value, reading.volume.grid.frame_uid)
    assert tube.points_lps_mm.tolist() == [list(body.entry_lps_mm), list(body.tip_lps_mm)]
    assert tube.radius_mm.tolist() == [0.75, 0.75]
    assert not tubes_of_marks(reading.desk.marks.marks.value, "another frame")


def test_that_panes_without_a_needle_say_how_to_place_one(reading) -> None:
    reading.state.layout.set("needle")
    reading.settle()
    pane = reading.pane("needle_along")
    assert pane.view() is None
    assert pane.EMPTY == NO_NEEDLE
    bright = pane.grab().toImage()
    assert any(bright.pixelColor(x, y).red() > 60 for x in range(bright.width()) for y in range(0, bright.height(), 3))


def test_that_the_plane_along_holds_the_needle_and_the_wheel_turns_it_about_the_shaft(reading) -> None:
    body = place(reading)
    reading.state.layout.set("needle")
    reading.settle()
    pane = reading.pane("needle_along")
    ends = np.array([body.entry_lps_mm, body.tip_lps_mm])
    first = pane.view().plane
    assert first.distance_mm(ends) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert abs(first.normal_lps[2]) == pytest.approx(1.0, abs=1e-6)
    reading.wheel("needle_along", 6)
    turned = pane.view().plane
    assert turned.distance_mm(ends) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert abs(float(turned.normal_lps @ first.normal_lps)) == pytest.approx(np.cos(np.radians(30.0)))
    pixels = pane.view().px_of(ends)
    assert (pixels >= 0.0).all()
    assert (pixels <= [pane.width(), pane.height()]).all()


def test_that_the_plane_across_moves_along_the_depth_and_home_and_end_are_skin_and_tip(reading) -> None:
    body = place(reading)
    along = np.subtract(body.tip_lps_mm, body.entry_lps_mm)
    along = along / np.linalg.norm(along)
    reading.state.layout.set("needle")
    reading.settle()
    pane = reading.pane("needle_across")
    assert pane.view().plane.point_lps_mm == pytest.approx(body.tip_lps_mm)
    assert pane.view().plane.normal_lps == pytest.approx(along)
    reading.wheel("needle_across", -5)
    before = float(np.subtract(pane.view().plane.point_lps_mm, body.entry_lps_mm) @ along)
    assert before < np.linalg.norm(np.subtract(body.tip_lps_mm, body.entry_lps_mm))
    reading.key("needle_across", Qt.Key.Key_Home)
    assert pane.view().plane.point_lps_mm == pytest.approx(body.entry_lps_mm)
    reading.key("needle_across", Qt.Key.Key_End)
    assert pane.view().plane.point_lps_mm == pytest.approx(body.tip_lps_mm)


def test_that_an_end_can_be_dragged_in_the_plane_along(reading) -> None:
    before = place(reading)
    reading.state.layout.set("needle")
    reading.state.active_tool.set("needle")
    reading.settle()
    here = reading.at("needle_along", before.tip_lps_mm)
    scale = reading.pane("needle_along").view().mm_per_px
    reading.drag("needle_along", here, here + QPoint(15, 0), here + QPoint(30, 0))
    (after,) = needles(reading)
    assert np.linalg.norm(np.subtract(after.tip_lps_mm, before.tip_lps_mm)) == pytest.approx(30.0 * scale, rel=0.02)
    assert after.entry_lps_mm == before.entry_lps_mm


def test_that_what_was_measured_is_written_with_shape_word_and_colour() -> None:
    measured = NeedleMeasures(
        80.0, 12.0, -4.0,
        clearances_mm={"colon": 4.04, "gallbladder": 30.0}, nearest_depth_mm={"colon": 64.0, "gallbladder": 70.0},
        hard_mm={"colon": 5.0, "gallbladder": 5.0}, desired_mm={"colon": 10.0, "gallbladder": 10.0},
        not_checked=("stomach",),
    )  # fmt: skip
    from viewers.state.needles import reading_of

    lines = reading_of(measured).lines()
    assert lines[0][0] == "80 mm · in 12° · out -4°"
    assert lines[1][0] == "■ 4.0 mm colon at 64 mm (hard limit 5 mm)"
    assert lines[2][0] == "◆ NOT CHECKED: stomach"
    assert len({colour for _, colour in lines}) == 3


def test_that_a_distance_just_under_the_limit_is_not_rounded_up_to_it() -> None:
    from viewers.state.needles import standing_of

    assert standing_of(4.999, 5.0, 10.0) == "too-near"
    assert standing_of(5.0, 5.0, 10.0) == "near"
    assert standing_of(10.0, 5.0, 10.0) == "beyond"
    assert standing_of(None, 5.0, 10.0) == "not-checked"


def test_that_live_numbers_follow_the_drag_into_the_preview(reading) -> None:
    """A measurer answers each draft; the pane shows that answer before the button is let go."""
    asked: list[NeedleShape] = []

    def measure(draft: NeedleShape | None) -> None:
        if draft is not None:
            asked.append(draft)
            reading.state.needles.live.set(Reading(draft.length_mm))

    reading.state.needles.draft.changed.connect(measure)
    before = place(reading)
    asked.clear()
    here = reading.at("axial", before.tip_lps_mm)
    pane = reading.pane("axial")
    QTest.mousePress(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, here)
    for step in range(1, 6):
        drag_on(pane, here + QPoint(4 * step, 0))
        preview = reading.desk.kit.preview.value
        assert preview.needle == asked[-1]
        assert preview.reading == Reading(asked[-1].length_mm)
    assert needles(reading) == [before]
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, here + QPoint(20, 0))
    reading.settle()
    assert needles(reading)[0].tip_lps_mm == asked[-1].tip_lps_mm


def test_that_marks_place_the_cursor_at_the_tip(reading) -> None:
    body = place(reading)
    (mark,) = [each for each in reading.desk.marks.marks.value if not isinstance(each.body, RegionBody)]
    assert reading.desk.marks.place_lps_mm(mark.id) == body.tip_lps_mm
