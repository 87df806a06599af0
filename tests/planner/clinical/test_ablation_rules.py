"""Rules about zones: heat sinks, ice, spacing, pairs of electrodes, structures near a zone (R14)."""

from __future__ import annotations

import pytest

from planner.clinical.registry import RULES, evaluate


@pytest.mark.parametrize(
    ("diameter", "distance", "near"),
    [(3.0, 1.0, False), (3.01, 5.0, True), (3.01, 5.01, False), (6.0, -2.0, True), (2.0, 0.0, False)],
)
def test_that_a_heat_sink_is_wider_than_3_mm_and_within_5(diameter: float, distance: float, near: bool) -> None:
    result = evaluate("heat_sink", {"energy": "mwa", "vessel_diameter": diameter, "distance": distance})
    assert result.value("near") is near
    assert bool(result.findings) is near


def test_that_radiofrequency_is_told_what_is_preferred() -> None:
    given = {"vessel_diameter": 5.0, "distance": 2.0}
    assert "microwave is preferred" in evaluate("heat_sink", {"energy": "rfa", **given}).findings[0].text
    assert "preferred" not in evaluate("heat_sink", {"energy": "cryo", **given}).findings[0].text


@pytest.mark.parametrize(("isotherm", "beyond"), [(0.0, 15.0), (-20.0, 10.0), (-30.0, 7.5), (-40.0, 5.0), (-70.0, 5.0)])
def test_that_visible_ice_passes_the_tumour_by_10_mm_and_the_margin(isotherm: float, beyond: float) -> None:
    result = evaluate("cryo_ice_margin", {"margin": 5.0, "isotherm": isotherm})
    assert result.number("required_beyond") == pytest.approx(beyond)


@pytest.mark.parametrize(
    ("energy", "spacing", "within"),
    [("cryo", 10.0, True), ("cryo", 15.01, False), ("ire", 14.9, False), ("ire", 20.0, True), ("rfa", 30.0, True)],
)
def test_that_spacing_has_a_usual_range_by_energy(energy: str, spacing: float, within: bool) -> None:
    result = evaluate("applicator_spacing", {"energy": energy, "spacing": spacing})
    assert result.value("within") is within
    assert [each.measured for each in result.findings] == ([] if within else [spacing])


def test_that_the_spacing_of_cryoprobes_rests_on_a_source_and_that_of_electrodes_does_not() -> None:
    assert evaluate("applicator_spacing", {"energy": "cryo", "spacing": 30.0}).findings[0].tag == "S"
    assert evaluate("applicator_spacing", {"energy": "ire", "spacing": 30.0}).findings[0].unverified


def test_that_a_pair_is_parallel_with_level_tips() -> None:
    assert evaluate("ire_pair", {"angle": 10.0, "tip_difference": 5.0}).value("parallel") is True
    assert len(evaluate("ire_pair", {"angle": 10.1, "tip_difference": 5.1}).findings) == 2


@pytest.mark.parametrize(
    ("distance", "nearness"), [(-1.0, "red"), (4.99, "red"), (5.0, "near"), (9.99, "near"), (10.0, "apart")]
)
def test_that_structures_near_a_zone_are_graded(distance: float, nearness: str) -> None:
    result = evaluate("zone_near_structure", {"distance": distance})
    assert result.grade == nearness
    assert bool(result.findings) is (nearness != "apart")


def test_that_every_rule_of_ablation_has_a_source() -> None:
    for name in ("heat_sink", "cryo_ice_margin", "applicator_spacing", "ire_pair", "zone_near_structure"):
        assert RULES[name].section == "R14"
        assert all(entry.source and entry.tag for entry in RULES[name].constants.entries.values())
