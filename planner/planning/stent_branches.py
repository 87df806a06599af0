"""Side branches along a lumen, from a tree of the same vessels: the places a covered stent would close."""

from __future__ import annotations

import numpy as np

from planner.errors import FrameMismatch
from planner.geometry import Polyline
from planner.imaging.reformat import Course
from planner.model.vessel_items import LumenMark
from planner.planning.stent_catalogue import stent_catalogue
from planner.planning.vessel_tree import TreeSegment, VesselTree

SIDE_BRANCH = "side branch"
_NEAR_MM = 3.0
_LOOK_MM = 12.0
"""How far along a branch it is asked whether it has left the course."""


def branch_marks(tree: VesselTree, line: Polyline, kind: str, *, near_mm: float = _NEAR_MM) -> tuple[LumenMark, ...]:
    """Marks where branches of a tree leave a course, in its order.

    A branch that the tree lacks gives no mark: not found is not absent. A branch keeps its name where the
    catalogue has a landmark of that name; any other is a side branch.

    Parameters
    ----------
    kind
        Of the lumen, one of `planner.model.vessel_items.LUMEN_KINDS`.
    near_mm
        A branching farther than this, and than its own radius, from the course is not on it.

    Raises
    ------
    FrameMismatch
        When tree and course lie in different frames of reference.
    """
    if tree.frame_uid != line.frame_uid:
        raise FrameMismatch(
            "mixed-frames", "Tree and lumen lie in different frames of reference; link the studies first."
        )
    course = Course.of(line)
    found: list[LumenMark] = []
    for segment in tree.segments:
        mouth = segment.points_lps_mm[0]
        along = float(course.along_of(mouth))
        reach = max(near_mm, _radius(tree, segment))
        at_end = along <= 0.0 or along >= course.length_mm
        if at_end or line.distance_mm(mouth) > reach or line.distance_mm(segment.at(_LOOK_MM)) <= reach:
            continue
        known = segment.name is not None and stent_catalogue().landmark(kind, segment.name) is not None
        name = segment.name if known and segment.name is not None else SIDE_BRANCH
        found.append(LumenMark(name, along, (float(mouth[0]), float(mouth[1]), float(mouth[2]))))
    return tuple(sorted(found, key=lambda each: each.along_mm))


def _radius(tree: VesselTree, segment: TreeSegment) -> float:
    """Of the vessel that the branch leaves: its mouth lies that far from the middle of the course at most."""
    parent = tree.parent(segment.id)
    radius = np.nan if parent is None else float(parent.radius_mm[-1])
    return radius if np.isfinite(radius) else 0.0
