from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from planner.app.course_planning import (
    accept_dates,
    answer_condition,
    begin_step,
    course_status,
    course_templates,
    drop_step,
    end_course,
    link_session,
    mark_done,
    mark_not_done,
    new_step,
    open_course_again,
    propose_dates,
    remove_step,
    restore_step,
    set_course,
    set_step,
    start_course,
    withdraw_answer,
)
from planner.app.templates import installed
from planner.errors import UsageError
from planner.model.case import Case
from planner.model.course import Course, CourseStep, StepKind
from planner.model.document import Document
from planner.model.people import Patient, PriorTreatment
from planner.model.session import Answer
from planner.workflow.course import StepState, StepStatus, judged_steps
from planner.workflow.course_dates import predecessor, step_done, the_step
from planner.workflow.course_templates import CourseTemplate

START = date(2026, 3, 2)
DAY = timedelta(days=1)
NAMES = [
    "ablation_series",
    "ablation_vertebroplasty",
    "bridge_to_transplant",
    "drainage_stent",
    "lobar_sessions",
    "palliative",
    "portal_vein_embolisation_resection",
    "stent_infusion",
    "tace_ablation_immunotherapy",
    "tace_ablation_one_session",
    "tace_on_demand",
]
INTERVALS = {"interval-too-short", "interval-too-long", "interval-unknown", "step-missing", "step-overdue"}


def template(name: str) -> CourseTemplate:
    return installed().course(name)


def begun(name: str) -> Document:
    return Document(start_course(template(name), START, course_id="course-1")(Case("case-1", Patient("1", "A"))))


def status(document: Document, step_id: str, today: date) -> StepStatus:
    steps = judged_steps(document.case, installed().templates, today)
    return next(each for each in steps if each.step.id == f"course-1-{step_id}")


def steps(document: Document) -> dict[str, CourseStep]:
    return {step.id.removeprefix("course-1-"): step for course in document.case.courses for step in course.steps}


def test_that_the_course_templates_are_installed() -> None:
    assert [each.id for each in course_templates()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_that_every_number_of_a_course_template_has_its_source(name: str) -> None:
    for planned in template(name).steps:
        step = planned.step
        if planned.day or step.minimum_days is not None or step.maximum_days is not None:
            assert step.interval_source
            assert step.interval_tag in ("S", "S2", "M", "P")
        assert step.decides


def _may_be_done(case: Case, each: StepStatus, today: date) -> bool:
    course, _ = the_step(case, each.step.id)
    before = predecessor(case, course, each.step)
    first = max(day for day in (each.on, each.earliest, START) if day is not None)
    return (before is None or step_done(case, before)) and first <= today


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("needed", [True, False])
def test_that_a_course_is_walked_from_its_first_step_to_its_last(name: str, needed: bool) -> None:
    document, today = begun(name), START
    for _ in range(500):
        judged = judged_steps(document.case, installed().templates, today)
        said = {finding.code for each in judged for finding in each.findings}
        assert not (needed and said & INTERVALS)
        left = [each for each in judged if each.is_open]
        if not left:
            break
        asked = next((each for each in left if each.state is StepState.CONDITION_OPEN), None)
        ready = next((each for each in left if _may_be_done(document.case, each, today)), None)
        if asked is not None:
            answer = needed and asked.step.alternative_to is None
            document.apply("answer", answer_condition(asked.step.id, answer, by="Board", on=today))
        elif ready is not None:
            document.apply("done", mark_done(ready.step.id, today, today=today))
        else:
            today += DAY
    states = {each.state for each in judged_steps(document.case, installed().templates, today)}
    assert states <= {StepState.DONE, StepState.NOT_NEEDED}
    assert StepState.DONE in states


@pytest.mark.parametrize("name", NAMES)
def test_that_sessions_of_a_course_can_be_begun(name: str) -> None:
    document = begun(name)
    for step in document.case.courses[0].steps:
        if step.kind == StepKind.SESSION:
            assert document.apply("begin", begin_step(step.id, installed(), "bclc-cirse"))
    sessions = [each for each in document.case.courses[0].steps if each.kind == StepKind.SESSION]
    assert [each.planned_on for each in sessions] == [each.planned_on for each in document.case.sessions]
    assert [each.template for each in sessions] == [each.template.id for each in document.case.sessions]


def test_that_a_course_in_the_case_is_a_copy_and_each_act_is_one_step_of_undo() -> None:
    document = begun("tace_on_demand")
    changed = replace(steps(document)["images-1"], maximum_days=60, interval_source="this patient travels")
    assert document.apply("Step", set_step("course-1", changed))
    assert steps(document)["images-1"].maximum_days == 60
    assert template("tace_on_demand").steps[2].step.maximum_days == 42
    assert document.undo()
    assert steps(document)["images-1"].maximum_days == 42
    assert not document.apply("Step", set_step("course-1", steps(document)["images-1"]))


def test_that_accepting_days_takes_what_a_person_picked_in_one_step_of_undo() -> None:
    document = begun("lobar_sessions")
    document.apply("begin", begin_step("course-1-second", installed(), "bclc-cirse"))
    before = document.case
    proposals, brings = propose_dates(document.case, "course-1-first", START + 7 * DAY, installed(), START)
    assert document.case is before
    picked = [each for each in proposals if each.step_id in ("course-1-first", "course-1-second")]
    assert document.apply("Accept", accept_dates(picked))
    assert [each.planned_on for each in document.case.sessions] == [START + 28 * DAY]
    assert steps(document)["second"].planned_on == START + 28 * DAY
    assert steps(document)["blood"].planned_on == START + 14 * DAY
    assert brings == ()
    assert document.undo()
    assert document.case == before


def test_that_a_proposal_says_what_accepting_it_would_bring() -> None:
    document = begun("lobar_sessions")
    early, brings = propose_dates(document.case, "course-1-second", START + 7 * DAY, installed(), START)
    assert "interval-too-short" in {each.code for each in brings}
    assert "beads-too-early" in {each.code for each in brings}
    assert early[0].proposed == START + 7 * DAY


def test_that_a_proposal_is_stale_once_the_day_was_changed() -> None:
    document = begun("tace_on_demand")
    proposals, _ = propose_dates(document.case, "course-1-tace-1", START + 7 * DAY, installed(), START)
    document.apply("Step", set_step("course-1", replace(steps(document)["images-1"], planned_on=START + 30 * DAY)))
    with pytest.raises(UsageError) as refused:
        document.apply("Accept", accept_dates(proposals))
    assert refused.value.code == "stale-proposal"
    assert steps(document)["tace-1"].planned_on == START


def test_that_conditions_are_answered_by_name_and_the_answer_can_be_taken_back() -> None:
    document = begun("tace_on_demand")
    document.apply("answer", answer_condition("course-1-tace-2", False, by="Dr B", on=START, reason="no residual"))
    assert status(document, "tace-2", START).state is StepState.NOT_NEEDED
    assert status(document, "images-2", START).state is StepState.NOT_NEEDED
    document.apply("withdraw", withdraw_answer("course-1-tace-2"))
    assert status(document, "tace-2", START).state is StepState.WAITING
    with pytest.raises(UsageError, match="give the name"):
        answer_condition("course-1-tace-2", True, by=" ", on=START)
    with pytest.raises(UsageError, match="no condition"):
        document.apply("answer", answer_condition("course-1-tace-1", True, by="Dr B", on=START))


def test_that_a_dropped_step_keeps_its_reason_and_can_stand_again() -> None:
    document = begun("tace_on_demand")
    document.apply("drop", drop_step("course-1-blood-1", reason="done at home"))
    assert status(document, "blood-1", START).state is StepState.DROPPED
    assert steps(document)["blood-1"].dropped == "done at home"
    document.apply("restore", restore_step("course-1-blood-1"))
    assert status(document, "blood-1", START).is_open
    with pytest.raises(UsageError, match="why"):
        drop_step("course-1-blood-1", reason=" ")


def test_that_a_session_is_linked_once_and_to_its_own_procedure() -> None:
    document = begun("tace_ablation_one_session")
    document.apply("begin", begin_step("course-1-tace", installed(), "bclc-cirse", session_id="session-1"))
    assert document.case.sessions[0].title == "TACE"
    for step, code in (("course-1-ablation", "wrong-template"), ("course-1-tace", "has-session")):
        act = (
            link_session(step, "session-1") if code == "wrong-template" else begin_step(step, installed(), "bclc-cirse")
        )
        with pytest.raises(UsageError) as refused:
            document.apply("link", act)
        assert refused.value.code == code
    plain = new_step(document.case.courses[0], StepKind.SESSION, "Another")
    document.apply("step", set_step("course-1", plain))
    with pytest.raises(UsageError) as taken:
        document.apply("link", link_session(plain.id, "session-1"))
    assert taken.value.code == "session-taken"
    document.apply("unlink", link_session("course-1-tace", None))
    assert document.apply("link", link_session(plain.id, "session-1"))


def test_that_what_was_done_outside_is_written_with_its_last_day() -> None:
    document = begun("ablation_series")
    document.apply("done", mark_done("course-1-systemic", START, until=START + 40 * DAY, today=START + 50 * DAY))
    assert steps(document)["systemic"].until == START + 40 * DAY
    document.apply("not", mark_not_done("course-1-systemic"))
    assert steps(document)["systemic"].done_on is None
    with pytest.raises(UsageError, match="still to come"):
        mark_done("course-1-systemic", START + DAY, today=START)
    with pytest.raises(UsageError, match="not before its first"):
        mark_done("course-1-systemic", START, until=START - DAY, today=START)


def test_that_only_an_unused_step_is_taken_out() -> None:
    document = begun("tace_on_demand")
    with pytest.raises(UsageError, match="depends on it"):
        document.apply("out", remove_step("course-1-images-1"))
    assert document.apply("out", remove_step("course-1-follow-up"))
    assert "follow-up" not in steps(document)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": " "}, "no name"),
        ({"kind": "magic"}, "a kind nobody knows"),
        ({"after": "nowhere"}, "not in this course"),
        ({"minimum_days": 50}, "longer than the longest"),
        ({"after": "course-1-tace-2"}, "follows itself over other steps"),
    ],
)
def test_that_a_step_that_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    document = begun("tace_on_demand")
    with pytest.raises(UsageError, match=said):
        document.apply("step", set_step("course-1", replace(steps(document)["images-1"], **change)))


def test_that_the_head_of_a_course_is_changed_and_a_course_ends() -> None:
    document = begun("tace_on_demand")

    def changed(change: Callable[[Course], Course]) -> Course:
        document.apply("course", set_course("course-1", change))
        return document.case.courses[0]

    assert changed(lambda course: replace(course, patient_wishes="home by June")).patient_wishes == "home by June"
    ended = changed(lambda course: replace(course, ended_on=START + 90 * DAY, ended_why="progression"))
    assert ended.ended_why == "progression"
    with pytest.raises(UsageError, match="no course"):
        document.apply("course", set_course("course-9", lambda course: course))


def test_that_a_course_ends_on_a_day_with_a_reason_and_is_opened_again() -> None:
    document = begun("tace_on_demand")
    open_course = document.case.courses[0]
    end, today = START + 90 * DAY, START + 100 * DAY
    document.apply("end", end_course("course-1", end, reason=" progression ", today=today))
    ended = document.case.courses[0]
    assert (ended.ended_on, ended.ended_why) == (end, "progression")
    assert ended.steps == open_course.steps
    document.apply("again", open_course_again("course-1"))
    assert document.case.courses[0] == open_course
    for on, reason, said in (
        (end, " ", "why"),
        (today + DAY, "x", "still to come"),
        (START - DAY, "x", "cannot have ended"),
    ):
        with pytest.raises(UsageError, match=said):
            document.apply("end", end_course("course-1", on, reason=reason, today=today))
    assert document.case.courses[0] == open_course


def test_that_the_cumulative_dose_of_planned_sessions_is_said_before_they_are_booked() -> None:
    document = begun("lobar_sessions")
    prior = (
        PriorTreatment(
            "systemic", "doxorubicin", START - 900 * DAY, substance="doxorubicin", amount=648.0, unit="mg", bsa_m2=1.8
        ),
    )
    plan = {
        "technique": Answer("deb-tace"),
        "drug": Answer("doxorubicin"),
        "bsa_m2": Answer(1.8),
        "prepared_maximum": Answer(150.0),
    }
    case = replace(document.case, prior_treatments=prior)
    for name in ("first", "second"):
        case = begin_step(f"course-1-{name}", installed(), "bclc-cirse", session_id=name)(case)
    case = replace(case, sessions=tuple(replace(each, answers={"agent_dose": plan}) for each in case.sessions))
    _, found = course_status(case, installed(), START)
    doses = [each for each in found if each.text.startswith("With ")]
    assert [each.subject for each in doses] == ["course-1-first", "course-1-second"]
    assert [each.limit for each in doses] == [400.0, 400.0]
    assert [each.measured for each in doses] == pytest.approx([798 / 1.8, 948 / 1.8])
    assert doses[0].text.startswith("With TACE, first lobe as planned: Cumulative doxorubicin 443 mg/m²")
    without = course_status(replace(case, prior_treatments=()), installed(), START)[1]
    assert "cumulative-dose" not in {each.code for each in without}
