"""What the cohort keeps of one case beside its line: sessions, responses by criteria and by lesion, and how long it is
known. Changes by different criteria are never put together: each is measured on something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from planner.model.assessments import LesionResponse, ResponseReading
from planner.model.case import Case
from planner.model.needle_reading import margins_of
from planner.model.session import Session
from planner.workflow.complications import Complication, complications_of, events_asked
from planner.workflow.treated import responses

ORDER = {"CR": 0, "PR": 1, "SD": 2, "PD": 3}
"""Categories of criteria that speak these words, the best first."""

BY_SESSION = "outcome of a session"
"""Stands for the criteria where a session's outcome was entered without a signed reading."""


@dataclass(frozen=True, slots=True)
class CohortSession:
    """One performed session.

    Attributes
    ----------
    margin_mm
        Smallest achieved margin of its ablations; None where none was measured.
    events_asked
        Whether somebody asked for events to 30 days; None while nobody has.
    read_on
        Day of the first images after it, and not after the next session, of which a response was read; None: not read.
    """

    id: str
    template: str
    title: str
    on: date
    margin_mm: float | None
    events_asked: bool | None
    complications: tuple[Complication, ...]
    read_on: date | None


@dataclass(frozen=True, slots=True)
class CriteriaResponse:
    """Signed readings of one case by one set of criteria.

    Attributes
    ----------
    best, last
        Categories; None is not evaluable.
    best_change
        Greatest decrease (or least increase) from the baseline, per cent.
    """

    criteria: str
    best: str | None
    last: str | None
    last_on: date
    best_change: float | None


@dataclass(frozen=True, slots=True)
class LesionChange:
    """One lesion by one set of criteria over all readings."""

    lesion_id: str
    name: str
    criteria: str
    best: str | None
    last: str | None
    best_change: float | None


@dataclass(frozen=True, slots=True)
class Progression:
    """The first progression that was read after the first session.

    Attributes
    ----------
    days
        From the first session, whole days.
    """

    on: date
    criteria: str
    days: int


def cohort_sessions(case: Case) -> tuple[CohortSession, ...]:
    """Performed sessions, oldest first."""
    done = sorted(((each.performed_on, each) for each in case.sessions if each.performed_on), key=lambda pair: pair[0])
    seen = [each.on for each in responses(case)]
    found = []
    for number, (on, session) in enumerate(done):
        until = done[number + 1][0] if number + 1 < len(done) else date.max
        read = [day for day in seen if on < day <= until]
        found.append(
            CohortSession(
                id=session.id,
                template=session.template.id,
                title=session.title,
                on=on,
                margin_mm=achieved_margin(session),
                events_asked=events_asked(session),
                complications=complications_of(session),
                read_on=min(read, default=None),
            )
        )
    return tuple(found)


def achieved_margin(session: Session) -> float | None:
    """The smallest achieved margin of a session, mm; None where none was measured.

    Without the error of its registration an achieved margin is no number.
    """
    found = (body for _, body in margins_of(session.items, "achieved") if body.registration_error_mm is not None)
    return min((each.mean.minimum_mm for each in found if each.mean.minimum_mm is not None), default=None)


def accepted_readings(case: Case, first: date | None) -> tuple[ResponseReading, ...]:
    """One reading for each day and criteria after the first session: the adjudication, else the first reader's."""
    kept: dict[tuple[str, date], ResponseReading] = {}
    for reading in sorted(case.readings, key=lambda each: each.read_at.isoformat()):
        key = (reading.criteria, reading.on)
        before = kept.get(key)
        if reading.role == "second" or (first is not None and reading.on <= first):
            continue
        if before is None or before.role == "first" or reading.role == "adjudication":
            kept[key] = reading
    return tuple(sorted(kept.values(), key=lambda each: (each.on, each.criteria)))


def by_criteria(readings: Sequence[ResponseReading]) -> tuple[CriteriaResponse, ...]:
    """Best and last category, and best change, for each set of criteria that was read."""
    found = []
    for criteria in dict.fromkeys(each.criteria for each in readings):
        mine = [each for each in readings if each.criteria == criteria]
        changes = [each.change_from_baseline for each in mine if each.change_from_baseline is not None]
        words = [each.overall or each.target for each in mine]
        last = mine[-1]
        found.append(CriteriaResponse(criteria, best_of(words), words[-1], last.on, min(changes, default=None)))
    return tuple(found)


def best_of(categories: Iterable[str | None]) -> str | None:
    """The best category; of words without an order the last one."""
    known = [each for each in categories if each is not None]
    ordered = [each for each in known if each in ORDER]
    return min(ordered, key=lambda each: ORDER[each]) if ordered else (known[-1] if known else None)


def lesion_changes(case: Case, readings: Sequence[ResponseReading]) -> tuple[LesionChange, ...]:
    """Every lesion that was read, by every set of criteria."""
    names = {each.id: each.name for each in case.lesions}
    rows: dict[tuple[str, str], list[LesionResponse]] = {}
    for reading in readings:
        for each in reading.lesions:
            rows.setdefault((each.lesion_id, reading.criteria), []).append(each)
    return tuple(
        LesionChange(
            lesion_id=lesion_id,
            name=names.get(lesion_id, lesion_id),
            criteria=criteria,
            best=best_of(each.category for each in mine),
            last=mine[-1].category,
            best_change=min(
                (each.change_from_baseline for each in mine if each.change_from_baseline is not None), default=None
            ),
        )
        for (lesion_id, criteria), mine in rows.items()
    )


def progression(case: Case, readings: Sequence[ResponseReading], first: date | None) -> Progression | None:
    """The first PD after the first session, by signed readings or by a session's outcome."""
    if first is None:
        return None
    found = [(each.on, each.criteria) for each in readings if "PD" in (each.overall, each.target)]
    read = {each.on for each in readings}
    found += [(each.on, BY_SESSION) for each in responses(case) if each.category == "PD" and each.on not in read]
    later = [each for each in found if each[0] > first]
    if not later:
        return None
    on, criteria = min(later)
    return Progression(on, criteria, (on - first).days)


def last_contact(case: Case, today: date) -> date | None:
    """The last day, up to today, of which the case knows anything of its patient."""
    days = [
        *(each.performed_on for each in case.sessions),
        *(day for each in case.prior_treatments for day in (each.on, each.until)),
        *(each.on for each in case.readings),
        *(each.on for each in responses(case)),
        *(each.taken_on for each in case.laboratory),
        *(each.on for each in case.reports),
        *(each.study_date for each in case.studies),
        *(seen.study_date for lesion in case.lesions for seen in lesion.observations),
        *(step.done_on for course in case.courses for step in course.steps),
        *(course.ended_on for course in case.courses),
    ]
    return max((each for each in days if each is not None and each <= today), default=None)
