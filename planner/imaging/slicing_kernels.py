"""Compiled inner loops of `planner.imaging.slicing`. Importing this module loads numba.

Every kernel works on rows ``first`` to ``last`` of its output and releases the interpreter lock. Positions are
voxel indices (k, j, i): ``start + row * row_step + column * column_step``. A sample lies inside the volume
between the outer faces of its voxels; the last half voxel repeats the value at the voxel centre.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

_Floats = NDArray[np.float64]


@compiled
def columns_inside(
    start: _Floats, column_step: _Floats, size: tuple[int, int, int], columns: int, margin: float
) -> tuple[int, int]:
    """The half-open run of columns whose samples lie at most `margin` beyond the outer voxel centres.

    A margin of half a voxel reaches to the outer faces; one just below nothing keeps all eight neighbours inside.
    """
    low, high = 0.0, float(columns - 1)
    for axis in range(3):
        near, far = -max(margin, 0.0) - start[axis], size[axis] - 1.0 + margin - start[axis]
        step = column_step[axis]
        if abs(step) < 1e-12:
            if near > 0.0 or far < 0.0:
                return 0, 0
            continue
        first, last = near / step, far / step
        if first > last:
            first, last = last, first
        low, high = max(low, first), min(high, last)
    if high < low:
        return 0, 0
    return int(np.ceil(low - 1e-9)), int(np.floor(high + 1e-9)) + 1


@compiled_inline
def linear_at(voxels: NDArray[np.generic], k: float, j: float, i: float) -> float:
    """Trilinear value; indices beyond the outer voxel centres are held at them."""
    size_k, size_j, size_i = voxels.shape
    k = min(max(k, 0.0), size_k - 1.0)
    j = min(max(j, 0.0), size_j - 1.0)
    i = min(max(i, 0.0), size_i - 1.0)
    k0, j0, i0 = int(k), int(j), int(i)
    k1, j1, i1 = min(k0 + 1, size_k - 1), min(j0 + 1, size_j - 1), min(i0 + 1, size_i - 1)
    share_k, share_j, share_i = k - k0, j - j0, i - i0
    near_top = float(voxels[k0, j0, i0]) + share_i * (float(voxels[k0, j0, i1]) - float(voxels[k0, j0, i0]))
    near_low = float(voxels[k0, j1, i0]) + share_i * (float(voxels[k0, j1, i1]) - float(voxels[k0, j1, i0]))
    near = near_top + share_j * (near_low - near_top)
    if share_k == 0.0:
        return near
    far_top = float(voxels[k1, j0, i0]) + share_i * (float(voxels[k1, j0, i1]) - float(voxels[k1, j0, i0]))
    far_low = float(voxels[k1, j1, i0]) + share_i * (float(voxels[k1, j1, i1]) - float(voxels[k1, j1, i0]))
    far = far_top + share_j * (far_low - far_top)
    return near + share_k * (far - near)


@compiled_inline
def nearest_at(voxels: NDArray[np.generic], k: float, j: float, i: float) -> np.generic:
    """Value of the voxel that holds the sample."""
    size_k, size_j, size_i = voxels.shape
    k0 = min(max(int(np.floor(k + 0.5)), 0), size_k - 1)
    j0 = min(max(int(np.floor(j + 0.5)), 0), size_j - 1)
    i0 = min(max(int(np.floor(i + 0.5)), 0), size_i - 1)
    found: np.generic = voxels[k0, j0, i0]
    return found


@compiled_inline
def linear_inside(flat: NDArray[np.generic], row_stride: int, layer_stride: int, k: float, j: float, i: float) -> float:
    """Trilinear value where all eight neighbours exist; `flat` holds the voxels in C order.

    Unsigned offsets into the flat array: signed ones cost a test for counting from the end at every voxel.
    """
    k0, j0, i0 = int(k), int(j), int(i)
    share_k, share_j, share_i = k - k0, j - j0, i - i0
    one = np.uintp(1)
    near_top = np.uintp(k0 * layer_stride + j0 * row_stride + i0)
    near_low = near_top + np.uintp(row_stride)
    far_top = near_top + np.uintp(layer_stride)
    far_low = far_top + np.uintp(row_stride)
    a, b = float(flat[near_top]), float(flat[near_low])
    c, d = float(flat[far_top]), float(flat[far_low])
    a += share_i * (float(flat[near_top + one]) - a)
    b += share_i * (float(flat[near_low + one]) - b)
    c += share_i * (float(flat[far_top + one]) - c)
    d += share_i * (float(flat[far_low + one]) - d)
    a += share_j * (b - a)
    c += share_j * (d - c)
    return a + share_k * (c - a)


@compiled
def slice_linear(
    voxels: NDArray[np.generic],
    start: _Floats,
    row_step: _Floats,
    column_step: _Floats,
    outside: float,
    image: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    columns = image.shape[1]
    flat = voxels.reshape(-1)
    row_stride, layer_stride = voxels.shape[2], voxels.shape[1] * voxels.shape[2]
    for row in range(first, last):
        begin = start + row * row_step
        low, high = columns_inside(begin, column_step, voxels.shape, columns, 0.5)
        image[row, :low] = outside
        image[row, high:] = outside
        # Most of a picture lies a voxel away from the faces, where no index has to be held.
        inner, outer = columns_inside(begin, column_step, voxels.shape, columns, -1e-6)
        inner, outer = max(inner, low), min(outer, high)
        if outer <= inner:
            inner = outer = high
        for column in range(low, inner):
            k, j, i = begin + column * column_step
            image[row, column] = linear_at(voxels, k, j, i)
        for column in range(inner, outer):
            k = begin[0] + column * column_step[0]
            j = begin[1] + column * column_step[1]
            i = begin[2] + column * column_step[2]
            image[row, column] = linear_inside(flat, row_stride, layer_stride, k, j, i)
        for column in range(outer, high):
            k, j, i = begin + column * column_step
            image[row, column] = linear_at(voxels, k, j, i)


@compiled
def layer_between(
    flat: NDArray[np.generic],
    near: int,
    far: int,
    share: float,
    strides: tuple[int, int],
    layer: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """A layer of voxels as it lies, or one between two neighbours: ``near`` and ``far`` are offsets of their corners.

    ``strides`` lead from row to row and from column to column of `layer`.
    """
    weight = np.float32(share)
    for row in range(first, last):
        a, b = np.uintp(near + row * strides[0]), np.uintp(far + row * strides[0])
        step = np.uintp(strides[1])
        if share == 0.0:
            for column in range(layer.shape[1]):
                layer[row, column] = np.float32(flat[a])
                a += step
        else:
            for column in range(layer.shape[1]):
                value = np.float32(flat[a])
                layer[row, column] = value + weight * (np.float32(flat[b]) - value)
                a += step
                b += step


@compiled
def bilinear(
    layer: NDArray[np.float32],
    rows: tuple[NDArray[np.int64], NDArray[np.float32]],
    columns: tuple[NDArray[np.int64], NDArray[np.float32]],
    inside: tuple[int, int, int, int],
    outside: float,
    image: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """A picture along the axes of a layer: lower neighbour and share of the upper one per picture row and column.

    ``inside`` are the half-open runs of rows and of columns that have values.
    """
    top, bottom, left, right = inside
    lower_row, row_share = rows
    lower_column, column_share = columns
    length, last_row = layer.shape[1], layer.shape[0] - 1
    mixed = np.empty(length + 1, dtype=np.float32)
    for row in range(first, last):
        if row < top or row >= bottom:
            image[row, :] = outside
            continue
        image[row, :left] = outside
        image[row, right:] = outside
        share = row_share[row]
        upper, lower = layer[lower_row[row]], layer[min(lower_row[row] + 1, last_row)]
        for index in range(length):
            mixed[index] = upper[index] + share * (lower[index] - upper[index])
        mixed[length] = mixed[length - 1]
        for column in range(left, right):
            at = np.uintp(lower_column[column])
            value = mixed[at]
            image[row, column] = value + column_share[column] * (mixed[at + np.uintp(1)] - value)


@compiled
def slice_nearest(
    voxels: NDArray[np.generic],
    start: _Floats,
    row_step: _Floats,
    column_step: _Floats,
    outside: np.generic,
    image: NDArray[np.generic],
    first: int,
    last: int,
) -> None:
    columns = image.shape[1]
    for row in range(first, last):
        begin = start + row * row_step
        low, high = columns_inside(begin, column_step, voxels.shape, columns, 0.5)
        image[row, :low] = outside
        image[row, high:] = outside
        for column in range(low, high):
            k = begin[0] + column * column_step[0]
            j = begin[1] + column * column_step[1]
            i = begin[2] + column * column_step[2]
            image[row, column] = nearest_at(voxels, k, j, i)


@compiled
def slab(
    voxels: NDArray[np.generic],
    starts: _Floats,
    row_step: _Floats,
    column_step: _Floats,
    mode: int,
    nearest: bool,
    image: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Mean (mode 0), maximum (1) or minimum (2) over parallel slices that begin at `starts` (n, 3); NaN where none."""
    columns = image.shape[1]
    total = np.empty(columns)
    counts = np.empty(columns, dtype=np.int32)
    for row in range(first, last):
        total[:] = 0.0 if mode == 0 else (-np.inf if mode == 1 else np.inf)
        counts[:] = 0
        for sheet in range(starts.shape[0]):
            begin = starts[sheet] + row * row_step
            low, high = columns_inside(begin, column_step, voxels.shape, columns, 0.5)
            for column in range(low, high):
                k = begin[0] + column * column_step[0]
                j = begin[1] + column * column_step[1]
                i = begin[2] + column * column_step[2]
                value = float(nearest_at(voxels, k, j, i)) if nearest else linear_at(voxels, k, j, i)
                counts[column] += 1
                if mode == 0:
                    total[column] += value
                elif mode == 1:
                    total[column] = max(total[column], value)
                else:
                    total[column] = min(total[column], value)
        for column in range(columns):
            if counts[column] == 0:
                image[row, column] = np.nan
            else:
                image[row, column] = total[column] / counts[column] if mode == 0 else total[column]


@compiled
def sample_points(
    voxels: NDArray[np.generic], kji: _Floats, outside: float, values: NDArray[np.float64], first: int, last: int
) -> None:
    """Trilinear values at kji (n, 3)."""
    for index in range(first, last):
        k, j, i = kji[index, 0], kji[index, 1], kji[index, 2]
        inside = (
            -0.5 <= k <= voxels.shape[0] - 0.5
            and -0.5 <= j <= voxels.shape[1] - 0.5
            and -0.5 <= i <= voxels.shape[2] - 0.5
        )
        values[index] = linear_at(voxels, k, j, i) if inside else outside
