"""What is wrong with a step where it stands: interval, needs, condition, session, and the day that passed."""

from __future__ import annotations

from collections.abc import Iterator

from planner.findings import Finding, Severity
from planner.model.course import CourseStep
from planner.model.session import SessionState
from planner.workflow.course_dates import (
    NOT_HELD,
    Window,
    end_date,
    planned_on,
    predecessor,
    session_of,
    step_date,
    step_done,
)
from planner.workflow.step_needs import Circumstance, NeedStatus, Verdict

COURSE = "course of the case"
"""Source of what a person wrote into the course."""


def interval_findings(at: Circumstance) -> Iterator[Finding]:
    """The days between a step and the one it follows, against what it asks for. What was done only warns."""
    case, course, step, today = at.case, at.course, at.step, at.today
    if step.after is None:
        return
    before = predecessor(case, course, step)
    if course.step(step.after) is None:
        text = f"{step.title} follows a step that is not in this course; set its order again."
        yield Finding("step-missing", Severity.WARN, text, subject=step.id, source=COURSE)
    if before is None:
        return
    done, start, end = step_done(case, step), end_date(case, before), step_date(case, step)
    weight = Severity.WARN if done else Severity.BLOCK
    source, tag = step.interval_source or COURSE, step.interval_tag
    if end is not None and start is None:
        text = f"{step.title} has a date, but {before.title} before it has none: the interval is not checked."
        yield Finding("interval-unknown", Severity.WARN, text, subject=step.id, source=source)
    if start is None:
        return
    days = ((end or today) - start).days
    if end is not None and days < (step.minimum_days or 0):
        least = step.minimum_days or 0
        asked = f"at least {least} are asked" if least else "it follows it"
        text = f"{step.title} is {_apart(days)} {before.title}; {asked}."
        yield Finding("interval-too-short", weight, text, True, step.id, float(days), float(least), "d", source, tag)
    if step.maximum_days is not None and days > step.maximum_days:
        word = "is" if end is not None else "has no date and is already"
        text = f"{step.title} {word} {days} days after {before.title}; at most {step.maximum_days} are asked."
        limit = float(step.maximum_days)
        yield Finding("interval-too-long", Severity.WARN, text, True, step.id, float(days), limit, "d", source, tag)


def _apart(days: int) -> str:
    return f"{days} days after" if days >= 0 else f"{-days} days before"


def late_findings(at: Circumstance, days: Window) -> Iterator[Finding]:
    """A planned day that passed, or an interval that did. The day stays as it was planned."""
    step, day = at.step, planned_on(at.case, at.step)
    if day is not None and day < at.today:
        over = (at.today - day).days
        text = f"{step.title} was planned for {day.isoformat()}, {over} days ago, and is not recorded as done."
        yield Finding("step-overdue", Severity.WARN, text, True, step.id, float(over), 0.0, "d", COURSE)
    elif day is None and days.firm and days.latest is not None and days.latest < at.today:
        over = (at.today - days.latest).days
        text = f"{step.title} was to be done by {days.latest.isoformat()} ({days.why_latest})."
        source, tag = step.interval_source or COURSE, step.interval_tag
        yield Finding("step-overdue", Severity.WARN, text, True, step.id, float(over), 0.0, "d", source, tag)


def need_findings(step: CourseStep, needs: tuple[NeedStatus, ...], *, near: bool) -> Iterator[Finding]:
    """Needs that are not met ask; needs of which nothing is known are said to be not checked.

    Parameters
    ----------
    near
        The step before it is done. Until then only days that cannot be kept are said.
    """
    for each in needs:
        if each.verdict is Verdict.YES or not (near or (each.verdict is Verdict.NO and each.not_before is not None)):
            continue
        source, tag = each.need.source or COURSE, each.need.tag
        numbers = (each.measured, each.limit, each.unit)
        if each.verdict is Verdict.NO:
            text = f"Before {step.title}: {each.need.text}; {each.why}."
            too_late = each.not_after is not None and (each.measured or 0) > (each.limit or 0)
            weight = Severity.WARN if too_late else Severity.BLOCK
            yield Finding("need-not-met", weight, text, True, step.id, *numbers, source, tag)
        elif each.need.kind == "text":
            yield Finding(
                "prerequisite",
                Severity.INFO,
                _sentence(f"Before {step.title}: {each.need.text}"),
                True,
                step.id,
                source=source,
                tag=tag,
            )
        else:
            text = f"Before {step.title}: {each.need.text}; not checked: {each.why}."
            yield Finding("need-unknown", Severity.WARN, text, True, step.id, *numbers, source, tag)
    for words in step.prerequisites if near else ():
        text = f"Before {step.title}: {words}."
        yield Finding("prerequisite", Severity.INFO, text, subject=step.id, source=COURSE)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def condition_findings(step: CourseStep, condition: NeedStatus | None, *, waits: bool) -> Iterator[Finding]:
    """What is known of a condition, for the person who answers it; and an answer that later data speak against."""
    answer = step.condition_answer
    source = (condition.need.source if condition else None) or COURSE
    tag = condition.need.tag if condition else None
    words = step.condition or (condition.need.text if condition else "")
    if waits:
        known = "nobody has answered it" if condition is None else _known(condition)
        text = f"{step.title} only {words}: {known}. A person decides whether it is needed."
        yield Finding("condition-open", Severity.WARN, text, True, step.id, source=source, tag=tag)
    if answer is None or condition is None or condition.on is None or condition.on <= answer.on:
        return
    if condition.verdict is (Verdict.NO if answer.needed else Verdict.YES):
        word = "needed" if answer.needed else "not needed"
        said = f"{step.title} was said to be {word} by {answer.by} on {answer.on.isoformat()}"
        text = f"{said}; since then: {condition.why}."
        yield Finding("condition-answer-older", Severity.WARN, text, True, step.id, source=source, tag=tag)


def _known(condition: NeedStatus) -> str:
    if condition.verdict is Verdict.NO:
        return f"not met by what is known ({condition.why})"
    return f"not known ({condition.why})"


def session_findings(at: Circumstance) -> Iterator[Finding]:
    """What the session behind a step says that its step does not."""
    session, step = session_of(at.case, at.step), at.step
    if step.session_id is not None and session is None:
        text = f"The session of {step.title} is not in this case any more; link another one."
        yield Finding("session-missing", Severity.WARN, text, subject=step.id, source=COURSE)
    if session is None:
        return
    why = f" ({session.state_reason})" if session.state_reason else ""
    if session.state in (SessionState.ABORTED, SessionState.NOTHING_GIVEN):
        text = f"{session.title} ended as {session.state}{why}: decide whether {step.title} is done again."
        yield Finding("session-attempted", Severity.WARN, text, subject=step.id, source=COURSE)
    elif session.state in NOT_HELD:
        text = f"{session.title} is {session.state}{why}: give {step.title} another day, or drop it."
        yield Finding("session-called-off", Severity.WARN, text, subject=step.id, source=COURSE)
