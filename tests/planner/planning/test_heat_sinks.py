"""Vessels that cool, measured on tubes of known width; and electrodes in pairs."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import ball, centres_lps_mm, grid_of

from planner.errors import FrameMismatch
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.planning.devices import ChartZone
from planner.planning.heat_sinks import heat_sinks, local_diameter_mm
from planner.planning.ire import electrode_pairs
from planner.planning.zones import Applicator

GRID = grid_of((40, 80, 80), (2.0, 0.8, 0.8))
CENTRE = GRID.centre_lps_mm
TARGET = ball(GRID, CENTRE, 10.0)
CHART = ChartZone("d", "s", "ire", 28.0, 22.0, "simulated liver", "paper", "P")


def tube(diameter_mm: float, gap_mm: float) -> Mask:
    """A vessel along the body's axis whose wall passes the target at a distance."""
    away = 10.0 + gap_mm + diameter_mm / 2.0
    points = centres_lps_mm(GRID) - CENTRE
    return Mask.of(GRID, (points[..., 0] - away) ** 2 + points[..., 1] ** 2 <= (diameter_mm / 2.0) ** 2)


@pytest.mark.parametrize("diameter", [2.4, 4.0, 6.0, 8.0])
def test_that_the_width_of_a_vessel_is_known_to_less_than_a_voxel(diameter: float) -> None:
    found = local_diameter_mm(tube(diameter, 3.0))
    assert float(np.median(found[found > 0.0])) == pytest.approx(diameter, abs=0.8)


def test_that_a_wide_vessel_near_the_target_is_named_with_its_width_and_distance() -> None:
    found = heat_sinks({"portal_vein": tube(6.0, 3.0)}, TARGET, "rfa")
    assert len(found) == 1
    assert found[0].diameter_mm == pytest.approx(6.0, abs=0.8)
    assert found[0].distance_mm == pytest.approx(3.0, abs=1.0)
    assert "microwave is preferred" in found[0].finding.text
    assert found[0].finding.tag == "M"


@pytest.mark.parametrize(("diameter", "gap"), [(2.0, 1.0), (6.0, 8.0)])
def test_that_thin_and_far_vessels_are_not_named(diameter: float, gap: float) -> None:
    assert heat_sinks({"v": tube(diameter, gap)}, TARGET, "mwa") == ()


def test_that_a_vessel_through_the_target_lies_inside_it() -> None:
    found = heat_sinks({"v": tube(6.0, -14.0)}, TARGET, "mwa")
    assert found[0].distance_mm < 0.0


def test_that_electroporation_has_no_heat_sink_and_frames_are_not_mixed() -> None:
    assert heat_sinks({"v": tube(6.0, 3.0)}, TARGET, "ire") == ()
    with pytest.raises(FrameMismatch):
        heat_sinks({"v": Mask.empty(Grid.of((5, 5, 5), frame_uid="9.9"))}, TARGET, "mwa")


def test_that_an_institution_may_set_other_limits() -> None:
    vessels = {"v": tube(6.0, 8.0)}
    changed = {"heat_sink": {"distance_at_most": 12.0}}
    assert heat_sinks(vessels, TARGET, "mwa", overrides=changed)[0].finding.limit == 12.0


def electrode(name: str, x: float, depth: float = 100.0, lean: float = 0.0) -> Applicator:
    return Applicator(name, (x + lean, 0.0, 0.0), (x, 0.0, depth), CHART)


def test_that_a_pair_is_spaced_and_has_the_voltage_of_the_rule() -> None:
    pair = electrode_pairs([electrode("a", 0.0), electrode("b", 15.0)])[0]
    assert pair.spacing_mm == pytest.approx(15.0)
    assert pair.voltage_v == pytest.approx(2250.0)
    assert pair.allowed
    assert pair.needed
    assert pair.findings == ()


def test_that_a_voltage_above_the_generators_limit_is_refused() -> None:
    pair = electrode_pairs([electrode("a", 0.0), electrode("b", 24.0)])[0]
    assert not pair.allowed
    refused = [each for each in pair.findings if each.code == "voltage-limit"]
    assert refused[0].blocks
    assert not refused[0].overridable
    assert "applicator-spacing" in [each.code for each in pair.findings]


def test_that_electrodes_which_lean_or_differ_in_depth_are_named() -> None:
    leaning = electrode_pairs([electrode("a", 0.0), electrode("b", 15.0, lean=25.0)])[0]
    assert leaning.angle_deg == pytest.approx(14.0, abs=0.1)
    assert leaning.spacing_mm > leaning.narrowest_mm
    deeper = electrode_pairs([electrode("a", 0.0), electrode("b", 15.0, depth=108.0)])[0]
    assert deeper.tip_difference_mm == pytest.approx(8.0)
    for pair in (leaning, deeper):
        assert "ire-not-parallel" in [each.code for each in pair.findings]


def test_that_the_pairs_that_hold_a_pattern_together_come_first_and_far_ones_are_not_pulsed() -> None:
    pairs = electrode_pairs([electrode("a", 0.0), electrode("b", 15.0), electrode("c", 33.0)])
    assert [(each.first, each.second, each.needed) for each in pairs] == [("a", "b", True), ("b", "c", True)]
