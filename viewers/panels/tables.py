"""Read-only tables of plain text for dialogs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from viewers.panels.parts import plain_tip


def text_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, wide: int = -1) -> QTableWidget:
    """A table nobody edits; `wide` is the column that takes the room that is left (the last one by default)."""
    table = QTableWidget(len(rows), len(headings))
    table.setHorizontalHeaderLabels(list(headings))
    table.verticalHeader().setVisible(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setAlternatingRowColors(True)
    table.setWordWrap(True)
    for line, cells in enumerate(rows):
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(plain_tip(text))
            table.setItem(line, column, item)
    table.verticalHeader().setDefaultSectionSize(round(table.fontMetrics().height() * 1.7))
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(wide % len(headings), QHeaderView.ResizeMode.Stretch)
    return table


def colour_row(table: QTableWidget, line: int, colour: str) -> None:
    """Write one row in a colour."""
    for column in range(table.columnCount()):
        item = table.item(line, column)
        if item is not None:
            item.setForeground(QColor(colour))
