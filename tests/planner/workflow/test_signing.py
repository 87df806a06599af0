from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_template import (
    NOW,
    TEMPLATE,
    Shelf,
    bilirubin,
    load_shelf,
    ready_case,
    signed_case,
    the,
    timed_out_case,
    write_shelf,
)

from planner.errors import InputRefused, UsageError
from planner.findings import Severity
from planner.model.case import Case
from planner.model.codec import from_json, to_json
from planner.model.document import Document
from planner.model.edits import with_session
from planner.model.items import VESSEL_PATH, PlanItem
from planner.model.people import LabValue
from planner.model.run_items import KEY_FRAME, RUN_CALIBRATION, RUN_MEASUREMENT, RUN_VIEW
from planner.workflow.answers import answer_field
from planner.workflow.evaluate import evaluate
from planner.workflow.profiles import edited
from planner.workflow.signing import override, record_time_out, sign, withdraw_override, withdraw_signature
from planner.workflow.status import Status

SHARED = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def status(shelf: Shelf, case: Case, session_id: str, stage: str) -> Status:
    return evaluate(case, the(case, session_id), shelf.template, shelf.profile, NOW).stage(stage).status


def over_cap(shelf: Shelf, milligrams: float = 200.0) -> tuple[Case, str]:
    case, session_id = ready_case(shelf)
    case = sign(case, session_id, shelf.template, shelf.profile, "referral", role="consultant", by="C", now=NOW)
    case = answer_field(case, session_id, shelf.template, "dose", "milligrams", milligrams, by="F", now=NOW)
    return case, session_id


def pass_cap(shelf: Shelf, case: Case, session_id: str, reason: str = "Discussed with the pharmacy.") -> Case:
    return override(
        case, session_id, shelf.template, shelf.profile, "dose", code="dose-over-cap", subject="dose", by="Dr O",
        reason=reason, now=NOW,
    )  # fmt: skip


EDITS = st.sampled_from(
    [
        ("milligrams", 90.0),
        ("milligrams", 0.0),
        ("approach", "radial"),
        ("approach", None),
        ("arteries", [{"artery": "falciform", "state": "found"}]),
        ("cystic_artery", "found"),
    ]
)


@SHARED
@given(edits=st.lists(EDITS, min_size=1, max_size=4))
def test_that_an_edit_turns_a_signature_stale_and_its_undo_makes_it_signed_again(
    shelf: Shelf, edits: list[tuple[str, object]]
) -> None:
    case, session_id = signed_case(shelf)
    document = Document(case)
    assert status(shelf, case, session_id, "dose") is Status.SIGNED
    for name, value in edits:
        document.apply(
            name,
            lambda before, name=name, value=value: answer_field(
                before, session_id, shelf.template, "dose", name, value, by="F", now=NOW
            ),
        )
    assert status(shelf, document.case, session_id, "dose") is Status.STALE
    assert status(shelf, document.case, session_id, "referral") is Status.SIGNED
    while document.undo():
        pass
    assert status(shelf, document.case, session_id, "dose") is Status.SIGNED


def test_that_a_moved_item_the_stage_reads_turns_it_stale(shelf: Shelf) -> None:
    case, session_id = signed_case(shelf)
    path = PlanItem("item-1", VESSEL_PATH, "Path", "1.2", {"points_lps_mm": [[0.0, 0.0, 0.0]]})
    changed = with_session(case, replace(the(case, session_id), items=(path,)))
    assert status(shelf, changed, session_id, "dose") is Status.STALE
    assert status(shelf, changed, session_id, "referral") is Status.SIGNED


@pytest.mark.parametrize("kind", [RUN_VIEW, RUN_CALIBRATION, RUN_MEASUREMENT, KEY_FRAME])
def test_that_a_record_may_read_what_lies_on_runs(tmp_path: Path, kind: str) -> None:
    """A measurement on a run enters what was signed, and the pinned plan of the time-out does not hold it."""
    shelf = load_shelf(write_shelf(tmp_path, template=TEMPLATE.replace('"vessel-path"', f'"vessel-path", "{kind}"')))
    case, session_id = signed_case(shelf)
    item = PlanItem("item-1", kind, "On a run", "1.2", {"run": "1.2.3#1", "values": {"length_px": 10.0}})
    marked = with_session(case, replace(the(case, session_id), items=(item,)))
    assert status(shelf, marked, session_id, "dose") is Status.STALE
    pinned_case, pinned_id = timed_out_case(shelf)
    later = with_session(pinned_case, replace(the(pinned_case, pinned_id), items=(item,)))
    stored = from_json(Case, to_json(later))
    assert stored == later
    assert status(shelf, stored, pinned_id, "dose") is Status.SIGNED


def test_that_a_newer_laboratory_value_turns_a_stage_stale_before_the_time_out(shelf: Shelf) -> None:
    case, session_id = signed_case(shelf)
    changed = replace(case, laboratory=(*case.laboratory, bilirubin(22.0, date(2026, 3, 11), "lab-2")))
    assert status(shelf, changed, session_id, "dose") is Status.STALE


LABS = st.builds(
    lambda number, days, name: LabValue(
        f"lab-{name}", "bilirubin", number, "umol/L", date(2026, 3, 1) + timedelta(days)
    ),
    st.floats(1, 800),
    st.integers(0, 400),
    st.integers(2, 99),
)


@SHARED
@given(labs=st.lists(LABS, max_size=4), days=st.integers(0, 1000), weight=st.floats(20, 200), text=st.text(max_size=5))
def test_that_nothing_that_comes_after_the_time_out_changes_how_the_plan_was_judged(
    shelf: Shelf, labs: list[LabValue], days: int, weight: float, text: str
) -> None:
    case, session_id = timed_out_case(shelf)
    before = evaluate(case, the(case, session_id), shelf.template, shelf.profile, NOW)
    patient = replace(case.patient, weight_kg=weight)
    diagnosis = replace(case.diagnosis, histology="NET", text=text)
    later = replace(case, laboratory=(*case.laboratory, *labs), patient=patient, diagnosis=diagnosis, lesions=())
    after = evaluate(later, the(later, session_id), shelf.template, shelf.profile, NOW + timedelta(days=days))
    for stage in ("referral", "dose", "consent", "time_out"):
        assert after.stage(stage).status is before.stage(stage).status
        assert [each for each in after.stage(stage).findings if each.code != "newer-value"] == list(
            before.stage(stage).findings
        )
    assert after.stage("dose").status is Status.SIGNED


def test_that_a_newer_value_since_the_time_out_is_said(shelf: Shelf) -> None:
    case, session_id = timed_out_case(shelf)
    later = replace(case, laboratory=(*case.laboratory, bilirubin(60.0, date(2026, 3, 13), "lab-2")))
    dose = evaluate(later, the(later, session_id), shelf.template, shelf.profile, NOW + timedelta(days=2)).stage("dose")
    newer = next(each for each in dose.findings if each.code == "newer-value")
    assert newer.severity is Severity.INFO
    assert "60" in newer.text
    assert "20" in newer.text
    assert [each.newer.value for each in dose.newer_values] == [60.0]


def test_that_the_pinned_case_survives_being_stored(shelf: Shelf) -> None:
    case, session_id = timed_out_case(shelf)
    stored = from_json(Case, to_json(case))
    later = replace(stored, laboratory=(*case.laboratory, bilirubin(300.0, date(2026, 4, 1), "lab-9")))
    assert status(shelf, later, session_id, "dose") is Status.SIGNED


def test_that_plan_fields_are_closed_after_the_time_out_and_records_stay_open(shelf: Shelf) -> None:
    case, session_id = timed_out_case(shelf)
    for stage, name, value in (("dose", "approach", "x"), ("referral", "weight_kg", 80), ("dose", "bilirubin", None)):
        with pytest.raises(InputRefused) as refused:
            answer_field(case, session_id, shelf.template, stage, name, value, by="F", now=NOW)
        assert refused.value.code == "plan-frozen"
    case = answer_field(case, session_id, shelf.template, "record", "contrast", 999_999, by="F", now=NOW)
    assert the(case, session_id).answer("record", "contrast") == 999_999


@SHARED
@given(amount=st.floats(allow_nan=False, allow_infinity=False), rows=st.integers(0, 5))
def test_that_a_record_is_never_refused_and_can_always_be_signed(shelf: Shelf, amount: float, rows: int) -> None:
    case, session_id = ready_case(shelf)
    table = [{"drug": "x", "mg": amount}] * rows
    case = answer_field(case, session_id, shelf.template, "record", "rows", table, by="F", now=NOW)
    case = answer_field(case, session_id, shelf.template, "record", "contrast", amount, by="F", now=NOW)
    case = sign(case, session_id, shelf.template, shelf.profile, "record", role="operator", by="O", now=NOW)
    assert status(shelf, case, session_id, "record") is Status.SIGNED


def test_that_an_override_passes_the_finding_and_is_shown(shelf: Shelf) -> None:
    case, session_id = over_cap(shelf)
    assert status(shelf, case, session_id, "dose") is Status.BLOCKED
    case = pass_cap(shelf, case, session_id)
    dose = evaluate(case, the(case, session_id), shelf.template, shelf.profile, NOW).stage("dose")
    assert dose.status is Status.OPEN
    assert [(each.finding.code, each.override.by) for each in dose.overridden] == [("dose-over-cap", "Dr O")]
    back = withdraw_override(case, session_id, shelf.template, "dose", code="dose-over-cap", subject="dose")
    assert status(shelf, back, session_id, "dose") is Status.BLOCKED


@SHARED
@given(milligrams=st.floats(150.001, 300).filter(lambda dose: dose != 200.0))
def test_that_an_override_goes_stale_with_the_number_it_passed(shelf: Shelf, milligrams: float) -> None:
    case, session_id = over_cap(shelf)
    case = pass_cap(shelf, case, session_id)
    changed = answer_field(case, session_id, shelf.template, "dose", "milligrams", milligrams, by="F", now=NOW)
    dose = evaluate(changed, the(changed, session_id), shelf.template, shelf.profile, NOW).stage("dose")
    assert dose.status is Status.BLOCKED
    assert [each.code for each in dose.stale_overrides] == ["dose-over-cap"]
    again = answer_field(changed, session_id, shelf.template, "dose", "milligrams", 200.0, by="F", now=NOW)
    assert status(shelf, again, session_id, "dose") is Status.OPEN


def test_that_an_overridden_age_stands_the_next_day_and_falls_with_its_limit(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    later = NOW + timedelta(days=20)
    case = sign(case, session_id, shelf.template, shelf.profile, "referral", role="consultant", by="C", now=later)
    case = override(
        case, session_id, shelf.template, shelf.profile, "dose", code="lab-outside-window", subject="dose.bilirubin",
        by="O", reason="Repeated outside, same value.", now=later,
    )  # fmt: skip
    for days in (0, 1, 5):
        moment = later + timedelta(days=days)
        dose = evaluate(case, the(case, session_id), shelf.template, shelf.profile, moment).stage("dose")
        assert dose.status is Status.OPEN
    strict = edited(shelf.profile, {"bilirubin_days": 7}, by="A", on=NOW.date())
    dose = evaluate(case, the(case, session_id), shelf.template, strict, later).stage("dose")
    assert [each.code for each in dose.stale_overrides] == ["lab-outside-window"]
    assert dose.blocked


def test_that_an_override_needs_a_reason_and_a_name(shelf: Shelf) -> None:
    case, session_id = over_cap(shelf)
    with pytest.raises(InputRefused) as refused:
        pass_cap(shelf, case, session_id, reason="  ")
    assert refused.value.code == "reason-missing"
    with pytest.raises(UsageError):
        override(
            case, session_id, shelf.template, shelf.profile, "dose", code="dose-over-cap", subject="dose", by=" ",
            reason="x", now=NOW,
        )  # fmt: skip


def test_that_a_refusal_cannot_be_overridden(shelf: Shelf) -> None:
    case, session_id = over_cap(shelf, 400.0)
    with pytest.raises(InputRefused) as refused:
        override(
            case, session_id, shelf.template, shelf.profile, "dose", code="never", subject="dose", by="O", reason="x",
            now=NOW,
        )  # fmt: skip
    assert refused.value.code == "cannot-override"


def test_that_a_blocked_or_waiting_stage_cannot_be_signed(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    with pytest.raises(InputRefused) as refused:
        sign(case, session_id, shelf.template, shelf.profile, "dose", role="operator", by="O", now=NOW)
    assert refused.value.code == "stage-waits"
    case, session_id = over_cap(shelf)
    with pytest.raises(InputRefused) as refused:
        sign(case, session_id, shelf.template, shelf.profile, "dose", role="operator", by="O", now=NOW)
    assert refused.value.code == "stage-blocked"
    with pytest.raises(UsageError) as wrong:
        sign(case, session_id, shelf.template, shelf.profile, "dose", role="nurse", by="N", now=NOW)
    assert wrong.value.code == "unknown-role"


def test_that_both_roles_are_needed_and_the_second_is_called_second_person(shelf: Shelf) -> None:
    case, session_id = signed_case(shelf)
    assert [each.meaning for each in the(case, session_id).signoffs if each.stage == "dose"] == [
        "signed",
        "second-person",
    ]
    one = withdraw_signature(case, session_id, shelf.template, "dose", role="operator", by="O")
    dose = evaluate(one, the(one, session_id), shelf.template, shelf.profile, NOW).stage("dose")
    assert (dose.status, dose.missing_roles, dose.can_sign) == (Status.OPEN, ("operator",), True)


def test_that_the_time_out_asks_for_signed_stages_and_can_be_overridden(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    with pytest.raises(InputRefused) as refused:
        record_time_out(case, session_id, shelf.template, shelf.profile, by=("O",), now=NOW)
    assert refused.value.code == "time-out-blocked"
    case, session_id = signed_case(shelf)
    case = record_time_out(case, session_id, shelf.template, shelf.profile, by=("O", "N"), now=NOW)
    with pytest.raises(InputRefused) as refused:
        record_time_out(case, session_id, shelf.template, shelf.profile, by=("O",), now=NOW)
    assert refused.value.code == "time-out-recorded"
    signed = sign(case, session_id, shelf.template, shelf.profile, "time_out", role="operator", by="O", now=NOW)
    assert status(shelf, signed, session_id, "time_out") is Status.SIGNED


def test_that_an_overridden_time_out_is_recorded_and_says_what_was_unsigned(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    case = override(
        case, session_id, shelf.template, shelf.profile, "time_out", code="stages-not-signed", subject="time_out",
        by="Dr O", reason="The consultant is scrubbed.", now=NOW,
    )  # fmt: skip
    case = record_time_out(case, session_id, shelf.template, shelf.profile, by=("O",), now=NOW)
    found = evaluate(case, the(case, session_id), shelf.template, shelf.profile, NOW)
    assert "stages-not-signed" in {each.finding.code for each in found.stage("time_out").overridden}
    assert found.stage("dose").waits_for == ()
    late = sign(case, session_id, shelf.template, shelf.profile, "referral", role="consultant", by="C", now=NOW)
    assert status(shelf, late, session_id, "referral") is Status.SIGNED


def test_that_hiding_or_colouring_an_item_leaves_the_signature(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    path = PlanItem("item-1", VESSEL_PATH, "Path", "1.2", {"points_lps_mm": [], "colour": "#ff0000"})
    case = with_session(case, replace(the(case, session_id), items=(path,)))
    for stage, role in (("referral", "consultant"), ("dose", "pharmacist"), ("dose", "operator")):
        case = sign(case, session_id, shelf.template, shelf.profile, stage, role=role, by=role, now=NOW)
    hidden = replace(path, visible=False, body={**path.body, "colour": "#00ff00"})
    changed = with_session(case, replace(the(case, session_id), items=(hidden,)))
    assert status(shelf, changed, session_id, "dose") is Status.SIGNED


def test_that_a_signature_stays_after_the_time_out(shelf: Shelf) -> None:
    case, session_id = timed_out_case(shelf)
    with pytest.raises(InputRefused) as refused:
        withdraw_signature(case, session_id, shelf.template, "dose", role="operator", by="O")
    assert refused.value.code == "plan-frozen"
