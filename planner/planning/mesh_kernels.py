"""Compiled loops of surfaces: the net over a field's zero level, and the nearest point of a triangle mesh.

Importing this module loads numba.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]


@compiled
def net_vertices(field: NDArray[np.float32], cells: Indices) -> Floats:
    """Number the cells that the zero level crosses (others -1) and place one vertex in each.

    Parameters
    ----------
    field
        (k, j, i); no value is 0, and the outermost layers have one sign.
    cells
        (k - 1, j - 1, i - 1), written.

    Returns
    -------
    (n, 3) indices k, j, i: the mean of the crossings of the cell's edges (Gibson's surface nets, before relaxing).
    """
    size = cells.shape
    count = 0
    for k in range(size[0]):
        for j in range(size[1]):
            for i in range(size[2]):
                set_corners = 0
                for corner in range(8):
                    if field[k + (corner >> 2), j + ((corner >> 1) & 1), i + (corner & 1)] < 0.0:
                        set_corners += 1
                cells[k, j, i] = -1
                if 0 < set_corners < 8:
                    cells[k, j, i] = count
                    count += 1
    vertices = np.zeros((count, 3))
    for k in range(size[0]):
        for j in range(size[1]):
            for i in range(size[2]):
                if cells[k, j, i] >= 0:
                    _place(field, k, j, i, vertices[cells[k, j, i]])
    return vertices


@compiled_inline
def _place(field: NDArray[np.float32], k: int, j: int, i: int, vertex: Floats) -> None:
    crossings = 0
    for corner in range(8):
        a, b, c = corner >> 2, (corner >> 1) & 1, corner & 1
        here = field[k + a, j + b, i + c]
        for axis in range(3):
            d, e, f = a + (axis == 0), b + (axis == 1), c + (axis == 2)
            if d > 1 or e > 1 or f > 1:
                continue
            there = field[k + d, j + e, i + f]
            if (here < 0.0) == (there < 0.0):
                continue
            share = here / (here - there)
            vertex[0] += k + a + share * (d - a)
            vertex[1] += j + b + share * (e - b)
            vertex[2] += i + c + share * (f - c)
            crossings += 1
    for axis in range(3):
        vertex[axis] /= crossings


@compiled
def net_triangles(field: NDArray[np.float32], cells: Indices) -> Indices:
    """Two triangles around every edge between voxels of opposite sides.

    Returns
    -------
    (m, 3) numbers of vertices, their normal (in k, j, i) towards positive values.
    """
    size = field.shape
    count = 0
    for fill in range(2):
        triangles = np.empty((2 * count if fill else 0, 3), dtype=np.int32)
        count = 0
        for k in range(1, size[0] - 1):
            for j in range(1, size[1] - 1):
                for i in range(1, size[2] - 1):
                    here = field[k, j, i] < 0.0
                    for axis in range(3):
                        there = field[k + (axis == 0), j + (axis == 1), i + (axis == 2)] < 0.0
                        if here == there:
                            continue
                        if fill:
                            _quad(cells, k, j, i, axis, here, triangles, 2 * count)
                        count += 1
    return triangles


@compiled_inline
def _quad(cells: Indices, k: int, j: int, i: int, axis: int, outwards: bool, triangles: Indices, row: int) -> None:
    """The four cells around the edge from voxel (k, j, i) along `axis`, in turn."""
    if axis == 0:
        first, second = cells[k, j - 1, i - 1], cells[k, j, i - 1]
        third, fourth = cells[k, j, i], cells[k, j - 1, i]
    elif axis == 1:
        first, second = cells[k - 1, j, i - 1], cells[k - 1, j, i]
        third, fourth = cells[k, j, i], cells[k, j, i - 1]
    else:
        first, second = cells[k - 1, j - 1, i], cells[k, j - 1, i]
        third, fourth = cells[k, j, i], cells[k - 1, j, i]
    if not outwards:
        second, fourth = fourth, second
    triangles[row, 0], triangles[row, 1], triangles[row, 2] = first, second, third
    triangles[row + 1, 0], triangles[row + 1, 1], triangles[row + 1, 2] = first, third, fourth


@compiled
def nearest_on_mesh(
    points: Floats,
    vertices: Floats,
    triangles: Indices,
    starts: Indices,
    around: Indices,
    candidates: NDArray[np.int64],
    distance: Floats,
    first: int,
    last: int,
) -> None:
    """Distance of points first..last to the triangles that meet in their candidate vertices.

    Parameters
    ----------
    starts, around
        Triangles around vertex v: ``around[starts[v]:starts[v + 1]]``.
    candidates
        (points, c) vertices, nearest first.
    """
    for at in range(first, last):
        best = np.inf
        for place in range(candidates.shape[1]):
            vertex = candidates[at, place]
            for entry in range(starts[vertex], starts[vertex + 1]):
                triangle = triangles[around[entry]]
                squared = _squared_to_triangle(
                    points[at], vertices[triangle[0]], vertices[triangle[1]], vertices[triangle[2]]
                )
                best = min(best, squared)
        distance[at] = np.sqrt(best)


@compiled_inline
def _squared_to_segment(p: Floats, a: Floats, b: Floats) -> float:
    along, length = 0.0, 0.0
    for axis in range(3):
        step = b[axis] - a[axis]
        along += (p[axis] - a[axis]) * step
        length += step * step
    share = 0.0 if length <= 0.0 else min(1.0, max(0.0, along / length))
    squared = 0.0
    for axis in range(3):
        gap = p[axis] - a[axis] - share * (b[axis] - a[axis])
        squared += gap * gap
    return squared


@compiled
def _squared_to_triangle(p: Floats, a: Floats, b: Floats, c: Floats) -> float:
    """The foot on the plane when it lies in the triangle, else the nearest of its edges."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = p[0] - a[0], p[1] - a[1], p[2] - a[2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    area = nx * nx + ny * ny + nz * nz
    if area > 1e-18:
        second = ((uy * wz - uz * wy) * nx + (uz * wx - ux * wz) * ny + (ux * wy - uy * wx) * nz) / area
        first = ((wy * vz - wz * vy) * nx + (wz * vx - wx * vz) * ny + (wx * vy - wy * vx) * nz) / area
        if first >= 0.0 and second >= 0.0 and first + second <= 1.0:
            height = wx * nx + wy * ny + wz * nz
            return float(height * height / area)
    return min(_squared_to_segment(p, a, b), min(_squared_to_segment(p, b, c), _squared_to_segment(p, c, a)))
