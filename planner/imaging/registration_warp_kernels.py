"""Compiled: an image brought through a map with a displacement field. Importing this module loads numba.

Positions are voxel indices (k, j, i). Nothing is kept per voxel but the result: along a row of the output the places in
the field and in the moving image go on by a constant step each, and voxels whose place cannot lie in the moving image,
however the field moves it, are not looked at.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline
from planner.imaging.slicing_kernels import linear_at, linear_inside

_Array = NDArray[np.float32]
_Floats = NDArray[np.float64]

_CLOSE = 1e-9
"""Of a voxel: so near to an outer face a place counts as inside."""


@compiled
def reached_columns(
    begin: _Floats, step: _Floats, size: tuple[int, int, int], reach: _Floats, columns: int
) -> tuple[int, int]:
    """The half-open run of columns that may come to lie inside an image of this size.

    Parameters
    ----------
    reach
        (3, 2) least and largest displacement along each axis, voxels.
    """
    low, high = 0.0, columns - 1.0
    for axis in range(3):
        near = -0.5 - _CLOSE - reach[axis, 1] - begin[axis]
        far = size[axis] - 0.5 + _CLOSE - reach[axis, 0] - begin[axis]
        if abs(step[axis]) < 1e-12:
            if near > 0.0 or far < 0.0:
                return 0, 0
            continue
        first, last = near / step[axis], far / step[axis]
        low, high = max(low, min(first, last)), min(high, max(first, last))
    if high < low:
        return 0, 0
    return max(0, int(np.floor(low))), min(columns, int(np.ceil(high)) + 1)


@compiled_inline
def _cell(at: float, size: int) -> tuple[int, float]:
    """Lower neighbour and share of the upper one, held at the outermost; the size is two or more."""
    held = min(max(at, 0.0), size - 1.0)
    lower = min(int(held), size - 2)
    return lower, held - lower


@compiled
def field_line(field: _Array, at_k: float, at_j: float, line: _Floats) -> None:
    """line (6 i): the field between its four rows around (at_k, at_j), and how far it is to the next place."""
    k, c = _cell(at_k, field.shape[0])
    j, b = _cell(at_j, field.shape[1])
    for i in range(field.shape[2]):
        for axis in range(3):
            near, far = float(field[k, j, i, axis]), float(field[k + 1, j, i, axis])
            near += b * (field[k, j + 1, i, axis] - near)
            far += b * (field[k + 1, j + 1, i, axis] - far)
            line[6 * i + axis] = near + c * (far - near)
            if i > 0:
                line[6 * i - 3 + axis] = line[6 * i + axis] - line[6 * i - 6 + axis]


@compiled_inline
def _between(flat: _Array, strides: tuple[int, int], k: int, j: int, i: int, c: float, b: float, a: float) -> float:
    """Trilinear value of a flat field of which each voxel holds three numbers; the index i already counts these."""
    at = np.uintp(k * strides[0] + j * strides[1] + i)
    three, row, layer = np.uintp(3), np.uintp(strides[1]), np.uintp(strides[0])
    p, q = flat[at], flat[at + row]
    r, s = flat[at + layer], flat[at + layer + row]
    p += a * (flat[at + three] - p)
    q += a * (flat[at + row + three] - q)
    r += a * (flat[at + layer + three] - r)
    s += a * (flat[at + layer + row + three] - s)
    p += b * (q - p)
    r += b * (s - r)
    return float(p + c * (r - p))


@compiled_inline
def _value(
    voxels: NDArray[np.generic], flat: NDArray[np.generic], k: float, j: float, i: float, outside: float
) -> float:
    """Trilinear value of the image, held within half a voxel of its outermost centres."""
    size_k, size_j, size_i = voxels.shape
    if 0.0 <= k < size_k - 1 and 0.0 <= j < size_j - 1 and 0.0 <= i < size_i - 1:
        return linear_inside(flat, size_i, size_j * size_i, k, j, i)
    half = 0.5 + _CLOSE
    if -half <= k <= size_k - 1 + half and -half <= j <= size_j - 1 + half and -half <= i <= size_i - 1 + half:
        return linear_at(voxels, k, j, i)
    return outside


@compiled
def warp_along(
    voxels: NDArray[np.generic],
    moving_from_grid: _Floats,
    field_from_grid: _Floats,
    field: _Array,
    reach: _Floats,
    outside: float,
    image: _Array,
    first: int,
    last: int,
) -> None:
    """Layers first..last of an output whose rows run along the field's: the field is mixed once for each row.

    Parameters
    ----------
    moving_from_grid, field_from_grid
        (4, 4): index of the output to index of the moving image (without displacement) and of the field.
    field
        (k, j, i, 3) displacement along k, j, i in voxels of the moving image, two voxels or more along each axis.
    reach
        (3, 2) its least and largest numbers.
    """
    m, f = moving_from_grid, field_from_grid
    flat = voxels.reshape(-1)
    columns, length = image.shape[2], field.shape[2]
    line, last_cell = np.empty(6 * length), length - 2.0
    step = m[:3, 2].copy()
    for k in range(first, last):
        for j in range(image.shape[1]):
            begin = m[:3, 0] * k + m[:3, 1] * j + m[:3, 3]
            low, high = reached_columns(begin, step, voxels.shape, reach, columns)
            row = image[k, j]
            row[:low] = outside
            row[high:] = outside
            if high <= low:
                continue
            field_line(field, f[0, 0] * k + f[0, 1] * j + f[0, 3], f[1, 0] * k + f[1, 1] * j + f[1, 3], line)
            start = f[2, 0] * k + f[2, 1] * j + f[2, 3]
            for i in range(np.uintp(low), np.uintp(high)):
                along = float(np.int64(i))
                held = min(max(start + f[2, 2] * along, 0.0), last_cell + 1.0)
                cell = min(np.floor(held), last_cell)
                at, share = np.uintp(6) * np.uintp(cell), held - cell
                at_k = begin[0] + step[0] * along + line[at] + share * line[at + np.uintp(3)]
                at_j = begin[1] + step[1] * along + line[at + np.uintp(1)] + share * line[at + np.uintp(4)]
                at_i = begin[2] + step[2] * along + line[at + np.uintp(2)] + share * line[at + np.uintp(5)]
                row[i] = _value(voxels, flat, at_k, at_j, at_i, outside)


@compiled
def warp_across(
    voxels: NDArray[np.generic],
    moving_from_grid: _Floats,
    field_from_grid: _Floats,
    field: _Array,
    reach: _Floats,
    outside: float,
    image: _Array,
    first: int,
    last: int,
) -> None:
    """As `warp_along` for an output that lies obliquely to the field, which is interpolated at every voxel."""
    m, f = moving_from_grid, field_from_grid
    flat, vectors = voxels.reshape(-1), field.reshape(-1)
    strides = field.shape[1] * field.shape[2] * 3, field.shape[2] * 3
    step, columns = m[:3, 2].copy(), image.shape[2]
    for k in range(first, last):
        for j in range(image.shape[1]):
            begin = m[:3, 0] * k + m[:3, 1] * j + m[:3, 3]
            start = f[:3, 0] * k + f[:3, 1] * j + f[:3, 3]
            low, high = reached_columns(begin, step, voxels.shape, reach, columns)
            image[k, j, :low] = outside
            image[k, j, high:] = outside
            for i in range(low, high):
                in_k, c = _cell(start[0] + f[0, 2] * i, field.shape[0])
                in_j, b = _cell(start[1] + f[1, 2] * i, field.shape[1])
                in_i, a = _cell(start[2] + f[2, 2] * i, field.shape[2])
                u = _between(vectors, strides, in_k, in_j, 3 * in_i, c, b, a)
                v = _between(vectors, strides, in_k, in_j, 3 * in_i + 1, c, b, a)
                w = _between(vectors, strides, in_k, in_j, 3 * in_i + 2, c, b, a)
                at_k, at_j = begin[0] + step[0] * i + u, begin[1] + step[1] * i + v
                image[k, j, i] = _value(voxels, flat, at_k, at_j, begin[2] + step[2] * i + w, outside)
