"""At the liver's hilum: the Bismuth type by marks and strictures, and the share of the liver that stents drain.

Both are proposals from what is marked in the session; whatever is missing for them is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from planner.app.stents import lumen_line, the_lumen, the_stent
from planner.app.vessel_trees import load_tree
from planner.errors import UsageError
from planner.imaging.masks import Mask
from planner.model import codec
from planner.model.edits import Edit, session_edit, with_item
from planner.model.items import PlanItem
from planner.model.session import Session
from planner.model.vessel_items import STENT, LumenBody, StentBody
from planner.model.vessel_reading import lumens_of, stent_of, trees_of
from planner.planning.hilar import Drainage, bismuth_type, drainage_by_segments, drainage_by_tree
from planner.planning.stent_catalogue import stent_catalogue
from planner.planning.vessel_tree import VesselTree

SITE = "biliary"
CONFLUENCE = "hepatic-confluence"
RIGHT_SECONDARY, LEFT_SECONDARY = "right secondary confluence", "left secondary confluence"
SEGMENTS_STAGE, DUCTS, NOT_LISTED = "segments", "ducts", "not listed"
NEAR_TREE_MM = 20.0
"""A stent whose end is farther than this from every branch is not said to drain one."""


@dataclass(frozen=True, slots=True)
class Drained:
    """An estimate, and what it was made by; `share` is None where it could not be made, and `words` says why."""

    share: float | None
    words: str


def bismuth_of(session: Session) -> tuple[str | None, str]:
    """Bismuth-Corlette type and why, by the confluences marked on bile ducts and the strictures there.

    A confluence that is marked nowhere, or only on ducts without a stricture's ends, is unknown.
    """
    ducts = [body for _, body in lumens_of(session.items) if body.kind == "bile"]
    kind, why = bismuth_type(*(_is_narrowed(ducts, name) for name in (CONFLUENCE, RIGHT_SECONDARY, LEFT_SECONDARY)))
    missing = [name.replace("-", " ") for name in _unmarked(ducts)]
    if kind is None and missing:
        why = f"{why} Mark on the bile duct: {', '.join(missing)}."
    return kind, why


def _unmarked(ducts: Iterable[LumenBody]) -> list[str]:
    held = list(ducts)
    return [name for name in (CONFLUENCE, RIGHT_SECONDARY, LEFT_SECONDARY) if _is_narrowed(held, name) is None]


def _is_narrowed(ducts: Iterable[LumenBody], name: str) -> bool | None:
    """Whether a marked place lies in a stricture of any duct; None where no duct with a stricture has the mark."""
    found = None
    for body in ducts:
        for mark in body.marks:
            if body.stenosis is None or not _means(mark.name, name):
                continue
            inside = body.stenosis.start_mm <= mark.along_mm <= body.stenosis.end_mm
            found = bool(found) or inside
    return found


def _means(word: str, name: str) -> bool:
    landmark = stent_catalogue().landmark("bile", word)
    return (word if landmark is None else landmark.key) == name


def estimate_drained(session: Session, stent_id: str, liver: Mask | None) -> Drained:
    """The share of the liver that a biliary stent drains, together with its partner.

    By the session's tree of bile ducts, else of the portal vein, in the liver that is marked; else by the shares that
    were answered segment by segment.

    Raises
    ------
    UsageError
        ``unknown-stent``, ``unknown-lumen``; ``other-site`` for a stent elsewhere.
    """
    item, body = the_stent(session, stent_id)
    if body.site != SITE:
        raise UsageError("other-site", "Only a stent of the bile ducts drains the liver.", subject=stent_id)
    tree = _tree_of(session, item.frame_uid)
    missing = [] if tree is not None else ["no tree of the bile ducts or the portal vein"]
    missing += [] if liver is not None else ["no liver marked on these images"]
    if tree is not None and liver is not None:
        roots = _drained_roots(session, tree[1], (body, _partner(session, body)))
        if roots:
            return _by_tree(liver, tree, roots)
        missing.append(f"no branch of {tree[0].name} within {NEAR_TREE_MM:g} mm of the stent's ends")
    return _by_segments(session, missing)


def _by_tree(liver: Mask, tree: tuple[PlanItem, VesselTree], roots: Mapping[str, str]) -> Drained:
    rest = {
        f"rest {number}": segment.id
        for number, segment in enumerate(tree[1].segments)
        if tree[1].parent(segment.id) is None and segment.id not in roots.values()
    }
    found = drainage_by_tree(liver, tree[1], {**roots, **rest}, tuple(roots))
    return _told(found, f"by {tree[0].name} from {', '.join(roots)}")


def _by_segments(session: Session, missing: list[str]) -> Drained:
    rows: list[Mapping[str, Any]] = [each for each in session.answer(SEGMENTS_STAGE, DUCTS) or () if each]
    shares = {str(row.get("segment") or f"row {n}"): row.get("share") for n, row in enumerate(rows, 1)}
    drained = [str(row.get("segment") or f"row {n}") for n, row in enumerate(rows, 1) if row.get("action") == "drain"]
    known = {name: None if value is None else float(value) for name, value in shares.items()}
    if known and None not in known.values():
        known[NOT_LISTED] = max(0.0, 100.0 - sum(value for value in known.values() if value is not None))
    found = drainage_by_segments(known, drained)
    if found.share is not None and drained:
        return _told(found, "by the shares answered for each segment")
    why = "no segment to drain is answered" if known and not drained else "segments have no shares answered"
    return Drained(None, f"Not told: {'; '.join((*missing, why))}.")


def _told(found: Drainage, how: str) -> Drained:
    said = " ".join(each.text for each in found.findings)
    percent = "unknown" if found.share is None else f"about {100.0 * found.share:.0f} %"
    return Drained(found.share, f"{percent} {how}. {said}")


def _tree_of(session: Session, frame_uid: str) -> tuple[PlanItem, VesselTree] | None:
    for kind in ("bile-duct", "portal-vein"):
        for item, _ in trees_of(session.items, kind):
            if item.frame_uid == frame_uid:
                return item, load_tree(item)
    return None


def _partner(session: Session, body: StentBody) -> StentBody | None:
    item = None if body.partner is None else session.item(body.partner)
    return None if item is None or item.type != STENT else stent_of(item)


def _drained_roots(session: Session, tree: VesselTree, bodies: Iterable[StentBody | None]) -> dict[str, str]:
    """Name and segment of the branch that each stent's inner end lies in or beside."""
    found: dict[str, str] = {}
    for body in bodies:
        if body is None:
            continue
        line = lumen_line(the_lumen(session, body.lumen))
        ends = [tree.nearest(line.at(place)) for place in (body.start_mm, body.end_mm)]
        near = [each for each in ends if each is not None and each.distance_mm <= NEAR_TREE_MM]
        # The inner end is the one with the longer way from the tree's root.
        near.sort(key=lambda each: tree.way_line(each.segment).length_mm)
        if near and near[-1].segment not in found.values():
            key = near[-1].segment
            name = tree.segment(key).name or f"branch {key}"
            found[name if name not in found else f"{name} ({key})"] = key
    return found


def set_drained(session: Session, stent_id: str, share: float | None) -> Edit:
    """Store the share of the liver that a stent drains, with its partner's; None is unknown again.

    Raises
    ------
    UsageError
        ``unknown-stent``; ``bad-share`` outside 0 to 1.
    """
    if share is not None and not 0.0 <= share <= 1.0:
        raise UsageError("bad-share", "The share of the liver lies between 0 and 100 %.", subject=stent_id)
    _, body = the_stent(session, stent_id)
    ids = [each for each in (stent_id, body.partner) if each is not None]

    def change(held: Session) -> Session:
        for key in ids:
            item = held.item(key)
            if item is not None and item.type == STENT:
                told = replace(stent_of(item), drained_share=share)
                held = with_item(held, replace(item, body=MappingProxyType(codec.to_json(told))))
        return held

    return session_edit(session.id, change)
