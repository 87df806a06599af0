"""Compiled loops of needle planning: distance fields at chosen nodes, and what a straight shaft meets in them.

Importing this module loads numba. Node coordinates are (k, j, i) of a field's own nodes; ``node_from_lps`` is (3, 4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline
from planner.imaging.distance_kernels import FAR, parabolas

PIECES = 8
"""Equal pieces a shaft is first cut into."""
_STACK = 256


@compiled_inline
def envelope_at(
    heights: NDArray[np.float64],
    spacing: float,
    nodes: NDArray[np.int64],
    places: NDArray[np.int64],
    bounds: NDArray[np.float64],
    result: NDArray[np.float64],
) -> None:
    """result[n] = min over y of heights[y] + (spacing (nodes[n] - y))^2; rising nodes, inside or outside the line."""
    last = parabolas(heights, spacing, places, bounds)
    if last < 0:
        result[: nodes.shape[0]] = FAR
        return
    place = 0
    for at in range(nodes.shape[0]):
        x = nodes[at]
        while place < last and bounds[place + 1] < x:
            place += 1
        step = spacing * (x - places[place])
        result[at] = step * step + heights[places[place]]


@compiled
def rows_at_nodes(
    mask: NDArray[np.uint8],
    step_k: int,
    step_j: int,
    spacing: float,
    nodes: NDArray[np.int64],
    squared: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Squared distance from each node of a row (along i) to the nearest surface point of that row, layers first..last.

    With both steps 0 the surface points lie between i and i + 1; otherwise the row runs half way to the layer (or row)
    that many further, and they lie on the columns where those two differ. `nodes` must rise.
    """
    size = mask.shape[2]
    for k in range(first, last):
        for j in range(mask.shape[1] - step_j):
            at = 0
            before = -1.0
            for i in range(size + 1):
                place = float(i)
                if i < size:
                    if step_k + step_j == 0:
                        if i + 1 >= size or mask[k, j, i] == mask[k, j, i + 1]:
                            continue
                        place = i + 0.5
                    elif mask[k, j, i] == mask[k + step_k, j + step_j, i]:
                        continue
                # Nodes up to this point lie nearest to the point before them or to this one.
                while at < nodes.shape[0] and (i == size or nodes[at] <= place):
                    gap = np.inf
                    if before >= 0.0:
                        gap = abs(nodes[at] - before)
                    if i < size:
                        gap = min(gap, abs(place - nodes[at]))
                    squared[k, j, at] = FAR if gap == np.inf else (gap * spacing) ** 2
                    at += 1
                before = place


@compiled
def columns_at_nodes(
    squared: NDArray[np.float32],
    spacing: float,
    nodes: NDArray[np.int64],
    result: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """From (outer, line, other) to (outer, node, other): lower envelope along the middle axis, outer in first..last."""
    size = squared.shape[1]
    heights, places = np.empty(size), np.empty(size, dtype=np.int64)
    bounds, found = np.empty(size), np.empty(nodes.shape[0])
    for outer in range(first, last):
        for other in range(squared.shape[2]):
            for at in range(size):
                heights[at] = squared[outer, at, other]
            envelope_at(heights, spacing, nodes, places, bounds, found)
            for at in range(nodes.shape[0]):
                result[outer, at, other] = found[at]


@compiled
def steepest_slopes(
    values: NDArray[np.float32],
    node_mm: NDArray[np.float64],
    reach_mm: float,
    slopes: NDArray[np.float64],
    first: int,
    last: int,
) -> None:
    """slopes[k, v]: steepest gradient (mm per mm) of the trilinear field around nodes of layer k worth v to v + 1 mm.

    Inside a cell the square of the gradient is convex along each axis, so it is largest at a corner, where it is made
    of the differences to the three neighbours. Values count as higher by `reach_mm`; the ends of the table take what
    lies beyond them.
    """
    size = values.shape
    top = slopes.shape[1] - 1
    for k in range(first, last):
        for j in range(size[1]):
            for i in range(size[2]):
                value = values[k, j, i]
                along_k = abs(values[min(k + 1, size[0] - 1), j, i] - value)
                along_k = max(along_k, abs(values[max(k - 1, 0), j, i] - value)) / node_mm[0]
                along_j = abs(values[k, min(j + 1, size[1] - 1), i] - value)
                along_j = max(along_j, abs(values[k, max(j - 1, 0), i] - value)) / node_mm[1]
                along_i = abs(values[k, j, min(i + 1, size[2] - 1)] - value)
                along_i = max(along_i, abs(values[k, j, max(i - 1, 0)] - value)) / node_mm[2]
                steep = along_k * along_k + along_j * along_j + along_i * along_i
                held = min(top, max(0, int(value + reach_mm)))
                slopes[k, held] = max(slopes[k, held], steep)
        for held in range(top + 1):
            slopes[k, held] = np.sqrt(slopes[k, held])


@compiled_inline
def field_at(values: NDArray[np.float32], k: float, j: float, i: float) -> float:
    """Trilinear value at node coordinates; outside the nodes, the value at the nearest point of their box."""
    size = values.shape
    k = min(max(k, 0.0), size[0] - 1.0)
    j = min(max(j, 0.0), size[1] - 1.0)
    i = min(max(i, 0.0), size[2] - 1.0)
    low_k, low_j, low_i = min(int(k), size[0] - 2), min(int(j), size[1] - 2), min(int(i), size[2] - 2)
    part_k, part_j, part_i = k - low_k, j - low_j, i - low_i
    near = values[low_k, low_j, low_i] * (1.0 - part_i) + values[low_k, low_j, low_i + 1] * part_i
    next_j = values[low_k, low_j + 1, low_i] * (1.0 - part_i) + values[low_k, low_j + 1, low_i + 1] * part_i
    next_k = values[low_k + 1, low_j, low_i] * (1.0 - part_i) + values[low_k + 1, low_j, low_i + 1] * part_i
    both = values[low_k + 1, low_j + 1, low_i] * (1.0 - part_i) + values[low_k + 1, low_j + 1, low_i + 1] * part_i
    lower = near * (1.0 - part_j) + next_j * part_j
    upper = next_k * (1.0 - part_j) + both * part_j
    return float(lower * (1.0 - part_k) + upper * part_k)


@compiled_inline
def to_nodes(node_from_lps: NDArray[np.float64], point: NDArray[np.float64], node: NDArray[np.float64]) -> None:
    """node = node_from_lps applied to an LPS point."""
    for axis in range(3):
        node[axis] = (
            node_from_lps[axis, 0] * point[0]
            + node_from_lps[axis, 1] * point[1]
            + node_from_lps[axis, 2] * point[2]
            + node_from_lps[axis, 3]
        )


@compiled_inline
def first_pieces(
    values: NDArray[np.float32],
    begin: NDArray[np.float64],
    rise: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    at_low: NDArray[np.float64],
    at_high: NDArray[np.float64],
) -> tuple[float, float]:
    """Cut a segment into equal pieces with the values at their ends; the least of those and where it lies (0 to 1)."""
    best = field_at(values, begin[0], begin[1], begin[2])
    best_part, before = 0.0, best
    for piece in range(PIECES):
        part = (piece + 1.0) / PIECES
        value = field_at(values, begin[0] + part * rise[0], begin[1] + part * rise[1], begin[2] + part * rise[2])
        if value < best:
            best, best_part = value, part
        low[piece], high[piece], at_low[piece], at_high[piece] = part - 1.0 / PIECES, part, before, value
        before = value
    return best, best_part


@compiled
def least_along(
    values: NDArray[np.float32],
    node_from_lps: NDArray[np.float64],
    slopes: NDArray[np.float64],
    tolerance: float,
    entries: NDArray[np.float64],
    tips: NDArray[np.float64],
    least: NDArray[np.float64],
    depth: NDArray[np.float64],
    first: int,
    last: int,
) -> None:
    """The least value of a field along segments, to within `tolerance` (mm), and how far from the entry it lies.

    Where the field is worth v mm or more it changes by at most slopes[int(v)] per mm. Between two samples it stays
    above the best one so far unless f(a) + f(b) - slope (b - a) < 2 best; a piece is cut at its lowest possible point
    until that is excluded to within the tolerance (Piyavskii 1972, Shubert 1972). No part of the shaft is left out.
    """
    begin, end, rise = np.empty(3), np.empty(3), np.empty(3)
    low, high = np.empty(_STACK), np.empty(_STACK)
    at_low, at_high = np.empty(_STACK), np.empty(_STACK)
    for path in range(first, last):
        to_nodes(node_from_lps, entries[path], begin)
        to_nodes(node_from_lps, tips[path], end)
        length = np.sqrt(((entries[path] - tips[path]) ** 2).sum())
        rise[:] = end - begin
        best, best_part = first_pieces(values, begin, rise, low, high, at_low, at_high)
        steep = length * slopes[min(slopes.shape[0] - 1, max(0, int(best - tolerance)))]
        held = PIECES
        while held > 0:
            held -= 1
            a, b, value_a, value_b = low[held], high[held], at_low[held], at_high[held]
            if 0.5 * (value_a + value_b - steep * (b - a)) >= best - tolerance:
                continue
            part = 0.5 * (a + b) + 0.5 * (value_a - value_b) / steep
            part = min(max(part, a + 0.1 * (b - a)), b - 0.1 * (b - a))
            value = field_at(values, begin[0] + part * rise[0], begin[1] + part * rise[1], begin[2] + part * rise[2])
            if value < best:
                best, best_part = value, part
                steep = length * slopes[min(slopes.shape[0] - 1, max(0, int(best - tolerance)))]
            low[held], high[held], at_low[held], at_high[held] = a, part, value_a, value
            low[held + 1], high[held + 1], at_low[held + 1], at_high[held + 1] = part, b, value, value_b
            held += 2
        least[path] = best
        depth[path] = best_part * length


@compiled
def values_at(
    values: NDArray[np.float32],
    node_from_lps: NDArray[np.float64],
    points: NDArray[np.float64],
    found: NDArray[np.float64],
    first: int,
    last: int,
) -> None:
    """The field at LPS points."""
    node = np.empty(3)
    for at in range(first, last):
        to_nodes(node_from_lps, points[at], node)
        found[at] = field_at(values, node[0], node[1], node[2])


@compiled_inline
def is_set(voxels: NDArray[np.uint8], k: float, j: float, i: float) -> bool:
    """Whether the voxel that holds an index is set; False outside the array."""
    at_k, at_j, at_i = int(np.floor(k + 0.5)), int(np.floor(j + 0.5)), int(np.floor(i + 0.5))
    inside = 0 <= at_k < voxels.shape[0] and 0 <= at_j < voxels.shape[1] and 0 <= at_i < voxels.shape[2]
    return bool(inside and voxels[at_k, at_j, at_i] != 0)


@compiled
def outside_stretches(
    body: NDArray[np.uint8],
    voxel_from_lps: NDArray[np.float64],
    step_mm: float,
    beyond_mm: NDArray[np.float64],
    entries: NDArray[np.float64],
    tips: NDArray[np.float64],
    outside: NDArray[np.float64],
    again: NDArray[np.float64],
    first: int,
    last: int,
) -> None:
    """How far a shaft runs outside the body, and how far its part before the skin runs through the body again.

    outside: longest stretch (mm) outside the body between entry and tip.
    again: longest stretch (mm) inside the body on the line from the entry outwards, up to `beyond_mm`.
    """
    begin, end = np.empty(3), np.empty(3)
    for path in range(first, last):
        to_nodes(voxel_from_lps, entries[path], begin)
        to_nodes(voxel_from_lps, tips[path], end)
        length = np.sqrt(((entries[path] - tips[path]) ** 2).sum())
        rise_k, rise_j, rise_i = (
            (end[0] - begin[0]) / length,
            (end[1] - begin[1]) / length,
            (end[2] - begin[2]) / length,
        )
        run, longest = 0.0, 0.0
        for count in range(int(length / step_mm) + 1):
            at = count * step_mm
            inside = is_set(body, begin[0] + at * rise_k, begin[1] + at * rise_j, begin[2] + at * rise_i)
            run = 0.0 if inside else run + step_mm
            longest = max(longest, run)
        outside[path] = longest
        run, longest = 0.0, 0.0
        for count in range(1, int(beyond_mm[path] / step_mm) + 1):
            at = -count * step_mm
            inside = is_set(body, begin[0] + at * rise_k, begin[1] + at * rise_j, begin[2] + at * rise_i)
            run = run + step_mm if inside else 0.0
            longest = max(longest, run)
        again[path] = longest


@compiled
def angle_to_normal(
    organ: NDArray[np.float32],
    organ_from_lps: NDArray[np.float64],
    reach_mm: float,
    place: NDArray[np.float64],
    direction: NDArray[np.float64],
    point: NDArray[np.float64],
) -> float:
    """Degrees between a unit direction and the slope of a field at an LPS place; NaN on a plateau. `point` is room."""
    node = np.empty(3)
    along, total = 0.0, 0.0
    for axis in range(3):
        point[:] = place
        point[axis] += reach_mm
        to_nodes(organ_from_lps, point, node)
        rise = field_at(organ, node[0], node[1], node[2])
        point[axis] -= 2.0 * reach_mm
        to_nodes(organ_from_lps, point, node)
        rise -= field_at(organ, node[0], node[1], node[2])
        along += rise * direction[axis]
        total += rise * rise
    if total == 0.0:
        return np.nan
    return float(np.degrees(np.arccos(min(1.0, max(-1.0, along / np.sqrt(total))))))


@compiled
def organ_before_target(
    organ: NDArray[np.float32],
    organ_from_lps: NDArray[np.float64],
    target: NDArray[np.float32],
    target_from_lps: NDArray[np.float64],
    step_mm: float,
    reach_mm: float,
    entries: NDArray[np.float64],
    tips: NDArray[np.float64],
    organ_mm: NDArray[np.float64],
    capsule_deg: NDArray[np.float64],
    first: int,
    last: int,
) -> None:
    """Length of organ between capsule and target, and the angle between the needle and the capsule's normal.

    Both are looked for from the tip outwards. organ_mm is 0 where the target touches the capsule; capsule_deg is NaN
    where the shaft meets none. The normal is the slope of the organ's field over `reach_mm` to both sides.
    """
    place, point, node = np.empty(3), np.empty(3), np.empty(3)
    for path in range(first, last):
        length = np.sqrt(((entries[path] - tips[path]) ** 2).sum())
        out = (entries[path] - tips[path]) / length
        left_target, crossing = 0.0, np.nan
        was = 0.0
        for count in range(int(length / step_mm) + 1):
            at = count * step_mm
            point[:] = tips[path] + at * out
            to_nodes(target_from_lps, point, node)
            in_target = left_target >= at - 1.5 * step_mm and field_at(target, node[0], node[1], node[2]) <= 0.0
            to_nodes(organ_from_lps, point, node)
            value = field_at(organ, node[0], node[1], node[2])
            if in_target:
                left_target = at
            elif value > 0.0:
                crossing = at if count == 0 or was > 0.0 else at - step_mm * value / (value - was)
                break
            was = value
        organ_mm[path] = max(0.0, (length if np.isnan(crossing) else crossing) - left_target)
        capsule_deg[path] = np.nan
        if np.isnan(crossing):
            continue
        place[:] = tips[path] + crossing * out
        capsule_deg[path] = angle_to_normal(organ, organ_from_lps, reach_mm, place, out, point)
