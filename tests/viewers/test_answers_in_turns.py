"""What is judged, read and built later than it is asked for: once edits rest, in a thread, in the next turn."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Event

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton
from response_scene import TODAY, value_case
from window_hands import PERSON, Hands

import planner.app.sessions
from planner.errors import InputRefused
from planner.model.case import Case
from planner.model.people import LabValue, Patient
from planner.store.summary import CaseFacts, CaseSummary
from viewers.panels.library_page import LibraryPage
from viewers.panes.desk import QtPost
from viewers.window.case_work import CaseWork

SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    application = QApplication.instance() or QApplication([])
    assert application is not None
    made = Hands(tmp_path_factory.mktemp("turns"))
    made.library.create_case(replace(value_case("case-turns"), courses=()), PERSON)
    made.window.open_case("case-turns")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CaseWork, "today", property(lambda self: TODAY))
        made.turn()
        yield made
    made.close()


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[Case]:
    """The cases whose session was judged whole since."""
    found: list[Case] = []
    evaluate = planner.app.sessions.evaluate

    def counted(case: Case, *arguments: object) -> object:
        found.append(case)
        return evaluate(case, *arguments)

    monkeypatch.setattr(planner.app.sessions, "evaluate", counted)
    return found


def entitle(hands: Hands, title: str) -> None:
    hands.work.opened.document.apply("Title", lambda case: replace(case, title=title))
    hands.turn()


def banner(hands: Hands) -> str:
    return "\n".join(each.text() for each in hands.window.case_page.banner.findChildren(QLabel))


def test_that_edits_over_a_page_are_judged_once_when_they_rest(window: Hands, judged: list[Case]) -> None:
    window.shortcut(Qt.Key.Key_G, SHIFT)
    assert window.window.case_page.covered_by is not None
    judged.clear()
    for title in ("one", "two", "three"):
        entitle(window, title)
    assert judged == [], "the banner says what it knows while edits come"
    window.until(lambda: judged, "the judgement")
    assert [each.title for each in judged] == ["three"]
    window.key(Qt.Key.Key_Escape)


def test_that_a_new_laboratory_value_reaches_the_banner_at_once_over_a_page(window: Hands) -> None:
    window.shortcut(Qt.Key.Key_G, SHIFT)
    before = banner(window)
    assert "eGFR unknown" in before
    printed = LabValue("lab-egfr", "egfr", 41.0, "mL/min/1.73m2", date(2026, 5, 11))
    window.work.opened.document.apply("Laboratory", lambda case: replace(case, laboratory=(*case.laboratory, printed)))
    window.turn()
    assert "eGFR 41" in banner(window)
    assert "(2026-05-11)" in banner(window)
    window.work.opened.document.undo()
    window.turn()
    assert banner(window) == before
    window.key(Qt.Key.Key_Escape)


def test_that_what_is_pressed_before_the_panels_have_followed_signs_no_other_stage(
    window: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed: list[tuple[str | None, str]] = []
    monkeypatch.setattr(CaseWork, "sign", lambda self, role, name: signed.append((self.stage_id, name)))
    window.go("referral")
    buttons = window.window.case_page.signing.findChildren(QPushButton)
    sign = next(each for each in buttons if each.isVisible() and each.text().startswith("Sign"))
    line = next(each for each in window.window.case_page.signing.findChildren(QLineEdit) if each.isVisible())
    line.setText("Dr Fast")
    window.work.go_to_stage("fitness")
    sign.click()
    assert signed == []
    window.turn()
    window.go("referral")
    buttons = window.window.case_page.signing.findChildren(QPushButton)
    next(each for each in buttons if each.isVisible() and each.text().startswith("Sign")).click()
    assert [stage for stage, _ in signed] == ["referral"]


def test_that_card_and_ledger_are_judged_once_for_a_value_of_the_case(
    window: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    import viewers.window.case_response_stage as stage

    asked: list[str] = []
    real = {name: getattr(stage, name) for name in ("next_step_card", "course_ledger")}
    for name, function in real.items():
        monkeypatch.setattr(
            stage, name, lambda *given, name=name, function=function: asked.append(name) or function(*given)
        )
    entitle(window, "anew")
    for _ in range(2):
        for key in (Qt.Key.Key_G, Qt.Key.Key_X):
            window.shortcut(key, SHIFT)
            window.key(Qt.Key.Key_Escape)
    assert asked.count("course_ledger") == 1
    assert 1 <= asked.count("next_step_card") <= 2, "the minute may change"
    entitle(window, "once more")
    window.shortcut(Qt.Key.Key_G, SHIFT)
    assert asked.count("course_ledger") == 2
    window.key(Qt.Key.Key_Escape)


class Shelf:
    """A library page whose cases are read in a thread, one gate before each."""

    def __init__(self) -> None:
        self.gate, self.threads, self.post = Event(), ThreadPoolExecutor(1), QtPost()
        self.read: list[str] = []
        facts = [CaseFacts(patient_name=f"Patient {key}", patient_id=key) for key in "ABC"]
        summaries = [
            CaseSummary(each.patient_id, 1, each, updated_at="2026-05-01T10:00:00+00:00", updated_by="Dr F")
            for each in facts
        ]
        self.page = LibraryPage(
            search=lambda text: summaries,
            look=self.look,
            open_case=lambda case_id: None,
            open_session=lambda *_: None,
            import_folder=lambda: None,
            import_file=lambda: None,
            threads=(self.threads, self.post),
        )

    def look(self, case_id: str, revision: int) -> Case:
        assert self.gate.wait(30.0)
        self.read.append(case_id)
        if case_id == "C":
            raise InputRefused("unknown-case", "This revision cannot be read.")
        return Case(case_id, Patient(case_id, f"Patient {case_id}"))

    @property
    def words(self) -> str:
        detail = self.page._detail
        return "\n".join(
            widget.text() for at in range(detail.count()) if isinstance(widget := detail.itemAt(at).widget(), QLabel)
        )


def test_that_the_preview_stays_until_the_chosen_case_is_read(window: Hands) -> None:
    shelf = Shelf()
    shelf.gate.set()
    shelf.page.refresh()
    window.until(lambda: "Patient A" in shelf.words, "the first case")
    shelf.gate.clear()
    shelf.page.table.selectRow(1)
    window.until(lambda: not shelf.page._soon.isActive(), "the pause")
    assert "Patient A" in shelf.words, "nothing flickers while the next one is read"
    shelf.page.table.selectRow(0)
    shelf.page.table.selectRow(1)
    shelf.gate.set()
    window.until(lambda: shelf.page.is_settled, "the second case")
    assert "Patient B" in shelf.words
    shelf.page.table.selectRow(2)
    window.until(lambda: shelf.page.is_settled, "the third case")
    assert "cannot be read" in shelf.words
    assert "Patient B" not in shelf.words
    assert shelf.read.count("A") == 1, "a revision that was read is kept"
    shelf.post.close()
    shelf.threads.shutdown()
    shelf.page.deleteLater()
    window.turn()
