"""A new study of the same patient: it is recognised, set beside the others, and asked to be linked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from planner.app.case_images import match_patient
from planner.app.frame_links import linked_frames
from planner.app.identity import PatientMatch
from planner.dicom.series import SeriesEntry
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.items import REGION
from planner.model.links import FrameLink


@dataclass(frozen=True, slots=True)
class Recognised:
    """A series beside a case, before it is attached.

    Attributes
    ----------
    match
        Patient against patient; decides alone whether it may be attached.
    known
        The case has this series already.
    same_study, same_frame
        The case has other series of its study, or of its frame of reference: no link is needed for the latter.
    days_after
        Days from the newest earlier study of the case to this one; None where a date is unknown or none is earlier.
    words
        What it is, in one sentence.
    """

    match: PatientMatch
    known: bool
    same_study: bool
    same_frame: bool
    days_after: int | None
    words: str


def recognised(case: Case, entry: SeriesEntry) -> Recognised:
    """What a series is to a case: another patient's, known, of a known study, or a new study."""
    match = match_patient(case, entry)
    source, frame_uid = entry.source, None if entry.grid is None else entry.grid.frame_uid
    known = any((each.series_uid, each.part) == (entry.uid, entry.part) for each in case.studies)
    same_study = source.study_uid is not None and any(each.study_uid == source.study_uid for each in case.studies)
    same_frame = frame_uid is not None and any(each.frame_uid == frame_uid for each in case.studies)
    taken_on = None if source.study_date is None else date.fromisoformat(source.study_date)
    earlier = [each.study_date for each in case.studies if each.study_date and taken_on and each.study_date < taken_on]
    days = (taken_on - max(earlier)).days if taken_on is not None and earlier else None
    if known:
        words = "This series is in the case already."
    elif same_frame:
        words = "It shares the frame of reference of images in the case: it needs no link."
    elif same_study:
        words = "It belongs to a study of the case, in a frame of reference of its own: it has to be linked."
    elif days is not None:
        words = f"A new study, {days} days after the newest earlier one: register it and review the link."
    else:
        words = "A study of another time: register it and review the link before anything is compared."
    return Recognised(match, known, same_study, same_frame, days, words)


@dataclass(frozen=True, slots=True)
class StudyToLink:
    """A frame of reference of the case that nothing may be compared with yet.

    Attributes
    ----------
    series
        ``series_uid#part`` of its volumes.
    state
        ``not-linked`` or ``not-reviewed``.
    link_id
        Of the unreviewed link, to be looked at.
    to_do
        One sentence.
    """

    frame_uid: str
    study_date: date | None
    modalities: tuple[str, ...]
    series: tuple[str, ...]
    reference_frame_uid: str
    state: str
    link_id: str | None
    to_do: str


def reference_frame(case: Case) -> str | None:
    """The frame all others are linked to: where the lesions were first marked, else the oldest study.

    None where the case has no volume with a frame of reference.
    """
    marked = [item.frame_uid for session in case.sessions for item in session.items if item.type == REGION]
    placed = [each.frame_uid for each in case.lesions if each.frame_uid is not None]
    first = [each for each in _by_date(case) if each in {*marked, *placed}]
    return next(iter((*first, *_by_date(case))), None)


def studies_to_link(case: Case, reference_frame_uid: str | None = None) -> tuple[StudyToLink, ...]:
    """Frames of the case without a reviewed link to the reference study, the newest first, with what to do.

    Parameters
    ----------
    reference_frame_uid
        None takes `reference_frame`.
    """
    reference = reference_frame_uid or reference_frame(case)
    if reference is None:
        return ()
    rows = []
    for frame_uid in reversed(_by_date(case)):
        if frame_uid == reference or linked_frames(case, frame_uid, reference) is not None:
            continue
        mine = [each for each in _volumes(case) if each.frame_uid == frame_uid]
        rows.append(_row(case, frame_uid, mine, reference))
    return tuple(rows)


def _row(case: Case, frame_uid: str, mine: list[SeriesRef], reference: str) -> StudyToLink:
    modalities = tuple(sorted({each.modality or "unknown" for each in mine}))
    there = {each.modality or "unknown" for each in _volumes(case) if each.frame_uid == reference}
    waiting = _waiting(case, frame_uid, reference)
    if waiting is not None:
        to_do = "It is registered, and nobody has reviewed it: look at it and confirm it, or register it again."
    elif there.isdisjoint(modalities):
        words = f"{' and '.join(modalities)} against {' and '.join(sorted(there))}"
        to_do = f"Register it to the reference study ({words}: measure it at landmarks), then review the link."
    else:
        to_do = "Register it to the reference study, then review the link."
    on = next((each.study_date for each in mine if each.study_date is not None), None)
    series = tuple(f"{each.series_uid}#{each.part}" for each in mine)
    state = "not-linked" if waiting is None else "not-reviewed"
    return StudyToLink(
        frame_uid, on, modalities, series, reference, state, None if waiting is None else waiting.id, to_do
    )


def _waiting(case: Case, frame_uid: str, reference: str) -> FrameLink | None:
    ends = {frame_uid, reference}
    found = [each for each in case.links if {each.from_frame_uid, each.to_frame_uid} == ends and not each.is_reviewed]
    return found[-1] if found else None


def _volumes(case: Case) -> list[SeriesRef]:
    return [each for each in case.studies if each.kind == "volume" and each.frame_uid is not None]


def _by_date(case: Case) -> list[str]:
    """Frames of volumes, the oldest first; those without a date before all others."""
    ordered = sorted(_volumes(case), key=lambda each: (each.study_date is not None, each.study_date or date.min))
    return list(dict.fromkeys(str(each.frame_uid) for each in ordered))
