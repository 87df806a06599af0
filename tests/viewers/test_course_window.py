"""The course of an open case by hand: purpose, steps, conditions, days that are proposed, sessions that are begun."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget

from planner.imaging import Volume
from planner.model.case import Case
from planner.model.course import CourseStep
from planner.model.disease import BoardDecision
from planner.model.people import Patient
from tests.course_scene import TODAY, course_case, study
from tests.window_hands import LEFT, PERSON, Hands
from viewers.panels.course_end import EndCourseDialog
from viewers.panels.course_page import CoursePage
from viewers.panels.step_dialog import StartCourseDialog, StepDialog
from viewers.window.case_course import CaseCourse
from viewers.window.case_work import CaseWork

SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    application = QApplication.instance() or QApplication([])
    assert application is not None
    made = Hands(tmp_path_factory.mktemp("course"))
    made.library.create_case(replace(course_case(), studies=()), PERSON)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CaseWork, "today", property(lambda self: TODAY))
        yield made
    made.close()


@pytest.fixture
def hands(window: Hands) -> Iterator[Hands]:
    """The case of the scene as it was at first, on the day it is made for, its course on show."""
    if window.window.work is None or window.work.opened.case.id != "case-course":
        window.window.open_case("case-course")
    course(window).leave()
    while window.work.opened.document.undo_label is not None:
        window.work.opened.document.undo()
    window.work.use_session("session-1")
    window.turn()
    window.shortcut(Qt.Key.Key_C, SHIFT)
    assert course(window).is_open
    yield window
    dialog = course(window).dialog
    if dialog is not None:
        dialog.reject()


def course(hands: Hands) -> CaseCourse:
    return hands.window.dialogs.course


def page(hands: Hands) -> CoursePage:
    found = course(hands).page
    assert found is not None
    return found


def step(hands: Hands, step_id: str) -> CourseStep:
    found = hands.work.opened.case.courses[-1].step(step_id)
    assert found is not None
    return found


def choose(hands: Hands, step_id: str) -> None:
    table = page(hands).table
    line = table.ids.index(step_id)
    item = table.item(line, 1)
    assert item is not None
    table.scrollToItem(item)
    QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, table.visualItemRect(item).center())
    hands.turn()


def words(widget: QWidget) -> str:
    return "\n".join(each.text() for each in widget.findChildren(QLabel) if not each.isHidden())


def press(hands: Hands, parent: QWidget, text: str) -> None:
    found = [each for each in parent.findChildren(QPushButton) if each.isVisible() and each.text() == text]
    assert found, f"no button {text!r} in {[each.text() for each in parent.findChildren(QPushButton)]}"
    QTest.mouseClick(found[0], LEFT)
    hands.turn()


def move_day(hands: Hands, day: str) -> None:
    editor = page(hands).card.day
    assert editor is not None
    line = editor.findChild(QLineEdit)
    assert line is not None
    hands.type(line, day)


def test_that_the_course_covers_the_images_under_the_banner_and_esc_goes_back(hands: Hands) -> None:
    case_page = hands.window.case_page
    assert page(hands).isVisible()
    assert case_page.banner.isVisible()
    assert not case_page.splitter.isVisible()
    assert "Shrink and starve first" in page(hands).head.editors["principle"].findChild(QLineEdit).text()
    states = [page(hands).table.item(line, 0).text() for line in range(page(hands).table.rowCount())]
    assert states[0] == "✓ done"
    assert "▲ overdue" in states
    hands.key(Qt.Key.Key_Escape)
    assert case_page.splitter.isVisible()
    assert not page(hands).isVisible()
    hands.press(case_page.stage_list.course_button)
    assert page(hands).isVisible()


def test_that_the_top_is_written_in_place_as_one_step_of_undo(hands: Hands) -> None:
    before = hands.work.opened.case
    line = page(hands).head.editors["patient_wishes"].findChild(QLineEdit)
    assert line is not None
    hands.type(line, "No further <b>systemic</b> therapy")
    assert hands.work.opened.case.courses[0].patient_wishes == "No further <b>systemic</b> therapy"
    line = page(hands).head.editors["responsible_physician"].findChild(QLineEdit)
    assert line is not None
    hands.type(line, "Dr Other")
    assert hands.work.opened.case.responsible_physician == "Dr Other"
    hands.shortcut(Qt.Key.Key_Z)
    hands.shortcut(Qt.Key.Key_Z)
    assert hands.work.opened.case == before


def test_that_a_course_is_ended_with_day_and_reason_and_opened_again(hands: Hands) -> None:
    before = hands.work.opened.case
    head = page(hands).head
    hands.press(head.end)
    dialog = course(hands).dialog
    assert isinstance(dialog, EndCourseDialog)
    hands.press(dialog.go)
    assert "why" in dialog.problem.text()
    dialog.reason.setText("<b>Goal</b> reached")
    hands.press(dialog.go)
    hands.turn()
    ended = hands.work.opened.case.courses[0]
    assert (ended.ended_on, ended.ended_why) == (TODAY, "<b>Goal</b> reached")
    assert head.ended.text() == f"ended on {TODAY.isoformat()}: <b>Goal</b> reached"
    assert head.end.text() == "Open the course again"
    hands.press(head.end)
    hands.turn()
    assert hands.work.opened.case.courses == before.courses
    assert head.ended.text() == ""
    assert head.end.text() == "End the course…"


def test_that_a_condition_is_answered_with_a_reason_when_it_is_not_needed(hands: Hands) -> None:
    choose(hands, "step-7")
    card = page(hands).card
    assert "Only if L2 or L3 is viable on the MR" in words(card)
    press(hands, card, "Not needed")
    assert step(hands, "step-7").condition_answer is None
    assert "Say why" in card.problem.text()
    hands.type(card.reason, "MR shows no viable tumour")
    assert step(hands, "step-7").condition_answer is None, "Enter must not answer"
    press(hands, card, "Not needed")
    answer = step(hands, "step-7").condition_answer
    assert answer is not None
    assert (answer.needed, answer.reason, answer.on) == (False, "MR shows no viable tumour", TODAY)
    state = page(hands).table.item(page(hands).table.ids.index("step-7"), 0)
    assert state is not None
    assert state.text() == "– not needed"
    press(hands, card, "Take the answer back")
    assert step(hands, "step-7").condition_answer is None


def test_that_moving_a_day_only_proposes_and_what_is_ticked_is_taken_as_one_step(hands: Hands) -> None:
    choose(hands, "step-6")
    before = hands.work.opened.case
    move_day(hands, "2026-12-01")
    card = page(hands).card
    assert card.proposals is not None
    assert [each.step_id for each in card.proposals.proposals][:3] == ["step-6", "step-7", "step-8"]
    assert [box.isChecked() for box in card.proposals.boxes][:3] == [True, False, False]
    hands.key(Qt.Key.Key_Return)
    assert hands.work.opened.case == before, "Enter must take nothing"
    hands.press(card.proposals.boxes[1])
    press(hands, card, "Accept ticked days")
    days = [step(hands, each).planned_on for each in ("step-6", "step-7", "step-8")]
    assert days == [date(2026, 12, 1), date(2027, 1, 5), date(2027, 1, 19)]
    hands.shortcut(Qt.Key.Key_Z)
    assert hands.work.opened.case == before


def test_that_what_a_day_would_bring_is_said_before_it_is_taken(hands: Hands) -> None:
    choose(hands, "step-7")
    move_day(hands, "2026-11-25")
    card = page(hands).card
    assert card.proposals is not None
    assert card.proposals.brings.cards or "no new conflict" in words(card.proposals)
    hands.type(card.day.findChild(QLineEdit), "2027-03-30")
    assert card.proposals.brings.card_of("interval-too-long") is not None
    press(hands, card, "Leave as it is")
    assert step(hands, "step-7").planned_on == date(2026, 12, 8)


def test_that_a_step_is_dropped_with_a_reason_and_taken_up_again(hands: Hands) -> None:
    choose(hands, "step-9")
    card = page(hands).card
    press(hands, card, "Drop")
    assert step(hands, "step-9").dropped is None
    hands.type(card.why_dropped, "Patient declines")
    press(hands, card, "Drop")
    assert step(hands, "step-9").dropped == "Patient declines"
    assert "× dropped · Patient declines" in words(card)
    press(hands, card, "Take it up again")
    assert step(hands, "step-9").dropped is None


def test_that_a_step_that_was_never_meant_is_taken_out_and_one_that_others_follow_is_not(hands: Hands) -> None:
    choose(hands, "step-8")
    card = page(hands).card
    press(hands, card, "Take out")
    assert "Transplantation depends on it" in card.problem.text()
    choose(hands, "step-9")
    assert "One of these is carried out: Transplantation, TACE 3" in words(card)
    press(hands, card, "Take out")
    assert hands.work.opened.case.courses[0].step("step-9") is None
    assert page(hands).step_id != "step-9"


def test_that_imaging_done_elsewhere_gets_its_day_and_a_day_to_come_is_refused(hands: Hands) -> None:
    choose(hands, "step-6")
    card = page(hands).card
    hands.type(card.done.findChild(QLineEdit), "2027-02-01")
    assert "still to come" in card.problem.text()
    hands.type(card.done.findChild(QLineEdit), "2026-11-20")
    assert step(hands, "step-6").done_on == date(2026, 11, 20)


def test_that_a_session_of_a_step_is_begun_and_opened(hands: Hands) -> None:
    choose(hands, "step-7")
    press(hands, page(hands).card, "Begin the session")
    begun = step(hands, "step-7").session_id
    assert begun is not None
    session = hands.work.opened.case.session(begun)
    assert session is not None
    assert (session.template.id, session.planned_on) == ("tace", date(2026, 12, 8))
    assert hands.work.session_desk is not None
    assert hands.work.session_desk.session_id == begun
    assert hands.window.case_page.splitter.isVisible()


def test_that_a_session_on_the_axis_opens_and_a_step_is_chosen_there(hands: Hands) -> None:
    canvas = page(hands).timeline.canvas

    def click(mark_id: str) -> None:
        QTest.mouseClick(canvas, LEFT, Qt.KeyboardModifier.NoModifier, place(hands, mark_id))
        hands.turn()

    click("step-9")
    assert page(hands).table.current_step() == "step-9"
    assert "Transplantation" in words(page(hands).card)
    click("session-2")
    assert hands.work.session_desk is not None
    assert hands.work.session_desk.session_id == "session-2"
    assert not course(hands).is_open


def test_that_a_meeting_on_the_axis_opens_its_decision(hands: Hands) -> None:
    later = BoardDecision("decision-2", held_on=date(2026, 1, 20), decision="Ablation")
    hands.work.apply("Decision", lambda: lambda case: replace(case, decisions=(*case.decisions, later)))
    hands.turn()
    canvas, board = page(hands).timeline.canvas, hands.window.dialogs.team.board
    QTest.mouseClick(canvas, LEFT, Qt.KeyboardModifier.NoModifier, place(hands, "decision-1"))
    hands.turn()
    assert not course(hands).is_open
    assert board.is_open
    assert board.decision is not None
    assert board.decision.id == "decision-1", "the one that was clicked, not the newest"
    board.leave()


def place(hands: Hands, mark_id: str) -> QPoint:
    canvas = page(hands).timeline.canvas
    mark = next(each for each in canvas.layout_now().marks if each.mark.id == mark_id)
    return QPoint(round(mark.x), round(mark.y - canvas.offset))


def test_that_a_study_on_the_axis_leads_the_panes_and_two_of_them_are_compared(
    hands: Hands, ball: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = (study(1, date(2025, 11, 2)), study(3, date(2026, 4, 14)))
    hands.work.apply("Studies", lambda: lambda case: replace(case, studies=refs))
    for each in refs:
        hands.work.series.take(Volume(ball.voxels, ball.grid, replace(ball.source, series_uid=each.series_uid)))
    hands.turn()
    shown = hands.window.desk.state.images
    assert shown.primary_key == f"{refs[0].series_uid}#1"
    canvas = page(hands).timeline.canvas
    QTest.mouseClick(canvas, LEFT, Qt.KeyboardModifier.NoModifier, place(hands, refs[1].series_uid))
    hands.turn()
    assert shown.primary_key == f"{refs[1].series_uid}#1"
    assert not course(hands).is_open
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(hands.window.case_page, "compare_studies", lambda *uids: asked.append(uids))
    hands.shortcut(Qt.Key.Key_C, SHIFT)
    for each in reversed(refs):
        QTest.mouseClick(canvas, LEFT, Qt.KeyboardModifier.ControlModifier, place(hands, each.series_uid))
    hands.turn()
    assert asked == [(refs[0].series_uid, refs[1].series_uid)]
    assert not course(hands).is_open


def test_that_a_course_is_started_from_a_template_with_its_description(hands: Hands) -> None:
    press(hands, page(hands), "Start a course…")
    dialog = course(hands).dialog
    assert isinstance(dialog, StartCourseDialog)
    count = len(hands.work.opened.case.courses)
    dialog.list.setFocus()
    QTest.keyClick(dialog.list, Qt.Key.Key_Down)
    hands.turn()
    title = dialog.list.currentItem().text()
    assert len(words(dialog)) > 200, "a course is described before it is chosen"
    QTest.keyClick(dialog.list, Qt.Key.Key_Return)
    assert len(hands.work.opened.case.courses) == count, "Enter must start nothing"
    press(hands, dialog, "Start this course")
    started = hands.work.opened.case.courses[-1]
    assert started.title == title
    assert started.template is not None
    assert page(hands).table.ids == [each.id for each in started.steps]
    hands.shortcut(Qt.Key.Key_Z)
    assert len(hands.work.opened.case.courses) == count


def test_that_a_step_is_added_and_one_that_cannot_be_is_refused_in_a_sentence(hands: Hands) -> None:
    press(hands, page(hands), "Add a step…")
    dialog = course(hands).dialog
    assert isinstance(dialog, StepDialog)
    press(hands, dialog, "Put it into the course")
    assert "no name" in dialog.problem.text()
    hands.type(dialog.editors["title"].findChild(QLineEdit), "Vertebroplasty L2")
    hands.type(dialog.editors["minimum_days"].findChild(QLineEdit), "30")
    hands.type(dialog.editors["maximum_days"].findChild(QLineEdit), "10")
    press(hands, dialog, "Put it into the course")
    assert "longer than the longest" in dialog.problem.text()
    hands.type(dialog.editors["maximum_days"].findChild(QLineEdit), "60")
    press(hands, dialog, "Put it into the course")
    assert not dialog.isVisible()
    added = hands.work.opened.case.courses[0].steps[-1]
    assert (added.title, added.minimum_days, added.maximum_days) == ("Vertebroplasty L2", 30, 60)
    assert page(hands).table.current_step() == added.id


def test_that_conflicts_stand_on_the_page_and_a_click_goes_to_their_step(hands: Hands) -> None:
    findings = page(hands).findings
    late = next(each for each in page(hands).view.findings if each.subject == "step-6")
    card = findings.card_of(late.code)
    assert card is not None
    choose(hands, "step-1")
    scroll = page(hands).right.widget(1)
    scroll.ensureWidgetVisible(card)
    QTest.mouseClick(card.head, LEFT)
    hands.turn()
    assert page(hands).step_id == "step-6"


def test_that_a_case_without_a_course_says_how_one_begins(window: Hands) -> None:
    window.library.create_case(Case("case-bare", Patient("B-1", "Bare")), PERSON)
    window.window.open_case("case-bare")
    window.turn()
    window.shortcut(Qt.Key.Key_C, SHIFT)
    shown = course(window).page
    assert shown is not None
    assert shown.empty.isVisible()
    assert not shown.adder.isEnabled()
    assert shown.head.start.isVisible()
