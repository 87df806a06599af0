"""Arterial work in other organs: the whole walk for the lung, every organ pack, spinal branch before particles."""

from __future__ import annotations

import embolisation_walks as ew
import pytest

from planner.workflow.ledgers import ledger_of
from planner.workflow.loader import lint_template

NAME = "embolisation_organ"
PACKS = {
    "kidney": [
        ("kidney-pack", {"other_kidney": "no"}, "no-other-kidney", "ask"),
        ("kidney-pack", {"other_kidney": "unknown"}, "not-evaluated", "ask"),
        ("kidney-pack", {"vein_thrombus": "yes"}, "renal-vein", "ask"),
        ("operation-follows", {"operation_on": "2026-05-16"}, "operation-late", "warn"),
        ("operation-follows", {"operation_on": "2026-05-11"}, "operation-before", "warn"),
        ("operation-follows", {"operation_on": None}, "not-evaluated", "warn"),
    ],
    "bladder": [
        ("pelvic-pack", {"pelvic_radiotherapy": "yes"}, "irradiated", "ask"),
        ("pelvic-pack", {"pelvic_sides": None}, "not-evaluated", "ask"),
    ],
    "stomach": [
        ("gut-pack", {"ulcer": "yes"}, "ulcer", "ask"),
        ("gut-pack", {"supply_cut": "unknown"}, "not-evaluated", "ask"),
    ],
    "bone": [
        ("bone-pack", {"cord_compression": "yes"}, "cord-compression", "ask"),
        ("bone-pack", {"neurology": None}, "no-neurology", "ask"),
    ],
    "soft-tissue": [("soft-tissue-pack", {"skin_involved": "yes"}, "skin", "ask")],
}
FIRES = {
    "target": [
        ("organ-and-purpose", {"target_organ": None}, "not-evaluated", "ask"),
        ("organ-and-purpose", {"purpose": None}, "not-evaluated", "ask"),
        ("organ-and-purpose", {"bleeding_now": "yes"}, "bleeding-now", "warn"),
        ("lesions-of-organ", {"target_organ": "kidney"}, "organ-differs", "ask"),
        ("lung-pack", {"pulmonary_hypertension": "yes"}, "pulmonary-hypertension", "ask"),
        ("lung-pack", {"pulmonary_hypertension": "unknown"}, "not-evaluated", "ask"),
        ("spleen-pack", {"target_organ": "spleen", "vaccinated": "no"}, "not-vaccinated", "ask"),
        ("spleen-pack", {"target_organ": "spleen"}, "not-evaluated", "ask"),
        ("combination", {"combined_with": None}, "not-evaluated", "warn"),
        ("combination", {"order_of_treatments": None}, "order-missing", "warn"),
    ],
    "agent": [
        ("spinal-first", {"spinal_branch": "not-looked-for"}, "risk-not-answered", "refuse"),
        ("spinal-drug", {"spinal_branch": "not-relevant"}, "risk-not-answered", "ask"),
        ("particles-organ", ew.cell("agent", "particles", low_um=100.0), "particle-too-small", "ask"),
        ("agents-purpose", ew.answers("target", purpose="growth"), "embolisation-without-embolic", "ask"),
        ("agents-purpose", ew.answers("target", purpose="infusion"), "infusion-without-drug", "ask"),
    ],
    "completion": [
        ("nerves-after", {"nerves": "changed"}, "nerve-deficit", "warn"),
        ("nerves-after", {"nerves": "not-tested"}, "not-evaluated", "warn"),
    ],
    "outcome": [
        ("purpose-reached", {"purpose_reached": "no"}, "purpose-missed", "warn"),
        ("purpose-reached", {"purpose_reached": "not-judged"}, "not-evaluated", "info"),
        ("outcome-timing", {"date": "2026-05-20"}, "outcome-early", "warn"),
    ],
}
ONLY_DRUG, ONLY_PARTICLES = (ew.answers("agent", agent_kinds=[kind]) for kind in ("drug", "microspheres"))


def made(gate: ew.nw.Gate) -> ew.nw.Gate:
    """Gates on the purpose with one agent alone."""
    alone = {"embolisation-without-embolic": ONLY_DRUG, "infusion-without-drug": ONLY_PARTICLES}.get(gate.code)
    if alone is None:
        return gate
    return ew.nw.Gate(gate.stage, gate.check, ew.both(gate.change, alone), gate.code, gate.acts, gate.variant)


GATES = [made(each) for each in ew.gates(FIRES)]
for _organ, _rows in PACKS.items():
    GATES += ew.gates({"target": _rows}, _organ)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_check_fires(gate: ew.nw.Gate) -> None:
    ew.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    ew.assert_all_tried_and_quiet(NAME, GATES)


@pytest.mark.parametrize("organ", list(PACKS))
def test_that_a_pack_speaks_for_its_organ_alone(organ: str) -> None:
    packs = [f"{name}-pack" for name in ("lung", "kidney", "pelvic", "gut", "spleen", "bone", "soft-tissue")]
    quiet = ew.fired(NAME, lambda case: case, "target", "organ-and-purpose", organ)
    assert quiet == []
    for pack in packs:
        assert ew.fired(NAME, lambda case: case, "target", pack, organ) == [], pack


def test_that_every_stage_is_signed_without_an_override() -> None:
    walk = ew.walked(NAME)
    assert ew.unsigned(walk) == {}
    assert walk.session.overrides == ()
    totals = {each.substance: each.amount for each in ledger_of(walk.case, {NAME: ew.template(NAME)}).totals}
    assert totals["cisplatin"] == 60.0


def test_that_each_organ_names_the_branches_that_must_not_be_hit() -> None:
    bare = ew.answers("positions", non_targets=None)
    for organ in ("lung", "kidney", "bladder", "uterus", "stomach", "pancreas", "spleen", "bone", "soft-tissue"):
        change = ew.both(bare, ew.answers("target", target_organ=organ))
        found = ew.fired(NAME, change, "positions", "branches-looked-for")
        assert len(found) >= 2, organ
        assert all(each.text.startswith("NOT CHECKED: ") for each in found)


def test_that_coils_in_a_kidney_wait_for_nothing_spinal() -> None:
    coils = ew.answers("agent", agent_kinds=["coils"], spinal_branch="not-looked-for")
    assert ew.fired(NAME, coils, "agent", "spinal-first", "kidney") == []


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(ew.ROOT / "procedures" / NAME, ew.profiles()) == ()
    ew.assert_labels_short(NAME)
