"""Structures from grey values: thresholds and region growing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import OperatorError
from planner.imaging.masks import Box, Mask, ball_box, box_slices, is_empty
from planner.imaging.slicing import readable
from planner.imaging.volumes import Volume
from planner.jobs import Context


def threshold(volume: Volume, low: float, high: float, *, within: Mask | None = None, box: Box | None = None) -> Mask:
    """Voxels with values in [low, high], inside a structure or a box when given.

    Raises
    ------
    FrameMismatch
        When `within` lies on another grid.
    """
    if within is not None:
        Mask.empty(volume.grid).same_grid(within)
        if is_empty(within.box):
            return Mask.empty(volume.grid)
        box = within.box
    region: Box = box if box is not None else ((0, 0, 0), volume.grid.size_kji)
    values: NDArray[Any] = volume.voxels[box_slices(region)]
    found = (values >= low) & (values <= high)
    if within is not None:
        found &= within.voxels
    return Mask.of(volume.grid, found, region[0])


def range_at(volume: Volume, seed_lps_mm: ArrayLike, *, radius_mm: float, spreads: float) -> tuple[float, float]:
    """A range to start region growing with: median and `spreads` robust standard deviations around a click.

    The spread is 1.4826 times the median absolute deviation within the ball, at least one unit of the image.

    Raises
    ------
    OperatorError
        When the click lies outside the image.
    """
    index = _seed(volume, seed_lps_mm)
    box = ball_box(volume.grid, seed_lps_mm, radius_mm)
    near = np.asarray(volume.voxels[box_slices(box)], dtype=np.float64)
    near = near[np.isfinite(near)] if near.size else np.asarray(volume.voxels[index], dtype=np.float64).reshape(1)
    middle = float(np.median(near))
    spread = max(1.4826 * float(np.median(np.abs(near - middle))), 1.0)
    return middle - spreads * spread, middle + spreads * spread


def grow_region(
    volume: Volume,
    seed_lps_mm: ArrayLike,
    low: float,
    high: float,
    *,
    limit_mm: float | None = None,
    context: Context | None = None,
) -> Mask:
    """Voxels with values in [low, high] joined by faces to the voxel under a click.

    Parameters
    ----------
    limit_mm
        Nothing farther from the click than this is taken; None searches the whole image (in a job).

    Returns
    -------
    Empty when the clicked voxel itself lies outside the range.

    Raises
    ------
    OperatorError
        When the click lies outside the image.
    """
    steps = context or Context()
    index = _seed(volume, seed_lps_mm)
    whole: Box = ((0, 0, 0), volume.grid.size_kji)
    box = whole if limit_mm is None else ball_box(volume.grid, seed_lps_mm, limit_mm)
    from planner.imaging import distance_kernels as kernels

    steps.step(0.1, "Growing the region")
    voxels = readable(volume.voxels[box_slices(box)])
    reached = np.zeros(voxels.shape, dtype=np.bool_)
    seed = np.asarray(index) - np.asarray(box[0])
    centre = volume.grid.kji_from_lps.points(seed_lps_mm) - np.asarray(box[0])
    squared = float("inf") if limit_mm is None else limit_mm**2
    spacing = np.asarray(volume.grid.spacing_kji_mm)
    kernels.flood(voxels, low, high, seed.reshape(1, 3).astype(np.int64), squared, spacing, centre, reached)
    steps.step(0.9, "Growing the region")
    return Mask.of(volume.grid, reached, box[0])


def _seed(volume: Volume, seed_lps_mm: ArrayLike) -> tuple[int, int, int]:
    index = volume.grid.nearest_index(seed_lps_mm)
    if index is None:
        raise OperatorError("click-outside-image", "The click lies outside the image; click inside it.")
    return index
