"""The ledger over a whole course: totals, what fell into a window of days, and what limits say of both.

The same is asked of what is planned: a session's plan is added to what was given before it is signed. Rule notes
R10-R12, R23 (``resources/course_ledger.toml``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from planner.catalogues import catalogue
from planner.clinical.comparisons import at_least
from planner.clinical.registry import evaluate as evaluate_rule
from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.ledger import LedgerEntry, totals
from planner.model.people import Sex
from planner.model.session import Session
from planner.units import shown
from planner.workflow.ledgers import ledger_of, planned_entries
from planner.workflow.template import Profile, Template

ANAESTHESIA = ("consent", "anaesthesia")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A row of the catalogue; see its head."""

    substance: str
    unit: str
    title: str
    source: str
    tag: str
    window_days: int | None = None
    window_limit: str | None = None
    per_m2: bool = False
    rule: str | None = None
    by_place: bool = False
    kidney: bool = False


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One quantity over the course.

    Attributes
    ----------
    total, per_m2
        Unrounded; None where nothing is recorded, or where a dose lacks its body surface.
    in_window
        What fell into the `quantity.window_days` that end on the day of the ledger; of the worst field of the skin.
    place
        That field; None where it is not known or does not matter.
    undated
        Entries without a day: they are in the total and in no window.
    """

    quantity: Quantity
    total: float | None
    per_m2: float | None
    in_window: float | None
    limit: float | None
    place: str | None
    entries: tuple[LedgerEntry, ...]
    undated: int


@dataclass(frozen=True, slots=True)
class CourseLedger:
    """Rows, what limits say, and what the totals cannot know.

    Attributes
    ----------
    sessions, anaesthesia
        How many were performed, and how often each kind of anaesthesia was used.
    """

    on: date
    rows: tuple[LedgerRow, ...]
    findings: tuple[Finding, ...]
    sessions: int
    anaesthesia: Mapping[str, int]
    note: str

    def row(self, substance: str) -> LedgerRow | None:
        return next((each for each in self.rows if each.quantity.substance == substance), None)


@dataclass(frozen=True, slots=True)
class Projection:
    """The ledger with a session's plan added to it.

    Attributes
    ----------
    silent
        Quantities of which the plan does not say how much at most: they are not in the projection.
    """

    ledger: CourseLedger
    planned: tuple[LedgerEntry, ...]
    silent: tuple[str, ...]


@cache
def quantities() -> tuple[Quantity, ...]:
    """Rows of the catalogue in its order."""
    return tuple(Quantity(**row) for row in catalogue("course_ledger.toml")["quantity"])


def course_ledger(
    case: Case, templates: Mapping[str, Template], profile: Profile, today: date, *, planned: Sequence[LedgerEntry] = ()
) -> CourseLedger:
    """The ledger of a case on a day.

    Parameters
    ----------
    planned
        Entries to be added to what was given: plans of sessions to come.
    """
    known = ledger_of(case, templates)
    entries = (*known.entries, *planned)
    rows = [_row(each, entries, profile, today) for each in quantities()]
    rows += [_loose(group) for group in _ungrouped(entries)]
    kept = tuple(row for row in rows if row.entries)
    findings = [finding for row in kept for finding in _findings(case, row, profile, today)]
    performed = [session for session in case.sessions if session.performed_on is not None]
    return CourseLedger(today, kept, tuple(findings), len(performed), _anaesthesia(performed), known.note)


def projected(
    case: Case, session_id: str, templates: Mapping[str, Template], profile: Profile, today: date
) -> Projection:
    """What the ledger will be after a planned session, judged on its planned day (or today without one)."""
    session = next(each for each in case.sessions if each.id == session_id)
    template = templates[session.template.id]
    planned, silent = ((), ()) if session.performed_on else planned_entries(case, session, template)
    on = session.planned_on or today
    dated = tuple(_on(entry, on) for entry in planned)
    return Projection(course_ledger(case, templates, profile, max(on, today), planned=dated), dated, silent)


def _on(entry: LedgerEntry, day: date) -> LedgerEntry:
    fields = (entry.substance, entry.amount, entry.unit, entry.on or day, entry.origin)
    return LedgerEntry(*fields, entry.drug_class, entry.bsa_m2, entry.place)


def _row(quantity: Quantity, entries: Iterable[LedgerEntry], profile: Profile, today: date) -> LedgerRow:
    mine = tuple(each for each in entries if (each.substance, each.unit) == (quantity.substance, quantity.unit))
    total = totals(mine)
    place, window = _window(quantity, mine, today)
    limit = profile.limits.get(quantity.window_limit) if quantity.window_limit else None
    return LedgerRow(
        quantity,
        total[0].amount if total else None,
        total[0].per_m2 if total and quantity.per_m2 else None,
        window,
        None if limit is None else float(limit.value),
        place,
        mine,
        sum(each.on is None for each in mine),
    )


def _window(quantity: Quantity, mine: tuple[LedgerEntry, ...], today: date) -> tuple[str | None, float | None]:
    """The field of the skin that received most within the window, and how much; without a field it counts for all."""
    if quantity.window_days is None or not mine:
        return None, None
    recent = [each for each in mine if each.on is not None and 0 <= (today - each.on).days <= quantity.window_days]
    if not quantity.by_place:
        return None, sum(each.amount for each in recent)
    anywhere = sum(each.amount for each in recent if each.place is None)
    sums = {each.place: anywhere for each in recent if each.place is not None}
    for each in recent:
        if each.place is not None:
            sums[each.place] += each.amount
    if not sums:
        return None, anywhere
    worst = max(sums, key=lambda place: sums[place])
    return worst, sums[worst]


def _ungrouped(entries: Sequence[LedgerEntry]) -> list[tuple[LedgerEntry, ...]]:
    """What the catalogue has no row for: other drugs, beads, energy."""
    known = {(each.substance, each.unit) for each in quantities()}
    groups: dict[tuple[str, str], list[LedgerEntry]] = {}
    for entry in entries:
        if (entry.substance, entry.unit) not in known:
            groups.setdefault((entry.substance, entry.unit), []).append(entry)
    return [tuple(group) for group in groups.values()]


def _loose(group: tuple[LedgerEntry, ...]) -> LedgerRow:
    first, total = group[0], totals(group)[0]
    said = "no limit in the sources read"
    quantity = Quantity(first.substance, first.unit, first.substance.replace("-", " ").capitalize(), said, "P")
    undated = sum(each.on is None for each in group)
    return LedgerRow(quantity, total.amount, total.per_m2, None, None, None, group, undated)


def _findings(case: Case, row: LedgerRow, profile: Profile, today: date) -> list[Finding]:
    found = []
    if row.quantity.kidney:
        found += _kidney(case, row, profile, today)
    if row.limit is not None and row.in_window is not None and at_least(row.in_window, row.limit):
        where = f" on one field of the skin ({row.place.replace('-', ' ')})" if row.place else ""
        text = f"{row.quantity.title}: {shown(row.in_window, row.quantity.unit)} within {row.quantity.window_days} days"
        text += f"{where}, at or above the substantial level of {shown(row.limit, row.quantity.unit)}."
        found.append(_finding(row, "substantial-dose", Severity.WARN, text, row.in_window, row.limit))
    if row.quantity.rule is not None:
        found += _by_rule(case, row, profile)
    if row.undated:
        text = f"{row.quantity.title}: {row.undated} entries without a day are in the total and in no window."
        found.append(_finding(row, "undated-dose", Severity.INFO, text))
    return found


def _finding(
    row: LedgerRow,
    code: str,
    severity: Severity,
    text: str,
    measured: float | None = None,
    limit: float | None = None,
) -> Finding:
    quantity = row.quantity
    return Finding(
        code, severity, text, True, quantity.substance, measured, limit, quantity.unit, quantity.source, quantity.tag
    )


def _by_rule(case: Case, row: LedgerRow, profile: Profile) -> list[Finding]:
    if row.per_m2 is None:
        text = f"{row.quantity.title}: not evaluated per body surface; a dose lacks that of its day."
        return [_finding(row, "not-evaluated", Severity.WARN, text)]
    inputs: dict[str, Any] = {"cumulative_dose": (row.per_m2, "mg/m2"), "cardiac_risk": _cardiac_risk(case)}
    result = evaluate_rule(row.quantity.rule or "", inputs, overrides=dict(profile.rule_overrides))
    return [each for each in result.findings if each.severity is not Severity.INFO]


def _cardiac_risk(case: Case) -> bool:
    """Irradiation of the chest among earlier treatments; another cardiotoxic drug is asked for in the plan."""
    return any(
        "radio" in each.kind.lower() and any(word in (each.site or "").lower() for word in ("chest", "heart", "thora"))
        for each in case.prior_treatments
    )


def _kidney(case: Case, row: LedgerRow, profile: Profile, today: date) -> list[Finding]:
    """Contrast of the last 72 h against the eGFR of the newest creatinine."""
    if not row.in_window:
        return []
    creatinine = case.latest_lab("creatinine", not_after=today)
    age, sex = case.patient.age_on(today), case.patient.sex
    if creatinine is None or creatinine.value is None or age is None or sex not in (Sex.FEMALE, Sex.MALE):
        text = f"{row.quantity.title}: {shown(row.in_window, 'mL')} within 72 h; not evaluated against the kidney: "
        text += "creatinine, age or sex is unknown."
        return [_finding(row, "not-evaluated", Severity.WARN, text, row.in_window)]
    overrides = dict(profile.rule_overrides)
    given = {"creatinine": (creatinine.value, creatinine.unit), "age": (float(age), "a"), "sex": sex.value}
    egfr = evaluate_rule("ckd_epi_2021", given, overrides=overrides).number("egfr")
    if egfr is None:
        text = f"{row.quantity.title}: not evaluated against the kidney; the eGFR cannot be computed."
        return [_finding(row, "not-evaluated", Severity.WARN, text, row.in_window)]
    ratio = {"contrast": (row.in_window, "mL"), "egfr": (egfr, "mL/min/{1.73_m2}")}
    result = evaluate_rule("contrast_ratio", ratio, overrides=overrides)
    return [each for each in result.findings if each.severity is not Severity.INFO]


def _anaesthesia(sessions: Iterable[Session]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for session in sessions:
        kind = session.answer(*ANAESTHESIA) or "not recorded"
        counts[str(kind)] = counts.get(str(kind), 0) + 1
    return counts
