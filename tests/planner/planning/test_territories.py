"""Territories: every voxel to the place that supplies it, inside the organ; injections, and several together."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_bodies import FRAME, ball, drawn
from liver_trees import ball_lesion, ball_organ, stretch, tree_in_ball, true_tree
from phantoms import tiny_patient

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.planning.territories import NO_ORGAN, NO_SUPPLY, Territories
from planner.planning.territories_supply import murray_shares
from planner.planning.tree_edits import renamed
from planner.planning.vessel_tree import VesselTree


@pytest.fixture(scope="module")
def prepared() -> Territories:
    lesions = {"left": ball_lesion((20.0, 0.0, 10.0)), "middle": ball_lesion((20.0, 0.0, 0.0), 6.0)}
    return Territories.of(tree_in_ball(), ball_organ(), lesions)


def test_that_an_injection_reaches_what_lies_nearest_beyond_it(prepared: Territories) -> None:
    whole, left, right = (prepared.inject(key, 0.0) for key in ("trunk", "left", "right"))
    assert prepared.organ_ml == pytest.approx(4.0 / 3.0 * np.pi * 3.5**3, rel=0.02)
    assert whole.territory_ml == pytest.approx(prepared.organ_ml)
    assert left.territory is not None
    assert left.territory.contains((25.0, 0.0, 0.0))
    assert not left.territory.contains((-25.0, 0.0, 0.0))
    assert left.territory_ml == pytest.approx(left.territory.volume_ml)
    assert left.territory_ml is not None
    assert right.territory_ml is not None
    assert left.lit == ("left", "cystic", "left-on", "upper", "lower")
    assert whole.coverage == {"left": 1.0, "middle": 1.0}


def test_that_both_branches_share_a_lesion_between_them(prepared: Territories) -> None:
    upper, lower = prepared.inject("upper", 0.0), prepared.inject("lower", 0.0)
    assert upper.coverage["left"] == pytest.approx(1.0)
    assert upper.coverage["middle"] == pytest.approx(0.5, abs=0.06)
    together = prepared.added_up([upper, lower, upper])
    assert together.coverage["middle"] == pytest.approx(1.0, abs=0.02)
    assert together.territory_ml == pytest.approx((upper.territory_ml or 0.0) + (lower.territory_ml or 0.0))
    assert together.territory is not None
    assert together.territory.volume_ml == pytest.approx(together.territory_ml)


def test_that_what_is_left_of_a_lesion_is_named_with_its_vessels(prepared: Territories) -> None:
    (left,) = prepared.added_up([prepared.inject("upper", 0.0)]).uncovered
    assert left.lesion == "middle"
    assert left.share == pytest.approx(0.5, abs=0.06)
    assert left.segments[0] == "lower"
    nothing = prepared.added_up([])
    assert {each.lesion: each.share for each in nothing.uncovered} == {"left": 1.0, "middle": 1.0}
    assert nothing.territory_ml == 0.0


def test_that_moving_the_tip_along_a_segment_gives_up_what_it_passes(prepared: Territories) -> None:
    volumes = [prepared.inject("right", along).territory_ml or 0.0 for along in (0.0, 6.0, 12.0, 20.0)]
    assert volumes == sorted(volumes, reverse=True)
    assert volumes[0] > volumes[-1] > 0.0


def test_that_two_positions_are_compared(prepared: Territories) -> None:
    found = prepared.compare(prepared.inject("left", 0.0), prepared.inject("upper", 0.0))
    assert found.territory_ml is not None
    assert found.territory_ml < 0.0
    assert found.coverage["left"] == pytest.approx(0.0)
    assert found.shared_ml == pytest.approx(prepared.inject("upper", 0.0).territory_ml)
    apart = prepared.compare(prepared.inject("left", 0.0), prepared.inject("right", 0.0))
    assert apart.shared_ml == 0.0


def test_that_flow_splits_by_calibre_cubed(prepared: Territories) -> None:
    assert prepared.inject("right", 0.0).flow_share == pytest.approx(0.5)
    split = 0.5 * 1.5**3 / (1.5**3 + 0.5**3)
    assert prepared.inject("upper", 0.0).flow_share == pytest.approx(split / 2.0)
    tree = tree_in_ball()
    blind = tuple(
        each if each.id != "upper" else stretch("upper", "n2", "n4", [(10, 0, 0), (20, 0, 10)], np.nan)
        for each in tree.segments
    )
    shares = murray_shares(VesselTree("artery", FRAME, "n0", tree.nodes, blind))
    assert shares["upper"] is None
    assert shares["lower"] is None
    assert shares["right"] == pytest.approx(0.5)


def test_that_a_non_target_supplies_nothing_of_the_organ_and_is_called_out(prepared: Territories) -> None:
    cystic = prepared.inject("cystic", 0.0)
    assert cystic.territory_ml == 0.0
    assert NO_SUPPLY in cystic.findings
    nameless = Territories.of(renamed(tree_in_ball(), {"cystic": None}), ball_organ(), {})
    assert (nameless.inject("cystic", 0.0).territory_ml or 0.0) > 1.0


def test_that_non_targets_are_downstream_within_reflux_or_not_found(prepared: Territories) -> None:
    how = {each.artery: (each.how, each.distance_mm) for each in prepared.inject("left", 2.0).non_targets}
    assert how["cystic"] == ("downstream", pytest.approx(3.0))
    assert how["gastroduodenal"] == ("not-found", None)
    back = {each.artery: (each.how, each.distance_mm) for each in prepared.inject("upper", 4.0).non_targets}
    assert back["cystic"] == ("reflux", pytest.approx(9.0))
    away = {each.artery for each in prepared.inject("right", 19.0).non_targets if each.how != "not-found"}
    assert away == set()


def test_that_supply_goes_around_a_fissure() -> None:
    """A slit between both halves: what lies just across is supplied from its own side, though that end is further."""
    grid = Grid.of((41, 41, 41), origin_lps_mm=(-40, -40, -40), spacing_kji_mm=(2, 2, 2), frame_uid=FRAME)
    voxels = np.ones(grid.size_kji, dtype=np.bool_)
    voxels[:, :36, 19:22] = False
    organ = Mask.of(grid, voxels)
    nodes = {"n0": (0.0, 60.0, 0.0), "n1": (0.0, 38.0, 0.0), "n2": (-8.0, -30.0, 0.0), "n3": (30.0, -30.0, 0.0)}
    rows = (("trunk", "n0", "n1"), ("near", "n1", "n2"), ("far", "n1", "n3"))
    segments = tuple(stretch(key, a, b, [nodes[a], nodes[b]]) for key, a, b in rows)
    tree = VesselTree("artery", FRAME, "n0", {key: np.array(place) for key, place in nodes.items()}, segments)
    found = Territories.of(tree, organ, {}).inject("far", 0.0).territory
    assert found is not None
    assert found.contains((6.0, -34.0, 0.0))
    assert not found.contains((-6.0, -34.0, 0.0))


def test_that_an_island_of_the_organ_without_artery_is_said() -> None:
    island = drawn([ball((0, 0, 0), 30.0), ball((60.0, 0, 0), 10.0)], (2.0, 2.0, 2.0))
    found = Territories.of(tree_in_ball(), island, {"lost": ball_lesion((60.0, 0.0, 0.0))})
    assert "not connected" in found.findings[0]
    whole = found.inject("trunk", 0.0)
    assert whole.territory_ml == pytest.approx(4.0 / 3.0 * np.pi * 27.0, rel=0.03)
    assert whole.coverage == {"lost": None}


def test_that_without_an_organ_branches_are_told_and_no_territory() -> None:
    found = Territories.of(tree_in_ball(), None, {"left": ball_lesion((20.0, 0.0, 10.0))}).inject("left", 0.0)
    assert (found.territory, found.territory_ml, found.healthy_ml) == (None, None, None)
    assert found.coverage == {"left": None}
    assert NO_ORGAN in found.findings
    assert "upper" in found.lit
    assert found.non_targets[0].artery == "cystic"


def test_that_masks_of_other_frames_and_empty_ones_are_refused() -> None:
    with pytest.raises(FrameMismatch):
        Territories.of(tree_in_ball(), drawn(ball((0, 0, 0), 20.0), frame_uid="9.9"), {})
    with pytest.raises(InputRefused):
        Territories.of(tree_in_ball(), Mask.empty(ball_organ().grid), {})


def test_that_territories_of_the_digital_patient_match_its_nearest_ends() -> None:
    """Seen down to 0.9 mm: lobes and segments against the nearest end of the whole tree."""
    from scipy.spatial import cKDTree

    truth, frame = tiny_patient().truth, tiny_patient().arterial.grid.frame_uid
    liver = next(value for value, label in truth.structures.labels.items() if label.structure == "liver")
    organ = Mask.of(truth.structures.grid, truth.structures.voxels == liver)
    whole, seen = true_tree(), true_tree(0.45)
    assert whole.frame_uid == frame
    ends = [each for each in whole.segments if not whole.children(each.id) and organ.contains(each.points_lps_mm[-1])]
    voxels = np.argwhere(organ.voxels) + np.asarray(organ.box[0])
    _, nearest = cKDTree([each.points_lps_mm[-1] for each in ends]).query(organ.grid.lps_from_kji.points(voxels))
    prepared = Territories.of(seen, organ, {})
    for name, least in (("right hepatic artery", 0.95), ("left hepatic artery", 0.9), ("segment 6 artery", 0.75)):
        first = next(each for each in seen.segments if each.name == name)
        beyond = {each.id for each in whole.downstream(first.id)}
        true = np.array([each.id in beyond for each in ends])[nearest]
        found = prepared.inject(first.id, 0.0).territory
        assert found is not None
        ours = found.full()[tuple(voxels.T)]
        assert 2.0 * np.count_nonzero(true & ours) / (true.sum() + ours.sum()) > least, name
