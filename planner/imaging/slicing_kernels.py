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
def columns_inside(start: _Floats, column_step: _Floats, size: tuple[int, int, int], columns: int) -> tuple[int, int]:
    """The half-open run of columns whose samples lie between the outer faces."""
    low, high = 0.0, float(columns - 1)
    for axis in range(3):
        near, far = -0.5 - start[axis], size[axis] - 0.5 - start[axis]
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
    for row in range(first, last):
        begin = start + row * row_step
        low, high = columns_inside(begin, column_step, voxels.shape, columns)
        image[row, :low] = outside
        image[row, high:] = outside
        for column in range(low, high):
            k = begin[0] + column * column_step[0]
            j = begin[1] + column * column_step[1]
            i = begin[2] + column * column_step[2]
            image[row, column] = linear_at(voxels, k, j, i)


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
        low, high = columns_inside(begin, column_step, voxels.shape, columns)
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
            low, high = columns_inside(begin, column_step, voxels.shape, columns)
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
