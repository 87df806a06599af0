"""The board meeting of an open case on one page: decisions, the form of one, what is missing, what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QPushButton, QScrollArea, QSplitter, QVBoxLayout, QWidget

from planner.app.board import Entry
from planner.model.disease import BoardDecision
from viewers.panels.board_after import AfterPart, DiscussionPart
from viewers.panels.board_content import BoardActs, BoardView, decision_line
from viewers.panels.board_form import BoardForm
from viewers.panels.parts import ClickLabel, PlainLabel, button, clear, panel, plain_tip, row

NO_DECISION = (
    "No meeting has talked of this case yet. “Prepare a decision” begins one: the question first, then what each "
    "discipline says."
)


def scrolled(*widgets: QWidget) -> QScrollArea:
    """Widgets under each other on a quiet ground that scrolls up and down only."""
    ground, layout = panel()
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setFrameShape(QScrollArea.Shape.NoFrame)
    scroll.setWidget(ground)
    return scroll


class BoardPage(QWidget):
    """Shows a `BoardView`. Esc goes back to the images; nothing is decided by Enter."""

    def __init__(self, acts: BoardActs) -> None:
        super().__init__()
        self._acts = acts
        self.view: BoardView | None = None
        self._filling = False
        self.form = BoardForm(acts)
        self.discussion = DiscussionPart(acts)
        self.after = AfterPart(acts)
        self.list = QListWidget()
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMaximumHeight(round(self.fontMetrics().height() * 11))
        self.list.currentItemChanged.connect(self._chosen)
        self.adder = button("Prepare a decision", acts.add)
        self.remover = button(
            "Remove", acts.remove, tip="Takes the decision on show out of the case; Ctrl+Z brings it back"
        )
        self.minutes = button("Print the minutes…", acts.print_minutes, tip="The decision on show, as PDF")
        self.sheet = button("90-second sheet", acts.sheet, tip="For the meeting, on the whole screen (Shift+F11)")
        self.back = button("Back to the images", acts.leave, tip="Esc, or Ctrl+Shift+B")
        self.empty = PlainLabel(NO_DECISION, role="quiet", wrap=True)
        self.missing_title = PlainLabel("", role="section", wrap=True)
        missing = QWidget()
        self._missing = QVBoxLayout(missing)
        self._missing.setContentsMargins(0, 0, 0, 0)
        self._missing.setSpacing(2)
        self._lacking: tuple[Entry, ...] | None = None
        left = scrolled(PlainLabel("Decisions", role="section"), self.list, self.missing_title, missing)
        self.middle = scrolled(self.empty, self.form)
        right = scrolled(
            PlainLabel("Was it carried out?", role="section"),
            self.after,
            PlainLabel("The discussion, looked back on", role="section"),
            self.discussion,
        )
        self.jumps = [self._jumper(words) for words in self.form.headings]
        middle, middle_layout = panel()
        middle_layout.setContentsMargins(0, 4, 0, 0)
        self.jump_row = row(*self.jumps)
        self.jump_row.setContentsMargins(10, 0, 0, 0)
        middle_layout.addWidget(self.jump_row)
        middle_layout.addWidget(self.middle, 1)
        self.parts = QSplitter(Qt.Orientation.Horizontal)
        for number, part in enumerate((left, middle, right)):
            self.parts.addWidget(part)
            self.parts.setCollapsible(number, False)
        self._build()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        top, top_layout = panel()
        title = PlainLabel("Board meeting", role="title")
        top_layout.addWidget(row(title, self.adder, self.remover, self.minutes, self.sheet, self.back))
        layout.addWidget(top)
        layout.addWidget(self.parts, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = self.width()
        if event.oldSize().width() != width:
            self.parts.setSizes([round(width * share) for share in (0.18, 0.52, 0.30)])

    def show_view(self, view: BoardView) -> None:
        """Show the decisions as they are now."""
        self.view = view
        decision = view.decision
        self._show_list(view.case.decisions, decision)
        self.empty.setVisible(decision is None)
        for widget in (self.form, self.after, self.discussion, self.jump_row):
            widget.setVisible(decision is not None)
        for control in (self.remover, self.minutes):
            control.setEnabled(decision is not None)
        self._show_missing(view)
        self.form.show_view(view)
        if decision is not None:
            self.after.show_decision(decision)
            self.discussion.show_decision(decision)

    def _show_list(self, decisions: Sequence[BoardDecision], chosen: BoardDecision | None) -> None:
        """Newest first."""
        self._filling = True
        self.list.clear()
        ordered = sorted(decisions, key=lambda each: each.held_on.isoformat() if each.held_on else "9", reverse=True)
        for each in ordered:
            first, second = decision_line(each)
            item = QListWidgetItem(f"{first}\n    {second}")
            item.setData(Qt.ItemDataRole.UserRole, each.id)
            item.setToolTip(plain_tip(f"{first}\n{second}"))
            self.list.addItem(item)
            if chosen is not None and each.id == chosen.id:
                self.list.setCurrentItem(item)
        self._filling = False

    def _show_missing(self, view: BoardView) -> None:
        lacking = view.missing if view.decision is not None else ()
        if lacking == self._lacking and view.decision is not None:
            return
        self._lacking = lacking
        clear(self._missing)
        words = "" if view.decision is None else f"Missing: {len(lacking)}" if lacking else "✓ Every entry is filled"
        self.missing_title.setText(words)
        for each in lacking:
            line = ClickLabel(f"○ {each.label}", tip=each.source)
            line.clicked.connect(lambda name=each.field: self.go_to(name))
            self._missing.addWidget(line)

    def _jumper(self, heading: str) -> QPushButton:
        return button(heading, lambda: self._jump(heading))

    def _jump(self, heading: str) -> None:
        """Bring a part of the form to the top of its place."""
        self.middle.verticalScrollBar().setValue(self.form.pos().y() + self.form.headings[heading].pos().y())

    def go_to(self, name: str) -> None:
        """Bring an entry into sight, with the keyboard in it."""
        self.middle.ensureWidgetVisible(self.form.go_to(name))

    def _chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None and not self._filling:
            self._acts.choose(str(item.data(Qt.ItemDataRole.UserRole)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._acts.leave()
            return
        super().keyPressEvent(event)
