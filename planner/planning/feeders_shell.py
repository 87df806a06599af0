"""Vessels that the image shows crossing a lesion's surface, whatever the tree says of them.

A bright lesion and the vessels in it run together in a lumen's mask, and a tree made of it may miss the last
millimetres of a feeder. Bright spots in a thin shell around the surface that go on into the lesion, and outwards along
a bright way to a vessel of the tree, are such crossings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging import Volume
from planner.imaging.masks import Box, box_slices, padded_box
from planner.imaging.paths import least_cost_path
from planner.planning.feeders_ends import Course
from planner.planning.feeders_field import LesionField
from planner.planning.vessel_tree import TreePlace, VesselTree

Floats = NDArray[np.float64]

_SHELL_MM = (0.8, 3.0)
_INSIDE_MM = 2.5
"""A crossing goes at least this deep into the lesion."""
_WIDEST_MM = 7.0
"""A spot wider than this in the shell is a vessel along the surface, or a neighbouring one."""
_SHARE = 0.33
"""Of the contrast between blood and surroundings: from there on a voxel is called vessel; halved once by the blur of a
vessel of the blur's own width, and a little lower for its rim."""
_NOISE = 5.0
_WAY_MM = 14.0
_FLOOR = 0.05
_LEAST_ON_WAY = 0.3
_WINDOW = 5
"""Voxels of the way that are judged together: one may be dark by noise."""


@dataclass(frozen=True, eq=False)
class Crossing:
    """A vessel that crosses the surface.

    Attributes
    ----------
    entry_lps_mm
        Middle of the spot, moved to the surface.
    diameter_mm
        Of a circle of the spot's area.
    place
        Where the bright way outwards meets the tree.
    way_mm
        Length of that way.
    """

    entry_lps_mm: Floats
    diameter_mm: float
    place: TreePlace
    way_mm: float


@dataclass(frozen=True, eq=False)
class _Around:
    """The image around a lesion, and how far each voxel lies from its surface (negative inside)."""

    grid: Grid
    box: Box
    depth: Floats
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Levels:
    """Grey values of blood, of what surrounds the lesion, of the lesion itself, and the noise."""

    blood: float
    soft: float
    lesion: float
    noise: float


@dataclass(frozen=True, eq=False)
class _Near:
    """The image around a lesion, as shares of the blood's contrast."""

    grid: Grid
    box: Box
    depth: Floats
    likeness: NDArray[np.float32]
    bright: NDArray[np.bool_]

    def points(self, indices: NDArray[np.int64]) -> Floats:
        return self.grid.lps_from_kji.points(indices + np.asarray(self.box[0]))

    def index(self, place: Floats) -> tuple[int, int, int] | None:
        at = self.grid.nearest_index(place)
        if at is None or not all(low <= each < high for each, low, high in zip(at, *self.box, strict=True)):
            return None
        k, j, i = (int(each) - low for each, low in zip(at, self.box[0], strict=True))
        return k, j, i


def crossings(
    volume: Volume, tree: VesselTree, field: LesionField, courses: Mapping[str, Course]
) -> tuple[Crossing, ...] | None:
    """The vessels of the image that enter a lesion and hang on the tree; none where the image is too faint.

    None where the lesion itself is as bright as the blood: no vessel stands out from it, and nothing can be told.
    """
    around = _around(volume, field)
    levels = None if around is None else _levels(around, _blood(volume, tree))
    if around is None or levels is None:
        return ()
    if levels.blood - levels.lesion <= _NOISE * levels.noise:
        return None
    near = _near(around, levels)
    found = []
    for spot in _spots(near):
        made = _followed(near, tree, spot, courses)
        if made is not None:
            found.append(made)
    return tuple(found)


def _around(volume: Volume, field: LesionField) -> _Around | None:
    """The image within reach of a lesion; None where it hardly shows the lesion."""
    grid = volume.grid
    corners = np.stack(np.meshgrid(*zip(*field.lesion.box, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
    kji = grid.kji_from_lps.points(field.lesion.grid.lps_from_kji.points(corners.astype(np.float64)))
    low, high = np.floor(kji.min(axis=0)).astype(int), np.ceil(kji.max(axis=0)).astype(int) + 1
    size = np.asarray(grid.size_kji)
    low, high = np.clip(low, 0, size), np.clip(high, 0, size)
    if (high - low < 3).any():
        return None
    first: Box = ((int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2])))
    box = padded_box(first, _WAY_MM + 2.0, grid)
    axes = [np.arange(start, end) for start, end in zip(*box, strict=True)]
    depth = field.at(grid.lps_from_kji.points(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)))
    return _Around(grid, box, depth, np.asarray(volume.voxels[box_slices(box)], dtype=np.float32))


def _levels(around: _Around, blood: float | None) -> _Levels | None:
    """None where blood does not stand out from the surroundings."""
    values, depth = around.values, around.depth
    shell = values[(depth > 2.0) & (depth < 8.0)]
    if blood is None or shell.size < 50:
        return None
    soft = float(np.median(shell))
    noise = 1.4826 * float(np.median(np.abs(shell - soft)))
    if blood <= soft or blood - soft < 2.0 * _NOISE * noise:
        return None
    inner = values[(depth < -3.0)]
    # Inside, a vessel stands out from the lesion itself.
    return _Levels(blood, soft, max(soft, float(np.median(inner))) if inner.size else soft, noise)


def _near(around: _Around, levels: _Levels) -> _Near:
    blood, values = levels.blood, around.values
    level = np.where(around.depth < 0.0, levels.lesion, levels.soft)
    likeness = np.clip((values - level) / (blood - level), 0.0, 1.0).astype(np.float32)
    bright = values - level > np.maximum(_SHARE * (blood - level), _NOISE * levels.noise)
    return _Near(around.grid, around.box, around.depth, likeness, np.asarray(bright, dtype=np.bool_))


def _blood(volume: Volume, tree: VesselTree) -> float | None:
    """Grey value of unblurred blood: along the widest vessels of the tree."""
    from planner.imaging.slicing import sample

    widths = [(each.mean_radius_mm or 0.0, each) for each in tree.segments]
    widest = sorted(widths, key=lambda pair: -pair[0])[:6]
    values = sample(volume, np.concatenate([each.points_lps_mm for _, each in widest])) if widest else np.empty(0)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else None


def _spots(near: _Near) -> list[NDArray[np.int64]]:
    """(n, 3) indices of each bright spot in the shell that crosses it and goes on into the lesion."""
    from scipy.ndimage import label

    shell = near.bright & (near.depth >= _SHELL_MM[0]) & (near.depth <= _SHELL_MM[1])
    every = np.ones((3, 3, 3))
    spots, count = label(shell, every)
    inward, _ = label(near.bright & (near.depth >= -2.0 * _INSIDE_MM) & (near.depth <= _SHELL_MM[1]), every)
    voxel = float(max(near.grid.spacing_kji_mm))
    found = []
    for number in range(1, count + 1):
        indices = np.argwhere(spots == number)
        depth = near.depth[tuple(indices.T)]
        whole = _SHELL_MM[1] - _SHELL_MM[0]
        if depth.max() - depth.min() < whole - voxel:
            continue
        points = near.points(indices)
        outer = points[depth > np.mean(_SHELL_MM)]
        if not len(outer) or np.linalg.norm(outer - outer.mean(axis=0), axis=1).max() > _WIDEST_MM / 2.0 + voxel / 2.0:
            continue
        if _reaches_in(near, inward, indices, points.mean(axis=0)):
            found.append(indices)
    return found


def _reaches_in(near: _Near, inward: NDArray[np.int32], indices: NDArray[np.int64], middle: Floats) -> bool:
    """The spot's bright voxels go on into the lesion, not far aside from it."""
    numbers = np.unique(inward[tuple(indices.T)])
    deep = np.argwhere(np.isin(inward, numbers[numbers > 0]) & (near.depth <= -_INSIDE_MM))
    if not len(deep):
        return False
    return bool(np.linalg.norm(near.points(deep) - middle, axis=1).min() <= 3.0 * _INSIDE_MM)


def _followed(near: _Near, tree: VesselTree, spot: NDArray[np.int64], courses: Mapping[str, Course]) -> Crossing | None:
    """The spot with its bright way outwards to the tree; None where there is none.

    A vessel that the tree reaches through the lesion itself is taken only when no other is near: there the tree went
    from one feeder into the end of another, and the blood comes from the other side.
    """
    depth = near.depth[tuple(spot.T)]
    points = near.points(spot)
    weights = near.likeness[tuple(spot.T)]
    inner = depth <= np.median(depth)
    entry = np.average(points[inner], axis=0, weights=weights[inner] + 1e-6)
    start = tuple(int(each) for each in spot[int(np.argmax(depth))])
    cost = np.where(near.depth > 0.3, 1.0 / (_FLOOR + near.likeness.astype(np.float64) ** 2), np.inf)
    area = len(spot) * near.grid.voxel_ml * 1000.0 / (_SHELL_MM[1] - _SHELL_MM[0])
    diameter = 2.0 * float(np.sqrt(area / np.pi))
    places = _places(near, tree, entry)
    through = [_is_through_lesion(tree, courses, each) for each in places]
    for wanted in (False, True):
        chosen = [place for place, beyond in zip(places, through, strict=True) if beyond is wanted]
        ways = [(length, each) for each in chosen if (length := _way_mm(near, tree, each, start, cost)) is not None]
        if ways:
            length, place = min(ways, key=lambda pair: pair[0])
            return Crossing(entry, diameter, place, length)
    return None


def _way_mm(near: _Near, tree: VesselTree, place: TreePlace, spot: tuple[int, ...], cost: Floats) -> float | None:
    """Length of the bright way from a spot to a place of the tree; None where there is none, or a long one only."""
    goal = near.index(tree.segment(place.segment).at(place.along_mm))
    if goal is None or not np.isfinite(cost[goal]):
        return None
    k, j, i = spot
    if goal == (k, j, i):
        return 0.0
    way = least_cost_path(cost.astype(np.float32), (k, j, i), goal, near.grid.spacing_kji_mm)
    if way is None or not _is_bright(near.likeness[tuple(way.T)]):
        return None
    length = float(np.linalg.norm(np.diff(near.points(way), axis=0), axis=1).sum())
    return length if length <= 1.8 * _WAY_MM else None


def _is_through_lesion(tree: VesselTree, courses: Mapping[str, Course], place: TreePlace) -> bool:
    """The tree leads to a place through the lesion."""
    way = [courses[each.id] for each in tree.way_to(place.segment)]
    own = way[-1].depth_mm[way[-1].along_mm <= place.along_mm]
    return min(float(each.min(initial=0.0)) for each in (*(each.depth_mm for each in way[:-1]), own)) < -_INSIDE_MM


def _is_bright(likeness: NDArray[np.float32]) -> bool:
    """Nowhere dark over several voxels."""
    window = min(_WINDOW, len(likeness))
    running = np.convolve(likeness, np.full(window, 1.0 / window), mode="valid")
    return bool(running.min() >= _LEAST_ON_WAY)


def _places(near: _Near, tree: VesselTree, entry: Floats) -> list[TreePlace]:
    """The places of the tree outside the lesion within reach of a spot, one for each vessel, the nearest few."""
    found = []
    for segment in tree.segments:
        gaps = np.linalg.norm(segment.points_lps_mm - entry, axis=1)
        if gaps.min() > _WAY_MM:
            continue
        for at in np.argsort(gaps)[:200]:
            index = near.index(segment.points_lps_mm[at])
            if gaps[at] <= _WAY_MM and index is not None and near.depth[index] > 1.0:
                found.append(TreePlace(segment.id, float(segment.along_mm[at]), float(gaps[at])))
                break
    return sorted(found, key=lambda each: each.distance_mm)[:6]
