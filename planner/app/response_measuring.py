"""An observation measured on the region that was drawn: size, and what of it enhances where the images allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from planner.app.case_images import load_series
from planner.app.lesion_shapes import RESIDUAL, day_of
from planner.app.marking import load_mask, region_of
from planner.errors import OperatorError, UsageError
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.case import Case
from planner.model.disease import Observation, SeriesRef
from planner.model.items import REGION, PlanItem, RegionBody
from planner.planning.enhancement import enhancing_part, lipiodol_retention
from planner.store.library import Library

UNENHANCED, ARTERIAL = "non-contrast", "arterial"
NO_OIL = "none"


@dataclass(frozen=True, slots=True)
class MeasuredRegion:
    """What the drawn region gives; `notes` say what could not be measured and on what the rest stands."""

    observation: Observation
    notes: tuple[str, ...]


def drawn_region(case: Case, lesion_id: str, day: date) -> tuple[PlanItem, RegionBody] | None:
    """The region that was drawn as a whole lesion on images of a day; the last one drawn where there are several."""
    found = []
    for session in case.sessions:
        for item in session.items:
            if item.type != REGION or item.tool == RESIDUAL:
                continue
            body = region_of(item)
            own = body.lesion_id == lesion_id and body.copy_of is None and item.inherited_from is None
            if own and day_of(case, item).on == day:
                found.append((item, body))
    return found[-1] if found else None


def nothing_drawn(case: Case, lesion_id: str, day: date) -> str:
    """Why a region cannot be measured, and what to do."""
    lesion = case.lesion(lesion_id)
    name = lesion_id if lesion is None else lesion.name
    return f"Nothing is drawn as {name} on images of {day}; mark it there, or type what was measured."


def measured_region(
    library: Library,
    case: Case,
    lesion_id: str,
    day: date,
    reader: str,
    *,
    volumes: Mapping[str, Volume],
    context: Context | None = None,
) -> MeasuredRegion:
    """A reader's observation from the region drawn on a day. A job: touches no case.

    Parameters
    ----------
    volumes
        Images that are loaded already, by ``series_uid#part``; others of the day are loaded where they are needed.

    Raises
    ------
    UsageError
        ``no-region`` where nothing is drawn as this lesion on that day.
    OperatorError
        Where its mask cannot be read.
    """
    job = context or Context()
    found = drawn_region(case, lesion_id, day)
    if found is None:
        raise UsageError("no-region", nothing_drawn(case, lesion_id, day), subject=lesion_id)
    item, body = found
    uids = {each.partition("#")[0] for each in item.source_uids}
    own = next((each for each in case.studies if each.series_uid in uids), None)
    seen = Observation(
        day,
        None if own is None else own.series_uid,
        longest_mm=body.longest_mm,
        volume_ml=body.volume_ml,
        modality=None if own is None else own.modality,
        state="present",
        read_as=reader,
    )
    before, after = _image(case, own, day, UNENHANCED), _image(case, own, day, ARTERIAL)
    if before is None or after is None:
        missing = "image without contrast medium" if before is None else "arterial phase"
        note = f"What enhances was not measured: this day has no {missing} in the frame of the region."
        return MeasuredRegion(seen, (note,))
    try:
        return _with_enhancement(library, case, seen, body, (before, after), volumes, job)
    except OperatorError as error:
        return MeasuredRegion(seen, (f"What enhances was not measured: {error.message}",))


def _with_enhancement(
    library: Library,
    case: Case,
    seen: Observation,
    body: RegionBody,
    pair: Sequence[SeriesRef],
    volumes: Mapping[str, Volume],
    job: Context,
) -> MeasuredRegion:
    images = []
    for number, each in enumerate(pair):
        key = f"{each.series_uid}#{each.part}"
        job.step(0.3 * number, "Reading the images")
        known = volumes.get(key)
        part = job.part(0.3 * number, 0.3 * (number + 1))
        images.append(known if known is not None else load_series(library, case, each, part))
    lesion = load_mask(library, body.blob)
    found = enhancing_part(lesion, images[0], images[1], context=job.part(0.6, 1.0))
    notes = [*found.notes, f"Enhancing from {found.threshold:g} {found.unit}: {found.source}"]
    grade = lipiodol_retention(images[0], lesion).code if images[0].source.unit == "HU" else None
    if grade == NO_OIL:
        # That no voxel is oil-dense lets viability be read from CT after a treatment with oil: a person says so.
        grade = None
        notes.append("No voxel of it is as dense as oil; where that is right, say so under Lipiodol retention.")
    measured = replace(
        seen,
        viable_mm=found.viable_mm,
        enhancing_mm=found.enhancing_mm,
        enhancing_ml=found.enhancing_ml,
        volume_ml=found.lesion_ml,
        lipiodol=grade,
        note=None if found.is_complete else "Lipiodol: MR or not evaluable",
    )
    job.step(1.0, "Measured")
    return MeasuredRegion(measured, tuple(notes))


def _image(case: Case, own: SeriesRef | None, day: date, phase: str) -> SeriesRef | None:
    """A series of the day in the frame and of the modality that the region was drawn on."""
    if own is None:
        return None
    fitting = [
        each
        for each in case.studies
        if (each.study_date, each.frame_uid, each.modality, each.phase) == (day, own.frame_uid, own.modality, phase)
        and each.kind == "volume"
    ]
    return fitting[0] if fitting else None
