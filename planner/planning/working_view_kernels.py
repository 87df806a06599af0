"""Compiled loops of the working-view map. Importing this module loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

Floats = NDArray[np.float64]


@compiled_inline
def _gap(x: float, y: float, start_x: float, start_y: float, end_x: float, end_y: float) -> float:
    """Distance of a point from a line segment, in the plane."""
    edge_x, edge_y = end_x - start_x, end_y - start_y
    squared = edge_x * edge_x + edge_y * edge_y
    share = 0.0
    if squared > 1e-12:
        share = min(max(((x - start_x) * edge_x + (y - start_y) * edge_y) / squared, 0.0), 1.0)
    off_x, off_y = x - start_x - share * edge_x, y - start_y - share * edge_y
    return float(np.sqrt(off_x * off_x + off_y * off_y))


@compiled
def hidden_shares(
    rights: Floats,
    downs: Floats,
    points: Floats,
    radius: Floats,
    weight: Floats,
    starts: Floats,
    ends: Floats,
    other_radius: Floats,
    found: Floats,
    first: int,
    last: int,
) -> None:
    """Share of a vessel's shadow in the shadow of others, for views [first, last).

    Parameters
    ----------
    rights, downs
        (v, 3) axes of the pictures.
    points, radius, weight
        (n, 3) along the vessel, (n,) mm, and (n,) shares of its length that add to 1.
    starts, ends, other_radius
        (m, 3) and (m,) short pieces of the others.
    """
    count = points.shape[0]
    x, y = np.empty(count), np.empty(count)
    covered = np.empty(count)
    for view in range(first, last):
        r0, r1, r2 = rights[view, 0], rights[view, 1], rights[view, 2]
        d0, d1, d2 = downs[view, 0], downs[view, 1], downs[view, 2]
        low_x, high_x, low_y, high_y, widest = np.inf, -np.inf, np.inf, -np.inf, 0.0
        for n in range(count):
            x[n] = r0 * points[n, 0] + r1 * points[n, 1] + r2 * points[n, 2]
            y[n] = d0 * points[n, 0] + d1 * points[n, 1] + d2 * points[n, 2]
            covered[n] = 0.0
            low_x, high_x = min(low_x, x[n]), max(high_x, x[n])
            low_y, high_y = min(low_y, y[n]), max(high_y, y[n])
            widest = max(widest, radius[n])
        for m in range(starts.shape[0]):
            reach = widest + other_radius[m]
            start_x = r0 * starts[m, 0] + r1 * starts[m, 1] + r2 * starts[m, 2]
            end_x = r0 * ends[m, 0] + r1 * ends[m, 1] + r2 * ends[m, 2]
            if max(start_x, end_x) < low_x - reach or min(start_x, end_x) > high_x + reach:
                continue
            start_y = d0 * starts[m, 0] + d1 * starts[m, 1] + d2 * starts[m, 2]
            end_y = d0 * ends[m, 0] + d1 * ends[m, 1] + d2 * ends[m, 2]
            if max(start_y, end_y) < low_y - reach or min(start_y, end_y) > high_y + reach:
                continue
            for n in range(count):
                gap = _gap(x[n], y[n], start_x, start_y, end_x, end_y)
                # Two discs at this distance: how much of the own width the other takes, at most its own width.
                share = (radius[n] + other_radius[m] - gap) / (2.0 * radius[n])
                share = min(share, other_radius[m] / radius[n], 1.0)
                covered[n] = max(covered[n], share)
        total = 0.0
        for n in range(count):
            total += weight[n] * covered[n]
        found[view] = total
