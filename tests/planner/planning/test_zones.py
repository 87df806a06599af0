"""Zones along the shaft against closed forms and against an independent search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InputRefused
from planner.planning.devices import ChartZone, ablation_devices, zone_for
from planner.planning.kill_zones import kill_chart
from planner.planning.zones import Applicator, Zone, tip_for, union_contains, zone_of, zones_of

CHART = ChartZone("d", "s", "mwa", 40.0, 30.0, "in vivo porcine liver", "paper", "S", tip_offset_mm=5.0)


def along_z(chart: ChartZone = CHART, name: str = "a", x: float = 0.0) -> Applicator:
    return Applicator(name, (x, 0.0, 0.0), (x, 0.0, 100.0), chart)


def test_that_the_zone_lies_along_the_shaft_with_its_far_end_beyond_the_tip() -> None:
    zone = zone_of(along_z())
    assert zone.axis_lps == (0.0, 0.0, 1.0)
    assert zone.centre_lps_mm == pytest.approx((0.0, 0.0, 85.0))
    assert zone.distance_mm([[0.0, 0.0, 105.0], [15.0, 0.0, 85.0]]) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert tip_for(zone.centre_lps_mm, zone.axis_lps, CHART) == pytest.approx((0.0, 0.0, 100.0))


def test_that_a_chart_which_does_not_say_where_the_zone_lies_draws_it_ending_at_the_tip() -> None:
    zone = zone_of(along_z(replace(CHART, tip_offset_mm=None)))
    assert zone.centre_lps_mm[2] + zone.semi_long_mm == pytest.approx(100.0)


def test_that_one_standard_deviation_is_taken_from_diameters() -> None:
    chart = replace(CHART, sd_long_mm=4.0, sd_short_mm=2.0)
    smaller = zones_of([along_z(chart)], -1)
    larger = zones_of([along_z(chart)], +1)
    assert smaller is not None
    assert larger is not None
    assert (smaller[0].semi_long_mm, smaller[0].semi_short_mm) == (18.0, 14.0)
    assert (larger[0].semi_long_mm, larger[0].semi_short_mm) == (22.0, 16.0)
    assert smaller[0].centre_lps_mm == larger[0].centre_lps_mm


def test_that_without_a_standard_deviation_the_smaller_zone_is_unknown_and_not_the_mean() -> None:
    known = replace(CHART, sd_long_mm=4.0, sd_short_mm=2.0)
    assert zones_of([along_z()], -1) is None
    assert zones_of([along_z(known), along_z()], -1) is None
    assert zones_of([along_z(replace(CHART, sd_short_mm=2.0))], -1) is None
    assert zones_of([along_z()]) is not None


def test_that_distances_agree_with_a_dense_surface_for_long_and_for_flat_zones() -> None:
    from scipy.spatial import cKDTree

    chance = np.random.default_rng(5)
    for long, short in ((20.0, 12.0), (10.0, 17.0), (15.0, 15.0)):
        axis = chance.normal(size=3)
        axis /= np.linalg.norm(axis)
        zone = Zone((3.0, -4.0, 10.0), tuple(axis), long, short)
        points = np.asarray(zone.centre_lps_mm) + chance.normal(0.0, 14.0, (200, 3))
        surface = zone.surface_lps_mm(160)
        gap, _ = cKDTree(surface).query(points)
        found = zone.distance_mm(points)
        assert np.abs(np.abs(found) - gap).max() < 0.25
        assert np.array_equal(found < 0.0, zone.level(points) < 1.0)
        assert zone.distance_mm([zone.centre_lps_mm]) == pytest.approx([-min(long, short)])


def test_that_a_flat_zone_measures_from_its_axis_to_the_nearer_pole() -> None:
    zone = Zone((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 10.0, 20.0)
    assert zone.distance_mm([[0, 0, 12], [25, 0, 0], [0, 0, 0]]) == pytest.approx([2.0, 5.0, -10.0])


def test_that_volumes_and_boxes_are_those_of_the_ellipsoid() -> None:
    zone = Zone((1.0, 2.0, 3.0), (1.0, 0.0, 0.0), 20.0, 15.0)
    assert zone.volume_ml == pytest.approx(18.8496, abs=1e-3)
    assert zone.bounds_lps_mm().tolist() == [[-19.0, -13.0, -12.0], [21.0, 17.0, 18.0]]
    assert CHART.volume_ml == pytest.approx(zone.volume_ml)


def test_that_several_applicators_treat_what_lies_in_any_of_their_zones() -> None:
    zones = zones_of([along_z(name="a"), along_z(name="b", x=40.0)])
    assert zones is not None
    inside = union_contains(zones, [[0, 0, 85], [40, 0, 85], [20, 0, 85]])
    assert inside.tolist() == [True, True, False]


def test_that_a_chart_of_two_applicators_gives_one_zone_in_their_middle_and_none_for_one_alone() -> None:
    pair = replace(CHART, applicators=2, spacing_mm=20.0)
    zones = zones_of([along_z(pair, "a"), along_z(pair, "b", 20.0), along_z(pair, "c", 90.0)])
    assert zones is not None
    assert len(zones) == 1
    assert zones[0].applicators == ("a", "b")
    assert zones[0].centre_lps_mm == pytest.approx((10.0, 0.0, 85.0))


def test_that_a_needle_without_length_is_refused() -> None:
    with pytest.raises(InputRefused, match="same point"):
        zone_of(Applicator("a", (1.0, 2.0, 3.0), (1.0, 2.0, 3.0), CHART))


def test_that_of_ice_only_what_kills_counts_and_its_tip_stays_where_it_is() -> None:
    device = ablation_devices()["simulated-cryo"]
    ice, cold = zone_for(device, "10min-ice"), zone_for(device, "10min-40")
    killing, findings = kill_chart(ice)
    assert (killing.long_mm, killing.short_mm) == (ice.long_mm - 20.0, ice.short_mm - 20.0)
    assert killing.isotherm_c == -40.0
    assert [each.code for each in findings] == ["ice-is-not-kill"]
    assert zone_of(along_z(killing)).centre_lps_mm == pytest.approx(zone_of(along_z(ice)).centre_lps_mm)
    assert kill_chart(cold) == (cold, ())
    half, _ = kill_chart(zone_for(device, "10min-20"))
    assert half.short_mm == 28.0 - 10.0, "the -20 isotherm lies half way between edge and kill"


def test_that_ice_thinner_than_its_killing_depth_treats_nothing() -> None:
    with pytest.raises(InputRefused, match="too thin"):
        kill_chart(replace(CHART, energy="cryo", isotherm_c=0.0, short_mm=19.0))
