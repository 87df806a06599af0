"""Changing a vessel tree by hand: add, cut, join, rename, take another root. Each gives a new tree.

A node that keeps only one segment on each side is taken out and its segments become one, unless their names differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from planner.errors import OperatorError
from planner.model.vessel_items import ADDED, BRIDGED
from planner.planning.vessel_tree import Floats, TreePlace, TreeSegment, VesselTree

_NODE_REACH_MM = 1.0
"""A branch that starts within this distance of a node starts at the node."""


def renamed(tree: VesselTree, names: Mapping[str, str | None], *, proposed: bool = False) -> VesselTree:
    """Segments under other names; a person's own are no proposal."""
    for key in names:
        _known(tree, key)
    changed = tuple(
        replace(each, name=names[each.id], proposed=proposed and names[each.id] is not None)
        if each.id in names
        else each
        for each in tree.segments
    )
    return replace(tree, segments=changed)


def cut(tree: VesselTree, key: str) -> VesselTree:
    """Without a segment and everything beyond it.

    Raises
    ------
    OperatorError
        When nothing would be left.
    """
    gone = {each.id for each in tree.downstream(_known(tree, key).id)}
    kept = tuple(each for each in tree.segments if each.id not in gone)
    if not kept:
        raise OperatorError("empty-tree", "Cutting here would leave no vessel; delete the tree instead.", subject=key)
    return united(replace(tree, segments=kept))


def cut_at(tree: VesselTree, place: TreePlace) -> VesselTree:
    """Without what lies beyond a place on a segment; the stretch before it stays."""
    segment = _known(tree, place.segment)
    if place.along_mm <= _NODE_REACH_MM:
        return cut(tree, segment.id)
    gone = {each.id for each in tree.downstream(segment.id)}
    first, _ = _split(segment, place.along_mm, keep_node=_free(tree.nodes, "n"))
    kept = tuple(
        first if each.id == segment.id else each for each in tree.segments if each.id not in gone or each is segment
    )
    nodes = {**tree.nodes, first.end: first.points_lps_mm[-1]}
    return replace(tree, nodes=nodes, segments=kept)


def with_branch(
    tree: VesselTree, place: TreePlace, points_lps_mm: ArrayLike, radius_mm: ArrayLike, doubtful: ArrayLike
) -> VesselTree:
    """With a branch that leaves at a place; its points run from the tree outwards, without the place itself.

    Raises
    ------
    OperatorError
        For a branch without a point.
    """
    points = np.asarray(points_lps_mm, dtype=np.float64).reshape(-1, 3)
    if not len(points):
        raise OperatorError("empty-branch", "A branch needs an end away from the tree; click further out.")
    tree, node = with_node(tree, place)
    end = _free(tree.nodes, "n")
    radius = np.asarray(radius_mm, dtype=np.float64)
    dubious = np.asarray(doubtful, dtype=np.bool_)
    branch = TreeSegment(
        _free({each.id: None for each in tree.segments}, "s"),
        node,
        end,
        np.vstack([tree.nodes[node], points]),
        np.concatenate([radius[:1], radius]),
        np.concatenate([dubious[:1], dubious]),
        origin=ADDED,
    )
    return replace(tree, nodes={**tree.nodes, end: points[-1]}, segments=(*tree.segments, branch))


def joined(tree: VesselTree, place: TreePlace, other: VesselTree, bridge_lps_mm: ArrayLike) -> VesselTree:
    """With another tree of the same frame attached at a place, by a bridge (k, 3) that may be empty.

    Raises
    ------
    OperatorError
        When the trees lie in different frames of reference.
    """
    if other.frame_uid != tree.frame_uid:
        raise OperatorError("frame-mismatch", "Both pieces must be of the same images; find them again together.")
    tree, node = with_node(tree, place)
    nodes, names = dict(tree.nodes), {each.id: None for each in tree.segments}
    moved: dict[str, str] = {}
    for key, position in other.nodes.items():
        moved[key] = _free(nodes, "n")
        nodes[moved[key]] = position
    start = other.nodes[other.root]
    way = np.vstack([tree.nodes[node], np.asarray(bridge_lps_mm, dtype=np.float64).reshape(-1, 3), start])
    bridge = TreeSegment(
        _free(names, "s"),
        node,
        moved[other.root],
        way,
        np.full(len(way), np.nan),
        np.ones(len(way), dtype=np.bool_),
        origin=BRIDGED,
    )
    names[bridge.id] = None
    added: list[TreeSegment] = []
    for each in other.segments:
        key = _free(names, "s")
        names[key] = None
        added.append(replace(each, id=key, start=moved[each.start], end=moved[each.end]))
    return united(replace(tree, nodes=nodes, segments=(*tree.segments, bridge, *added)))


def rerooted(tree: VesselTree, node: str) -> VesselTree:
    """The same vessels, seen from another node.

    Raises
    ------
    OperatorError
        For a node that is not of the tree.
    """
    if node not in tree.nodes:
        raise OperatorError(
            "unknown-node", "This place is not of the tree; choose a branching or an end.", subject=node
        )
    if node == tree.root:
        return tree
    turned: set[str] = set()
    at = node
    while at != tree.root:
        before = tree.ending_at[at]
        turned.add(before.id)
        at = before.start
    loose = [_reversed(each) if each.id in turned else each for each in tree.segments]
    return united(replace(tree, root=node, segments=ordered(node, loose)))


def with_node(tree: VesselTree, place: TreePlace) -> tuple[VesselTree, str]:
    """A tree that has a node at a place, and that node: an end of the segment where one is near."""
    segment = _known(tree, place.segment)
    if place.along_mm <= _NODE_REACH_MM:
        return tree, segment.start
    if place.along_mm >= segment.length_mm - _NODE_REACH_MM:
        return tree, segment.end
    node = _free(tree.nodes, "n")
    first, second = _split(segment, place.along_mm, keep_node=node)
    second = replace(second, id=_free({each.id: None for each in tree.segments}, "s"))
    segments: list[TreeSegment] = []
    for each in tree.segments:
        segments += [first, second] if each.id == segment.id else [each]
    return replace(tree, nodes={**tree.nodes, node: first.points_lps_mm[-1]}, segments=tuple(segments)), node


def united(tree: VesselTree) -> VesselTree:
    """Without nodes that have one segment on each side, where their names agree or one has none."""
    segments = {each.id: each for each in tree.segments}
    for first in tree.segments:
        at = segments.get(first.id)
        while at is not None:
            after = [each for each in segments.values() if each.start == at.end]
            if len(after) != 1 or not _agree(at, after[0]):
                break
            segments[at.id] = at = _one(at, after[0])
            del segments[after[0].id]
    return replace(tree, segments=tuple(segments.values()))


def ordered(root: str, segments: Iterable[TreeSegment]) -> tuple[TreeSegment, ...]:
    """Segments from the root outwards; those that do not hang on it are left out."""
    starting: dict[str, list[TreeSegment]] = {}
    for each in segments:
        starting.setdefault(each.start, []).append(each)
    found: list[TreeSegment] = []
    waiting = [root]
    for node in waiting:
        for each in starting.get(node, []):
            found.append(each)
            waiting.append(each.end)
    return tuple(found)


def _known(tree: VesselTree, key: str) -> TreeSegment:
    if not tree.has(key):
        raise OperatorError("unknown-segment", "This vessel is not of the tree any more; choose it again.", subject=key)
    return tree.segment(key)


def _split(segment: TreeSegment, along_mm: float, *, keep_node: str) -> tuple[TreeSegment, TreeSegment]:
    """Both parts of a segment; the first keeps its id, and both meet at `keep_node`."""
    at = segment.at(along_mm)
    before = segment.along_mm < along_mm - 1e-6
    after = segment.along_mm > along_mm + 1e-6
    here = int(np.argmin(np.abs(segment.along_mm - along_mm)))
    radius, dubious = segment.radius_mm[here], segment.doubtful[here]
    first = replace(
        segment,
        end=keep_node,
        points_lps_mm=np.vstack([segment.points_lps_mm[before], at]),
        radius_mm=np.append(segment.radius_mm[before], radius),
        doubtful=np.append(segment.doubtful[before], dubious),
    )
    second = replace(
        segment,
        start=keep_node,
        points_lps_mm=np.vstack([at, segment.points_lps_mm[after]]),
        radius_mm=np.concatenate([[radius], segment.radius_mm[after]]),
        doubtful=np.concatenate([[dubious], segment.doubtful[after]]),
    )
    return first, second


def _one(first: TreeSegment, second: TreeSegment) -> TreeSegment:
    return replace(
        first,
        end=second.end,
        points_lps_mm=np.vstack([first.points_lps_mm, second.points_lps_mm[1:]]),
        radius_mm=np.concatenate([first.radius_mm, second.radius_mm[1:]]),
        doubtful=np.concatenate([first.doubtful, second.doubtful[1:]]),
        name=first.name if first.name is not None else second.name,
        proposed=first.proposed if first.name is not None else second.proposed,
    )


def _agree(first: TreeSegment, second: TreeSegment) -> bool:
    return first.origin == second.origin and (first.name == second.name or first.name is None or second.name is None)


def _reversed(segment: TreeSegment) -> TreeSegment:
    points: Floats = segment.points_lps_mm[::-1].copy()
    return replace(
        segment,
        start=segment.end,
        end=segment.start,
        points_lps_mm=points,
        radius_mm=segment.radius_mm[::-1].copy(),
        doubtful=segment.doubtful[::-1].copy(),
    )


def _free(taken: Mapping[str, object], letter: str) -> str:
    numbers = [int(key[1:]) for key in taken if key[:1] == letter and key[1:].isdigit()]
    return f"{letter}{max(numbers, default=-1) + 1}"
