"""Compiled inner loops of `viewers.scene.volume_caster`. Importing this module loads numba.

Positions are voxel indices (k, j, i). Rays are parallel: the sample `n` of a pixel lies at
``start + row * row_step + column * column_step + n * ray_step``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline
from planner.imaging.slicing_kernels import linear_inside

_Floats = NDArray[np.float64]

OPAQUE = 0.95
"""A ray that has gathered this much opacity ends; what is left would hardly be told from what it has gathered."""
LEAST_OPACITY = 0.0005
"""A sample that adds less than this is left out."""
SHADED_OPACITY = 0.05
"""A sample that adds less than this is haze: it is lit evenly, as its gradient is noise."""
HAZE_LIGHT = 0.7
APART = 0.8
"""Voxels along each axis from a sample to where its gradient is read."""
FACE = 1.001
"""Samples end this far before the number of voxels: the upper of two neighbours still exists."""
AMBIENT, DIFFUSE, SPECULAR = 0.25, 0.75, 0.2


@compiled
def extremes(
    voxels: NDArray[np.generic], steps: tuple[int, int, int], ends: NDArray[np.float32], first: int, last: int
) -> None:
    """Lowest and highest voxel that a sample in a block of `steps` voxels can read: ends (2, blocks k, j, i).

    For the layers `first` to `last` of blocks.
    """
    size_k, size_j, size_i = voxels.shape
    for block_k in range(first, last):
        ends[0, block_k] = np.inf
        ends[1, block_k] = -np.inf
        for k in range(block_k * steps[0], min((block_k + 1) * steps[0] + 1, size_k)):
            for block_j in range(ends.shape[2]):
                for j in range(block_j * steps[1], min((block_j + 1) * steps[1] + 1, size_j)):
                    line = voxels[k, j]
                    for block_i in range(ends.shape[3]):
                        begin, end = block_i * steps[2], min((block_i + 1) * steps[2] + 1, size_i)
                        low = high = line[begin]
                        for i in range(begin, end):
                            low, high = min(low, line[i]), max(high, line[i])
                        ends[0, block_k, block_j, block_i] = min(ends[0, block_k, block_j, block_i], np.float32(low))
                        ends[1, block_k, block_j, block_i] = max(ends[1, block_k, block_j, block_i], np.float32(high))


@compiled
def means(
    voxels: NDArray[np.generic], steps: tuple[int, int, int], few: NDArray[np.generic], first: int, last: int
) -> None:
    """Means of boxes of `steps` voxels, for the layers `first` to `last` of `few`; whole numbers are cut towards 0."""
    share = np.float32(1.0 / (steps[0] * steps[1] * steps[2]))
    line = np.empty(few.shape[2], dtype=np.float32)
    for k in range(first, last):
        for j in range(few.shape[1]):
            line[:] = 0.0
            for deep in range(k * steps[0], (k + 1) * steps[0]):
                for down in range(j * steps[1], (j + 1) * steps[1]):
                    row = voxels[deep, down]
                    for i in range(few.shape[2]):
                        for right in range(i * steps[2], (i + 1) * steps[2]):
                            line[i] += np.float32(row[right])
            for i in range(few.shape[2]):
                few[k, j, i] = line[i] * share


@compiled_inline
def facing(flat: NDArray[np.generic], size: tuple[int, int, int], k: float, j: float, i: float, eye: _Floats) -> float:
    """Cosine between the gradient at a sample and the eye, either way round; 1 without one.

    The gradient is taken from the four corners of a tetrahedron about the sample, two thirds of the reading that
    central differences need. ``eye`` are the direction to the eye along the axes (k, j, i), then the reciprocals of
    the spacings.
    """
    row, layer = size[2], size[1] * size[2]
    above, below = min(k + APART, size[0] - FACE), max(k - APART, 0.0)
    back, front = min(j + APART, size[1] - FACE), max(j - APART, 0.0)
    right, left = min(i + APART, size[2] - FACE), max(i - APART, 0.0)
    a = linear_inside(flat, row, layer, above, back, right)
    b = linear_inside(flat, row, layer, above, front, left)
    c = linear_inside(flat, row, layer, below, back, left)
    d = linear_inside(flat, row, layer, below, front, right)
    along_k, along_j, along_i = (a + b - c - d) * eye[3], (a - b + c - d) * eye[4], (a - b - c + d) * eye[5]
    length = np.sqrt(along_k * along_k + along_j * along_j + along_i * along_i)
    if length < 1e-6:
        return 1.0
    return abs(along_k * eye[0] + along_j * eye[1] + along_i * eye[2]) / length


@compiled
def ends_of_ray(
    origin: tuple[float, float, float],
    way: tuple[float, float, float],
    size: tuple[int, int, int],
    clip: _Floats,
    limit: float,
) -> tuple[float, float]:
    """Numbers of the first and last sample inside the volume and behind the clipping plane; none when reversed."""
    near, far = -1e9, min(1e9, limit)
    for axis in range(3):
        if abs(way[axis]) < 1e-12:
            if origin[axis] < 0.0 or origin[axis] > size[axis] - FACE:
                return 1.0, 0.0
            continue
        one = -origin[axis] / way[axis]
        other = (size[axis] - FACE - origin[axis]) / way[axis]
        near, far = max(near, min(one, other)), min(far, max(one, other))
    at_start = clip[0] + clip[1] * origin[0] + clip[2] * origin[1] + clip[3] * origin[2]
    per_sample = clip[1] * way[0] + clip[2] * way[1] + clip[3] * way[2]
    if per_sample > 1e-12:
        near = max(near, -at_start / per_sample)
    elif per_sample < -1e-12:
        far = min(far, -at_start / per_sample)
    elif at_start < 0.0:
        return 1.0, 0.0
    # A hair inside the faces, so that rounding leaves no sample outside.
    return np.ceil(near + 1e-6), far - 1e-6


@compiled_inline
def samples_ahead(at: float, way: float, block: int, free: int, step: int) -> float:
    """How many samples until a ray leaves the free blocks along one axis."""
    if way > 1e-12:
        return ((block + free) * step - at) / way
    if way < -1e-12:
        return ((block - free + 1) * step - at) / way
    return 1e9


@compiled_inline
def lit(cosine: float) -> tuple[float, float]:
    """Factor of a sample's own colour, and highlight added to it, under a lamp at the eye."""
    mirrored = max(0.0, 2.0 * cosine * cosine - 1.0)
    fourth = mirrored * mirrored * mirrored * mirrored
    return AMBIENT + DIFFUSE * cosine, SPECULAR * fourth * fourth * fourth


@compiled_inline
def node_at(
    flat: NDArray[np.generic],
    row_stride: int,
    layer_stride: int,
    at: tuple[float, float, float],
    nodes: NDArray[np.int32],
    levels: tuple[float, float],
) -> int:
    """The node of the table of segments that is nearest to the value at a place."""
    value = linear_inside(flat, row_stride, layer_stride, at[0], at[1], at[2])
    entry = int(min(max((value - levels[0]) * levels[1], 0.0), float(nodes.shape[0] - 1)))
    return int(nodes[entry])


@compiled
def along_ray(
    flat: NDArray[np.generic],
    size: tuple[int, int, int],
    origin: tuple[float, float, float],
    way: tuple[float, float, float],
    ends: tuple[float, float],
    leaps: NDArray[np.uint8],
    steps: tuple[int, int, int],
    nodes: NDArray[np.int32],
    table: NDArray[np.float32],
    levels: tuple[float, float],
    eye: _Floats,
    shade: bool,
) -> tuple[float, float, float, float]:
    """Red, green, blue gathered between two samples of one ray, and the opacity."""
    row_stride, layer_stride = size[2], size[1] * size[2]
    block = (1.0 / steps[0], 1.0 / steps[1], 1.0 / steps[2])
    red, green, blue, alpha = 0.0, 0.0, 0.0, 0.0
    number, front = ends[0], -1
    while number <= ends[1] and alpha <= OPAQUE:
        k, j, i = origin[0] + number * way[0], origin[1] + number * way[1], origin[2] + number * way[2]
        b_k, b_j, b_i = int(k * block[0]), int(j * block[1]), int(i * block[2])
        free = int(leaps[b_k, b_j, b_i])
        # The way out of a block that is seen is looked at up to the first sample behind it.
        if free > 0 and front < 0:
            ahead = min(samples_ahead(k, way[0], b_k, free, steps[0]), samples_ahead(j, way[1], b_j, free, steps[1]))
            number += max(1.0, np.ceil(min(ahead, samples_ahead(i, way[2], b_i, free, steps[2]))))
            continue
        if front < 0 and number > ends[0]:
            before = (k - way[0], j - way[1], i - way[2])
            front = node_at(flat, row_stride, layer_stride, before, nodes, levels)
        number += 1.0
        back = node_at(flat, row_stride, layer_stride, (k, j, i), nodes, levels)
        front = back if front < 0 else front
        share = table[front, back, 3] * (1.0 - alpha)
        if share > LEAST_OPACITY:
            light, shine = HAZE_LIGHT if shade else 1.0, 0.0
            if shade and share > SHADED_OPACITY:
                # Lit where most of the segment's opacity lies: on the surface, not behind it.
                short = 1.0 - table[front, back, 4]
                k, j, i = k - short * way[0], j - short * way[1], i - short * way[2]
                light, shine = lit(facing(flat, size, k, j, i, eye))
            red += share * min(1.0, table[front, back, 0] * light + shine)
            green += share * min(1.0, table[front, back, 1] * light + shine)
            blue += share * min(1.0, table[front, back, 2] * light + shine)
            alpha += share
        front = back if free == 0 else -1
    if alpha > OPAQUE:
        return red / alpha, green / alpha, blue / alpha, 1.0
    return red, green, blue, alpha


@compiled
def cast(
    flat: NDArray[np.generic],
    size: tuple[int, int, int],
    rays: _Floats,
    clip: _Floats,
    limits: NDArray[np.float32],
    leaps: NDArray[np.uint8],
    steps: tuple[int, int, int],
    nodes: NDArray[np.int32],
    table: NDArray[np.float32],
    levels: tuple[float, float],
    eye: _Floats,
    shade: bool,
    picture: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Gather light along the rays of the rows `first` to `last`.

    Parameters
    ----------
    flat, size
        The voxels in C order and their number (k, j, i).
    rays
        (4, 3): start, row_step, column_step, ray_step.
    clip
        (4,): samples are seen where ``clip[0] + clip[1:] . kji >= 0``.
    limits
        (rows, columns) number of the last sample before something solid.
    leaps, steps
        Per block of `steps` voxels how many blocks around hold nothing to be seen; 0 is a block to be looked into.
    nodes, levels
        (n,) node of the table per value; the value of the first entry and entries per unit.
    table
        (nodes, nodes, 5) red, green, blue in 0 to 1 and the opacity of a segment between two samples, by the nodes of
        both, and where in between most of it lies. Without what lies between them, opaque surfaces would show the
        distance of the samples as rings.
    eye
        Direction to the eye along the axes (k, j, i), then the reciprocals of the spacings.
    picture
        (rows, columns, 4): light gathered (already weighted), and opacity.
    """
    way = (rays[3, 0], rays[3, 1], rays[3, 2])
    for row in range(first, last):
        for column in range(picture.shape[1]):
            origin = (
                rays[0, 0] + row * rays[1, 0] + column * rays[2, 0],
                rays[0, 1] + row * rays[1, 1] + column * rays[2, 1],
                rays[0, 2] + row * rays[1, 2] + column * rays[2, 2],
            )
            ends = ends_of_ray(origin, way, size, clip, float(limits[row, column]))
            gathered = along_ray(flat, size, origin, way, ends, leaps, steps, nodes, table, levels, eye, shade)
            for channel in range(4):
                picture[row, column, channel] = gathered[channel]


@compiled
def laid_over(
    gathered: NDArray[np.float32],
    step: float,
    behind: NDArray[np.uint8],
    picture: NDArray[np.uint8],
    first: int,
    last: int,
) -> None:
    """Rows of the picture: what the rays gathered, one per `step` pixels, over what is behind, drawn out linearly."""
    rows, columns = gathered.shape[0], gathered.shape[1]
    for row in range(first, last):
        y = min(max((row + 0.5) / step - 0.5, 0.0), rows - 1.0)
        top = int(y)
        low = min(top + 1, rows - 1)
        down = np.float32(y - top)
        for column in range(picture.shape[1]):
            x = min(max((column + 0.5) / step - 0.5, 0.0), columns - 1.0)
            left = int(x)
            right = min(left + 1, columns - 1)
            across = np.float32(x - left)
            alpha = np.float32(0.0)
            for channel in (3, 0, 1, 2):
                a = gathered[top, left, channel]
                b = gathered[low, left, channel]
                a += across * (gathered[top, right, channel] - a)
                b += across * (gathered[low, right, channel] - b)
                value = a + down * (b - a)
                if channel == 3:
                    alpha = value
                else:
                    under = np.float32(behind[row, column, channel]) * (np.float32(1.0) - alpha)
                    picture[row, column, channel] = np.uint8(min(np.float32(255.0), np.float32(255.0) * value + under))
