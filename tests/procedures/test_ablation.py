"""Ablation: stages and fields that clinicians must find, the whole walk, what is carried, what is computed."""

from __future__ import annotations

from dataclasses import replace

import ablation_walk as aw
import pytest
from needle_walks import session_of

from planner.model.items import REGION
from planner.model.needle_items import NEEDLE_PATH
from planner.model.needle_rules import CRITERIA, LIMITS
from planner.workflow.inheritance import effective_inherit, start_next_session
from planner.workflow.last_time import last_time_card
from planner.workflow.ledgers import ledger_of
from planner.workflow.lifecycle import set_emergency
from planner.workflow.loader import lint_template
from planner.workflow.status import Status
from planner.workflow.template import FieldKind, Inherit, Phase

LONGEST_LABEL = 52
"""Characters that a form of 360 px shows in two lines."""
EXPECTED: dict[str, tuple[Phase, set[str]]] = {
    "referral": (Phase.DECIDE, {"histology", "proof", "abscess_before"}),
    "images_lesions": (Phase.DECIDE, {"planning_series", "target_lesions", "lesion_list_confirmed_complete", "spread"}),
    "fitness": (Phase.DECIDE, {"inr", "platelets", "bleeding_class", "pacemaker"}),
    "target": (
        Phase.DECIDE,
        {"organ_pack", "targets", "prior_tace", "biliary_access", "antibiotic_plan", "required_diameter", "candidate"}
        | {"renal_radius", "renal_exophytic", "renal_nearness", "renal_face", "renal_polar", "renal_score"}
        | {"ureter_distance", "fev1", "dlco", "pneumonectomy", "emphysema", "bullae", "metanephrines", "alpha_block"}
        | {"nerve_distance", "cord_distance", "weight_bearing"},
    ),
    "decision": (Phase.DECIDE, {"decision"}),
    "consent": (Phase.DECIDE, {"status"}),
    "modality": (
        Phase.PLAN,
        {"technique", "why", "vessel_diameter", "duct_distance", "bowel_distance", "heart_distance", "icd_plan"}
        | {"diaphragm_distance", "ire_rhythm", "nmb", "ecg_gating", "ire_pairs", "metal_distance", "grounding_pads"},
    ),
    "structures": (Phase.PLAN, {"structures", "path_claim"}),
    "paths": (Phase.PLAN, {"patient_position", "needles", "needle_list", "breath", "guidance"}),
    "zone_margin": (Phase.PLAN, {"required_margin", "settings", "zones", "margins", "heat_sink_plan"}),
    "protection": (Phase.PLAN, {"measures", "fluid", "fluid_volume", "thermocouple", "chest_drain_kit"}),
    "anaesthesia": (Phase.PLAN, {"kind", "breathing", "duration", "position", "booked"}),
    "kit_budget": (Phase.PLAN, {"kit", "contrast_maximum"}),
    "plan_signed": (Phase.PLAN, {"summary"}),
    "sign_in": (Phase.DAY, {"antibiotic"}),
    "scan_today": (
        Phase.DAY,
        {"series", "taken_at", "breath", "position", "registration", "registration_error", "target_moved"}
        | {"new_targets", "readout", "plan_today"},
    ),
    "confirm_today": (Phase.DAY, {"position_today"}),
    "time_out": (Phase.DAY, {"needles_read"}),
    "needle_check": (Phase.RECORD, {"needles", "pneumothorax", "bleeding", "go"}),
    "activations": (Phase.RECORD, {"activations", "energy_sum", "stopped_because", "fluid_used"}),
    "completion_scan": (
        Phase.RECORD,
        {"contrast", "edge", "registration_error", "achieved", "repetitions", "decision", "technical_success"},
    ),
    "withdrawal": (Phase.RECORD, {"track_ablation", "bleeding", "pneumothorax"}),
    "sign_out": (Phase.RECORD, {"contrast_given", "ct_dose_length", "device_register"}),
    "recovery": (Phase.AFTER, {"chest_image", "haemoglobin", "alt", "fever", "stay", "pain"}),
    "discharge": (Phase.AFTER, {"imaging_booked"}),
    "events_30d": (Phase.AFTER, {"adverse_events"}),
    "outcome": (Phase.AFTER, {"per_lesion", "reading", "new_elsewhere", "weeks_after"}),
    "next_step": (Phase.AFTER, {"ledger", "follow_up", "proposal"}),
}
ACTIVATION = {
    "no",
    "round",
    "lesion",
    "needle",
    "power",
    "minutes",
    "energy",
    "temperature",
    "impedance",
    "pull_back",
} | {
    "start",
    "stop",
    "protection",
    "status",
    "reason",
}
LAYOUTS = {"structures": "needle", "paths": "needle", "zone_margin": "margin", "completion_scan": "margin_achieved"}


def test_that_the_stages_stand_in_the_order_of_the_work() -> None:
    assert [stage.id for stage in aw.ablation().stages] == list(EXPECTED)


@pytest.mark.parametrize("stage_id", EXPECTED)
def test_that_a_stage_has_its_phase_and_fields(stage_id: str) -> None:
    phase, fields = EXPECTED[stage_id]
    stage = aw.ablation().stage(stage_id)
    assert stage.phase is phase
    assert fields - {each.id for each in stage.fields} == set()
    assert stage.purpose
    assert stage.signs
    assert stage.layout == LAYOUTS.get(stage_id, stage.layout)


def test_that_the_template_lints_clean() -> None:
    from tace_walk import ROOT

    assert lint_template(ROOT / "procedures" / "ablation", aw.profiles()) == ()


def test_that_labels_of_its_own_fit_the_form() -> None:
    from needle_walks import template

    spine = {(s.id, f.id) for s in template("spine").stages for f in s.fields}
    long = {
        f"{stage.id}.{each.id}"
        for stage in aw.ablation().stages
        for each in stage.fields
        if (stage.id, each.id) not in spine and len(each.label) > LONGEST_LABEL
    }
    assert long == set()


def test_that_every_number_of_its_own_has_a_unit() -> None:
    for stage in aw.ablation().stages:
        for each in stage.fields:
            for described in (each, *each.columns):
                if described.kind is FieldKind.NUMBER:
                    assert described.unit, f"{stage.id}.{described.id}"


def test_that_an_activation_says_all_that_a_repeat_needs() -> None:
    described = aw.ablation().stage("activations").field("activations")
    assert described is not None
    assert ACTIVATION - {column.id for column in described.columns} == set()


def test_that_every_check_and_compute_of_the_package_is_used() -> None:
    from procedures.ablation.functions import REGISTRY

    told = aw.ablation()
    assert set(REGISTRY.checks) == {c.function for s in told.stages for c in s.checks} & set(REGISTRY.checks)
    assert set(REGISTRY.computes) == {f.compute for s in told.stages for f in s.fields} & set(REGISTRY.computes)


# ---------------------------------------------------------------- needles


@pytest.mark.parametrize("code", ["liver", "lung", "kidney", "bone", "adrenal", "other"])
def test_that_every_organ_has_structures_that_are_required(code: str) -> None:
    rules = aw.ablation().needle
    assert rules is not None
    mine = rules.for_organ(code)
    required = {each.structure for each in mine.structures if each.required}
    assert "vessels" in required
    assert {"bone", "lung", "vessels"} & {each.automatic for each in mine.structures}
    assert code not in {each.structure for each in mine.structures}
    assert all(each.source and each.tag for each in mine.structures)


def test_that_the_structures_of_the_notes_are_there() -> None:
    rules = aw.ablation().needle
    assert rules is not None
    named = {key for each in rules.structures for key in (each.structure, *each.stands_for)}
    assert named >= {"colon", "duodenum", "small_bowel", "stomach", "esophagus", "gallbladder", "common_bile_duct"}
    assert named >= {"lung_left", "pleura", "heart", "kidney_left", "spleen", "spinal_cord", "rib_left_7", "aorta"}
    assert named >= {"diaphragm", "ureter", "nerve", "implant", "gas", "portal_vein"}
    assert {each.automatic for each in rules.structures} >= {"bone", "lung", "gas", "vessels"}


def test_that_limits_of_paths_margins_and_tips_are_there_with_their_sources() -> None:
    rules = aw.ablation().needle
    assert rules is not None
    assert set(rules.limits) == set(LIMITS) - {"pedicle_wall_mm", "posterior_wall_mm"}
    assert all(each.source and each.tag for each in rules.limits.values())
    assert rules.limits["margin_minimum_mm"].value == 5.0
    assert rules.limits["margin_desired_mm"].value == 10.0
    assert set(rules.ranking) <= set(CRITERIA)


# ---------------------------------------------------------------- the walk


WALKS = [(aw.PROFILE, None), ("cnlc-china", None), (aw.PROFILE, "cryo"), (aw.PROFILE, "ire")]


@pytest.fixture(scope="module", params=WALKS, ids=["microwave", "microwave-china", "cryo", "ire"])
def walk(request: pytest.FixtureRequest) -> aw.Walk:
    return aw.walked(*request.param)


@pytest.fixture(scope="module")
def done() -> aw.Walk:
    return aw.walked(aw.PROFILE, None)


def test_that_every_stage_can_be_signed_with_the_example(walk: aw.Walk) -> None:
    unsigned = {
        each.stage.id: [f"{found.code}: {found.text}" for found in each.findings]
        for each in walk.status().stages
        if each.status is not Status.SIGNED
    }
    assert unsigned == {}


def test_that_the_example_needs_no_override(walk: aw.Walk) -> None:
    assert session_of(walk.case).overrides == ()
    assert not [found for stage in walk.status().stages for found in stage.findings if found.blocks]


def test_that_needles_moved_to_todays_scan_make_the_plan_stale_until_it_is_looked_at_again() -> None:
    walk = aw.Walk(aw.fresh_case(), aw.profiles()[aw.PROFILE], aw.at(aw.DAY))
    for step in aw.steps():
        if step.stage == "scan_today":
            break
        walk.mark(step.stage)
        walk.fill(step)
        walk.sign_stale_again()
        walk.sign(step)
    walk.mark("scan_today")
    stale = {each.stage.id for each in walk.status().stages if each.status is Status.STALE}
    assert stale == {"paths", "zone_margin", "protection", "plan_signed"}
    assert set(walk.sign_stale_again()) == stale
    assert not [each for each in walk.status().stages if each.status is Status.STALE]


def test_that_records_after_the_time_out_leave_the_plan_signed(done: aw.Walk) -> None:
    case = aw.items(aw.needle(role="today", tip_lps_mm=(-40.0, 30.0, -3.0)))(done.case)
    stages = {each.stage.id: each for each in aw.Walk(case, done.profile, done.now).status().stages}
    assert stages["paths"].status is Status.SIGNED
    assert stages["needle_check"].status is Status.STALE


def test_that_the_ledger_holds_contrast_energy_and_dose(done: aw.Walk) -> None:
    totals = {(t.substance, t.unit): t.amount for t in ledger_of(done.case, {aw.NAME: aw.ablation()}).totals}
    assert totals["contrast", "mL"] == 150.0
    assert totals["ablation-energy", "kJ"] == 48.0
    assert totals["ct-dose-length", "mGy.cm"] == 1850.0


def test_that_the_last_time_card_says_what_was_done_and_reached(done: aw.Walk) -> None:
    card = {line.label: line.values for line in last_time_card(done.case, aw.SESSION, aw.ablation()).lines}
    assert card["Energy"] == ("Microwave",)
    assert card["Margin achieved"] == ("3.10 mm", "6 mm")
    assert "apnoea in expiration" in card["What worked"][0]


def test_that_treated_lesions_are_read_from_the_activations() -> None:
    treated = [rule for rule in aw.ablation().lesion_records if rule.treated]
    assert [(rule.stage, rule.column, dict(rule.unless or {})) for rule in treated] == [
        ("activations", "lesion", {"status": ("not-done",)})
    ]


def test_that_a_session_without_energy_can_be_recorded(done: aw.Walk) -> None:
    case = aw.with_answers(done.case, "needle_check", go="no-go", no_go_reason="Colon on the path")
    case = aw.with_answers(case, "activations", activations=None, stopped_because=["nothing-given"])
    status = aw.Walk(case, done.profile, done.now).status()
    for stage in ("needle_check", "activations", "completion_scan", "withdrawal"):
        assert not [found.text for found in status.stage(stage).findings if found.blocks]
    assert aw.checked(case, "activations", "activations-complete") == []


def test_that_an_emergency_asks_only_for_what_cannot_wait() -> None:
    case = set_emergency(aw.fresh_case(), aw.SESSION, True, by="Dr Example")
    walk = aw.Walk(case, aw.profiles()[aw.PROFILE], aw.at(aw.DAY))
    for step in aw.steps():
        stage = aw.ablation().stage(step.stage)
        asked = {described.id for described in stage.fields if described.emergency}
        if step.stage != "structures":
            walk.mark(step.stage)
        walk.fill(replace(step, answers={name: value for name, value in step.answers.items() if name in asked}))
        walk.now = aw.at(aw.DAY)
        if stage.in_emergency_form and not stage.phase.is_record:
            walk.sign(step)
    status = walk.status()
    assert session_of(walk.case).time_out is not None
    assert [(s.stage.id, f.text) for s in status.stages for f in s.findings if f.blocks] == []
    plan = [s.stage.id for s in status.stages if s.stage.in_emergency_form and not s.stage.phase.is_record]
    assert plan == ["referral", "images_lesions", "fitness", "consent", "sign_in", "time_out"]


# ---------------------------------------------------------------- repeat session


def test_that_the_second_session_takes_over_nothing_of_the_day(done: aw.Walk) -> None:
    case, second = start_next_session(done.case, aw.SESSION, aw.ablation(), done.profile, now=done.now)
    session = case.session(second)
    assert session is not None
    for stage, field in (
        ("consent", "status"),
        ("target", "antibiotic_plan"),
        ("target", "targets"),
        ("target", "ascites"),
        ("modality", "bowel_distance"),
        ("structures", "structures"),
        ("structures", "path_claim"),
        ("paths", "needles"),
        ("zone_margin", "settings"),
        ("anaesthesia", "booked"),
        ("scan_today", "position"),
        ("needle_check", "needles"),
        ("completion_scan", "decision"),
        ("time_out", "needles_read"),
    ):
        assert session.answer(stage, field) is None, f"{stage}.{field}"
    assert session.answer("modality", "technique") == "mwa"
    assert session.answer("paths", "patient_position") == "supine"
    assert session.answer("referral", "abscess_before") == "no"
    assert not {item.type for item in session.items} & {NEEDLE_PATH, REGION}
    assert session.signoffs == ()
    assert session.time_out is None
    assert not session.series_roles


def test_that_what_is_true_of_a_day_is_never_inherited() -> None:
    for stage in aw.ablation().stages:
        for described in stage.fields:
            daily = stage.phase not in (Phase.DECIDE, Phase.PLAN) or described.kind in (FieldKind.LAB, FieldKind.SERIES)
            if daily or described.id in ("antibiotic_plan", "antibiotic_plan_text", "metanephrines", "alpha_block"):
                assert effective_inherit(stage, described) is Inherit.NEVER, f"{stage.id}.{described.id}"


# ---------------------------------------------------------------- computed


def test_that_the_ablation_needed_is_the_tumour_and_twice_the_margin() -> None:
    found = {each.label: each.value for each in aw.computed(aw.filled_case(), "target", "required_diameter")}
    assert found == {"L2, minimum margin": 28.0, "L2, wanted margin": 38.0}
    both = aw.with_answers(aw.filled_case(), "images_lesions", target_lesions=["lesion-1"])
    assert [each.value for each in aw.computed(aw.sized(20.0)(both), "target", "required_diameter")] == [30.0, 40.0]


def test_that_a_candidate_is_advice_by_tumour_number_and_size() -> None:
    def verdict(case: aw.Case) -> object:
        return aw.computed(case, "target", "candidate")[0].value

    case = aw.filled_case()
    assert verdict(case) == "fits number and size"
    assert verdict(aw.sized(31.0)(case)) == "beyond number or size"
    assert verdict(aw.with_answers(case, "target", vascular_invasion=None)) != "fits number and size"
    metastasis = aw.histology("CRLM")(case)
    assert verdict(metastasis) == "fits: best range"
    assert verdict(aw.sized(40.0)(metastasis)) == "selected cases"
    assert verdict(aw.organ("lung")(case)) == "no rule for this tumour and organ"
    assert verdict(aw.sized(None)(case)) is None


def test_that_the_renal_score_adds_its_parts_and_keeps_its_letters() -> None:
    parts = {"renal_radius": "2", "renal_exophytic": "2", "renal_nearness": "3", "renal_polar": "3"}
    case = aw.with_answers(aw.organ("kidney")(aw.filled_case()), "target", **parts, renal_face="a", renal_hilar="yes")
    score = aw.computed(case, "target", "renal_score")[0]
    assert (score.value, score.grade, score.tag) == (10.0, "10ah, high complexity", "M")
    low = aw.with_answers(case, "target", **dict.fromkeys(parts, "1"), renal_hilar="no")
    assert aw.computed(low, "target", "renal_score")[0].grade == "4a, low complexity"
    missing = aw.with_answers(case, "target", renal_polar=None)
    assert aw.computed(missing, "target", "renal_score")[0].value is None


def test_that_liver_reserve_needs_laboratory_in_date() -> None:
    case = aw.filled_case()
    found = {each.id: each for each in aw.computed(case, "target", "liver_reserve")}
    assert (found["child_pugh"].value, found["child_pugh"].grade) == (6.0, "A")
    assert found["albi"].grade == "2"
    without = aw.without_lab(case, "albumin")
    assert [each.value for each in aw.computed(without, "target", "liver_reserve")] == [None, None]


def test_that_the_ice_has_to_pass_the_tumour_by_ten_millimetres_and_the_margin() -> None:
    found = aw.computed(aw.filled_case(), "zone_margin", "ice_reach")
    assert [(each.value, each.unit) for each in found] == [(15.0, "mm")]


def test_that_voltages_follow_the_spacing() -> None:
    pairs = [{"pair": "1-2", "spacing": 1.5}, {"pair": "2-3", "spacing": 2.0}, {"pair": "3-1"}]
    case = aw.with_answers(aw.filled_case(), "modality", technique="ire", ire_pairs=pairs)
    assert [each.value for each in aw.computed(case, "modality", "ire_voltages")] == [2250.0, 3000.0, None]


def test_that_a_chart_row_is_shown_with_tissue_deviation_and_source() -> None:
    row = aw.computed(aw.filled_case(), "zone_margin", "zone_rows")[0]
    assert (row.value, row.grade, row.inputs["tissue"]) == ("43 x 34 mm", "SD 4 mm", "simulated liver")
    assert row.source
    assert row.tag


def test_that_a_needle_not_measured_never_reads_as_clear() -> None:
    case = aw.items(aw.bare_needle())(aw.filled_case())
    shown = aw.computed(case, "paths", "needle_list")[0]
    assert shown.value is None
    assert "NOT MEASURED" in shown.note
    open_structure = aw.measures("today", not_checked=("stomach",))
    case = aw.items(replace(aw.needle(measured=open_structure)))(aw.filled_case())
    assert "NOT CHECKED: stomach" in (aw.computed(case, "paths", "needle_list")[0].grade or "")


def test_that_what_was_segmented_on_the_planning_ct_says_nothing_about_a_needle_on_todays() -> None:
    moved = replace(aw.needle(role="today"), frame_uid="1.2.840.77")
    case = aw.items(moved)(aw.filled_case())
    found = aw.checked(case, "paths", "needle-checked")
    assert [(each.code, each.overridable) for each in found] == [("not-admissible", False)]
    assert "stomach" in found[0].text
    assert "heart" not in found[0].text
    assert aw.codes(aw.checked(case, "paths", "needle-measured")) == {"needle-stale"}


def test_that_energy_is_summed_over_what_was_done() -> None:
    found = aw.computed(aw.filled_case(), "activations", "energy_sum")
    assert [(each.label, each.value, each.grade) for each in found] == [("L2", 15.0, "2 activations, 48 kJ")]


def test_that_the_time_since_treatment_is_in_weeks() -> None:
    assert [each.value for each in aw.computed(aw.filled_case(), "outcome", "weeks_since_treatment")] == [5.0]
