"""Probe's eye, clearance profile and skin map: what is painted, and what pointer and keys do."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from planner.imaging.masks import Mask
from viewers.panes.clearance_profile import ClearanceProfile, profile_frame
from viewers.panes.needle_pane import needle_frame
from viewers.panes.pane_grid import PaneGrid
from viewers.panes.probe_pane import ProbePane, probe_frame
from viewers.panes.skin_map_pane import SkinMapPane, skin_map_frame
from viewers.scene.needle_probe import CELLS, ProbeRequest, look_ahead
from viewers.scene.needle_profile import places_of as profile_places
from viewers.scene.needle_skin_painter import (
    BEST,
    REJECTED_COLOUR,
    frequent_reasons,
    places_of,
    reason_colour,
    skin_image,
)
from viewers.state.mask_layer import RegionShape
from viewers.state.needles import STANDINGS, NeedleShape, Profile, plane_across
from viewers.state.skin_map import ADMISSIBLE, NO_SKIN, NOT_CHECKED, REJECTED, SkinMap, polar, unrolled

FRAME = "1.2.3"
TIP, ENTRY = (6.0, -8.0, 5.0), (-20.0, -30.0, 5.0)
NEEDLE = NeedleShape(FRAME, ENTRY, TIP, 2.0, "Needle 1")


@pytest.fixture
def looking(make_bench, ball, library):
    """A bench with every pane of needles and a path that is looked at."""
    bench = make_bench(ball)
    bench.grid.release()
    bench.grid.hide()
    made = {"needle-along": needle_frame, "needle-across": needle_frame, "probe": probe_frame}
    bench.grid = PaneGrid(bench.desk, {**made, "needle-profile": profile_frame, "skin-map": skin_map_frame})
    bench.grid.resize(1100, 900)
    bench.grid.show()
    bench.document = bench.open_case(library)
    bench.state.layout.set("needle")
    bench.state.needles.chosen.set(NEEDLE)
    bench.settle()
    return bench


def cylinder_skin(count: int = 4000) -> np.ndarray:
    """Entries on a cylinder about the target, spread evenly."""
    turns = np.linspace(-np.pi, np.pi, count // 20, endpoint=False)
    heights = np.linspace(-40.0, 40.0, 20)
    turn, height = (each.ravel() for each in np.meshgrid(turns, heights))
    return np.stack([TIP[0] + 60.0 * np.sin(turn), TIP[1] - 60.0 * np.cos(turn), TIP[2] + height], axis=1)


def skin_with_a_good_left(not_checked: tuple[str, ...] = ()) -> SkinMap:
    """The left half is admissible, better towards the head; the right half is rejected."""
    entries = cylinder_skin()
    left = entries[:, 0] > TIP[0]
    standing = np.where(left, NOT_CHECKED if not_checked else ADMISSIBLE, REJECTED).astype(np.uint8)
    score = np.where(left, (entries[:, 2] - TIP[2] + 40.0) / 80.0, np.nan).astype(np.float32)
    sentences = ["keeps every limit" if each else "7.2 mm from the colon at 64 mm depth" for each in left]
    return unrolled(
        FRAME, TIP, entries, standing, score, sentences, checked=("bone",), not_checked=not_checked, ranking=("length",)
    )


# Skin map


def test_that_the_front_is_in_the_middle_and_the_left_on_the_right() -> None:
    azimuth, height = polar(np.array([(6.0, -50.0, 9.0), (50.0, -8.0, 5.0), (-50.0, -8.0, 5.0)]), TIP)
    assert azimuth == pytest.approx([0.0, 90.0, -90.0])
    assert height == pytest.approx([9.0, 5.0, 5.0])
    skin = skin_with_a_good_left()
    columns = skin.standing.shape[1]
    row = skin.standing[len(skin.height_mm) // 2]
    assert set(row[columns // 2 + 2 : -2]) == {ADMISSIBLE}
    assert set(row[2 : columns // 2 - 2]) == {REJECTED}
    assert NO_SKIN not in skin.standing


def test_that_the_best_of_several_entries_in_a_cell_is_shown() -> None:
    at = np.array([(6.0, -60.0, 5.0)] * 4)
    standing = np.array([REJECTED, ADMISSIBLE, ADMISSIBLE, NOT_CHECKED], dtype=np.uint8)
    score = np.array([np.nan, 0.2, 0.7, 0.9], dtype=np.float32)
    skin = unrolled(FRAME, TIP, at, standing, score, ["a", "b", "c", "d"])
    assert skin.entry[skin.entry >= 0].tolist() == [2]
    assert skin.cell_of((6.0, -60.0, 5.0)) is not None


def test_that_a_search_without_entries_is_an_empty_map() -> None:
    skin = unrolled(FRAME, TIP, np.zeros((0, 3)), np.zeros(0, np.uint8), np.zeros(0, np.float32), [])
    assert (skin.standing == NO_SKIN).all()
    assert not skin_image(skin).isNull()


def test_that_what_is_not_checked_is_hatched_and_not_plain() -> None:
    plain, hatched = skin_image(skin_with_a_good_left()), skin_image(skin_with_a_good_left(("bowel",)))
    hatch = QColor(STANDINGS["not-checked"].colour).rgb()

    def share(image: QImage) -> float:
        right = [(x, y) for x in range(image.width() // 2, image.width()) for y in range(image.height())]
        return sum(image.pixel(x, y) == hatch for x, y in right) / len(right)

    assert share(plain) == 0.0
    assert 0.2 < share(hatched) < 0.6


def map_pane(bench) -> SkinMapPane:
    pane = bench.grid.frame("skin_map").pane
    assert isinstance(pane, SkinMapPane)
    return pane


def place_in_map(pane: SkinMapPane, lps_mm: tuple[float, float, float]) -> QPoint:
    skin = pane.skin
    cell = skin.cell_of(lps_mm)
    places = places_of(pane.rect().toRectF(), skin, QFontMetricsF(pane.font()))
    return places.point_of(*cell, skin).toPoint()


LEFT_HIGH, RIGHT = (66.0, -8.0, 43.0), (-54.0, -8.0, 5.0)


def test_that_colours_say_first_choice_and_rejected(looking) -> None:
    looking.state.needles.skin_map.set(skin_with_a_good_left())
    pane = map_pane(looking)
    image = pane.grab().toImage()
    best = image.pixelColor(place_in_map(pane, LEFT_HIGH))
    rejected = image.pixelColor(place_in_map(pane, RIGHT))
    assert rejected.name() == REJECTED_COLOUR
    assert abs(best.red() - QColor(BEST).red()) < 40
    assert abs(best.green() - QColor(BEST).green()) < 40


def test_that_a_click_looks_along_the_path_and_a_double_click_takes_it(looking) -> None:
    taken: list[tuple] = []
    looking.state.needles.take_path.connect(lambda entry, tip: taken.append((entry, tip)))
    looking.state.needles.skin_map.set(skin_with_a_good_left())
    pane = map_pane(looking)
    where = place_in_map(pane, LEFT_HIGH)
    QTest.mouseClick(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, where)
    looked = looking.state.needles.chosen.value
    assert np.linalg.norm(np.subtract(looked.entry_lps_mm, LEFT_HIGH)) < 6.0
    assert looked.tip_lps_mm == TIP
    assert not taken
    QTest.mouseDClick(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, where)
    assert taken == [(looked.entry_lps_mm, TIP)]
    assert looking.state.needles.chosen.value is None
    looking.settle()


def test_that_a_rejected_entry_is_not_taken_and_its_reason_said(looking) -> None:
    taken: list[tuple] = []
    looking.state.needles.take_path.connect(lambda entry, tip: taken.append((entry, tip)))
    looking.state.needles.skin_map.set(skin_with_a_good_left())
    pane = map_pane(looking)
    QTest.mouseClick(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place_in_map(pane, RIGHT))
    QTest.keyClick(pane, Qt.Key.Key_Return)
    assert not taken
    assert looking.desk.kit.notice.value == "Not taken: 7.2 mm from the colon at 64 mm depth"
    QTest.keyClick(pane, Qt.Key.Key_Escape)
    assert looking.state.needles.chosen.value is None
    looking.settle()


def test_that_the_map_and_its_button_ask_for_a_search(looking) -> None:
    asked: list[str] = []
    looking.state.needles.asked.connect(asked.append)
    frame = looking.grid.frame("skin_map")
    QTest.mouseClick(frame.search, Qt.MouseButton.LeftButton)
    assert asked == ["paths"]


def test_that_rejected_entries_are_coloured_by_the_limit_they_break() -> None:
    entries = cylinder_skin()
    left = entries[:, 0] > TIP[0]
    standing, score = np.full(len(entries), REJECTED, np.uint8), np.full(len(entries), np.nan, np.float32)
    reason = np.where(left, 1, 2).astype(np.int16)
    skin = unrolled(
        FRAME, TIP, entries, standing, score, [""] * len(entries), reason=reason, reasons=("", "colon", "length")
    )
    image = skin_image(skin)
    middle, quarter = image.height() // 2, image.width() // 4
    colon, length = image.pixelColor(3 * quarter, middle).name(), image.pixelColor(quarter, middle).name()
    assert (colon, length) == (reason_colour("colon"), reason_colour("length"))
    assert colon != length
    assert set(frequent_reasons(skin, 5)) == {"colon", "length"}


# Profile


def profile_with(least_mm: float) -> Profile:
    depths = np.linspace(0.0, 34.0, 100)
    return Profile(depths, {"colon": least_mm + np.abs(depths - 20.0)}, {"colon": 5.0}, ("bowel",))


def profile_pane(bench) -> ClearanceProfile:
    pane = bench.grid.frame("needle_profile").pane
    assert isinstance(pane, ClearanceProfile)
    return pane


def count_of(image: QImage, colour: str) -> int:
    wanted = QColor(colour)
    return sum(
        abs(image.pixelColor(x, y).red() - wanted.red()) < 12
        and abs(image.pixelColor(x, y).green() - wanted.green()) < 12
        and abs(image.pixelColor(x, y).blue() - wanted.blue()) < 12
        for x in range(0, image.width(), 2)
        for y in range(image.height())
    )


def test_that_a_broken_hard_limit_is_drawn_thick_in_its_own_colour(looking) -> None:
    pane = profile_pane(looking)
    looking.state.needles.profile.set(profile_with(2.0))
    broken = count_of(pane.grab().toImage(), STANDINGS["too-near"].colour)
    looking.state.needles.profile.set(profile_with(9.0))
    kept = count_of(pane.grab().toImage(), STANDINGS["too-near"].colour)
    assert broken > 40
    assert kept == 0


def test_that_a_drag_on_the_profile_moves_the_plane_across(looking) -> None:
    pane = profile_pane(looking)
    profile = profile_with(9.0)
    looking.state.needles.profile.set(profile)
    places = profile_places(pane.rect().toRectF(), profile, QFontMetricsF(pane.font()).height())
    at = QPointF(places.x_of(12.0), places.box.center().y()).toPoint()
    QTest.mousePress(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    looking.settle()
    assert looking.state.needles.depth_mm.value == pytest.approx(12.0, abs=0.2)
    view = looking.pane("needle_across").view()
    assert np.linalg.norm(view.plane.point_lps_mm - NEEDLE.at_depth(12.0)) < 0.2


# Probe's eye


def ball_region(volume, centre: np.ndarray, radius_mm: float) -> RegionShape:
    k, j, i = np.indices(volume.grid.size_kji)
    points = volume.grid.lps_from_kji.points(np.stack([k, j, i], axis=-1))
    mask = Mask.of(volume.grid, np.linalg.norm(points - centre, axis=-1) <= radius_mm)
    return RegionShape("ball", mask, "#56b4e9", "Ball", "colon")


def test_that_the_probe_sees_a_ball_beside_the_needle_where_it_is_and_as_deep_as_it_is(ball) -> None:
    """A ball of 5 mm, 8 mm to the right of the axis as seen from the hub, its middle 20 mm deep."""
    plane = plane_across(NEEDLE, 20.0)
    region = ball_region(ball, plane.point_lps_mm + 8.0 * plane.right_lps, 5.0)
    picture = look_ahead(ProbeRequest(NEEDLE, (region,), 0.0, 45.0))
    (ahead,) = picture.structures
    rows, columns = np.nonzero(np.isfinite(ahead.first_mm))
    cell = 90.0 / CELLS
    assert ((columns.mean() + 0.5) * cell - 45.0) == pytest.approx(8.0, abs=1.0)
    assert ((rows.mean() + 0.5) * cell - 45.0) == pytest.approx(0.0, abs=1.0)
    assert len(rows) * cell**2 == pytest.approx(np.pi * 25.0, rel=0.25)
    assert np.nanmin(ahead.first_mm) == pytest.approx(15.0, abs=2.5)


def test_that_what_the_eye_has_passed_is_not_seen(ball) -> None:
    plane = plane_across(NEEDLE, 10.0)
    region = ball_region(ball, plane.point_lps_mm + 8.0 * plane.right_lps, 4.0)
    assert look_ahead(ProbeRequest(NEEDLE, (region,), 0.0, 45.0)).structures
    assert not look_ahead(ProbeRequest(NEEDLE, (region,), 20.0, 45.0)).structures


def test_that_the_wheel_moves_the_eye_down_the_needle_and_not_beyond_the_tip(looking) -> None:
    pane = looking.grid.frame("probe").pane
    assert isinstance(pane, ProbePane)
    assert pane.depth_mm == 0.0
    looking.wheel("probe", 4)
    assert 0.0 < pane.depth_mm < NEEDLE.length_mm
    looking.wheel("probe", 90)
    assert pane.depth_mm == pytest.approx(NEEDLE.length_mm)
    looking.wheel("probe", -200)
    assert pane.depth_mm == 0.0


def test_that_the_probe_paints_outlines_of_what_lies_ahead(looking) -> None:
    pane = looking.grid.frame("probe").pane
    bare = count_of(pane.grab().toImage(), "#56b4e9")
    plane = plane_across(NEEDLE, 20.0)
    region = ball_region(looking.volume, plane.point_lps_mm + 10.0 * plane.right_lps, 8.0)
    looking.desk.marks.layer.put(region)
    looking.settle()
    QApplication.processEvents()
    assert count_of(pane.grab().toImage(), "#56b4e9") > bare + 20
