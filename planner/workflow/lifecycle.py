"""The life of a session: how it begins, through which states it goes, and what an emergency changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType

from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.edits import new_id, with_session
from planner.model.session import Session, SessionState, TemplateRef
from planner.workflow.answers import require_name, the_session
from planner.workflow.evaluate import evaluate
from planner.workflow.template import Phase, Profile, Template

S = SessionState

ALLOWED: Mapping[SessionState, tuple[SessionState, ...]] = MappingProxyType(
    {
        S.DRAFT: (S.PLANNED, S.IN_ROOM, S.POSTPONED, S.CANCELLED),
        S.PLANNED: (S.BOOKED, S.READY, S.IN_ROOM, S.DRAFT, S.POSTPONED, S.CANCELLED),
        S.BOOKED: (S.READY, S.IN_ROOM, S.PLANNED, S.POSTPONED, S.CANCELLED),
        S.READY: (S.IN_ROOM, S.BOOKED, S.POSTPONED, S.CANCELLED),
        S.IN_ROOM: (S.DONE, S.NOTHING_GIVEN, S.ABORTED),
        S.DONE: (S.RECOVERED,),
        S.NOTHING_GIVEN: (S.RECOVERED, S.CLOSED),
        S.ABORTED: (S.RECOVERED, S.CLOSED),
        S.RECOVERED: (S.DISCHARGED,),
        S.DISCHARGED: (S.OUTCOME_READ, S.CLOSED),
        S.OUTCOME_READ: (S.CLOSED,),
        S.CLOSED: (S.OUTCOME_READ,),
        S.POSTPONED: (S.PLANNED, S.BOOKED, S.CANCELLED),
        S.CANCELLED: (S.DRAFT,),
    }
)
"""Steps of practice notes section 3 item 9. What happened in the room can be entered from any state before it, and
closing does not wait for the outcome, which may be read after it."""

NEEDS_REASON = frozenset(
    {S.POSTPONED, S.CANCELLED, S.NOTHING_GIVEN, S.ABORTED},
)
BACKWARDS = frozenset({(S.PLANNED, S.DRAFT), (S.BOOKED, S.PLANNED), (S.READY, S.BOOKED), (S.CANCELLED, S.DRAFT)})
GATED: Mapping[SessionState, tuple[Phase, ...]] = MappingProxyType(
    {S.PLANNED: (Phase.DECIDE, Phase.PLAN), S.BOOKED: (Phase.DECIDE, Phase.PLAN), S.READY: (Phase.DECIDE, Phase.PLAN)}
)
"""Phases that are complete before a plan may call itself so; a reason passes it, and stays written beside the state."""
PERFORMED_BY = frozenset({S.IN_ROOM})


def new_session(
    case: Case,
    template: Template,
    profile: Profile,
    *,
    title: str | None = None,
    planned_on: date | None = None,
    session_id: str | None = None,
) -> tuple[Case, str]:
    """The case with an empty session of a template, and its id."""
    reference = TemplateRef(template.id, template.version, template.digest, profile.id, profile.version)
    count = sum(each.template.id == template.id for each in case.sessions) + 1
    session = Session(
        id=session_id or new_id("session"),
        title=title or f"{template.title} {count}",
        template=reference,
        planned_on=planned_on,
    )
    return with_session(case, session), session.id


def allowed_states(session: Session) -> tuple[SessionState, ...]:
    """Where a session may go from where it is."""
    return ALLOWED[session.state]


def needs_reason(session: Session, to: SessionState) -> bool:
    """Whether a step asks for the reason in words."""
    return to in NEEDS_REASON or (session.state, to) in BACKWARDS


def advance_state(
    case: Case,
    session_id: str,
    template: Template,
    profile: Profile,
    to: SessionState,
    *,
    by: str,
    now: datetime,
    reason: str | None = None,
) -> Case:
    """The case with a session in another state. Entering the room sets the day it was performed on.

    Raises
    ------
    UsageError
        ``wrong-state`` for a step that is not in `ALLOWED`.
    InputRefused
        ``reason-missing``; ``plan-incomplete`` while DECIDE and PLAN stages of an elective session are unsigned and no
        reason is given.
    """
    session = the_session(case, session_id)
    require_name(by)
    if to not in ALLOWED[session.state]:
        could = ", ".join(ALLOWED[session.state])
        said = f"A session that is {session.state} cannot become {to}; it can become {could}."
        raise UsageError("wrong-state", said, subject=session_id)
    why = (reason or "").strip()
    if needs_reason(session, to) and not why:
        raise InputRefused("reason-missing", f"To make a session {to}, write the reason.", subject=session_id)
    if not why and not session.emergency and to in GATED:
        _refuse_incomplete(case, session, template, profile, to, now)
    performed = now.date() if to in PERFORMED_BY and session.performed_on is None else session.performed_on
    return with_session(case, replace(session, state=to, state_reason=why or None, performed_on=performed))


def _refuse_incomplete(
    case: Case, session: Session, template: Template, profile: Profile, to: SessionState, now: datetime
) -> None:
    status = evaluate(case, session, template, profile, now)
    undone = [each.stage.title for each in status.stages if each.stage.phase in GATED[to] and not each.complete]
    if undone:
        said = f"The session cannot be {to} before these stages are signed: {', '.join(undone)}; or give the reason."
        raise InputRefused("plan-incomplete", said, subject=session.id)


def set_emergency(case: Case, session_id: str, emergency: bool, *, by: str) -> Case:
    """The case with a session made an emergency, or elective again.

    Raises
    ------
    InputRefused
        ``plan-frozen`` after the time-out: what was gated then is history.
    """
    session = the_session(case, session_id)
    require_name(by)
    if session.emergency == emergency:
        return case
    if session.time_out is not None:
        said = "The time-out is recorded; whether this was an emergency cannot be changed any more."
        raise InputRefused("plan-frozen", said, subject=session_id)
    return with_session(case, replace(session, emergency=emergency))
