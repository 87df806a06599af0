"""Compiled inner loops of displacement fields. Importing this module loads numba.

A field is (k, j, i, 3) float32 with x, y, z displacements in mm; positions in it are voxel indices (k, j, i), held at
its outermost voxel centres beyond them. Every kernel works on items ``first`` to ``last`` and releases the
interpreter lock.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

_Floats = NDArray[np.float64]
_Vectors = NDArray[np.float32]

_MOST_STEPS = 40
_MOST_HALVINGS = 6


@compiled
def field_at(vectors: _Vectors, k: float, j: float, i: float, found: _Floats) -> None:
    """Trilinear displacement into found[:3], mm."""
    size_k, size_j, size_i = vectors.shape[0], vectors.shape[1], vectors.shape[2]
    k = min(max(k, 0.0), size_k - 1.0)
    j = min(max(j, 0.0), size_j - 1.0)
    i = min(max(i, 0.0), size_i - 1.0)
    k0, j0, i0 = int(k), int(j), int(i)
    k1, j1, i1 = min(k0 + 1, size_k - 1), min(j0 + 1, size_j - 1), min(i0 + 1, size_i - 1)
    c, b, a = k - k0, j - j0, i - i0
    for axis in range(3):
        near = (1.0 - b) * ((1.0 - a) * vectors[k0, j0, i0, axis] + a * vectors[k0, j0, i1, axis])
        near += b * ((1.0 - a) * vectors[k0, j1, i0, axis] + a * vectors[k0, j1, i1, axis])
        far = (1.0 - b) * ((1.0 - a) * vectors[k1, j0, i0, axis] + a * vectors[k1, j0, i1, axis])
        far += b * ((1.0 - a) * vectors[k1, j1, i0, axis] + a * vectors[k1, j1, i1, axis])
        found[axis] = (1.0 - c) * near + c * far


@compiled
def fields_at(vectors: _Vectors, kji: _Floats, found: _Floats, first: int, last: int) -> None:
    """found[n] = displacement (mm) at kji[n]."""
    for number in range(first, last):
        field_at(vectors, kji[number, 0], kji[number, 1], kji[number, 2], found[number])


@compiled_inline
def _solved(left: _Floats, right: _Floats, answer: _Floats) -> float:
    """Cramer's rule for a 3x3 system; the determinant is returned, and nothing written where it is almost 0."""
    a, b, c = left[0, 0], left[0, 1], left[0, 2]
    d, e, f = left[1, 0], left[1, 1], left[1, 2]
    g, h, m = left[2, 0], left[2, 1], left[2, 2]
    determinant = a * (e * m - f * h) - b * (d * m - f * g) + c * (d * h - e * g)
    if abs(determinant) > 1e-12:
        x, y, z = right[0], right[1], right[2]
        answer[0] = (x * (e * m - f * h) - b * (y * m - f * z) + c * (y * h - e * z)) / determinant
        answer[1] = (a * (y * m - f * z) - x * (d * m - f * g) + c * (d * z - y * g)) / determinant
        answer[2] = (a * (e * z - y * h) - b * (d * z - y * g) + x * (d * h - e * g)) / determinant
    return float(determinant)


@compiled_inline
def _left_over(
    vectors: _Vectors, lps_from_kji: _Floats, wanted: _Floats, kji: _Floats, moved: _Floats, left: _Floats
) -> float:
    """left = wanted - map(kji), mm; its squared length is returned."""
    field_at(vectors, kji[0], kji[1], kji[2], moved)
    total = 0.0
    for axis in range(3):
        place = lps_from_kji[axis, 3] + moved[axis]
        for along in range(3):
            place += lps_from_kji[axis, along] * kji[along]
        left[axis] = wanted[axis] - place
        total += left[axis] * left[axis]
    return total


@compiled
def inverted(
    vectors: _Vectors,
    lps_from_kji: _Floats,
    wanted: _Floats,
    kji: _Floats,
    tolerance_mm: float,
    first: int,
    last: int,
) -> None:
    """Solve ``lps_from_kji kji + u(kji) = wanted`` for each point by Newton steps with halving.

    Parameters
    ----------
    lps_from_kji
        (4, 4): index of the field to the place in the moving frame, without the displacement.
    wanted
        (n, 3) mm in the moving frame.
    kji
        (n, 3) starts, replaced by the answers; the best found where the field folds.
    """
    moved, left, trial_left = np.empty(3), np.empty(3), np.empty(3)
    slope, step, trial, ahead, behind = np.empty((3, 3)), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    enough = tolerance_mm * tolerance_mm
    for number in range(first, last):
        here = kji[number]
        apart = _left_over(vectors, lps_from_kji, wanted[number], here, moved, left)
        for _ in range(_MOST_STEPS):
            if apart <= enough:
                break
            for along in range(3):
                for axis in range(3):
                    trial[axis] = here[axis]
                trial[along] = here[along] + 0.5
                field_at(vectors, trial[0], trial[1], trial[2], ahead)
                trial[along] = here[along] - 0.5
                field_at(vectors, trial[0], trial[1], trial[2], behind)
                for axis in range(3):
                    slope[axis, along] = lps_from_kji[axis, along] + ahead[axis] - behind[axis]
            if abs(_solved(slope, left, step)) <= 1e-12:
                break
            share, better = 1.0, False
            for _ in range(_MOST_HALVINGS):
                for axis in range(3):
                    trial[axis] = here[axis] + share * step[axis]
                found = _left_over(vectors, lps_from_kji, wanted[number], trial, moved, trial_left)
                if found < apart:
                    better = True
                    break
                share *= 0.5
            if not better:
                break
            apart = found
            for axis in range(3):
                here[axis] = trial[axis]
                left[axis] = trial_left[axis]


@compiled
def jacobians(
    vectors: _Vectors, kji_from_lps: _Floats, linear: _Floats, result: NDArray[np.float32], first: int, last: int
) -> None:
    """Determinant of ``linear + du/dlps`` at the field's voxels, by central differences."""
    size = vectors.shape
    whole = np.empty((3, 3))
    along = np.empty((3, 3))
    for k in range(first, last):
        for j in range(size[1]):
            for i in range(size[2]):
                k0, k1 = max(k - 1, 0), min(k + 1, size[0] - 1)
                j0, j1 = max(j - 1, 0), min(j + 1, size[1] - 1)
                i0, i1 = max(i - 1, 0), min(i + 1, size[2] - 1)
                for axis in range(3):
                    along[axis, 0] = (vectors[k1, j, i, axis] - vectors[k0, j, i, axis]) / max(1, k1 - k0)
                    along[axis, 1] = (vectors[k, j1, i, axis] - vectors[k, j0, i, axis]) / max(1, j1 - j0)
                    along[axis, 2] = (vectors[k, j, i1, axis] - vectors[k, j, i0, axis]) / max(1, i1 - i0)
                for axis in range(3):
                    for other in range(3):
                        total = linear[axis, other]
                        for step in range(3):
                            total += along[axis, step] * kji_from_lps[step, other]
                        whole[axis, other] = total
                determinant = whole[0, 0] * (whole[1, 1] * whole[2, 2] - whole[1, 2] * whole[2, 1])
                determinant -= whole[0, 1] * (whole[1, 0] * whole[2, 2] - whole[1, 2] * whole[2, 0])
                determinant += whole[0, 2] * (whole[1, 0] * whole[2, 1] - whole[1, 1] * whole[2, 0])
                result[k, j, i] = determinant
