"""The board meeting of an open case by hand: entries, opinions, what becomes of a decision, its sheet and its month."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget

from planner.model.disease import BoardDecision, Opinion
from tests.course_scene import TODAY, course_case
from tests.window_hands import LEFT, PERSON, Hands
from viewers.panels.board_calculator import RuleDialog
from viewers.panels.board_page import BoardPage
from viewers.window.case_board import CaseBoard
from viewers.window.case_work import CaseWork

SHIFT = Qt.KeyboardModifier.ShiftModifier
WISHES = "Wants to keep working; no second general anaesthesia if it can be avoided"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    application = QApplication.instance() or QApplication([])
    assert application is not None
    made = Hands(tmp_path_factory.mktemp("board"))
    yield made
    made.close()


@pytest.fixture
def hands(window: Hands, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    """A fresh case of its own in the shared window, with its meeting on show."""
    name = f"case-{abs(hash(request.node.name)) % 10**8}"
    monkeypatch.setattr(CaseWork, "today", property(lambda self: TODAY))
    window.library.create_case(replace(course_case(name), studies=()), PERSON)
    window.window.open_case(name)
    window.turn()
    window.shortcut(Qt.Key.Key_B, SHIFT)
    assert board(window).is_open
    yield window
    if board(window).dialog is not None:
        board(window).dialog.reject()


def board(hands: Hands) -> CaseBoard:
    return hands.window.dialogs.team.board


def page(hands: Hands) -> BoardPage:
    found = board(hands).page
    assert found is not None
    return found


def shown(hands: Hands) -> BoardDecision:
    found = board(hands).decision
    assert found is not None
    return found


def fill(hands: Hands, name: str, text: str) -> None:
    line = page(hands).form.editors[name].findChild(QLineEdit)
    assert line is not None
    hands.type(line, text)


def press(hands: Hands, parent: QWidget, text: str) -> None:
    found = [each for each in parent.findChildren(QPushButton) if each.isVisibleTo(parent) and each.text() == text]
    assert found, f"no button {text!r}"
    QTest.mouseClick(found[0], LEFT)
    hands.turn()


def words(widget: QWidget) -> str:
    return "\n".join(each.text() for each in widget.findChildren(QLabel) if not each.isHidden())


def test_that_a_decision_is_prepared_with_its_question_and_lists_what_is_missing(hands: Hands) -> None:
    before = hands.work.opened.case
    hands.press(page(hands).adder)
    assert len(hands.work.opened.case.decisions) == 2
    assert shown(hands).held_on == TODAY
    assert QApplication.focusWidget() is page(hands).form.editors["question"].focusProxy()
    QTest.keyClicks(QApplication.focusWidget(), "Ablate <b>L3</b>?")
    hands.window.finish_typing()
    assert shown(hands).question == "Ablate <b>L3</b>?"
    lacking = page(hands).missing_title.text()
    assert lacking.startswith("Missing:")
    fill(hands, "social", "Lives with his wife")
    assert int(page(hands).missing_title.text().split()[1]) == int(lacking.split()[1]) - 1
    for _ in range(3):
        hands.shortcut(Qt.Key.Key_Z)
    assert hands.work.opened.case == before


def test_that_what_the_case_says_is_offered_and_never_filled_in(hands: Hands) -> None:
    hands.press(page(hands).adder)
    line = page(hands).form.suggestions["patient_values"]
    assert shown(hands).patient_values is None
    assert line.isVisibleTo(page(hands).form)
    assert WISHES in line.label.text()
    press(hands, line, "Take over")
    assert shown(hands).patient_values == WISHES
    assert not line.isVisibleTo(page(hands).form)


def test_that_disciplines_speak_one_after_the_other_and_dissent_is_marked(hands: Hands) -> None:
    opinions = page(hands).form.opinions
    assert opinions.discipline.currentData() == "interventional-radiology"
    opinions.words.setFocus()
    QTest.keyClicks(opinions.words, "Ablation")
    hands.press(opinions.writer)
    assert shown(hands).opinions == (Opinion("interventional-radiology", None, "Ablation", False),)
    assert opinions.discipline.currentData() == "diagnostic-radiology"
    hands.press(opinions.next)
    QTest.keyClicks(opinions.words, "Change the drug first")
    hands.press(opinions.dissent)
    hands.press(opinions.writer)
    assert [each.dissent for each in shown(hands).opinions] == [False, True]
    assert "▲ disagrees · Hepatology: Change the drug first" in words(opinions)
    hands.press(opinions.writer)
    assert "Write what" in opinions.problem.text()
    press(hands, opinions, "×")
    assert [each.discipline for each in shown(hands).opinions] == ["hepatology"]


def test_that_the_calculator_gives_points_only_when_everything_is_answered(hands: Hands) -> None:
    press(hands, page(hands).form, "Calculate…")
    dialog = board(hands).dialog
    assert isinstance(dialog, RuleDialog)
    assert not dialog.go.isEnabled()
    assert dialog.values["age"] == 64
    heart = dialog.editors["heart_failure"].findChildren(QPushButton)[0]
    hands.press(heart)
    hands.press(dialog.rest)
    assert "Still asked: diabetes, liver disease, solid tumour" in dialog.answer.text()
    for name, code in (("diabetes", "none"), ("liver_disease", "mild"), ("solid_tumour", "localised")):
        editor = dialog.editors[name]
        editor.box.setFocus()
        while editor.box.currentData() != code:
            QTest.keyClick(editor.box, Qt.Key.Key_Down)
        editor.box.activated.emit(editor.box.currentIndex())
    hands.turn()
    assert "points 4" in dialog.answer.text()
    assert "unverified default" in dialog.source.text()
    assert shown(hands).charlson is None
    hands.press(dialog.go)
    assert shown(hands).charlson == 4
    assert "age adjusted 6" in str(shown(hands).comorbidity)


def test_that_growth_is_computed_from_two_days_with_what_lay_between(hands: Hands) -> None:
    growth = page(hands).form.growth
    hands.pick(growth.lesion, "lesion-L2")
    hands.pick(growth.first, "2025-11-02")
    assert "error of measuring" in growth.sentence.text()
    assert "between them: TACE 1" in growth.sentence.text()
    assert shown(hands).growth_rate is None
    hands.press(growth.taker)
    assert str(shown(hands).growth_rate).startswith("L2: 22 mm on 2025-11-02")


def test_that_points_that_cannot_be_are_refused_where_they_were_typed(hands: Hands) -> None:
    fill(hands, "hama", "70")
    assert shown(hands).hama is None
    assert "goes from" in page(hands).form.editors["hama"].toolTip()


def test_that_a_decision_is_carried_out_with_day_or_reason_and_has_an_outcome(hands: Hands) -> None:
    after = page(hands).after
    press(hands, after, "Changed")
    hands.press(after.writer)
    assert "Say why" in after.problem.text()
    hands.type(after.why, "Ascites")
    line = after.day.findChild(QLineEdit)
    assert line is not None
    hands.type(line, "2025-11-04")
    assert shown(hands).carried_out is None, "Enter must not decide"
    hands.press(after.writer)
    assert (shown(hands).carried_out, shown(hands).carried_out_on) == ("changed", date(2025, 11, 4))
    assert "↻ changed on 2025-11-04: Ascites" in after.state.text()
    hands.type(after.outcome, "Partial response")
    hands.press(after.teller)
    assert shown(hands).outcome == "Partial response"
    hands.press(page(hands).discussion.answers["images-shown"].buttons["no"])
    assert shown(hands).discussion == {"images-shown": "no"}


def test_that_what_carries_a_decision_out_is_ticked(hands: Hands) -> None:
    leads = page(hands).form.leads
    assert "step-7" in leads.steps
    before = hands.work.opened.case
    page(hands).middle.ensureWidgetVisible(leads)
    hands.press(leads.steps["step-7"])
    assert shown(hands).step_ids == ("step-7",)
    hands.shortcut(Qt.Key.Key_Z)
    assert hands.work.opened.case == before
    assert not leads.steps["step-7"].isChecked()


def test_that_the_sheet_covers_the_screen_and_its_key_closes_it(hands: Hands) -> None:
    fill(hands, "social", "Alone")
    sheet = hands.window.dialogs.team.sheet
    hands.press(page(hands).sheet)
    hands.settle()
    assert sheet.is_open
    assert sheet.view is not None
    told = words(sheet.view)
    assert "Last decision, 2025-10-28" in told
    assert "TACE, then ablation" in told
    assert "Missing for the meeting" in told
    assert "SIMULATED" in sheet.view.patient.text()
    assert sheet.view.size() == hands.window.screen().size()
    QTest.keyClick(sheet.view, Qt.Key.Key_F11, SHIFT)
    hands.turn()
    assert not sheet.is_open


def test_that_minutes_are_printed_and_noted(hands: Hands, tmp_path: Path) -> None:
    fill(hands, "social", "Alone")
    hands.window.dialogs.team.papers.minutes_to(tmp_path / "minutes.pdf", shown(hands).id)
    hands.settle()
    assert (tmp_path / "minutes.pdf").read_bytes().startswith(b"%PDF")
    assert hands.library.prints(hands.work.opened.case.id)[0].what == f"minutes {shown(hands).id}"


def test_that_the_month_is_counted_and_saved_as_a_harmless_table(hands: Hands, tmp_path: Path) -> None:
    page(hands)
    hands.press(page(hands).adder)
    decision = page(hands).form.editors["decision"]
    decision.setFocus()
    QTest.keyClicks(QApplication.focusWidget(), "=cmd()")
    hands.window.finish_typing()
    hands.work.save()
    month = hands.window.dialogs.team.month
    month.show()
    hands.settle()
    assert month.dialog is not None
    assert "No decision was held" in month.dialog.numbers.text()
    hands.type(month.dialog.month, f"{TODAY:%Y-%m}", leave=False)
    hands.press(month.dialog.simulated)
    hands.press(month.dialog.go)
    hands.settle()
    assert month.dialog.report is not None
    assert month.dialog.report.simulated
    month.save_csv(month.dialog.report, tmp_path / "month.csv")
    rows = list(csv.DictReader((tmp_path / "month.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert "'=cmd()" in [row["decision"] for row in rows]
    hands.type(month.dialog.month, "May", leave=False)
    hands.press(month.dialog.go)
    assert "is no month" in month.dialog.problem.text()
    month.dialog.reject()
