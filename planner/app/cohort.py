"""The cohort: one line per case over a library, for a meeting. Names are left out unless they are asked for.

Simulated cases are never mixed with real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from planner.app.cohort_rows import (
    ORDER,
    CohortSession,
    CriteriaResponse,
    LesionChange,
    Progression,
    accepted_readings,
    by_criteria,
    cohort_sessions,
    last_contact,
    lesion_changes,
    progression,
)
from planner.app.course_review import event_words
from planner.app.tables import csv_text
from planner.errors import InputRefused
from planner.findings import Finding, Severity
from planner.jobs import Context
from planner.model.case import Case
from planner.model.course import OUTSIDE_TREATMENTS, StepKind
from planner.store.library import Library
from planner.workflow.complications import Complication, complications, events_asked
from planner.workflow.course_dates import step_date
from planner.workflow.ledgers import ledger_of
from planner.workflow.template import Template
from planner.workflow.treated import SeenResponse, responses

MOST_CASES = 100_000


@dataclass(frozen=True, slots=True)
class Swim:
    """One mark of a case's lane in the swimmer plot: `kind` is ``session``, ``outside``, ``response`` or ``end``.

    Attributes
    ----------
    until
        Last day of what lasted; None for what is of one day, or has no known end.
    subject
        Id of the session; of a response, in words where it was read.
    """

    on: date
    kind: str
    text: str
    until: date | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One case.

    Attributes
    ----------
    code
        Stands for the patient where names are left out.
    best_change, best_change_by
        Greatest relative decrease (or least increase) from the baseline of a signed reading, per cent, and by which
        criteria; None without. Of several criteria the first of `CHANGE_ORDER`; `by_criteria` has the others.
    margin_mm
        The smallest achieved margin of an ablation; None where none was measured.
    events_unasked
        Sessions after which nobody asked for events to 30 days.
    doses
        (substance, unit) -> total; known sessions only.
    held
        The performed sessions, oldest first.
    progressed
        None where no progression was read, which is not the same as none: see `followed_days`.
    followed_days, last_contact_on
        From the first session to the last day of which the case knows anything.
    """

    case_id: str
    code: str
    patient_id: str
    name: str
    age: int | None
    sex: str | None
    histology: str | None
    stage: str | None
    sessions: tuple[tuple[str, date], ...]
    best: SeenResponse | None
    last: SeenResponse | None
    best_change: float | None
    complications: tuple[Complication, ...]
    events_unasked: int
    margin_mm: float | None
    doses: Mapping[tuple[str, str], float]
    decision_to_treatment_days: int | None
    swims: tuple[Swim, ...]
    outside: str
    held: tuple[CohortSession, ...] = ()
    by_criteria: tuple[CriteriaResponse, ...] = ()
    lesions: tuple[LesionChange, ...] = ()
    progressed: Progression | None = None
    followed_days: int | None = None
    last_contact_on: date | None = None
    best_change_by: str | None = None


@dataclass(frozen=True, slots=True)
class Cohort:
    """Rows, and what could not be read.

    Attributes
    ----------
    untreated
        How many cases have no performed session, and so no row.
    known
        (case id, revision) -> its row, or None without a performed session: for the next call on the same day.
    """

    rows: tuple[CohortRow, ...]
    findings: tuple[Finding, ...]
    simulated: bool
    untreated: int = 0
    known: Mapping[tuple[str, int], CohortRow | None] = field(default_factory=dict)


CHANGE_ORDER = ("mrecist", "recist-1.1", "easl", "choi", "qeasl", "volumetric")
"""Whose change stands for a case that was read by several criteria."""


def cohort(
    library: Library,
    templates: Mapping[str, Template],
    today: date,
    *,
    simulated: bool = False,
    known: Mapping[tuple[str, int], CohortRow | None] | None = None,
    context: Context | None = None,
) -> Cohort:
    """Every case of a library that has a performed session, by the day of its first one.

    Parameters
    ----------
    simulated
        The simulated cases alone instead of the real ones.
    known
        `Cohort.known` of an earlier call with the same templates: a revision never changes, so it is not read again.
        Rows of another day are not to be given: follow-up counts up to today.
    """
    job = context or Context()
    heads = [each for each in library.list_cases(limit=MOST_CASES) if each.facts.simulated is simulated]
    rows: dict[tuple[str, int], CohortRow | None] = {}
    findings: list[Finding] = []
    for number, head in enumerate(heads):
        job.step(number / max(1, len(heads)), f"case {number + 1} of {len(heads)}")
        key = (head.case_id, head.revision)
        if known is not None and key in known:
            rows[key] = known[key]
            continue
        try:
            case = library.open_revision(head.case_id, head.revision)
        except InputRefused as refused:
            text = f"Case {head.case_id} is not in the cohort: {refused.message}"
            findings.append(Finding("unreadable-case", Severity.WARN, text, subject=head.case_id))
            continue
        treated = any(each.performed_on for each in case.sessions)
        rows[key] = cohort_row(case, templates, "", today) if treated else None
    found = sorted((each for each in rows.values() if each is not None), key=_begun)
    numbered = tuple(replace(each, code=f"C{number:03d}") for number, each in enumerate(found, start=1))
    return Cohort(numbered, tuple(findings), simulated, sum(each is None for each in rows.values()), rows)


def _begun(row: CohortRow) -> tuple[date, str]:
    """In the order of first sessions, so that a case keeps its code when others are changed."""
    return min(day for _, day in row.sessions), row.case_id


def cohort_row(case: Case, templates: Mapping[str, Template], code: str, today: date) -> CohortRow:
    """The line of one case."""
    done = sorted(
        (each for each in case.sessions if each.performed_on is not None), key=lambda each: each.performed_on or today
    )
    first = done[0].performed_on if done else None
    seen = [each for each in responses(case) if first is None or each.on > first]
    graded = [each for each in seen if each.category in ORDER]
    readings = accepted_readings(case, first)
    read = by_criteria(readings)
    changed = _changed(read)
    held = cohort_sessions(case)
    contact = last_contact(case, today)
    ledger = ledger_of(case, templates)
    return CohortRow(
        case_id=case.id,
        code=code,
        patient_id=case.patient.patient_id,
        name=case.patient.name,
        age=case.patient.age_on(first or today),
        sex=case.patient.sex.value if case.patient.sex else None,
        histology=case.diagnosis.histology,
        stage=case.disease_stage,
        sessions=tuple((each.template.id, each.performed_on) for each in done if each.performed_on),
        best=min(graded, key=lambda each: ORDER[each.category or "PD"], default=None),
        last=seen[-1] if seen else None,
        best_change=changed.best_change if changed else None,
        complications=complications(case),
        events_unasked=sum(events_asked(each) is None for each in done),
        margin_mm=min((each.margin_mm for each in held if each.margin_mm is not None), default=None),
        doses={(each.substance, each.unit): each.amount for each in ledger.totals},
        decision_to_treatment_days=_waited(case, first),
        swims=tuple(_swims(case, seen, contact or today)),
        outside=ledger.outside,
        held=held,
        by_criteria=read,
        lesions=lesion_changes(case, readings),
        progressed=progression(case, readings, first),
        followed_days=(contact - first).days if contact is not None and first is not None else None,
        last_contact_on=contact,
        best_change_by=changed.criteria if changed else None,
    )


def _changed(read: Sequence[CriteriaResponse]) -> CriteriaResponse | None:
    """Whose change stands for the case."""
    measured = {each.criteria: each for each in read if each.best_change is not None}
    return next((measured[each] for each in CHANGE_ORDER if each in measured), None)


def _waited(case: Case, first: date | None) -> int | None:
    """Days from the last decision before the first treatment to that treatment."""
    held = [each.held_on for each in case.decisions if each.held_on and first and each.held_on <= first]
    return (first - max(held)).days if held and first else None


def _swims(case: Case, seen: Sequence[SeenResponse], contact: date) -> Iterable[Swim]:
    for session in case.sessions:
        if session.performed_on:
            yield Swim(session.performed_on, "session", session.title, subject=session.id)
    for treatment in case.prior_treatments:
        if treatment.on:
            yield Swim(treatment.on, "outside", treatment.kind, treatment.until)
    for course in case.courses:
        for step in course.steps:
            day = step_date(case, step)
            if step.done_on and day and StepKind(step.kind) in OUTSIDE_TREATMENTS and step.session_id is None:
                yield Swim(day, "outside", step.title, step.until)
    for each in seen:
        yield Swim(each.on, "response", each.category or "NE", subject=each.said)
    ended = [course.ended_on for course in case.courses if course.ended_on]
    yield Swim(max(ended) if ended else contact, "end", "course ended" if ended else "last known")


def waterfall(rows: Iterable[CohortRow]) -> tuple[CohortRow, ...]:
    """Rows with a measured change, the greatest increase first, as a waterfall plot draws them."""
    known = [each for each in rows if each.best_change is not None]
    return tuple(sorted(known, key=lambda each: -(each.best_change or 0.0)))


HEADER = (
    *("case", "age", "sex", "histology", "stage", "sessions", "first session", "last session", "templates"),
    *("best response", "last response", "best change [%]", "complications", "sessions without events asked"),
    *("smallest achieved margin [mm]", "days decision to treatment", "treated elsewhere"),
    *("change by criteria", "responses by criteria", "responses by lesion", "days to progression", "progression by"),
    *("days followed", "last contact", "margins by session [mm]"),
)


def cohort_csv(found: Cohort, *, named: bool = False) -> str:
    """The cohort as CSV that no spreadsheet runs as a formula.

    Parameters
    ----------
    named
        With name and patient ID; without, only the code stands for the patient.
    """
    doses = dict.fromkeys(key for row in found.rows for key in row.doses)
    header = (
        *(("name", "patient ID") if named else ()),
        *HEADER,
        *(f"{substance} [{unit}]" for substance, unit in doses),
        *(("SIMULATED",) if found.simulated else ()),
    )
    return csv_text(header, (_cells(row, tuple(doses), named, found.simulated) for row in found.rows))


def _cells(row: CohortRow, doses: Sequence[tuple[str, str]], named: bool, simulated: bool) -> tuple[object, ...]:
    days = [day for _, day in row.sessions]
    return (
        *((row.name, row.patient_id) if named else ()),
        *(row.code, row.age, row.sex, row.histology, row.stage, len(row.sessions)),
        *(min(days, default=None), max(days, default=None), "; ".join(dict.fromkeys(each for each, _ in row.sessions))),
        *(_response(row.best), _response(row.last), row.best_change),
        "; ".join(event_words(each) for each in row.complications),
        *(row.events_unasked, row.margin_mm, row.decision_to_treatment_days, row.outside),
        *(row.best_change_by, "; ".join(f"{each.criteria} {each.best or 'NE'}" for each in row.by_criteria)),
        "; ".join(f"{each.name}: {each.criteria} {each.best or 'NE'}" for each in row.lesions),
        *((row.progressed.days, row.progressed.criteria) if row.progressed else (None, None)),
        *(row.followed_days, row.last_contact_on),
        "; ".join(f"{each.title}: {each.margin_mm:g}" for each in row.held if each.margin_mm is not None),
        *(row.doses.get(each) for each in doses),
        *(("SIMULATED",) if simulated else ()),
    )


def _response(seen: SeenResponse | None) -> str | None:
    return None if seen is None else f"{seen.category or 'NE'} on {seen.on.isoformat()}"
