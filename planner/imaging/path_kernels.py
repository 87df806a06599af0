"""Compiled shortest paths through voxels. Importing this module loads numba.

Dijkstra, "A note on two problems in connexion with graphs", Numerische Mathematik 1 (1959), with a binary heap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline


@compiled_inline
def push(keys: NDArray[np.float32], items: NDArray[np.int64], held: int, key: float, item: int) -> None:
    """Add to a heap of `held` entries."""
    at = held
    while at > 0:
        parent = (at - 1) // 2
        if keys[parent] <= key:
            break
        keys[at], items[at] = keys[parent], items[parent]
        at = parent
    keys[at], items[at] = key, item


@compiled_inline
def drop_first(keys: NDArray[np.float32], items: NDArray[np.int64], held: int) -> None:
    """Remove the smallest of `held` entries."""
    last = held - 1
    key, item = keys[last], items[last]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= last:
            break
        if child + 1 < last and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[at], items[at] = keys[child], items[child]
        at = child
    keys[at], items[at] = key, item


@compiled
def with_room(
    keys: NDArray[np.float32], items: NDArray[np.int64], held: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The same heap, moved to a larger array when the next voxel's neighbours might not fit."""
    if held + 27 < keys.shape[0]:
        return keys, items
    more_keys, more_items = np.empty(2 * keys.shape[0], dtype=np.float32), np.empty(2 * keys.shape[0], dtype=np.int64)
    more_keys[:held], more_items[:held] = keys[:held], items[:held]
    return more_keys, more_items


@compiled
def cheapest(
    cost: NDArray[np.float32],
    values: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    seeds: NDArray[np.int64],
    goal: int,
    spacing: NDArray[np.float64],
    arrived: NDArray[np.float32],
    before: NDArray[np.int32],
) -> bool:
    """Fill `arrived` with the least cost from the seeds (flat indices), `before` with the voxel each came from.

    A step to one of 26 neighbours costs its length (mm) times the mean of `cost` at both ends times one plus the
    squared difference of `values`. Stops at `goal` (a flat index, -1 for none); whether it was reached.
    """
    size_k, size_j, size_i = cost.shape
    flat_cost, flat_values, flat_allowed = cost.reshape(-1), values.reshape(-1), allowed.reshape(-1)
    keys, items = np.empty(1 << 16, dtype=np.float32), np.empty(1 << 16, dtype=np.int64)
    held = 0
    for seed in seeds:
        arrived[seed] = 0.0
        push(keys, items, held, 0.0, seed)
        held += 1
    while held > 0:
        here, reached = items[0], keys[0]
        drop_first(keys, items, held)
        held -= 1
        if reached > arrived[here]:
            continue
        if here == goal:
            return True
        i = here % size_i
        j = (here // size_i) % size_j
        k = here // (size_i * size_j)
        keys, items = with_room(keys, items, held)
        for dk in range(-1, 2):
            for dj in range(-1, 2):
                for di in range(-1, 2):
                    nk, nj, ni = k + dk, j + dj, i + di
                    if not (0 <= nk < size_k and 0 <= nj < size_j and 0 <= ni < size_i):
                        continue
                    there = (nk * size_j + nj) * size_i + ni
                    if there == here or not flat_allowed[there]:
                        continue
                    gap_k, gap_j, gap_i = dk * spacing[0], dj * spacing[1], di * spacing[2]
                    length = np.sqrt(gap_k * gap_k + gap_j * gap_j + gap_i * gap_i)
                    jump = flat_values[there] - flat_values[here]
                    mean = 0.5 * (flat_cost[here] + flat_cost[there])
                    total = np.float32(reached + length * mean * (1.0 + jump * jump))
                    if total < arrived[there]:
                        arrived[there] = total
                        before[there] = here
                        push(keys, items, held, float(total), there)
                        held += 1
    return goal < 0
