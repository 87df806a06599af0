"""Compiled: normal equations of a match of features, for a field of nodes and for one affine map; and their solution.

Images are (k, j, i, channels) float32 on one axial grid of cubic voxels; a node of the field stands in the middle of
2 x 2 x 2 voxels, and vectors are z, y, x in voxels of the level. Importing this module loads numba.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline
from planner.imaging.registration_feature_kernels import CHANNELS

_Array = NDArray[np.float32]
_Floats = NDArray[np.float64]


@compiled_inline
def _compared(
    fixed: _Array,
    moving: _Array,
    moving_weight: _Array,
    k: int,
    j: int,
    i: int,
    at_k: float,
    at_j: float,
    at_i: float,
    left: _Floats,
    slope: _Floats,
) -> float:
    """left = moving(at) - fixed(k, j, i), slope (3, channels) between both images' slopes; the weight there.

    0 where the place lies at the image's end, and nothing is written then.
    """
    size_k, size_j, size_i = fixed.shape[0], fixed.shape[1], fixed.shape[2]
    if not (1 <= k < size_k - 1 and 1 <= j < size_j - 1 and 1 <= i < size_i - 1):
        return 0.0
    if not (0.0 <= at_k < size_k - 1 and 0.0 <= at_j < size_j - 1 and 0.0 <= at_i < size_i - 1):
        return 0.0
    k0, j0, i0 = int(at_k), int(at_j), int(at_i)
    c, b, a = np.float32(at_k - k0), np.float32(at_j - j0), np.float32(at_i - i0)
    one = np.float32(1.0)
    weight = one
    for dk in range(2):
        for dj in range(2):
            for di in range(2):
                weight = min(weight, moving_weight[k0 + dk, j0 + dj, i0 + di])
    if weight <= 0.0:
        return 0.0
    half = np.float32(0.25)
    for channel in range(CHANNELS):
        v000, v001 = moving[k0, j0, i0, channel], moving[k0, j0, i0 + 1, channel]
        v010, v011 = moving[k0, j0 + 1, i0, channel], moving[k0, j0 + 1, i0 + 1, channel]
        v100, v101 = moving[k0 + 1, j0, i0, channel], moving[k0 + 1, j0, i0 + 1, channel]
        v110, v111 = moving[k0 + 1, j0 + 1, i0, channel], moving[k0 + 1, j0 + 1, i0 + 1, channel]
        x00, x01 = v000 + a * (v001 - v000), v010 + a * (v011 - v010)
        x10, x11 = v100 + a * (v101 - v100), v110 + a * (v111 - v110)
        y0, y1 = x00 + b * (x01 - x00), x10 + b * (x11 - x10)
        left[channel] = y0 + c * (y1 - y0) - fixed[k, j, i, channel]
        along_k = y1 - y0
        along_j = (x01 - x00) + c * ((x11 - x10) - (x01 - x00))
        near = (v001 - v000) + b * ((v011 - v010) - (v001 - v000))
        far = (v101 - v100) + b * ((v111 - v110) - (v101 - v100))
        along_i = near + c * (far - near)
        slope[0, channel] = 0.5 * along_k + half * (fixed[k + 1, j, i, channel] - fixed[k - 1, j, i, channel])
        slope[1, channel] = 0.5 * along_j + half * (fixed[k, j + 1, i, channel] - fixed[k, j - 1, i, channel])
        slope[2, channel] = 0.5 * along_i + half * (fixed[k, j, i + 1, channel] - fixed[k, j, i - 1, channel])
    return float(weight)


@compiled_inline
def _node_value(nodes: _Array, k: int, j: int, i: int, found: _Floats) -> None:
    """Trilinear vector of the nodes at voxel (k, j, i), held at the outermost nodes."""
    size_k, size_j, size_i = nodes.shape[0], nodes.shape[1], nodes.shape[2]
    at_k = min(max(0.5 * k - 0.25, 0.0), size_k - 1.0)
    at_j = min(max(0.5 * j - 0.25, 0.0), size_j - 1.0)
    at_i = min(max(0.5 * i - 0.25, 0.0), size_i - 1.0)
    k0, j0, i0 = int(at_k), int(at_j), int(at_i)
    k1, j1, i1 = min(k0 + 1, size_k - 1), min(j0 + 1, size_j - 1), min(i0 + 1, size_i - 1)
    c, b, a = at_k - k0, at_j - j0, at_i - i0
    for axis in range(3):
        near = (1.0 - b) * ((1.0 - a) * nodes[k0, j0, i0, axis] + a * nodes[k0, j0, i1, axis])
        near += b * ((1.0 - a) * nodes[k0, j1, i0, axis] + a * nodes[k0, j1, i1, axis])
        far = (1.0 - b) * ((1.0 - a) * nodes[k1, j0, i0, axis] + a * nodes[k1, j0, i1, axis])
        far += b * ((1.0 - a) * nodes[k1, j1, i0, axis] + a * nodes[k1, j1, i1, axis])
        found[axis] = (1.0 - c) * near + c * far


@compiled
def field_sums(
    fixed: _Array,
    moving: _Array,
    fixed_weight: _Array,
    moving_weight: _Array,
    nodes: _Array,
    usual: float,
    sums: _Array,
    apart: _Array,
    first: int,
    last: int,
) -> None:
    """Normal equations of every node in layers first..last, from its eight voxels.

    Parameters
    ----------
    usual
        Mean squared difference of features that counts half; what differs much more (what is in one image alone)
        counts almost nothing.
    sums
        (K, J, I, 9): kk, jj, ii, kj, ki, ji of the left side, then k, j, i of the right side.
    apart
        (K, J, I) weighted mean squared difference; -1 where nothing was compared.
    """
    left, slope, shift = np.empty(CHANNELS), np.empty((3, CHANNELS)), np.empty(3)
    for node_k in range(first, last):
        for node_j in range(nodes.shape[1]):
            for node_i in range(nodes.shape[2]):
                for term in range(9):
                    sums[node_k, node_j, node_i, term] = 0.0
                count, squares = 0.0, 0.0
                for part in range(8):
                    k = 2 * node_k + part // 4
                    j = 2 * node_j + (part // 2) % 2
                    i = 2 * node_i + part % 2
                    if k >= fixed.shape[0] or j >= fixed.shape[1] or i >= fixed.shape[2]:
                        continue
                    own = fixed_weight[k, j, i]
                    if own <= 0.0:
                        continue
                    _node_value(nodes, k, j, i, shift)
                    weight = own * _compared(
                        fixed, moving, moving_weight, k, j, i, k + shift[0], j + shift[1], i + shift[2], left, slope
                    )
                    if weight <= 0.0:
                        continue
                    square = 0.0
                    for channel in range(CHANNELS):
                        square += left[channel] * left[channel]
                    square /= CHANNELS
                    count += weight
                    squares += weight * square
                    share = 1.0 / (1.0 + square / usual)
                    weight *= share * share
                    for channel in range(CHANNELS):
                        a, b, c = slope[0, channel], slope[1, channel], slope[2, channel]
                        r = left[channel]
                        sums[node_k, node_j, node_i, 0] += weight * a * a
                        sums[node_k, node_j, node_i, 1] += weight * b * b
                        sums[node_k, node_j, node_i, 2] += weight * c * c
                        sums[node_k, node_j, node_i, 3] += weight * a * b
                        sums[node_k, node_j, node_i, 4] += weight * a * c
                        sums[node_k, node_j, node_i, 5] += weight * b * c
                        sums[node_k, node_j, node_i, 6] += weight * a * r
                        sums[node_k, node_j, node_i, 7] += weight * b * r
                        sums[node_k, node_j, node_i, 8] += weight * c * r
                apart[node_k, node_j, node_i] = squares / count if count > 0.0 else -1.0


@compiled
def relax_inverses(sums: _Array, nodes: _Array, held: float, inverses: _Array, first: int, last: int) -> None:
    """What `relax` needs of every node and does not change between its sweeps, of layers first..last.

    Parameters
    ----------
    held
        Weight of the differences from one neighbour.
    inverses
        (K, J, I, 9): the inverse of the left side (kk, jj, ii, kj, ki, ji), then its right side but for neighbours.
    """
    size_k, size_j, size_i = nodes.shape[0], nodes.shape[1], nodes.shape[2]
    for k in range(first, last):
        for j in range(size_j):
            for i in range(size_i):
                around = (k > 0) + (k < size_k - 1) + (j > 0) + (j < size_j - 1) + (i > 0) + (i < size_i - 1)
                side = held * around + 1e-6
                aa, bb, cc = sums[k, j, i, 0], sums[k, j, i, 1], sums[k, j, i, 2]
                ab, ac, bc = sums[k, j, i, 3], sums[k, j, i, 4], sums[k, j, i, 5]
                x, y, z = nodes[k, j, i, 0], nodes[k, j, i, 1], nodes[k, j, i, 2]
                a, b, c = aa + side, bb + side, cc + side
                share = 1.0 / (a * (b * c - bc * bc) - ab * (ab * c - bc * ac) + ac * (ab * bc - b * ac))
                found = inverses[k, j, i]
                found[0], found[1] = share * (b * c - bc * bc), share * (a * c - ac * ac)
                found[2], found[3] = share * (a * b - ab * ab), share * (bc * ac - ab * c)
                found[4], found[5] = share * (ab * bc - b * ac), share * (ab * ac - a * bc)
                found[6] = aa * x + ab * y + ac * z - sums[k, j, i, 6]
                found[7] = ab * x + bb * y + bc * z - sums[k, j, i, 7]
                found[8] = ac * x + bc * y + cc * z - sums[k, j, i, 8]


@compiled_inline
def _add_neighbour(
    wanted: _Array, nodes: _Array, k: int, j: int, i: int, held: float, viscous: float, right: _Floats
) -> None:
    for axis in range(3):
        right[axis] += held * wanted[k, j, i, axis] - viscous * nodes[k, j, i, axis]


@compiled
def relax(
    inverses: _Array,
    nodes: _Array,
    wanted: _Array,
    stiff: float,
    viscous: float,
    colour: int,
    first: int,
    last: int,
) -> None:
    """One half sweep (nodes whose k + j + i has this parity) of Gauss-Seidel for the new vectors `wanted`.

    Minimised are the matched features' squares, `stiff` times the squared differences of neighbouring vectors, and
    `viscous` times those of neighbouring changes (wanted - nodes).
    """
    size_k, size_j, size_i = nodes.shape[0], nodes.shape[1], nodes.shape[2]
    right, held = np.empty(3), stiff + viscous
    for k in range(first, last):
        for j in range(size_j):
            for i in range((colour + k + j) % 2, size_i, 2):
                around = (k > 0) + (k < size_k - 1) + (j > 0) + (j < size_j - 1) + (i > 0) + (i < size_i - 1)
                for axis in range(3):
                    right[axis] = inverses[k, j, i, 6 + axis] + viscous * around * nodes[k, j, i, axis]
                if k > 0:
                    _add_neighbour(wanted, nodes, k - 1, j, i, held, viscous, right)
                if k < size_k - 1:
                    _add_neighbour(wanted, nodes, k + 1, j, i, held, viscous, right)
                if j > 0:
                    _add_neighbour(wanted, nodes, k, j - 1, i, held, viscous, right)
                if j < size_j - 1:
                    _add_neighbour(wanted, nodes, k, j + 1, i, held, viscous, right)
                if i > 0:
                    _add_neighbour(wanted, nodes, k, j, i - 1, held, viscous, right)
                if i < size_i - 1:
                    _add_neighbour(wanted, nodes, k, j, i + 1, held, viscous, right)
                x, y, z = right[0], right[1], right[2]
                kk, jj, ii = inverses[k, j, i, 0], inverses[k, j, i, 1], inverses[k, j, i, 2]
                kj, ki, ji = inverses[k, j, i, 3], inverses[k, j, i, 4], inverses[k, j, i, 5]
                wanted[k, j, i, 0] = kk * x + kj * y + ki * z
                wanted[k, j, i, 1] = kj * x + jj * y + ji * z
                wanted[k, j, i, 2] = ki * x + ji * y + ii * z


@compiled
def affine_sums(
    fixed: _Array,
    moving: _Array,
    fixed_weight: _Array,
    moving_weight: _Array,
    step: int,
    there: _Floats,
    middle: _Floats,
    radius: float,
    usual: float,
    left_side: _Floats,
    right_side: _Floats,
    totals: _Floats,
    first: int,
    last: int,
) -> None:
    """Normal equations of a small affine change, from every `step`-th voxel of layers first..last.

    Parameters
    ----------
    there
        (3, 4): voxel (k, j, i) of the fixed image to the place in the moving one.
    middle, radius
        Coordinates are taken from this voxel in this unit, so that all unknowns weigh alike.
    left_side, right_side, totals
        (layers, 12, 12), (layers, 12) and (layers, 3) by layer: unknowns 3 * axis of place + 0..2 for slopes along
        k, j, i, and 9 + axis for the shift (voxels); totals: compared weight, weight asked for, squared difference.
    """
    left, slope, pull, tensor = np.empty(CHANNELS), np.empty((3, CHANNELS)), np.empty(3), np.empty((3, 3))
    # The fourth place stands for the shift.
    arm = np.ones(4)
    for k in range(first, last):
        if k % step:
            continue
        for j in range(0, fixed.shape[1], step):
            for i in range(0, fixed.shape[2], step):
                own = fixed_weight[k, j, i]
                if own <= 0.0:
                    continue
                totals[k, 1] += own
                at_k = there[0, 0] * k + there[0, 1] * j + there[0, 2] * i + there[0, 3]
                at_j = there[1, 0] * k + there[1, 1] * j + there[1, 2] * i + there[1, 3]
                at_i = there[2, 0] * k + there[2, 1] * j + there[2, 2] * i + there[2, 3]
                weight = own * _compared(fixed, moving, moving_weight, k, j, i, at_k, at_j, at_i, left, slope)
                if weight <= 0.0:
                    continue
                square = 0.0
                for channel in range(CHANNELS):
                    square += left[channel] * left[channel]
                square /= CHANNELS
                totals[k, 0] += weight
                totals[k, 2] += weight * square / (1.0 + square / usual)
                share = 1.0 / (1.0 + square / usual)
                weight *= share * share
                arm[0], arm[1], arm[2] = (k - middle[0]) / radius, (j - middle[1]) / radius, (i - middle[2]) / radius
                for axis in range(3):
                    pull[axis] = 0.0
                    for other in range(3):
                        tensor[axis, other] = 0.0
                for channel in range(CHANNELS):
                    for axis in range(3):
                        pull[axis] += weight * slope[axis, channel] * left[channel]
                        for other in range(axis, 3):
                            tensor[axis, other] += weight * slope[axis, channel] * slope[other, channel]
                tensor[1, 0], tensor[2, 0], tensor[2, 1] = tensor[0, 1], tensor[0, 2], tensor[1, 2]
                for place in range(4):
                    for axis in range(3):
                        right_side[k, 3 * place + axis] += arm[place] * pull[axis]
                        for again in range(place, 4):
                            for other in range(3):
                                left_side[k, 3 * place + axis, 3 * again + other] += (
                                    arm[place] * arm[again] * tensor[axis, other]
                                )
