"""Which lesion of an earlier day is which lesion of a later one: proposals, with what the link's error allows.

A wrong match is worse than none. Two lesions are called one only where this holds even if the link is off by its error,
or where nothing else lies near; everything else is ambiguous and is left to a person. Nothing here decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid
from planner.imaging.masks import Mask, ball_box, padded_box, union_box
from planner.planning.change_settings import setting
from planner.planning.size_change import SizeChange, size_change


class IdentityKind(StrEnum):
    """What a group of lesions of both days is proposed to be."""

    SAME = "same"
    VANISHED = "vanished"
    NEW = "new"
    SPLIT = "split"
    MERGED = "merged"
    AMBIGUOUS = "ambiguous"
    NOT_SHOWN = "not-shown"


@dataclass(frozen=True, slots=True)
class LinkError:
    """How far the link of both days may be off.

    Attributes
    ----------
    measured
        At landmarks; False: a default of ``resources/change_measuring.toml``, and this is said.
    basis
        In words.
    """

    mm: float
    measured: bool
    basis: str


@dataclass(frozen=True, eq=False)
class LesionShape:
    """A lesion of one of the days, brought into the frame and onto the grid of the later images.

    Attributes
    ----------
    mask
        On the later images' grid; empty where they do not reach.
    centre_lps_mm
        (3,) in the later images' frame.
    volume_ml, longest_mm
        As measured on its own images, before it was brought over; None is unknown.
    sized
        False: only a place is known (typed without a size), so it can never be matched surely.
    shown_there
        The images of the other day show its place at all.
    """

    id: str
    name: str
    mask: Mask
    centre_lps_mm: NDArray[np.float64]
    volume_ml: float | None = None
    longest_mm: float | None = None
    sized: bool = True
    shown_there: bool = True


@dataclass(frozen=True, slots=True)
class Meeting:
    """An earlier and a later lesion that lie near each other.

    Attributes
    ----------
    centre_mm
        Between the centres.
    gap_mm
        Between the surfaces; 0 where they overlap.
    share
        Of the smaller one that lies in the larger one.
    reach_share
        The same, with the larger one widened by the link's error.
    depth_mm
        How deep the smaller one's centre lies in the larger one; negative outside.
    """

    earlier_id: str
    later_id: str
    centre_mm: float
    gap_mm: float
    share: float
    reach_share: float
    depth_mm: float
    sized: bool = True

    def is_sure(self, error_mm: float) -> bool:
        """One inside the other, by half of it or by more than the link can be off."""
        return self.sized and (self.share >= setting("same_share") or self.depth_mm >= error_mm)

    @property
    def is_possible(self) -> bool:
        return self.reach_share >= setting("same_share")


@dataclass(frozen=True, slots=True)
class Identity:
    """One proposal. Nothing of it holds before a person has confirmed it.

    Attributes
    ----------
    earlier, later
        Ids of the lesions of either day.
    change
        None where there is nothing to compare.
    reasons
        One sentence each: what it stands on, and what makes it doubtful.
    """

    kind: IdentityKind
    earlier: tuple[str, ...]
    later: tuple[str, ...]
    change: SizeChange | None
    meetings: tuple[Meeting, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matching:
    """All proposals between two days, in the order of the earlier lesions, then the later ones."""

    proposals: tuple[Identity, ...]
    error: LinkError


def ball_mask(grid: Grid, centre_lps_mm: ArrayLike, diameter_mm: float) -> Mask:
    """A ball on a grid, for a lesion whose place and size are typed; empty outside the grid."""
    box = ball_box(grid, centre_lps_mm, 0.5 * diameter_mm)
    kji = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(*box, strict=True)), indexing="ij"), axis=-1)
    if not kji.size:
        return Mask.empty(grid)
    away = np.linalg.norm(grid.lps_from_kji.points(kji) - np.asarray(centre_lps_mm), axis=-1)
    return Mask.of(grid, away <= 0.5 * diameter_mm, box[0])


def match_lesions(earlier: Sequence[LesionShape], later: Sequence[LesionShape], error: LinkError) -> Matching:
    """Propose which lesions of two days are the same.

    Parameters
    ----------
    earlier, later
        All lesions known of either day, on one grid; ids differ within a day.

    Raises
    ------
    FrameMismatch
        ``different-grids``.
    """
    for each in (*earlier[1:], *later):
        (earlier or later)[0].mask.same_grid(each.mask)
    near = (_meeting(one, other, error.mm) for one in earlier for other in later)
    meetings = [each for each in near if each is not None]
    bound = [each for each in meetings if each.is_sure(error.mm) or each.is_possible]
    groups = _groups([each.id for each in earlier], [each.id for each in later], bound)
    first, second = {each.id: each for each in earlier}, {each.id: each for each in later}
    found: list[Identity] = []
    for group in groups:
        ones, others = [first[each] for each in group[0]], [second[each] for each in group[1]]
        mine = [each for each in bound if each.earlier_id in group[0] or each.later_id in group[1]]
        found += _judged(ones, others, mine, error)
    return Matching(_with_neighbours(found, meetings, first, second, error), error)


def _meeting(one: LesionShape, other: LesionShape, error_mm: float) -> Meeting | None:
    """None where they are too far apart for any link error to matter."""
    centre_mm = float(np.linalg.norm(one.centre_lps_mm - other.centre_lps_mm))
    if one.mask.is_empty or other.mask.is_empty:
        return None
    grid, reach_mm = one.mask.grid, 2.0 * error_mm
    wide = padded_box(one.mask.box, reach_mm, grid)
    if bool((np.maximum(wide[0], other.mask.box[0]) >= np.minimum(wide[1], other.mask.box[1])).any()):
        return None
    from planner.imaging.surfaces import signed_distance_mm

    larger, smaller = (one, other) if one.mask.count >= other.mask.count else (other, one)
    box = padded_box(union_box((one.mask.box, other.mask.box)), 1.0, grid)
    away = signed_distance_mm(larger.mask.within(box), grid.spacing_kji_mm)
    inside = away[smaller.mask.within(box)]
    gap_mm = max(0.0, float(inside.min()))
    if gap_mm > reach_mm:
        return None
    middle = np.rint(np.argwhere(smaller.mask.voxels).mean(axis=0)).astype(int) + smaller.mask.box[0] - box[0]
    depth_mm = -float(away[tuple(middle)])
    return Meeting(
        one.id,
        other.id,
        centre_mm,
        gap_mm,
        float(np.mean(inside < 0.0)),
        float(np.mean(inside <= error_mm)),
        depth_mm,
        one.sized and other.sized,
    )


def _groups(
    earlier: Sequence[str], later: Sequence[str], bound: Iterable[Meeting]
) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Connected groups of lesions of both days."""
    nodes = [(0, each) for each in earlier] + [(1, each) for each in later]
    of = {node: number for number, node in enumerate(nodes)}
    for each in bound:
        low, high = sorted((of[(0, each.earlier_id)], of[(1, each.later_id)]))
        of = {node: low if number == high else number for node, number in of.items()}
    groups: dict[int, tuple[list[str], list[str]]] = {}
    for node in nodes:
        groups.setdefault(of[node], ([], []))[node[0]].append(node[1])
    return [(tuple(ones), tuple(others)) for ones, others in groups.values()]


def _judged(
    ones: list[LesionShape], others: list[LesionShape], bound: list[Meeting], error: LinkError
) -> list[Identity]:
    sure = [each for each in bound if each.is_sure(error.mm)]
    if not others:
        return [_alone(ones[0], IdentityKind.VANISHED)]
    if not ones:
        return [_alone(others[0], IdentityKind.NEW)]
    if len(sure) == len(bound) and min(len(ones), len(others)) == 1:
        kind = IdentityKind.MERGED if len(ones) > 1 else IdentityKind.SPLIT if len(others) > 1 else IdentityKind.SAME
        return [_identity(kind, ones, others, bound, (_stands_on(bound),))]
    pairs = _one_to_one(ones, others, sure)
    if pairs is not None and _well_apart(pairs, bound, error.mm):
        by_id = {each.id: each for each in (*ones, *others)}
        same = [(by_id[each.earlier_id], by_id[each.later_id], each) for each in pairs]
        return [
            _identity(IdentityKind.SAME, [one], [other], [each], (_stands_on([each]),)) for one, other, each in same
        ]
    return [_identity(IdentityKind.AMBIGUOUS, ones, others, bound, _doubts(ones, others, sure, bound, error))]


def _one_to_one(ones: list[LesionShape], others: list[LesionShape], sure: list[Meeting]) -> list[Meeting] | None:
    met = ([each.earlier_id for each in sure], [each.later_id for each in sure])
    whole = (sorted(met[0]), sorted(met[1])) == (sorted(each.id for each in ones), sorted(each.id for each in others))
    return sure if whole else None


def _well_apart(pairs: list[Meeting], bound: list[Meeting], error_mm: float) -> bool:
    """Every other partner is farther by more than the link can shift both distances."""
    mine = {each.earlier_id: each.centre_mm for each in pairs} | {each.later_id: each.centre_mm for each in pairs}
    rest = [each for each in bound if each not in pairs]
    return all(each.centre_mm - max(mine[each.earlier_id], mine[each.later_id]) > 2.0 * error_mm for each in rest)


def _alone(lesion: LesionShape, kind: IdentityKind) -> Identity:
    is_earlier = kind is IdentityKind.VANISHED
    text = f"Nothing is marked there on the {'later' if is_earlier else 'earlier'} images."
    if not lesion.shown_there and is_earlier:
        kind, text = IdentityKind.NOT_SHOWN, "The later images do not show its place: it is not looked for."
    elif not lesion.shown_there:
        kind = IdentityKind.AMBIGUOUS
        text = "The earlier images do not show this place: it cannot be told whether it is new."
    earlier, later = ((lesion.id,), ()) if is_earlier else ((), (lesion.id,))
    return Identity(kind, earlier, later, None, (), (text,))


def _identity(
    kind: IdentityKind,
    ones: list[LesionShape],
    others: list[LesionShape],
    bound: list[Meeting],
    reasons: tuple[str, ...],
) -> Identity:
    change = None
    if kind is not IdentityKind.AMBIGUOUS:
        voxel_mm = float(np.cbrt(ones[0].mask.grid.voxel_ml * 1000.0))
        before, after = ([(each.volume_ml, each.longest_mm) for each in day] for day in (ones, others))
        change = size_change(before, after, voxel_mm)
    earlier, later = tuple(each.id for each in ones), tuple(each.id for each in others)
    return Identity(kind, earlier, later, change, tuple(bound), reasons)


def _stands_on(bound: Sequence[Meeting]) -> str:
    least, most = min(each.share for each in bound), max(each.centre_mm for each in bound)
    return f"{100.0 * least:.0f} % of the smaller lies in the larger; centres at most {most:.0f} mm apart."


def _doubts(
    ones: list[LesionShape], others: list[LesionShape], sure: list[Meeting], bound: list[Meeting], error: LinkError
) -> tuple[str, ...]:
    found = []
    if len(ones) > 1 and len(others) > 1:
        found.append(f"{len(ones)} earlier and {len(others)} later lesions lie too close together to be told apart.")
    if not all(each.sized for each in (*ones, *others)):
        found.append("Of a lesion only the place is known, not its size.")
    loose = [each for each in bound if each not in sure]
    if loose:
        word = "measured" if error.measured else "assumed"
        found.append(f"They overlap only if the link is off by up to {error.mm:.0f} mm ({word}: {error.basis}).")
    return tuple(found) or ("More than one answer fits.",)


def _with_neighbours(
    found: list[Identity],
    meetings: list[Meeting],
    first: dict[str, LesionShape],
    second: dict[str, LesionShape],
    error: LinkError,
) -> tuple[Identity, ...]:
    """A lesion that would be gone beside one that would be new may be one lesion: both become one doubt."""
    gone = {each.earlier[0]: each for each in found if each.kind is IdentityKind.VANISHED}
    fresh = {each.later[0]: each for each in found if each.kind is IdentityKind.NEW}
    near = [each for each in meetings if each.earlier_id in gone and each.later_id in fresh]
    answer = list(found)
    for ones, others in _groups([*gone], [*fresh], near):
        if not ones or not others:
            continue
        mine = [each for each in near if each.earlier_id in ones]
        gap = min(each.gap_mm for each in mine)
        text = (
            f"One is gone and another lies {gap:.0f} mm beside its place: one lesion that moved, or two; "
            f"the link may be off by {error.mm:.0f} mm."
        )
        doubt = Identity(IdentityKind.AMBIGUOUS, ones, others, None, tuple(mine), (text,))
        taken = [gone[each] for each in ones] + [fresh[each] for each in others]
        answer = [doubt if each is taken[0] else each for each in answer if each is taken[0] or each not in taken]
    order = {each: number for number, each in enumerate((*first, *second))}
    return tuple(sorted(answer, key=lambda each: order[(*each.earlier, *each.later)[0]]))
