"""Stents: every finding of record and after-care speaks when it should; a record is never refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import needle_walks as nw
import pytest
import stent_walks as sw

from planner.workflow.evaluate import evaluate
from planner.workflow.template import Phase

RECORDED = "crossing_drain_stent"


def placed(**cells: Any) -> sw.Change:
    """The one row of the recorded stents changed."""
    return nw.row_changed(RECORDED, "placed", **cells)


def bilirubin(*rows: tuple[str, float]) -> dict[str, Any]:
    return {"bilirubin_course": [{"on": f"2026-05-{on}", "bilirubin": value} for on, value in rows]}


def haemoglobin(*values: float) -> dict[str, Any]:
    return {"haemoglobin_course": [{"at": f"2026-05-13T0{n}:00", "haemoglobin": v} for n, v in enumerate(values)]}


INFECTED = sw.answers("sepsis", septic="infected")
REMOVED = {"drain_now": "removed", "flow_now": "none"}
TO_REMOVE = sw.answers("stent_plan", retrievable="out")
EXCHANGED = [{"device": "Drain", "kind": "drain", "action": "exchanged", "on": "2026-05-14"}]

BILIARY = {
    "findings_before": [
        ("as-planned", {"as_planned": "no"}, "anatomy-differs", "warn"),
        ("as-planned", {"as_planned": None}, "not-evaluated", "warn"),
        ("bile-and-contrast", {"punctures": 6}, "many-punctures", "warn"),
        ("bile-and-contrast", {"bile_look": "pus"}, "stent-through-pus", "warn"),
        ("bile-and-contrast", {"bile_look": "blood"}, "blood", "warn"),
        (
            "bile-and-contrast",
            sw.both(INFECTED, sw.answers("findings_before", contrast_duct=21.0)),
            "much-contrast",
            "warn",
        ),
        (
            "bile-and-contrast",
            sw.both(INFECTED, sw.answers("findings_before", bile_sent=["brush"])),
            "bile-not-cultured",
            "warn",
        ),
        ("bile-and-contrast", {"bile_sent": None}, "not-evaluated", "warn"),
        ("go-answered", {"go": None}, "not-evaluated", "warn"),
        ("go-answered", {"go": "drain-only"}, "ended-differently", "info"),
    ],
    RECORDED: [
        ("state-said", {"state": None}, "not-evaluated", "warn"),
        ("state-said", {"placed": None}, "no-stent-recorded", "warn"),
        ("state-said", {"state": "nothing"}, "state-without-reason", "warn"),
        ("state-said", {"state": "drain-only", "state_reason": "Later", "drains": None}, "no-drain-recorded", "warn"),
        ("state-said", {"state": "drain-only", "state_reason": "Later"}, "ended-without-stent", "info"),
        ("stents-recorded", placed(order=2), "stent-not-recorded", "warn"),
        ("stents-recorded", placed(status=None), "not-evaluated", "warn"),
        ("stents-recorded", placed(status="changed"), "stent-without-reason", "warn"),
        ("stents-recorded", placed(lot=None), "stent-record-incomplete", "warn"),
        ("placed-against-plan", placed(diameter_mm=8.0), "size-differs", "warn"),
        ("placed-against-plan", placed(type="covered"), "type-differs", "warn"),
        ("expansion", placed(expansion=60.0), "not-expanded", "warn"),
        ("expansion", placed(expansion=None), "not-evaluated", "warn"),
        ("in-register", nw.row_changed("sign_out", "device_register", 0, action="removed"), "not-in-register", "warn"),
        (
            "in-register",
            nw.row_changed("sign_out", "device_register", 1, action="removed"),
            "drain-not-in-register",
            "warn",
        ),
        ("in-register", TO_REMOVE, "register-without-date", "warn"),
    ],
    "completion": [
        ("lumen-open", {"flow": "none"}, "no-flow", "warn"),
        ("lumen-open", {"flow": "slow"}, "flow-slow", "warn"),
        ("lumen-open", {"flow": "not-tested"}, "not-evaluated", "warn"),
        ("lumen-open", {"residual": 31.0}, "residual-narrowing", "warn"),
        ("lumen-open", {"lumen_after": 1.5}, "lumen-not-wider", "warn"),
        ("lumen-open", {"lumen_after": None, "residual": None}, "lumen-after-unknown", "warn"),
        ("undrained", {"undrained": "yes"}, "opacified-undrained", "warn"),
        ("undrained", {"undrained": "unknown"}, "not-evaluated", "warn"),
        ("complications", {"complications": ["bleeding"]}, "complication", "warn"),
        ("complications", {"complications": ["not-looked-for"]}, "not-evaluated", "warn"),
    ],
    "recovery": [
        ("bile-recovery", {"rigor": "yes"}, "rigor", "warn"),
        ("bile-recovery", {"output_blood": "fresh"}, "fresh-blood", "warn"),
        ("bile-recovery", {"drain_output": 0.0}, "drain-dry", "warn"),
    ],
    "early_course": [
        ("bilirubin-falls", bilirubin(("11", 210), ("15", 116), ("19", 90)), "bilirubin-high", "warn"),
        ("bilirubin-falls", bilirubin(("11", 210), ("15", 110), ("19", 180)), "bilirubin-not-falling", "warn"),
        ("bilirubin-falls", bilirubin(("11", 210), ("19", 90)), "bilirubin-early-missing", "warn"),
        ("bilirubin-falls", bilirubin(("11", 210), ("15", 90)), "bilirubin-late-missing", "warn"),
        ("bilirubin-falls", bilirubin(("15", 90), ("19", 60)), "not-evaluated", "warn"),
        ("symptom", {"symptom": "worse"}, "symptom-worse", "warn"),
        ("symptom", {"symptom": "same"}, "symptom-unchanged", "warn"),
    ],
    "check_remove": [
        ("check-in-time", {"checked_at": "2026-05-12T20:00"}, "check-time", "warn"),
        ("check-in-time", {"checked_at": "2026-05-19T09:00"}, "check-time", "warn"),
        ("check-in-time", {"checked_by": "none"}, "no-check-cholangiogram", "warn"),
        ("check-in-time", {"checked_at": None}, "not-evaluated", "warn"),
        ("stent-checked", {"stent_position": "moved"}, "stent-moved", "warn"),
        ("stent-checked", {"stent_position": "occluded"}, "stent-occluded", "warn"),
        ("stent-checked", {"stent_position": "partly-open"}, "partly-open", "warn"),
        ("stent-checked", {"stent_position": "no-stent"}, "stent-vanished", "warn"),
        ("stent-checked", {"stent_position": "not-seen"}, "not-evaluated", "warn"),
        ("drain-removal", REMOVED, "drain-out-no-flow", "ask"),
        ("drain-removal", {"flow_now": "not-tested"}, "drain-out-untested", "ask"),
        ("dates-in-register", {"device_register": None}, "register-behind", "warn"),
        (
            "dates-in-register",
            {"drain_now": "exchanged", "device_register": EXCHANGED},
            "register-without-date",
            "warn",
        ),
        ("dates-in-register", {"drain_now": "stays"}, "no-next-date", "warn"),
    ],
    "discharge": [
        ("radiation-note", {"radiation_note_given": None}, "not-evaluated", "warn"),
        ("radiation-note", {"radiation_note_given": "given"}, "radiation-note-differs", "warn"),
    ],
    "outcome": [
        ("patency", {"patency": "occluded"}, "stent-occluded", "warn"),
        ("patency", {"patency": "narrowed"}, "stent-narrowed", "warn"),
        ("patency", {"patency": "moved"}, "stent-moved", "warn"),
        ("patency", {"patency": "not-looked"}, "not-evaluated", "warn"),
        ("patency", {"symptom_back": "yes"}, "symptom-back", "warn"),
        ("embolisation-later", {}, "abscess-after-embolisation", "info"),
    ],
}
IODINE = {
    RECORDED: [
        ("seeds-recorded", {"activity_total": None}, "seeds-not-recorded", "warn"),
        ("seeds-recorded", {"seeds_placed": 15}, "seeds-differ", "warn"),
    ],
    "discharge": [("radiation-note", {"radiation_note_given": "not-given"}, "radiation-note-missing", "warn")],
}
OESOPHAGEAL = {
    "completion": [
        ("airway-after", {"airway_after": "narrower"}, "airway-narrower", "warn"),
        ("airway-after", {"airway_after": "not-looked-for"}, "not-evaluated", "warn"),
    ],
    "recovery": [
        ("breathing", {"breathing": "stridor"}, "stridor", "warn"),
        ("breathing", {"breathing": "worse"}, "breathing-worse", "warn"),
        ("perforation-watch", {"perforation_watch": "signs"}, "perforation", "warn"),
        ("perforation-watch", {"perforation_watch": "not-watched"}, "not-evaluated", "warn"),
    ],
    "early_course": [
        ("swallow", {"swallow": "leak"}, "swallow-leak", "warn"),
        ("swallow", {"swallow": "slow"}, "swallow-slow", "warn"),
        ("swallow", {"swallow": "moved"}, "stent-moved", "warn"),
        ("swallow", {"swallow": "not-done"}, "no-swallow", "warn"),
        ("swallow", {"swallow_at": "2026-05-12T12:00"}, "swallow-time", "warn"),
        ("swallow", {"swallow_at": None}, "not-evaluated", "warn"),
    ],
}
FISTULA = {
    "completion": [
        ("sealed", {"sealed": "leaks"}, "still-open", "warn"),
        ("sealed", {"sealed": "not-tested"}, "not-evaluated", "warn"),
    ],
    "check_remove": [("dates-in-register", {"next_exchange": None}, "no-next-date", "warn")],
}
SVC = {
    "findings_before": [
        ("veins-before", {"thrombus_seen": "there"}, "thrombus-there", "warn"),
        ("veins-before", {"thrombus_seen": "not-looked-for"}, "not-evaluated", "warn"),
        ("veins-before", {"pressure_central": None}, "no-pressure-before", "warn"),
    ],
    "completion": [
        ("gradient-fell", {"pressure_peripheral_after": 30.0}, "gradient-not-fallen", "warn"),
        ("gradient-fell", {"pressure_peripheral_after": 13.0}, "gradient-left", "warn"),
        ("gradient-fell", {"pressure_peripheral_after": None}, "gradient-unknown", "warn"),
    ],
    "recovery": [
        ("tamponade-watch", {"tamponade_watch": "signs"}, "tamponade", "warn"),
        ("tamponade-watch", {"tamponade_watch": "not-watched"}, "not-evaluated", "warn"),
    ],
    "early_course": [
        ("anticoagulation-started", {"anticoagulation_started": "no"}, "anticoagulation-not-started", "warn"),
        ("anticoagulation-started", {"anticoagulation_started": None}, "not-evaluated", "warn"),
    ],
}
IVC = {"outcome": [("surveillance", {"surveillance_on": None}, "surveillance-not-booked", "warn")]}
ARTERIAL = {
    "recovery": [
        ("distal-pulse", {"distal_pulse": "weak"}, "ischaemia", "warn"),
        ("distal-pulse", {"distal_pulse": "not-looked"}, "not-evaluated", "warn"),
    ],
    "early_course": [
        ("haemoglobin-holds", haemoglobin(95.0, 70.0), "haemoglobin-fall", "warn"),
        ("haemoglobin-holds", haemoglobin(95.0), "not-evaluated", "warn"),
    ],
}
GATES = [
    *sw.gates(BILIARY),
    *sw.gates(IODINE, "iodine"),
    *sw.gates(OESOPHAGEAL, "oesophageal"),
    *sw.gates(FISTULA, "tracheo-pleural"),
    *sw.gates(SVC, "svc"),
    *sw.gates(IVC, "ivc"),
    *sw.gates(ARTERIAL, "arterial"),
]


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_record_speaks(gate: sw.Gate) -> None:
    sw.assert_fires(gate)


def test_that_every_check_of_the_record_was_tried() -> None:
    phases = {stage.id: stage.phase for stage in sw.template(sw.NAME).stages}
    recorded = {each for each in sw.own() if phases[each[0]] in (Phase.RECORD, Phase.AFTER)}
    assert recorded - {(each.stage, each.check) for each in GATES} == set()


def test_that_a_record_beyond_every_limit_is_never_refused() -> None:
    changes = (
        sw.answers("findings_before", bile_look="pus", punctures=9, contrast_duct=200.0, go="stent"),
        placed(diameter_mm=30.0, type="covered", expansion=20.0, lot=None),
        sw.answers("completion", flow="none", residual=90.0, undrained="yes", complications=["perforation"]),
        sw.answers("check_remove", drain_now="removed", flow_now="none"),
    )
    case = sw.both(*changes)(sw.filled())
    session = nw.session_of(case)
    status = evaluate(case, replace(session), sw.template(sw.NAME), sw.profiles()[nw.PROFILE], sw.at(sw.DAY))
    said = {found.code: found for stage in status.stages if stage.stage.phase.is_record for found in stage.findings}
    assert {"stent-through-pus", "not-expanded", "no-flow", "complication", "drain-out-no-flow"} <= set(said)
    assert not [code for code, found in said.items() if found.blocks]


def test_that_the_gradient_shows_both_sides() -> None:
    context = nw.context_of(sw.NAME, sw.filled("svc"), "completion")
    shown = sw.template(sw.NAME).compute_functions["gradient"](context)
    assert [(each.label, each.value, each.unit) for each in shown] == [
        ("Gradient before", 22.0, "mm[Hg]"),
        ("Gradient after", 2.0, "mm[Hg]"),
    ]
    unknown = nw.context_of(sw.NAME, sw.filled("ivc"), "completion")
    without = sw.answers("findings_before", pressure_central=None)(unknown.case)
    before, _ = sw.template(sw.NAME).compute_functions["gradient"](nw.context_of(sw.NAME, without, "completion"))
    assert before.value is None
    assert "pressure is not known" in before.note
