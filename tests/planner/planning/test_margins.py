"""Margins against analytic spheres and ellipsoids, and what is said where nothing can be measured."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from analytic_bodies import FRAME, ball, drawn, turned_axes

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import SpaceMap, lps
from planner.imaging.masks import Mask
from planner.imaging.rigid_registration import MatchError, RigidMatch
from planner.planning.margin_findings import GAS, achieved_margin, margin_findings
from planner.planning.margin_map import MapSession
from planner.planning.margins import Margin, MarginSession, capsule_of, margin
from planner.planning.target_surface import TargetSurface
from planner.planning.zones import Zone

RADIUS, ZONE_RADIUS = 12.0, 18.0
CENTRE = np.array([5.2, -3.1, 40.7])
SHIFT = np.array([2.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def target() -> TargetSurface:
    return TargetSurface.of(drawn(ball(CENTRE, RADIUS), (1.5, 0.8, 0.8), turned_axes(4)))


@pytest.fixture(scope="module")
def shifted_zone() -> TargetSurface:
    return TargetSurface.of(drawn(ball(CENTRE + SHIFT, ZONE_RADIUS), (1.2, 0.9, 0.9), turned_axes(7)))


@pytest.fixture(scope="module")
def organ() -> Mask:
    """Its capsule passes 3 mm in front of the target."""
    return drawn(ball(CENTRE + (0.0, 25.0, 0.0), 40.0), (2.0, 1.0, 1.0))


def test_that_masks_in_two_oblique_grids_give_the_analytic_margin(
    target: TargetSurface, shifted_zone: TargetSurface
) -> None:
    found = margin(target, shifted_zone).numbers
    mean = ZONE_RADIUS - RADIUS - 4.0 / (3.0 * RADIUS)
    assert found.minimum_mm == pytest.approx(4.0, abs=0.3)
    assert found.mean_mm == pytest.approx(mean, abs=0.1)
    # The twentieth of a sphere's surface that is nearest to one side is a cap of a twentieth of the diameter.
    offset = np.array([0.9 * RADIUS, math.sqrt(1.0 - 0.81) * RADIUS])
    assert found.percentile_5_mm == pytest.approx(ZONE_RADIUS - np.hypot(offset[0] + 2.0, offset[1]), abs=0.15)
    assert found.covered_fraction == 1.0
    assert found.uncovered_ml == 0.0
    assert sum(found.surface_fraction.values()) == pytest.approx(1.0)
    assert found.surface_fraction["lt_0"] == found.surface_fraction["ge_10"] == 0.0
    # Below 5 mm: points more than 13 mm from the zone's centre, 2 mm to the left of the target's.
    cosine = (RADIUS**2 + 4.0 - 13.0**2) / (4.0 * RADIUS)
    assert found.surface_fraction["0_5"] == pytest.approx(0.5 * (1.0 + cosine), abs=0.03)


def test_that_planned_and_drawn_zone_agree(target: TargetSurface, shifted_zone: TargetSurface) -> None:
    planned = margin(target, [ball(CENTRE + SHIFT, ZONE_RADIUS)])
    drawn_zone = margin(target, shifted_zone)
    assert np.abs(planned.values_mm - drawn_zone.values_mm).max() < 0.5
    assert planned.numbers.zone_ml == pytest.approx(4.0 / 3.0 * math.pi * 18.0**3 / 1000.0)
    assert drawn_zone.numbers.zone_ml == pytest.approx(planned.numbers.zone_ml, rel=0.01)


def test_that_what_lies_outside_is_negative_and_its_volume_is_a_cap(target: TargetSurface) -> None:
    found = margin(target, [ball(CENTRE + (10.0, 0.0, 0.0), RADIUS)]).numbers
    lens = math.pi * (2 * RADIUS - 10.0) ** 2 * (100.0 + 4 * 10.0 * RADIUS) / (12 * 10.0)
    whole = 4.0 / 3.0 * math.pi * RADIUS**3
    assert found.minimum_mm == pytest.approx(-10.0, abs=0.2)
    assert found.covered_fraction == pytest.approx(lens / whole, abs=0.01)
    assert found.uncovered_ml == pytest.approx((whole - lens) / 1000.0, abs=0.1)
    assert found.surface_fraction["lt_0"] == pytest.approx(0.5 * (1.0 + 5.0 / RADIUS), abs=0.03)


def test_that_a_zone_of_another_frame_is_refused(target: TargetSurface) -> None:
    other = TargetSurface.of(drawn(ball(CENTRE, 15.0), (2.0, 2.0, 2.0), frame_uid="9.9"))
    with pytest.raises(FrameMismatch):
        margin(target, other)


def test_that_no_zone_is_refused(target: TargetSurface) -> None:
    with pytest.raises(InputRefused) as caught:
        margin(target, [])
    assert caught.value.code == "no-zone"


def test_that_moved_zones_are_measured_as_if_new(target: TargetSurface) -> None:
    session = MarginSession(target)
    zones = [ball(CENTRE, 14.0), Zone((8.0, -3.0, 47.0), (0.0, 0.6, 0.8), 16.0, 11.0)]
    session.update(zones)
    zones[1] = replace(zones[1], centre_lps_mm=(-4.0, -1.0, 44.0))
    again, fresh = session.update(zones), margin(target, zones)
    assert again.numbers == fresh.numbers
    assert np.array_equal(again.values_mm, fresh.values_mm)


def test_that_surface_near_the_capsule_is_left_out_and_both_minima_are_told(target: TargetSurface, organ: Mask) -> None:
    capsule = capsule_of(target, organ, 5.0)
    zone = [ball(CENTRE + (0.0, 4.0, 0.0), 15.0)]
    found = MarginSession(target, capsule).update(zone)
    assert capsule.organ_holds_target
    assert found.subcapsular is not None
    assert found.subcapsular.numbers is not None
    # Nearer than 5 mm to the capsule: points at least 35 mm from the organ's centre.
    cosine = (35.0**2 - RADIUS**2 - 625.0) / (2 * 25.0 * RADIUS)
    assert found.subcapsular.excluded_fraction == pytest.approx(0.5 * (1.0 - cosine), abs=0.03)
    assert found.numbers.minimum_mm == pytest.approx(-1.0, abs=0.2)
    least = 15.0 - math.sqrt(RADIUS**2 + 16.0 + 8.0 * RADIUS * cosine)
    assert found.subcapsular.numbers.minimum_mm == pytest.approx(least, abs=0.4)


def test_that_an_organ_mask_without_the_tumour_has_the_same_capsule(target: TargetSurface, organ: Mask) -> None:
    kji = np.argwhere(organ.voxels) + np.asarray(organ.box[0])
    points = organ.grid.lps_from_kji.points(kji)
    kept = kji[target.values_at(points) > 0.0]
    hollow = np.zeros(organ.grid.size_kji, dtype=np.bool_)
    hollow[tuple(kept.T)] = True
    whole, without = capsule_of(target, organ, 5.0), capsule_of(target, Mask.of(organ.grid, hollow), 5.0)
    assert not without.organ_holds_target
    assert np.mean(without.near) == pytest.approx(np.mean(whole.near), abs=0.01)


def test_that_an_organ_elsewhere_is_refused(target: TargetSurface) -> None:
    with pytest.raises(InputRefused) as caught:
        capsule_of(target, drawn(ball(CENTRE + 200.0, 10.0), (2.0, 2.0, 2.0)), 5.0)
    assert caught.value.code == "mask-outside"


def test_that_the_map_shows_where_the_margin_is_least(target: TargetSurface) -> None:
    found = margin(target, [ball(CENTRE + (0.0, -3.0, 0.0), ZONE_RADIUS)])
    drawn_map = MapSession(target).map(found)
    assert min(drawn_map.sectors_mm, key=lambda name: drawn_map.sectors_mm[name]) == "back"
    assert drawn_map.sectors_mm["front"] > 7.0 > drawn_map.sectors_mm["back"]
    assert len(drawn_map.fine_sectors_mm) == 18
    row, column = drawn_map.minimum_row_column
    assert 35 < row < 55
    assert column < 12 or column > 167
    assert drawn_map.unrolled_mm[45, 90] == pytest.approx(9.0, abs=0.3)
    assert drawn_map.unrolled_mm[45, 0] == pytest.approx(3.0, abs=0.3)
    assert drawn_map.unrolled_mm[45, 135] == pytest.approx(18.0 - math.sqrt(144.0 + 9.0), abs=0.3)
    assert set(np.unique(drawn_map.unrolled_bins)) == {1, 2}
    assert drawn_map.histogram_shares.sum() == pytest.approx(1.0)
    below = drawn_map.histogram_edges_mm[1:] <= 5.0
    assert drawn_map.histogram_shares[below].sum() == pytest.approx(found.numbers.surface_fraction["0_5"])


def test_that_the_left_of_the_patient_lies_right_of_the_middle(target: TargetSurface) -> None:
    drawn_map = MapSession(target).map(margin(target, [ball(CENTRE + (3.0, 0.0, 2.0), ZONE_RADIUS)]))
    assert drawn_map.unrolled_mm[45, 135] > drawn_map.unrolled_mm[45, 45] + 4.0
    assert drawn_map.unrolled_mm[5, 90] > drawn_map.unrolled_mm[85, 90] + 2.0


def _match(moving_frame: str, error: MatchError | None) -> RigidMatch:
    homogeneous = np.eye(4)
    homogeneous[:3, :3] = [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    homogeneous[:3, 3] = (30.0, -12.0, 5.0)
    return RigidMatch(SpaceMap(lps(moving_frame), lps(FRAME), homogeneous), error)


def _achieved_zone(match: RigidMatch) -> TargetSurface:
    centre = match.moving_lps_from_fixed.points(CENTRE + SHIFT)
    return TargetSurface.of(drawn(ball(centre, ZONE_RADIUS), (1.2, 0.9, 0.9), turned_axes(7), frame_uid="9.9"))


def test_that_an_achieved_margin_without_an_error_has_no_number(target: TargetSurface) -> None:
    match = _match("9.9", None)
    found = achieved_margin(target, _achieved_zone(match), match)
    assert found.margin is None
    assert found.within_registration_error is None
    assert [each.code for each in found.findings] == ["margin-not-measurable"]


def test_that_a_zone_on_other_images_is_measured_through_the_match(target: TargetSurface) -> None:
    errors = np.array([1.0, 2.0, 3.0, 4.0])
    match = _match("9.9", MatchError(errors, errors, "leave-one-out"))
    found = achieved_margin(target, _achieved_zone(match), match)
    assert isinstance(found.margin, Margin)
    assert found.margin.numbers.minimum_mm == pytest.approx(4.0, abs=0.3)
    assert found.margin.numbers.covered_fraction == 1.0
    assert found.registration_error_mm == 2.5
    assert found.within_registration_error is False


def test_that_a_margin_not_larger_than_the_error_is_flagged(target: TargetSurface) -> None:
    match = _match("9.9", None)
    found = achieved_margin(target, _achieved_zone(match), match, registration_error_mm=6.0, edge=GAS)
    assert found.within_registration_error is True
    assert {"margin-within-error", "gas-as-edge"} <= {each.code for each in found.findings}


def test_that_a_coarse_zone_is_said_to_be_coarse(target: TargetSurface) -> None:
    coarse = TargetSurface.of(drawn(ball(CENTRE, ZONE_RADIUS), (5.0, 1.0, 1.0)))
    found = achieved_margin(target, coarse, None, registration_error_mm=1.0)
    assert "zone-accuracy" in {each.code for each in found.findings}


def test_that_sharing_a_frame_is_no_registration(target: TargetSurface, shifted_zone: TargetSurface) -> None:
    assert achieved_margin(target, shifted_zone, None).margin is None


def test_that_a_small_margin_and_target_left_are_said(target: TargetSurface) -> None:
    small = margin_findings(margin(target, [ball(CENTRE, RADIUS + 3.0)]))
    left = margin_findings(margin(target, [ball(CENTRE, RADIUS - 1.0)]))
    enough = margin_findings(margin(target, [ball(CENTRE, RADIUS + 6.0)]))
    assert [each.code for each in small] == ["small-margin", "margin-accuracy"]
    assert [each.code for each in left] == ["target-left", "margin-accuracy"]
    assert [each.code for each in enough] == ["margin-accuracy"]
    assert small[0].limit == 5.0
    assert small[0].source is not None
