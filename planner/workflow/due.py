"""Who is due for what: planned sessions, steps, tasks, follow-up, laboratory, markers, devices, decisions, outcomes.

Every item has a day, so that whoever looks decides by today's date what is due and what is overdue. The library keeps
the items of each case beside its head; nothing here opens images or reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from planner.model.case import Case
from planner.model.course import Course, CourseStep
from planner.model.follow_up import TaskState
from planner.model.session import Session, SessionState
from planner.workflow.course_dates import planned_on, predecessor, stands, step_done, window
from planner.workflow.devices import devices_due
from planner.workflow.follow_up_rules import IMAGING, setting
from planner.workflow.follow_up_schedule import (
    ScheduledVisit,
    course_of,
    follow_up_schedule,
    marker_visits,
    open_visits,
    treated_on,
)

SESSION, STEP, TASK, MARKER, DEVICE, DECISION, OUTCOME = (
    "session",
    "step",
    "task",
    "marker",
    "device",
    "decision",
    "outcome",
)
_WAITING = frozenset(
    {SessionState.DRAFT, SessionState.PLANNED, SessionState.BOOKED, SessionState.READY, SessionState.POSTPONED}
)
_UNREAD = frozenset({SessionState.DONE, SessionState.RECOVERED, SessionState.DISCHARGED, SessionState.ABORTED})


@dataclass(frozen=True, slots=True)
class DueItem:
    """One thing that is to be done.

    Attributes
    ----------
    key
        Stable while it is the same thing; the key of the alert once it is late.
    kind
        ``session``, ``step``, ``task``, ``imaging``, ``laboratory``, ``report``, ``marker``, ``device``,
        ``decision`` or ``outcome``.
    due_on
        Last day on which it is in time; None where no day is set, which is said in the text.
    from_on
        First day on which it can be done; None is any.
    owner
        Who is to do it; None where nobody is named.
    subject
        Id of the session, step, task, decision or lesion, or the analyte.
    lapses_on
        After this day nobody is asked any more.
    source, tag
        Where the day comes from; None for what a person set.
    """

    key: str
    kind: str
    text: str
    due_on: date | None
    owner: str | None = None
    subject: str | None = None
    session_id: str | None = None
    course_id: str | None = None
    from_on: date | None = None
    lapses_on: date | None = None
    source: str | None = None
    tag: str | None = None

    def overdue(self, today: date) -> bool:
        """Whether its day has passed."""
        return self.due_on is not None and self.due_on < today

    def lapsed(self, today: date) -> bool:
        return self.lapses_on is not None and self.lapses_on < today


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An open step with the day it is due by, if there is one."""

    course: Course
    step: CourseStep
    due_on: date | None
    from_on: date | None


def due_items(case: Case, today: date | None = None) -> tuple[DueItem, ...]:
    """Everything a case waits for, earliest first; items without a day come last.

    Parameters
    ----------
    today
        Leaves out what has lapsed by then; None keeps everything, for who decides when it is viewed.
    """
    visits, waiting = open_visits(case), tuple(_waiting_steps(case))
    covering = _covering(visits, waiting)
    found = [
        *_sessions(case),
        *_steps(waiting, frozenset(each.step.id for each in covering.values())),
        *_tasks(case),
        *_visits(case, visits, covering),
        *_markers(case),
        *_devices(case),
        *_decisions(case),
        *_outcomes(case),
    ]
    kept = [each for each in found if today is None or not each.lapsed(today)]
    return tuple(sorted(kept, key=lambda each: (each.due_on or date.max, each.kind, each.key)))


def _sessions(case: Case) -> Iterator[DueItem]:
    for each in case.sessions:
        if each.performed_on is None and each.state in _WAITING and not _ended(course_of(case, each.id)):
            words = "" if each.planned_on else ", no day set"
            postponed = ", postponed" if each.state is SessionState.POSTPONED else ""
            yield DueItem(
                f"session:{each.id}",
                SESSION,
                f"{each.title}{postponed}{words}",
                each.planned_on,
                case.responsible_physician,
                each.id,
                each.id,
                _id_of(course_of(case, each.id)),
            )


def _steps(waiting: tuple[_Waiting, ...], covered: frozenset[str]) -> Iterator[DueItem]:
    for each in waiting:
        if each.step.id not in covered:
            yield DueItem(
                f"step:{each.step.id}",
                STEP,
                _step_words(each.step, each.due_on),
                each.due_on,
                each.step.owner or each.step.decides,
                each.step.id,
                None,
                each.course.id,
                from_on=each.from_on,
                source=each.step.interval_source,
                tag=each.step.interval_tag,
            )


def _waiting_steps(case: Case) -> Iterator[_Waiting]:
    """Steps whose turn it is, and later ones that have a day; those carried out by a session are listed as sessions."""
    for course in case.courses:
        for step in course.steps if not _ended(course) else ():
            known = step.session_id is not None and case.session(step.session_id) is not None
            if known or step_done(case, step) or not stands(case, course, step):
                continue
            day = planned_on(case, step)
            days, before = window(case, course, step), predecessor(case, course, step)
            if day is None and before is not None and not step_done(case, before):
                continue
            due = day or (days.latest or days.earliest if days.firm else None)
            yield _Waiting(course, step, due, days.earliest if days.firm else None)


def _covering(visits: tuple[ScheduledVisit, ...], waiting: tuple[_Waiting, ...]) -> dict[str, _Waiting]:
    """Key of a visit -> the step of the course that is the same thing: the same kind, about the same days."""
    around = timedelta(days=setting("early_days").value)
    found: dict[str, _Waiting] = {}
    for visit in visits:
        taken = {each.step.id for each in found.values()}
        for each in waiting:
            near = each.due_on and visit.earliest_on - around <= each.due_on <= visit.latest_on + around
            if near and each.step.kind == visit.what and each.step.id not in taken:
                found[visit_key(visit)] = each
                break
    return found


def _step_words(step: CourseStep, due: date | None) -> str:
    condition = step.condition if step.condition and step.condition_answer is None else None
    asked = f" ({condition}: to be decided)" if condition else ""
    return f"{step.title}{asked}{'' if due else ', no day set'}"


def _tasks(case: Case) -> Iterator[DueItem]:
    for each in case.tasks:
        if each.state is TaskState.OPEN:
            words = each.text if each.due_on else f"{each.text}, no day set"
            session = each.subject if each.subject and case.session(each.subject) else None
            yield DueItem(f"task:{each.id}", TASK, words, each.due_on, each.owner, each.id, session)


def _visits(case: Case, visits: tuple[ScheduledVisit, ...], covering: dict[str, _Waiting]) -> Iterator[DueItem]:
    """What the schedule waits for; where a step of the course is the same thing, once, under the step's title.

    A day that a person planned beyond the schedule's window is when it is late; an earlier one is said.
    """
    for each in visits:
        step = covering.get(visit_key(each))
        planned = step.due_on if step is not None else None
        yield DueItem(
            visit_key(each),
            each.what,
            _visit_words(each, case.session(each.session_id), step),
            max(each.latest_on, planned or each.latest_on),
            (step.step.owner if step is not None else None) or case.responsible_physician,
            each.session_id if step is None else step.step.id,
            each.session_id,
            _id_of(course_of(case, each.session_id)),
            from_on=each.earliest_on,
            lapses_on=each.lapses_on,
            source=each.source,
            tag=each.tag,
        )


def visit_key(visit: ScheduledVisit) -> str:
    """Key of what is due, and of the alert when it is late."""
    return f"late-{visit.what}:{visit.key}:{visit.session_id}"


def _visit_words(visit: ScheduledVisit, session: Session | None, step: _Waiting | None) -> str:
    after = f" after {session.title}" if session else ""
    if step is not None and step.due_on is not None:
        after = f"{after} ({step.step.title}, planned for {step.due_on.isoformat()})"
    what = f": {', '.join(visit.missing)}" if visit.missing else ""
    booked = f"; booked for {visit.booked_on.isoformat()}" if visit.booked_on else ""
    band = "" if visit.band_chosen else "; risk band not chosen"
    return f"{visit.text}{after}{what}{booked}{band}"


def _markers(case: Case) -> Iterator[DueItem]:
    if case.courses and all(_ended(course) for course in case.courses):
        return
    for each in marker_visits(case):
        text = f"{each.title}, last on {each.last_on.isoformat()}"
        key = f"late-marker:{each.analyte}:{each.last_on.isoformat()}"
        owner = case.responsible_physician
        yield DueItem(key, MARKER, text, each.due_on, owner, each.analyte, source=each.source, tag=each.tag)


def _devices(case: Case) -> Iterator[DueItem]:
    for each in devices_due(case):
        owner = case.responsible_physician
        yield DueItem(f"device:{each.key}", DEVICE, each.task, each.due_on, owner, each.name, each.session_id)


def _decisions(case: Case) -> Iterator[DueItem]:
    allowed = setting("decision_days")
    for each in case.decisions:
        if each.carried_out is not None or not each.decision.strip():
            continue
        by_rule = each.by_when is None and each.held_on is not None
        due = each.held_on + timedelta(days=allowed.value) if by_rule and each.held_on else each.by_when
        held = f" of {each.held_on.isoformat()}" if each.held_on else ""
        happened = any((known := case.session(name)) and known.performed_on for name in each.session_ids)
        said = "say whether it was carried out" if happened else "not carried out yet"
        yield DueItem(
            f"decision:{each.id}",
            DECISION,
            f"Decision{held}: {each.decision} – {said}",
            due,
            each.owner,
            each.id,
            source=allowed.source if by_rule else None,
            tag=allowed.tag if by_rule else None,
        )


def _outcomes(case: Case) -> Iterator[DueItem]:
    """Images of the outcome that nobody has signed a reading of."""
    allowed = setting("read_within_days")
    arrived = [
        each
        for each in follow_up_schedule(case)
        if each.what == IMAGING and each.arrived_on is not None and each.arrived_on != _day_of(case, each)
    ]
    for session in case.sessions:
        mine = [each.arrived_on for each in arrived if each.session_id == session.id and each.arrived_on]
        if not mine or session.state not in _UNREAD:
            continue
        first = min(mine)
        if any(each.session_id == session.id or each.on >= first for each in case.readings):
            continue
        yield DueItem(
            f"outcome:{session.id}",
            OUTCOME,
            f"Read the outcome of {session.title}: images of {first.isoformat()} are there",
            first + timedelta(days=allowed.value),
            case.responsible_physician,
            session.id,
            session.id,
            _id_of(course_of(case, session.id)),
            from_on=first,
            source=allowed.source,
            tag=allowed.tag,
        )


def _day_of(case: Case, visit: ScheduledVisit) -> date | None:
    session = case.session(visit.session_id)
    return None if session is None else treated_on(session)


def _ended(course: Course | None) -> bool:
    return course is not None and course.ended_on is not None


def _id_of(course: Course | None) -> str | None:
    return None if course is None else course.id
