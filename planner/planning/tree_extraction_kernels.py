"""Compiled walks through the voxels of a vessel mask. Importing this module loads numba.

Only voxels of the mask are visited: they are numbered in C order, and `number` (padded by one unset voxel on every
side, flat) turns a place into its number, -1 outside. Shortest paths are Dijkstra's (see
`planner.imaging.path_kernels`), distances the lower envelope of parabolas (see `planner.imaging.distance_kernels`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline
from planner.imaging.distance_kernels import FAR, lower_envelope
from planner.imaging.path_kernels import drop_first, push, with_room

_CORE = 0.35
"""Of a lumen's depth: a way this near its centreline joins it."""


@compiled
def squared_along(
    number: NDArray[np.int32],
    flat: NDArray[np.int64],
    stride: int,
    spacing: float,
    low_open: NDArray[np.bool_],
    high_open: NDArray[np.bool_],
    squared: NDArray[np.float64],
) -> None:
    """One pass of the squared distance (mm2) to the nearest voxel outside, along one axis, in place.

    A run of set voxels ends at unset ones, except where the image itself ends (`low_open`, `high_open`, per voxel:
    its neighbour on that side lies outside the image).
    """
    size = 64
    heights, result = np.empty(size), np.empty(size)
    places, bounds = np.empty(size, dtype=np.int64), np.empty(size + 1)
    for first in range(flat.shape[0]):
        if number[flat[first] - stride] >= 0:
            continue
        length = 1
        while number[flat[first] + length * stride] >= 0:
            length += 1
        if length + 2 > size:
            size = 2 * (length + 2)
            heights, result = np.empty(size), np.empty(size)
            places, bounds = np.empty(size, dtype=np.int64), np.empty(size + 1)
        last = number[flat[first] + (length - 1) * stride]
        heights[0] = FAR if low_open[first] else 0.0
        heights[length + 1] = FAR if high_open[last] else 0.0
        for step in range(length):
            heights[step + 1] = squared[number[flat[first] + step * stride]]
        lower_envelope(heights[: length + 2], spacing, places, bounds, result)
        for step in range(length):
            squared[number[flat[first] + step * stride]] = min(FAR, result[step + 1])


@compiled
def spread(
    number: NDArray[np.int32],
    flat: NDArray[np.int64],
    offsets: NDArray[np.int64],
    lengths: NDArray[np.float64],
    cost: NDArray[np.float32],
    root: int,
    arrived: NDArray[np.float32],
    before: NDArray[np.int32],
    along: NDArray[np.float32],
) -> None:
    """Cheapest ways from one voxel to all others that hang together with it.

    Fills `arrived` (cost; infinite on entry), `before` (number of the voxel it came from, -1 on entry) and `along`
    (length of the way, mm). A step costs its length times the mean cost at both ends.
    """
    keys, items = np.empty(1 << 14, dtype=np.float32), np.empty(1 << 14, dtype=np.int64)
    arrived[root], along[root] = 0.0, 0.0
    push(keys, items, 0, 0.0, root)
    held = 1
    while held > 0:
        here, reached = items[0], keys[0]
        drop_first(keys, items, held)
        held -= 1
        if reached > arrived[here]:
            continue
        keys, items = with_room(keys, items, held)
        for side in range(offsets.shape[0]):
            there = number[flat[here] + offsets[side]]
            if there < 0:
                continue
            total = np.float32(reached + lengths[side] * 0.5 * (cost[here] + cost[there]))
            if total < arrived[there]:
                arrived[there] = total
                before[there] = here
                along[there] = along[here] + lengths[side]
                push(keys, items, held, float(total), there)
                held += 1


@compiled
def claim(
    number: NDArray[np.int32],
    flat: NDArray[np.int64],
    offsets: NDArray[np.int64],
    places: NDArray[np.float32],
    path: NDArray[np.int64],
    reach: NDArray[np.float32],
    left: NDArray[np.float32],
    owner: NDArray[np.int32],
) -> None:
    """Give the voxels around a path to it: those within `reach` of one of its voxels and joined to it on the way.

    `left` is how much of the reach remains at each voxel (negative where unclaimed), `owner` the path's voxel.
    `places` (n, 3) are positions in mm.
    """
    queue = np.empty(1 << 12, dtype=np.int64)
    held = 0
    for voxel in path:
        if reach[voxel] > left[voxel]:
            left[voxel] = reach[voxel]
            owner[voxel] = voxel
        if held + 1 >= queue.shape[0]:
            larger = np.empty(2 * queue.shape[0], dtype=np.int64)
            larger[:held] = queue[:held]
            queue = larger
        queue[held] = voxel
        held += 1
    first = 0
    while first < held:
        here = queue[first]
        first += 1
        source = owner[here]
        for side in range(offsets.shape[0]):
            there = number[flat[here] + offsets[side]]
            if there < 0:
                continue
            gap = 0.0
            for axis in range(3):
                step = places[there, axis] - places[source, axis]
                gap += step * step
            rest = np.float32(reach[source] - np.sqrt(gap))
            if rest <= 0.0 or rest <= left[there]:
                continue
            left[there] = rest
            owner[there] = source
            if held + 1 >= queue.shape[0]:
                if first > held // 2:
                    queue[: held - first] = queue[first:held].copy()
                    held -= first
                    first = 0
                else:
                    larger = np.empty(2 * queue.shape[0], dtype=np.int64)
                    larger[:held] = queue[:held]
                    queue = larger
            queue[held] = there
            held += 1


@compiled_inline
def runs_beside(places: NDArray[np.float32], depth: NDArray[np.float32], voxel: int, line: int) -> bool:
    """Whether a voxel lies in the core around a centreline's voxel: two equally cheap ways never meet by themselves."""
    gap = 0.0
    for axis in range(3):
        step = places[voxel, axis] - places[line, axis]
        gap += step * step
    return bool(np.sqrt(gap) <= _CORE * depth[line])


@compiled
def branches(
    number: NDArray[np.int32],
    flat: NDArray[np.int64],
    offsets: NDArray[np.int64],
    places: NDArray[np.float32],
    order: NDArray[np.int64],
    before: NDArray[np.int32],
    along: NDArray[np.float32],
    depth: NDArray[np.float32],
    reach: NDArray[np.float32],
    least: NDArray[np.float32],
    widths: float,
    root: int,
    line: NDArray[np.int32],
    left: NDArray[np.float32],
    owner: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Centrelines, farthest tip first, each from the voxel where it leaves an earlier one to its tip.

    A tip counts when the way to it runs on, beyond what earlier ones claimed, for at least `least` mm and `widths`
    times its own depth: a bulge of a wall is no branch.

    Parameters
    ----------
    order
        Voxels by `along`, farthest first.
    depth, reach, least
        Distance to the outside; how far a centreline claims; how far a tip must protrude (mm, per voxel).
    line
        Filled with the number of the branch on its voxels, -1 elsewhere.
    before
        Changed where a branch joins another's line beside which its way would run on.

    Returns
    -------
    The voxels of all branches one after the other, and where each begins (with the end of the last one).
    """
    voxels = np.empty(1 << 14, dtype=np.int64)
    starts = np.empty(1 << 10, dtype=np.int64)
    held, count = 0, 0
    starts[0] = 0
    trace = np.empty(flat.shape[0], dtype=np.int64)
    line[root] = 0
    for tip in order:
        if left[tip] >= 0.0:
            continue
        at, steps, deepest = tip, 0, np.float32(0.0)
        while left[at] < 0.0 and before[at] >= 0:
            trace[steps] = at
            steps += 1
            deepest = max(deepest, depth[at])
            at = before[at]
        deepest = max(deepest, depth[at])
        protrusion = along[tip] - along[at]
        if protrusion < max(least[tip], widths * deepest) and count > 0:
            left[tip] = 0.0
            continue
        while line[at] < 0:
            if left[at] > 0.0 and runs_beside(places, depth, at, owner[at]):
                at = owner[at]
                break
            trace[steps] = at
            steps += 1
            at = before[at]
        trace[steps] = at
        steps += 1
        if steps < 2:
            left[tip] = 0.0
            continue
        if held + steps > voxels.shape[0]:
            larger = np.empty(2 * (held + steps), dtype=np.int64)
            larger[:held] = voxels[:held]
            voxels = larger
        for step in range(steps):
            voxels[held + step] = trace[steps - 1 - step]
            if step > 0:
                line[trace[steps - 1 - step]] = count
                before[trace[steps - 1 - step]] = trace[steps - step]
        claim(number, flat, offsets, places, voxels[held : held + steps].copy(), reach, left, owner)
        held += steps
        count += 1
        if count + 1 >= starts.shape[0]:
            more = np.empty(2 * starts.shape[0], dtype=np.int64)
            more[: count + 1] = starts[: count + 1]
            starts = more
        starts[count] = held
    return voxels[:held].copy(), starts[: count + 1].copy()


@compiled
def followed(before: NDArray[np.int32], owner: NDArray[np.int32], order: NDArray[np.int64]) -> NDArray[np.int32]:
    """(n,): the voxel of a centreline that claimed each voxel, or the first claimed one on its way to the root.

    `order` runs away from the root, so that a voxel's way is known before its own; -1 where there is none.
    """
    found = np.full(before.shape[0], -1, dtype=np.int32)
    for voxel in order:
        if owner[voxel] >= 0:
            found[voxel] = owner[voxel]
        elif before[voxel] >= 0:
            found[voxel] = found[before[voxel]]
    return found


@compiled
def parting(before: NDArray[np.int32], along: NDArray[np.float32], one: int, other: int) -> int:
    """The last voxel that the ways to two voxels of the centrelines share."""
    while one != other:
        if along[one] >= along[other]:
            one = before[one]
        else:
            other = before[other]
    return one


@compiled
def contacts(
    number: NDArray[np.int32],
    flat: NDArray[np.int64],
    offsets: NDArray[np.int64],
    attached: NDArray[np.int32],
    before: NDArray[np.int32],
    depth: NDArray[np.float32],
    along: NDArray[np.float32],
    least_mm: float,
    widths: float,
) -> NDArray[np.int64]:
    """(m, 2) neighbouring voxels that close a loop along the centrelines they are attached to.

    A loop is longer than `least_mm` and `widths` times the depths at both and where their ways part.
    """
    found = np.empty((1 << 10, 2), dtype=np.int64)
    count = 0
    for here in range(flat.shape[0]):
        for side in range(offsets.shape[0] // 2, offsets.shape[0]):
            there = number[flat[here] + offsets[side]]
            if there < 0:
                continue
            one, other = attached[here], attached[there]
            if one < 0 or other < 0 or one == other:
                continue
            shared = parting(before, along, one, other)
            around = along[one] + along[other] - 2.0 * along[shared]
            if around <= least_mm + widths * (depth[one] + depth[other] + depth[shared]):
                continue
            if count == found.shape[0]:
                larger = np.empty((2 * count, 2), dtype=np.int64)
                larger[:count] = found
                found = larger
            found[count, 0], found[count, 1] = here, there
            count += 1
    return found[:count].copy()
