"""Infusion into the hepatic artery: the whole walk, every gate firing on what it is for, and silent otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import embolisation_walks as ew
import pytest

from planner.model.case import Case
from planner.model.people import PriorTreatment
from planner.workflow.loader import lint_template

NAME = "haic"


def drug(index: int, **cells: object) -> ew.nw.Change:
    """One drug of the regimen changed."""
    return ew.cell("agent", "drugs", index, **cells)


def without_drug(name: str) -> ew.nw.Change:
    def change(case: Case) -> Case:
        rows = [row for row in ew.session_of(case).answer("agent", "drugs") if name not in row["drug"]]
        return ew.answers("agent", drugs=rows)(case)

    return change


def given_elsewhere(amount: float, bsa_m2: float | None = 1.0) -> ew.nw.Change:
    """Oxaliplatin of another hospital."""
    given = PriorTreatment("Chemotherapy", substance="oxaliplatin", amount=amount, unit="mg", bsa_m2=bsa_m2)
    return ew.case_with(prior_treatments=(given,))


def reaching(territory_ml: float | None) -> ew.nw.Change:
    """The first position stands on the tree and reaches so much of a liver of 1400 mL, by the model."""
    placed = ew.position("position-1", "trunk")
    body = {**placed.body, "injection": {**placed.body["injection"], "territory_ml": territory_ml}}
    return ew.both(ew.items(replace(placed, body=body)), ew.cell("positions", "positions", position="position-1"))


NEW_PORT = {"device": "new-port"}

FIRES = {
    "images_lesions": [("phases-present", ew.without_series("portal-venous"), "phase-missing", "ask")],
    "liver_stage": [
        ("child-pugh-limit", {"ascites": "moderate-severe", "encephalopathy": "grade-1-2"}, "child-pugh-beyond", "ask"),
        ("child-pugh-limit", {"ascites": None}, "child-pugh-not-evaluated", "ask"),
        ("child-pugh-limit", ew.answers("fitness", biliary_obstruction="yes"), "child-pugh-not-valid", "ask"),
        ("portal-and-bile", {"portal_vein": "unknown"}, "portal-vein-unknown", "ask"),
        ("portal-and-bile", {"bile_ducts": "dilated"}, "ducts-not-drained", "ask"),
        ("portal-and-bile", {"bile_ducts": "unknown"}, "not-evaluated", "ask"),
        ("hepatitis-varices", {"hbv": "untreated"}, "hbv-untreated", "warn"),
        ("hepatitis-varices", {"varices": "untreated"}, "varices-untreated", "warn"),
        ("hepatitis-varices", {"varices": "not-looked-for"}, "not-evaluated", "warn"),
    ],
    "cycle": [
        ("blood-allows", ew.lab("neutrophils", 1.19, "10*9/L"), "pause-neutrophils", "ask"),
        ("blood-allows", ew.lab("platelets", 59.0, "10*9/L"), "pause-platelets", "ask"),
        ("blood-allows", ew.lab("bilirubin", 30.5, "umol/L"), "pause-bilirubin", "ask"),
        ("blood-allows", ew.lab("bilirubin", 1.8, "mg/dL"), "pause-bilirubin", "ask"),
        ("blood-allows", ew.no_lab("neutrophils"), "blood-not-evaluated", "ask"),
        ("cycle-interval", {"last_cycle_on": "2026-04-22"}, "cycle-early", "ask"),
        ("cycle-interval", {"last_cycle_on": None}, "not-evaluated", "ask"),
        ("neuropathy", {"neuropathy": "3"}, "neuropathy-stop", "ask"),
        ("neuropathy", {"neuropathy": "2"}, "neuropathy-lower", "warn"),
        ("neuropathy", {"neuropathy": "not-examined"}, "not-evaluated", "ask"),
        ("gut-recovered", {"gut": "2"}, "gut", "ask"),
        ("gut-recovered", {"gut": "not-asked"}, "not-evaluated", "ask"),
        ("reactions-asked", {"platinum_reaction": "yes"}, "platinum-reaction", "ask"),
        ("reactions-asked", {"angina_fluorouracil": "unknown"}, "not-evaluated", "ask"),
        ("response-known", {"last_response": "not-read"}, "response-not-read", "ask"),
        ("response-known", {"last_response": "PD"}, "progression", "ask"),
        ("response-known", {"cycle_number": None, "last_response": None}, "not-evaluated", "ask"),
    ],
    "catheter": [
        ("gastric-arteries", {"gastroduodenal": "open"}, "gastric-open", "ask"),
        ("gastric-arteries", {"right_gastric": "unknown"}, "not-evaluated", "ask"),
        ("gastric-arteries", {"gastroduodenal": "tip-beyond", "tip": "common-hepatic"}, "tip-contradicts", "ask"),
        ("gastric-arteries", {"gastroduodenal": "not-found"}, "not-evaluated", "ask"),
        ("variants-planned", {"redistribution": None}, "variant-without-plan", "ask"),
        ("variants-planned", ew.cell("catheter", "redistribution", action="leave"), "variant-left", "ask"),
        ("variants-planned", ew.cell("catheter", "redistribution", action=None), "not-evaluated", "ask"),
        ("port-sound", {"device": "port", "port_pocket": "infected"}, "port-pocket", "ask"),
        ("port-sound", {"device": "port", "port_pocket": "not-checked"}, "not-evaluated", "ask"),
        (
            "port-sound",
            ew.both(ew.answers("catheter", **NEW_PORT), ew.answers("fitness", active_infection="unknown")),
            "port-infection",
            "ask",
        ),
    ],
    "positions": [
        ("liver-branches", {"non_targets": None}, "branch-not-looked-for", "warn"),
        ("whole-liver", reaching(700.0), "liver-not-reached", "warn"),
        ("whole-liver", reaching(None), "not-evaluated", "warn"),
    ],
    "agent": [
        ("regimen-doses", drug(0, maximum=165.0), "over-regimen", "ask"),
        ("regimen-doses", drug(3, maximum=4700.0), "over-regimen", "ask"),
        ("regimen-doses", drug(1, maximum=None), "not-evaluated", "ask"),
        ("regimen-doses", {"bsa_m2": None}, "not-evaluated", "ask"),
        ("regimen-complete", without_drug("Leucovorin"), "drug-missing", "ask"),
        ("regimen-complete", {"regimen": None}, "not-evaluated", "ask"),
        ("regimen-complete", {"regimen": "other-regimen", "drugs": None}, "no-drug", "ask"),
        ("pump-planned", {"pump_hours": 24.0}, "pump-differs", "warn"),
        ("pump-planned", {"pump_hours": None}, "not-evaluated", "warn"),
        ("dpd-answered", ew.answers("cycle", dpd="deficient"), "dpd-deficient", "ask"),
        ("dpd-answered", ew.answers("cycle", dpd="partial"), "dpd-partial", "ask"),
        ("dpd-answered", ew.answers("cycle", dpd="not-tested"), "dpd-not-tested", "ask"),
        ("oxaliplatin-total", given_elsewhere(800.0), "oxaliplatin-total", "ask"),
        ("oxaliplatin-total", given_elsewhere(80.0, None), "not-evaluated", "ask"),
    ],
    "perfusion_check": [
        ("perfusion-before-drug", {"method": "none"}, "perfusion-not-checked", "ask"),
        ("perfusion-before-drug", {"liver": "part"}, "not-reached", "ask"),
        ("perfusion-before-drug", {"liver": "tumour"}, "not-reached", "ask"),
        ("perfusion-before-drug", {"liver": "not-judged"}, "not-evaluated", "ask"),
        ("perfusion-before-drug", {"outside": "open", "outside_where": ["duodenum"]}, "outside-open", "ask"),
        ("perfusion-before-drug", {"outside": "not-looked-for"}, "outside-not-looked-for", "ask"),
        ("perfusion-before-drug", {"tip_fixed": "no"}, "tip-not-fixed", "ask"),
        ("perfusion-before-drug", {"leak": "leak"}, "leak", "ask"),
        ("perfusion-before-drug", ew.answers("catheter", device="port"), "not-evaluated", "ask"),
    ],
    "sign_out": [("port-registered", ew.answers("catheter", **NEW_PORT), "port-not-registered", "warn")],
    "infusion": [
        ("pump-as-planned", {"pump_stopped": "2026-05-13T10:00:00"}, "pump-differs", "warn"),
        ("pump-as-planned", {"pump_stopped": None}, "not-evaluated", "warn"),
        ("pump-as-planned", ew.cell("infusion", "steps", 3, complete="no"), "drug-not-complete", "warn"),
        ("infusion-events", ew.cell("infusion", "interruptions", why=None), "interrupted", "warn"),
        ("infusion-events", {"worst_pain": 7}, "infusion-pain", "warn"),
        ("infusion-events", {"displaced": "yes"}, "displaced", "warn"),
        ("infusion-events", {"displaced": "unknown"}, "not-evaluated", "warn"),
    ],
    "catheter_out": [
        ("catheter-out", {"done": "stays"}, "catheter-stays", "warn"),
        ("catheter-out", {"whole": "no"}, "catheter-broken", "warn"),
        ("catheter-out", {"artery": "occluded"}, "artery", "warn"),
        ("catheter-out", {"artery": "not-looked-for"}, "not-evaluated", "warn"),
    ],
    "early_course": [
        ("blood-after", ew.no_lab("neutrophils"), "blood-not-evaluated", "warn"),
        ("ulcer-after", {"ulcer": "yes"}, "ulcer", "warn"),
        ("ulcer-after", {"neuropathy_after": "3"}, "neuropathy-after", "warn"),
        ("ulcer-after", {"neuropathy_after": "not-examined"}, "not-evaluated", "warn"),
    ],
    "outcome": [("outcome-timing", {"date": "2026-05-20"}, "outcome-early", "warn")],
    "next_step": [
        ("next-cycle", {"next_on": "2026-05-31"}, "next-cycle-early", "warn"),
        ("next-cycle", {"next_on": None}, "not-evaluated", "warn"),
        ("next-cycle", ew.answers("outcome", overall="PD"), "repeat-after-progression", "warn"),
    ],
}
GATES = ew.gates(FIRES)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_check_fires(gate: ew.nw.Gate) -> None:
    ew.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    # Blood after the cycle is of later days than the one on which single checks are tried; the walk below looks at it.
    ew.assert_all_tried_and_quiet(NAME, GATES, {("early_course", "blood-after")})


@pytest.mark.parametrize("variant", [None, "port"])
def test_that_every_stage_is_signed_without_an_override(variant: str | None) -> None:
    walk = ew.walked(NAME, variant)
    assert ew.unsigned(walk) == {}
    assert walk.session.overrides == ()
    loud = [found.text for each in walk.status().stages for found in each.findings if found.severity != "info"]
    assert loud == []


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(ew.ROOT / "procedures" / NAME, ew.profiles()) == ()
    ew.assert_labels_short(NAME)


def test_that_a_position_that_reaches_the_liver_passes() -> None:
    assert ew.fired(NAME, reaching(1300.0), "positions", "whole-liver") == []


def test_that_the_limits_themselves_pass() -> None:
    # 1.2, 60 and 30 are printed as "below" and "above"; 21 days are three weeks.
    exact = [("neutrophils", 1.2, "10*9/L"), ("platelets", 60.0, "10*9/L"), ("bilirubin", 30.0, "umol/L")]
    for analyte, value, unit in exact:
        assert ew.fired(NAME, ew.lab(analyte, value, unit), "cycle", "blood-allows") == []
    assert ew.fired(NAME, ew.answers("cycle", last_cycle_on="2026-04-21"), "cycle", "cycle-interval") == []


def test_that_bolus_and_pump_are_compared_together_and_nothing_is_filled_in() -> None:
    lines = ew.computed(NAME, ew.filled_case(NAME), "agent", "regimen_range")
    assert [round(float(each.value or 0)) for each in lines] == [157, 737, 737, 4421]
    assert all(each.source and each.tag == "S" for each in lines)
    swapped = ew.both(drug(2, maximum=4400.0), drug(3, maximum=735.0))
    assert ew.fired(NAME, swapped, "agent", "regimen-doses") == []
    field = ew.template(NAME).stage("agent").field("drugs")
    assert field is not None
    assert field.never_prefill


def test_that_another_regimen_is_compared_with_nothing() -> None:
    case = ew.answers("agent", regimen="oxaliplatin-raltitrexed")(ew.filled_case(NAME))
    (line,) = ew.computed(NAME, case, "agent", "regimen_range")
    assert line.value is None
    assert "no rows are known" in line.note
    found = ew.checked(NAME, case, "agent", "regimen-complete")
    assert [each.subject for each in found] == ["agent.raltitrexed"]


def test_that_earlier_cycles_stand_beside_the_dose() -> None:
    (line,) = ew.computed(NAME, ew.filled_case(NAME), "agent", "given_before")
    assert (line.label, line.value, line.unit) == ("Oxaliplatin", 310.0, "mg")
    assert "168 mg/m²" in line.note


def test_that_nothing_is_asked_when_nothing_is_given() -> None:
    change = ew.both(
        ew.answers("angio_findings", go="no-go"),
        ew.answers("perfusion_check", method="none"),
        ew.answers("infusion", displaced=None, pump_started=None),
    )
    assert ew.fired(NAME, change, "perfusion_check", "perfusion-before-drug") == []
    assert ew.fired(NAME, change, "infusion", "pump-as-planned") == []
    assert ew.fired(NAME, change, "infusion", "infusion-events") == []


def test_that_low_blood_after_the_cycle_is_said() -> None:
    walk = ew.walked(NAME)
    later = date(2026, 5, 20)
    changed = ew.nw.with_lab(walk.case, "neutrophils", 0.8, "10*9/L", on=later)
    found = ew.checked(NAME, changed, "early_course", "blood-after", now=ew.at(later))
    assert [each.code for each in found] == ["pause-neutrophils"]
