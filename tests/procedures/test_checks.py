"""Every gate of the template fires on what it is for, says so when it cannot be answered, and is silent otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import tace_walk as tw
from tace_gates import FIRES, Change, medicine
from tace_model import tried_on_the_model

from planner.findings import Severity


@pytest.mark.parametrize(
    ("stage", "check", "change", "code", "blocks"), FIRES, ids=[f"{s}-{c}-{k}" for s, c, _, k, _ in FIRES]
)
def test_that_a_check_fires(stage: str, check: str, change: Change, code: str, blocks: bool) -> None:
    found = tw.checked(change(tw.filled_case()), stage, check)
    mine = [each for each in found if each.code == code]
    assert mine, [each.code for each in found]
    assert any(each.blocks for each in mine) is blocks
    assert all(each.source and each.tag for each in found)


def test_that_every_check_was_tried() -> None:
    tried = {(stage, check) for stage, check, *_ in FIRES}
    elsewhere = {
        ("consent", "consent-family"),
        ("decision", "senior-physician"),
        ("plan_signed", "two-names"),
        ("injections", "given-over-plan"),
        ("injections", "positions-accounted"),
        ("injections", "injection-dangers"),
        ("completion", "untreated-explained"),
        ("completion", "endpoint-read"),
        ("events_30d", "events-overdue"),
        ("events_30d", "event-scheme"),
        ("events_30d", "case-report"),
        ("next_step", "outside-unknown"),
        ("next_step", "devices-due"),
        ("fitness", "devices-overdue"),
        ("sign_out", "device-register"),
        ("agent_dose", "bead-dose"),
        ("agent_dose", "bead-catheter"),
        ("agent_dose", "bead-contrast"),
        ("agent_dose", "repeat-interval"),
        ("agent_dose", "bead-loading"),
        *((stage, check) for stage, check in tried_on_the_model()),
    }
    every = {(stage.id, check.id) for stage in tw.tace().stages for check in stage.checks}
    assert every - tried == elsewhere


def test_that_the_example_silences_every_check_that_applies_and_asks() -> None:
    loud = {
        (stage.id, check.id)
        for stage in tw.tace().stages
        for check in stage.checks
        if not check.applies_if and any(f.blocks for f in tw.checked(tw.filled_case(), stage.id, check.id))
    }
    assert loud == set()


def test_that_only_the_cap_and_identity_refuse() -> None:
    refusing = {check.id for stage in tw.tace().stages for check in stage.checks if check.acts_as == "refuse"}
    assert refusing == {"one-patient-one-frame", "dose-over-cap", "identity", "side-marked", "no-viability-on-oil"}


@pytest.mark.parametrize(("milligrams", "fires"), [(150.0, False), (150.0000001, True)])
def test_that_the_cap_is_compared_unrounded_and_cannot_be_overridden(milligrams: float, fires: bool) -> None:
    case = tw.with_answers(tw.filled_case(), "agent_dose", prepared_maximum=milligrams)
    found = tw.checked(case, "agent_dose", "dose-over-cap")
    assert bool(found) is fires
    assert all(f.blocks and not f.overridable and f.limit == 150.0 and f.unit == "mg" for f in found)


def test_that_a_further_drug_needs_the_second_person_too() -> None:
    rows = [{"drug": "Mitomycin", "drug_class": "antibiotic", "prepared_maximum": 6.0, "second_person_maximum": 8.0}]
    case = tw.with_answers(tw.filled_case(), "agent_dose", other_drugs=rows)
    found = tw.checked(case, "agent_dose", "dose-second-person")
    assert [(f.measured, f.limit) for f in found] == [(8.0, 6.0)]


def test_that_inr_is_judged_by_the_access() -> None:
    case = tw.with_lab(tw.filled_case(), "inr", 1.9, "1")
    assert tw.checked(case, "arteries_access", "access-coagulation")
    radial = tw.with_answers(case, "arteries_access", access="radial")
    assert tw.checked(radial, "arteries_access", "access-coagulation") == []


def test_that_a_doac_is_not_held_for_a_low_risk_procedure() -> None:
    case = medicine("Apixaban", "doac")(tw.filled_case())
    assert tw.checked(case, "fitness", "medicine-hold-and-restart") == []


def test_that_a_shunt_that_is_treated_first_does_not_block() -> None:
    case = tw.with_answers(tw.filled_case(), "portal_shunt_bile", shunt_av="large")
    assert tw.checked(case, "agent_dose", "shunt-agent")
    treated = tw.with_answers(case, "agent_dose", shunt_treated_first="Coils in the shunt")
    assert tw.checked(treated, "agent_dose", "shunt-agent") == []


def test_that_the_chinese_profile_accepts_branch_thrombus_and_a_larger_share() -> None:
    case = tw.with_answers(
        tw.filled_case(), "portal_shunt_bile", portal_vein="branch", thrombus_kind="tumour", tumour_share=65.0
    )
    assert tw.checked(case, "portal_shunt_bile", "portal-flow")
    assert tw.checked(case, "portal_shunt_bile", "portal-flow", profile="cnlc-china") == []
    assert tw.checked(case, "portal_shunt_bile", "tumour-share", profile="cnlc-china") == []
    assert tw.checked(case, "liver_stage", "stage-for-tace")
    assert tw.checked(case, "liver_stage", "stage-for-tace", profile="cnlc-china") == []


def test_that_china_asks_for_the_family_and_the_case_report() -> None:
    case = tw.with_answers(tw.filled_case(), "consent", given_by=["patient"])
    assert tw.checked(case, "consent", "consent-family") == []
    assert tw.codes(tw.checked(case, "consent", "consent-family", profile="cnlc-china")) == {"family-consent"}
    late = tw.at(tw.DAY + timedelta(days=15))
    assert tw.checked(case, "events_30d", "case-report", now=late) == []
    found = tw.checked(case, "events_30d", "case-report", now=late, profile="cnlc-china")
    assert tw.codes(found) == {"case-report-overdue"}
    in_time = tw.at(tw.DAY + timedelta(days=14))
    assert tw.checked(case, "events_30d", "case-report", now=in_time, profile="cnlc-china") == []


def test_that_an_endpoint_stands_on_a_run_after_treatment() -> None:
    filled = tw.filled_case()
    named = tw.session_roles(filled, {"dsa-before": "1.2#1", "dsa-after": "1.2#2"})
    assert tw.checked(named, "completion", "endpoint-read") == []
    assert tw.codes(tw.checked(filled, "completion", "endpoint-read")) == {"no-run-after"}
    only_after = tw.session_roles(filled, {"dsa-after": "1.2#2"})
    assert tw.codes(tw.checked(only_after, "completion", "endpoint-read")) == {"no-run-before"}
    unjudged = tw.with_answers(named, "completion", endpoint="not-judged", stasis=None)
    found = tw.checked(unjudged, "completion", "endpoint-read")
    assert {each.subject for each in found} == {"endpoint", "stasis"}
    assert not any(each.blocks for each in found)


def test_that_more_than_planned_is_recorded_with_a_finding() -> None:
    rows = [{"position": 1, "drug": "Doxorubicin", "drug_class": "anthracycline", "amount": 160.0}]
    case = tw.with_answers(tw.filled_case(), "injections", drugs_given=rows)
    found = tw.checked(case, "injections", "given-over-plan")
    assert tw.codes(found) == {"given-over-plan", "given-over-cap"}
    assert not any(f.blocks for f in found)


def test_that_a_planned_position_must_be_accounted_for() -> None:
    rows = [{"position": 1, "vessel": "A8", "lesions": ["lesion-1"], "status": "not-done"}]
    case = tw.with_answers(tw.filled_case(), "injections", injections=rows)
    found = tw.checked(case, "injections", "positions-accounted")
    assert tw.codes(found) == {"position-not-recorded", "position-without-reason"}
    assert tw.codes(tw.checked(case, "completion", "untreated-explained")) == {"untreated"}


def test_that_reflux_and_portal_filling_are_said() -> None:
    rows = [{"position": 1, "status": "done", "reflux": "yes", "portal_oil": "beyond", "wedged": "yes"}]
    found = tw.checked(
        tw.with_answers(tw.filled_case(), "injections", injections=rows), "injections", "injection-dangers"
    )
    assert tw.codes(found) == {"reflux", "portal-oil", "wedged", "not-evaluated"}


def test_that_creatinine_and_bilirubin_are_compared_with_their_baseline() -> None:
    case = tw.filled_case()
    samples = [each for each in case.laboratory if each.taken_on > tw.DAY]
    creatinine = next(each for each in samples if each.analyte == "creatinine")
    bilirubin = next(each for each in samples if each.analyte == "bilirubin")
    worse = replace(
        case,
        laboratory=(*case.laboratory, replace(creatinine, value=130.0), replace(bilirubin, value=36.0)),
    )
    now = tw.at(tw.DAY + timedelta(days=3))
    assert tw.codes(tw.checked(worse, "early_laboratory", "kidney-after", now=now)) == {"pc-aki"}
    found = tw.checked(worse, "early_laboratory", "bilirubin-after", now=now)
    assert [(f.code, f.measured, f.limit) for f in found] == [("bilirubin-rise", 2.0, 2.0)]


def test_that_an_adverse_event_keeps_to_its_scheme() -> None:
    def event(scheme: str | None, grade: str) -> set[str]:
        rows = [{"event": "Abscess", "scheme": scheme, "grade": grade}]
        case = tw.with_answers(tw.filled_case(), "events_30d", adverse_events=rows)
        return tw.codes(tw.checked(case, "events_30d", "event-scheme"))

    assert event("CIRSE 2017", "3") == set()
    assert event("SIR 2017", "3") == {"event-grade"}
    assert event(None, "3") == {"event-incomplete"}
    assert event("CIRSE 2026", "1b") == {"event-scheme-unread"}
    assert event("CIRSE 2026", "1") == {"event-grade"}


def test_that_thirty_day_events_become_overdue() -> None:
    case = tw.with_answers(tw.filled_case(), "events_30d", asked_on=None)
    assert tw.checked(case, "events_30d", "events-overdue", now=tw.at(tw.DAY + timedelta(days=30))) == []
    found = tw.checked(case, "events_30d", "events-overdue", now=tw.at(tw.DAY + timedelta(days=31)))
    assert [(f.code, f.severity) for f in found] == [("events-overdue", Severity.INFO)]


def test_that_beads_are_judged_by_their_own_row() -> None:
    case = tw.filled_case("deb-tace")
    for check in ("bead-dose", "bead-catheter", "bead-loading", "bead-contrast"):
        assert tw.checked(case, "agent_dose", check) == []
    heavy = tw.with_answers(case, "agent_dose", prepared_maximum=76.0)
    assert tw.codes(tw.checked(heavy, "agent_dose", "bead-dose")) == {"bead-overloaded"}
    thick = tw.with_answers(case, "agent_dose", bead_contrast=4.0)
    assert tw.codes(tw.checked(thick, "agent_dose", "bead-contrast")) == {"bead-contrast"}
    narrow = tw.with_answers(case, "arteries_access", microcatheter_id=0.016)
    assert tw.codes(tw.checked(narrow, "agent_dose", "bead-catheter")) == {"bead-catheter"}
    hasty = tw.with_answers(case, "agent_dose", loading_minutes=45.0)
    assert tw.codes(tw.checked(hasty, "agent_dose", "bead-loading")) == {"loading-too-short"}
    other = tw.with_answers(case, "agent_dose", bead_product="Unknown beads")
    assert "Not evaluated" in tw.checked(other, "agent_dose", "bead-loading")[0].text
    assert [each.value for each in tw.computed(case, "agent_dose", "ready_by")] == ["08:30"]
