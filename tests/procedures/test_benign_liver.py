"""Benign liver lesions: the whole walk, every gate, the lower of two caps, drugs that two people typed."""

from __future__ import annotations

from dataclasses import replace

import embolisation_walks as ew
import pytest

from planner.model.case import Case
from planner.model.people import Sex
from planner.workflow.ledgers import ledger_of
from planner.workflow.loader import lint_template

NAME = "benign_liver"
ADENOMA = "adenoma"


def man(case: Case) -> Case:
    return replace(case, patient=replace(case.patient, sex=Sex.MALE))


FIRES = {
    "benign": [
        ("benign-proved", {"proof": "atypical"}, "atypical", "ask"),
        ("benign-proved", {"proof": "unknown"}, "not-evaluated", "ask"),
        ("benign-proved", {"lesion_kind": None}, "not-evaluated", "ask"),
        ("treatment-needed", {"reasons": ["none"]}, "no-indication", "ask"),
        ("treatment-needed", {"reasons": None}, "not-evaluated", "ask"),
        ("treatment-needed", {"lesion_kind": "fnh", "reasons": ["growth"]}, "fnh-without-symptoms", "ask"),
        ("consumption", {"consumption": "yes"}, "consumption", "ask"),
        ("consumption", {"consumption": "unknown"}, "not-evaluated", "ask"),
    ],
    "positions": [("liver-branches", {"non_targets": None}, "branch-not-looked-for", "warn")],
    "agent": [
        ("oil-cap", {"oil_maximum": 15.5}, "oil-over-cap", "ask"),
        ("oil-cap", {"agent_kinds": ["drug"]}, "oil-not-named", "ask"),
        ("bleomycin-lung", {"lung_disease": "yes"}, "bleomycin-lung", "ask"),
        ("bleomycin-lung", {"bleomycin_before": "unknown"}, "not-evaluated", "ask"),
        ("agent-fits", ew.answers("benign", lesion_kind="fnh"), "drug-in-benign", "ask"),
    ],
    "injections": [
        ("oil-given", {"oil_given": 13.0}, "given-over-plan", "warn"),
        ("oil-given", {"oil_given": 16.0}, "oil-over-cap", "warn"),
    ],
    "early_course": [
        ("lung-after", {"breathless": "yes"}, "breathless", "warn"),
        ("lung-after", {"breathless": "unknown"}, "not-evaluated", "info"),
    ],
    "outcome": [
        ("lesions-after", ew.cell("outcome", "lesions_after", change="larger"), "grows", "warn"),
        ("lesions-after", {"symptoms_after": "unchanged"}, "symptoms-unchanged", "warn"),
        ("outcome-timing", {"date": "2026-06-01"}, "outcome-early", "warn"),
    ],
}
FIRES_ADENOMA = {
    "benign": [
        ("adenoma-risk", {"surgeon_opinion": None}, "adenoma-large", "ask"),
        ("adenoma-risk", {"surgeon_opinion": None, "adenoma_subtype": "beta-catenin"}, "adenoma-subtype", "ask"),
        ("adenoma-risk", {"adenoma_subtype": "unknown"}, "not-evaluated", "ask"),
        ("adenoma-risk", ew.both(man, ew.answers("benign", surgeon_opinion=None)), "adenoma-man", "ask"),
        ("hormones-stopped", {"hormones": "running"}, "hormones-running", "warn"),
        ("hormones-stopped", {"hormones": "unknown"}, "not-evaluated", "warn"),
    ],
}
DRUGS = {
    "agent": [
        ("drugs-planned", {"drugs": None}, "drug-not-described", "ask"),
        ("drugs-planned", ew.cell("agent", "drugs", second_maximum=None), "no-second-check", "ask"),
        ("drugs-planned", ew.cell("agent", "drugs", second_maximum=14.0), "second-person-differs", "ask"),
        ("drugs-planned", ew.cell("agent", "drugs", maximum=None), "drug-not-evaluated", "ask"),
        ("drugs-planned", ew.cell("agent", "drugs", cap_source=None), "no-cap-known", "info"),
        ("surface-used", {"bsa_m2": 1.9}, "body-surface-differs", "warn"),
        ("surface-used", {"bsa_m2": None}, "not-evaluated", "warn"),
    ],
    "injections": [
        ("drugs-recorded", {"drugs_given": None}, "no-drug-recorded", "warn"),
        ("drugs-recorded", ew.cell("injections", "drugs_given", amount=None), "drug-incomplete", "warn"),
        ("drugs-recorded", ew.cell("injections", "drugs_given", amount=16.0), "given-over-plan", "warn"),
        ("drugs-recorded", ew.cell("injections", "drugs_given", drug="Ethanol"), "not-planned", "warn"),
    ],
}
GATES = [*ew.gates(FIRES), *ew.gates(FIRES_ADENOMA, ADENOMA)]
DRUG_GATES = ew.gates(DRUGS)


@pytest.mark.parametrize("gate", [*GATES, *DRUG_GATES], ids=str)
def test_that_a_check_fires(gate: ew.nw.Gate) -> None:
    ew.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    ew.assert_all_tried_and_quiet(NAME, GATES)
    fragment = {(stage.id, check.id) for stage in ew.fragment("arterial_drugs").stages for check in stage.checks}
    shared = {(stage.id, check.id) for stage in ew.fragment("embolisation").stages for check in stage.checks}
    assert {(each.stage, each.check) for each in DRUG_GATES} == fragment - shared
    for stage, check in sorted(fragment - shared):
        assert ew.fired(NAME, lambda case: case, stage, check) == []


def test_that_every_stage_is_signed_without_an_override() -> None:
    walk = ew.walked(NAME)
    assert ew.unsigned(walk) == {}
    assert walk.session.overrides == ()
    totals = {each.substance: each.amount for each in ledger_of(walk.case, {NAME: ew.template(NAME)}).totals}
    assert (totals["bleomycin"], totals["lipiodol"]) == (12.0, 10.0)


def test_that_the_lower_cap_holds_and_both_are_shown() -> None:
    assert ew.fired(NAME, ew.answers("agent", oil_maximum=15.0), "agent", "oil-cap") == []
    (found,) = ew.fired(NAME, ew.answers("agent", oil_maximum=15.1), "agent", "oil-cap")
    assert (found.limit, found.overridable) == (15.0, True)
    assert "20 mL are also printed" in found.text


def test_that_no_dose_is_filled_in() -> None:
    agent = ew.template(NAME).stage("agent")
    doses = [agent.field(name) for name in ("drugs", "oil_maximum")]
    assert all(each is not None and each.never_prefill for each in doses)


def test_that_oil_waits_for_the_shunt() -> None:
    (found,) = ew.fired(NAME, ew.answers("agent", shunt="unknown"), "agent", "shunt-rule")
    assert (found.code, found.overridable) == ("shunt-unanswered", False)


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(ew.ROOT / "procedures" / NAME, ew.profiles()) == ()
    ew.assert_labels_short(NAME)
