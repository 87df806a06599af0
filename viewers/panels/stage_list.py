"""Course and stages, on the left: every stage with its state by shape and word, grouped by phase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from viewers.panels.parts import PlainLabel, button, plain_tip, row
from viewers.state.theme import ACCENT, QUIET, STAGE_MARKS

PHASE_TITLES = {
    "decide": "DECIDE · should it be done?",
    "plan": "PLAN · how, with what?",
    "day": "DAY · still true today?",
    "record": "RECORD · what was done",
    "after": "AFTER · how did it go?",
}


@dataclass(frozen=True, slots=True)
class CourseLine:
    """One line of the course: a session, imaging or outside treatment."""

    id: str
    text: str
    note: str
    current: bool
    selectable: bool


@dataclass(frozen=True, slots=True)
class StageLine:
    """One stage as the list shows it."""

    id: str
    title: str
    phase: str
    status: str
    blocking: int


def _quiet_list() -> QListWidget:
    """A list that cuts long lines with an ellipsis (their tips say all) and never scrolls sideways."""
    made = QListWidget()
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    made.setTextElideMode(Qt.TextElideMode.ElideRight)
    return made


class StageList(QWidget):
    """Two lists: the course above, the stages of the open session below."""

    def __init__(self, open_session: Callable[[str], object], open_stage: Callable[[str], object]) -> None:
        super().__init__()
        self._open_session, self._open_stage = open_session, open_stage
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        self.course_wanted: Callable[[], object] = lambda: None
        self.course_button = button("On the axis…", lambda: self.course_wanted(), tip="The whole course (Ctrl+Shift+C)")
        layout.addWidget(row(PlainLabel("Course", role="section"), self.course_button))
        self.course = _quiet_list()
        self.course.setMaximumHeight(self.fontMetrics().height() * 8)
        self.course.itemClicked.connect(self._course_clicked)
        layout.addWidget(self.course)
        layout.addWidget(PlainLabel("Stages", role="section"))
        self.stages = _quiet_list()
        self.stages.currentItemChanged.connect(self._stage_changed)
        layout.addWidget(self.stages, 1)
        self._filling = False

    def show_course(self, lines: Sequence[CourseLine]) -> None:
        self.course.clear()
        for line in lines:
            item = QListWidgetItem(f"{line.text}\n    {line.note}" if line.note else line.text)
            item.setData(Qt.ItemDataRole.UserRole, line.id if line.selectable else None)
            item.setToolTip(plain_tip(f"{line.text}\n{line.note}".strip()))
            if line.current:
                font = QFont(self.font())
                font.setBold(True)
                item.setFont(font)
                item.setForeground(QColor(ACCENT))
            self.course.addItem(item)

    def show_stages(self, lines: Sequence[StageLine], current: str | None) -> None:
        self._filling = True
        keep = self.stages.verticalScrollBar().value()
        self.stages.clear()
        phase = None
        for line in lines:
            if line.phase != phase:
                phase = line.phase
                heading = QListWidgetItem(PHASE_TITLES[phase])
                heading.setFlags(Qt.ItemFlag.NoItemFlags)
                heading.setForeground(QColor(QUIET))
                self.stages.addItem(heading)
            mark = STAGE_MARKS[line.status]
            count = f"  ({line.blocking})" if line.blocking and line.status != "signed" else ""
            item = QListWidgetItem(f"{mark.shape}  {line.title}{count}")
            item.setToolTip(plain_tip(f"{line.title}: {mark.word}"))
            item.setForeground(QColor(mark.colour))
            item.setData(Qt.ItemDataRole.UserRole, line.id)
            self.stages.addItem(item)
            if line.id == current:
                self.stages.setCurrentItem(item)
        self.stages.verticalScrollBar().setValue(keep)
        if self.stages.currentItem() is not None:
            self.stages.scrollToItem(self.stages.currentItem())
        self._filling = False

    def _stage_changed(self, item: QListWidgetItem | None) -> None:
        stage = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        if stage and not self._filling:
            self._open_stage(stage)

    def _course_clicked(self, item: QListWidgetItem) -> None:
        session = item.data(Qt.ItemDataRole.UserRole)
        if session:
            self._open_session(session)
