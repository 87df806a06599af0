"""Runs of an open case in the window: measured, listed, jumped to, printed, and there again after reopening."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from paper import FakeRenderer, text_of
from phantoms import tiny_patient
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from run_films import FULL, still_film
from window_hands import LEFT, Hands

from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.images import scan
from planner.app.library import open_library
from planner.app.reporting import session_report
from planner.app.templates import installed
from planner.model.codec import to_json
from planner.model.run_items import KEY_FRAME, RUN_MEASUREMENT, RUN_VIEW
from planner.model.session import SessionState, TimeOut
from planner.phantom import write_runs
from planner.store.actors import Actor
from planner.workflow.lifecycle import new_session
from viewers.panes.run_pane import RunPane

READER = Actor("Dr Other", "planner", "room-2")
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_runs(tiny_patient(), [still_film()], folder / "images", folder / "truth")
    return folder / "images"


@pytest.fixture
def folder(files: Path, tmp_path: Path) -> Path:
    """A library with a case of one run and an empty session."""
    made = tmp_path / "library"
    made.mkdir()
    library = open_library(str(made))
    entry = next(each for each in scan([files]).series if each.kind == "angio")
    empty = case_from_series(entry, simulated=True)
    edit, _ = attach_series(empty, entry, confirmed=True)
    known = installed()
    case, _ = new_session(edit(empty), known.templates["tace"], known.profiles["bclc-cirse"])
    library.create_case(case, READER)
    remember_places(library, case, READER)
    library.close()
    return made


@pytest.fixture
def hands(qapp: QApplication, folder: Path) -> Iterator[Hands]:
    made = opened(folder)
    yield made
    if made.window.work is not None:
        made.work.abandon()
        made.window.work = None
    made.close()


def opened(folder: Path) -> Hands:
    """A window on the only case of a library, its run on the screen."""
    hands = Hands(folder)
    hands.window.open_case(hands.library.list_cases()[0].case_id)
    hands.window.desk.state.layout.set("dsa")
    hands.until(lambda: pane(hands).run is not None and at_rest(hands), "the run")
    return hands


def pane(hands: Hands) -> RunPane:
    frame = hands.window.case_page.grid.frame("dsa")
    assert frame is not None
    return frame.picture


def at_rest(hands: Hands) -> bool:
    return pane(hands).is_settled and not hands.window.desk.jobs.running


def place(hands: Hands, x: float, y: float) -> QPoint:
    view = pane(hands).view()
    assert view is not None
    across, down = view.screen_of(x, y)
    return QPoint(round(across), round(down))


def press(hands: Hands, key: Qt.Key) -> None:
    QTest.keyClick(pane(hands), key)
    hands.until(lambda: at_rest(hands), "rest")


def measure_distance(hands: Hands) -> None:
    pane(hands).pane_state.playback.go(FULL)
    hands.until(lambda: at_rest(hands), "rest")
    press(hands, Qt.Key.Key_D)
    for point in ((60.0, 60.0), (120.0, 60.0)):
        QTest.mouseClick(pane(hands), LEFT, NONE, place(hands, *point))
    hands.until(lambda: at_rest(hands), "rest")


def items(hands: Hands, kind: str) -> list:
    return [item for item in hands.work.session_desk.session.items if item.type == kind]


def test_that_what_is_measured_is_listed_with_its_numbers_and_jumped_to(hands: Hands) -> None:
    measure_distance(hands)
    page = hands.window.case_page
    page.refresh()
    texts = [page.items.list.item(line).text() for line in range(page.items.list.count())]
    line = next(text for text in texts if text.startswith("Distance 1"))
    assert f"frame {FULL + 1}" in line
    assert " mm" in line
    assert "stands on isocentre geometry" in line
    hands.window.desk.state.layout.set("mpr")
    row = texts.index(line)
    page.jump_to_item(page.items.list.item(row).data(Qt.ItemDataRole.UserRole))
    hands.until(lambda: at_rest(hands), "rest")
    assert hands.window.desk.state.layout.value == "dsa"
    assert pane(hands).shown_frame == FULL
    assert page.items.run_card.isVisibleTo(page.items)
    hands.type(page.items.run_card.name.line, "Neck of the lesion")
    assert items(hands, RUN_MEASUREMENT)[0].name == "Neck of the lesion"
    card = page.items.run_card
    hands.until(lambda: card.name.line.text() == "Neck of the lesion", "the card")
    box = card.calibration
    assert box is not None
    hands.pick(box, None)
    QTest.keyClick(box, Qt.Key.Key_Return)
    box.activated.emit(box.currentIndex())
    hands.turn()
    assert "length_mm" not in items(hands, RUN_MEASUREMENT)[0].body["values"]


def test_that_undo_of_the_menu_takes_back_a_measurement(hands: Hands) -> None:
    measure_distance(hands)
    assert items(hands, RUN_MEASUREMENT)
    pane(hands).setFocus()
    hands.shortcut(Qt.Key.Key_Z)
    assert hands.work.session_desk.session.items == ()


def test_that_a_key_frame_is_printed_with_what_is_measured_on_it(hands: Hands, tmp_path: Path) -> None:
    measure_distance(hands)
    press(hands, Qt.Key.Key_K)
    (kept,) = items(hands, KEY_FRAME)
    assert pane(hands).tools.marks.write(kept, "before <b>embolisation</b>") is None
    work, renderer, paper = hands.work, FakeRenderer(), tmp_path / "plan.pdf"
    assert work.save() is None
    session_report(
        work.opened.library, work.opened.case, work.opened.revision, work.session_desk.session_id, installed(), paper,
        renderer=renderer, volumes={}, by=READER, now=work.session_desk.clock(),
    )  # fmt: skip
    marks = [mark for sheet in renderer.sheets for panel in sheet.panels for mark in panel.marks]
    (mark,) = [each for each in marks if each.text.startswith("Distance 1")]
    assert " mm" in mark.text
    assert mark.points_xy[0] == pytest.approx((60.0, 60.0), abs=1.0)
    assert "before <b>embolisation</b>" in text_of(paper)


def test_that_marks_and_views_are_there_after_reopening(qapp: QApplication, folder: Path) -> None:
    hands = opened(folder)
    measure_distance(hands)
    press(hands, Qt.Key.Key_V)
    assert not pane(hands).is_subtracted
    (view,) = items(hands, RUN_VIEW)
    assert view.body["subtracted"] is False
    measured = items(hands, RUN_MEASUREMENT)
    assert hands.work.save() is None
    hands.close()
    again = opened(folder)
    try:
        assert not pane(again).is_subtracted
        assert items(again, RUN_MEASUREMENT) == measured
        assert pane(again).tools.on_run()
    finally:
        again.work.abandon()
        again.window.work = None
        again.close()


def test_that_the_record_is_never_refused_after_the_time_out(hands: Hands) -> None:
    document, desk = hands.work.opened.document, hands.work.session_desk

    def performed(case: object) -> object:
        done = TimeOut(desk.clock(), ("Dr One", "Nurse Two"), "digest", to_json(case))
        session = replace(desk.session, time_out=done, state=SessionState.IN_ROOM)
        return replace(case, sessions=(session,))

    document.apply("Time-out", performed)
    measure_distance(hands)
    press(hands, Qt.Key.Key_K)
    assert items(hands, RUN_MEASUREMENT)
    assert items(hands, KEY_FRAME)
