"""From voxel branches to centrelines: smoothed, moved to the middle of the lumen, run on to its end, and measured.

All branches are held one after the other in long arrays, so that each step is one pass over the whole tree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.planning.tree_extraction_voxels import RawTree, VoxelGraph
from planner.planning.tree_radii import Field, Levels, Sections, carried, levels, sections, tangents_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

STEP_MM = 0.48
"""Spacing of the points; the contract of the command line says at most 0.5 mm."""
_ROUNDS = 3
_SMOOTH_VOXELS = 1.0
_SMOOTH_WIDE_MM = 2.5
_WIDE_MM = 6.0
_MERGED_MM = 1.5
_BRIDGE_REACH_MM = 2.0
_DEPTH_SWAY = 0.6
_CORNER_VOXELS = 5.0
"""Depths go up and down by so much of a voxel along an even vessel; over so many voxels a corner deepens by more."""
_LEAST_VOXELS = 2.0
_LEAST_CONTRAST = 4.0
"""Narrower than two voxels, or of less than four times the noise: doubtful, as in `planner.planning.vessel_path`."""


@dataclass(frozen=True, eq=False)
class Lines:
    """Branches one after the other.

    Attributes
    ----------
    points_lps_mm, radius_mm, doubtful
        (n, 3), (n,), (n,).
    first
        (b + 1,) where each branch begins; mothers come before their daughters.
    mothers
        For each branch (mother, index of the point it leaves from); None at the root. Its own first point is that
        point of its mother.
    bridged
        (n,) bool: across a gap of the mask.
    """

    points_lps_mm: Floats
    radius_mm: Floats
    doubtful: NDArray[np.bool_]
    first: Integers
    mothers: list[tuple[int, int] | None]
    bridged: NDArray[np.bool_]


def lines_of(graph: VoxelGraph, field: Field, tree: RawTree, *, keep_root: bool, filled: NDArray[np.bool_]) -> Lines:
    """Sub-voxel centrelines of a raw tree.

    Parameters
    ----------
    keep_root
        The first branch begins where its first voxel is; otherwise it runs on to the end of the mask there too.
    filled
        (voxels,) those that bridge a gap.
    """
    outer, leaving = _outer_parts(graph, tree, keep_root)
    rough, first = _resampled(outer)
    radius = _rough_radius(graph, rough)
    points = _smooth(rough, first, radius, graph)
    # The first branch, and with it the value of a full lumen, comes first: rough mothers serve to carry it on.
    guides: list[tuple[int, int] | None] = [
        None if mother < 0 else (mother, _nearest_in(points, first, mother, graph.lps_mm(np.array([voxel]))[0]))
        for mother, voxel in leaving
    ]
    for _ in range(_ROUNDS):
        seen, _ = _measured(field, points, radius, first, guides)
        known = np.isfinite(seen.radius_mm)
        radius = np.where(known, 0.5 * radius + 0.5 * np.nan_to_num(seen.radius_mm), radius)
        length = np.linalg.norm(seen.shift_lps_mm, axis=1, keepdims=True)
        most = np.maximum(0.6 * radius, 0.75 * seen.voxel_mm)[:, None]
        shift = seen.shift_lps_mm * np.minimum(1.0, most / np.maximum(length, 1e-9))
        along = tangents_of(points, first)
        shift -= along * np.einsum("ij,ij->i", shift, along)[:, None]
        points = _smooth(points + _smooth(shift, first, radius, graph), first, 0.5 * radius, graph, share=0.6)
    ended = _run_on(graph, field, points, first, radius, keep_root)
    points, first = _resampled(ended)
    radius = _rough_radius(graph, points)
    return _joined(graph, field, points, first, radius, leaving, filled)


def _outer_parts(graph: VoxelGraph, tree: RawTree, keep_root: bool) -> tuple[list[Floats], list[tuple[int, int]]]:
    """Per branch its points outside its mother's lumen, less the last stretch to the wall; and (mother, voxel)."""
    parts: list[Floats] = []
    leaving: list[tuple[int, int]] = []
    for number in range(tree.count):
        voxels = tree.branch(number)
        points, depth = graph.lps_mm(voxels), graph.depth_mm[voxels].astype(np.float64)
        low = 0
        if number == 0:
            leaving.append((-1, int(voxels[0])))
            low = 0 if keep_root else _cap(points, depth, graph.voxel_mm)
        else:
            mother = int(tree.line[voxels[0]])
            leaving.append((mother, int(voxels[0])))
            low = _ostium(graph, tree, mother, voxels, points)
        high = len(points) - _cap(points[::-1], depth[::-1], graph.voxel_mm)
        if high - low < 2:
            low, high = max(0, min(low, len(points) - 2)), len(points)
        parts.append(points[low:high])
    return parts, leaving


def _ostium(graph: VoxelGraph, tree: RawTree, mother: int, voxels: Integers, points: Floats) -> int:
    """The first point of a branch that lies outside its mother's lumen."""
    line = tree.branch(mother)
    at = int(np.flatnonzero(line == voxels[0])[0]) if voxels[0] in line else 0
    depth = graph.depth_mm[line].astype(np.float64)
    reach = int(np.ceil(2.5 * depth[at] / min(graph.grid.spacing_kji_mm))) + 2
    near = slice(max(0, at - reach), at + reach + 1)
    gaps = np.linalg.norm(points[:, None] - graph.lps_mm(line[near])[None], axis=2)
    inside = (gaps <= depth[near][None]).any(axis=1)
    outside = np.flatnonzero(~inside)
    return int(outside[0]) if len(outside) else len(points) - 2


def _cap(points: Floats, depth: Floats, voxel_mm: float) -> int:
    """How many first points lead from the corner of an end to the middle of the lumen: while it still gets deeper."""
    from_end = np.linalg.norm(points - points[0], axis=1)
    for at in range(len(points) // 2):
        reach = max(1.5 * depth[at], _CORNER_VOXELS * voxel_mm)
        ahead = (from_end >= from_end[at]) & (from_end <= from_end[at] + reach)
        ahead[:at] = False
        if depth[at] + _DEPTH_SWAY * voxel_mm >= 0.9 * float(depth[ahead].max(initial=0.0)):
            # Just there the way still turns from the corner into the lumen's course.
            turned = from_end[at] + 0.7 * depth[at] if at else 0.0
            return min(int(np.searchsorted(from_end, turned)), len(points) // 2)
    return len(points) // 2


def _resampled(parts: list[Floats]) -> tuple[Floats, Integers]:
    """Evenly spaced points of every part, and where each part begins."""
    fine = [even(part) for part in parts]
    first = np.concatenate([[0], np.cumsum([len(part) for part in fine])]).astype(np.int64)
    return np.concatenate(fine), first


def even(points: Floats, step_mm: float = STEP_MM) -> Floats:
    """(m, 3), m >= 2, evenly spaced along a line, both ends kept."""
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    count = max(2, int(np.ceil(along[-1] / step_mm)) + 1)
    wanted = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(wanted, along, points[:, axis]) for axis in range(3)], axis=-1)


def _rough_radius(graph: VoxelGraph, points: Floats) -> Floats:
    """(n,) from the depth of the voxels: the distance to the outside less half a voxel."""
    numbers = graph.numbers_at(points)
    depth = np.where(numbers >= 0, graph.depth_mm[np.maximum(numbers, 0)], graph.voxel_mm)
    radius: Floats = np.maximum(depth - 0.4 * graph.voxel_mm, 0.5 * graph.voxel_mm)
    return radius


def _smooth(values: Floats, first: Integers, radius: Floats, graph: VoxelGraph, share: float = 1.0) -> Floats:
    """Along each branch: over about a voxel, over more where the vessel is wide. Ends stay, mirrored through them."""
    fine = _blurred(values, first, share * max(_SMOOTH_VOXELS * graph.voxel_mm, 0.6) / STEP_MM)
    wide = _blurred(values, first, share * _SMOOTH_WIDE_MM / STEP_MM)
    weight = np.clip(radius / _WIDE_MM, 0.0, 1.0)[:, None]
    mixed: Floats = fine * (1.0 - weight) + wide * weight
    return mixed


def _blurred(values: Floats, first: Integers, sigma: float) -> Floats:
    from scipy import ndimage

    reach = int(np.ceil(3.0 * sigma))
    parts, kept = [], []
    held = 0
    for low, high in zip(first[:-1], first[1:], strict=True):
        own = values[low:high]
        over = min(reach, len(own) - 1)
        parts += [2.0 * own[0] - own[over:0:-1], own, 2.0 * own[-1] - own[-2 : -over - 2 : -1]]
        kept.append(np.arange(held + over, held + over + len(own)))
        held += 2 * over + len(own)
        gap = reach - over
        if gap:
            parts.append(np.repeat(parts[-1][-1:] if over else own[-1:], gap, axis=0))
            held += gap
    blurred = ndimage.gaussian_filter1d(np.concatenate(parts), sigma, axis=0, mode="nearest", truncate=3.0)
    return np.asarray(blurred[np.concatenate(kept)])


def _measured(
    field: Field, points: Floats, radius: Floats, first: Integers, mothers: list[tuple[int, int] | None]
) -> tuple[Sections, Levels]:
    tangents = tangents_of(points, first)
    branch = np.repeat(np.arange(len(first) - 1), np.diff(first))
    level = levels(field, points, tangents, radius, first[branch].astype(np.float64))
    if not field.is_mask:
        level = carried(level, mothers, first)
    return sections(field, points, tangents, radius, level), level


def _nearest_in(points: Floats, first: Integers, branch: int, place: Floats) -> int:
    """Index of the point of a branch nearest to a place."""
    low, high = int(first[branch]), int(first[branch + 1])
    return low + int(np.argmin(np.linalg.norm(points[low:high] - place, axis=1)))


def _run_on(
    graph: VoxelGraph, field: Field, points: Floats, first: Integers, radius: Floats, keep_root: bool
) -> list[Floats]:
    """Every branch run on straight to where the mask ends at its tip, the first one at its root too."""
    parts = []
    for number, (low, high) in enumerate(zip(first[:-1], first[1:], strict=True)):
        own = points[low:high]
        more = _to_wall(graph, own, float(radius[high - 1]))
        parts.append(np.vstack([own, more]))
        if number == 0 and not keep_root:
            before = _to_wall(graph, own[::-1], float(radius[low]))
            parts[-1] = np.vstack([before[::-1], parts[-1]])
    return parts


def _to_wall(graph: VoxelGraph, line: Floats, radius: float) -> Floats:
    """(m, 3) points from the end of a line straight on to the last place within the mask."""
    reach = min(len(line) - 1, max(3, int(np.ceil(1.5 * max(radius, graph.voxel_mm) / STEP_MM))))
    way = line[-1] - line[-1 - reach]
    length = float(np.linalg.norm(way))
    if length < 1e-6:
        return np.empty((0, 3))
    step = 0.2 * min(graph.grid.spacing_kji_mm)
    count = int(np.ceil((2.0 * radius + 3.0 * graph.voxel_mm) / step))
    ahead = line[-1] + way / length * (step * np.arange(1, count + 1))[:, None]
    inside = graph.numbers_at(ahead) >= 0
    stop = int(np.argmin(inside)) if not inside.all() else 0
    return ahead[stop - 1 : stop] if stop else np.empty((0, 3))


def _joined(
    graph: VoxelGraph,
    field: Field,
    points: Floats,
    first: Integers,
    radius: Floats,
    leaving: list[tuple[int, int]],
    filled: NDArray[np.bool_],
) -> Lines:
    """Every branch led back to a point of its mother, and measured outside it."""
    guides: list[tuple[int, int] | None] = []
    for number, (mother, voxel) in enumerate(leaving):
        if mother < 0:
            guides.append(None)
            continue
        leave = _leaving_point(points, first, radius, mother, graph.lps_mm(np.array([voxel]))[0], points[first[number]])
        near = [each[1] for each in guides if each is not None and each[0] == mother]
        same = [at for at in near if np.linalg.norm(points[at] - points[leave]) <= _MERGED_MM]
        guides.append((mother, same[0] if same else leave))
    seen, level = _measured(field, points, radius, first, guides)
    faint = (level.seen - level.ground) < _LEAST_CONTRAST * field.noise
    doubtful = ~(2.0 * seen.radius_mm >= _LEAST_VOXELS * seen.voxel_mm) | faint
    return _with_stems(graph, points, first, guides, _steady(seen.radius_mm, first), doubtful, filled)


def _with_stems(
    graph: VoxelGraph,
    points: Floats,
    first: Integers,
    guides: list[tuple[int, int] | None],
    radius: Floats,
    doubtful: NDArray[np.bool_],
    filled: NDArray[np.bool_],
) -> Lines:
    """With the stretch of each branch inside its mother's lumen, as wide as the branch where it comes out."""
    stems = []
    for number, guide in enumerate(guides):
        start = points[first[number]]
        stems.append(np.empty((0, 3)) if guide is None else even(np.vstack([points[guide[1]], start]))[:-1])
    counts = np.array([len(stem) for stem in stems])
    shifted = first + np.concatenate([[0], np.cumsum(counts)])
    own = np.repeat(np.cumsum(counts), np.diff(first)) + np.arange(len(points))
    total = int(shifted[-1])
    all_points, all_radius = np.empty((total, 3)), np.empty(total)
    all_doubtful = np.zeros(total, dtype=np.bool_)
    all_points[own], all_radius[own], all_doubtful[own] = points, radius, doubtful
    for number, stem in enumerate(stems):
        low, high = int(shifted[number]), int(shifted[number]) + len(stem)
        all_points[low:high] = stem
        all_radius[low:high] = all_radius[high]
        all_doubtful[low:high] = all_doubtful[high]
    mothers = [None if guide is None else (guide[0], int(own[guide[1]])) for guide in guides]
    bridged = _across_gaps(graph, all_points, filled)
    all_radius[bridged] = np.nan
    return Lines(all_points, all_radius, all_doubtful | bridged, shifted, mothers, bridged)


def _leaving_point(points: Floats, first: Integers, radius: Floats, mother: int, place: Floats, ostium: Floats) -> int:
    """The point of the mother's line that a branch leaves from: between where its voxels met it and its ostium."""
    low, high = int(first[mother]), int(first[mother + 1])
    met = _nearest_in(points, first, mother, place)
    beside = _nearest_in(points, first, mother, ostium)
    reach = int(np.ceil(1.5 * radius[met] / STEP_MM))
    chosen = int(np.clip(round(0.5 * (met + beside)), met - reach, met + reach))
    return max(low, min(high - 1, chosen))


def _steady(radius: Floats, first: Integers) -> Floats:
    """Without single odd values: the running median over neighbours of the same branch, then a short mean."""
    from scipy import ndimage

    steady = radius.copy()
    for low, high in zip(first[:-1], first[1:], strict=True):
        own = radius[low:high]
        known = np.isfinite(own)
        if not known.any():
            continue
        index = np.arange(len(own))
        whole = np.interp(index, index[known], own[known])
        size = min(7, len(own))
        steady[low:high] = ndimage.uniform_filter1d(
            ndimage.median_filter(whole, size, mode="nearest"), min(5, len(own)), mode="nearest"
        )
    return steady


def _across_gaps(graph: VoxelGraph, points: Floats, filled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) whether a point lies in a bridge: near its voxels, and in no voxel of the mask itself."""
    across = np.zeros(len(points), dtype=np.bool_)
    bridge = np.flatnonzero(filled)
    if not len(bridge):
        return across
    from scipy.spatial import cKDTree

    numbers = graph.numbers_at(points)
    loose = (numbers < 0) | filled[np.maximum(numbers, 0)]
    gaps, _ = cKDTree(graph.lps_mm(bridge)).query(points[loose])
    across[loose] = gaps <= _BRIDGE_REACH_MM + 0.5 * max(graph.grid.spacing_kji_mm)
    return across
