from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_template import NOW, TODAY, Shelf, bilirubin, ready_case, the, timed_out_case

from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.course import Course, CourseStep
from planner.model.edits import with_session
from planner.model.items import REGION, VESSEL_PATH, PlanItem
from planner.model.links import FrameLink
from planner.model.people import PriorTreatment
from planner.model.run_items import KEY_FRAME, RUN_CALIBRATION, RUN_MEASUREMENT, RUN_VIEW
from planner.model.session import Answer, SessionState
from planner.workflow.answers import answer_field, confirm_inherited
from planner.workflow.course import Remains, course_findings, what_remains
from planner.workflow.evaluate import evaluate
from planner.workflow.inheritance import NEVER_KINDS, NEVER_WORDS, confirm_item, effective_inherit, start_next_session
from planner.workflow.last_time import last_time_card
from planner.workflow.ledgers import ledger_of
from planner.workflow.lifecycle import ALLOWED, advance_state, needs_reason
from planner.workflow.status import Status
from planner.workflow.template import Field, FieldKind, Inherit, Phase, Stage

LATER = NOW + timedelta(days=42)


def performed(shelf: Shelf) -> tuple[Case, str]:
    """A session done with two rows, a marked path and values from afterwards."""
    case, session_id = timed_out_case(shelf)
    path = PlanItem("item-1", VESSEL_PATH, "Path", "1.2", {"points_lps_mm": []})
    region = PlanItem("item-2", REGION, "Tumour", "1.2", {})
    case = with_session(case, replace(the(case, session_id), items=(path, region)))
    rows = [
        {"lesion": "lesion-1", "drug": "Doxorubicin", "mg": 40, "status": "done"},
        {"lesion": "lesion-2", "drug": "Doxorubicin", "mg": 0, "status": "not-done", "why": "spasm"},
    ]
    for name, value in (("rows", rows), ("contrast", 90), ("catheter", "cobra"), ("bsa", 1.8)):
        case = answer_field(case, session_id, shelf.template, "record", name, value, by="O", now=NOW)
    for state in (SessionState.IN_ROOM, SessionState.DONE):
        case = advance_state(case, session_id, shelf.template, shelf.profile, state, by="O", now=NOW, reason="demo")
    return replace(case, laboratory=(*case.laboratory, bilirubin(44.0, date(2026, 3, 13), "lab-2"))), session_id


def next_session(shelf: Shelf) -> tuple[Case, str, str]:
    case, first = performed(shelf)
    case, second = start_next_session(case, first, shelf.template, shelf.profile, now=LATER)
    return case, first, second


def test_that_a_second_session_carries_what_the_template_lets_it(shelf: Shelf) -> None:
    case, first, second = next_session(shelf)
    session = the(case, second)
    assert session.started_from == first
    assert session.answers["dose"]["approach"].value == "femoral"
    assert session.answers["dose"]["approach"].inherited_from == first
    assert session.answers["dose"]["allergy_note"].value == "hives"
    assert session.answers["dose"]["allergy_note"].inherited_from is None
    assert [(each.type, each.inherited_from) for each in session.items] == [(VESSEL_PATH, first)]
    assert session.items[0].id != "item-1"


def test_that_the_reset_list_is_never_inherited_whatever_the_template_says(shelf: Shelf) -> None:
    case, _, second = next_session(shelf)
    session = the(case, second)
    assert "antibiotic_given" not in session.answers["referral"]
    assert "consent" not in session.answers
    assert "milligrams" not in session.answers["dose"]
    assert not {"time_out", "record", "after"} & session.answers.keys()
    assert (session.signoffs, session.overrides, session.time_out, dict(session.series_roles)) == ((), (), None, {})
    assert case.patient.weight_kg is None
    assert case.pregnancy is None
    assert [(each.name, each.hold_from, each.restart_on) for each in case.medication] == [("apixaban", None, None)]


@settings(max_examples=60, deadline=None)
@given(
    word=st.sampled_from(sorted(NEVER_WORDS)),
    before=st.sampled_from(["", "last_", "patient_"]),
    behind=st.sampled_from(["", "_kg", "_given"]),
    kind=st.sampled_from(sorted(FieldKind)),
    inherit=st.sampled_from(sorted(Inherit)),
    phase=st.sampled_from(sorted(Phase)),
)
def test_that_no_spelling_of_the_reset_list_is_carried(
    word: str, before: str, behind: str, kind: FieldKind, inherit: Inherit, phase: Phase
) -> None:
    described = Field(f"{before}{word}{behind}", "x", kind, inherit=inherit)
    stage = Stage("plan", "x", phase, "", "operator", (), "mpr", (described,))
    assert effective_inherit(stage, described) is Inherit.NEVER
    harmless = replace(described, id="vessel")
    carried = phase in (Phase.DECIDE, Phase.PLAN) and kind not in NEVER_KINDS
    assert effective_inherit(stage, harmless) is (inherit if carried else Inherit.NEVER)


def test_that_carried_values_and_items_wait_for_a_person(shelf: Shelf) -> None:
    case, _, second = next_session(shelf)

    def codes(changed: Case) -> set[str]:
        found = evaluate(changed, the(changed, second), shelf.template, shelf.profile, LATER).stage("dose")
        return {each.code for each in found.findings}

    assert {"inherited-to-review", "item-to-review"} <= codes(case)
    seen = confirm_inherited(case, second, shelf.template, "dose", by="F", now=LATER)
    seen = confirm_item(seen, second, the(seen, second).items[0].id)
    assert not {"inherited-to-review", "item-to-review"} & codes(seen)


def test_that_what_was_looked_for_last_time_is_not_checked_until_somebody_says_so_again(shelf: Shelf) -> None:
    case, first = performed(shelf)
    dose = {**the(case, first).answers["dose"], "cystic_artery": Answer("found")}
    answers = MappingProxyType({**the(case, first).answers, "dose": MappingProxyType(dose)})
    case = with_session(case, replace(the(case, first), answers=answers))
    case, second = start_next_session(case, first, shelf.template, shelf.profile, now=LATER)

    def lines(changed: Case) -> set[str]:
        found = evaluate(changed, the(changed, second), shelf.template, shelf.profile, LATER).stage("dose")
        return {each.text for each in found.findings}

    assert the(case, second).answer("dose", "cystic_artery") == "found"
    assert "NOT CHECKED: cystic artery" in lines(case)
    seen = confirm_inherited(case, second, shelf.template, "dose", by="F", now=LATER)
    assert "NOT CHECKED: cystic artery" not in lines(seen)


def test_that_the_first_session_stays_signed_when_the_second_begins(shelf: Shelf) -> None:
    case, first, _ = next_session(shelf)
    found = evaluate(case, the(case, first), shelf.template, shelf.profile, LATER)
    assert found.stage("dose").status is Status.SIGNED
    assert found.stage("referral").status is Status.SIGNED


def test_that_a_session_still_being_planned_has_no_next_one(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    with pytest.raises(InputRefused) as refused:
        start_next_session(case, session_id, shelf.template, shelf.profile, now=NOW)
    assert refused.value.code == "session-not-performed"


def test_that_the_last_time_card_says_what_was_used_given_and_measured(shelf: Shelf) -> None:
    case, session_id = performed(shelf)
    card = last_time_card(case, session_id, shelf.template)
    lines = {line.label: line.values for line in card.lines}
    assert lines["Catheter"] == ("Cobra 2",)
    assert lines["Doses"] == ("40 mg", "0 mg")
    assert lines["Bilirubin afterwards"] == ("44 µmol/L (2026-03-13)",)
    assert (card.performed_on, card.state) == (TODAY, "done")


def test_that_what_remains_is_told_with_the_reason(shelf: Shelf) -> None:
    case, session_id = performed(shelf)
    found = {each.lesion_id: each for each in what_remains(case, {"small": shelf.template})}
    assert (found["lesion-1"].state, found["lesion-1"].treated_in) == (Remains.TREATED, (session_id,))
    assert (found["lesion-2"].state, found["lesion-2"].why) == (Remains.UNTREATED, "spasm")
    silent, _ = ready_case(shelf)
    assert {each.state for each in what_remains(silent, {"small": shelf.template})} == {Remains.UNKNOWN}


def test_that_the_ledger_adds_records_and_earlier_treatments(shelf: Shelf) -> None:
    case, session_id = performed(shelf)
    earlier = PriorTreatment("TACE", where="outside", substance="doxorubicin", amount=50.0, unit="mg", bsa_m2=2.0)
    case = replace(case, prior_treatments=(earlier,))
    found = ledger_of(case, {"small": shelf.template})
    totals = {each.substance: each for each in found.totals}
    assert (totals["doxorubicin"].amount, totals["doxorubicin"].entries) == (90.0, 3)
    assert totals["doxorubicin"].per_m2 == pytest.approx(50 / 2.0 + 40 / 1.8)
    assert (totals["contrast"].amount, totals["contrast"].unit) == (90.0, "mL")
    assert {each.origin for each in found.entries} == {"outside", session_id}
    assert "elsewhere unknown" in found.note
    assert "no treatment elsewhere" in ledger_of(replace(case, outside_sessions="no"), {}).note
    assert ledger_of(case, {}).unread_sessions == (session_id,)


@pytest.mark.parametrize(("days", "code"), [(10, "interval-too-short"), (30, None), (90, "interval-too-long")])
def test_that_intervals_between_steps_are_told(days: int, code: str | None) -> None:
    start = date(2026, 1, 1)
    steps = (
        CourseStep("one", "session", "TACE 1", done_on=start),
        CourseStep("two", "session", "TACE 2", None, start + timedelta(days), None, "one", 21, 56),
    )
    case = replace(_bare(), courses=(Course("c", "Course", steps=steps),))
    found = course_findings(case, start)
    assert [each.code for each in found] == ([code] if code else [])
    if code:
        assert found[0].measured == days


def test_that_a_step_without_a_date_becomes_overdue() -> None:
    start = date(2026, 1, 1)
    steps = (
        CourseStep("one", "session", "TACE 1", done_on=start),
        CourseStep("two", "imaging", "CT", after="one", maximum_days=42, prerequisites=("creatinine",)),
    )
    case = replace(_bare(), courses=(Course("c", "Course", steps=steps),))
    assert [each.code for each in course_findings(case, start + timedelta(10))] == ["prerequisite"]
    assert "interval-too-long" in {each.code for each in course_findings(case, start + timedelta(50))}


def _bare() -> Case:
    from planner.model.people import Patient

    return Case(id="c", patient=Patient("1", "T"))


def test_that_every_state_can_be_left_and_none_leads_nowhere() -> None:
    assert set(ALLOWED) == set(SessionState)
    reached = {SessionState.DRAFT}
    for _ in SessionState:
        reached |= {to for state in reached for to in ALLOWED[state]}
    assert reached == set(SessionState)


def test_that_a_plan_is_not_called_ready_before_it_is_signed_unless_with_a_reason(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    with pytest.raises(InputRefused) as refused:
        advance_state(case, session_id, shelf.template, shelf.profile, SessionState.PLANNED, by="F", now=NOW)
    assert refused.value.code == "plan-incomplete"
    case = advance_state(
        case, session_id, shelf.template, shelf.profile, SessionState.PLANNED, by="F", now=NOW, reason="slot first"
    )
    assert the(case, session_id).state_reason == "slot first"


def test_that_what_happened_in_the_room_is_never_gated(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    case = advance_state(case, session_id, shelf.template, shelf.profile, SessionState.IN_ROOM, by="F", now=NOW)
    assert the(case, session_id).performed_on == TODAY
    with pytest.raises(InputRefused) as refused:
        advance_state(case, session_id, shelf.template, shelf.profile, SessionState.ABORTED, by="F", now=NOW)
    assert refused.value.code == "reason-missing"
    with pytest.raises(UsageError) as wrong:
        advance_state(case, session_id, shelf.template, shelf.profile, SessionState.CLOSED, by="F", now=NOW)
    assert wrong.value.code == "wrong-state"
    assert needs_reason(the(case, session_id), SessionState.NOTHING_GIVEN)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    extra=st.dictionaries(
        st.sampled_from(["weight", "pregnancy_test", "consent_form"]), st.text(min_size=1), max_size=3
    )
)
def test_that_answers_no_template_knows_are_not_carried(shelf: Shelf, extra: dict[str, str]) -> None:
    case, first = performed(shelf)
    session = the(case, first)
    dose = {**session.answers["dose"], **{name: Answer(value) for name, value in extra.items()}}
    answers = MappingProxyType({**session.answers, "dose": MappingProxyType(dose)})
    case = with_session(case, replace(session, answers=answers))
    case, second = start_next_session(case, first, shelf.template, shelf.profile, now=LATER)
    assert not extra.keys() & the(case, second).answers["dose"].keys()


def test_that_what_lies_on_the_runs_of_a_session_stays_with_it_and_links_stay_with_the_case(shelf: Shelf) -> None:
    case, first = performed(shelf)
    kinds = (RUN_VIEW, RUN_CALIBRATION, RUN_MEASUREMENT, KEY_FRAME)
    on_runs = tuple(PlanItem(f"run-{kind}", kind, kind, "1.2", {"run": "1.2.3#1"}) for kind in kinds)
    session = the(case, first)
    case = with_session(case, replace(session, items=(*session.items, *on_runs)))
    link = FrameLink("link-1", "run", "1.2", (1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0), "landmarks")
    case, second = start_next_session(replace(case, links=(link,)), first, shelf.template, shelf.profile, now=LATER)
    assert not {item.type for item in the(case, second).items} & set(kinds)
    assert len([item for item in the(case, first).items if item.type in kinds]) == len(kinds)
    assert case.links == (link,)
