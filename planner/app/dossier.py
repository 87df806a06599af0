"""The dossier of a session: its checklist, what is missing, and closing it by name. Each change is one edit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from planner.app.templates import Installed
from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.dossier import DossierClosure, MissingAccepted
from planner.model.edits import Edit
from planner.model.session import Session, SessionState
from planner.store.library import Library
from planner.workflow.answers import the_session
from planner.workflow.dossier import ChecklistRow, MissingRow, checklist_digest, checklist_of, closure_of
from planner.workflow.evaluate import evaluate

OPEN, CLOSED, CHANGED = "open", "closed", "changed"
_NOT_TO_BE_CLOSED = frozenset(
    {SessionState.DRAFT, SessionState.PLANNED, SessionState.BOOKED, SessionState.READY, SessionState.IN_ROOM}
)
"""States of sessions that are still to come or going on."""


@dataclass(frozen=True, slots=True)
class DossierState:
    """A session's dossier as it stands.

    Attributes
    ----------
    state
        ``open``, ``closed``, or ``changed``: closed, but the checklist says something else since.
    rows
        The whole checklist.
    closure
        None while it is open.
    newly_missing
        What lacks and was not accepted when it was closed.
    """

    session_id: str
    state: str
    rows: tuple[ChecklistRow, ...]
    closure: DossierClosure | None
    newly_missing: tuple[MissingRow, ...]

    @property
    def missing(self) -> tuple[MissingRow, ...]:
        return tuple(MissingRow(each.code, each.title, each.why) for each in self.rows if not each.done)

    @property
    def words(self) -> str:
        """One line for pages and paper."""
        count = len(self.missing)
        lacks = "nothing missing" if not count else f"{count} missing"
        if self.closure is None:
            return f"Dossier open, {lacks}"
        day = self.closure.closed_at.date().isoformat()
        accepted = len(self.closure.missing)
        without = f", {accepted} missing accepted with reasons" if accepted else ""
        closed = f"Dossier closed by {self.closure.closed_by} on {day}{without}"
        return f"{closed}; CHANGED SINCE: {lacks}" if self.state == CHANGED else closed


def printed_of(library: Library, case_id: str) -> frozenset[str]:
    """What the library notes as printed of a case, for the checklist."""
    return frozenset(each.what for each in library.prints(case_id))


def dossier_state(
    case: Case,
    session_id: str,
    installed: Installed,
    now: datetime,
    *,
    printed: Collection[str] | None = None,
) -> DossierState:
    """The checklist of a session with its closing.

    Parameters
    ----------
    now
        Signatures are judged by it.
    printed
        See `printed_of`; None: the library is not asked, and the print counts as not checked.

    Raises
    ------
    UsageError
        ``unknown-session``, ``unknown-template`` or ``unknown-profile``.
    """
    session = the_session(case, session_id)
    rows = _rows(case, session, installed, now, printed)
    closure = closure_of(case, session_id)
    if closure is None:
        return DossierState(session_id, OPEN, rows, None, ())
    same = closure.checklist_digest == checklist_digest(rows)
    accepted = {each.code for each in closure.missing}
    fresh = tuple(
        MissingRow(each.code, each.title, each.why)
        for each in rows
        if not each.done and each.code not in accepted and not (each.from_library and printed is None)
    )
    changed = not same or any(each.from_library and each.code in {new.code for new in fresh} for each in rows)
    return DossierState(session_id, CHANGED if changed else CLOSED, rows, closure, fresh)


def _rows(
    case: Case, session: Session, installed: Installed, now: datetime, printed: Collection[str] | None
) -> tuple[ChecklistRow, ...]:
    template, profile = installed.template(session.template.id), installed.profile(session.template.profile)
    status = evaluate(case, session, template, profile, now)
    return checklist_of(case, session, template, status=status, printed=printed)


def close_dossier(
    session_id: str,
    reasons: Mapping[str, str],
    *,
    by: str,
    at: datetime,
    installed: Installed,
    printed: Collection[str] | None = None,
) -> Edit:
    """Close the file of a session by name; what is missing is kept with the reason why it is closed without it.

    Parameters
    ----------
    reasons
        Code of the missing row -> why the dossier is closed without it; every missing row needs one.
    printed
        See `printed_of`.

    Raises
    ------
    UsageError
        ``missing-name``; when applied, ``unknown-session``.
    InputRefused
        When applied: ``missing-reasons`` (names the rows), ``not-performed``, ``already-closed``.
    """
    person = by.strip()
    if not person:
        raise UsageError("missing-name", "Type who closes the dossier.", subject=session_id)
    given = {code: words.strip() for code, words in reasons.items() if words.strip()}

    def edit(case: Case) -> Case:
        state = dossier_state(case, session_id, installed, at, printed=printed)
        session = the_session(case, session_id)
        if session.state in _NOT_TO_BE_CLOSED:
            text = f"{session.title} is {session.state.value}; a dossier is closed after the session."
            raise InputRefused("not-performed", text, subject=session_id)
        if state.state == CLOSED:
            raise InputRefused("already-closed", f"{state.words}; reopen it first.", subject=session_id)
        unexplained = [each for each in state.missing if each.code not in given]
        if unexplained:
            names = ", ".join(each.text for each in unexplained)
            text = f"Missing and without a reason: {names}. Add it, or write why it is closed without it."
            raise InputRefused("missing-reasons", text, subject=session_id)
        accepted = tuple(
            MissingAccepted(each.code, f"{each.text}: {each.why}", given[each.code]) for each in state.missing
        )
        closure = DossierClosure(session_id, person, at, accepted, checklist_digest(state.rows))
        return replace(case, closures=(*_others(case, session_id), closure))

    return edit


def reopen_dossier(session_id: str) -> Edit:
    """Open a closed dossier again; the earlier closing stays in the history of the case.

    Raises
    ------
    UsageError
        When applied, ``not-closed``.
    """

    def edit(case: Case) -> Case:
        if closure_of(case, session_id) is None:
            raise UsageError("not-closed", "The dossier of this session is not closed.", subject=session_id)
        return replace(case, closures=_others(case, session_id))

    return edit


def _others(case: Case, session_id: str) -> tuple[DossierClosure, ...]:
    return tuple(each for each in case.closures if each.session_id != session_id)
