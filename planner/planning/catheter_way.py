"""The way of a catheter along a tree: how long, how wide, how often and how far it turns; and the accesses compared.

Only what lies in the image is measured. What lies before it, from the puncture to the image, comes from a cited table,
or is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.errors import UsageError
from planner.geometry import Polyline
from planner.model.vessel_items import TakeOff, WayMeasures
from planner.planning.catheters import AccessLength, access_lengths
from planner.planning.vessel_tree import TreeSegment, VesselTree
from planner.units import shown

Floats = NDArray[np.float64]

ACCESSES = ("femoral_right", "femoral_left", "radial_left", "radial_right")
"""Keys of ``resources/arteries.toml``."""
AORTA = ("aorta", "aorta_abdominal", "aorta_thoracic")
_ILIAC = ("common_iliac", "external_iliac")
_SMOOTH_MM = 5.0
_STEP_MM, _END_STEP_MM = 1.0, 2.0
_BRANCH_REACH_MM = 8.0
"""Length over which the directions before and after a branching are taken."""


def total_turning_deg(tree: VesselTree, segment: str, along_mm: float) -> float:
    """Sum of the changes of direction from the root to a place, degrees.

    The course is averaged over 5 mm and looked at in steps of 5 mm: finer ones would add up the noise of a centreline.
    """
    return turning_of_line_deg(tree.way_line(segment, along_mm).points_lps_mm)


def turning_of_line_deg(points_lps_mm: Floats) -> float:
    """As `total_turning_deg`, of bare points (n, 3)."""
    line = Polyline(_smoothed(points_lps_mm), "")
    if line.length_mm < 1e-6:
        return 0.0
    count = max(1, round(line.length_mm / _SMOOTH_MM))
    inner = np.linspace(0.0, line.length_mm, count + 1)
    # Short first and last steps keep the turn within the first and the last 5 mm.
    ends = np.clip([_END_STEP_MM, line.length_mm - _END_STEP_MM], 0.0, line.length_mm)
    steps = np.diff(line.at(np.unique(np.concatenate([inner, ends]))), axis=0)
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    directions = steps[lengths[:, 0] > 1e-9] / lengths[lengths[:, 0] > 1e-9]
    cosines = np.einsum("ij,ij->i", directions[:-1], directions[1:])
    return float(np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))).sum())


def length_from_root_mm(tree: VesselTree, segment: str, along_mm: float) -> float:
    """Along the centreline, from the tree's root to a place on a segment."""
    way = tree.way_to(segment)
    return float(sum(each.length_mm for each in way[:-1]) + min(along_mm, way[-1].length_mm))


def way(tree: VesselTree, segment: str, along_mm: float, access: str = "femoral_right") -> WayMeasures:
    """What a catheter passes on its way to a place.

    Parameters
    ----------
    access
        One of `ACCESSES`. From the groin the way begins at the lowest end of the aorta (or of the iliac artery of that
        side) that the tree has, from the arm at its highest.

    Raises
    ------
    UsageError
        ``unknown-access``, ``unknown-segment``.
    """
    if access not in ACCESSES:
        raise UsageError("unknown-access", f"An access is one of {', '.join(ACCESSES)}.", subject=access)
    if not tree.has(segment):
        text = "This vessel is not of the tree any more; choose it again."
        raise UsageError("unknown-segment", text, subject=segment)
    route = _route(tree, segment, along_mm, access)
    line = Polyline(route.points_lps_mm, tree.frame_uid)
    straight = float(np.linalg.norm(line.points_lps_mm[-1] - line.points_lps_mm[0]))
    outside, said = _outside(route, access)
    return WayMeasures(
        access=access,
        length_mm=line.length_mm,
        minimum_diameter_mm=_least_diameter_mm(route),
        tortuosity=line.length_mm / max(straight, 1e-9),
        total_turning_deg=turning_of_line_deg(line.points_lps_mm),
        take_offs=route.take_offs(),
        outside_image_mm=outside,
        findings=(*route.said, *said),
    )


def compared_accesses(
    tree: VesselTree, segment: str, along_mm: float, accesses: Sequence[str] = ("femoral_right", "radial_left")
) -> tuple[WayMeasures, ...]:
    """The same place by several accesses, in their order; what the tree does not allow is said in the findings."""
    return tuple(way(tree, segment, along_mm, each) for each in accesses)


@dataclass(frozen=True, eq=False)
class _Leg:
    """A segment as it is passed: `upstream` against the order of the tree. Cut to what is passed."""

    segment: TreeSegment
    points_lps_mm: Floats
    radius_mm: Floats
    upstream: bool


@dataclass(frozen=True, eq=False)
class _Route:
    """The legs from where the way begins to the place."""

    tree: VesselTree
    legs: tuple[_Leg, ...]
    said: tuple[str, ...]

    @property
    def points_lps_mm(self) -> Floats:
        pieces = [leg.points_lps_mm if not index else leg.points_lps_mm[1:] for index, leg in enumerate(self.legs)]
        return np.concatenate(pieces)

    def length_before_mm(self, index: int) -> float:
        """To the start of a leg."""
        return float(sum(_length_mm(leg.points_lps_mm) for leg in self.legs[:index]))

    def take_offs(self) -> tuple[TakeOff, ...]:
        """The turn at every branching that is passed, in order."""
        found = []
        for index in range(1, len(self.legs)):
            before, after = self.legs[index - 1], self.legs[index]
            if not self._is_branching(before, after):
                continue
            radius = before.radius_mm[np.isfinite(before.radius_mm)]
            clear = float(radius[-1]) if radius.size else 0.0
            angle = _angle_deg(_arriving(before.points_lps_mm), _leaving(after.points_lps_mm, clear))
            name = after.segment.name
            found.append(TakeOff(after.segment.id, name, angle, self.length_before_mm(index)))
        return tuple(found)

    def _is_branching(self, before: _Leg, after: _Leg) -> bool:
        node = before.segment.start if before.upstream else before.segment.end
        meeting = len(self.tree.starting_at[node]) + (1 if node in self.tree.ending_at else 0)
        return meeting > 2

    def index_of(self, name: str) -> int | None:
        """The first leg of a name; None when the way does not pass it."""
        return next((index for index, leg in enumerate(self.legs) if leg.segment.name == name), None)


def _route(tree: VesselTree, segment: str, along_mm: float, access: str) -> _Route:
    """From where the access comes into the tree to the place."""
    down = tree.way_to(segment)
    start = _entry_node(tree, access)
    if start is None or start == tree.root:
        said = () if start is not None else (_NOT_NAMED,)
        return _Route(tree, tuple(_leg(each, along_mm if each.id == segment else None) for each in down), said)
    up: list[TreeSegment] = []
    node = start
    while node != tree.root:
        up.append(tree.ending_at[node])
        node = up[-1].start
    common = {each.id for each in down} & {each.id for each in up}
    if segment in common:
        # The place lies between the start and the root: the way leads up to it.
        said = ("The place lies on the way of the access itself; it is measured from the tree's root.",)
        return _Route(tree, tuple(_leg(each, along_mm if each.id == segment else None) for each in down), said)
    climbed = [_turned(each) for each in up if each.id not in common]
    legs = [*climbed, *(_leg(each, along_mm if each.id == segment else None) for each in down if each.id not in common)]
    return _Route(tree, tuple(legs), ())


_NOT_NAMED = (
    "The tree names no aorta: the way is measured from the tree's root, whichever side the catheter comes from."
)


def _entry_node(tree: VesselTree, access: str) -> str | None:
    """Where a catheter from this access comes into the tree; None where no vessel is named aorta."""
    aorta = [each for each in tree.segments if each.name in AORTA]
    if not aorta:
        return None
    side = access.rpartition("_")[2]
    chosen = aorta
    if access.startswith("femoral"):
        chosen = [*aorta, *(each for each in tree.segments if each.name in [f"{key}_{side}" for key in _ILIAC])]
    nodes = {node for each in chosen for node in (each.start, each.end)}
    # LPS: z grows toward the head.
    from_below = access.startswith("femoral")
    heights = {node: float(tree.nodes[node][2]) for node in nodes}
    return min(heights, key=lambda node: heights[node] if from_below else -heights[node])


def _leg(segment: TreeSegment, along_mm: float | None) -> _Leg:
    if along_mm is None or along_mm >= segment.length_mm:
        return _Leg(segment, segment.points_lps_mm, segment.radius_mm, upstream=False)
    kept = segment.along_mm < along_mm
    points = np.vstack([segment.points_lps_mm[kept], segment.at(along_mm)])
    radius = np.append(segment.radius_mm[kept], np.interp(along_mm, segment.along_mm, segment.radius_mm))
    if len(points) < 2:
        points, radius = np.vstack([segment.points_lps_mm[0], points]), np.append(segment.radius_mm[:1], radius)
    return _Leg(segment, points, radius, upstream=False)


def _turned(segment: TreeSegment) -> _Leg:
    return _Leg(segment, segment.points_lps_mm[::-1], segment.radius_mm[::-1], upstream=True)


def _least_diameter_mm(route: _Route) -> float | None:
    radii = np.concatenate([leg.radius_mm for leg in route.legs])
    known = radii[np.isfinite(radii)]
    return 2.0 * float(known.min()) if known.size else None


def _outside(route: _Route, access: str) -> tuple[float | None, tuple[str, ...]]:
    """The length before the image: that of the table to a landmark, less what of it is in the image."""
    for row in access_lengths():
        if row.access != access:
            continue
        index = route.index_of(row.to)
        if index is not None:
            return _before_image(row, route.length_before_mm(index))
    text = "The length from the puncture to the image is not known: no table row speaks of this access and this way."
    return None, (text,)


def _before_image(row: AccessLength, in_image_mm: float) -> tuple[float | None, tuple[str, ...]]:
    outside = row.length_mm - in_image_mm
    spread = "" if row.sd_mm is None else f" (standard deviation {shown(row.sd_mm, 'mm', digits=0)})"
    text = f"From the puncture to the {row.to_words} {shown(row.length_mm, 'mm', digits=0)} on average{spread}: "
    if outside < 0.0:
        longer = f"{shown(in_image_mm, 'mm', digits=0)} of it lie in the image, more than that; measure the patient."
        return None, (f"{text}{longer} [{row.source}]",)
    return outside, (f"{text}other patients differ. [{row.source}]",)


def _smoothed(points_lps_mm: Floats) -> Floats:
    """Evenly spaced, and averaged over 5 mm; both ends stay, by mirroring the curve through them."""
    line = Polyline(points_lps_mm, "")
    if line.length_mm < 1e-6:
        return points_lps_mm
    points = line.resampled(_STEP_MM).points_lps_mm
    half = min(int(_SMOOTH_MM / _STEP_MM) // 2, len(points) - 1)
    if half < 1:
        return points
    before, after = 2.0 * points[0] - points[half:0:-1], 2.0 * points[-1] - points[-2 : -half - 2 : -1]
    longer = np.concatenate([before, points, after])
    kernel = np.full(2 * half + 1, 1.0 / (2 * half + 1))
    smooth: Floats = np.stack([np.convolve(longer[:, axis], kernel, mode="valid") for axis in range(3)], axis=-1)
    return smooth


def _arriving(points: Floats) -> Floats:
    """Direction over the last stretch."""
    line = Polyline(points, "")
    return _unit(points[-1] - line.at(max(0.0, line.length_mm - _BRANCH_REACH_MM)))


def _leaving(points: Floats, clear_mm: float) -> Floats:
    """Direction of a branch after it has left the lumen of its mother."""
    line = Polyline(points, "")
    low = min(clear_mm, line.length_mm / 2.0)
    return _unit(line.at(min(line.length_mm, low + _BRANCH_REACH_MM)) - line.at(low))


def _angle_deg(first: Floats, second: Floats) -> float:
    return float(np.degrees(np.arccos(np.clip(float(first @ second), -1.0, 1.0))))


def _unit(direction: Floats) -> Floats:
    unit: Floats = direction / max(float(np.linalg.norm(direction)), 1e-9)
    return unit


def _length_mm(points: Floats) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
