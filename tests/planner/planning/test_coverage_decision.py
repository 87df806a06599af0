"""Cover decided by subdivision: whatever a sample may miss, a gap of half a millimetre is found."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import ball, ellipsoid, grid_of

from planner.errors import InputRefused
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.planning.coverage_bounds import lower_bound
from planner.planning.coverage_decision import TargetField, collateral_ml, decide
from planner.planning.zones import Zone, point

GRID = grid_of((70, 70, 70), (1.0, 1.0, 1.0))
CENTRE = GRID.centre_lps_mm


def sphere(radius_mm: float, offset: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Zone:
    return Zone(point(CENTRE + np.asarray(offset)), (0.0, 0.0, 1.0), radius_mm, radius_mm)


@pytest.fixture(scope="module")
def body() -> TargetField:
    """A ball of 15 mm with 5 mm around it: a ball of 20 mm."""
    return TargetField.of(ball(GRID, CENTRE, 15.0), 5.0)


def test_that_the_field_is_that_of_the_ball(body: TargetField) -> None:
    reach = np.linalg.norm(body.boundary_lps_mm() - CENTRE, axis=1)
    assert reach.mean() == pytest.approx(20.0, abs=0.1)
    assert np.abs(reach - 20.0).max() < 0.4
    assert body.volume_ml() == pytest.approx(33.51, rel=0.02)
    assert body.depth_mm == pytest.approx(15.0, abs=0.7)


def test_that_a_zone_which_holds_everything_covers(body: TargetField) -> None:
    answer = decide(body, [sphere(20.6)])
    assert answer.covered is True
    assert answer.fraction == 1.0
    assert answer.uncovered_cells == answer.undecided_cells == 0


def test_that_a_zone_half_a_millimetre_short_does_not(body: TargetField) -> None:
    answer = decide(body, [sphere(19.5)])
    assert answer.covered is False
    assert answer.fraction < 1.0
    away = np.linalg.norm(answer.uncovered_lps_mm - CENTRE, axis=1)
    assert len(away)
    assert (away > 19.5).all()
    assert (away < 20.6).all()


def test_that_a_gap_of_half_a_millimetre_between_zones_is_found(body: TargetField) -> None:
    """Two flat zones that leave a slit across the middle, thinner than any voxel; a third closes it."""

    def half(shift: float) -> Zone:
        return Zone(point(CENTRE + np.array([0.0, 0.0, shift])), (0.0, 0.0, 1.0), 60.0, 400.0)

    apart = [half(60.25), half(-60.25)]
    answer = decide(body, apart)
    assert answer.covered is False
    assert (np.abs(answer.uncovered_lps_mm[:, 2] - CENTRE[2]) < 3.0).all(), "only the slit is open"
    overlapping = [half(58.0), half(-58.0)]
    assert decide(body, overlapping).covered is True


def test_that_pieces_may_lie_in_different_zones(body: TargetField) -> None:
    meeting = [sphere(22.0, (8.0, 0.0, 0.0)), sphere(22.0, (-8.0, 0.0, 0.0))]
    assert decide(body, meeting).covered is True, "their seam is a circle of 20.5 mm"
    assert [decide(body, [zone]).covered for zone in meeting] == [False, False]
    apart = [sphere(22.0, (10.0, 0.0, 0.0)), sphere(22.0, (-10.0, 0.0, 0.0))]
    answer = decide(body, apart)
    assert answer.covered is False, "their seam is a circle of 19.6 mm"
    assert (np.abs(answer.uncovered_lps_mm[:, 0] - CENTRE[0]) < 2.5).all()


def test_that_no_zone_at_all_covers_nothing(body: TargetField) -> None:
    answer = decide(body, [])
    assert answer.covered is False
    assert answer.fraction == 0.0


def test_that_oblique_flat_voxels_are_decided_the_same() -> None:
    turn = np.array([[0.0, 0.6, 0.8], [0.0, 0.8, -0.6], [1.0, 0.0, 0.0]])
    grid = Grid.of((60, 60, 30), spacing_kji_mm=(0.9, 0.9, 2.5), axes_lps=turn.T, frame_uid="1")
    middle = grid.centre_lps_mm
    target = Mask.of(grid, ellipsoid(grid, middle, (12.0, 12.0, 12.0)))
    field = TargetField.of(target, 4.0)
    assert decide(field, [Zone(point(middle), (0.0, 0.0, 1.0), 16.8, 16.8)]).covered is True
    assert decide(field, [Zone(point(middle), (0.0, 0.0, 1.0), 15.3, 15.3)]).covered is False


def test_that_the_collateral_volume_is_what_lies_outside_target_and_margin(body: TargetField) -> None:
    whole, outside = collateral_ml(body, [sphere(22.0)])
    assert whole == pytest.approx(44.60, rel=0.01)
    assert outside == pytest.approx(44.60 - 33.51, rel=0.05)
    far_whole, far_outside = collateral_ml(body, [sphere(10.0, (80.0, 0.0, 0.0))])
    assert far_outside == pytest.approx(far_whole)
    assert collateral_ml(body, []) == (0.0, 0.0)


def test_that_nonsense_is_refused() -> None:
    with pytest.raises(InputRefused, match="empty"):
        TargetField.of(Mask.empty(GRID), 5.0)
    with pytest.raises(InputRefused, match="margin"):
        TargetField.of(ball(GRID, CENTRE, 5.0), -1.0)


def test_that_the_lower_bounds_hold_for_a_ball(body: TargetField) -> None:
    assert lower_bound(body, 25.0, 21.0).count == 1
    assert lower_bound(body, 18.0, 18.0).count == 4, "four balls at least cover a larger ball"
    elongated = lower_bound(body, 40.0, 10.0)
    assert elongated.by_ball == 3
    assert elongated.parallel_count >= 7, "discs of 10 mm that cover a disc of 20 mm are seven"
    assert lower_bound(body, 8.0, 8.0).by_volume >= 15
    assert lower_bound(body, 16.0, 16.0).by_distance >= 2
