"""Line integrals through a volume, one ray per detector pixel. Importing this module loads numba.

Joseph, "An Improved Algorithm for Reprojecting Rays through Pixel Images", IEEE Trans Med Imaging 1982;1:192: a ray is
sampled where it crosses the layers of voxels across which it runs steepest, linearly between the four voxels around.
Places are counted in fixed point and two neighbouring rays go together, which keeps the arithmetic units filled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

Array = NDArray[np.float32]
Floats = NDArray[np.float64]

_BITS = 24
_ONE = 1 << _BITS
_EDGE = 0.005
"""Voxels that a ray keeps from the outermost voxel centres, so that the four around it always exist."""


@compiled_inline
def _inside(place: float, slope: float, size: int, enter: float, leave: float) -> tuple[float, float]:
    """The stretch of layers in which a ray lies between the outermost voxel centres of another axis."""
    if abs(slope) < 1e-9:
        if place < _EDGE or place > size - 1.0 - _EDGE:
            return 1.0, 0.0
        return enter, leave
    first, second = (_EDGE - place) / slope, (size - 1.0 - _EDGE - place) / slope
    if first > second:
        first, second = second, first
    return max(enter, first), min(leave, second)


@compiled_inline
def _sample(
    values: Array, at: np.int64, step_u: np.int64, step_v: np.int64, part_u: np.int64, part_v: np.int64
) -> np.float32:
    """Bilinear among four voxels; the parts are fixed point."""
    share_u, share_v = np.float32(part_u & (_ONE - 1)), np.float32(part_v & (_ONE - 1))
    share_u, share_v = share_u * np.float32(1.0 / _ONE), share_v * np.float32(1.0 / _ONE)
    near, far = values[np.uint64(at)], values[np.uint64(at + step_u)]
    near += (values[np.uint64(at + step_v)] - near) * share_v
    far += (values[np.uint64(at + step_u + step_v)] - far) * share_v
    return np.float32(near + (far - near) * share_u)


@compiled_inline
def _at(
    values: Array, steps: NDArray[np.int64], layer: int, u: float, v: float, slope_u: float, slope_v: float
) -> float:
    """The sample of one ray in one layer."""
    part_u, part_v = np.int64((u + slope_u * layer) * _ONE), np.int64((v + slope_v * layer) * _ONE)
    at = layer * steps[0] + (part_u >> _BITS) * steps[1] + (part_v >> _BITS) * steps[2]
    return float(_sample(values, at, steps[1], steps[2], part_u, part_v))


@compiled
def _sum(
    values: Array, steps: NDArray[np.int64], ray: tuple[float, float, float, float], first: int, last: int
) -> float:
    """Sum of a ray's samples in layers [first, last); a ray is place and slope along both other axes."""
    total = 0.0
    for layer in range(first, last):
        total += _at(values, steps, layer, ray[0], ray[2], ray[1], ray[3])
    return total


@compiled
def _sum_both(
    values: Array,
    steps: NDArray[np.int64],
    one: tuple[float, float, float, float],
    other: tuple[float, float, float, float],
    first: int,
    last: int,
) -> tuple[float, float]:
    """As `_sum`, of two rays."""
    step, step_u, step_v = steps[0], steps[1], steps[2]
    total, second = np.float32(0.0), np.float32(0.0)
    part_u, part_v = np.int64((one[0] + one[1] * first) * _ONE), np.int64((one[2] + one[3] * first) * _ONE)
    other_u, other_v = np.int64((other[0] + other[1] * first) * _ONE), np.int64((other[2] + other[3] * first) * _ONE)
    slope_u, slope_v = np.int64(one[1] * _ONE), np.int64(one[3] * _ONE)
    other_slope_u, other_slope_v = np.int64(other[1] * _ONE), np.int64(other[3] * _ONE)
    base = first * step
    for _ in range(first, last):
        at = base + (part_u >> _BITS) * step_u + (part_v >> _BITS) * step_v
        total += _sample(values, at, step_u, step_v, part_u, part_v)
        at = base + (other_u >> _BITS) * step_u + (other_v >> _BITS) * step_v
        second += _sample(values, at, step_u, step_v, other_u, other_v)
        part_u, part_v = part_u + slope_u, part_v + slope_v
        other_u, other_v = other_u + other_slope_u, other_v + other_slope_v
        base += step
    return float(total), float(second)


@compiled
def _ends(
    values: Array,
    steps: NDArray[np.int64],
    ray: tuple[float, float, float, float],
    enter: float,
    leave: float,
    first: int,
    last: int,
) -> float:
    """What the first and last sample count too much or too little: each stands for half a step and what sticks out."""
    before = (first - enter) - 0.5
    beyond = (leave - (last - 1)) - 0.5
    found = before * _at(values, steps, first, ray[0], ray[2], ray[1], ray[3])
    return float(found + beyond * _at(values, steps, last - 1, ray[0], ray[2], ray[1], ray[3]))


@compiled
def integrate_rows(
    values: Array,
    steps: NDArray[np.int64],
    sizes: NDArray[np.int64],
    source: Floats,
    corner: Floats,
    across: Floats,
    down: Floats,
    metric: Floats,
    first: int,
    last: int,
    out: Array,
) -> None:
    """Fill rows [first, last) of `out` with sums of value times mm, of the rays that run steepest along the main axis.

    Parameters
    ----------
    values
        Flat. Axes of all that follows: the main one, then the other two.
    steps, sizes
        Distance of neighbours in `values`, and number of voxels (at least two), along each axis.
    corner, across, down
        First detector pixel, and the way to the next one to the right and below, in index space.
    metric
        (3,) mm per index step; the grid is right-angled.
    """
    width = out.shape[1]
    rays, span = np.empty((width, 4)), np.empty((width, 2))
    for y in range(first, last):
        for x in range(width):
            m = corner[0] + x * across[0] + y * down[0] - source[0]
            u = corner[1] + x * across[1] + y * down[1] - source[1]
            v = corner[2] + x * across[2] + y * down[2] - source[2]
            span[x, 0], span[x, 1] = 0.0, -1.0
            if abs(m) < abs(u) or abs(m) < abs(v):
                continue
            rays[x, 0], rays[x, 1] = source[1] - source[0] * u / m, u / m
            rays[x, 2], rays[x, 3] = source[2] - source[0] * v / m, v / m
            enter, leave = _inside(rays[x, 0], rays[x, 1], sizes[1], 0.0, sizes[0] - 1.0)
            span[x, 0], span[x, 1] = _inside(rays[x, 2], rays[x, 3], sizes[2], enter, leave)
        for x in range(0, width, 2):
            _pair(values, steps, rays, span, metric, x, min(x + 1, width - 1), out[y])


@compiled
def _pair(
    values: Array, steps: NDArray[np.int64], rays: Floats, span: Floats, metric: Floats, x: int, z: int, out: Array
) -> None:
    """Two neighbouring pixels of a row; pixels whose ray has no layer stay as they are."""
    first, last = int(np.ceil(span[x, 0])), int(np.floor(span[x, 1])) + 1
    other_first, other_last = int(np.ceil(span[z, 0])), int(np.floor(span[z, 1])) + 1
    one = (rays[x, 0], rays[x, 1], rays[x, 2], rays[x, 3])
    other = (rays[z, 0], rays[z, 1], rays[z, 2], rays[z, 3])
    low, high = max(first, other_first), min(last, other_last)
    if last <= first or other_last <= other_first or high <= low:
        if last > first:
            total = _sum(values, steps, one, first, last)
            out[x] = (total + _ends(values, steps, one, span[x, 0], span[x, 1], first, last)) * _mm(metric, one)
        if other_last > other_first and z != x:
            total = _sum(values, steps, other, other_first, other_last)
            total += _ends(values, steps, other, span[z, 0], span[z, 1], other_first, other_last)
            out[z] = total * _mm(metric, other)
        return
    total, second = _sum_both(values, steps, one, other, low, high)
    total += _sum(values, steps, one, first, low) + _sum(values, steps, one, high, last)
    second += _sum(values, steps, other, other_first, low) + _sum(values, steps, other, high, other_last)
    out[x] = (total + _ends(values, steps, one, span[x, 0], span[x, 1], first, last)) * _mm(metric, one)
    second += _ends(values, steps, other, span[z, 0], span[z, 1], other_first, other_last)
    out[z] = second * _mm(metric, other)


@compiled_inline
def _mm(metric: Floats, ray: tuple[float, float, float, float]) -> float:
    """Way of a ray between two layers."""
    return float(np.sqrt(metric[0] ** 2 + (metric[1] * ray[1]) ** 2 + (metric[2] * ray[3]) ** 2))


@compiled
def empty_margins(values: Array, found: NDArray[np.int64]) -> None:
    """(3, 2): how many layers at both ends of every axis hold zeros only; looks no further than the first value."""
    size = values.shape
    for axis in range(3):
        for end in range(2):
            count = 0
            while count < size[axis]:
                layer = count if end == 0 else size[axis] - 1 - count
                if axis == 0:
                    bare = _is_bare(values[layer])
                elif axis == 1:
                    bare = _is_bare(values[:, layer])
                else:
                    bare = _is_bare(values[:, :, layer])
                if not bare:
                    break
                count += 1
            found[axis, end] = count


@compiled
def _is_bare(layer: Array) -> bool:
    for row in range(layer.shape[0]):
        for column in range(layer.shape[1]):
            if layer[row, column] != 0.0:
                return False
    return True
