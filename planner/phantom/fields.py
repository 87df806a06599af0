"""Implicit shapes: signed distances (mm, negative inside) on broadcastable axes, and smooth random fields.

Coordinates are LPS mm of the digital patient's own frame: x to the patient's left, y to the back, z to the head;
x = 0 is the midline, z = 0 the middle of L1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid

Array = NDArray[np.floating[Any]]
"""Values on a block of voxels, float32 wherever the block is large."""

SLAB_VOXELS = 400_000
FIELD_LOW_MM = (-210.0, -160.0, -200.0)
FIELD_HIGH_MM = (210.0, 160.0, 200.0)


@dataclass(frozen=True, eq=False)
class Box:
    """A block of voxels of an axial grid.

    Attributes
    ----------
    slices
        Where it lies in the array.
    x, y, z
        (1, 1, i), (1, j, 1), (k, 1, 1) float32 LPS mm of the voxel centres.
    """

    slices: tuple[slice, slice, slice]
    x: Array
    y: Array
    z: Array

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.z.shape[0], self.y.shape[1], self.x.shape[2]

    def slabs(self) -> list[Box]:
        """The same voxels in pieces of a few slices: what is computed on one stays in the processor's cache."""
        thickness = max(1, SLAB_VOXELS // (self.shape[1] * self.shape[2]))
        start = self.slices[0].start
        return [
            Box((slice(start + k, start + k + len(part)), *self.slices[1:]), self.x, self.y, part)
            for k in range(0, self.shape[0], thickness)
            for part in (self.z[k : k + thickness],)
        ]


@dataclass(frozen=True, eq=False)
class Frame:
    """The voxel axes of an axial grid in LPS mm."""

    grid: Grid

    @cached_property
    def axes_zyx(self) -> tuple[Array, Array, Array]:
        """LPS mm of voxel centres along k (z), j (y) and i (x)."""
        origin = self.grid.lps_from_kji.points((0, 0, 0))
        z, y, x = (
            (origin[2 - axis] + np.arange(self.grid.size_kji[axis]) * self.grid.spacing_kji_mm[axis]).astype(np.float32)
            for axis in range(3)
        )
        return z, y, x

    @cached_property
    def width_mm(self) -> float:
        """Mean edge of a voxel: the width over which a surface passes from outside to inside."""
        return float(np.cbrt(np.prod(self.grid.spacing_kji_mm)))

    def box(self, low_lps_mm: ArrayLike, high_lps_mm: ArrayLike) -> Box | None:
        """The voxels between two corners, or None when the grid shows none of them."""
        low, high = np.asarray(low_lps_mm, dtype=float), np.asarray(high_lps_mm, dtype=float)
        slices = []
        for axis, values in enumerate(self.axes_zyx):
            first = int(np.searchsorted(values, low[2 - axis]))
            last = int(np.searchsorted(values, high[2 - axis], side="right"))
            if last <= first:
                return None
            slices.append(slice(first, last))
        z, y, x = (values[part] for values, part in zip(self.axes_zyx, slices, strict=True))
        return Box((slices[0], slices[1], slices[2]), x[None, None, :], y[None, :, None], z[:, None, None])

    def whole(self) -> Box:
        z, y, x = self.axes_zyx
        k, j, i = self.grid.size_kji
        return Box((slice(0, k), slice(0, j), slice(0, i)), x[None, None, :], y[None, :, None], z[:, None, None])


class SmoothField:
    """A smooth random function of place: cubic B-splines on a lattice, mean 0, standard deviation about 1.

    It is a function of LPS, so every resolution of the same seed sees the same surface.
    """

    def __init__(self, seed: int, cell_mm: float) -> None:
        low, high = np.asarray(FIELD_LOW_MM), np.asarray(FIELD_HIGH_MM)
        self._low, self._cell = low, cell_mm
        counts = np.ceil((high - low) / cell_mm).astype(int) + 4
        random = np.random.default_rng(seed)
        # 0.479 is the mean sum of squares of cubic B-spline weights; its cube is the field's variance.
        self._lattice = (random.standard_normal(tuple(counts[::-1])) / 0.479**1.5).astype(np.float32)

    def _taps(self, values: Array, axis_xyz: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """(n,) first lattice point and (4, n) cubic B-spline weights along one axis."""
        count = self._lattice.shape[2 - axis_xyz]
        place = np.clip((values.astype(np.float64) - self._low[axis_xyz]) / self._cell, 0.0, count - 4.001)
        cell = place.astype(np.intp)
        t = place - cell
        weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6.0
        return cell, weights.astype(np.float32)

    def on(self, box: Box) -> Array:
        """(k, j, i) values on a box; four taps along each axis in turn."""
        cell_z, weight_z = self._taps(box.z.ravel(), 2)
        cell_y, weight_y = self._taps(box.y.ravel(), 1)
        cell_x, weight_x = self._taps(box.x.ravel(), 0)
        first = int(cell_z.min())
        lattice = self._lattice[first : int(cell_z.max()) + 4]
        rows = sum(lattice[:, :, cell_x + tap] * weight_x[tap] for tap in range(4))
        planes = sum(rows[:, cell_y + tap, :] * weight_y[tap][:, None] for tap in range(4))
        values = np.empty(box.shape, dtype=np.float32)
        for k, cell in enumerate(cell_z - first):
            values[k] = sum(planes[cell + tap] * weight_z[tap, k] for tap in range(4))
        return values


def ellipsoid(box: Box, centre: Sequence[float], half: Sequence[float]) -> Array:
    """Signed distance (first order) to an axis-aligned ellipsoid."""
    x, y, z = box.x - float(centre[0]), box.y - float(centre[1]), box.z - float(centre[2])
    scaled = np.sqrt((x / half[0]) ** 2 + (y / half[1]) ** 2 + (z / half[2]) ** 2)
    slope = np.sqrt((x / half[0] ** 2) ** 2 + (y / half[1] ** 2) ** 2 + (z / half[2] ** 2) ** 2)
    distance: Array = scaled * (scaled - 1.0) / np.maximum(slope, 1e-4)
    return distance.astype(np.float32)


def turned_ellipsoid(box: Box, centre: Sequence[float], half: Sequence[float], axes: NDArray[np.float64]) -> Array:
    """Signed distance to an ellipsoid whose own axes are the columns of a rotation (3, 3)."""
    x, y, z = box.x - float(centre[0]), box.y - float(centre[1]), box.z - float(centre[2])
    total: Array = np.zeros(box.shape, dtype=np.float32)
    slope: Array = np.zeros(box.shape, dtype=np.float32)
    for axis in range(3):
        along = x * np.float32(axes[0, axis]) + y * np.float32(axes[1, axis]) + z * np.float32(axes[2, axis])
        total += (along / half[axis]) ** 2
        slope += (along / half[axis] ** 2) ** 2
    scaled = np.sqrt(total)
    distance: Array = scaled * (scaled - 1.0) / np.maximum(np.sqrt(slope), 1e-4)
    return distance.astype(np.float32)


def capsule(box: Box, start: ArrayLike, end: ArrayLike, start_mm: float, end_mm: float) -> Array:
    """Signed distance to a rod between two points whose radius runs from one value to the other."""
    first, last = np.asarray(start, dtype=np.float32), np.asarray(end, dtype=np.float32)
    edge = last - first
    squared = max(float(edge @ edge), 1e-9)
    x, y, z = box.x - first[0], box.y - first[1], box.z - first[2]
    share = np.clip((x * edge[0] + y * edge[1] + z * edge[2]) / squared, 0.0, 1.0)
    gap = np.sqrt((x - share * edge[0]) ** 2 + (y - share * edge[1]) ** 2 + (z - share * edge[2]) ** 2)
    distance: Array = gap - (float(start_mm) + share * float(end_mm - start_mm))
    return distance.astype(np.float32)


def chain(box: Box, points: ArrayLike, radii: ArrayLike, blend_mm: float = 0.0) -> Array:
    """Signed distance to a string of rods; neighbours melt into each other over `blend_mm`."""
    centres, widths = np.asarray(points, dtype=float), np.asarray(radii, dtype=float)
    distance = capsule(box, centres[0], centres[1], widths[0], widths[1])
    for index in range(1, len(centres) - 1):
        rod = capsule(box, centres[index], centres[index + 1], widths[index], widths[index + 1])
        distance = smooth_minimum(distance, rod, blend_mm)
    return distance


def rounded_prism(box: Box, centre: Sequence[float], half: Sequence[float], power: float) -> Array:
    """Signed distance (radial) to a super-ellipse in the axial plane, open along z."""
    x, y = box.x - centre[0], box.y - centre[1]
    scaled = (np.abs(x / half[0]) ** power + np.abs(y / half[1]) ** power) ** (1.0 / power)
    distance: Array = np.sqrt(x * x + y * y + 1e-6) * (1.0 - 1.0 / np.maximum(scaled, 0.02))
    return distance.astype(np.float32)


def smooth_maximum(first: Array, second: Array, blend_mm: float) -> Array:
    """Intersection whose edge is rounded over a length."""
    if blend_mm <= 0.0:
        return np.maximum(first, second)
    overlap = np.maximum(blend_mm - np.abs(first - second), 0.0)
    joined: Array = np.maximum(first, second) + overlap * overlap / (4.0 * blend_mm)
    return joined.astype(np.float32)


def smooth_minimum(first: Array, second: Array, blend_mm: float) -> Array:
    """Union whose notch is filled over a length."""
    return -smooth_maximum(-first, -second, blend_mm)


def curve(values: Array, knots: Sequence[tuple[float, float]]) -> Array:
    """A smooth function of one variable through knots (x, y), constant beyond its ends."""
    from scipy.interpolate import PchipInterpolator

    places = np.array([knot[0] for knot in knots])
    heights = np.array([knot[1] for knot in knots])
    smooth = PchipInterpolator(places, heights)
    result: Array = smooth(np.clip(values, places[0], places[-1])).astype(np.float32)
    return result


def spline(points: ArrayLike, step_mm: float) -> NDArray[np.float64]:
    """(n, 3) points of a smooth curve through given points, at most `step_mm` apart (chord-length parametrised)."""
    from scipy.interpolate import CubicSpline, PchipInterpolator

    given = np.asarray(points, dtype=float)
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(given, axis=0), axis=1))])
    kind = CubicSpline if len(given) > 2 else PchipInterpolator
    count = max(2, int(np.ceil(lengths[-1] / step_mm)) + 1)
    result: NDArray[np.float64] = np.asarray(kind(lengths, given)(np.linspace(0.0, lengths[-1], count)), dtype=float)
    return result
