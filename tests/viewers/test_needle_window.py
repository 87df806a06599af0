"""Needles in the window of an open case: structures, search, live numbers, read-out, each act undone in one step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from window_hands import Hands

from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.images import scan, write_volume
from planner.app.library import open_library
from planner.app.marking import add_lesion
from planner.app.templates import installed
from planner.geometry import Grid
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.model.items import RegionBody
from planner.model.needle_items import NEEDLE_PATH, NeedlePathBody
from planner.model.people import Patient
from planner.store.actors import Actor
from planner.workflow.lifecycle import new_session
from viewers.panels.needle_panel import ABSENT, NOT_SEGMENTED, SEGMENTED
from viewers.state.marking import RegionTarget
from viewers.state.skin_map import NOT_CHECKED, REJECTED
from viewers.window.case_needle_live import STALE
from viewers.window.case_needle_search import NO_SKIN, SEARCH_IS_OLD
from viewers.window.case_needles import CaseNeedles

OTHER = Actor("Dr Other", "planner", "room-2")
LESION, BODY_MM = np.array([6.0, -8.0, 5.0]), 36.0
BONE = np.array([6.0, -26.0, 5.0])
BONE_MM = 4.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, ball: Volume) -> Path:
    """A library with a case of one session of ablation on the images of a ball."""
    made = tmp_path_factory.mktemp("needles")
    image = made / "images" / "ball.nii.gz"
    image.parent.mkdir()
    write_volume(ball, image)
    library = open_library(str(made))
    entry = scan([image]).series[0]
    empty = case_from_series(entry, patient=Patient("T-1", "Test^Ball"))
    edit, _ = attach_series(empty, entry, confirmed=True)
    known = installed()
    case, _ = new_session(edit(empty), known.templates["ablation"], next(iter(known.profiles.values())))
    library.create_case(case, OTHER)
    remember_places(library, case, OTHER)
    library.close()
    return made


@pytest.fixture
def hands(qapp: QApplication, folder: Path) -> Iterator[Hands]:
    made = Hands(folder)
    made.window.library_page.table.setFocus()
    made.key(Qt.Key.Key_Return)
    made.settle()
    made.go("paths")
    made.settle()
    yield made
    made.work.abandon()
    made.window.work = None
    made.close()


def points_of(grid: Grid) -> np.ndarray:
    k, j, i = np.indices(grid.size_kji)
    return grid.lps_from_kji.points(np.stack([k, j, i], axis=-1))


def needles_of(hands: Hands) -> CaseNeedles:
    return hands.window.case_page.needles


def volume_of(hands: Hands) -> Volume:
    found = hands.window.desk.state.images.primary
    assert found is not None
    return found


def put_structures(hands: Hands) -> str:
    """The body as skin, a rod of bone before the lesion, and the lesion itself; returns the lesion's item."""
    volume, host = volume_of(hands), hands.window.desk.marks.host
    points = points_of(volume.grid)
    skin = Mask.of(volume.grid, np.hypot(points[..., 0], points[..., 1]) < BODY_MM)
    bone = Mask.of(volume.grid, np.linalg.norm(points - BONE, axis=-1) < BONE_MM)
    for mask, key in ((skin, "skin"), (bone, "bone")):
        host.put_region(mask, volume.source, RegionTarget(key, structure=key), label=key, tool="brush")
    lesion = Mask.of(volume.grid, np.linalg.norm(points - LESION, axis=-1) < 6.0)
    work = hands.work
    source = volume.source
    if source.study_date is None:
        from dataclasses import replace

        source = replace(source, study_date="2024-03-12")
    edit = add_lesion(
        work.opened.library, work.session_desk.session_id, lesion, source, name="Lesion 1", by=OTHER, tool="brush"
    )
    work.opened.document.apply("Mark lesion", edit)
    hands.settle()
    return next(mark.id for mark in hands.window.desk.marks.marks.value if mark.item.name == "Lesion 1")


def needle_bodies(hands: Hands) -> list[NeedlePathBody]:
    return [each.body for each in hands.window.desk.marks.marks.value if isinstance(each.body, NeedlePathBody)]


def place(hands: Hands, entry: tuple[float, float, float]) -> NeedlePathBody:
    """T and a click on the lesion, then a click towards an entry."""
    pane = hands.pane("axial")
    hands.window.desk.state.move_cursor(volume_of(hands).grid.frame_uid, LESION)
    hands.settle()
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_T)
    for point in (LESION, np.asarray(entry)):
        x, y = np.rint(pane.view().px_of(point)).astype(int)
        QTest.mouseClick(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(int(x), int(y)))
        hands.settle()
    return needle_bodies(hands)[-1]


def test_that_the_panel_names_what_is_not_checked_and_a_person_may_say_it_is_absent(hands: Hands) -> None:
    put_structures(hands)
    panel = needles_of(hands).panel
    lines = {each.key: each for each in panel._content.structures}
    assert lines["bone"].status == SEGMENTED
    missing = [each for each in lines.values() if each.status == NOT_SEGMENTED and each.required]
    assert missing
    key = missing[0].key
    label = panel.absent[key]
    hands.window.case_page.stage_panel.scroll.ensureWidgetVisible(label)
    hands.turn()
    QTest.mouseClick(label, Qt.MouseButton.LeftButton)
    hands.settle()
    assert {each.key: each.status for each in panel._content.structures}[key] == ABSENT
    assert hands.work.opened.document.undo()
    hands.settle()
    assert {each.key: each.status for each in panel._content.structures}[key] == NOT_SEGMENTED


def test_that_a_placed_needle_is_measured_with_the_session_s_structures_in_one_step(hands: Hands) -> None:
    lesion = put_structures(hands)
    body = place(hands, (-20.0, -8.0, 5.0))
    assert body.region_id == lesion
    assert body.lesion_ids
    # The skin is found on the way out, and the distance to the ball of bone is that of two centres less both radii.
    entry, tip = np.array(body.entry_lps_mm), np.array(body.tip_lps_mm)
    assert np.hypot(*entry[:2]) == pytest.approx(BODY_MM, abs=1.0)
    along = (tip - entry) / np.linalg.norm(tip - entry)
    depth = np.clip((BONE - entry) @ along, 0.0, np.linalg.norm(tip - entry))
    truth = np.linalg.norm(entry + depth * along - BONE) - BONE_MM - body.diameter_mm / 2.0
    assert body.measured is not None
    assert body.measured.clearances_mm["bone"] == pytest.approx(truth, abs=1.0)
    assert "bone" not in body.measured.not_checked
    assert body.measured.not_checked
    before = len(needle_bodies(hands))
    assert hands.work.opened.document.undo()
    assert len(needle_bodies(hands)) == before - 1


def drag_on(pane, point: QPoint) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    here, outside = point.toPointF(), pane.mapToGlobal(point).toPointF()
    move = QMouseEvent(QEvent.Type.MouseMove, here, outside, Qt.MouseButton.NoButton, left, none)
    QApplication.sendEvent(pane, move)


def test_that_every_move_of_a_drag_has_its_own_clearances_and_the_drag_is_one_step(hands: Hands) -> None:
    put_structures(hands)
    body = place(hands, (-20.0, -8.0, 5.0))
    state = hands.window.desk.state
    hands.settle()
    pane = hands.pane("axial")
    x, y = np.rint(pane.view().px_of(body.entry_lps_mm)).astype(int)
    here = QPoint(int(x), int(y))
    steps = len(hands.work.opened.document._undo)
    QTest.mousePress(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, here)
    seen = []
    for step in range(1, 9):
        drag_on(pane, here + QPoint(2 * step, -3 * step))
        reading = state.needles.live.value
        bone = next(each for each in reading.clearances if each.structure == "bone")
        draft = state.needles.draft.value
        seen.append(bone.mm)
        entry, tip = np.array(draft.entry_lps_mm), np.array(draft.tip_lps_mm)
        along = (tip - entry) / np.linalg.norm(tip - entry)
        depth = np.clip((BONE - entry) @ along, 0.0, np.linalg.norm(tip - entry))
        truth = np.linalg.norm(entry + depth * along - BONE) - BONE_MM - draft.diameter_mm / 2.0
        assert bone.mm == pytest.approx(truth, abs=1.0)
        assert reading.not_checked
    assert len(set(seen)) == len(seen)
    assert seen[-1] < seen[0]
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, here + QPoint(16, -24))
    hands.settle()
    assert len(hands.work.opened.document._undo) == steps + 1
    assert needle_bodies(hands)[0].measured.clearances_mm["bone"] == pytest.approx(seen[-1])


def test_that_a_search_without_skin_says_what_to_do(hands: Hands) -> None:
    panel = needles_of(hands).panel
    hands.press(panel.search)
    assert panel.problem.text().startswith("Nothing to aim at")
    volume = volume_of(hands)
    points = points_of(volume.grid)
    lump = Mask.of(volume.grid, np.linalg.norm(points - LESION, axis=-1) < 6.0)
    chosen = hands.window.desk.marks.host.put_region(
        lump, volume.source, RegionTarget("Lump"), label="Lump", tool="brush"
    )
    hands.window.desk.state.selected_id.set(chosen)
    hands.settle()
    hands.press(panel.search)
    assert panel.problem.text() == NO_SKIN


def test_that_a_search_fills_map_and_list_and_its_path_goes_into_the_plan(hands: Hands) -> None:
    lesion = put_structures(hands)
    hands.window.desk.state.selected_id.set(lesion)
    hands.settle()
    needles, state = needles_of(hands), hands.window.desk.state
    hands.press(needles.panel.search)
    hands.settle()
    found = needles.searching.answer.found
    skin = state.needles.skin_map.value
    assert found.candidates > 500
    assert REJECTED in skin.standing
    assert NOT_CHECKED in skin.standing
    # Straight before the lesion lies the bone: that entry is rejected, and says why.
    cell = skin.cell_of((6.0, -36.0, 5.0))
    assert skin.standing[cell] == REJECTED
    assert "bone" in skin.sentences[int(skin.entry[cell])]
    assert "NOT CHECKED" in needles.panel.summary.text()
    assert needles.panel.list.count() == len(needles.searching.paths) > 0
    rows = needles.panel.list
    hands.window.case_page.stage_panel.scroll.ensureWidgetVisible(rows)
    hands.turn()
    QTest.mouseClick(
        rows.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        rows.visualItemRect(rows.item(0)).center(),
    )  # fmt: skip
    hands.settle()
    best = needles.searching.paths[0].needle
    assert state.needles.chosen.value.entry_lps_mm == pytest.approx(best.entry_lps_mm)
    assert not needle_bodies(hands)
    pane = hands.pane("axial")
    pane.setFocus()
    QTest.keyClick(pane, Qt.Key.Key_Escape)
    assert state.needles.chosen.value is None
    hands.press(needles.panel.use)
    hands.settle()
    (body,) = needle_bodies(hands)
    assert body.entry_lps_mm == pytest.approx(best.entry_lps_mm)
    assert body.measured.not_checked == found.not_checked
    assert not state.needles.search_is_old.value
    assert hands.work.opened.document.undo()
    assert not needle_bodies(hands)
    hands.window.desk.marks.host.remove_item(
        next(each.id for each in hands.window.desk.marks.marks.value if each.item.name == "bone"), label="Remove bone"
    )
    hands.settle()
    assert state.needles.search_is_old.value
    hands.press(needles.panel.use)
    assert needles.panel.problem.text() == SEARCH_IS_OLD
    assert not needle_bodies(hands)


def test_that_numbers_from_before_a_structure_changed_are_called_stale_until_measured_again(hands: Hands) -> None:
    put_structures(hands)
    place(hands, (-20.0, -8.0, 5.0))
    desk, volume = hands.window.desk, volume_of(hands)
    (item,) = [each.item for each in desk.marks.marks.value if each.item.type == NEEDLE_PATH]
    assert item.id not in desk.state.needles.stale.value
    points = points_of(volume.grid)
    more = Mask.of(volume.grid, np.linalg.norm(points - BONE - (8.0, 0.0, 0.0), axis=-1) < BONE_MM)
    desk.marks.host.put_region(
        more, volume.source, RegionTarget("More bone", structure="bone"), label="Bone", tool="brush"
    )
    hands.settle()
    assert item.id in desk.state.needles.stale.value
    panel = needles_of(hands).panel
    assert panel._content.needle.reading.stale == STALE
    hands.window.case_page.stage_panel.scroll.ensureWidgetVisible(panel.measure)
    hands.turn()
    hands.press(panel.measure)
    hands.settle()
    assert item.id not in desk.state.needles.stale.value
    assert panel._content.needle.reading.stale == ""


def test_that_the_read_out_of_a_planning_picture_is_refused(hands: Hands) -> None:
    put_structures(hands)
    place(hands, (-20.0, -8.0, 5.0))
    card = needles_of(hands).panel._content.needle
    assert card.read_out == ()
    assert card.read_out_note.startswith("Planning picture, re-scan")


def test_that_a_parallel_copy_is_beside_measured_and_stays_parallel(hands: Hands) -> None:
    put_structures(hands)
    first = place(hands, (-20.0, -8.0, 5.0))
    panel = needles_of(hands).panel
    hands.window.case_page.stage_panel.scroll.ensureWidgetVisible(panel.copy)
    hands.turn()
    hands.press(panel.copy)
    hands.settle()
    copy = needle_bodies(hands)[1]
    way = np.subtract(first.tip_lps_mm, first.entry_lps_mm)
    assert np.subtract(copy.tip_lps_mm, copy.entry_lps_mm) == pytest.approx(way)
    assert copy.measured is not None
    assert hands.work.opened.document.undo()
    assert len(needle_bodies(hands)) == 1


def test_that_structures_are_made_from_the_images_in_one_step(hands: Hands) -> None:
    panel = needles_of(hands).panel
    hands.window.case_page.stage_panel.scroll.ensureWidgetVisible(panel.automatic)
    hands.turn()
    hands.press(panel.automatic)
    hands.settle()
    made = {each.body.structure for each in hands.window.desk.marks.marks.value if isinstance(each.body, RegionBody)}
    assert "skin" in made
    assert hands.work.opened.document.undo_label == "Make structures automatically"
    assert hands.work.opened.document.undo()
    assert not hands.window.desk.marks.marks.value
