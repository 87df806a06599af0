"""Cyst sclerotherapy: the walks, every gate firing on what it is for, caps that refuse plans and never records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import needle_walks as nw
import pytest

from planner.model.people import Medication, Sex
from planner.workflow.ledgers import ledger_of
from planner.workflow.loader import lint_template

NAME = "cyst"
POLIDOCANOL = "polidocanol"


def path(**more: Any) -> nw.Change:
    clearances = more.pop("clearances", nw.ABDOMEN)
    return nw.items(nw.needle("needle-1", "sclerotherapy", nw.measures(clearances, **more)))


def injected(**cells: Any) -> nw.Change:
    return nw.row_changed("injection", "injections", **cells)


def plan(**values: Any) -> nw.Change:
    return nw.answers("sclerosant", **values)


def before(**values: Any) -> nw.Change:
    return nw.answers("cyst", **values)


BARE = [{"structure": "bowel", "status": "segmented", "hard_mm": 1.0}]

FIRES: nw.Gates = {
    "cyst": [
        ("cyst-symptoms", {"symptoms": ["none"]}, "no-symptoms", "ask"),
        ("cyst-symptoms", {"symptoms": None}, "not-evaluated", "ask"),
        ("not-malignant", {"solid_parts": "yes"}, "solid-parts", "ask"),
        ("not-malignant", {"solid_parts": "unknown"}, "not-evaluated", "ask"),
        ("not-malignant", {"target_organ": "kidney", "bosniak": "III"}, "bosniak-high", "ask"),
        ("not-malignant", {"target_organ": "kidney", "bosniak": "IIF"}, "bosniak-iif", "warn"),
        ("not-malignant", {"target_organ": "kidney"}, "bosniak-unknown", "ask"),
        ("not-hydatid", {"gharbi": "II"}, "hydatid-looks", "ask"),
        ("not-hydatid", {"serology": "positive"}, "hydatid-serology", "ask"),
        ("not-hydatid", {"serology": "not-needed"}, "serology-reason", "ask"),
        ("not-hydatid", {"serology": "not-done"}, "serology-unknown", "ask"),
    ],
    "structures": [
        ("organ-agrees", nw.answers("cyst", target_organ="kidney"), "organ-differs", "ask"),
        ("organ-agrees", nw.answers("cyst", target_organ=None), "not-evaluated", "ask"),
        ("structures-segmented", nw.gone("region-aorta"), "no-mask", "ask"),
        ("structure-limits", {"structures": BARE}, "limit-changed", "warn"),
    ],
    "paths": [
        ("needle-posture", {"patient_position": "prone"}, "angles-other-posture", "ask"),
        ("bleeding-class-cyst", nw.answers("fitness", bleeding_class="low"), "bleeding-class-low", "ask"),
        ("needle-chosen", {"needles": None}, "no-needle", "ask"),
        ("needle-measured", path(hard_mm={"lung": 1.0}), "measured-before", "ask"),
        ("needle-admissible", path(not_checked=("lung",)), "not-checked-structures", "refuse"),
        ("needle-near", path(clearances={**nw.ABDOMEN, "aorta": 14.0}), "near-structure", "warn"),
        ("needle-length", path(length_mm=151.0), "needle-too-short", "refuse"),
        ("through-organ", {"through_organ": "no"}, "free-cyst-wall", "warn"),
        ("through-organ", {"through_organ": "unknown"}, "not-evaluated", "warn"),
    ],
    "sclerosant": [
        ("communication-plan", {"cystogram_before": "communication"}, "communication", "refuse"),
        ("communication-plan", before(communication_suspected="yes"), "communication-open", "ask"),
        ("communication-plan", {"cystogram_before": None}, "communication-open", "ask"),
        ("drain-not-needle", {"through": "needle"}, "through-needle", "ask"),
        ("drain-not-needle", {"through": None}, "not-evaluated", "ask"),
        ("ethanol-cap", {"ethanol_maximum": 200.1}, "ethanol-over-cap", "refuse"),
        ("ethanol-cap", {"ethanol_maximum": None}, "ethanol-cap-unknown", "ask"),
        ("ethanol-cap", before(target_organ="spleen"), "ethanol-cap-unknown", "ask"),
        ("ethanol-share", {"ethanol_maximum": 121.0}, "ethanol-over-share", "ask"),
        ("ethanol-share", {"share": 60.0}, "fraction", "ask"),
        ("ethanol-share", {"share": None}, "not-evaluated", "ask"),
        ("ethanol-strength", {"ethanol_percent": 70.0}, "weak-ethanol", "warn"),
        ("ethanol-strength", {"dwell": 4.0}, "unusual-dwell", "warn"),
        ("ethanol-strength", {"dwell": None}, "not-evaluated", "warn"),
        ("sclerosant-second-person", {"second_person_maximum": 12.0}, "second-person-differs", "ask"),
        ("sclerosant-second-person", {"second_person": None}, "not-evaluated", "ask"),
        ("lidocaine-limit", {"lidocaine": 320.0}, "lidocaine-over", "ask"),
        ("lidocaine-limit", {"lidocaine": None}, "not-evaluated", "ask"),
        ("disulfiram", before(disulfiram_drug="taken", disulfiram_last="2026-05-06"), "disulfiram", "ask"),
        ("disulfiram", before(disulfiram_drug="unknown"), "not-evaluated", "ask"),
        ("disulfiram", nw.case_with(medication=(Medication("Metronidazole"),)), "disulfiram-listed", "ask"),
        ("disulfiram", before(alcohol_refused="yes"), "alcohol-refused", "ask"),
    ],
    "confirm_today": [
        ("needle-position", {"position_today": "lateral", "lateral_down": "left"}, "position-mismatch", "ask"),
        ("read-out-today", path(series="1.2.9#1"), "planning-picture", "warn"),
    ],
    "puncture": [
        ("fluid-speaks", {"colour": "bile"}, "bile", "ask"),
        ("fluid-speaks", {"bilirubin_fluid": "positive"}, "bile", "ask"),
        ("fluid-speaks", {"creatinine_fluid": "as-urine"}, "urine", "ask"),
        ("fluid-speaks", {"colour": "turbid"}, "pus", "ask"),
        ("fluid-speaks", {"cytology": "not-sent"}, "no-cytology", "ask"),
        ("fluid-speaks", {"bilirubin_fluid": "not-tested"}, "not-evaluated", "ask"),
    ],
    "cystogram": [
        ("cystogram-gate", {"result": "bile"}, "communication", "ask"),
        ("cystogram-gate", {"result": "not-done"}, "no-cystogram", "ask"),
        ("cystogram-gate", {"contrast_out": "no"}, "contrast-left", "ask"),
    ],
    "injection": [
        ("given-over-cap", injected(in_ml=201.0), "given-over-cap", "warn"),
        ("given-over-cap", injected(in_ml=121.0), "given-over-plan", "warn"),
        ("given-over-cap", injected(agent="polidocanol"), "agent-not-planned", "warn"),
        ("given-over-cap", before(target_organ="other"), "not-evaluated", "warn"),
        ("given-into-open-cyst", nw.answers("cystogram", result="urine"), "given-into-open-cyst", "warn"),
        ("given-into-open-cyst", nw.answers("cystogram", result="not-done"), "given-into-open-cyst", "warn"),
        ("evacuated", injected(out_ml=90.0), "left-in", "warn"),
        ("evacuated", injected(out_ml=None), "not-evaluated", "warn"),
        ("evacuated", injected(dwell_min=30.0), "unusual-dwell", "warn"),
    ],
    "recovery": [
        ("observed-long-enough", {"observed_h": 3.0}, "observed-too-short", "warn"),
        ("observed-long-enough", {"drunk": "yes"}, "drunk", "warn"),
        ("observed-long-enough", {"told_not_to_drive": "no"}, "driving", "warn"),
    ],
    "outcome": [
        ("recurrence-too-early", {"read_as": "recurrence", "date": "2026-11-09"}, "recurrence-too-early", "ask"),
    ],
}
FIRES_POLIDOCANOL: nw.Gates = {
    "sclerosant": [
        ("polidocanol-limit", {"polidocanol_volume": 31.0}, "polidocanol-over", "refuse"),
        ("polidocanol-limit", {"polidocanol_source": None}, "polidocanol-unknown", "ask"),
    ]
}
GATES = nw.gates(FIRES) + nw.gates(FIRES_POLIDOCANOL, POLIDOCANOL)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_gate_fires(gate: nw.Gate) -> None:
    nw.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    nw.assert_all_tried_and_quiet(NAME, GATES)


@pytest.mark.parametrize("variant", [None, POLIDOCANOL])
def test_that_every_stage_is_signed_without_an_override(variant: str | None) -> None:
    walk = nw.walked(NAME, variant)
    assert nw.unsigned(walk) == {}
    assert walk.session.overrides == ()
    assert nw.loud(NAME, variant) == set()


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(nw.ROOT / "procedures" / NAME, nw.profiles()) == ()
    nw.assert_labels_short(NAME)


def test_that_the_cap_refuses_a_plan_and_never_a_record() -> None:
    exact = nw.fired(NAME, plan(ethanol_maximum=200.0), "sclerosant", "ethanol-cap")
    assert exact == []
    (refused,) = nw.fired(NAME, plan(ethanol_maximum=200.0000001), "sclerosant", "ethanol-cap")
    assert refused.blocks
    assert not refused.overridable
    assert (refused.limit, refused.unit, refused.tag) == (200.0, "mL", "M")
    given = nw.fired(NAME, injected(in_ml=260.0), "injection", "given-over-cap")
    assert nw.codes(given) == {"given-over-cap", "given-over-plan"}
    assert not any(each.blocks for each in given)


@pytest.mark.parametrize(
    ("organ", "aspirate", "share", "volume"),
    [("kidney", 480.0, 25.0, 100.0), ("liver", 480.0, 25.0, 120.0), ("liver", 480.0, 50.0, 200.0)],
)
def test_that_the_volume_is_the_published_share_within_the_cap(
    organ: str, aspirate: float, share: float, volume: float
) -> None:
    change = nw.both(before(target_organ=organ), plan(expected_aspirate=aspirate, share=share))
    (line,) = nw.computed(NAME, change(nw.filled_case(NAME)), "sclerosant", "ethanol_volume")
    assert (line.value, line.unit) == (pytest.approx(volume), "mL")


@pytest.mark.parametrize(
    ("sex", "weight", "expected"), [(Sex.MALE, 70.0, 1.57), (Sex.FEMALE, 60.0, 2.27), (None, 70.0, None)]
)
def test_that_blood_alcohol_is_a_labelled_ceiling(sex: Sex | None, weight: float, expected: float | None) -> None:
    case = plan(ethanol_maximum=100.0)(nw.filled_case(NAME))
    case = replace(case, patient=replace(case.patient, sex=sex, weight_kg=weight))
    (line,) = nw.computed(NAME, case, "sclerosant", "alcohol_ceiling")
    assert line.value == (None if expected is None else pytest.approx(expected, abs=0.005))
    if expected is not None:
        assert (line.grade, line.unit) == ("ceiling", "g/L")
        assert line.note.startswith("A ceiling")


def test_that_an_open_cyst_may_be_aspirated() -> None:
    change = plan(cystogram_before="communication", technique="aspiration")
    assert nw.fired(NAME, change, "sclerosant", "communication-plan") == []


def test_that_an_open_cyst_gets_a_drain_and_no_question() -> None:
    stopped = nw.answers("cystogram", result="bile", go="drain-only")
    assert nw.fired(NAME, stopped, "cystogram", "cystogram-gate") == []
    empty = nw.both(stopped, nw.answers("injection", injections=None))
    assert nw.fired(NAME, empty, "injection", "given-into-open-cyst") == []


def test_that_a_recurrence_is_read_after_half_a_year() -> None:
    def read(days: int) -> list[str]:
        change = nw.answers("outcome", read_as="recurrence", date=(nw.DAY + timedelta(days=days)).isoformat())
        return [each.code for each in nw.fired(NAME, change, "outcome", "recurrence-too-early")]

    assert read(181) == ["recurrence-too-early"]
    assert read(182) == []


def test_that_what_stays_in_is_summed_and_has_its_ceiling() -> None:
    left, above = nw.computed(NAME, nw.filled_case(NAME), "injection", "left_behind")
    assert (left.value, left.unit) == (2.0, "mL")
    assert above.value == pytest.approx(2.0 * 0.95 * 0.789 / (0.68 * 71.0))
    (unknown,) = nw.computed(NAME, injected(out_ml=None)(nw.filled_case(NAME)), "injection", "left_behind")
    assert unknown.value is None


def test_that_the_ledger_holds_ethanol_lidocaine_and_polidocanol() -> None:
    def totals(variant: str | None) -> dict[str, tuple[float, str]]:
        ledger = ledger_of(nw.walked(NAME, variant).case, {NAME: nw.template(NAME)})
        return {each.substance: (each.amount, each.unit) for each in ledger.totals}

    assert totals(None)["ethanol"] == (110.0, "mL")
    assert totals(None)["lidocaine"] == (200.0, "mg")
    assert totals(POLIDOCANOL)["polidocanol"] == (30.0, "mL")
    assert "ethanol" not in totals(POLIDOCANOL)


def test_that_the_volume_is_compared_with_before() -> None:
    (line,) = nw.computed(NAME, nw.filled_case(NAME), "outcome", "volume_reduction")
    assert (line.value, line.unit) == (pytest.approx(96.0), "%")


def test_that_maxima_are_never_filled_in_for_the_operator() -> None:
    stage = nw.template(NAME).stage("sclerosant")
    for name in ("ethanol_maximum", "second_person_maximum", "polidocanol_volume", "lidocaine"):
        described = stage.field(name)
        assert described is not None
        assert described.never_prefill
        assert described.unit
