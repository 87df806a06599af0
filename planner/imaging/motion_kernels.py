"""Compiled inner loops of `planner.imaging.motion`. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled

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


@compiled
def register_sums(
    moving: _Pixels,
    fixed: _Pixels,
    gradient_x: _Pixels,
    gradient_y: _Pixels,
    inside: NDArray[np.bool_],
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
    ``difference`` is NaN where either sample lies outside the open field.
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
                if not (inside[top, left] and inside[top + 1, left + 1]):
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
                cell = sums[by, x // block]
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
