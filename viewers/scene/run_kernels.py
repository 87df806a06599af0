"""Compiled sampling of one frame to the screen. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled


@compiled
def sample_grey(
    values: NDArray[np.float32],
    rows: tuple[NDArray[np.int64], NDArray[np.float32]],
    columns: tuple[NDArray[np.int64], NDArray[np.float32]],
    slope: float,
    intercept: float,
    grey: NDArray[np.uint8],
    first: int,
    last: int,
) -> None:
    """Grey of weighted means, rows first, then columns: ``slope * value + intercept``, cut to a byte.

    `rows` and `columns` hold, for every pixel of `grey`, the first of its source pixels (-1: outside, black) and their
    weights. Where there is no number it is black.
    """
    from_row, row_weights = rows
    from_column, column_weights = columns
    width = values.shape[1]
    line = np.empty(width, dtype=np.float32)
    a, b = np.float32(slope), np.float32(intercept + 0.5)
    low, high = np.float32(0.5), np.float32(255.5)
    for row in range(first, last):
        start = from_row[row]
        if start < 0:
            grey[row] = 0
            continue
        source, weight = values[start], row_weights[row, 0]
        for x in range(width):
            line[x] = weight * source[x]
        for tap in range(1, row_weights.shape[1]):
            weight = row_weights[row, tap]
            if weight != 0.0:
                source = values[start + tap]
                for x in range(width):
                    line[x] += weight * source[x]
        for column in range(grey.shape[1]):
            place = from_column[column]
            if place < 0:
                grey[row, column] = 0
                continue
            total = np.float32(0.0)
            for tap in range(column_weights.shape[1]):
                total += column_weights[column, tap] * line[place + tap]
            level = min(max(total * a + b, low), high)
            grey[row, column] = np.uint8(0) if total != total else np.uint8(np.int32(level))


@compiled
def sample_nearest(
    values: NDArray[np.uint32], x0: float, y0: float, step: float, out: NDArray[np.uint32], first: int, last: int
) -> None:
    """Nearest pixels of a coloured picture; black outside."""
    height, width = values.shape
    for row in range(first, last):
        y = int(np.floor(y0 + row * step + 0.5))
        for column in range(out.shape[1]):
            x = int(np.floor(x0 + column * step + 0.5))
            inside = 0 <= x < width and 0 <= y < height
            out[row, column] = values[y, x] if inside else np.uint32(0xFF000000)
