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
from planner.app.feeders import NOT_ABSENT
from planner.app.images import scan, write_volume
from planner.app.library import open_library
from planner.app.marking import add_lesion
from planner.app.templates import Installed, installed
from planner.app.vessel_trees import FoundTree, put_tree
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.model.items import PlanItem
from planner.model.people import Patient
from planner.model.vessel_items import VESSEL_TREE, CatheterPositionBody
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
        start, along = segment.points_lps_mm[0], segment.points_lps_mm[-1] - segment.points_lps_mm[0]
        share = np.clip((points - start) @ along / (along @ along), 0.0, 1.0)
        away = np.linalg.norm(points - start - share[..., None] * along, axis=-1)
        voxels[away <= max(float(segment.radius_mm[0]), 1.8)] = 300
    return Volume(voxels, volume.grid, volume.source)


def with_vessel_tools(known: Installed) -> Installed:
    """TACE of one stage that asks nothing and offers the tools of vessels: evaluating the others takes longer."""
    template = known.templates["tace"]
    stage = replace(
        template.stage(STAGE), tools=("vessel-tree", "feeders", "injection", "lesion"), layout="vessels",
        after=(), fields=(), checks=(),
    )  # fmt: skip
    return replace(known, templates={**known.templates, "tace": replace(template, stages=(stage,))})


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
    made.go(STAGE)
    made.work.follow(with_vessel_tools(made.work.installed))
    made.settle()
    yield made
    made.work.abandon()
    made.window.work = None
    made.close()


@pytest.fixture
def hands(window: Hands) -> Iterator[Hands]:
    """The window on a session in which nothing is marked, the diagram alone: other panes are tested elsewhere."""
    state = window.window.desk.state
    state.layout.set("vessels")
    state.enlarged_pane.set("tree_diagram")
    window.turn()
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
    names = case_vessels.trees.panel.name
    names.setCurrentIndex(names.findData("a6") - 1)
    QTest.keyClick(names, Qt.Key.Key_Down)
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
    assert panel._content.lesions[0].warnings == (f"No feeder was found on these images. {NOT_ABSENT}",)
    assert hands.work.opened.document.undo()
    hands.settle()
    assert panel._content.lesions[0].feeders[0].supply == "main"
    vessels_of(hands).cut(VesselPlace(body.tree, "thin", 2.0), whole=True)
    hands.settle()
    assert "Measured before the tree changed" in panel._content.lesions[0].stale


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


def put_position(hands: Hands, segment: str, share: float = 0.3) -> tuple[PlanItem, CatheterPositionBody]:
    """A click with the catheter tool on the diagram."""
    pane = diagram(hands)
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_C)
    hands.settle()
    QTest.mouseClick(pane, LEFT, NONE, at(pane, segment, share))
    hands.settle()
    return positions_of(items(hands))[-1]


def test_that_positions_are_compared_and_summed_and_called_stale_when_the_tree_changes(hands: Hands) -> None:
    put_liver_and_lesion(hands)
    tree_id = put_hand_tree(hands)
    (first, _), (second, _) = put_position(hands, "right"), put_position(hands, "left")
    positions = vessels_of(hands).positions
    content = positions.panel._content
    assert [line.name for line in content.positions] == ["Right hepatic", "Left hepatic"]
    assert "covered" in content.total[1].text
    assert "2 positions" in content.total[0].text
    scroll_to(hands, positions.panel.compare)
    positions.panel.compare.setCurrentIndex(positions.panel.compare.findData(first.id))
    positions.panel.compare.activated.emit(positions.panel.compare.currentIndex())
    hands.settle()
    rows = {row[0]: row[1:] for row in positions.panel._content.comparison.rows}
    assert rows["Lesion 1"][0] == "0 %"
    assert rows["Lesion 1"][1] != "0 %"
    positions.set_action(second.id, "spare")
    hands.settle()
    assert "one position" in positions.panel._content.total[0].text
    vessels_of(hands).cut(VesselPlace(tree_id, "thin", 2.0), whole=True)
    hands.settle()
    hands.settle()
    assert all(line.stale for line in positions.panel._content.positions)
    assert any("does not count" in line.text for line in positions.panel._content.total)
    positions.select(first.id)
    hands.settle()
    press(hands, positions.panel.measure)
    hands.settle()
    stale = {line.item_id: line.stale for line in positions.panel._content.positions}
    assert stale == {first.id: False, second.id: True}


def test_that_lesions_a_position_is_meant_for_are_chosen_by_clicks_and_undone(hands: Hands) -> None:
    lesion = put_liver_and_lesion(hands)
    put_hand_tree(hands)
    item, body = put_position(hands, "right")
    assert body.lesion_ids == (lesion,), "meant for what it reaches, until a person says otherwise"
    panel = vessels_of(hands).positions.panel
    box = panel.lesions.boxes[lesion]
    assert (box.text(), box.isChecked()) == ("Lesion 1", True)
    scroll_to(hands, box)
    QTest.mouseClick(box, LEFT, NONE, QPoint(8, box.height() // 2))
    hands.settle()
    ((_, body),) = positions_of(items(hands))
    assert body.lesion_ids == ()
    box = panel.lesions.boxes[lesion]
    assert not box.isChecked()
    QTest.mouseClick(box, LEFT, NONE, QPoint(8, box.height() // 2))
    hands.settle()
    assert positions_of(items(hands))[0][1].lesion_ids == (lesion,)
    assert hands.work.opened.document.undo()
    assert positions_of(items(hands))[0][1].lesion_ids == (), "one step of undo for each click"
    assert hands.work.opened.document.undo()
    hands.settle()
    assert positions_of(items(hands))[0][1].lesion_ids == (lesion,)
    assert panel.lesions.boxes[lesion].isChecked()
    assert positions_of(items(hands))[0][0].id == item.id
    assert not panel.name.hasFocus(), "keys of tools go on to the panes"


def test_that_vessels_of_a_case_that_is_open_already_are_read_at_once(hands: Hands) -> None:
    tree_id = put_hand_tree(hands)
    case_vessels, work = vessels_of(hands), hands.work
    case_vessels.follow(None)
    assert not case_vessels.vessels.trees
    case_vessels.follow(work)
    assert list(case_vessels.vessels.trees) == [tree_id]
    assert [each.id for each in hands.window.desk.state.vessels.trees.value] == [tree_id]


def test_that_the_working_view_of_a_position_is_found_turned_and_kept(hands: Hands) -> None:
    put_liver_and_lesion(hands)
    put_hand_tree(hands)
    item, _ = put_position(hands, "right")
    positions, state = vessels_of(hands).positions, hands.window.desk.state
    press(hands, positions.panel.view)
    hands.settle()
    hands.until(lambda: state.vessels.view.projection.value is not None, "a projection")
    shown = state.vessels.view.map.value
    assert (shown.segment, state.layout.value) == ("right", "injection")
    assert state.vessels.view.angles.value == shown.best
    pane = hands.window.case_page.grid.frame("working_view").pane
    wanted = pane.places.angles_at(pane.places.at((20.0, 10.0)).toPoint().toPointF())
    QTest.mouseClick(pane, LEFT, NONE, pane.places.at((20.0, 10.0)).toPoint())
    hands.until(lambda: state.vessels.view.projection.value.angles == wanted, "the projection of that view")
    QTest.keyClick(pane, Qt.Key.Key_Return)
    hands.settle()
    ((_, body),) = positions_of(items(hands))
    assert (body.view.primary_deg, body.view.secondary_deg) == wanted
    assert body.view.by_person
    assert hands.work.opened.document.undo_label == f"Working view of {item.name}"


def test_that_a_click_in_the_aorta_finds_the_tree_as_a_job(hands: Hands) -> None:
    state = hands.window.desk.state
    state.layout.set("axial")
    pane = hands.pane("axial")
    state.move_cursor(volume_of(hands).grid.frame_uid, (0.0, 20.0, -20.0))
    hands.settle()
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_Y)
    x, y = np.rint(pane.view().px_of((0.0, 20.0, -20.0))).astype(int)
    QTest.mouseClick(pane, LEFT, NONE, QPoint(int(x), int(y)))
    assert any(job.group == "vessels" for job in hands.window.desk.jobs.running)
    hands.settle()
    ((item, body),) = trees_of(items(hands))
    assert (item.name, body.kind, body.method) == ("Arteries", "artery", "ct")
    assert len(body.segments) >= 4
    assert state.vessels.shown.id == item.id
    assert hands.work.opened.document.undo_label == "Find arteries"
