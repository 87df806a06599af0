"""Compiled inner loops of `planner.phantom.course_motion`. Importing this module loads numba.

Controls are (z, y, x, 3) coefficients of a cubic B-spline, in mm along LPS x, y, z; control ``[0, 0, 0]`` stands at
`low` (x, y, z) and its neighbours `spacing` mm on. Beyond the lattice the outermost value is held. Kernels release
the interpreter lock.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

_Floats = NDArray[np.float64]


@compiled_inline
def taps(place: float, count: int, weights: _Floats) -> int:
    """Fill in the four weights at a place counted in controls; the first control they belong to."""
    held = min(max(place, 1.0), count - 2.0)
    cell = min(int(np.floor(held)), count - 3)
    t = held - cell
    s = 1.0 - t
    weights[0] = s * s * s / 6.0
    weights[1] = (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0
    weights[2] = (3.0 * s * s * s - 6.0 * s * s + 4.0) / 6.0
    weights[3] = t * t * t / 6.0
    return cell - 1


@compiled
def _value(controls: _Floats, low: _Floats, spacing: float, x: float, y: float, z: float, out: _Floats) -> None:
    wx, wy, wz = np.empty(4), np.empty(4), np.empty(4)
    i = taps((x - low[0]) / spacing, controls.shape[2], wx)
    j = taps((y - low[1]) / spacing, controls.shape[1], wy)
    k = taps((z - low[2]) / spacing, controls.shape[0], wz)
    out[:] = 0.0
    for c in range(4):
        for b in range(4):
            share = wz[c] * wy[b]
            for a in range(4):
                weight = share * wx[a]
                for axis in range(3):
                    out[axis] += weight * controls[k + c, j + b, i + a, axis]


@compiled
def displacements(controls: _Floats, low: _Floats, spacing: float, points: _Floats, out: _Floats) -> None:
    """Spline values (n, 3) at points (n, 3)."""
    for n in range(len(points)):
        _value(controls, low, spacing, points[n, 0], points[n, 1], points[n, 2], out[n])


@compiled
def undisplaced(
    controls: _Floats, low: _Floats, spacing: float, points: _Floats, out: _Floats, tolerance_mm: float, most: int
) -> float:
    """Points (n, 3) `out` with ``out + value(out) = points``, by fixed-point iteration; the largest last step, mm."""
    value = np.empty(3)
    worst = 0.0
    for n in range(len(points)):
        for axis in range(3):
            out[n, axis] = points[n, axis]
        step = 0.0
        for _ in range(most):
            _value(controls, low, spacing, out[n, 0], out[n, 1], out[n, 2], value)
            step = 0.0
            for axis in range(3):
                wanted = points[n, axis] - value[axis]
                step = max(step, abs(wanted - out[n, axis]))
                out[n, axis] = wanted
            if step < tolerance_mm:
                break
        worst = max(worst, step)
    return worst


@compiled
def _line_of(controls: _Floats, k: int, j: int, weights_z: _Floats, weights_y: _Floats, line: _Floats) -> None:
    """The controls along x, once y and z are settled."""
    line[:] = 0.0
    for c in range(4):
        for b in range(4):
            share = weights_z[c] * weights_y[b]
            for a in range(line.shape[0]):
                for axis in range(3):
                    line[a, axis] += share * controls[k + c, j + b, a, axis]


@compiled_inline
def _sampled(voxels: NDArray[np.float32], k: float, j: float, i: float, values: NDArray[np.float32]) -> None:
    """Trilinear values (n,) of n pictures (n, k, j, i) at a place between their outermost voxel centres."""
    k0, j0, i0 = int(k), int(j), int(i)
    k1, j1, i1 = min(k0 + 1, voxels.shape[1] - 1), min(j0 + 1, voxels.shape[2] - 1), min(i0 + 1, voxels.shape[3] - 1)
    tk, tj, ti = np.float32(k - k0), np.float32(j - j0), np.float32(i - i0)
    for n in range(values.shape[0]):
        v = voxels[n]
        p = v[k0, j0, i0] + ti * (v[k0, j0, i1] - v[k0, j0, i0])
        q = v[k0, j1, i0] + ti * (v[k0, j1, i1] - v[k0, j1, i0])
        r = v[k1, j0, i0] + ti * (v[k1, j0, i1] - v[k1, j0, i0])
        s = v[k1, j1, i0] + ti * (v[k1, j1, i1] - v[k1, j1, i0])
        p += tj * (q - p)
        r += tj * (s - r)
        values[n] = p + tk * (r - p)


@compiled
def warp(
    voxels: NDArray[np.float32],
    labels: NDArray[np.uint8],
    source_kji_from_lps: _Floats,
    origin: _Floats,
    steps: _Floats,
    controls: _Floats,
    low: _Floats,
    spacing: float,
    images: NDArray[np.float32],
    label_image: NDArray[np.uint8],
    first: int,
    last: int,
) -> None:
    """Slices `first` to `last` of images on an axial grid: each voxel at p takes what lies at ``p + value(p)``.

    Parameters
    ----------
    voxels, images
        (n, k, j, i): n pictures of one grid, trilinear. Beyond the voxels the outermost are held.
    labels, label_image
        (k, j, i) by the nearest voxel; of no size where there are none.
    source_kji_from_lps, origin, steps
        (3, 4), the rigid part included; of the images' voxels along LPS x, y, z.
    """
    m = source_kji_from_lps
    top_k, top_j, top_i = voxels.shape[1] - 1.0, voxels.shape[2] - 1.0, voxels.shape[3] - 1.0
    row, wx, wy, wz = np.empty((controls.shape[2], 3)), np.empty(4), np.empty(4), np.empty(4)
    for k in range(first, last):
        z = origin[2] + k * steps[2]
        ck = taps((z - low[2]) / spacing, controls.shape[0], wz)
        for j in range(images.shape[2]):
            y = origin[1] + j * steps[1]
            cj = taps((y - low[1]) / spacing, controls.shape[1], wy)
            _line_of(controls, ck, cj, wz, wy, row)
            for i in range(images.shape[3]):
                px, py, pz = origin[0] + i * steps[0], y, z
                ci = taps((px - low[0]) / spacing, controls.shape[2], wx)
                for a in range(4):
                    px += wx[a] * row[ci + a, 0]
                    py += wx[a] * row[ci + a, 1]
                    pz += wx[a] * row[ci + a, 2]
                sk = min(max(m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3], 0.0), top_k)
                sj = min(max(m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3], 0.0), top_j)
                si = min(max(m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3], 0.0), top_i)
                _sampled(voxels, sk, sj, si, images[:, k, j, i])
                if labels.size > 0:
                    label_image[k, j, i] = labels[int(sk + 0.5), int(sj + 0.5), int(si + 0.5)]
