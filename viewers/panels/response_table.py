"""Lesions by days as a table: roles that a person chooses, measurements, sums and categories below."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QTableWidget, QTableWidgetItem

from planner.clinical.response_course_types import ROLES
from viewers.panels.parts import plain_tip
from viewers.panels.response_content import ROLE_NAMES, Cell, ResponseView, lesion_cell, summary_rows
from viewers.state import theme

FIXED = 1
"""Columns before the first day: the role. The lesion is the head of its row, which stays when days are scrolled."""
WIDEST = 26
"""Of a day's column, in characters; longer words go on in a second line."""


class ResponseTable(QTableWidget):
    """Shows a `ResponseView`.

    Signals
    -------
    chosen(str, object)
        Lesion id (empty for a row of sums) and day (None for the columns before the days).
    """

    chosen = Signal(str, object)

    def __init__(self, set_role: Callable[[str, str | None], object]) -> None:
        super().__init__()
        self._set_role = set_role
        self.lesion_ids: tuple[str, ...] = ()
        self.days: tuple[date, ...] = ()
        self.roles: dict[str, QComboBox] = {}
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.verticalHeader().setHighlightSections(False)
        self.setWordWrap(True)
        self._showing = False
        self.currentCellChanged.connect(lambda line, column, *_: self._choose(line, column))

    def show_view(self, view: ResponseView, lesion_id: str | None, day: date | None) -> None:
        """Show everything anew; the chosen cell stays chosen while it is there."""
        self._showing = True
        rows = summary_rows(view)
        lesions = view.case.lesions
        self.lesion_ids, self.days = tuple(each.id for each in lesions), view.days
        self.clear()
        self.setColumnCount(FIXED + len(view.days))
        self.setRowCount(len(lesions) + len(rows))
        heads = [_head(view, each) for each in view.days]
        self.setHorizontalHeaderLabels(["Role", *heads])
        proposed = {each.lesion_id: each for each in view.proposed}
        self.roles = {}
        for line, lesion in enumerate(lesions):
            segment = f" · S{lesion.segment}" if lesion.segment else ""
            node = " · node" if lesion.node else ""
            self.setVerticalHeaderItem(line, QTableWidgetItem(f"{lesion.name}{segment}{node}"))
            why = proposed.get(lesion.id)
            self.roles[lesion.id] = box = self._role(lesion.id, lesion.role, why.role if why else None)
            box.setToolTip(plain_tip(f"Proposed: {why.why}" if why else "Chosen by a person"))
            self.setCellWidget(line, 0, box)
            for number, each in enumerate(view.days):
                self._put(line, FIXED + number, lesion_cell(view, lesion, each))
        for line, (label, cells) in enumerate(rows, len(lesions)):
            self.setVerticalHeaderItem(line, QTableWidgetItem(label))
            self._put(line, 0, Cell(""), ground=theme.PANEL)
            for number, cell in enumerate(cells):
                self._put(line, FIXED + number, cell, ground=theme.PANEL, bold=label == "Response")
        self._fit()
        self._choose_again(lesion_id, day)
        self._showing = False

    def _role(self, lesion_id: str, role: str | None, proposed: str | None) -> QComboBox:
        box = QComboBox()
        box.addItem("not chosen" if proposed is None else f"{ROLE_NAMES[proposed]} (proposed)", None)
        for each in ROLES:
            box.addItem(ROLE_NAMES[each], each)
        box.setCurrentIndex(max(0, box.findData(role)))
        box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        box.activated.connect(lambda index: self._set_role(lesion_id, box.itemData(index)))
        return box

    def _put(self, line: int, column: int, cell: Cell, *, ground: str | None = None, bold: bool = False) -> None:
        item = QTableWidgetItem(cell.text)
        item.setToolTip(plain_tip(cell.tip or cell.text))
        if cell.quiet:
            item.setForeground(QBrush(QColor(theme.QUIET)))
        if ground is not None:
            item.setBackground(QBrush(QColor(ground)))
        if bold:
            font = self.font()
            font.setBold(True)
            item.setFont(font)
        self.setItem(line, column, item)

    def _fit(self) -> None:
        """Days share what is left, and scroll sideways when they need more."""
        header, character = self.horizontalHeader(), self.fontMetrics().averageCharWidth()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.setMinimumSectionSize(15 * character)
        self.resizeColumnsToContents()
        for column in range(FIXED, self.columnCount()):
            self.setColumnWidth(column, min(self.columnWidth(column), WIDEST * character))
        if self.roles:
            self.setColumnWidth(0, max(box.sizeHint().width() for box in self.roles.values()) + 4)
        least = round(self.fontMetrics().height() * 1.75)
        self.resizeRowsToContents()
        for line in range(self.rowCount()):
            self.setRowHeight(line, max(least, self.rowHeight(line)))

    def _choose_again(self, lesion_id: str | None, day: date | None) -> None:
        line = self.lesion_ids.index(lesion_id) if lesion_id in self.lesion_ids else 0
        column = FIXED + self.days.index(day) if day in self.days else FIXED + max(0, len(self.days) - 1)
        if self.rowCount() and self.days:
            self.setCurrentCell(line, column)
            item = self.item(line, column)
            if item is not None:
                self.scrollToItem(item)

    def _choose(self, line: int, column: int) -> None:
        if self._showing or line < 0:
            return
        lesion_id = self.lesion_ids[line] if line < len(self.lesion_ids) else ""
        day = self.days[column - FIXED] if FIXED <= column < FIXED + len(self.days) else None
        self.chosen.emit(lesion_id, day)


def _head(view: ResponseView, day: date) -> str:
    point = view.assessment.on(day)
    marks = "baseline" if point is not None and point.is_baseline else "" if point is not None else "images, not read"
    seen = {
        each.modality
        for lesion in view.case.lesions
        for each in lesion.observations
        if (each.study_date, each.read_as) == (day, view.reader) and each.modality
    }
    words = [" + ".join(sorted(seen)), marks]
    return "\n".join((day.isoformat(), " · ".join(each for each in words if each) or " "))
