"""A table field in a narrow panel: one card per row, folded to a line, opened to its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from planner.units import symbol
from planner.workflow.template import Field
from viewers.panels.editors import FieldEditor, editor_for
from viewers.panels.parts import ClickLabel, PlainLabel, button, clear, panel, row
from viewers.state import theme

ColumnEditor = Callable[[Field], FieldEditor]


def summary_of(columns: tuple[Field, ...], values: dict[str, Any], names: Mapping[str, str]) -> str:
    """One line that names a row: its first answered columns. `names` gives words for ids (lesions, paths)."""
    parts = []
    for column in columns:
        value = values.get(column.id)
        if value in (None, "", []):
            continue
        labels = {**names, **{choice.code: choice.label for choice in column.choices}}
        shown = ", ".join(labels.get(each, str(each)) for each in (value if isinstance(value, list) else [value]))
        unit = symbol(column.unit)
        parts.append(f"{shown} {unit}".strip())
        if len(parts) == 4:
            break
    return " · ".join(parts) or "empty row"


class RowCard(QWidget):
    """One row: a summary line, and the editors of its columns when opened."""

    def __init__(self, owner: TableEditor, index: int, values: dict[str, Any], opened: bool) -> None:
        super().__init__()
        self.owner, self.index, self.values = owner, index, values
        self.editors: dict[str, FieldEditor] = {}
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 4)
        frame, layout = panel(theme.CARD)
        outer.addWidget(frame)
        self.head = ClickLabel(
            f"▸ {index + 1}  {summary_of(owner.field.columns, values, owner.names)}", tip="Opens and folds the row"
        )
        self.head.clicked.connect(self._toggle)
        layout.addWidget(self.head)
        self.body = QWidget()
        layout.addWidget(self.body)
        self._build()
        self.body.setVisible(opened)

    def _build(self) -> None:
        form = QFormLayout(self.body)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for column in self.owner.field.columns:
            editor = self.owner.column_editor(column)
            editor.show_value(self.values.get(column.id))
            editor.changed.connect(lambda value, name=column.id: self.owner.set_cell(self.index, name, value))
            unit = symbol(column.unit)
            label = PlainLabel(f"{column.label} ({unit})" if unit else column.label, wrap=True)
            label.setToolTip(column.help)
            form.addRow(label, editor)
            self.editors[column.id] = editor
        last = len(self.owner.values) - 1
        up = button("↑", lambda: self.owner.move(self.index, -1), tip="Move this row up")
        down = button("↓", lambda: self.owner.move(self.index, 1), tip="Move this row down")
        up.setEnabled(self.index > 0)
        down.setEnabled(self.index < last)
        form.addRow(row(up, down, button("Remove row", lambda: self.owner.remove(self.index))))

    def _toggle(self) -> None:
        self.body.setVisible(not self.body.isVisible())
        self.owner.opened = self.index if self.body.isVisible() else None


class TableEditor(FieldEditor):
    """Rows of a table field; announces the whole new table at each change.

    Parameters
    ----------
    names
        Words for the ids that cells hold.
    """

    def __init__(
        self, field: Field, column_editor: ColumnEditor = editor_for, *, names: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.field = field
        self.names = names or {}
        self.column_editor = column_editor
        self.values: list[dict[str, Any]] = []
        self.opened: int | None = None
        self.cards: list[RowCard] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._rows = QVBoxLayout()
        layout.addLayout(self._rows)
        self.add_button = button(f"Add to {field.label.lower()}", self.add)
        layout.addWidget(row(self.add_button))

    def show_value(self, value: Any) -> None:
        given = [dict(each) for each in value or ()]
        if given == self.values and self.cards:
            return
        self.values = given
        self._rebuild()

    def _rebuild(self) -> None:
        clear(self._rows)
        self.cards = [RowCard(self, n, values, n == self.opened) for n, values in enumerate(self.values)]
        for card in self.cards:
            self._rows.addWidget(card)

    def _announce(self) -> None:
        self.changed.emit([dict(each) for each in self.values] or None)

    def add(self) -> None:
        """A new empty row, opened, its first editor focused. It is stored with its first answered column."""
        self.values.append({})
        self.opened = len(self.values) - 1
        self._rebuild()
        first = next(iter(self.cards[-1].editors.values()), None)
        if first is not None:
            first.setFocus()

    def set_cell(self, index: int, name: str, value: Any) -> None:
        changed = {**self.values[index], name: value}
        self.values[index] = {key: each for key, each in changed.items() if each is not None}
        card = self.cards[index]
        card.values = self.values[index]
        card.head.setText(f"▾ {index + 1}  {summary_of(self.field.columns, card.values, self.names)}")
        self._announce()

    def move(self, index: int, by: int) -> None:
        self.values[index], self.values[index + by] = self.values[index + by], self.values[index]
        self.opened = index + by
        self._rebuild()
        self._announce()

    def remove(self, index: int) -> None:
        del self.values[index]
        self.opened = None
        self._rebuild()
        self._announce()
