"""Lines along vessels and lumens while they are found: where a click meets them, smoothing, running on, cutting."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Polyline
from planner.imaging import Volume
from planner.imaging.masks import Box, ball_box, box_slices

SNAP_MM = 1.5
"""How far from a click its lumen may lie."""

Floats = NDArray[np.float64]


def snapped(volume: Volume, cost: NDArray[np.floating], box: Box, click_lps_mm: Floats) -> tuple[int, int, int]:
    """The cheapest voxel within reach of a click: its index (k, j, i) in the block `box` that `cost` was made of."""
    near = ball_box(volume.grid, click_lps_mm, SNAP_MM)
    axes = [np.arange(low, high) for low, high in zip(*near, strict=True)]
    centres = volume.grid.lps_from_kji.points(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    gaps = np.linalg.norm(centres - click_lps_mm, axis=-1)
    within = gaps <= max(SNAP_MM, float(gaps.min()))
    local = np.where(within, cost[box_slices(near, box[0])], np.inf)
    at = np.unravel_index(int(np.argmin(local)), local.shape)
    k, j, i = (int(step) + low - first for step, low, first in zip(at, near[0], box[0], strict=True))
    return k, j, i


def smooth(line: Polyline, sigma_mm: float, step_mm: float) -> Polyline:
    """Gaussian along a curve whose points lie `step_mm` apart; both ends stay, by mirroring the curve through them."""
    from scipy import ndimage

    points = line.points_lps_mm
    reach = min(len(points) - 1, math.ceil(4.0 * sigma_mm / step_mm))
    before = 2.0 * points[0] - points[reach:0:-1]
    after = 2.0 * points[-1] - points[-2 : -reach - 2 : -1]
    longer = np.concatenate([before, points, after])
    calm = ndimage.gaussian_filter1d(longer, sigma_mm / step_mm, axis=0, mode="nearest", truncate=3.0)
    return Polyline(calm[reach : reach + len(points)], line.frame_uid)


def run_on(line: Polyline, reach_mm: float, points_of_course: int) -> Polyline:
    """The line continued straight at both ends, the way its last `points_of_course` points lead."""
    points = line.points_lps_mm
    reach = min(len(points) - 1, points_of_course)
    head, tail = points[0] - points[reach], points[-1] - points[-1 - reach]
    before = points[0] + reach_mm * head / max(float(np.linalg.norm(head)), 1e-9)
    after = points[-1] + reach_mm * tail / max(float(np.linalg.norm(tail)), 1e-9)
    return Polyline(np.concatenate([[before], points, [after]]), line.frame_uid)


def cut(line: Polyline, start_lps_mm: Floats, end_lps_mm: Floats, step_mm: float) -> Polyline:
    """The part between the points nearest to both ends, in steps of at most `step_mm`."""
    points = line.resampled(step_mm / 4.0).points_lps_mm
    first = int(np.argmin(np.linalg.norm(points - start_lps_mm, axis=1)))
    last = int(np.argmin(np.linalg.norm(points - end_lps_mm, axis=1)))
    low, high = min(first, last), max(first, last)
    if high - low < 2:
        low, high = 0, len(points) - 1
    return Polyline(points[low : high + 1], line.frame_uid).resampled(step_mm)
