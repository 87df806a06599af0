"""Where a lesion's own branch leaves an artery that only touches the lesion and runs on to something else.

Such an artery dips into the surface and out again. What enters the lesion for good is the branch: the entry is there,
and the branch is the feeder, not the artery, which supplies what lies beyond as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from planner.planning.feeders_ends import ENTERS, Course, Ending
from planner.planning.vessel_tree import TreeSegment, VesselTree

_GRAZE_MM = 3.0
"""A vessel no deeper than this touches the lesion: what a surface is known to, and half the width of an artery."""
_SAME_MM = 8.0
"""Branches of the same artery this close together are one feeder: in a bright lesion's rim a tree branches at will."""


def apart(tree: VesselTree, courses: Mapping[str, Course], endings: Sequence[Ending], spur_mm: float) -> list[Ending]:
    """Endings that supply a lesion, with entries moved from arteries that only touch it to the branches that enter.

    Parameters
    ----------
    spur_mm
        A side twig shorter than this says nothing of what its mother supplies.
    """
    leaves = {each.leaf for each in endings}
    moved: dict[tuple[str, float], list[Ending]] = {}
    found = []
    for ending in endings:
        branch = _own_branch(tree, courses, ending, leaves, spur_mm) if ending.kind == ENTERS else None
        if branch is None:
            found.append(ending)
            continue
        at = courses[branch.id]
        passed = sum(courses[each.id].segment.length_mm for each in _between(tree, ending, branch)) - ending.along_mm
        inside = max(0.0, ending.inside_mm - passed)
        own = replace(ending, segment=branch.id, along_mm=0.0, place_lps_mm=at.points_lps_mm[0], inside_mm=inside)
        others = moved.setdefault((ending.segment, ending.along_mm), [])
        gaps = [float(np.linalg.norm(each.place_lps_mm - own.place_lps_mm)) for each in others]
        if gaps and min(gaps) <= _SAME_MM:
            same = others[int(np.argmin(gaps))]
            own = replace(own, segment=same.segment, along_mm=same.along_mm, place_lps_mm=same.place_lps_mm)
        else:
            others.append(own)
        found.append(own)
    return found


def _between(tree: VesselTree, ending: Ending, branch: TreeSegment) -> list[TreeSegment]:
    """From the segment with the entry to the one before the branch."""
    way = [each.id for each in tree.way_to(branch.id)]
    return list(tree.way_to(branch.id)[way.index(ending.segment) : -1])


def _own_branch(
    tree: VesselTree, courses: Mapping[str, Course], ending: Ending, leaves: set[str], spur_mm: float
) -> TreeSegment | None:
    """The last branch on the way that leaves, while in the lesion's rim, what runs on; None where none does."""
    way = tree.way_to(ending.leaf)
    first = next(number for number, each in enumerate(way) if each.id == ending.segment)
    found = None
    for mother, branch in zip(way[first:-1], way[first + 1 :], strict=True):
        course = courses[mother.id]
        begins = ending.along_mm if mother.id == ending.segment else 0.0
        if float(course.depth_mm[course.along_mm >= begins].min(initial=0.0)) < -_GRAZE_MM:
            break
        others = [each for each in tree.children(mother.id) if each.id != branch.id]
        if any(_runs_on(tree, each, leaves, spur_mm) for each in others):
            found = branch
    return found


def _runs_on(tree: VesselTree, segment: TreeSegment, leaves: set[str], spur_mm: float) -> bool:
    """Some visible end beyond a segment supplies something else."""
    if not tree.children(segment.id) and segment.length_mm < spur_mm:
        return False
    return any(each.id not in leaves for each in tree.downstream(segment.id) if not tree.children(each.id))


def is_flank(tree: VesselTree, courses: Mapping[str, Course], ending: Ending) -> bool:
    """What the image shows across the surface is the flank of an artery that touches the lesion and runs on."""
    course = courses[ending.segment]
    if not tree.children(ending.segment) and ending.along_mm >= course.along_mm[-1] - _GRAZE_MM:
        return False
    near = np.linalg.norm(course.points_lps_mm - ending.place_lps_mm, axis=1) <= _SAME_MM
    radius = course.radius_mm[near]
    known = radius[np.isfinite(radius)]
    width = float(np.median(known)) if known.size else 0.0
    return float(course.depth_mm[near].min(initial=np.inf)) - width <= _GRAZE_MM
