"""Lumens and stents in the window of an open case: traced, marked, sized, dragged, printed; each act one undo step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lumen_scenes import (
    LEFT,
    NARROW_MM,
    NARROWED,
    NONE,
    OTHER,
    WIDE_MM,
    items,
    lumen_library,
    lumens_of_window,
    near,
    opened,
    picture,
    place,
    put_tube,
    the_lumen,
    the_stent,
    tube_lumen,
)
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from vessel_scenes import drag_to
from window_hands import Hands

from planner.app.lumens import put_lumen
from planner.app.vessel_trees import FoundTree, put_tree
from planner.model.vessel_items import LUMEN, STENT
from planner.planning.vessel_tree import TreeSegment, VesselTree
from viewers.panels.lumen_panel import NO_LUMEN as NO_LUMEN_YET
from viewers.panels.parts import PlainLabel
from viewers.state.lumens import STENT as STENT_COLOUR


@pytest.fixture(scope="module")
def window(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    """One window for all tests: opening one takes longer than a test."""
    made = opened(lumen_library(tmp_path_factory.mktemp("lumens")))
    yield made
    made.work.abandon()
    made.window.work = None
    made.close()


@pytest.fixture
def hands(window: Hands) -> Iterator[Hands]:
    """The window on a session in which nothing is measured."""
    yield window
    window.window.desk.jobs.cancel_all()
    window.settle()
    window.window.desk.tools.escape()
    while window.work.opened.document.undo():
        window.turn()
    window.window.desk.state.selected_id.set(None)
    window.settle()


def pane(hands: Hands, name: str) -> object:
    frame = hands.window.case_page.grid.frame(name)
    assert frame is not None, f"no pane {name} in this layout"
    return frame.pane


def desk(hands: Hands) -> object:
    return hands.window.desk.state.lumens


def words(hands: Hands) -> str:
    """Everything the panels say."""
    panel = lumens_of_window(hands).panel
    return "\n".join(each.text() for each in panel.findChildren(PlainLabel) if each.isVisibleTo(panel))


def planned(hands: Hands) -> str:
    """A stent of the rule's size in the tube; returns its id."""
    put_tube(hands)
    stents = lumens_of_window(hands).stents
    hands.window.case_page.stage_panel.window()
    assert stents.choose(0) is None
    hands.settle()
    return items(hands, STENT)[0].id


def test_that_a_lumen_is_clicked_traced_measured_and_undone_in_one_step(hands: Hands) -> None:
    assert NO_LUMEN_YET in words(hands)
    panel = lumens_of_window(hands).work.panel
    hands.pick(panel.kind, "airway")
    hands.press(panel.tool)
    assert hands.window.desk.tools.active.id == "lumen"
    hands.click_at("axial", place(2.0))
    hands.click_at("axial", place(58.0))
    hands.key(Qt.Key.Key_Return)
    hands.settle()
    body = the_lumen(hands)
    assert body.kind == "airway"
    assert body.stenosis is not None
    assert body.stenosis.minimum_mm == pytest.approx(NARROW_MM, abs=0.7)
    assert body.stenosis.proximal_reference_mm == pytest.approx(WIDE_MM, abs=0.7)
    assert abs(body.stenosis.start_mm + 2.0 - NARROWED[0]) < 3.0
    shown = desk(hands).shown
    assert shown.is_outlined
    said = words(hands)
    assert "Least diameter" in said
    assert "% by diameter" in said
    hands.shortcut(Qt.Key.Key_Z)
    assert items(hands, LUMEN) == []
    hands.shortcut(Qt.Key.Key_Z, Qt.KeyboardModifier.ShiftModifier)
    hands.settle()
    assert desk(hands).shown.is_outlined


def test_that_branches_of_a_tree_are_marked_along_the_lumen_in_one_step(hands: Hands) -> None:
    put_tube(hands)
    panel = lumens_of_window(hands).work.panel
    assert "Mark side branches from the tree" not in [each.text() for each in panel.findChildren(QPushButton)]
    put_branched_tree(hands)
    hands.press(hands.button(panel, "Mark side branches from the tree"))
    hands.settle()
    assert [(each.name, round(each.along_mm)) for each in the_lumen(hands).marks] == [("side branch", 30)]
    assert hands.work.opened.document.undo_label == "Mark side branches"
    assert "Side branch at 30 mm" in words(hands)


def put_branched_tree(hands: Hands) -> None:
    """An airway along the tube, with one branch in its middle."""
    frame = desk(hands).shown.frame_uid
    nodes = {"r": place(0.0), "a": place(30.0), "A": place(30.0) + [30.0, 0.0, 0.0], "e": place(60.0)}
    segments = tuple(
        TreeSegment(name, start, end, np.linspace(nodes[start], nodes[end], 20), np.full(20, 6.0), np.zeros(20, bool))
        for name, start, end in (("1", "r", "a"), ("2", "a", "A"), ("3", "a", "e"))
    )
    found = FoundTree(VesselTree("airway", frame, "r", nodes, segments), "ct", None, None, ())
    session = hands.work.session_desk.session_id
    hands.work.opened.document.apply("Tree", put_tree(session, found, by=OTHER, item_id="tree-1"))
    hands.settle()


def test_that_a_stent_of_the_bile_duct_shows_its_bismuth_type_and_says_what_its_share_needs(hands: Hands) -> None:
    frame = hands.window.desk.state.images.primary.grid.frame_uid
    duct = replace(tube_lumen(), kind="bile", centreline=replace(tube_lumen().centreline, frame_uid=frame))
    session = hands.work.session_desk.session_id
    put = put_lumen(session, duct, name="Duct", by=OTHER, site="biliary", item_id="lumen-1")
    hands.work.opened.document.apply("Measure", put)
    hands.settle()
    stents = lumens_of_window(hands).stents
    assert stents.choose(0) is None
    hands.settle()
    assert "Bismuth type not told" in words(hands)
    assert "not estimated" in words(hands)
    hands.press(hands.button(stents.panel, "Estimate the liver drained"))
    hands.settle()
    assert "no tree of the bile ducts" in stents.panel.problem.text()
    assert the_stent(hands).drained_share is None


def test_that_a_case_that_is_opened_shows_the_lumens_it_has(hands: Hands) -> None:
    put_tube(hands)
    page = hands.window.case_page
    page.lumens.follow(None)
    assert desk(hands).shown is None
    page.lumens.follow(hands.work)
    assert desk(hands).shown.name == "Airway"
    assert desk(hands).keeper is page.lumens


def test_that_the_line_the_crosshair_and_the_planes_go_together(hands: Hands) -> None:
    put_tube(hands)
    desk(hands).look(30.0)
    state = hands.window.desk.state
    frame = desk(hands).shown.frame_uid
    assert np.allclose(state.cursor_lps_mm(frame), place(30.0), atol=0.3)
    hands.click_at("coronal", place(12.0))
    assert desk(hands).along_mm.value == pytest.approx(12.0, abs=0.6)
    state.move_cursor(frame, place(40.0) + [20.0, 0.0, 0.0])
    assert desk(hands).along_mm.value == pytest.approx(12.0, abs=0.6)
    straight = pane(hands, "straightened")
    x, y = straight.picture.line[60].tolist()
    QTest.mouseClick(straight, LEFT, NONE, QPointF(x, y).toPoint())
    assert np.asarray(state.cursor_lps_mm(frame))[2] == pytest.approx(0.0, abs=1.0)


def test_that_moving_a_click_traces_again_and_stents_say_that_they_are_stale(hands: Hands) -> None:
    panel = lumens_of_window(hands)
    planned(hands)
    before = the_lumen(hands)
    assert panel.trace_again(items(hands, LUMEN)[0].id, [tuple(place(6.0)), tuple(place(58.0))]) is None
    hands.settle()
    assert the_lumen(hands).length_mm == pytest.approx(before.length_mm - 8.0, abs=0.8)
    assert "judged before the lumen changed" in words(hands)
    assert desk(hands).stents.value[0].stale
    hands.press(hands.button(panel.panel, "Judge it again"))
    hands.settle()
    assert "judged before the lumen changed" not in words(hands)
    assert hands.work.opened.document.undo_label == "Judge the stent again"


def test_that_proposals_begin_with_the_rule_and_say_what_speaks_against_them(hands: Hands) -> None:
    put_tube(hands)
    panel = lumens_of_window(hands).stents.panel
    said = words(hands)
    assert "Rule: Size by the rule, Trachea" in said
    assert "unverified default" in said
    assert "oversize" in said
    assert "landing 10 and 10 mm" in said
    assert "Product: " in said
    hands.pick(panel.indication, "benign")
    assert lumens_of_window(hands).stents.indication == "benign"
    hands.pick(panel.wish, "bare")
    assert "bare" in words(hands).lower()
    hands.press(panel.choose_buttons[0])
    hands.settle()
    body = the_stent(hands)
    assert (body.type, body.indication, body.device) == ("bare", "benign", None)
    assert body.findings
    assert any(each.text in words(hands) for each in body.findings if each.severity != "info")
    lumens_of_window(hands).stents.forget()


def test_that_a_planned_stent_is_dragged_in_the_chart_and_judged_when_let_go(hands: Hands) -> None:
    key = planned(hands)
    before = the_stent(hands)
    chart = pane(hands, "diameter_profile")
    places = chart.places
    lane = places.stent_lanes[0][1].center().y()

    def at(along: float) -> QPoint:
        return QPointF(places.axis.x_of(along), lane).toPoint()

    QTest.mousePress(chart, LEFT, NONE, at(30.0))
    drag_to(chart, at(33.0))
    drag_to(chart, at(35.0))
    assert the_stent(hands) == before
    assert desk(hands).held_stent.value.start_mm == pytest.approx(before.start_mm + 5.0, abs=0.5)
    QTest.mouseRelease(chart, LEFT, NONE, at(35.0))
    hands.settle()
    after = the_stent(hands)
    assert after.start_mm == pytest.approx(before.start_mm + 5.0, abs=0.5)
    assert after.length_mm == before.length_mm
    assert any("landing" in each.text for each in after.findings)
    hands.shortcut(Qt.Key.Key_Z)
    assert the_stent(hands) == before
    QTest.mousePress(chart, LEFT, NONE, at(before.end_mm))
    drag_to(chart, at(before.end_mm + 4.0))
    drag_to(chart, at(before.end_mm + 8.0))
    QTest.mouseRelease(chart, LEFT, NONE, at(before.end_mm + 8.0))
    hands.settle()
    longer = the_stent(hands)
    assert longer.start_mm == pytest.approx(before.start_mm, abs=1e-6)
    assert longer.length_mm == pytest.approx(before.length_mm + 8.0, abs=1.0)
    assert hands.window.desk.state.selected_id.value == key


def test_that_a_product_keeps_to_the_lengths_it_is_made_in(hands: Hands) -> None:
    put_tube(hands)
    stents = lumens_of_window(hands).stents
    made = next(
        number
        for number, each in enumerate(stents.sized.proposals)
        if each.device is not None and each.length_mm is not None
    )
    assert stents.choose(made) is None
    hands.settle()
    body = the_stent(hands)
    from planner.planning.stent_catalogue import stent_catalogue

    row = stent_catalogue().row(body.device)
    assert stents.hold(items(hands, STENT)[0].id, body.start_mm, body.end_mm + 7.0) is None
    held = desk(hands).held_stent.value
    assert not row.lengths_mm or held.length_mm in row.lengths_mm
    stents.drop()


def test_that_a_stent_is_drawn_in_planes_reformat_and_3d(hands: Hands) -> None:
    planned(hands)
    body = the_stent(hands)
    desk(hands).look(30.0)
    hands.settle()
    coronal = pane(hands, "coronal")
    x, y = np.rint(coronal.view().px_of(place(30.0) + [NARROW_MM / 2.0, 0.0, 0.0])).astype(int)
    assert near(picture(coronal), QPoint(int(x), int(y)), STENT_COLOUR, reach=4)
    scene = hands.window.case_page.grid.frame("3d").link.pane.scene
    assert {each.key for each in scene.meshes} >= {"lumen/lumen-1", f"stent/{items(hands, STENT)[0].id}", "lumen-line"}
    wires = next(each for each in scene.meshes if each.key.startswith("stent/"))
    along = 30.0 - wires.vertices_lps_mm[:, 2]
    assert along.min() == pytest.approx(body.start_mm, abs=0.8)
    assert along.max() == pytest.approx(body.end_mm, abs=0.8)


def test_that_the_stricture_is_set_by_hand_found_again_and_denied(hands: Hands) -> None:
    put_tube(hands)
    chart = pane(hands, "diameter_profile")
    places = chart.places
    lane = places.stenosis_lane.center().y()
    end = the_lumen(hands).stenosis.end_mm

    def at(along: float) -> QPoint:
        return QPointF(places.axis.x_of(along), lane).toPoint()

    QTest.mousePress(chart, LEFT, NONE, at(end))
    drag_to(chart, at(end + 3.0))
    drag_to(chart, at(end + 6.0))
    QTest.mouseRelease(chart, LEFT, NONE, at(end + 6.0))
    hands.settle()
    found = the_lumen(hands).stenosis
    assert found.by_person
    assert found.end_mm == pytest.approx(end + 6.0, abs=0.5)
    assert "set by hand" in words(hands)
    panel = lumens_of_window(hands).work.panel
    hands.press(panel.none)
    assert the_lumen(hands).stenosis is None
    assert "none found" in words(hands)
    hands.press(panel.again)
    assert the_lumen(hands).stenosis.by_person is False


def test_that_a_landmark_is_marked_at_the_line_and_a_stent_across_it_is_told(hands: Hands) -> None:
    planned(hands)
    desk(hands).look(45.0)
    straight = pane(hands, "straightened")
    shown: list[object] = []
    straight.marks_menu.popup = shown.append
    straight.setFocus()
    QTest.keyClick(straight, Qt.Key.Key_K)
    next(each for each in straight.marks_menu.actions() if each.text() == "Carina").trigger()
    hands.settle()
    assert the_lumen(hands).marks[0].name == "carina"
    assert the_lumen(hands).marks[0].along_mm == pytest.approx(45.0, abs=0.5)
    stents = lumens_of_window(hands).stents
    assert stents.panel.acts.judge(items(hands, STENT)[0].id) is None
    hands.settle()
    assert any("carina" in each.text for each in the_stent(hands).findings)
    assert "INSIDE the stent" in words(hands)
    assert lumens_of_window(hands).unmark("lumen-1", "carina") is None
    assert the_lumen(hands).marks == ()


def test_that_size_type_and_pair_are_changed_in_the_panel(hands: Hands) -> None:
    first = planned(hands)
    stents = lumens_of_window(hands).stents
    hands.type(stents.panel.diameter.line, "20")
    assert the_stent(hands).diameter_mm == 20.0
    hands.type(stents.panel.length.line, "-3")
    assert the_stent(hands).length_mm > 0.0
    assert "above 0 mm" in words(hands)
    assert stents.choose(0) is None
    hands.settle()
    second = next(each.id for each in items(hands, STENT) if each.id != first)
    assert len({each.name for each in items(hands, STENT)}) == 2
    assert stents.pair(second, first) is None
    hands.settle()
    bodies = {each.id: each.body["partner"] for each in items(hands, STENT)}
    assert bodies == {first: second, second: first}
    assert stents.panel.acts.remove(second) is None
    assert len(items(hands, STENT)) == 1


def test_that_the_sizing_sheet_is_written_and_remembered(hands: Hands, tmp_path: Path) -> None:
    from pypdf import PdfReader

    planned(hands)
    stents, paper = lumens_of_window(hands).stents, tmp_path / "sheet.pdf"
    stents.sheet_path = lambda: str(paper)
    hands.press(hands.button(stents.panel, "Sizing sheet"))
    hands.settle()
    reader = PdfReader(paper)
    assert len(reader.pages) == 1
    assert "Stent sizing sheet" in reader.pages[0].extract_text()
    assert hands.work.opened.revision > 0
    assert "Printing the sizing sheet: done" in hands.window.jobs.message.text()


def test_that_panes_and_panel_are_legible_on_a_laptop(hands: Hands) -> None:
    planned(hands)
    grid = hands.window.case_page.grid
    for name, least in (("straightened", (300, 240)), ("diameter_profile", (300, 240)), ("cross_section", (150, 150))):
        size = grid.frame(name).pane.size()
        assert size.width() >= least[0]
        assert size.height() >= least[1]
    panel = lumens_of_window(hands).panel
    room = hands.window.case_page.stage_panel.width()
    assert panel.minimumSizeHint().width() <= room
