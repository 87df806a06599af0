"""The dose report of a procedure beside what was typed into the record: what it would fill, and where both differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from planner.app.case_images import folder_of, index_folder
from planner.app.cases import patient_from_series
from planner.app.identity import PatientMismatch, Verdict, compare
from planner.app.images import scan
from planner.app.sessions import SessionDesk
from planner.clinical.quantities import convert
from planner.dicom.angio_reading import KIND as ANGIO
from planner.dicom.dose_reports import LABEL, DoseReport, is_dose_report, read_dose_report
from planner.dicom.series import SeriesEntry
from planner.errors import UsageError
from planner.findings import Finding, Severity
from planner.jobs import Context
from planner.model.case import Case
from planner.store.library import Library
from planner.units import shown
from planner.workflow.answers import answer_field
from planner.workflow.template import Field, Profile, Stage

__all__ = [
    "LABEL",
    "DoseProposal",
    "DoseReport",
    "DoseRow",
    "dose_rows",
    "fill_from_dose_report",
    "find_dose_reports",
    "is_dose_report",
    "propose_dose",
    "read_dose_report",
    "records_dose",
]

TYPED = {
    "air_kerma": ("air_kerma_gy", "Gy"),
    "kap": ("kap_gy_cm2", "Gy.cm2"),
    "fluoroscopy_time": ("fluoro_time_s", "s"),
}
"""Field of a record that a person types -> quantity of the report and its unit."""
REPORTED = {"dose_report_kerma": ("air_kerma_gy", "Gy")}
"""Field that always holds what the report says."""
TOLERANCE = "dose_report_tolerance_percent"


@dataclass(frozen=True, slots=True)
class DoseRow:
    """One number of a dose report beside the record.

    Attributes
    ----------
    told
        In the field's unit, planes summed.
    planes
        Name of each plane and its share.
    typed
        What stands in the record; None for nothing.
    difference_percent
        Typed less told, over told.
    fills
        It would be put into the record without asking: nothing of a person's is replaced.
    """

    field: str
    label: str
    unit: str
    told: float
    planes: tuple[tuple[str, float], ...]
    typed: float | None
    difference_percent: float | None
    fills: bool


@dataclass(frozen=True, slots=True)
class DoseProposal:
    """What a dose report would fill in, for a person to accept.

    Attributes
    ----------
    stage
        Id of the record stage with the dose fields.
    answers
        Field -> number in the field's unit. Fields that a person has filled are never in it.
    findings
        Where report and record differ, what the report leaves open, and whether it is of another day.
    """

    report: DoseReport
    stage: str
    answers: Mapping[str, float]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        report = self.report
        return {
            "air_kerma_gy": report.air_kerma_gy,
            "air_kerma_is": LABEL,
            "reference_point": report.reference_point,
            "kap_gy_cm2": report.kap_gy_cm2,
            "fluoro_time_s": report.fluoro_time_s,
            "acquisition_time_s": report.acquisition_time_s,
            "frames": report.frames,
            "acquired_at": report.acquired_at,
            "planes": [asdict(each) for each in report.planes],
            "events": [asdict(each) for each in report.events],
            "filled": dict(self.answers),
        }


def propose_dose(
    desk: SessionDesk, source: Path | SeriesEntry, *, confirmed: bool = False, context: Context | None = None
) -> DoseProposal:
    """Compare a dose report with a session and say what it would fill.

    Parameters
    ----------
    confirmed
        A person compared the patients although an identifier is missing. It never passes a difference.

    Raises
    ------
    PatientMismatch
        When the report is, or may be, of another patient.
    UsageError
        ``no-dose-fields`` when the session's template records no dose.
    InputRefused
        As `planner.dicom.dose_reports.read_dose_report`.
    """
    report = read_dose_report(source, context)
    match = compare(desk.case.patient, patient_from_series(report.entry))
    if match.verdict is Verdict.DIFFERENT or (match.verdict is Verdict.UNCONFIRMED and not confirmed):
        raise PatientMismatch(match, report.entry.uid)
    stage = _dose_stage(desk)
    typed = desk.session.answers.get(stage.id, {})
    answers: dict[str, float] = {}
    findings = list(report.findings)
    for name, (quantity, unit) in {**TYPED, **REPORTED}.items():
        described, value = stage.field(name), getattr(report, quantity)
        if described is None or value is None:
            continue
        told = convert(value, unit, described.unit or unit)
        before = typed.get(name)
        if before is None or before.value is None or name in REPORTED:
            answers[name] = told
        else:
            findings += _difference(desk.profile, stage, described, before.value, told)
    findings += _other_day(typed, stage, report)
    return DoseProposal(report, stage.id, answers, tuple(findings))


def dose_rows(desk: SessionDesk, proposal: DoseProposal) -> tuple[DoseRow, ...]:
    """The proposal line by line, with what stands in the record now."""
    stage = desk.template.stage(proposal.stage)
    typed = desk.session.answers.get(stage.id, {})
    rows = []
    for name, (quantity, unit) in {**TYPED, **REPORTED}.items():
        described, value = stage.field(name), getattr(proposal.report, quantity)
        if described is None or value is None:
            continue
        told = convert(value, unit, described.unit or unit)
        answer = typed.get(name)
        before = answer.value if answer is not None and isinstance(answer.value, int | float) else None
        apart = None if before is None or told == 0 else 100.0 * (before - told) / told
        planes = tuple(
            (each.plane, convert(getattr(each, quantity), unit, described.unit or unit))
            for each in proposal.report.planes
            if getattr(each, quantity) is not None
        )
        fills = name in proposal.answers
        rows.append(DoseRow(name, described.label, described.unit or unit, told, planes, before, apart, fills))
    return tuple(rows)


def fill_from_dose_report(
    desk: SessionDesk, proposal: DoseProposal, *, by: str, replacing: Collection[str] = ()
) -> bool:
    """Put the proposed numbers into the record, as one step of undo; False when nothing changed.

    Parameters
    ----------
    replacing
        Fields that a person has filled and wants replaced by what the report says.
    """
    told = {each.field: each.told for each in dose_rows(desk, proposal)}
    wanted = {**proposal.answers, **{name: told[name] for name in replacing if name in told}}
    session_id, template, stage, now = desk.session_id, desk.template, proposal.stage, desk.clock()

    def edit(case: Case) -> Case:
        for name, value in wanted.items():
            case = answer_field(case, session_id, template, stage, name, value, by=by, now=now)
        return case

    return desk.document.apply("Fill from the dose report", edit)


def find_dose_reports(library: Library, case: Case, context: Context | None = None) -> tuple[SeriesEntry, ...]:
    """Dose reports that lie beside the runs of a case and belong to their studies; the newest first."""
    job, folders = context or Context(), dict[Path, None]()
    runs = [each for each in case.studies if each.kind == ANGIO]
    for reference in runs:
        place = folder_of(library, case.id, reference)
        if place is not None and place.exists():
            folders[place if place.is_dir() else place.parent] = None
    found: list[SeriesEntry] = []
    for number, folder in enumerate(folders):
        part = job.part(number / len(folders), (number + 1) / len(folders))
        found += [each for each in scan([folder], part, index=index_folder(library)).series if is_dose_report(each)]
    studies = {each.study_uid for each in runs}
    fitting = [each for each in found if each.source.study_uid in studies]
    return tuple(sorted(fitting, key=lambda each: each.source.study_date or "", reverse=True))


def records_dose(stage: Stage) -> bool:
    """Whether a stage of a template holds the dose of a procedure."""
    return stage.phase.is_record and stage.field("air_kerma") is not None


def _dose_stage(desk: SessionDesk) -> Stage:
    for stage in desk.template.stages:
        if records_dose(stage):
            return stage
    said = f"The template {desk.template.title} records no radiation dose."
    raise UsageError("no-dose-fields", said, subject=desk.template.id)


def _difference(profile: Profile, stage: Stage, described: Field, typed: Any, told: float) -> Iterator[Finding]:
    """RDSR against typed; without a tolerance in the profile every difference is said."""
    if not isinstance(typed, int | float) or told == 0:
        return
    limit = profile.limits.get(TOLERANCE)
    allowed = limit.value if limit is not None and isinstance(limit.value, int | float) else 0.0
    difference = 100.0 * abs(typed - told) / told
    if difference <= allowed:
        return
    text = (
        f"{described.label}: typed {shown(typed, described.unit)}, the dose report says {shown(told, described.unit)}; "
        "look which is right."
    )
    yield Finding(
        "dose-report-differs",
        Severity.WARN,
        text,
        subject=f"{stage.id}.{described.id}",
        measured=difference,
        limit=allowed,
        unit="%",
        source=None if limit is None else limit.source,
        tag=None if limit is None else limit.tag,
    )


def _other_day(typed: Mapping[str, Any], stage: Stage, report: DoseReport) -> Iterator[Finding]:
    answer = typed.get("performed_on")
    if answer is None or answer.value is None or report.acquired_at is None:
        return
    day = str(answer.value)[:10]
    if day != report.acquired_at[:10]:
        text = (
            f"The dose report is of {report.acquired_at[:10]}, the session was done on {day}; is it the right report?"
        )
        yield Finding("dose-report-other-day", Severity.WARN, text, subject=f"{stage.id}.performed_on")
