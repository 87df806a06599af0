"""Line integrals through a volume, one ray per detector pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

Array = NDArray[np.float32]


@compiled_inline
def _inside(source: float, step: float, size: int, enter: float, leave: float) -> tuple[float, float]:
    """The stretch of a ray between the first and last voxel centre along one axis."""
    if abs(step) < 1e-12:
        if source < 0.0 or source > size - 1.0:
            return 1.0, 0.0
        return enter, leave
    first, second = -source / step, (size - 1.0 - source) / step
    if first > second:
        first, second = second, first
    return max(enter, first), min(leave, second)


@compiled_inline
def _sample(values: Array, k: float, j: float, i: float) -> float:
    """Trilinear; the caller keeps k, j, i inside."""
    k0, j0, i0 = int(k), int(j), int(i)
    k1, j1, i1 = min(k0 + 1, values.shape[0] - 1), min(j0 + 1, values.shape[1] - 1), min(i0 + 1, values.shape[2] - 1)
    c, b, a = k - k0, j - j0, i - i0
    near = (values[k0, j0, i0] * (1 - a) + values[k0, j0, i1] * a) * (1 - b)
    near += (values[k0, j1, i0] * (1 - a) + values[k0, j1, i1] * a) * b
    far = (values[k1, j0, i0] * (1 - a) + values[k1, j0, i1] * a) * (1 - b)
    far += (values[k1, j1, i0] * (1 - a) + values[k1, j1, i1] * a) * b
    return float(near * (1 - c) + far * c)


@compiled
def integrate_rows(
    values: Array,
    source_kji: NDArray[np.float64],
    corner_kji: NDArray[np.float64],
    across_kji: NDArray[np.float64],
    down_kji: NDArray[np.float64],
    metric: NDArray[np.float64],
    step_mm: float,
    first: int,
    last: int,
    out: Array,
) -> None:
    """Fill rows [first, last) of `out` with sums of value times mm.

    Parameters
    ----------
    corner_kji, across_kji, down_kji
        First detector pixel, and the way to the next one to the right and below, in index space.
    metric
        (3,) mm per index step along k, j, i; the grid is right-angled.
    """
    for y in range(first, last):
        for x in range(out.shape[1]):
            along_k = corner_kji[0] + x * across_kji[0] + y * down_kji[0] - source_kji[0]
            along_j = corner_kji[1] + x * across_kji[1] + y * down_kji[1] - source_kji[1]
            along_i = corner_kji[2] + x * across_kji[2] + y * down_kji[2] - source_kji[2]
            length_mm = np.sqrt((along_k * metric[0]) ** 2 + (along_j * metric[1]) ** 2 + (along_i * metric[2]) ** 2)
            enter, leave = _inside(source_kji[0], along_k, values.shape[0], 0.0, 1.0)
            enter, leave = _inside(source_kji[1], along_j, values.shape[1], enter, leave)
            enter, leave = _inside(source_kji[2], along_i, values.shape[2], enter, leave)
            total = 0.0
            if leave > enter:
                count = max(1, int(np.ceil((leave - enter) * length_mm / step_mm)))
                width = (leave - enter) / count
                for step in range(count):
                    at = enter + (step + 0.5) * width
                    total += _sample(
                        values,
                        source_kji[0] + at * along_k,
                        source_kji[1] + at * along_j,
                        source_kji[2] + at * along_i,
                    )
                total *= width * length_mm
            out[y, x] = total
