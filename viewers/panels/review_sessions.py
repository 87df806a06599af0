"""Sessions of one case side by side: a column for each session, plan over record over outcome in each line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFrame,
    QHeaderView,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpacerItem,
    QTableWidget,
    QTableWidgetItem,
)

from planner.app.course_review import CourseReview, ReviewCell, ReviewLine, parts_of, said
from viewers.panels.parts import PlainLabel, button, clear, plain_tip, row
from viewers.panels.review_page import ReviewPage
from viewers.state import theme

KEY = "Ctrl+Shift+E"
DIFFERS = "≠ differs: "
FIXED = 2
"""Columns before the sessions: the line, and which part of it."""
LEAST_COLUMN_EM = 13.0


@dataclass(frozen=True, slots=True)
class SessionsView:
    """What is shown.

    Attributes
    ----------
    sessions
        Id and title of every session of the case, oldest first; those in `review` are chosen.
    """

    review: CourseReview
    sessions: tuple[tuple[str, str], ...]
    simulated: bool


class SessionsTable(QTableWidget):
    """A click on the head of a column opens its session; so do Enter and a double-click in it."""

    opened = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.ids: tuple[str, ...] = ()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.verticalHeader().setVisible(False)
        self.setWordWrap(True)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName("Sessions side by side")
        self.horizontalHeader().setSectionsClickable(True)
        self.horizontalHeader().sectionClicked.connect(self._open)
        self.itemDoubleClicked.connect(lambda item: self._open(item.column()))

    def _open(self, column: int) -> None:
        if 0 <= column - FIXED < len(self.ids):
            self.opened.emit(self.ids[column - FIXED])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentColumn() >= FIXED:
            self._open(self.currentColumn())
            return
        super().keyPressEvent(event)

    def show_review(self, review: CourseReview, *, only_different: bool) -> None:
        """Show the chosen sessions; lines of which no plan and record differ may be left out."""
        self.ids = tuple(each for each, _ in review.sessions)
        lines = [each for each in review.lines if parts_of(each) and (not only_different or differs(each))]
        self.clearSpans()
        self.setColumnCount(FIXED + len(self.ids))
        self.setHorizontalHeaderLabels(["", "", *(title for _, title in review.sessions)])
        for column in range(FIXED, self.columnCount()):
            head = self.horizontalHeaderItem(column)
            if head is not None:
                head.setToolTip("Click opens the session")
        self.setRowCount(sum(len(parts_of(each)) for each in lines))
        place = 0
        for number, line in enumerate(lines):
            place = self._show_line(line, place, QColor(theme.PANEL if number % 2 else theme.RAISED))
        self._fit()

    def _show_line(self, line: ReviewLine, place: int, ground: QColor) -> int:
        parts = parts_of(line)
        if len(parts) > 1:
            self.setSpan(place, 0, len(parts), 1)
        for part in parts:
            cells = [("" if part != parts[0] else line.title), part, *(_text(cell, part) for cell in line.cells)]
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(plain_tip(text))
                item.setBackground(ground)
                item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
                item.setForeground(QColor(theme.TEXT if column != 1 else theme.QUIET))
                if text.startswith(DIFFERS):
                    item.setForeground(QColor(theme.WARN))
                self.setItem(place, column, item)
            place += 1
        return place

    def _fit(self) -> None:
        """Sessions share the room that is there; many of them are scrolled."""
        em = self.fontMetrics().height()
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        head.resizeSection(0, round(11 * em))
        head.resizeSection(1, round(4.5 * em))
        room = self.viewport().width() - round(15.5 * em) - 2
        wide = max(round(LEAST_COLUMN_EM * em), room // max(1, len(self.ids)))
        for column in range(FIXED, self.columnCount()):
            head.resizeSection(column, wide)
        self.resizeRowsToContents()


def differs(line: ReviewLine) -> bool:
    """Whether plan and record of any session are not the same."""
    return any(cell.differs for cell in line.cells)


def _text(cell: ReviewCell, part: str) -> str:
    words = said(cell, part)
    if words is None:
        return ""
    return f"{DIFFERS}{words}" if part == "record" and cell.differs else words


class SessionsPage(ReviewPage):
    """Choose sessions above, read them below.

    Parameters
    ----------
    choose
        Called with the ids of the sessions that are ticked.
    """

    def __init__(
        self,
        leave: Callable[[], object],
        open_session: Callable[[str], object],
        choose: Callable[[tuple[str, ...]], object],
        export: Callable[[], object],
    ) -> None:
        super().__init__("Sessions side by side", leave, KEY)
        self._choose = choose
        self.view: SessionsView | None = None
        self.only = QCheckBox("Only lines that differ")
        self.only.toggled.connect(lambda _: self._refill())
        self.exporter = button("Export as CSV…", export, tip="The sessions and lines of this table; no name in it")
        self.head.addWidget(self.only)
        self.head.addStretch(1)
        self.head.addWidget(self.exporter)
        self.buttons: dict[str, QPushButton] = {}
        self.pickers = row()
        # Many sessions are scrolled sideways; the page never grows wider than the window.
        strip = QScrollArea()
        strip.setWidget(self.pickers)
        strip.setWidgetResizable(True)
        strip.setFrameShape(QFrame.Shape.NoFrame)
        strip.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        strip.setFixedHeight(round(2.6 * self.fontMetrics().height()))
        self.body.addWidget(strip)
        self.table = SessionsTable()
        self.table.opened.connect(open_session)
        self.empty = PlainLabel("", role="quiet", wrap=True)
        self.body.addWidget(self.empty)
        self.body.addWidget(self.table, 1)

    def show_view(self, view: SessionsView) -> None:
        before, self.view = self.view, view
        if before is None or before.sessions != view.sessions:
            self._make_buttons(view.sessions)
        chosen = {each for each, _ in view.review.sessions}
        for session_id, made in self.buttons.items():
            made.setChecked(session_id in chosen or session_id in self._unread(view))
        self._refill()

    def _unread(self, view: SessionsView) -> set[str]:
        return {each for each, title in view.sessions if title in view.review.left_out}

    def _make_buttons(self, sessions: Sequence[tuple[str, str]]) -> None:
        layout = self.pickers.layout()
        if layout is None:
            return
        clear(layout)
        self.buttons = {}
        for session_id, title in sessions:
            made = button(title, self._picked, checkable=True, tip="Show or leave out this session")
            self.buttons[session_id] = made
            layout.addWidget(made)
        layout.addItem(QSpacerItem(0, 0, QSizePolicy.Policy.Expanding))

    def _picked(self) -> None:
        self._choose(tuple(each for each, made in self.buttons.items() if made.isChecked()))

    def _refill(self) -> None:
        view = self.view
        if view is None:
            return
        review = view.review
        different = sum(differs(each) for each in review.lines)
        notes = ["SIMULATED"] if view.simulated else []
        notes.append(f"{len(review.sessions)} of {len(view.sessions)} sessions")
        notes.append(f"plan and record differ in {different} of {len(review.lines)} lines")
        notes.append("a click on a session's head opens it")
        notes += [f"{title} cannot be read: its template is not installed" for title in review.left_out]
        self.note.setText(" · ".join(notes))
        self.table.show_review(review, only_different=self.only.isChecked())
        nothing = self.table.rowCount() == 0 or not review.sessions
        self.empty.setText(
            "No session is chosen: press its name above."
            if view.sessions and not review.sessions
            else "In no line plan and record differ, as far as both are known."
            if review.sessions
            else "This case has no session yet. Case → New session from a template (Ctrl+N) begins one."
        )
        self.empty.setVisible(nothing)
        self.table.setVisible(not nothing)
        self.exporter.setEnabled(bool(review.sessions))
