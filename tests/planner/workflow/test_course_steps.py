from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from small_template import NOW, TODAY, Shelf, timed_out_case

from planner.errors import UsageError
from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.course import ConditionAnswer, Course, CourseStep, StepNeed
from planner.model.disease import BoardDecision, Lesion, LesionListConfirmation, Observation, SeriesRef
from planner.model.people import LabValue, Medication, Patient
from planner.model.session import Answer, Session, SessionState, TemplateRef
from planner.workflow.answers import answer_field
from planner.workflow.course import StepState, StepStatus, course_findings, judged_steps
from planner.workflow.course_dates import catch_up, ripple, with_dates

START = date(2026, 3, 2)
DAY = timedelta(days=1)

TACE = CourseStep("tace-1", "session", "TACE 1", planned_on=START, template="tace")
DONE = replace(TACE, done_on=START)
MR = CourseStep(
    "mr-1",
    "imaging",
    "MR after TACE 1",
    planned_on=START + 35 * DAY,
    after="tace-1",
    minimum_days=28,
    maximum_days=42,
    interval_source="R8",
    interval_tag="M",
)
MR_DONE = replace(MR, done_on=START + 35 * DAY)
VIABLE = StepNeed("viable", "viable tumour after TACE 1", {"step": "tace-1"}, "R8", "M")
AGAIN = CourseStep("tace-2", "session", "TACE 2", after="mr-1", condition="if viable", condition_need=VIABLE)


def case_of(*steps: CourseStep) -> Case:
    return Case("case-1", Patient("1", "A"), courses=(Course("course-1", "Course", steps=steps),))


def status_of(case: Case, step_id: str, today: date) -> StepStatus:
    return next(each for each in judged_steps(case, {}, today) if each.step.id == step_id)


def codes(status: StepStatus) -> set[str]:
    return {each.code for each in status.findings}


def with_seen(case: Case, seen: Observation, *, confirmed: bool = False) -> Case:
    lesion = Lesion("lesion-1", "L1", observations=(seen,))
    said = LesionListConfirmation("R", seen.study_date, ("lesion-1",)) if confirmed else None
    return replace(case, lesions=(lesion,), lesion_list_confirmed=said)


def bilirubin(value: float, on: date, name: str = "lab-1", unit: str = "umol/L") -> LabValue:
    return LabValue(name, "bilirubin", value, unit, on)


def needing(kind: str, **parameters: object) -> CourseStep:
    need = StepNeed(kind, "what is asked for", parameters, "R8", "M")
    return CourseStep("tace-2", "session", "TACE 2", after="tace-1", needs=(need,))


def session(state: SessionState, performed_on: date | None) -> Session:
    reference = TemplateRef("tace", "0.1.0", "", "bclc-cirse", "0.1.0")
    return Session("session-1", "TACE 1", reference, state, START, performed_on, state_reason="spasm")


def test_that_images_wait_for_the_treatment_and_their_days_are_told_with_the_reason() -> None:
    status = status_of(case_of(TACE, MR), "mr-1", START)
    assert status.state is StepState.WAITING
    assert (status.earliest, status.latest) == (START + 28 * DAY, START + 42 * DAY)
    assert status.why_earliest == "at least 28 days after TACE 1 (planned 2026-03-02)"
    assert status.why_latest == "at most 42 days after TACE 1 (planned 2026-03-02)"


@pytest.mark.parametrize(
    ("days", "state"),
    [
        (0, StepState.WAITING),
        (27, StepState.WAITING),
        (28, StepState.MAY_BEGIN),
        (35, StepState.DUE),
        (36, StepState.OVERDUE),
    ],
)
def test_that_a_planned_examination_becomes_due_and_overdue(days: int, state: StepState) -> None:
    assert status_of(case_of(DONE, MR), "mr-1", START + days * DAY).state is state


@pytest.mark.parametrize(("days", "state"), [(27, "waiting"), (28, "due"), (42, "due"), (43, "overdue")])
def test_that_an_examination_without_a_day_is_due_inside_its_interval(days: int, state: str) -> None:
    case = case_of(DONE, replace(MR, planned_on=None))
    assert status_of(case, "mr-1", START + days * DAY).state == state


def test_that_a_late_examination_is_said_and_keeps_its_day() -> None:
    case = case_of(DONE, MR)
    status = status_of(case, "mr-1", START + 45 * DAY)
    late = next(each for each in status.findings if each.code == "step-overdue")
    assert (late.measured, late.unit, late.subject) == (10.0, "d", "mr-1")
    assert status.on == START + 35 * DAY
    assert case.courses[0].steps[1].planned_on == START + 35 * DAY


def test_that_a_planned_treatment_that_did_not_happen_is_overdue_and_the_rest_waits() -> None:
    case = case_of(TACE, MR)
    assert status_of(case, "tace-1", START + DAY).state is StepState.OVERDUE
    assert status_of(case, "mr-1", START + DAY).state is StepState.WAITING


def test_that_an_interval_counts_from_the_day_it_was_really_done() -> None:
    case = case_of(replace(TACE, done_on=START + 9 * DAY), MR)
    status = status_of(case, "mr-1", START + 10 * DAY)
    assert status.earliest == START + 37 * DAY
    assert "done 2026-03-11" in status.why_earliest
    short = next(each for each in status.findings if each.code == "interval-too-short")
    assert (short.measured, short.limit, short.source, short.tag) == (26.0, 28.0, "R8", "M")
    assert short.blocks
    assert short.overridable


def test_that_the_session_tells_when_a_step_was_done_and_when_nothing_was_given() -> None:
    linked = replace(TACE, session_id="session-1")
    done = replace(case_of(linked, MR), sessions=(session(SessionState.DONE, START + DAY),))
    assert status_of(done, "tace-1", START + 2 * DAY).state is StepState.DONE
    assert status_of(done, "mr-1", START + 2 * DAY).earliest == START + 29 * DAY
    empty = replace(done, sessions=(session(SessionState.NOTHING_GIVEN, START + DAY),))
    status = status_of(empty, "tace-1", START + 2 * DAY)
    assert status.state is StepState.OVERDUE
    assert "ended as attempted-nothing-given (spasm)" in status.findings[0].text


def test_that_a_step_whose_session_was_called_off_asks_for_another_day() -> None:
    linked = replace(TACE, session_id="session-1", planned_on=None)
    case = replace(case_of(linked), sessions=(session(SessionState.CANCELLED, None),))
    status = status_of(case, "tace-1", START + 2 * DAY)
    assert status.on is None
    assert codes(status) == {"session-called-off"}


def test_that_an_unknown_condition_waits_for_a_person() -> None:
    case = case_of(DONE, MR_DONE, AGAIN)
    status = status_of(case, "tace-2", START + 36 * DAY)
    assert status.state is StepState.CONDITION_OPEN
    assert status.condition is not None
    assert status.condition.verdict == "unknown"
    assert "A person decides" in next(each.text for each in status.findings if each.code == "condition-open")


def test_that_a_condition_is_not_asked_before_the_images_are_there() -> None:
    assert status_of(case_of(DONE, MR, AGAIN), "tace-2", START + 30 * DAY).state is StepState.WAITING


def test_that_viable_tumour_opens_the_next_session_and_none_still_waits_for_a_person() -> None:
    case, today = case_of(DONE, MR_DONE, AGAIN), START + 36 * DAY
    viable = with_seen(case, Observation(START + 35 * DAY, viable_mm=12.0, modality="MR"))
    assert status_of(viable, "tace-2", today).state is StepState.MAY_BEGIN
    gone = with_seen(case, Observation(START + 35 * DAY, viable_mm=0.0, modality="MR"), confirmed=True)
    status = status_of(gone, "tace-2", today)
    assert (status.state, status.condition and status.condition.verdict) == (StepState.CONDITION_OPEN, "no")
    unconfirmed = with_seen(case, Observation(START + 35 * DAY, viable_mm=0.0, modality="MR"))
    condition = status_of(unconfirmed, "tace-2", today).condition
    assert condition is not None
    assert condition.verdict == "unknown"
    assert "not confirmed complete" in condition.why


def test_that_viability_is_not_read_from_oil_on_ct_nor_from_images_before_the_treatment() -> None:
    case, today = case_of(DONE, MR_DONE, AGAIN), START + 36 * DAY
    for seen in (
        Observation(START + 35 * DAY, viable_mm=12.0, modality="CT", lipiodol="50-90"),
        Observation(START - DAY, viable_mm=30.0, modality="MR"),
        Observation(START + 35 * DAY, viable_mm=None, assessable=False, modality="MR"),
    ):
        assert status_of(with_seen(case, seen), "tace-2", today).state is StepState.CONDITION_OPEN


def test_that_a_person_answers_a_condition_and_later_images_against_it_are_said() -> None:
    today = START + 80 * DAY
    away = replace(AGAIN, condition_answer=ConditionAnswer(False, "Board", START + 40 * DAY))
    case = case_of(DONE, MR_DONE, away)
    assert status_of(case, "tace-2", today).state is StepState.NOT_NEEDED
    grown = with_seen(case, Observation(START + 75 * DAY, viable_mm=15.0, modality="MR"))
    status = status_of(grown, "tace-2", today)
    assert status.state is StepState.NOT_NEEDED
    assert codes(status) == {"condition-answer-older"}
    needed = replace(AGAIN, condition_answer=ConditionAnswer(True, "Board", START + 40 * DAY))
    assert status_of(case_of(DONE, MR_DONE, needed), "tace-2", today).state is StepState.MAY_BEGIN


def test_that_what_follows_a_step_that_fell_away_falls_away_or_follows_the_one_before() -> None:
    away = replace(AGAIN, condition_answer=ConditionAnswer(False, "Board", START + 40 * DAY))
    only_if = StepNeed("step", "TACE 2 was done", {"step": "tace-2"})
    mr_2 = CourseStep("mr-2", "imaging", "MR 2", after="tace-2", condition="if done", condition_need=only_if)
    later = CourseStep("ct", "imaging", "CT", after="mr-2", minimum_days=77, maximum_days=105)
    case = case_of(DONE, MR_DONE, away, mr_2, later)
    today = START + 60 * DAY
    assert status_of(case, "mr-2", today).state is StepState.NOT_NEEDED
    status = status_of(case, "ct", today)
    assert (status.state, status.earliest) == (StepState.WAITING, START + 112 * DAY)
    assert "as the step between falls away" in status.why_earliest


def test_that_of_alternatives_one_is_carried_out() -> None:
    ablation = CourseStep("ablation", "session", "Ablation", after="mr-1", alternative_to="tace-2")
    after = CourseStep("ct", "imaging", "CT", after="tace-2", minimum_days=28, maximum_days=42)
    plain = replace(AGAIN, condition=None, condition_need=None)
    case = case_of(DONE, MR_DONE, plain, replace(ablation, done_on=START + 50 * DAY), after)
    assert status_of(case, "tace-2", START + 60 * DAY).state is StepState.NOT_NEEDED
    assert status_of(case, "ct", START + 60 * DAY).earliest == START + 78 * DAY
    dropped = case_of(DONE, MR_DONE, replace(plain, dropped="refused"), ablation, after)
    assert status_of(dropped, "ct", START + 60 * DAY).why_earliest.startswith("Ablation") is True


def test_that_laboratory_is_asked_fresh_and_in_any_unit() -> None:
    step = needing("laboratory", analyte="bilirubin", unit="mg/dL", at_most=3, within_days=14)
    case, today = case_of(DONE, step), START + 30 * DAY

    def state(*values: LabValue) -> tuple[str, str]:
        status = status_of(replace(case, laboratory=values), "tace-2", today)
        return status.state.value, status.needs[0].verdict.value

    assert state() == ("waiting", "unknown")
    assert state(bilirubin(30.0, today - DAY)) == ("may-begin", "yes")
    assert state(bilirubin(80.0, today - DAY)) == ("waiting", "no")
    assert state(bilirubin(2.0, today - DAY, unit="mg/dL")) == ("may-begin", "yes")
    assert state(bilirubin(30.0, today - 15 * DAY)) == ("waiting", "unknown")
    findings = {each.code: each for each in course_findings(case, today)}
    assert "not checked" in findings["need-unknown"].text
    assert not findings["need-unknown"].blocks


def test_that_bilirubin_has_to_recover_before_the_second_lobe() -> None:
    step = needing("recovered", analyte="bilirubin", step="tace-1", at_most_times=1.5)
    case, today = case_of(DONE, step), START + 20 * DAY
    before = bilirubin(20.0, START - DAY)
    high = replace(case, laboratory=(before, bilirubin(40.0, today, "lab-2")))
    need = status_of(high, "tace-2", today).needs[0]
    assert (need.verdict, need.measured, need.limit) == ("no", 2.0, 1.5)
    back = replace(case, laboratory=(before, bilirubin(29.0, today, "lab-2")))
    assert status_of(back, "tace-2", today).state is StepState.MAY_BEGIN
    old = replace(case, laboratory=(before,))
    assert status_of(old, "tace-2", today).needs[0].verdict == "unknown"


def test_that_images_since_the_treatment_are_asked_for() -> None:
    step = needing("imaging", step="tace-1", modalities=["MR"], within_days=42)
    case, today = case_of(DONE, step), START + 30 * DAY
    studies = tuple(
        SeriesRef(f"1.{number}", 1, modality, None, None, day, None)
        for number, (modality, day) in enumerate((("CT", today), ("MR", START)))
    )
    assert status_of(replace(case, studies=studies), "tace-2", today).needs[0].verdict == "no"
    new = replace(case, studies=(*studies, SeriesRef("1.9", 1, "MR", None, None, today - DAY, None)))
    assert status_of(new, "tace-2", today).needs[0].verdict == "yes"
    assert status_of(new, "tace-2", today + 60 * DAY).needs[0].verdict == "no"


def test_that_readers_who_differ_leave_the_response_unknown() -> None:
    step = needing("response", step="tace-1", any_of=["CR", "PR"], criteria=["mrecist"])
    case, today = case_of(DONE, step), START + 40 * DAY
    at = datetime(2026, 4, 1, tzinfo=UTC)

    def verdict(*said: tuple[str, str]) -> str:
        readings = tuple(
            ResponseReading(f"r{number}", "mrecist", START + 35 * DAY, "R", at, role=role, overall=overall)
            for number, (role, overall) in enumerate(said)
        )
        return status_of(replace(case, readings=readings), "tace-2", today).needs[0].verdict

    assert verdict(("first", "PR")) == "yes"
    assert verdict(("first", "PD")) == "no"
    assert verdict(("first", "PR"), ("second", "SD")) == "unknown"
    assert verdict(("first", "PR"), ("second", "SD"), ("adjudication", "SD")) == "no"


def test_that_the_recorded_outcome_counts_where_nobody_signed_a_reading() -> None:
    step = needing("response", step="tace-1", any_of=["PD"])
    outcome = {"date": Answer((START + 35 * DAY).isoformat()), "overall": Answer("PD")}
    done = replace(session(SessionState.DONE, START), answers={"outcome": outcome})
    case = replace(case_of(replace(TACE, session_id="session-1"), step), sessions=(done,))
    assert status_of(case, "tace-2", START + 40 * DAY).needs[0].verdict == "yes"


def test_that_a_wash_out_tells_the_first_possible_day() -> None:
    step = needing("wash-out", drugs=["anti-vegf"], days=28)
    case, today = case_of(DONE, step), START + 10 * DAY
    status = status_of(case, "tace-2", today)
    assert status.needs[0].verdict == "unknown"
    assert "dose unknown" in status.needs[0].why
    given = replace(case, medication=(Medication("bevacizumab", None, last_dose_on=START + 5 * DAY),))
    status = status_of(given, "tace-2", today)
    assert (status.state, status.earliest) == (StepState.WAITING, START + 33 * DAY)
    assert status_of(given, "tace-2", START + 33 * DAY).state is StepState.MAY_BEGIN
    other = replace(case, medication=(Medication("aspirin", "aspirin"),))
    assert status_of(other, "tace-2", today).needs[0].verdict == "yes"


def test_that_the_number_and_size_of_lesions_are_judged_of_a_confirmed_list_only() -> None:
    step = needing("burden", nodules=3, single_mm=50, several_mm=30, viable=True)
    case, today = case_of(DONE, step), START + 40 * DAY
    seen = Observation(START + 35 * DAY, longest_mm=60.0, viable_mm=45.0)
    assert status_of(with_seen(case, seen), "tace-2", today).needs[0].verdict == "unknown"
    assert status_of(with_seen(case, seen, confirmed=True), "tace-2", today).needs[0].verdict == "yes"
    larger = replace(seen, viable_mm=50.1)
    assert status_of(with_seen(case, larger, confirmed=True), "tace-2", today).needs[0].verdict == "no"


def test_that_an_interval_to_another_step_gives_first_and_last_day() -> None:
    step = needing("interval", step="tace-1", at_least=28, at_most=56)
    case = case_of(DONE, step)
    status = status_of(case, "tace-2", START + 10 * DAY)
    assert (status.state, status.earliest, status.latest) == (
        StepState.WAITING,
        START + 28 * DAY,
        START + 56 * DAY,
    )
    assert status_of(case, "tace-2", START + 57 * DAY).state is StepState.OVERDUE
    early = case_of(DONE, replace(step, planned_on=START + 20 * DAY))
    finding = next(each for each in course_findings(early, START + 10 * DAY) if each.code == "need-not-met")
    assert (finding.measured, finding.limit, finding.blocks) == (20.0, 28.0, True)


def test_that_a_decision_expires() -> None:
    step = needing("decision", within_days=42)
    case = replace(case_of(DONE, step), decisions=(BoardDecision("d", held_on=START),))
    assert status_of(case, "tace-2", START + 42 * DAY).needs[0].verdict == "yes"
    assert status_of(case, "tace-2", START + 43 * DAY).needs[0].verdict == "no"


def test_that_a_need_of_a_newer_program_is_unknown_and_what_a_person_judges_holds_nothing_up() -> None:
    today = START + 30 * DAY
    assert status_of(case_of(DONE, needing("horoscope")), "tace-2", today).needs[0].verdict == "unknown"
    status = status_of(case_of(DONE, needing("text")), "tace-2", today)
    assert (status.state, codes(status)) == (StepState.MAY_BEGIN, {"prerequisite"})


def test_that_moving_a_step_proposes_later_days_and_moves_nothing() -> None:
    blood = CourseStep("blood", "laboratory", "Blood", planned_on=START + 14 * DAY, after="tace-1")
    follow = CourseStep("ct", "imaging", "CT", planned_on=START + 125 * DAY, after="mr-1")
    case = case_of(TACE, blood, MR, AGAIN, follow)
    proposals = ripple(case, "tace-1", START + 7 * DAY)
    assert {each.step_id: each.proposed for each in proposals} == {
        "tace-1": START + 7 * DAY,
        "blood": START + 21 * DAY,
        "mr-1": START + 42 * DAY,
        "ct": START + 132 * DAY,
    }
    assert all(each.was is not None and each.why for each in proposals)
    assert [each.planned_on for each in case.courses[0].steps] == [
        START,
        START + 14 * DAY,
        START + 35 * DAY,
        None,
        START + 125 * DAY,
    ]
    moved = with_dates(case, {each.step_id: each.proposed for each in proposals})
    assert moved.courses[0].steps[2].planned_on == START + 42 * DAY


def test_that_a_proposal_keeps_to_the_interval_and_leaves_what_is_done() -> None:
    late = replace(MR, planned_on=START + 60 * DAY)
    (_, mr) = ripple(case_of(TACE, late), "tace-1", START + 7 * DAY)
    assert (mr.proposed, mr.why) == (START + 49 * DAY, "at most 42 days after TACE 1")
    assert [each.step_id for each in ripple(case_of(TACE, MR_DONE), "tace-1", START + 7 * DAY)] == ["tace-1"]
    with pytest.raises(UsageError, match="is done"):
        ripple(case_of(DONE, MR), "tace-1", START + 7 * DAY)
    with pytest.raises(UsageError) as refused:
        ripple(case_of(TACE), "nothing", START)
    assert refused.value.code == "unknown-step"


def test_that_days_that_do_not_fit_any_more_are_proposed_anew() -> None:
    late = replace(TACE, done_on=START + 20 * DAY)
    follow = CourseStep("ct", "imaging", "CT", planned_on=START + 40 * DAY, after="mr-1", minimum_days=14)
    case = case_of(late, MR, follow)
    assert {each.step_id: each.proposed for each in catch_up(case, START + 21 * DAY)} == {
        "mr-1": START + 48 * DAY,
        "ct": START + 62 * DAY,
    }
    assert case.courses[0].steps[1].planned_on == START + 35 * DAY
    assert catch_up(case_of(DONE, MR), START + 10 * DAY) == ()
    (passed,) = catch_up(case_of(DONE, MR), START + 38 * DAY)
    assert (passed.proposed, passed.why) == (START + 38 * DAY, "2026-04-06 has passed")


def test_that_a_lasting_treatment_counts_from_its_last_day() -> None:
    systemic = CourseStep("line-1", "systemic", "FOLFOX", done_on=START, until=START + 60 * DAY)
    surgery = CourseStep("surgery", "surgery", "Resection", after="line-1", minimum_days=28)
    assert status_of(case_of(systemic, surgery), "surgery", START + 70 * DAY).earliest == START + 88 * DAY


def test_that_lesions_left_by_the_records_open_the_next_session(shelf: Shelf) -> None:
    case, session_id = timed_out_case(shelf)
    rows = [
        {"lesion": "lesion-1", "drug": "Doxorubicin", "mg": 40, "status": "done"},
        {"lesion": "lesion-2", "drug": "Doxorubicin", "mg": 0, "status": "not-done", "why": "spasm"},
    ]
    first = CourseStep("first", "session", "First", done_on=TODAY)
    left = StepNeed("untreated", "lesions left", {"step": "first"})
    second = CourseStep(
        "second", "session", "Second", after="first", condition="if lesions are left", condition_need=left
    )
    case = replace(case, courses=(Course("course-1", "Course", steps=(first, second)),))

    def judged(case: Case) -> StepStatus:
        return judged_steps(case, {"small": shelf.template}, TODAY + DAY)[1]

    assert judged(case).state is StepState.CONDITION_OPEN
    case = answer_field(case, session_id, shelf.template, "record", "rows", rows, by="O", now=NOW)
    status = judged(case)
    assert status.state is StepState.MAY_BEGIN
    assert status.condition is not None
    assert status.condition.why == "left untreated: L2"
