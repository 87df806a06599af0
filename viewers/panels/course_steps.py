"""The steps of a course as a table: state by shape and word, days with their bounds, needs, who decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from planner.model.case import Case
from planner.workflow.course import StepState, StepStatus
from planner.workflow.step_needs import Verdict
from viewers.panels.parts import plain_tip
from viewers.state import theme
from viewers.state.theme import StateMark

STEP_MARKS = {
    StepState.DONE: StateMark("✓", "done", theme.SIGNED),
    StepState.MAY_BEGIN: StateMark("▶", "may begin", theme.ACCENT),
    StepState.DUE: StateMark("●", "due", theme.WARN),
    StepState.OVERDUE: StateMark("▲", "overdue", theme.BLOCK),
    StepState.WAITING: StateMark("·", "waiting", theme.QUIET),
    StepState.CONDITION_OPEN: StateMark("?", "condition open", theme.WARN),
    StepState.NOT_NEEDED: StateMark("–", "not needed", theme.WAITING),
    StepState.DROPPED: StateMark("×", "dropped", theme.WAITING),
}

VERDICT_MARKS = {
    Verdict.YES: StateMark("✓", "met", theme.SIGNED),
    Verdict.NO: StateMark("✗", "not met", theme.BLOCK),
    Verdict.UNKNOWN: StateMark("?", "unknown", theme.WARN),
}

KIND_WORDS = {
    "session": "session here",
    "transplantation": "transplantation",
    "systemic": "systemic",
    "targeted": "targeted",
    "traditional": "traditional medicine",
    "supportive": "supportive care",
    "board": "board",
}

COLUMNS = ("State", "Step", "Kind", "Day", "Earliest", "Latest", "Needs", "Decides")


def day_text(day: date | None) -> str:
    return day.isoformat() if day is not None else "–"


def needs_text(status: StepStatus) -> str:
    """How many needs are met; what is unknown is named, for it is not met."""
    if not status.needs:
        return "–"
    counts = [
        f"{sum(need.verdict is verdict for need in status.needs)} {mark.word}"
        for verdict, mark in VERDICT_MARKS.items()
        if any(need.verdict is verdict for need in status.needs)
    ]
    return ", ".join(counts)


def cells_of(status: StepStatus, case: Case) -> tuple[str, ...]:
    """The line of a step."""
    mark, step = STEP_MARKS[status.state], status.step
    title = step.title
    if step.alternative_to is not None:
        other = next(
            (each.title for course in case.courses for each in course.steps if each.id == step.alternative_to), ""
        )
        title = f"{title} (or {other})" if other else title
    done = status.state is StepState.DONE
    return (
        f"{mark.shape} {mark.word}",
        title,
        KIND_WORDS.get(step.kind, step.kind),
        day_text(status.on),
        "–" if done else day_text(status.earliest),
        "–" if done else day_text(status.latest),
        needs_text(status),
        (step.decides or "–").replace("-", " "),
    )


class StepTable(QTableWidget):
    """One line per step, in the order of the course."""

    chosen = Signal(str)
    opened = Signal(str)

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setHorizontalHeaderLabels(list(COLUMNS))
        self.verticalHeader().setVisible(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        head, em = self.horizontalHeader(), self.fontMetrics().height()
        for column, width in enumerate((8.5, 16, 8.5, 6.5, 6.5, 6.5, 8, 6)):
            head.resizeSection(column, round(width * em))
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setDefaultSectionSize(round(em * 1.65))
        self._filling = False
        self.ids: list[str] = []
        self.itemSelectionChanged.connect(self._selected)
        self.itemDoubleClicked.connect(lambda item: self.opened.emit(self.ids[item.row()]))

    def current_step(self) -> str | None:
        rows = self.selectionModel().selectedRows()
        return self.ids[rows[0].row()] if rows and rows[0].row() < len(self.ids) else None

    def show_steps(self, statuses: Sequence[StepStatus], case: Case, current: str | None) -> None:
        """Fill the lines anew; the chosen step stays chosen."""
        self._filling = True
        self.ids = [status.step.id for status in statuses]
        self.setRowCount(len(statuses))
        for line, status in enumerate(statuses):
            mark = STEP_MARKS[status.state]
            tips = {4: status.why_earliest, 5: status.why_latest, 1: status.step.condition or ""}
            for column, text in enumerate(cells_of(status, case)):
                item = QTableWidgetItem(text)
                item.setToolTip(plain_tip(tips.get(column) or text))
                if column == 0 or not status.is_open:
                    item.setForeground(QBrush(QColor(mark.colour if column == 0 else theme.QUIET)))
                self.setItem(line, column, item)
        self.clearSelection()
        if current in self.ids:
            self.selectRow(self.ids.index(current))
        self._filling = False

    def choose(self, step_id: str) -> None:
        """Select the line of a step and bring it into view."""
        if step_id in self.ids:
            self.selectRow(self.ids.index(step_id))
            self.scrollTo(self.model().index(self.ids.index(step_id), 0))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = self.current_step()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and step is not None:
            self.opened.emit(step)
            return
        super().keyPressEvent(event)

    def _selected(self) -> None:
        step = self.current_step()
        if step is not None and not self._filling:
            self.chosen.emit(step)
