"""The panes of a lumen: what is painted, and what pointer, wheel and keys do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from lumen_scenes import (
    LEFT,
    LENGTH_MM,
    NONE,
    NotingLumenKeeper,
    grey,
    near,
    picture,
    place,
    shown_stent,
    tube_shown,
    tube_volume,
)
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from vessel_scenes import drag_to

from planner.model.vessel_items import LumenMark
from viewers.panes.cross_section_pane import CrossSectionPane, cross_section_frame
from viewers.panes.desk import make_desk
from viewers.panes.diameter_profile_pane import DiameterProfilePane, diameter_profile_frame
from viewers.panes.lumen_hands import NO_IMAGES, NO_LUMEN
from viewers.panes.straightened_pane import StraightenedPane, straightened_frame
from viewers.scene.reformat_painter import place as drawn_at
from viewers.scene.reformat_painter import stent_walls
from viewers.state.layouts import PaneSpec
from viewers.state.lumens import COLOUR, MARK, STENOSIS, STENT

Made = Callable[[str], object]
FACTORIES = {
    "straightened": straightened_frame,
    "cross-section": cross_section_frame,
    "diameter-profile": diameter_profile_frame,
}


@pytest.fixture
def make(qapp: QApplication) -> Iterator[Made]:
    """Makes one pane on the tube, with a keeper that writes down what it is asked."""
    desk = make_desk()
    desk.state.images.add(tube_volume())
    frames = []

    def build(kind: str, *, with_lumen: bool = True, size: tuple[int, int] = (720, 460)) -> object:
        frame = FACTORIES[kind](PaneSpec(kind, kind), desk)
        frames.append(frame)
        frame.resize(*size)
        frame.show()
        frame.pane.state.lumens.keeper = NotingLumenKeeper()
        if with_lumen:
            frame.pane.state.lumens.lumens.set((tube_shown(),))
        QApplication.processEvents()
        return frame.pane

    yield build
    for frame in frames:
        frame.release()
        frame.close()
        frame.deleteLater()
    desk.close()


def notes(pane: object) -> list[tuple[object, ...]]:
    return pane.state.lumens.keeper.asked


def at(pane: StraightenedPane, along_mm: float, beside_mm: float = 0.0) -> QPoint:
    """Where a place is drawn; beside is upwards in a straightened picture, to the right in a curved one."""
    shown, drawn = pane.picture, tube_shown()
    x, y = drawn_at(shown, drawn, along_mm)
    far = beside_mm / shown.places.map.mm_per_px * shown.places.scale
    return QPointF(x, y - far).toPoint() if shown.places.is_lying else QPointF(x + far, y).toPoint()


def drag(pane: object, *points: QPoint) -> None:
    QTest.mousePress(pane, LEFT, NONE, points[0])
    for point in points[1:]:
        drag_to(pane, point)
    QTest.mouseRelease(pane, LEFT, NONE, points[-1])


def wheel(pane: object, notches: int) -> None:
    centre = pane.rect().center()
    QApplication.sendEvent(
        pane,
        QWheelEvent(
            centre.toPointF(), pane.mapToGlobal(centre).toPointF(), QPoint(0, 0), QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton, NONE, Qt.ScrollPhase.NoScrollPhase, False,
        ),
    )  # fmt: skip


def test_that_a_straightened_tube_is_dark_inside_its_edge_and_bright_towards_the_patients_left(make: Made) -> None:
    pane = make("straightened")
    image = picture(pane)
    assert grey(image, at(pane, 10.0, 3.0)) < 90
    assert grey(image, at(pane, 30.0, 6.0)) > 180
    assert grey(image, at(pane, 50.0, 16.0)) > grey(image, at(pane, 50.0, -16.0))
    assert near(image, at(pane, 10.0, 8.4), COLOUR)
    assert near(image, at(pane, 30.0, 3.7), COLOUR)
    assert not near(image, at(pane, 30.0, 8.4), COLOUR)


def test_that_turning_the_cut_half_round_puts_the_left_below(make: Made) -> None:
    pane = make("straightened")
    for _ in range(36):
        QTest.keyClick(pane, Qt.Key.Key_Up)
    assert abs(pane.lumens.angle_deg.value) == pytest.approx(180.0)
    image = picture(pane)
    assert grey(image, at(pane, 50.0, -16.0)) > grey(image, at(pane, 50.0, 16.0))
    QTest.keyClick(pane, Qt.Key.Key_R)
    assert pane.lumens.angle_deg.value == 0.0


def test_that_a_drag_across_turns_and_a_drag_along_or_a_click_moves_the_line(make: Made) -> None:
    pane = make("straightened")
    drag(pane, at(pane, 30.0), at(pane, 30.0, 5.0), at(pane, 30.0, 10.0))
    assert pane.lumens.angle_deg.value > 10.0
    assert pane.lumens.along_mm.value == 0.0
    turned = pane.lumens.angle_deg.value
    drag(pane, at(pane, 30.0), at(pane, 36.0), at(pane, 44.0))
    assert pane.lumens.along_mm.value == pytest.approx(44.0, abs=0.3)
    assert pane.lumens.angle_deg.value == turned
    QTest.mouseClick(pane, LEFT, NONE, at(pane, 12.0))
    assert pane.lumens.along_mm.value == pytest.approx(12.0, abs=0.3)


def test_that_wheel_and_keys_walk_along_the_lumen_and_stop_at_its_ends(make: Made) -> None:
    pane = make("straightened")
    wheel(pane, -3)
    assert pane.lumens.along_mm.value == pytest.approx(3.0)
    QTest.keyClick(pane, Qt.Key.Key_Right)
    QTest.keyClick(pane, Qt.Key.Key_PageDown)
    assert pane.lumens.along_mm.value == pytest.approx(14.0)
    QTest.keyClick(pane, Qt.Key.Key_End)
    wheel(pane, -5)
    assert pane.lumens.along_mm.value == pytest.approx(LENGTH_MM)
    QTest.keyClick(pane, Qt.Key.Key_Home)
    assert pane.lumens.along_mm.value == 0.0


def test_that_the_key_s_draws_the_lumen_curved_upright_with_the_same_places(make: Made) -> None:
    pane = make("straightened")
    QTest.keyClick(pane, Qt.Key.Key_S)
    assert pane.lumens.is_curved.value
    top, bottom = at(pane, 2.0), at(pane, 58.0)
    assert bottom.y() > top.y() + 100
    image = picture(pane)
    assert grey(image, at(pane, 10.0, 3.0)) < 90
    assert grey(image, at(pane, 30.0, 6.0)) > 180
    QTest.mouseClick(pane, LEFT, NONE, at(pane, 25.0))
    assert pane.lumens.along_mm.value == pytest.approx(25.0, abs=0.6)
    drag(pane, at(pane, 30.0), at(pane, 30.0, 4.0), at(pane, 30.0, 9.0))
    assert pane.lumens.angle_deg.value > 5.0


def test_that_stent_stricture_and_landmarks_are_drawn_at_their_places(make: Made) -> None:
    pane = make("straightened")
    mark = LumenMark("carina", 52.0, tuple(place(52.0)))
    pane.lumens.lumens.set((tube_shown(marks=(mark,)),))
    pane.lumens.stents.set((shown_stent(),))
    image = picture(pane)
    assert near(image, at(pane, 30.0, 3.5), STENT)
    assert not near(image, at(pane, 52.0, 7.0), STENT)
    assert near(image, at(pane, 12.0, 4.0), STENT)
    assert not near(image, at(pane, 7.0, 9.0), STENT)
    assert near(image, at(pane, 30.0, 12.6), STENOSIS, reach=5)
    assert near(image, at(pane, 52.0, 14.0), MARK)


def test_that_a_stent_is_dragged_by_its_wall_and_lengthened_by_its_end(make: Made) -> None:
    pane = make("straightened")
    pane.lumens.stents.set((shown_stent(),))
    wall = stent_walls(pane.picture, tube_shown(), shown_stent(), opened=True)[0]
    start = QPointF(*wall[len(wall) // 2].tolist()).toPoint()
    drag(pane, start, start + QPoint(20, 0), start + QPoint(55, 0))
    by = 55.0 * LENGTH_MM / (pane.picture.places.image_box.width())
    held = [each for each in notes(pane) if each[0] == "hold"][-1]
    assert held[2] == pytest.approx(12.0 + by, abs=0.4)
    assert held[3] - held[2] == pytest.approx(36.0, abs=1e-6)
    assert notes(pane)[-1] == ("keep",)
    assert pane.state.selected_id.value == "stent-1"
    drag(pane, at(pane, 48.0), at(pane, 50.0), at(pane, 54.0))
    held = [each for each in notes(pane) if each[0] == "hold"][-1]
    assert held[2] == 12.0
    assert held[3] == pytest.approx(54.0, abs=0.4)


def test_that_esc_in_the_middle_of_a_drag_puts_the_stent_back(make: Made) -> None:
    pane = make("straightened")
    pane.lumens.stents.set((shown_stent(),))
    QTest.mousePress(pane, LEFT, NONE, at(pane, 48.0))
    drag_to(pane, at(pane, 55.0))
    QTest.keyClick(pane, Qt.Key.Key_Escape)
    assert notes(pane)[-1] == ("drop",)
    QTest.mouseRelease(pane, LEFT, NONE, at(pane, 55.0))
    assert ("keep",) not in notes(pane)


def test_that_the_key_k_offers_landmarks_of_the_kind_and_marks_at_the_line(make: Made) -> None:
    pane = make("straightened")
    pane.lumens.lumens.set((tube_shown(marks=(LumenMark("carina", 52.0, tuple(place(52.0))),)),))
    pane.lumens.look(30.0)
    # Qt's offscreen platform warns about every menu that opens.
    shown = []
    pane.marks_menu.popup = shown.append
    QTest.keyClick(pane, Qt.Key.Key_K)
    assert shown
    words = {action.text(): action for action in pane.marks_menu.actions()}
    words["Lobar bronchus"].trigger()
    words["Take away: Carina at 52 mm"].trigger()
    assert notes(pane) == [("mark", "lumen-1", 30.0, "lobar-bronchus"), ("unmark", "lumen-1", "carina")]


def test_that_empty_panes_say_what_to_do(make: Made) -> None:
    pane = make("straightened", with_lumen=False)
    assert near_text(pane)
    assert pane.picture is None
    assert NO_LUMEN != NO_IMAGES
    pane.lumens.lumens.set((tube_shown(),))
    pane.state.images.clear()
    assert pane.picture is None
    assert near_text(pane)


def near_text(pane: object) -> bool:
    """Whether anything is written on the black ground."""
    image = picture(pane)
    middle = image.height() // 2
    return any(image.pixelColor(x, y).red() > 100 for x in range(0, image.width(), 2) for y in (middle - 3, middle + 3))


def test_that_the_section_shows_the_outline_there_and_a_click_moves_the_crosshair(make: Made) -> None:
    pane = make("cross-section", size=(420, 440))
    assert isinstance(pane, CrossSectionPane)
    widths = {}
    for along in (8.0, 30.0):
        pane.lumens.look(along)
        shown = pane.picture
        right = shown.section.plane.right_lps
        edge = 0.5 * float(tube_shown().lumen.equivalent_mm[tube_shown().index_at(along)])
        image = picture(pane)
        outside = QPointF(*shown.xy_of(place(along) + 1.3 * edge * right).tolist()).toPoint()
        inside = QPointF(*shown.xy_of(place(along) + 0.6 * edge * right + 0.3 * edge).tolist()).toPoint()
        assert grey(image, inside) < grey(image, outside)
        assert near(image, QPointF(*shown.xy_of(place(along) + edge * right).tolist()).toPoint(), COLOUR, reach=4)
        widths[along] = edge
    assert widths[30.0] < widths[8.0] / 2.0
    target = place(30.0) + 2.0 * pane.picture.section.plane.right_lps
    QTest.mouseClick(pane, LEFT, NONE, QPointF(*pane.picture.xy_of(target).tolist()).toPoint())
    assert np.linalg.norm(np.asarray(pane.state.cursor_lps_mm("1.2.3")) - target) < 0.2


def test_that_the_section_turns_with_the_straightened_picture(make: Made) -> None:
    pane = make("cross-section", size=(420, 440))
    before = pane.picture.section.plane.right_lps
    assert before[0] == pytest.approx(1.0, abs=1e-6)
    QTest.keyClick(pane, Qt.Key.Key_Right)
    after = pane.picture.section.plane.right_lps
    assert np.degrees(np.arccos(np.clip(before @ after, -1.0, 1.0))) == pytest.approx(5.0, abs=1e-3)


def test_that_the_chart_shades_the_stricture_and_draws_the_stent_at_its_diameter(make: Made) -> None:
    pane = make("diameter-profile")
    assert isinstance(pane, DiameterProfilePane)
    pane.lumens.stents.set((shown_stent(),))
    pane.lumens.look(3.0)
    places, image = pane.places, picture(pane)
    low = places.y_of(3.0)
    shaded = image.pixelColor(QPointF(places.axis.x_of(31.0), low).toPoint())
    plain = image.pixelColor(QPointF(places.axis.x_of(55.0), low).toPoint())
    assert shaded.red() > plain.red() + 15
    assert near(image, QPointF(places.axis.x_of(30.0), places.y_of(7.0)).toPoint(), COLOUR)
    assert near(image, QPointF(places.axis.x_of(5.0), places.y_of(16.0)).toPoint(), COLOUR)
    assert near(image, QPointF(places.axis.x_of(12.0), places.y_of(10.0)).toPoint(), STENT)
    assert near(image, places.stent_lanes[0][1].center().toPoint() - QPoint(int(places.axis.width * 0.28), 0), STENT)


def test_that_doubtful_stretches_are_faint(make: Made) -> None:
    pane = make("diameter-profile")
    lumen = tube_shown(stenosis=None)
    doubtful = lumen.lumen.along_mm > 44.0
    pane.lumens.lumens.set((replace(lumen, lumen=replace(lumen.lumen, doubtful=doubtful)),))
    places, image = pane.places, picture(pane)

    def strength(along: float) -> int:
        x, y = round(places.axis.x_of(along)), round(places.y_of(16.0))
        return sum(image.pixelColor(x + dx, y + dy).blue() for dx in range(-8, 9) for dy in range(-2, 3))

    assert strength(52.0) < 0.7 * strength(6.0)


def test_that_the_ends_of_the_stricture_are_dragged_in_the_chart(make: Made) -> None:
    pane = make("diameter-profile")
    places = pane.places
    lane = places.stenosis_lane.center().y()

    def grip(along: float) -> QPoint:
        return QPointF(places.axis.x_of(along), lane).toPoint()

    QTest.mousePress(pane, LEFT, NONE, grip(40.0))
    drag_to(pane, grip(45.0))
    assert pane.lumens.held_stenosis.value == pytest.approx((20.0, 45.0), abs=0.3)
    assert near(picture(pane), QPointF(places.axis.x_of(42.5), lane).toPoint(), STENOSIS)
    QTest.mouseRelease(pane, LEFT, NONE, grip(45.0))
    name, lumen, start, end = notes(pane)[-1]
    assert (name, lumen) == ("stenosis", "lumen-1")
    assert (start, end) == pytest.approx((20.0, 45.0), abs=0.3)
    assert pane.lumens.held_stenosis.value is None


def test_that_a_drag_in_the_chart_moves_the_line_or_the_stent(make: Made) -> None:
    pane = make("diameter-profile")
    pane.lumens.stents.set((shown_stent(),))
    places = pane.places
    lane = places.stent_lanes[0][1].center().y()
    drag(
        pane, *(QPointF(places.axis.x_of(each), lane).toPoint() for each in (30.0, 33.0, 36.0)),
    )  # fmt: skip
    assert notes(pane)[-1] == ("keep",)
    held = notes(pane)[-2]
    assert held[2] == pytest.approx(18.0, abs=0.4)
    assert held[3] == pytest.approx(54.0, abs=0.4)
    middle = places.box.center().y()
    drag(pane, *(QPointF(places.axis.x_of(each), middle).toPoint() for each in (10.0, 20.0, 25.0)))
    assert pane.lumens.along_mm.value == pytest.approx(25.0, abs=0.3)


def test_that_the_right_button_drags_the_window_of_the_images(make: Made) -> None:
    pane = make("straightened")
    series = pane.series
    dark = grey(picture(pane), at(pane, 50.0, 10.0))
    QTest.mousePress(pane, Qt.MouseButton.RightButton, NONE, at(pane, 30.0))
    moved = at(pane, 30.0) + QPoint(0, 120)
    event = QMouseEvent(
        QEvent.Type.MouseMove, moved.toPointF(), pane.mapToGlobal(moved).toPointF(), Qt.MouseButton.NoButton,
        Qt.MouseButton.RightButton, NONE,
    )  # fmt: skip
    QApplication.sendEvent(pane, event)
    QTest.mouseRelease(pane, Qt.MouseButton.RightButton, NONE, at(pane, 30.0))
    assert pane.state.window(series).mode == "manual"
    assert grey(picture(pane), at(pane, 50.0, 10.0)) < dark
    assert not pane.state.interacting.value
