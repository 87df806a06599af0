"""Biopsy: the whole walk, every gate firing on what it is for, a result that fits or is repeated."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import needle_walks as nw
import pytest

from planner.workflow.ledgers import ledger_of
from planner.workflow.loader import lint_template

NAME = "biopsy"
LUNG = "lung"
CLEARANCES = nw.ABDOMEN
SEGMENTED = [{"structure": each, "status": "segmented"} for each in ("bowel", "lung", "aorta")]


def path(**more: Any) -> nw.Change:
    """The needle measured otherwise."""
    clearances = more.pop("clearances", CLEARANCES)
    return nw.items(nw.needle("needle-1", "biopsy", nw.measures(clearances, **more)))


def device(**more: Any) -> nw.Change:
    measured = more.pop("measured", nw.measures(CLEARANCES))
    return nw.items(nw.needle("needle-1", "biopsy", measured, **more))


def structures(**first: Any) -> list[dict[str, Any]]:
    """The example's rows with the first (bowel) changed."""
    return [{**SEGMENTED[0], **first}, *SEGMENTED[1:]]


def without(**first: Any) -> nw.Change:
    """No mask of the bowel, and its row changed."""
    return nw.both(nw.gone("region-colon"), nw.answers("structures", structures=structures(**first)))


FIRES: nw.Gates = {
    "target": [
        ("biopsy-question", {"question": None}, "no-question", "ask"),
        ("biopsy-question", {"molecular_markers": None}, "markers-not-named", "ask"),
        ("biopsy-question", {"changes_treatment": "no"}, "no-consequence", "ask"),
        ("biopsy-question", {"changes_treatment": "unknown"}, "not-evaluated", "ask"),
        ("target-visible", {"visible_on": ["mr"]}, "target-not-seen", "ask"),
        ("target-visible", {"visible_on": ["contrast-ct"]}, "contrast-only", "warn"),
        ("target-visible", {"guidance": None}, "not-evaluated", "ask"),
        ("easier-site", {"easier_site": "there-is"}, "easier-site", "warn"),
        ("easier-site", {"easier_site": "not-looked-for"}, "not-evaluated", "warn"),
        ("not-to-puncture", {"vascular_mimic": "no"}, "vascular-mimic", "ask"),
        ("not-to-puncture", {"vascular_mimic": "unknown"}, "not-evaluated", "ask"),
        ("not-to-puncture", {"target_organ": "adrenal", "metanephrines": "raised"}, "phaeochromocytoma", "ask"),
        ("not-to-puncture", {"target_organ": "adrenal"}, "not-evaluated", "ask"),
        ("seeding", {"transplant_candidate": "yes"}, "seeding", "ask"),
        ("seeding", {"transplant_candidate": None}, "not-evaluated", "ask"),
        ("bleeding-class-organ", nw.answers("fitness", bleeding_class="low"), "bleeding-class-low", "ask"),
        ("bleeding-class-organ", nw.answers("fitness", bleeding_class=None), "not-evaluated", "ask"),
        ("bleeding-class-organ", {"target_organ": None}, "not-evaluated", "ask"),
    ],
    "lung_pack": [("lung-of-organ", nw.answers("target", target_organ="lung"), "lung-denied", "ask")],
    "structures": [
        ("organ-agrees", nw.answers("target", target_organ="kidney"), "organ-differs", "ask"),
        ("organ-agrees", nw.answers("target", target_organ=None), "not-evaluated", "ask"),
        ("structures-segmented", nw.gone("region-colon"), "no-mask", "ask"),
        ("structures-segmented", without(status="not-segmented"), "structure-not-checked", "ask"),
        ("structures-segmented", without(status="absent"), "structure-not-checked", "ask"),
        ("structures-segmented", without(structure="stomach"), "structure-not-checked", "ask"),
        ("structure-limits", {"structures": structures(hard_mm=1.0)}, "limit-changed", "warn"),
    ],
    "paths": [
        ("needle-posture", {"patient_position": "prone"}, "angles-other-posture", "ask"),
        ("needle-chosen", {"needles": None}, "no-needle", "ask"),
        ("needle-chosen", nw.gone("needle-1"), "needle-gone", "ask"),
        ("needle-chosen", nw.answers("structures", path_basis="live"), "guided-live", "info"),
        ("needle-chosen", nw.answers("structures", path_basis="live"), "no-way-in", "ask"),
        ("needle-measured", device(measured=None), "needle-not-measured", "ask"),
        ("needle-measured", path(clearances={"lung": 14.0, "aorta": 45.0}), "measured-before", "ask"),
        ("needle-measured", path(hard_mm={"bowel": 2.0}), "measured-before", "ask"),
        ("needle-admissible", device(measured=None), "not-evaluated", "refuse"),
        ("needle-admissible", path(not_checked=("bowel",)), "not-checked-structures", "refuse"),
        ("needle-admissible", without(status="absent"), "not-checked-structures", "refuse"),
        ("needle-measured", without(status="absent", confirmed_by="Dr M. Keller"), "measured-before", "ask"),
        ("needle-admissible", path(rejected_because=("1.2 mm from the colon at 64 mm depth.",)), "hard-limit", "ask"),
        ("needle-near", path(clearances={**CLEARANCES, "lung": 9.9}), "near-structure", "warn"),
        ("needle-length", path(length_mm=151.0), "needle-too-short", "refuse"),
        ("needle-length", device(usable_length_mm=None), "not-evaluated", "ask"),
        ("organ-first", {"subcapsular": "yes", "organ_first": "no"}, "capsule-direct", "warn"),
        ("organ-first", {"subcapsular": None}, "not-evaluated", "warn"),
    ],
    "sampling_plan": [
        ("coaxial-fits", {"gauge": 17.0}, "needle-too-thick", "refuse"),
        ("coaxial-fits", {"guide_gauge": None}, "not-evaluated", "ask"),
        ("cores-for-question", {"cores": 2}, "too-few-cores", "ask"),
        ("cores-for-question", {"technique": "fine-needle"}, "no-core-for-markers", "ask"),
        ("cores-for-question", {"cores": None}, "not-evaluated", "ask"),
        ("throw-fits", {"behind_target_mm": 19.0}, "throw-too-long", "ask"),
        ("throw-fits", {"throw_mm": None}, "not-evaluated", "ask"),
        ("fixative-for-question", {"containers": None}, "no-container", "ask"),
        ("fixative-for-question", {"containers": [{"fixative": "saline-culture"}]}, "no-histology-container", "ask"),
        ("track-closed", {"track_plan": "none"}, "track-open", "warn"),
    ],
    "confirm_today": [
        ("needle-position", {"position_today": "prone"}, "position-mismatch", "ask"),
        ("needle-position", {"position_today": None}, "not-evaluated", "ask"),
        ("read-out-today", path(series=nw.SERIES["planning"]), "planning-picture", "warn"),
    ],
    "passes": [
        ("specimens-labelled", nw.row_changed("passes", "specimens", labelled="no"), "not-labelled", "warn"),
        ("specimens-labelled", nw.row_changed("passes", "specimens", checked_by=None), "specimen-incomplete", "warn"),
        ("specimens-labelled", {"specimens": None}, "no-specimen", "warn"),
        ("cores-accounted", nw.row_changed("passes", "specimens", cores=9), "more-sent-than-taken", "warn"),
        ("cores-accounted", nw.row_changed("passes", "passes", quality="blood"), "fewer-than-planned", "warn"),
        ("cores-accounted", nw.row_changed("passes", "passes", status="changed"), "without-reason", "warn"),
        ("tip-documented", nw.row_changed("passes", "passes", tip_on_image="no"), "tip-not-seen", "warn"),
    ],
    "track": [
        ("track-as-planned", {"track_done": "none"}, "track-differs", "warn"),
        ("track-as-planned", {"bleeding_from_track": "running"}, "track-bleeds", "warn"),
    ],
    "completion": [
        ("completion-dangers", {"haematoma": "large"}, "haematoma", "warn"),
        ("completion-dangers", {"pneumothorax": "drained"}, "pneumothorax", "warn"),
        ("completion-dangers", {"looked_with": "none"}, "not-evaluated", "warn"),
        ("completion-dangers", {"haemoptysis": "Two spoons"}, "haemoptysis", "warn"),
    ],
    "result": [
        ("concordance", {"concordance": "discordant"}, "discordant", "ask"),
        ("concordance", {"concordance": "not-judged"}, "not-evaluated", "ask"),
        ("concordance", {"result_kind": "not-enough"}, "no-diagnosis", "ask"),
        ("question-answered", {"molecular_result": None}, "question-open", "warn"),
    ],
}
FIRES_LUNG: nw.Gates = {
    "lung_pack": [
        ("lung-reserve", {"single_lung": "yes"}, "lung-single-lung", "ask"),
        ("lung-reserve", {"emphysema": "unknown"}, "not-evaluated", "ask"),
        ("lung-reserve", {"cooperates": "no"}, "no-breath-hold", "warn"),
        ("chest-drain-kit", {"chest_drain_kit": "no"}, "no-chest-drain", "ask"),
    ],
    "recovery": [("chest-image-done", {"chest_image": "not-done"}, "no-chest-image", "warn")],
}
GATES = nw.gates(FIRES) + nw.gates(FIRES_LUNG, LUNG)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_gate_fires(gate: nw.Gate) -> None:
    nw.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    overdue = nw.gates({"result": [("result-overdue", {"result_on": None}, "result-overdue", "warn")]})
    nw.assert_all_tried_and_quiet(NAME, [*GATES, *overdue])


def test_that_a_result_that_does_not_come_is_asked_for() -> None:
    case = nw.answers("result", result_on=None)(nw.filled_case(NAME))
    late = nw.at(nw.DAY + timedelta(days=15))
    found = nw.checked(NAME, case, "result", "result-overdue", now=late)
    assert [(each.measured, each.limit) for each in found] == [(15.0, 14.0)]
    assert nw.checked(NAME, case, "result", "result-overdue", now=nw.at(nw.DAY + timedelta(days=14))) == []


@pytest.mark.parametrize("variant", [None, LUNG])
def test_that_every_stage_is_signed_without_an_override(variant: str | None) -> None:
    walk = nw.walked(NAME, variant)
    assert nw.unsigned(walk) == {}
    assert walk.session.overrides == ()
    assert nw.loud(NAME, variant) == set()


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(nw.ROOT / "procedures" / NAME, nw.profiles()) == ()
    nw.assert_labels_short(NAME)


def test_that_a_mask_of_the_colon_counts_as_bowel() -> None:
    found = nw.fired(NAME, nw.items(nw.region("stomach")), "structures", "structures-segmented")
    assert not [each for each in found if each.subject == "structures.bowel"]


def test_that_what_a_person_confirmed_absent_is_settled() -> None:
    absent = without(status="absent", confirmed_by="Dr M. Keller")
    found = nw.fired(NAME, absent, "structures", "structures-segmented")
    assert not [each for each in found if each.subject == "structures.bowel"]


def test_that_the_distances_follow_the_organ_of_the_target() -> None:
    liver, lung = (nw.template(NAME).needle.for_organ(organ) for organ in ("liver", "lung"))
    assert {"bowel", "lung"} <= {each.structure for each in liver.structures}
    assert not {"bowel", "lung"} & {each.structure for each in lung.structures}


def test_that_a_superficial_target_may_stay_in_the_low_risk_class() -> None:
    low = nw.both(nw.answers("fitness", bleeding_class="low"), nw.answers("target", target_organ="superficial"))
    assert nw.fired(NAME, low, "target", "bleeding-class-organ") == []


def test_that_a_discordant_result_with_a_plan_is_settled() -> None:
    planned = nw.answers("result", concordance="discordant", discordant_plan="Repeat under fusion on 2 June")
    assert nw.fired(NAME, planned, "result", "concordance") == []


def test_that_a_path_guided_live_says_what_was_not_checked() -> None:
    live = nw.both(
        nw.answers("paths", needles=None, live_path="Between two ribs, in expiration"),
        nw.answers("structures", path_basis="live", structures=None),
    )
    case = live(nw.filled_case(NAME))
    assert nw.checked(NAME, case, "paths", "needle-admissible") == []
    assert ["NOT CHECKED" in each.text for each in nw.checked(NAME, case, "paths", "needle-chosen")] == [True]
    assert not [each for each in nw.checked(NAME, case, "structures", "structures-segmented") if each.blocks]
    (line,) = nw.computed(NAME, case, "paths", "needle_summary")
    assert line.value is None


def test_that_a_measured_needle_is_read_out_as_a_planning_picture() -> None:
    (line,) = nw.computed(NAME, nw.filled_case(NAME), "paths", "needle_summary")
    assert (line.value, line.unit) == (92.0, "mm")
    assert line.grade == "in plane -18°, out of plane 4°, patient supine"
    assert line.inputs["bowel"] == "25 mm"
    assert line.note.startswith("Planning picture")


def test_that_the_cores_are_in_the_ledger() -> None:
    ledger = ledger_of(nw.walked(NAME).case, {NAME: nw.template(NAME)})
    assert {each.substance: each.amount for each in ledger.totals}["biopsy cores"] == 4.0
