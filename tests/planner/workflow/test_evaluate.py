from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from small_template import NOW, Shelf, bilirubin, ready_case, signed_case, the, timed_out_case

from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.workflow.answers import answer_field
from planner.workflow.evaluate import evaluate
from planner.workflow.gates import LOG
from planner.workflow.lifecycle import set_emergency
from planner.workflow.profiles import edited
from planner.workflow.signing import override, record_time_out, sign
from planner.workflow.status import SessionStatus, StageStatus, Status


def status_of(shelf: Shelf, case: Case, session_id: str) -> SessionStatus:
    return evaluate(case, the(case, session_id), shelf.template, shelf.profile, NOW)


def fill(shelf: Shelf, case: Case, session_id: str, stage: str, name: str, value: object) -> Case:
    return answer_field(case, session_id, shelf.template, stage, name, value, by="Fellow", now=NOW)


def codes(stage: StageStatus) -> dict[str, Finding]:
    return {each.code: each for each in stage.findings}


def test_that_a_stage_waits_until_the_one_before_is_signed(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    found = status_of(shelf, case, session_id)
    assert found.stage("referral").status is Status.OPEN
    assert found.stage("dose").status is Status.WAITING
    assert found.stage("dose").waits_for == ("referral",)
    case = sign(case, session_id, shelf.template, shelf.profile, "referral", role="consultant", by="C", now=NOW)
    found = status_of(shelf, case, session_id)
    assert found.stage("referral").status is Status.SIGNED
    assert found.stage("dose").status is Status.OPEN
    assert found.next_stage is not None
    assert found.next_stage.stage.id == "dose"


def test_that_an_empty_required_field_blocks_a_plan_and_warns_on_a_record(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    case = fill(shelf, case, session_id, "referral", "question", None)
    found = status_of(shelf, case, session_id)
    empty = codes(found.stage("referral"))["required-empty"]
    assert (empty.severity, empty.subject, empty.overridable) == (Severity.BLOCK, "referral.question", True)
    assert found.stage("referral").status is Status.BLOCKED
    record = found.stage("record")
    assert codes(record)["required-empty"].severity is Severity.WARN
    assert record.status is Status.OPEN
    assert record.can_sign


def test_that_no_finding_of_a_record_blocks_not_even_a_refusal(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    found = status_of(shelf, case, session_id)
    assert codes(found.stage("record"))["over-plan"].severity is Severity.WARN
    assert not any(each.blocks for stage in ("record", "after") for each in found.stage(stage).findings)


def test_that_a_number_out_of_range_is_asked_about_with_its_limit(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    case = fill(shelf, case, session_id, "dose", "milligrams", 501)
    found = codes(status_of(shelf, case, session_id).stage("dose"))["out-of-range"]
    assert (found.measured, found.limit, found.unit) == (501.0, 500.0, "mg")


def test_that_a_field_of_another_technique_is_not_asked_for(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    assert "required-empty" not in codes(status_of(shelf, case, session_id).stage("dose"))
    case = fill(shelf, case, session_id, "referral", "technique", "two")
    assert codes(status_of(shelf, case, session_id).stage("dose"))["required-empty"].subject == "dose.only_two"


def test_that_a_check_whose_histology_is_unknown_is_not_evaluated_and_blocks(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    case = replace(case, laboratory=(bilirubin(200.0, date(2026, 3, 10)),))
    assert "bilirubin-high" in codes(status_of(shelf, case, session_id).stage("dose"))
    net = fill(shelf, case, session_id, "referral", "histology", "NET")
    assert "bilirubin-high" not in codes(status_of(shelf, net, session_id).stage("dose"))
    unknown = fill(shelf, case, session_id, "referral", "histology", None)
    found = codes(status_of(shelf, unknown, session_id).stage("dose"))["not-evaluated"]
    assert found.severity is Severity.BLOCK
    assert "histology" in found.text


def test_that_a_laboratory_value_beyond_its_window_is_asked_about(shelf: Shelf) -> None:
    case, session_id = signed_case(shelf)
    later = NOW + timedelta(days=20)
    found = evaluate(case, the(case, session_id), shelf.template, shelf.profile, later).stage("dose")
    old = codes(found)["lab-outside-window"]
    assert (old.measured, old.limit, old.unit) == (22.0, 14.0, "d")
    assert found.status is Status.BLOCKED


@pytest.mark.parametrize("raises", [ValueError("x"), KeyError("y"), ZeroDivisionError()])
def test_that_a_check_which_fails_blocks_and_is_logged(
    shelf: Shelf, raises: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> list[Finding]:
        raise raises

    template = replace(shelf.template, check_functions={**shelf.template.check_functions, "within_cap": broken})
    case, session_id = ready_case(shelf)
    with caplog.at_level("ERROR", logger=LOG.name):
        found = evaluate(case, the(case, session_id), template, shelf.profile, NOW).stage("dose")
    assert codes(found)["check-failed"].severity is Severity.BLOCK
    assert not found.can_sign
    assert "cap" in caplog.text


def test_that_a_check_cannot_speak_louder_than_its_template_allows(shelf: Shelf) -> None:
    def loud(_: object) -> list[Finding]:
        return [Finding("loud", Severity.BLOCK, "Stop.", overridable=False)]

    template = replace(shelf.template, check_functions={**shelf.template.check_functions, "within_cap": loud})
    case, session_id = ready_case(shelf)
    found = codes(evaluate(case, the(case, session_id), template, shelf.profile, NOW).stage("dose"))["loud"]
    assert found.overridable


def test_that_not_checked_is_printed_until_somebody_has_looked(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)

    def lines(changed: Case) -> set[str]:
        stage = status_of(shelf, changed, session_id).stage("dose")
        return {each.text for each in stage.findings if each.code == "not-checked"}

    assert lines(case) == {"NOT CHECKED: cystic artery", "NOT CHECKED: right gastric artery"}
    nobody = fill(shelf, case, session_id, "dose", "cystic_artery", "not-looked-for")
    assert "NOT CHECKED: cystic artery" in lines(nobody)
    looked = fill(shelf, case, session_id, "dose", "cystic_artery", "found")
    assert lines(looked) == {"NOT CHECKED: right gastric artery"}
    row = [{"artery": "Right gastric artery", "state": "not-looked-for"}]
    assert "NOT CHECKED: right gastric artery" in lines(fill(shelf, looked, session_id, "dose", "arteries", row))
    row = [{"artery": "Right gastric artery", "state": "found"}]
    assert lines(fill(shelf, looked, session_id, "dose", "arteries", row)) == set()


def test_that_new_limits_turn_a_signed_plan_stale_before_the_time_out(shelf: Shelf) -> None:
    case, session_id = signed_case(shelf)
    changed = edited(shelf.profile, {"cap_mg": 140}, by="A", on=NOW.date())
    found = evaluate(case, the(case, session_id), shelf.template, changed, NOW)
    assert found.stage("dose").status is Status.STALE


def test_that_new_rules_after_the_time_out_are_only_mentioned(shelf: Shelf) -> None:
    case, session_id = timed_out_case(shelf)
    strict = edited(shelf.profile, {"cap_mg": 50}, by="A", on=NOW.date())
    found = evaluate(case, the(case, session_id), shelf.template, strict, NOW)
    dose = found.stage("dose")
    assert dose.status is Status.SIGNED
    assert "rules-changed" in codes(dose)
    assert codes(dose)["dose-over-cap"].severity is Severity.INFO
    assert "rules-changed" in {each.code for each in found.findings}


def test_that_an_elective_record_without_time_out_is_a_standing_finding(shelf: Shelf) -> None:
    case, session_id = signed_case(shelf)
    assert "no-time-out" not in codes(status_of(shelf, case, session_id).stage("record"))
    done = fill(shelf, case, session_id, "record", "contrast", 90)
    found = status_of(shelf, done, session_id)
    assert codes(found.stage("record"))["no-time-out"].severity is Severity.WARN
    assert "no-time-out" in {each.code for each in found.findings}
    timed, session_id = timed_out_case(shelf)
    timed = fill(shelf, timed, session_id, "record", "contrast", 90)
    assert "no-time-out" not in codes(status_of(shelf, timed, session_id).stage("record"))


def test_that_an_emergency_gates_only_on_what_cannot_wait(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    case = set_emergency(case, session_id, True, by="Operator")
    case = fill(shelf, case, session_id, "dose", "milligrams", 200)
    found = status_of(shelf, case, session_id)
    dose = found.stage("dose")
    later = codes(dose)["complete-within-24h"]
    assert later.severity is Severity.INFO
    assert "Not checked, reason emergency: Within the cap" in later.text
    assert dose.status is not Status.BLOCKED
    gated = replace(case, laboratory=(bilirubin(200.0, date(2026, 3, 10)),))
    assert codes(status_of(shelf, gated, session_id).stage("dose"))["bilirubin-high"].severity is Severity.BLOCK
    asked = fill(shelf, case, session_id, "referral", "question", None)
    assert status_of(shelf, asked, session_id).stage("referral").status is Status.BLOCKED


def test_that_what_an_emergency_left_can_be_filled_after_its_time_out(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    case = set_emergency(case, session_id, True, by="Operator")
    for stage, role in (("referral", "consultant"), ("dose", "pharmacist"), ("dose", "operator")):
        case = sign(case, session_id, shelf.template, shelf.profile, stage, role=role, by=role, now=NOW)
    case = record_time_out(case, session_id, shelf.template, shelf.profile, by=("Operator",), now=NOW)
    case = fill(shelf, case, session_id, "consent", "given_to", "family")
    assert the(case, session_id).answer("consent", "given_to") == "family"


def test_that_one_person_signing_two_roles_is_asked_about(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    case = sign(case, session_id, shelf.template, shelf.profile, "referral", role="consultant", by="C", now=NOW)
    for role in ("pharmacist", "operator"):
        case = sign(case, session_id, shelf.template, shelf.profile, "dose", role=role, by="Same Name", now=NOW)
    dose = status_of(shelf, case, session_id).stage("dose")
    assert dose.status is Status.BLOCKED
    assert codes(dose)["same-person"].overridable
    second = sign(case, session_id, shelf.template, shelf.profile, "dose", role="pharmacist", by="Other", now=NOW)
    assert status_of(shelf, second, session_id).stage("dose").status is Status.SIGNED
    passed = override(
        case, session_id, shelf.template, shelf.profile, "dose", code="same-person", subject="dose", by="C",
        reason="Nobody else in the house.", now=NOW,
    )  # fmt: skip
    assert status_of(shelf, passed, session_id).stage("dose").status is Status.SIGNED


def test_that_the_status_document_has_the_keys_of_the_contract(shelf: Shelf) -> None:
    case, session_id = ready_case(shelf)
    printed = status_of(shelf, case, session_id).stage("dose").to_json()
    assert {"id", "title", "status", "findings"} <= printed.keys()
    assert printed["status"] == "waiting"
