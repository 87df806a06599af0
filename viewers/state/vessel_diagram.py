"""A vessel tree laid flat: its root at the left, every branch to the right as far as a catheter goes to reach it.

Distances along the vessels are to scale; what matters (named, feeding, chosen) gets more room than the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from planner.model.vessel_items import BRIDGED
from planner.planning.vessel_tree import TreeSegment, VesselTree

_PLACES = 10
WIDE, NARROW = 3.0, 1.0
"""Room of an end that matters, and of any other, in rows."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a segment that was seen, or is doubtful all along.

    Attributes
    ----------
    along_mm, radius_mm
        Few places of it with the radius there; 0 where none is known.
    """

    unsure: bool
    along_mm: tuple[float, ...]
    radius_mm: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DiagramBar:
    """One segment of the diagram.

    Attributes
    ----------
    start_mm, end_mm
        Distance from the root along the way to it.
    row
        Where it lies, in rows from the top.
    parent_row
        Of the segment it comes from; its own at the root.
    begins_name
        The segment before it is called otherwise: its name is written here.
    """

    segment: str
    start_mm: float
    end_mm: float
    row: float
    parent_row: float
    stretches: tuple[Stretch, ...] = ()
    begins_name: bool = True


@dataclass(frozen=True, slots=True)
class Diagram:
    """All segments of a tree, with the room they take."""

    bars: tuple[DiagramBar, ...]
    length_mm: float
    rows: float

    def bar(self, segment: str) -> DiagramBar | None:
        return next((each for each in self.bars if each.segment == segment), None)


def lay_out(tree: VesselTree, wide: frozenset[str] = frozenset()) -> Diagram:
    """Place every segment; ends of segments in `wide`, or beyond one, take more room."""
    starts: dict[str, float] = {}
    for segment in tree.segments:
        before = tree.parent(segment.id)
        starts[segment.id] = 0.0 if before is None else starts[before.id] + before.length_mm
    rows, total = _rows(tree, wide)
    bars = []
    for segment in tree.segments:
        before = tree.parent(segment.id)
        start = starts[segment.id]
        parent_row = rows[segment.id] if before is None else rows[before.id]
        begins = before is None or before.name != segment.name
        end = start + segment.length_mm
        bars.append(DiagramBar(segment.id, start, end, rows[segment.id], parent_row, stretches_of(segment), begins))
    longest = max((each.end_mm for each in bars), default=1.0)
    return Diagram(tuple(bars), max(longest, 1.0), max(total, 1.0))


def stretches_of(segment: TreeSegment) -> tuple[Stretch, ...]:
    """Seen and doubtful parts in turn, each with a handful of places: what is drawn many times is computed once."""
    unsure = segment.doubtful | (segment.origin == BRIDGED)
    edges = np.flatnonzero(np.diff(unsure.astype(np.int8))) + 1
    bounds = [0, *edges.tolist(), len(unsure) - 1]
    known = np.isfinite(segment.radius_mm)
    found = []
    for first, last in zip(bounds[:-1], bounds[1:], strict=True):
        along = np.linspace(segment.along_mm[first], segment.along_mm[last], min(_PLACES, last - first + 1))
        radius = np.zeros(len(along))
        if known.any():
            radius = np.interp(along, segment.along_mm[known], segment.radius_mm[known])
        found.append(Stretch(bool(unsure[first]), tuple(along.tolist()), tuple(radius.tolist())))
    return tuple(found)


def _rows(tree: VesselTree, wide: frozenset[str]) -> tuple[Mapping[str, float], float]:
    """Segment -> row: ends below each other in the order of a walk, a parent level with its thickest child.

    A main vessel so runs straight on, and its branches leave above and below it.
    """
    reach, width = _reach_mm(tree), {each.id: each.mean_radius_mm or 0.0 for each in tree.segments}
    order: dict[str, list[str]] = {}
    for segment in tree.segments:
        children = [child.id for child in tree.children(segment.id)]
        order[segment.id] = _around_thickest(children, width, reach)
    rows: dict[str, float] = {}
    at = 0.0
    roots = [each.id for each in tree.segments if each.start == tree.root]
    waiting = list(reversed(roots))
    walk: list[str] = []
    while waiting:
        key = waiting.pop()
        walk.append(key)
        waiting.extend(reversed(order[key]))
    for key in walk:
        if not order[key]:
            room = WIDE if key in wide else NARROW
            rows[key] = at + room / 2.0
            at += room
    for key in reversed(walk):
        if order[key]:
            straight = max(order[key], key=lambda child: (width[child], reach[child]))
            rows[key] = rows[straight]
    return rows, at


def _around_thickest(children: list[str], width: Mapping[str, float], reach: Mapping[str, float]) -> list[str]:
    """Side branches above and below the one that goes on, in turn."""
    if len(children) < 2:
        return children
    straight = max(children, key=lambda child: (width[child], reach[child]))
    aside = [each for each in children if each != straight]
    return [*aside[0::2], straight, *aside[1::2]]


def _reach_mm(tree: VesselTree) -> Mapping[str, float]:
    """Segment -> how far vessels go on from its start."""
    found: dict[str, float] = {}
    for segment in reversed(tree.segments):
        beyond = max((found[child.id] for child in tree.children(segment.id)), default=0.0)
        found[segment.id] = segment.length_mm + beyond
    return found
