"""The C-arm's view of a catheter position: its map, and the view that is kept."""

from __future__ import annotations

import numpy as np

from planner.app.injections import set_view
from planner.errors import UsageError
from planner.geometry.patient_positions import PatientPosition
from planner.jobs import Context
from planner.model.edits import Edit
from planner.model.session import Session
from planner.model.vessel_items import CatheterPositionBody
from planner.model.vessel_reading import body_digest, position_of, tree_of
from planner.planning.tree_packing import tree_of_body
from planner.planning.vessel_tree import Floats, VesselTree
from planner.planning.working_view import ViewMap, view_limits, view_map

_LEAST_MM = 15.0
"""A shorter segment is looked at together with what leads to it: its own few millimetres say little about a view."""


def map_of_position(
    session: Session,
    item_id: str,
    *,
    machine: str = "generic",
    position: PatientPosition | None = None,
    organ: str | None = "liver",
    context: Context | None = None,
) -> ViewMap:
    """Foreshortening and overlap around a catheter position, over all directions. A job: touches no document.

    Raises
    ------
    UsageError
        ``unknown-position``, ``tree-changed``, ``unknown-machine``.
    """
    item = session.item(item_id)
    if item is None:
        raise UsageError("unknown-position", "This position is not in the session any more.", subject=item_id)
    body = position_of(item)
    tree = _tree(session, body)
    return view_map(
        tree,
        body.segment,
        points_lps_mm=stretch_of(tree, body.segment),
        limits=view_limits(machine),
        position=position,
        organ=organ,
        context=context,
    )


def stretch_of(tree: VesselTree, segment: str) -> Floats:
    """(n, 3) the segment, and before it so much of the way that 15 mm are looked at."""
    line = tree.way_line(segment)
    length = max(tree.segment(segment).length_mm, _LEAST_MM)
    start = max(0.0, line.length_mm - length)
    return line.at(np.linspace(start, line.length_mm, max(2, int(line.length_mm - start) + 1)))


def keep_view(session_id: str, item_id: str, found: ViewMap, angles_deg: tuple[float, float] | None = None) -> Edit:
    """Keep a view with its losses; None keeps the one recommended.

    Raises
    ------
    UsageError
        ``no-view`` when the machine reaches none and none is given.
    """
    chosen = found.best if angles_deg is None else angles_deg
    if chosen is None:
        raise UsageError("no-view", "The machine reaches none of these views; choose one by hand.", subject=item_id)
    return set_view(session_id, item_id, found.measures(*chosen, by_person=angles_deg is not None))


def _tree(session: Session, body: CatheterPositionBody) -> VesselTree:
    item = session.item(body.tree)
    if item is None or body_digest(item) != body.tree_digest:
        text = "The tree changed since the position was measured: measure it again, then look for a view."
        raise UsageError("tree-changed", text, subject=body.tree)
    return tree_of_body(tree_of(item), item.frame_uid)
