"""The pedicles of a vertebra: axis, isthmus with its outline between voxels, narrowest width and height."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from planner.planning.vertebra_bone import BoneField, Floats
from planner.planning.vertebra_frame import Vertebra

LEFT, RIGHT = "left", "right"
SIDES = (LEFT, RIGHT)

_STEP_MM = 0.75
_BEHIND_MM = 20.0
"""How far behind the posterior wall the isthmus is looked for."""
_LEAST_AREA_MM2 = 10.0
_RAYS = 72
_REACH_MM = 16.0
_RAY_STEP_MM = 0.5
_ALONG_MM = 9.0
_SEARCH_MM = 7.0
_FIT_MM = 4.0
_CORE_MM = 7.0
"""Half length over which the pedicle's course is sought."""
_PLAIN_DEG = 10.0
"""Convergence that is tried when the deepest line leads nowhere."""
_SHIFT_MM = 4.0
_MOST_TURN_DEG = 50.0
_MOST_LIFT_DEG = 40.0
_WIDENED = 1.6
"""A pedicle ends where its cross-section is so many times that of the isthmus."""


@dataclass(frozen=True, eq=False)
class Pedicle:
    """One pedicle.

    Attributes
    ----------
    side
        ``left`` or ``right`` of the patient.
    centre_lps_mm
        Middle of the isthmus.
    axis_lps
        Unit direction of its course, from the back into the body.
    outline_lps_mm
        (n, 3) closed outline of the isthmus, across the axis.
    width_mm, height_mm
        Of the isthmus: its least extent, and the extent at right angles to that.
    area_mm2
        Of the isthmus.
    back_mm, front_mm
        From the isthmus to the pedicle's ends, along the axis.
    convergence_deg, craniocaudal_deg
        Of the axis in the vertebra's frame: towards the midline positive, towards the head positive.
    """

    side: str
    centre_lps_mm: Floats
    axis_lps: Floats
    outline_lps_mm: Floats
    width_mm: float
    height_mm: float
    area_mm2: float
    back_mm: float
    front_mm: float
    convergence_deg: float
    craniocaudal_deg: float


def side_sign(side: str) -> float:
    """+1 for left (u grows to the left), -1 for right."""
    return 1.0 if side == LEFT else -1.0


def angles_deg(vertebra: Vertebra, direction_lps: Floats, side: str) -> tuple[float, float]:
    """Convergence and craniocaudal angle of a direction from the back into the body."""
    u, v, w = vertebra.axes_lps @ (direction_lps / np.linalg.norm(direction_lps))
    convergence = np.rad2deg(np.arctan2(-side_sign(side) * u, v))
    return float(convergence), float(np.rad2deg(np.arcsin(np.clip(w, -1.0, 1.0))))


def find_pedicles(vertebra: Vertebra) -> dict[str, Pedicle]:
    """Both pedicles by side; one that is not in the mask, or cut by the image, is left out."""
    found = {side: _pedicle(vertebra, side) for side in SIDES}
    return {side: pedicle for side, pedicle in found.items() if pedicle is not None}


def _pedicle(vertebra: Vertebra, side: str) -> Pedicle | None:
    centre = _coronal(vertebra, side)
    if centre is None:
        return None
    left, front, _ = vertebra.axes_lps
    plain = front - side_sign(side) * np.tan(np.deg2rad(_PLAIN_DEG)) * left
    starts = (_core_line(vertebra, side, centre), (centre, plain / np.linalg.norm(plain)))
    found = (_refined(vertebra, side, *start) for start in starts)
    return next((pedicle for pedicle in found if pedicle is not None), None)


def _refined(vertebra: Vertebra, side: str, centre: Floats, axis: Floats) -> Pedicle | None:
    """Isthmus and course, each from the other; None where no outline closes, or no bone leads into the body."""
    for _ in range(3):
        sections = _sections(vertebra.bone, centre, axis, vertebra.axes_lps, _SEARCH_MM)
        isthmus = _isthmus(sections)
        if isthmus is None:
            return None
        centre = isthmus.centre_lps_mm
        # Half a step: on coarse masks whole ones swing from side to side.
        axis = axis + _course(vertebra, sections, isthmus, axis)
        axis = axis / np.linalg.norm(axis)
    isthmus = _isthmus(_sections(vertebra.bone, centre, axis, vertebra.axes_lps, _SEARCH_MM))
    if isthmus is None or not _joins(vertebra, isthmus.centre_lps_mm, axis):
        return None
    if vertebra.bone.leaves_image(isthmus.outline_lps_mm):
        return None
    sections = _sections(vertebra.bone, isthmus.centre_lps_mm, axis, vertebra.axes_lps)
    return _described(vertebra, side, sections[len(sections) // 2], axis, sections)


def _isthmus(sections: list[_Section]) -> _Section | None:
    """The smallest cross-section near the middle one; None where no outline closes."""
    near = [each for each in sections if abs(each.along_mm) <= _FIT_MM]
    known = [each for each in near if each.closed and each.area_mm2 >= _LEAST_AREA_MM2]
    return min(known, key=lambda each: each.area_mm2) if len(known) >= 5 else None


def _course(vertebra: Vertebra, sections: list[_Section], isthmus: _Section, axis: Floats) -> Floats:
    """The direction that runs along the walls around the isthmus: least aligned with their normals."""
    closed = [each for each in sections if each.closed and each.area_mm2 <= _WIDENED * isthmus.area_mm2]
    near = [each for each in closed if abs(each.along_mm - isthmus.along_mm) <= _FIT_MM]
    if len(near) < 4:
        return axis
    points = np.concatenate([each.outline_lps_mm for each in near])
    reach = max(0.8, 0.5 * vertebra.voxel_mm)
    steps = np.concatenate([np.eye(3), -np.eye(3)]) * reach
    values = vertebra.bone.at(points[:, None, :] + steps).astype(np.float64)
    normals = values[:, :3] - values[:, 3:]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    # A prior of a few points keeps the course where walls say little.
    spread = normals.T @ normals / len(normals) + 0.05 * (np.eye(3) - np.outer(axis, axis))
    found: Floats = np.linalg.eigh(spread)[1][:, 0]
    found = found if found @ axis > 0 else -found
    return found if found @ vertebra.axes_lps[1] > np.cos(np.deg2rad(_MOST_TURN_DEG)) else axis


def _core_line(vertebra: Vertebra, side: str, centre: Floats) -> tuple[Floats, Floats]:
    """The line near a point that runs deepest in the bone before and behind it: position and direction.

    Middles of cross-sections wander where an articular or transverse process begins; the deepest line does not.
    """
    along = np.arange(-_CORE_MM, _CORE_MM + 0.01, 1.0)
    left, front, head = vertebra.axes_lps

    def direction(turns_deg: Floats) -> Floats:
        a, b = np.deg2rad(turns_deg)
        found: Floats = np.cos(b) * (np.sin(a) * left + np.cos(a) * front) + np.sin(b) * head
        return found

    def depth(tried: Floats) -> float:
        if np.hypot(*tried[:2]) > _SHIFT_MM or abs(tried[2]) > _MOST_TURN_DEG or abs(tried[3]) > _MOST_LIFT_DEG:
            return -np.inf
        line = centre + tried[0] * left + tried[1] * head + along[:, None] * direction(tried[2:])
        values = -np.minimum(vertebra.bone.at(line), 3.0).astype(np.float64)
        return float(values.min() + 0.2 * np.minimum(values, 6.0).mean())

    starts = [
        np.array([0.0, 0.0, -side_sign(side) * turn, lift]) for turn in (0.0, 15.0, 30.0) for lift in (-10.0, 10.0)
    ]
    best, most = max((_climbed(depth, start) for start in starts), key=lambda found: found[1])
    return centre + best[0] * left + best[1] * head, direction(best[2:])


def _climbed(depth: Callable[[Floats], float], start: Floats) -> tuple[Floats, float]:
    """The best neighbour of a start, step by step: shifts in mm, turns in degrees."""
    best, most = start, depth(start)
    for step in (6.0, 3.0, 1.5, 0.75):
        sizes = np.array([0.12, 0.12, 1.0, 1.0]) * step
        moved = True
        while moved:
            moved = False
            for place, sign in product(range(4), (-1.0, 1.0)):
                tried = best.copy()
                tried[place] += sign * sizes[place]
                found = depth(tried)
                if found > most + 1e-9:
                    best, most, moved = tried, found, True
    return best, most


def _described(vertebra: Vertebra, side: str, isthmus: _Section, axis: Floats, sections: list[_Section]) -> Pedicle:
    width, height = _calipers(isthmus.outline_mm)
    ends = []
    for toward in (sections[len(sections) // 2 :: -1], sections[len(sections) // 2 :]):
        reach = 0.0
        for each in toward:
            if not each.closed or each.area_mm2 > _WIDENED * isthmus.area_mm2:
                break
            reach = abs(each.along_mm)
        ends.append(reach)
    convergence, craniocaudal = angles_deg(vertebra, axis, side)
    return Pedicle(
        side=side,
        centre_lps_mm=isthmus.centre_lps_mm,
        axis_lps=axis,
        outline_lps_mm=isthmus.outline_lps_mm,
        width_mm=width,
        height_mm=height,
        area_mm2=isthmus.area_mm2,
        back_mm=ends[0],
        front_mm=ends[1],
        convergence_deg=convergence,
        craniocaudal_deg=craniocaudal,
    )


def _coronal(vertebra: Vertebra, side: str) -> Floats | None:
    """Middle of the bridge between body and arch on one side, in coronal planes of the vertebra's frame."""
    from scipy import ndimage

    sign = side_sign(side)
    u = np.arange(1.0, 36.0, _STEP_MM)
    w = np.arange(-26.0, 32.0, _STEP_MM)
    canal_depth = float(vertebra.behind_wall_mm(vertebra.canal_middle))
    # Behind the canal's middle articular processes and laminae take over.
    depths = np.arange(-1.0, max(6.0, canal_depth + 1.0), _STEP_MM)
    grid_w, grid_u = np.meshgrid(w, u, indexing="ij")
    local = np.stack(
        [np.stack([sign * grid_u, vertebra.wall.at(grid_w, 0.0) - depth, grid_w], axis=-1) for depth in depths]
    )
    points = vertebra.lps(local)
    solid = (vertebra.bone.at(points) < 0) & (vertebra.canal.at(points) > 0)
    areas, centres = np.full(len(depths), np.inf), np.zeros((len(depths), 3))
    for place, plane in enumerate(solid):
        labels, count = ndimage.label(plane)
        if not count:
            continue
        sizes = np.bincount(labels.ravel())[1:] * _STEP_MM**2
        largest = int(np.argmax(sizes))
        if sizes[largest] < _LEAST_AREA_MM2:
            continue
        areas[place] = sizes[largest]
        centres[place] = local[place][labels == largest + 1].mean(axis=0)
    # Behind the canal both sides meet in the laminae: the bridge lies before that.
    isthmus = _narrowest(areas)
    if isthmus is None:
        return None
    return vertebra.lps(centres[isthmus])


def _narrowest(areas: Floats) -> int | None:
    """The first narrow place behind the posterior wall: a minimum that is followed by a widening or by the end."""
    found = None
    for place in range(len(areas)):
        if not np.isfinite(areas[place]):
            if found is not None:
                break
            continue
        if found is None or areas[place] < areas[found]:
            found = place
        elif areas[place] > 1.8 * areas[found]:
            break
    return found


@dataclass(frozen=True, eq=False)
class _Section:
    """A cross-section: where it is cut along the axis, its outline in the plane and in space."""

    along_mm: float
    centre_lps_mm: Floats
    outline_mm: Floats
    outline_lps_mm: Floats
    area_mm2: float
    closed: bool


def _sections(
    bone: BoneField, centre: Floats, axis: Floats, axes: Floats, reach_mm: float = _ALONG_MM
) -> list[_Section]:
    """Cross-sections every half millimetre, each outlined from the middle of its neighbour towards the isthmus."""
    across = np.cross(axis, axes[2])
    across /= np.linalg.norm(across)
    up = np.cross(across, axis)
    steps = np.arange(0.0, reach_mm + 0.01, 0.5)
    middle = _section(bone, centre, across, up, 0.0)
    found = [middle]
    for sign in (-1.0, 1.0):
        near = middle
        run = []
        for along in steps[1:]:
            shift = near.centre_lps_mm - centre
            seed = centre + (shift - axis * float(shift @ axis)) + sign * along * axis
            near = _section(bone, seed, across, up, sign * float(along))
            run.append(near)
        found = run[::-1] + found if sign < 0 else found + run
    return found


def _section(bone: BoneField, seed: Floats, across: Floats, up: Floats, along_mm: float) -> _Section:
    """The outline seen from a point; the point moves to its middle twice."""
    turns = np.linspace(0.0, 2.0 * np.pi, _RAYS, endpoint=False)
    directions = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    radii = np.arange(0.0, _REACH_MM + 0.01, _RAY_STEP_MM)
    centre = seed
    for _ in range(3):
        rays = directions[:, 0, None] * across + directions[:, 1, None] * up
        values = bone.at(centre + radii[None, :, None] * rays[:, None, :])
        reach, closed = _first_exits(values, radii)
        outline = directions * reach[:, None]
        area, middle = _area_and_middle(outline)
        moved = centre + middle[0] * across + middle[1] * up
        if area <= 0.0:
            break
        centre, last = moved, outline - middle
    else:
        outline = last
    points = centre + outline[:, :1] * across + outline[:, 1:] * up
    return _Section(along_mm, centre, outline, points, max(area, 0.0), closed and area > 0.0)


def _first_exits(values: NDArray[np.float32], radii: Floats) -> tuple[Floats, bool]:
    """Where each ray first leaves the bone, between samples; and whether all of them do."""
    outside = values >= 0
    first = np.argmax(outside, axis=1)
    leaves = outside.any(axis=1)
    first = np.where(leaves, first, len(radii) - 1)
    inner = np.maximum(first - 1, 0)
    rows = np.arange(len(values))
    low, high = values[rows, inner], values[rows, first]
    share = np.where(high > low, -low / np.where(high > low, high - low, 1.0), 0.0)
    reach = np.where(first == 0, 0.0, radii[inner] + np.clip(share, 0.0, 1.0) * (radii[1] - radii[0]))
    return reach, bool(np.count_nonzero(leaves) >= 0.9 * len(values))


def _area_and_middle(outline: Floats) -> tuple[float, Floats]:
    x, y = outline[:, 0], outline[:, 1]
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    cross = x * next_y - next_x * y
    area = 0.5 * float(cross.sum())
    if abs(area) < 1e-6:
        return 0.0, np.zeros(2)
    middle = np.array([((x + next_x) * cross).sum(), ((y + next_y) * cross).sum()]) / (6.0 * area)
    return area, middle


def _calipers(outline: Floats) -> tuple[float, float]:
    """Least extent of an outline over all directions, and the extent at right angles."""
    turns = np.deg2rad(np.arange(0.0, 180.0, 1.0))
    directions = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    along = outline @ directions.T
    extents = along.max(axis=0) - along.min(axis=0)
    narrow = int(np.argmin(extents))
    return float(extents[narrow]), float(extents[(narrow + 90) % 180])


def _joins(vertebra: Vertebra, centre: Floats, axis: Floats) -> bool:
    """Whether bone goes on from the isthmus into the body."""
    ahead = centre + np.arange(0.0, _BEHIND_MM, _STEP_MM)[:, None] * axis
    inside_body = vertebra.behind_wall_mm(vertebra.local(ahead)) < -1.0
    solid = vertebra.bone.at(ahead) < 0
    reached = np.flatnonzero(inside_body)
    return bool(len(reached) and solid[: reached[0] + 1].all())
