"""Vessel trees: nodes with a parent, a radius and an anatomical name; how they are grown and how they branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

MURRAY_EXPONENT = 3.0
"""Radius of a parent to this power is the sum over its children (Murray, PNAS 1926;12:207)."""


@dataclass(frozen=True, eq=False)
class VesselSegment:
    """An unbranched stretch, from the mother vessel outwards.

    Attributes
    ----------
    points_lps_mm, radii_mm
        (n, 3) and (n,): centreline, starting on the mother's node.
    parent
        Segment it leaves, or None at a root.
    start_node, end_node
        Nodes of the tree at its ends.
    feeds
        Identifier of the lesion it supplies, or None.
    """

    identifier: int
    name: str
    parent: int | None
    start_node: int
    end_node: int
    points_lps_mm: NDArray[np.float64]
    radii_mm: NDArray[np.float64]
    feeds: str | None

    @property
    def length_mm(self) -> float:
        return float(np.linalg.norm(np.diff(self.points_lps_mm, axis=0), axis=1).sum())


@dataclass(eq=False)
class VesselTree:
    """Nodes of one kind of vessel while it grows.

    Attributes
    ----------
    positions
        (3,) LPS mm per node.
    parents
        Index of the mother node, -1 at a root.
    set_radius
        Radius given by the author, or None where Murray's law decides.
    leaf_radius
        Radius at which a node ends when it has no daughter.
    """

    kind: str
    leaf_mm: float
    positions: list[NDArray[np.float64]] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    feeds: list[str | None] = field(default_factory=list)
    set_radius: list[float | None] = field(default_factory=list)
    leaf_radius: list[float] = field(default_factory=list)

    def add(
        self,
        parent: int,
        position: ArrayLike,
        name: str,
        *,
        radius: float | None = None,
        feeds: str | None = None,
        leaf: float | None = None,
    ) -> int:
        """Append a node and return its index."""
        self.positions.append(np.asarray(position, dtype=float))
        self.parents.append(parent)
        self.names.append(name)
        self.feeds.append(feeds)
        self.set_radius.append(radius)
        self.leaf_radius.append(self.leaf_mm if leaf is None else leaf)
        return len(self.positions) - 1

    def add_path(
        self,
        parent: int,
        points: NDArray[np.float64],
        name: str,
        radii: tuple[float, float] | None = None,
        feeds: str | None = None,
    ) -> list[int]:
        """Append a chain of nodes; the radius runs between two values, or is left to Murray's law."""
        nodes: list[int] = []
        for index, point in enumerate(points):
            share = index / max(len(points) - 1, 1)
            radius = None if radii is None else radii[0] + share * (radii[1] - radii[0])
            parent = self.add(parent, point, name, radius=radius, feeds=feeds)
            nodes.append(parent)
        return nodes

    def children(self) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in self.parents]
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                found[parent].append(node)
        return found

    def nearest_node(self, point: ArrayLike, among: Sequence[int] | None = None) -> int:
        nodes = list(range(len(self.positions))) if among is None else list(among)
        places = np.array([self.positions[node] for node in nodes])
        return nodes[int(np.argmin(np.linalg.norm(places - np.asarray(point, dtype=float), axis=1)))]

    def smooth(self, nodes: Sequence[int], rounds: int = 2) -> None:
        """Round the corners at nodes that have one mother and one daughter."""
        daughters = self.children()
        for _ in range(rounds):
            for node in nodes:
                if self.parents[node] >= 0 and len(daughters[node]) == 1:
                    between = (self.positions[self.parents[node]] + self.positions[daughters[node][0]]) / 2.0
                    self.positions[node] = (self.positions[node] + between) / 2.0

    def radii_mm(self) -> NDArray[np.float64]:
        """(n,) radius of each node: Murray's law from the ends, never wider than the mother."""
        count = len(self.parents)
        flow = np.zeros(count)
        own = np.zeros(count)
        for node in range(count - 1, -1, -1):
            if flow[node] == 0.0:
                flow[node] = self.leaf_radius[node] ** MURRAY_EXPONENT
            given = self.set_radius[node]
            own[node] = flow[node] ** (1.0 / MURRAY_EXPONENT) if given is None else given
            if self.parents[node] >= 0:
                flow[self.parents[node]] += flow[node]
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                own[node] = min(own[node], own[parent])
        return own

    def segments(self) -> list[VesselSegment]:
        """The unbranched stretches; a stretch also ends where the name changes."""
        daughters = self.children()
        radii = self.radii_mm()
        result: list[VesselSegment] = []
        waiting: list[tuple[int, int, int | None]] = []
        for root, parent in enumerate(self.parents):
            if parent < 0:
                waiting += [(root, child, None) for child in daughters[root]]
        while waiting:
            start, node, parent_segment = waiting.pop(0)
            chain = [start, node]
            while len(daughters[node]) == 1 and self._continues(node, daughters[node][0]):
                node = daughters[node][0]
                chain.append(node)
            identifier = len(result)
            points = np.array([self.positions[place] for place in chain])
            widths = radii[chain].copy()
            widths[0] = widths[1]
            result.append(
                VesselSegment(
                    identifier, self.names[node], parent_segment, start, node, points, widths, self.feeds[node]
                )
            )
            waiting += [(node, child, identifier) for child in daughters[node]]
        return result

    def _continues(self, node: int, child: int) -> bool:
        return self.names[node] == self.names[child] and self.feeds[node] == self.feeds[child]


@dataclass(frozen=True, eq=False)
class Growth:
    """How a tree colonises a space (after Runions et al., 2007).

    Attributes
    ----------
    step_mm
        Length of one growth step.
    kill_mm
        A place counts as supplied when a vessel comes this near.
    inertia
        How strongly a vessel keeps its direction.
    """

    step_mm: float = 5.0
    kill_mm: float = 8.6
    inertia: float = 0.55
    rounds: int = 70


def grow(
    tree: VesselTree,
    start: Sequence[int],
    places: NDArray[np.float64],
    growth: Growth,
    keep_out: Sequence[tuple[NDArray[np.float64], float]] = (),
    leaf: float | None = None,
) -> list[int]:
    """Grow from given nodes until every place is near a vessel.

    Parameters
    ----------
    places
        (n, 3) LPS mm to be supplied.
    keep_out
        Spheres (centre, radius mm) that vessels go around.

    Returns
    -------
    The new nodes.
    """
    from scipy.spatial import cKDTree

    active = list(start)
    grown: list[int] = []
    remaining = places
    for _ in range(growth.rounds):
        if len(remaining) == 0:
            break
        here = np.array([tree.positions[node] for node in active])
        known = cKDTree(here)
        _, owner = known.query(remaining)
        mothers = np.unique(owner)
        points = _pushed_out(here[mothers] + _steps(tree, active, here, remaining, owner, growth)[mothers], keep_out)
        room, _ = known.query(points)
        fresh = [
            tree.add(active[mother], point, tree.names[active[mother]], feeds=tree.feeds[active[mother]], leaf=leaf)
            for mother, point, gap in zip(mothers, points, room, strict=True)
            if gap >= 0.45 * growth.step_mm
        ]
        if not fresh:
            break
        distance, _ = cKDTree(np.array([tree.positions[node] for node in fresh])).query(remaining)
        remaining = remaining[distance > growth.kill_mm]
        active += fresh
        grown += fresh
    return grown


def _steps(
    tree: VesselTree,
    active: Sequence[int],
    here: NDArray[np.float64],
    remaining: NDArray[np.float64],
    owner: NDArray[np.intp],
    growth: Growth,
) -> NDArray[np.float64]:
    """(n, 3): one step from each active node toward the places that pull it, keeping some of its direction."""
    toward = remaining - here[owner]
    toward /= np.maximum(np.linalg.norm(toward, axis=1, keepdims=True), 1e-6)
    pull = np.zeros_like(here)
    np.add.at(pull, owner, toward)
    pull /= np.maximum(np.bincount(owner, minlength=len(here)), 1)[:, None]
    parents = [tree.parents[node] for node in active]
    before = np.array(
        [
            place - (tree.positions[parent] if parent >= 0 else place)
            for place, parent in zip(here, parents, strict=True)
        ]
    )
    before /= np.maximum(np.linalg.norm(before, axis=1, keepdims=True), 1e-6)
    direction = pull + growth.inertia * before
    steps: NDArray[np.float64] = (
        growth.step_mm * direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-6)
    )
    return steps


def _pushed_out(
    points: NDArray[np.float64], keep_out: Sequence[tuple[NDArray[np.float64], float]]
) -> NDArray[np.float64]:
    """(n, 3) points moved radially out of the spheres they lie in."""
    for centre, radius in keep_out:
        offset = points - centre
        distance = np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-6)
        points = np.where(distance < radius, centre + offset / distance * radius, points)
    return points
