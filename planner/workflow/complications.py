"""Complications over a course, each with the scheme it was graded by; schemes are never converted (R16)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from planner.model.case import Case
from planner.model.session import Session

IN_THE_ROOM = ("sign_out", "events")
AFTERWARDS = ("events_30d", "adverse_events")
NONE = ("events_30d", "none")


@dataclass(frozen=True, slots=True)
class Complication:
    """One adverse event.

    Attributes
    ----------
    scheme
        With its version (``CIRSE 2017``); None: graded by nobody, which is not grade 0.
    """

    session_id: str
    event: str
    on: date | None
    scheme: str | None
    grade: str | None
    action: str | None


def complications(case: Case) -> tuple[Complication, ...]:
    """Every event in the room and afterwards, session by session."""
    return tuple(found for session in case.sessions for found in complications_of(session))


def complications_of(session: Session) -> tuple[Complication, ...]:
    """The events of one session."""
    return (*_rows(session, *IN_THE_ROOM), *_rows(session, *AFTERWARDS))


def events_asked(session: Session) -> bool | None:
    """Whether somebody asked for events to 30 days: True, or None while nobody has. Silence is not "none"."""
    said = session.answer(*NONE) is not None or bool(session.answer(*AFTERWARDS))
    return True if said else None


def _rows(session: Session, stage: str, name: str) -> Iterator[Complication]:
    for row in session.answer(stage, name) or ():
        if row.get("event"):
            on = _day(row.get("on")) or (session.performed_on if stage == IN_THE_ROOM[0] else None)
            words = (_text(row.get(each)) for each in ("scheme", "grade", "action"))
            yield Complication(session.id, str(row["event"]), on, *words)


def _text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
