"""Compiled inner loops of `planner.imaging.vesselness`. Importing this module loads numba.

A band of slices is blurred slice by slice into a ring of three, from which second derivatives and their eigenvalues
follow at once: neither a blurred image nor a Hessian is ever stored. All is float32 and written row by row without
branches, so that the compiler works on several voxels at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)
_THIRD, _SIXTH, _HALF = np.float32(1.0 / 3.0), np.float32(1.0 / 6.0), np.float32(0.5)
_TINY = np.float32(1e-30)
_PI = np.float32(np.pi)
_RISING = np.float32(0.25)
"""How much an upward curvature along the course counts, as Sato et al. chose it: it rises beside a bend or a wall."""
_ROOT_THREE = np.float32(np.sqrt(3.0))
# arccos by Abramowitz and Stegun, Handbook of Mathematical Functions, 4.4.45 (error below 7e-5).
_ARC = (np.float32(1.5707288), np.float32(-0.2121144), np.float32(0.0742610), np.float32(-0.0187293))
# sine and cosine to 60 degrees by their series (error below 2e-6).
_SINE = (np.float32(-1.0 / 6.0), np.float32(1.0 / 120.0), np.float32(-1.0 / 5040.0))
_COSINE = (np.float32(-0.5), np.float32(1.0 / 24.0), np.float32(-1.0 / 720.0), np.float32(1.0 / 40320.0))


@compiled_inline
def blurred_slice(
    values: NDArray[np.generic],
    k: int,
    limits: NDArray[np.float32],
    weights_k: NDArray[np.float32],
    weights_j: NDArray[np.float32],
    weights_i: NDArray[np.float32],
    plane: NDArray[np.float32],
    row: NDArray[np.float32],
    result: NDArray[np.float32],
) -> None:
    """One slice blurred along all three axes, into `result` with a rim of one repeated pixel.

    Parameters
    ----------
    limits
        Values are held between these two before they are blurred.
    plane, row
        Working space: (j, i), and i plus the weights' reach on both sides.
    """
    size_k, size_j, size_i = values.shape
    low, high = limits[0], limits[1]
    reach_k, reach_j, reach_i = len(weights_k) // 2, len(weights_j) // 2, len(weights_i) // 2
    plane[:] = _ZERO
    for tap in range(len(weights_k)):
        weight = weights_k[tap]
        source = values[min(max(k + tap - reach_k, 0), size_k - 1)]
        for j in range(size_j):
            given, total = source[j], plane[j]
            for i in range(size_i):
                value = np.float32(given[i])
                value = value if value > low else low
                value = value if value < high else high
                total[i] += weight * value
    for j in range(size_j):
        inner = row[reach_i : reach_i + size_i]
        inner[:] = _ZERO
        for tap in range(len(weights_j)):
            weight = weights_j[tap]
            source_row = plane[min(max(j + tap - reach_j, 0), size_j - 1)]
            for i in range(size_i):
                inner[i] += weight * source_row[i]
        row[:reach_i] = inner[0]
        row[reach_i + size_i :] = inner[size_i - 1]
        final = result[j + 1][1 : size_i + 1]
        final[:] = _ZERO
        for tap in range(len(weights_i)):
            weight = weights_i[tap]
            shifted = row[tap : tap + size_i]
            for i in range(size_i):
                final[i] += weight * shifted[i]
        result[j + 1, 0], result[j + 1, size_i + 1] = final[0], final[size_i - 1]
    result[0] = result[1]
    result[size_j + 1] = result[size_j]


@compiled_inline
def second_derivatives(
    below: NDArray[np.float32],
    here: NDArray[np.float32],
    above: NDArray[np.float32],
    j: int,
    factors: NDArray[np.float32],
    rows: NDArray[np.float32],
) -> None:
    """Row j of kk, jj, ii, kj, ki, ji into `rows` (6, i), from three slices with rims.

    `factors` holds the sign and what the differences are divided by, in the same order.
    """
    size_i = rows.shape[1]
    middle, before, after = here[j + 1], here[j], here[j + 2]
    centre, left, right = middle[1 : size_i + 1], middle[0:size_i], middle[2 : size_i + 2]
    up, down = above[j + 1][1 : size_i + 1], below[j + 1][1 : size_i + 1]
    back, front = after[1 : size_i + 1], before[1 : size_i + 1]
    out = rows[0]
    for i in range(size_i):
        out[i] = factors[0] * (up[i] + down[i] - _TWO * centre[i])
    out = rows[1]
    for i in range(size_i):
        out[i] = factors[1] * (back[i] + front[i] - _TWO * centre[i])
    out = rows[2]
    for i in range(size_i):
        out[i] = factors[2] * (left[i] + right[i] - _TWO * centre[i])
    _crossed(
        above[j + 2][1 : size_i + 1],
        above[j][1 : size_i + 1],
        below[j + 2][1 : size_i + 1],
        below[j][1 : size_i + 1],
        factors[3],
        rows[3],
    )
    _crossed(
        above[j + 1][2 : size_i + 2],
        above[j + 1][0:size_i],
        below[j + 1][2 : size_i + 2],
        below[j + 1][0:size_i],
        factors[4],
        rows[4],
    )
    _crossed(after[2 : size_i + 2], after[0:size_i], before[2 : size_i + 2], before[0:size_i], factors[5], rows[5])


@compiled
def _crossed(
    both_up: NDArray[np.float32],
    first_up: NDArray[np.float32],
    second_up: NDArray[np.float32],
    both_down: NDArray[np.float32],
    factor: np.float32,
    out: NDArray[np.float32],
) -> None:
    """A row of mixed second differences."""
    for i in range(len(out)):
        out[i] = factor * (both_up[i] - first_up[i] - second_up[i] + both_down[i])


@compiled
def raise_to_tubes(rows: NDArray[np.float32], gain: np.float32, response: NDArray[np.float32]) -> None:
    """Raise a row of `response` to `gain` times the strength of a bright tube, from rows of second derivatives.

    The strength is the smaller downward curvature across, times how round the cross-section is and how much flatter
    the third direction runs. Eigenvalues of the symmetric 3x3 in closed form (trigonometric solution of the cubic).
    """
    row_kk, row_jj, row_ii, row_kj, row_ki, row_ji = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
    for i in range(len(response)):
        kj, ki, ji = row_kj[i], row_ki[i], row_ji[i]
        mean = (row_kk[i] + row_jj[i] + row_ii[i]) * _THIRD
        a, b, c = row_kk[i] - mean, row_jj[i] - mean, row_ii[i] - mean
        size = (a * a + b * b + c * c + _TWO * (kj * kj + ki * ki + ji * ji)) * _SIXTH
        root = np.sqrt(size)
        determinant = a * (b * c - ji * ji) - kj * (kj * c - ji * ki) + ki * (kj * ji - b * ki)
        ratio = determinant / (_TWO * size * root + _TINY)
        plain = ratio if ratio > _ZERO else -ratio
        plain = plain if plain < _ONE else _ONE
        arc = np.sqrt(_ONE - plain) * (_ARC[0] + plain * (_ARC[1] + plain * (_ARC[2] + plain * _ARC[3])))
        angle = (arc if ratio > _ZERO else _PI - arc) * _THIRD
        square = angle * angle
        sine = angle * (_ONE + square * (_SINE[0] + square * (_SINE[1] + square * _SINE[2])))
        cosine = _ONE + square * (_COSINE[0] + square * (_COSINE[1] + square * (_COSINE[2] + square * _COSINE[3])))
        largest = mean + _TWO * root * cosine
        lowest = mean - root * (cosine + _ROOT_THREE * sine)
        down = largest + lowest - _TWO * mean - mean
        flat = _RISING * largest if largest > _ZERO else -largest
        least = -lowest if -lowest > _TINY else _TINY
        strength = gain * (down - flat) * down / least
        strength = strength if down > flat else _ZERO
        response[i] = strength if strength > response[i] else response[i]


@compiled
def tubes_of_scale(
    values: NDArray[np.generic],
    limits: NDArray[np.float32],
    weights_k: NDArray[np.float32],
    weights_j: NDArray[np.float32],
    weights_i: NDArray[np.float32],
    factors: NDArray[np.float32],
    gain: np.float32,
    rows_wanted: NDArray[np.bool_],
    response: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Raise `response` to the strength of tubes at one scale, in slices first..last and rows that are wanted.

    Parameters
    ----------
    limits, weights_k, weights_j, weights_i
        As `blurred_slice`.
    factors, gain
        As `second_derivatives` and `raise_to_tubes`.
    rows_wanted
        (k, j).
    """
    size_k, size_j, size_i = values.shape
    ring = np.zeros((3, size_j + 2, size_i + 2), dtype=np.float32)
    plane = np.empty((size_j, size_i), dtype=np.float32)
    row = np.empty(size_i + len(weights_i) - 1, dtype=np.float32)
    rows = np.empty((6, size_i), dtype=np.float32)
    for k in range(first - 1, last + 1):
        blurred_slice(
            values, min(max(k, 0), size_k - 1), limits, weights_k, weights_j, weights_i, plane, row, ring[k % 3]
        )
        if k <= first:
            continue
        below, here, above = ring[(k - 2) % 3], ring[(k - 1) % 3], ring[k % 3]
        for j in range(size_j):
            if rows_wanted[k - 1, j]:
                second_derivatives(below, here, above, j, factors, rows)
                raise_to_tubes(rows, gain, response[k - 1, j])
