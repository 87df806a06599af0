"""How each visible end of a tree lies to a lesion: enters it, ends near it, runs through it, passes by, or elsewhere.

The courses are sampled every half millimetre; distances are to the sub-voxel surface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.planning.feeders_field import LesionField
from planner.planning.vessel_tree import TreeSegment, VesselTree

Floats = NDArray[np.float64]

ENTERS, NEAR, THROUGH, PASSES = "enters", "near", "through", "passes"
SHOWN = "shown"
"""Crosses the surface in the image; the tree ends, or passes, before it."""

STEP_MM = 0.5
_SURFACE_MM = 1.5
"""A vessel inside counts as inside until it is this far out again: the surface of a lesion is not known better."""
_LEAST_DEPTH_MM = 1.0
"""A vessel that dips less deep than this into the lesion touches its surface, and does not cross it."""
_RUN_ON_MM = 6.0
"""A vessel that leaves the far side and ends within this distance of it has ended in the lesion as far as can be told:
the twigs of a bright tumour and its rim look alike."""
_BESIDE_MM = 3.0
"""Passing the surface within this distance is worth a word."""
_END_MM = 5.0
"""Length of the last stretch that a vessel's heading is taken from."""


@dataclass(frozen=True, eq=False)
class Course:
    """A segment, sampled: (n, 3) points, (n,) distance along it, to the lesion's surface, and radius (NaN unknown)."""

    segment: TreeSegment
    points_lps_mm: Floats
    along_mm: Floats
    depth_mm: Floats
    radius_mm: Floats


@dataclass(frozen=True, eq=False)
class Ending:
    """One end of the tree as it lies to the lesion.

    Attributes
    ----------
    kind
        `ENTERS`, `NEAR`, `THROUGH`, `PASSES` or `SHOWN`.
    leaf
        The last segment.
    segment, along_mm, place_lps_mm
        Where it crosses the surface, ends, or is nearest.
    gap_mm
        From there to the surface; 0 where it crosses.
    angle_deg
        Between its course at the end and the direction to the lesion; None where it crosses or passes.
    inside_mm
        Length of its course inside the lesion.
    beyond_mm
        Length of its course after it was last inside or nearest.
    """

    kind: str
    leaf: str
    segment: str
    along_mm: float
    place_lps_mm: Floats
    gap_mm: float
    angle_deg: float | None = None
    inside_mm: float = 0.0
    beyond_mm: float = 0.0


def courses_of(tree: VesselTree, field: LesionField) -> dict[str, Course]:
    """Every segment, sampled, by its id."""
    sampled = {each.id: _sampled(each) for each in tree.segments}
    if not sampled:
        return {}
    depth = field.at(np.concatenate([points for points, _ in sampled.values()]))
    bounds = np.cumsum([len(points) for points, _ in sampled.values()])[:-1]
    found = {}
    for (key, (points, along)), own in zip(sampled.items(), np.split(depth, bounds), strict=True):
        segment = tree.segment(key)
        radius = np.interp(along, segment.along_mm, segment.radius_mm)
        found[key] = Course(segment, points, along, own, radius)
    return found


def endings_of(
    tree: VesselTree, courses: Mapping[str, Course], field: LesionField, margin_mm: float
) -> tuple[Ending, ...]:
    """The ends that have to do with the lesion; those elsewhere are left out."""
    found = []
    for segment in tree.segments:
        if tree.children(segment.id):
            continue
        way = [courses[each.id] for each in tree.way_to(segment.id)]
        if min(float(each.depth_mm.min()) for each in way) <= max(margin_mm, _BESIDE_MM):
            ending = _ending(_Trail.of(way), field, margin_mm)
            if ending is not None:
                found.append(ending)
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Trail:
    """The whole way from the root to one end, sampled."""

    segments: tuple[str, ...]
    number: NDArray[np.intp]
    points: Floats
    along: Floats
    depth: Floats

    @staticmethod
    def of(way: list[Course]) -> _Trail:
        return _Trail(
            tuple(each.segment.id for each in way),
            np.repeat(np.arange(len(way)), [len(each.along_mm) for each in way]),
            np.concatenate([each.points_lps_mm for each in way]),
            np.concatenate([each.along_mm for each in way]),
            np.concatenate([each.depth_mm for each in way]),
        )

    def length_mm(self, first: int, last: int) -> float:
        """Length between two samples."""
        return float(np.linalg.norm(np.diff(self.points[first : last + 1], axis=0), axis=1).sum())

    def ending(self, kind: str, at: int, gap_mm: float, **more: float | None) -> Ending:
        return Ending(
            kind,
            self.segments[-1],
            self.segments[int(self.number[at])],
            float(self.along[at]),
            self.points[at],
            gap_mm,
            **{key: value for key, value in more.items() if value is not None},
        )


def _ending(trail: _Trail, field: LesionField, margin_mm: float) -> Ending | None:
    depth, last = trail.depth, len(trail.depth) - 1
    inside = np.flatnonzero(depth <= 0.0)
    if len(inside) and float(depth.min()) <= -_LEAST_DEPTH_MM:
        beyond = trail.length_mm(int(inside[-1]), last)
        entry, within = _entry(trail, int(inside[-1]))
        ended = depth[-1] <= _SURFACE_MM or (beyond <= _RUN_ON_MM and beyond < within)
        if ended and float(depth[entry:].min()) <= -_LEAST_DEPTH_MM:
            return trail.ending(ENTERS, entry, 0.0, inside_mm=within, beyond_mm=beyond)
        deepest = int(np.argmin(depth))
        return trail.ending(THROUGH, deepest, 0.0, inside_mm=within, beyond_mm=beyond)
    if depth[-1] <= margin_mm:
        gap = max(float(depth[-1]), 0.0)
        return trail.ending(NEAR, last, gap, angle_deg=_angle_deg(trail, field))
    nearest = int(np.argmin(depth))
    if depth[nearest] > _BESIDE_MM:
        return None
    beyond = trail.length_mm(nearest, last)
    return trail.ending(PASSES, nearest, max(float(depth[nearest]), 0.0), beyond_mm=beyond)


def _entry(trail: _Trail, last_inside: int) -> tuple[int, float]:
    """Where the last stay in the lesion began, and its length; out by less than the surface's error is not out."""
    out = np.flatnonzero(trail.depth[:last_inside] > _SURFACE_MM)
    first = int(out[-1]) + 1 if len(out) else 0
    entry = first + int(np.argmax(trail.depth[first : last_inside + 1] <= 0.0))
    return entry, trail.length_mm(entry, last_inside)


def _angle_deg(trail: _Trail, field: LesionField) -> float:
    """Between the last stretch and the direction to the lesion: 0 is straight at it."""
    back = len(trail.points) - 1
    while back > 0 and float(np.linalg.norm(trail.points[-1] - trail.points[back])) < _END_MM:
        back -= 1
    course = trail.points[-1] - trail.points[back]
    length = float(np.linalg.norm(course))
    if length < 1e-9:
        return 180.0
    # The surface of a mask is rough: the way to its nearest part and to its middle together say where it lies.
    middle = field.centre_lps_mm - trail.points[-1]
    wanted = field.toward(trail.points[-1]) + middle / max(float(np.linalg.norm(middle)), 1e-9)
    cosine = float(course @ wanted) / (length * max(float(np.linalg.norm(wanted)), 1e-9))
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def _sampled(segment: TreeSegment) -> tuple[Floats, Floats]:
    count = max(2, int(np.ceil(segment.length_mm / STEP_MM)) + 1)
    along = np.linspace(0.0, segment.length_mm, count)
    points = np.stack([np.interp(along, segment.along_mm, segment.points_lps_mm[:, axis]) for axis in range(3)], -1)
    return points, along
