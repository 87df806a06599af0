"""A vessel tree laid flat: its root at the left, every branch to the right as far as a catheter goes to reach it.

Distances along the vessels are to scale; what matters (named, feeding, chosen) gets more room than the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planner.planning.vessel_tree import VesselTree

WIDE, NARROW = 3.0, 1.0
"""Room of an end that matters, and of any other, in rows."""


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
    """

    segment: str
    start_mm: float
    end_mm: float
    row: float
    parent_row: float


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
        bars.append(DiagramBar(segment.id, start, start + segment.length_mm, rows[segment.id], parent_row))
    longest = max((each.end_mm for each in bars), default=1.0)
    return Diagram(tuple(bars), max(longest, 1.0), max(total, 1.0))


def _rows(tree: VesselTree, wide: frozenset[str]) -> tuple[Mapping[str, float], float]:
    """Segment -> row: ends below each other in the order of a walk, a parent level with its thickest child.

    A main vessel so runs straight on, and its branches leave above and below it.
    """
    reach = _reach_mm(tree)
    order: dict[str, list[str]] = {}
    for segment in tree.segments:
        children = [child.id for child in tree.children(segment.id)]
        order[segment.id] = _around_thickest(tree, children, reach)
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
            straight = max(order[key], key=lambda child: (_width(tree, child), reach[child]))
            rows[key] = rows[straight]
    return rows, at


def _around_thickest(tree: VesselTree, children: list[str], reach: Mapping[str, float]) -> list[str]:
    """Side branches above and below the one that goes on, in turn."""
    if len(children) < 2:
        return children
    straight = max(children, key=lambda child: (_width(tree, child), reach[child]))
    aside = [each for each in children if each != straight]
    return [*aside[0::2], straight, *aside[1::2]]


def _width(tree: VesselTree, key: str) -> float:
    return tree.segment(key).mean_radius_mm or 0.0


def _reach_mm(tree: VesselTree) -> Mapping[str, float]:
    """Segment -> how far vessels go on from its start."""
    found: dict[str, float] = {}
    for segment in reversed(tree.segments):
        beyond = max((found[child.id] for child in tree.children(segment.id)), default=0.0)
        found[segment.id] = segment.length_mm + beyond
    return found
