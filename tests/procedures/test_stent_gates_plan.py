"""Stents: every gate of decision, plan and day speaks when it should, by site, and is silent on the examples."""

from __future__ import annotations

from typing import Any

import needle_walks as nw
import pytest
import stent_walks as sw

from planner.model.vessel_items import StenosisMeasures
from planner.workflow.template import Phase

TYPED = {"order": 1, "place": "Common bile duct", "type": "bare", "covered": "no", "diameter_mm": 10, "length_mm": 60}


def row(**cells: Any) -> sw.Change:
    """The one row of the table of stents changed."""
    return nw.row_changed("stent_plan", "stents", **cells)


def obstruction(**values: Any) -> sw.Change:
    return sw.answers("obstruction", **values)


def typed(**cells: Any) -> sw.Change:
    """A stent that is typed and not sized."""
    return sw.answers("stent_plan", stents=[{**TYPED, **cells}])


COVERED = row(type="covered", covered="yes", stent=None, diameter_mm=10, length_mm=60)
HILAR = obstruction(obstruction_level="IIIa")
NARROW = {"airway_least": 11.0, "airway_normal": 17.0}
DRAINED_THIRD = sw.items(sw.stent(drained_share=0.3))
LOADED = row(type="iodine-125")

BILIARY = {
    "obstruction": [
        ("emergency-form", {"danger_now": ["sepsis"]}, "not-on-emergency-form", "warn"),
        ("emergency-form", {"danger_now": None}, "not-evaluated", "warn"),
        ("indication-fits", {"indication": "thrombosis"}, "indication-of-other-site", "ask"),
        ("indication-fits", {"danger_now": ["cerebral"]}, "danger-of-other-site", "ask"),
        ("indication-fits", {"indication": None}, "not-evaluated", "ask"),
        ("cause-proved", {"proved": "unknown"}, "not-proved", "ask"),
        ("cause-proved", {"proved": None}, "not-evaluated", "ask"),
        ("surgeon-asked", {"resectable": "potentially", "surgeon_said": "not-asked"}, "surgeon-not-asked", "ask"),
        ("surgeon-asked", {"resectable": "yes", "surgeon_said": "against"}, "surgeon-against", "ask"),
        ("surgeon-asked", {"resectable": "yes", "surgeon_said": "agrees"}, "surgeon-without-name", "ask"),
        ("surgeon-asked", {"resectable": "unknown"}, "not-evaluated", "ask"),
        ("bile-map", {"obstruction_level": "unknown"}, "not-evaluated", "ask"),
        ("bile-map", {"mrcp_on": None}, "no-mrcp", "ask"),
        ("bile-map", {"mrcp_on": "2026-01-01"}, "mrcp-old", "ask"),
        ("bile-map", {"ercp": "not-tried", "ercp_why": None}, "ercp-not-tried", "ask"),
        ("ascites-drained", {"ascites": "present"}, "ascites", "ask"),
        ("ascites-drained", {"ascites": "unknown"}, "not-evaluated", "ask"),
        ("vitamin-k", {"vitamin_k": "not-thought-of"}, "vitamin-k", "warn"),
    ],
    "sepsis": [
        ("drain-first", {"septic": "septic"}, "stent-in-sepsis", "ask"),
        ("drain-first", {"cholangitis": "II"}, "stent-in-sepsis", "ask"),
        ("drain-first", {"septic": "shock", "this_session": None}, "not-evaluated", "ask"),
        ("drain-first", {"temperature": 39.0}, "fever-denied", "ask"),
        ("drain-first", obstruction(danger_now=["sepsis"]), "sepsis-contradicts", "ask"),
        ("antibiotic-covered", {"antibiotic_running": "none"}, "no-antibiotic", "ask"),
        ("antibiotic-covered", {"antibiotic_running": None}, "not-evaluated", "ask"),
        ("cultures", {"septic": "infected", "cultures": "not-taken"}, "no-cultures", "warn"),
        ("cultures", {"septic": "infected"}, "not-evaluated", "warn"),
    ],
    "segments": [
        ("half-of-liver", {"drained_share": 49.9}, "too-little-liver", "ask"),
        ("half-of-liver", {"drained_share": None}, "not-evaluated", "ask"),
        ("segments-worth", nw.row_changed("segments", "ducts", state="atrophic"), "segment-not-worth", "ask"),
        ("segments-worth", nw.row_changed("segments", "ducts", state="portal-occluded"), "segment-not-worth", "ask"),
        ("segments-worth", nw.row_changed("segments", "ducts", state=None), "not-evaluated", "ask"),
        ("segments-worth", {"ducts": None}, "not-evaluated", "ask"),
        ("segments-left", nw.row_changed("segments", "ducts", 1, action="leave"), "segment-left", "warn"),
        (
            "segments-left",
            sw.both(
                nw.row_changed("segments", "ducts", 1, action="leave", why="small"),
                sw.answers("sepsis", cholangitis="I"),
            ),
            "segment-left-infected",
            "warn",
        ),
        (
            "segments-left",
            sw.both(HILAR, sw.answers("segments", ducts=[{"segment": "Right", "action": "drain"}])),
            "one-side-listed",
            "warn",
        ),
    ],
    "lumen": [
        ("lumen-measured", {"lumen_basis": None}, "not-evaluated", "ask"),
        ("lumen-measured", {"lumen_basis": "at-procedure"}, "lumen-not-measured", "ask"),
        ("lumen-measured", nw.gone("lumen-1"), "no-lumen", "ask"),
        ("lumen-measured", sw.items(sw.lumen(kind="artery")), "no-lumen", "ask"),
        ("stricture-marked", sw.items(sw.lumen(stenosis=None)), "stricture-not-marked", "ask"),
        (
            "stricture-marked",
            sw.items(sw.lumen(stenosis=StenosisMeasures(60.0, 100.0, 80.0, 3.0))),
            "no-reference",
            "ask",
        ),
        ("lumen-doubts", sw.items(sw.lumen(findings=("Mucus at 40 mm.",))), "lumen-doubt", "warn"),
        (
            "lumen-doubts",
            sw.items(sw.lumen(stenosis=StenosisMeasures(60.0, 100.0, 80.0, 3.0, 70.0, proximal_reference_mm=10.0))),
            "one-reference",
            "warn",
        ),
        ("landmarks-marked", sw.items(sw.lumen(marks=())), "landmark-not-marked", "warn"),
    ],
    "access": [
        ("way-fits-site", {"route": "anus"}, "way-of-other-site", "ask"),
        ("way-fits-site", {"route": None}, "not-evaluated", "ask"),
        ("nothing-on-path", {"pleura_on_path": "yes"}, "on-path", "ask"),
        ("nothing-on-path", {"colon_on_path": "unknown"}, "not-evaluated", "ask"),
        ("nothing-on-path", {"structures_looked": "not-segmented"}, "structures-not-checked", "ask"),
        ("bleeding-class", sw.answers("fitness", bleeding_class="low"), "bleeding-class-low", "ask"),
        ("bleeding-class", {"tract": None}, "not-evaluated", "ask"),
    ],
    "stent_plan": [
        ("stents-planned", {"stents": None}, "no-stent", "ask"),
        ("stents-planned", nw.gone("stent-1"), "stent-deleted", "ask"),
        ("stents-planned", typed(length_mm=None), "stent-incomplete", "ask"),
        ("stents-fresh", sw.items(sw.lumen(length_mm=180.0)), "lumen-changed", "ask"),
        ("stents-fresh", nw.gone("lumen-1"), "lumen-changed", "ask"),
        ("stents-fresh", typed(), "stent-not-sized", "ask"),
        ("stents-of-site", sw.items(sw.stent(site="colon")), "sized-for-other-site", "ask"),
        ("stents-of-site", sw.items(sw.stent(indication="benign")), "sized-for-other-indication", "ask"),
        ("stents-of-site", row(type="covered"), "type-differs", "ask"),
        ("stents-of-site", obstruction(indication=None), "not-evaluated", "ask"),
        ("size-rules", sw.judged(sw.told("landing-short")), "landing-short", "warn"),
        ("size-rules", sw.judged(sw.told("crosses-cystic-duct", "block")), "crosses-cystic-duct", "ask"),
        ("size-rules", sw.both(typed(), sw.answers("lumen", lumen_basis="at-procedure")), "size-not-checked", "warn"),
        ("sheath-fits", sw.items(sw.stent(delivery_french=10.0)), "sheath-too-small", "ask"),
        ("sheath-fits", sw.answers("access", sheath=None), "sheath-not-checked", "info"),
        ("benign-metal", obstruction(indication="benign"), "benign-bare-metal", "ask"),
        ("benign-metal", sw.both(obstruction(indication="benign"), typed(type=None)), "not-evaluated", "ask"),
        ("metal-resectable", obstruction(resectable="potentially"), "metal-resectable", "ask"),
        ("metal-resectable", obstruction(resectable=None), "not-evaluated", "ask"),
        ("sealing", obstruction(indication="fistula"), "not-covered", "ask"),
        (
            "sealing",
            sw.both(obstruction(indication="bleeding"), typed(type=None, covered=None)),
            "not-evaluated",
            "ask",
        ),
        ("retrieval", obstruction(indication="benign"), "benign-stays", "ask"),
        ("retrieval", {"retrievable": "undecided"}, "not-evaluated", "ask"),
        ("retrieval", {"retrievable": "out", "retrieval_by": "Dr A"}, "no-retrieval-date", "ask"),
        (
            "retrieval",
            {"retrievable": "out", "retrieval_on": "2026-09-01", "retrieval_by": "A"},
            "retrieval-late",
            "ask",
        ),
        ("retrieval", {"retrievable": "out", "retrieval_on": "2026-06-01"}, "no-retrieval-person", "ask"),
        ("covered-branches", sw.both(HILAR, COVERED), "covered-hilar", "ask"),
        ("covered-branches", COVERED, "covered-cystic-duct", "ask"),
        ("covered-branches", sw.both(COVERED, sw.answers("stent_plan", cystic_duct="unknown")), "not-evaluated", "ask"),
        ("duodenum-open", {"duodenum_patent": "no"}, "duodenum-obstructed", "ask"),
        ("duodenum-open", {"duodenum_patent": "unknown"}, "not-evaluated", "ask"),
        ("half-by-stents", DRAINED_THIRD, "stents-drain-too-little", "ask"),
        ("hilar-partners", HILAR, "one-hilar-stent", "warn"),
        ("partners", row(partner=2), "partner-missing", "warn"),
        ("partners", sw.items(sw.stent(partner="stent-9")), "partner-missing", "warn"),
        ("iodine", {"iodine": None}, "not-evaluated", "ask"),
        ("iodine", {"iodine": "yes"}, "iodine-differs", "ask"),
        ("iodine", sw.both(LOADED, sw.answers("stent_plan", iodine="yes")), "iodine-incomplete", "ask"),
    ],
    "kit_budget": [
        ("spare-stent", {"spare_stent": "not-there"}, "no-spare-stent", "warn"),
        ("spare-stent", {"spare_stent": None}, "not-evaluated", "warn"),
    ],
    "sign_in": [
        ("antibiotic-in-time", {"antibiotic": "none"}, "no-antibiotic-given", "ask"),
        ("antibiotic-in-time", {"antibiotic_time": "2026-05-12T05:00"}, "antibiotic-out-of-window", "ask"),
        ("antibiotic-in-time", {"antibiotic_time": "2026-05-12T09:30"}, "antibiotic-out-of-window", "ask"),
        ("antibiotic-in-time", {"antibiotic_time": None}, "not-evaluated", "ask"),
    ],
}
OESOPHAGEAL = {
    "obstruction": [("irradiated", {"radiotherapy_before": "yes"}, "irradiated", "warn")],
    "first_steps": [("perforation", {"perforation_signs": "yes"}, "perforated", "ask")],
    "sepsis": [("infection-controlled", {"septic": "infected"}, "infection-uncontrolled", "ask")],
    "airway_check": [
        ("airway-first", {"airway_least": None}, "airway-not-measured", "ask"),
        ("airway-first", NARROW, "airway-narrow", "ask"),
        ("airway-first", {"airway_wall": "invaded"}, "airway-invaded", "ask"),
        ("airway-first", {"airway_wall": "unknown"}, "not-evaluated", "ask"),
        ("airway-first", {"airway_action": "undecided"}, "not-evaluated", "ask"),
    ],
    "stent_plan": [
        ("reflux", {"junction": "crossed"}, "reflux-unplanned", "warn"),
        (
            "reflux",
            sw.judged(sw.told("crosses-gastro-oesophageal-junction", "info"), variant="oesophageal"),
            "reflux-unplanned",
            "warn",
        ),
        ("reflux", {"junction": "unknown"}, "not-evaluated", "warn"),
    ],
    "kit_budget": [("rescue-kit", {"airway_kit": "no"}, "no-airway-kit", "ask")],
}
AIRWAY = {
    "airway_check": [
        ("airway-held", {"airway_holder": None}, "airway-unheld", "ask"),
        ("airway-held", {"airway_means": "unknown"}, "not-evaluated", "ask"),
        ("distal-lung", {"distal_lung": "occluded"}, "distal-occluded", "ask"),
        ("distal-lung", {"distal_lung": "destroyed"}, "lung-destroyed", "ask"),
        ("distal-lung", {"distal_lung": "unknown"}, "not-evaluated", "ask"),
        ("breath-and-mucus", {"ct_breath": ["inspiration"]}, "one-breath-only", "warn"),
        ("breath-and-mucus", {"mucus": "no"}, "mucus-not-excluded", "warn"),
        ("secretions", {"secretions": None}, "no-secretions-plan", "warn"),
    ],
    "segments": [
        ("branches-looked-for", {"branches": None}, "branch-not-looked-for", "ask"),
        ("branches-looked-for", nw.row_changed("segments", "branches", crossed="yes"), "branch-crossed", "ask"),
    ],
    "stent_plan": [
        ("carina", {"carina_plan": "straight-across"}, "straight-across-carina", "ask"),
        ("carina", {"carina_plan": "y-stent"}, "y-stent-missing", "ask"),
        ("carina", {"carina_plan": "unknown"}, "not-evaluated", "ask"),
        ("benign-metal", sw.both(obstruction(indication="benign"), typed(type="bare")), "benign-bare-metal", "ask"),
    ],
}
FISTULA = {
    "obstruction": [
        ("fistula-ready", {"fistula_kind": None}, "not-evaluated", "ask"),
        ("fistula-ready", {"stump_state": "short"}, "stump-short", "ask"),
        ("fistula-ready", {"stump_state": "necrotic"}, "stump-necrotic", "ask"),
        ("fistula-ready", {"stump_state": "unknown"}, "not-evaluated", "ask"),
        ("fistula-ready", {"lung_state": "collapsed"}, "lung-collapsed", "ask"),
        ("fistula-ready", {"pleura_drained": "no"}, "pleura-not-drained", "ask"),
    ],
    "lumen": [
        ("stricture-marked", sw.items(sw.lumen("tracheo-pleural", marks=())), "opening-not-marked", "ask"),
    ],
    "stent_plan": [("sealing", row(covered="no"), "not-covered", "ask")],
}
DUODENAL = {
    "first_steps": [
        ("bile-duct-first", {"bile_duct": "obstructed"}, "bile-duct-obstructed", "ask"),
        ("bile-duct-first", {"bile_duct": "covered-open"}, "papilla-covered", "ask"),
        ("bile-duct-first", {"bile_duct": "unknown"}, "not-evaluated", "ask"),
        ("bowel-pack", {"decompression": "not-done"}, "not-decompressed", "ask"),
        ("bowel-pack", {"second_stricture": "yes"}, "second-stricture", "ask"),
        ("bowel-pack", {"carcinomatosis": "unknown"}, "not-evaluated", "ask"),
        ("anti-vegf", {"anti_vegf": "planned"}, "anti-vegf-planned", "ask"),
        ("anti-vegf", {"anti_vegf": "given"}, "anti-vegf-without-date", "ask"),
        ("anti-vegf", {"anti_vegf": "unknown"}, "not-evaluated", "ask"),
        (
            "anti-vegf",
            sw.both(
                sw.answers("referral", anti_vegf_last_dose="2026-05-01"),
                sw.answers("first_steps", anti_vegf="given"),
            ),
            "anti-vegf-recent",
            "ask",
        ),
    ],
}
COLONIC = {
    "first_steps": [
        ("surgeon-on-call", {"surgeon_on_call": None}, "no-surgeon-on-call", "ask"),
        ("surgeon-on-call", {"colon_strategy": "undecided"}, "not-evaluated", "ask"),
        ("perforation", {"perforation_signs": "unknown"}, "not-evaluated", "ask"),
    ],
    "obstruction": [("indication-fits", {"indication": "benign"}, "indication-of-other-site", "ask")],
}
SVC = {
    "airway_check": [("airway-held", obstruction(danger_now=["stridor"]), "airway-unheld", "ask")],
    "obstruction": [("cause-proved", {"proved": "biopsy-during"}, "tissue-first", "ask")],
    "first_steps": [
        ("svc-severity", {"kishi": None}, "not-evaluated", "warn"),
        ("svc-severity", {"kishi": 2}, "kishi-low", "info"),
        (
            "svc-severity",
            sw.both(obstruction(danger_now=["stridor"]), sw.answers("first_steps", kishi=2)),
            "kishi-contradicts",
            "warn",
        ),
        ("svc-pack", {"brachiocephalic": "both-closed"}, "both-closed", "ask"),
        ("svc-pack", {"azygos": "unknown"}, "not-evaluated", "ask"),
        ("svc-pack", {"leads": "yes"}, "lead-trapped", "ask"),
        ("thrombus-first", {"thrombus": "unknown"}, "thrombus-unanswered", "ask"),
        ("thrombus-first", {"thrombus": "fresh", "thrombus_plan": "nothing"}, "thrombus-without-plan", "ask"),
        ("thrombus-first", {"thrombus": "fresh", "thrombus_plan": "covered-over"}, "fresh-thrombus", "ask"),
        ("anticoagulation", {"anticoagulation_plan": None}, "no-anticoagulation-plan", "ask"),
    ],
    "stent_plan": [("pressures", {"pressures": "not-planned"}, "no-pressures", "warn")],
    "kit_budget": [
        ("rescue-kit", {"tamponade_kit": "no"}, "no-tamponade-kit", "ask"),
        ("rescue-kit", {"rupture_kit": None}, "not-evaluated", "ask"),
    ],
    "sign_in": [("tamponade-kit-seen", {"tamponade_read": "no"}, "tamponade-kit-not-seen", "ask")],
}
IVC = {
    "first_steps": [
        ("thrombus-first", {"thrombus": "old", "thrombus_plan": "lysis"}, "old-thrombus", "ask"),
        ("balloon-first", {"balloon_first": "no", "balloon_reason": None}, "stent-before-balloon", "ask"),
        ("balloon-first", {"balloon_first": None}, "not-evaluated", "ask"),
        ("budd-chiari", {"venous_type": "unknown"}, "not-evaluated", "ask"),
        ("budd-chiari", {"accessory_vein": "not-looked-for"}, "not-evaluated", "ask"),
        ("budd-chiari", {"accessory_vein": "large-open"}, "accessory-vein", "info"),
        ("budd-chiari", {"hcc_surveillance": None}, "no-surveillance", "ask"),
    ],
    "segments": [
        ("branches-looked-for", nw.row_changed("segments", "branches", plan=None), "branch-crossed", "ask"),
    ],
}
PORTAL = {
    "first_steps": [
        ("portal-pack", {"varices": "untreated"}, "varices-untreated", "ask"),
        ("portal-pack", {"portal_branches": "no"}, "no-open-branch", "ask"),
        ("portal-pack", {"varices": "unknown"}, "not-evaluated", "ask"),
    ],
    "access": [
        (
            "bleeding-class",
            sw.both(sw.answers("fitness", bleeding_class="low"), sw.answers("access", route="jugular")),
            "bleeding-class-low",
            "ask",
        ),
    ],
    "obstruction": [("ascites-drained", {"ascites": "present"}, "ascites", "ask")],
    "stent_plan": [("no-rule", {"type_reason": None}, "size-without-reason", "warn")],
}
ARTERIAL = {
    "first_steps": [
        ("arterial-pack", {"bleeding_source": "unknown"}, "not-evaluated", "ask"),
        ("arterial-pack", {"infected_plan": None}, "infected-field", "ask"),
        ("arterial-pack", {"field_infected": "unknown"}, "not-evaluated", "ask"),
        ("arterial-pack", {"end_organ": "unknown"}, "not-evaluated", "ask"),
    ],
    "access": [
        ("bleeding-class", sw.answers("fitness", bleeding_class="low"), "bleeding-class-low", "ask"),
        (
            "bleeding-class",
            sw.both(sw.answers("fitness", bleeding_class="low"), sw.answers("access", sheath=6.0)),
            "bleeding-class-between",
            "ask",
        ),
    ],
    "stent_plan": [("sealing", row(type="bare", covered="no"), "not-covered", "ask")],
}
OTHER_LUMEN = {"obstruction": [("fistula-ready", {"other_lumen": "unknown"}, "not-evaluated", "ask")]}
GATES = [
    *sw.gates(OTHER_LUMEN, "tracheo-oesophageal"),
    *sw.gates(BILIARY),
    *sw.gates(OESOPHAGEAL, "oesophageal"),
    *sw.gates(AIRWAY, "tracheobronchial"),
    *sw.gates(FISTULA, "tracheo-pleural"),
    *sw.gates(DUODENAL, "duodenal"),
    *sw.gates(COLONIC, "colonic"),
    *sw.gates(SVC, "svc"),
    *sw.gates(IVC, "ivc"),
    *sw.gates(PORTAL, "portal"),
    *sw.gates(ARTERIAL, "arterial"),
]


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_gate_fires(gate: sw.Gate) -> None:
    sw.assert_fires(gate)


def test_that_every_gate_of_the_plan_was_tried() -> None:
    phases = {stage.id: stage.phase for stage in sw.template(sw.NAME).stages}
    planned = {each for each in sw.own() if phases[each[0]] in (Phase.DECIDE, Phase.PLAN, Phase.DAY)}
    assert planned - {(each.stage, each.check) for each in GATES} == set()


@pytest.mark.parametrize("variant", sw.VARIANTS, ids=str)
def test_that_no_check_is_loud_on_an_example(variant: str | None) -> None:
    assert sw.loud(variant) == {}
