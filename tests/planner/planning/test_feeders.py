"""Feeders of a lesion: what enters, what merely passes, what an image shows between an end and the lesion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from feeder_truth import FRAME, Floats, ball, tree_of_lines, true_liver
from numpy.typing import NDArray

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask
from planner.phantom.anatomy import draw_anatomy
from planner.phantom.fields import Frame
from planner.planning.feeders import AS_BRIGHT_AS_BLOOD, FeederSearch, by_hand, find_feeders, with_shares
from planner.planning.feeders_confirm import confirmed
from planner.planning.feeders_ends import ENTERS, Ending
from planner.planning.feeders_shell import Crossing
from planner.planning.vessel_tree import TreePlace, VesselTree

RADIUS = 12.0
ROOT = (-35.0, 0.0, 0.0)


def line(*points: tuple[float, float, float]) -> Floats:
    """Points half a millimetre apart along straight stretches."""
    pieces = []
    for start, end in zip(points[:-1], points[1:], strict=True):
        count = max(2, int(2 * np.linalg.norm(np.subtract(end, start))))
        pieces.append(np.linspace(start, end, count))
    return np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])


@pytest.fixture(scope="module")
def lesion() -> Mask:
    return ball((0.0, 0.0, 0.0), RADIUS)


def trunk_and(*branches: tuple[str, Floats, float]) -> VesselTree:
    """A trunk to (-25, 0, 0), branches from there, and one that leads away so that the trunk supplies other things."""
    fork = (-25.0, 0.0, 0.0)
    away = ("fork", "away", line(fork, (-25.0, -30.0, 0.0)), 1.5)
    return tree_of_lines(
        [
            ("root", "fork", line(ROOT, fork), 3.0),
            away,
            *(("fork", name, points, width) for name, points, width in branches),
        ]
    )


def reason_of(found: FeederSearch, segment: str) -> str:
    return next(row.reason for row in found.candidates if row.segment == segment)


def test_that_a_vessel_that_ends_inside_is_a_feeder_and_enters_at_the_surface(lesion: Mask) -> None:
    found = find_feeders(trunk_and(("in", line((-25, 0, 0), (-4, 0, 0)), 1.0)), lesion)
    assert [row.segment for row in found.feeders] == ["in"]
    row = found.feeders[0]
    assert row.entry_lps_mm == pytest.approx((-RADIUS, 0.0, 0.0), abs=0.6)
    assert row.distance_mm == 0.0
    assert row.segments == ("fork", "in")
    assert (row.share, row.main, row.diameter_mm) == (1.0, True, 2.0)
    assert row.length_from_root_mm == pytest.approx(10.0 + 13.0, abs=0.7)
    assert row.total_turning_deg == pytest.approx(0.0, abs=1.0)
    assert not row.doubtful


def test_that_vessels_that_pass_by_or_run_through_are_candidates_with_their_reason(lesion: Mask) -> None:
    tree = trunk_and(
        ("beside", line((-25, 0, 0), (-10, 14, 0), (30, 14, 0)), 1.0),
        ("through", line((-25, 0, 0), (0, 0, 8), (35, 0, 8)), 1.0),
        ("turned", line((-25, 0, 0), (-15, 0, 0), (-15, 0, -9)), 1.0),
    )
    found = find_feeders(tree, lesion)
    assert found.feeders == ()
    assert reason_of(found, "beside").startswith("Passes")
    assert reason_of(found, "through").startswith("Runs through")
    assert "does not head for it" in reason_of(found, "turned")


def test_that_ends_of_one_feeder_are_one_row_and_shares_go_with_the_cube_of_the_radius(lesion: Mask) -> None:
    stem = line((-25, 0, 0), (-18, 0, 0))
    lines = [
        ("root", "fork", line(ROOT, (-25, 0, 0)), 3.0),
        ("fork", "stem", stem, 1.3),
        ("stem", "upper", line((-18, 0, 0), (-4, 0, 4)), 1.0),
        ("stem", "lower", line((-18, 0, 0), (-4, 0, -4)), 1.0),
        ("fork", "other", line((-25, 0, 0), (-20, 15, 0), (-2, 5, 0)), 1.0),
        ("fork", "away", line((-25, 0, 0), (-25, -30, 0)), 1.5),
    ]
    found = find_feeders(tree_of_lines(lines), lesion)
    assert [row.segment for row in found.feeders] == ["stem", "other"]
    assert [row.share for row in found.feeders] == pytest.approx([2.0 / 3.0, 1.0 / 3.0])
    assert [row.main for row in found.feeders] == [True, True]
    assert "by 2 branches" in found.feeders[0].reason
    minor = with_shares([found.feeders[0], by_hand(tree_of_lines(lines), lesion, "away", 5.0)])
    assert minor[0].share is not None
    thin = tree_of_lines([*lines[:4], (*lines[4][:3], 0.6), lines[5]])
    assert [row.main for row in find_feeders(thin, lesion).feeders] == [True, False]


def test_that_the_branch_is_the_feeder_where_an_artery_only_touches_the_lesion(lesion: Mask) -> None:
    touch = (0.0, 11.0, 0.0)
    lines = [
        ("root", "fork", line(ROOT, (-25, 20, 0)), 3.0),
        ("fork", "touching", line((-25, 20, 0), (-6, 13, 0), touch), 1.5),
        ("touching", "beyond", line(touch, (6, 13, 0), (35, 20, 0)), 1.3),
        ("touching", "inward", line(touch, (0, 2, 0)), 1.0),
    ]
    found = find_feeders(tree_of_lines(lines), lesion)
    assert [row.segment for row in found.feeders] == ["inward"]
    assert found.feeders[0].entry_lps_mm == pytest.approx(touch, abs=0.1)
    assert found.feeders[0].diameter_mm == pytest.approx(2.0)


def test_that_branches_side_by_side_of_a_touching_artery_are_one_feeder(lesion: Mask) -> None:
    first, second = (0.0, 11.0, 0.0), (3.0, 11.0, 0.0)
    lines = [
        ("root", "touching", line(ROOT, (-6, 13, 0), first), 1.5),
        ("touching", "between", line(first, second), 1.5),
        ("between", "beyond", line(second, (8, 13, 0), (35, 20, 0)), 1.3),
        ("touching", "one", line(first, (0, 2, 0)), 1.0),
        ("between", "two", line(second, (3, 2, 0)), 0.8),
    ]
    assert [row.segment for row in find_feeders(tree_of_lines(lines), lesion).feeders] == ["one"]


def test_that_branches_of_a_far_stem_stay_two_feeders(lesion: Mask) -> None:
    lines = [
        ("root", "far", line((-39, 0, 0), (-35, 0, 0)), 2.0),
        ("far", "one", line((-35, 0, 0), (-20, 18, 0), (-2, 5, 0)), 1.0),
        ("far", "two", line((-35, 0, 0), (-20, -18, 0), (-2, -5, 0)), 1.0),
    ]
    assert {row.segment for row in find_feeders(tree_of_lines(lines), lesion).feeders} == {"one", "two"}


def test_that_a_short_spur_does_not_split_a_feeder(lesion: Mask) -> None:
    lines = [
        ("root", "fork", line(ROOT, (-25, 0, 0)), 3.0),
        ("fork", "stem", line((-25, 0, 0), (-18, 0, 0)), 1.2),
        ("stem", "in", line((-18, 0, 0), (-4, 0, 0)), 1.0),
        ("stem", "spur", line((-18, 0, 0), (-18, 3, 0)), 0.5),
        ("fork", "away", line((-25, 0, 0), (-25, -30, 0)), 1.5),
    ]
    assert [row.segment for row in find_feeders(tree_of_lines(lines), lesion).feeders] == ["stem"]


def test_that_an_end_near_the_lesion_counts_without_an_image_only_when_close(lesion: Mask) -> None:
    close = find_feeders(trunk_and(("near", line((-25, 0, 0), (-14, 0, 0)), 1.0)), lesion)
    assert [row.segment for row in close.feeders] == ["near"]
    assert close.feeders[0].doubtful
    assert close.feeders[0].distance_mm == pytest.approx(2.0, abs=0.5)
    far = find_feeders(trunk_and(("near", line((-25, 0, 0), (-18, 0, 0)), 1.0)), lesion)
    assert far.feeders == ()
    assert "no image was given" in reason_of(far, "near")


def image(tree: VesselTree, faint: Floats | None) -> Volume:
    """Liver of 70 HU with 10 HU of noise; the tree at 250 HU, and a faint way at 150."""
    grid = Grid.of((81, 81, 81), origin_lps_mm=(-40.0,) * 3, spacing_kji_mm=(1.0,) * 3, frame_uid=FRAME)
    values: NDArray[np.float64] = np.random.default_rng(3).normal(70.0, 10.0, grid.size_kji)
    for points, level in ((np.concatenate([each.points_lps_mm for each in tree.segments]), 250.0), (faint, 150.0)):
        if points is not None:
            k, j, i = np.rint(grid.kji_from_lps.points(points)).astype(int).T
            values[k, j, i] = level
    return Volume(values.astype(np.int16), grid, ImageSource(series_uid="1.2", modality="CT", unit="HU"))


def test_that_an_image_closes_a_gap_only_where_it_shows_a_vessel(lesion: Mask) -> None:
    tree = trunk_and(("near", line((-25, 0, 0), (-18, 0, 0)), 1.0))
    seen = find_feeders(tree, lesion, volume=image(tree, line((-18, 0, 0), (-11, 0, 0))))
    assert [row.segment for row in seen.feeders] == ["near"]
    assert seen.feeders[0].doubtful
    assert "faint" in seen.feeders[0].reason
    empty = find_feeders(tree, lesion, volume=image(tree, None))
    assert empty.feeders == ()
    assert "shows no vessel" in reason_of(empty, "near")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("level", [250, 240, 400])
def test_that_a_lesion_as_bright_as_the_blood_is_said_not_to_be_told_from_it(lesion: Mask, level: int) -> None:
    tree = trunk_and(("in", line((-25, 0, 0), (-8, 0, 0)), 0.6))
    plain = image(tree, None)
    voxels = plain.voxels.copy()
    points = plain.grid.lps_from_kji.points(np.stack(np.indices(plain.grid.size_kji), axis=-1))
    voxels[np.linalg.norm(points, axis=-1) < RADIUS] = level
    found = find_feeders(tree, lesion, volume=replace(plain, voxels=voxels))
    assert [row.segment for row in found.feeders] == ["in"], "as the tree says: the image cannot gainsay it"
    assert found.findings == (AS_BRIGHT_AS_BLOOD,)
    assert find_feeders(tree, lesion, volume=plain).findings == ()


def test_that_a_vessel_that_only_the_image_shows_is_a_doubtful_feeder_of_the_vessel_it_leaves(lesion: Mask) -> None:
    tree = trunk_and(("beside", line((-25, 0, 0), (-10, 18, 0), (30, 18, 0)), 1.0))
    branch = line((0, 18, 0), (0, 4, 0))
    thick = np.concatenate([branch + np.array(step) for step in ((0, 0, 0), (1, 0, 0), (0, 0, 1), (1, 0, 1))])
    seen = find_feeders(tree, lesion, volume=image(tree, thick))
    assert [row.segment for row in seen.feeders] == ["beside"]
    row = seen.feeders[0]
    assert row.doubtful
    assert row.entry_lps_mm == pytest.approx((0.5, RADIUS, 0.5), abs=2.5)
    assert "the tree lacks" in row.reason
    assert find_feeders(tree, lesion, volume=image(tree, None)).feeders == ()
    along = np.concatenate([line((-9, 13.5, 0), (9, 13.5, 0)) + np.array([0, 0, z]) for z in (0, 1)])
    assert find_feeders(tree, lesion, volume=image(tree, along)).feeders == ()


def test_that_a_second_feeder_that_the_tree_reaches_through_the_lesion_only_is_named_by_its_own_vessel(
    lesion: Mask,
) -> None:
    tree = trunk_and(
        ("in", line((-25, 0, 0), (-11, 0, 0), (0, 0, 0), (0, 10, 0), (0, 15, 0)), 1.5),
        ("stub", line((-25, 0, 0), (-20, 25, 0), (0, 25, 0), (0, 20, 0)), 1.0),
    )
    last = line((0, 20, 0), (0, 4, 0))
    thick = np.concatenate([last + np.array(step) for step in ((0, 0, 0), (1, 0, 0), (0, 0, 1), (1, 0, 1))])
    found = find_feeders(tree, lesion, volume=image(tree, thick))
    assert {row.segment for row in found.feeders} == {"in", "stub"}
    entry = next(row.entry_lps_mm for row in found.feeders if row.segment == "stub")
    assert entry == pytest.approx((0.0, RADIUS, 0.0), abs=2.5)


def test_that_a_thin_entry_beside_one_that_the_image_shows_is_no_second_feeder() -> None:
    def entering(leaf: str, x: float) -> Ending:
        return Ending(ENTERS, leaf, leaf, 0.0, np.array([x, 0.0, 0.0]), 0.0, inside_mm=10.0)

    seen = [Crossing(np.zeros(3), 2.5, TreePlace("own", 0.0, 0.0), 1.0)]
    own, beside = entering("own", 1.0), entering("beside", 6.0)
    judged = confirmed([beside, own], seen, {"own": 2.4, "beside": 0.4}, 1.8)
    assert [each.leaf for each in judged.kept] == ["own"]
    assert [each.leaf for each in judged.doubted] == ["beside"]
    clear = confirmed([beside, own], seen, {"own": 2.4, "beside": 2.4}, 1.8)
    assert {each.leaf for each in clear.kept} == {"own", "beside"}
    same = [entering("own", 6.0), replace(entering("own", 6.0), leaf="twin")]
    assert len(confirmed(same, seen, {}, 1.8).kept) == 2


def test_that_an_unknown_calibre_gives_no_share(lesion: Mask) -> None:
    tree = trunk_and(("in", line((-25, 0, 0), (-4, 0, 0)), float("nan")))
    row = find_feeders(tree, lesion).feeders[0]
    assert (row.diameter_mm, row.share, row.main) == (None, None, None)


def test_that_a_click_on_a_vessel_is_measured_as_it_is(lesion: Mask) -> None:
    tree = trunk_and(("past", line((-25, 0, 0), (-20, 20, 0), (20, 20, 0)), 1.0))
    row = by_hand(tree, lesion, "past", 40.0)
    assert row.by_person
    assert row.distance_mm == pytest.approx(8.0, abs=0.7)
    assert row.angle_deg == pytest.approx(90.0, abs=5.0)


def test_that_an_empty_lesion_and_another_frame_are_refused(lesion: Mask) -> None:
    tree = trunk_and(("in", line((-25, 0, 0), (-4, 0, 0)), 1.0))
    with pytest.raises(InputRefused):
        find_feeders(tree, Mask.empty(lesion.grid))
    with pytest.raises(FrameMismatch):
        find_feeders(tree, ball((0, 0, 0), 5.0, frame_uid="9.9"))


def test_that_every_feeder_of_the_digital_patient_is_found_on_its_tree_and_nothing_else() -> None:
    liver, anatomy = true_liver(7), draw_anatomy(7, None)
    for tumour in liver.tumours:
        low = tumour.centre_lps_mm - 30.0
        grid = Grid.of((48, 60, 60), origin_lps_mm=low, spacing_kji_mm=(1.25, 1.0, 1.0), frame_uid=FRAME)
        mask = Mask.of(grid, tumour.distance(Frame(grid).whole(), anatomy) < 0.0)
        found = find_feeders(liver.tree, mask)
        true = liver.feeders_of(tumour.identifier)
        assert len(found.feeders) == len(true)
        for each in true:
            gaps = [np.linalg.norm(np.subtract(row.entry_lps_mm, each.entry_lps_mm)) for row in found.feeders]
            assert min(gaps) < 2.0
        assert any(row.reason.startswith("Passes") for row in found.candidates)
