"""Pointer tools, driven by real mouse and key events on an open case."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from planner.imaging.masks import Mask
from planner.model.items import MeasurementBody, RegionBody, VesselPathBody
from viewers.panes.tools.base import NO_CASE
from viewers.state.jobs import JobState
from viewers.state.settings import NewRegion

BALL = np.array([6.0, -8.0, 5.0])
BALL_ML = 4.0 / 3.0 * np.pi * 1.2**3
CONTROL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


@pytest.fixture
def reading(bench, library):
    """A bench with an open case, the cursor in the ball."""
    bench.document = bench.open_case(library)
    bench.state.move_cursor(bench.volume.grid.frame_uid, BALL)
    bench.settle()
    return bench


def bodies(bench, kind: type) -> list:
    return [mark.body for mark in bench.desk.marks.marks.value if isinstance(mark.body, kind)]


def only_mask(bench) -> Mask:
    regions = [mark for mark in bench.desk.marks.marks.value if isinstance(mark.body, RegionBody)]
    assert len(regions) == 1
    return bench.desk.marks.mask(regions[0].id)


def test_that_a_distance_is_the_length_in_the_room(reading) -> None:
    reading.key("axial", Qt.Key.Key_D)
    start, end = reading.at("axial", BALL + (-20, 0, 0)), reading.at("axial", BALL + (10, 15, 0))
    reading.drag("axial", start, (start + end) / 2, end)
    (body,) = bodies(reading, MeasurementBody)
    view = reading.pane("axial").view()
    expected = np.linalg.norm(view.lps_of(end.x(), end.y()) - view.lps_of(start.x(), start.y()))
    assert body.values["mm"] == pytest.approx(expected)
    assert body.values["mm"] == pytest.approx(np.hypot(30.0, 15.0), abs=2 * view.mm_per_px)
    assert reading.document.undo_label == "Measure distance"


def test_that_a_distance_can_be_clicked_and_shows_its_value_on_the_way(reading) -> None:
    reading.key("coronal", Qt.Key.Key_D)
    start, end = reading.at("coronal", BALL), reading.at("coronal", BALL + (0, 0, 20))
    reading.click("coronal", start)
    reading.hover("coronal", end)
    preview = reading.desk.kit.preview.value.measurement
    assert preview.values["mm"] == pytest.approx(20.0, abs=0.5)
    assert not bodies(reading, MeasurementBody)
    reading.click("coronal", end)
    assert bodies(reading, MeasurementBody)[0].values["mm"] == pytest.approx(20.0, abs=0.5)


def test_that_an_angle_has_three_points(reading) -> None:
    reading.key("axial", Qt.Key.Key_A)
    corner = reading.at("axial", BALL)
    reading.drag("axial", corner + QPoint(60, 0), corner + QPoint(20, 0), corner)
    reading.click("axial", corner + QPoint(50, 50))
    (body,) = bodies(reading, MeasurementBody)
    assert body.values["deg"] == pytest.approx(45.0)


def test_that_an_ellipse_gives_mean_deviation_and_area(reading) -> None:
    reading.key("axial", Qt.Key.Key_E)
    reading.drag("axial", *(reading.at("axial", BALL + (shift, shift, 0)) for shift in (-5, 2, 5)))
    (body,) = bodies(reading, MeasurementBody)
    assert (body.values["mean"], body.values["sd"]) == (pytest.approx(180.0), pytest.approx(0.0, abs=1e-6))
    assert body.values["mm2"] == pytest.approx(np.pi * 25.0, rel=0.1)
    assert body.unit == "HU"


def test_that_measuring_without_a_case_says_what_to_do(bench) -> None:
    bench.key("axial", Qt.Key.Key_D)
    bench.drag("axial", QPoint(100, 100), QPoint(150, 100))
    assert bench.desk.kit.notice.value == NO_CASE


def test_that_a_stroke_is_one_undo_step_and_undo_takes_it_away(reading) -> None:
    reading.key("axial", Qt.Key.Key_B)
    here = reading.at("axial", BALL)
    reading.drag("axial", here, here + QPoint(20, 0), here + QPoint(40, 10))
    first = only_mask(reading)
    assert first.contains(BALL)
    reading.drag("axial", here + QPoint(0, 60), here + QPoint(10, 60))
    second = only_mask(reading)
    assert second.count > first.count
    assert reading.document.undo()
    assert only_mask(reading).equals(first)
    assert reading.document.undo()
    assert not reading.desk.marks.marks.value
    assert not reading.desk.marks.layer.regions
    assert not reading.document.undo()
    assert reading.document.redo()
    assert only_mask(reading).equals(first)


def test_that_ctrl_erases_and_an_emptied_region_is_kept_with_a_word(reading) -> None:
    reading.key("axial", Qt.Key.Key_B)
    reading.desk.kit.settings.brush_in_3d.set(True)
    here = reading.at("axial", BALL)
    reading.click("axial", here)
    whole = only_mask(reading)
    assert whole.count * reading.volume.grid.voxel_ml == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=0.15)
    reading.drag("axial", here + QPoint(14, 0), here + QPoint(18, 0), modifiers=CONTROL)
    assert 0 < only_mask(reading).count < whole.count
    left = only_mask(reading)
    reading.desk.kit.settings.brush_radius_mm.set(20.0)
    reading.click("axial", here, modifiers=CONTROL)
    assert only_mask(reading).equals(left)
    assert "Delete" in reading.desk.kit.notice.value


def test_that_brackets_change_the_size_of_the_brush(reading) -> None:
    reading.key("axial", Qt.Key.Key_B)
    reading.key("axial", Qt.Key.Key_BracketRight)
    assert reading.desk.kit.settings.brush_radius_mm.value == pytest.approx(6.25)
    reading.key("axial", Qt.Key.Key_BracketLeft)
    reading.key("axial", Qt.Key.Key_BracketLeft)
    assert reading.desk.kit.settings.brush_radius_mm.value == pytest.approx(4.0)
    assert "4.0 mm" in reading.desk.kit.hint.value


def test_that_a_flat_brush_paints_only_the_layer_of_the_pane(reading) -> None:
    reading.key("coronal", Qt.Key.Key_B)
    reading.click("coronal", reading.at("coronal", BALL))
    mask = only_mask(reading)
    (_, j0, _), (_, j1, _) = mask.box
    assert j1 - j0 == 1


def test_that_a_painted_region_is_seen_in_the_picture(reading) -> None:
    spot = reading.at("axial", BALL) + QPoint(14, 12)
    reading.desk.kit.settings.new_region.set(NewRegion("Tumour", colour="#ff0000"))
    plain = reading.pane("axial").grab().toImage().pixelColor(spot)
    reading.key("axial", Qt.Key.Key_B)
    reading.drag("axial", reading.at("axial", BALL), spot)
    tinted = reading.pane("axial").grab().toImage().pixelColor(spot)
    assert plain.red() == plain.blue()
    assert tinted.red() > tinted.blue() + 40
    assert reading.desk.marks.marks.value[0].item.name == "Tumour"
    reading.state.set_visible(reading.desk.marks.marks.value[0].id, False)
    reading.settle()
    assert reading.pane("axial").grab().toImage().pixelColor(spot) == plain


def test_that_one_click_marks_a_lesion_and_edits_stay_one_lesion(reading) -> None:
    reading.key("axial", Qt.Key.Key_O)
    reading.click("axial", reading.at("axial", BALL + (2, 1, 0)))
    mask = only_mask(reading)
    assert mask.volume_ml == pytest.approx(BALL_ML, rel=0.15)
    (lesion,) = reading.document.case.lesions
    assert bodies(reading, RegionBody)[0].lesion_id == lesion.id
    assert lesion.observations[0].longest_mm == pytest.approx(24.0, abs=2.5)
    reading.click("axial", reading.at("axial", BALL + (9, 0, 0)), modifiers=ALT)
    smaller = only_mask(reading)
    assert 0 < smaller.count < mask.count
    assert len(reading.document.case.lesions) == 1
    reading.document.undo()
    assert only_mask(reading).equals(mask)
    reading.document.undo()
    assert not reading.document.case.lesions


def test_that_a_lesion_click_in_air_says_why_nothing_was_marked(reading) -> None:
    ends = []
    reading.desk.jobs.ended.connect(lambda job: ends.append(job))
    reading.key("axial", Qt.Key.Key_O)
    reading.click("axial", QPoint(1, 395))
    assert not reading.desk.marks.marks.value
    assert [job.state for job in ends] == [JobState.FAILED]
    assert ends[0].message


def test_that_region_growing_previews_and_keeps_what_was_let_go(reading) -> None:
    reading.key("axial", Qt.Key.Key_G)
    pane = reading.pane("axial")
    here = reading.at("axial", BALL)
    QTest.mousePress(pane, Qt.MouseButton.LeftButton, pos=here)
    reading.settle_jobs()
    preview = reading.desk.kit.preview.value.region
    assert preview.mask.volume_ml == pytest.approx(BALL_ML, rel=0.05)
    assert not reading.desk.marks.marks.value
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, pos=here)
    reading.settle()
    assert only_mask(reading).equals(preview.mask)


def test_that_threshold_takes_what_lies_in_the_ball_and_the_range(reading) -> None:
    reading.key("axial", Qt.Key.Key_H)
    here = reading.at("axial", BALL)
    reading.drag("axial", here, here + QPoint(50, 0), reading.at("axial", BALL + (16, 0, 0)))
    assert only_mask(reading).volume_ml == pytest.approx(BALL_ML, rel=0.05)


def test_that_operations_act_on_the_selected_region_one_undo_step_each(reading) -> None:
    reading.key("axial", Qt.Key.Key_O)
    reading.click("axial", reading.at("axial", BALL))
    found = only_mask(reading)
    reading.desk.operations.grow(3.0)
    reading.settle()
    grown = only_mask(reading)
    assert grown.volume_ml == pytest.approx(found.volume_ml * (15.0 / 12.0) ** 3, rel=0.1)
    assert reading.document.undo_label == "Grow region by 3 mm"
    reading.document.undo()
    assert only_mask(reading).equals(found)
    reading.key("axial", Qt.Key.Key_Delete)
    assert not reading.desk.marks.marks.value
    assert not reading.document.case.lesions
    reading.document.undo()
    assert only_mask(reading).equals(found)


def test_that_set_operations_need_a_selection_and_combine_two_regions(reading) -> None:
    assert reading.desk.operations.fill() is None
    assert reading.desk.kit.notice.value == "Select a region first."
    reading.desk.kit.settings.brush_in_3d.set(True)
    reading.key("axial", Qt.Key.Key_B)
    reading.click("axial", reading.at("axial", BALL))
    first = reading.state.selected_id.value
    reading.state.selected_id.set(None)
    reading.click("axial", reading.at("axial", BALL + (6, 0, 0)))
    second = reading.state.selected_id.value
    masks = {each: reading.desk.marks.mask(each) for each in (first, second)}
    reading.desk.operations.combine("subtract", first)
    reading.settle()
    rest = reading.desk.marks.mask(second)
    assert rest.count == int((masks[second].full() & ~masks[first].full()).sum())


def test_that_a_path_is_clicked_shortened_and_finished(reading) -> None:
    reading.desk.kit.settings.path_by_clicks.set(True)
    reading.key("axial", Qt.Key.Key_P)
    for shift in (-20.0, 0.0, 25.0, 10.0):
        reading.click("axial", reading.at("axial", BALL + (shift, 0, 0)))
    reading.key("axial", Qt.Key.Key_Backspace)
    assert len(reading.desk.kit.preview.value.clicks_lps_mm) == 3
    reading.key("axial", Qt.Key.Key_Return)
    (body,) = bodies(reading, VesselPathBody)
    points = np.asarray(body.points_lps_mm)
    assert np.linalg.norm(np.diff(points, axis=0), axis=1).sum() == pytest.approx(45.0, abs=1.0)
    assert body.method == "free"
    assert reading.pane("coronal").isVisible()
    reading.document.undo()
    assert not bodies(reading, VesselPathBody)


def test_that_two_quick_clicks_of_the_brush_paint_and_a_path_ends_by_double_click(reading) -> None:
    pane = reading.pane("axial")
    here = reading.at("axial", BALL)
    reading.key("axial", Qt.Key.Key_B)
    QTest.mouseDClick(pane, Qt.MouseButton.LeftButton, pos=here)
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, pos=here)
    reading.settle()
    assert reading.state.enlarged_pane.value is None
    assert only_mask(reading).contains(BALL)
    reading.desk.kit.settings.path_by_clicks.set(True)
    reading.key("axial", Qt.Key.Key_P)
    reading.click("axial", here)
    reading.click("axial", here + QPoint(60, 0))
    QTest.mouseDClick(pane, Qt.MouseButton.LeftButton, pos=here + QPoint(60, 0))
    reading.settle()
    assert len(bodies(reading, VesselPathBody)) == 1
    assert reading.state.enlarged_pane.value is None


def test_that_a_release_that_went_elsewhere_ends_the_stroke(reading) -> None:
    reading.key("axial", Qt.Key.Key_B)
    here = reading.at("axial", BALL)
    QTest.mousePress(reading.pane("axial"), Qt.MouseButton.LeftButton, pos=here)
    assert reading.state.interacting.value
    reading.hover("axial", here + QPoint(40, 0))
    assert only_mask(reading).contains(BALL)
    assert not reading.state.interacting.value


def test_that_escape_drops_what_is_unfinished_and_comes_back_to_the_crosshair(reading) -> None:
    reading.key("axial", Qt.Key.Key_P)
    reading.click("axial", reading.at("axial", BALL))
    reading.key("axial", Qt.Key.Key_Escape)
    assert reading.state.active_tool.value == "crosshair"
    assert reading.desk.kit.preview.value.frame_uid is None
    assert not reading.desk.marks.marks.value


def test_that_a_click_on_an_item_selects_it_everywhere(reading) -> None:
    reading.key("axial", Qt.Key.Key_O)
    reading.click("axial", reading.at("axial", BALL))
    marked = reading.state.selected_id.value
    reading.key("axial", Qt.Key.Key_Escape)
    reading.click("sagittal", reading.at("sagittal", BALL + (0, 30, 20)))
    assert reading.state.selected_id.value is None
    reading.state.move_cursor(reading.volume.grid.frame_uid, BALL)
    reading.click("sagittal", reading.at("sagittal", BALL))
    assert reading.state.selected_id.value == marked
