"""Frames made ready for registration: binned densities, band-passed, with the mask's gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging.bands import in_bands
from planner.imaging.densities import DensityTable

_SMOOTH_PX = 1.0
_SHADING_PX = 31
"""Binned pixels: wider than vessels and ribs' edges at the finest level, narrower than a blush."""
_RIM_PX = 3
BLOCK_PX = 16
"""Binned pixels of one block of sums."""

_Pixels = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Level:
    """The mask at one binning.

    Attributes
    ----------
    factor
        Pixels per binned pixel.
    fixed, gradient_x, gradient_y
        (rows, columns) band-passed density of the mask and its central differences.
    inside
        Open field, less a rim that smoothing has touched.
    open_binned, weight
        Field before the rim is taken off, and its running mean, for flattening frames.
    """

    factor: int
    fixed: _Pixels
    gradient_x: _Pixels
    gradient_y: _Pixels
    inside: NDArray[np.bool_]
    open_binned: NDArray[np.bool_]
    weight: _Pixels


def mask_level(density: _Pixels, field: NDArray[np.bool_], factor: int) -> Level:
    """The mask (y, x) of densities at a binning."""
    from scipy import ndimage

    rows, columns = density.shape[0] // factor, density.shape[1] // factor
    shape = (rows, factor, columns, factor)
    open_binned = field[: rows * factor, : columns * factor].reshape(shape).all(axis=(1, 3))
    weight = ndimage.uniform_filter(open_binned.astype(np.float32), _SHADING_PX)
    binned = density[: rows * factor, : columns * factor].reshape(shape).mean(axis=(1, 3), dtype=np.float32)
    fixed = flattened(binned, open_binned, weight)
    gradient_y, gradient_x = np.gradient(fixed)
    inside = ndimage.binary_erosion(open_binned, iterations=_RIM_PX, border_value=0)
    return Level(factor, fixed, gradient_x, gradient_y, inside, open_binned, weight)


def frame_level(frame: NDArray[np.generic], table: DensityTable, level: Level) -> _Pixels:
    """A stored frame at the binning of a mask's level."""
    return flattened(binned(frame, table, level.factor), level.open_binned, level.weight)


def binned(frame: NDArray[np.generic], table: DensityTable, factor: int) -> _Pixels:
    """Mean densities of squares of pixels; rows and columns that fill no square are left out."""
    from planner.imaging import motion_kernels as kernels

    found = np.empty((frame.shape[0] // factor, frame.shape[1] // factor), dtype=np.float32)
    in_bands(
        found.shape[0],
        lambda a, b: kernels.binned_density(frame, table.values, table.offset, factor, found, a, b),
        least_rows=64,
    )
    return found


def flattened(density: _Pixels, inside: NDArray[np.bool_], weight: _Pixels) -> _Pixels:
    """Smoothed against noise, less the slow shading; 0 outside the field."""
    from scipy import ndimage

    middle = np.float32(np.median(density[::4, ::4][inside[::4, ::4]])) if inside[::4, ::4].any() else np.float32(0.0)
    filled = np.where(inside, density - middle, np.float32(0.0))
    slow = ndimage.uniform_filter(filled, _SHADING_PX) / np.maximum(weight, np.float32(1e-3))
    flat = np.where(inside, filled - slow, np.float32(0.0))
    found: _Pixels = ndimage.gaussian_filter(flat, _SMOOTH_PX, truncate=3.0).astype(np.float32, copy=False)
    return found
