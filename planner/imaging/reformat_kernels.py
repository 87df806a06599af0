"""Compiled inner loop of `planner.imaging.reformat`. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled
from planner.imaging.slicing_kernels import columns_inside, linear_at, linear_inside

_Floats = NDArray[np.float64]


@compiled
def rows_linear(
    voxels: NDArray[np.generic],
    starts: _Floats,
    steps: _Floats,
    outside: float,
    image: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Trilinear values along rows that each begin and run in a place of their own: `starts`, `steps` (rows, 3) kji."""
    columns = image.shape[1]
    flat = voxels.reshape(-1)
    row_stride, layer_stride = voxels.shape[2], voxels.shape[1] * voxels.shape[2]
    for row in range(first, last):
        begin, step = starts[row], steps[row]
        low, high = columns_inside(begin, step, voxels.shape, columns, 0.5)
        image[row, :low] = outside
        image[row, high:] = outside
        inner, outer = columns_inside(begin, step, voxels.shape, columns, -1e-6)
        inner, outer = max(inner, low), min(outer, high)
        if outer <= inner:
            inner = outer = high
        for column in range(low, high):
            k = begin[0] + column * step[0]
            j = begin[1] + column * step[1]
            i = begin[2] + column * step[2]
            if inner <= column < outer:
                image[row, column] = linear_inside(flat, row_stride, layer_stride, k, j, i)
            else:
                image[row, column] = linear_at(voxels, k, j, i)
