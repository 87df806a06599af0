"""Spheres and ellipsoids with exact distances, drawn as masks at any obliquity."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.planning.zones import Zone

Floats = NDArray[np.float64]
FRAME = "1.2.3"


def turned_axes(seed: int) -> Floats:
    """(3, 3) unit axes of a grid, any turn; of odd seeds left-handed."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    wanted = -1.0 if seed % 2 else 1.0
    axes[:, 0] *= wanted * np.sign(np.linalg.det(axes))
    return np.asarray(axes)


def drawn(
    zones: Zone | list[Zone],
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    axes: ArrayLike | None = None,
    *,
    offset_mm: ArrayLike = (0.13, -0.31, 0.22),
    frame_uid: str = FRAME,
    beyond_mm: float = 4.0,
) -> Mask:
    """The voxels whose centres lie in any of the ellipsoids, in a grid around them."""
    every = zones if isinstance(zones, list) else [zones]
    bounds = np.array([each.bounds_lps_mm() for each in every])
    middle = 0.5 * (bounds[:, 0].min(axis=0) + bounds[:, 1].max(axis=0))
    reach = 0.5 * float(np.linalg.norm(bounds[:, 1].max(axis=0) - bounds[:, 0].min(axis=0))) + beyond_mm
    turned = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]]) if axes is None else np.asarray(axes)
    half = np.ceil(reach / np.asarray(spacing)).astype(int)
    k, j, i = (int(2 * each + 1) for each in half)
    origin = middle + np.asarray(offset_mm) - turned @ (half * np.asarray(spacing))
    grid = Grid.of((k, j, i), origin_lps_mm=origin, spacing_kji_mm=spacing, axes_lps=turned, frame_uid=frame_uid)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size_kji), indexing="ij"), axis=-1)
    points = grid.lps_from_kji.points(kji)
    inside = np.zeros(grid.size_kji, dtype=np.bool_)
    for each in every:
        inside |= each.contains(points)
    return Mask.of(grid, inside)


def ball(centre: ArrayLike, radius_mm: float) -> Zone:
    x, y, z = (float(value) for value in np.asarray(centre, dtype=float))
    return Zone((x, y, z), (0.0, 0.0, 1.0), radius_mm, radius_mm)
