"""Compiled loops of `planner.imaging.vessel_lumen`. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled

TUBE, STRONG, WIDE, BARRED, TAKEN = 1, 2, 4, 8, 16
"""Bits of a voxel's state: like a thin vessel, clearly so, as bright as the lumen, bone or organ, part of the lumen."""
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
        Dimmest thin vessel, dimmest wide vessel (HU), how much `answer` a clear tube has, and how much one needs for
        each HU above the dimmest.
    """
    dim, bright, clear, share = levels[0], levels[1], levels[2], levels[3]
    size_k, size_j, size_i = state.shape
    for k in range(first, last):
        for j in range(size_j):
            for i in range(size_i):
                bits = around[k, j, i]
                found = 0
                if bits & (BONE_NEAR | ORGAN) and not bits & SURE:
                    found = BARRED
                else:
                    value = np.float32(values[k, j, i])
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
    state: NDArray[np.uint8], seeds: NDArray[np.int64], wanted: int, leap: int, reach: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Take all voxels joined to the seeds, and what lies across a gap when it is clearly a vessel.

    Parameters
    ----------
    seeds
        Flat indices.
    wanted
        Bits of which a neighbour (one of 26) needs one.
    leap
        Bits of which a voxel across a gap needs one; 0 for no leaping.
    reach
        (3,) half size of the block in which a gap is crossed, in voxels.

    Returns
    -------
    The flat indices taken, in order.
    """
    size_k, size_j, size_i = state.shape
    flat = state.reshape(-1)
    taken = np.empty(1 << 16, dtype=np.int64)
    held = 0
    for seed in seeds:
        if not flat[seed] & TAKEN:
            flat[seed] |= TAKEN
            taken[held] = seed
            held += 1
    at = 0
    while at < held:
        here = taken[at]
        at += 1
        i = here % size_i
        j = (here // size_i) % size_j
        k = here // (size_i * size_j)
        # Wide vessels need no leaps; from thin ones a few voxels lost in the noise are crossed.
        far = leap != 0 and (flat[here] & STRONG) and not (flat[here] & WIDE)
        rk, rj, ri = (reach[0], reach[1], reach[2]) if far else (1, 1, 1)
        for nk in range(max(k - rk, 0), min(k + rk + 1, size_k)):
            for nj in range(max(j - rj, 0), min(j + rj + 1, size_j)):
                for ni in range(max(i - ri, 0), min(i + ri + 1, size_i)):
                    there = (nk * size_j + nj) * size_i + ni
                    bits = flat[there]
                    if bits & (TAKEN | BARRED):
                        continue
                    near = abs(nk - k) <= 1 and abs(nj - j) <= 1 and abs(ni - i) <= 1
                    if not bits & (wanted if near else leap):
                        continue
                    flat[there] |= TAKEN
                    if held == len(taken):
                        more = np.empty(2 * held, dtype=np.int64)
                        more[:held] = taken
                        taken = more
                    taken[held] = there
                    held += 1
    return taken[:held]


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
