"""Frames made ready for registration: binned densities, band-passed, with the mask's gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging.bands import in_bands
from planner.imaging.densities import DensityTable

_SMOOTH_PX = 1.0
_SHADING_PX, _SHADING_SHARE = 31, 8
"""Binned pixels: wider than vessels and ribs' edges at the finest level, narrower than a blush; and at most this part
of the picture."""
_RIM_PX = 3
_MOTION_PX, _VESSEL_RIM_PX = 4, 2
"""Binned pixels at the middle level: what may have moved so far is no vessel, and a vessel's blurred rim."""
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
    open_binned = np.asarray(field[: rows * factor, : columns * factor].reshape(shape).all(axis=(1, 3)))
    shading = _shading_px(open_binned.shape)
    weight = ndimage.uniform_filter(open_binned.astype(np.float32), shading)
    binned = density[: rows * factor, : columns * factor].reshape(shape).mean(axis=(1, 3), dtype=np.float32)
    fixed = flattened(binned, open_binned, weight)
    gradient_y, gradient_x = (np.asarray(part, dtype=np.float32) for part in np.gradient(fixed))
    # Near the border the shading is that of fewer pixels, which do not move with the patient.
    inside = ndimage.minimum_filter(open_binned, max(2 * _RIM_PX + 1, shading), mode="constant", cval=0)
    return Level(factor, fixed, gradient_x, gradient_y, inside, open_binned, weight)


def _shading_px(shape: tuple[int, ...]) -> int:
    """Odd."""
    return int(min(_SHADING_PX, max(shape) // _SHADING_SHARE)) | 1


def frame_level(
    frame: NDArray[np.generic], table: DensityTable, level: Level, vessels: NDArray[np.bool_] | None = None
) -> _Pixels:
    """A stored frame at the binning of a mask's level; vessels (`vessels_of`) are left out of its shading."""
    from scipy import ndimage

    density = binned(frame, table, level.factor)
    if vessels is None:
        return flattened(density, level.open_binned, level.weight)
    inside = level.open_binned & ~vessels
    return flattened(density, inside, ndimage.uniform_filter(inside.astype(np.float32), _shading_px(inside.shape)))


def vessels_of(moving: _Pixels, level: Level, shift_xy_px: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(rows, columns) where a flattened frame is denser than anything near in the mask: contrast medium, not motion.

    Parameters
    ----------
    shift_xy_px
        Rough displacement of the frame.
    """
    from scipy import ndimage

    ceiling = ndimage.maximum_filter(level.fixed, 2 * _MOTION_PX + 1)
    dx, dy = (round(float(part) / level.factor) for part in shift_xy_px)
    excess = moving - np.roll(ceiling, (dy, dx), axis=(0, 1))
    plain = (moving - np.roll(level.fixed, (dy, dx), axis=(0, 1)))[::2, ::2]
    noise = 1.4826 * float(np.median(np.abs(plain[level.inside[::2, ::2]]))) if level.inside[::2, ::2].any() else 0.0
    found: NDArray[np.bool_] = ndimage.binary_dilation(excess > noise, iterations=_VESSEL_RIM_PX)
    return found


def at_factor(picture: NDArray[np.bool_], factor: int, size_yx: tuple[int, ...], own_factor: int) -> NDArray[np.bool_]:
    """A binned truth picture at another binning: true where any of its pixels is."""
    if factor == own_factor:
        return picture
    if factor < own_factor:
        times = own_factor // factor
        grown = np.repeat(np.repeat(picture, times, axis=0), times, axis=1)
        spare = [(0, max(0, size - have)) for size, have in zip(size_yx, grown.shape, strict=True)]
        return np.pad(grown, spare, mode="edge")[: size_yx[0], : size_yx[1]]
    times = factor // own_factor
    cut = picture[: size_yx[0] * times, : size_yx[1] * times]
    return np.asarray(cut.reshape(size_yx[0], times, size_yx[1], times).any(axis=(1, 3)))


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

    filled = levelled(density, inside)
    slow = ndimage.uniform_filter(filled, _shading_px(inside.shape)) / np.maximum(weight, np.float32(1e-3))
    return smoothed(np.where(inside, filled - slow, np.float32(0.0)))


def levelled(density: _Pixels, inside: NDArray[np.bool_]) -> _Pixels:
    """Less its median; 0 outside the field."""
    some, known = density[::4, ::4], inside[::4, ::4]
    middle = np.float32(np.median(some[known])) if known.any() else np.float32(0.0)
    return np.where(inside, density - middle, np.float32(0.0))


def smoothed(density: _Pixels) -> _Pixels:
    """Smoothed against noise."""
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(density, _SMOOTH_PX, truncate=3.0), dtype=np.float32)
