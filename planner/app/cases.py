"""New cases, from typed patient data or from the images of a patient."""

from __future__ import annotations

from datetime import date

from planner.dicom import tags
from planner.dicom.series import SeriesEntry
from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.edits import new_id
from planner.model.people import Patient, Sex
from planner.store.actors import Actor
from planner.store.library import Library

MAXIMUM_TEXT = 256
"""Characters of a typed name or identifier; DICOM's longest is 64 per component group."""


def patient_from_text(
    patient_id: str,
    name: str,
    *,
    issuer: str | None = None,
    birth_date: str | None = None,
    sex: str | None = None,
) -> Patient:
    """A patient from typed text.

    Parameters
    ----------
    birth_date
        ISO 8601 (YYYY-MM-DD) or None while unknown.
    sex
        ``F``, ``M``, ``O`` or None.

    Raises
    ------
    UsageError
        ``bad-patient`` for an empty identifier, a date that is none or lies ahead, an unknown sex.
    """
    identifier = patient_id.strip()
    if not identifier or len(identifier) > MAXIMUM_TEXT or len(name) > MAXIMUM_TEXT:
        raise UsageError(
            "bad-patient", "A case needs a patient ID of at most 256 characters; type it as on the images."
        )
    return Patient(
        patient_id=identifier,
        name=name.strip(),
        issuer=(issuer or "").strip() or None,
        birth_date=None if birth_date is None else _birth_date(birth_date),
        sex=None if sex is None else _sex(sex),
    )


def _birth_date(text: str) -> date:
    try:
        found = date.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError("bad-patient", f"{text!r} is no date of birth; write it as YYYY-MM-DD.") from error
    if found > date.today():
        raise UsageError("bad-patient", f"The date of birth {text} lies in the future; correct it.")
    return found


def day_from_text(text: str) -> date:
    """A day as a person types it (YYYY-MM-DD).

    Raises
    ------
    UsageError
        ``bad-date`` for anything else, and for a day to come.
    """
    try:
        found = date.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError("bad-date", f"{text!r} is no date; write it as YYYY-MM-DD.") from error
    if found > date.today():
        raise UsageError("bad-date", f"{text} lies in the future; correct it.")
    return found


def _sex(text: str) -> Sex:
    try:
        return Sex(text.strip().upper())
    except ValueError as error:
        raise UsageError("bad-patient", f"{text!r} is no sex; write F, M or O, or leave it out.") from error


def patient_from_series(entry: SeriesEntry) -> Patient:
    """The patient as the images name the person; what they do not say stays unknown."""
    source = entry.source
    try:
        born = None if source.patient_birth_date is None else date.fromisoformat(source.patient_birth_date)
    except ValueError:
        born = None
    return Patient(
        patient_id=(source.patient_id or "").strip(),
        name=source.patient_name or "",
        issuer=issuer_of(entry),
        birth_date=born,
        sex=Sex(source.patient_sex) if source.patient_sex in list(Sex) else None,
    )


def issuer_of(entry: SeriesEntry) -> str | None:
    """The issuer of the patient ID, or None when the images do not name one."""
    if not entry.records:
        return None
    return entry.records[0].header.elements.words(tags.PATIENT_ID_ISSUER)[0]


def case_from_series(
    entry: SeriesEntry, *, patient: Patient | None = None, title: str = "", simulated: bool = False
) -> Case:
    """A case for the patient of a series, not yet in a library and without the images.

    Parameters
    ----------
    patient
        Who a person says it is, for files that name nobody (NIfTI, NRRD, MHA).

    Raises
    ------
    InputRefused
        ``mixed-patients`` when the series is not of one person.
    UsageError
        ``patient-unnamed`` when neither the files nor a person say who it is.
    """
    if any(each.code == "mixed-patients" for each in entry.findings):
        raise InputRefused(
            "mixed-patients",
            "The series holds images of two patients; import each patient's files apart.",
            subject=entry.uid,
        )
    named = patient or patient_from_series(entry)
    if not named.patient_id:
        raise UsageError(
            "patient-unnamed", f"{entry.files[0].name} names no patient; type the patient's ID.", subject=entry.uid
        )
    return Case(id=new_id("case"), patient=named, title=title, simulated=simulated)


def new_case(
    library: Library, patient: Patient, by: Actor, *, title: str = "", simulated: bool = False
) -> tuple[Case, int]:
    """Create a case and put it into the library; returns it with its revision number."""
    case = Case(id=new_id("case"), patient=patient, title=title, simulated=simulated)
    return case, library.create_case(case, by)
