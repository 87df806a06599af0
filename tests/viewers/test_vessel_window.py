"""Vessels in the window of an open case: trees edited, feeders judged, positions put live; each act one undo step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from vessel_scenes import drag_to, hand_tree
from window_hands import Hands

from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.images import scan, write_volume
from planner.app.library import open_library
from planner.app.marking import add_lesion
from planner.app.templates import Installed, installed
from planner.app.vessel_trees import FoundTree, put_tree
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.model.items import PlanItem
from planner.model.people import Patient
from planner.model.vessel_items import VESSEL_TREE
from planner.model.vessel_reading import all_feeders_of, positions_of, trees_of
from planner.store.actors import Actor
from planner.workflow.lifecycle import new_session
from viewers.panels.vessel_panel import NO_TREE
from viewers.panes.tree_diagram_pane import TreeDiagramPane
from viewers.state.marking import RegionTarget
from viewers.state.vessels import VesselPlace
from viewers.window.case_vessels import CaseVessels

OTHER = Actor("Dr Other", "planner", "room-2")
LESION, LESION_MM = np.array([-27.0, -8.0, 12.0]), 7.0
STAGE = "positions"
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def with_vessels(volume: Volume) -> Volume:
    """The hand-drawn arteries, as bright as contrast medium makes them, in the images."""
    voxels = volume.voxels.copy()
    points = volume.grid.lps_from_kji.points(np.stack(np.indices(volume.grid.size_kji), axis=-1))
    voxels[voxels > 60] = 60
    for segment in hand_tree().segments:
        for place, radius in zip(segment.points_lps_mm, segment.radius_mm, strict=True):
            near = np.linalg.norm(points - place, axis=-1) <= max(radius, 1.8)
            voxels[near] = 300
    return Volume(voxels, volume.grid, volume.source)


def with_vessel_tools(known: Installed) -> Installed:
    """TACE whose stage of positions offers the tools of vessels, whatever the template on disk says."""
    template = known.templates["tace"]
    stages = tuple(
        replace(each, tools=("vessel-tree", "feeders", "injection", "lesion"), layout="vessels")
        if each.id == STAGE
        else each
        for each in template.stages
    )
    return replace(known, templates={**known.templates, "tace": replace(template, stages=stages)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, ball: Volume) -> Path:
    """A library with a case of one session of TACE on arterial images of the hand-drawn vessels."""
    made = tmp_path_factory.mktemp("vessels")
    image = made / "images" / "ball.nii.gz"
    image.parent.mkdir()
    write_volume(with_vessels(ball), image)
    library = open_library(str(made))
    entry = scan([image]).series[0]
    empty = case_from_series(entry, patient=Patient("T-1", "Test^Ball"))
    edit, _ = attach_series(empty, entry, confirmed=True)
    known = installed()
    attached = edit(empty)
    arterial = replace(attached, studies=tuple(replace(each, phase="arterial") for each in attached.studies))
    case, _ = new_session(arterial, known.templates["tace"], next(iter(known.profiles.values())))
    library.create_case(case, OTHER)
    remember_places(library, case, OTHER)
    library.close()
    return made


@pytest.fixture(scope="module")
def window(qapp: QApplication, folder: Path) -> Iterator[Hands]:
    """One window for all tests: opening one takes longer than a test."""
    made = Hands(folder)
    made.window.library_page.table.setFocus()
    made.key(Qt.Key.Key_Return)
    made.settle()
    made.work.follow(with_vessel_tools(made.work.installed))
    made.go(STAGE)
    made.settle()
    yield made
    made.work.abandon()
    made.window.work = None
    made.close()


@pytest.fixture
def hands(window: Hands) -> Iterator[Hands]:
    """The window on a session in which nothing is marked."""
    yield window
    window.window.desk.jobs.cancel_all()
    window.settle()
    window.window.desk.tools.escape()
    while window.work.opened.document.undo():
        window.turn()
    window.settle()


def vessels_of(hands: Hands) -> CaseVessels:
    return hands.window.case_page.vessels


def items(hands: Hands) -> tuple[PlanItem, ...]:
    return hands.work.session_desk.session.items


def volume_of(hands: Hands) -> Volume:
    found = hands.window.desk.state.images.primary
    assert found is not None
    return found


def put_hand_tree(hands: Hands, **more: object) -> str:
    """The hand-drawn arteries, as a search would put them."""
    volume, work = volume_of(hands), hands.work
    tree = hand_tree(frame_uid=volume.grid.frame_uid, **more)
    found = FoundTree(tree, "ct", "I", f"{volume.source.series_uid}#{volume.source.part}")
    work.opened.document.apply("Find", put_tree(work.session_desk.session_id, found, by=OTHER))
    hands.settle()
    return next(each.id for each in items(hands) if each.type == VESSEL_TREE)


def put_liver_and_lesion(hands: Hands) -> str:
    """A liver on both sides of the trunk, and a lesion about the end of the right branch."""
    volume, work = volume_of(hands), hands.work
    grid = volume.grid
    points = grid.lps_from_kji.points(np.stack(np.indices(grid.size_kji), axis=-1))
    liver = Mask.of(grid, (np.hypot(points[..., 0], points[..., 1]) < 36.0) & (points[..., 1] < 8.0))
    host = hands.window.desk.marks.host
    host.put_region(liver, volume.source, RegionTarget("Liver", structure="liver"), label="Liver", tool="brush")
    lesion = Mask.of(grid, np.linalg.norm(points - LESION, axis=-1) < LESION_MM)
    source = replace(volume.source, study_date="2024-03-12")
    edit = add_lesion(
        work.opened.library, work.session_desk.session_id, lesion, source, name="Lesion 1", by=OTHER, tool="brush"
    )
    work.opened.document.apply("Mark lesion", edit)
    hands.settle()
    return work.opened.case.lesions[-1].id


def diagram(hands: Hands) -> TreeDiagramPane:
    found = hands.window.case_page.grid.frame("tree_diagram").pane
    assert isinstance(found, TreeDiagramPane)
    return found


def at(pane: TreeDiagramPane, segment: str, share: float = 0.5) -> QPoint:
    bar, places = pane.diagram.bar(segment), pane.places
    return QPointF(places.x_of(bar.start_mm + share * (bar.end_mm - bar.start_mm)), places.y_of(bar.row)).toPoint()


def scroll_to(hands: Hands, widget: object) -> None:
    hands.window.case_page.stage_panel.scroll.ensureWidgetVisible(widget)
    hands.turn()


def press(hands: Hands, widget: object) -> None:
    scroll_to(hands, widget)
    hands.press(widget)


def test_that_a_tree_comes_on_show_with_what_cannot_be_seen_and_names_are_confirmed(hands: Hands) -> None:
    case_vessels = vessels_of(hands)
    assert NO_TREE
    assert not case_vessels.trees.panel.tree_labels
    put_hand_tree(hands, proposed=("right", "left"))
    panel = case_vessels.trees.panel
    (line,) = panel._content.trees
    assert "arteries below 1.2 mm are not visible" in line.notes[0]
    assert "Never complete" in line.notes[0]
    assert panel._content.proposals == 2
    QTest.mouseClick(diagram(hands), LEFT, NONE, at(diagram(hands), "right"))
    hands.settle()
    assert panel._content.segment.proposed
    press(hands, panel.confirm)
    assert panel._content.proposals == 1
    press(hands, panel.confirm_all)
    (_, body) = trees_of(items(hands))[0]
    assert not any(row.proposed for row in body.segments)
    assert hands.work.opened.document.undo()
    hands.turn()
    assert panel._content.proposals == 1


def test_that_a_vessel_is_named_from_the_catalogue_or_in_own_words(hands: Hands) -> None:
    put_hand_tree(hands)
    case_vessels = vessels_of(hands)
    QTest.mouseClick(diagram(hands), LEFT, NONE, at(diagram(hands), "thin", 0.4))
    hands.settle()
    scroll_to(hands, case_vessels.trees.panel.name)
    hands.pick(case_vessels.trees.panel.name, "a6")
    case_vessels.trees.panel.name.activated.emit(case_vessels.trees.panel.name.currentIndex())
    hands.settle()
    assert vessels_of(hands).vessels.trees[trees_of(items(hands))[0][0].id].shown.tree.segment("thin").name == "a6"
    line = case_vessels.trees.panel.name.lineEdit()
    hands.type(line, "Branch to the dome")
    assert trees_of(items(hands))[0][1].segments[-1].name == "Branch to the dome"


def test_that_keys_cut_and_undo_brings_back(hands: Hands) -> None:
    put_hand_tree(hands)
    pane = diagram(hands)
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_Y)
    QTest.mouseClick(pane, LEFT, NONE, at(pane, "a8"))
    hands.settle()
    QTest.keyClick(pane, Qt.Key.Key_X)
    hands.settle()
    rows = {row.id: row.length_mm for row in trees_of(items(hands))[0][1].segments}
    assert rows["a8"] == pytest.approx(hand_tree().segment("a8").length_mm / 2.0, abs=0.7)
    QTest.mouseClick(pane, LEFT, NONE, at(pane, "right", 0.4))
    QTest.keyClick(pane, Qt.Key.Key_Delete)
    hands.settle()
    assert {row.id for row in trees_of(items(hands))[0][1].segments}.isdisjoint({"right", "a8", "thin"})
    assert hands.work.opened.document.undo()
    assert hands.work.opened.document.undo()
    hands.settle()
    assert len(trees_of(items(hands))[0][1].segments) == 7


def test_that_feeders_are_found_judged_and_shown_everywhere(hands: Hands) -> None:
    lesion = put_liver_and_lesion(hands)
    put_hand_tree(hands)
    case_vessels, state = vessels_of(hands), hands.window.desk.state
    panel = case_vessels.feeders.panel
    press(hands, panel.find_button)
    hands.settle()
    ((_, body),) = all_feeders_of(items(hands))
    assert [row.segment for row in body.feeders] == ["a8"], [(r.segment, r.reason) for r in body.candidates]
    assert state.vessels.way.value.segment == "a8"
    assert state.vessels.supply.value.standing["a8"] == "main"
    row = panel.rows[(lesion, "a8")]
    scroll_to(hands, row.act)
    QTest.mouseClick(row.act, LEFT, NONE, row.act.rect().center())
    hands.settle()
    ((_, body),) = all_feeders_of(items(hands))
    assert not body.feeders
    assert hands.work.opened.document.undo()
    hands.settle()
    assert panel._content.lesions[0].feeders[0].supply == "main"
    vessels_of(hands).cut(VesselPlace(body.tree, "thin", 2.0), whole=True)
    hands.settle()
    assert "measured before the tree changed" in panel._content.lesions[0].stale


def test_that_a_tip_is_dragged_live_and_stored_when_let_go(hands: Hands) -> None:
    put_liver_and_lesion(hands)
    tree_id = put_hand_tree(hands)
    case_vessels, state = vessels_of(hands), hands.window.desk.state
    pane = diagram(hands)
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_C)
    hands.settle()
    assert case_vessels.positions.live.ready(tree_id) is not None, "prepared when the tool is picked"
    before = hands.work.opened.document.undo_label
    QTest.mousePress(pane, LEFT, NONE, at(pane, "coeliac", 0.5))
    wide = state.vessels.injection.value
    drag_to(pane, at(pane, "a8", 0.2))
    narrow = state.vessels.injection.value
    hands.turn()
    assert narrow.lit == {"a8"}
    assert narrow.territory.volume_ml < wide.territory.volume_ml
    assert "Lesion 1" in narrow.words[0][0]
    assert hands.work.opened.document.undo_label == before, "nothing is stored while the hand moves"
    QTest.mouseRelease(pane, LEFT, NONE, at(pane, "a8", 0.2))
    hands.settle()
    ((item, body),) = positions_of(items(hands))
    assert body.segment == "a8"
    assert body.injection is not None
    assert next(iter(body.injection.coverage.values())) > 0.9
    assert body.way is not None
    assert state.selected_id.value == item.id
    card = case_vessels.positions.panel._content.card
    assert "covered" in card.coverage[0].text
    assert hands.work.opened.document.undo()
    hands.settle()
    assert not positions_of(items(hands))
    assert state.vessels.injection.value is None
