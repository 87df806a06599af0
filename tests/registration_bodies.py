"""A small body with a veined organ, and the same body deformed by a known map: made in a fraction of a second."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask

FIXED, MOVING = "1.1", "1.2"
SIZE = (46, 54, 60)
SPACING = (3.0, 3.0, 3.0)
HALF_MM = np.array([88.0, 78.0, 200.0])
ORGAN_CENTRE, ORGAN_HALF = np.array([-20.0, -4.0, 2.0]), np.array([52.0, 46.0, 44.0])
SHIFT_MM = np.array([6.0, -8.0, 10.0])
Floats = NDArray[np.float64]


def truth(fixed_lps_mm: Floats) -> Floats:
    """Where points of the fixed image lie in the moving one: a shift, and a wave of up to 6 mm."""
    x, y, z = np.moveaxis(fixed_lps_mm / 38.0, -1, 0)
    wave = np.stack([3.0 * np.sin(z), 4.0 * np.cos(x + 0.5), 6.0 * np.cos(y) * np.cos(x)], axis=-1)
    return fixed_lps_mm + SHIFT_MM + wave


@dataclass(frozen=True)
class Bodies:
    """Two images of one body and the organ in each."""

    fixed: Volume
    moving: Volume
    fixed_organ: Mask
    moving_organ: Mask

    def organ_points(self) -> Floats:
        found = np.argwhere(self.fixed_organ.voxels) + np.asarray(self.fixed_organ.box[0])
        return self.fixed_organ.grid.lps_from_kji.points(found[::3])


@cache
def bodies() -> Bodies:
    fixed, moving = (grid_of(uid) for uid in (FIXED, MOVING))
    there, here = places(moving), truth(places(fixed))
    return Bodies(
        Volume(scanned(here, 1), fixed, ImageSource("1.3.1", modality="CT", unit="HU", patient_id="A")),
        Volume(scanned(there, 2), moving, ImageSource("1.3.2", modality="CT", unit="HU", patient_id="A")),
        Mask.of(fixed, in_organ(here)),
        Mask.of(moving, in_organ(there)),
    )


def grid_of(frame_uid: str) -> Grid:
    low = -0.5 * (np.array(SIZE)[::-1] - 1) * np.array(SPACING)[::-1]
    return Grid.of(SIZE, origin_lps_mm=low, spacing_kji_mm=SPACING, frame_uid=frame_uid)


def places(grid: Grid) -> Floats:
    return grid.lps_from_kji.points(np.moveaxis(np.indices(grid.size_kji), 0, -1))


def in_organ(points: Floats) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = np.sum(((points - ORGAN_CENTRE) / ORGAN_HALF) ** 2, axis=-1) <= 1.0
    return inside


def ball(grid: Grid, centre: tuple[float, float, float], radius_mm: float) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = np.linalg.norm(places(grid) - np.asarray(centre), axis=-1) <= radius_mm
    return inside


def scanned(points: Floats, seed: int) -> NDArray[np.int16]:
    """HU at points of the moving body, with noise: air, fat, organ with vessels, a spine."""
    organ = in_organ(points)
    body = np.sum(((points - SHIFT_MM) / HALF_MM) ** 2, axis=-1) <= 1.0
    values = np.where(body, -90.0, -1000.0)
    values[organ] = 100.0
    vessels = ndimage.map_coordinates(_texture(), (points.reshape(-1, 3).T + 130.0) / 3.0, order=1, mode="wrap")
    values[organ & (vessels.reshape(organ.shape) > 1.1)] = 175.0
    spine = np.linalg.norm(points[..., :2] - np.array([25.0, 50.0]), axis=-1) <= 13.0
    values[spine & ~organ] = 420.0
    soft = ndimage.gaussian_filter(values, 0.5)
    noisy = soft + np.random.default_rng(seed).normal(0.0, 10.0, soft.shape)
    return np.rint(noisy).astype(np.int16)


@cache
def _texture() -> Floats:
    noise = ndimage.gaussian_filter(np.random.default_rng(8).normal(size=(90, 90, 90)), 2.0, mode="wrap")
    found: Floats = noise / noise.std()
    return found
