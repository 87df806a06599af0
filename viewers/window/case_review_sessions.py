"""Sessions of the open case side by side, in the place of the images; which ones stays chosen while it is open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from planner.app.course_review import compare_sessions, review_csv
from viewers.panels.review_sessions import SessionsPage, SessionsView
from viewers.window.case_response_pages import covered, leave_page

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow


class CaseSessions:
    """Shows the table, and keeps it up to date while it is seen."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.page: SessionsPage | None = None
        self._left_out: frozenset[str] = frozenset()

    def follow(self, work: CaseWork) -> None:
        """Another open case: all of its sessions."""
        self.leave()
        self._left_out = frozenset()
        work.changed.connect(self.refresh)

    @property
    def is_open(self) -> bool:
        return covered(self.window, self.page)

    def toggle(self) -> None:
        """Ctrl+Shift+E: the sessions, or the images again."""
        if self.is_open:
            self.leave()
            return
        if self.window.work is None:
            self.window.say("Open a case first.")
            return
        if self.page is None:
            self.page = SessionsPage(self.leave, self.open_session, self.choose, self.choose_file)
        self.window.case_page.cover(self.page)
        self.refresh()
        self.page.table.setFocus()

    def leave(self) -> None:
        leave_page(self.window, self.page)

    def refresh(self) -> None:
        """After every change of the case, while the table is seen."""
        work = self.window.work
        if work is None or self.page is None or not self.is_open:
            return
        self.page.show_view(self.view(work))

    def view(self, work: CaseWork) -> SessionsView:
        case, templates = work.opened.case, self.window.installed.templates
        dated = sorted(case.sessions, key=lambda each: str(each.performed_on or each.planned_on or "9999"))
        sessions = tuple((each.id, each.title) for each in dated)
        chosen = [each for each, _ in sessions if each not in self._left_out]
        return SessionsView(compare_sessions(case, templates, chosen), sessions, case.simulated)

    def choose(self, session_ids: tuple[str, ...]) -> None:
        """Show these sessions and no others."""
        work = self.window.work
        if work is not None:
            self._left_out = frozenset(each.id for each in work.opened.case.sessions) - set(session_ids)
            self.refresh()

    def open_session(self, session_id: str) -> None:
        work = self.window.work
        if work is not None and work.opened.case.session(session_id) is not None:
            self.leave()
            work.use_session(session_id)
            work.load_images()

    def choose_file(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self.window, "Export the sessions", "sessions.csv", "CSV (*.csv)")
        if name:
            self.export_to(Path(name if name.casefold().endswith(".csv") else f"{name}.csv"))

    def export_to(self, path: Path) -> None:
        """Write the chosen sessions; a spreadsheet runs nothing of it."""
        if self.page is None or self.page.view is None:
            return
        review, simulated = self.page.view.review, self.page.view.simulated
        try:
            # With a mark of its encoding, so that a spreadsheet reads units right.
            path.write_text(review_csv(review, simulated=simulated), encoding="utf-8-sig", newline="")
        except OSError as error:
            self.window.say(f"{path.name} was not written: {error.strerror}. Choose another place.")
            return
        self.window.say(f"{path.name}: {len(review.sessions)} sessions written.")
