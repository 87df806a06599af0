"""What is kept of angiographic runs: views, calibrations, measurements and key frames of a session, links of a case.

Functions that return an `Edit` draw their identifiers at the call, so the edit itself is pure. Millimetres of a
measurement are computed from its pixels and its calibration whenever one of them changes, and never stay behind.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from planner.app.marking import new_item, put_item
from planner.errors import InputRefused, UsageError
from planner.imaging.angio import AngioRun
from planner.imaging.run_calibration import ISOCENTRE, Calibration
from planner.imaging.run_measure import VesselProfile
from planner.imaging.run_settings import setting
from planner.imaging.stenosis import Stenosis
from planner.model import codec
from planner.model.case import Case
from planner.model.edits import Edit, new_id, session_edit, with_item, without_item
from planner.model.item_bodies import body_of
from planner.model.items import PlanItem
from planner.model.links import FrameLink
from planner.model.run_items import (
    KEY_FRAME,
    RUN_CALIBRATION,
    RUN_MEASUREMENT,
    RUN_VIEW,
    KeyFrameBody,
    RunCalibrationBody,
    RunMeasurementBody,
    RunViewBody,
)
from planner.model.session import Session
from planner.store.actors import Actor, utc_now

RunBody = RunViewBody | RunCalibrationBody | RunMeasurementBody | KeyFrameBody
_BODIES: Mapping[str, type[RunBody]] = {
    RUN_VIEW: RunViewBody,
    RUN_CALIBRATION: RunCalibrationBody,
    RUN_MEASUREMENT: RunMeasurementBody,
    KEY_FRAME: KeyFrameBody,
}
RUN_ITEM_TYPES = frozenset(_BODIES)

_PX, _MM, _SD_PX, _SD_MM = "_px", "_mm", "_sd_px", "_sd_mm"
_AREA_PX, _AREA_MM = "_px2", "_mm2"


def run_body(item: PlanItem) -> RunBody:
    """The body of an item on a run.

    Raises
    ------
    InputRefused
        ``bad-document`` for another item, or a damaged body.
    """
    kind = _BODIES.get(item.type)
    if kind is None:
        raise InputRefused("bad-document", f"Item {item.id} is a {item.type} and lies on no run.", subject=item.id)
    body: RunBody = body_of(kind, item.type, item)
    return body


def run_items(session: Session, run_key: str, type_name: str | None = None) -> tuple[PlanItem, ...]:
    """Items of a session that lie on a run (``series_uid#part``), of one type or all."""
    types = RUN_ITEM_TYPES if type_name is None else {type_name}
    return tuple(item for item in session.items if item.type in types and item.body.get("run") == run_key)


def view_of(session: Session, run_key: str) -> RunViewBody | None:
    """How the session shows a run, or None where nobody has chosen."""
    for item in run_items(session, run_key, RUN_VIEW):
        body = run_body(item)
        if isinstance(body, RunViewBody):
            return body
    return None


def calibration_of(session: Session, item_id: str | None) -> RunCalibrationBody | None:
    """The calibration item of an id; None when there is none (any more)."""
    item = session.item(item_id) if item_id is not None else None
    if item is None or item.type != RUN_CALIBRATION:
        return None
    body = run_body(item)
    return body if isinstance(body, RunCalibrationBody) else None


def distance_values(points_xy: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    """Values of a distance between two clicks."""
    return {"length_px": math.dist(*points_xy), "length_sd_px": math.sqrt(2.0) * setting("click_sd")}


def diameter_values(profile: VesselProfile, index: int) -> dict[str, float | None]:
    """Values of the diameter at one place of a measured vessel; unknown where it could not be fitted."""
    values = {"diameter_px": profile.diameter_px[index], "diameter_sd_px": profile.diameter_sd_px[index]}
    return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}


def stenosis_values(found: Stenosis) -> dict[str, float | None]:
    """Values of a stenosis; the percentage needs no calibration."""
    values = {
        "percent": found.percent,
        "percent_sd": found.percent_sd,
        "minimum_px": found.minimum_px,
        "minimum_sd_px": found.minimum_sd_px,
        "reference_px": found.reference_px,
        "reference_sd_px": found.reference_sd_px,
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def put_run_view(session_id: str, run: AngioRun, frame_uid: str, body: RunViewBody, *, by: Actor) -> Edit:
    """Remember how a run is shown; a session holds one view of each run, and this replaces it."""
    item = _item(RUN_VIEW, run, frame_uid, _on(run, body), name="Run view", by=by, tool="run-view")

    def change(session: Session) -> Session:
        before = run_items(session, run.key, RUN_VIEW)
        if not before:
            return with_item(session, item)
        if before[0].body == item.body and len(before) == 1:
            return session
        for extra in before[1:]:
            session = without_item(session, extra.id)
        return with_item(session, replace(item, id=before[0].id))

    return session_edit(session_id, change)


def add_calibration(
    session_id: str, run: AngioRun, frame_uid: str, calibration: Calibration, *, by: Actor, item_id: str | None = None
) -> Edit:
    """Put a calibration into a session. Nothing stands on it until a measurement is told to."""
    name = {"isocentre": "Isocentre", "catheter": "Catheter", "distance": "Known distance"}[calibration.kind]
    body = calibration_body(run, calibration)
    item = _item(RUN_CALIBRATION, run, frame_uid, body, name=name, by=by, tool="run-calibration", item_id=item_id)
    return put_item(session_id, item)


def calibration_body(run: AngioRun, calibration: Calibration) -> RunCalibrationBody:
    """A computed calibration as it is stored; frames count from 1 there."""
    return RunCalibrationBody(
        run=run.key,
        kind=calibration.kind,
        mm_per_px=calibration.mm_per_px,
        mm_per_px_sd=calibration.mm_per_px_sd,
        frame=None if calibration.kind == ISOCENTRE else calibration.frame + 1,
        points_xy=calibration.points_xy,
        known_mm=calibration.known_mm,
        french=calibration.french,
        depth_mm=calibration.depth_mm,
        note=calibration.note,
    )


def change_calibration(session_id: str, item: PlanItem, run: AngioRun, calibration: Calibration) -> Edit:
    """Replace a calibration; every measurement that stands on it is computed anew.

    Raises
    ------
    UsageError
        ``other-run`` for a calibration of another run.
    """
    _same_run(item, run.key)
    body = MappingProxyType(codec.to_json(calibration_body(run, calibration)))

    def change(session: Session) -> Session:
        changed = with_item(session, replace(item, body=body))
        return session if changed == session else recomputed(changed)

    return session_edit(session_id, change)


def add_run_measurement(
    session_id: str,
    run: AngioRun,
    frame_uid: str,
    body: RunMeasurementBody,
    *,
    name: str,
    by: Actor,
    item_id: str | None = None,
) -> Edit:
    """Put a measurement into a session, in pixels and, where it names a calibration, in millimetres.

    Raises
    ------
    UsageError
        When applied: ``unknown-calibration`` or ``other-run``.
    """
    item = _item(RUN_MEASUREMENT, run, frame_uid, _on(run, body), name=name, by=by, tool=body.kind, item_id=item_id)
    return session_edit(session_id, lambda session: _with_measurement(session, item))


def change_run_measurement(session_id: str, item: PlanItem, body: RunMeasurementBody) -> Edit:
    """Move or re-measure: the item keeps its id; raises as `add_run_measurement`."""
    _same_run(item, body.run)
    changed = replace(item, body=MappingProxyType(codec.to_json(body)))
    return session_edit(session_id, lambda session: _with_measurement(session, changed))


def stand_on(session_id: str, item: PlanItem, calibration_id: str | None) -> Edit:
    """Let a measurement stand on a calibration of its run, or on none (pixels only).

    Raises
    ------
    UsageError
        When applied: ``unknown-calibration`` or ``other-run``.
    """
    body = run_body(item)
    if not isinstance(body, RunMeasurementBody):
        raise UsageError("no-measurement", f"{item.name} is no measurement of a run.", subject=item.id)
    return change_run_measurement(session_id, item, replace(body, calibration=calibration_id))


def add_key_frame(session_id: str, run: AngioRun, frame_uid: str, body: KeyFrameBody, *, name: str, by: Actor) -> Edit:
    """Keep a frame to be printed, as it is shown now."""
    item = _item(KEY_FRAME, run, frame_uid, _on(run, body), name=name, by=by, tool="key-frame")
    return put_item(session_id, item)


def change_key_frame(session_id: str, item: PlanItem, body: KeyFrameBody) -> Edit:
    """Another caption or view of a key frame; raises `UsageError` ``other-run`` for one of another run."""
    _same_run(item, body.run)
    return put_item(session_id, replace(item, body=MappingProxyType(codec.to_json(body))))


def remove_run_item(session_id: str, item_id: str) -> Edit:
    """Take an item out; measurements that stood on a removed calibration fall back to pixels."""
    return session_edit(session_id, lambda session: recomputed(without_item(session, item_id)))


def recomputed(session: Session) -> Session:
    """The session with the millimetres of every measurement as its calibration gives them now.

    Meant for every edit that may have touched a calibration; a session in which all is settled comes back itself.
    """
    for item in session.items:
        if item.type != RUN_MEASUREMENT:
            continue
        body = run_body(item)
        if not isinstance(body, RunMeasurementBody):
            continue
        settled = settled_body(body, session)
        if settled != body:
            session = with_item(session, replace(item, body=MappingProxyType(codec.to_json(settled))))
    return session


def settled_body(body: RunMeasurementBody, session: Session) -> RunMeasurementBody:
    """A measurement as its calibration gives it now: what is read, printed and stored.

    A calibration that is gone, or of another run, leaves the pixels and no millimetres.
    """
    calibration = calibration_of(session, body.calibration)
    if calibration is not None and calibration.run != body.run:
        calibration = None
    values = {name: value for name, value in body.values.items() if not name.endswith((_MM, _AREA_MM))}
    if calibration is not None:
        values |= _millimetres(values, calibration)
    elif body.calibration is not None:
        body = replace(body, calibration=None)
    return body if values == dict(body.values) else replace(body, values=values)


def _millimetres(values: Mapping[str, float | None], calibration: RunCalibrationBody) -> dict[str, float | None]:
    """``x_mm`` and ``x_sd_mm`` of every ``x_px``, ``x_mm2`` of every ``x_px2``.

    The deviation holds that of the edges and that of the calibration.
    """
    found: dict[str, float | None] = {}
    for name, value in values.items():
        if name.endswith(_AREA_PX):
            found[name.removesuffix(_AREA_PX) + _AREA_MM] = None if value is None else value * calibration.mm_per_px**2
        if not name.endswith(_PX) or name.endswith(_SD_PX):
            continue
        base = name.removesuffix(_PX)
        found[base + _MM] = None if value is None else value * calibration.mm_per_px
        edge, scale = values.get(base + _SD_PX), calibration.mm_per_px_sd
        known = value is not None and scale is not None and (edge is not None or base + _SD_PX not in values)
        if known and value is not None and scale is not None:
            found[base + _SD_MM] = math.hypot(value * scale, (edge or 0.0) * calibration.mm_per_px)
        else:
            found[base + _SD_MM] = None
    return found


def _with_measurement(session: Session, item: PlanItem) -> Session:
    body = run_body(item)
    if isinstance(body, RunMeasurementBody):
        if body.calibration is not None:
            calibration = calibration_of(session, body.calibration)
            if calibration is None:
                raise UsageError(
                    "unknown-calibration", "The calibration of this measurement is gone; choose another one."
                )
            if calibration.run != body.run:
                raise UsageError("other-run", "A calibration holds for its own run only; calibrate this run.")
        item = replace(item, body=MappingProxyType(codec.to_json(settled_body(body, session))))
    return with_item(session, item)


def _on(run: AngioRun, body: RunBody) -> RunBody:
    if body.run != run.key:
        raise UsageError("other-run", f"This belongs to run {body.run}, not to {run.key}.", subject=run.key)
    return body


def _same_run(item: PlanItem, run_key: str) -> None:
    if item.body.get("run") != run_key:
        raise UsageError("other-run", f"{item.name} belongs to another run.", subject=item.id)


def _item(
    type_name: str,
    run: AngioRun,
    frame_uid: str,
    body: RunBody,
    *,
    name: str,
    by: Actor,
    tool: str,
    item_id: str | None = None,
) -> PlanItem:
    sources = (run.source.series_uid,)
    return new_item(
        type_name, body, name=name, frame_uid=frame_uid, by=by, tool=tool, source_uids=sources, item_id=item_id
    )


def add_link(link: FrameLink) -> Edit:
    """Put a computed link into the case. It links nothing until a person has reviewed it."""
    fresh = replace(link, id=link.id or new_id("link"), reviewed_by=None, reviewed_at=None)
    return _links(lambda links: (*(each for each in links if each.id != fresh.id), fresh))


def review_link(link_id: str, *, by: Actor, at: datetime | None = None) -> Edit:
    """A person has looked at a link and takes it; it becomes the newest one between its frames.

    Raises
    ------
    UsageError
        When applied: ``unknown-link``.
    """
    moment = at or utc_now()

    def change(links: tuple[FrameLink, ...]) -> tuple[FrameLink, ...]:
        found = _link(links, link_id)
        return (
            *(each for each in links if each.id != link_id),
            replace(found, reviewed_by=by.user, reviewed_at=moment),
        )

    return _links(change)


def unreview_link(link_id: str) -> Edit:
    """Take a review back; raises as `review_link`."""

    def change(links: tuple[FrameLink, ...]) -> tuple[FrameLink, ...]:
        fresh = replace(_link(links, link_id), reviewed_by=None, reviewed_at=None)
        return tuple(fresh if each.id == link_id else each for each in links)

    return _links(change)


def remove_link(link_id: str) -> Edit:
    return _links(lambda links: tuple(each for each in links if each.id != link_id))


def _link(links: tuple[FrameLink, ...], link_id: str) -> FrameLink:
    found = next((each for each in links if each.id == link_id), None)
    if found is None:
        raise UsageError("unknown-link", f"There is no link {link_id} in this case.", subject=link_id)
    return found


def _links(change: Callable[[tuple[FrameLink, ...]], tuple[FrameLink, ...]]) -> Edit:
    def edit(case: Case) -> Case:
        changed = change(case.links)
        return case if changed == case.links else replace(case, links=changed)

    return edit
