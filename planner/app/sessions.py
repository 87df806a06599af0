"""What a person does with a session of an open case: fill, sign, override, time-out, states, and the next session.

Each act is one step of undo. The window, the command line and scripts all work through `SessionDesk`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from planner.app.templates import Installed
from planner.errors import UsageError
from planner.findings import Finding
from planner.model.case import Case
from planner.model.codec import digest
from planner.model.document import Document
from planner.model.session import Session, SessionState
from planner.workflow import answers, inheritance, lifecycle, signing
from planner.workflow.course import LesionRemains, course_findings, what_remains
from planner.workflow.evaluate import evaluate, session_json
from planner.workflow.last_time import LastTimeCard, last_time_card
from planner.workflow.ledgers import CaseLedger, ledger_of
from planner.workflow.status import SessionStatus
from planner.workflow.template import Profile, Template


def local_now() -> datetime:
    """The clock of the desk, with its time zone, to the second."""
    return datetime.now().astimezone().replace(microsecond=0)


@dataclass(slots=True)
class SessionDesk:
    """One session of an open document, with the template and profile it follows.

    Parameters
    ----------
    document
        The open case; every act below is applied to it as one edit.
    clock
        Gives the moment of an act or an evaluation.

    Raises
    ------
    UsageError
        ``unknown-session`` from every method when the session is not (or, after an undo, no longer) in the case.
    """

    document: Document
    session_id: str
    template: Template
    profile: Profile
    clock: Callable[[], datetime] = local_now
    _known: tuple[str, Case, SessionStatus] | None = field(default=None, repr=False)

    @property
    def case(self) -> Case:
        return self.document.case

    @property
    def session(self) -> Session:
        return answers.the_session(self.case, self.session_id)

    def status(self) -> SessionStatus:
        """Where every stage stands now. Kept while neither the case nor the minute changes."""
        now = self.clock()
        minute = now.isoformat(timespec="minutes")
        if self._known is None or self._known[0] != minute or self._known[1] is not self.case:
            self._known = (minute, self.case, evaluate(self.case, self.session, self.template, self.profile, now))
        return self._known[2]

    def answer(self, stage: str, name: str, value: Any, *, by: str, merge: str | None = None) -> bool:
        """Fill a field (see `planner.workflow.answers.answer_field`); False when that changed nothing."""
        now, session, template = self.clock(), self.session_id, self.template
        described = answers.the_field(answers.the_stage(template, stage), name)
        return self.document.apply(
            f"Fill {described.label}",
            lambda case: answers.answer_field(case, session, template, stage, name, value, by=by, now=now),
            merge=merge,
        )

    def confirm_inherited(self, stage: str, *, by: str) -> bool:
        """Keep every carried answer of a stage as looked at."""
        now, session, template = self.clock(), self.session_id, self.template
        return self.document.apply(
            "Confirm carried values",
            lambda case: answers.confirm_inherited(case, session, template, stage, by=by, now=now),
        )

    def confirm_item(self, item_id: str) -> bool:
        """Keep a copied item as looked at."""
        session = self.session_id
        return self.document.apply("Confirm item", lambda case: inheritance.confirm_item(case, session, item_id))

    def sign(self, stage: str, *, role: str, by: str, prepared_by: str | None = None) -> bool:
        """Sign a stage for one role."""
        now, session, template, profile = self.clock(), self.session_id, self.template, self.profile
        title = answers.the_stage(template, stage).title
        return self.document.apply(
            f"Sign {title}",
            lambda case: signing.sign(
                case, session, template, profile, stage, role=role, by=by, now=now, prepared_by=prepared_by
            ),
        )

    def withdraw_signature(self, stage: str, *, role: str, by: str) -> bool:
        """Take one role's signature back, before the time-out."""
        session, template = self.session_id, self.template
        return self.document.apply(
            "Withdraw signature",
            lambda case: signing.withdraw_signature(case, session, template, stage, role=role, by=by),
        )

    def override(self, stage: str, finding: Finding, *, by: str, reason: str) -> bool:
        """Pass a blocking finding, with the reason."""
        now, session, template, profile = self.clock(), self.session_id, self.template, self.profile
        code, subject = finding.code, finding.subject
        return self.document.apply(
            f"Override {finding.code}",
            lambda case: signing.override(
                case, session, template, profile, stage, code=code, subject=subject, by=by, reason=reason, now=now
            ),
        )

    def withdraw_override(self, stage: str, finding: Finding) -> bool:
        """Let an overridden finding stand again."""
        session, template, code, subject = self.session_id, self.template, finding.code, finding.subject
        return self.document.apply(
            "Withdraw override",
            lambda case: signing.withdraw_override(case, session, template, stage, code=code, subject=subject),
        )

    def record_time_out(self, *, by: tuple[str, ...]) -> bool:
        """Record the time-out; plan and values used are pinned."""
        now, session, template, profile = self.clock(), self.session_id, self.template, self.profile
        return self.document.apply(
            "Record time-out",
            lambda case: signing.record_time_out(case, session, template, profile, by=by, now=now),
        )

    def allowed_states(self) -> tuple[SessionState, ...]:
        """Where the session may go from here."""
        return lifecycle.allowed_states(self.session)

    def advance(self, to: SessionState, *, by: str, reason: str | None = None) -> bool:
        """Move the session on; see `planner.workflow.lifecycle.advance_state`."""
        now, session, template, profile = self.clock(), self.session_id, self.template, self.profile
        return self.document.apply(
            f"Session {to}",
            lambda case: lifecycle.advance_state(case, session, template, profile, to, by=by, now=now, reason=reason),
        )

    def set_emergency(self, emergency: bool, *, by: str) -> bool:
        """Make the session an emergency, or elective again, before the time-out."""
        session = self.session_id
        label = "Emergency" if emergency else "Elective"
        return self.document.apply(label, lambda case: lifecycle.set_emergency(case, session, emergency, by=by))

    def start_next(self, *, title: str | None = None) -> SessionDesk:
        """Start the next session from this one, and give its desk."""
        case, session_id = inheritance.start_next_session(
            self.case, self.session_id, self.template, self.profile, now=self.clock(), title=title
        )
        self.document.apply("Start next session", lambda _: case)
        return SessionDesk(self.document, session_id, self.template, self.profile, self.clock)

    def last_time(self) -> LastTimeCard | None:
        """The card of the session this one was started from; None for a first session."""
        before = self.session.started_from
        if before is None or self.case.session(before) is None:
            return None
        return last_time_card(self.case, before, self.template)


def begin_session(
    document: Document,
    installed: Installed,
    template_id: str,
    profile_id: str,
    *,
    title: str | None = None,
    planned_on: date | None = None,
    clock: Callable[[], datetime] = local_now,
) -> SessionDesk:
    """A new, empty session of a template in an open case."""
    template, profile = installed.template(template_id), installed.profile(profile_id)
    case, session_id = lifecycle.new_session(document.case, template, profile, title=title, planned_on=planned_on)
    document.apply(f"New session {template.title}", lambda _: case)
    return SessionDesk(document, session_id, template, profile, clock)


def open_session(
    document: Document, installed: Installed, session_id: str, *, clock: Callable[[], datetime] = local_now
) -> SessionDesk:
    """The desk of a session that is already in the case, with its own template and profile.

    Raises
    ------
    UsageError
        ``unknown-session``, ``unknown-template`` or ``unknown-profile``.
    """
    session = answers.the_session(document.case, session_id)
    template, profile = installed.template(session.template.id), installed.profile(session.template.profile)
    return SessionDesk(document, session_id, template, profile, clock)


def check_document(case: Case, session_id: str, installed: Installed, now: datetime) -> tuple[dict[str, Any], bool]:
    """The document of ``case check``, and whether a blocking finding stands.

    Raises
    ------
    UsageError
        ``unknown-session``, ``unknown-template`` or ``unknown-profile``.
    """
    session = answers.the_session(case, session_id)
    template, profile = installed.template(session.template.id), installed.profile(session.template.profile)
    status = evaluate(case, session, template, profile, now)
    ledger = ledger_of(case, installed.templates).to_json()
    return session_json(case, session, status, ledger), status.blocked


@dataclass(frozen=True, slots=True)
class CourseOverview:
    """The course of a case at a glance: what remains, the ledger, and what is wrong with the order of steps."""

    remains: tuple[LesionRemains, ...]
    ledger: CaseLedger
    findings: tuple[Finding, ...]


def course_overview(case: Case, installed: Installed, today: date) -> CourseOverview:
    templates = installed.templates
    findings = course_findings(case, today, templates)
    return CourseOverview(what_remains(case, templates), ledger_of(case, templates), findings)


def current_session(case: Case) -> Session:
    """The session a person most likely means: the newest that is not closed or cancelled, else the newest.

    Raises
    ------
    UsageError
        ``unknown-session`` when the case has none.
    """
    if not case.sessions:
        raise UsageError("unknown-session", f"The case {case.id} has no session yet; start one from a template.")
    over = {SessionState.CLOSED, SessionState.CANCELLED}
    return next((each for each in reversed(case.sessions) if each.state not in over), case.sessions[-1])


def plan_revision_digest(case: Case, session_id: str) -> str:
    """Digest of a session's plan as printed on each page: answers, items, series and template."""
    session = answers.the_session(case, session_id)
    content: Mapping[str, Any] = {
        "answers": session.answers,
        "items": session.items,
        "series": session.series_roles,
        "template": session.template,
    }
    return digest(content)
