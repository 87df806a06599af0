"""Compiled inner loops of coverage: deciding by subdivision, sampling, and placing equal zones. Loads numba.

Zones come as centres (n, 3) and quadrics (n, 3, 3) in the index space of the field (k, j, i). An ellipsoid and the
image of a box are convex: the box lies inside when its eight corners do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled

Floats = NDArray[np.float64]

COVERED, UNCOVERED, UNDECIDED = 0, 1, 2


@compiled
def trilinear(field: NDArray[np.float32], k: int, j: int, i: int, at_k: float, at_j: float, at_i: float) -> float:
    """The field inside the cell whose lowest corner is (k, j, i), at fractions of its edges."""
    low = (field[k, j, i] * (1.0 - at_i) + field[k, j, i + 1] * at_i) * (1.0 - at_j) + (
        field[k, j + 1, i] * (1.0 - at_i) + field[k, j + 1, i + 1] * at_i
    ) * at_j
    high = (field[k + 1, j, i] * (1.0 - at_i) + field[k + 1, j, i + 1] * at_i) * (1.0 - at_j) + (
        field[k + 1, j + 1, i] * (1.0 - at_i) + field[k + 1, j + 1, i + 1] * at_i
    ) * at_j
    return float(low * (1.0 - at_k) + high * at_k)


@compiled
def level_at(centres: Floats, quadrics: Floats, zone: int, k: float, j: float, i: float) -> float:
    """Squared level of one zone at an index: 1 on its surface."""
    a, b, c = k - centres[zone, 0], j - centres[zone, 1], i - centres[zone, 2]
    q = quadrics[zone]
    return float(
        q[0, 0] * a * a
        + q[1, 1] * b * b
        + q[2, 2] * c * c
        + 2.0 * (q[0, 1] * a * b + q[0, 2] * a * c + q[1, 2] * b * c)
    )


@compiled
def in_any(centres: Floats, quadrics: Floats, k: float, j: float, i: float) -> bool:
    found = False
    for zone in range(centres.shape[0]):
        if level_at(centres, quadrics, zone, k, j, i) <= 1.0:
            found = True
            break
    return found


@compiled
def box_in_one(centres: Floats, quadrics: Floats, low: Floats, edge: float, first: int) -> int:
    """The zone that holds a cube of index space whole, trying `first` before the others; -1 for none."""
    for turn in range(centres.shape[0]):
        zone = int((first + turn) % centres.shape[0])
        inside = True
        for corner in range(8):
            k = low[0] + (edge if corner & 4 else 0.0)
            j = low[1] + (edge if corner & 2 else 0.0)
            i = low[2] + (edge if corner & 1 else 0.0)
            if level_at(centres, quadrics, zone, k, j, i) > 1.0:
                inside = False
                break
        if inside:
            return zone
    return -1


@compiled
def decide_cell(
    field: NDArray[np.float32],
    cell: NDArray[np.int64],
    margin: float,
    centres: Floats,
    quadrics: Floats,
    first: int,
    deepest: int,
    budget: int,
    witness: Floats,
) -> tuple[int, int]:
    """One cell of the field: (COVERED, UNCOVERED or UNDECIDED, boxes looked at).

    Inside a cell the field is trilinear, and so it is on every box cut out of it: its smallest value lies at a corner
    of the box. `witness` receives an index inside the target and outside every zone.
    """
    stack = np.empty((8 * (deepest + 1), 4))
    stack[0, :3], stack[0, 3] = 0.0, 0.0
    held, looked, undecided = 1, 0, False
    low = np.empty(3)
    while held > 0:
        held -= 1
        depth = int(stack[held, 3])
        at_k, at_j, at_i = stack[held, 0], stack[held, 1], stack[held, 2]
        edge = 0.5**depth
        looked += 1
        smallest = np.inf
        for corner in range(8):
            in_k = at_k + (edge if corner & 4 else 0.0)
            in_j = at_j + (edge if corner & 2 else 0.0)
            in_i = at_i + (edge if corner & 1 else 0.0)
            value = trilinear(field, cell[0], cell[1], cell[2], in_k, in_j, in_i)
            smallest = min(smallest, value)
            if value <= margin and not in_any(centres, quadrics, cell[0] + in_k, cell[1] + in_j, cell[2] + in_i):
                witness[0], witness[1], witness[2] = cell[0] + in_k, cell[1] + in_j, cell[2] + in_i
                return UNCOVERED, looked
        if smallest > margin:
            continue
        low[0], low[1], low[2] = cell[0] + at_k, cell[1] + at_j, cell[2] + at_i
        if box_in_one(centres, quadrics, low, edge, first) >= 0:
            continue
        if depth >= deepest or looked >= budget:
            undecided = True
            if looked >= budget:
                break
            continue
        half = 0.5 * edge
        for part in range(8):
            stack[held, 0] = at_k + (half if part & 4 else 0.0)
            stack[held, 1] = at_j + (half if part & 2 else 0.0)
            stack[held, 2] = at_i + (half if part & 1 else 0.0)
            stack[held, 3] = depth + 1
            held += 1
    return (UNDECIDED if undecided else COVERED), looked


@compiled
def decide_slices(
    field: NDArray[np.float32],
    margin: float,
    centres: Floats,
    quadrics: Floats,
    deepest: int,
    budget: int,
    counts: NDArray[np.int64],
    witnesses: Floats,
    first: int,
    last: int,
) -> None:
    """Every cell of slices first..last. Per slice, `counts` receives covered, uncovered and undecided cells, and
    `witnesses` (slices, most, 3) places that no zone holds."""
    cell, low, witness = np.empty(3, dtype=np.int64), np.empty(3), np.empty(3)
    most = witnesses.shape[1]
    for k in range(first, last):
        used = 0
        zone = 0
        for j in range(field.shape[1] - 1):
            for i in range(field.shape[2] - 1):
                smallest = np.inf
                for corner in range(8):
                    value = field[k + (corner >> 2), j + ((corner >> 1) & 1), i + (corner & 1)]
                    smallest = min(smallest, value)
                if smallest > margin:
                    continue
                low[0], low[1], low[2] = k, j, i
                found = box_in_one(centres, quadrics, low, 1.0, zone)
                if found >= 0:
                    zone = found
                    counts[k, COVERED] += 1
                    continue
                cell[0], cell[1], cell[2] = k, j, i
                answer, looked = decide_cell(
                    field, cell, margin, centres, quadrics, zone, deepest, max(64, budget - used), witness
                )
                used += looked
                if answer == UNCOVERED and counts[k, UNCOVERED] < most:
                    witnesses[k, counts[k, UNCOVERED]] = witness
                counts[k, answer] += 1


@compiled
def sample_slices(
    field: NDArray[np.float32],
    margin: float,
    centres: Floats,
    quadrics: Floats,
    counts: NDArray[np.int64],
    first: int,
    last: int,
) -> None:
    """Two samples along each edge of every cell: per slice, `counts` receives samples in the target with its margin,
    those of them in a zone, samples in the target itself, and those of them in a zone."""
    for k in range(first, last):
        for j in range(field.shape[1] - 1):
            for i in range(field.shape[2] - 1):
                for part in range(8):
                    at_k = 0.75 if part & 4 else 0.25
                    at_j = 0.75 if part & 2 else 0.25
                    at_i = 0.75 if part & 1 else 0.25
                    value = trilinear(field, k, j, i, at_k, at_j, at_i)
                    if value > margin:
                        continue
                    inside = in_any(centres, quadrics, k + at_k, j + at_j, i + at_i)
                    counts[k, 0] += 1
                    counts[k, 2] += 1 if value <= 0.0 else 0
                    if inside:
                        counts[k, 1] += 1
                        counts[k, 3] += 1 if value <= 0.0 else 0


@compiled
def collateral_slices(
    field: NDArray[np.float32],
    margin: float,
    start: Floats,
    steps: Floats,
    size: NDArray[np.int64],
    centres: Floats,
    quadrics: Floats,
    counts: NDArray[np.int64],
    first: int,
    last: int,
) -> None:
    """Samples of a lattice that lie in a zone (column 0), and those of them outside target and margin (column 1).

    `start` and the columns of `steps` (3, 3) are the lattice in the field's index space.
    """
    for a in range(first, last):
        for b in range(size[1]):
            for c in range(size[2]):
                k = start[0] + steps[0, 0] * a + steps[0, 1] * b + steps[0, 2] * c
                j = start[1] + steps[1, 0] * a + steps[1, 1] * b + steps[1, 2] * c
                i = start[2] + steps[2, 0] * a + steps[2, 1] * b + steps[2, 2] * c
                if not in_any(centres, quadrics, k, j, i):
                    continue
                counts[a, 0] += 1
                low_k, low_j, low_i = int(np.floor(k)), int(np.floor(j)), int(np.floor(i))
                beyond = (
                    low_k < 0
                    or low_j < 0
                    or low_i < 0
                    or low_k + 1 >= field.shape[0]
                    or low_j + 1 >= field.shape[1]
                    or low_i + 1 >= field.shape[2]
                )
                if beyond or trilinear(field, low_k, low_j, low_i, k - low_k, j - low_j, i - low_i) > margin:
                    counts[a, 1] += 1
