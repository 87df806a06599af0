"""Identity of lesions over two days, on balls of known places: what is called one, and what is left to a person."""

from __future__ import annotations

import numpy as np
import pytest

from planner.geometry import Grid
from planner.planning.lesion_matching import (
    IdentityKind,
    LesionShape,
    LinkError,
    Matching,
    ball_mask,
    match_lesions,
)

GRID = Grid.of((60, 80, 80), origin_lps_mm=(-60.0, -60.0, -45.0), spacing_kji_mm=(1.5, 1.5, 1.5), frame_uid="1.2.9")
THREE_MM = LinkError(3.0, True, "landmarks")

Ball = tuple[str, tuple[float, float, float], float]


def shape(ball: Ball, *, sized: bool = True, shown: bool = True) -> LesionShape:
    name, centre, diameter = ball
    mask = ball_mask(GRID, centre, diameter)
    return LesionShape(name, name, mask, np.asarray(centre), mask.volume_ml, diameter, sized, shown)


def matched(earlier: list[Ball], later: list[Ball], error: LinkError = THREE_MM) -> Matching:
    return match_lesions([shape(each) for each in earlier], [shape(each) for each in later], error)


def kinds(found: Matching) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(str(each.kind), each.earlier, each.later) for each in found.proposals]


def test_that_a_lesion_in_its_place_is_the_same_and_its_growth_is_measured() -> None:
    found = matched([("a", (0, 0, 0), 20.0)], [("x", (2, 1, 0), 30.0)])
    assert kinds(found) == [("same", ("a",), ("x",))]
    change = found.proposals[0].change
    assert change is not None
    assert change.kind == "grown"
    assert change.difference_mm == pytest.approx(10.0, abs=0.5)
    assert change.before_ml is not None
    assert change.after_ml == pytest.approx((30 / 20) ** 3 * change.before_ml, rel=0.08)


def test_that_a_change_within_two_drawings_of_one_edge_is_stable() -> None:
    change = matched([("a", (0, 0, 0), 20.0)], [("x", (0, 0, 0), 23.0)]).proposals[0].change
    assert change is not None
    assert change.kind == "stable"
    assert change.uncertainty_mm == pytest.approx(4.0)


def test_that_lesions_far_from_all_others_are_gone_or_new() -> None:
    found = matched([("a", (-30, 0, 0), 16.0)], [("x", (30, 0, 0), 12.0)])
    assert kinds(found) == [("vanished", ("a",), ()), ("new", (), ("x",))]


def test_that_a_gone_lesion_beside_a_fresh_one_is_left_to_a_person() -> None:
    found = matched([("a", (0, 0, 0), 12.0)], [("x", (15, 0, 0), 12.0)])
    assert kinds(found) == [("ambiguous", ("a",), ("x",))]
    assert "mm beside its place" in found.proposals[0].reasons[0]
    assert found.proposals[0].change is None


def test_that_two_parts_inside_the_earlier_lesion_are_a_split() -> None:
    found = matched([("a", (0, 0, 0), 40.0)], [("x", (-11, 0, 0), 12.0), ("y", (11, 0, 0), 12.0)])
    assert kinds(found) == [("split", ("a",), ("x", "y"))]
    change = found.proposals[0].change
    assert change is not None
    assert change.kind == "shrunk"
    assert change.after_mm == pytest.approx(24.0)


def test_that_two_lesions_inside_a_later_one_have_merged() -> None:
    found = matched([("a", (-11, 0, 0), 12.0), ("b", (11, 0, 0), 12.0)], [("x", (0, 0, 0), 40.0)])
    assert kinds(found) == [("merged", ("a", "b"), ("x",))]


def test_that_neighbours_are_told_apart_by_a_good_link_and_not_by_a_poor_one() -> None:
    earlier: list[Ball] = [("a", (-9, 0, 0), 14.0), ("b", (9, 0, 0), 14.0)]
    later: list[Ball] = [("x", (-8, 0, 0), 14.0), ("y", (10, 0, 0), 14.0)]
    assert kinds(matched(earlier, later)) == [("same", ("a",), ("x",)), ("same", ("b",), ("y",))]
    poor = matched(earlier, later, LinkError(15.0, False, "assumed"))
    assert kinds(poor) == [("ambiguous", ("a", "b"), ("x", "y"))]


def test_that_an_overlap_which_only_the_link_s_error_would_make_is_no_match() -> None:
    found = matched([("a", (0, 0, 0), 12.0)], [("x", (8, 0, 0), 12.0)])
    assert kinds(found) == [("ambiguous", ("a",), ("x",))]
    assert "off by up to 3 mm (measured: landmarks)" in found.proposals[0].reasons[0]


def test_that_a_place_the_later_images_do_not_show_is_not_called_vanished() -> None:
    found = match_lesions([shape(("a", (0, 0, 0), 12.0), shown=False)], [], THREE_MM)
    assert kinds(found) == [("not-shown", ("a",), ())]


def test_that_a_place_the_earlier_images_did_not_show_is_not_called_new() -> None:
    found = match_lesions([], [shape(("x", (0, 0, 0), 12.0), shown=False)], THREE_MM)
    assert kinds(found) == [("ambiguous", (), ("x",))]


def test_that_a_lesion_without_a_size_is_never_matched_surely() -> None:
    found = match_lesions([shape(("a", (0, 0, 0), 3.0), sized=False)], [shape(("x", (0, 0, 0), 20.0))], THREE_MM)
    assert found.proposals[0].kind is IdentityKind.AMBIGUOUS


@pytest.mark.parametrize("seed", range(12))
def test_that_no_wrong_pair_is_ever_called_the_same_under_a_shift_within_the_error(seed: int) -> None:
    random = np.random.default_rng(seed)
    places = random.uniform((-45, -45, -30), (45, 45, 30), (7, 3))
    sizes = random.uniform(8.0, 26.0, 7)
    off = random.normal(size=3)
    off *= 2.9 / np.linalg.norm(off)
    kept = random.random(7) < 0.8
    balls: list[Ball] = [
        (f"{n}", (float(x), float(y), float(z)), float(d))
        for n, ((x, y, z), d) in enumerate(zip(places, sizes, strict=True))
    ]
    later: list[Ball] = [
        (name, (x + float(off[0]), y + float(off[1]), z + float(off[2])), d * float(random.uniform(0.6, 1.5)))
        for (name, (x, y, z), d), stays in zip(balls, kept, strict=True)
        if stays
    ]
    for each in matched(balls, later).proposals:
        if each.kind is IdentityKind.SAME:
            assert each.earlier == each.later
        if each.kind is IdentityKind.VANISHED:
            assert each.earlier[0] not in {name for name, _, _ in later}
        assert each.kind is not IdentityKind.NEW


@pytest.mark.parametrize("seed", range(6))
def test_that_no_answer_is_wrong_while_every_lesion_is_off_by_its_own_error(seed: int) -> None:
    random = np.random.default_rng(1000 + seed)
    every: list[Ball] = []
    for number in range(9):
        x, y, z = (float(each) for each in random.uniform((-45, -45, -30), (45, 45, 30)))
        size = float(random.uniform(8.0, 28.0))
        if all(np.linalg.norm(np.subtract((x, y, z), at)) > (size + other) / 2 + 1 for _, at, other in every):
            every.append((str(number), (x, y, z), size))
    known, fresh = every[:-2], every[-2:]
    later = list(fresh)
    for name, at, size in known[1:]:
        off = random.normal(size=3)
        off *= 5.0 * random.uniform() / np.linalg.norm(off)
        x, y, z = (float(each) for each in np.add(at, off))
        later.append((name, (x, y, z), size * float(random.uniform(0.6, 1.4))))
    found = matched(known, later, LinkError(5.0, True, "landmarks")).proposals
    for each in found:
        assert each.kind is not IdentityKind.SAME or each.earlier == each.later
        assert each.kind is not IdentityKind.VANISHED or each.earlier == (known[0][0],)
        assert each.kind is not IdentityKind.NEW or each.later[0] in {name for name, _, _ in fresh}
        assert each.kind not in (IdentityKind.SPLIT, IdentityKind.MERGED)
    assert any(each.kind is IdentityKind.SAME for each in found)
