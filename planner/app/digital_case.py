"""The digital patient as a case of a library: images written and attached, laboratory read, a session in draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.images import scan
from planner.app.open_case import OpenCase
from planner.app.phantoms import ABLATION_DAY, ANGIOGRAPHY, WITH_ANGIOGRAPHY, film_all, write_day_of_ablation
from planner.app.rehearsals import REHEARSALS
from planner.app.sessions import SessionDesk, begin_session
from planner.app.templates import Installed
from planner.clinical.laboratory_table import LabReading, read_table
from planner.dicom.angio_reading import KIND as ANGIO
from planner.dicom.series import SeriesEntry
from planner.errors import BugError, UsageError
from planner.jobs import Context
from planner.model.case import Case
from planner.phantom import PLANS, DigitalPatient, generate, write, write_runs
from planner.store.actors import Actor, SaveReason
from planner.store.library import Library
from planner.workflow.answers import add_laboratory_value

MAXIMUM_LABORATORY_BYTES = 1_000_000


@dataclass(frozen=True, eq=False, slots=True)
class DigitalCase:
    """A simulated case in a library.

    Attributes
    ----------
    opened
        At its first revision with images and laboratory.
    patient
        What is true of it.
    series
        Role (``arterial``, ``portal-venous``, ``planning``, ``dsa-before``, ``dsa-after``, ``today``, ``completion``)
        -> ``series_uid#part``, for the roles that this case has images for.
    runs
        DSA runs, in the order they were filmed.
    """

    opened: OpenCase
    patient: DigitalPatient
    entries: tuple[SeriesEntry, ...]
    series: dict[str, str]
    runs: tuple[SeriesEntry, ...] = ()


def make_digital_case(
    library: Library,
    folder: Path,
    by: Actor,
    study_date: date,
    *,
    now: datetime,
    treated_on: date,
    case: str = "tace",
    preset: str = "demo",
    seed: int = 7,
    context: Context | None = None,
) -> DigitalCase:
    """Write the digital patient below a folder and put its case into the library, with images and laboratory values.

    Parameters
    ----------
    study_date
        Day of the CT.
    treated_on
        Day of the DSA runs, or of the scans before and after ablation.
    case
        Key of `REHEARSALS`.

    Raises
    ------
    UsageError
        ``cannot-write`` when the folder cannot be written, and as `planner.phantom.generate`.
    StoreError
        When the library cannot be written.
    """
    job = context or Context()
    patient = generate(preset, seed, case=case, study_date=study_date.isoformat(), context=job.part(0.0, 0.4))
    runs = film_all(patient, treated_on, job.part(0.4, 0.8)) if case in WITH_ANGIOGRAPHY else ()
    day: tuple[Path, ...] = ()
    try:
        written = write(patient, folder, job.part(0.8, 0.88))
        if runs:
            write_runs(patient, runs, folder / ANGIOGRAPHY, written.truth)
        if case == "ablation":
            day = write_day_of_ablation(patient, folder / ABLATION_DAY, job.part(0.4, 0.88), treated_on)
    except OSError as error:
        said = f"{folder} cannot be written ({error.strerror}); choose another folder."
        raise UsageError("cannot-write", said, subject=str(folder)) from error
    places = [*written.series, *([folder / ANGIOGRAPHY] if runs else []), *day]
    found = scan(places, job.part(0.88, 0.95)).series
    entries = tuple(each for each in found if each.kind == "volume")
    angiography = tuple(each for each in found if each.kind == ANGIO)
    made = case_of(REHEARSALS[case].title, (*entries, *angiography))
    made = with_laboratory(made, written.truth / "laboratory.csv", by=by.user, now=now)
    revision = library.create_case(made, by)
    remember_places(library, made, by)
    job.step(1.0, "The case of the digital patient is in the library")
    series = _series_by_role(entries, study_date) | (_runs_by_role(made) if runs else {})
    return DigitalCase(OpenCase(library, None, made, revision, by), patient, entries, series, angiography)


def case_of(title: str, entries: Sequence[SeriesEntry]) -> Case:
    """A simulated case with its images; it is in no library yet."""
    if not entries:
        raise BugError("the digital patient was written and cannot be read")
    case = case_from_series(entries[0], title=title, simulated=True)
    for entry in entries:
        # The written files name no issuer of the patient ID; both sides are the same digital patient.
        edit, _ = attach_series(case, entry, confirmed=True)
        case = edit(case)
    return case


def _series_by_role(entries: Sequence[SeriesEntry], study_date: date) -> dict[str, str]:
    """Phases of the planning CT, of which the portal venous one is planned on; then the scans of the day in order."""
    planned = [each for each in entries if each.source.study_date == study_date.isoformat()]
    later = sorted((each for each in entries if each not in planned), key=lambda each: each.source.series_number or 0)
    roles = {str(each.source.phase): each for each in planned if each.source.phase is not None}
    if "portal-venous" in roles:
        roles["planning"] = roles["portal-venous"]
    roles |= dict(zip(("today", "completion"), later, strict=False))
    return {role: f"{each.uid}#{each.part}" for role, each in roles.items()}


def _runs_by_role(case: Case) -> dict[str, str]:
    """The run of the treated artery before and after, by the order in which the plans are filmed."""
    runs = [each for each in case.studies if each.kind == ANGIO]
    order = [plan.key for plan in PLANS]
    chosen = {"dsa-before": order.index("hepatic"), "dsa-after": order.index("hepatic-after")}
    return {role: f"{runs[place].series_uid}#{runs[place].part}" for role, place in chosen.items()}


def with_laboratory(
    case: Case, file: Path, *, by: str, now: datetime, after: date = date.min, until: date = date.max
) -> Case:
    """The case with every complete reading of a laboratory table that was taken after one day and not after another.

    Raises
    ------
    UsageError
        ``cannot-read``: the file is not there or too large.
    InputRefused
        When a value is implausible.
    """
    try:
        if file.stat().st_size > MAXIMUM_LABORATORY_BYTES:
            raise UsageError("cannot-read", f"{file} is too large for a laboratory table.", subject=str(file))
        table = read_table(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError("cannot-read", f"{file} cannot be read ({error.strerror}).", subject=str(file)) from error
    for each in table.rows:
        if each.usable and each.unit is not None and each.taken_on is not None and after < each.taken_on <= until:
            case = add_laboratory_value(case, each.analyte, _given(each), by=by, now=now)
    return case


def _given(reading: LabReading) -> dict[str, object]:
    return {
        "value": reading.value,
        "unit": reading.unit,
        "taken_on": reading.taken_on,
        "comparator": reading.comparator.replace("=", ""),
        "text": reading.text,
    }


def begin_digital_session(
    made: DigitalCase, installed: Installed, template_id: str, profile_id: str, *, title: str, by: str, clock: Clock
) -> SessionDesk:
    """A session in draft with the series of both phases and the runs in their roles."""
    desk = begin_session(made.opened.document, installed, template_id, profile_id, title=title, clock=clock)
    put_series(made, desk, by=by)
    made.opened.save(SaveReason.SAVE)
    return desk


def put_series(made: DigitalCase, desk: SessionDesk, *, by: str) -> None:
    """The images of a case in the roles that a session has for them."""
    for stage in desk.template.stages:
        for described in stage.fields:
            key = made.series.get(described.role or "")
            if key is not None:
                desk.answer(stage.id, described.id, key, by=by)


@dataclass(slots=True)
class Clock:
    """The moment a demonstration stands at; it moves from stage to stage."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now
