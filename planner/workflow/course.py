"""The course of a case: what remains to be treated, and where each step stands today. Nothing is moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from planner.findings import Finding
from planner.model.case import Case
from planner.model.course import CourseStep
from planner.model.session import Session
from planner.workflow.course_dates import (
    Window,
    planned_on,
    predecessor,
    stands,
    step_date,
    step_done,
    window,
)
from planner.workflow.course_findings import (
    condition_findings,
    interval_findings,
    late_findings,
    need_findings,
    session_findings,
)
from planner.workflow.step_needs import Circumstance, NeedStatus, Verdict, judged
from planner.workflow.template import LesionRule, Template
from planner.workflow.values import is_empty


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


class StepState(StrEnum):
    """Where a step stands.

    ``waiting`` for the step before it, its earliest day or a need; ``may-begin``: nothing stands against it, and it is
    not late; ``due``: planned for today, or inside its interval with no day planned; ``overdue``: its planned day or
    its interval has passed; ``condition-open``: a person has to say whether it is needed; ``not-needed``: answered so,
    or another one of its group was done.
    """

    WAITING = "waiting"
    DUE = "due"
    OVERDUE = "overdue"
    MAY_BEGIN = "may-begin"
    DONE = "done"
    DROPPED = "dropped"
    CONDITION_OPEN = "condition-open"
    NOT_NEEDED = "not-needed"


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One step as it stands on a day.

    Attributes
    ----------
    on
        Day it was done, or else is planned for.
    earliest, latest
        First and last possible day, by intervals and waiting times; None where nothing tells it.
    why_earliest, why_latest
        Where those days come from.
    condition
        What the program can judge of its condition; None without one. A person's answer stands above it.
    needs
        Each need with its verdict.
    """

    course_id: str
    step: CourseStep
    state: StepState
    on: date | None
    earliest: date | None
    latest: date | None
    why_earliest: str
    why_latest: str
    condition: NeedStatus | None
    needs: tuple[NeedStatus, ...]
    findings: tuple[Finding, ...]

    @property
    def is_open(self) -> bool:
        """Whether it may still happen."""
        return self.state not in (StepState.DONE, StepState.DROPPED, StepState.NOT_NEEDED)

    def to_json(self) -> dict[str, Any]:
        """A step of ``case course --json``."""
        return {
            "course": self.course_id,
            "id": self.step.id,
            "kind": self.step.kind,
            "title": self.step.title,
            "state": self.state.value,
            "on": _iso(self.on),
            "earliest": _iso(self.earliest),
            "latest": _iso(self.latest),
            "why_earliest": self.why_earliest,
            "why_latest": self.why_latest,
            "condition": self.step.condition,
            "condition_judged": self.condition.to_json() if self.condition else None,
            "needs": [each.to_json() for each in self.needs],
            "decides": self.step.decides,
            "session": self.step.session_id,
            "template": self.step.template,
            "findings": [each.to_json() for each in self.findings],
        }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def judged_steps(case: Case, templates: Mapping[str, Template], today: date) -> tuple[StepStatus, ...]:
    """Every step of every course as it stands on a day: state, possible days and why, needs, findings.

    Parameters
    ----------
    templates
        Procedure templates by id.
    """
    return tuple(
        _status(Circumstance(case, course, step, templates, today)) for course in case.courses for step in course.steps
    )


def course_findings(case: Case, today: date, templates: Mapping[str, Template] | None = None) -> tuple[Finding, ...]:
    """What is wrong with the steps of all courses. Dates are proposed, never moved.

    Parameters
    ----------
    templates
        Without them, what only records tell is not known.
    """
    return tuple(finding for each in judged_steps(case, templates or {}, today) for finding in each.findings)


def _status(at: Circumstance) -> StepStatus:
    case, course, step = at.case, at.course, at.step
    days = window(case, course, step)
    open_ = not step_done(case, step) and step.dropped is None
    needs = tuple(judged(at, need) for need in step.needs) if open_ else ()
    condition = judged(at, step.condition_need) if step.condition_need is not None and open_ else None
    days = _after_waiting(days, needs)
    state = _state(at, days, needs, condition)
    return StepStatus(
        course.id,
        step,
        state,
        step_date(case, step),
        days.earliest,
        days.latest,
        days.why_earliest,
        days.why_latest,
        condition,
        needs,
        tuple(_findings(at, state, days, needs, condition)),
    )


def _after_waiting(days: Window, needs: tuple[NeedStatus, ...]) -> Window:
    """The possible days, with waiting times that end later, and intervals that end sooner, than the step's own."""
    for each in needs:
        why = f"{each.need.text} ({each.why})"
        if each.not_before is not None and (days.earliest is None or each.not_before > days.earliest):
            days = replace(days, earliest=each.not_before, why_earliest=why)
        if each.not_after is not None and (days.latest is None or each.not_after < days.latest):
            days = replace(days, latest=each.not_after, why_latest=why)
    return days


def _state(at: Circumstance, days: Window, needs: tuple[NeedStatus, ...], condition: NeedStatus | None) -> StepState:
    fixed = _settled(at)
    if fixed is not None:
        return fixed
    before, day = predecessor(at.case, at.course, at.step), planned_on(at.case, at.step)
    ready = before is None or step_done(at.case, before)
    if ready and _condition_open(at.step, condition):
        return StepState.CONDITION_OPEN
    late = days.firm and days.latest is not None and days.latest < at.today
    if late or (day is not None and day < at.today):
        return StepState.OVERDUE
    if not ready:
        return StepState.WAITING
    if day == at.today:
        return StepState.DUE
    if days.earliest is not None and at.today < days.earliest:
        return StepState.WAITING
    if day is None and days.latest is not None:
        return StepState.DUE
    # What only a person can judge is told, and holds nothing up.
    met = all(each.verdict is Verdict.YES or each.need.kind == "text" for each in needs)
    return StepState.MAY_BEGIN if met else StepState.WAITING


def _settled(at: Circumstance) -> StepState | None:
    """States that no day changes."""
    if step_done(at.case, at.step):
        return StepState.DONE
    if at.step.dropped is not None:
        return StepState.DROPPED
    return None if stands(at.case, at.course, at.step) else StepState.NOT_NEEDED


def _condition_open(step: CourseStep, condition: NeedStatus | None) -> bool:
    """A condition that nobody answered, and that what is known does not meet."""
    if step.condition_answer is not None or (step.condition is None and condition is None):
        return False
    return condition is None or condition.verdict is not Verdict.YES


def _findings(
    at: Circumstance,
    state: StepState,
    days: Window,
    needs: tuple[NeedStatus, ...],
    condition: NeedStatus | None,
) -> Iterator[Finding]:
    if state in (StepState.DROPPED, StepState.NOT_NEEDED):
        yield from condition_findings(at.step, condition, waits=False)
        return
    yield from session_findings(at)
    yield from interval_findings(at)
    if state is StepState.DONE:
        return
    yield from late_findings(at, days)
    before = predecessor(at.case, at.course, at.step)
    yield from need_findings(at.step, needs, near=before is None or step_done(at.case, before))
    yield from condition_findings(at.step, condition, waits=state is StepState.CONDITION_OPEN)
