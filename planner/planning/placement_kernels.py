"""Compiled inner loops that place equal zones: smallest enclosing balls, and groups of points around centres.

Space is stretched so that every zone is a ball of radius 1. Loads numba.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@compiled
def circumscribed(points: Floats, count: int, ball: Floats) -> bool:
    """The smallest ball with 1 to 4 points on its surface, as (x, y, z, squared radius); False when they are flat."""
    gram, right = np.zeros((3, 3)), np.zeros(3)
    free = count - 1
    for a in range(free):
        for b in range(free):
            total = 0.0
            for axis in range(3):
                total += (points[a + 1, axis] - points[0, axis]) * (points[b + 1, axis] - points[0, axis])
            gram[a, b] = total
        right[a] = 0.5 * gram[a, a]
    for a in range(free):
        pivot = a
        for b in range(a + 1, free):
            if abs(gram[b, a]) > abs(gram[pivot, a]):
                pivot = b
        if abs(gram[pivot, a]) < 1e-12:
            return False
        for b in range(free):
            gram[a, b], gram[pivot, b] = gram[pivot, b], gram[a, b]
        right[a], right[pivot] = right[pivot], right[a]
        for b in range(a + 1, free):
            share = gram[b, a] / gram[a, a]
            for c in range(a, free):
                gram[b, c] -= share * gram[a, c]
            right[b] -= share * right[a]
    for a in range(free - 1, -1, -1):
        for b in range(a + 1, free):
            right[a] -= gram[a, b] * right[b]
        right[a] /= gram[a, a]
    squared = 0.0
    for axis in range(3):
        shift = 0.0
        for a in range(free):
            shift += right[a] * (points[a + 1, axis] - points[0, axis])
        ball[axis] = points[0, axis] + shift
        squared += shift * shift
    ball[3] = squared
    return True


@compiled
def enclosing_ball(points: Floats, members: Integers, count: int, ball: Floats) -> None:
    """The smallest ball around chosen points, as (x, y, z, squared radius).

    The farthest point outside joins the support, and of the subsets that hold it the smallest ball around the whole
    support stays; the radius grows with each turn, so this ends.
    """
    support, chosen, trial = np.empty((5, 3)), np.empty((4, 3)), np.empty(4)
    support[0] = points[members[0]]
    held = 1
    ball[:3], ball[3] = support[0], 0.0
    for _ in range(200):
        farthest, most = -1, ball[3] * (1.0 + 1e-10) + 1e-14
        for at in range(count):
            place = points[members[at]]
            squared = (place[0] - ball[0]) ** 2 + (place[1] - ball[1]) ** 2 + (place[2] - ball[2]) ** 2
            if squared > most:
                farthest, most = members[at], squared
        if farthest < 0:
            return
        support[held] = points[farthest]
        held += 1
        best, best_bits = np.inf, 0
        for bits in range(1, 1 << (held - 1)):
            used = 1
            chosen[0] = support[held - 1]
            for at in range(held - 1):
                if bits & (1 << at):
                    if used < 4:
                        chosen[used] = support[at]
                    used += 1
            if used > 4 or not circumscribed(chosen, used, trial) or trial[3] >= best:
                continue
            inside = True
            for at in range(held):
                gap = 0.0
                for axis in range(3):
                    gap += (support[at, axis] - trial[axis]) ** 2
                if gap > trial[3] * (1.0 + 1e-9) + 1e-13:
                    inside = False
                    break
            if inside:
                best, best_bits = trial[3], bits
                ball[:] = trial
        if best_bits == 0:
            return
        kept = 0
        last = support[held - 1].copy()
        for at in range(held - 1):
            if best_bits & (1 << at):
                support[kept] = support[at]
                kept += 1
        support[kept] = last
        held = kept + 1


@compiled
def allowed(centre: Floats, obstacles: Floats, squared_stretch: Floats) -> bool:
    """Whether a zone centred there keeps away from every obstacle point.

    `obstacles` are points in the stretched space turned so that the shaft runs along the first axis; the two columns
    of `squared_stretch` weigh the squared distance along and across for a zone grown by the distance to keep.
    """
    for at in range(obstacles.shape[0]):
        along = obstacles[at, 0] - centre[0]
        across = (obstacles[at, 1] - centre[1]) ** 2 + (obstacles[at, 2] - centre[2]) ** 2
        if along * along * squared_stretch[at, 0] + across * squared_stretch[at, 1] <= 1.0:
            return False
    return True


@compiled
def farthest_of(points: Floats, members: Integers, count: int, centre: Floats) -> float:
    most = 0.0
    for at in range(count):
        place = points[members[at]]
        squared = (place[0] - centre[0]) ** 2 + (place[1] - centre[1]) ** 2 + (place[2] - centre[2]) ** 2
        most = max(most, squared)
    return most


@compiled
def moved_towards(
    points: Floats, members: Integers, count: int, centre: Floats, ball: Floats, obstacles: Floats, stretch: Floats
) -> None:
    """Move a centre towards the middle of its points as far as the obstacles let it, then feel its way around them."""
    trial = np.empty(3)
    share = 1.0
    for _ in range(6):
        for axis in range(3):
            trial[axis] = centre[axis] + share * (ball[axis] - centre[axis])
        if allowed(trial, obstacles, stretch):
            centre[:] = trial
            break
        share *= 0.5
    if share == 1.0:
        return
    best = farthest_of(points, members, count, centre)
    step = 0.2
    while step > 0.005:
        improved = False
        for face in range(6):
            trial[:] = centre
            trial[face // 2] += step if face % 2 else -step
            reached = farthest_of(points, members, count, trial)
            if reached < best - 1e-9 and allowed(trial, obstacles, stretch):
                centre[:] = trial
                best = reached
                improved = True
        if not improved:
            step *= 0.5


@compiled
def settle(points: Floats, centres: Floats, obstacles: Floats, stretch: Floats, turns: int) -> float:
    """Move centres in place until none of them gets nearer to the farthest of its own points; returns the largest
    distance of any point from its centre (at most 1: all points are covered)."""
    count = centres.shape[0]
    members = np.empty((count, points.shape[0]), dtype=np.int64)
    held = np.empty(count, dtype=np.int64)
    ball = np.empty(4)
    before = np.inf
    worst = np.inf
    for _ in range(turns):
        held[:] = 0
        worst = 0.0
        worst_point = 0
        for at in range(points.shape[0]):
            nearest, least = 0, np.inf
            for zone in range(count):
                squared = 0.0
                for axis in range(3):
                    squared += (points[at, axis] - centres[zone, axis]) ** 2
                if squared < least:
                    nearest, least = zone, squared
            members[nearest, held[nearest]] = at
            held[nearest] += 1
            if least > worst:
                worst, worst_point = least, at
        if worst >= before * (1.0 - 1e-6):
            break
        before = worst
        for zone in range(count):
            if held[zone] == 0:
                if allowed(points[worst_point], obstacles, stretch):
                    centres[zone] = points[worst_point]
                continue
            enclosing_ball(points, members[zone], held[zone], ball)
            moved_towards(points, members[zone], held[zone], centres[zone], ball, obstacles, stretch)
    return float(np.sqrt(worst))


@compiled
def settle_each(points: Floats, starts: Floats, obstacles: Floats, stretch: Floats, turns: int, worst: Floats) -> None:
    """`settle` for each of some starts (starts, zones, 3), in place; `worst` receives what each ends with."""
    for start in range(starts.shape[0]):
        worst[start] = settle(points, starts[start], obstacles, stretch, turns)


@compiled
def allowed_each(centres: Floats, obstacles: Floats, stretch: Floats, free: NDArray[np.bool_]) -> None:
    for at in range(centres.shape[0]):
        free[at] = allowed(centres[at], obstacles, stretch)
