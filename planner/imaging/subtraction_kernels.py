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

PAD = 2
"""Taps reach so far beyond the outer pixels; samples further out are not taken."""
_SLACK = 1.0 / 1024.0
"""Pixels; the kernel's pieces meet so smoothly that so little beyond their end changes a millionth."""


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


@compiled
def padded_density(
    frame: NDArray[np.generic], table: _Pixels, offset: int, padded: _Pixels, first: int, last: int
) -> None:
    """Densities of a frame with `PAD` more pixels on every side, which repeat the outermost."""
    height, width = frame.shape
    for row in range(first, last):
        source, line = frame[_held(row - PAD, height)], padded[row]
        inner = line[PAD : PAD + width]
        for x in range(width):
            inner[x] = table[int(source[x]) + offset]
        line[:PAD] = inner[0]
        line[PAD + width :] = inner[width - 1]


@compiled
def _spline_row(along: NDArray[np.float64], starts: NDArray[np.int64], spline_x: _Pixels, found: _Pixels) -> None:
    """Displacement along a row from its controls, cell by cell."""
    for cell in range(starts.shape[0] - 1):
        first, last = starts[cell], starts[cell + 1]
        c0, c1 = np.float32(along[cell]), np.float32(along[cell + 1])
        c2, c3 = np.float32(along[cell + 2]), np.float32(along[cell + 3])
        w0, w1 = spline_x[0, first:last], spline_x[1, first:last]
        w2, w3 = spline_x[2, first:last], spline_x[3, first:last]
        part = found[first:last]
        for x in range(last - first):
            part[x] = w0[x] * c0 + w1[x] * c1 + w2[x] * c2 + w3[x] * c3


@compiled
def _inside(dx: _Pixels, dy: _Pixels, row: int, height: int, found: NDArray[np.bool_]) -> None:
    """Which samples of a row lie within the frame."""
    width = dx.shape[0]
    low_y, high_y = np.float32(-0.5 - row), np.float32(height - 0.5 - row)
    for x in range(width):
        at = dx[x] + np.float32(x)
        found[x] = (at >= np.float32(-0.5)) & (at <= np.float32(width - 0.5)) & (dy[x] >= low_y) & (dy[x] <= high_y)


@compiled
def _part_end(dx: _Pixels, dy: _Pixels, inside: NDArray[np.bool_], start: int, step_x: float, step_y: float) -> int:
    """Where the samples that lie between the same whole steps as the one at ``start`` end.

    A little beyond a step still belongs to it: a displacement of a whole number of pixels would otherwise change its
    steps with every rounding, pixel by pixel.
    """
    slack, end = np.float32(_SLACK), start + 1
    low_x, high_x = np.float32(step_x) - slack, np.float32(step_x) + np.float32(1.0) + slack
    low_y, high_y = np.float32(step_y) - slack, np.float32(step_y) + np.float32(1.0) + slack
    while end < dx.shape[0] and inside[end] and low_x <= dx[end] <= high_x and low_y <= dy[end] <= high_y:
        end += 1
    return end


@compiled
def _warped_part(
    rows: tuple[_Pixels, _Pixels, _Pixels, _Pixels],
    dx: _Pixels,
    dy: _Pixels,
    step_x: int,
    step_y: int,
    mask: _Pixels,
    level: float,
    out: _Pixels,
) -> None:
    """Neighbouring pixels whose samples lie between the same whole steps: every tap is then a plain line.

    ``rows`` are the four rows of densities from one pixel left of the first sample on, as lines of their own: then
    the compiler knows that their pixels lie side by side.
    """
    half, lift = np.float32(0.5), np.float32(level)
    r0, r1, r2, r3 = rows
    for x in range(out.shape[0]):
        s, t = dx[x] - np.float32(step_x), dy[x] - np.float32(step_y)
        s2, t2 = s * s, t * t
        a0 = half * s * (s - s2 - (np.float32(1.0) - s))
        a1 = np.float32(1.0) + s2 * (np.float32(1.5) * s - np.float32(2.5))
        a3 = half * s2 * (s - np.float32(1.0))
        a2 = np.float32(1.0) - a0 - a1 - a3
        b0 = half * t * (t - t2 - (np.float32(1.0) - t))
        b1 = np.float32(1.0) + t2 * (np.float32(1.5) * t - np.float32(2.5))
        b3 = half * t2 * (t - np.float32(1.0))
        b2 = np.float32(1.0) - b0 - b1 - b3
        first = a0 * r0[x] + a1 * r0[x + 1] + a2 * r0[x + 2] + a3 * r0[x + 3]
        second = a0 * r1[x] + a1 * r1[x + 1] + a2 * r1[x + 2] + a3 * r1[x + 3]
        third = a0 * r2[x] + a1 * r2[x + 1] + a2 * r2[x + 2] + a3 * r2[x + 3]
        fourth = a0 * r3[x] + a1 * r3[x + 1] + a2 * r3[x + 2] + a3 * r3[x + 3]
        out[x] = b0 * first + b1 * second + b2 * third + b3 * fourth - mask[x] - lift


@compiled
def warped_band(
    padded: _Pixels,
    mask: _Pixels,
    controls: NDArray[np.float64],
    spline_y: NDArray[np.float64],
    starts: NDArray[np.int64],
    spline_x: _Pixels,
    level: float,
    contrast: _Pixels,
    grey: NDArray[np.uint8],
    tone: tuple[float, float, int],
    first: int,
    last: int,
) -> None:
    """As `shifted_band` for a frame moved by B-splines.

    ``padded`` from `padded_density`; ``controls`` (rows, columns, 2); ``spline_y`` (height, rows) weights; ``starts``
    (cells + 1,) first column of each cell and ``spline_x`` (4, width) weights along a row.
    """
    height, width = mask.shape
    own = np.empty(width, dtype=np.float32)
    dx, dy = np.empty(width, dtype=np.float32), np.empty(width, dtype=np.float32)
    inside = np.empty(width, dtype=np.bool_)
    along = np.empty((2, controls.shape[1]))
    for row in range(first, last):
        along[:] = 0.0
        for control in range(controls.shape[0]):
            if spline_y[row, control] != 0.0:
                along += spline_y[row, control] * controls[control].T
        _spline_row(along[0], starts, spline_x, dx)
        _spline_row(along[1], starts, spline_x, dy)
        _inside(dx, dy, row, height, inside)
        line = contrast[row] if contrast.shape[0] else own
        start = 0
        while start < width:
            if not inside[start]:
                line[start] = np.nan
                start += 1
                continue
            step_x, step_y = int(np.floor(dx[start])), int(np.floor(dy[start]))
            end = _part_end(dx, dy, inside, start, step_x, step_y)
            top, left = row + step_y - 1 + PAD, start + step_x - 1 + PAD
            last_tap = left + end - start + 3
            rows = (
                padded[top][left:last_tap],
                padded[top + 1][left:last_tap],
                padded[top + 2][left:last_tap],
                padded[top + 3][left:last_tap],
            )
            _warped_part(
                rows, dx[start:end], dy[start:end], step_x, step_y, mask[row][start:end], level, line[start:end]
            )
            start = end
        if grey.shape[0]:
            grey_row(line, tone, grey[row])
