"""Simulated X-ray projections: what a detector behind a volume would add up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.errors import FrameMismatch
from planner.geometry import Grid
from planner.geometry.c_arm import CArm
from planner.imaging.bands import in_bands
from planner.jobs import Context

Floats = NDArray[np.float64]

_ROWS = 128
"""Rows between two looks at the progress and at a wish to cancel."""


def line_integrals(
    values: NDArray[np.float32],
    grid: Grid,
    c_arm: CArm,
    size_yx: tuple[int, int],
    context: Context | None = None,
) -> NDArray[np.float32]:
    """(y, x) integrals of `values` along the rays of a detector, in value times mm; nothing lies outside the grid.

    Parameters
    ----------
    values
        (k, j, i) on `grid`, such as linear attenuation per mm.
    c_arm
        Placed in the frame of the grid.

    Raises
    ------
    FrameMismatch
        When the C-arm lies in another frame of reference.
    """
    if c_arm.frame_uid != grid.frame_uid:
        raise FrameMismatch(
            "mixed-frames", "The C-arm and the images lie in different frames of reference; link the two first."
        )
    solid = np.ascontiguousarray(values, dtype=np.float32)
    found = np.zeros(size_yx, dtype=np.float32)
    box = _filled(solid)
    if box is not None:
        _integrate(solid, grid, c_arm, box, found, context or Context())
    return found


def _filled(values: NDArray[np.float32]) -> NDArray[np.int64] | None:
    """(3, 2) lowest index (inclusive) and highest (exclusive) of values that are not zero, and two voxels around them.

    Two, so that the first and last sample of a ray, which stand for less than a step, are zero. None where all is zero.
    """
    from planner.imaging.projection_kernels import empty_margins

    margins = np.zeros((3, 2), dtype=np.int64)
    empty_margins(values, margins)
    size = np.asarray(values.shape)
    if np.any(margins[:, 0] >= size):
        return None
    low, high = np.maximum(margins[:, 0] - 2, 0), np.minimum(size - margins[:, 1] + 2, size)
    return np.stack([low, high], axis=1)


def _integrate(
    solid: NDArray[np.float32],
    grid: Grid,
    c_arm: CArm,
    box: NDArray[np.int64],
    found: NDArray[np.float32],
    job: Context,
) -> None:
    from planner.imaging.projection_kernels import integrate_rows

    strides = np.asarray(solid.strides, dtype=np.int64) // solid.itemsize
    sizes = box[:, 1] - box[:, 0]
    flat = solid.reshape(-1)[int(box[:, 0] @ strides) :]
    thin = sizes < 2
    # A single layer counts as two alike, so that every ray has voxels around it.
    sizes, steps = np.where(thin, 2, sizes), np.where(thin, 0, strides)
    rays = _rays(grid, c_arm, box[:, 0])
    metric = np.asarray(grid.spacing_kji_mm, dtype=np.float64)
    rows = found.shape[0]
    for start in range(0, rows, _ROWS):
        job.step(start / rows, "Projecting")
        for axes in ([0, 1, 2], [1, 0, 2], [2, 0, 1]):
            source, corner, across, down = (each[axes] for each in rays)

            def band(
                first: int,
                last: int,
                start: int = start,
                own: tuple[NDArray[np.int64], NDArray[np.int64]] = (steps[axes], sizes[axes]),
                ways: tuple[Floats, Floats, Floats, Floats, Floats] = (source, corner, across, down, metric[axes]),
            ) -> None:
                integrate_rows(flat, *own, *ways, start + first, start + last, found)

            in_bands(min(_ROWS, rows - start), band)
    job.step(1.0, "Projected")


def _rays(grid: Grid, c_arm: CArm, low_kji: NDArray[np.int64]) -> tuple[Floats, Floats, Floats, Floats]:
    """Source, first pixel, and the ways to the next pixel to the right and below, in indices from `low_kji`."""
    kji_from_lps = grid.kji_from_lps
    right, down, towards = c_arm.axes_lps
    across, below = right * c_arm.spacing.right_mm, down * c_arm.spacing.down_mm
    middle = c_arm.source_lps_mm + towards * c_arm.source_to_detector_mm
    corner = middle - across * c_arm.principal_xy[0] - below * c_arm.principal_xy[1]
    return (
        kji_from_lps.points(c_arm.source_lps_mm) - low_kji,
        kji_from_lps.points(corner) - low_kji,
        kji_from_lps.vectors(across),
        kji_from_lps.vectors(below),
    )
