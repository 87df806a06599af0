"""Tasks, diary, dossier and referral of an open case by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pypdf import PdfReader
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget

from planner.app.sessions import local_now
from planner.model.case import Case
from planner.model.follow_up import Report, TaskState
from planner.model.people import Patient
from tests.course_scene import STAMP, TODAY, course_case
from tests.window_hands import LEFT, PERSON, Hands
from viewers.panels.dossier_page import DossierPage
from viewers.panels.dossier_referral import ReferralInDialog, ReferralOutDialog
from viewers.panels.task_page import TaskPage
from viewers.panels.timeline_export import PICTURE_PX
from viewers.window.case_work import CaseWork

SHIFT = Qt.KeyboardModifier.ShiftModifier
FEVER = Report("report-fever", "fever", 39.0, TODAY - timedelta(days=2), "patient", "Nurse", STAMP, "shivering")


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    application = QApplication.instance() or QApplication([])
    assert application is not None
    made = Hands(tmp_path_factory.mktemp("dossier"))
    yield made
    made.close()


@pytest.fixture
def hands(window: Hands, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    """A fresh case of its own in the shared window, on the day the scene is made for."""
    name = f"case-{abs(hash(request.node.name)) % 10**8}"
    monkeypatch.setattr(CaseWork, "today", property(lambda self: TODAY))
    case = course_case(name)
    window.library.create_case(replace(case, studies=(), reports=(*case.reports, FEVER)), PERSON)
    window.window.open_case(name)
    window.turn()
    yield window
    dialog = window.window.dialogs.team.referral.dialog
    if dialog is not None:
        dialog.reject()


def case_of(hands: Hands) -> Case:
    return hands.work.opened.case


def tasks(hands: Hands) -> TaskPage:
    if not hands.window.dialogs.team.tasks.is_open:
        hands.shortcut(Qt.Key.Key_T, SHIFT)
    found = hands.window.dialogs.team.tasks.page
    assert found is not None
    assert found.isVisible()
    return found


def dossier(hands: Hands) -> DossierPage:
    if not hands.window.dialogs.team.dossier.is_open:
        hands.shortcut(Qt.Key.Key_D, SHIFT)
    judged(hands)
    found = hands.window.dialogs.team.dossier.page
    assert found is not None
    assert found.isVisible()
    return found


def judged(hands: Hands) -> None:
    """Until the checklist is that of the case as it stands."""
    hands.until(lambda: hands.window.dialogs.team.dossier.is_judged, "the checklist")
    hands.settle()


def press(hands: Hands, parent: QWidget, text: str) -> None:
    found = [each for each in parent.findChildren(QPushButton) if each.isVisibleTo(parent) and each.text() == text]
    assert found, f"no button {text!r}"
    QTest.mouseClick(found[0], LEFT)
    hands.turn()


def words(widget: QWidget) -> str:
    return "\n".join(each.text() for each in widget.findChildren(QLabel) if each.isVisibleTo(widget))


# -- tasks and diary ---------------------------------------------------------------------------------------------------


def test_that_an_alert_becomes_a_task_with_an_owner_and_closes_with_an_outcome(hands: Hands) -> None:
    note = hands.window.dialogs.team.tasks.note
    assert note is not None
    hands.until(lambda: note.text() == "▲ 3 alerts", "the quiet count")
    QTest.mouseClick(note, LEFT)
    hands.turn()
    shown = tasks(hands)
    assert "Temperature 39" in words(shown.alerts)
    assert "unverified default" in words(shown.alerts)
    owner = next(each for each in shown.alerts.findChildren(QLineEdit) if each.placeholderText() == "Who does it")
    hands.type(owner, "")
    press(hands, shown.alerts, "Make a task")
    assert case_of(hands).tasks == ()
    assert "nobody's" in words(shown.alerts)
    hands.type(owner, "Dr Night")
    assert case_of(hands).tasks == (), "Enter must not open a task"
    press(hands, shown.alerts, "Make a task")
    (task,) = case_of(hands).tasks
    assert (task.owner, task.kind, task.due_on) == ("Dr Night", "symptom", TODAY - timedelta(days=1))
    assert "Temperature" not in words(shown.alerts)
    hands.until(lambda: note.text() == "▲ 2 alerts · ○ 1 task, 1 late", "the count after")
    shown.choose_task(task.id)
    hands.turn()
    press(hands, shown.cards[task.id], "Done")
    assert case_of(hands).tasks[0].state is TaskState.OPEN
    hands.type(shown.outcome, "Blood culture taken, antibiotics")
    press(hands, shown.cards[task.id], "Done")
    assert case_of(hands).tasks[0].state is TaskState.DONE
    assert "done on" in words(shown.tasks)


def test_that_a_task_of_ones_own_is_handed_over_and_dropped_with_a_reason(hands: Hands) -> None:
    shown = tasks(hands)
    hands.type(shown.text, "Exchange <b>the drain</b>")
    hands.type(shown.own.owner, "Ward")
    line = shown.own.day.findChild(QLineEdit)
    assert line is not None
    hands.type(line, "5 May", leave=False)
    hands.press(shown.own.go)
    assert "is no day" in shown.own.problem.text()
    hands.type(line, "2026-12-01", leave=False)
    hands.press(shown.own.go)
    (task,) = case_of(hands).tasks
    assert task.text == "Exchange <b>the drain</b>"
    assert "due 2026-12-01, in 9 d" in words(shown.tasks)
    shown.choose_task(task.id)
    hands.turn()
    card = shown.cards[task.id]
    owner = next(each for each in card.findChildren(QLineEdit) if each.text() == "Ward")
    hands.type(owner, "Radiology")
    press(hands, card, "Hand over")
    assert case_of(hands).tasks[0].owner == "Radiology"
    press(hands, shown.cards[task.id], "Drop")
    assert "Say why" in shown.problem.text()
    hands.type(shown.outcome, "Drain is out")
    press(hands, shown.cards[task.id], "Drop")
    assert case_of(hands).tasks[0].state is TaskState.DROPPED


def test_that_what_was_typed_for_one_alert_stays_when_another_becomes_a_task(hands: Hands) -> None:
    shown = tasks(hands)
    first, second = list(shown.lines)[:2]
    hands.type(shown.lines[second].owner, "Dr Half typed", leave=False)
    hands.type(shown.lines[first].owner, "Dr Night", leave=False)
    hands.press(shown.lines[first].go)
    assert [each.owner for each in case_of(hands).tasks] == ["Dr Night"]
    assert shown.lines[second].owner.text() == "Dr Half typed"


def test_that_a_task_in_the_librarys_list_opens_at_what_can_be_done_with_it(hands: Hands) -> None:
    shown = tasks(hands)
    hands.type(shown.text, "Phone the patient")
    hands.type(shown.own.owner, "Ward")
    hands.press(shown.own.go)
    (task,) = case_of(hands).tasks
    case_id = case_of(hands).id
    hands.window.show_library()
    hands.window.library_page.show_due(True)
    table = hands.window.library_page.due.table
    lines = table.lines.lines
    number = next(n for n, each in enumerate(lines) if each.due.subject == task.id and each.summary.case_id == case_id)
    table.selectRow(number)
    QTest.keyClick(table, Qt.Key.Key_Return)
    hands.turn()
    assert hands.window.dialogs.team.tasks.is_open
    assert "Hand over" in [each.text() for each in tasks(hands).cards[task.id].findChildren(QPushButton)]
    hands.window.library_page.show_due(False)


def test_that_the_diary_takes_entries_on_their_scales_and_gives_them_back(hands: Hands) -> None:
    diary = tasks(hands).diary
    before = case_of(hands).reports
    assert diary.day.findChild(QLineEdit).text() == TODAY.isoformat()
    diary.day.show_value(min(TODAY, local_now().date()).isoformat())
    hands.type(diary.value, "12")
    hands.press(diary.go)
    assert "goes from 0 to 10" in diary.problem.text()
    hands.type(diary.value, "6,5")
    hands.pick(diary.source, "nurse")
    hands.press(diary.go)
    added = case_of(hands).reports[-1]
    assert (added.scale, added.value, added.source) == ("pain", 6.5, "nurse")
    hands.pick(diary.scale, "bleeding")
    hands.turn()
    assert diary.graded.isVisibleTo(diary)
    assert diary.graded.currentIndex() == -1, "no grade is filled in"
    hands.type(diary.words, "black stool")
    hands.press(diary.go)
    assert (case_of(hands).reports[-1].value, case_of(hands).reports[-1].text) == (None, "black stool")
    assert "black stool" in words(diary)
    press(hands, diary, "×")
    press(hands, diary, "×")
    assert case_of(hands).reports == before
    hands.key(Qt.Key.Key_Escape)
    assert hands.window.case_page.splitter.isVisible()


# -- dossier -----------------------------------------------------------------------------------------------------------


def test_that_the_dossier_lists_what_is_missing_and_closes_only_with_reasons_and_a_name(hands: Hands) -> None:
    part = dossier(hands).checklist
    assert "12 missing" in part.state.text()
    assert "no view or frame was kept" in words(part)
    hands.press(part.closer)
    assert "Type who closes" in part.problem.text()
    hands.type(part.name, "Dr Consultant")
    assert case_of(hands).closures == (), "Enter must not close the file"
    hands.press(part.closer)
    assert "without a reason" in part.problem.text()
    for line in part.reasons.values():
        line.setText("performed elsewhere")
    hands.press(part.closer)
    (closure,) = case_of(hands).closures
    assert closure.closed_by == "Dr Consultant"
    assert {each.reason for each in closure.missing} == {"performed elsewhere"}
    judged(hands)
    assert "Dossier closed by Dr Consultant" in part.state.text()
    assert not part.closing.isVisibleTo(part)
    assert hands.work.opened.is_saved
    hands.press(part.reopener)
    assert case_of(hands).closures == ()


def test_that_a_summary_is_a_draft_with_open_slots_until_a_named_person_releases_it(hands: Hands) -> None:
    part = dossier(hands).summary
    hands.pick(part.addressee, "patient")
    hands.press(part.drafter)
    judged(hands)
    (summary,) = case_of(hands).summaries
    assert part.mark.text().startswith("DRAFT")
    assert part.paragraphs[0].open.isVisibleTo(part)
    assert "still to be filled in" in part.against.text()
    hands.type(part.name, "Dr Consultant")
    assert not case_of(hands).summaries[0].is_released, "Enter must not release"
    hands.press(part.releaser)
    assert "still to be filled in" in part.problem.text()
    for each in part.paragraphs:
        if each.open.isVisibleTo(part):
            each.editor.text.setFocus()
            each.editor.text.selectAll()
            QTest.keyClicks(each.editor.text, "Told by hand.")
    hands.window.finish_typing()
    judged(hands)
    assert case_of(hands).summaries[0].paragraphs[0].endswith("\nTold by hand.")
    assert part.against.text() == ""
    hands.type(part.name, "Dr Consultant", leave=False)
    hands.press(part.releaser)
    judged(hands)
    assert case_of(hands).summaries[0].released_by == "Dr Consultant"
    assert part.mark.text().startswith("✓ Released by Dr Consultant")
    assert part.paragraphs[0].editor.text.isReadOnly()
    assert "released by Dr Consultant" in words(dossier(hands).checklist)
    hands.press(part.withdrawer)
    assert not case_of(hands).summaries[0].is_released
    assert case_of(hands).summaries[0].id == summary.id


def test_that_a_chinese_draft_stands_beside_the_english_one(hands: Hands) -> None:
    part = dossier(hands).summary
    hands.press(part.drafter)
    hands.pick(part.language, "zh-Hans")
    hands.pick(part.addressee, "follow-up-doctor")
    hands.press(part.drafter)
    judged(hands)
    assert part.chooser.count() == 2
    assert "简体中文" in part.chooser.currentText()
    assert part.paragraphs[0].open.isVisibleTo(part)
    hands.pick(part.chooser, next(each.id for each in case_of(hands).summaries if each.language == "en"))
    judged(hands)
    assert part.paragraphs[0].heading == "What was done"


def test_that_papers_are_printed_in_the_background_and_the_checklist_sees_them(hands: Hands, tmp_path: Path) -> None:
    shown = dossier(hands)
    hands.press(shown.summary.drafter)
    papers, case = hands.window.dialogs.team.papers, case_of(hands)
    assert "not printed" in words(shown.checklist)
    papers.technical_to(tmp_path / "technical.pdf", "session-3")
    papers.summary_to(tmp_path / "summary.pdf", case.summaries[0].id)
    papers.course_to(tmp_path / "course.pdf")
    papers.sheet_to(tmp_path / "sheet.pdf")
    hands.settle()
    judged(hands)
    for name in ("technical", "summary", "course", "sheet"):
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    (axis,) = [each for page in PdfReader(tmp_path / "course.pdf").pages for each in page.images]
    assert axis.image is not None
    assert axis.image.width == PICTURE_PX, "the axis of time stands in the course report"
    assert "printed as it stands" in words(shown.checklist)


# -- referral ----------------------------------------------------------------------------------------------------------


def test_that_a_referral_goes_out_and_comes_in_only_for_the_same_patient(hands: Hands, tmp_path: Path) -> None:
    referral, sent = hands.window.dialogs.team.referral, case_of(hands)
    referral.refer()
    dialog = referral.dialog
    assert isinstance(dialog, ReferralOutDialog)
    assert "names the patient" in words(dialog)
    dialog.reject()
    referral.write_to(tmp_path / "out.zip", "Second hospital", "Ablation asked")
    hands.settle()
    other = Case("case-other", Patient("OTHER-1", "Other^Patient"), simulated=True)
    same = Case(f"{sent.id}-here", sent.patient, simulated=True)
    for each in (other, same):
        if each.id not in {known.case_id for known in hands.library.list_cases()}:
            hands.library.create_case(each, PERSON)
    hands.window.open_case("case-other")
    referral.read_from(tmp_path / "out.zip")
    hands.settle()
    dialog = referral.dialog
    assert isinstance(dialog, ReferralInDialog)
    assert "Why: Ablation asked" in words(dialog)
    hands.press(dialog.into)
    assert "another patient" in dialog.problem.text()
    assert case_of(hands) == other
    dialog.reject()
    hands.window.open_case(same.id)
    referral.read_from(tmp_path / "out.zip")
    hands.settle()
    line = referral.dialog.steps[0]
    hands.press(line.go)
    assert "Name who does it" in line.problem.text()
    line.owner.setText("Nurse Hale")
    hands.press(line.go)
    assert not line.isEnabled()
    (task,) = case_of(hands).tasks
    assert task.owner == "Nurse Hale"
    assert "proposed by" in task.text
    hands.press(referral.dialog.into)
    hands.shortcut(Qt.Key.Key_Z)
    assert case_of(hands).tasks == (task,)
    hands.shortcut(Qt.Key.Key_Z)
    assert case_of(hands) == same
    referral.read_from(tmp_path / "out.zip")
    hands.settle()
    hands.press(referral.dialog.into)
    assert len(case_of(hands).laboratory) == len(sent.laboratory)
    hands.shortcut(Qt.Key.Key_Z)
    assert case_of(hands) == same
