"""What the response page shows, in words: cells of lesions and days, sums, categories, and why something is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from planner.app.response import Disagreement, ProposedRole
from planner.clinical.response_course_types import Assessment, LesionTimepoint, Timepoint
from planner.findings import Finding
from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.disease import Lesion, Observation
from planner.units import shown

CRITERIA_NAMES = {
    "recist-1.1": "RECIST 1.1",
    "mrecist": "mRECIST",
    "easl": "EASL",
    "qeasl": "qEASL (enhancing volume)",
    "choi": "Choi",
    "lirads-tr-2024": "LI-RADS TR v2024",
    "volumetric": "Volumetric",
}
READER_NAMES = {"first": "First reader", "second": "Second reader"}
ROLE_NAMES = {"target": "Target", "non-target": "Non-target", "new": "New"}
WHY = {
    "viability-on-oil": "Lipiodol: MR or not evaluable",
    "no-arterial-phase": "no arterial phase",
    "two-observations": "two observations disagree",
    "ablated": "ablated: no target",
}
"""Codes of findings about one lesion on one day -> why it is not evaluable, short enough for a cell."""


@dataclass(frozen=True, eq=False, slots=True)
class ResponseView:
    """Everything the page shows.

    Attributes
    ----------
    reader
        ``first`` or ``second``: whose observations these are.
    days
        Columns: days that this reader has read, and those with images that he may read.
    readings
        Signed ones that this reader may see.
    hidden
        Days of which the other reader has signed what this one may not see yet.
    stale
        Ids of readings that stand on something that is no longer so.
    accepted
        Day -> what holds of it; None while two readers differ.
    name
        Who sits here.
    """

    case: Case
    criteria: str
    reader: str
    assessment: Assessment
    days: tuple[date, ...]
    baselines: tuple[date, ...] = ()
    baseline_on: date | None = None
    proposed: tuple[ProposedRole, ...] = ()
    readings: tuple[ResponseReading, ...] = ()
    hidden: frozenset[date] = frozenset()
    stale: frozenset[str] = frozenset()
    accepted: Mapping[date, str | None] = field(default_factory=dict)
    differences: tuple[Disagreement, ...] = ()
    name: str = ""

    def reading(self, day: date, role: str) -> ResponseReading | None:
        found = [each for each in self.readings if (each.on, each.role) == (day, role)]
        return max(found, key=lambda each: each.read_at, default=None)


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a cell, all of it in words for the tip, and whether it is to be read quietly."""

    text: str
    tip: str = ""
    quiet: bool = False


def own_observations(lesion: Lesion, day: date, reader: str) -> tuple[Observation, ...]:
    """This reader's observations of a day (CT and MR of one day are two): what was typed first, then from regions."""
    rows = [each for each in lesion.observations if (each.study_date, each.read_as) == (day, reader)]
    return tuple(sorted(rows, key=lambda each: each.region_item_id is not None))


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:+.0f} %"


def reasons_of(view: ResponseView, lesion: Lesion, day: date) -> tuple[Finding, ...]:
    """Findings that speak of one lesion on one day."""
    found = [each for each in view.assessment.findings if each.subject == lesion.id and day.isoformat() in each.text]
    return tuple(found)


def lesion_cell(view: ResponseView, lesion: Lesion, day: date) -> Cell:
    """What is known of a lesion on a day by this reader's observations."""
    point = view.assessment.on(day)
    row = None if point is None else next((each for each in point.lesions if each.lesion_id == lesion.id), None)
    seen = own_observations(lesion, day, view.reader)
    if row is None or point is None or (not seen and row.category is None):
        if seen:
            words = _sizes(seen[0]) or seen[0].state or "seen"
            return Cell(words, "Read, and not part of this assessment.", quiet=True)
        return Cell("not read", "Click, then type what was measured, or take it from the drawn region.", quiet=True)
    reasons = reasons_of(view, lesion, day)
    parts = [] if row.measured is None else [shown(row.measured, point.unit)]
    if row.category is not None and not (point.is_baseline and row.category == "present"):
        parts.append(row.category)
    if row.measured is None or row.category == "NE":
        why = next((WHY[each.code] for each in reasons if each.code in WHY), row.note)
        parts += [why] if why else [] if row.category else ["not measured"]
    return Cell(" · ".join(parts) or "–", _tip(row, reasons))


def _tip(row: LesionTimepoint, reasons: tuple[Finding, ...]) -> str:
    lines = [f"Change from the baseline {percent(row.change_from_baseline)}"]
    lines += [row.note] if row.note else []
    return "\n".join((*lines, *(each.text for each in reasons)))


def _sizes(seen: Observation) -> str:
    parts = []
    for value, unit, name in (
        (seen.longest_mm, "mm", ""),
        (seen.viable_mm, "mm", "viable "),
        (seen.short_axis_mm, "mm", "short axis "),
        (seen.enhancing_ml, "mL", "enhancing "),
        (seen.volume_ml, "mL", ""),
    ):
        if value is not None:
            parts.append(f"{name}{shown(value, unit)}")
    return ", ".join(parts)


def explained(view: ResponseView, day: date) -> tuple[str, ...]:
    """How the numbers of a day came about: inputs, formulas, versions of the rules."""
    point = view.assessment.on(day)
    if point is None:
        return ("Nothing was read of this day by this reader.",)
    names = {each.id: each.name for each in view.case.lesions}
    targets = [each for each in point.lesions if each.role == "target"]
    lines = []
    if targets and point.unit is not None:
        parts = " + ".join(f"{names.get(e.lesion_id, e.lesion_id)} {shown(e.measured, point.unit)}" for e in targets)
        total = "not evaluable" if point.total is None else shown(point.total, point.unit)
        lines.append(f"Sum of targets: {parts} = {total}")
    first = view.assessment.on(view.assessment.baseline_on) if view.assessment.baseline_on is not None else None
    if first is not None and not point.is_baseline:
        lines.append(_compared("baseline", point.total, first.total, first.on, point.change_from_baseline, point.unit))
        lines.append(_compared("nadir", point.total, point.nadir, point.nadir_on, point.change_from_nadir, point.unit))
    for label, value in (("Targets", point.target), ("Non-targets", point.non_target), ("Response", point.overall)):
        if value is not None:
            lines.append(f"{label}: {value}")
    if point.is_baseline:
        lines.append("This is the baseline: later days are compared with it.")
    rules = ", ".join(f"{rule} {version}" for rule, version in view.assessment.versions.items())
    return (*lines, f"Rules: {rules or 'none'}; sources stand with the findings.")


def _compared(
    what: str, now: float | None, before: float | None, on: date | None, change: float | None, unit: str | None
) -> str:
    day = on.isoformat() if on is not None else "day unknown"
    if change is None or now is None or before is None:
        return f"Change from {what} ({day}): not evaluable, a sum is unknown"
    numbers = f"({shown(now, unit)} − {shown(before, unit)}) / {shown(before, unit)}"
    return f"Change from {what} ({day}): {numbers} = {percent(change)}"


def summary_rows(view: ResponseView) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    """Rows below the lesions: sums, changes, categories, and what was signed."""
    points = [view.assessment.on(day) for day in view.days]
    unit = next((each.unit for each in points if each is not None and each.unit), None)
    rows = [] if unit is None else [(f"Sum of targets ({unit})", tuple(_sum(each) for each in points))]
    if unit is not None:
        rows.append(("Change from baseline", tuple(_change(each, "baseline") for each in points)))
        rows.append(("Nadir before", tuple(_nadir(each) for each in points)))
        rows.append(("Change from nadir", tuple(_change(each, "nadir") for each in points)))
    for label, name in (("Targets", "target"), ("Non-targets", "non_target")):
        if any(each is not None and getattr(each, name) is not None for each in points):
            rows.append((label, tuple(_category(each, getattr(each, name, None)) for each in points)))
    rows.append(("New lesion", tuple(_new(each) for each in points)))
    rows.append(("Response", tuple(_overall(each) for each in points)))
    for role in ("first", "second", "adjudication"):
        if role == "first" or any(each.role == role for each in view.readings) or view.reader == role:
            name = READER_NAMES.get(role, "Adjudication")
            rows.append((f"Signed: {name.lower()}", tuple(_signed(view, day, role) for day in view.days)))
    return tuple(rows)


def _sum(point: Timepoint | None) -> Cell:
    if point is None:
        return Cell("–", quiet=True)
    if point.total is None:
        return Cell("not evaluable", "A target of this day was not measured, or must not be measured on these images.")
    return Cell(shown(point.total, point.unit))


def _nadir(point: Timepoint | None) -> Cell:
    if point is None or point.is_baseline or point.nadir is None:
        return Cell("–", quiet=True)
    on = point.nadir_on.isoformat() if point.nadir_on is not None else "day unknown"
    return Cell(f"{shown(point.nadir, point.unit)} · {on}", "The smallest sum before this day, the baseline included")


def _change(point: Timepoint | None, what: str) -> Cell:
    if point is None or point.is_baseline:
        return Cell("baseline" if point is not None and what == "baseline" else "–", quiet=True)
    return Cell(percent(point.change_from_baseline if what == "baseline" else point.change_from_nadir))


def _category(point: Timepoint | None, value: str | None) -> Cell:
    return Cell("–", quiet=True) if point is None or value is None else Cell(value)


def _new(point: Timepoint | None) -> Cell:
    if point is None or point.is_baseline:
        return Cell("–", quiet=True)
    if point.new_lesion is None:
        return Cell("unknown", "A lesion may be new; a person has to confirm it (identity of lesions, Ctrl+Shift+I).")
    return Cell("yes" if point.new_lesion else "no")


def _overall(point: Timepoint | None) -> Cell:
    if point is None:
        return Cell("not read", quiet=True)
    if point.is_baseline:
        return Cell("baseline")
    if point.overall is None:
        return Cell("open", "See the findings: something has to be decided or measured first.")
    return Cell(f"{point.overall} · {point.flag}" if point.flag is not None else point.overall)


def _signed(view: ResponseView, day: date, role: str) -> Cell:
    if role != view.reader and role in READER_NAMES and day in view.hidden:
        return Cell("hidden until you sign", "You read without the other reader; his reading is shown when you signed.")
    found = view.reading(day, role)
    if found is None:
        return Cell("–", quiet=True)
    result = found.overall or "not evaluable"
    tip = f"{found.read_by}, {found.read_at:%Y-%m-%d %H:%M}"
    if found.not_evaluated:
        tip += f"\n{found.not_evaluated}"
    if found.id in view.stale:
        return Cell(f"↻ {result} · stale", f"{tip}\nObservations or roles have changed since: read again and sign.")
    return Cell(f"✓ {result} · {found.read_by}", tip)
