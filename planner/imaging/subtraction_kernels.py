"""Compiled inner loops of `planner.imaging.subtraction`. Importing this module loads numba.

Every kernel fills rows ``first`` to ``last`` of its output and releases the interpreter lock. Stored values become
densities through a table; shifted frames are read with a cubic convolution kernel (Keys 1981, a = -1/2), which keeps
what is sharp where a bilinear one would blur half-pixel shifts. Samples beyond the outer pixels' faces are NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

_Pixels = NDArray[np.float32]


@compiled_inline
def _held(index: int, size: int) -> int:
    return min(max(index, 0), size - 1)


@compiled
def cubic_weights(share: float, weights: _Pixels) -> None:
    """Of the four pixels around a position that lies `share` beyond the second of them."""
    weights[0] = share * (-0.5 + share * (1.0 - 0.5 * share))
    weights[1] = 1.0 + share * share * (-2.5 + 1.5 * share)
    weights[2] = share * (0.5 + share * (2.0 - 1.5 * share))
    weights[3] = share * share * (-0.5 + 0.5 * share)


@compiled
def _shifted_row(
    frame: NDArray[np.generic],
    row: int,
    whole: int,
    weights: _Pixels,
    table: _Pixels,
    offset: int,
    padded: _Pixels,
    line: _Pixels,
) -> None:
    """Densities of a row, moved by ``whole`` pixels and a share along it."""
    height, width = frame.shape
    source = frame[_held(row, height)]
    start = whole - 1
    low, high = min(max(-start, 0), width + 3), min(max(width - start, 0), width + 3)
    for place in range(low, high):
        padded[place] = table[int(source[place + start]) + offset]
    padded[:low] = table[int(source[0]) + offset]
    padded[high:] = table[int(source[width - 1]) + offset]
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    if w1 == 1.0:
        line[:] = padded[1 : width + 1]
        return
    for x in range(width):
        line[x] = w0 * padded[x] + w1 * padded[x + 1] + w2 * padded[x + 2] + w3 * padded[x + 3]


@compiled
def _blank_outside(line: _Pixels, dx: float) -> None:
    width = line.shape[0]
    for x in range(width):
        if x + dx >= -0.5:
            break
        line[x] = np.nan
    for x in range(width - 1, -1, -1):
        if x + dx <= width - 0.5:
            break
        line[x] = np.nan


@compiled
def _contrast_row(
    lines: _Pixels, slots: NDArray[np.int64], weights: _Pixels, mask: _Pixels, level: float, out: _Pixels
) -> None:
    """Rows combined by their weights, minus the mask and a level."""
    width = out.shape[0]
    lift = np.float32(level)
    second = lines[slots[1]]
    if weights[1] == 1.0:
        for x in range(width):
            out[x] = second[x] - mask[x] - lift
        return
    first, third, fourth = lines[slots[0]], lines[slots[2]], lines[slots[3]]
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    for x in range(width):
        out[x] = w0 * first[x] + w1 * second[x] + w2 * third[x] + w3 * fourth[x] - mask[x] - lift


@compiled
def shifted_band(
    frame: NDArray[np.generic],
    table: _Pixels,
    offset: int,
    mask: _Pixels,
    dx: float,
    dy: float,
    level: float,
    contrast: _Pixels,
    grey: NDArray[np.uint8],
    tone: tuple[float, float, int],
    first: int,
    last: int,
) -> None:
    """Contrast of a frame moved as a whole.

    ``contrast`` is filled unless it has no rows; ``grey`` likewise, with ``tone`` = slope, intercept of grey over
    contrast and the grey of pixels without a value.
    """
    height, width = frame.shape
    whole_x, whole_y = int(np.floor(dx)), int(np.floor(dy))
    across, down = np.empty(4, dtype=np.float32), np.empty(4, dtype=np.float32)
    cubic_weights(dx - whole_x, across)
    cubic_weights(dy - whole_y, down)
    padded = np.empty(width + 3, dtype=np.float32)
    lines = np.empty((4, width), dtype=np.float32)
    own = np.empty(width, dtype=np.float32)
    slots = np.zeros(4, dtype=np.int64)
    for row in range(first, last):
        for tap in range(4):
            source = row + whole_y - 1 + tap
            slots[tap] = source % 4
            if row == first or tap == 3:
                _shifted_row(frame, source, whole_x, across, table, offset, padded, lines[slots[tap]])
        line = contrast[row] if contrast.shape[0] else own
        if -0.5 <= row + dy <= height - 0.5:
            _contrast_row(lines, slots, down, mask[row], level, line)
            _blank_outside(line, dx)
        else:
            line[:] = np.nan
        if grey.shape[0]:
            grey_row(line, tone, grey[row])


@compiled
def grey_row(line: _Pixels, tone: tuple[float, float, int], grey: NDArray[np.uint8]) -> None:
    slope, intercept = np.float32(tone[0]), np.float32(tone[1])
    blank = np.uint8(tone[2])
    low, high = np.float32(0.5), np.float32(255.5)
    for x in range(line.shape[0]):
        value = line[x]
        level = min(max(value * slope + intercept, low), high)
        grey[x] = blank if value != value else np.uint8(np.int32(level))


@compiled_inline
def cubic_at(
    frame: NDArray[np.generic], table: _Pixels, offset: int, x: float, y: float, across: _Pixels, down: _Pixels
) -> np.float32:
    """Density at a position; `across` and `down` are scratch for four weights each."""
    height, width = frame.shape
    left, top = int(np.floor(x)), int(np.floor(y))
    cubic_weights(x - left, across)
    cubic_weights(y - top, down)
    total = np.float32(0.0)
    for tap in range(4):
        source = frame[_held(top - 1 + tap, height)]
        if 1 <= left < width - 2:
            line = (
                across[0] * table[int(source[left - 1]) + offset]
                + across[1] * table[int(source[left]) + offset]
                + across[2] * table[int(source[left + 1]) + offset]
                + across[3] * table[int(source[left + 2]) + offset]
            )
        else:
            line = np.float32(0.0)
            for step in range(4):
                line += across[step] * table[int(source[_held(left - 1 + step, width)]) + offset]
        total += down[tap] * line
    return total


@compiled
def warped_band(
    frame: NDArray[np.generic],
    table: _Pixels,
    offset: int,
    mask: _Pixels,
    controls: NDArray[np.float64],
    spline_y: NDArray[np.float64],
    cell_x: NDArray[np.int64],
    spline_x: NDArray[np.float64],
    level: float,
    contrast: _Pixels,
    grey: NDArray[np.uint8],
    tone: tuple[float, float, int],
    first: int,
    last: int,
) -> None:
    """As `shifted_band` for a frame moved by B-splines.

    ``controls`` (rows, columns, 2); ``spline_y`` (height, rows) weights; ``cell_x`` (width,) first control and
    ``spline_x`` (width, 4) weights along a row.
    """
    height, width = frame.shape
    columns = controls.shape[1]
    across, down = np.empty(4, dtype=np.float32), np.empty(4, dtype=np.float32)
    own = np.empty(width, dtype=np.float32)
    along = np.empty((columns, 2))
    for row in range(first, last):
        along[:] = 0.0
        for control in range(controls.shape[0]):
            if spline_y[row, control] != 0.0:
                along += spline_y[row, control] * controls[control]
        line = contrast[row] if contrast.shape[0] else own
        for x in range(width):
            at_x, at_y = float(x), float(row)
            for tap in range(4):
                at_x += spline_x[x, tap] * along[cell_x[x] + tap, 0]
                at_y += spline_x[x, tap] * along[cell_x[x] + tap, 1]
            if -0.5 <= at_x <= width - 0.5 and -0.5 <= at_y <= height - 0.5:
                line[x] = cubic_at(frame, table, offset, at_x, at_y, across, down) - mask[row, x] - level
            else:
                line[x] = np.nan
        if grey.shape[0]:
            grey_row(line, tone, grey[row])
