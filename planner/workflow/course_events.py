"""Everything that was done to a patient or is planned, from sessions, steps, earlier treatments and medicines, as one
list with codes: the hazards between procedures and the waiting times are judged on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

from planner.catalogues import catalogue
from planner.model.case import Case
from planner.model.course import CourseStep, StepKind
from planner.model.session import Session, SessionState
from planner.workflow.course_dates import alternatives, session_of, stands, step_date, step_done
from planner.workflow.values import technique_of

OVER = frozenset({SessionState.CANCELLED, SessionState.POSTPONED, SessionState.NOTHING_GIVEN})
TREATING = frozenset(StepKind) - {StepKind.IMAGING, StepKind.LABORATORY, StepKind.BOARD, StepKind.VISIT}
"""Kinds of steps that do something to the patient."""
LASTING = frozenset({StepKind.SYSTEMIC, StepKind.TARGETED, StepKind.IMMUNOTHERAPY})
"""Kinds of steps that go on from their first day until somebody writes down the last one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One treatment, done or planned.

    Attributes
    ----------
    codes
        What it is: procedure template, ``template:technique``, kind of step, and the codes of
        ``resources/course_hazards.toml`` whose words its text has (``biliary-stent`` …).
    subject
        Id of the step or session; None for what was typed as an earlier treatment.
    place
        Order among those of one day: as the course has them.
    until
        Last day of a treatment that lasts; None while it goes on, or for one of a day.
    group
        Of steps of which one is carried out; they are never both done.
    """

    codes: frozenset[str]
    title: str
    on: date | None
    done: bool
    subject: str | None = None
    session_id: str | None = None
    place: int = 0
    until: date | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class LastDose:
    """When a kind of medicine was last given.

    Attributes
    ----------
    none
        The list of medicines is filled in and has none of the kind.
    """

    on: date | None
    why: str
    none: bool = False


def events(case: Case) -> tuple[Event, ...]:
    """Treatments of a case in order of their days; those without a day come last."""
    found = [*_prior(case), *_of_steps(case), *_of_sessions(case)]
    placed = [replace(each, place=number) for number, each in enumerate(found)]
    return tuple(sorted(placed, key=lambda each: (each.on or date.max, each.place)))


def _of_steps(case: Case) -> Iterator[Event]:
    for course in case.courses:
        for step in course.steps:
            if stands(case, course, step) and step.kind in TREATING:
                grouped = bool(alternatives(course, step))
                yield replace(_step_event(case, step), group=(step.alternative_to or step.id) if grouped else None)


def _step_event(case: Case, step: CourseStep) -> Event:
    session = session_of(case, step)
    template = session.template.id if session is not None else step.template
    technique = (technique_of(session) if session is not None else None) or step.technique
    # A title such as "Ablation of what TACE left" must not make a session of ours what it follows.
    codes = _codes(step.kind, template, technique, f"{step.title} {step.note or ''}" if template is None else "")
    return Event(
        codes, step.title, step_date(case, step), step_done(case, step), step.id, step.session_id, until=step.until
    )


def _of_sessions(case: Case) -> Iterator[Event]:
    named = {step.session_id for course in case.courses for step in course.steps}
    for session in case.sessions:
        if session.id in named or session.state in OVER:
            continue
        codes = _codes(StepKind.SESSION, session.template.id, technique_of(session), "")
        on = session.performed_on or session.planned_on
        yield Event(codes, session.title, on, session.performed_on is not None, session.id, session.id)


def _prior(case: Case) -> Iterator[Event]:
    for each in case.prior_treatments:
        words = f"{each.kind} {each.description} {each.site or ''}"
        title = each.description or each.kind
        yield Event(_codes(None, None, None, words), title, each.on, True, until=each.until)


def _codes(kind: str | None, template: str | None, technique: str | None, words: str) -> frozenset[str]:
    codes = {each for each in (kind, template) if each}
    if template and technique:
        codes.add(f"{template}:{technique}")
    return frozenset(codes | text_codes(words))


def text_codes(words: str) -> set[str]:
    """Codes whose words a free text has: ``TACE x2`` is ``tace``. The words are data; each begins where a word does."""
    plain = words.casefold()
    return {code for code, spellings in _spellings().items() if spellings.search(plain)}


@cache
def _spellings() -> Mapping[str, re.Pattern[str]]:
    rows: Mapping[str, Sequence[str]] = catalogue("course_hazards.toml")["words"]
    return {code: re.compile("|".join(rf"(?<![a-z]){re.escape(each)}" for each in rows[code])) for code in rows}


def last_dose(case: Case, kinds: Sequence[str], *, before: date | None = None) -> LastDose:
    """The last dose of medicines of some kinds (``anti-vegf``, ``ici``, ``chemotherapy``), as far as known.

    Medicines, what a session asked for, and steps of the course count, planned ones too; a dose after `before` does
    not.
    """
    named = " or ".join(_label(each) for each in kinds)
    listed = [each for each in case.medication if each.kind in kinds or text_codes(each.name) & set(kinds)]
    days = [each.last_dose_on for each in listed if each.last_dose_on is not None]
    days += _asked(case.sessions, kinds)
    given = [each for each in events(case) if each.codes & set(kinds)]
    going_on = [each for each in given if each.done and each.until is None and each.codes & LASTING]
    if going_on:
        return LastDose(None, f"{going_on[-1].title} has no last day: last {named} dose unknown")
    days += [day for day in (each.until or each.on for each in given) if day is not None]
    days = [day for day in days if before is None or day <= before]
    if days:
        last = max(days)
        return LastDose(last, f"last known {named} {last.isoformat()}")
    if not listed and not given and case.medication:
        return LastDose(None, f"no {named} among the medicines listed", none=True)
    return LastDose(None, f"last {named} dose unknown")


def received(case: Case, kinds: Sequence[str], *, before: date) -> bool:
    """Whether a kind of medicine is listed, was asked for as given, or is planned to begin before a day."""
    listed = any(each.kind in kinds or text_codes(each.name) & set(kinds) for each in case.medication)
    begun = (each for each in events(case) if each.codes & set(kinds))
    return listed or bool(_asked(case.sessions, kinds)) or any(each.on is None or each.on < before for each in begun)


def _asked(sessions: Sequence[Session], kinds: Sequence[str]) -> list[date]:
    places: Mapping[str, str] = catalogue("course_hazards.toml")["last_dose_fields"]
    found = [
        session.answer(*place.split(".")) for session in sessions for kind, place in places.items() if kind in kinds
    ]
    return [date.fromisoformat(each) for each in found if isinstance(each, str) and each]


def _label(kind: str) -> str:
    labels: Mapping[str, str] = catalogue("course_hazards.toml")["labels"]
    return labels.get(kind, kind)
