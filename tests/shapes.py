"""Shapes with known measures on anisotropic grids."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask

FRAME = "1.2.3"


def grid_of(size: tuple[int, int, int], spacing: tuple[float, float, float] = (3.0, 0.8, 0.8)) -> Grid:
    return Grid.of(size, origin_lps_mm=(-40.0, 12.0, 100.0), spacing_kji_mm=spacing, frame_uid=FRAME)


def centres_lps_mm(grid: Grid) -> NDArray[np.float64]:
    """(k, j, i, 3)."""
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size_kji), indexing="ij"), axis=-1)
    return grid.lps_from_kji.points(kji)


def ellipsoid(grid: Grid, centre_lps_mm: ArrayLike, radii_lps_mm: ArrayLike) -> NDArray[np.bool_]:
    offset = (centres_lps_mm(grid) - np.asarray(centre_lps_mm)) / np.asarray(radii_lps_mm)
    return np.einsum("...c,...c->...", offset, offset) <= 1.0


def ball(grid: Grid, centre_lps_mm: ArrayLike, radius_mm: float) -> Mask:
    return Mask.of(grid, ellipsoid(grid, centre_lps_mm, (radius_mm,) * 3))


def ct(grid: Grid, voxels: NDArray[np.floating], unit: str | None = "HU") -> Volume:
    return Volume(np.rint(voxels).astype(np.int16), grid, ImageSource("1", modality="CT", unit=unit))


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return 2.0 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))
