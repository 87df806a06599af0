"""Search for the rigid map under which two CT images look alike.

Gauss-Newton steps on the differences at points of the fixed image, with a line of brightness (contrast phases differ)
and robust weights (a needle, an ablation zone, a shifted bowel loop), on three resolutions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from planner.errors import InputRefused
from planner.geometry import Grid
from planner.imaging.masks import Mask, box_slices, padded_box
from planner.imaging.resampling import resampled_mask
from planner.imaging.surfaces import centre_distance_mm
from planner.imaging.volumes import Volume
from planner.jobs import Context

Points = NDArray[np.float64]
Window = tuple[float, float]

_LEVELS_MM = (8.0, 4.0, 2.0)
_POINTS = (4000, 12000, 30000)
_AROUND_MM = 15.0
"""The organ's edge tells most; a little of what lies beyond is needed to see it."""
_EDGE = 1.5
"""Coarse voxels at the image's ends that are not compared."""
_WINDOW_HU = (-200.0, 300.0)
"""Lung and gas, which breathe and move, count as fat does, and metal as bone does."""
_LUNG_WINDOW_HU = (-1000.0, 100.0)
_LUNG_HU = -400.0
"""An organ darker than this in the middle is lung, and is matched by its own vessels and walls."""
_BODY_HU = -300.0
_STEPS = 40
_SMALL_MM = 0.005
_LEAST_POINTS = 200
_SHIFTS_MM = (-60.0, -30.0, 0.0, 30.0, 60.0)
_TRIED = 4


@dataclass(frozen=True, eq=False)
class _Level:
    """One resolution: points and values of the fixed image, and the moving image with its slopes."""

    points: Points
    values: Points
    moving: NDArray[np.float32]
    grid: Grid

    def seen(self, homogeneous: Points) -> tuple[Points, NDArray[np.bool_]]:
        """Where the points lie in the moving image (n, 3 LPS mm), and which of them are in it."""
        there = self.points @ homogeneous[:3, :3].T + homogeneous[:3, 3]
        kji = self.grid.kji_from_lps.points(there)
        # The outermost blocks are mixed with what lies outside the image.
        inside = np.all((kji >= _EDGE) & (kji <= np.asarray(self.grid.size_kji) - 1.0 - _EDGE), axis=1)
        return there, inside


def places(fixed: Volume, mask: Mask | None, left_out: Mask | None) -> Mask:
    """What is compared: the organ and a margin, or the body; less what is left out. On the fixed image's grid, coarse.

    Raises
    ------
    InputRefused
        When nothing is left.
    """
    from planner.imaging.trunk_landmarks import coarse_axial

    thin = coarse_axial(fixed, (_LEVELS_MM[-1],) * 3)
    if mask is None:
        chosen = np.asarray(thin.voxels) > _BODY_HU
    else:
        organ = resampled_mask(mask, thin.grid).full()
        if not organ.any():
            raise InputRefused("empty-mask", "The organ's mask holds nothing in the fixed image; segment it there.")
        chosen = centre_distance_mm(organ, thin.grid.spacing_kji_mm) <= _AROUND_MM
    if left_out is not None:
        chosen &= ~resampled_mask(left_out, thin.grid).full()
    margin = int(np.ceil(_EDGE * _LEVELS_MM[1] / _LEVELS_MM[-1]))
    whole = chosen.copy()
    for axis in range(3):
        if chosen.shape[axis] > 6 * margin:
            np.moveaxis(chosen, axis, 0)[:margin] = False
            np.moveaxis(chosen, axis, 0)[-margin:] = False
    chosen = chosen if np.count_nonzero(chosen) >= _LEAST_POINTS else whole
    if np.count_nonzero(chosen) < _LEAST_POINTS:
        raise InputRefused("empty-mask", "Almost nothing is left to compare; give a larger region or none.")
    return Mask.of(thin.grid, chosen)


def matched(
    fixed: Volume, moving: Volume, organ: Mask | None, where: Mask, start: Points | None, context: Context
) -> tuple[Points, float, float]:
    """(4, 4) from fixed to moving LPS mm, the correlation, and the share of the points that lie in both images.

    Parameters
    ----------
    where
        Of `places`.
    """
    context.step(0.0, "Preparing the images")
    window = _LUNG_WINDOW_HU if _middle_hu(fixed, organ) < _LUNG_HU else _WINDOW_HU
    levels = []
    for number, (size_mm, count) in enumerate(zip(_LEVELS_MM, _POINTS, strict=True)):
        levels.append(_level(fixed, moving, where, size_mm, count, window))
        context.step(0.1 + 0.1 * number, "Preparing the images")
    if start is None:
        trials = _trials(levels[0], fixed, moving)
        trials = [_refined(levels[0], trial) for trial in trials]
        best = max(trials, key=lambda trial: _likeness(levels[0], trial)[0])
    else:
        best = _refined(levels[0], start)
    for number, level in enumerate(levels[1:]):
        context.step(0.5 + 0.2 * number, "Matching the images")
        best = _refined(level, best)
    likeness, overlap = _likeness(levels[-1], best)
    context.step(1.0, "Images matched")
    return best, likeness, overlap


def _middle_hu(fixed: Volume, organ: Mask | None) -> float:
    """The fixed image's value in the middle of the organ's voxels; 0 for no organ."""
    if organ is None or organ.is_empty:
        return 0.0
    from scipy import ndimage

    found = np.argwhere(organ.voxels) + np.asarray(organ.box[0])
    points = organ.grid.lps_from_kji.points(found[:: max(1, len(found) // 5000)])
    at = fixed.grid.kji_from_lps.points(points)
    return float(np.median(ndimage.map_coordinates(np.asarray(fixed.voxels), at.T, order=0, mode="nearest")))


def _level(fixed: Volume, moving: Volume, where: Mask, size_mm: float, count: int, window: Window) -> _Level:
    from scipy import ndimage

    first, second = _thinned(_near(fixed, where), size_mm, window), _thinned(moving, size_mm, window)
    found = np.argwhere(where.voxels) + np.asarray(where.box[0])
    chosen = np.random.default_rng(len(found)).permutation(len(found))[:count]
    points = where.grid.lps_from_kji.points(found[chosen])
    at = first.grid.kji_from_lps.points(points)
    values = ndimage.map_coordinates(np.asarray(first.voxels), at.T, order=1, mode="nearest")
    return _Level(points, np.asarray(values, dtype=np.float64), np.asarray(second.voxels), second.grid)


def _near(fixed: Volume, where: Mask) -> Volume:
    """The part of the fixed image that is compared, with a margin for the blurring."""
    corners = where.grid.cropped(*where.box).bounds_lps_mm
    points = np.array([[corners[a, 0], corners[b, 1], corners[c, 2]] for a, b, c in product((0, 1), repeat=3)])
    kji = fixed.grid.kji_from_lps.points(points)
    low = np.clip(np.floor(kji.min(axis=0)), 0, np.asarray(fixed.grid.size_kji) - 1).astype(int)
    high = np.clip(np.ceil(kji.max(axis=0)) + 1, 1, fixed.grid.size_kji).astype(int)
    tight = ((int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2])))
    box = padded_box(tight, 3.0 * max(_LEVELS_MM), fixed.grid)
    return Volume(fixed.voxels[box_slices(box)], fixed.grid.cropped(*box), fixed.source)


def _thinned(volume: Volume, size_mm: float, window: Window) -> Volume:
    """On an axial grid of this size, windowed and a little blurred, so that slopes are true over a voxel."""
    from scipy import ndimage

    from planner.imaging.trunk_landmarks import coarse_axial

    thin = coarse_axial(volume, (size_mm,) * 3)
    windowed = np.clip(np.nan_to_num(np.asarray(thin.voxels, dtype=np.float32), nan=-1024.0), *window)
    return Volume(ndimage.gaussian_filter(windowed, 0.7, mode="nearest"), thin.grid, volume.source)


def _trials(level: _Level, fixed: Volume, moving: Volume) -> list[Points]:
    """Likeliest starts: as the files say, middles of the images or of the bodies brought together, and shifts."""
    middle = moving.grid.centre_lps_mm - fixed.grid.centre_lps_mm
    bodies = _body_middle(moving) - _body_middle(fixed)
    rows: list[tuple[float, Points]] = []
    for first in (np.zeros(3), middle, bodies):
        for shift in product((-20.0, 0.0, 20.0), (-20.0, 0.0, 20.0), _SHIFTS_MM):
            trial = np.eye(4)
            trial[:3, 3] = first + np.asarray(shift)
            likeness, overlap = _likeness(level, trial)
            rows.append((likeness * min(1.0, overlap / 0.8), trial))
    rows.sort(key=lambda row: -row[0])
    return [trial for _, trial in rows[:_TRIED]]


def _body_middle(volume: Volume) -> Points:
    thin = _thinned(volume, _LEVELS_MM[0], _WINDOW_HU)
    found = np.argwhere(np.asarray(thin.voxels) > _WINDOW_HU[0] + 50.0)
    return thin.grid.lps_from_kji.points(found.mean(axis=0)) if len(found) else volume.grid.centre_lps_mm


def _likeness(level: _Level, homogeneous: Points) -> tuple[float, float]:
    """Normalised correlation, and the share of the points in the moving image; correlation 0 for too few."""
    from scipy import ndimage

    there, inside = level.seen(homogeneous)
    overlap = float(inside.mean())
    if np.count_nonzero(inside) < _LEAST_POINTS:
        return 0.0, overlap
    at = level.grid.kji_from_lps.points(there[inside])
    other = ndimage.map_coordinates(level.moving, at.T, order=1, mode="nearest").astype(np.float64)
    own = level.values[inside]
    own, other = own - own.mean(), other - other.mean()
    size = float(np.sqrt((own @ own) * (other @ other)))
    return (float(own @ other) / size if size > 0.0 else 0.0), overlap


def _refined(level: _Level, start: Points) -> Points:
    """Gauss-Newton steps until they are small or help no more."""
    spacing = level.grid.spacing_kji_mm
    # Axial grids: slopes along i, j, k are slopes along x, y, z.
    along_xyz = tuple(np.gradient(level.moving, spacing[axis], axis=axis) for axis in (2, 1, 0))
    current, likeness = start, _likeness(level, start)[0]
    most_mm = 2.0 * max(spacing)
    share = 1.0
    for _ in range(_STEPS):
        change = _step(level, along_xyz, current, most_mm)
        if change is None:
            break
        trial = _moved(current, change * share, level.points)
        better = _likeness(level, trial)[0]
        if better <= likeness - 1e-5:
            share *= 0.5
            if share < 0.05:
                break
            continue
        small = float(np.linalg.norm(change[3:] * share)) < _SMALL_MM and better - likeness < 1e-5
        current, likeness = trial, better
        if small:
            break
    return current


def _step(level: _Level, slopes: tuple[NDArray[np.float32], ...], homogeneous: Points, most_mm: float) -> Points | None:
    """(6,) small turn (rad) about the middle of the points and shift (mm); None where too little overlaps."""
    from scipy import ndimage

    there, inside = level.seen(homogeneous)
    if np.count_nonzero(inside) < _LEAST_POINTS:
        return None
    at = level.grid.kji_from_lps.points(there[inside]).T
    other = ndimage.map_coordinates(level.moving, at, order=1, mode="nearest").astype(np.float64)
    slope = np.stack([ndimage.map_coordinates(each, at, order=1, mode="nearest") for each in slopes], axis=1)
    arm = there[inside] - _middle(homogeneous, level.points)
    own = level.values[inside]
    # Turns are scaled by the size of the region, so that all unknowns weigh alike.
    radius = float(np.sqrt(np.mean(np.sum(arm * arm, axis=1)))) + 1e-9
    design = np.concatenate([np.cross(arm, slope) / radius, slope, -own[:, None], -np.ones((len(own), 1))], axis=1)
    line = np.polyfit(own, other, 1)
    left = other - np.polyval(line, own)
    scale = max(1.4826 * float(np.median(np.abs(left))), 5.0)
    weight = 1.0 / np.sqrt(1.0 + (left / (2.0 * scale)) ** 2)
    normal = design.T @ (design * weight[:, None])
    normal[np.diag_indices(6)] *= 1.001
    wanted = -design.T @ (weight * other)
    try:
        solved = np.linalg.solve(normal + 1e-9 * np.trace(normal) * np.eye(8), wanted)
    except np.linalg.LinAlgError:
        return None
    change: Points = solved[:6].copy()
    longest = max(float(np.linalg.norm(change[:3])), float(np.linalg.norm(change[3:])))
    change *= min(1.0, most_mm / max(longest, 1e-12))
    change[:3] /= radius
    return change


def _middle(homogeneous: Points, points: Points) -> Points:
    middle: Points = homogeneous[:3, :3] @ points.mean(axis=0) + homogeneous[:3, 3]
    return middle


def _moved(homogeneous: Points, change: Points, points: Points) -> Points:
    """The map followed by a small turn about the middle of its points and a shift."""
    from scipy.spatial.transform import Rotation

    middle = _middle(homogeneous, points)
    turn = Rotation.from_rotvec(change[:3]).as_matrix()
    after = np.eye(4)
    after[:3, :3] = turn
    after[:3, 3] = middle - turn @ middle + change[3:]
    return after @ homogeneous
