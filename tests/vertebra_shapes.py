"""Analytic vertebrae: every measure is known, the voxels may lie and the patient may turn as they like."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask

FRAME = "1.2.826.0.1.3680043.8.498.77"
BODY_HALF = (22.0, 16.0, 13.0)
"""Half width, depth and height of the body."""
CANAL_BEHIND_MM, CANAL_HALF = 8.5, (11.0, 8.0)
Floats = NDArray[np.float64]


def rotation(tilt_deg: float = 0.0, turn_deg: float = 0.0, bend_deg: float = 0.0) -> Floats:
    """(3, 3) rows left, anterior, superior in LPS: tilted to the front, turned about the spine, bent to the left."""
    axes = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    for angle, normal in ((tilt_deg, (-1.0, 0.0, 0.0)), (turn_deg, (0.0, 0.0, 1.0)), (bend_deg, (0.0, 1.0, 0.0))):
        axes = axes @ _about(np.array(normal), angle).T
    return axes


def _about(axis: Floats, degrees: float) -> Floats:
    turned = np.deg2rad(degrees)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    found: Floats = np.eye(3) + np.sin(turned) * cross + (1 - np.cos(turned)) * cross @ cross
    return found


@dataclass(frozen=True)
class Shape:
    """A vertebra with straight, elliptical pedicles.

    Attributes
    ----------
    pedicle_mm
        Width; the height is 1.5 times as much.
    convergence_deg
        Of both pedicles.
    wedge_deg
        Between the endplates, lower in front.
    """

    centre: tuple[float, float, float] = (10.0, -20.0, 30.0)
    axes: Floats = field(default_factory=rotation)
    pedicle_mm: float = 8.0
    convergence_deg: float = 12.0
    wedge_deg: float = 0.0
    arch: bool = True

    def local(self, points: ArrayLike) -> Floats:
        found: Floats = (np.asarray(points) - np.array(self.centre)) @ self.axes.T
        return found

    def lps(self, local: ArrayLike) -> Floats:
        found: Floats = np.asarray(local) @ self.axes + np.array(self.centre)
        return found

    def pedicle(self, side: str) -> tuple[Floats, Floats]:
        """Middle, and direction into the body, in LPS."""
        sign = 1.0 if side == "left" else -1.0
        turn = np.deg2rad(self.convergence_deg)
        middle = (sign * (CANAL_HALF[0] + self.pedicle_mm / 2 + 1.0), -BODY_HALF[1] - 6.0, 4.0)
        return self.lps(middle), np.array([-sign * np.sin(turn), np.cos(turn), 0.0]) @ self.axes

    def inside(self, points: ArrayLike) -> NDArray[np.bool_]:
        u, v, w = np.moveaxis(self.local(points), -1, 0)
        slope = np.tan(np.deg2rad(self.wedge_deg / 2))
        tall = np.abs(w) <= BODY_HALF[2] - slope * v
        wide = (np.abs(u) / BODY_HALF[0]) ** 4 + (np.abs(v) / BODY_HALF[1]) ** 4 <= 1.0
        solid = tall & wide
        if self.arch:
            solid |= self._arch(u, v, w)
        canal = self.in_canal(points)
        found: NDArray[np.bool_] = solid & ~canal
        return found

    def in_canal(self, points: ArrayLike) -> NDArray[np.bool_]:
        u, v, _ = np.moveaxis(self.local(points), -1, 0)
        back = v + BODY_HALF[1] + CANAL_BEHIND_MM
        found: NDArray[np.bool_] = (u / CANAL_HALF[0]) ** 2 + (back / CANAL_HALF[1]) ** 2 <= 1.0
        return found

    def _arch(self, u: Floats, v: Floats, w: Floats) -> NDArray[np.bool_]:
        back = v + BODY_HALF[1] + CANAL_BEHIND_MM
        half = self.pedicle_mm / 2
        ring = ((u / (CANAL_HALF[0] + 6.0)) ** 2 + (back / (CANAL_HALF[1] + 6.0)) ** 2 <= 1.0) & (back < -3.0)
        solid: NDArray[np.bool_] = ring & (np.abs(w - 1.0) <= 8.0)
        solid |= (np.abs(u) <= 3.0) & (back < -9.0) & (back > -32.0) & (w < 3.0) & (w > -9.0)
        for side in ("left", "right"):
            middle, direction = (self.local(self.pedicle(side)[0]), self.axes @ self.pedicle(side)[1])
            offset = np.stack([u, v, w], axis=-1) - middle
            along = offset @ direction
            across = offset - along[..., None] * direction
            flat = np.hypot(across[..., 0], across[..., 1])
            rod = (flat / half) ** 2 + (across[..., 2] / (1.5 * half)) ** 2 <= 1.0
            solid |= rod & (along > -12.0) & (along < 14.0)
            mass = offset + 14.0 * direction
            solid |= (mass[..., 0] / 7.0) ** 2 + (mass[..., 1] / 7.0) ** 2 + (mass[..., 2] / 13.0) ** 2 <= 1.0
        return solid

    def grid(self, spacing_mm: float = 1.0, voxel_axes: Floats | None = None, reach_mm: float = 48.0) -> Grid:
        """A cube around the vertebra; `voxel_axes` turns the voxels, not the patient."""
        size = int(np.ceil(2 * reach_mm / spacing_mm))
        axes = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=float) if voxel_axes is None else voxel_axes
        middle = self.lps((0.0, -16.0, 0.0))
        origin = middle - axes @ np.full(3, (size - 1) / 2 * spacing_mm)
        spacing = (spacing_mm,) * 3
        return Grid.of((size,) * 3, origin_lps_mm=origin, spacing_kji_mm=spacing, axes_lps=axes, frame_uid=FRAME)

    def mask(self, spacing_mm: float = 1.0, voxel_axes: Floats | None = None) -> Mask:
        grid = self.grid(spacing_mm, voxel_axes)
        return Mask.of(grid, self.inside(points_of(grid)))

    def canal(self, spacing_mm: float = 1.0) -> Mask:
        grid = self.grid(spacing_mm)
        return Mask.of(grid, self.in_canal(points_of(grid)))

    def ct(self, spacing_mm: float = 1.0, seed: int = 3) -> Volume:
        """Muscle, spongy bone and a cortex of 1.5 mm, with a little noise; air farther than 95 mm behind."""
        from scipy import ndimage

        grid = self.grid(spacing_mm)
        solid = self.inside(points_of(grid))
        depth = ndimage.distance_transform_edt(solid) * spacing_mm
        hu = np.where(solid, np.where(depth <= 2.0, 650.0, 140.0), 50.0)
        hu += np.random.default_rng(seed).normal(0.0, 12.0, hu.shape)
        source = ImageSource("1.2.3", modality="CT", unit="HU", patient_position="HFS")
        return Volume(hu.astype(np.float32), grid, source)


def points_of(grid: Grid) -> Floats:
    """(k, j, i, 3) LPS mm of the voxel centres."""
    return grid.lps_from_kji.points(np.moveaxis(np.indices(grid.size_kji), 0, -1))
