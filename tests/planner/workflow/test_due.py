"""What a case waits for: each thing once, with a day, an owner and where the day comes from."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from between_sessions import NOW, case, day, images, reading, session

from planner.model.case import Case
from planner.model.course import ConditionAnswer, CourseStep
from planner.model.disease import BoardDecision
from planner.model.follow_up import Task, TaskState
from planner.model.people import Implant
from planner.model.session import SessionState
from planner.workflow.due import DueItem, due_items


def the(known: Case, kind: str) -> list[DueItem]:
    return [each for each in due_items(known) if each.kind == kind]


def with_steps(known: Case, *steps: CourseStep) -> Case:
    (course,) = known.courses
    return replace(known, courses=(replace(course, steps=(*course.steps, *steps)),))


def test_that_a_planned_session_is_due_once_although_a_step_names_it() -> None:
    planned = replace(session("session-2", on=None, state=SessionState.BOOKED), planned_on=day(60))
    known = case(session(), planned)
    assert [(each.due_on, each.owner) for each in the(known, "session")] == [(day(60), "Dr A")]
    assert not the(known, "step")
    assert not the(case(session(), replace(planned, state=SessionState.CANCELLED)), "session")


def test_that_a_step_is_due_by_its_interval_once_the_one_before_is_done() -> None:
    follow = CourseStep("step-b", "systemic", "Immunotherapy", after="step-session-1", minimum_days=14, maximum_days=28)
    after = CourseStep("step-c", "surgery", "Resection", after="step-b", minimum_days=30, maximum_days=60)
    (step,) = the(with_steps(case(), replace(follow, decides="board"), after), "step")
    assert (step.subject, step.due_on, step.from_on, step.owner) == ("step-b", day(28), day(14), "board")


def test_that_an_open_condition_is_said_and_an_answered_one_falls_away() -> None:
    step = CourseStep("step-b", "session", "TACE 2", after="step-session-1", condition="if viable at 4-6 weeks")
    (item,) = the(with_steps(case(), step), "step")
    assert "if viable at 4-6 weeks: to be decided" in item.text
    answered = replace(step, condition_answer=ConditionAnswer(False, "Dr B", day(40)))
    assert not the(with_steps(case(), answered), "step")


def test_that_only_open_tasks_are_due() -> None:
    task = Task("task-1", "other", "Call the patient", "Nurse N", day(3), "Dr A", NOW)
    known = case(tasks=(task, replace(task, id="task-2", state=TaskState.DONE)))
    assert [(each.subject, each.owner) for each in the(known, "task")] == [("task-1", "Nurse N")]


def test_that_a_drain_a_decision_and_images_without_a_reading_are_due() -> None:
    known = case(
        implants=(Implant("Drain", "left duct", day(0), day(70)),),
        decisions=(BoardDecision("d-1", held_on=day(-10), decision="TACE", session_ids=("session-1",)),),
        studies=(images(36),),
    )
    (device,), (decision,), (outcome,) = (the(known, kind) for kind in ("device", "decision", "outcome"))
    assert device.due_on == day(70)
    assert (decision.due_on, decision.tag) == (day(18), "P")
    assert "say whether it was carried out" in decision.text
    assert outcome.due_on == day(50)
    assert not the(replace(known, readings=(reading("PR", 36),)), "outcome")
    carried = replace(known.decisions[0], carried_out="yes")
    assert not the(replace(known, decisions=(carried,)), "decision")


def test_that_what_lapsed_is_left_out_only_where_a_day_is_given() -> None:
    keys = [each.key for each in due_items(case())]
    assert "late-laboratory:liver-early:session-1" in keys
    later = [each.key for each in due_items(case(), day(200))]
    assert "late-laboratory:liver-early:session-1" not in later
    assert "late-imaging:oil-first-weeks:session-1" in later


def test_that_items_come_by_day_and_those_without_one_last() -> None:
    step = CourseStep("step-b", "visit", "Visit")
    found = due_items(with_steps(case(), step))
    days = [each.due_on or date.max for each in found]
    assert days == sorted(days)
    assert (found[-1].subject, found[-1].due_on) == ("step-b", None)
    assert "no day set" in found[-1].text


def test_that_a_step_that_is_the_same_visit_is_listed_once_under_both_names() -> None:
    early = CourseStep("step-b", "imaging", "MR after TACE", planned_on=day(35), owner="Dr C")
    known = with_steps(case(), early)
    assert not the(known, "step")
    (item,) = the(known, "imaging")
    assert (item.due_on, item.owner, item.subject) == (day(42), "Dr C", "step-b")
    assert "(MR after TACE, planned for 2026-04-06)" in item.text
    (late,) = the(with_steps(case(), replace(early, planned_on=day(46))), "imaging")
    assert late.due_on == day(46)
    far = with_steps(case(), replace(early, planned_on=day(90)))
    assert len(the(far, "step")) == len(the(far, "imaging")) == 1
    done = with_steps(case(studies=(images(35),)), early)
    assert [each.subject for each in the(done, "step")] == ["step-b"]
