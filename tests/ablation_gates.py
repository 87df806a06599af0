"""What makes each gate of the ablation template fire: one change of the digital patient's case per line."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import ablation_walk as aw
from ablation_walk import (
    answers,
    both,
    case_with,
    gone,
    histology,
    items,
    measures,
    needle,
    numbers,
    organ,
    row,
)

L2 = "lesion-2"
RFA = answers("modality", technique="rfa", rf_mode="monopolar")
IRE: dict[str, Any] = {
    "technique": "ire",
    "ire_pairs": [{"pair": "1-2", "spacing": 1.5, "voltage": 2250.0}],
    "ire_exposure": 15.0,
    "ire_pulses": 70,
    "ire_rhythm": "sinus",
    "ecg_gating": "yes",
    "nmb": "yes",
    "metal_distance": 80.0,
}
CRYO = {"technique": "cryo", "probe_spacing": 12.0}
LUNG = {"fev1": 80.0, "dlco": 75.0, "pneumonectomy": "no", "emphysema": "no", "bullae": "no"}
KIDNEY = {
    "renal_radius": "1",
    "renal_exophytic": "1",
    "renal_nearness": "2",
    "renal_face": "p",
    "renal_polar": "1",
    "renal_hilar": "no",
    "ureter_distance": 24.0,
    "single_kidney": "no",
}
ADRENAL = {"metanephrines": "normal", "alpha_block": "prepared"}
BONE = {"nerve_distance": 30.0, "cord_distance": 60.0, "weight_bearing": "no"}
DIRTY = {"status": "not-segmented"}
STOMACH_OPEN = both(aw.structure("stomach", **DIRTY), gone("region-stomach"))
"""Nobody segmented the stomach."""
TIP_NEAR = (-44.0, 34.0, -3.0)


def modality(**values: Any) -> aw.Change:
    return answers("modality", **values)


def target(**values: Any) -> aw.Change:
    return answers("target", **values)


def packed(code: str, told: dict[str, Any], **values: Any) -> aw.Change:
    """Targets in another organ, with that organ's answers, of which some are others."""
    return both(organ(code), target(**{**told, **values}))


def measured(**values: Any) -> aw.Change:
    return items(needle(role="today", measured=measures("today", length_mm=aw.LENGTH_MM, **values)))


def placed(**values: Any) -> aw.Change:
    return items(needle(role="today", **values))


def planned(**values: Any) -> aw.Change:
    return items(aw.planned_margin(**values))


def achieved(**values: Any) -> aw.Change:
    return items(aw.achieved_margin(**values))


def outcome_row(**cells: Any) -> aw.Change:
    return row("outcome", "per_lesion", **cells)


def two_targets(case: Any) -> Any:
    return aw.with_answers(case, "images_lesions", target_lesions=["lesion-1", L2])


def many_targets(case: Any) -> Any:
    more = tuple(replace(case.lesions[1], id=f"lesion-{n}", name=f"L{n}") for n in range(3, 6))
    case = replace(case, lesions=(*case.lesions, *more))
    return aw.with_answers(case, "images_lesions", target_lesions=[each.id for each in case.lesions[1:]])


def not_simulated(case: Any) -> Any:
    return replace(case, simulated=False)


def drawn_twice(case: Any) -> Any:
    """A second needle, parallel to the first by name, that leans."""
    second = needle("needle-2", role="today", entry_lps_mm=(-100.0, -60.0, 40.0), parallel_to=aw.NEEDLE)
    rows = [*aw.session_of(case).answer("paths", "needles"), {"needle": "needle-2", "lesion": L2, "judged": "by-eye"}]
    return aw.with_answers(aw.with_items(case, second), "paths", needles=rows)


SCAN_OF_YESTERDAY = tuple(
    replace(each, study_date=aw.DAY - timedelta(days=1))
    if each.series_uid == aw.SERIES["today"].split("#")[0]
    else each
    for each in aw.fresh_case().studies
)

# (stage, check, what is changed, code, how it acts on a plan)
FIRES: list[tuple[str, str, aw.Change, str, str]] = [
    ("fitness", "bleeding-class-high", answers("fitness", bleeding_class="low"), "bleeding-class", "ask"),
    ("fitness", "bleeding-class-high", answers("fitness", bleeding_class=None), "not-evaluated", "ask"),
    ("target", "organs-match", target(organ_pack=["kidney"]), "organ-missing", "ask"),
    ("target", "organs-match", target(organ_pack=None), "not-evaluated", "ask"),
    ("target", "targets-listed", target(targets=None), "not-evaluated", "ask"),
    ("target", "size-number", aw.sized(31.0), "target-large", "ask"),
    ("target", "size-number", aw.sized(None), "not-evaluated", "ask"),
    ("target", "size-number", many_targets, "targets-many", "ask"),
    ("target", "size-number", both(histology("CRLM"), aw.sized(51.0)), "target-large", "ask"),
    ("target", "size-number", both(histology("CRLM"), aw.sized(42.0)), "target-not-best", "warn"),
    ("target", "seen-or-fused", row("target", "targets", visible=["mr"]), "not-seen", "ask"),
    ("target", "seen-or-fused", row("target", "targets", visible=["none"], fusion="none"), "not-seen", "ask"),
    ("target", "seen-or-fused", row("target", "targets", visible=["unknown"]), "not-evaluated", "ask"),
    ("target", "histology-before", row("target", "targets", biopsy="none"), "no-biopsy", "warn"),
    ("target", "abscess-risk", target(biliary_access=["bilioenteric"]), "open-bile-duct", "ask"),
    ("target", "abscess-risk", target(biliary_access=["unknown"]), "not-evaluated", "ask"),
    ("target", "abscess-risk", target(prior_tace=2), "several-tace", "ask"),
    ("target", "abscess-risk", target(prior_tace=None), "not-evaluated", "ask"),
    ("target", "abscess-risk", answers("referral", abscess_before="yes"), "abscess-before", "ask"),
    ("target", "metanephrines", packed("adrenal", ADRENAL, metanephrines="unknown"), "no-metanephrines", "ask"),
    ("target", "metanephrines", packed("adrenal", ADRENAL, metanephrines="raised"), "no-alpha-block", "ask"),
    ("target", "lung-function", packed("lung", LUNG, fev1=39.0), "lung-function", "warn"),
    ("target", "lung-function", packed("lung", LUNG, dlco=None), "not-evaluated", "warn"),
    ("target", "lung-function", packed("lung", LUNG, pneumonectomy="yes"), "pneumonectomy", "warn"),
    (
        "target",
        "kidney-function",
        packed("kidney", KIDNEY, renal_radius="3", renal_exophytic="3", renal_polar="3"),
        "renal-complex",
        "warn",
    ),
    ("target", "kidney-function", packed("kidney", KIDNEY, ureter_distance=9.0), "ureter-near", "warn"),
    ("target", "kidney-function", packed("kidney", KIDNEY, single_kidney="yes"), "single-kidney", "warn"),
    ("target", "kidney-function", packed("kidney", KIDNEY, renal_polar=None), "not-evaluated", "warn"),
    ("target", "weight-bearing", packed("bone", BONE, weight_bearing="yes"), "no-consolidation", "warn"),
    ("modality", "heat-sink", modality(vessel_diameter=3.2, vessel_distance=4.0), "heat-sink", "warn"),
    ("modality", "heat-sink", modality(vessel_diameter=6.0, vessel_distance=None), "heat-sink", "warn"),
    ("modality", "near-structures", modality(duct_distance=9.0), "near", "warn"),
    ("modality", "near-structures", modality(bowel_distance=4.9), "very-near", "warn"),
    ("modality", "icd-radiofrequency", both(RFA, answers("fitness", pacemaker="yes")), "icd-radiofrequency", "ask"),
    ("modality", "icd-radiofrequency", both(RFA, answers("fitness", pacemaker="unknown")), "not-evaluated", "ask"),
    (
        "modality",
        "ire-voltage",
        modality(**{**IRE, "ire_pairs": [{"pair": "1-2", "spacing": 2.4}]}),
        "voltage-limit",
        "refuse",
    ),
    (
        "modality",
        "ire-voltage",
        modality(**{**IRE, "ire_pairs": [{"spacing": 1.5, "voltage": 3001.0}]}),
        "voltage-limit",
        "refuse",
    ),
    ("modality", "ire-voltage", modality(**{**IRE, "ire_pairs": [{"pair": "1-2"}]}), "not-evaluated", "ask"),
    (
        "modality",
        "ire-geometry",
        modality(**{**IRE, "ire_pairs": [{"pair": "1-2", "spacing": 1.4}]}),
        "ire-spacing",
        "ask",
    ),
    ("modality", "ire-geometry", modality(**{**IRE, "ire_exposure": 20.0}), "ire-exposure", "ask"),
    ("modality", "ire-heart", modality(**{**IRE, "ecg_gating": "no"}), "ecg-gating", "ask"),
    ("modality", "ire-heart", modality(**{**IRE, "nmb": "no"}), "nmb", "ask"),
    ("modality", "ire-heart", modality(**{**IRE, "ire_rhythm": "arrhythmia"}), "arrhythmia", "ask"),
    ("modality", "ire-metal", modality(**{**IRE, "metal_distance": 24.0}), "metal-near", "ask"),
    ("modality", "cryo-spacing", modality(**{**CRYO, "probe_spacing": 16.0}), "cryo-spacing", "warn"),
    ("structures", "required-structures", STOMACH_OPEN, "structure-not-segmented", "refuse"),
    ("structures", "required-structures", gone("region-colon"), "structure-not-segmented", "refuse"),
    (
        "structures",
        "required-structures",
        aw.structure("heart", confirmed_by=None),
        "structure-not-segmented",
        "refuse",
    ),
    (
        "structures",
        "required-structures",
        both(STOMACH_OPEN, answers("structures", path_claim="not-admissible")),
        "structure-not-segmented",
        "warn",
    ),
    ("structures", "structures-named", aw.structure("implant", **DIRTY), "not-checked", "info"),
    ("structures", "limits-changed", aw.structure("bowel", hard_mm=3.0), "limit-changed", "warn"),
    ("structures", "limits-changed", aw.structure("bowel", hard_mm=12.0), "limits-crossed", "warn"),
    ("paths", "target-has-needle", answers("paths", needles=None), "no-needle", "ask"),
    ("paths", "target-has-needle", two_targets, "no-needle", "ask"),
    ("paths", "target-has-needle", row("paths", "needles", judged=None), "needle-not-judged", "ask"),
    ("paths", "target-has-needle", gone(aw.NEEDLE), "needle-gone", "ask"),
    ("paths", "needle-length", placed(usable_length_mm=100.0), "applicator-short", "refuse"),
    ("paths", "needle-length", placed(usable_length_mm=None), "not-evaluated", "ask"),
    (
        "paths",
        "needle-limits",
        measured(rejected_because=("3.1 mm from the bowel at 64 mm depth",)),
        "hard-limit",
        "ask",
    ),
    ("paths", "needle-checked", measured(not_checked=("stomach",)), "not-admissible", "refuse"),
    ("paths", "needle-checked", STOMACH_OPEN, "not-admissible", "refuse"),
    ("paths", "needle-checked", measured(rejected_because=("3.1 mm from the bowel",)), "not-admissible", "refuse"),
    (
        "paths",
        "needle-checked",
        both(row("paths", "needles", judged="by-eye"), measured(not_checked=("stomach",))),
        "by-eye",
        "ask",
    ),
    ("paths", "needle-measured", items(aw.bare_needle()), "needle-not-measured", "ask"),
    ("paths", "needle-measured", aw.structure("bowel", hard_mm=6.0), "needle-stale", "ask"),
    ("paths", "needle-measured", measured(clearances_mm={**aw.CLEARANCES, "bowel": None}), "needle-stale", "ask"),
    ("paths", "needle-measured", gone("region-stomach"), "needle-stale", "ask"),
    ("paths", "needle-measured", placed(tip_lps_mm=TIP_NEAR), "needle-stale", "ask"),
    ("paths", "needle-position", answers("paths", patient_position="prone"), "needle-position", "ask"),
    ("paths", "needle-position", answers("paths", patient_position=None), "not-evaluated", "ask"),
    ("paths", "needles-parallel", drawn_twice, "not-parallel", "warn"),
    ("paths", "needle-desired", measured(clearances_mm={**aw.CLEARANCES, "bowel": 7.0}), "nearer-than-wanted", "warn"),
    ("paths", "planning-picture", items(needle()), "planning-picture", "info"),
    ("zone_margin", "setting-in-chart", placed(setting="150W 5min"), "outside-chart", "refuse"),
    ("zone_margin", "setting-in-chart", both(placed(setting="max"), gone("margin-planned")), "outside-chart", "refuse"),
    ("zone_margin", "setting-in-chart", row("zone_margin", "settings", power=150.0), "outside-chart", "refuse"),
    ("zone_margin", "setting-in-chart", row("zone_margin", "settings", minutes=5.0), "setting-differs", "ask"),
    ("zone_margin", "setting-in-chart", placed(device=None, setting=None), "no-device", "ask"),
    ("zone_margin", "setting-in-chart", RFA, "device-energy", "ask"),
    ("zone_margin", "setting-in-chart", not_simulated, "simulated-device", "refuse"),
    ("zone_margin", "margin-planned", gone("margin-planned"), "no-margin", "ask"),
    ("zone_margin", "margin-planned", planned(needle_ids=("needle-9",)), "margin-stale", "ask"),
    ("zone_margin", "margin-minimum", planned(minus_sd=numbers(4.9)), "margin-small", "ask"),
    ("zone_margin", "margin-minimum", planned(without_capsule=numbers(4.2)), "margin-small", "ask"),
    ("zone_margin", "margin-minimum", planned(minus_sd=numbers(None)), "not-evaluated", "ask"),
    ("zone_margin", "margin-minimum", answers("zone_margin", required_margin=8.0), "margin-small", "ask"),
    ("zone_margin", "margin-desired", histology("CRLM"), "margin-not-wanted", "warn"),
    ("zone_margin", "margin-deviation", planned(minus_sd=None), "no-deviation", "ask"),
    ("zone_margin", "margin-asked", answers("zone_margin", required_margin=4.0), "margin-asked-small", "ask"),
    ("zone_margin", "margin-covered", planned(covered=False), "not-covered", "warn"),
    ("zone_margin", "margin-covered", planned(covered=None), "not-evaluated", "warn"),
    (
        "zone_margin",
        "zone-heat-sinks",
        both(RFA, planned(heat_sinks=("Hepatic vein 5.2 mm, 2 mm from the zone.",))),
        "heat-sink",
        "ask",
    ),
    (
        "zone_margin",
        "zone-heat-sinks",
        planned(heat_sinks=("Hepatic vein 5.2 mm, 2 mm from the zone.",)),
        "heat-sink",
        "warn",
    ),
    ("zone_margin", "chart-tissue", planned(tissues=("in vivo porcine liver",)), "chart-tissue", "info"),
    (
        "protection",
        "saline-radiofrequency",
        both(RFA, answers("protection", measures=["hydrodissection"], fluid="saline")),
        "saline-monopolar",
        "ask",
    ),
    ("protection", "bowel-protected", modality(bowel_distance=9.5), "bowel-unprotected", "ask"),
    ("protection", "bowel-protected", modality(bowel_distance=None), "not-evaluated", "warn"),
    ("protection", "nerve-protected", packed("bone", BONE, nerve_distance=6.0), "nerve-unprotected", "ask"),
    ("protection", "nerve-protected", packed("bone", BONE, cord_distance=None), "not-evaluated", "ask"),
    (
        "protection",
        "chest-drain",
        both(packed("lung", LUNG), answers("protection", chest_drain_kit="no")),
        "no-chest-drain",
        "warn",
    ),
    (
        "protection",
        "chest-drain",
        both(measured(clearances_mm={**aw.CLEARANCES, "lung": 2.0}), answers("protection", chest_drain_kit="no")),
        "no-chest-drain",
        "warn",
    ),
    ("anaesthesia", "anaesthesia-booked", answers("anaesthesia", booked="not-booked"), "anaesthesia-not-booked", "ask"),
    ("anaesthesia", "anaesthesia-booked", answers("anaesthesia", booked="not-needed"), "anaesthesia-not-booked", "ask"),
    ("anaesthesia", "anaesthesia-booked", answers("anaesthesia", kind=None), "not-evaluated", "ask"),
    ("anaesthesia", "anaesthesia-position", answers("anaesthesia", position="prone"), "position-differs", "ask"),
    (
        "anaesthesia",
        "anaesthesia-ire",
        both(modality(**IRE), answers("anaesthesia", relaxation="no")),
        "ire-no-relaxation",
        "ask",
    ),
    (
        "anaesthesia",
        "anaesthesia-ire",
        both(modality(**IRE), answers("anaesthesia", kind="sedation")),
        "ire-not-general",
        "ask",
    ),
    ("anaesthesia", "anaesthesia-adrenal", packed("adrenal", ADRENAL), "no-pressure-plan", "warn"),
    ("scan_today", "readout-from-today", items(needle(role="planning")), "readout-refused", "refuse"),
    ("scan_today", "readout-from-today", aw.roles(today=None), "readout-refused", "refuse"),
    ("scan_today", "scan-of-today", case_with(studies=SCAN_OF_YESTERDAY), "scan-not-today", "ask"),
    ("scan_today", "scan-of-today", answers("scan_today", taken_at="2026-05-10T09:00"), "scan-not-today", "ask"),
    ("scan_today", "scan-of-today", aw.roles(today=None), "not-evaluated", "ask"),
    ("scan_today", "position-today", answers("scan_today", position="prone"), "position-mismatch", "ask"),
    ("scan_today", "position-today", placed(posture="left-decubitus"), "needle-position", "ask"),
    (
        "scan_today",
        "target-moved",
        answers("scan_today", target_moved=5.1, plan_today="unchanged"),
        "target-moved",
        "ask",
    ),
    ("scan_today", "target-moved", answers("scan_today", target_moved=None), "not-evaluated", "ask"),
    ("scan_today", "new-targets", answers("scan_today", new_targets="not-looked-for"), "not-evaluated", "ask"),
    ("scan_today", "new-targets", answers("scan_today", new_targets="yes"), "new-targets", "ask"),
    (
        "scan_today",
        "registration-known",
        answers("scan_today", registration_error=None),
        "no-registration-error",
        "warn",
    ),
    (
        "scan_today",
        "registration-known",
        answers("scan_today", registration="by-eye", registration_error=None),
        "no-registration-error",
        "warn",
    ),
    ("scan_today", "breath-today", answers("scan_today", breath="inspiration"), "breath-differs", "warn"),
    ("scan_today", "breath-today", answers("scan_today", breath="unknown"), "not-evaluated", "warn"),
    ("scan_today", "needles-hold-today", gone("region-stomach"), "needle-stale", "ask"),
    (
        "confirm_today",
        "confirmed-position",
        answers("confirm_today", position_today="lateral"),
        "position-mismatch",
        "ask",
    ),
]
