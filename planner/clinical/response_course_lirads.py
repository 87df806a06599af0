"""LI-RADS treatment response v2024 over time: per lesion and day, by the rule; nothing is added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from planner.clinical.registry import rule
from planner.clinical.response_course_measures import constants, ruled
from planner.clinical.response_course_types import CourseRequest, Followed, LesionTimepoint, Seen, Timepoint
from planner.findings import Finding, Severity

RULE = "lirads_tr_2024"
_NEW, _UNTOLD = "new", "not evaluable"


def lirads_course(request: CourseRequest, days: Sequence[date]) -> tuple[list[Timepoint], list[Finding]]:
    """One row per day; an observation before any therapy has no category.

    The overall category is that of the worst lesion, which is the program's choice: LI-RADS speaks of single lesions.
    """
    entry = constants("references")
    text = "LI-RADS treatment response is per lesion; the overall category shown is that of the worst lesion."
    findings = [entry.finding("lirads-per-lesion", Severity.INFO, text, constant="lirads_worst_first")]
    points: list[Timepoint] = []
    for on in days:
        rows: list[LesionTimepoint] = []
        for lesion in request.lesions:
            seen = lesion.seen(on)
            if seen is not None:
                row, said = _row(lesion, seen)
                rows.append(row)
                findings += said
        points.append(_timepoint(request.lesions, on, rows))
    return points, findings


def _timepoint(lesions: Sequence[Followed], on: date, rows: Sequence[LesionTimepoint]) -> Timepoint:
    by_role = {role: [row.category for row in rows if row.role == role] for role in ("target", "non-target")}
    treated = [row for row in rows if row.category is not None or row.note == "not evaluated"]
    notes = {row.note for row in rows if row.role == "new"}
    new = True if _NEW in notes else None if _UNTOLD in notes else False
    return Timepoint(
        on=on,
        unit=None,
        target=_worst(by_role["target"]),
        non_target=_worst(by_role["non-target"]),
        new_lesion=new,
        overall=_worst([row.category for row in treated]),
        is_baseline=not treated,
        lesions=tuple(rows),
    )


def _worst(categories: Sequence[str | None]) -> str | None:
    """The worst category; None where there is none, or where one could not be evaluated and no other is viable."""
    order = constants("references").texts("lirads_worst_first")
    known = [each for each in categories if each is not None]
    worst = min(known, key=order.index, default=None)
    return None if None in categories and worst != order[0] else worst


def _row(lesion: Followed, seen: Seen) -> tuple[LesionTimepoint, tuple[Finding, ...]]:
    measured = 0.0 if seen.masslike_enhancement == "none" and seen.viable_mm is None else seen.viable_mm
    if lesion.role == "new" and seen.therapy is None:
        note = {"absent": "absent", "not-evaluable": _UNTOLD}.get(seen.state or "", _NEW)
        text = f"{lesion.title}: an untreated new observation has a diagnostic LI-RADS category, no treatment response."
        told = Finding("lirads-new", Severity.INFO, text, subject=lesion.id)
        row = LesionTimepoint(lesion.id, "new", None, measured, note=note)
        return row, (told,) if note == _NEW else ()
    answered = seen.assessable is not None or seen.masslike_enhancement is not None
    if seen.therapy is None and not answered:
        return LesionTimepoint(lesion.id, lesion.role, None, measured, note="before therapy"), ()
    assessable = seen.assessable
    if assessable is None and seen.state == "not-evaluable":
        assessable = False
    elif assessable is None and seen.masslike_enhancement is not None:
        assessable = True
    given = {
        "therapy": seen.therapy,
        "modality": seen.modality,
        "assessable": assessable,
        # Of a lesion that cannot be assessed the rule asks nothing more.
        "masslike_enhancement": "none" if assessable is False else seen.masslike_enhancement,
        # Ancillary features are optional: not looked at, they upgrade nothing.
        "mri_ancillary_present": bool(seen.mri_ancillary),
    }
    result = ruled(RULE, given)
    said = tuple(_dated(finding, lesion, seen.on) for finding in result.findings)
    unread = None if result.grade is not None else "not evaluated"
    return LesionTimepoint(lesion.id, lesion.role, result.grade, measured, note=unread), said


def _dated(finding: Finding, lesion: Followed, on: date) -> Finding:
    return replace(finding, text=f"{lesion.title}, {on}: {finding.text}", subject=lesion.id)


def lirads_versions() -> dict[str, str]:
    return {RULE: rule(RULE).version, "lirads_tr_version": rule(RULE).version}
