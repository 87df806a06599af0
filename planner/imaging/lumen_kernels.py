"""Compiled loops over the cross-sections of a lumen. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled


@compiled
def closed_courses(
    cost: NDArray[np.float32], penalty: float, window: int, chosen: NDArray[np.int32], first: int, last: int
) -> None:
    """For cross-sections `first` to `last`, the closed curve of least cost through a picture of rays.

    Dynamic programming after Bellman (1957), twice around, so that the curve closes: the second turn is kept.

    Parameters
    ----------
    cost
        (n, rays, steps) of ending each ray at each step.
    penalty
        Cost of one step of difference between neighbouring rays.
    window
        Most steps of difference between neighbouring rays.
    chosen
        (n, rays), filled with steps.
    """
    _, rays, steps = cost.shape
    turns = 2 * rays
    before = np.empty((turns, steps), dtype=np.int32)
    total = np.empty(steps, dtype=np.float32)
    further = np.empty(steps, dtype=np.float32)
    for section in range(first, last):
        for step in range(steps):
            total[step] = cost[section, 0, step]
            before[0, step] = step
        for turn in range(1, turns):
            ray = turn % rays
            for step in range(steps):
                best, at = np.float32(np.inf), step
                low, high = max(0, step - window), min(steps, step + window + 1)
                for other in range(low, high):
                    candidate = total[other] + np.float32(penalty * abs(other - step))
                    if candidate < best:
                        best, at = candidate, other
                further[step] = best + cost[section, ray, step]
                before[turn, step] = at
            total, further = further, total
        step = int(np.argmin(total))
        for turn in range(turns - 1, -1, -1):
            if turn < rays + rays // 2 and turn >= rays // 2:
                chosen[section, turn % rays] = step
            step = before[turn, step]


@compiled
def inscribed(
    outline: NDArray[np.float64], centre: NDArray[np.float64], radius: NDArray[np.float64], first: int, last: int
) -> None:
    """Radius of the largest circle inside each closed outline (n, points, 2), searched from `centre` (n, 2)."""
    points = outline.shape[1]
    for section in range(first, last):
        x, y = centre[section, 0], centre[section, 1]
        reach = 0.0
        for point in range(points):
            gap_x, gap_y = outline[section, point, 0] - x, outline[section, point, 1] - y
            reach = max(reach, np.sqrt(gap_x * gap_x + gap_y * gap_y))
        best = clearance(outline[section], x, y)
        step = 0.5 * reach
        while step > 0.004 * reach and reach > 0.0:
            moved = False
            for way in range(8):
                turn = way * np.pi / 4.0
                there_x, there_y = x + step * np.cos(turn), y + step * np.sin(turn)
                found = clearance(outline[section], there_x, there_y)
                if found > best + 1e-9:
                    best, x, y, moved = found, there_x, there_y, True
                    break
            if not moved:
                step *= 0.5
        radius[section] = max(best, 0.0)


@compiled
def clearance(outline: NDArray[np.float64], x: float, y: float) -> float:
    """Distance from a point to a closed outline (points, 2); negative outside it."""
    points = outline.shape[0]
    least = np.inf
    inside = False
    for point in range(points):
        after = (point + 1) % points
        first_x, first_y = outline[point, 0], outline[point, 1]
        edge_x, edge_y = outline[after, 0] - first_x, outline[after, 1] - first_y
        squared = max(edge_x * edge_x + edge_y * edge_y, 1e-18)
        share = min(1.0, max(0.0, ((x - first_x) * edge_x + (y - first_y) * edge_y) / squared))
        gap_x, gap_y = x - first_x - share * edge_x, y - first_y - share * edge_y
        least = min(least, gap_x * gap_x + gap_y * gap_y)
        # Even-odd rule: an edge crosses the half line from the point towards growing x.
        crosses = (first_y > y) != (first_y + edge_y > y)
        if crosses and x < first_x + edge_x * (y - first_y) / edge_y:
            inside = not inside
    away = float(np.sqrt(least))
    return away if inside else -away
