"""Compiled inner loops of `planner.imaging.motion`. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

SUMS = 10
"""What `register_sums` adds up: mask gradient products (xx, xy, yy), mask x frame gradient products (xx, xy, yy),
gradient x difference (x, y), weight, difference."""

_Pixels = NDArray[np.float32]


@compiled
def binned_density(
    frame: NDArray[np.generic], table: _Pixels, offset: int, factor: int, found: _Pixels, first: int, last: int
) -> None:
    """Mean density of squares of ``factor`` pixels."""
    share = np.float32(1.0 / (factor * factor))
    for row in range(first, last):
        line = found[row]
        line[:] = 0.0
        for step in range(factor):
            source = frame[row * factor + step]
            for x in range(line.shape[0]):
                for across in range(factor):
                    line[x] += table[int(source[x * factor + across]) + offset]
        line *= share


@compiled_inline
def _add_terms(cell: NDArray[np.float64], w: float, gx: float, gy: float, mx: float, my: float, r: float) -> None:
    """One pixel's weighted terms, in the order of `SUMS`; g of the mask, m of the frame, r their difference."""
    cell[0] += w * gx * gx
    cell[1] += w * gx * gy
    cell[2] += w * gy * gy
    cell[3] += w * gx * mx
    cell[4] += w * 0.5 * (gx * my + gy * mx)
    cell[5] += w * gy * my
    cell[6] += w * gx * r
    cell[7] += w * gy * r
    cell[8] += w
    cell[9] += w * r


@compiled
def register_sums(
    moving: _Pixels,
    fixed: _Pixels,
    gradient_x: _Pixels,
    gradient_y: _Pixels,
    inside: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    ux: _Pixels,
    uy: _Pixels,
    level: float,
    reach_dense: float,
    reach_faint: float,
    block: int,
    sums: NDArray[np.float64],
    difference: _Pixels,
    first: int,
    last: int,
) -> None:
    """Sums per block of ``block`` pixels, for rows of blocks ``first`` to ``last``, and the difference frame - mask.

    Differences weigh by Tukey's biweight, with a shorter reach on the dense side, where contrast medium is.
    ``difference`` is NaN outside the mask's ``inside`` and the frame's ``usable`` pixels.
    """
    height, width = fixed.shape
    for by in range(first, last):
        sums[by] = 0.0
        for y in range(by * block, min(height, (by + 1) * block)):
            for x in range(width):
                difference[y, x] = np.nan
                if not inside[y, x]:
                    continue
                at_x, at_y = x + ux[y, x], y + uy[y, x]
                left, top = int(np.floor(at_x)), int(np.floor(at_y))
                if left < 0 or top < 0 or left >= width - 1 or top >= height - 1:
                    continue
                if not (usable[top, left] and usable[top + 1, left + 1]):
                    continue
                share_x, share_y = np.float32(at_x - left), np.float32(at_y - top)
                a, b = moving[top, left], moving[top, left + 1]
                c, d = moving[top + 1, left], moving[top + 1, left + 1]
                upper, lower = a + share_x * (b - a), c + share_x * (d - c)
                r = upper + share_y * (lower - upper) - fixed[y, x]
                difference[y, x] = r
                r -= level
                scaled = r / (reach_dense if r > 0.0 else reach_faint)
                if scaled * scaled >= 1.0:
                    continue
                w = (1.0 - scaled * scaled) ** 2
                gx, gy = gradient_x[y, x], gradient_y[y, x]
                mx = (b - a) + share_y * ((d - c) - (b - a))
                my = lower - upper
                _add_terms(sums[by, x // block], w, gx, gy, mx, my, r)


@compiled
def spline_field(
    controls: NDArray[np.float64],
    spline_y: NDArray[np.float64],
    cell_x: NDArray[np.int64],
    spline_x: NDArray[np.float64],
    scale: float,
    ux: _Pixels,
    uy: _Pixels,
    first: int,
    last: int,
) -> None:
    """Displacement at rows and columns whose B-spline weights are given, times a scale."""
    along = np.empty((controls.shape[1], 2))
    for row in range(first, last):
        along[:] = 0.0
        for control in range(controls.shape[0]):
            if spline_y[row, control] != 0.0:
                along += spline_y[row, control] * controls[control]
        for x in range(ux.shape[1]):
            right, down = 0.0, 0.0
            for tap in range(4):
                right += spline_x[x, tap] * along[cell_x[x] + tap, 0]
                down += spline_x[x, tap] * along[cell_x[x] + tap, 1]
            ux[row, x] = right * scale
            uy[row, x] = down * scale


@compiled
def assemble_band(
    stiffness: NDArray[np.float64],
    pull: NDArray[np.float64],
    cell_y: NDArray[np.int64],
    spline_y: NDArray[np.float64],
    cell_x: NDArray[np.int64],
    spline_x: NDArray[np.float64],
    columns: int,
    band: NDArray[np.float64],
    right: NDArray[np.float64],
) -> None:
    """Adds every block's terms to the upper band form of the normal matrix and to its right side.

    Unknowns run along a row of controls, dx then dy of each. ``stiffness`` (block rows, block columns, 2, 2) and
    ``pull`` (block rows, block columns, 2) act at the blocks' centres.
    """
    width = band.shape[0] - 1
    for by in range(stiffness.shape[0]):
        for bx in range(stiffness.shape[1]):
            block = stiffness[by, bx]
            if block[0, 0] + block[1, 1] <= 0.0:
                continue
            for one in range(16):
                place = (cell_y[by] + one // 4) * columns + cell_x[bx] + one % 4
                weight = spline_y[by, one // 4] * spline_x[bx, one % 4]
                right[2 * place] -= weight * pull[by, bx, 0]
                right[2 * place + 1] -= weight * pull[by, bx, 1]
                for other in range(16):
                    place_other = (cell_y[by] + other // 4) * columns + cell_x[bx] + other % 4
                    both = weight * spline_y[by, other // 4] * spline_x[bx, other % 4]
                    for axis in range(2):
                        for axis_other in range(2):
                            row, column = 2 * place + axis, 2 * place_other + axis_other
                            if row <= column:
                                band[width + row - column, column] += both * block[axis, axis_other]


@compiled
def solve_banded(rows: NDArray[np.float64], right: NDArray[np.float64]) -> None:
    """Solve a positive definite band system in place by Cholesky's factors; the answer replaces ``right``.

    ``rows[i, k]`` is the matrix at (i, i + k), 0 beyond its end. LAPACK shares so small a band out over threads that
    wait for each other: on a busy machine they take many times as long.
    """
    count, reach = rows.shape
    for i in range(count):
        own = rows[i]
        own *= 1.0 / np.sqrt(own[0])
        right[i] /= own[0]
        for k in range(1, min(reach, count - i)):
            times = own[k]
            if times == 0.0:
                continue
            right[i + k] -= times * right[i]
            below, beside = rows[i + k], own[k:]
            for step in range(reach - k):
                below[step] -= times * beside[step]
    for i in range(count - 1, -1, -1):
        own = rows[i]
        for k in range(1, min(reach, count - i)):
            right[i] -= own[k] * right[i + k]
        right[i] /= own[0]
