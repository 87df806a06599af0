"""The day of a needle: today's scan is matched with the planning CT, a person reviews the match, the plan moves over.

Nothing is measured on today's scan before a person has reviewed the match (`FrameLink`). What is brought over keeps
its voxels: a mask lies in the new frame on a turned grid, so nothing is resampled.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from planner.app.marking import region_of
from planner.app.needle_structures import AUTOMATIC
from planner.errors import FrameMismatch, UsageError
from planner.geometry import SpaceMap, lps
from planner.imaging.rigid_registration import RigidMatch
from planner.model import codec
from planner.model.case import Case
from planner.model.edits import Edit, new_id, session_edit, with_item
from planner.model.items import REGION, PlanItem, Point
from planner.model.links import FrameLink
from planner.model.needle_items import NEEDLE_PATH
from planner.model.needle_reading import needle_of
from planner.model.session import Session
from planner.store.actors import Actor, utc_now

METHOD_IMAGES, METHOD_LANDMARKS = "images", "landmarks"
TOOL = "moved-to-today"
"""Tool of items that were brought over from the planning CT."""


def link_of_match(match: RigidMatch, *, link_id: str | None = None) -> FrameLink:
    """A computed match of the planning CT (fixed) with another scan (moving), not yet reviewed.

    Its residual is the mean target registration error, None where no landmarks measured one.
    """
    placed = match.moving_lps_from_fixed
    error = match.error
    notes = [*match.notes]
    if match.likeness is not None:
        notes.append(f"correlation {match.likeness:.2f}")
    if match.surfaces is not None:
        notes.append(f"organ surfaces {match.surfaces.mean_mm:.1f} mm apart (no registration error)")
    if error is not None:
        notes.append(f"target registration error by {error.basis}, at most {error.most_mm:.1f} mm")
    return FrameLink(
        id=link_id or new_id("link"),
        from_frame_uid=placed.source.removeprefix("lps:"),
        to_frame_uid=placed.destination.removeprefix("lps:"),
        to_lps_from_lps=tuple(placed.flat()),
        method=METHOD_IMAGES if match.likeness is not None else METHOD_LANDMARKS,
        residual_mm=None if error is None else error.mean_mm,
        landmarks=0 if error is None else len(error.target_mm),
        note="; ".join(notes),
    )


def match_of_link(link: FrameLink) -> SpaceMap:
    """The map of a reviewed link.

    Raises
    ------
    FrameMismatch
        ``not-reviewed`` until a person has looked at it.
    """
    if not link.is_reviewed:
        text = "The match of the two scans is not reviewed; look at it and confirm it first."
        raise FrameMismatch("not-reviewed", text, subject=link.id)
    return SpaceMap.from_flat(lps(link.to_frame_uid), lps(link.from_frame_uid), link.to_lps_from_lps)


def reviewed_link(case: Case, from_frame_uid: str, to_frame_uid: str) -> FrameLink | None:
    """The newest reviewed link between two frames, in this direction."""
    found = [
        each
        for each in case.links
        if each.is_reviewed and (each.from_frame_uid, each.to_frame_uid) == (from_frame_uid, to_frame_uid)
    ]
    return found[-1] if found else None


def move_plan(session: Session, link: FrameLink, *, series: str, by: Actor) -> Edit:
    """Bring the plan into the frame of today's scan, in one step of undo.

    Needles move and keep their ids; what was measured along them is dropped, for it held for the other scan. Regions
    are copied: those of the planning CT stay, and what was found automatically is found anew on today's scan. A region
    that was brought over before is replaced; one that was marked
    on today's scan itself stays and makes the copy needless.

    Parameters
    ----------
    series
        ``series_uid#part`` of today's scan.

    Raises
    ------
    FrameMismatch
        ``not-reviewed``.
    UsageError
        ``nothing-to-move`` when nothing of the session lies in the frame the link comes from.
    """
    placed = match_of_link(link)
    moving = [item for item in session.items if item.frame_uid == link.from_frame_uid and item.tool != AUTOMATIC]
    if not any(item.type in (REGION, NEEDLE_PATH) for item in moving):
        raise UsageError("nothing-to-move", "Nothing is marked on the planning CT that could be moved over.")
    uid = series.partition("#")[0]
    present = {_meaning(item): item for item in session.items if _is_region_of(item, link.to_frame_uid)}
    copies: dict[str, PlanItem] = {}
    for item in moving:
        there = present.get(_meaning(item)) if item.type == REGION else None
        if item.type == REGION and (there is None or there.tool == TOOL):
            copies[item.id] = _moved_region(item, placed, uid, by, there)
    targets = {old: copy.id for old, copy in copies.items()} | {
        item.id: there.id
        for item in moving
        if item.type == REGION and (there := present.get(_meaning(item))) is not None
    }
    needles = [_moved_needle(item, placed, uid, targets) for item in moving if item.type == NEEDLE_PATH]

    def change(now: Session) -> Session:
        for item in (*copies.values(), *needles):
            now = with_item(now, item)
        return now

    return session_edit(session.id, change)


def _is_region_of(item: PlanItem, frame_uid: str) -> bool:
    return item.type == REGION and item.frame_uid == frame_uid


def _meaning(item: PlanItem) -> tuple[str | None, str | None, str]:
    """What a region stands for: a lesion, a structure, or else its name."""
    if item.type != REGION:
        return None, None, item.id
    body = region_of(item)
    unnamed = body.lesion_id is None and body.structure is None
    return body.lesion_id, body.structure, item.name if unnamed else ""


def _moved_region(item: PlanItem, placed: SpaceMap, series_uid: str, by: Actor, there: PlanItem | None) -> PlanItem:
    body = region_of(item)
    before = np.asarray(body.blob.lps_from_kji, dtype=np.float64).reshape(4, 4)
    frame_uid = placed.destination.removeprefix("lps:")
    turned = tuple(float(value) for value in (placed.homogeneous @ before).ravel())
    blob = replace(body.blob, lps_from_kji=turned, frame_uid=frame_uid)
    return replace(
        item,
        id=there.id if there is not None else new_id("item"),
        frame_uid=frame_uid,
        source_uids=(series_uid,),
        author=by.user,
        tool=TOOL,
        created_at=utc_now(),
        body=MappingProxyType(codec.to_json(replace(body, blob=blob, copy_of=item.id))),
    )


def _moved_needle(item: PlanItem, placed: SpaceMap, series_uid: str, targets: dict[str, str]) -> PlanItem:
    body = needle_of(item)
    moved = replace(
        body,
        entry_lps_mm=_point(placed, body.entry_lps_mm),
        tip_lps_mm=_point(placed, body.tip_lps_mm),
        region_id=targets.get(body.region_id, body.region_id) if body.region_id is not None else None,
        measured=None,
        pedicle=None,
    )
    frame_uid = placed.destination.removeprefix("lps:")
    return replace(item, frame_uid=frame_uid, source_uids=(series_uid,), body=MappingProxyType(codec.to_json(moved)))


def _point(placed: SpaceMap, point: Point) -> Point:
    x, y, z = (float(value) for value in placed.points(point))
    return x, y, z
