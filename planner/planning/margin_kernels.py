"""Compiled loops of margins: distance to the surface of a union of ellipsoids of revolution, and volumes inside it.

Importing this module loads numba. An ellipsoid is a row of 8 numbers: centre (3), unit axis (3), half axis along it,
half axis across it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

Floats = NDArray[np.float64]

_ON_SURFACE = 1e-7
"""Levels (squared) this far below 1 still count as outside: where ellipsoids meet, their surfaces are exposed."""
_SLIDE_MM = 2.2
"""How far beside the nearest point of an ellipsoid its nearest sample may lie."""


@compiled_inline
def _level(ellipsoid: Floats, x: float, y: float, z: float) -> float:
    """Squared level: 0 in the centre, 1 on the surface."""
    dx, dy, dz = x - ellipsoid[0], y - ellipsoid[1], z - ellipsoid[2]
    along = dx * ellipsoid[3] + dy * ellipsoid[4] + dz * ellipsoid[5]
    across = max(0.0, dx * dx + dy * dy + dz * dz - along * along)
    return float(along * along / (ellipsoid[6] * ellipsoid[6]) + across / (ellipsoid[7] * ellipsoid[7]))


@compiled_inline
def _exposed(ellipsoids: Floats, own: int, x: float, y: float, z: float) -> bool:
    """A point of the surface of ellipsoid `own` lies inside none of the others."""
    for other in range(ellipsoids.shape[0]):
        if other != own and _level(ellipsoids[other], x, y, z) < 1.0 - _ON_SURFACE:
            return False
    return True


@compiled
def _foot_on_ellipse(along: float, across: float, long: float, short: float) -> tuple[float, float]:
    """Nearest point of an ellipse, in the quarter plane: bracketed Newton steps on the Lagrange condition.

    The formulation is Eberly's, "Distance from a Point to an Ellipse" (geometrictools.com), in falling half axes.
    """
    if abs(long - short) < 1e-9 * max(long, short):
        length = np.sqrt(along * along + across * across)
        return (short * along / length, short * across / length) if length > 1e-12 else (short, 0.0)
    turned = long < short
    e0, e1 = (short, long) if turned else (long, short)
    y0, y1 = (across, along) if turned else (along, across)
    if y1 < 1e-12 * e1:
        focal = (e0 * e0 - e1 * e1) / e0
        x0 = e0 * y0 / focal if y0 < focal else e0
        x1 = e1 * np.sqrt(max(0.0, 1.0 - (x0 / e0) ** 2)) if y0 < focal else 0.0
        return (x1, x0) if turned else (x0, x1)
    ratio = (e0 / e1) ** 2
    z0, z1 = y0 / e0, y1 / e1
    low = z1 - 1.0
    high = 0.0 if z0 * z0 + z1 * z1 < 1.0 else np.sqrt(ratio * ratio * z0 * z0 + z1 * z1) - 1.0
    root = low if high <= 0.0 else 0.5 * (low + high)
    for _ in range(60):
        n0, n1 = ratio * z0 / (root + ratio), z1 / (root + 1.0)
        value = n0 * n0 + n1 * n1 - 1.0
        if value > 0.0:
            low = root
        else:
            high = root
        slope = -2.0 * (n0 * n0 / (root + ratio) + n1 * n1 / (root + 1.0))
        step = root - value / slope
        if not (low < step < high):
            step = 0.5 * (low + high)
        if abs(step - root) < 1e-12 * (1.0 + abs(root)):
            root = step
            break
        root = step
    x0, x1 = ratio * y0 / (root + ratio), y1 / (root + 1.0)
    return (x1, x0) if turned else (x0, x1)


@compiled
def _foot(ellipsoid: Floats, p: Floats, foot: Floats) -> float:
    """Nearest point of the surface into `foot`; returns the distance to it (mm, never negative)."""
    dx, dy, dz = p[0] - ellipsoid[0], p[1] - ellipsoid[1], p[2] - ellipsoid[2]
    along = dx * ellipsoid[3] + dy * ellipsoid[4] + dz * ellipsoid[5]
    rx, ry, rz = dx - along * ellipsoid[3], dy - along * ellipsoid[4], dz - along * ellipsoid[5]
    across = np.sqrt(rx * rx + ry * ry + rz * rz)
    if across > 1e-9:
        rx, ry, rz = rx / across, ry / across, rz / across
    else:
        # On the axis every direction across is as near as another.
        if abs(ellipsoid[3]) < 0.9:
            rx, ry, rz = 0.0, ellipsoid[5], -ellipsoid[4]
        else:
            rx, ry, rz = -ellipsoid[5], 0.0, ellipsoid[3]
        length = np.sqrt(rx * rx + ry * ry + rz * rz)
        rx, ry, rz = rx / length, ry / length, rz / length
    far, wide = _foot_on_ellipse(abs(along), across, ellipsoid[6], ellipsoid[7])
    signed = far if along >= 0.0 else -far
    foot[0] = ellipsoid[0] + signed * ellipsoid[3] + wide * rx
    foot[1] = ellipsoid[1] + signed * ellipsoid[4] + wide * ry
    foot[2] = ellipsoid[2] + signed * ellipsoid[5] + wide * rz
    return float(np.sqrt((far - abs(along)) ** 2 + (wide - across) ** 2))


@compiled
def mark_exposed(points: Floats, owners: NDArray[np.int64], ellipsoids: Floats, kept: NDArray[np.bool_]) -> None:
    """Which surface points lie inside no other ellipsoid than their owner (a second owner: -1 for none)."""
    for at in range(points.shape[0]):
        kept[at] = True
        for other in range(ellipsoids.shape[0]):
            if other == owners[at, 0] or other == owners[at, 1]:
                continue
            if _level(ellipsoids[other], points[at, 0], points[at, 1], points[at, 2]) < 1.0 - _ON_SURFACE:
                kept[at] = False
                break


@compiled
def seam_points(ellipsoids: Floats, one: int, two: int, meridians: int, found: Floats) -> int:
    """Points where the surfaces of two ellipsoids meet: crossings of the meridians of the first, bisected.

    The poles of the meridians face the other ellipsoid's centre. Written into `found` (rows, 3); returns how many.
    """
    own = ellipsoids[one]
    towards, first, second = np.empty(3), np.empty(3), np.empty(3)
    length = 0.0
    for axis in range(3):
        towards[axis] = ellipsoids[two, axis] - own[axis]
        length += towards[axis] ** 2
    for axis in range(3):
        towards[axis] = towards[axis] / np.sqrt(length) if length > 1e-12 else own[3 + axis]
    least = 0
    for axis in range(3):
        if abs(towards[axis]) < abs(towards[least]):
            least = axis
    helper = np.zeros(3)
    helper[least] = 1.0
    first[:] = np.cross(towards, helper)
    first /= np.sqrt((first * first).sum())
    second[:] = np.cross(towards, first)
    rows, steps = 0, 24
    place = np.empty(3)
    for turn in range(meridians):
        angle = 2.0 * np.pi * turn / meridians
        side = np.cos(angle) * first + np.sin(angle) * second
        before = 0.0
        for step in range(steps + 1):
            low, high = np.pi * (step - 1) / steps, np.pi * step / steps
            _on_surface(own, np.cos(high) * towards + np.sin(high) * side, place)
            after = _level(ellipsoids[two], place[0], place[1], place[2]) - 1.0
            if step > 0 and (before < 0.0) != (after < 0.0) and rows < found.shape[0]:
                for _ in range(36):
                    middle = 0.5 * (low + high)
                    _on_surface(own, np.cos(middle) * towards + np.sin(middle) * side, place)
                    value = _level(ellipsoids[two], place[0], place[1], place[2]) - 1.0
                    if (value < 0.0) == (before < 0.0):
                        low = middle
                    else:
                        high = middle
                found[rows] = place
                rows += 1
            before = after
    return rows


@compiled_inline
def _on_surface(ellipsoid: Floats, direction: Floats, place: Floats) -> None:
    """Where the ray from the centre along `direction` leaves the ellipsoid."""
    x, y, z = ellipsoid[0] + direction[0], ellipsoid[1] + direction[1], ellipsoid[2] + direction[2]
    scale = 1.0 / np.sqrt(_level(ellipsoid, x, y, z))
    for axis in range(3):
        place[axis] = ellipsoid[axis] + scale * direction[axis]


@compiled
def union_depths(
    points: Floats,
    ellipsoids: Floats,
    samples: Floats,
    owners: NDArray[np.int64],
    depths: Floats,
    first: int,
    last: int,
) -> None:
    """Depth (mm) of points first..last below the surface of the union, negative outside.

    Outside, the nearest ellipsoid is the nearest point of the union. Inside, the depth in the deepest ellipsoid is
    exact when its nearest surface point is exposed, and a lower bound otherwise: then the exposed surface is searched,
    from the feet on all ellipsoids and from `samples` (points of the exposed surface and of the seams), the nearest
    of them refined by sliding along its ellipsoid.
    """
    foot, best_foot = np.empty(3), np.empty(3)
    for at in range(first, last):
        p = points[at]
        deepest, nearest, exposed, upper = -1.0, np.inf, False, np.inf
        within = False
        for number in range(ellipsoids.shape[0]):
            if _level(ellipsoids[number], p[0], p[1], p[2]) < 1.0:
                within = True
        for number in range(ellipsoids.shape[0]):
            inside = _level(ellipsoids[number], p[0], p[1], p[2]) < 1.0
            if within and not inside:
                continue
            distance = _foot(ellipsoids[number], p, foot)
            if inside:
                free = _exposed(ellipsoids, number, foot[0], foot[1], foot[2])
                if distance > deepest:
                    deepest, exposed = distance, free
                if free:
                    upper = min(upper, distance)
            nearest = min(nearest, distance)
        if deepest < 0.0:
            depths[at] = -nearest
        elif exposed:
            depths[at] = deepest
        else:
            depths[at] = max(deepest, _search(p, ellipsoids, samples, owners, upper, best_foot))


@compiled
def _search(
    p: Floats, ellipsoids: Floats, samples: Floats, owners: NDArray[np.int64], upper: float, place: Floats
) -> float:
    """Distance from an inner point to the exposed surface, at most `upper`."""
    count = ellipsoids.shape[0]
    squares, chosen = np.full(count + 1, np.inf), np.full(count + 1, -1)
    for at in range(samples.shape[0]):
        dx, dy, dz = p[0] - samples[at, 0], p[1] - samples[at, 1], p[2] - samples[at, 2]
        squared = dx * dx + dy * dy + dz * dz
        # Seams, which belong to two ellipsoids, compete among themselves.
        slot = owners[at, 0] if owners[at, 1] < 0 else count
        if squared < squares[slot]:
            squares[slot], chosen[slot] = squared, at
    found = min(upper, np.sqrt(squares.min()))
    for slot in range(count + 1):
        if chosen[slot] < 0 or squares[slot] > found * found + _SLIDE_MM * _SLIDE_MM:
            continue
        for side in range(2):
            own = owners[chosen[slot], side]
            if own >= 0:
                for axis in range(3):
                    place[axis] = samples[chosen[slot], axis]
                found = min(found, _slid(p, ellipsoids, own, place))
    return float(found)


@compiled_inline
def _apart(p: Floats, q: Floats) -> float:
    return float(np.sqrt((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + (p[2] - q[2]) ** 2))


@compiled
def _slid(p: Floats, ellipsoids: Floats, own: int, place: Floats) -> float:
    """Slide `place` over the exposed surface of one ellipsoid towards `p`; returns the least distance found."""
    ellipsoid = ellipsoids[own]
    normal, trial = np.empty(3), np.empty(3)
    best = _apart(p, place)
    stride = 1.0
    for _ in range(16):
        along = 0.0
        for axis in range(3):
            along += (place[axis] - ellipsoid[axis]) * ellipsoid[3 + axis]
        size, towards = 0.0, 0.0
        for axis in range(3):
            part = along * ellipsoid[3 + axis]
            across = place[axis] - ellipsoid[axis] - part
            normal[axis] = part / ellipsoid[6] ** 2 + across / ellipsoid[7] ** 2
            size += normal[axis] ** 2
        for axis in range(3):
            normal[axis] /= np.sqrt(size)
            towards += (p[axis] - place[axis]) * normal[axis]
        moved = 0.0
        for axis in range(3):
            slide = p[axis] - place[axis] - towards * normal[axis]
            trial[axis] = place[axis] - ellipsoid[axis] + stride * slide
            moved += slide * slide
        if moved < 1e-5 or stride < 0.05:
            break
        _on_surface(ellipsoid, trial, trial)
        distance = _apart(p, trial)
        if distance < best and _exposed(ellipsoids, own, trial[0], trial[1], trial[2]):
            best = distance
            for axis in range(3):
                place[axis] = trial[axis]
            stride *= 1.5
        else:
            stride *= 0.4
    return best


@compiled
def covered_subvoxels(
    centres: Floats,
    bits: NDArray[np.uint64],
    corners: Floats,
    reach: float,
    ellipsoids: Floats,
    totals: NDArray[np.int64],
    first: int,
    last: int,
) -> None:
    """Of the set sub-voxels of voxels first..last, how many lie inside the union; added to totals[first].

    Parameters
    ----------
    centres
        (n, 3) mm of the voxels.
    bits
        (n,) which of the 64 sub-voxels belong to the structure.
    corners
        (64, 3) mm from the centre of a voxel to its sub-voxels.
    reach
        Largest length of `corners`.
    """
    count = 0
    for at in range(first, last):
        x, y, z = centres[at]
        whole, touched = False, False
        for number in range(ellipsoids.shape[0]):
            level = np.sqrt(_level(ellipsoids[number], x, y, z))
            slack = reach / min(ellipsoids[number, 6], ellipsoids[number, 7])
            if level + slack <= 1.0:
                whole = True
                break
            if level - slack < 1.0:
                touched = True
        if not whole and not touched:
            continue
        word = bits[at]
        for part in range(64):
            if not (word >> np.uint64(part)) & np.uint64(1):
                continue
            if whole:
                count += 1
                continue
            for number in range(ellipsoids.shape[0]):
                if _level(ellipsoids[number], x + corners[part, 0], y + corners[part, 1], z + corners[part, 2]) <= 1.0:
                    count += 1
                    break
    totals[first] = count


@compiled
def union_lengths(ellipsoids: Floats, xs: Floats, ys: Floats, lengths: Floats, first: int, last: int) -> None:
    """Length (mm) of the union along z above every (x, y), rows of x first..last."""
    count = ellipsoids.shape[0]
    starts, ends = np.empty(count), np.empty(count)
    for row in range(first, last):
        for column in range(ys.shape[0]):
            held = 0
            for number in range(count):
                e = ellipsoids[number]
                dx, dy = xs[row] - e[0], ys[column] - e[1]
                axial, radial = 1.0 / e[6] ** 2, 1.0 / e[7] ** 2
                flat, rise = dx * e[3] + dy * e[4], e[5]
                a = radial + (axial - radial) * rise * rise
                b = (axial - radial) * flat * rise
                c = radial * (dx * dx + dy * dy) + (axial - radial) * flat * flat - 1.0
                under = b * b - a * c
                if under > 0.0:
                    starts[held] = e[2] + (-b - np.sqrt(under)) / a
                    ends[held] = e[2] + (-b + np.sqrt(under)) / a
                    held += 1
            lengths[row, column] = _joined(starts, ends, held)


@compiled_inline
def _joined(starts: Floats, ends: Floats, held: int) -> float:
    """Total length of intervals that may overlap; sorts them in place."""
    for one in range(1, held):
        start, end, place = starts[one], ends[one], one
        while place > 0 and starts[place - 1] > start:
            starts[place], ends[place] = starts[place - 1], ends[place - 1]
            place -= 1
        starts[place], ends[place] = start, end
    total, reached = 0.0, -np.inf
    for one in range(held):
        if ends[one] > reached:
            total += ends[one] - max(starts[one], reached)
            reached = ends[one]
    return total
