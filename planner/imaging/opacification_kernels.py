"""Compiled inner loops of `planner.imaging.opacification`. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled


@compiled
def highest(contrast: NDArray[np.float32], found: NDArray[np.float32], first: int, last: int) -> None:
    """Highest value over frames (n, y, x), NaN where every frame is NaN; frame by frame, as memory lies."""
    frames, _, width = contrast.shape
    for row in range(first, last):
        line = found[row]
        line[:] = np.nan
        for frame in range(frames):
            source = contrast[frame, row]
            for x in range(width):
                # True as well while nothing is found yet.
                if not source[x] <= line[x] and source[x] == source[x]:
                    line[x] = source[x]


@compiled
def peak_times(
    contrast: NDArray[np.float32],
    times: NDArray[np.float64],
    least: float,
    seconds: NDArray[np.float32],
    peak: NDArray[np.float32],
    at_end: NDArray[np.bool_],
    first: int,
    last: int,
) -> None:
    """Time and height of the parabola around each pixel's highest sample; NaN below `least` and at the run's ends."""
    frames, _, width = contrast.shape
    best = np.empty(width, dtype=np.float32)
    index = np.empty(width, dtype=np.int64)
    for row in range(first, last):
        best[:] = least
        index[:] = -1
        for frame in range(frames):
            source = contrast[frame, row]
            for x in range(width):
                if source[x] > best[x]:
                    best[x] = source[x]
                    index[x] = frame
        for x in range(width):
            at = index[x]
            seconds[row, x] = np.nan
            peak[row, x] = np.nan
            at_end[row, x] = at == frames - 1
            if at <= 0 or at == frames - 1:
                continue
            before, after = contrast[at - 1, row, x], contrast[at + 1, row, x]
            seconds[row, x] = times[at]
            peak[row, x] = best[x]
            if before != before or after != after:
                continue
            left, right = times[at] - times[at - 1], times[at + 1] - times[at]
            fall_left, fall_right = (best[x] - before) / left, (best[x] - after) / right
            bend = (fall_left + fall_right) / (left + right)
            if bend <= 0.0:
                continue
            slope = (fall_left * right - fall_right * left) / (left + right)
            ahead = min(max(slope / (2.0 * bend), -left / 2.0), right / 2.0)
            seconds[row, x] = times[at] + ahead
            peak[row, x] = best[x] + ahead * slope - bend * ahead * ahead
