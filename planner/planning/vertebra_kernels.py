"""Compiled inner loops of vertebra geometry. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline


@compiled_inline
def trilinear(field: NDArray[np.float32], k: float, j: float, i: float) -> float:
    """The field between voxel centres; beyond the outermost centres their value goes on."""
    size_k, size_j, size_i = field.shape
    k = min(max(k, 0.0), size_k - 1.0)
    j = min(max(j, 0.0), size_j - 1.0)
    i = min(max(i, 0.0), size_i - 1.0)
    low_k, low_j, low_i = int(k), int(j), int(i)
    high_k, high_j, high_i = min(low_k + 1, size_k - 1), min(low_j + 1, size_j - 1), min(low_i + 1, size_i - 1)
    share_k, share_j, share_i = k - low_k, j - low_j, i - low_i
    front = field[low_k, low_j, low_i] * (1.0 - share_i) + field[low_k, low_j, high_i] * share_i
    back = field[low_k, high_j, low_i] * (1.0 - share_i) + field[low_k, high_j, high_i] * share_i
    below = front * (1.0 - share_j) + back * share_j
    front = field[high_k, low_j, low_i] * (1.0 - share_i) + field[high_k, low_j, high_i] * share_i
    back = field[high_k, high_j, low_i] * (1.0 - share_i) + field[high_k, high_j, high_i] * share_i
    above = front * (1.0 - share_j) + back * share_j
    found: float = below * (1.0 - share_k) + above * share_k
    return found


@compiled
def sample_points(
    field: NDArray[np.float32],
    rows: NDArray[np.float64],
    points: NDArray[np.float64],
    found: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """found[n] = the field at points[n] (LPS mm) for n in first..last; `rows` is the upper 3x4 of kji_from_lps."""
    for n in range(first, last):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        k = rows[0, 0] * x + rows[0, 1] * y + rows[0, 2] * z + rows[0, 3]
        j = rows[1, 0] * x + rows[1, 1] * y + rows[1, 2] * z + rows[1, 3]
        i = rows[2, 0] * x + rows[2, 1] * y + rows[2, 2] * z + rows[2, 3]
        found[n] = trilinear(field, k, j, i)


@compiled_inline
def at_point(
    field: NDArray[np.float32],
    rows: NDArray[np.float64],
    start: NDArray[np.float64],
    away: NDArray[np.float64],
    mm: float,
) -> float:
    """The field at `mm` along a unit direction from a point (LPS)."""
    x, y, z = start[0] + mm * away[0], start[1] + mm * away[1], start[2] + mm * away[2]
    k = rows[0, 0] * x + rows[0, 1] * y + rows[0, 2] * z + rows[0, 3]
    j = rows[1, 0] * x + rows[1, 1] * y + rows[1, 2] * z + rows[1, 3]
    i = rows[2, 0] * x + rows[2, 1] * y + rows[2, 2] * z + rows[2, 3]
    return trilinear(field, k, j, i)


@compiled
def line_clearances(
    bone: NDArray[np.float32],
    canal: NDArray[np.float32],
    rows: NDArray[np.float64],
    gates: NDArray[np.float64],
    tips: NDArray[np.float64],
    lengths: NDArray[np.float64],
    limits: NDArray[np.float64],
    axes: NDArray[np.float64],
    angles: NDArray[np.float64],
    clearance: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Wall clearance of every line from gate to tip, for gates first..last; NaN for a line that is ruled out.

    Parameters
    ----------
    bone, canal
        Signed distances (mm) from the surface of the vertebra and of the canal, negative inside each.
    gates, tips
        (n, 3) LPS mm: where a needle passes the pedicle, and where it may end.
    lengths
        Behind the gate to where the bone counts (the pedicle's back), behind the gate to where the canal counts, step.
    limits
        Radius of the needle, distance its wall keeps from the canal, clearance below which a line is ruled out.
    axes
        (3, 3) rows: unit lateral (on the needle's side), anterior, superior.
    angles
        Least and largest convergence, largest craniocaudal angle either way (radians).
    clearance
        (gates, tips) mm from the needle's outer wall to the bone's surface, negative outside the bone.
    """
    bone_behind, canal_behind, step = lengths[0], lengths[1], lengths[2]
    radius, canal_mm, floor_mm = limits[0], limits[1], limits[2]
    away = np.empty(3)
    for gate in range(first, last):
        for tip in range(tips.shape[0]):
            clearance[gate, tip] = np.nan
            for axis in range(3):
                away[axis] = gates[gate, axis] - tips[tip, axis]
            length = np.sqrt(away[0] * away[0] + away[1] * away[1] + away[2] * away[2])
            if length < 1.0:
                continue
            for axis in range(3):
                away[axis] /= length
            lateral = axes[0, 0] * away[0] + axes[0, 1] * away[1] + axes[0, 2] * away[2]
            behind = -(axes[1, 0] * away[0] + axes[1, 1] * away[1] + axes[1, 2] * away[2])
            above = axes[2, 0] * away[0] + axes[2, 1] * away[1] + axes[2, 2] * away[2]
            convergence = np.arctan2(lateral, behind)
            if convergence < angles[0] or convergence > angles[1] or abs(np.arcsin(above)) > angles[2]:
                continue
            least, admitted = 1e6, True
            # From the gate towards the tip: most lines fail at the narrowest place.
            visits = int(np.ceil((length + bone_behind) / step))
            for visit in range(visits + 1):
                along = max(0.0, length + bone_behind - visit * step)
                wall = -at_point(bone, rows, tips[tip], away, along) - radius
                least = min(least, wall)
                if least < floor_mm or at_point(canal, rows, tips[tip], away, along) - radius < canal_mm:
                    admitted = False
                    break
            if not admitted:
                continue
            visits = int(np.ceil((canal_behind - bone_behind) / step))
            for visit in range(1, visits + 1):
                if at_point(canal, rows, tips[tip], away, length + bone_behind + visit * step) - radius < canal_mm:
                    admitted = False
                    break
            if admitted:
                clearance[gate, tip] = least


@compiled
def extruded(
    picture: NDArray[np.float32], steps: NDArray[np.float64], found: NDArray[np.float32], first: int, last: int
) -> None:
    """found[k, j, i] = the picture where `steps` (2, 4) puts a voxel (row, column), for k in first..last."""
    rows, columns = picture.shape
    for k in range(first, last):
        for j in range(found.shape[1]):
            for i in range(found.shape[2]):
                row = steps[0, 0] * k + steps[0, 1] * j + steps[0, 2] * i + steps[0, 3]
                column = steps[1, 0] * k + steps[1, 1] * j + steps[1, 2] * i + steps[1, 3]
                row, column = min(max(row, 0.0), rows - 1.0), min(max(column, 0.0), columns - 1.0)
                low_row, low_column = int(row), int(column)
                high_row, high_column = min(low_row + 1, rows - 1), min(low_column + 1, columns - 1)
                down, right = row - low_row, column - low_column
                above = picture[low_row, low_column] * (1.0 - right) + picture[low_row, high_column] * right
                below = picture[high_row, low_column] * (1.0 - right) + picture[high_row, high_column] * right
                found[k, j, i] = above * (1.0 - down) + below * down
