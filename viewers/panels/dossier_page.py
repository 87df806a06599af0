"""A session's dossier on one page: completeness and closing at the left, the summary with its release at the right."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QSplitter, QVBoxLayout, QWidget

from viewers.panels.board_page import scrolled
from viewers.panels.dossier_checklist import ChecklistPart
from viewers.panels.dossier_content import DossierActs, DossierView, session_line
from viewers.panels.dossier_summary import SummaryPart
from viewers.panels.parts import PlainLabel, button, panel, row

NO_SESSION = "This case has no session yet; its dossier begins with the first one (Ctrl+N)."


class DossierPage(QWidget):
    """Shows a `DossierView`. Esc goes back to the images."""

    def __init__(self, acts: DossierActs) -> None:
        super().__init__()
        self._acts = acts
        self._filling = False
        self.sessions = QComboBox()
        self.sessions.currentIndexChanged.connect(self._choose)
        self.checklist = ChecklistPart(acts.close, acts.reopen)
        self.summary = SummaryPart(acts)
        self.technical = button("Technical record…", acts.print_technical, tip="Everything to treat again, as PDF")
        self.course = button("Course report…", acts.print_course, tip="All sessions of the case, as PDF")
        self.sheet = button("Board sheet…", acts.print_sheet, tip="One page for the meeting, as PDF")
        self.back = button("Back to the images", acts.leave, tip="Esc, or Ctrl+Shift+D")
        self.empty = PlainLabel(NO_SESSION, role="quiet", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        top, top_layout = panel()
        title = PlainLabel("Dossier", role="title")
        papers = PlainLabel("Print", role="quiet")
        top_layout.addWidget(row(title, self.sessions, papers, self.technical, self.course, self.sheet, self.back))
        layout.addWidget(top)
        self.parts = QSplitter(Qt.Orientation.Horizontal)
        left = scrolled(PlainLabel("What the dossier has to hold", role="section"), self.empty, self.checklist)
        right = scrolled(PlainLabel("Summary in plain language", role="section"), self.summary)
        for number, part in enumerate((left, right)):
            self.parts.addWidget(part)
            self.parts.setCollapsible(number, False)
        layout.addWidget(self.parts, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != self.width():
            self.parts.setSizes([round(self.width() * share) for share in (0.4, 0.6)])

    def show_view(self, view: DossierView) -> None:
        """Show a dossier as it is now."""
        self._filling = True
        wanted = [(each.id, session_line(each)) for each in view.case.sessions]
        known = [(self.sessions.itemData(n), self.sessions.itemText(n)) for n in range(self.sessions.count())]
        if wanted != known:
            self.sessions.clear()
            for identifier, text in wanted:
                self.sessions.addItem(text, identifier)
        if view.session is not None:
            self.sessions.setCurrentIndex(self.sessions.findData(view.session.id))
        self._filling = False
        self.empty.setVisible(view.session is None)
        self.technical.setEnabled(view.session is not None)
        for part in (self.checklist, self.summary):
            part.setVisible(view.session is not None)
        self.checklist.show_judged(view.session.id if view.session is not None else None, view.judged)
        self.summary.show_view(view)

    def _choose(self, number: int) -> None:
        if not self._filling and number >= 0:
            self._acts.choose_session(str(self.sessions.itemData(number)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._acts.leave()
            return
        super().keyPressEvent(event)
