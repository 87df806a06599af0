"""The dossier in the window: completeness judged in the background, the summary edited in place, released by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

from planner.app import dossier, patient_summary
from planner.app.sessions import local_now
from planner.errors import OperatorError
from planner.jobs import Context
from planner.model.case import Case
from planner.model.dossier import PatientSummary
from planner.model.edits import Edit
from planner.model.session import Session
from viewers.panels.dossier_content import DossierActs, DossierJudged, DossierView
from viewers.panels.dossier_page import DossierPage
from viewers.window.case_board_cover import CasePageCover

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

JUDGED_AFTER_MS = 150
"""Once the edits have come to rest: a burst of them is judged once."""


class CaseDossier(CasePageCover[DossierPage]):
    """Shows the dossier of the open session (Ctrl+Shift+D), or of another one of the case."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.session_id: str | None = None
        self.summary_id: str | None = None
        self._judged: DossierJudged | None = None
        self._judged_case: Case | None = None
        self._judged_for: tuple[str | None, str | None] = (None, None)
        self._judged_now = False
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(JUDGED_AFTER_MS)
        self._soon.timeout.connect(self._judge)

    def follow(self, work: CaseWork) -> None:
        super().follow(work)
        self.session_id = self.summary_id = None
        self.forget()

    def forget(self) -> None:
        """What was judged does not hold any more: a paper was printed, or another case is open."""
        self._judged = self._judged_case = None
        self._judged_for, self._judged_now = (None, None), False

    def show(self) -> None:
        """The dossier of the session that is open."""
        work = self.window.work
        if work is not None and work.session_desk is not None:
            self.session_id = work.session_desk.session_id
        super().show()

    def build(self) -> DossierPage:
        papers = self.window.dialogs.team.papers
        return DossierPage(
            DossierActs(
                choose_session=self.choose_session,
                close=self._close,
                reopen=self._reopen,
                choose_summary=self.choose_summary,
                draft=self._draft,
                write=self._write,
                keep=self._keep,
                release=self._release,
                withdraw=self._withdraw,
                print_technical=lambda: papers.print_technical(self.session_id),
                print_summary=lambda: papers.print_summary(self.summary_id),
                print_course=papers.print_course,
                print_sheet=papers.print_sheet,
                leave=self.leave,
            )
        )

    def fill(self, page: DossierPage, work: CaseWork) -> None:
        """What is known at once is shown at once; the checklist follows when it has been judged."""
        case, session, summary = work.opened.case, self.session, self.summary
        wanted = (self.session_id, self.summary_id)
        summaries = patient_summary.summaries_of(case, session.id) if session is not None else ()
        same_session = self._judged_for[0] == self.session_id
        page.show_view(DossierView(case, session, summaries, summary, self._judged if same_session else None))
        if session is not None and (self._judged_case is not case or self._judged_for != wanted):
            self._judged_case, self._judged_for, self._judged_now = case, wanted, False
            self._soon.start()

    @property
    def session(self) -> Session | None:
        """The session on show."""
        sessions = self.case.sessions
        found = next((each for each in sessions if each.id == self.session_id), sessions[-1] if sessions else None)
        self.session_id = None if found is None else found.id
        return found

    @property
    def summary(self) -> PatientSummary | None:
        """The summary on show: the one that was chosen, else the first of the session."""
        known = patient_summary.summaries_of(self.case, self.session_id) if self.session_id is not None else ()
        found = next((each for each in known if each.id == self.summary_id), known[0] if known else None)
        self.summary_id = None if found is None else found.id
        return found

    @property
    def is_judged(self) -> bool:
        """Whether what is shown is what was judged of the case as it stands."""
        work = self.window.work
        return work is not None and self._judged_now and self._judged_case is work.opened.case

    def _judge(self) -> None:
        """Checklist and what stands against the release: a whole session is evaluated and a page is set for it."""
        work = self.window.work
        if work is None or not self.is_open:
            self.forget()
            return
        case, session, summary = work.opened.case, self.session, self.summary
        if session is None:
            return
        installed, library, now = self.window.installed, work.opened.library, local_now()

        def judge(context: Context) -> DossierJudged:
            context.step(0.0, session.title)
            refusals: tuple[str, ...] = ()
            try:
                printed = dossier.printed_of(library, case.id)
                state = dossier.dossier_state(case, session.id, installed, now, printed=printed)
                context.step(0.5, "summary")
                if summary is not None:
                    found = patient_summary.release_refusals(case, summary, installed.templates)
                    refusals = tuple(each.message for each in found)
            except OperatorError as error:
                return DossierJudged(None, (), error.message)
            return DossierJudged(state, refusals)

        def came(judged: DossierJudged) -> None:
            self._judged, self._judged_now = judged, True
            if self.is_open and self.page is not None:
                self.fill(self.page, work)

        self.window.desk.jobs.submit(
            "Looking what the dossier lacks",
            judge,
            came,
            still_valid=lambda: self.window.work is work and self._judged_case is case,
            group="dossier",
        )

    def choose_session(self, session_id: str) -> None:
        self.window.finish_typing()
        self.session_id, self.summary_id = session_id, None
        self.refresh()

    def choose_summary(self, summary_id: str) -> None:
        self.window.finish_typing()
        self.summary_id = summary_id
        self.refresh()

    def _close(self, reasons: Mapping[str, str], by: str) -> str | None:
        session = self.session
        if session is None:
            return "There is no session to close."
        printed = dossier.printed_of(self.work.opened.library, self.case.id)
        return self._saved(
            "Close the dossier",
            lambda: dossier.close_dossier(
                session.id, reasons, by=by, at=local_now(), installed=self.window.installed, printed=printed
            ),
        )

    def _reopen(self) -> str | None:
        session = self.session
        return None if session is None else self.apply("Reopen the dossier", lambda: dossier.reopen_dossier(session.id))

    def _draft(self, language: str, addressee: str, disclosure: str) -> str | None:
        session = self.session
        if session is None:
            return "There is no session to write of."
        before = {each.id for each in self.case.summaries}
        refusal = self.apply(
            "Draft a summary",
            lambda: patient_summary.draft_summary(
                session.id,
                self.window.installed.templates,
                language=language,
                addressee=addressee,
                disclosure=disclosure,
                by=self.work.who,
                at=local_now(),
            ),
        )
        made = next((each.id for each in self.case.summaries if each.id not in before), None)
        if made is not None:
            self.choose_summary(made)
        return refusal

    def _write(self, paragraphs: tuple[str, ...]) -> str | None:
        summary = self.summary
        if summary is None:
            return None
        return self.apply(
            "Write the summary",
            lambda: patient_summary.edit_summary(summary.id, paragraphs, by=self.work.who, at=local_now()),
        )

    def _keep(self, by: str) -> str | None:
        summary, templates = self.summary, self.window.installed.templates
        if summary is None:
            return None
        return self.apply(
            "Keep the text of a summary",
            lambda: patient_summary.keep_text(summary.id, templates, by=by, at=local_now()),
        )

    def _release(self, by: str) -> str | None:
        summary, templates = self.summary, self.window.installed.templates
        if summary is None:
            return None
        return self._saved(
            "Release a summary",
            lambda: patient_summary.release_summary(summary.id, templates, by=by, at=local_now()),
        )

    def _withdraw(self) -> str | None:
        summary = self.summary
        if summary is None:
            return None
        return self.apply("Withdraw a summary", lambda: patient_summary.withdraw_summary(summary.id))

    def _saved(self, label: str, edit: Callable[[], Edit]) -> str | None:
        """What is done by name is a revision at once."""
        self.window.finish_typing()
        return self.apply(label, edit) or self.work.save()
