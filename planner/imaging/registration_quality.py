"""How well two images lie on each other after registration. No number here is an error; that needs landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging.displacement import PointMap, warped_mask
from planner.imaging.masks import Mask
from planner.imaging.registration_levels import Prepared, working_grid

_BINS = 32
_LEAST_VOXELS = 200
_SIZE_MM = 3.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Determinant of the map inside the organ: its minimum, and the share of voxels where it folds (0 or below)."""

    minimum: float
    folded_fraction: float


def likeness(images: Prepared) -> float | None:
    """How far the fixed image's values tell the moving one's: root of the correlation ratio, 0 to 1.

    After Roche et al., MICCAI 1998, DOI 10.1007/BFb0056301. Where brightness is in a line it is the correlation
    coefficient; a change of contrast phase or modality does not lower it by itself. None where too little is compared.
    """
    where = (images.fixed_weight > 0.5) & (images.moving_weight > 0.5)
    own, other = images.fixed[where].astype(np.float64), images.moving[where].astype(np.float64)
    if own.size < _LEAST_VOXELS:
        return None
    whole = float(other.var())
    if whole <= 0.0 or float(own.var()) <= 0.0:
        return 0.0
    edges = np.unique(np.quantile(own, np.linspace(0.0, 1.0, _BINS + 1))[1:-1])
    bins = np.searchsorted(edges, own, side="right")
    counts = np.bincount(bins)
    sums, squares = np.bincount(bins, weights=other), np.bincount(bins, weights=other * other)
    filled = counts > 0
    within = float((squares[filled] - sums[filled] ** 2 / counts[filled]).sum()) / own.size
    return float(np.sqrt(max(0.0, 1.0 - within / whole)))


def overlap(images: Prepared) -> float:
    """Share of what is to be compared that lies in the moving image."""
    asked = images.fixed_weight > 0.5
    return float(np.mean(images.moving_weight[asked] > 0.5)) if asked.any() else 0.0


def stretch(point_map: PointMap, organ: Mask) -> Stretch:
    """Of the whole map, inside the organ."""
    determinants = point_map.jacobians()
    if determinants is None or point_map.field is None:
        return Stretch(float(np.linalg.det(point_map.moving_from_fixed.homogeneous[:3, :3])), 0.0)
    inside = on_grid(organ, point_map.field.grid)
    values = determinants[inside] if inside.any() else determinants.reshape(-1)
    return Stretch(float(values.min()), float(np.mean(values <= 0.0)))


def organ_dice(fixed: Mask, moving: Mask, point_map: PointMap) -> float | None:
    """Overlap of the fixed organ with the moving one brought onto it; None where both are empty."""
    grid = working_grid(fixed, _SIZE_MM)
    own, other = on_grid(fixed, grid), warped_mask(moving, grid, point_map).full()
    total = int(own.sum()) + int(other.sum())
    return 2.0 * float(np.count_nonzero(own & other)) / total if total else None


def there_and_back_mm(there: PointMap, back: PointMap, organ: Mask) -> float:
    """Mean distance (mm) of the organ's points from where they began, after the map and the opposite map."""
    grid = working_grid(organ, _SIZE_MM)
    points = grid.lps_from_kji.points(np.argwhere(on_grid(organ, grid)))
    apart = np.linalg.norm(back.points(there.points(points)) - points, axis=1)
    return float(apart.mean()) if len(apart) else 0.0


def on_grid(mask: Mask, grid: Grid) -> NDArray[np.bool_]:
    """(k, j, i) the structure on another grid of its frame."""
    from planner.imaging.resampling import resampled_mask

    return resampled_mask(mask, grid).full()
