"""The dose report of a procedure beside what was typed into the record: what it would fill, and where both differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from planner.app.cases import patient_from_series
from planner.app.identity import PatientMismatch, Verdict, compare
from planner.app.sessions import SessionDesk
from planner.clinical.quantities import convert
from planner.dicom.dose_reports import LABEL, DoseReport, is_dose_report, read_dose_report
from planner.dicom.series import SeriesEntry
from planner.errors import UsageError
from planner.findings import Finding, Severity
from planner.jobs import Context
from planner.units import shown
from planner.workflow.template import Field, Profile, Stage

__all__ = [
    "LABEL",
    "DoseProposal",
    "DoseReport",
    "fill_from_dose_report",
    "is_dose_report",
    "propose_dose",
    "read_dose_report",
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


def fill_from_dose_report(desk: SessionDesk, proposal: DoseProposal, *, by: str) -> bool:
    """Put the proposed numbers into the record, each as its own step of undo; False when nothing changed."""
    changed = [desk.answer(proposal.stage, name, value, by=by) for name, value in proposal.answers.items()]
    return any(changed)


def _dose_stage(desk: SessionDesk) -> Stage:
    for stage in desk.template.stages:
        if stage.phase.is_record and stage.field("air_kerma") is not None:
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
