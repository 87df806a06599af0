"""The cohort: one line per case over a library, for a meeting. Names are left out unless they are asked for.

Simulated cases are never mixed with real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from planner.app.course_review import event_words
from planner.app.tables import csv_text
from planner.errors import InputRefused
from planner.findings import Finding, Severity
from planner.jobs import Context
from planner.model.case import Case
from planner.model.course import OUTSIDE_TREATMENTS, StepKind
from planner.model.needle_reading import margins_of
from planner.store.library import Library
from planner.workflow.complications import Complication, complications, events_asked
from planner.workflow.course_dates import step_date
from planner.workflow.ledgers import ledger_of
from planner.workflow.template import Template
from planner.workflow.treated import SeenResponse, responses

MOST_CASES = 100_000


@dataclass(frozen=True, slots=True)
class Swim:
    """One mark of a case's lane in the swimmer plot: `kind` is ``session``, ``outside``, ``response`` or ``end``."""

    on: date
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One case.

    Attributes
    ----------
    code
        Stands for the patient where names are left out.
    best_change
        Greatest relative decrease (or least increase) from the baseline of a signed reading, per cent; None without.
    margin_mm
        The smallest achieved margin of an ablation; None where none was measured.
    events_unasked
        Sessions after which nobody asked for events to 30 days.
    doses
        (substance, unit) -> total; known sessions only.
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


@dataclass(frozen=True, slots=True)
class Cohort:
    """Rows, and what could not be read."""

    rows: tuple[CohortRow, ...]
    findings: tuple[Finding, ...]
    simulated: bool


_ORDER = {"CR": 0, "PR": 1, "SD": 2, "PD": 3}


def cohort(
    library: Library,
    templates: Mapping[str, Template],
    today: date,
    *,
    simulated: bool = False,
    context: Context | None = None,
) -> Cohort:
    """Every case of a library that has a performed session.

    Parameters
    ----------
    simulated
        The simulated cases alone instead of the real ones.
    """
    job = context or Context()
    heads = [each for each in library.list_cases(limit=MOST_CASES) if each.facts.simulated is simulated]
    rows: list[CohortRow] = []
    findings: list[Finding] = []
    for number, head in enumerate(heads):
        job.step(number / max(1, len(heads)), f"case {number + 1} of {len(heads)}")
        try:
            case = library.open_revision(head.case_id, head.revision)
        except InputRefused as refused:
            text = f"Case {head.case_id} is not in the cohort: {refused.message}"
            findings.append(Finding("unreadable-case", Severity.WARN, text, subject=head.case_id))
            continue
        if any(each.performed_on for each in case.sessions):
            rows.append(cohort_row(case, templates, f"C{len(rows) + 1:03d}", today))
    return Cohort(tuple(rows), tuple(findings), simulated)


def cohort_row(case: Case, templates: Mapping[str, Template], code: str, today: date) -> CohortRow:
    """The line of one case."""
    done = sorted(
        (each for each in case.sessions if each.performed_on is not None), key=lambda each: each.performed_on or today
    )
    first = done[0].performed_on if done else None
    seen = [each for each in responses(case) if first is None or each.on > first]
    graded = [each for each in seen if each.category in _ORDER]
    changes = [each.change_from_baseline for each in case.readings if each.change_from_baseline is not None]
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
        best=min(graded, key=lambda each: _ORDER[each.category or "PD"], default=None),
        last=seen[-1] if seen else None,
        best_change=min(changes, default=None),
        complications=complications(case),
        events_unasked=sum(events_asked(each) is None for each in done),
        margin_mm=_smallest_margin(case),
        doses={(each.substance, each.unit): each.amount for each in ledger.totals},
        decision_to_treatment_days=_waited(case, first),
        swims=tuple(_swims(case, seen, today)),
        outside=ledger.outside,
    )


def _smallest_margin(case: Case) -> float | None:
    found = [
        body.mean.minimum_mm
        for session in case.sessions
        for _, body in margins_of(session.items, "achieved")
        if body.mean.minimum_mm is not None
    ]
    return min(found, default=None)


def _waited(case: Case, first: date | None) -> int | None:
    """Days from the last decision before the first treatment to that treatment."""
    held = [each.held_on for each in case.decisions if each.held_on and first and each.held_on <= first]
    return (first - max(held)).days if held and first else None


def _swims(case: Case, seen: Sequence[SeenResponse], today: date) -> Iterable[Swim]:
    for session in case.sessions:
        if session.performed_on:
            yield Swim(session.performed_on, "session", session.title)
    for treatment in case.prior_treatments:
        if treatment.on:
            yield Swim(treatment.on, "outside", treatment.kind)
    for course in case.courses:
        for step in course.steps:
            day = step_date(case, step)
            if step.done_on and day and StepKind(step.kind) in OUTSIDE_TREATMENTS and step.session_id is None:
                yield Swim(day, "outside", step.title)
    for each in seen:
        yield Swim(each.on, "response", each.category or "NE")
    ended = [course.ended_on for course in case.courses if course.ended_on]
    yield Swim(max(ended) if ended else today, "end", "course ended" if ended else "last known")


def waterfall(rows: Iterable[CohortRow]) -> tuple[CohortRow, ...]:
    """Rows with a measured change, the greatest increase first, as a waterfall plot draws them."""
    known = [each for each in rows if each.best_change is not None]
    return tuple(sorted(known, key=lambda each: -(each.best_change or 0.0)))


HEADER = (
    *("case", "age", "sex", "histology", "stage", "sessions", "first session", "last session", "templates"),
    *("best response", "last response", "best change [%]", "complications", "sessions without events asked"),
    *("smallest achieved margin [mm]", "days decision to treatment", "treated elsewhere"),
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
        *(row.doses.get(each) for each in doses),
        *(("SIMULATED",) if simulated else ()),
    )


def _response(seen: SeenResponse | None) -> str | None:
    return None if seen is None else f"{seen.category or 'NE'} on {seen.on.isoformat()}"
