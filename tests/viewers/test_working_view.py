"""The working view: the map over C-arm angles, the projection beside it, and what pointer and keys do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF
from PySide6.QtTest import QTest
from vessel_scenes import NotingKeeper, drag_to, hand_tree, place_on, shown_tree

from planner.geometry.c_arm import CArm
from viewers.panes.pane_grid import PaneGrid
from viewers.panes.working_view_pane import WorkingViewPane, working_view_frame
from viewers.scene.working_view_painter import map_image, places_of
from viewers.scene.working_view_pictures import FINE_PX, Projector
from viewers.state.working_view import NO_VIEW, NamedView, ViewMapShown

LEFT, NONE, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


def view_map() -> ViewMapShown:
    """Best at RAO 20; the machine does not reach the corners."""
    primary, secondary = np.arange(-60.0, 61.0, 5.0), np.arange(-45.0, 46.0, 5.0)
    short = np.abs(primary[None, :] + 20.0) / 80.0 + 0.0 * secondary[:, None]
    allowed = np.abs(primary[None, :]) + np.abs(secondary[:, None]) <= 80.0
    return ViewMapShown(
        "1.2.3", "tree-1", "a8", primary, secondary, short.astype(np.float32), np.full(short.shape, 0.1, np.float32),
        allowed, (-20.0, 0.0), (NamedView("AP", 0.0, 0.0),), "Segmental artery A8", "limits: a machine [P]",
    )  # fmt: skip


@pytest.fixture
def pane(make_bench, ball) -> WorkingViewPane:
    bench = make_bench(ball)
    bench.grid.release()
    bench.grid.hide()
    bench.grid = PaneGrid(bench.desk, {"working-view": working_view_frame})
    bench.grid.resize(1000, 700)
    bench.grid.show()
    bench.state.layout.set("injection")
    bench.state.enlarged_pane.set("working_view")
    bench.settle()
    made = bench.grid.frame("working_view").pane
    assert isinstance(made, WorkingViewPane)
    made.frame = bench.grid.frame("working_view")
    made.view.keeper = NotingKeeper()
    made.state.vessels.trees.set((shown_tree(),))
    return made


def show(pane: WorkingViewPane) -> None:
    pane.view.map.set(view_map())
    pane.view.angles.set((0.0, 0.0))


def test_that_without_a_segment_it_says_what_to_do(pane: WorkingViewPane) -> None:
    assert pane.view.message.value == NO_VIEW
    empty = pane.grab().toImage()
    QTest.mouseClick(pane, LEFT, NONE, QPoint(200, 200))
    assert pane.view.keeper.asked == []
    show(pane)
    assert pane.grab().toImage() != empty


def test_that_light_is_good_and_what_the_machine_does_not_reach_is_dark() -> None:
    found = view_map()
    image = map_image(found)
    rows, columns = image.height(), image.width()

    def light(primary: float, secondary: float) -> int:
        column = round((primary + 60.0) / 120.0 * (columns - 1))
        row = round((45.0 - secondary) / 90.0 * (rows - 1))
        return QColor(image.pixel(column, row)).lightness()

    assert light(-20.0, 0.0) > light(20.0, 0.0) > light(55.0, 0.0)
    assert light(-20.0, 0.0) > 110
    assert light(-60.0, 45.0) < 40, "beyond the limits"


def test_that_map_and_projection_stand_beside_each_other_inside_the_pane(pane: WorkingViewPane) -> None:
    metrics = QFontMetricsF(pane.font()).height()
    for area in (QRectF(0, 0, 430, 280), QRectF(0, 0, 900, 600), QRectF(0, 0, 300, 620)):
        places = places_of(area, view_map(), metrics)
        assert area.contains(places.map)
        assert area.contains(places.projection)
        assert area.contains(places.words)
        assert not places.map.intersects(places.projection)
        assert places.angles_at(places.at((-20.0, 15.0))) == (-20.0, 15.0)


def test_that_a_click_on_the_map_turns_the_c_arm_there(pane: WorkingViewPane) -> None:
    show(pane)
    QTest.mouseClick(pane, LEFT, NONE, pane.places.at((-30.0, 15.0)).toPoint())
    turned = [each for each in pane.view.keeper.asked if each[0] == "turn"]
    assert turned[0] == ("turn", pytest.approx((-30.0, 15.0), abs=1.0), True)


def test_that_a_drag_on_the_map_follows_and_the_picture_is_refined_when_let_go(pane: WorkingViewPane) -> None:
    show(pane)
    keeper = pane.view.keeper
    keeper.turn = lambda angles, *, moving: (keeper.asked.append((angles, moving)), pane.view.angles.set(angles))
    QTest.mousePress(pane, LEFT, NONE, pane.places.at((0.0, 0.0)).toPoint())
    assert pane.state.interacting.value
    drag_to(pane, pane.places.at((25.0, -20.0)).toPoint())
    drag_to(pane, QPoint(2, 2))
    QTest.mouseRelease(pane, LEFT, NONE, QPoint(2, 2))
    assert not pane.state.interacting.value
    assert keeper.asked[1] == (pytest.approx((25.0, -20.0), abs=1.0), True)
    assert keeper.asked[-1] == ((-60.0, 45.0), False), "never beyond the edges of the map"


def test_that_a_drag_on_the_projection_turns_too(pane: WorkingViewPane) -> None:
    show(pane)
    middle = pane.places.projection.center().toPoint()
    QTest.mousePress(pane, LEFT, NONE, middle)
    drag_to(pane, middle + QPoint(-40, 20))
    QTest.mouseRelease(pane, LEFT, NONE, middle)
    (first, *_) = [each for each in pane.view.keeper.asked if each[0] == "turn"]
    assert first[1][0] > 5.0
    assert first[1][1] > 3.0
    assert first[2] is True


def test_that_keys_turn_by_degrees_recommend_and_keep(pane: WorkingViewPane) -> None:
    show(pane)
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_Left)
    QTest.keyClick(pane, Qt.Key.Key_Up, SHIFT)
    QTest.keyClick(pane, Qt.Key.Key_Home)
    QTest.keyClick(pane, Qt.Key.Key_Return)
    assert pane.view.keeper.asked == [
        ("turn", (-1.0, 0.0), False),
        ("turn", (0.0, 5.0), False),
        ("turn", (-20.0, 0.0), False),
        ("view",),
    ]


def test_that_the_buttons_recommend_and_keep_and_a_refusal_is_said(pane: WorkingViewPane) -> None:
    show(pane)
    pane.view.keeper.refusal = "Put a position first."
    QTest.mouseClick(pane.frame.best, LEFT)
    QTest.mouseClick(pane.frame.use, LEFT)
    assert [each[0] for each in pane.view.keeper.asked] == ["turn", "view"]
    assert pane.desk.kit.notice.value == "Put a position first."


def test_that_words_say_what_an_angle_costs_and_whether_the_machine_reaches_it() -> None:
    found = view_map()
    assert found.words((-20.0, 0.0)) == ("RAO 20 CRA 0", "foreshortening 0 % · overlap 10 %")
    assert "beyond the limits" in found.words((60.0, 45.0))[2]
    best = replace(found, best=None)
    assert best.words((20.0, 0.0))[1] == "foreshortening 50 % · overlap 10 %"


@pytest.fixture(scope="module")
def projector(ball) -> Projector:
    return Projector(ball, (6.0, -8.0, 5.0))


def test_that_a_projection_shows_where_the_vessels_are_and_dense_is_dark(projector: Projector) -> None:
    found = projector.picture((0.0, 0.0), hand_tree(), fine=False)
    assert isinstance(found.c_arm, CArm)
    assert set(found.lines_xy) == {each.id for each in hand_tree().segments}
    # Seen from the front the patient's left is on the right and the head at the top.
    left, right = found.lines_xy["left"][-1], found.lines_xy["right"][-1]
    assert left[0] > right[0]
    assert found.lines_xy["upper"][-1][1] < found.lines_xy["aorta"][0][1]
    assert found.width_px["aorta"] > 2.0 * found.width_px["right"]
    middle = found.grey.shape[0] // 2
    assert found.grey[middle, middle] < found.grey[middle, 4], "the ball is darker than the air beside the body"


def test_that_the_c_arm_turns_the_picture_and_fine_is_finer(projector: Projector) -> None:
    front, side = (projector.picture(angles, hand_tree(), fine=False) for angles in ((0.0, 0.0), (40.0, 0.0)))
    assert not np.allclose(front.lines_xy["left"], side.lines_xy["left"])
    fine = projector.picture((0.0, 0.0), hand_tree(), fine=True)
    assert fine.grey.shape == (FINE_PX, FINE_PX)
    scale = FINE_PX / front.grey.shape[0]
    assert fine.lines_xy["a8"] + 0.5 == pytest.approx((front.lines_xy["a8"] + 0.5) * scale, abs=0.01)


def test_that_the_projection_is_painted_with_the_segment_above_all(pane: WorkingViewPane, projector: Projector) -> None:
    show(pane)
    pane.state.vessels.choose(place_on("a8"))
    before = pane.grab().toImage()
    picture = projector.picture((0.0, 0.0), hand_tree(), fine=False)
    pane.view.projection.set(picture)
    after = pane.grab().toImage()
    assert after != before
    box, scale = pane.places.projection, pane.places.projection.width() / picture.grey.shape[1]
    x, y = picture.lines_xy["a8"][6]
    where = QPointF(box.left() + (x + 0.5) * scale, box.top() + (y + 0.5) * scale).toPoint()
    ratio = after.devicePixelRatio()
    shade = after.pixelColor(round(where.x() * ratio), round(where.y() * ratio))
    assert max(shade.red(), shade.green(), shade.blue()) - min(shade.red(), shade.green(), shade.blue()) > 40
