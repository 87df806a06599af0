"""Placing applicators: targets that need one, two or three, structures that are spared, and what fewer cannot do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shapes import FRAME, ball, ellipsoid, grid_of

from planner.errors import Cancelled, FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.planning.coverage import Avoided, CoverPlan, Spacing, clearances_mm, plan_cover, shaft_distance_mm
from planner.planning.coverage_access import Access, group_tips_mm, skin_entry, ways_in, with_paths, zones_as_placed
from planner.planning.coverage_decision import TargetField, collateral_ml, decide
from planner.planning.devices import ChartZone
from planner.planning.obstacles import Obstacle
from planner.planning.path_target import target_in
from planner.planning.zones import Zone, point, zone_of

GRID = grid_of((70, 100, 100), (1.5, 1.0, 1.0))
CENTRE = GRID.centre_lps_mm
CHART = ChartZone("d", "s", "mwa", 40.0, 40.0, "in vivo porcine liver", "paper", "S", tip_offset_mm=4.0)
Y = np.array([[0.0, 1.0, 0.0]])


def oblong(half_length_mm: float, half_width_mm: float = 8.0) -> Mask:
    return Mask.of(GRID, ellipsoid(GRID, CENTRE, (half_length_mm, half_width_mm, half_width_mm)))


def agrees(plan: CoverPlan, target: Mask) -> bool:
    """An independent look: every voxel centre of the target lies in a zone with the margin to spare."""
    voxels = target.grid.lps_from_kji.points(np.argwhere(target.voxels) + np.asarray(target.box[0]))
    depth = np.max([-zone.distance_mm(voxels) for zone in plan.zones], axis=0)
    return bool((depth > 0.0).all())


def test_that_a_small_target_takes_one_zone_in_its_middle() -> None:
    target = ball(GRID, CENTRE, 10.0)
    plan = plan_cover(target, CHART, margin_mm=5.0, directions_lps=Y)
    assert plan.cover.covered is True
    assert len(plan.zones) == plan.bound.count == 1
    assert np.asarray(plan.zones[0].centre_lps_mm) == pytest.approx(CENTRE, abs=0.4)
    assert agrees(plan, target)


@pytest.mark.parametrize(("half_length", "wanted"), [(22.0, 2), (40.0, 3)])
def test_that_a_longer_target_takes_the_fewest_zones_that_can_do(half_length: float, wanted: int) -> None:
    target = oblong(half_length)
    plan = plan_cover(target, CHART, margin_mm=5.0, directions_lps=Y)
    assert plan.cover.covered is True
    assert len(plan.zones) == wanted
    assert plan.bound.count <= wanted
    assert agrees(plan, target)


def test_that_the_lower_bound_is_reached_where_it_is_sharp() -> None:
    plan = plan_cover(oblong(22.0), CHART, margin_mm=5.0, directions_lps=Y)
    assert plan.bound.count == 2, "its ends lie farther apart than a zone is long"


def test_that_one_zone_too_few_says_so_and_still_answers() -> None:
    plan = plan_cover(oblong(40.0), CHART, margin_mm=5.0, directions_lps=Y, maximum=2)
    assert plan.cover.covered is False
    assert len(plan.zones) == 2
    assert 0.5 < plan.cover.fraction < 1.0
    assert len(plan.cover.uncovered_lps_mm)


def test_that_zones_keep_away_from_a_structure_and_still_cover() -> None:
    target = ball(GRID, CENTRE, 10.0)
    wall = ball(GRID, CENTRE + np.array([26.0, 0.0, 0.0]), 4.0)
    free = plan_cover(target, CHART, margin_mm=3.0, directions_lps=Y)
    spared = plan_cover(target, CHART, margin_mm=3.0, directions_lps=Y, avoided=[Avoided("colon", wall, 5.0)])
    assert spared.cover.covered is True
    assert spared.clearance_mm["colon"] >= 4.5
    assert clearances_mm(free.zones, [Avoided("colon", wall, 5.0)])["colon"] < 4.5


def test_that_sparing_comes_before_covering() -> None:
    target = ball(GRID, CENTRE, 10.0)
    wall = ball(GRID, CENTRE + np.array([16.0, 0.0, 0.0]), 4.0)
    plan = plan_cover(target, CHART, margin_mm=5.0, directions_lps=Y, avoided=[Avoided("colon", wall, 5.0)], maximum=2)
    assert plan.cover.covered is False
    assert plan.clearance_mm["colon"] >= 4.5
    everywhere = Avoided("colon", ball(GRID, CENTRE, 40.0), 5.0)
    nothing = plan_cover(target, CHART, margin_mm=5.0, directions_lps=Y, avoided=[everywhere], maximum=2)
    assert nothing.zones == ()
    assert nothing.cover.fraction == 0.0


def test_that_a_moved_zone_is_decided_anew() -> None:
    target = ball(GRID, CENTRE, 10.0)
    plan = plan_cover(target, CHART, margin_mm=5.0, directions_lps=Y)
    moved = [replace(plan.zones[0], centre_lps_mm=point(CENTRE + np.array([9.0, 0.0, 0.0])))]
    field = TargetField.of(target, 5.0)
    assert decide(field, moved).covered is False
    assert collateral_ml(field, moved)[1] > plan.collateral_ml


def test_that_of_several_directions_the_one_that_needs_fewest_is_taken() -> None:
    chart = replace(CHART, long_mm=60.0, short_mm=28.0)
    across = plan_cover(oblong(20.0), chart, margin_mm=4.0, directions_lps=Y)
    both = plan_cover(oblong(20.0), chart, margin_mm=4.0, directions_lps=[[0, 1, 0], [1, 0, 0]])
    assert len(across.zones) > 1
    assert len(both.zones) == 1
    assert both.direction_lps == (1.0, 0.0, 0.0)


def test_that_spacing_is_measured_between_shafts() -> None:
    first = Zone((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 10.0, 10.0)
    second = replace(first, centre_lps_mm=(12.0, 0.0, 30.0))
    assert shaft_distance_mm(first, second) == pytest.approx(12.0)
    assert Spacing(10.0, 15.0).broken([first, second]) == ()
    assert Spacing(15.0, 20.0).broken([first, second]) == ((0, 12.0), (1, 12.0))
    assert Spacing(None, 10.0).broken([first, second]) == ((0, 12.0), (1, 12.0))
    assert Spacing(15.0, 20.0).broken([first]) == ()


def test_that_the_same_target_gives_the_same_plan() -> None:
    plans = [plan_cover(oblong(22.0), CHART, margin_mm=5.0, directions_lps=Y) for _ in range(2)]
    assert plans[0].zones == plans[1].zones


def test_that_it_can_be_cancelled_and_nonsense_is_refused() -> None:
    job = Context()
    job.cancel()
    with pytest.raises(Cancelled):
        plan_cover(oblong(22.0), CHART, margin_mm=5.0, context=job)
    with pytest.raises(InputRefused, match="applicators"):
        plan_cover(oblong(22.0), CHART, margin_mm=5.0, maximum=0)
    other = Grid.of((5, 5, 5), frame_uid="9.9")
    with pytest.raises(FrameMismatch):
        plan_cover(oblong(22.0), CHART, margin_mm=5.0, avoided=[Avoided("x", Mask.empty(other), 1.0)])


def test_that_a_group_stands_around_the_middle_of_its_zone() -> None:
    zone = Zone(point(CENTRE), (0.0, 0.0, 1.0), 20.0, 15.0)
    tips = group_tips_mm(zone, replace(CHART, applicators=3, spacing_mm=20.0))
    assert tips.mean(axis=0) == pytest.approx(CENTRE + np.array([0.0, 0.0, 16.0]))
    sides = [np.linalg.norm(tips[a] - tips[b]) for a, b in ((0, 1), (1, 2), (2, 0))]
    assert sides == pytest.approx([20.0] * 3)


@pytest.fixture(scope="module")
def body() -> Mask:
    return Mask.of(GRID, ellipsoid(GRID, CENTRE, (46.0, 44.0, 400.0)))


def test_that_a_shaft_leaves_the_body_through_its_skin(body: Mask) -> None:
    entry = skin_entry(body, CENTRE, np.array([0.0, -1.0, 0.0]))
    assert entry is not None
    assert entry == pytest.approx(CENTRE - np.array([0.0, 44.0, 0.0]), abs=0.8)
    assert skin_entry(body, CENTRE + np.array([0.0, 60.0, 0.0]), np.array([0.0, 1.0, 0.0])) is None


def test_that_each_position_gets_a_path_that_keeps_its_limits(body: Mask) -> None:
    target = ball(GRID, CENTRE, 8.0)
    rib = Mask.of(GRID, ellipsoid(GRID, CENTRE - np.array([0.0, 36.0, 0.0]), (7.0, 4.0, 30.0)))
    access = Access(body, (Obstacle("rib", rib, 2.0, 5.0),), diameter_mm=2.0, usable_length_mm=120.0)
    found, _ = ways_in(access, target_in(target))
    assert len(found)
    through = (replace(zone_of_chart(), centre_lps_mm=point(CENTRE)),)
    placed = with_paths(through, CHART, access)
    assert placed[0].on_skin
    assert not placed[0].broken
    assert placed[0].turned_deg > 2.0
    assert placed[0].clearances["rib"].mm >= 2.0
    assert zone_of(placed[0].applicator).centre_lps_mm == pytest.approx(CENTRE, abs=1e-6)
    assert zones_as_placed(through, placed)[0].axis_lps == pytest.approx(placed[0].applicator.direction_lps)


def test_that_a_path_without_a_way_out_says_which_limit_it_breaks(body: Mask) -> None:
    cage = Mask.of(GRID, ellipsoid(GRID, CENTRE, (40.0, 38.0, 400.0)) & ~ellipsoid(GRID, CENTRE, (36.0, 34.0, 400.0)))
    access = Access(body, (Obstacle("rib", cage, 2.0, 5.0, name="rib cage"),), diameter_mm=2.0)
    placed = with_paths((zone_of_chart(),), CHART, access)
    assert any("from the rib cage" in text for text in placed[0].broken)
    short = with_paths((zone_of_chart(),), CHART, Access(body, usable_length_mm=20.0))
    assert any("longer than the usable 20 mm" in text for text in short[0].broken)


def zone_of_chart() -> Zone:
    return Zone(point(CENTRE), (0.0, 1.0, 0.0), 20.0, 20.0)


def test_that_the_frame_of_the_shapes_is_the_one_that_is_planned_in() -> None:
    assert GRID.frame_uid == FRAME
