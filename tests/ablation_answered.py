"""What looks like a danger of an ablation and is answered: one change of the digital patient's case per line."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import ablation_walk as aw
from ablation_gates import (
    ADRENAL,
    BONE,
    CRYO,
    DIRTY,
    IRE,
    KIDNEY,
    LUNG,
    RFA,
    achieved,
    measured,
    modality,
    outcome_row,
    packed,
    placed,
    planned,
    target,
    two_targets,
)
from ablation_walk import answers, both, histology, items, needle, numbers, organ, row

# (stage, check, change): what looks like a danger and is answered: the check is silent.
SILENT: list[tuple[str, str, aw.Change]] = [
    ("target", "size-number", aw.sized(30.0)),
    ("target", "size-number", both(organ("kidney"), histology("other"), aw.sized(40.0))),
    ("target", "seen-or-fused", row("target", "targets", visible=["mr"], fusion="planned")),
    (
        "target",
        "histology-before",
        both(
            lambda case: replace(case, diagnosis=replace(case.diagnosis, proof="biopsy")),
            row("target", "targets", biopsy="none"),
        ),
    ),
    (
        "target",
        "abscess-risk",
        target(prior_tace=3, antibiotic_plan="yes", antibiotic_plan_text="Piperacillin-tazobactam, 3 days"),
    ),
    ("target", "abscess-risk", target(prior_tace=1)),
    ("target", "metanephrines", packed("adrenal", ADRENAL)),
    (
        "target",
        "metanephrines",
        packed(
            "adrenal", ADRENAL, metanephrines="raised", alpha_block="yes", alpha_block_text="Phenoxybenzamine, 14 days"
        ),
    ),
    ("target", "lung-function", packed("lung", LUNG)),
    ("target", "kidney-function", packed("kidney", KIDNEY)),
    ("target", "weight-bearing", packed("bone", BONE, weight_bearing="yes", consolidation="same-session")),
    ("modality", "heat-sink", modality(vessel_diameter=3.0, vessel_distance=1.0)),
    ("modality", "heat-sink", modality(vessel_diameter=9.0, vessel_distance=5.1)),
    ("modality", "near-structures", modality(duct_distance=10.1, bowel_distance=10.1)),
    ("modality", "icd-radiofrequency", RFA),
    *(("modality", f"ire-{name}", modality(**IRE)) for name in ("voltage", "geometry", "heart", "metal")),
    ("modality", "ire-voltage", modality(**{**IRE, "ire_pairs": [{"spacing": 2.0, "voltage": 3000.0}]})),
    ("modality", "cryo-spacing", modality(**CRYO)),
    ("structures", "required-structures", aw.structure("gas", **DIRTY)),
    (
        "paths",
        "target-has-needle",
        both(two_targets, answers("paths", lesions_left=[{"lesion": "lesion-1", "reason": "TACE"}])),
    ),
    ("paths", "needle-length", placed(usable_length_mm=aw.LENGTH_MM)),
    (
        "paths",
        "needle-limits",
        both(row("paths", "needles", judged="rejected"), measured(rejected_because=("3 mm from the bowel",))),
    ),
    ("zone_margin", "setting-in-chart", both(placed(setting="60W 8min"), row("zone_margin", "settings", minutes=8.0))),
    ("zone_margin", "margin-minimum", planned(minus_sd=numbers(3.0), without_capsule=numbers(5.0))),
    ("zone_margin", "margin-desired", both(histology("CRLM"), planned(minus_sd=numbers(10.0)))),
    (
        "protection",
        "saline-radiofrequency",
        both(RFA, answers("protection", measures=["hydrodissection"], fluid="dextrose-5")),
    ),
    (
        "protection",
        "saline-radiofrequency",
        both(RFA, modality(rf_mode="bipolar"), answers("protection", fluid="saline")),
    ),
    (
        "protection",
        "bowel-protected",
        both(modality(bowel_distance=4.0), answers("protection", measures=["hydrodissection"])),
    ),
    (
        "protection",
        "nerve-protected",
        both(packed("bone", BONE, nerve_distance=6.0), answers("protection", measures=["thermocouple"])),
    ),
    ("anaesthesia", "anaesthesia-booked", answers("anaesthesia", kind="local", booked="not-needed")),
    ("anaesthesia", "anaesthesia-ire", modality(**IRE)),
    (
        "anaesthesia",
        "anaesthesia-adrenal",
        both(packed("adrenal", ADRENAL), answers("anaesthesia", pressure_plan="Arterial line, phentolamine")),
    ),
    ("scan_today", "readout-from-today", both(items(needle()), answers("scan_today", readout="none"))),
    ("scan_today", "target-moved", answers("scan_today", target_moved=5.0, plan_today="unchanged")),
    (
        "scan_today",
        "new-targets",
        answers("scan_today", new_targets="yes", new_targets_text="8 mm in segment V, ablated as well"),
    ),
    ("scan_today", "registration-known", answers("scan_today", registration="planned-here", registration_error=None)),
    ("needle_check", "tip-error", row("needle_check", "needles", tip_error=9.0, accepted="yes")),
    ("needle_check", "tip-error", row("needle_check", "needles", tip_error=5.0, accepted="no")),
    (
        "completion_scan",
        "margin-achieved",
        both(achieved(mean=numbers(4.0)), answers("completion_scan", decision_reason="Vena cava", decision="stop")),
    ),
    ("completion_scan", "margin-achieved", achieved(mean=numbers(2.0), without_capsule=numbers(5.5))),
    (
        "outcome",
        "progression-after-complete",
        both(answers("outcome", reading="later"), outcome_row(local_progression="yes", complete_on="2026-06-01")),
    ),
    (
        "outcome",
        "terms-apart",
        both(answers("outcome", reading="later"), outcome_row(local_progression="yes", from_zone_mm=4.0)),
    ),
    ("next_step", "follow-up-due", answers("next_step", next_on=(aw.DAY + timedelta(days=126)).isoformat())),
]
