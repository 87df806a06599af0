"""What is done with marks and lesions after they were made: names, colours, segments of a path, typed sizes.

As in `planner.app.marking`, a function that returns an `Edit` draws its identifiers at the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from types import MappingProxyType

import numpy as np

from planner.app.marking import change_lesion, put_item, region_of, vessel_path_of
from planner.errors import UsageError
from planner.geometry import Polyline
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import Lesion, Observation
from planner.model.edits import Edit, new_id, with_lesion
from planner.model.items import REGION, PathSegment, PlanItem, VesselPathBody
from planner.planning.vessel_path import VesselPath

MAXIMUM_NAME = 120
"""Characters of the name of a mark: it is written on the images."""


def rename_item(session_id: str, item: PlanItem, name: str) -> Edit:
    """Give a mark another name; a lesion's region renames the lesion too.

    Raises
    ------
    UsageError
        ``bad-name`` for an empty or endless one.
    """
    wanted = _name(name)
    lesion_id = item.body.get("lesion_id") if item.type == REGION else None

    def edit(case: Case) -> Case:
        changed = put_item(session_id, replace(item, name=wanted))(case)
        known = isinstance(lesion_id, str) and changed.lesion(lesion_id) is not None
        return change_lesion(str(lesion_id), name=wanted)(changed) if known else changed

    return edit


def rename_lesion(session_id: str | None, lesion_id: str, name: str) -> Edit:
    """Give a lesion another name, and with it its regions in the session."""
    wanted = _name(name)

    def edit(case: Case) -> Case:
        changed = change_lesion(lesion_id, name=wanted)(case)
        session = case.session(session_id) if session_id is not None else None
        for item in session.items if session is not None else ():
            if item.type == REGION and item.body.get("lesion_id") == lesion_id:
                changed = put_item(str(session_id), replace(item, name=wanted))(changed)
        return changed

    return edit


def _name(name: str) -> str:
    wanted = " ".join(name.split())
    if not wanted or len(wanted) > MAXIMUM_NAME:
        raise UsageError("bad-name", f"A name needs 1 to {MAXIMUM_NAME} characters; type another one.")
    return wanted


def recolour_region(session_id: str, item: PlanItem, colour: str) -> Edit:
    """Draw a region in another colour (``#rrggbb``)."""
    body = replace(region_of(item), colour=colour)
    return put_item(session_id, replace(item, body=MappingProxyType(codec.to_json(body))))


def path_length_mm(body: VesselPathBody) -> float:
    """Length of a path along its points."""
    return Polyline(np.asarray(body.points_lps_mm, dtype=np.float64), "").length_mm


def name_segments(session_id: str, item: PlanItem, named_ends: Sequence[tuple[str, float]]) -> Edit:
    """Name the stretches of a vessel path, from its start to its end, and measure each.

    Parameters
    ----------
    named_ends
        Key of ``resources/arteries.toml`` and where the stretch ends, in mm along the path; in growing order.

    Raises
    ------
    UsageError
        ``unknown-artery``.
    OperatorError
        ``empty-segment`` for a stretch without length.
    """
    body = vessel_path_of(item)
    segments: tuple[PathSegment, ...] = _path(item, body).segments(named_ends) if named_ends else ()
    return put_item(session_id, _with_body(item, replace(body, segments=segments)))


def _path(item: PlanItem, body: VesselPathBody) -> VesselPath:
    points = np.asarray(body.points_lps_mm, dtype=np.float64)
    known = body.radius_mm if len(body.radius_mm) == len(points) else (None,) * len(points)
    radius = np.array([np.nan if each is None else each for each in known], dtype=np.float64)
    # The points that cannot be trusted are not stored one by one: where the path as a whole is doubted, so is each
    # stretch of it.
    doubtful = np.full(len(points), body.low_confidence) | ~np.isfinite(radius)
    clicks = np.asarray(body.clicks_lps_mm, dtype=np.float64).reshape(-1, 3)
    return VesselPath(Polyline(points, item.frame_uid), radius, doubtful, clicks, body.method)


def aim_path(session_id: str, item: PlanItem, lesion_ids: Sequence[str]) -> Edit:
    """Say which lesions a vessel path leads to."""
    body = replace(vessel_path_of(item), lesion_ids=tuple(lesion_ids))
    return put_item(session_id, _with_body(item, body))


def _with_body(item: PlanItem, body: VesselPathBody) -> PlanItem:
    return replace(item, body=MappingProxyType(codec.to_json(body)))


def typed_lesion(
    name: str,
    *,
    organ: str = "liver",
    segment: str | None = None,
    longest_mm: float | None = None,
    viable_mm: float | None = None,
    seen_on: date | None = None,
    lesion_id: str | None = None,
) -> Edit:
    """A lesion that is not marked on images: its place and size are typed from a report.

    Parameters
    ----------
    longest_mm, viable_mm
        Longest axial diameters; need `seen_on`.

    Raises
    ------
    UsageError
        ``bad-name``, or ``no-study-date`` for a size without the date it was seen on.
    """
    if seen_on is None and (longest_mm is not None or viable_mm is not None):
        raise UsageError("no-study-date", "A size needs the date of the images it was read on; type it too.")
    seen = () if seen_on is None else (Observation(seen_on, None, longest_mm, viable_mm),)
    made = Lesion(lesion_id or new_id("lesion"), _name(name), organ=organ, segment=segment, observations=seen)
    return lambda case: with_lesion(case, made)


def measure_by_hand(
    lesion_id: str, *, seen_on: date, longest_mm: float | None = None, viable_mm: float | None = None
) -> Edit:
    """Type the sizes of a lesion on a day's images; what was measured on a mask that day keeps its volume.

    Raises
    ------
    UsageError
        ``unknown-lesion`` when the edit is applied.
    """

    def edit(case: Case) -> Case:
        lesion = case.lesion(lesion_id)
        if lesion is None:
            raise UsageError("unknown-lesion", f"There is no lesion {lesion_id} in this case.", subject=lesion_id)
        before = next((each for each in lesion.observations if each.study_date == seen_on), Observation(seen_on))
        now = replace(before, longest_mm=longest_mm, viable_mm=viable_mm)
        others = tuple(each for each in lesion.observations if each is not before)
        observations = tuple(sorted((*others, now), key=lambda each: each.study_date))
        if lesion.observations == observations:
            return case
        return with_lesion(case, replace(lesion, observations=observations))

    return edit
