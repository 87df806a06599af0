"""Edits: pure functions from a case to a case. An edit that changes nothing returns the very same value."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from planner.errors import BugError
from planner.model.case import Case
from planner.model.disease import Lesion
from planner.model.items import PlanItem
from planner.model.session import Answer, Session

Edit = Callable[[Case], Case]


def new_id(prefix: str) -> str:
    """A fresh identifier, random, never made from anything that came with a file."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def with_session(case: Case, session: Session) -> Case:
    """The case with this session put in (or replaced by id, in its place)."""
    if case.session(session.id) is None:
        return replace(case, sessions=(*case.sessions, session))
    return replace(case, sessions=tuple(session if each.id == session.id else each for each in case.sessions))


def session_edit(session_id: str, change: Callable[[Session], Session]) -> Edit:
    """Lift a change of a session to an edit of the case."""

    def edit(case: Case) -> Case:
        session = case.session(session_id)
        if session is None:
            raise BugError(f"no session {session_id} in case {case.id}")
        changed = change(session)
        return case if changed is session else with_session(case, changed)

    return edit


def with_answer(session: Session, stage: str, name: str, answer: Answer) -> Session:
    """The session with one field answered."""
    if session.answers.get(stage, {}).get(name) == answer:
        return session
    fields = {**session.answers.get(stage, {}), name: answer}
    return replace(session, answers=MappingProxyType({**session.answers, stage: MappingProxyType(fields)}))


def with_item(session: Session, item: PlanItem) -> Session:
    """The session with this item put in, or replaced by id."""
    if session.item(item.id) is None:
        return replace(session, items=(*session.items, item))
    return replace(session, items=tuple(item if each.id == item.id else each for each in session.items))


def without_item(session: Session, item_id: str) -> Session:
    kept = tuple(item for item in session.items if item.id != item_id)
    return session if len(kept) == len(session.items) else replace(session, items=kept)


def with_lesion(case: Case, lesion: Lesion) -> Case:
    """The case with this lesion put in, or replaced by id. The confirmation of the list falls when the list changes."""
    if case.lesion(lesion.id) is None:
        return replace(case, lesions=(*case.lesions, lesion))
    return replace(case, lesions=tuple(lesion if each.id == lesion.id else each for each in case.lesions))


def without_lesion(case: Case, lesion_id: str) -> Case:
    return replace(case, lesions=tuple(lesion for lesion in case.lesions if lesion.id != lesion_id))
