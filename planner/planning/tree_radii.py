"""Radius and middle of vessels across their course, below the size of a voxel.

A lumen wider than about three voxels ends where the grey value passes halfway between lumen and surroundings. A
narrower one never reaches its full grey value, and its half level lies at the width of the scanner's blur; there the
contrast summed over the cross-section is taken instead, which blur does not change: the area is that sum over the
contrast of a full lumen (known from the wider vessel upstream). The same measures on a mask use its two values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging import Volume
from planner.imaging.bands import in_bands
from planner.imaging.masks import box_slices, clipped_box
from planner.imaging.slicing import readable
from planner.planning.tree_extraction_voxels import VoxelGraph

Floats = NDArray[np.float64]

_RAYS = 24
_EDGE_FROM_VOXELS, _EDGE_ALONE_VOXELS = 2.0, 3.0
"""Diameters in voxels: the sum over the cross-section alone below, the edge alone above, both between."""
_REACH = 1.6
_REACH_VOXELS = 1.5
_RUN_OFF = 1.8
_GROUND_MM = 2.5
_GROUND_QUANTILE = 0.4
_CORE = 0.5
_FULL_VOXELS = 3.0
_NEAR_MM = 1.5


@dataclass(frozen=True, eq=False)
class Field:
    """What is measured: an image near a mask, or the mask itself.

    Attributes
    ----------
    voxels
        Block of values, read-only.
    near
        Same block, 1 at the mask and just around it; elsewhere nothing is of the vessel.
    low_kji
        Index of the block's first voxel.
    is_mask
        Values are 0 and 1.
    noise
        Standard deviation of a voxel's value inside the vessels; 0 for a mask.
    """

    graph: VoxelGraph
    voxels: NDArray[np.generic]
    near: NDArray[np.uint8]
    low_kji: NDArray[np.int64]
    is_mask: bool
    noise: float

    def kji(self, lps_mm: Floats) -> Floats:
        return self.graph.grid.kji_from_lps.points(lps_mm) - self.low_kji


@dataclass(frozen=True, eq=False)
class Sections:
    """Cross-sections at n points.

    Attributes
    ----------
    radius_mm
        (n,) of a circle of the lumen's area; NaN where it could not be told.
    shift_lps_mm
        (n, 3) to the middle of the lumen; 0 where unknown.
    voxel_mm
        (n,) mean width of a voxel across the course.
    """

    radius_mm: Floats
    shift_lps_mm: Floats
    voxel_mm: Floats


def field_of(graph: VoxelGraph, volume: Volume | None) -> Field:
    """The field to be measured: the volume (on the mask's grid) near the mask, or the mask."""
    grid = graph.grid
    margin = np.maximum(2, np.ceil(2.5 * _GROUND_MM / np.asarray(grid.spacing_kji_mm))).astype(int)
    box = clipped_box(graph.kji.min(axis=0) - margin, graph.kji.max(axis=0) + 1 + margin, grid.size_kji)
    low = np.asarray(box[0], dtype=np.int64)
    size = np.subtract(box[1], box[0])
    mask = np.zeros(tuple(size), dtype=np.uint8)
    at = graph.kji - low
    mask[at[:, 0], at[:, 1], at[:, 2]] = 1
    near = np.zeros(tuple(size + 8), dtype=np.uint8)
    reach = np.clip(np.round(_NEAR_MM / np.asarray(grid.spacing_kji_mm)), 1, 3).astype(int)
    bits = near.reshape(-1)
    bits[np.ravel_multi_index(tuple((at + 4).T), near.shape)] = 1
    for axis, stride in enumerate((near.shape[1] * near.shape[2], near.shape[2], 1)):
        flat = np.flatnonzero(bits)
        for step in range(1, int(reach[axis]) + 1):
            bits[flat + step * stride] = 1
            bits[flat - step * stride] = 1
    near = np.ascontiguousarray(near[4:-4, 4:-4, 4:-4])
    if volume is None:
        return Field(graph, readable(mask), near, low, True, 0.0)
    voxels = readable(np.asarray(volume.voxels[box_slices(box)]))
    return Field(graph, voxels, near, low, False, _noise(voxels, mask))


def sections(field: Field, points_lps_mm: Floats, tangents: Floats, radius_mm: Floats, level: Levels) -> Sections:
    """Measure around each point.

    Parameters
    ----------
    tangents
        (n, 3) unit directions of the course.
    radius_mm
        (n,) roughly, to say how far to look.
    """
    from planner.planning import tree_radii_kernels as kernels

    count = len(points_lps_mm)
    across, beside = _perpendicular(tangents)
    start, first, second = _in_indices(field, points_lps_mm, across, beside)
    turns = _turns(_RAYS)
    rays = np.cos(turns)[None, :, None] * across[:, None] + np.sin(turns)[None, :, None] * beside[:, None]
    voxel = _voxel_widths(first, second, turns)
    step = 0.3 * min(field.graph.grid.spacing_kji_mm)
    reach = _REACH * radius_mm + _REACH_VOXELS * voxel
    edges, areas, firsts = (np.empty((count, _RAYS), dtype=np.float32) for _ in range(3))
    in_bands(
        count,
        lambda a, b: kernels.ray_profiles(
            field.voxels, field.near, start, first, second, turns, level.lumen, level.ground, reach, step,
            edges, areas, firsts, a, b,
        ),
    )  # fmt: skip
    wide, wide_shift = _from_edges(edges.astype(np.float64), rays)
    thin, thin_shift = _from_sums(areas.astype(np.float64), firsts.astype(np.float64), rays)
    span = _EDGE_ALONE_VOXELS - _EDGE_FROM_VOXELS
    share = np.clip((2.0 * np.fmax(wide, 0.0) / voxel - _EDGE_FROM_VOXELS) / span, 0.0, 1.0)
    share = np.where(np.isfinite(wide), share, 0.0)
    radius = np.where(share > 0.0, share * np.nan_to_num(wide), 0.0) + (1.0 - share) * thin
    shift = share[:, None] * wide_shift + (1.0 - share[:, None]) * thin_shift
    return Sections(np.where(radius > 0.0, radius, np.nan), shift, voxel)


@dataclass(frozen=True, eq=False)
class Levels:
    """(n,) grey values of a full lumen and of the surroundings at each point, and of what is seen in the middle."""

    lumen: Floats
    ground: Floats
    seen: Floats


def levels(field: Field, points_lps_mm: Floats, tangents: Floats, radius_mm: Floats, starts: Floats) -> Levels:
    """Grey values along branches that lie one after the other; `starts` says for each point where its branch begins.

    The lumen's own value is only seen where it is wide; narrower points keep that of the nearest wide one before
    them on the branch (`carried` takes it on from branch to branch).
    """
    count = len(points_lps_mm)
    if field.is_mask:
        return Levels(np.ones(count), np.zeros(count), np.ones(count))
    from planner.planning import tree_radii_kernels as kernels

    across, beside = _perpendicular(tangents)
    start, first, second = _in_indices(field, points_lps_mm, across, beside)
    turns = _turns(12)
    voxel = _voxel_widths(first, second, turns)
    inner, outer = np.empty((count, 12), dtype=np.float32), np.empty((count, 12), dtype=np.float32)
    step = 0.5 * min(field.graph.grid.spacing_kji_mm)
    zero, core = np.zeros(count), _CORE * radius_mm
    low = radius_mm + 1.25 * voxel
    high = low + _GROUND_MM
    in_bands(
        count,
        lambda a, b: kernels.ray_means(field.voxels, start, first, second, turns, zero, core, step, inner, a, b),
    )
    in_bands(
        count,
        lambda a, b: kernels.ray_means(field.voxels, start, first, second, turns, low, high, step, outer, a, b),
    )
    seen = _calm(inner.mean(axis=1).astype(np.float64), starts)
    ground = _calm(np.quantile(outer, _GROUND_QUANTILE, axis=1).astype(np.float64), starts)
    full = 2.0 * radius_mm >= _FULL_VOXELS * voxel
    return Levels(np.where(full, seen, np.nan), ground, seen)


def carried(level: Levels, mothers: list[tuple[int, int] | None], first: NDArray[np.int64]) -> Levels:
    """The value of a full lumen where it is not seen: that of the nearest wide place on the way to the root.

    Parameters
    ----------
    mothers
        For each branch the point (index) of its mother that it leaves from, as (mother, point); None at the root.
    first
        Where each branch begins, and where the last one ends.
    """
    lumen = level.lumen.copy()
    whole = lumen[np.isfinite(lumen)]
    fallback = float(np.median(whole)) if whole.size else float(np.quantile(level.seen, 0.95))
    for number, mother in enumerate(mothers):
        low, high = int(first[number]), int(first[number + 1])
        own = lumen[low:high]
        before = fallback if mother is None else lumen[mother[1]]
        known = np.isfinite(own)
        index = np.maximum.accumulate(np.where(known, np.arange(len(own)), -1))
        lumen[low:high] = np.where(index >= 0, own[np.maximum(index, 0)], before)
    return Levels(np.maximum(lumen, level.seen), level.ground, level.seen)


def tangents_of(points_lps_mm: Floats, first: NDArray[np.int64]) -> Floats:
    """(n, 3) unit directions along branches that lie one after the other."""
    tangents = np.zeros_like(points_lps_mm)
    tangents[1:-1] = points_lps_mm[2:] - points_lps_mm[:-2]
    starts, ends = first[:-1], first[1:] - 1
    tangents[starts] = points_lps_mm[np.minimum(starts + 1, ends)] - points_lps_mm[starts]
    tangents[ends] = points_lps_mm[ends] - points_lps_mm[np.maximum(ends - 1, starts)]
    lengths = np.linalg.norm(tangents, axis=1, keepdims=True)
    unit: Floats = np.where(lengths > 1e-9, tangents / np.maximum(lengths, 1e-9), np.array([0.0, 0.0, 1.0]))
    return unit


def _from_edges(edges: Floats, rays: Floats) -> tuple[Floats, Floats]:
    """(n,) radius and (n, 3) shift from the edges on the rays; rays that run off into a branch count as typical."""
    enough = np.isfinite(edges).mean(axis=1) >= 0.5
    typical = np.nanmedian(np.where(enough[:, None], edges, 0.0), axis=1)[:, None]
    odd = ~np.isfinite(edges) | (edges > _RUN_OFF * typical) | (edges < 0.3 * typical)
    tamed = np.where(odd, typical, edges)
    radius = np.where(enough, np.sqrt(np.mean(tamed**2, axis=1)), np.nan)
    shift = np.where(enough[:, None], 2.0 * np.mean(tamed[:, :, None] * rays, axis=1), 0.0)
    return radius, shift


def _from_sums(areas: Floats, firsts: Floats, rays: Floats) -> tuple[Floats, Floats]:
    """(n,) radius and (n, 3) shift from the contrast summed over the cross-section."""
    typical = np.maximum(np.median(areas, axis=1), 0.5 * np.mean(areas, axis=1))
    ceiling = np.maximum(4.0 * typical, 1e-6)[:, None]
    bounded = np.minimum(areas, ceiling)
    scale = bounded / np.maximum(areas, 1e-9)
    total = bounded.mean(axis=1)
    moments = np.where(areas > 0.0, firsts * scale, firsts)
    shift = np.mean(moments[:, :, None] * rays, axis=1) / np.maximum(total, 1e-6)[:, None]
    return np.sqrt(2.0 * np.maximum(total, 0.0)), np.where(total[:, None] > 1e-3, shift, 0.0)


def _turns(count: int) -> Floats:
    turns: Floats = 2.0 * np.pi * np.arange(count, dtype=np.float64) / count
    return turns


def _perpendicular(tangents: Floats) -> tuple[Floats, Floats]:
    """Two unit directions across each tangent, (n, 3) each."""
    axis = np.eye(3)[np.argmin(np.abs(tangents), axis=1)]
    across = axis - tangents * np.einsum("ij,ij->i", axis, tangents)[:, None]
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    return across, np.cross(tangents, across)


def _in_indices(field: Field, points: Floats, across: Floats, beside: Floats) -> tuple[Floats, Floats, Floats]:
    inward = field.graph.grid.kji_from_lps
    return (
        np.ascontiguousarray(field.kji(points)),
        np.ascontiguousarray(inward.vectors(across)),
        np.ascontiguousarray(inward.vectors(beside)),
    )


def _voxel_widths(across_kji: Floats, beside_kji: Floats, turns: Floats) -> Floats:
    """(n,) mean over the rays of the width of a voxel along the ray."""
    rays = np.cos(turns)[None, :, None] * across_kji[:, None] + np.sin(turns)[None, :, None] * beside_kji[:, None]
    widths: Floats = (1.0 / np.abs(rays).max(axis=-1)).mean(axis=1)
    return widths


def _calm(values: Floats, starts: Floats) -> Floats:
    """Running mean of the median over neighbours of the same branch."""
    from scipy import ndimage

    calm = values.copy()
    bounds = np.concatenate([np.flatnonzero(np.diff(starts, prepend=-1.0)), [len(values)]])
    for low, high in zip(bounds[:-1], bounds[1:], strict=True):
        size = min(15, int(high - low))
        part = ndimage.median_filter(values[low:high], size, mode="nearest")
        calm[low:high] = ndimage.uniform_filter1d(part, size, mode="nearest")
    return calm


def _noise(voxels: NDArray[np.generic], mask: NDArray[np.uint8]) -> float:
    """Of a voxel, from differences of neighbours that lie well inside; 0 where there are too few."""
    deep = (mask[:, :, 1:-2] & mask[:, :, 2:-1] & mask[:, :, :-3] & mask[:, :, 3:]).astype(np.bool_)
    steps = np.asarray(voxels[:, :, 2:-1][deep], dtype=np.float64) - np.asarray(
        voxels[:, :, 1:-2][deep], dtype=np.float64
    )
    if len(steps) < 50:
        return 0.0
    return float(1.4826 * np.median(np.abs(steps - np.median(steps))) / np.sqrt(2.0))
