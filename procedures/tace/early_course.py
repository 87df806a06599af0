"""The first days: bilirubin, ALT and creatinine against their baseline; fever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from planner.clinical.laboratory import analyte as analyte_of
from planner.clinical.laboratory import to_canonical
from planner.findings import Finding
from planner.model.people import LabValue
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.follow_up_checks import performed_on
from procedures.spine.support import against, as_findings, as_number, limit, not_evaluated, number, reasons_of, ruled
from procedures.tace.registry import REGISTRY

EARLY = timedelta(days=3)
"""Laboratory of days 1 to 3 (practice notes 1.1), the window of post-contrast kidney injury."""
SHOWN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Course:
    """An analyte around the treatment: the last value before it, and the values after it, oldest first."""

    baseline: LabValue | None
    after: tuple[LabValue, ...]


def course_of(context: StageContext, analyte: str, done: date, span: timedelta) -> Course:
    context.lab(analyte)
    known = sorted(
        (each for each in context.case.laboratory if each.analyte == analyte and each.value is not None),
        key=lambda each: each.taken_on,
    )
    before = [each for each in known if each.taken_on <= done]
    after = [each for each in known if done < each.taken_on <= done + span]
    return Course(before[-1] if before else None, tuple(after))


def canonical_value(value: LabValue) -> float:
    """A known value in the analyte's canonical unit."""
    return to_canonical(value.analyte, value.value or 0.0, value.unit)


def highest(values: tuple[LabValue, ...]) -> LabValue:
    return max(values, key=canonical_value)


@REGISTRY.compute("laboratory_course")
def laboratory_course(context: StageContext) -> list[Computed]:
    done = performed_on(context)
    found = []
    for analyte in ("bilirubin", "alt", "creatinine"):
        name = analyte_of(analyte).name
        if done is None:
            continue
        course = course_of(context, analyte, done, SHOWN)
        values = [*([course.baseline] if course.baseline else []), *course.after]
        peak = highest(course.after) if course.after else None
        found.append(
            Computed(
                id=f"course_{analyte}",
                label=f"{name}, highest after",
                value=None if peak is None else peak.value,
                unit=None if peak is None else peak.unit,
                inputs={each.taken_on.isoformat(): shown(each.value, each.unit) for each in values},
                arithmetic=" → ".join(f"{shown(each.value, each.unit)} ({each.taken_on:%d %b})" for each in values),
                source="the case's laboratory",
                tag="calc",
                note="" if peak else "No value after treatment.",
            )
        )
    return found


@REGISTRY.check("kidney_after")
def kidney_after(context: StageContext) -> list[Finding]:
    done = performed_on(context)
    if done is None:
        return [not_evaluated(context, "the day of treatment is not recorded", code="kidney-after-unknown")]
    course = course_of(context, "creatinine", done, EARLY)
    if course.baseline is None or not course.after:
        return [not_evaluated(context, "no creatinine before, or within 3 days after treatment")]
    later = highest(course.after)
    inputs = {
        "baseline": (course.baseline.value, course.baseline.unit),
        "within_48_72_h": (later.value, later.unit),
    }
    result = ruled(context, "pc_aki", inputs)
    return as_findings(context, result) if result.evaluated else [not_evaluated(context, reasons_of(result))]


@REGISTRY.check("bilirubin_after")
def bilirubin_after(context: StageContext) -> list[Finding]:
    done = performed_on(context)
    if done is None:
        return [not_evaluated(context, "the day of treatment is not recorded", code="bilirubin-after-unknown")]
    course, factor = course_of(context, "bilirubin", done, SHOWN), limit(context, "factor")
    if course.baseline is None or not course.after:
        return [not_evaluated(context, "no bilirubin before, or after treatment", code="bilirubin-after-unknown")]
    later = highest(course.after)
    ratio = canonical_value(later) / canonical_value(course.baseline)
    if ratio < number(factor):
        return []
    before, after = (shown(each.value, each.unit) for each in (course.baseline, later))
    return [against(context, "bilirubin-rise", f"Bilirubin rose from {before} to {after}.", ratio, factor)]


@REGISTRY.check("fever_abscess")
def fever_abscess(context: StageContext) -> list[Finding]:
    days, longest = as_number(context.value("fever_days")), limit(context, "days")
    found = []
    if days is not None and days > number(longest):
        text = f"Fever for {days:.0f} days: look for an abscess."
        found.append(against(context, "long-fever", text, days, longest))
    if context.value("abscess") == "yes":
        found.append(context.finding("abscess", "Abscess or biloma; carried to every later session."))
    return found
