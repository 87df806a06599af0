"""Two studies compared: linked cursors, one scale, one grey; over each other by blend, swipe, chequerboard and more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from planner.geometry import Grid
from planner.imaging import Label, LabelMap, Volume
from viewers.panes.compare_pane import ComparePane
from viewers.panes.fused_pane import NOT_REVIEWED, FusedPane
from viewers.panes.pane_grid import PaneGrid
from viewers.scene.fusion import LESS, MORE, difference_table
from viewers.scene.palette import rgb
from viewers.state.compare import COMPARE_LANDMARK, ChangeMap, ComparedPair, Linked, WarpedStudy, turned_deg
from viewers.state.compare_cursor import CompareLinking
from viewers.window.case_page import PANES

BALL_LPS_MM = np.array([6.0, -8.0, 5.0])
SHIFT = np.array([15.0, -7.0, 12.0])
OTHER_FRAME = "9.9.9"
BRIGHT, DIM = 180, 20
LEFT, RIGHT = "compare_axial_earlier", "compare_axial_later"


class Shifted:
    """The earlier study lies beside the new one."""

    def points(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(points) + SHIFT

    def inverse_points(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(points) - SHIFT


def earlier_of(later: Volume) -> Volume:
    """The same patient before: in another frame, beside, the ball dimmer."""
    voxels = np.where(later.voxels == BRIGHT, DIM, later.voxels).astype(np.int16)
    grid = later.grid
    placed = Grid.of(
        grid.size_kji,
        origin_lps_mm=grid.lps_from_kji.points((0, 0, 0)) + SHIFT,
        spacing_kji_mm=grid.spacing_kji_mm,
        frame_uid=OTHER_FRAME,
    )
    source = replace(later.source, series_uid="1.2.840.2", study_date="2024-01-02", phase="portal-venous")
    return Volume(voxels, placed, source)


class CompareBench:
    """Both studies in a layout of the comparison; hands and waiting are those of the bench below."""

    def __init__(self, bench: Any, layout: str) -> None:
        self._bench = bench
        self.state, self.desk, self.volume = bench.state, bench.desk, bench.volume
        bench.grid.release()
        bench.grid.close()
        self.state.layout.set(layout)
        bench.grid = self.grid = PaneGrid(self.desk, PANES)
        self.grid.resize(900, 500)
        self.linking = CompareLinking(self.state)
        self.earlier = earlier_of(self.volume)
        later = self.state.images.primary_key
        self.pair = ComparedPair(self.state.images.add(self.earlier), later)
        self.compare = self.state.compare
        self.compare.compare(self.pair)
        self.grid.show()
        self.settle()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bench, name)

    def link(self, *, reviewed: bool = True) -> None:
        self.compare.linked.set(Linked(Shifted(), reviewed, "link-1", "reviewed"))
        self.settle()

    def fuse(self) -> None:
        """The earlier voxels where they lie on the new study."""
        self.link()
        over = Volume(self.earlier.voxels.astype(np.float32), self.volume.grid, self.earlier.source)
        self.compare.warped.set(WarpedStudy(self.pair, "link-1", over))
        self.settle()

    def colour_at(self, pane_id: str, point: QPoint) -> tuple[int, int, int]:
        image = self.pane(pane_id).grab().toImage()
        ratio = image.devicePixelRatio()
        found = image.pixelColor(round(point.x() * ratio), round(point.y() * ratio))
        return found.red(), found.green(), found.blue()


@pytest.fixture
def beside(make_bench: Callable[..., Any], ball: Volume) -> CompareBench:
    return CompareBench(make_bench(ball, "axial"), "compare")


@pytest.fixture
def over(make_bench: Callable[..., Any], ball: Volume) -> CompareBench:
    made = CompareBench(make_bench(ball, "axial"), "compare_fused")
    made.fuse()
    made.state.move_cursor(ball.grid.frame_uid, (-30.0, 30.0, BALL_LPS_MM[2]))
    made.settle()
    return made


def notice(bench: CompareBench, pane_id: str) -> str:
    scene = bench.pane(pane_id).scene()
    assert scene is not None
    return scene.notice


def test_that_an_unreviewed_link_links_nothing_and_says_so(beside: CompareBench) -> None:
    before = beside.state.cursor_lps_mm(OTHER_FRAME)
    for reviewed in (None, False):
        if reviewed is not None:
            beside.link(reviewed=reviewed)
        beside.click(RIGHT, beside.at(RIGHT, BALL_LPS_MM))
        beside.wheel(RIGHT, 3)
        assert beside.state.cursor_lps_mm(OTHER_FRAME) == before
        assert notice(beside, LEFT).startswith("Not linked")
        assert notice(beside, RIGHT).startswith("Not linked")


def test_that_a_click_in_one_study_comes_to_the_same_place_in_the_other(beside: CompareBench) -> None:
    beside.link()
    assert notice(beside, LEFT) == ""
    beside.click(RIGHT, beside.at(RIGHT, BALL_LPS_MM))
    there = np.array(beside.state.cursor_lps_mm(OTHER_FRAME))
    here = np.array(beside.state.cursor_lps_mm(beside.volume.grid.frame_uid))
    assert np.allclose(there, here + SHIFT)
    beside.wheel(LEFT, 4)
    moved = np.array(beside.state.cursor_lps_mm(beside.volume.grid.frame_uid))
    assert moved[2] == pytest.approx(here[2] + 8.0)


def test_that_both_sides_have_one_scale_and_the_crosshair_at_one_pixel(beside: CompareBench) -> None:
    beside.link()
    beside.click(RIGHT, QPoint(130, 90))
    beside.wheel(LEFT, 5, Qt.KeyboardModifier.ControlModifier, QPoint(100, 200))
    beside.drag(RIGHT, QPoint(200, 200), QPoint(170, 250), button=Qt.MouseButton.MiddleButton)
    left, right = beside.pane(LEFT).view(), beside.pane(RIGHT).view()
    assert left is not None
    assert right is not None
    assert left.mm_per_px == right.mm_per_px
    in_left = left.px_of(beside.state.cursor_lps_mm(OTHER_FRAME))
    in_right = right.px_of(beside.state.cursor_lps_mm(beside.volume.grid.frame_uid))
    assert np.allclose(in_left, in_right, atol=0.6)


def test_that_the_grey_of_one_study_is_that_of_the_other(beside: CompareBench) -> None:
    beside.drag(LEFT, QPoint(200, 200), QPoint(260, 170), button=Qt.MouseButton.RightButton)
    window = beside.state.window(beside.pair.earlier).window
    assert beside.state.window(beside.pair.later).window == window
    assert window.width != 400.0


def test_that_each_pane_says_who_when_which_series_and_phase(beside: CompareBench) -> None:
    beside.link()
    from viewers.scene.slice_painter import corner_texts

    lines = {each: corner_texts(beside.pane(each).scene()).top_left for each in (LEFT, RIGHT)}
    assert "Test Ball" in lines[LEFT]
    assert any("2024-01-02" in line and "portal-venous" in line for line in lines[LEFT])
    assert any("2024-03-12" in line and "arterial" in line for line in lines[RIGHT])
    assert any(line.startswith("EARLIER") and "linked point" in line for line in lines[LEFT])
    assert "NEW" in lines[RIGHT]


def test_that_a_map_that_turns_is_told_in_degrees() -> None:
    class Turned(Shifted):
        def points(self, points: np.ndarray) -> np.ndarray:
            angle = np.radians(7.0)
            turn = np.eye(3)
            turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
            return np.asarray(points) @ turn.T

    assert turned_deg(Turned(), (10.0, 20.0, 30.0)) == pytest.approx(7.0, abs=1e-6)
    assert turned_deg(Shifted(), (10.0, 20.0, 30.0)) == pytest.approx(0.0, abs=1e-5)


def test_that_landmarks_are_clicked_in_pairs_in_either_study(beside: CompareBench) -> None:
    beside.desk.tools.pick(COMPARE_LANDMARK)
    beside.click(RIGHT, beside.at(RIGHT, BALL_LPS_MM))
    assert "earlier" in beside.compare.next_landmark
    assert len(beside.compare.whole_landmarks()[0]) == 0
    beside.click(LEFT, beside.at(LEFT, BALL_LPS_MM + SHIFT))
    here, there = beside.compare.whole_landmarks()
    assert np.linalg.norm((there - here)[0, :2] - SHIFT[:2]) < 1.5


def test_that_the_swipe_shows_the_earlier_study_left_of_the_divider_that_is_dragged(over: CompareBench) -> None:
    pane = "fused_axial"
    over.compare.use_mode("swipe")
    over.settle()
    ball = over.at(pane, (BALL_LPS_MM[0], BALL_LPS_MM[1], BALL_LPS_MM[2]))
    width, middle = over.pane(pane).width(), over.pane(pane).height() // 2
    over.drag(pane, QPoint(width // 2, middle), QPoint(ball.x() - 20, middle), QPoint(ball.x(), middle))
    assert over.compare.look.value.divider == pytest.approx(ball.x() / width, abs=0.02)
    left, right = over.grey_at(pane, ball + QPoint(-14, 16)), over.grey_at(pane, ball + QPoint(14, 16))
    assert right - left > 60, "dim before, bright now"
    cursor = over.state.cursor_lps_mm(over.volume.grid.frame_uid)
    assert cursor == (-30.0, 30.0, BALL_LPS_MM[2]), "dragging the divider moves no crosshair"


def test_that_the_chequerboard_takes_turns(over: CompareBench) -> None:
    pane = "fused_axial"
    over.compare.use_mode("chequerboard")
    over.compare.set_tiles(24)
    over.settle()
    ball = over.at(pane, BALL_LPS_MM)
    seen = {over.grey_at(pane, ball + QPoint(right, down)) for right in range(-20, 21, 4) for down in (-8, 0, 8)}
    assert max(seen) - min(seen) > 60


def test_that_the_difference_is_coloured_by_its_sign_and_symmetric(over: CompareBench) -> None:
    pane = "fused_axial"
    over.compare.use_mode("difference")
    over.compare.set_limit(BRIGHT - DIM)
    over.settle()
    assert over.colour_at(pane, over.at(pane, BALL_LPS_MM)) == pytest.approx(rgb(MORE), abs=2)
    tissue = over.colour_at(pane, over.at(pane, (20.0, 20.0, BALL_LPS_MM[2])))
    assert max(tissue) < 60
    table = difference_table()
    assert tuple(table[255, 2::-1]) == rgb(MORE)
    assert tuple(table[1, 2::-1]) == rgb(LESS)


def test_that_space_flickers_and_keys_slide_the_blend(over: CompareBench) -> None:
    pane, place = "fused_axial", over.at("fused_axial", BALL_LPS_MM)
    over.compare.slide(0.0)
    new = over.grey_at(pane, place)
    over.key(pane, Qt.Key.Key_Space)
    old = over.grey_at(pane, place)
    over.key(pane, Qt.Key.Key_Space)
    assert over.grey_at(pane, place) == new
    assert new - old > 60
    for _ in range(5):
        over.key(pane, Qt.Key.Key_Period)
    assert over.grey_at(pane, place) == pytest.approx((new + old) / 2.0, abs=6)
    over.key(pane, Qt.Key.Key_K)
    assert over.compare.look.value.mode == "swipe"


def test_that_edges_of_the_earlier_study_are_drawn_where_it_has_edges(over: CompareBench) -> None:
    over.compare.use_mode("edges")
    over.settle()
    pane = "fused_axial"
    centre = over.at(pane, BALL_LPS_MM)
    image = over.pane(pane).grab().toImage()
    row = [image.pixelColor(x, centre.y()) for x in range(image.width())]
    coloured = [x for x, each in enumerate(row) if each.red() - each.blue() > 80]
    edge = over.at(pane, BALL_LPS_MM + np.array([12.0, 0.0, 0.0])).x()
    assert any(abs(x - edge) <= 3 for x in coloured)
    assert not any(abs(x - centre.x()) <= 6 for x in coloured)


def test_that_maps_of_changes_are_drawn_and_can_be_hidden(over: CompareBench) -> None:
    voxels = np.zeros(over.volume.grid.size_kji, dtype=np.uint8)
    voxels[over.volume.voxels == BRIGHT] = 1
    labels = LabelMap(voxels, over.volume.grid, {1: Label(1, "Lipiodol", colour="#d55e00")})
    over.compare.maps.set((ChangeMap("lipiodol", "Lipiodol", labels),))
    over.settle()
    place = over.at("fused_axial", BALL_LPS_MM)
    red, _, blue = over.colour_at("fused_axial", place)
    assert red - blue > 15
    over.state.set_visible("compare/lipiodol", False)
    over.settle()
    red, _, blue = over.colour_at("fused_axial", place)
    assert red == blue


def test_that_a_match_under_review_is_looked_at_but_not_called_linked(over: CompareBench) -> None:
    over.compare.linked.set(Linked(Shifted(), False, "link-1"))
    over.settle()
    pane = over.pane("fused_axial")
    assert isinstance(pane, FusedPane)
    assert pane.is_fused
    assert notice(over, "fused_axial") == NOT_REVIEWED
    assert over.compare.link is None
    over.compare.linked.set(Linked(Shifted(), False, "link-2"))
    over.settle()
    assert not pane.is_fused, "what was warped by another link is not shown"


def test_that_two_patients_are_never_laid_over_each_other(over: CompareBench) -> None:
    over.compare.refused.set("Two patients: these images are not compared")
    over.settle()
    pane = over.pane("fused_axial")
    assert isinstance(pane, ComparePane)
    assert over.compare.fused is None
    assert notice(over, "fused_axial").startswith("Two patients")
    assert over.compare.counterpart("later", (0.0, 0.0, 0.0)) is None
