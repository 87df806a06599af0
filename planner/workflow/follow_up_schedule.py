"""What is to follow each session, and what of it has arrived: images, laboratory, the patient's word.

Due is what the schedule asks for and nothing has arrived for yet. Whether it is overdue is decided by who looks, and
when; nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from planner.clinical.laboratory import analytes
from planner.model.case import Case
from planner.model.course import Course
from planner.model.session import Session, SessionState
from planner.workflow.follow_up_rules import (
    IMAGING,
    LABORATORY,
    REPORT,
    VisitRule,
    markers,
    procedures,
    risk_bands,
    setting,
)
from planner.workflow.values import technique_of

BOOKED = {IMAGING: "imaging_booked", LABORATORY: "laboratory_booked"}
"""Fields of the discharge stage that say for which day something is booked."""
UNKNOWN_TECHNIQUE = "unknown"
"""What a row names that holds while nobody recorded the technique."""


@dataclass(frozen=True, slots=True)
class ScheduledVisit:
    """One thing that is to follow a session.

    Attributes
    ----------
    state
        ``done``; ``missed`` (something later arrived, or the next session came, without it); ``open``.
    arrived_on
        First day on which it arrived.
    missing
        Names of the laboratory values that have not arrived.
    booked_on
        As the discharge says; None is not booked, or not known to be.
    band
        The risk band whose interval it is; `band_chosen` is False where nobody chose one.
    lapses_on
        After this day nobody is asked any more.
    """

    session_id: str
    key: str
    what: str
    text: str
    earliest_on: date
    latest_on: date
    state: str
    source: str
    tag: str
    arrived_on: date | None = None
    missing: tuple[str, ...] = ()
    booked_on: date | None = None
    band: str | None = None
    band_chosen: bool = True
    lapses_on: date | None = None


@dataclass(frozen=True, slots=True)
class MarkerVisit:
    """The next value of a marker that is followed."""

    analyte: str
    title: str
    last_on: date
    due_on: date
    source: str
    tag: str


@dataclass(frozen=True, slots=True)
class _Followed:
    """A performed session with what its schedule is read by."""

    session: Session
    performed_on: date
    until: date | None
    band: str
    band_chosen: bool


def treated_on(session: Session) -> date | None:
    """The day of a session that gave a treatment; None for one that is still planned or in which nothing was given."""
    return None if session.state is SessionState.NOTHING_GIVEN else session.performed_on


def course_of(case: Case, session_id: str) -> Course | None:
    """The course whose step is this session; the only course where no step names it."""
    for course in case.courses:
        if any(step.session_id == session_id for step in course.steps):
            return course
    return case.courses[0] if len(case.courses) == 1 else None


def follow_up_schedule(case: Case) -> tuple[ScheduledVisit, ...]:
    """Every visit after every treatment up to the first open one of its kind, in order of days.

    Of a repeated row only the visits up to the next open one are listed; of a session that another of its group
    followed, none beyond that day.
    """
    found = [visit for followed in _followed(case) for visit in _of_session(case, followed)]
    return tuple(sorted(found, key=lambda visit: (visit.earliest_on, visit.session_id, visit.key)))


def open_visits(case: Case) -> tuple[ScheduledVisit, ...]:
    """What the schedule waits for now."""
    return tuple(visit for visit in follow_up_schedule(case) if visit.state == "open")


def marker_visits(case: Case) -> tuple[MarkerVisit, ...]:
    """The next value of every marker that was measured before."""
    found = []
    for key, rule in markers().items():
        last = case.latest_lab(key)
        if last is not None:
            due = last.taken_on + timedelta(days=rule.every_days)
            found.append(MarkerVisit(key, analytes()[key].name, last.taken_on, due, rule.source, rule.tag))
    return tuple(found)


def _followed(case: Case) -> Iterator[_Followed]:
    known = [(day, each) for each in case.sessions if (day := treated_on(each)) and each.template.id in procedures()]
    known.sort(key=lambda pair: pair[0])
    for index, (day, session) in enumerate(known):
        group = procedures()[session.template.id].group
        later = [on for on, each in known[index + 1 :] if procedures()[each.template.id].group == group and on > day]
        course = course_of(case, session.id)
        chosen = course is not None and course.risk_band in risk_bands()
        band = course.risk_band if course is not None and chosen else next(iter(risk_bands()))
        if course is not None and course.ended_on is not None:
            later.append(course.ended_on)
        yield _Followed(session, day, min(later, default=None), str(band), chosen)


def _of_session(case: Case, followed: _Followed) -> Iterator[ScheduledVisit]:
    technique = technique_of(followed.session) or UNKNOWN_TECHNIQUE
    rows = [
        row
        for row in procedures()[followed.session.template.id].rows
        if (not row.bands or followed.band in row.bands) and (not row.techniques or technique in row.techniques)
    ]
    for row in rows:
        if row.what == LABORATORY:
            yield _laboratory(case, followed, row)
        elif row.what == REPORT:
            yield _report(case, followed, row)
    yield from _imaging(case, followed, [row for row in rows if row.what == IMAGING])


def _visit(followed: _Followed, row: VisitRule, window: tuple[int, int], state: str) -> ScheduledVisit:
    start = followed.performed_on
    lapses = None if row.lapses_days is None else start + timedelta(days=row.lapses_days)
    suffix = "" if row.every_days is None else f"-{window[0] + row.slack_days}"
    return ScheduledVisit(
        session_id=followed.session.id,
        key=f"{row.key}{suffix}",
        what=row.what,
        text=row.text,
        earliest_on=start + timedelta(days=window[0]),
        latest_on=start + timedelta(days=window[1]),
        state=state,
        source=row.source,
        tag=row.tag,
        booked_on=_booked(followed.session, row.what) if state == "open" else None,
        band=followed.band if row.bands else None,
        band_chosen=followed.band_chosen or not row.bands,
        lapses_on=lapses,
    )


def _booked(session: Session, what: str) -> date | None:
    name = BOOKED.get(what)
    for stage in session.answers if name else ():
        value = session.answer(stage, str(name))
        try:
            if isinstance(value, str):
                return date.fromisoformat(value)
        except ValueError:
            # A date that cannot be read is a finding of the discharge stage; here it is not booked.
            return None
    return None


def _arrived(days: list[date], followed: _Followed, from_days: int) -> date | None:
    """The first of some days that belongs to this session from a day on, before the next session."""
    start = followed.performed_on + timedelta(days=from_days)
    return min((day for day in days if day >= start and (followed.until is None or day < followed.until)), default=None)


def _with(visit: ScheduledVisit, arrived: date | None, missing: tuple[str, ...] = ()) -> ScheduledVisit:
    return replace(visit, arrived_on=arrived, missing=missing)


def _laboratory(case: Case, followed: _Followed, row: VisitRule) -> ScheduledVisit:
    days = {
        key: _arrived([each.taken_on for each in case.laboratory if each.analyte == key], followed, row.from_days)
        for key in row.analytes
    }
    missing = tuple(analytes()[key].name for key, day in days.items() if day is None)
    state = "done" if not missing else "missed" if followed.until is not None else "open"
    arrived = max((day for day in days.values() if day is not None), default=None)
    return _with(_visit(followed, row, row.windows()[0], state), None if missing else arrived, missing)


def _report(case: Case, followed: _Followed, row: VisitRule) -> ScheduledVisit:
    day = _arrived([each.on for each in case.reports if each.scale in row.scales], followed, row.from_days)
    state = "done" if day is not None else "missed" if followed.until is not None else "open"
    return _with(_visit(followed, row, row.windows()[0], state), day)


def _imaging(case: Case, followed: _Followed, rows: list[VisitRule]) -> Iterator[ScheduledVisit]:
    """Each image counts for one visit: the one whose time had begun; an earlier one without any was missed."""
    visits = sorted(((window, row) for row in rows for window in row.windows()), key=lambda pair: pair[0])
    starts = [_counts_from(window[0], row) for window, row in visits]
    for index, (window, row) in enumerate(visits):
        day = _arrived(_images(case, row), followed, starts[index])
        following = starts[index + 1] if index + 1 < len(visits) else None
        beyond = None if following is None else followed.performed_on + timedelta(days=following)
        if day is not None and (beyond is None or day < beyond):
            yield _with(_visit(followed, row, window, "done"), day)
        elif day is not None:
            yield _visit(followed, row, window, "missed")
        elif followed.until is not None:
            if followed.performed_on + timedelta(days=window[1]) < followed.until:
                yield _visit(followed, row, window, "missed")
        else:
            yield _visit(followed, row, window, "open")
            if not _of_the_day(row):
                return


def _of_the_day(row: VisitRule) -> bool:
    return row.every_days is None and row.from_days == 0


def _counts_from(first_day: int, row: VisitRule) -> int:
    """From which day on an image counts for a visit: a little early, but one of the treatment day only for that day."""
    return 0 if _of_the_day(row) else max(first_day - setting("early_days").value, 1)


def _images(case: Case, row: VisitRule) -> list[date]:
    return [
        each.study_date
        for each in case.studies
        if each.study_date is not None and (not row.modalities or each.modality in row.modalities)
    ]
