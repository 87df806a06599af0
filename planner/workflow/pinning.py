"""The time-out pins the case: what the earlier phases are judged by from then on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from planner.model.case import Case
from planner.model.codec import canonical, digest, from_json, to_json
from planner.model.session import Session
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


@lru_cache(maxsize=16)
def _case_of(text: str) -> Case:
    return from_json(Case, json.loads(text))


def basis_of(case: Case, session: Session, stage: Stage, now: datetime) -> Basis:
    """The live case, or for a frozen stage the pinned one with today's signatures."""
    if not is_frozen(session, stage) or session.time_out is None:
        return Basis(case, session, now, frozen=False)
    then = _case_of(canonical(session.time_out.pinned_case))
    mine = then.session(session.id) or session
    mine = replace(mine, signoffs=session.signoffs, overrides=session.overrides, time_out=session.time_out)
    return Basis(then, replace(mine, state=session.state), session.time_out.at, frozen=True)
