"""Making the digital patient and writing it as DICOM."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.jobs import Context

if TYPE_CHECKING:
    from planner.phantom import DigitalPatient, SimulatedRun

WITH_ANGIOGRAPHY = ("tace", "course")
ANGIOGRAPHY = "angiography"
"""Folder of the DSA runs."""
ABLATION_DAY = "ablation-day"
"""Folder of the scans before and after the ablation."""
ABLATED_AFTER_DAYS = 14


@dataclass(frozen=True, slots=True)
class PhantomFiles:
    """Folders of the written series (arterial and portal venous CT, then DSA runs or the scans before and after
    ablation; of a course, those of every timepoint in order), and of the ground truth."""

    series: tuple[Path, ...]
    truth: Path


def make_phantom(
    folder: Path,
    *,
    seed: int = 7,
    case: str = "tace",
    preset: str = "demo",
    study_date: str | None = None,
    context: Context | None = None,
) -> PhantomFiles:
    """Generate the digital patient and write its series and truth below a folder.

    The case of embolisation (``tace``) comes with DSA runs, that of ``ablation`` with the scans of the day, and
    ``course`` with everything of nine months, begun on the day of the study.

    Raises
    ------
    UsageError
        For an unknown case or preset, a case that is not modelled, a seed below 0, a date that is none, or a folder
        that cannot be written.
    """
    from planner.phantom import generate, write
    from planner.phantom.angiography_writer import write_runs
    from planner.phantom.laboratory import parsed_date
    from planner.phantom.patient import STUDY_DATE

    given = context or Context()
    if seed < 0:
        raise UsageError("bad-seed", f"The seed {seed} is negative; give 0 or more.", subject=str(seed))
    if folder.exists() and not folder.is_dir():
        raise UsageError("not-a-folder", f"{folder} is a file; name a folder to write to.", subject=str(folder))
    if case == "course":
        return write_whole_course(
            folder, parsed_date(study_date or STUDY_DATE), seed=seed, preset=preset, context=given
        )
    patient = generate(preset, seed, case=case, study_date=study_date or STUDY_DATE, context=given.part(0.0, 0.4))
    runs = film_all(patient, None, given.part(0.4, 0.9)) if case in WITH_ANGIOGRAPHY else ()
    more: tuple[Path, ...] = ()
    try:
        written = write(patient, folder, given.part(0.9, 0.95))
        if runs:
            write_runs(patient, runs, folder / ANGIOGRAPHY, written.truth)
            more = (folder / ANGIOGRAPHY,)
        if case == "ablation":
            more = write_day_of_ablation(patient, folder / ABLATION_DAY, given.part(0.5, 1.0))
    except OSError as error:
        raise cannot_write(folder, error) from error
    return PhantomFiles((*written.series, *more), written.truth)


def write_whole_course(folder: Path, begun_on: date, *, seed: int, preset: str, context: Context) -> PhantomFiles:
    """Every timepoint of the course below ``folder/<key>``, truth below ``folder/truth``; raises as `make_phantom`."""
    from planner.phantom.course import CourseMaker
    from planner.phantom.course_writer import write_course

    maker = CourseMaker(preset, seed, begun_on=begun_on, context=context.part(0.0, 0.2))
    try:
        written = write_course(maker, folder, context.part(0.2, 1.0))
    except OSError as error:
        raise cannot_write(folder, error) from error
    return PhantomFiles(written.series, written.truth)


def cannot_write(folder: Path, error: OSError) -> UsageError:
    """What to say of a folder that cannot be written."""
    said = f"{folder} cannot be written ({error.strerror}); choose another folder."
    return UsageError("cannot-write", said, subject=str(folder))


def write_day_of_ablation(
    patient: DigitalPatient, folder: Path, context: Context, on: date | None = None
) -> tuple[Path, Path]:
    """The scans before and after the smaller tumour was ablated; without a day, two weeks after the CT.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    from planner.phantom.ablation_day import ABLATED_LESION, ablate, usual_zone
    from planner.phantom.laboratory import parsed_date
    from planner.phantom.writer import write_ablation_day

    taken = parsed_date(patient.portal.source.study_date or "")
    day = on or taken + timedelta(days=ABLATED_AFTER_DAYS)
    lesion = next(each for each in patient.truth.lesions if each.identifier == ABLATED_LESION)
    made = ablate(
        patient, usual_zone(lesion.centre_lps_mm), study_date=day.strftime("%Y%m%d"), context=context.part(0.0, 0.8)
    )
    return write_ablation_day(patient, made, folder, context.part(0.8, 1.0))


def film_all(patient: DigitalPatient, on: date | None, context: Context) -> tuple[SimulatedRun, ...]:
    """Every planned run in order; without a day, on that of the CT."""
    from planner.phantom.angiography import PLANS, film

    parts = [context.part(number / len(PLANS), (number + 1) / len(PLANS)) for number in range(len(PLANS))]
    day = None if on is None else on.isoformat()
    return tuple(
        film(patient, plan, number=number, study_date=day, context=part)
        for number, (plan, part) in enumerate(zip(PLANS, parts, strict=True), start=1)
    )
