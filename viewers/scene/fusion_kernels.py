"""Compiled: colours of a difference and edges of a grey picture. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled

_Array = NDArray[np.float32]
_Bytes = NDArray[np.uint8]
_Words = NDArray[np.uint32]


@compiled
def difference_words(
    later: _Array,
    earlier: _Array,
    outside: float,
    scale: float,
    colours: _Words,
    words: _Words,
    first: int,
    last: int,
) -> None:
    """Colours of rows first..last: entry 128 where both are the same, 1 and 255 at the ends, 0 where one is missing.

    Parameters
    ----------
    outside
        Values of the earlier image up to this are none; NaN where only NaN is none.
    scale
        Entries per unit of the images.
    """
    factor, nothing = np.float32(scale), np.float32(outside)
    for row in range(first, last):
        for column in range(later.shape[1]):
            before = earlier[row, column]
            entry = (later[row, column] - before) * factor + np.float32(128.0)
            if entry != entry or before <= nothing:
                words[row, column] = colours[0]
            else:
                words[row, column] = colours[int(min(max(entry, np.float32(1.0)), np.float32(255.0)))]


@compiled
def box_along(grey: _Bytes, reach: int, sums: _Array, first: int, last: int) -> None:
    """Sums over 2 reach + 1 pixels along each of rows first..last, mirrored at the ends."""
    width = grey.shape[1]
    for row in range(first, last):
        line = grey[row]
        total = 0
        for step in range(-reach, reach + 1):
            total += line[_mirrored(step, width)]
        sums[row, 0] = total
        for column in range(1, width):
            total += np.int64(line[_mirrored(column + reach, width)]) - np.int64(
                line[_mirrored(column - reach - 1, width)]
            )
            sums[row, column] = total


@compiled
def _mirrored(index: int, size: int) -> int:
    """The pixel that stands for one beyond the ends: the outermost one is repeated."""
    while index < 0 or index >= size:
        index = -1 - index if index < 0 else 2 * size - 1 - index
    return index


@compiled
def box_across(sums: _Array, reach: int, smooth: _Array, first: int, last: int) -> None:
    """Means over the same number of rows of `sums`, for rows first..last."""
    height, width = sums.shape
    total = np.zeros(width, dtype=np.float64)
    share = 1.0 / (2 * reach + 1) ** 2
    for row in range(first, last):
        if row == first:
            for step in range(-reach, reach + 1):
                total += sums[_mirrored(row + step, height)]
        else:
            total += sums[_mirrored(row + reach, height)]
            total -= sums[_mirrored(row - reach - 1, height)]
        for column in range(width):
            smooth[row, column] = total[column] * share


@compiled
def steepest(smooth: _Array, least: float, found: NDArray[np.bool_], first: int, last: int) -> None:
    """Pixels of rows first..last whose squared climb over two pixels is `least` or more, and largest along its way."""
    height, width = smooth.shape
    for row in range(first, last):
        for column in range(width):
            found[row, column] = False
            if row < 2 or row >= height - 2 or column < 2 or column >= width - 2:
                continue
            right = smooth[row, column + 1] - smooth[row, column - 1]
            down = smooth[row + 1, column] - smooth[row - 1, column]
            here = right * right + down * down
            if here < least:
                continue
            by_row, by_column = (0, 1) if abs(right) >= abs(down) else (1, 0)
            before = _climb(smooth, row - by_row, column - by_column)
            found[row, column] = here >= before and here > _climb(smooth, row + by_row, column + by_column)


@compiled
def _climb(smooth: _Array, row: int, column: int) -> float:
    right = smooth[row, column + 1] - smooth[row, column - 1]
    down = smooth[row + 1, column] - smooth[row - 1, column]
    return float(right * right + down * down)


@compiled
def paint_found(found: NDArray[np.bool_], step: int, colour: int, words: _Words, first: int, last: int) -> None:
    """The colour on rows first..last of `words`, where the picture's `step` times smaller twin says so."""
    for row in range(first, last):
        line = found[row // step]
        for column in range(words.shape[1]):
            if line[column // step]:
                words[row, column] = colour
