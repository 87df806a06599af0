"""Compiled inner loops of distances, region growing and morphology. Importing this module loads numba.

The distance transform is the lower envelope of parabolas of Felzenszwalb and Huttenlocher, "Distance Transforms
of Sampled Functions", Theory of Computing 8 (2012), one axis after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

FAR = 1e12
"""Squared distance (mm2) where nothing is set."""


@compiled_inline
def parabolas(
    heights: NDArray[np.float64], spacing: float, places: NDArray[np.int64], bounds: NDArray[np.float64]
) -> int:
    """Which parabolas heights[y] + (spacing (x - y))^2 are lowest somewhere: their `places`, and from which x on each
    one is (`bounds`). The number of the last one; -1 for none."""
    square = spacing * spacing
    last = -1
    for y in range(heights.shape[0]):
        if heights[y] >= FAR:
            continue
        crossing = -np.inf
        while last >= 0:
            other = places[last]
            crossing = (heights[y] - heights[other] + square * (y * y - other * other)) / (2.0 * square * (y - other))
            if crossing > bounds[last]:
                break
            last -= 1
        if last < 0:
            crossing = -np.inf
        last += 1
        places[last] = y
        bounds[last] = crossing
    return last


@compiled_inline
def lower_envelope(
    heights: NDArray[np.float64],
    spacing: float,
    places: NDArray[np.int64],
    bounds: NDArray[np.float64],
    result: NDArray[np.float64],
) -> None:
    """result[x] = min over y of heights[y] + (spacing (x - y))^2; `places` and `bounds` are working space."""
    count = heights.shape[0]
    last = parabolas(heights, spacing, places, bounds)
    if last < 0:
        result[:count] = FAR
        return
    place = 0
    for x in range(count):
        while place < last and bounds[place + 1] < x:
            place += 1
        step = spacing * (x - places[place])
        result[x] = step * step + heights[places[place]]


@compiled
def squared_along_rows(
    mask: NDArray[np.uint8], spacing: float, squared: NDArray[np.float32], first: int, last: int
) -> None:
    """First pass, along i, over slices: squared distance to the nearest set voxel of the same row."""
    size = mask.shape[2]
    for k in range(first, last):
        for j in range(mask.shape[1]):
            gap = FAR
            for i in range(size):
                gap = 0.0 if mask[k, j, i] else gap + 1.0
                squared[k, j, i] = FAR if gap >= FAR else (gap * spacing) ** 2
            gap = FAR
            for i in range(size - 1, -1, -1):
                gap = 0.0 if mask[k, j, i] else gap + 1.0
                if gap < FAR:
                    squared[k, j, i] = min(squared[k, j, i], np.float32((gap * spacing) ** 2))


@compiled
def squared_along_middle(squared: NDArray[np.float32], spacing: float, first: int, last: int) -> None:
    """A pass along the middle axis of (outer, line, other), in place, for outer in first..last."""
    size = squared.shape[1]
    heights, result = np.empty(size), np.empty(size)
    places, bounds = np.empty(size, dtype=np.int64), np.empty(size)
    for outer in range(first, last):
        for other in range(squared.shape[2]):
            for at in range(size):
                heights[at] = squared[outer, at, other]
            lower_envelope(heights, spacing, places, bounds, result)
            for at in range(size):
                squared[outer, at, other] = result[at]


@compiled
def surface_distance(
    outside: NDArray[np.float32],
    inside: NDArray[np.float32],
    spacing: NDArray[np.float64],
    signed: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """From distances between voxel centres to distances from the surface half a voxel away, slices first..last.

    The half voxel is measured along the direction in which the distance changes. Where that direction runs oblique
    to the voxels their centres come closer to the surface: weighing by the square of the largest direction cosine
    gave the least error on balls of 6 and 14 mm with voxels of 1 to 3 mm (0.2-0.3 mm on the mean, against 0.3).
    """
    size = outside.shape
    for k in range(first, last):
        for j in range(size[1]):
            for i in range(size[2]):
                raw = outside[k, j, i] - inside[k, j, i]
                above, below = min(k + 1, size[0] - 1), max(k - 1, 0)
                back, front = min(j + 1, size[1] - 1), max(j - 1, 0)
                right, left = min(i + 1, size[2] - 1), max(i - 1, 0)
                rise_k = (outside[above, j, i] - inside[above, j, i]) - (outside[below, j, i] - inside[below, j, i])
                rise_j = (outside[k, back, i] - inside[k, back, i]) - (outside[k, front, i] - inside[k, front, i])
                rise_i = (outside[k, j, right] - inside[k, j, right]) - (outside[k, j, left] - inside[k, j, left])
                slope_k = rise_k / (spacing[0] * max(1, above - below))
                slope_j = rise_j / (spacing[1] * max(1, back - front))
                slope_i = rise_i / (spacing[2] * max(1, right - left))
                length = np.sqrt(slope_k * slope_k + slope_j * slope_j + slope_i * slope_i)
                half = 0.5 * min(spacing[0], spacing[1], spacing[2])
                if length > 1e-6:
                    steepest = max(abs(slope_k) / spacing[0], max(abs(slope_j) / spacing[1], abs(slope_i) / spacing[2]))
                    straight = max(abs(slope_k), max(abs(slope_j), abs(slope_i))) / length
                    half = 0.5 * length / steepest * straight * straight
                signed[k, j, i] = raw - half if raw > 0.0 else raw + half


@compiled
def flood(
    voxels: NDArray[np.generic],
    low: float,
    high: float,
    seeds: NDArray[np.int64],
    squared_radius: float,
    spacing: NDArray[np.float64],
    centre: NDArray[np.float64],
    reached: NDArray[np.bool_],
) -> None:
    """Voxels joined to a seed by faces, with values in [low, high], within a radius (mm) of `centre` (k, j, i)."""
    size = voxels.shape
    stack = np.empty(4096, dtype=np.int64)
    held = 0
    for seed in range(seeds.shape[0]):
        k, j, i = seeds[seed, 0], seeds[seed, 1], seeds[seed, 2]
        if low <= voxels[k, j, i] <= high and not reached[k, j, i]:
            reached[k, j, i] = True
            stack[held] = (k * size[1] + j) * size[2] + i
            held += 1
    while held > 0:
        held -= 1
        flat = stack[held]
        i = flat % size[2]
        j = (flat // size[2]) % size[1]
        k = flat // (size[2] * size[1])
        if held + 6 >= stack.shape[0]:
            larger = np.empty(2 * stack.shape[0], dtype=np.int64)
            larger[:held] = stack[:held]
            stack = larger
        for face in range(6):
            step = 1 if face % 2 else -1
            near_k = k + (step if face // 2 == 0 else 0)
            near_j = j + (step if face // 2 == 1 else 0)
            near_i = i + (step if face // 2 == 2 else 0)
            if not (0 <= near_k < size[0] and 0 <= near_j < size[1] and 0 <= near_i < size[2]):
                continue
            if reached[near_k, near_j, near_i]:
                continue
            value = voxels[near_k, near_j, near_i]
            if not (low <= value <= high):
                continue
            gap_k = (near_k - centre[0]) * spacing[0]
            gap_j = (near_j - centre[1]) * spacing[1]
            gap_i = (near_i - centre[2]) * spacing[2]
            if gap_k * gap_k + gap_j * gap_j + gap_i * gap_i > squared_radius:
                continue
            reached[near_k, near_j, near_i] = True
            stack[held] = (near_k * size[1] + near_j) * size[2] + near_i
            held += 1
