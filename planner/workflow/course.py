"""The course of a case: what remains to be treated, and the intervals and prerequisites between its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.course import Course, CourseStep
from planner.model.session import Session, SessionState
from planner.workflow.template import LesionRule, Template
from planner.workflow.values import is_empty

NOT_DONE = frozenset({SessionState.CANCELLED, SessionState.POSTPONED})


class Remains(StrEnum):
    """What the records say of a lesion. ``unknown``: no record speaks of it, which is not the same as untreated."""

    TREATED = "treated"
    UNTREATED = "untreated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LesionRemains:
    """One lesion over all sessions.

    Attributes
    ----------
    state
        By the last session whose record speaks of it.
    treated_in
        Ids of the sessions that treated it.
    why
        Reason given when it was left; None when none is written.
    viable_mm, seen_on
        Of its latest observation.
    """

    lesion_id: str
    name: str
    state: Remains
    treated_in: tuple[str, ...]
    why: str | None
    viable_mm: float | None
    seen_on: date | None


def what_remains(case: Case, templates: Mapping[str, Template]) -> tuple[LesionRemains, ...]:
    """Every lesion of the case with what the records say of it, by the templates' ``[[lesion_records]]``."""
    said = [
        (session, lesion_id, treated, why)
        for session in case.sessions
        if session.template.id in templates
        for lesion_id, treated, why in _session_says(session, templates[session.template.id])
    ]
    found: list[LesionRemains] = []
    for lesion in case.lesions:
        mine = [each for each in said if each[1] == lesion.id]
        last = [each for each in mine if each[0].id == mine[-1][0].id] if mine else []
        left = [each for each in last if not each[2]]
        state = Remains.UNKNOWN if not last else Remains.UNTREATED if left else Remains.TREATED
        treated_in = tuple(dict.fromkeys(each[0].id for each in mine if each[2]))
        why = next((each[3] for each in left if each[3]), None)
        seen = lesion.latest
        found.append(
            LesionRemains(
                lesion.id,
                lesion.name,
                state,
                treated_in,
                why,
                seen.viable_mm if seen else None,
                seen.study_date if seen else None,
            )
        )
    return tuple(found)


def _session_says(session: Session, template: Template) -> Iterator[tuple[str, bool, str | None]]:
    for rule in template.lesion_records:
        value = session.answer(rule.stage, rule.field)
        if is_empty(value):
            continue
        if rule.column is None:
            yield from ((str(each), rule.treated, None) for each in _many(value))
        else:
            for row in value:
                yield from _row_says(rule, row)


def _row_says(rule: LesionRule, row: Mapping[str, object]) -> Iterator[tuple[str, bool, str | None]]:
    if any(row.get(column) in codes for column, codes in (rule.unless or {}).items()):
        return
    why = row.get(rule.why) if rule.why else None
    for each in _many(row.get(rule.column or "")):
        yield str(each), rule.treated, None if is_empty(why) else str(why)


def _many(value: object) -> tuple[object, ...]:
    if is_empty(value):
        return ()
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def step_date(case: Case, step: CourseStep) -> date | None:
    """When a step was done, or else is planned; a session's own dates come first."""
    session = case.session(step.session_id) if step.session_id else None
    if session is not None:
        return session.performed_on or session.planned_on or step.done_on or step.planned_on
    return step.done_on or step.planned_on


def step_done(case: Case, step: CourseStep) -> bool:
    """Whether a step has happened."""
    session = case.session(step.session_id) if step.session_id else None
    return step.done_on is not None or (session is not None and session.performed_on is not None)


def course_findings(case: Case, today: date) -> tuple[Finding, ...]:
    """What is wrong with intervals, order and prerequisites of the steps. Dates are proposed, never moved."""
    steps = [(course, step) for course in case.courses for step in course.steps]
    return tuple(finding for course, step in steps for finding in _step_findings(case, course, step, today))


def _step_findings(case: Case, course: Course, step: CourseStep, today: date) -> Iterator[Finding]:
    if step_done(case, step) and step.after is None:
        return
    yield from _interval(case, course, step, today)
    if step_done(case, step):
        return
    for each in step.prerequisites:
        text = f"Before {step.title}: {each}."
        yield Finding("prerequisite", Severity.INFO, text, subject=step.id, source="course of the case")


def _interval(case: Case, course: Course, step: CourseStep, today: date) -> Iterator[Finding]:
    before = next((each for each in course.steps if each.id == step.after), None)
    if step.after is None:
        return
    if before is None:
        text = f"{step.title} follows a step that is not in this course; set its order again."
        yield Finding("step-missing", Severity.WARN, text, subject=step.id, source="course of the case")
        return
    done, start, end = step_done(case, step), step_date(case, before), step_date(case, step)
    weight = Severity.WARN if done else Severity.BLOCK
    source = step.interval_source or "course of the case"
    if end is not None and start is None:
        text = f"{step.title} has a date, but {before.title} before it has none: the interval is not checked."
        yield Finding("interval-unknown", Severity.WARN, text, subject=step.id, source=source)
    if start is None:
        return
    days = ((end or today) - start).days
    if end is not None and step.minimum_days is not None and days < step.minimum_days:
        text = f"{step.title} is {days} days after {before.title}; at least {step.minimum_days} are asked."
        least = float(step.minimum_days)
        yield Finding("interval-too-short", weight, text, True, step.id, float(days), least, "d", source)
    if step.maximum_days is not None and days > step.maximum_days:
        word = "is" if end is not None else "has no date and is already"
        text = f"{step.title} {word} {days} days after {before.title}; at most {step.maximum_days} are asked."
        limit = float(step.maximum_days)
        yield Finding("interval-too-long", Severity.WARN, text, True, step.id, float(days), limit, "d", source)
