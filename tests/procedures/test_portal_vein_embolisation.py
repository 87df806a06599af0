"""Portal vein embolisation: the whole walk, every gate firing on what it is for, and silent otherwise."""

from __future__ import annotations

import embolisation_walks as ew
import pytest

from planner.model.items import PlanItem
from planner.model.vessel_items import VESSEL_TREE, TreeNodeRow, TreeSegmentRow, VesselTreeBody
from planner.model.vessel_reading import body_digest
from planner.workflow.loader import lint_template

NAME = "portal_vein_embolisation"
ENDS = {
    "portal_main": "ab",
    "portal_right": "bc",
    "portal_left": "bd",
    "portal_right_anterior": "ce",
    "portal_right_posterior": "cf",
    "p4": "dg",
    "p2": "dh",
}
"""Segment (its name in resources/veins.toml) -> the nodes at its ends."""


def portal_tree() -> PlanItem:
    nodes = tuple(TreeNodeRow(name, (float(number), 0.0, 0.0)) for number, name in enumerate("abcdefgh"))
    segments = tuple(TreeSegmentRow(name, way[0], way[1], 2, 30.0, 10.0, 8.0, name=name) for name, way in ENDS.items())
    body = VesselTreeBody("portal-vein", "a", nodes, segments, ew.TABLE, "test")
    return ew.item("tree-2", VESSEL_TREE, "Portal vein", body)


def standing_in(segment: str) -> ew.nw.Change:
    """The first position stands in a segment of a portal tree."""
    tree = portal_tree()
    placed = ew.position("position-1", segment, tree="tree-2", tree_digest=body_digest(tree))
    return ew.both(ew.items(tree, placed), ew.cell("positions", "positions", position="position-1"))


def branch(index: int, plan: str | None) -> ew.nw.Change:
    return ew.cell("positions", "portal_branches", index, plan=plan)


def closed(index: int, **cells: object) -> ew.nw.Change:
    return ew.cell("completion", "branches_closed", index, **cells)


def ethanol(ml: float | None) -> ew.nw.Change:
    row = {"kind": "liquid", "product": "Ethanol 99 %", "amount_ml": 60.0}
    return ew.answers("agent", agent_kinds=["liquid"], liquids=[row], ethanol_ml=ml)


def ended(**volumes: object) -> ew.nw.Change:
    return ew.answers("volumetry", **volumes)


FIRES = {
    "remnant": [
        ("resection-planned", {"surgeon": None}, "no-resection", "ask"),
        ("resection-planned", {"operation_on": None}, "not-evaluated", "ask"),
        ("resection-planned", {"operation_on": "2026-05-25"}, "operation-early", "ask"),
        ("volumes-fit", {"volumes_by": "automatic"}, "volumes-not-seen", "ask"),
        ("volumes-fit", {"tumour_volume": None}, "not-evaluated", "ask"),
        ("volumes-fit", {"remnant_volume": 1400.0}, "volumes-impossible", "ask"),
        ("volumes-fit", {"resected_volume": 1000.0}, "parts-miss-whole", "ask"),
        ("remnant-needs-growth", {"remnant_volume": 402.0}, "remnant-enough", "ask"),
        ("remnant-needs-growth", {"background": "normal"}, "remnant-enough", "ask"),
        ("remnant-needs-growth", {"background": "unknown"}, "remnant-not-evaluated", "ask"),
        ("remnant-clear", {"tumour_in_remnant": "present"}, "tumour-in-remnant", "ask"),
        ("remnant-clear", {"tumour_in_remnant": "unknown"}, "not-evaluated", "ask"),
    ],
    "liver_stage": [
        ("remnant-drained", {"remnant_ducts": "dilated"}, "remnant-not-drained", "ask"),
        ("remnant-drained", {"remnant_ducts": "unknown"}, "not-evaluated", "ask"),
        ("remnant-drained", {"cholangitis": "yes"}, "cholangitis", "ask"),
        ("remnant-drained", ew.lab("bilirubin", 3.0, "mg/dL"), "bilirubin-high", "ask"),
        ("remnant-drained", ew.no_lab("bilirubin"), "not-evaluated", "ask"),
        ("portal-open", {"portal_vein": "remnant-side"}, "portal-occluded", "ask"),
        ("portal-open", {"portal_vein": "resected-side"}, "side-occluded", "ask"),
        ("portal-open", {"portal_vein": "unknown"}, "not-evaluated", "ask"),
        ("portal-hypertension", {"portal_hypertension": "signs"}, "portal-hypertension", "ask"),
        ("portal-hypertension", {"portal_hypertension": "measured", "hvpg": 10.0}, "gradient-high", "ask"),
        ("portal-hypertension", {"portal_hypertension": "measured"}, "not-evaluated", "ask"),
        ("portal-hypertension", {"portal_hypertension": "unknown"}, "not-evaluated", "ask"),
        ("child-pugh-limit", {"ascites": "mild", "encephalopathy": "grade-1-2"}, "child-pugh-beyond", "ask"),
        ("child-pugh-limit", {"encephalopathy": None}, "child-pugh-not-evaluated", "ask"),
        ("child-pugh-limit", ew.answers("fitness", biliary_obstruction="yes"), "child-pugh-not-valid", "ask"),
    ],
    "arteries_access": [
        ("high-risk-tract", ew.answers("fitness", bleeding_class="low"), "class-not-high", "ask"),
        ("high-risk-tract", {"access": "femoral"}, "access-differs", "ask"),
        ("high-risk-tract", {"portal_route": "transsplenic"}, "access-differs", "ask"),
        ("high-risk-tract", {"portal_route": None}, "not-evaluated", "ask"),
        ("route-fits", {"tumour_on_way": "yes"}, "tumour-on-way", "ask"),
        ("route-fits", {"tumour_on_way": "unknown"}, "not-evaluated", "ask"),
        ("route-fits", ew.answers("liver_stage", ascites="mild"), "ascites-on-way", "ask"),
        ("route-fits", {"portal_route": "contralateral"}, "through-remnant", "warn"),
        ("portal-anatomy-known", {"portal_anatomy": "unknown"}, "not-evaluated", "ask"),
        ("portal-anatomy-known", {"portal_anatomy": "trifurcation"}, "variant-not-described", "ask"),
    ],
    "positions": [
        ("branches-complete", branch(1, "spare"), "branch-left-open", "ask"),
        ("branches-complete", branch(3, "embolise"), "remnant-embolised", "ask"),
        ("branches-complete", branch(0, None), "not-evaluated", "ask"),
        ("branches-complete", ew.answers("remnant", resection="extended-right"), "branch-left-open", "ask"),
        ("branches-complete", ew.answers("remnant", resection="left"), "remnant-embolised", "ask"),
        ("branches-complete", ew.answers("remnant", resection="other-resection"), "not-evaluated", "ask"),
        ("on-portal-tree", ew.cell("positions", "positions", position="position-1"), "not-portal", "ask"),
        ("remnant-not-downstream", standing_in("portal_main"), "remnant-downstream", "ask"),
        ("remnant-not-downstream", standing_in("portal_left"), "remnant-downstream", "ask"),
    ],
    "agent": [
        ("lasting-closure", {"agent_kinds": ["microspheres"]}, "may-open-again", "warn"),
        ("ethanol-maximum", ethanol(80.0), "ethanol-over", "ask"),
        ("ethanol-maximum", ethanol(None), "not-evaluated", "ask"),
    ],
    "angio_findings": [
        ("pressure-before", {"portal_pressure": 21.0}, "pressure-high", "warn"),
        ("pressure-before", {"portal_pressure": None}, "not-evaluated", "warn"),
    ],
    "completion": [
        ("completion-portogram", closed(0, state="partly"), "branch-open", "warn"),
        ("completion-portogram", closed(1, state=None), "not-evaluated", "warn"),
        ("completion-portogram", closed(3, state="closed"), "remnant-closed", "warn"),
        ("completion-portogram", {"remnant_flow": "thrombus"}, "remnant-flow", "warn"),
        ("completion-portogram", {"remnant_flow": "not-judged"}, "not-evaluated", "warn"),
        ("pressure-after", {"portal_pressure_after": 19.5}, "pressure-rise", "warn"),
        ("pressure-after", {"portal_pressure_after": None}, "not-evaluated", "warn"),
        ("tract-closed", {"tract_closed": "bleeding"}, "tract-open", "warn"),
        ("tract-closed", {"tract_closed": None}, "not-evaluated", "warn"),
    ],
    "early_course": [
        ("bilirubin-after", ew.no_lab("bilirubin"), "bilirubin-after-unknown", "warn"),
        ("portal-thrombosis", {"portal_thrombosis": "present"}, "portal-thrombosis", "warn"),
        ("portal-thrombosis", {"portal_thrombosis": "not-looked-for"}, "not-evaluated", "warn"),
    ],
    "volumetry": [
        ("volumetry-timing", {"date": "2026-05-20"}, "outcome-early", "warn"),
        ("grown-enough", {"remnant_volume": 380.0}, "little-growth", "warn"),
        ("grown-enough", {"date": "2026-06-30"}, "slow-growth", "warn"),
        ("grown-enough", {"recanalised": "yes"}, "recanalised", "warn"),
        ("grown-enough", {"remnant_volume": None}, "not-evaluated", "warn"),
        ("remnant-enough", {"remnant_volume": 400.0}, "remnant-small", "warn"),
        ("remnant-enough", {"liver_volume": None}, "remnant-not-evaluated", "warn"),
    ],
    "outcome": [("outcome-timing", {"date": "2026-07-30"}, "outcome-late", "warn")],
    "next_step": [
        ("resection-with-remnant", ended(remnant_volume=400.0), "remnant-small", "ask"),
        ("resection-with-remnant", {"surgeon_agrees": "no"}, "surgeon-not-asked", "ask"),
    ],
}
GATES = ew.gates(FIRES)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_check_fires(gate: ew.nw.Gate) -> None:
    ew.assert_fires(NAME, gate)


def test_that_every_gate_was_tried_and_passes_on_the_example() -> None:
    # Bilirubin after treatment is of later days than the one on which single checks are tried.
    ew.assert_all_tried_and_quiet(NAME, GATES, {("early_course", "bilirubin-after")})


def test_that_every_stage_is_signed_without_an_override() -> None:
    walk = ew.walked(NAME)
    assert ew.unsigned(walk) == {}
    assert walk.session.overrides == ()
    loud = [found.text for each in walk.status().stages for found in each.findings if found.severity != "info"]
    assert loud == []


def test_that_the_template_lints_clean_and_has_short_labels() -> None:
    assert lint_template(ew.ROOT / "procedures" / NAME, ew.profiles()) == ()
    ew.assert_labels_short(NAME)


def test_that_a_position_in_the_resected_side_of_a_portal_tree_passes() -> None:
    placed = standing_in("portal_right")
    assert ew.fired(NAME, placed, "positions", "on-portal-tree") == []
    assert ew.fired(NAME, placed, "positions", "remnant-not-downstream") == []
    assert ew.fired(NAME, placed, "positions", "positions-measured") == []
    segment_four = ew.both(placed, ew.answers("remnant", resection="extended-left"))
    found = ew.fired(NAME, segment_four, "positions", "remnant-not-downstream")
    assert [each.text for each in found] == [
        "Position 1 (Right anterior portal vein): downstream of it lie branches of the remnant (right posterior)."
    ]


def test_that_segment_four_may_stay_open_with_a_reason() -> None:
    extended = ew.both(
        ew.answers("remnant", resection="extended-right"),
        ew.answers("positions", segment_four_reason="Two-stage resection, decided with the surgeon"),
    )
    assert ew.fired(NAME, extended, "positions", "branches-complete") == []


def test_that_the_remnant_is_measured_against_the_liver_without_tumour() -> None:
    of_liver, of_standard = ew.computed(NAME, ew.filled_case(NAME), "remnant", "remnant_share")
    assert of_liver.value == pytest.approx(100 * 330 / 1340)
    assert of_liver.tag == "M"
    assert "30 %" in of_liver.note
    # 172 cm and 71 kg: 1.8418 m² by Mosteller, 1539.7 mL of standard liver.
    assert of_standard.value == pytest.approx(100 * 330 / 1539.7, abs=0.01)
    unjudged = ew.answers("remnant", background="unknown")(ew.filled_case(NAME))
    assert "Not compared" in ew.computed(NAME, unjudged, "remnant", "remnant_share")[0].note


def test_that_the_limits_themselves_are_enough() -> None:
    # 30 % exactly, as "at least" says.
    exact = ended(remnant_volume=409.5)
    assert ew.fired(NAME, exact, "volumetry", "remnant-enough") == []
    assert ew.fired(NAME, ew.answers("remnant", operation_on="2026-05-26"), "remnant", "resection-planned") == []


def test_that_growth_is_told_in_points_and_points_a_week() -> None:
    now, points, weekly, volume = ew.computed(NAME, ew.filled_case(NAME), "volumetry", "growth")
    assert now.value == pytest.approx(100 * 470 / 1365)
    assert points.value == pytest.approx(100 * 470 / 1365 - 100 * 330 / 1340)
    assert weekly.value == pytest.approx((100 * 470 / 1365 - 100 * 330 / 1340) / 4)
    assert volume.value == pytest.approx(100 * 140 / 330)
    nothing = ended(date="2026-05-12")(ew.filled_case(NAME))
    (line,) = ew.computed(NAME, nothing, "volumetry", "growth")
    assert line.value is None


def test_that_no_other_step_than_a_resection_is_asked_about() -> None:
    small = ew.both(ended(remnant_volume=400.0), ew.answers("next_step", operation="hepatic-vein"))
    assert ew.fired(NAME, small, "next_step", "resection-with-remnant") == []


def test_that_a_tract_through_the_liver_is_judged_as_high_risk() -> None:
    high = ew.lab("inr", 1.9, "1")
    assert ew.nw.weight(ew.fired(NAME, high, "arteries_access", "access-coagulation")) == "ask"
    radial = ew.both(high, ew.answers("arteries_access", access="radial"), ew.answers("fitness", bleeding_class="low"))
    assert ew.fired(NAME, radial, "arteries_access", "access-coagulation") == []


def test_that_a_way_without_a_tract_is_judged_by_its_own_class() -> None:
    surgical = ew.both(
        ew.answers("arteries_access", portal_route="ileocolic", access="direct"),
        ew.answers("fitness", bleeding_class="low"),
    )
    assert ew.fired(NAME, surgical, "arteries_access", "high-risk-tract") == []


def test_that_a_resection_without_embolisation_still_needs_a_remnant() -> None:
    change = ew.both(
        ew.answers("angio_findings", go="no-go"),
        ew.answers("completion", branches_closed=None, remnant_flow=None, portal_pressure_after=None),
        ended(remnant_volume=None),
    )
    for stage, check in (
        ("completion", "completion-portogram"),
        ("completion", "pressure-after"),
        ("volumetry", "grown-enough"),
        ("volumetry", "remnant-enough"),
    ):
        assert ew.fired(NAME, change, stage, check) == []
    open_tract = ew.both(change, ew.answers("completion", tract_closed="bleeding"))
    assert ew.codes(ew.fired(NAME, open_tract, "completion", "tract-closed")) == {"tract-open"}
    found = ew.fired(NAME, change, "next_step", "resection-with-remnant")
    assert ew.codes(found) == {"remnant-not-evaluated"}
