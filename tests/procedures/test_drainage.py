"""Drainage: three walks, every gate firing on what it is for, and the drain in the register until it is out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import needle_walks as nw
import pytest

from planner.workflow.devices import devices_of
from planner.workflow.inheritance import start_next_session
from planner.workflow.last_time import last_time_card
from planner.workflow.lifecycle import set_emergency
from planner.workflow.loader import lint_template

NAME = "drainage"
BILIARY, NEPHROSTOMY = "biliary", "nephrostomy"


def path(**more: Any) -> nw.Change:
    clearances = more.pop("clearances", nw.ABDOMEN)
    return nw.items(nw.needle("needle-1", "drainage", nw.measures(clearances, **more)))


def day(on: str, output: float, colour: str = "clear") -> dict[str, Any]:
    return {"on": on, "output_ml": output, "colour": colour}


MUCH = [day("2026-05-19", 9.0), day("2026-05-20", 30.0), day("2026-05-21", 10.0)]
PLACED = {"device": "Drain", "kind": "drain", "site": "Liver", "action": "placed"}

FIRES: nw.Gates = {
    "target": [
        ("collection-drainable", {"mimic_excluded": "no"}, "mimic-not-excluded", "ask"),
        ("collection-drainable", {"mimic_excluded": "unknown"}, "not-evaluated", "ask"),
        ("collection-drainable", {"septated": "yes", "other_way": None}, "several-chambers", "ask"),
        ("collection-drainable", {"content": "necrosis"}, "solid-content", "ask"),
        ("tract-bleeding-class", nw.answers("fitness", bleeding_class="low"), "bleeding-class-low", "ask"),
        ("tract-bleeding-class", {"new_tract": None}, "not-evaluated", "ask"),
    ],
    "sepsis": [
        ("drain-first", {"septic": "septic", "more_than_drain": "stent"}, "more-than-drain", "ask"),
        ("drain-first", {"cholangitis": "II", "more_than_drain": "crossing"}, "more-than-drain", "ask"),
        ("drain-first", {"septic": "no"}, "fever-denied", "ask"),
        ("drain-first", {"septic": None}, "not-evaluated", "ask"),
        ("antibiotic-covered", {"antibiotic_running": "none"}, "no-antibiotic", "ask"),
        ("antibiotic-covered", {"antibiotic_running": None}, "not-evaluated", "ask"),
    ],
    "structures": [
        ("organ-agrees", nw.answers("target", target_organ="kidney"), "organ-differs", "ask"),
        ("organ-agrees", nw.answers("target", target_organ=None), "not-evaluated", "ask"),
        ("structures-segmented", nw.gone("region-lung"), "no-mask", "ask"),
        (
            "structure-limits",
            {"structures": [{"structure": "bowel", "status": "segmented", "desired_mm": 4.0}]},
            "limit-changed",
            "warn",
        ),
    ],
    "paths": [
        ("needle-posture", {"patient_position": "prone"}, "angles-other-posture", "ask"),
        ("needle-chosen", {"needles": None}, "no-needle", "ask"),
        ("needle-measured", path(desired_mm={"aorta": 5.0}), "measured-before", "ask"),
        ("needle-admissible", path(not_checked=("bowel",)), "not-checked-structures", "refuse"),
        ("needle-admissible", path(rejected_because=("2.0 mm from the colon.",)), "hard-limit", "ask"),
        ("needle-near", path(clearances={**nw.ABDOMEN, "bowel": 7.0}), "near-structure", "warn"),
        ("needle-length", path(length_mm=160.0), "needle-too-short", "refuse"),
        ("nothing-on-path", {"pleura_on_path": "yes"}, "pleura-on-path", "ask"),
        ("nothing-on-path", {"colon_on_path": "yes"}, "colon-on-path", "ask"),
        ("nothing-on-path", {"sterile_space": "unknown"}, "not-evaluated", "ask"),
    ],
    "drain_plan": [
        ("drain-for-content", {"drain_size": 8.0}, "drain-too-thin", "ask"),
        ("drain-for-content", {"drain_size": None}, "not-evaluated", "ask"),
        ("fluid-to-culture", {"fluid_tests": ["cytology"]}, "no-culture", "ask"),
        ("fluid-to-culture", {"fluid_tests": None}, "not-evaluated", "ask"),
        ("exchange-planned", {"exchange_plan": "2026-08-05"}, "exchange-late", "warn"),
        ("exchange-planned", {"exchange_plan": None}, "not-evaluated", "warn"),
    ],
    "confirm_today": [
        ("needle-position", {"position_today": "prone"}, "position-mismatch", "ask"),
        ("read-out-today", path(series="1.2.9#1"), "planning-picture", "warn"),
    ],
    "puncture": [
        ("puncture-dangers", {"punctures": 6}, "many-punctures", "warn"),
        ("puncture-dangers", {"fluid_look": "blood"}, "blood", "warn"),
        ("puncture-dangers", {"fluid_look": "nothing"}, "nothing-came", "warn"),
        ("puncture-dangers", {"fistula_seen": "bowel"}, "fistula", "warn"),
        ("puncture-dangers", {"fistula_seen": "not-looked-for"}, "not-evaluated", "warn"),
        ("fluid-sent", {"fluid_sent": ["gram"]}, "fluid-not-sent", "warn"),
    ],
    "drain": [
        ("drain-in-place", {"loop_position": "partly"}, "loop-outside", "warn"),
        ("drain-in-place", {"undrained": "yes"}, "opacified-undrained", "warn"),
        ("drain-in-place", {"undrained": "unknown"}, "not-evaluated", "warn"),
        ("drain-in-place", {"drain_placed": 8.0}, "smaller-drain", "warn"),
        ("drain-in-register", nw.answers("sign_out", device_register=None), "not-in-register", "warn"),
        ("drain-in-register", nw.answers("sign_out", device_register=[PLACED]), "register-without-date", "warn"),
    ],
    "recovery": [
        ("rigor-or-blood", {"rigor": "yes"}, "rigor", "warn"),
        ("rigor-or-blood", {"output_blood": "fresh"}, "fresh-blood", "warn"),
    ],
    "output_log": [
        ("output-course", {"output": None}, "not-evaluated", "warn"),
        ("output-course", {"output": [day("2026-05-13", 90.0, "stool")]}, "output-stool", "warn"),
        ("output-course", {"bilirubin_course": "not-falling"}, "bilirubin-not-falling", "warn"),
        ("culture-fits", {"antibiotic_fits": "does-not-fit"}, "antibiotic-does-not-fit", "warn"),
        ("culture-fits", {"antibiotic_fits": "pending"}, "not-evaluated", "warn"),
    ],
    "check_remove": [
        ("removal-criteria", {"flow": "none"}, "removed-without-flow", "ask"),
        ("removal-criteria", {"fever_free": "no"}, "removed-with-fever", "ask"),
        ("removal-criteria", {"fistula_now": "there-is"}, "removed-with-fistula", "ask"),
        ("removal-criteria", {"checked_by_image": "none"}, "not-evaluated", "ask"),
        ("removal-criteria", nw.answers("output_log", output=MUCH), "removed-with-output", "ask"),
        ("removal-criteria", nw.answers("output_log", output=MUCH[:1]), "not-evaluated", "ask"),
        ("register-follows", {"device_register": None}, "register-behind", "warn"),
        (
            "register-follows",
            {"what_done": "exchanged", "device_register": [{**PLACED, "action": "exchanged"}]},
            "register-without-date",
            "warn",
        ),
    ],
}
FIRES_BILIARY: nw.Gates = {
    "target": [
        ("ducts-drainable", {"ducts_dilated": "not-dilated"}, "ducts-not-dilated", "ask"),
        ("ducts-drainable", {"segment_state": "atrophic"}, "segment-not-worth", "ask"),
        ("ducts-drainable", {"drained_share": 49.0}, "too-little-liver", "ask"),
        ("ducts-drainable", {"drained_share": None}, "not-evaluated", "ask"),
        ("ascites-drained", {"ascites": "present"}, "ascites", "ask"),
        ("ascites-drained", {"ascites": "unknown"}, "not-evaluated", "ask"),
    ]
}
FIRES_NEPHROSTOMY: nw.Gates = {
    "target": [
        ("kidney-obstructed", {"hydronephrosis": "none"}, "no-hydronephrosis", "ask"),
        ("kidney-obstructed", {"hydronephrosis": "unknown"}, "not-evaluated", "ask"),
    ]
}
GATES = nw.gates(FIRES) + nw.gates(FIRES_BILIARY, BILIARY) + nw.gates(FIRES_NEPHROSTOMY, NEPHROSTOMY)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_gate_fires(gate: nw.Gate) -> None:
    nw.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    nw.assert_all_tried_and_quiet(NAME, GATES)


@pytest.mark.parametrize("variant", [None, BILIARY, NEPHROSTOMY])
def test_that_every_stage_is_signed_without_an_override(variant: str | None) -> None:
    walk = nw.walked(NAME, variant)
    assert nw.unsigned(walk) == {}
    assert walk.session.overrides == ()
    assert nw.loud(NAME, variant) == set()


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(nw.ROOT / "procedures" / NAME, nw.profiles()) == ()
    nw.assert_labels_short(NAME)


def test_that_an_old_tract_is_not_in_the_high_risk_class() -> None:
    low = nw.both(nw.answers("fitness", bleeding_class="low"), nw.answers("target", new_tract="old"))
    assert nw.fired(NAME, low, "target", "tract-bleeding-class") == []


def test_that_a_pleural_collection_is_reached_through_the_pleura() -> None:
    pleural = nw.both(nw.answers("target", target_organ="pleural-space"), nw.answers("paths", pleura_on_path="yes"))
    assert nw.fired(NAME, pleural, "paths", "nothing-on-path") == []


def test_that_output_is_no_reason_to_keep_a_biliary_drain() -> None:
    removed = nw.both(nw.answers("check_remove", what_done="removed"), nw.answers("output_log", output=MUCH))
    assert nw.fired(NAME, removed, "check_remove", "removal-criteria", BILIARY) == []


def test_that_a_drain_is_in_the_body_until_it_is_removed() -> None:
    assert devices_of(nw.walked(NAME).case) == ()
    (kept,) = devices_of(nw.walked(NAME, BILIARY).case)
    assert (kept.name, kept.due_for) == ("Internal-external drain 10 F", "exchange")
    assert kept.placed_on == nw.DAY + timedelta(days=10)
    (line,) = nw.computed(NAME, nw.walked(NAME, BILIARY).case, "next_step", "devices_in_body")
    assert (line.value, line.inputs["MR"]) == ("2026-08-14", "mr-conditional")


def test_that_a_drain_past_its_date_is_said_at_the_next_session() -> None:
    walk = nw.walked(NAME, NEPHROSTOMY)
    case, _ = start_next_session(walk.case, nw.SESSION, nw.template(NAME), walk.profile, now=walk.now)
    due = nw.DAY + timedelta(days=70)
    found = nw.checked(NAME, case, "fitness", "devices-overdue", now=nw.at(due + timedelta(days=1)))
    assert [(each.code, each.measured) for each in found] == [("device-overdue", 1.0)]
    soon = nw.checked(NAME, case, "fitness", "devices-overdue", now=nw.at(due))
    assert [each.code for each in soon] == ["device-due"]
    card = {line.label: line.values for line in last_time_card(walk.case, nw.SESSION, nw.template(NAME)).lines}
    assert card["Entered"] == ("Lower posterior calyx",)


def test_that_a_septic_obstruction_runs_on_the_short_form() -> None:
    case = set_emergency(nw.fresh_case(NAME), nw.SESSION, True, by="Dr Example")
    walk = nw.Walk(NAME, case, nw.profiles()[nw.PROFILE], nw.at(nw.DAY))
    asked = {stage.stage.id for stage in walk.status().stages if any(found.blocks for found in stage.findings)}
    assert asked == {"referral", "images_lesions", "fitness", "target", "sepsis", "consent", "sign_in", "time_out"}
