"""What the course says on two stages: rule sets where the next step is written, totals where the plan is signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

from planner.app.course_planning import course_profile
from planner.app.sessions import local_now
from planner.model.case import Case
from planner.workflow.course_ledger import CourseLedger, Projection, course_ledger, projected
from planner.workflow.next_step import NextStepCard, next_step_card
from planner.workflow.template import Profile, Template
from viewers.panels.ledger_panel import LedgerBrief, LedgerPage, LedgerView
from viewers.panels.next_step_card import NextStepBrief, NextStepPage
from viewers.window.case_response_pages import covered, leave_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

NEXT_STEP, PLAN_SIGNED = "next_step", "plan_signed"
"""Stages of every template (``procedures/*/template.toml``) that these stand on."""
TODAY = "today"
NO_CASE = "Open a case first."


@dataclass(frozen=True, eq=False, slots=True)
class _Basis:
    """What card and ledger are judged from; while all of it is the same, they are not judged again."""

    case: Case
    templates: Mapping[str, Template]
    profile: Profile
    moment: str

    def holds(self, now: _Basis) -> bool:
        same = self.case is now.case and self.templates is now.templates and self.profile is now.profile
        return same and self.moment == now.moment


class CaseNextStep:
    """The card as a page, and in short on the stage of the next step."""

    def __init__(self, window: MainWindow, plan: Callable[[], object], ledger: Callable[[], object]) -> None:
        self.window = window
        self._plan, self._ledger = plan, ledger
        self.page: NextStepPage | None = None
        self.brief: NextStepBrief | None = None
        self._known: tuple[_Basis, NextStepCard] | None = None
        self._soon = _soon_timer(self.refresh)

    def follow(self, work: CaseWork) -> None:
        self.leave()
        work.changed.connect(self._refresh_soon)
        self._known = None
        self.refresh()

    def _refresh_soon(self) -> None:
        """A burst of edits is judged once."""
        self._soon.start()

    @property
    def is_open(self) -> bool:
        return covered(self.window, self.page)

    def toggle(self) -> None:
        """Ctrl+Shift+X: the card, or the images again."""
        if self.is_open:
            self.leave()
        else:
            self.show()

    def show(self) -> None:
        work = self.window.work
        if work is None:
            self.window.say(NO_CASE)
            return
        if self.page is None:
            # The page is seen before it is filled: building it and judging are two turns of the event loop.
            self.page = NextStepPage(self.leave, self._plan, self._ledger)
            self._soon.start()
        else:
            self.page.show_card(self.card(work))
        self.window.case_page.cover(self.page)
        self.page.setFocus()

    def leave(self) -> None:
        leave_page(self.window, self.page)

    def card(self, work: CaseWork) -> NextStepCard:
        """What the rule sets say of the case now."""
        now = datetime.combine(work.today, local_now().timetz())
        basis = _basis(self.window, work, now.isoformat(timespec="minutes"))
        if self._known is None or not self._known[0].holds(basis):
            self._known = (basis, next_step_card(basis.case, basis.templates, basis.profile, now))
        return self._known[1]

    def refresh(self) -> None:
        """After every change, where it is seen."""
        work = self.window.work
        if work is None:
            return
        on_stage = work.stage_id == NEXT_STEP
        if on_stage and self.brief is None:
            self.brief = NextStepBrief(self.show, self._plan)
            self.window.case_page.stage_panel.extras.addWidget(self.brief)
        if self.brief is not None:
            self.brief.setVisible(on_stage)
        if on_stage or self.is_open:
            found = self.card(work)
            if self.brief is not None and on_stage:
                self.brief.show_card(found)
            if self.page is not None and self.is_open:
                self.page.show_card(found)


class CaseLedgers:
    """The ledger as a page, and its totals with the plan where the plan is signed."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.page: LedgerPage | None = None
        self.brief: LedgerBrief | None = None
        self.of = TODAY
        self._known: tuple[_Basis, CourseLedger] | None = None
        self._ahead: tuple[_Basis, str, Projection] | None = None
        self._soon = _soon_timer(self.refresh)

    def follow(self, work: CaseWork) -> None:
        self.leave()
        self.of = TODAY
        self._known = self._ahead = None
        work.changed.connect(self._refresh_soon)
        self.refresh()

    def _refresh_soon(self) -> None:
        """A burst of edits is added up once."""
        self._soon.start()

    @property
    def is_open(self) -> bool:
        return covered(self.window, self.page)

    def toggle(self) -> None:
        """Ctrl+Shift+G: the ledger, or the images again."""
        if self.is_open:
            self.leave()
        else:
            self.show()

    def show(self, of: str | None = None) -> None:
        """The ledger as given (``today``), or with what a session plans (its id)."""
        work = self.window.work
        if work is None:
            self.window.say(NO_CASE)
            return
        self.of = of or self.of
        if self.page is None:
            self.page = LedgerPage(self.leave, self._choose, self._open_session)
        self.page.show_view(self.view(work))
        self.window.case_page.cover(self.page)
        self.page.table.setFocus()

    def leave(self) -> None:
        leave_page(self.window, self.page)

    def view(self, work: CaseWork) -> LedgerView:
        """The ledger as it stands today, or as it would stand after a planned session."""
        case, templates = work.opened.case, self.window.installed.templates
        planned = [each for each in case.sessions if each.performed_on is None and each.template.id in templates]
        choices = [(TODAY, f"As given, {work.today.isoformat()}")]
        choices += [(each.id, f"With the plan of {each.title}") for each in planned]
        sessions = {each.id: each.title for each in case.sessions}
        if self.of not in dict(choices):
            self.of = TODAY
        if self.of == TODAY:
            return LedgerView(self._given(work), tuple(choices), TODAY, sessions)
        ahead = self._projected(work, self.of)
        return LedgerView(ahead.ledger, tuple(choices), self.of, sessions, ahead.planned, ahead.silent)

    def refresh(self) -> None:
        """After every change, where it is seen."""
        work = self.window.work
        if work is None:
            return
        desk = work.session_desk
        signing = desk is not None and work.stage_id == PLAN_SIGNED
        if signing and self.brief is None:
            self.brief = LedgerBrief(self._open_here)
            self.window.case_page.stage_panel.extras.addWidget(self.brief)
        if self.brief is not None:
            self.brief.setVisible(signing)
        if signing and self.brief is not None and desk is not None:
            ahead = self._projected(work, desk.session_id)
            performed = desk.session.performed_on is not None
            self.brief.show_projection(ahead.ledger, ahead.silent, performed=performed)
        if self.is_open and self.page is not None:
            self.page.show_view(self.view(work))

    def _given(self, work: CaseWork) -> CourseLedger:
        """What was given so far, added up once for a value of the case."""
        basis = _basis(self.window, work, work.today.isoformat())
        if self._known is None or not self._known[0].holds(basis):
            found = course_ledger(basis.case, basis.templates, basis.profile, work.today)
            self._known = (basis, found)
        return self._known[1]

    def _projected(self, work: CaseWork, session_id: str) -> Projection:
        """With what a session plans, added up once for a value of the case."""
        basis, known = _basis(self.window, work, work.today.isoformat()), self._ahead
        if known is None or known[1] != session_id or not known[0].holds(basis):
            ahead = projected(basis.case, session_id, basis.templates, basis.profile, work.today)
            known = self._ahead = (basis, session_id, ahead)
        return known[2]

    def _open_here(self) -> None:
        work = self.window.work
        desk = work.session_desk if work is not None else None
        self.show(desk.session_id if desk is not None and desk.session.performed_on is None else TODAY)

    def _choose(self, of: str) -> None:
        self.of = of
        self.refresh()

    def _open_session(self, session_id: str) -> None:
        self.leave()
        self.window.dialogs.course.open_session(session_id)


def _profile(window: MainWindow, work: CaseWork) -> Profile:
    """Limits of the open session's institution; without one, those of the course."""
    desk = work.session_desk
    return desk.profile if desk is not None else course_profile(work.opened.case, window.installed)


def _basis(window: MainWindow, work: CaseWork, moment: str) -> _Basis:
    return _Basis(work.opened.case, window.installed.templates, _profile(window, work), moment)


def _soon_timer(act: Callable[[], None]) -> QTimer:
    made = QTimer()
    made.setSingleShot(True)
    made.setInterval(0)
    made.timeout.connect(act)
    return made
