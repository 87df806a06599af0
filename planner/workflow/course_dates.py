"""When a step of a course may be, and what moving one proposes for the later ones. Nothing here moves a date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from planner.errors import UsageError
from planner.model.case import Case
from planner.model.course import Course, CourseStep
from planner.model.session import Session, SessionState

NOT_HELD = frozenset({SessionState.CANCELLED, SessionState.POSTPONED})
"""States in which the day of a session does not stand."""


DEPENDS = "step"
"""Kind of the condition that another step of the course was done."""


@dataclass(frozen=True, slots=True)
class Window:
    """Earliest and latest possible day of a step, and why; None where nothing tells it.

    Attributes
    ----------
    firm
        The step it follows is done, so that the days are known and not only planned.
    """

    earliest: date | None = None
    latest: date | None = None
    why_earliest: str = ""
    why_latest: str = ""
    firm: bool = False


@dataclass(frozen=True, slots=True)
class ProposedDate:
    """A day proposed for a step; a person accepts or leaves it.

    Attributes
    ----------
    was
        The planned day at the time of the proposal; it is stale once the step has another one.
    """

    course_id: str
    step_id: str
    title: str
    was: date | None
    proposed: date
    why: str

    def to_json(self) -> dict[str, Any]:
        return {
            "course": self.course_id,
            "step": self.step_id,
            "title": self.title,
            "was": self.was.isoformat() if self.was else None,
            "proposed": self.proposed.isoformat(),
            "why": self.why,
        }


def the_step(case: Case, step_id: str) -> tuple[Course, CourseStep]:
    """A step and its course.

    Raises
    ------
    UsageError
        ``unknown-step``.
    """
    for course in case.courses:
        step = course.step(step_id)
        if step is not None:
            return course, step
    raise UsageError("unknown-step", f"There is no step {step_id} in a course of this case.", subject=step_id)


def session_of(case: Case, step: CourseStep) -> Session | None:
    return case.session(step.session_id) if step.session_id else None


def step_done(case: Case, step: CourseStep) -> bool:
    """Whether a step has happened. A session in which nothing was given has not done what the step is for."""
    if step.done_on is not None:
        return True
    session = session_of(case, step)
    return session is not None and session.performed_on is not None and session.state != SessionState.NOTHING_GIVEN


def planned_on(case: Case, step: CourseStep) -> date | None:
    """The day a step is planned for; its session's own day comes first, unless that session was called off."""
    session = session_of(case, step)
    if session is not None and session.state not in NOT_HELD and session.planned_on is not None:
        return session.planned_on
    return step.planned_on


def step_date(case: Case, step: CourseStep) -> date | None:
    """When a step was done, or else is planned; a session's own dates come first."""
    session = session_of(case, step)
    if session is not None and session.performed_on is not None and step_done(case, step):
        return session.performed_on
    return step.done_on or planned_on(case, step)


def end_date(case: Case, step: CourseStep) -> date | None:
    """The day from which intervals to the next step count: the last day of a treatment that lasts."""
    return step.until or step_date(case, step)


def stands(case: Case, course: Course, step: CourseStep, *, asked: frozenset[str] = frozenset()) -> bool:
    """Whether a step is still part of the course.

    It is not once it is dropped, answered away, an alternative of it is done, or the step it depends on (a condition
    of kind ``step``) does not stand either.

    Parameters
    ----------
    asked
        Steps on the way here, so that a circle ends.
    """
    if step_done(case, step):
        return True
    answer, need = step.condition_answer, step.condition_need
    if step.dropped is not None or (answer is not None and not answer.needed):
        return False
    if any(step_done(case, other) for other in alternatives(course, step)):
        return False
    if answer is None and need is not None and need.kind == DEPENDS:
        named = course.step(str(need.parameters.get("step")))
        if named is not None and named.id not in asked:
            return stands(case, course, named, asked=asked | {step.id})
    return True


def alternatives(course: Course, step: CourseStep) -> tuple[CourseStep, ...]:
    """The other steps of its group, of which one is carried out."""
    group = step.alternative_to or step.id
    return tuple(other for other in course.steps if other.id != step.id and group in (other.id, other.alternative_to))


def predecessor(case: Case, course: Course, step: CourseStep) -> CourseStep | None:
    """The step that this one follows and that stands; where it fell away, the one before it.

    Of a group of alternatives the one that was done counts, or else one that stands.
    """
    seen = {step.id}
    after = step.after
    while after is not None and after not in seen:
        seen.add(after)
        found = course.step(after)
        if found is None:
            return None
        if stands(case, course, found):
            return found
        others = [other for other in alternatives(course, found) if stands(case, course, other)]
        instead = next((other for other in others if step_done(case, other)), others[0] if others else None)
        if instead is not None and instead.id not in seen:
            return instead
        after = found.after
    return None


def window(case: Case, course: Course, step: CourseStep) -> Window:
    """The possible days of a step by its interval from the step it follows."""
    before = predecessor(case, course, step)
    if before is None:
        return Window()
    start, done = end_date(case, before), step_done(case, before)
    named = before.title if before.id == step.after else f"{before.title}, as the step between falls away"
    if start is None:
        why = f"{named} has no date"
        return Window(None, None, why, why if step.maximum_days is not None else "", False)
    word = "done" if done else "planned"
    since = f"{named} ({word} {start.isoformat()})"
    least = step.minimum_days or 0
    earliest = start + timedelta(days=least)
    why_earliest = f"at least {least} days after {since}" if least else f"not before {since}"
    if step.maximum_days is None:
        return Window(earliest, None, why_earliest, "", done)
    latest = start + timedelta(days=step.maximum_days)
    return Window(earliest, latest, why_earliest, f"at most {step.maximum_days} days after {since}", done)


def ripple(case: Case, step_id: str, new_date: date) -> tuple[ProposedDate, ...]:
    """What moving a step proposes: the step itself, and each later step that has a day and is not done.

    A later step keeps its distance from the one it follows, within the limits of its interval. Nothing is moved.

    Raises
    ------
    UsageError
        ``unknown-step``; ``step-done`` for a step that has happened.
    """
    course, moved = the_step(case, step_id)
    if step_done(case, moved):
        raise UsageError("step-done", f"{moved.title} is done; its day is not planned any more.", subject=step_id)
    days: dict[str, date] = {step_id: new_date}
    proposals = [ProposedDate(course.id, moved.id, moved.title, planned_on(case, moved), new_date, "as asked")]
    for step, before in _followers(case, course, step_id):
        old, start = planned_on(case, step), end_date(case, before)
        if old is None or before.id not in days:
            continue
        new, why = _kept(step, before, old, start, days[before.id])
        if new != old:
            days[step.id] = new
            proposals.append(ProposedDate(course.id, step.id, step.title, old, new, why))
    return tuple(proposals)


def catch_up(case: Case, today: date) -> tuple[ProposedDate, ...]:
    """Days for open steps whose planned one does not fit any more: something was done on another day, fell away, or
    the day has passed. Each goes to the nearest day of its interval that is still to come. Nothing is moved.
    """
    proposals: list[ProposedDate] = []
    for course in case.courses:
        for step in course.steps:
            supposed = with_dates(case, {each.step_id: each.proposed for each in proposals})
            found, _ = the_step(supposed, step.id)
            was = planned_on(case, step)
            if was is None or step_done(case, step) or not stands(case, course, step):
                continue
            new, why = _fitting(was, window(supposed, found, step), today)
            if new != was:
                proposals.append(ProposedDate(course.id, step.id, step.title, was, new, why))
    return tuple(proposals)


def _fitting(was: date, days: Window, today: date) -> tuple[date, str]:
    if days.latest is not None and was > days.latest:
        new, why = days.latest, days.why_latest
    elif days.earliest is not None and was < days.earliest:
        new, why = days.earliest, days.why_earliest
    else:
        new, why = was, ""
    if new >= today:
        return new, why
    return today, f"{was.isoformat()} has passed" if new == was else f"{why}; that day has passed"


def _followers(case: Case, course: Course, step_id: str) -> Iterator[tuple[CourseStep, CourseStep]]:
    """Steps that follow a step, directly or not, each with the one it follows, nearest first."""
    reached, waiting = {step_id}, list(course.steps)
    found = True
    while found:
        found = False
        for step in tuple(waiting):
            before = predecessor(case, course, step)
            if before is not None and before.id in reached and step.id not in reached:
                found = True
                reached.add(step.id)
                waiting.remove(step)
                if stands(case, course, step) and not step_done(case, step):
                    yield step, before


def _kept(step: CourseStep, before: CourseStep, old: date, start: date | None, new_start: date) -> tuple[date, str]:
    distance = (old - start).days if start is not None else step.minimum_days or 0
    least = max(0, step.minimum_days or 0)
    most = step.maximum_days
    if distance < least:
        return new_start + timedelta(days=least), f"at least {least} days after {before.title}"
    if most is not None and distance > most:
        return new_start + timedelta(days=most), f"at most {most} days after {before.title}"
    return new_start + timedelta(days=distance), f"{distance} days after {before.title}, as before"


def with_dates(case: Case, days: Mapping[str, date]) -> Case:
    """The case as it would be with these planned days (step id -> day), its open sessions with them."""
    courses = tuple(
        replace(course, steps=tuple(_dated(step, days.get(step.id)) for step in course.steps))
        for course in case.courses
    )
    named = {
        step.session_id: days[step.id]
        for course in case.courses
        for step in course.steps
        if step.session_id is not None and step.id in days
    }
    sessions = tuple(
        replace(each, planned_on=named[each.id]) if each.id in named and each.performed_on is None else each
        for each in case.sessions
    )
    return replace(case, courses=courses, sessions=sessions)


def _dated(step: CourseStep, day: date | None) -> CourseStep:
    return step if day is None or step.planned_on == day else replace(step, planned_on=day)
