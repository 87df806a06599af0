"""The template against its own list of what clinicians must find in it (tables of practice notes 7.0 and 7.1)."""

from __future__ import annotations

import re

import pytest
import tace_walk as tw

from planner.workflow.inheritance import effective_inherit
from planner.workflow.loader import lint_template
from planner.workflow.template import FieldKind, Inherit, Phase

EXPECTED: dict[str, tuple[Phase, set[str]]] = {
    "referral": (
        Phase.DECIDE,
        {"question", "referrer", "responsible_physician", "histology", "proof", "urgency", "reason_not_operated"}
        | {"outside_sessions", "prior_treatments", "systemic_therapy", "anti_vegf_last_dose", "ici_last_dose"}
        | {"hepatic_artery_injury", "net_functioning", "indication_haemorrhage", "tnm", "tnm_edition"},
    ),
    "images_lesions": (
        Phase.DECIDE,
        {"arterial_series", "portal_series", "lesion_list_confirmed_complete", "prior_lesion_treatment"}
        | {"target_lesions", "arterial_timing", "extrahepatic"},
    ),
    "portal_shunt_bile": (
        Phase.DECIDE,
        {"portal_vein", "thrombus_kind", "cheng", "vp", "collaterals", "flow_direction", "hepatic_vein", "shunt_ap"}
        | {"shunt_av", "bile_ducts", "biliary_access", "varices", "endoscopy_on", "liver_volume", "tumour_share"},
    ),
    "fitness": (
        Phase.DECIDE,
        {"ecog", "ecog_tumour_related", "asa", "inr", "platelets", "creatinine", "bilirubin", "allergies", "medication"}
        | {"allergies_asked", "bleeding_class", "pregnancy", "implants", "pacemaker", "active_infection", "thyroid"}
        | {"diabetes", "metformin", "anticoagulation", "thrombotic_risk_high", "haemodynamics", "reversal", "nrs2002"}
        | {"weight_kg", "weight_on", "height_cm", "lvef", "cardiac_risk", "infection_markers"},
    ),
    "liver_stage": (
        Phase.DECIDE,
        {"bilirubin", "albumin", "inr", "creatinine", "ascites", "encephalopathy", "afp", "pivka", "hbsag", "hbv_dna"}
        | {"anti_hbc", "antiviral", "antiviral_since", "child_pugh", "albi", "meld3", "bclc", "cnlc", "burden"},
    ),
    "contraindications": (
        Phase.DECIDE,
        {"absolute_decompensated", "absolute_jaundice", "absolute_encephalopathy", "absolute_refractory_ascites"}
        | {"absolute_hepatorenal", "absolute_portal_flow", "absolute_fistula", "absolute_extensive_tumour"}
        | {"absolute_renal_failure", "absolute_infection", "absolute_coagulopathy", "absolute_pregnancy"}
        | {"relative_large_tumour", "relative_bilirubin", "relative_biliary", "relative_varices", "relative_iodine"}
        | {"relative_cardiopulmonary", "relative_cardiotoxicity"},
    ),
    "decision": (
        Phase.DECIDE,
        {"meeting_date", "opinions", "dissent", "intent", "dominant_risk", "alternatives", "patient_values", "cost"}
        | {"decision", "owner", "by_when", "why_again", "senior_physician"},
    ),
    "consent": (
        Phase.DECIDE,
        {"status", "route", "given_by", "version", "language", "procedure", "anaesthesia", "date", "disclosure_level"}
        | {"explained_by", "witness"},
    ),
    "arteries_access": (
        Phase.PLAN,
        {"michels", "coeliac_disease", "access", "access_side", "barbeau", "sheath", "base_catheter", "microcatheter"}
        | {"microcatheter_od", "microcatheter_id", "microcatheter_length", "dead_space", "microcatheter_kind"}
        | {"last_access_problem", "radial_diameter", "arm_length", "arterial_path"},
    ),
    "positions": (
        Phase.PLAN,
        {"positions", "lesions_left", "cystic", "right_gastric", "falciform", "gastroduodenal", "phrenic"}
        | {"accessory_left_gastric", "extrahepatic_candidates", "patient_position", "non_target_plan"},
    ),
    "agent_dose": (
        Phase.PLAN,
        {"technique", "drug", "drug_class", "prepared_maximum", "second_person_maximum", "second_person", "other_drugs"}
        | {"oil_maximum", "oil_ratio", "solvent", "mixing", "bead_product", "bead_size", "bead_volume"}
        | {"loading_minutes", "ready_by", "final_embolic", "final_embolic_size", "body_surface", "bsa_m2"}
        | {"dose_range", "last_dose", "cumulative", "oil_range", "bead_vials", "intra_arterial_lidocaine"},
    ),
    "medication": (
        Phase.PLAN,
        {
            "antiemetic",
            "steroid",
            "analgesia",
            "antibiotic",
            "antibiotic_reason",
            "octreotide",
            "antiviral",
            "hydration",
        }
        | {"metformin", "glucose_plan", "vte_prophylaxis", "contrast_premedication"},
    ),
    "kit_budget": (
        Phase.PLAN,
        {"kit", "contrast_maximum", "contrast_recent", "prior_kerma_60d", "prior_kerma_lifetime", "room"}
        | {"anaesthesia_slot", "contrast_limits", "radiation_known"},
    ),
    "plan_signed": (Phase.PLAN, {"prepared_by", "overrides"}),
    "sign_in": (
        Phase.DAY,
        {"identity_first", "identity_second", "consent_seen", "fasting", "allergy_checked", "weight_today", "iv_access"}
        | {"laboratory_checked", "holds_verified", "pregnancy_today", "glucose", "antibiotic", "antibiotic_time"}
        | {"antibiotic_none_reason", "side_marked", "precautions"},
    ),
    "confirm_today": (Phase.DAY, {"images_today", "change_since_plan", "plan_revision", "position_today"}),
    "time_out": (
        Phase.DAY,
        {"patient", "procedure", "images", "allergies", "overrides_read", "maximum_dose", "contrast_limit", "kit"}
        | {"roles", "positions_read"},
    ),
    "angio_findings": (
        Phase.RECORD,
        {"coeliac_run", "sma_run", "portal_return", "feeders_as_planned", "new_feeders", "coverage", "shunt", "go"}
        | {"no_go_reason", "catheter_that_worked", "angle_that_worked", "what_failed", "cbct_series"},
    ),
    "injections": (Phase.RECORD, {"injections", "drugs_given", "drug_wasted", "stopped_because"}),
    "completion": (
        Phase.RECORD,
        {"final_run", "retention", "non_target", "portal_branch_oil", "arterial_injury", "untreated"},
    ),
    "sign_out": (
        Phase.RECORD,
        {"ended_as", "ended_reason", "procedure_done", "counts", "specimens", "closure_method", "closure_time"}
        | {"contrast_given", "air_kerma", "kap", "fluoroscopy_time", "events", "post_orders", "next_date", "devices"},
    ),
    "recovery": (
        Phase.AFTER,
        {"observation_plan", "vitals", "access_check", "pain", "nausea", "urine", "events", "sheath_out_at"}
        | {"closure_method", "rest_hours", "pulse"},
    ),
    "early_laboratory": (
        Phase.AFTER,
        {"bilirubin", "alt", "creatinine", "pes_pain", "pes_fever", "pes_nausea", "pes_grade", "fever_days", "abscess"},
    ),
    "discharge": (
        Phase.AFTER,
        {"date", "criteria_met", "anticoagulant_restart", "drugs", "warning_signs_given", "contact"}
        | {"laboratory_booked", "imaging_booked", "summary_released_to"},
    ),
    "events_30d": (Phase.AFTER, {"adverse_events", "readmission", "alive_30d", "alive_90d", "case_reported_on"}),
    "outcome": (
        Phase.AFTER,
        {"date", "modality", "per_lesion", "overall", "criteria", "oil_present", "arterial_phase", "lirads_version"}
        | {"viability_read", "second_reader", "new_lesion", "new_lesion_confirmed_by"},
    ),
    "next_step": (Phase.AFTER, {"ledger", "stop_repeat", "stop_rule_set", "proposal", "reason"}),
}
INJECTION_COLUMNS = {"vessel", "tip", "status", "reason", "oil", "beads", "embolic", "endpoint", "reflux", "pain", "at"}
FIGURES = re.compile(r"\d")


def test_that_the_stages_stand_in_the_order_of_the_work() -> None:
    assert [stage.id for stage in tw.tace().stages] == list(EXPECTED)


@pytest.mark.parametrize("stage_id", EXPECTED)
def test_that_a_stage_has_its_phase_and_fields(stage_id: str) -> None:
    phase, fields = EXPECTED[stage_id]
    stage = tw.tace().stage(stage_id)
    assert stage.phase is phase
    assert fields - {each.id for each in stage.fields} == set()
    assert stage.purpose
    assert stage.fills
    assert stage.signs


def test_that_the_template_lints_clean() -> None:
    assert lint_template(tw.ROOT / "procedures" / "tace", tw.profiles()) == ()
    assert lint_template(tw.ROOT / "procedures" / "spine", tw.profiles()) == ()


def test_that_doses_are_never_filled_in_for_the_operator() -> None:
    stage = tw.tace().stage("agent_dose")
    for name in ("prepared_maximum", "second_person_maximum", "oil_maximum", "bead_volume"):
        described = stage.field(name)
        assert described is not None
        assert described.never_prefill
        assert described.inherit is Inherit.NEVER
        assert described.unit


def test_that_what_is_true_of_a_day_is_never_inherited() -> None:
    """Laboratory, consent, pregnancy, fasting, antibiotic, holds, weight, time-out (practice notes 3 item 14)."""
    for stage in tw.tace().stages:
        for described in stage.fields:
            daily = stage.id in ("consent", "sign_in", "time_out") or described.kind is FieldKind.LAB
            named = described.id in ("pregnancy", "antibiotic", "weight_kg", "weight_on", "anticoagulation")
            if (daily or named) and described.id != "disclosure_level":
                assert effective_inherit(stage, described) is Inherit.NEVER, f"{stage.id}.{described.id}"


def test_that_injuries_shunts_and_reactions_are_always_carried_or_on_the_card() -> None:
    card = {(rule.stage, rule.field) for rule in tw.tace().last_time}
    for place in (
        ("angio_findings", "shunt"),
        ("angio_findings", "arterial_injury"),
        ("completion", "arterial_injury"),
        ("sign_out", "contrast_reaction"),
        ("recovery", "closure_method"),
        ("recovery", "radial_occluded"),
        ("early_laboratory", "abscess"),
        ("early_laboratory", "bilirubin"),
        ("early_laboratory", "recovered_on"),
    ):
        assert place in card, place


def test_that_only_the_time_out_freezes() -> None:
    assert [stage.id for stage in tw.tace().stages if stage.freezes] == ["time_out"]


def test_that_an_injection_says_what_was_done_planned_or_added() -> None:
    described = tw.tace().stage("injections").field("injections")
    assert described is not None
    columns = {column.id: column for column in described.columns}
    assert set(columns) >= INJECTION_COLUMNS
    assert {choice.code for choice in columns["status"].choices} == {"done", "changed", "not-done", "added"}


def test_that_rules_for_hcc_apply_to_hcc_only() -> None:
    for stage, name in (("liver_stage", "bclc"), ("liver_stage", "cnlc"), ("liver_stage", "burden")):
        described = tw.tace().stage(stage).field(name)
        assert described is not None
        assert described.applies_if == {"histology": ("HCC",)}
    for check in tw.tace().stage("liver_stage").checks:
        if check.id in ("staging-list-confirmed", "stage-for-tace"):
            assert check.applies_if == {"histology": ("HCC",)}


def test_that_every_limit_has_a_label_a_source_and_a_tag() -> None:
    for profile in tw.profiles().values():
        for name, found in profile.limits.items():
            assert found.label, name
            assert found.source, name
            assert found.tag in ("S", "S2", "M", "P"), name


def test_that_both_profiles_answer_every_limit() -> None:
    names = {name: set(profile.limits) for name, profile in tw.profiles().items()}
    assert names["bclc-cirse"] == names["cnlc-china"]


def test_that_every_limit_read_by_a_function_is_in_the_profiles() -> None:
    """Functions may name a limit themselves; the loader sees only those that a check names."""
    wanted = set()
    for path in sorted((tw.ROOT / "procedures").rglob("*.py")):
        wanted |= set(re.findall(r'context\.limit\("(\w+)"\)', path.read_text(encoding="utf-8")))
    assert wanted
    for profile in tw.profiles().values():
        assert wanted - set(profile.limits) == set()


def test_that_every_check_and_compute_of_the_packages_is_used() -> None:
    template = tw.tace()
    used = {check.function for stage in template.stages for check in stage.checks}
    shown = {described.compute for stage in template.stages for described in stage.fields if described.compute}
    assert set(template.check_functions) == used
    assert set(template.compute_functions) == shown
