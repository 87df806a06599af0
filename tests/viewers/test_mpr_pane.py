"""What an MPR pane shows, and what hands do to it."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from planner.geometry.planes import orientation_letters
from viewers.panes.mpr_pane import NOT_LINKED
from viewers.scene.slice_painter import corner_texts, handle_px
from viewers.scene.slice_text import shown_name, who_lines
from viewers.state.pane_state import Slab

BALL = np.array([6.0, -8.0, 5.0])
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def at_ball(bench) -> None:
    bench.state.move_cursor(bench.volume.grid.frame_uid, BALL)
    bench.settle()


@pytest.mark.parametrize("pane_id", ["axial", "coronal", "sagittal"])
def test_that_a_bright_ball_is_painted_where_it_lies(bench, pane_id: str) -> None:
    at_ball(bench)
    inside = bench.at(pane_id, BALL) + QPoint(25, 21)
    view = bench.pane(pane_id).view()
    beside = bench.at(pane_id, BALL + 17.0 * view.plane.right_lps + 4.0 * view.plane.down_lps)
    # W 400 C 100: 180 HU is 0.7 and 60 HU is 0.4 of the way from black to white.
    assert bench.grey_at(pane_id, inside) == pytest.approx(255 * 0.7, abs=3)
    assert bench.grey_at(pane_id, beside) == pytest.approx(255 * 0.4, abs=3)


def test_that_the_value_under_the_pointer_is_that_of_the_voxel(bench) -> None:
    at_ball(bench)
    for point in (bench.at("axial", BALL), QPoint(30, 100), QPoint(150, 200)):
        bench.hover("axial", point)
        hover = bench.state.hover.value
        index = bench.volume.grid.nearest_index(hover.lps_mm)
        assert hover.value == bench.volume.voxels[index]
        assert hover.value_text == f"{bench.volume.voxels[index]} HU"
    bench.hover("axial", QPoint(2, 395))
    assert bench.state.hover.value.unit == "HU"


def test_that_values_without_a_unit_are_not_called_hu(make_bench, make_ball) -> None:
    from dataclasses import replace

    ball = make_ball()
    bench = make_bench(replace(ball, source=replace(ball.source, unit=None, modality="MR")))
    at_ball(bench)
    bench.hover("axial", bench.at("axial", BALL))
    assert bench.state.hover.value.value_text == "180 (no HU)"


def test_that_the_wheel_goes_through_slices_and_stops_at_the_last(bench) -> None:
    at_ball(bench)
    frame = bench.volume.grid.frame_uid
    before = bench.pane("axial").renderer.picture.values.copy()
    height = bench.state.cursor_lps_mm(frame)[2]
    bench.wheel("axial", 8)
    assert bench.state.cursor_lps_mm(frame)[2] == pytest.approx(height + 16.0)
    assert np.nanmax(before) == 180
    assert np.nanmax(bench.pane("axial").renderer.picture.values) == 60
    bench.wheel("axial", 100)
    assert bench.state.cursor_lps_mm(frame)[2] == pytest.approx(39.0)
    bench.key("axial", Qt.Key.Key_Home)
    assert bench.state.cursor_lps_mm(frame)[2] == pytest.approx(-39.0)
    bench.key("axial", Qt.Key.Key_Up)
    assert bench.state.cursor_lps_mm(frame)[2] == pytest.approx(-37.0)
    bench.key("axial", Qt.Key.Key_PageUp)
    assert bench.state.cursor_lps_mm(frame)[2] == pytest.approx(-17.0)


def test_that_a_right_drag_changes_the_window_of_the_series_in_every_pane(bench) -> None:
    at_ball(bench)
    series = bench.pane("axial").series
    spot = bench.at("coronal", BALL) + QPoint(25, 21)
    grey = bench.grey_at("coronal", spot)
    bench.drag("axial", QPoint(100, 200), QPoint(150, 150), QPoint(200, 120), button=Qt.MouseButton.RightButton)
    window = bench.state.window(series)
    assert window.mode == "manual"
    assert window.window.width > 400.0 + 100.0
    assert window.window.centre < 100.0 - 80.0
    assert bench.grey_at("coronal", spot) != grey


def test_that_digits_pick_presets_and_zero_the_window_of_the_file(bench) -> None:
    series = bench.pane("axial").series
    bench.key("axial", Qt.Key.Key_4)
    assert (bench.state.window(series).window.width, bench.state.window(series).name) == (1500.0, "Lung")
    bench.key("axial", Qt.Key.Key_0)
    assert (bench.state.window(series).window.centre, bench.state.window(series).mode) == (100.0, "file")


def test_that_a_double_click_enlarges_a_pane_and_another_brings_all_back(bench) -> None:
    pane = bench.pane("coronal")
    width = pane.width()
    QTest.mouseDClick(pane, Qt.MouseButton.LeftButton, pos=QPoint(60, 90))
    bench.settle()
    assert not bench.pane("axial").isVisible()
    assert pane.width() > 1.8 * width
    QTest.mouseDClick(pane, Qt.MouseButton.LeftButton, pos=QPoint(60, 90))
    bench.settle()
    assert bench.pane("axial").isVisible()
    assert pane.width() == width


def test_that_tab_shows_the_next_layout_and_keeps_shared_panes(bench) -> None:
    axial = bench.pane("axial")
    bench.key("axial", Qt.Key.Key_Tab)
    assert bench.state.layout.value == "axial_large"
    assert bench.pane("axial") is axial
    assert axial.height() > 700
    assert axial.renderer.picture.request.size_px[0] == axial.height()


def test_that_dragging_the_crosshair_moves_the_linked_planes(bench) -> None:
    frame = bench.volume.grid.frame_uid
    start = bench.at("axial", bench.state.cursor_lps_mm(frame))
    goal = bench.at("axial", (BALL[0], BALL[1], 0.0))
    bench.drag("axial", start, (start + goal) / 2, goal)
    view = bench.pane("axial").view()
    expected = view.lps_of(goal.x(), goal.y())
    assert bench.state.cursor_lps_mm(frame) == pytest.approx(tuple(expected))
    sagittal = bench.pane("sagittal").renderer.picture
    assert sagittal.request.plane.distance_mm(expected) == pytest.approx(0.0, abs=1e-9)
    assert np.nanmax(sagittal.values) == 180


def test_that_dragging_an_end_of_the_crosshair_turns_the_other_planes(bench) -> None:
    frame = bench.volume.grid.frame_uid
    view = bench.pane("axial").view()
    centre = view.px_of(bench.state.cursor_lps_mm(frame))
    handle = handle_px(view, centre, np.array([1.0, 0.0]))
    reach = handle[0] - centre[0]
    turned = centre + reach * np.array([np.cos(np.deg2rad(30)), np.sin(np.deg2rad(30))])
    points = [QPoint(round(point[0]), round(point[1])) for point in (handle, (handle + turned) / 2, turned)]
    bench.drag("axial", *points)
    assert bench.state.is_oblique(frame)
    coronal = bench.state.plane(frame, "coronal")
    angle = np.degrees(np.arccos(coronal.normal_lps @ (0.0, 1.0, 0.0)))
    assert angle == pytest.approx(30.0, abs=1.5)
    assert bench.state.plane(frame, "axial").normal_lps == pytest.approx((0.0, 0.0, 1.0))
    assert bench.state.plane(frame, "sagittal").normal_lps @ coronal.normal_lps == pytest.approx(0.0, abs=1e-9)
    assert orientation_letters(coronal.right_lps) == "LP"
    bench.key("axial", Qt.Key.Key_R)
    assert not bench.state.is_oblique(frame)


def test_that_orientation_and_position_come_from_geometry_on_a_permuted_grid(make_bench, make_ball) -> None:
    # Slices stacked from front to back, rows to the feet, columns to the patient's right.
    axes = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]], dtype=float)
    bench = make_bench(make_ball(axes))
    at_ball(bench)
    for pane_id in ("axial", "coronal", "sagittal"):
        spot = bench.at(pane_id, BALL) + QPoint(25, 21)
        assert bench.grey_at(pane_id, spot) == pytest.approx(255 * 0.7, abs=3)
    view = bench.pane("axial").view()
    assert orientation_letters(view.plane.right_lps) == "L"
    assert orientation_letters(view.plane.down_lps) == "P"
    height = bench.state.cursor_lps_mm("1.2.3")[1]
    bench.wheel("coronal", 1)
    assert bench.state.cursor_lps_mm("1.2.3")[1] == pytest.approx(height + 2.0)


def test_that_shift_wheel_thickens_the_slab_and_m_changes_its_projection(bench) -> None:
    at_ball(bench)
    bench.wheel("axial", 6)
    bench.wheel("axial", 8, modifiers=SHIFT)
    slab = bench.state.pane("axial").slab.value
    assert slab.thickness_mm == 20.0
    bench.key("axial", Qt.Key.Key_M)
    assert bench.state.pane("axial").slab.value == Slab(20.0, "mip")
    assert np.nanmax(bench.pane("axial").renderer.picture.values) == 180
    assert "MIP 20 mm" in corner_texts(bench.pane("axial").scene()).bottom_left


def test_that_ctrl_wheel_zooms_on_the_spot_under_the_pointer_and_f_fits(bench) -> None:
    spot = QPoint(120, 260)
    view = bench.pane("axial").view()
    under = view.lps_of(spot.x(), spot.y())
    bench.wheel("axial", 4, modifiers=CONTROL, point=spot)
    after = bench.pane("axial").view()
    assert after.mm_per_px < view.mm_per_px / 1.5
    assert after.lps_of(spot.x(), spot.y()) == pytest.approx(under)
    bench.drag("axial", QPoint(100, 100), QPoint(140, 90), button=Qt.MouseButton.MiddleButton)
    assert bench.pane("axial").view().lps_of(160, 250) == pytest.approx(after.lps_of(120, 260))
    bench.key("axial", Qt.Key.Key_F)
    assert bench.pane("axial").view().mm_per_px == pytest.approx(view.mm_per_px)


def test_that_a_study_of_another_frame_is_not_linked(bench, make_ball) -> None:
    other = make_ball(frame_uid="9.9.9", series_uid="1.2.840.2")
    key = bench.state.images.add(other)
    bench.state.pane("coronal").series.set(key)
    bench.settle()
    assert bench.pane("coronal").scene().notice == NOT_LINKED
    assert bench.pane("axial").scene().notice == ""
    before = bench.state.cursor_lps_mm("9.9.9")
    bench.wheel("axial", 3)
    assert bench.state.cursor_lps_mm("9.9.9") == before
    bench.hover("coronal", QPoint(100, 100))
    assert not bench.state.hover.value.linked


def test_that_corner_texts_say_who_what_and_when_in_plain_text(bench, make_ball) -> None:
    from dataclasses import replace

    assert who_lines(bench.volume) == ("Test Ball", "T-1", "CT Ball & body", "arterial · 2024-03-12")
    assert shown_name("Yamada^Tarou=山田^太郎=やまだ^たろう") == "Yamada Tarou · 山田 太郎"
    nasty = replace(make_ball().source, description="<b>x</b>\n\x1b[31m" + "y" * 200, patient_name=None)
    lines = who_lines(replace(make_ball(), source=nasty))
    assert lines[1].startswith("CT <b>x</b>  [31m")
    assert len(lines[1]) < 80
    texts = corner_texts(bench.pane("axial").scene())
    assert texts.bottom_left == ("Slice 21/40", "H 1.0 mm · Zoom 100 %")
    assert "W 400 C 100" in texts.bottom_right


def test_that_simulated_images_say_so(bench) -> None:
    assert corner_texts(bench.pane("axial").scene()).top_right == ()
    bench.state.simulated.set(True)
    assert corner_texts(bench.pane("axial").scene()).top_right == ("SIMULATED",)


def test_that_a_moving_picture_is_coarser_and_the_resting_one_full(bench) -> None:
    pane = bench.pane("axial")
    pane.renderer._ms_per_sample = 1.0
    bench.state.begin_interaction()
    bench.state.pane("axial").zoom_by(1.3)
    bench.settle_drawing()
    assert pane.renderer.picture.request.size_px[0] == -(-pane.height() // 4)
    bench.state.end_interaction()
    bench.settle()
    assert pane.renderer.picture.request.size_px == (pane.height(), pane.width())


def test_that_an_empty_pane_says_what_to_do_and_keeps_its_peace(bench) -> None:
    bench.state.forget_case()
    bench.settle()
    assert bench.pane("axial").scene() is None
    bench.wheel("axial", 1)
    bench.click("axial", QPoint(50, 50))
    bench.key("axial", Qt.Key.Key_4)
    assert bench.pane("axial").grab().toImage().pixelColor(5, 300).red() == 0


def test_that_a_second_pane_of_another_series_keeps_its_own_window(bench, make_ball) -> None:
    key = bench.state.images.add(make_ball(series_uid="1.2.840.7"))
    bench.state.pane("sagittal").series.set(key)
    bench.key("sagittal", Qt.Key.Key_5)
    assert bench.state.window(key).name == "Bone"
    assert bench.state.window(bench.pane("axial").series).mode == "file"


def test_that_a_pane_that_goes_during_a_burst_of_the_wheel_ends_it(bench) -> None:
    QTest.keyClick(bench.pane("axial"), Qt.Key.Key_Up)
    assert bench.desk.state.interacting.value
    bench.pane("axial").release()
    assert not bench.desk.state.interacting.value
