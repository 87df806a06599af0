"""Compiled inner loop of `planner.imaging.vesselness`. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline


@compiled_inline
def tube_strength(kk: float, jj: float, ii: float, kj: float, ki: float, ji: float) -> float:
    """From second derivatives: the smaller downward curvature across, if the course runs flatter; else 0.

    Eigenvalues of the symmetric 3x3 come in closed form (trigonometric solution of the cubic).
    """
    mean = (kk + jj + ii) / 3.0
    a, b, c = kk - mean, jj - mean, ii - mean
    size = (a * a + b * b + c * c + 2.0 * (kj * kj + ki * ki + ji * ji)) / 6.0
    strength = 0.0
    if size > 0.0:
        root = np.sqrt(size)
        determinant = a * (b * c - ji * ji) - kj * (kj * c - ji * ki) + ki * (kj * ji - b * ki)
        angle = np.arccos(min(1.0, max(-1.0, determinant / (2.0 * size * root)))) / 3.0
        largest = mean + 2.0 * root * np.cos(angle)
        lowest = mean + 2.0 * root * np.cos(angle + 2.0 * np.pi / 3.0)
        middle = 3.0 * mean - largest - lowest
        if middle < 0.0:
            along = 1.0 - min(1.0, abs(largest) / -middle)
            strength = -middle * along * (middle / lowest)
    return strength


@compiled
def bright_tubes(
    blurred: NDArray[np.float32],
    wanted: NDArray[np.bool_],
    spacing: NDArray[np.float64],
    scale_mm: float,
    response: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Raise `response` to the strength of a bright tube at this scale, where `wanted`, slices first..last.

    The strength is the smaller downward curvature across, times how round the cross-section is and how much
    flatter the third direction runs; in the image's unit (scale-normalised second derivatives).
    """
    size_k, size_j, size_i = blurred.shape
    norm = scale_mm * scale_mm
    for k in range(max(first, 1), min(last, size_k - 1)):
        for j in range(1, size_j - 1):
            for i in range(1, size_i - 1):
                if not wanted[k, j, i]:
                    continue
                here = 2.0 * blurred[k, j, i]
                kk = (blurred[k + 1, j, i] + blurred[k - 1, j, i] - here) / spacing[0] ** 2
                jj = (blurred[k, j + 1, i] + blurred[k, j - 1, i] - here) / spacing[1] ** 2
                ii = (blurred[k, j, i + 1] + blurred[k, j, i - 1] - here) / spacing[2] ** 2
                kj = (
                    blurred[k + 1, j + 1, i]
                    - blurred[k + 1, j - 1, i]
                    - blurred[k - 1, j + 1, i]
                    + blurred[k - 1, j - 1, i]
                ) / (4.0 * spacing[0] * spacing[1])
                ki = (
                    blurred[k + 1, j, i + 1]
                    - blurred[k + 1, j, i - 1]
                    - blurred[k - 1, j, i + 1]
                    + blurred[k - 1, j, i - 1]
                ) / (4.0 * spacing[0] * spacing[2])
                ji = (
                    blurred[k, j + 1, i + 1]
                    - blurred[k, j + 1, i - 1]
                    - blurred[k, j - 1, i + 1]
                    + blurred[k, j - 1, i - 1]
                ) / (4.0 * spacing[1] * spacing[2])
                strength = norm * tube_strength(kk, jj, ii, kj, ki, ji)
                if strength > response[k, j, i]:
                    response[k, j, i] = strength
