"""The difference of a frame and its mask under a displacement, added up block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.bands import in_bands
from planner.imaging.displacement import Displacement, spline_matrix, spline_weights
from planner.imaging.motion_frames import BLOCK_PX, Level

_DENSE_TIMES, _FAINT_TIMES = 3.0, 4.5
"""Reach of the biweight in standard deviations."""


def register(
    moving: NDArray[np.float32],
    level: Level,
    ux: NDArray[np.float32],
    uy: NDArray[np.float32],
    middle: float,
    spread: float,
    usable: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """(block rows, block columns, SUMS) of `motion_kernels.register_sums`, and the difference picture."""
    from planner.imaging import motion_kernels as kernels

    rows, columns = (-(-size // BLOCK_PX) for size in level.fixed.shape)
    sums = np.zeros((rows, columns, kernels.SUMS))
    difference = np.empty_like(level.fixed)
    dense, faint = _DENSE_TIMES * spread, _FAINT_TIMES * spread
    in_bands(
        rows,
        lambda a, b: kernels.register_sums(
            moving, level.fixed, level.gradient_x, level.gradient_y, level.inside,
            level.inside if usable is None else usable, ux, uy, middle, dense, faint,
            BLOCK_PX, sums, difference, a, b,
        ),
        least_rows=4,
    )  # fmt: skip
    return sums, difference


def centre_and_spread(difference: NDArray[np.float32]) -> tuple[float, float]:
    """Median and standard deviation (by the median deviation) of a difference picture."""
    some = difference[::3, ::3]
    values = some[np.isfinite(some)]
    if not values.size:
        return 0.0, 1e-6
    middle = float(np.median(values))
    return middle, max(1.4826 * float(np.median(np.abs(values - middle))), 1e-6)


def binned_displacement(flow: Displacement, level: Level) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(rows, columns) dx and dy in binned pixels at the centres of binned pixels."""
    rows, columns = level.fixed.shape
    middle = (level.factor - 1) / 2.0
    from planner.imaging import motion_kernels as kernels

    down = spline_matrix(np.arange(rows) * level.factor + middle, flow.spacing_px, flow.controls_xy_px.shape[0])
    cell, across = spline_weights(
        np.arange(columns) * level.factor + middle, flow.spacing_px, flow.controls_xy_px.shape[1]
    )
    ux, uy = np.empty_like(level.fixed), np.empty_like(level.fixed)
    scale = 1.0 / level.factor
    in_bands(
        rows,
        lambda a, b: kernels.spline_field(flow.controls_xy_px, down, cell, across, scale, ux, uy, a, b),
        least_rows=64,
    )
    return ux, uy
