"""Vertebroplasty: the whole walk, every gate firing on what it is for, and nothing said to be safe."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import needle_walks as nw
import pytest

from planner.findings import Severity
from planner.model.needle_items import WallDefect
from planner.model.people import Allergy, Implant
from planner.workflow.inheritance import start_next_session
from planner.workflow.last_time import last_time_card
from planner.workflow.ledgers import ledger_of
from planner.workflow.loader import lint_template

NAME = "vertebroplasty"
KYPHO = "kyphoplasty"
L2 = "vertebrae_L2"


def leveled(**cells: Any) -> nw.Change:
    return nw.answers("level", **cells)


def left(**pedicle: Any) -> nw.Change:
    """The left needle with other measures in its pedicle."""
    return nw.items(nw.trajectory("left", pedicle=nw.pedicle("left", **pedicle)))


def measured(**more: Any) -> nw.Change:
    clearances = more.pop("clearances", nw.VERTEBRA_CLEARANCES)
    return nw.items(nw.trajectory("left", nw.measures(clearances, **more)))


def cement_row(**cells: Any) -> nw.Change:
    return nw.row_changed("cement_log", "cement", **cells)


DEFECT = nw.vertebra(defects=(WallDefect("posterior", 12.0, (0.0, 0.0, 0.0)),))
FOUR = [L2, "vertebrae_L1", "vertebrae_T12", "vertebrae_T11"]
SIX = [*FOUR, "vertebrae_T10", "vertebrae_T9"]
NOTHING_SAID = nw.both(nw.gone("region-lung"), nw.answers("structures", structures=None))
UNLIKE = [{"structure": "spinal_cord", "status": "segmented", "hard_mm": 2.0}]

# Stage -> check, what is changed (answers of the stage, or a change of the case), code, how it acts
FIRES: nw.Gates = {
    "level": [
        ("level-two-people", leveled(second_confirmer=None), "level-not-confirmed", "refuse"),
        ("level-two-people", leveled(second_confirmer=" dr J.  ferreira"), "level-not-confirmed", "refuse"),
        ("level-two-people", leveled(counting_method="automatic-label"), "level-not-confirmed", "refuse"),
        ("level-two-people", leveled(level=None), "level-not-confirmed", "refuse"),
        ("level-counted", leveled(counting_method="bottom-up"), "not-counted-from-top", "ask"),
        ("level-counted", leveled(transitional="unknown"), "transitional-unknown", "ask"),
        ("level-counted", leveled(transitional="castellvi-2"), "transitional", "warn"),
        ("level-counted", leveled(level_reference_image=None), "no-reference-image", "ask"),
        ("pain-matches-level", leveled(pain_level=["vertebrae_L3"]), "pain-elsewhere", "ask"),
        ("pain-matches-level", leveled(level=[L2, "vertebrae_L1"]), "level-without-pain", "ask"),
        ("pain-matches-level", leveled(pain_level=["unknown"]), "pain-level-unknown", "ask"),
    ],
    "indication": [
        ("activity-seen", {"activity_imaging": "none-active"}, "no-activity", "ask"),
        ("activity-seen", {"activity_imaging": None}, "no-activity-imaging", "ask"),
        ("new-deficit", {"neurology": "new-deficit"}, "new-deficit", "ask"),
        (
            "new-deficit",
            {"neurology": "new-deficit", "surgeon_seen": "Dr P. Brandt: no operation"},
            "new-deficit",
            "warn",
        ),
        ("no-infection", {"infection": "yes"}, "infection", "ask"),
        ("no-infection", {"infection": "unknown"}, "infection-unknown", "ask"),
        ("therapy-failed", {"medical_therapy": "improving"}, "improving", "ask"),
        ("therapy-failed", {"pain_now": 0}, "no-pain", "ask"),
        ("biopsy-tumour", {"cause": "metastasis"}, "no-biopsy", "warn"),
    ],
    "stability": [
        ("tumour-against-cause", nw.answers("indication", cause="myeloma"), "tumour-denied", "ask"),
        ("contraindications-answered", {"relative_diffuse": "yes"}, "contraindication", "ask"),
        ("contraindications-answered", {"absolute_infection": None}, "contraindications-not-answered", "ask"),
        ("contraindications-against-data", {"retropulsion": 3.0}, "contradiction", "ask"),
        ("contraindications-against-data", nw.items(DEFECT), "contradiction", "ask"),
        ("contraindications-against-data", leveled(level=SIX), "contradiction", "ask"),
        ("contraindications-against-data", nw.case_with(allergies=(Allergy("Bone cement"),)), "contradiction", "ask"),
    ],
    "bleeding_infection": [
        ("high-risk-class", nw.answers("fitness", bleeding_class="low"), "bleeding-class-low", "ask"),
        ("coagulation-high-risk", nw.lab("platelets", 49.0, "10*9/L"), "platelets-low", "ask"),
        ("coagulation-high-risk", nw.no_lab("inr"), "coagulation-not-evaluated", "ask"),
        ("crp-low", nw.lab("crp", 10.1, "mg/L"), "crp-high", "ask"),
        ("crp-low", nw.no_lab("crp"), "crp-unknown", "ask"),
        ("antibiotic-planned", {"antibiotic": "none", "antibiotic_text": None}, "no-antibiotic", "ask"),
    ],
    "structures": [
        ("structures-segmented", nw.gone("region-lung"), "no-mask", "ask"),
        ("structures-segmented", NOTHING_SAID, "structure-not-checked", "ask"),
        ("structure-limits", {"structures": UNLIKE}, "limit-changed", "warn"),
    ],
    "trajectory": [
        ("level-confirmed", leveled(confirmed_by=None), "level-not-confirmed", "refuse"),
        ("level-of-needles", left(level="vertebrae_L3"), "wrong-level", "refuse"),
        ("level-of-needles", leveled(level=[L2, "vertebrae_L1"]), "level-without-needle", "ask"),
        ("needle-chosen", {"needles": None}, "no-needle", "ask"),
        ("needle-chosen", nw.gone("needle-1"), "needle-gone", "ask"),
        ("needle-measured", measured(structures_digest="e" * 64), "measured-before", "ask"),
        ("needle-measured", measured(hard_mm={"spinal_cord": 0.5}), "measured-before", "ask"),
        ("needle-admissible", measured(not_checked=("lung",)), "not-checked-structures", "refuse"),
        ("needle-admissible", nw.gone("region-aorta"), "not-checked-structures", "refuse"),
        ("needle-admissible", measured(rejected_because=("0.4 mm from the cord.",)), "hard-limit", "ask"),
        ("needle-near", measured(clearances={"spinal_cord": 2.9}), "near-structure", "warn"),
        ("needle-length", measured(length_mm=150.1), "needle-too-short", "refuse"),
        ("pedicle-breach", left(breach=True, wall_clearance_mm=-0.4), "pedicle-breach", "ask"),
        ("pedicle-breach", left(breach=None, wall_clearance_mm=None), "not-evaluated", "ask"),
        ("pedicle-breach", left(wall_clearance_mm=0.9), "thin-wall", "warn"),
        ("needle-in-pedicle", left(pedicle_width_mm=3.0), "needle-wider-than-pedicle", "ask"),
        ("needle-in-pedicle", left(pedicle_width_mm=4.9), "narrow-pedicle", "warn"),
        ("needle-in-pedicle", left(pedicle_width_mm=None), "not-evaluated", "ask"),
        ("needle-gauge", nw.items(nw.trajectory("left", gauge="13 G")), "unusual-gauge", "warn"),
        ("needle-gauge", nw.items(nw.trajectory("left", gauge=None)), "not-evaluated", "warn"),
        ("tip-goal", left(posterior_wall_mm=4.9), "tip-near-posterior-wall", "ask"),
        ("tip-goal", left(anterior_share=0.6), "tip-not-anterior", "warn"),
        ("views-posture", {"patient_position": "supine"}, "angles-other-posture", "ask"),
        ("needle-posture", {"patient_position": None}, "not-evaluated", "ask"),
        ("needle-posture", {"patient_position": "supine"}, "angles-other-posture", "ask"),
        ("needle-posture", nw.items(nw.trajectory("left", posture="supine")), "angles-other-posture", "ask"),
    ],
    "cement": [
        ("cement-above-usual", nw.row_changed("cement", "levels", planned_ml=4.1), "above-usual-volume", "warn"),
        ("cement-above-usual", nw.gone("vertebra-1"), "not-evaluated", "warn"),
        ("number-of-levels", leveled(level=FOUR), "many-levels", "ask"),
        ("number-of-levels", leveled(level=SIX), "levels-contraindication", "ask"),
        ("posterior-wall", nw.answers("stability", posterior_wall="defect"), "posterior-wall-defect", "ask"),
        ("posterior-wall", nw.items(DEFECT), "posterior-wall-defect", "ask"),
        ("posterior-wall", nw.answers("stability", posterior_wall="unknown"), "posterior-wall-unknown", "ask"),
        ("working-time", {"room_temperature": 24.0}, "working-time", "warn"),
        ("cement-prepared", {"prepared_ml": 3.0}, "too-little-cement", "warn"),
        ("cement-prepared", nw.row_changed("cement", "levels", level="vertebrae_L1"), "cement-without-needle", "warn"),
    ],
    "anaesthesia_prone": [
        ("prone-tolerated", {"prone_tolerance": "no"}, "cannot-lie-prone", "ask"),
        ("prone-tolerated", {"prone_tolerance": "unknown"}, "prone-unknown", "ask"),
    ],
    "kit_budget": [
        ("anaesthesia-booked", nw.answers("anaesthesia_prone", kind="general"), "anaesthesia-not-booked", "ask"),
    ],
    "confirm_today": [
        ("needle-position", {"position_today": "supine"}, "position-mismatch", "ask"),
        ("needle-position", {"position_today": "lateral"}, "not-evaluated", "ask"),
        ("read-out-today", measured(series="1.2.826.1#1"), "planning-picture", "warn"),
    ],
    "level_check": [
        ("level-image", {"level_image": "none"}, "no-level-image", "warn"),
        ("level-image", nw.gone("key-1"), "no-level-image", "warn"),
        ("level-today", {"level_today": ["vertebrae_L3"]}, "level-differs", "ask"),
        ("level-today", {"recounted_on": "not-recounted"}, "not-recounted", "ask"),
    ],
    "needles": [
        ("needles-accounted", nw.row_changed("needles", "placed", level="vertebrae_L3"), "unplanned-level", "warn"),
        ("needles-accounted", nw.row_changed("needles", "placed", status="not-done"), "without-reason", "warn"),
        ("record-without-level-image", nw.gone("key-1"), "no-level-image", "warn"),
    ],
    "ablation": [
        ("ablation-first", nw.answers("ablation_plan", combined="yes"), "ablation-not-recorded", "warn"),
    ],
    "cement_log": [
        ("cement-leak", cement_row(leak="epidural"), "dangerous-leak", "warn"),
        ("cement-leak", cement_row(leak="venous", went_on="yes"), "went-on-after-leak", "warn"),
        ("cement-leak", cement_row(leak="not-judged"), "not-evaluated", "warn"),
        ("cement-over-plan", cement_row(ml=2.5), "given-over-plan", "warn"),
        ("cement-over-plan", cement_row(ml=4.5), "given-over-usual", "warn"),
        ("cement-time", cement_row(stopped="10:01"), "over-working-time", "warn"),
        ("cement-time", cement_row(mixed=None), "not-evaluated", "warn"),
        ("cement-accounted", {"cement": None}, "level-not-recorded", "warn"),
    ],
    "completion_neuro": [
        ("neurology-unchanged", {"neurology_after": "worse"}, "neurology-worse", "ask"),
        ("neurology-unchanged", {"neurology_after": None}, "neurology-unknown", "ask"),
        ("completion-leaks", {"leak_grade": ["pulmonary"]}, "dangerous-leak", "warn"),
        ("completion-leaks", {"needles_out": "no"}, "stylet", "warn"),
    ],
    "recovery": [
        ("chest-symptoms", {"chest_symptoms": "yes"}, "chest-symptoms", "warn"),
        ("chest-symptoms", {"lowest_saturation": 91.0}, "saturation-low", "warn"),
        ("neuro-observation", {"neuro_observation": "worse"}, "neurology-worse", "warn"),
        ("flat-long-enough", {"supine_hours": 0.5}, "flat-too-short", "warn"),
    ],
    "outcome": [
        ("new-pain-imaged", {"new_pain": "yes"}, "new-pain", "warn"),
        ("new-pain-imaged", nw.row_changed("outcome", "visits", 2, pain=4), "pain-rose", "warn"),
        ("visits-complete", nw.row_changed("outcome", "visits", 2, pain=None), "visit-missing", "info"),
    ],
}

# The same for what only a tumour, an ablation or a balloon asks.
FIRES_KYPHO: nw.Gates = {
    "stability": [
        ("sins-consult", {"surgical_opinion": None}, "sins-without-surgeon", "ask"),
        ("sins-consult", {"sins_collapse": "exactly-50"}, "sins-not-evaluated", "ask"),
        ("escc-grade", {"escc": "2"}, "escc-high", "ask"),
        ("escc-grade", {"escc": "unknown"}, "escc-unknown", "ask"),
        (
            "treatment-order",
            nw.both(nw.answers("stability", treatment_order=None), nw.answers("indication", radiotherapy="undecided")),
            "order-open",
            "warn",
        ),
    ],
    "ablation_plan": [
        ("canal-distance", {"thermal_protection": ["none"]}, "zone-near-canal", "ask"),
        ("canal-distance", {"canal_distance": None}, "not-evaluated", "ask"),
    ],
    "cement": [
        ("balloon-range", nw.row_changed("cement", "levels", balloon_psi=401.0), "balloon-over-range", "refuse"),
        ("balloon-range", {"balloon_maximum_ml": None}, "not-evaluated", "ask"),
    ],
    "ablation": [
        (
            "ablation-first",
            nw.row_changed("ablation", "activations", stopped="09:55"),
            "cement-before-ablation",
            "warn",
        ),
        ("ablation-first", nw.row_changed("ablation", "activations", stopped=None), "not-evaluated", "warn"),
    ],
}


GATES = nw.gates(FIRES) + nw.gates(FIRES_KYPHO, KYPHO)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_gate_fires(gate: nw.Gate) -> None:
    nw.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    nw.assert_all_tried_and_quiet(NAME, GATES)


@pytest.mark.parametrize("variant", [None, KYPHO])
def test_that_every_stage_is_signed_without_an_override(variant: str | None) -> None:
    walk = nw.walked(NAME, variant)
    assert nw.unsigned(walk) == {}
    assert walk.session.overrides == ()
    assert nw.loud(NAME, variant) == set()


def test_that_the_example_is_signed_under_the_chinese_profile_too() -> None:
    assert nw.unsigned(nw.walked(NAME, profile="cnlc-china")) == {}


def test_that_the_template_lints_clean_and_uses_what_it_registers() -> None:
    assert lint_template(nw.ROOT / "procedures" / NAME, nw.profiles()) == ()
    assert lint_template(nw.ROOT / "procedures" / "percutaneous", nw.profiles()) == ()
    template = nw.template(NAME)
    used = {check.function for stage in template.stages for check in stage.checks}
    shared = nw.template("biopsy")
    used |= {check.function for stage in shared.stages for check in stage.checks}
    assert set(template.check_functions) - used == set()


def test_that_labels_fit_the_form() -> None:
    nw.assert_labels_short(NAME)


def test_that_only_level_admissibility_length_and_balloon_refuse() -> None:
    refusing = {check.id for stage in nw.template(NAME).stages for check in stage.checks if check.acts_as == "refuse"}
    spine = {"one-patient-one-frame", "identity", "side-marked"}
    level = {"level-two-people", "level-confirmed", "level-of-needles"}
    assert refusing - spine == {*level, "needle-admissible", "needle-length", "balloon-range"}


def test_that_no_word_calls_a_volume_safe() -> None:
    case = nw.filled_case(NAME)
    shown = nw.computed(NAME, case, "cement", "usual_upper_volume")
    assert [(each.value, each.unit, each.grade) for each in shown] == [(6.0, "mL", "not a safe limit")]
    assert all("safe max" not in f"{each.label} {each.note}".lower() for each in shown)
    found = nw.fired(NAME, nw.row_changed("cement", "levels", planned_ml=9.0), "cement", "cement-above-usual")
    assert ["not a safe limit" in each.text for each in found] == [True]


def test_that_no_trajectory_is_read_out_before_two_people_confirmed_the_level() -> None:
    case = nw.filled_case(NAME)
    shown = nw.computed(NAME, case, "trajectory", "trajectory_readout")
    assert [(each.value, each.unit, each.grade) for each in shown] == [(11.0, "deg", "wall 2.10 mm, patient prone")] * 2
    alone = nw.with_answers(case, "level", second_confirmer=None)
    silent = nw.computed(NAME, alone, "trajectory", "trajectory_readout")
    assert [each.value for each in silent] == [None]
    assert "not confirmed" in silent[0].note


def test_that_views_carry_the_position_and_what_a_supine_gantry_shows() -> None:
    (view,) = nw.computed(NAME, nw.filled_case(NAME), "trajectory", "working_views")
    assert view.value == "LAO 11°, CAU 4°"
    assert view.grade == "patient prone, head first"
    assert view.inputs["gantry set to supine shows"] == "RAO 11°, CAU 4°"


def test_that_one_needle_alone_has_to_reach_the_midline() -> None:
    rows = [{"level": L2, "side": "left", "needle": "needle-1"}]
    alone = nw.answers("trajectory", needles=rows)
    found = nw.fired(NAME, alone, "trajectory", "tip-goal")
    assert [(each.code, each.measured) for each in found] == [("one-sided", 6.0)]
    crossed = nw.both(alone, left(midline_mm=-1.0))
    assert nw.fired(NAME, crossed, "trajectory", "tip-goal") == []


def test_that_the_score_is_the_published_one() -> None:
    (score,) = nw.computed(NAME, nw.filled_case(NAME, KYPHO), "stability", "sins_score")
    assert (score.value, score.grade) == (2 + 3 + 2 + 0 + 2 + 0, "potentially unstable")


def test_that_the_ledger_and_the_card_hold_the_cement() -> None:
    walk = nw.walked(NAME)
    totals = {
        each.substance: (each.amount, each.unit) for each in ledger_of(walk.case, {NAME: nw.template(NAME)}).totals
    }
    assert totals["cement"] == (pytest.approx(3.5), "mL")
    card = {line.label: line.values for line in last_time_card(walk.case, nw.SESSION, nw.template(NAME)).lines}
    assert "L2" in card["Levels"][0]


def test_that_a_second_session_counts_and_confirms_again() -> None:
    walk = nw.walked(NAME)
    case, second = start_next_session(walk.case, nw.SESSION, nw.template(NAME), walk.profile, now=walk.now)
    session = case.session(second)
    assert session is not None
    for name in ("level", "confirmed_by", "second_confirmer", "counting_method"):
        assert session.answer("level", name) is None
    assert session.answer("trajectory", "needles") is None
    assert not [item for item in session.items if item.type == "needle-path"]


def test_that_a_device_past_its_date_is_said_and_one_that_was_removed_is_not() -> None:
    stent = Implant("Ureteric stent", "left ureter", exchange_due=nw.DAY - timedelta(days=4))
    case = replace(nw.filled_case(NAME), implants=(stent,))
    found = nw.checked(NAME, case, "fitness", "devices-overdue")
    assert [(each.code, each.measured, each.severity) for each in found] == [("device-overdue", 4.0, Severity.WARN)]
    row = {"device": "Ureteric stent", "kind": "stent-retrievable", "site": "Left ureter", "action": "removed"}
    removed = nw.with_answers(case, "sign_out", device_register=[{**row, "on": nw.DAY.isoformat()}])
    assert nw.checked(NAME, removed, "fitness", "devices-overdue") == []


def test_that_what_stays_in_the_body_needs_a_site_and_an_mr_condition() -> None:
    rows = [{"device": "Drain 8 F", "kind": "drain", "action": "placed"}]
    found = nw.fired(NAME, nw.answers("sign_out", device_register=rows), "sign_out", "device-register")
    assert nw.codes(found) == {"device-incomplete", "device-without-date"}
    late = [{**rows[0], "site": "Liver", "mr_condition": "mr-safe", "on": "2026-05-12", "due_on": "2026-08-05"}]
    found = nw.fired(NAME, nw.answers("sign_out", device_register=late), "sign_out", "device-register")
    assert [(each.code, each.measured, each.limit) for each in found] == [("device-date-late", 85.0, 84.0)]
