"""How far the patient has moved between the mask and each frame: as a whole, or differently from place to place.

Both compare densities that are binned, smoothed against noise and freed of slow shading, and let differences on the
dense side count less: contrast medium is no motion. A displacement is kept only where mask and frame share texture:
the products of their gradients show it, since the noise of two pictures has none in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import AngioRun
from planner.imaging.densities import Method, density_table
from planner.imaging.displacement import Displacement
from planner.imaging.flexible_motion import flexible_shift, flexible_shifts
from planner.imaging.motion_frames import Level, binned, levelled, mask_level, smoothed
from planner.imaging.motion_rigid import (
    MaskPyramid,
    RigidShift,
    finest_factor,
    mask_pyramid,
    rigid_shift,
    rigid_shifts,
)
from planner.imaging.motion_sums import binned_displacement, register
from planner.jobs import Context

__all__ = [
    "Displacement",
    "MaskPyramid",
    "RigidShift",
    "flexible_shift",
    "flexible_shifts",
    "mask_pyramid",
    "residual",
    "rigid_shift",
    "rigid_shifts",
]


_LOCAL_PX = 32
"""Binned pixels of the squares whose median difference counts as exposure, shading or blush."""


def residual(
    run: AngioRun,
    mask: NDArray[np.float32],
    field: NDArray[np.bool_],
    method: Method = "log",
    shifts: NDArray[np.float64] | None = None,
    fields: Sequence[Displacement | None] | None = None,
    *,
    context: Context | None = None,
) -> float:
    """How much background a subtraction leaves: one number in units of contrast, the same before and after a shift.

    Of each frame, binned, smoothed and freed of what changes slowly over the picture (local medians, which vessels do
    not move), the root mean square of the side *brighter* than the mask: where something dense has moved away from.
    Contrast medium only makes darker and is not counted. The median over frames. Noise is in it: it does not fall to
    zero for a perfect shift.

    Parameters
    ----------
    shifts, fields
        As for `subtraction.subtract`; none for the residual before.
    """
    context = context or Context()
    table = density_table(run, method)
    level = _plain_level(table.of(mask), field, finest_factor(run.size_yx))
    found = []
    for index in range(run.count):
        context.step(index / run.count, f"residual of frame {index + 1}")
        flow = None if fields is None else fields[index]
        shift = (0.0, 0.0) if shifts is None else (float(shifts[index, 0]), float(shifts[index, 1]))
        density = binned(run.frames[index], table, level.factor)
        moving = smoothed(levelled(density, level.open_binned))
        found.append(_bright_side(moving, level, shift, flow))
    return float(np.median(found))


def _plain_level(density: NDArray[np.float32], field: NDArray[np.bool_], factor: int) -> Level:
    """The mask with its shading left in: local medians take out what differs."""
    level = mask_level(density, field, factor)
    rows, columns = level.fixed.shape
    squares = density[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    plain = smoothed(levelled(squares.mean(axis=(1, 3), dtype=np.float32), level.open_binned))
    return replace(level, fixed=plain)


def _bright_side(
    moving: NDArray[np.float32], level: Level, shift: tuple[float, float], flow: Displacement | None
) -> float:
    ux, uy = np.full_like(level.fixed, shift[0] / level.factor), np.full_like(level.fixed, shift[1] / level.factor)
    if flow is not None:
        ux, uy = binned_displacement(flow, level)
    _, difference = register(moving, level, ux, uy, 0.0, np.inf)
    total, count = 0.0, 0
    for top in range(0, difference.shape[0], _LOCAL_PX):
        for left in range(0, difference.shape[1], _LOCAL_PX):
            square = difference[top : top + _LOCAL_PX, left : left + _LOCAL_PX]
            values = square[np.isfinite(square)].astype(np.float64)
            if values.size < _LOCAL_PX:
                continue
            below = np.minimum(values - np.median(values), 0.0)
            total += float(below @ below)
            count += values.size
    return float(np.sqrt(2.0 * total / count)) if count else 0.0
