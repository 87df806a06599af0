"""The diagram of a vessel tree: what is painted, and what pointer and keys do."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from vessel_scenes import NotingKeeper, drag_to, hand_tree, place_on, shown_tree

from viewers.panes.pane_grid import PaneGrid
from viewers.panes.tree_diagram_pane import NO_TREE, TreeDiagramPane, tree_diagram_frame
from viewers.state.vessels import INJECTED, InjectionShown, TipShown, TreeShown, VesselPlace

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def pane(make_bench, ball) -> TreeDiagramPane:
    bench = make_bench(ball)
    bench.grid.release()
    bench.grid.hide()
    bench.grid = PaneGrid(bench.desk, {"tree-diagram": tree_diagram_frame})
    bench.grid.resize(900, 640)
    bench.grid.show()
    bench.state.layout.set("vessels")
    bench.settle()
    made = bench.grid.frame("tree_diagram").pane
    assert isinstance(made, TreeDiagramPane)
    made.state.vessels.keeper = NotingKeeper()
    made.state.vessels.trees.set((shown_tree(),))
    return made


def at(pane: TreeDiagramPane, segment: str, share: float = 0.5) -> QPoint:
    """Where a place of a vessel is drawn."""
    bar, places = pane.diagram.bar(segment), pane.places
    along = bar.start_mm + share * (bar.end_mm - bar.start_mm)
    return QPointF(places.x_of(along), places.y_of(bar.row)).toPoint()


def picture(pane: TreeDiagramPane) -> QImage:
    return pane.grab().toImage()


def near(image: QImage, where: QPoint, colour: str, reach: int = 3) -> bool:
    """Whether a colour is painted about a point."""
    wanted = QColor(colour)
    ratio = image.devicePixelRatio()
    for x in range(-reach, reach + 1):
        for y in range(-reach, reach + 1):
            found = image.pixelColor(round((where.x() + x) * ratio), round((where.y() + y) * ratio))
            if (
                abs(found.red() - wanted.red())
                + abs(found.green() - wanted.green())
                + abs(found.blue() - wanted.blue())
                < 24
            ):
                return True
    return False


def test_that_a_click_chooses_the_vessel_in_every_pane(pane: TreeDiagramPane) -> None:
    QTest.mouseClick(pane, LEFT, NONE, at(pane, "left", 0.9))
    chosen = pane.state.vessels.chosen.value
    assert chosen.segment == "left"
    length = hand_tree().segment("left").length_mm
    assert chosen.along_mm == pytest.approx(0.9 * length, abs=1.0)
    assert pane.state.cursor_lps_mm("1.2.3") == pytest.approx((18.0, -7.2, 5.0), abs=1.0)


def test_that_a_vessel_is_drawn_as_wide_as_it_is(pane: TreeDiagramPane) -> None:
    column = picture(pane)

    def height(segment: str) -> int:
        where, count = at(pane, segment, 0.3), 0
        colour = pane.tree.colours[segment]
        for y in range(-14, 15):
            count += near(column, where + QPoint(0, y), colour_of(colour), 0)
        return count

    def colour_of(colour: str) -> str:
        # Plain vessels are drawn at four fifths of their colour on black.
        shade = QColor(colour)
        return QColor(*(round(0.8 * each) for each in (shade.red(), shade.green(), shade.blue()))).name()

    assert height("aorta") >= 1.4 * height("coeliac") >= 1.4 * 1.3 * height("right")


def test_that_contrast_lights_up_beyond_the_tip_only(pane: TreeDiagramPane) -> None:
    tip = TipShown(place_on("right", 0.5), (-10.0, -4.0, 5.0), "Position 1", "item-1")
    pane.state.vessels.injection.set(InjectionShown(tip, "1.2.3", frozenset({"right", "a8", "thin"})))
    image = picture(pane)
    assert near(image, at(pane, "right", 0.9), INJECTED)
    assert near(image, at(pane, "a8", 0.5), INJECTED)
    assert not near(image, at(pane, "right", 0.1), INJECTED)
    assert not near(image, at(pane, "left", 0.9), INJECTED)


def test_that_a_doubtful_vessel_is_broken(pane: TreeDiagramPane) -> None:
    """Along its middle some of it is ground; a vessel that was seen is whole."""
    image = picture(pane)

    def dark(segment: str) -> float:
        first, last = at(pane, segment, 0.2), at(pane, segment, 0.8)
        row = [image.pixelColor(x, first.y()).lightness() for x in range(first.x(), last.x())]
        return float(np.mean(np.array(row) < 20))

    assert dark("thin") > 0.2
    assert dark("a8") == 0.0


def test_that_the_catheter_is_put_and_dragged_along_the_diagram(pane: TreeDiagramPane) -> None:
    keeper = pane.state.vessels.keeper
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_C)
    QTest.mousePress(pane, LEFT, NONE, at(pane, "right", 0.2))
    drag_to(pane, at(pane, "right", 0.7))
    drag_to(pane, at(pane, "a8", 0.5))
    QTest.mouseRelease(pane, LEFT, NONE, at(pane, "a8", 0.5))
    deeds = [each[0] for each in keeper.asked]
    assert deeds == ["hold", "hold", "hold", "keep"]
    held = [each[1].place.segment for each in keeper.asked]
    assert held == ["right", "right", "a8", "a8"]
    assert keeper.asked[-1][1].lps_mm == pytest.approx((-25.0, -8.0, 10.0), abs=0.7)


def test_that_a_press_near_a_tip_takes_hold_of_it(pane: TreeDiagramPane) -> None:
    stored = TipShown(place_on("right", 0.5), (-10.0, -4.0, 5.0), "P1", "item-1", "protect")
    pane.state.vessels.tips.set((stored,))
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_C)
    QTest.mouseClick(pane, LEFT, NONE, at(pane, "right", 0.5))
    kept = pane.state.vessels.keeper.asked[-1]
    assert (kept[0], kept[1].item_id, kept[1].action) == ("keep", "item-1", "protect")


def test_that_arrows_walk_along_the_tree(pane: TreeDiagramPane) -> None:
    pane.setFocus()
    walked = []
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left):
        QTest.keyClick(pane, key)
        walked.append(pane.state.vessels.chosen.value.segment)
    assert walked == ["aorta", "upper", "aorta"]


def test_that_the_wheel_shows_fewer_rows_about_the_pointer_and_r_all_of_them(pane: TreeDiagramPane) -> None:
    where = at(pane, "left", 0.5)
    row = pane.places.row_at(where.y())
    event = QWheelEvent(
        where.toPointF(), pane.mapToGlobal(where).toPointF(), QPoint(), QPoint(0, 360), Qt.MouseButton.NoButton,
        NONE, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(pane, event)
    assert pane.places.rows < pane.diagram.rows
    assert pane.places.row_at(where.y()) == pytest.approx(row, abs=0.6)
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_R)
    assert pane.places.rows == pytest.approx(pane.diagram.rows)


def test_that_pointing_highlights_the_vessel_everywhere(pane: TreeDiagramPane) -> None:
    QTest.mouseMove(pane, at(pane, "a8", 0.5))
    assert pane.state.vessels.pointed.value.segment == "a8"
    QTest.mouseMove(pane, QPoint(4, 4))
    assert pane.state.vessels.pointed.value is None


def test_that_the_diagram_says_what_cannot_be_seen(pane: TreeDiagramPane) -> None:
    assert any("Seen on CT" in each for each in pane.tree.notes)
    before = picture(pane)
    pane.state.vessels.trees.set((TreeShown("tree-1", "Arteries", hand_tree()),))
    assert picture(pane) != before, "the notes are written on it"


def test_that_without_a_tree_it_says_what_to_do(pane: TreeDiagramPane) -> None:
    assert "Find vessels" in NO_TREE
    pane.state.vessels.trees.set(())
    assert pane.tree is None
    assert not picture(pane).isNull()
    QTest.mouseClick(pane, LEFT, NONE, QPoint(100, 100))
    assert pane.state.vessels.chosen.value is None


def test_that_the_tree_of_the_diagram_can_be_chosen(pane: TreeDiagramPane) -> None:
    other = TreeShown("tree-2", "Portal vein", hand_tree())
    pane.state.vessels.trees.set((shown_tree(), other))
    assert pane.tree.id == "tree-1"
    pane.state.vessels.choose(VesselPlace("tree-2", "a8", 1.0))
    assert pane.tree.id == "tree-2"
