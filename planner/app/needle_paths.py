"""Needles of a session: searched, placed, measured, moved, copied, locked, and read out for the CT operator.

A search is a job: it takes values and returns a value; `put_found_path` turns one of its paths into an edit. What is
measured is stored in the item together with the digest of what it stands on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from planner.app.marking import new_item, put_item, region_of
from planner.app.needle_structures import (
    StructureStore,
    absent_structures,
    effective_rules,
    structures_digest,
)
from planner.errors import UsageError
from planner.findings import Finding, Severity
from planner.geometry import Grid
from planner.geometry.patient_positions import PatientPosition
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model import codec
from planner.model.edits import Edit
from planner.model.items import REGION, PlanItem, Point
from planner.model.needle_items import NEEDLE_PATH, NeedleMeasures, NeedlePathBody
from planner.model.needle_reading import needle_of
from planner.model.needle_rules import NeedleRules
from planner.model.session import Session
from planner.planning.needle_readout import ReadOut, read_out
from planner.planning.needles import Needle
from planner.planning.path_limits import Measured, Setting, sentences
from planner.planning.path_search import Aim, FoundPath, PathSearch, not_checked, search
from planner.planning.path_target import Target, target_in, target_point
from planner.store.actors import Actor
from planner.workflow.template import Template

TODAY = "today"
"""Role of the series scanned on the day, in the position of the day."""
PLANNING_PICTURE = "planning picture, re-scan"


@dataclass(frozen=True, eq=False, slots=True)
class NeedleTask:
    """What is to be planned in a session.

    Attributes
    ----------
    region_id
        Region item that is aimed at; its deepest point is the target unless `point_lps_mm` is given.
    part
        Of a region that holds several.
    organ
        That holds the target (``liver``); chooses the rows of the template, and its region measures the capsule.
    series
        ``series_uid#part`` of the images it is planned on.
    """

    frame_uid: str
    region_id: str | None = None
    point_lps_mm: Point | None = None
    part: int | None = None
    organ: str | None = None
    diameter_mm: float = 0.0
    gauge: str | None = None
    device: str | None = None
    usable_length_mm: float | None = None
    position: PatientPosition = PatientPosition()
    series: str | None = None
    gantry_centre_lps_mm: Point | None = None
    lesion_ids: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class SessionSearch:
    """A search with what it stood on; its paths hold while `digest` does."""

    task: NeedleTask
    rules: NeedleRules
    absent: frozenset[str]
    digest: str
    found: PathSearch


def target_of(store: StructureStore, session: Session, task: NeedleTask) -> Target:
    """Where the tip goes.

    Raises
    ------
    UsageError
        ``no-target`` when the task names neither a point nor a region of the session.
    InputRefused
        As `planner.planning.path_target.target_in`.
    """
    item = None if task.region_id is None else session.item(task.region_id)
    mask = None if item is None or item.type != REGION else store.mask(region_of(item).blob)
    if task.point_lps_mm is not None:
        return replace(target_point(task.point_lps_mm), mask=mask)
    if mask is None or item is None:
        raise UsageError("no-target", "No target is chosen; mark a lesion or click a point.", subject=task.region_id)
    return target_in(mask, task.part, what=item.name)


def search_paths(
    store: StructureStore, session: Session, template: Template, task: NeedleTask, context: Context | None = None
) -> SessionSearch:
    """Every path from the skin to the target of a task. A job: touches no document.

    Raises
    ------
    UsageError
        ``no-skin`` when no body is segmented in the target's frame, ``no-target``, ``no-needle-rules``.
    InputRefused, FrameMismatch
        As `planner.planning.path_search.search`.
    Cancelled
        When the operator cancelled.
    """
    rules = effective_rules(session, template, task.organ)
    target = target_of(store, session, task)
    body = store.skin(session, task.frame_uid)
    if body is None:
        raise UsageError("no-skin", "The skin is not segmented; let the structures be found automatically first.")
    aim = Aim(
        target, body, rules, task.diameter_mm, task.usable_length_mm, task.position,
        organ_of(store, session, task, target), gantry_point(task), absent_structures(session),
    )  # fmt: skip
    obstacles = store.obstacles(session, rules, task.frame_uid)
    found = search(aim, obstacles, context, kept=store.fields)
    store.keep(found.setting.obstacles)
    return SessionSearch(task, rules, aim.absent, digest_of(session, rules, task), found)


def digest_of(session: Session, rules: NeedleRules, task: NeedleTask) -> str:
    """Of the structures, the limits and the setting of a task."""
    settings = {"organ": task.organ, "position": task.position, "gantry": task.gantry_centre_lps_mm}
    return codec.digest({"structures": structures_digest(session, rules, task.frame_uid), **settings})


def organ_of(store: StructureStore, session: Session, task: NeedleTask, target: Target) -> Mask | None:
    """The region of the organ that holds the target; of a pair of organs the one on its side."""
    found = []
    for item in session.items:
        structure = region_of(item).structure if item.type == REGION and item.frame_uid == task.frame_uid else None
        if task.organ and structure is not None and structure.partition("_")[0] == task.organ:
            found.append(store.mask(region_of(item).blob))
    return next((mask for mask in found if mask.contains(target.point_lps_mm)), found[0] if len(found) == 1 else None)


def gantry_point(task: NeedleTask) -> NDArray[np.float64] | None:
    return None if task.gantry_centre_lps_mm is None else np.array(task.gantry_centre_lps_mm)


def measures(
    setting: Setting,
    rules: NeedleRules,
    found: Measured,
    row: int,
    score: float,
    absent: frozenset[str],
    series: str | None,
    digest: str,
) -> NeedleMeasures:
    """What is stored of one measured candidate."""
    items, keys = setting.obstacles.items, setting.obstacles.keys
    organ, capsule = float(found.organ_mm[row]), float(found.capsule_deg[row])
    return NeedleMeasures(
        length_mm=float(found.length_mm[row]),
        in_plane_deg=float(found.in_plane_deg[row]),
        out_of_plane_deg=float(found.out_of_plane_deg[row]),
        clearances_mm={key: float(found.clearance_mm[row, at]) for at, key in enumerate(keys)},
        nearest_depth_mm={key: float(found.depth_mm[row, at]) for at, key in enumerate(keys)},
        hard_mm={each.key: each.hard_mm for each in items},
        desired_mm={each.key: each.desired_mm for each in items},
        not_checked=not_checked(rules, keys, absent),
        absent=tuple(sorted(absent)),
        rejected_because=sentences(setting, found, row),
        organ_mm=organ if np.isfinite(organ) else None,
        capsule_deg=capsule if np.isfinite(capsule) else None,
        score=score,
        series=series,
        structures_digest=digest,
    )


def body_of_path(made: SessionSearch, path: FoundPath) -> NeedlePathBody:
    """The plan item's body for one path of a search."""
    found, task = made.found, made.task
    measured_now = measures(
        found.setting, made.rules, found.measured, path.row, path.score, made.absent, task.series, made.digest
    )
    return NeedlePathBody(
        entry_lps_mm=_tuple(path.needle.entry_lps_mm),
        tip_lps_mm=_tuple(path.needle.tip_lps_mm),
        purpose=made.rules.purpose,
        diameter_mm=task.diameter_mm,
        gauge=task.gauge,
        device=task.device,
        usable_length_mm=task.usable_length_mm,
        posture=task.position.posture,
        lesion_ids=task.lesion_ids,
        region_id=task.region_id,
        measured=measured_now,
    )


def put_found_path(session_id: str, made: SessionSearch, path: FoundPath, *, name: str, by: Actor) -> Edit:
    """A path of the ranked list becomes a needle of the session."""
    return put_needle(session_id, body_of_path(made, path), frame_uid=made.task.frame_uid, name=name, by=by,
                      tool="path-search")  # fmt: skip


def put_needle(
    session_id: str,
    body: NeedlePathBody,
    *,
    frame_uid: str,
    name: str,
    by: Actor,
    tool: str = "needle",
    item_id: str | None = None,
) -> Edit:
    """Put a needle into a session.

    Raises
    ------
    InputRefused
        ``bad-needle`` when entry and tip make no needle.
    """
    Needle.of(body.entry_lps_mm, body.tip_lps_mm, body.diameter_mm)
    series = body.measured.series if body.measured is not None else None
    sources = (series.partition("#")[0],) if series else ()
    item = new_item(
        NEEDLE_PATH, body, name=name, frame_uid=frame_uid, by=by, tool=tool, source_uids=sources, item_id=item_id
    )
    return put_item(session_id, item)


def measure_needle(session_id: str, item: PlanItem, now: NeedleMeasures) -> Edit:
    """Store what was measured along a needle as it lies."""
    return put_item(session_id, _with_body(item, replace(needle_of(item), measured=now)))


def move_needle(
    session_id: str, item: PlanItem, entry_lps_mm: Point, tip_lps_mm: Point, now: NeedleMeasures | None = None
) -> Edit:
    """Move a needle; a parallel copy keeps its direction and follows the end that was moved.

    Parameters
    ----------
    now
        Measured there; None leaves the needle unmeasured, never with the numbers of another place. Measure a parallel
        copy at `moved_ends`.

    Raises
    ------
    UsageError
        ``needle-locked``.
    InputRefused
        ``bad-needle``.
    """
    body = needle_of(item)
    _require_unlocked(item, body)
    entry, tip = moved_ends(body, entry_lps_mm, tip_lps_mm)
    Needle.of(entry, tip, body.diameter_mm)
    return put_item(session_id, _with_body(item, replace(body, entry_lps_mm=entry, tip_lps_mm=tip, measured=now)))


def moved_ends(body: NeedlePathBody, entry_lps_mm: Point, tip_lps_mm: Point) -> tuple[Point, Point]:
    """Entry and tip of a dragged needle: of a parallel copy moved as one, of another as they are."""
    if body.parallel_to is None:
        return entry_lps_mm, tip_lps_mm
    before_entry, before_tip = np.array(body.entry_lps_mm), np.array(body.tip_lps_mm)
    by_entry, by_tip = np.array(entry_lps_mm) - before_entry, np.array(tip_lps_mm) - before_tip
    offset = by_entry if np.linalg.norm(by_entry) >= np.linalg.norm(by_tip) else by_tip
    return _tuple(before_entry + offset), _tuple(before_tip + offset)


def copy_parallel(session_id: str, item: PlanItem, offset_lps_mm: Point, *, name: str, by: Actor) -> Edit:
    """A needle beside another one and parallel to it; it stays parallel when it is moved, and is not measured yet."""
    body = needle_of(item)
    offset = np.array(offset_lps_mm, dtype=np.float64)
    copy = replace(
        body,
        entry_lps_mm=_tuple(np.array(body.entry_lps_mm) + offset),
        tip_lps_mm=_tuple(np.array(body.tip_lps_mm) + offset),
        parallel_to=body.parallel_to or item.id,
        locked=False,
        measured=None,
        pedicle=None,
    )
    return put_needle(session_id, copy, frame_uid=item.frame_uid, name=name, by=by, tool="parallel")


def lock_needle(session_id: str, item: PlanItem, locked: bool) -> Edit:
    """A locked needle cannot be moved."""
    return put_item(session_id, _with_body(item, replace(needle_of(item), locked=locked)))


def _require_unlocked(item: PlanItem, body: NeedlePathBody) -> None:
    if body.locked:
        raise UsageError("needle-locked", f"{item.name} is locked; unlock it to move it.", subject=item.id)


def _with_body(item: PlanItem, body: NeedlePathBody) -> PlanItem:
    return replace(item, body=MappingProxyType(codec.to_json(body)))


def _tuple(point: NDArray[np.float64]) -> Point:
    return float(point[0]), float(point[1]), float(point[2])


@dataclass(frozen=True, eq=False, slots=True)
class SeriesFacts:
    """What is known of the series a read-out is asked from.

    Attributes
    ----------
    series
        ``series_uid#part``.
    taken_at
        Date and time of the scan; None is unknown.
    position
        How the patient lay in it; None is unknown.
    body
        The whole body, as segmented on it.
    location_from_z
        (factor, offset) of SliceLocation against LPS z.
    """

    series: str
    grid: Grid
    taken_at: datetime | None
    position: PatientPosition | None
    body: Mask | None = None
    location_from_z: tuple[float, float] | None = None


def operator_readout(item: PlanItem, session: Session, facts: SeriesFacts, today: date) -> ReadOut | Finding:
    """The read-out for the room, or why there is none (procedures.md section 4 no. 2).

    It is given only from the series that plays the role `today` in the session, scanned today, in the position that
    the needle is planned for, with the needle measured on it.
    """
    body = needle_of(item)
    why = _no_readout(item, body, session, facts, today)
    if why is not None:
        text = f"{PLANNING_PICTURE.capitalize()}: {why}."
        return Finding("planning-picture", Severity.BLOCK, text, overridable=False, subject=item.id)
    needle = Needle.of(body.entry_lps_mm, body.tip_lps_mm, body.diameter_mm)
    position = facts.position or PatientPosition(body.posture)
    return read_out(needle, position, facts.grid, facts.body, facts.location_from_z)


def _no_readout(item: PlanItem, body: NeedlePathBody, session: Session, facts: SeriesFacts, today: date) -> str | None:
    wanted = session.series_roles.get(TODAY)
    if wanted is None:
        return "no series of this session is today's scan"
    if facts.series != wanted:
        return "these images are not today's scan"
    if facts.taken_at is None:
        return "date and time of the scan are not known"
    if facts.taken_at.date() != today:
        return f"the scan is of {facts.taken_at.date().isoformat()}, today is {today.isoformat()}"
    if facts.position is None:
        return "how the patient lies in the scan is not known"
    if facts.position.posture != body.posture:
        return f"scanned {facts.position.posture.replace('-', ' ')}, planned {body.posture.replace('-', ' ')}"
    if item.frame_uid != facts.grid.frame_uid:
        return "the needle lies in another frame of reference than the scan"
    if body.measured is None or body.measured.series != wanted:
        return f"{item.name} was not measured on today's scan"
    return None
