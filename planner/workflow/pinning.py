"""The time-out pins the case: what the earlier phases are judged by from then on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from planner.model.case import Case
from planner.model.codec import digest, from_json, plain, to_json
from planner.model.session import Session, TimeOut
from planner.workflow.template import Phase, Profile, Stage, Template
from planner.workflow.vocabulary import rules_digest

PLAN_PHASES = (Phase.DECIDE, Phase.PLAN, Phase.DAY)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a stage is judged by.

    Attributes
    ----------
    frozen
        The time-out has passed and this is the case as it was pinned then.
    """

    case: Case
    session: Session
    now: datetime
    frozen: bool


def is_frozen(session: Session, stage: Stage) -> bool:
    """Whether the time-out has frozen a stage. What an emergency leaves for later stays open after its time-out."""
    if session.time_out is None or stage.phase not in PLAN_PHASES:
        return False
    return not session.emergency or stage.in_emergency_form


def signed_after_emergency(session: Session, stage: Stage) -> datetime | None:
    """When a stage that an emergency had left for later was last signed; None for every other stage."""
    if not session.emergency or session.time_out is None or stage.phase not in PLAN_PHASES or stage.in_emergency_form:
        return None
    return max((each.at for each in session.signoffs if each.stage == stage.id), default=None)


def pinned(case: Case, session_id: str) -> Mapping[str, Any]:
    """The JSON of a case to keep in a time-out."""
    kept = tuple(
        replace(session, time_out=None) if session.id == session_id else replace(session, time_out=None, items=())
        for session in case.sessions
    )
    stored = to_json(replace(case, sessions=kept))
    assert isinstance(stored, dict)
    return stored


def plan_digest(case: Case, session_id: str) -> str:
    return digest(pinned(case, session_id))


def rules_now(template: Template, profile: Profile) -> str:
    """Digest of all that judges: template, institution profile, rule catalogues."""
    return digest({"template": template.digest, "profile": profile.digest, "rules": rules_digest()})


_KEPT = 16
_known: dict[int, tuple[TimeOut, Case]] = {}


def _case_of(time_out: TimeOut) -> Case:
    """The pinned case, read once per time-out value: every stage of every evaluation asks for it.

    Known by identity; the value is held, so an identity is never that of another one.
    """
    held = _known.get(id(time_out))
    if held is not None:
        return held[1]
    read = from_json(Case, plain(time_out.pinned_case))
    while len(_known) >= _KEPT:
        _known.pop(next(iter(_known)))
    _known[id(time_out)] = (time_out, read)
    return read


def basis_of(case: Case, session: Session, stage: Stage, now: datetime) -> Basis:
    """The live case, or for a frozen stage the pinned one with today's signatures."""
    if not is_frozen(session, stage) or session.time_out is None:
        return Basis(case, session, now, frozen=False)
    then = _case_of(session.time_out)
    mine = then.session(session.id) or session
    mine = replace(mine, signoffs=session.signoffs, overrides=session.overrides, time_out=session.time_out)
    return Basis(then, replace(mine, state=session.state), session.time_out.at, frozen=True)
