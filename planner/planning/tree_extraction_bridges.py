"""Loose pieces of a vessel mask: joined to the piece with the root where a short way that looks like vessel leads on.

The way across a gap is the least-cost path over how much each voxel looks like the vessel; without an image it is
straight, and shorter gaps are allowed. What is bridged is doubtful, and said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging import Volume
from planner.imaging.masks import Box, Mask, box_slices, clipped_box
from planner.imaging.paths import least_cost_path
from planner.planning.tree_extraction_voxels import VoxelGraph

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

REACH_SEEN_MM = 10.0
REACH_BLIND_MM = 5.0
"""Longest gap that is bridged with an image to look at, and without one."""
_LEAST_PIECE_VOXELS = 6
_LEAST_SEEN = 0.25
"""Of a lumen's contrast (or of the likelihood), on the mean across the gap."""
_MOST_PIECES = 200
_MOST_SAID = 12


@dataclass(frozen=True, eq=False)
class Joined:
    """The pieces that hang together, bridges included.

    Attributes
    ----------
    mask
        With the bridges' voxels.
    filled_kji
        (m, 3) voxels of the bridges.
    bridges
        Length of every bridge, mm, with the LPS place of its middle.
    left_out
        Extent (mm) and LPS place of the larger pieces that were not reached; and how many voxels were too few to tell.
    """

    mask: Mask
    filled_kji: Integers
    bridges: tuple[tuple[float, Floats], ...]
    left_out: tuple[tuple[float, Floats], ...]
    crumbs: int


@dataclass(frozen=True, slots=True)
class _Gap:
    length_mm: float
    inner: int
    outer: int


def joined_pieces(
    graph: VoxelGraph,
    mask: Mask,
    main: int,
    volume: Volume | None = None,
    likelihood: NDArray[np.floating] | None = None,
) -> Joined:
    """What belongs to the piece number `main`.

    Parameters
    ----------
    volume, likelihood
        On the mask's grid; the likelihood (0 to 1) is looked at first.
    """
    pieces = graph.pieces
    sizes = np.bincount(pieces)
    waiting = [number for number in range(len(sizes)) if number != main and sizes[number] >= _LEAST_PIECE_VOXELS]
    waiting = waiting[:_MOST_PIECES]
    crumbs = int(sizes.sum() - sizes[main] - sizes[waiting].sum())
    gaps = _gaps(graph, pieces, main, waiting, {})
    kept, filled, bridges = [main], [], []
    refused: set[int] = set()
    reach = REACH_BLIND_MM if volume is None and likelihood is None else REACH_SEEN_MM
    while True:
        open_gaps = {number: gap for number, gap in gaps.items() if number in waiting and number not in refused}
        if not open_gaps:
            break
        nearest = min(open_gaps, key=lambda number: open_gaps[number].length_mm)
        gap = open_gaps[nearest]
        if gap.length_mm > reach:
            break
        way = None if gap.length_mm > _extent(graph, pieces == nearest) else _way(graph, gap, volume, likelihood)
        if way is None:
            refused.add(nearest)
            continue
        waiting.remove(nearest)
        kept.append(nearest)
        filled.append(way)
        bridges.append((gap.length_mm, graph.grid.lps_from_kji.points(way.mean(axis=0))))
        newer = _gaps(graph, pieces, nearest, waiting, gaps)
        refused -= {number for number in newer if newer[number] is not gaps.get(number)}
        gaps = newer
    voxels = graph.kji[np.isin(pieces, kept)].astype(np.int64)
    added = np.concatenate(filled) if filled else np.empty((0, 3), dtype=np.int64)
    crumbs += sum(int(sizes[number]) for number in waiting[_MOST_SAID:])
    whole = _mask_of(mask, np.concatenate([voxels, added]))
    return Joined(whole, added, tuple(bridges), _left_out(graph, waiting[:_MOST_SAID]), crumbs)


def _left_out(graph: VoxelGraph, pieces: list[int]) -> tuple[tuple[float, Floats], ...]:
    """Extent and middle of each piece."""
    chosen = [graph.pieces == number for number in pieces]
    return tuple((_extent(graph, each), graph.lps_mm(np.flatnonzero(each)).mean(axis=0)) for each in chosen)


def _gaps(
    graph: VoxelGraph, pieces: NDArray[np.int32], near: int, others: list[int], known: dict[int, _Gap]
) -> dict[int, _Gap]:
    """Shortest way (straight) from each other piece to what is kept, given those to what was kept before."""
    from scipy.spatial import cKDTree

    own = np.flatnonzero(pieces == near)
    tree = cKDTree(graph.places_mm[own])
    found = dict(known)
    for number in others:
        voxels = np.flatnonzero(pieces == number)
        gap, at = tree.query(graph.places_mm[voxels])
        best = int(np.argmin(gap))
        if number not in known or gap[best] < known[number].length_mm:
            found[number] = _Gap(float(gap[best]), int(own[at[best]]), int(voxels[best]))
    return found


def _extent(graph: VoxelGraph, chosen: NDArray[np.bool_]) -> float:
    """Diagonal of a piece's box, mm."""
    places = graph.places_mm[chosen]
    return float(np.linalg.norm(places.max(axis=0) - places.min(axis=0)))


def _way(
    graph: VoxelGraph, gap: _Gap, volume: Volume | None, likelihood: NDArray[np.floating] | None
) -> Integers | None:
    """(m, 3) voxels across a gap, both ends left out; None where the image shows nothing there."""
    start, goal = graph.kji[gap.inner].astype(np.int64), graph.kji[gap.outer].astype(np.int64)
    if volume is None and likelihood is None:
        count = int(np.abs(goal - start).max())
        return np.rint(np.linspace(start, goal, count + 1)).astype(np.int64)[1:-1]
    margin = np.ceil((0.6 * gap.length_mm + 2.0) / np.asarray(graph.grid.spacing_kji_mm)).astype(int)
    box = clipped_box(np.minimum(start, goal) - margin, np.maximum(start, goal) + margin + 1, graph.grid.size_kji)
    seen = _seen(graph, gap, box, volume, likelihood)
    if seen is None:
        return None
    low = np.asarray(box[0])
    first, last = tuple(int(each) for each in start - low), tuple(int(each) for each in goal - low)
    cost = 1.0 / (0.05 + seen) ** 2
    way = least_cost_path(cost, (first[0], first[1], first[2]), (last[0], last[1], last[2]), graph.grid.spacing_kji_mm)
    if way is None:
        return None
    inner = way[1:-1]
    if len(inner) and float(seen[tuple(inner.T)].mean()) < _LEAST_SEEN:
        return None
    found: Integers = inner + low
    return found


def _seen(
    graph: VoxelGraph, gap: _Gap, box: Box, volume: Volume | None, likelihood: NDArray[np.floating] | None
) -> NDArray[np.float32] | None:
    """How much each voxel of a box looks like the vessel, 0 to 1; None where the vessel has no contrast there."""
    seen: NDArray[np.float32]
    if likelihood is not None:
        seen = np.clip(np.asarray(likelihood[box_slices(box)], dtype=np.float32), 0.0, 1.0)
        return seen
    if volume is None:
        return None
    values = np.asarray(volume.voxels[box_slices(box)], dtype=np.float32)
    places = graph.places_mm
    ends = (places[gap.inner] + places[gap.outer]) / 2.0
    near = np.linalg.norm(places - ends, axis=1) <= gap.length_mm / 2.0 + 5.0
    own = graph.kji[near]
    lumen = float(np.quantile(np.asarray(volume.voxels[tuple(own.T)], dtype=np.float64), 0.5))
    ground = float(np.quantile(values, 0.25))
    if lumen <= ground:
        return None
    seen = np.clip((values - ground) / (lumen - ground), 0.0, 1.0)
    return seen


def _mask_of(mask: Mask, kji: Integers) -> Mask:
    low, high = kji.min(axis=0), kji.max(axis=0) + 1
    bits = np.zeros(tuple(high - low), dtype=np.bool_)
    bits[tuple((kji - low).T)] = True
    return Mask(mask.grid, clipped_box(low, high, mask.grid.size_kji), bits)
