"""Feeders of a session's lesions: found on its arterial tree, judged by a person, and spoken of.

What a check or a paper reads is stored in the `FEEDERS` item of the lesion. A search made again replaces what was found
before, and keeps what a person accepted or rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

import numpy as np

from planner.app.marking import load_mask, new_item, put_item, region_of
from planner.app.vessel_trees import not_visible_words
from planner.errors import InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model import codec
from planner.model.case import Case
from planner.model.edits import Edit, session_edit
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.session import Session
from planner.model.vessel_items import FEEDERS, FeederRow, FeedersBody, OutsideSupply, VesselTreeBody
from planner.model.vessel_reading import all_feeders_of, body_digest, feeders_of, tree_of, trees_of
from planner.planning.feeders import MARGIN_MM, by_hand, find_feeders, with_shares
from planner.planning.outside_supply import outside_supply
from planner.planning.tree_packing import tree_of_body
from planner.planning.vessel_tree import VesselTree
from planner.store.actors import Actor
from planner.store.library import Library
from planner.units import shown

NOT_ABSENT = "A feeder not found is not a feeder absent."
STALE = "measured before the tree changed: measure again"
ARTERIAL = "arterial"
LIVER = "liver"
SAME_PLACE_MM = 5.0
"""A feeder found again on a tree that was edited enters this near to where it entered before."""


@dataclass(frozen=True, eq=False)
class FeederGrounds:
    """What feeders of a lesion are measured on; read once, then handed to a job.

    Attributes
    ----------
    volume
        The image of the tree; None where it is not at hand: gaps are then not closed.
    structures
        Masks of the session in the tree's frame, by key of ``resources/structures.toml``.
    """

    lesion_id: str
    lesion: Mask
    tree_id: str
    tree_digest: str
    tree: VesselTree
    series: str | None
    phase: str | None
    volume: Volume | None
    organ: str
    structures: MappingProxyType[str, Mask]
    diameter_mm: float | None


def grounds(
    library: Library,
    case: Case,
    session: Session,
    lesion_id: str,
    *,
    tree_id: str | None = None,
    volume: Volume | None = None,
) -> FeederGrounds:
    """Read what the feeders of a lesion stand on.

    Parameters
    ----------
    tree_id
        Of a vessel tree of the session; None takes its only arterial one.

    Raises
    ------
    UsageError
        ``unknown-lesion``, ``no-tree``, ``several-trees``, ``lesion-not-marked`` (in the tree's frame of reference).
    InputRefused, StoreError
        Where a mask or the tree cannot be read.
    """
    lesion = case.lesion(lesion_id)
    if lesion is None:
        raise UsageError("unknown-lesion", f"There is no lesion {lesion_id} in this case.", subject=lesion_id)
    item, body = _tree(session, tree_id)
    regions = [(each, region_of(each)) for each in session.items if each.type == REGION]
    here = [(each, own) for each, own in regions if each.frame_uid == item.frame_uid]
    marked = next((own for _, own in here if own.lesion_id == lesion_id), None)
    if marked is None:
        text = f"{lesion.name} is not marked on the images of the vessels; mark it there, or link the two studies."
        raise UsageError("lesion-not-marked", text, subject=lesion_id)
    masks = {str(own.structure): load_mask(library, own.blob) for _, own in here if own.structure is not None}
    return FeederGrounds(
        lesion_id,
        load_mask(library, marked.blob),
        item.id,
        body_digest(item),
        tree_of_body(body, item.frame_uid),
        body.series,
        _phase(case, body.series, volume),
        volume,
        lesion.organ,
        MappingProxyType(masks),
        _diameter_mm(marked, lesion.latest.longest_mm if lesion.latest is not None else None),
    )


def measured_feeders(
    given: FeederGrounds,
    *,
    margin_mm: float = MARGIN_MM,
    earlier_treatments: int | None = None,
    context: Context | None = None,
) -> FeedersBody:
    """Find the feeders of a lesion, and the arteries from outside to look for. A job: touches no document.

    Raises
    ------
    InputRefused, FrameMismatch
        As `find_feeders`.
    """
    job = context or Context()
    organ = given.structures.get(given.organ)
    found = find_feeders(
        given.tree, given.lesion, volume=given.volume, organ=organ, margin_mm=margin_mm, context=job.part(0.0, 0.9)
    )
    outside, said = _outside(given, organ, earlier_treatments)
    job.step(1.0, "Feeders found")
    slices = None if given.volume is None else float(max(given.volume.grid.spacing_kji_mm))
    return FeedersBody(
        lesion_id=given.lesion_id,
        tree=given.tree_id,
        tree_digest=given.tree_digest,
        feeders=found.feeders,
        candidates=found.candidates,
        outside=outside,
        smallest_visible_mm=given.tree.smallest_visible_mm,
        slice_mm=slices,
        series=given.series,
        phase=given.phase,
        findings=(*found.findings, *said),
    )


def put_feeders(session_id: str, body: FeedersBody, frame_uid: str, *, name: str, by: Actor) -> Edit:
    """Store the feeders of a lesion: one step. An earlier item of the lesion is replaced; what a person accepted or
    rejected in it stays so."""
    fresh = new_item(FEEDERS, body, name=name, frame_uid=frame_uid, by=by, tool="feeders", source_uids=_uids(body))

    def edit(case: Case) -> Case:
        session = case.session(session_id)
        old = None if session is None else item_of_lesion(session, body.lesion_id)
        if old is None:
            return put_item(session_id, fresh)(case)
        kept = with_decisions(body, feeders_of(old))
        return put_item(session_id, _with_body(replace(old, frame_uid=frame_uid, source_uids=_uids(body)), kept))(case)

    return edit


def item_of_lesion(session: Session, lesion_id: str) -> PlanItem | None:
    """The feeders of a lesion in a session, or None."""
    return next((item for item, body in all_feeders_of(session.items) if body.lesion_id == lesion_id), None)


def accept(session_id: str, item_id: str, segment: str) -> Edit:
    """A person takes a candidate for a feeder.

    Raises
    ------
    UsageError
        ``unknown-feeder`` when the edit is applied and no such row is there.
    """

    def change(body: FeedersBody) -> FeedersBody:
        row = _row((*body.candidates, *body.feeders), segment)
        taken = replace(row, by_person=True)
        others = tuple(each for each in body.feeders if each.segment != segment)
        rest = tuple(each for each in body.candidates if each.segment != segment)
        return replace(body, feeders=with_shares((*others, taken)), candidates=rest)

    return _changed(session_id, item_id, change)


def reject(session_id: str, item_id: str, segment: str) -> Edit:
    """A person says that a vessel is no feeder; it stays among the candidates. Raises as `accept`."""

    def change(body: FeedersBody) -> FeedersBody:
        row = _row((*body.feeders, *body.candidates), segment)
        put = replace(row, by_person=True, share=None, main=None)
        others = tuple(each for each in body.feeders if each.segment != segment)
        rest = tuple(each for each in body.candidates if each.segment != segment)
        return replace(body, feeders=with_shares(others), candidates=(put, *rest))

    return _changed(session_id, item_id, change)


def add_by_hand(given: FeederGrounds, session_id: str, item_id: str, segment: str, along_mm: float) -> Edit:
    """A person clicks on a vessel and says that it is a feeder.

    Raises
    ------
    UsageError
        ``unknown-segment``, or ``tree-changed`` when the item was measured on another state of the tree.
    """
    if not given.tree.has(segment):
        text = "This vessel is not of the tree any more; click again."
        raise UsageError("unknown-segment", text, subject=segment)
    row = by_hand(given.tree, given.lesion, segment, along_mm)

    def change(body: FeedersBody) -> FeedersBody:
        if body.tree_digest != given.tree_digest:
            text = "The feeders were measured before the tree changed: measure again, then add by hand."
            raise UsageError("tree-changed", text, subject=item_id)
        others = tuple(each for each in body.feeders if each.segment != segment)
        rest = tuple(each for each in body.candidates if each.segment != segment)
        return replace(body, feeders=with_shares((*others, row)), candidates=rest)

    return _changed(session_id, item_id, change)


def with_decisions(fresh: FeedersBody, before: FeedersBody) -> FeedersBody:
    """What was found anew, with what a person accepted and rejected before.

    A row is the same on the same tree by its vessel, on an edited one where its entry is near. What was accepted and is
    not found any more stays, and says so.
    """
    same_tree = fresh.tree_digest == before.tree_digest
    feeders, candidates = list(fresh.feeders), list(fresh.candidates)
    for row in before.feeders:
        if not row.by_person:
            continue
        at = _again(row, feeders, same_tree=same_tree)
        if at is not None:
            feeders[at] = replace(feeders[at], by_person=True)
            continue
        at = _again(row, candidates, same_tree=same_tree)
        taken = row if same_tree else replace(row, doubtful=True, reason=_lost(row))
        feeders.append(taken if at is None else replace(candidates.pop(at), by_person=True))
    for row in before.candidates:
        at = _again(row, feeders, same_tree=same_tree) if row.by_person else None
        if at is not None and not feeders[at].by_person:
            candidates.insert(0, replace(feeders.pop(at), by_person=True, share=None, main=None))
            continue
        at = _again(row, candidates, same_tree=same_tree) if row.by_person else None
        if at is not None:
            candidates[at] = replace(candidates[at], by_person=True)
    return replace(fresh, feeders=with_shares(feeders), candidates=tuple(candidates))


def seen_on(body: FeedersBody, taken_on: date | None) -> str:
    """On what images the feeders were seen, and what those cannot show."""
    return seen_on_words(None if taken_on is None else taken_on.isoformat(), body.slice_mm, body.smallest_visible_mm)


def seen_on_words(taken_on: str | None, slice_mm: float | None, least: float | None) -> str:
    """As `seen_on`, of a date as text (ISO or DICOM), the slices and the smallest visible artery; None is unknown."""
    day = "an unknown date" if taken_on is None else taken_on
    slices = "of unknown thickness" if slice_mm is None else shown(slice_mm, "mm")
    return f"Seen on CT of {day}, slices {slices}; {not_visible_words('artery', least)}; confirm by DSA/CBCT."


def feeder_findings(session: Session, item: PlanItem) -> tuple[Finding, ...]:
    """What stands against a lesion's stored feeders: an edited tree, images that are not arterial, nothing found."""
    body = feeders_of(item)
    tree = session.item(body.tree)
    found = []
    if tree is None or body_digest(tree) != body.tree_digest:
        found.append(Finding("feeders-stale", Severity.WARN, f"{STALE.capitalize()}.", subject=item.id))
    found += phase_findings(body.phase, item.id)
    if not body.feeders:
        text = f"No feeder was found on these images. {NOT_ABSENT}"
        found.append(Finding("no-feeder", Severity.WARN, text, subject=item.id))
    return tuple(found)


def phase_findings(phase: str | None, subject: str | None = None) -> list[Finding]:
    """Feeders and territories need an arterial phase."""
    if phase == ARTERIAL:
        return []
    if phase is None:
        text = (
            "The contrast phase of these images is not known: feeders need an arterial one; check, and set it by hand."
        )
        return [Finding("phase-unknown", Severity.WARN, text, subject=subject)]
    text = f"These images are {phase}, not arterial: feeders are hardly seen on them, and no territory is told."
    return [Finding("not-arterial", Severity.WARN, text, subject=subject)]


def _tree(session: Session, tree_id: str | None) -> tuple[PlanItem, VesselTreeBody]:
    if tree_id is not None:
        item = session.item(tree_id)
        if item is None:
            raise UsageError("no-tree", f"There is no vessel tree {tree_id} in this session.", subject=tree_id)
        return item, tree_of(item)
    found = trees_of(session.items, "artery")
    if not found:
        raise UsageError("no-tree", "There is no tree of arteries in this session; find the arteries first.")
    if len(found) > 1:
        raise UsageError("several-trees", "There are several trees of arteries in this session; choose one of them.")
    return found[0]


def _phase(case: Case, series: str | None, volume: Volume | None) -> str | None:
    """As the case has it (a person's word counts), else as the images say."""
    for each in case.studies:
        if series is not None and f"{each.series_uid}#{each.part}" == series and (each.phase or each.phase_by):
            return each.phase
    return None if volume is None else volume.source.phase


def _diameter_mm(region: RegionBody, observed_mm: float | None) -> float | None:
    return region.longest_mm if region.longest_mm is not None else observed_mm


def _outside(
    given: FeederGrounds, organ: Mask | None, earlier: int | None
) -> tuple[tuple[OutsideSupply, ...], tuple[str, ...]]:
    if given.organ != LIVER:
        return (), ("NOT CHECKED: arteries from outside the organ; the rules at hand speak of the liver only.",)
    if organ is None:
        return (), ("NOT CHECKED: arteries from outside the liver; the liver is not segmented on these images.",)
    try:
        found = outside_supply(
            given.lesion, organ, given.structures, diameter_mm=given.diameter_mm, earlier_treatments=earlier
        )
    except InputRefused as refused:
        return (), (f"NOT CHECKED: arteries from outside the liver ({refused.message})",)
    return found.candidates, found.not_known


def _changed(session_id: str, item_id: str, change: Callable[[FeedersBody], FeedersBody]) -> Edit:
    """An edit of one feeders item."""

    def with_change(session: Session) -> Session:
        item = session.item(item_id)
        if item is None:
            raise UsageError("unknown-feeder", "These feeders are not in the session any more.", subject=item_id)
        changed = _with_body(item, change(feeders_of(item)))
        items = tuple(changed if each.id == item_id else each for each in session.items)
        return session if changed == item else replace(session, items=items)

    return session_edit(session_id, with_change)


def _with_body(item: PlanItem, body: FeedersBody) -> PlanItem:
    return replace(item, body=MappingProxyType(codec.to_json(body)))


def _row(rows: Sequence[FeederRow], segment: str) -> FeederRow:
    found = next((each for each in rows if each.segment == segment), None)
    if found is None:
        text = f"The vessel {segment} is neither a feeder nor a candidate of this lesion; add it by hand."
        raise UsageError("unknown-feeder", text, subject=segment)
    return found


def _again(row: FeederRow, rows: Sequence[FeederRow], *, same_tree: bool) -> int | None:
    """The row that stands for the same vessel."""
    for index, each in enumerate(rows):
        if same_tree and each.segment == row.segment:
            return index
    gaps = [float(np.linalg.norm(np.subtract(each.entry_lps_mm, row.entry_lps_mm))) for each in rows]
    if same_tree or not gaps or min(gaps) > SAME_PLACE_MM:
        return None
    return int(np.argmin(gaps))


def _lost(row: FeederRow) -> str:
    said = " Accepted by hand before the tree changed; look whether it is still there."
    return row.reason if row.reason.endswith(said) else f"{row.reason}{said}"


def _uids(body: FeedersBody) -> tuple[str, ...]:
    return () if body.series is None else (body.series.partition("#")[0],)
