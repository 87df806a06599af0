"""A rigid or affine map from the features of two images: Gauss-Newton steps, coarse to fine.

Used after, or where the images are no CTs in place of, the match of grey values in `rigid_registration`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from planner.geometry import SpaceMap, lps
from planner.imaging.bands import in_bands
from planner.imaging.registration_levels import Level
from planner.jobs import Context

Points = NDArray[np.float64]

_STEPS = 30
_SMALL_VOXELS = 0.002
_USUAL = 0.04
"""Mean squared difference of features that counts half."""
_MOST_VOXELS = 1.0
_POINTS = 60_000
"""Voxels compared in one step, about."""
_LEAST_SHARE = 0.3
"""A map under which less of the organ than this lies in the moving image is not considered."""
_MISSING = 0.05
"""Cost of a voxel that lies outside the moving image, in squared differences of features."""


@dataclass(frozen=True, eq=False)
class Cost:
    """Robust mean squared difference of features, and the share of the organ that lies in the moving image."""

    apart: float
    share: float

    @property
    def total(self) -> float:
        return self.share * self.apart + (1.0 - self.share) * _MISSING if self.share > _LEAST_SHARE else 1.0


def refined(levels: list[Level], start: SpaceMap, *, affine: bool, context: Context) -> SpaceMap:
    """A map from the fixed frame to the frame of the levels' moving images, improved level by level.

    Parameters
    ----------
    levels
        Coarse to fine. Their moving images lie on the grids of the fixed ones: both are in the fixed frame, and so is
        the map.
    affine
        False keeps it rigid.
    """
    found = start
    for number, level in enumerate(levels):
        context.step(number / len(levels), "Matching the organ")
        found = _descended(level, found, affine)
    context.step(1.0, "Matching the organ")
    return found


def shifted_start(level: Level, reach_mm: float) -> SpaceMap:
    """The shift of a coarse grid of shifts under which the features are most alike."""
    frame = lps(level.grid.frame_uid)
    steps = np.arange(-reach_mm, reach_mm + 1.0, 2.0 * level.spacing_mm)
    best, least = np.eye(4), _cost(level, np.eye(4))
    for shift in product(steps, steps, steps):
        trial = np.eye(4)
        trial[:3, 3] = shift
        cost = _cost(level, trial)
        if cost < least:
            best, least = trial, cost
    return SpaceMap(frame, frame, best)


def _cost(level: Level, homogeneous: Points) -> float:
    return _summed(level, _in_voxels(level, homogeneous))[2].total


def _in_voxels(level: Level, homogeneous: Points) -> Points:
    """(3, 4) from voxels of the fixed features to voxels of the moving ones."""
    grid = level.grid
    return np.ascontiguousarray(
        (grid.kji_from_lps.homogeneous @ homogeneous @ grid.lps_from_kji.homogeneous)[:3], dtype=np.float64
    )


def _summed(level: Level, there: Points, usual: float = _USUAL) -> tuple[Points, Points, Cost]:
    from planner.imaging import registration_flow_kernels as kernels

    middle, radius, count = _extent(level)
    step = max(1, int((count / _POINTS) ** (1.0 / 3.0)))
    layers = level.fixed.shape[0]
    left, right, totals = np.zeros((layers, 12, 12)), np.zeros((layers, 12)), np.zeros((layers, 3))
    images = (level.fixed, level.moving, level.fixed_weight, level.moving_weight)
    in_bands(
        layers,
        lambda a, b: kernels.affine_sums(*images, step, there, middle, radius, usual, left, right, totals, a, b),
        least_rows=2,
    )
    whole = left.sum(axis=0)
    whole = np.triu(whole) + np.triu(whole, 1).T
    compared, asked, squares = totals.sum(axis=0)
    cost = Cost(squares / compared if compared else 1.0, compared / asked if asked else 0.0)
    return whole, right.sum(axis=0), cost


def _extent(level: Level) -> tuple[Points, float, int]:
    """Middle (k, j, i) and radius of what is compared (voxels), and the number of voxels."""
    at = np.nonzero(level.fixed_weight > 0.0)
    if not len(at[0]):
        return (np.asarray(level.grid.size_kji) - 1) / 2.0, 1.0, 0
    middle = np.array([axis.mean() for axis in at])
    radius = float(np.sqrt(sum(float(axis.var()) for axis in at)))
    return middle, max(radius, 1.0), len(at[0])


def _descended(level: Level, start: SpaceMap, affine: bool) -> SpaceMap:
    """Gauss-Newton steps until they are small or help no more."""
    middle, radius, count = _extent(level)
    if not count:
        return start
    current = _in_voxels(level, start.homogeneous)
    left, right, cost = _summed(level, current)
    share = 1.0
    for _ in range(_STEPS):
        change = _solved(left, right, affine)
        longest = float(np.abs(change).max())
        change *= share * min(1.0, _MOST_VOXELS / max(longest, 1e-12))
        trial = _changed(current, change, middle, radius, affine)
        answer = _summed(level, trial)
        if answer[2].total >= cost.total - 1e-9:
            share *= 0.5
            if share < 0.1:
                break
            continue
        current, (left, right, cost) = trial, answer
        share = min(1.0, 2.0 * share)
        if longest < _SMALL_VOXELS:
            break
    grid = level.grid
    whole = np.vstack([current, (0.0, 0.0, 0.0, 1.0)])
    frame = lps(grid.frame_uid)
    return SpaceMap(frame, frame, grid.lps_from_kji.homogeneous @ whole @ grid.kji_from_lps.homogeneous)


def _solved(left: Points, right: Points, affine: bool) -> Points:
    """(12,) change: slopes (place, axis) in units of the radius, then the shift; a turn and a shift unless affine."""
    basis = np.eye(12) if affine else _rigid_basis()
    normal = basis.T @ left @ basis
    normal[np.diag_indices(len(normal))] *= 1.0001
    normal += 1e-9 * max(float(np.trace(normal)), 1e-9) * np.eye(len(normal))
    found: Points = basis @ np.linalg.solve(normal, -basis.T @ right)
    return found


def _rigid_basis() -> Points:
    """(12, 6): three small turns and three shifts among the twelve unknowns."""
    basis = np.zeros((12, 6))
    for number, (first, second) in enumerate(((0, 1), (0, 2), (1, 2))):
        basis[3 * first + second, number] = 1.0
        basis[3 * second + first, number] = -1.0
    basis[9:, 3:] = np.eye(3)
    return basis


def _changed(current: Points, change: Points, middle: Points, radius: float, affine: bool) -> Points:
    """The map with a small change added; a rigid one is made exactly rigid again (voxels are cubes)."""
    slopes = change[:9].reshape(3, 3).T / radius
    linear = current[:, :3] + slopes
    where = current[:, :3] @ middle + current[:, 3] + change[9:]
    if not affine:
        left, _, right = np.linalg.svd(linear)
        linear = left @ right
    return np.ascontiguousarray(np.column_stack([linear, where - linear @ middle]))
