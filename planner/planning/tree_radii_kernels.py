"""Compiled rays across vessels: means, edges and integrals of grey values. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline


@compiled_inline
def interpolated(voxels: NDArray[np.generic], k: float, j: float, i: float) -> float:
    """Trilinear, clamped to the outermost voxel centres."""
    size_k, size_j, size_i = voxels.shape
    k = min(max(k, 0.0), size_k - 1.0)
    j = min(max(j, 0.0), size_j - 1.0)
    i = min(max(i, 0.0), size_i - 1.0)
    low_k, low_j, low_i = (
        min(int(k), max(size_k - 2, 0)),
        min(int(j), max(size_j - 2, 0)),
        min(int(i), max(size_i - 2, 0)),
    )
    up_k, up_j, up_i = min(low_k + 1, size_k - 1), min(low_j + 1, size_j - 1), min(low_i + 1, size_i - 1)
    part_k, part_j, part_i = k - low_k, j - low_j, i - low_i
    near = (voxels[low_k, low_j, low_i] * (1.0 - part_i) + voxels[low_k, low_j, up_i] * part_i) * (1.0 - part_j) + (
        voxels[low_k, up_j, low_i] * (1.0 - part_i) + voxels[low_k, up_j, up_i] * part_i
    ) * part_j
    far = (voxels[up_k, low_j, low_i] * (1.0 - part_i) + voxels[up_k, low_j, up_i] * part_i) * (1.0 - part_j) + (
        voxels[up_k, up_j, low_i] * (1.0 - part_i) + voxels[up_k, up_j, up_i] * part_i
    ) * part_j
    return float(near * (1.0 - part_k) + far * part_k)


@compiled
def ray_means(
    voxels: NDArray[np.generic],
    start_kji: NDArray[np.float64],
    across_kji: NDArray[np.float64],
    beside_kji: NDArray[np.float64],
    turns: NDArray[np.float64],
    low_mm: NDArray[np.float64],
    high_mm: NDArray[np.float64],
    step_mm: float,
    means: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """means[n, rays]: mean along each ray between two distances; points `first` to `last`.

    `across_kji` and `beside_kji` are the steps in index space of one mm in two perpendicular directions.
    """
    for point in range(first, last):
        for ray in range(turns.shape[0]):
            cosine, sine = np.cos(turns[ray]), np.sin(turns[ray])
            total, count = 0.0, 0
            steps = max(0, int((high_mm[point] - low_mm[point]) / step_mm))
            for step in range(steps + 1):
                out = low_mm[point] + step * step_mm
                k = start_kji[point, 0] + out * (cosine * across_kji[point, 0] + sine * beside_kji[point, 0])
                j = start_kji[point, 1] + out * (cosine * across_kji[point, 1] + sine * beside_kji[point, 1])
                i = start_kji[point, 2] + out * (cosine * across_kji[point, 2] + sine * beside_kji[point, 2])
                total += interpolated(voxels, k, j, i)
                count += 1
            means[point, ray] = total / count


@compiled
def ray_profiles(
    voxels: NDArray[np.generic],
    near: NDArray[np.uint8],
    start_kji: NDArray[np.float64],
    across_kji: NDArray[np.float64],
    beside_kji: NDArray[np.float64],
    turns: NDArray[np.float64],
    level: NDArray[np.float64],
    ground: NDArray[np.float64],
    reach_mm: NDArray[np.float64],
    step_mm: float,
    edges: NDArray[np.float32],
    areas: NDArray[np.float32],
    firsts: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Where each ray leaves the lumen, and how much lumen it crosses, up to `reach_mm`; points `first` to `last`.

    With c the contrast as a share of that of a full lumen (`level` over `ground`; 0 where `near` is unset):
    edges[n, rays] is where c first falls below one half (NaN for never), areas the integral of c r dr and firsts
    that of c r2 dr, from which the area and its middle follow.
    """
    size_k, size_j, size_i = near.shape
    for point in range(first, last):
        contrast = max(level[point] - ground[point], 1e-6)
        for ray in range(turns.shape[0]):
            cosine, sine = np.cos(turns[ray]), np.sin(turns[ray])
            step_k = cosine * across_kji[point, 0] + sine * beside_kji[point, 0]
            step_j = cosine * across_kji[point, 1] + sine * beside_kji[point, 1]
            step_i = cosine * across_kji[point, 2] + sine * beside_kji[point, 2]
            edge, area, moment, earlier = np.nan, 0.0, 0.0, 0.0
            steps = int(np.ceil(reach_mm[point] / step_mm))
            for step in range(steps + 1):
                out = step * step_mm
                k = start_kji[point, 0] + out * step_k
                j = start_kji[point, 1] + out * step_j
                i = start_kji[point, 2] + out * step_i
                at_k = min(max(int(np.rint(k)), 0), size_k - 1)
                at_j = min(max(int(np.rint(j)), 0), size_j - 1)
                at_i = min(max(int(np.rint(i)), 0), size_i - 1)
                share = 0.0
                if near[at_k, at_j, at_i]:
                    share = (interpolated(voxels, k, j, i) - ground[point]) / contrast
                if np.isnan(edge) and step > 0 and share < 0.5:
                    edge = 0.0
                    if earlier > 0.5:
                        edge = (step - 1 + (earlier - 0.5) / max(earlier - share, 1e-6)) * step_mm
                weight = 0.5 if step == 0 or step == steps else 1.0
                bounded = min(max(share, -0.5), 1.2)
                area += weight * bounded * out * step_mm
                moment += weight * bounded * out * out * step_mm
                earlier = share
            edges[point, ray] = edge
            areas[point, ray] = area
            firsts[point, ray] = moment
