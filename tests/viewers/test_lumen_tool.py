"""The lumen tool by pointer and keys in a slice; a keeper writes down what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from lumen_scenes import NotingLumenKeeper, near, picture, place, shown_stent, tube_lumen, tube_shown, tube_volume
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from vessel_scenes import shown_tree

from viewers.panes.tools.lumen import NO_BRANCH, NO_LUMEN, TWO_CLICKS
from viewers.state.lumens import COLOUR, STENT
from viewers.state.preview import NOTHING

PANE = "coronal"


@pytest.fixture
def bench(make_bench: Callable[..., object]) -> object:
    made = make_bench(tube_volume(), size=(500, 500))
    made.state.lumens.keeper = NotingLumenKeeper()
    made.state.move_cursor("1.2.3", place(30.0))
    made.desk.tools.pick("lumen")
    made.settle()
    return made


def asked(bench: object) -> list[tuple[object, ...]]:
    return bench.state.lumens.keeper.asked


def click(bench: object, along: float, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    bench.click(PANE, bench.at(PANE, place(along)), modifiers)


def test_that_clicks_and_enter_ask_for_a_lumen_through_them(bench: object) -> None:
    for along in (5.0, 25.0, 40.0, 55.0):
        click(bench, along)
    bench.key(PANE, Qt.Key.Key_Backspace)
    assert len(bench.desk.kit.preview.value.clicks_lps_mm) == 3
    bench.key(PANE, Qt.Key.Key_Return)
    name, clicks, series = asked(bench)[-1]
    assert name == "trace"
    assert series == bench.state.images.primary_key
    assert np.allclose(clicks, [place(5.0), place(25.0), place(40.0)], atol=0.4)
    assert bench.desk.kit.preview.value is NOTHING


def test_that_a_double_click_ends_the_lumen(bench: object) -> None:
    click(bench, 5.0)
    where = bench.at(PANE, place(55.0))
    QTest.mouseClick(bench.pane(PANE), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, where)
    QTest.mouseDClick(bench.pane(PANE), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, where)
    bench.settle()
    assert [each[0] for each in asked(bench)] == ["trace"]
    assert len(asked(bench)[0][1]) == 2


def test_that_one_click_is_no_lumen_and_a_refusal_keeps_the_clicks(bench: object) -> None:
    click(bench, 5.0)
    bench.key(PANE, Qt.Key.Key_Return)
    assert bench.desk.kit.notice.value == TWO_CLICKS
    click(bench, 50.0)
    bench.state.lumens.keeper.refusal = "No images."
    bench.key(PANE, Qt.Key.Key_Return)
    assert bench.desk.kit.notice.value == "No images."
    assert len(bench.desk.kit.preview.value.clicks_lps_mm) == 2
    bench.key(PANE, Qt.Key.Key_Escape)
    assert bench.desk.kit.preview.value is NOTHING
    assert bench.state.active_tool.value == "crosshair"


def test_that_a_click_of_the_lumen_on_show_is_dragged_and_another_added(bench: object) -> None:
    bench.state.lumens.lumens.set((tube_shown(),))
    bench.settle()
    start = bench.at(PANE, place(0.0))
    bench.drag(PANE, start, start + QPoint(6, 4), start + QPoint(12, 8))
    name, lumen, clicks = asked(bench)[-1]
    assert (name, lumen) == ("again", "lumen-1")
    assert np.linalg.norm(np.subtract(clicks[0], place(0.0))) > 0.5
    assert np.allclose(clicks[1], place(60.0))
    click(bench, 20.0, Qt.KeyboardModifier.ControlModifier)
    assert asked(bench)[-1][:2] == ("add", "lumen-1")
    assert np.allclose(asked(bench)[-1][2], place(20.0), atol=0.4)


def test_that_adding_a_click_needs_a_lumen_and_a_branch_needs_a_tree(bench: object) -> None:
    click(bench, 20.0, Qt.KeyboardModifier.ControlModifier)
    assert bench.desk.kit.notice.value == NO_LUMEN
    click(bench, 20.0, Qt.KeyboardModifier.ShiftModifier)
    assert bench.desk.kit.notice.value == NO_BRANCH
    assert asked(bench) == []


def test_that_shift_and_a_click_on_a_branch_ask_for_the_lumen_along_it(bench: object) -> None:
    tree = shown_tree()
    bench.state.vessels.trees.set((tree,))
    target = tree.tree.segment("coeliac").at(8.0)
    bench.state.move_cursor("1.2.3", target)
    bench.settle()
    bench.click("axial", bench.at("axial", target), Qt.KeyboardModifier.ShiftModifier)
    assert asked(bench)[-1][0] == "branch"
    assert asked(bench)[-1][1].segment == "coeliac"


def test_that_slices_show_the_wall_the_stent_and_doubtful_stretches(bench: object) -> None:
    lumen = tube_lumen()
    doubtful = lumen.along_mm < 18.0
    bench.state.lumens.lumens.set((replace(tube_shown(), lumen=replace(lumen, doubtful=doubtful)),))
    bench.settle()
    pane = bench.pane(PANE)
    image = picture(pane)
    assert near(image, bench.at(PANE, place(50.0) + [8.4, 0.0, 0.0]), COLOUR, reach=4)
    assert not near(image, bench.at(PANE, place(10.0) + [8.4, 0.0, 0.0]), COLOUR, reach=4)
    bench.state.lumens.stents.set((shown_stent(),))
    bench.settle()
    image = picture(pane)
    assert near(image, bench.at(PANE, place(30.0) + [3.5, 0.0, 0.0]), STENT, reach=4)
    assert not near(image, bench.at(PANE, place(55.0) + [8.4, 0.0, 0.0]), STENT, reach=4)
    bench.state.set_visible("stent-1", False)
    bench.settle()
    assert not near(picture(pane), bench.at(PANE, place(30.0) + [3.5, 0.0, 0.0]), STENT, reach=4)
