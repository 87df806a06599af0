"""Lumens of a session: traced between clicks, clicked again, marked, their narrowing found or set; one undo step each.

Tracing is a job: it takes values and returns a `Lumen`; a function here turns that into an edit. Everything that a
stent is sized by is stored in the item; a lumen that changes has another digest (`planner.model.vessel_reading`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from numpy.typing import ArrayLike

from planner.app.marking import new_item, put_item
from planner.errors import FrameMismatch, OperatorError, UsageError
from planner.geometry import Polyline
from planner.imaging import Volume
from planner.jobs import Context
from planner.model import codec
from planner.model.edits import Edit
from planner.model.items import PlanItem, Point
from planner.model.vessel_items import LUMEN, LumenBody, LumenMark, StenosisMeasures
from planner.model.vessel_reading import lumen_of
from planner.planning.lumens import Lumen, lumen_along, trace_lumen
from planner.planning.lumens_packing import body_of_lumen, lumen_of_body, mark_at, marks_on
from planner.planning.lumens_stenosis import find_stenosis, stenosis_between
from planner.planning.stent_branches import branch_marks
from planner.planning.vessel_tree import VesselTree
from planner.store.actors import Actor

KIND_OF_TREE = {
    "artery": "artery",
    "portal-vein": "vein",
    "hepatic-vein": "vein",
    "vein": "vein",
    "airway": "airway",
    "bile-duct": "bile",
}
"""What kind of lumen the segments of a tree are."""
MAXIMUM_NAME = 80
SAME_PLACE_MM = 3.0
"""A branch of a tree this near to a mark along the lumen is taken for what is marked already."""


def lumen_from_item(item: PlanItem) -> Lumen:
    """The lumen that an item holds; contours across its course are not stored.

    Raises
    ------
    InputRefused
        When the item is no lumen, or its body is damaged.
    """
    return lumen_of_body(lumen_of(item), item.frame_uid)


def put_lumen(
    session_id: str,
    lumen: Lumen,
    *,
    name: str,
    by: Actor,
    site: str | None = None,
    series: str | None = None,
    marks: Sequence[LumenMark] = (),
    item_id: str | None = None,
) -> Edit:
    """Put a traced lumen into a session, with the narrowing that is found in it.

    Parameters
    ----------
    series
        ``series_uid#part`` of the images it was traced on.

    Raises
    ------
    UsageError
        ``bad-name``.
    """
    body = body_of_lumen(lumen, site=site, series=series, marks=marks, stenosis=find_stenosis(lumen))
    sources = (series.partition("#")[0],) if series else ()
    item = new_item(
        LUMEN,
        body,
        name=_name(name),
        frame_uid=lumen.centreline.frame_uid,
        by=by,
        tool="lumen",
        source_uids=sources,
        item_id=item_id,
    )
    return put_item(session_id, item)


def traced_again(volume: Volume, item: PlanItem, clicks_lps_mm: ArrayLike, context: Context | None = None) -> Lumen:
    """The lumen of an item through other clicks. A job: changes nothing.

    Raises
    ------
    FrameMismatch
        When the images lie in another frame of reference than the lumen.
    OperatorError
        As `planner.planning.lumens.trace_lumen`.
    """
    if volume.grid.frame_uid != item.frame_uid:
        raise FrameMismatch(
            "mixed-frames", f"{item.name} lies in another frame of reference than these images; open its own series."
        )
    return trace_lumen(volume, clicks_lps_mm, lumen_of(item).kind, context=context)


def with_click(item: PlanItem, lps_mm: Point) -> tuple[Point, ...]:
    """The clicks of a lumen and one more, where it lies along the course; beyond an end it becomes the new end."""
    lumen, body = lumen_from_item(item), lumen_of(item)
    places = [lumen.place_of(click) for click in body.clicks_lps_mm]
    place = lumen.place_of(lps_mm)
    clicks = list(body.clicks_lps_mm)
    gap = lumen.centreline.distance_mm(lps_mm)
    if place <= 0.0 and gap > 1.0:
        return (lps_mm, *clicks)
    if place >= lumen.length_mm - 1e-6 and gap > 1.0:
        return (*clicks, lps_mm)
    at = next((index for index, each in enumerate(places) if each > place), len(clicks) - 1)
    return (*clicks[: max(at, 1)], lps_mm, *clicks[max(at, 1) :])


def retrace(session_id: str, item: PlanItem, lumen: Lumen) -> Edit:
    """Another course for a lumen: its name, site and marks stay; a narrowing set by a person keeps its places.

    Raises
    ------
    FrameMismatch
        When the new course lies in another frame of reference.
    """
    if lumen.centreline.frame_uid != item.frame_uid:
        raise FrameMismatch("mixed-frames", f"{item.name} lies in another frame of reference; trace it on its series.")
    before = lumen_of(item)
    old = lumen_from_item(item)
    body = body_of_lumen(
        lumen,
        site=before.site,
        series=before.series,
        marks=marks_on(lumen, before.marks),
        stenosis=_kept(before.stenosis, old, lumen) or find_stenosis(lumen),
    )
    return put_item(session_id, _with_body(item, body))


def _kept(before: StenosisMeasures | None, old: Lumen, now: Lumen) -> StenosisMeasures | None:
    """A person's narrowing measured again at the same places of the body; None where it no longer lies on the lumen."""
    if before is None or not before.by_person:
        return None
    start, end = (now.place_of(old.centreline.at(place)) for place in (before.start_mm, before.end_mm))
    try:
        return stenosis_between(now, start, end)
    except OperatorError:
        return None


def add_mark(session_id: str, item: PlanItem, name: str, lps_mm: Point) -> Edit:
    """Mark a landmark on a lumen; one of the same name moves.

    Parameters
    ----------
    name
        Key of a landmark in ``resources/devices/stents.toml`` (``carina``, ``papilla``), or a person's own words.

    Raises
    ------
    UsageError
        ``bad-name``.
    """
    body = lumen_of(item)
    mark = mark_at(lumen_from_item(item), _name(name), lps_mm)
    others = [each for each in body.marks if each.name != mark.name]
    marks = tuple(sorted((*others, mark), key=lambda each: each.along_mm))
    return put_item(session_id, _with_body(item, replace(body, marks=marks)))


def remove_mark(session_id: str, item: PlanItem, name: str) -> Edit:
    """Take a landmark away.

    Raises
    ------
    UsageError
        ``unknown-mark``.
    """
    body = lumen_of(item)
    kept = tuple(each for each in body.marks if each.name != name)
    if len(kept) == len(body.marks):
        raise UsageError("unknown-mark", f"{item.name} has no mark called {name}.", subject=item.id)
    return put_item(session_id, _with_body(item, replace(body, marks=kept)))


def mark_branches(session_id: str, item: PlanItem, tree: VesselTree) -> Edit:
    """Mark where branches of a tree of the same vessels leave a lumen; marks that it has already stay.

    Raises
    ------
    UsageError
        ``other-vessel`` for a tree of something else; ``no-branches`` where the tree shows no new one along the lumen.
    FrameMismatch
        When tree and lumen lie in different frames of reference.
    """
    body = lumen_of(item)
    if KIND_OF_TREE[tree.kind] != body.kind:
        raise UsageError("other-vessel", f"{item.name} is no {tree.kind}; choose a tree of its own vessels.")
    marks = list(body.marks)
    for found in branch_marks(tree, lumen_from_item(item).centreline, body.kind):
        if any(abs(found.along_mm - each.along_mm) <= SAME_PLACE_MM for each in body.marks):
            continue
        marks.append(replace(found, name=_free_name(found.name, [each.name for each in marks])))
    if len(marks) == len(body.marks):
        text = "The tree shows no branch here that is not marked yet; one that it lacks may be there all the same."
        raise UsageError("no-branches", text, subject=item.id)
    ordered = tuple(sorted(marks, key=lambda each: each.along_mm))
    return put_item(session_id, _with_body(item, replace(body, marks=ordered)))


def _free_name(name: str, taken: Sequence[str]) -> str:
    """``side branch``, then ``side branch 2``: a mark is taken away by its name."""
    if name not in taken:
        return name
    return next(each for number in range(2, len(taken) + 3) if (each := f"{name} {number}") not in taken)


def set_stenosis(session_id: str, item: PlanItem, start_mm: float, end_mm: float) -> Edit:
    """The narrowing between two places along a lumen, by a person.

    Raises
    ------
    OperatorError
        ``empty-stenosis``.
    """
    found = stenosis_between(lumen_from_item(item), start_mm, end_mm)
    return put_item(session_id, _with_body(item, replace(lumen_of(item), stenosis=found)))


def find_again(session_id: str, item: PlanItem) -> Edit:
    """The narrowing that is found in the lumen instead of the one that a person set."""
    found = find_stenosis(lumen_from_item(item))
    return put_item(session_id, _with_body(item, replace(lumen_of(item), stenosis=found)))


def clear_stenosis(session_id: str, item: PlanItem) -> Edit:
    """No narrowing in this lumen, by a person's word."""
    return put_item(session_id, _with_body(item, replace(lumen_of(item), stenosis=None)))


def set_site(session_id: str, item: PlanItem, site: str | None) -> Edit:
    """Where in the body the lumen is, by the key of a site's rule."""
    return put_item(session_id, _with_body(item, replace(lumen_of(item), site=site)))


def lumen_along_tree(volume: Volume, tree: VesselTree, segment: str, *, context: Context | None = None) -> Lumen:
    """The lumen along the way from a tree's root to the end of a segment. A job: changes nothing.

    Raises
    ------
    FrameMismatch
        When image and tree lie in different frames of reference.
    UsageError
        ``unknown-segment``.
    """
    if volume.grid.frame_uid != tree.frame_uid:
        raise FrameMismatch("mixed-frames", "The tree lies in another frame of reference than these images.")
    if not tree.has(segment):
        raise UsageError("unknown-segment", f"The tree has no segment {segment}.", subject=segment)
    way: Polyline = tree.way_line(segment)
    return lumen_along(volume, way, KIND_OF_TREE[tree.kind], context=context)


def _name(name: str) -> str:
    wanted = " ".join(name.split())
    if not wanted or len(wanted) > MAXIMUM_NAME:
        raise UsageError("bad-name", f"A name needs 1 to {MAXIMUM_NAME} characters; type another one.")
    return wanted


def _with_body(item: PlanItem, body: LumenBody) -> PlanItem:
    return replace(item, body=MappingProxyType(codec.to_json(body)))
