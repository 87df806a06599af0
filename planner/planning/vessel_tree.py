"""A rooted tree of vessels as a value: what leads where, how far, how wide, and in which order.

Every stretch between two branchings is a segment whose points run from the root outwards. Edits give a new tree
(`planner.planning.tree_edits`); ids of stretches that an edit does not touch stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Polyline
from planner.model.vessel_items import FOUND

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TreeSegment:
    """An unbranched stretch.

    Attributes
    ----------
    start, end
        Ids of the nodes at its ends; its first and last point lie on them.
    points_lps_mm, radius_mm, doubtful
        (n, 3), (n,) with NaN for unknown, and (n,) bool: too narrow or too faint to be trusted.
    name
        Key of ``resources/arteries.toml`` or ``resources/veins.toml``, a person's own words, or None.
    proposed
        The name is a proposal.
    origin
        ``found``, ``bridged`` or ``added``.
    """

    id: str
    start: str
    end: str
    points_lps_mm: Floats
    radius_mm: Floats
    doubtful: NDArray[np.bool_]
    name: str | None = None
    proposed: bool = False
    origin: str = FOUND

    @cached_property
    def along_mm(self) -> Floats:
        """(n,): distance along the segment from its start."""
        steps = np.linalg.norm(np.diff(self.points_lps_mm, axis=0), axis=1)
        along: Floats = np.concatenate([[0.0], np.cumsum(steps)])
        return along

    @property
    def length_mm(self) -> float:
        return float(self.along_mm[-1])

    @property
    def mean_radius_mm(self) -> float | None:
        known = self.radius_mm[np.isfinite(self.radius_mm)]
        return float(known.mean()) if known.size else None

    @property
    def minimum_radius_mm(self) -> float | None:
        known = self.radius_mm[np.isfinite(self.radius_mm)]
        return float(known.min()) if known.size else None

    @property
    def doubtful_share(self) -> float:
        return float(self.doubtful.mean())

    def at(self, along_mm: float) -> Floats:
        """(3,) the point at a distance from the start, clamped to the ends."""
        return np.array([np.interp(along_mm, self.along_mm, self.points_lps_mm[:, axis]) for axis in range(3)])

    def direction(self, along_mm: float, reach_mm: float = 4.0) -> Floats:
        """(3,) unit direction away from the root, over `reach_mm` around a place."""
        low = max(0.0, min(along_mm - reach_mm / 2.0, self.length_mm - reach_mm))
        way = self.at(min(self.length_mm, low + reach_mm)) - self.at(low)
        unit: Floats = way / max(float(np.linalg.norm(way)), 1e-9)
        return unit


@dataclass(frozen=True, slots=True)
class TreePlace:
    """A place on a tree: `distance_mm` is how far from the centreline the asked point lay."""

    segment: str
    along_mm: float
    distance_mm: float


@dataclass(frozen=True, eq=False)
class VesselTree:
    """A rooted tree of one kind of vessel, in one frame of reference.

    Attributes
    ----------
    nodes
        Id -> (3,) LPS mm.
    segments
        In an order in which a parent comes before its children. Every node but the root ends exactly one segment.
    findings
        What was cut, bridged or left out.

    Raises
    ------
    ValueError
        When the segments are no tree from the root.
    """

    kind: str
    frame_uid: str
    root: str
    nodes: Mapping[str, Floats]
    segments: tuple[TreeSegment, ...]
    findings: tuple[str, ...] = ()
    smallest_visible_mm: float | None = None
    _by_id: Mapping[str, TreeSegment] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ended = {self.root}
        for segment in self.segments:
            if segment.start not in ended or segment.end in ended:
                raise ValueError("the segments of a vessel tree must lead from its root outwards, without a loop")
            ended.add(segment.end)
        if ended - set(self.nodes):
            raise ValueError("a vessel tree names a node that it lacks")
        object.__setattr__(
            self, "nodes", MappingProxyType({key: self.nodes[key] for key in self.nodes if key in ended})
        )
        object.__setattr__(self, "_by_id", MappingProxyType({segment.id: segment for segment in self.segments}))

    def segment(self, key: str) -> TreeSegment:
        """KeyError for an unknown one."""
        return self._by_id[key]

    def has(self, key: str) -> bool:
        return key in self._by_id

    @cached_property
    def ending_at(self) -> Mapping[str, TreeSegment]:
        """Node -> the segment that ends there."""
        return {segment.end: segment for segment in self.segments}

    @cached_property
    def starting_at(self) -> Mapping[str, tuple[TreeSegment, ...]]:
        """Node -> the segments that start there."""
        found: dict[str, list[TreeSegment]] = {node: [] for node in self.nodes}
        for segment in self.segments:
            found[segment.start].append(segment)
        return {node: tuple(each) for node, each in found.items()}

    def parent(self, key: str) -> TreeSegment | None:
        return self.ending_at.get(self.segment(key).start)

    def children(self, key: str) -> tuple[TreeSegment, ...]:
        return self.starting_at[self.segment(key).end]

    def way_to(self, key: str) -> tuple[TreeSegment, ...]:
        """Segments from the root to one, both ends included."""
        way = [self.segment(key)]
        while (before := self.parent(way[0].id)) is not None:
            way.insert(0, before)
        return tuple(way)

    def downstream(self, key: str) -> tuple[TreeSegment, ...]:
        """A segment and everything beyond it, nearer ones first."""
        found = [self.segment(key)]
        for each in found:
            found.extend(self.children(each.id))
        return tuple(found)

    def node_kind(self, node: str) -> str:
        """``root``, ``branch`` or ``end`` (a node between two segments of different names counts as branch)."""
        if node == self.root:
            return "root"
        return "branch" if self.starting_at[node] else "end"

    @cached_property
    def generation(self) -> Mapping[str, int]:
        """Segment -> how many branchings lie before it; 0 at the root."""
        found: dict[str, int] = {}
        for segment in self.segments:
            before = self.ending_at.get(segment.start)
            if before is None:
                found[segment.id] = 0
            else:
                found[segment.id] = found[before.id] + (1 if len(self.starting_at[segment.start]) > 1 else 0)
        return found

    @cached_property
    def strahler(self) -> Mapping[str, int]:
        """Segment -> Strahler order: 1 at the ends, one more where two of the highest order meet."""
        found: dict[str, int] = {}
        for segment in reversed(self.segments):
            orders = sorted((found[child.id] for child in self.children(segment.id)), reverse=True)
            if not orders:
                found[segment.id] = 1
            elif len(orders) > 1 and orders[0] == orders[1]:
                found[segment.id] = orders[0] + 1
            else:
                found[segment.id] = orders[0]
        return found

    @property
    def total_length_mm(self) -> float:
        return sum(segment.length_mm for segment in self.segments)

    def nearest(self, point_lps_mm: ArrayLike, among: Sequence[str] | None = None) -> TreePlace | None:
        """The place of the tree nearest to a point; None for an empty tree."""
        chosen = self.segments if among is None else tuple(self.segment(key) for key in among)
        best: TreePlace | None = None
        point = np.asarray(point_lps_mm, dtype=np.float64)
        for segment in chosen:
            along, gap = _nearest_on(segment, point)
            if best is None or gap < best.distance_mm:
                best = TreePlace(segment.id, along, gap)
        return best

    def way_line(self, key: str, along_mm: float | None = None) -> Polyline:
        """The centreline from the root to a place on a segment, its end when no place is given."""
        way = self.way_to(key)
        pieces = [each.points_lps_mm if not index else each.points_lps_mm[1:] for index, each in enumerate(way)]
        if along_mm is not None and along_mm < way[-1].length_mm:
            last = way[-1]
            kept = last.points_lps_mm[last.along_mm < along_mm]
            cut = (
                np.vstack([kept, last.at(along_mm)])
                if len(kept)
                else np.vstack([last.points_lps_mm[0], last.at(along_mm)])
            )
            pieces[-1] = cut if len(way) == 1 else cut[1:]
        return Polyline(np.concatenate(pieces), self.frame_uid)


def _nearest_on(segment: TreeSegment, point: Floats) -> tuple[float, float]:
    """(along, distance) of the nearest place on a segment, between its points."""
    start, end = segment.points_lps_mm[:-1], segment.points_lps_mm[1:]
    edge = end - start
    squared = np.maximum(np.einsum("ij,ij->i", edge, edge), 1e-30)
    share = np.clip(np.einsum("ij,ij->i", point - start, edge) / squared, 0.0, 1.0)
    gaps = np.linalg.norm(start + share[:, None] * edge - point, axis=1)
    at = int(np.argmin(gaps))
    return float(segment.along_mm[at] + share[at] * np.sqrt(squared[at])), float(gaps[at])
