"""What is marked on images becomes plan items: masks go to the blob store, the plan holds references.

Functions that return an `Edit` draw their identifiers at the call, so the edit itself is pure: applied twice to the
same case it gives the same case.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, TypeVar

from planner.errors import InputRefused, UsageError
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging.masks import Mask, pack_bits, unpack_bits
from planner.imaging.volumes import ImageSource
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import Lesion, LesionListConfirmation, Observation
from planner.model.edits import (
    Edit,
    new_id,
    session_edit,
    with_item,
    with_lesion,
    without_item,
    without_lesion,
)
from planner.model.item_bodies import body_of
from planner.model.items import (
    KEY_IMAGE,
    MEASUREMENT,
    REGION,
    VESSEL_PATH,
    BlobRef,
    KeyImageBody,
    MeasurementBody,
    PlanItem,
    RegionBody,
    VesselPathBody,
)
from planner.model.session import Session
from planner.store.actors import Actor, utc_now
from planner.store.library import Library

T = TypeVar("T")


def store_mask(library: Library, mask: Mask) -> BlobRef:
    """Put a mask's bits into the library; returns the reference a plan item holds.

    Raises
    ------
    UsageError
        ``empty-region``: nothing was painted.
    """
    if mask.is_empty:
        raise UsageError("empty-region", "The region is empty; paint or grow it first.")
    packed, (low, high) = pack_bits(mask)
    grid = mask.grid
    return BlobRef(
        sha256=library.put_blob(packed),
        size_kji=grid.size_kji,
        lps_from_kji=tuple(grid.lps_from_kji.flat()),
        frame_uid=grid.frame_uid,
        low_kji=low,
        high_kji=high,
    )


def load_mask(library: Library, reference: BlobRef) -> Mask:
    """The mask a reference stands for.

    Raises
    ------
    StoreError
        When the blob is missing or damaged.
    InputRefused
        When the reference does not describe a grid, or the bits do not fill its box.
    """
    try:
        placed = SpaceMap.from_flat(lps(reference.frame_uid), KJI, reference.lps_from_kji)
        grid = Grid(reference.size_kji, placed, reference.frame_uid)
    except ValueError as error:
        raise InputRefused("broken-mask", f"A stored region names no valid grid ({error}); mark it again.") from error
    return unpack_bits(library.get_blob(reference.sha256), (reference.low_kji, reference.high_kji), grid)


def region_of(item: PlanItem) -> RegionBody:
    """The body of a region item.

    Raises
    ------
    InputRefused
        When the item is no region, or its body is damaged.
    """
    return body_of(RegionBody, REGION, item)


def vessel_path_of(item: PlanItem) -> VesselPathBody:
    """The body of a vessel path item; raises as `region_of`."""
    return body_of(VesselPathBody, VESSEL_PATH, item)


def measurement_of(item: PlanItem) -> MeasurementBody:
    """The body of a measurement item; raises as `region_of`."""
    return body_of(MeasurementBody, MEASUREMENT, item)


def key_image_of(item: PlanItem) -> KeyImageBody:
    """The body of a key image item; raises as `region_of`."""
    return body_of(KeyImageBody, KEY_IMAGE, item)


def masks_of(library: Library, session: Session) -> tuple[tuple[PlanItem, Mask], ...]:
    """Every region of a session with its mask."""
    return tuple((item, load_mask(library, region_of(item).blob)) for item in session.items if item.type == REGION)


def new_item(
    type_name: str,
    body: object,
    *,
    name: str,
    frame_uid: str,
    by: Actor,
    tool: str,
    source_uids: tuple[str, ...] = (),
    item_id: str | None = None,
    now: datetime | None = None,
) -> PlanItem:
    """A plan item around a body.

    Parameters
    ----------
    body
        `RegionBody`, `VesselPathBody`, `MeasurementBody`, `KeyImageBody` or a mapping of another type.
    tool
        The tool it was made with (``one-click``, ``brush``, ``minimal-path``).
    """
    return PlanItem(
        id=item_id or new_id("item"),
        type=type_name,
        name=name,
        frame_uid=frame_uid,
        body=MappingProxyType(codec.to_json(body)),
        source_uids=source_uids,
        author=by.user,
        tool=tool,
        created_at=now or utc_now(),
    )


def put_item(session_id: str, item: PlanItem) -> Edit:
    """Put an item into a session, or replace the one with its id."""
    return session_edit(session_id, lambda session: with_item(session, item))


def remove_item(session_id: str, item_id: str) -> Edit:
    return session_edit(session_id, lambda session: without_item(session, item_id))


def add_lesion(
    library: Library,
    session_id: str,
    mask: Mask,
    source: ImageSource,
    *,
    name: str,
    by: Actor,
    tool: str,
    lesion_id: str | None = None,
    organ: str = "liver",
    segment: str | None = None,
    longest_mm: float | None = None,
    viable_mm: float | None = None,
    volume_ml: float | None = None,
    now: datetime | None = None,
) -> Edit:
    """Mark a lesion: its region in the session, its observation on this study, and the lesion itself when it is new.

    Parameters
    ----------
    lesion_id
        Of a lesion that is already in the case (seen again); None makes a new one.
    longest_mm, viable_mm
        Longest axial diameters when measured, else None.
    volume_ml
        None takes the voxels counted whole.

    Raises
    ------
    UsageError
        ``empty-region``, or ``no-study-date`` for an image that does not say when it was taken.
    """
    seen_on = _study_date(source)
    blob = store_mask(library, mask)
    volume = mask.volume_ml if volume_ml is None else volume_ml
    identifier = lesion_id or new_id("lesion")
    body = RegionBody(blob, lesion_id=identifier, volume_ml=volume, longest_mm=longest_mm)
    frame_uid, sources = mask.grid.frame_uid, (source.series_uid,)
    item = new_item(REGION, body, name=name, frame_uid=frame_uid, by=by, tool=tool, source_uids=sources, now=now)
    observation = Observation(seen_on, source.series_uid, longest_mm, viable_mm, volume, item.id)
    centre = _centre_lps_mm(mask)
    fresh = Lesion(identifier, name, organ=organ, segment=segment, centre_lps_mm=centre, frame_uid=frame_uid)

    def edit(case: Case) -> Case:
        known = case.lesion(identifier) or fresh
        seen = with_lesion(case, replace(known, observations=_with_observation(known, observation)))
        return put_item(session_id, item)(seen)

    return edit


def _centre_lps_mm(mask: Mask) -> tuple[float, float, float] | None:
    centre = mask.centroid_lps_mm()
    return None if centre is None else (float(centre[0]), float(centre[1]), float(centre[2]))


def _study_date(source: ImageSource) -> date:
    if source.study_date is None:
        raise UsageError(
            "no-study-date",
            "The images do not say when they were taken; enter the study date first.",
            subject=source.series_uid,
        )
    return date.fromisoformat(source.study_date)


def _with_observation(lesion: Lesion, observation: Observation) -> tuple[Observation, ...]:
    """One observation per region item; a lesion painted again on the same item is the same observation."""
    kept = tuple(each for each in lesion.observations if each.region_item_id != observation.region_item_id)
    return tuple(sorted((*kept, observation), key=lambda each: each.study_date))


def repaint_lesion(
    library: Library,
    session_id: str,
    item: PlanItem,
    mask: Mask,
    *,
    longest_mm: float | None = None,
    viable_mm: float | None = None,
    volume_ml: float | None = None,
) -> Edit:
    """Give a region item an edited mask; numbers that are not measured anew become unknown, never stay as they were.

    Raises
    ------
    UsageError
        ``empty-region``; remove the lesion instead.
    """
    volume = mask.volume_ml if volume_ml is None else volume_ml
    body = replace(region_of(item), blob=store_mask(library, mask), volume_ml=volume, longest_mm=longest_mm)
    painted = replace(item, body=MappingProxyType(codec.to_json(body)))

    def edit(case: Case) -> Case:
        changed = put_item(session_id, painted)(case)
        lesion = None if body.lesion_id is None else changed.lesion(body.lesion_id)
        if lesion is None:
            return changed
        observations = tuple(
            replace(each, longest_mm=longest_mm, viable_mm=viable_mm, volume_ml=volume)
            if each.region_item_id == item.id
            else each
            for each in lesion.observations
        )
        return with_lesion(changed, replace(lesion, observations=observations))

    return edit


def change_lesion(lesion_id: str, **facts: Any) -> Edit:
    """Change name, segment, side, kind, organ or prior treatment of a lesion.

    Raises
    ------
    UsageError
        When the edit is applied to a case without that lesion.
    """

    def edit(case: Case) -> Case:
        lesion = case.lesion(lesion_id)
        if lesion is None:
            raise UsageError("unknown-lesion", f"There is no lesion {lesion_id} in this case.", subject=lesion_id)
        changed = replace(lesion, **facts)
        return case if changed == lesion else with_lesion(case, changed)

    return edit


def remove_lesion(lesion_id: str) -> Edit:
    """Take a lesion and its regions out of the case; undo brings them back."""

    def edit(case: Case) -> Case:
        if case.lesion(lesion_id) is None:
            return case
        sessions = tuple(_without_regions(session, lesion_id) for session in case.sessions)
        return replace(without_lesion(case, lesion_id), sessions=sessions)

    return edit


def _without_regions(session: Session, lesion_id: str) -> Session:
    kept = tuple(item for item in session.items if item.type != REGION or item.body.get("lesion_id") != lesion_id)
    return session if len(kept) == len(session.items) else replace(session, items=kept)


def confirm_lesion_list(by: str, *, on: date, series_uid: str | None = None) -> Edit:
    """A person says that the list as it stands is complete; staging rules speak only after that."""

    def edit(case: Case) -> Case:
        confirmation = LesionListConfirmation(by, on, tuple(lesion.id for lesion in case.lesions), series_uid)
        return replace(case, lesion_list_confirmed=confirmation)

    return edit


def add_structure(
    library: Library,
    session_id: str,
    mask: Mask,
    source: ImageSource,
    *,
    structure: str | None,
    name: str,
    by: Actor,
    tool: str,
    colour: str = "#d0a030",
) -> Edit:
    """Mark a region that is no lesion. `structure` is a key of ``resources/structures.toml`` or None."""
    body = RegionBody(store_mask(library, mask), structure=structure, colour=colour, volume_ml=mask.volume_ml)
    item = new_item(
        REGION,
        body,
        name=name,
        frame_uid=mask.grid.frame_uid,
        by=by,
        tool=tool,
        source_uids=(source.series_uid,),
    )
    return put_item(session_id, item)


def add_vessel_path(
    session_id: str, body: VesselPathBody, source: ImageSource, frame_uid: str, *, name: str, by: Actor, tool: str
) -> Edit:
    """Put a path along the lumen into a session, as an item of its own."""
    item = new_item(
        VESSEL_PATH, body, name=name, frame_uid=frame_uid, by=by, tool=tool, source_uids=(source.series_uid,)
    )
    return put_item(session_id, item)


def add_measurement(
    session_id: str, body: MeasurementBody, source: ImageSource, frame_uid: str, *, name: str, by: Actor
) -> Edit:
    item = new_item(
        MEASUREMENT, body, name=name, frame_uid=frame_uid, by=by, tool="measure", source_uids=(source.series_uid,)
    )
    return put_item(session_id, item)


def add_key_image(session_id: str, body: KeyImageBody, frame_uid: str, *, name: str, by: Actor) -> Edit:
    """Keep a view to be printed."""
    item = new_item(
        KEY_IMAGE, body, name=name, frame_uid=frame_uid, by=by, tool="key-image", source_uids=(body.series_uid,)
    )
    return put_item(session_id, item)
