"""Compiled loops of supplied territories. Importing this module loads numba.

The flood is Dijkstra's (Numerische Mathematik 1, 1959) with straight lines of sight kept as long as they stay inside,
after Nash et al., "Theta*: Any-Angle Path Planning on Grids", AAAI 2007: distances are Euclidean where the organ is
convex and go around where it is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline
from planner.imaging.path_kernels import drop_first, push, with_room
from planner.planning.territories_supply import NONE

Floats = NDArray[np.float32]


@compiled_inline
def _gap(spacing: Floats, one_k: float, one_j: float, one_i: float, k: float, j: float, i: float) -> float:
    """Millimetres between two places of the grid."""
    along_k, along_j, along_i = (one_k - k) * spacing[0], (one_j - j) * spacing[1], (one_i - i) * spacing[2]
    return float(np.sqrt(along_k * along_k + along_j * along_j + along_i * along_i))


@compiled
def _in_sight(inside: NDArray[np.uint8], k: float, j: float, i: float, to_k: int, to_j: int, to_i: int) -> bool:
    """Whether the straight way stays inside; its first cell and a half are not asked, a vessel may lie on the rim."""
    longest = max(abs(to_k - k), abs(to_j - j), abs(to_i - i))
    steps = int(np.ceil(2.0 * longest))
    for step in range(3, steps):
        share = step / steps
        at_k, at_j, at_i = k + share * (to_k - k), j + share * (to_j - j), i + share * (to_i - i)
        if inside[int(at_k + 0.5), int(at_j + 0.5), int(at_i + 0.5)] == 0:
            return False
    return True


@compiled
def seed(
    inside: NDArray[np.uint8],
    spacing: Floats,
    places: Floats,
    start: Floats,
    weight: Floats,
    arrived: Floats,
    owner: NDArray[np.int32],
    turn: Floats,
    before: Floats,
) -> None:
    """The cells around every source are reached straight from it; the arrays are those of `flood`."""
    for source in range(places.shape[0]):
        k0, j0, i0 = int(places[source, 0] + 0.5), int(places[source, 1] + 0.5), int(places[source, 2] + 0.5)
        for k in range(max(0, k0 - 1), min(inside.shape[0], k0 + 2)):
            for j in range(max(0, j0 - 1), min(inside.shape[1], j0 + 2)):
                for i in range(max(0, i0 - 1), min(inside.shape[2], i0 + 2)):
                    if inside[k, j, i] == 0:
                        continue
                    gap = _gap(spacing, places[source, 0], places[source, 1], places[source, 2], k, j, i)
                    key = np.float32(start[source] + gap / weight[source])
                    if key < arrived[k, j, i]:
                        arrived[k, j, i], owner[k, j, i], before[k, j, i] = key, source, start[source]
                        for axis in range(3):
                            turn[k, j, i, axis] = places[source, axis]


@compiled
def _step(
    inside: NDArray[np.uint8],
    spacing: Floats,
    weight: Floats,
    arrived: Floats,
    owner: NDArray[np.int32],
    turn: Floats,
    before: Floats,
    cell: tuple[int, int, int],
    to: tuple[int, int, int],
) -> bool:
    """Reach one cell from another: straight from the last turn when that is in sight. Whether this is sooner."""
    k, j, i = cell
    source = owner[k, j, i]
    turn_k, turn_j, turn_i = float(turn[k, j, i, 0]), float(turn[k, j, i, 1]), float(turn[k, j, i, 2])
    since = float(before[k, j, i])
    key = np.float32(since + _gap(spacing, turn_k, turn_j, turn_i, to[0], to[1], to[2]) / weight[source])
    if key >= arrived[to]:
        return False
    if not _in_sight(inside, turn_k, turn_j, turn_i, to[0], to[1], to[2]):
        turn_k, turn_j, turn_i, since = float(k), float(j), float(i), float(arrived[k, j, i])
        key = np.float32(since + _gap(spacing, turn_k, turn_j, turn_i, to[0], to[1], to[2]) / weight[source])
        if key >= arrived[to]:
            return False
    arrived[to], owner[to], before[to] = key, source, since
    turn[to[0], to[1], to[2], 0], turn[to[0], to[1], to[2], 1], turn[to[0], to[1], to[2], 2] = turn_k, turn_j, turn_i
    return True


@compiled
def flood(
    inside: NDArray[np.uint8],
    spacing: Floats,
    weight: Floats,
    arrived: Floats,
    owner: NDArray[np.int32],
    turn: Floats,
    before: Floats,
) -> None:
    """Which source reaches every cell first, from those that `seed` reached.

    Parameters
    ----------
    inside
        (k, j, i) cells of the organ, with an empty cell on every side.
    weight
        (n,) how fast a source goes.
    arrived, owner
        (k, j, i), infinity and -1 where not reached: when, and by which source.
    turn, before
        (k, j, i, 3) and (k, j, i): the last place in sight on its way, in cells, and when that was reached.
    """
    size_j, size_i = inside.shape[1], inside.shape[2]
    flat = arrived.reshape(-1)
    keys, items = np.empty(1 << 16, dtype=np.float32), np.empty(1 << 16, dtype=np.int64)
    held = 0
    for at in np.flatnonzero(np.isfinite(flat)):
        keys, items = with_room(keys, items, held)
        push(keys, items, held, float(flat[at]), int(at))
        held += 1
    while held > 0:
        here, reached = items[0], keys[0]
        drop_first(keys, items, held)
        held -= 1
        if reached > flat[here]:
            continue
        cell = here // (size_j * size_i), (here // size_i) % size_j, here % size_i
        keys, items = with_room(keys, items, held)
        for k in range(cell[0] - 1, cell[0] + 2):
            for j in range(cell[1] - 1, cell[1] + 2):
                for i in range(cell[2] - 1, cell[2] + 2):
                    if inside[k, j, i] == 0 or (k, j, i) == cell:
                        continue
                    if _step(inside, spacing, weight, arrived, owner, turn, before, cell, (k, j, i)):
                        push(keys, items, held, float(arrived[k, j, i]), (k * size_j + j) * size_i + i)
                        held += 1


@compiled
def refine(
    wanted: NDArray[np.bool_],
    cells_from_voxels: NDArray[np.float64],
    spacing: Floats,
    weight: Floats,
    owner: NDArray[np.int32],
    turn: Floats,
    before: Floats,
    orders: NDArray[np.uint16],
    first: int,
    last: int,
) -> None:
    """Owners of voxels on a finer grid, slices [first, last): the soonest among the eight cells around, else `NONE`.

    Parameters
    ----------
    cells_from_voxels
        (3, 4): leads from k, j, i of `wanted` to cells.
    """
    for k in range(first, last):
        for j in range(wanted.shape[1]):
            for i in range(wanted.shape[2]):
                orders[k, j, i] = NONE
                if not wanted[k, j, i]:
                    continue
                m = cells_from_voxels
                at_k = m[0, 0] * k + m[0, 1] * j + m[0, 2] * i + m[0, 3]
                at_j = m[1, 0] * k + m[1, 1] * j + m[1, 2] * i + m[1, 3]
                at_i = m[2, 0] * k + m[2, 1] * j + m[2, 2] * i + m[2, 3]
                best = np.inf
                for ck in range(int(np.floor(at_k)), int(np.floor(at_k)) + 2):
                    for cj in range(int(np.floor(at_j)), int(np.floor(at_j)) + 2):
                        for ci in range(int(np.floor(at_i)), int(np.floor(at_i)) + 2):
                            if not (0 <= ck < owner.shape[0] and 0 <= cj < owner.shape[1] and 0 <= ci < owner.shape[2]):
                                continue
                            source = owner[ck, cj, ci]
                            if source < 0:
                                continue
                            way_k, way_j, way_i = turn[ck, cj, ci, 0], turn[ck, cj, ci, 1], turn[ck, cj, ci, 2]
                            gap = _gap(spacing, way_k, way_j, way_i, at_k, at_j, at_i)
                            key = before[ck, cj, ci] + gap / weight[source]
                            if key < best:
                                best = key
                                orders[k, j, i] = source


@compiled
def spans(orders: NDArray[np.uint16], low: NDArray[np.int32], high: NDArray[np.int32]) -> None:
    """The box of every order number: (n, 3) lowest and highest index, given as very high and as -1."""
    for k in range(orders.shape[0]):
        for j in range(orders.shape[1]):
            for i in range(orders.shape[2]):
                order = orders[k, j, i]
                if order == NONE:
                    continue
                low[order, 0], high[order, 0] = min(low[order, 0], k), max(high[order, 0], k)
                low[order, 1], high[order, 1] = min(low[order, 1], j), max(high[order, 1], j)
                low[order, 2], high[order, 2] = min(low[order, 2], i), max(high[order, 2], i)


@compiled
def between(orders: NDArray[np.uint16], low: int, high: int, found: NDArray[np.bool_], first: int, last: int) -> None:
    """Set `found` where the order number lies in [low, high), slices [first, last)."""
    for k in range(first, last):
        for j in range(orders.shape[1]):
            for i in range(orders.shape[2]):
                found[k, j, i] = low <= orders[k, j, i] < high
