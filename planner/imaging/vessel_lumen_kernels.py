"""Compiled loops of `planner.imaging.vessel_lumen`. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled

TUBE, STRONG, WIDE, BARRED, TAKEN, DENSE = 1, 2, 4, 8, 16, 32
"""Bits of a voxel's state: like a thin vessel, clearly so, as bright as the lumen, bone or organ, part of the lumen,
as dense as calcium."""
BONE_NEAR, ORGAN, SURE = 1, 2, 4
"""Bits of the surroundings: beside bone, in an organ as bright as blood, in the aorta and so never barred."""


@compiled
def judge(
    values: NDArray[np.generic],
    answer: NDArray[np.float32],
    around: NDArray[np.uint8],
    levels: NDArray[np.float32],
    state: NDArray[np.uint8],
    first: int,
    last: int,
) -> None:
    """State of each voxel in slices first..last.

    Parameters
    ----------
    answer
        Of vesselness, 1 where a tube is just told from noise.
    around
        Bits of the surroundings.
    levels
        Dimmest thin vessel, dimmest wide vessel (HU), how much `answer` a clear tube has, how much one needs for each
        HU above the dimmest, and the HU of calcium.
    """
    dim, bright, clear, share, dense = levels[0], levels[1], levels[2], levels[3], levels[4]
    size_k, size_j, size_i = state.shape
    for k in range(first, last):
        for j in range(size_j):
            for i in range(size_i):
                bits = around[k, j, i]
                value = np.float32(values[k, j, i])
                found = 0
                if value > dense:
                    found = DENSE
                if bits & (BONE_NEAR | ORGAN) and (found or not bits & SURE):
                    found |= BARRED
                elif not found:
                    if value > bright:
                        found = WIDE
                    like = answer[k, j, i]
                    if value > dim and like >= np.float32(1.0) and like >= share * (value - dim):
                        found |= TUBE
                        if like >= clear:
                            found |= STRONG
                state[k, j, i] = found


@compiled
def flood(
    state: NDArray[np.uint8], seeds: NDArray[np.int64], reach: NDArray[np.int64], most_weak: int
) -> NDArray[np.int64]:
    """Take all vessel voxels joined to the seeds (26 neighbours), and across small gaps what is clearly a vessel.

    Parameters
    ----------
    seeds
        Flat indices.
    reach
        (3,) half size of the block in which a gap is crossed, in voxels.
    most_weak
        How many voxels in a row may be no more than like a thin vessel.

    Returns
    -------
    The flat indices taken, in order.
    """
    size_k, size_j, size_i = state.shape
    flat = state.reshape(-1)
    taken = np.empty(1 << 16, dtype=np.int64)
    weak = np.zeros(1 << 16, dtype=np.uint8)
    held = 0
    for seed in seeds:
        if not flat[seed] & TAKEN:
            flat[seed] |= TAKEN
            taken[held] = seed
            held += 1
    at = 0
    while at < held:
        here, run = taken[at], weak[at]
        at += 1
        i = here % size_i
        j = (here // size_i) % size_j
        k = here // (size_i * size_j)
        # Wide vessels need no leaps; from thin ones a few voxels lost in the noise are crossed.
        far = (flat[here] & STRONG) and not (flat[here] & WIDE)
        rk, rj, ri = (reach[0], reach[1], reach[2]) if far else (1, 1, 1)
        for nk in range(max(k - rk, 0), min(k + rk + 1, size_k)):
            for nj in range(max(j - rj, 0), min(j + rj + 1, size_j)):
                for ni in range(max(i - ri, 0), min(i + ri + 1, size_i)):
                    there = (nk * size_j + nj) * size_i + ni
                    bits = flat[there]
                    if bits & (TAKEN | BARRED) or not bits & (WIDE | TUBE):
                        continue
                    clear = bits & (WIDE | STRONG) != 0
                    near = abs(nk - k) <= 1 and abs(nj - j) <= 1 and abs(ni - i) <= 1
                    if not clear and (not near or run >= most_weak):
                        continue
                    flat[there] |= TAKEN
                    if held == len(taken):
                        more = np.empty(2 * held, dtype=np.int64)
                        more[:held] = taken
                        taken = more
                        longer = np.empty(2 * held, dtype=np.uint8)
                        longer[:held] = weak
                        weak = longer
                    taken[held] = there
                    weak[held] = 0 if clear else run + 1
                    held += 1
    return taken[:held]


@compiled
def dense_body(state: NDArray[np.uint8], seed: int, body: NDArray[np.int64]) -> tuple[NDArray[np.int64], int, int]:
    """Gather a dense body, clearing its bits: its flat indices, how many they are, and how many lie beside bone."""
    size_k, size_j, size_i = state.shape
    flat = state.reshape(-1)
    flat[seed] &= ~DENSE
    body[0] = seed
    held, at, bony = 1, 0, 0
    while at < held:
        here = body[at]
        at += 1
        bony += 1 if flat[here] & BARRED else 0
        i = here % size_i
        j = (here // size_i) % size_j
        k = here // (size_i * size_j)
        if held + 27 > len(body):
            more = np.empty(2 * len(body), dtype=np.int64)
            more[:held] = body[:held]
            body = more
        for nk in range(max(k - 1, 0), min(k + 2, size_k)):
            for nj in range(max(j - 1, 0), min(j + 2, size_j)):
                for ni in range(max(i - 1, 0), min(i + 2, size_i)):
                    there = (nk * size_j + nj) * size_i + ni
                    if flat[there] & DENSE:
                        flat[there] &= ~DENSE
                        body[held] = there
                        held += 1
    return body, held, bony


@compiled
def plaques(
    state: NDArray[np.uint8], taken: NDArray[np.int64], reach: NDArray[np.int64], most: int
) -> NDArray[np.int64]:
    """Flat indices of small dense bodies beside a lumen that hardly touch bone.

    Parameters
    ----------
    reach
        (3,) how far from the lumen they may begin, in voxels.
    most
        Voxels of the largest.
    """
    size_k, size_j, size_i = state.shape
    flat = state.reshape(-1)
    found = np.empty(1 << 12, dtype=np.int64)
    held = 0
    body = np.empty(1 << 10, dtype=np.int64)
    for at in range(len(taken)):
        i = taken[at] % size_i
        j = (taken[at] // size_i) % size_j
        k = taken[at] // (size_i * size_j)
        for sk in range(max(k - reach[0], 0), min(k + reach[0] + 1, size_k)):
            for sj in range(max(j - reach[1], 0), min(j + reach[1] + 1, size_j)):
                for si in range(max(i - reach[2], 0), min(i + reach[2] + 1, size_i)):
                    seed = (sk * size_j + sj) * size_i + si
                    if not flat[seed] & DENSE:
                        continue
                    body, count, bony = dense_body(state, seed, body)
                    if count > most or bony > count // 5:
                        continue
                    while held + count > len(found):
                        more = np.empty(2 * len(found), dtype=np.int64)
                        more[:held] = found[:held]
                        found = more
                    found[held : held + count] = body[:count]
                    held += count
    return found[:held]


@compiled
def grow_to_wall(
    values: NDArray[np.generic],
    background: NDArray[np.int16],
    state: NDArray[np.uint8],
    taken: NDArray[np.int64],
    levels: NDArray[np.float32],
    rounds: int,
) -> NDArray[np.int64]:
    """Take the voxels around a lumen that are brighter than half way from what lies around it to its middle.

    Parameters
    ----------
    background
        HU of what lies around, of the size of the image.
    taken
        Flat indices of the lumen found so far.
    levels
        Dimmest thin vessel, dimmest wide vessel, and the blood at the seed, HU.
    rounds
        How many voxels it may grow.

    Returns
    -------
    The flat indices that were added.
    """
    size_k, size_j, size_i = state.shape
    flat = state.reshape(-1)
    flat_values = values.reshape(-1)
    flat_around = background.reshape(-1)
    room = max(1024, 8 * len(taken))
    edge = taken.copy()
    middle = np.empty(len(taken), dtype=np.float32)
    for at in range(len(taken)):
        here = taken[at]
        i = here % size_i
        j = (here // size_i) % size_j
        k = here // (size_i * size_j)
        total = np.float32(flat_values[here])
        for nk in range(max(k - 1, 0), min(k + 2, size_k)):
            for nj in range(max(j - 1, 0), min(j + 2, size_j)):
                for ni in range(max(i - 1, 0), min(i + 2, size_i)):
                    there = (nk * size_j + nj) * size_i + ni
                    if flat[there] & TAKEN and flat_values[there] > total:
                        total = np.float32(flat_values[there])
        middle[at] = min(total, levels[2])
    added = np.empty(room, dtype=np.int64)
    added_middle = np.empty(room, dtype=np.float32)
    count = 0
    start = 0
    for _ in range(rounds):
        for at in range(len(edge)):
            here = edge[at]
            i = here % size_i
            j = (here // size_i) % size_j
            k = here // (size_i * size_j)
            half = np.float32(0.5) * (middle[at] + np.float32(min(flat_around[here], middle[at])))
            # Fat and soft tissue lie mixed around: beside a thin vessel the level of soft tissue is the safe one.
            share = np.float32(0.3) if middle[at] > levels[1] else np.float32(0.5)
            half = max(half, levels[0] + share * (middle[at] - levels[0]))
            for nk in range(max(k - 1, 0), min(k + 2, size_k)):
                for nj in range(max(j - 1, 0), min(j + 2, size_j)):
                    for ni in range(max(i - 1, 0), min(i + 2, size_i)):
                        there = (nk * size_j + nj) * size_i + ni
                        if flat[there] & (TAKEN | BARRED) or flat_values[there] <= half or count >= room:
                            continue
                        flat[there] |= TAKEN
                        added[count], added_middle[count] = there, middle[at]
                        count += 1
        edge, middle = added[start:count].copy(), added_middle[start:count].copy()
        start = count
    return added[:count]
