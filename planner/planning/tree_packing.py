"""Vessel trees as plan items store them, and back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from planner.errors import InputRefused
from planner.model.packed import packed, unpacked
from planner.model.vessel_items import TreeNodeRow, TreeSegmentRow, VesselTreeBody
from planner.planning.vessel_tree import Floats, TreeSegment, VesselTree

_COLUMNS = 5


def body_of_tree(
    tree: VesselTree, *, method: str, series: str | None = None, pattern: str | None = None
) -> VesselTreeBody:
    """The body of a plan item for a tree; `method` says how it came about (``ct``, ``mask``...)."""
    tables = [
        np.column_stack([each.points_lps_mm, each.radius_mm, each.doubtful.astype(np.float64)])
        for each in tree.segments
    ]
    return VesselTreeBody(
        kind=tree.kind,
        root=tree.root,
        nodes=tuple(TreeNodeRow(key, _point(place)) for key, place in tree.nodes.items()),
        segments=tuple(_row(tree, each) for each in tree.segments),
        table=packed(np.concatenate(tables) if tables else np.empty((0, _COLUMNS))),
        method=method,
        pattern=pattern,
        series=series,
        smallest_visible_mm=tree.smallest_visible_mm,
        findings=tree.findings,
    )


def tree_of_body(body: VesselTreeBody, frame_uid: str) -> VesselTree:
    """The tree of a stored body.

    Raises
    ------
    InputRefused
        When the body is damaged.
    """
    table = unpacked(body.table, _COLUMNS)
    counts = [row.points for row in body.segments]
    if sum(counts) != len(table) or any(count < 2 for count in counts):
        raise InputRefused("bad-document", "The points of a vessel tree do not fit its segments; find it again.")
    bounds = np.concatenate([[0], np.cumsum(counts)]).astype(int)
    segments = tuple(
        TreeSegment(
            row.id,
            row.start,
            row.end,
            table[low:high, :3],
            table[low:high, 3],
            table[low:high, 4] > 0.5,
            row.name,
            row.proposed,
            row.origin,
        )
        for row, (low, high) in zip(body.segments, pairwise(bounds), strict=True)
    )
    nodes = {row.id: np.asarray(row.lps_mm, dtype=np.float64) for row in body.nodes}
    try:
        return VesselTree(
            body.kind, frame_uid, body.root, nodes, segments, tuple(body.findings), body.smallest_visible_mm
        )
    except ValueError as error:
        raise InputRefused("bad-document", "A stored vessel tree is no tree; find it again.") from error


def _row(tree: VesselTree, segment: TreeSegment) -> TreeSegmentRow:
    mean, least = segment.mean_radius_mm, segment.minimum_radius_mm
    return TreeSegmentRow(
        id=segment.id,
        start=segment.start,
        end=segment.end,
        points=len(segment.points_lps_mm),
        length_mm=segment.length_mm,
        mean_diameter_mm=None if mean is None else 2.0 * mean,
        minimum_diameter_mm=None if least is None else 2.0 * least,
        generation=tree.generation[segment.id],
        strahler=tree.strahler[segment.id],
        name=segment.name,
        proposed=segment.proposed,
        origin=segment.origin,
        doubtful_share=segment.doubtful_share,
    )


def _point(place: Floats) -> tuple[float, float, float]:
    return float(place[0]), float(place[1]), float(place[2])
