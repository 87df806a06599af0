"""The embolisation fragment: every shared gate fires on what it is for, and is silent otherwise; tried on bland
embolisation, whose positions stand on a small tree of the liver."""

from __future__ import annotations

from typing import Any

import embolisation_walks as ew
import pytest

from planner.catalogues import catalogue
from planner.workflow.evaluate import evaluate
from planner.workflow.inheritance import start_next_session
from planner.workflow.last_time import last_time_card
from planner.workflow.loader import lint_template

NAME = "bland"
POSITIONS = [
    {"order": 1, "position": "position-1", "vessel": "A8", "lesions": ["lesion-1"], "action": "embolise"},
    {"order": 2, "position": "position-2", "vessel": "A6", "lesions": ["lesion-2"], "action": "embolise"},
]
"""The two rows of the example without a word about branches."""
BARE = ew.answers("positions", positions=POSITIONS, non_targets=None)


def rows(**first: Any) -> ew.nw.Change:
    return ew.answers("positions", positions=[{**POSITIONS[0], **first}, POSITIONS[1]])


def at_cystic(how: str = "downstream") -> ew.nw.Change:
    """The first position reaches the cystic artery, and nothing is written about it."""
    return ew.both(BARE, ew.items(ew.position(non_targets=(ew.branch(how=how),))))


def metal(**row: Any) -> ew.nw.Change:
    given = {"kind": "coils", "device_mm": 4.6, "vessel_mm": 4.0, "bed": "artery", "wire_mm": 0.3, **row}
    known = {key: value for key, value in given.items() if value is not None}
    return ew.answers("agent", agent_kinds=["coils"], metal=[known], particles=None)


def sac(count: int | None) -> ew.nw.Change:
    """Coils of 20 cm and 0.3 mm in a sac of 6 mm: 12.5 % each (R20)."""
    return metal(device_mm=6.0, vessel_mm=None, length_cm=20.0, sac_mm=6.0, count=count)


def glue(parts: float | None) -> ew.nw.Change:
    row = {"kind": "glue", "product": "NBCA", "oil_parts": parts}
    return ew.answers("agent", agent_kinds=["glue"], particles=None, liquids=[row])


def injection(**cells: Any) -> ew.nw.Change:
    return ew.cell("injections", "injections", **cells)


FIRES = {
    "arteries_access": [
        ("access-coagulation", {"access": None}, "coagulation-not-evaluated", "ask"),
        ("access-coagulation", ew.lab("inr", 1.9, "1"), "inr-high", "ask"),
        ("sheath-class", {"sheath": 6.0}, "sheath-between-classes", "ask"),
        ("sheath-class", {"sheath": 8.0}, "sheath-high-risk", "ask"),
        ("low-risk-class", ew.answers("fitness", bleeding_class="high"), "class-high", "info"),
        ("radial-open", {"access": "radial"}, "not-evaluated", "warn"),
        ("radial-open", {"access": "radial", "barbeau": "D"}, "barbeau-d", "warn"),
        ("origin-judged", {"origin": "unknown"}, "not-evaluated", "warn"),
        ("origin-judged", {"route_disease": "stenosis"}, "route-disease", "warn"),
    ],
    "positions": [
        ("target-has-position", rows(lesions=[]), "lesion-without-position", "ask"),
        ("target-has-position", rows(action="spare"), "lesion-without-position", "ask"),
        ("target-has-position", ew.case_with(lesions=()), "not-evaluated", "ask"),
        ("positions-described", rows(vessel="", position=None), "position-unnamed", "warn"),
        ("positions-described", rows(action=None), "not-evaluated", "warn"),
        ("positions-measured", ew.gone("position-1"), "position-gone", "ask"),
        ("positions-measured", ew.items(ew.position(tree_digest="0" * 64)), "measured-before", "ask"),
        ("positions-measured", ew.gone("tree-1"), "measured-before", "ask"),
        ("positions-measured", ew.items(ew.position(injection=None)), "position-not-measured", "ask"),
        ("positions-measured", ew.gone("position-1", "position-2"), "no-model", "info"),
        ("positions-cover", ew.items(ew.position(coverage={"lesion-1": 0.7})), "lesion-not-covered", "warn"),
        ("positions-cover", ew.items(ew.position(coverage={"lesion-1": None})), "not-evaluated", "warn"),
        ("feeders-reached", ew.items(ew.feeders("lesion-1", "left")), "feeder-not-reached", "warn"),
        ("feeders-reached", ew.items(ew.feeders(tree_digest="0" * 64)), "measured-before", "warn"),
        ("branches-have-plan", ew.cell("positions", "non_targets", plan=None), "branch-without-plan", "ask"),
        ("model-branches", at_cystic(), "branch-downstream", "ask"),
        ("model-branches", at_cystic("reflux"), "branch-in-reflux", "ask"),
        ("outside-supply", {"outside_supply": ["not-looked-for"]}, "outside-not-looked-for", "warn"),
        (
            "outside-supply",
            ew.both(ew.answers("positions", outside_supply=["none"]), ew.items(ew.feeders())),
            "outside-supply",
            "warn",
        ),
        ("view-posture", {"patient_position": "prone"}, "view-other-posture", "ask"),
        ("feeders-may-be-missed", {}, "feeders-not-searched", "info"),
        ("feeders-may-be-missed", ew.items(ew.feeders()), "ct-may-miss", "info"),
    ],
    "agent": [
        ("agents-described", {"agent_kinds": []}, "not-evaluated", "ask"),
        ("agents-described", {"agent_kinds": ["microspheres", "plug"]}, "agent-not-described", "ask"),
        ("agents-described", ew.cell("agent", "particles", high_um=None), "not-evaluated", "ask"),
        ("agents-described", ew.cell("agent", "particles", high_um=50.0), "size-range", "ask"),
        ("shunt-rule", {"shunt": "unknown"}, "shunt-unanswered", "refuse"),
        ("shunt-rule", {"shunt": "small", "shunt_mm": 0.3}, "particle-below-shunt", "ask"),
        ("shunt-rule", {"shunt": "large"}, "not-evaluated", "ask"),
        ("shunt-rule", ew.both(glue(3.0), ew.answers("agent", shunt="large")), "liquid-into-shunt", "ask"),
        ("shunt-rule", ew.both(glue(3.0), ew.answers("agent", shunt=None)), "shunt-unanswered", "refuse"),
        ("right-to-left", {"right_to_left": "yes"}, "right-to-left-shunt", "ask"),
        ("sizes-go-up", ew.cell("agent", "particles", 1, low_um=50.0), "sizes-go-down", "warn"),
        ("metal-oversize", metal(device_mm=4.2), "oversize", "warn"),
        ("metal-oversize", metal(device_mm=5.0), "oversize", "warn"),
        ("metal-oversize", metal(kind="plug", device_mm=5.0), "oversize", "warn"),
        ("metal-oversize", metal(vessel_mm=None), "not-evaluated", "warn"),
        ("coil-packing", sac(1), "packing-low", "warn"),
        ("coil-packing", sac(None), "not-evaluated", "warn"),
        ("glue-dilution", glue(6.0), "glue-dilution", "warn"),
        ("glue-dilution", glue(None), "not-evaluated", "warn"),
        ("agent-in-catalogue", ew.cell("agent", "particles", low_um=120.0), "size-unknown", "warn"),
        ("agent-in-catalogue", ew.cell("agent", "particles", product="Mine"), "product-unknown", "info"),
        ("particles-pass", ew.bearing(0.020), "catheter-too-narrow", "warn"),
        ("particles-pass", ew.bearing(None), "not-evaluated", "warn"),
        ("coils-pass", metal(wire_mm=0.889), "coil-too-thick", "warn"),
    ],
    "medication": [
        ("contrast-premedication", ew.contrast_reaction(), "no-premedication", "ask"),
        ("antibiotic-reasoned", {"antibiotic_reason": None}, "antibiotic-without-reason", "warn"),
    ],
    "angio_findings": [
        ("before-injection", {"coverage": None}, "coverage-unanswered", "ask"),
        ("before-injection", ew.cell("angio_findings", "coverage", covered="not"), "not-covered", "ask"),
        ("before-injection", {"shunt_seen": "unknown"}, "shunt-unanswered", "ask"),
        ("before-injection", {"shunt_seen": "early-vein"}, "shunt-at-angiography", "ask"),
        ("before-injection", {"dangerous_branches": "not-looked-for"}, "branches-unanswered", "ask"),
        ("before-injection", {"dangerous_branches": "seen-open"}, "branch-at-angiography", "ask"),
        ("plan-against-angiogram", {"feeders_as_planned": "no"}, "feeders-differ", "info"),
        ("plan-against-angiogram", {"shunt_seen": "early-vein"}, "shunt-differs", "info"),
        ("plan-against-angiogram", ew.answers("positions", non_targets=None), "branches-differ", "info"),
    ],
    "injections": [
        ("positions-recorded", injection(position=9), "position-not-recorded", "warn"),
        ("positions-recorded", injection(status="changed"), "position-without-reason", "warn"),
        ("injection-events", injection(reflux="yes"), "reflux", "warn"),
        ("injection-events", injection(wedged="yes"), "wedged", "warn"),
        ("injection-events", injection(endpoint="not-judged"), "not-evaluated", "warn"),
        ("given-against-plan", injection(agent="glue"), "agent-not-planned", "warn"),
        ("given-against-plan", injection(low_um=40.0), "smaller-than-planned", "warn"),
        ("given-against-plan", ew.answers("angio_findings", shunt_seen="early-vein"), "small-into-shunt", "warn"),
    ],
    "completion": [
        ("completion-read", {"final_run": "none"}, "no-final-run", "warn"),
        ("completion-read", {"stasis": "not-judged"}, "not-evaluated", "warn"),
        ("completion-read", {"second_supply": "open"}, "second-supply", "warn"),
        ("completion-read", {"second_supply": "not-looked-for"}, "not-evaluated", "warn"),
        ("completion-read", {"non_target": ["stomach"]}, "non-target", "warn"),
        ("completion-read", {"non_target": ["not-looked-for"]}, "non-target-unknown", "warn"),
        ("completion-read", {"arterial_injury": "dissection"}, "arterial-injury", "warn"),
        ("runs-compared", ew.without_series("dsa-after"), "no-run-after", "info"),
        ("runs-compared", ew.without_series("dsa-before"), "no-run-before", "info"),
        ("left-untreated", ew.cell("injections", "injections", status="not-done"), "untreated", "warn"),
    ],
    "recovery": [
        ("distal-pulse", {"pulse": "absent"}, "pulse", "warn"),
        ("distal-pulse", {"pulse": "not-checked"}, "not-evaluated", "warn"),
    ],
    "early_course": [
        ("fever-watched", {"fever_days": 6}, "long-fever", "warn"),
        ("fever-watched", {"abscess": "yes"}, "abscess", "warn"),
    ],
}
GATES = ew.gates(FIRES)
LUNG = "lung"
BY_ORGAN = ew.gates(
    {
        "positions": [
            ("branches-looked-for", {"non_targets": None}, "branch-not-looked-for", "warn"),
            ("branches-looked-for", ew.answers("bleeding", target_organ=None), "not-evaluated", "warn"),
        ],
        "agent": [
            ("agent-in-catalogue", ew.cell("agent", "particles", low_um=100.0, high_um=300.0), "not-for-organ", "warn"),
        ],
    },
    LUNG,
)
"""Gates that look at the organ, tried on a bleeding of the lung."""


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_that_a_shared_check_fires(gate: ew.nw.Gate) -> None:
    ew.assert_fires(NAME, gate)


@pytest.mark.parametrize("gate", BY_ORGAN, ids=str)
def test_that_a_check_looks_at_the_organ(gate: ew.nw.Gate) -> None:
    ew.assert_fires("bleeding", gate)
    assert ew.fired("bleeding", lambda case: case, gate.stage, gate.check, LUNG) == []


def test_that_every_shared_gate_was_tried_and_passes_on_the_example() -> None:
    by_organ = [ew.nw.Gate(each.stage, each.check, each.change, each.code, each.acts) for each in BY_ORGAN]
    ew.assert_all_tried_and_quiet(NAME, [*GATES, *by_organ], shared=True)


@pytest.mark.parametrize("name", ["embolisation", "arterial_drugs"])
def test_that_a_fragment_lints_clean(name: str) -> None:
    assert lint_template(ew.ROOT / "procedures" / name, ew.profiles()) == ()


# ---------------------------------------------------------------- what is silent, and where limits lie


def codes(change: ew.nw.Change, stage: str, check: str) -> set[str]:
    return ew.codes(ew.fired(NAME, change, stage, check))


def test_that_positions_beside_each_other_add_up_and_one_behind_the_other_does_not() -> None:
    halves = [ew.position(f"position-{n}", s, coverage={"lesion-1": 0.5}) for n, s in ((1, "upper"), (2, "lower"))]
    left = ew.answers("positions", lesions_left=[{"lesion": "lesion-2", "reason": "next session"}])
    assert codes(ew.both(left, ew.items(*halves)), "positions", "positions-cover") == set()
    nested = [halves[0], ew.position("position-2", "feeder", coverage={"lesion-1": 0.5})]
    (found,) = ew.fired(NAME, ew.both(left, ew.items(*nested)), "positions", "positions-cover")
    assert (found.code, found.measured, found.limit) == ("lesion-not-covered", 50.0, 90.0)
    twice = [halves[0], ew.position("position-2", "upper", coverage={"lesion-1": 0.5})]
    assert codes(ew.both(left, ew.items(*twice)), "positions", "positions-cover") == {"lesion-not-covered"}


@pytest.mark.parametrize(("share", "fires"), [(0.9, False), (0.8999999, True)])
def test_that_coverage_is_compared_unrounded(share: float, fires: bool) -> None:
    change = ew.items(ew.position(coverage={"lesion-1": share}))
    assert bool(codes(change, "positions", "positions-cover")) is fires


def test_that_a_branch_that_is_written_about_is_planned() -> None:
    named = ew.answers("positions", non_targets=[{"branch": "cystic", "state": "found", "plan": "Tip beyond it"}])
    assert codes(ew.both(at_cystic(), named), "positions", "model-branches") == set()
    other = ew.answers("positions", non_targets=[{"branch": "falciform", "state": "found", "plan": "Ice"}])
    assert codes(ew.both(at_cystic(), other), "positions", "model-branches") == {"branch-downstream"}
    missing = ew.both(BARE, ew.items(ew.position(non_targets=(ew.branch(how="not-found"),))))
    assert codes(missing, "positions", "model-branches") == set()
    spared = ew.both(at_cystic(), rows(action="protect"))
    assert codes(spared, "positions", "model-branches") == set()


def test_that_a_feeder_below_a_position_is_reached_and_one_before_it_is_not() -> None:
    assert codes(ew.items(ew.feeders()), "positions", "feeders-reached") == set()
    assert codes(ew.items(ew.feeders(segment="right")), "positions", "feeders-reached") == {"feeder-not-reached"}


def test_that_what_ct_misses_names_date_slice_and_calibre() -> None:
    (first, _) = ew.fired(NAME, ew.items(ew.feeders()), "positions", "feeders-may-be-missed")
    assert "1 feeder seen on CT of 2026-05-01, slice 1 mm" in first.text
    assert "below 1.20 mm are not visible" in first.text
    assert first.text.endswith("A feeder not found is not a feeder absent.")
    assert not {"safe", "complete"} & set(first.text.split())


@pytest.mark.parametrize(("shunt_mm", "fires"), [(0.0999, False), (0.1, True)])
def test_that_a_particle_must_exceed_the_shunt(shunt_mm: float, fires: bool) -> None:
    found = ew.fired(NAME, ew.answers("agent", shunt="small", shunt_mm=shunt_mm), "agent", "shunt-rule")
    assert any(each.limit == shunt_mm * 1000.0 for each in found) is fires
    treated = ew.answers("agent", shunt="large", shunt_treated_first="Coils in the shunt")
    assert codes(treated, "agent", "shunt-rule") == set()


def test_that_larger_particles_are_not_refused_while_a_shunt_is_not_judged() -> None:
    large = [{"kind": "microspheres", "product": "Embosphere", "low_um": 500.0, "high_um": 700.0}]
    (found,) = ew.fired(NAME, ew.answers("agent", particles=large, shunt="unknown"), "agent", "shunt-rule")
    assert (found.code, found.blocks) == ("shunt-unanswered", False)


@pytest.mark.parametrize("device_mm", [4.4, 4.8])
def test_that_the_ends_of_the_oversize_range_pass(device_mm: float) -> None:
    assert codes(metal(device_mm=device_mm), "agent", "metal-oversize") == set()
    vein = metal(device_mm=device_mm + 0.4, bed="vein")
    assert codes(vein, "agent", "metal-oversize") == set()
    assert codes(metal(device_mm=device_mm, bed="vein"), "agent", "metal-oversize") <= {"oversize"}


def test_that_two_coils_of_the_worked_example_pack_the_sac() -> None:
    assert codes(sac(2), "agent", "coil-packing") == set()
    case = sac(1)(ew.filled_case(NAME))
    (shown,) = ew.computed(NAME, case, "agent", "packing")
    assert shown.value == pytest.approx(12.5, abs=0.01)


def test_that_a_no_go_asks_nothing_and_nothing_refuses_the_record() -> None:
    case = ew.answers("angio_findings", go="no-go", coverage=None, shunt_seen=None)(ew.filled_case(NAME))
    case = ew.answers("injections", injections=None, stopped_because=["nothing-given"])(case)
    assert ew.checked(NAME, case, "angio_findings", "before-injection") == []
    status = evaluate(case, ew.session_of(case), ew.template(NAME), ew.profiles()[ew.PROFILE], ew.at(ew.DAY))
    for stage in ("angio_findings", "injections", "completion"):
        assert not [found.text for found in status.stage(stage).findings if found.blocks]


def test_that_an_edited_tree_makes_its_positions_stale() -> None:
    renamed = ew.items(ew.tree(pattern="III"))
    (first, second) = ew.fired(NAME, renamed, "positions", "positions-measured")
    assert first.text == "Position 1 (A8, segment VIII branch): measured before the tree changed: measure again."
    assert second.code == "measured-before"


def test_that_a_thick_sheath_or_a_way_through_the_liver_may_be_high_risk() -> None:
    high = ew.answers("fitness", bleeding_class="high")
    for access in ({"sheath": 8.0}, {"access": "transhepatic"}):
        assert (
            codes(ew.both(high, ew.answers("arteries_access", **access)), "arteries_access", "low-risk-class") == set()
        )


def test_that_the_next_session_finds_its_positions_anew() -> None:
    walk = ew.walked(NAME)
    case, second = start_next_session(walk.case, ew.SESSION, ew.template(NAME), walk.profile, now=walk.now)
    session = case.session(second)
    assert session is not None
    assert session.items == ()
    rows = session.answer("positions", "positions")
    assert [row["vessel"] for row in rows] == ["A8, segment VIII branch", "A6, segment VI branch"]
    assert not any("position" in row for row in rows)
    for field in ("shunt", "metal", "liquids"):
        assert session.answer("agent", field) is None
    card = {line.label: line.values for line in last_time_card(walk.case, ew.SESSION, ew.template(NAME)).lines}
    assert card["Agent"] == ("Embosphere 100-300", "Embosphere 100-300")


def test_that_every_branch_at_risk_can_be_answered_and_has_a_source() -> None:
    table = ew.fragment("embolisation").stage("positions").field("non_targets")
    assert table is not None
    codes_of_form = {choice.code for column in table.columns for choice in column.choices}
    rows = catalogue("branches_at_risk.toml")["organ"]
    assert {branch for row in rows for branch in row["branches"]} <= codes_of_form
    assert all(row["source"] and row["tag"] in ("S", "S2", "M", "P") for row in rows)
    asked = {
        choice.code
        for name, stage in (("bleeding", "bleeding"), ("embolisation_organ", "target"))
        for each in ew.template(name).stage(stage).fields
        if each.id == "target_organ"
        for choice in each.choices
    }
    assert asked <= {row["key"] for row in rows}


def test_that_the_catalogue_speaks_beside_the_agents_with_its_source() -> None:
    shown = ew.computed(NAME, ew.bearing(0.027)(ew.filled_case(NAME)), "agent", "agent_notes")
    assert [(each.value, each.tag) for each in shown] == [("500-710 µm", "S")]
    assert shown[0].inputs == {"catheter": "0.024 in"}
    (dextrose,) = ew.computed(NAME, glue(3.0)(ew.filled_case(NAME)), "agent", "agent_notes")
    assert dextrose.value == "1:1 to 1:5"
    assert "dextrose" in dextrose.note
    mine = ew.cell("agent", "particles", 0, product="Mine")
    both = ew.both(mine, ew.cell("agent", "particles", 1, product="Mine"))
    (nothing,) = ew.computed(NAME, both(ew.filled_case(NAME)), "agent", "agent_notes")
    assert nothing.value is None
