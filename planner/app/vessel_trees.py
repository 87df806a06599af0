"""Vessel trees of a session: found on its images or in a mask, put into the plan, edited, and spoken of.

Finding is a job: it takes values and returns a `FoundTree`; `put_tree` turns that into an edit. Every edit by hand is
one step of undo. A tree is what was seen, and never called complete.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.app.marking import new_item, put_item
from planner.errors import FrameMismatch, OperatorError
from planner.imaging import LabelMap, Volume
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.edits import Edit, session_edit, with_item, without_item
from planner.model.items import PlanItem
from planner.model.session import Session
from planner.model.vessel_items import VESSEL_TREE, VesselTreeBody
from planner.model.vessel_reading import body_digest, tree_of
from planner.planning import tree_edits
from planner.planning.tree_packing import body_of_tree, tree_of_body
from planner.planning.vessel_tree import TreePlace, VesselTree
from planner.store.actors import Actor
from planner.units import shown

TOOL = "vessel-tree"
KIND_WORDS = MappingProxyType(
    {
        "artery": "arteries",
        "portal-vein": "portal vein branches",
        "hepatic-vein": "hepatic veins",
        "airway": "airways",
        "bile-duct": "bile ducts",
        "vein": "veins",
    }
)
_ITEM_NAMES = MappingProxyType(
    {
        "artery": "Arteries",
        "portal-vein": "Portal vein",
        "hepatic-vein": "Hepatic veins",
        "airway": "Airways",
        "bile-duct": "Bile ducts",
        "vein": "Veins",
    }
)
_MOST_KEPT = 8


@dataclass(frozen=True, eq=False)
class FoundTree:
    """A tree with how it came about.

    Attributes
    ----------
    method
        ``ct``, ``mask`` or ``region``.
    pattern
        Of the hepatic arteries (Michels), proposed; None where it cannot be told.
    series
        ``series_uid#part`` of the images it was found in or measured on.
    """

    tree: VesselTree
    method: str
    pattern: str | None = None
    series: str | None = None
    source_uids: tuple[str, ...] = ()


def find_tree(
    volume: Volume,
    seed_lps_mm: ArrayLike | None = None,
    kind: str = "artery",
    *,
    liver: Mask | None = None,
    segments: LabelMap | None = None,
    context: Context | None = None,
) -> FoundTree:
    """The tree of an enhanced CT, with proposed names. A job: touches no document.

    Parameters
    ----------
    seed_lps_mm
        (3,) in the vessel's trunk; None looks for one.
    liver, segments
        Of the same frame of reference; help to name.

    Raises
    ------
    OperatorError
        As `planner.planning.tree_extraction.tree_from_ct`.
    Cancelled
        When the operator cancelled.
    """
    from planner.planning.tree_extraction import tree_from_ct

    tree = tree_from_ct(volume, seed_lps_mm, kind, context=context)
    return _named(tree, "ct", volume, liver, segments)


def tree_of_mask(
    mask: Mask,
    kind: str = "artery",
    *,
    root_lps_mm: ArrayLike | None = None,
    volume: Volume | None = None,
    liver: Mask | None = None,
    segments: LabelMap | None = None,
    method: str = "mask",
    context: Context | None = None,
) -> FoundTree:
    """The tree of a vessel mask, with proposed names. A job: touches no document.

    Parameters
    ----------
    volume
        The image its radii are fitted to, resampled onto the mask's grid where that differs.

    Raises
    ------
    FrameMismatch
        When the image lies in another frame of reference.
    OperatorError
        As `planner.planning.tree_extraction.tree_from_mask`.
    """
    from planner.planning.tree_extraction import tree_from_mask

    fitted = None if volume is None else _on_grid_of(volume, mask)
    tree = tree_from_mask(mask, root_lps_mm=root_lps_mm, volume=fitted, kind=kind, context=context)
    return _named(tree, method, volume, liver, segments)


def put_tree(
    session_id: str,
    found: FoundTree,
    *,
    by: Actor,
    name: str | None = None,
    item_id: str | None = None,
    now: datetime | None = None,
) -> Edit:
    """Put a found tree into a session, or in the place of the one with `item_id`: one undo step."""
    body = body_of_tree(found.tree, method=found.method, series=found.series, pattern=found.pattern)
    item = new_item(
        VESSEL_TREE,
        body,
        name=name or _ITEM_NAMES.get(found.tree.kind, "Vessels"),
        frame_uid=found.tree.frame_uid,
        by=by,
        tool=TOOL,
        source_uids=found.source_uids,
        item_id=item_id,
        now=now,
    )
    return put_item(session_id, item)


def load_tree(item: PlanItem) -> VesselTree:
    """The tree of an item; the last few are kept by what their bodies are.

    Raises
    ------
    InputRefused
        When the item is no vessel tree, or its body is damaged.
    """
    key = f"{item.frame_uid} {body_digest(item)}"
    with _kept_lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    tree = tree_of_body(tree_of(item), item.frame_uid)
    with _kept_lock:
        _kept[key] = tree
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return tree


_kept: OrderedDict[str, VesselTree] = OrderedDict()
_kept_lock = Lock()


def edit_tree(session_id: str, item: PlanItem, change: Callable[[VesselTree], VesselTree]) -> Edit:
    """Change the tree of an item: one undo step. The change is made at the call, so that it can be refused there.

    Raises
    ------
    OperatorError
        What `change` raises.
    """
    return put_item(session_id, _with_tree(item, change(load_tree(item))))


def rename_vessels(session_id: str, item: PlanItem, names: Mapping[str, str | None]) -> Edit:
    """Segments under names that a person gives or confirms; None takes a name away."""
    return edit_tree(session_id, item, lambda tree: tree_edits.renamed(tree, names))


def confirm_names(session_id: str, item: PlanItem) -> Edit:
    """Every proposed name as it is, now by a person."""
    tree = load_tree(item)
    return rename_vessels(session_id, item, {each.id: each.name for each in tree.segments if each.name is not None})


def cut_vessel(session_id: str, item: PlanItem, place: TreePlace) -> Edit:
    """Without what lies beyond a place of a segment."""
    return edit_tree(session_id, item, lambda tree: tree_edits.cut_at(tree, place))


def add_branch(
    session_id: str, item: PlanItem, volume: Volume, click_lps_mm: ArrayLike, context: Context | None = None
) -> Edit:
    """With the branch that ends at a click in the image.

    Raises
    ------
    FrameMismatch
        When the image lies in another frame of reference than the tree.
    OperatorError
        As `planner.planning.tree_growing.branch_to`.
    """
    from planner.planning.tree_growing import branch_to

    if volume.grid.frame_uid != item.frame_uid:
        raise _other_frame()
    return edit_tree(session_id, item, lambda tree: branch_to(tree, volume, click_lps_mm, context))


def join_trees(session_id: str, item: PlanItem, other: PlanItem) -> Edit:
    """With another tree item hung onto it where both are nearest; the other item goes: one undo step.

    Raises
    ------
    OperatorError
        For trees of different frames or kinds.
    """
    tree, piece = load_tree(item), load_tree(other)
    if tree.kind != piece.kind:
        text = f"{KIND_WORDS.get(tree.kind, tree.kind)} and {KIND_WORDS.get(piece.kind, piece.kind)} do not join."
        raise OperatorError("different-kinds", text, subject=other.id)
    gaps = {key: tree.nearest(position) for key, position in piece.nodes.items()}
    known = {key: place for key, place in gaps.items() if place is not None}
    if not known:
        raise OperatorError("empty-tree", "There is no vessel to join to; find the tree again.", subject=item.id)
    node = min(known, key=lambda key: known[key].distance_mm)
    bridge = _straight(_place_lps_mm(tree, known[node]), piece.nodes[node])
    whole = tree_edits.joined(tree, known[node], tree_edits.rerooted(piece, node), bridge)
    changed = _with_tree(item, whole)

    def change(session: Session) -> Session:
        return with_item(without_item(session, other.id), changed)

    return session_edit(session_id, change)


def reroot_tree(session_id: str, item: PlanItem, node: str) -> Edit:
    """The same vessels, seen from another node."""
    return edit_tree(session_id, item, lambda tree: tree_edits.rerooted(tree, node))


def visible_words(case: Case, item: PlanItem, *, slice_mm: float | None = None) -> tuple[str, str]:
    """On what images a tree was seen, and what those cannot show: ``Seen on CT of 2026-05-04, slices 1.25 mm``,
    ``arteries below 1.1 mm are not visible``.

    Parameters
    ----------
    slice_mm
        Distance of the slices, where the image is open.
    """
    body = tree_of(item)
    small = not_visible_words(body.kind, body.smallest_visible_mm)
    if body.series is None:
        return "From a mask, not from images", small
    reference = _reference(case, body.series)
    what = "images" if reference is None or not reference.modality else reference.modality
    taken = None if reference is None else reference.study_date
    day = "an unknown date" if taken is None else taken.isoformat()
    slices = "slices not known" if slice_mm is None else f"slices {shown(slice_mm, 'mm')}"
    return f"Seen on {what} of {day}, {slices}", small


def not_visible_words(kind: str, least_mm: float | None) -> str:
    """What images cannot show of a kind of vessel; None where it is not known how thin."""
    what = KIND_WORDS.get(kind, "vessels")
    if least_mm is None:
        return f"thin {what} are not visible (how thin is not known)"
    return f"{what} below {shown(least_mm, 'mm', digits=1)} are not visible"


def _reference(case: Case, series: str) -> SeriesRef | None:
    uid, _, part = series.rpartition("#")
    wanted = [each for each in case.studies if each.series_uid == uid]
    return next((each for each in wanted if str(each.part) == part), wanted[0] if wanted else None)


def _named(
    tree: VesselTree, method: str, volume: Volume | None, liver: Mask | None, segments: LabelMap | None
) -> FoundTree:
    from planner.planning.tree_naming import proposed_names

    names, pattern = proposed_names(tree, liver=liver, segments=segments)
    named = tree_edits.renamed(tree, names, proposed=True)
    source = None if volume is None else volume.source
    series = None if source is None else f"{source.series_uid}#{source.part}"
    return FoundTree(named, method, pattern, series, () if source is None else (source.series_uid,))


def _on_grid_of(volume: Volume, mask: Mask) -> Volume:
    from planner.imaging.resampling import resampled

    if volume.grid.frame_uid != mask.grid.frame_uid:
        raise _other_frame()
    return volume if volume.grid.same_as(mask.grid) else resampled(volume, mask.grid)


def _other_frame() -> FrameMismatch:
    text = "The vessels and the image lie in different frames of reference; link the two studies first."
    return FrameMismatch("mixed-frames", text)


def _with_tree(item: PlanItem, tree: VesselTree) -> PlanItem:
    before: VesselTreeBody = tree_of(item)
    body = body_of_tree(tree, method=before.method, series=before.series, pattern=before.pattern)
    return replace(item, body=MappingProxyType(codec.to_json(body)))


def _place_lps_mm(tree: VesselTree, place: TreePlace) -> NDArray[np.float64]:
    return tree.segment(place.segment).at(place.along_mm)


def _straight(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, 3) points between both, at most 0.5 mm apart, without them."""
    count = int(np.ceil(float(np.linalg.norm(end - start)) / 0.5))
    return start + (end - start) * (np.arange(1, count) / max(count, 1))[:, None]
