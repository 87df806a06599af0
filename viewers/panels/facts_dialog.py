"""Patient and history: what is known of the person apart from any session, in the fields that templates bind to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtWidgets import QDialog, QScrollArea, QVBoxLayout, QWidget

from planner.model.case import Case
from planner.workflow.template import Choice, Field, FieldKind, Template
from planner.workflow.values import read_path
from viewers.panels.case_editors import field_head
from viewers.panels.editors import FieldEditor, editor_for
from viewers.panels.parts import PlainLabel, button, clear, row, sized
from viewers.panels.table_editor import TableEditor

OWN = (
    Field("title", "Title of the case", FieldKind.TEXT, binds="title"),
    Field(
        "responsible_physician", "Responsible physician of the course", FieldKind.PERSON, binds="responsible_physician"
    ),
    Field("patient_name", "Name", FieldKind.TEXT, binds="patient.name"),
    Field("birth_date", "Born on", FieldKind.DATE, binds="patient.birth_date"),
    Field(
        "sex",
        "Sex",
        FieldKind.CHOICE,
        binds="patient.sex",
        choices=(Choice("F", "Female"), Choice("M", "Male"), Choice("O", "Other")),
    ),
)
"""Facts that no stage asks for."""

NOT_HERE = frozenset({"lesion_list_confirmed"})
"""Bound fields that belong to their stage: a person says them in front of the images."""

PRIOR_TREATMENTS = "prior_treatments"
LAST_DAY = Field(
    "until",
    "Last day, of what lasted",
    FieldKind.DATE,
    help="A systemic line or radiotherapy; empty for one of a day, or while it goes on.",
)
"""Of an earlier treatment: the axis of time draws how long it went on."""

Write = Callable[[str, Any], str | None]
"""(path in the case, JSON value) -> a sentence why it was refused, or None."""


def fact_fields(templates: Sequence[Template]) -> tuple[Field, ...]:
    """Every field of the case itself, once: our own, then those of the templates in their words."""
    found = {each.binds: each for each in OWN if each.binds is not None}
    for template in templates:
        for stage in template.stages:
            for each in stage.fields:
                if each.binds is not None and each.binds not in NOT_HERE:
                    found.setdefault(each.binds, _with_last_day(each) if each.binds == PRIOR_TREATMENTS else each)
    return tuple(found.values())


def _with_last_day(field: Field) -> Field:
    """Earlier treatments with their last day, behind the first one."""
    columns = list(field.columns)
    if any(each.id == LAST_DAY.id for each in columns):
        return field
    first = next((number for number, each in enumerate(columns) if each.id == "on"), len(columns) - 1)
    columns.insert(first + 1, LAST_DAY)
    return replace(field, columns=tuple(columns))


class FactsDialog(QDialog):
    """Edits go into the case at once, each as one step of undo; closing keeps them.

    Parameters
    ----------
    case
        Answers the case as it is now.
    """

    def __init__(
        self, fields: Sequence[Field], case: Callable[[], Case], write: Write, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Patient and history")
        self._case, self._write = case, write
        self.editors: dict[str, FieldEditor] = {}
        self.problems: dict[str, PlainLabel] = {}
        self._fields = tuple(fields)
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("Patient and history", role="title"))
        note = "Kept with the case, for every session. Identity is decided by ID and birth date, never by the name."
        layout.addWidget(PlainLabel(note, role="quiet", wrap=True))
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        page = QWidget()
        self._lines = QVBoxLayout(page)
        scroll.setWidget(page)
        layout.addWidget(scroll, 1)
        layout.addWidget(row(button("Close", self.accept)))
        sized(self, 41, 45)
        self._build()

    def _build(self) -> None:
        clear(self._lines)
        case = self._case()
        self._lines.addWidget(PlainLabel(f"ID {case.patient.patient_id}", role="section"))
        for each in self._fields:
            text, help_text = field_head(each)
            label = PlainLabel(text.removesuffix(" *"), wrap=True)
            label.setToolTip(help_text)
            editor = TableEditor(each) if each.kind is FieldKind.TABLE else editor_for(each)
            path = str(each.binds)
            editor.show_value(read_path(case, path))
            editor.changed.connect(lambda value, path=path: self._commit(path, value))
            problem = PlainLabel("", role="unverified", wrap=True)
            problem.setVisible(False)
            for widget in (label, editor, problem):
                self._lines.addWidget(widget)
            self.editors[path], self.problems[path] = editor, problem
        self._lines.addStretch(1)

    def _commit(self, path: str, value: Any) -> None:
        refusal = self._write(path, value)
        self.problems[path].setText(refusal or "")
        self.problems[path].setVisible(bool(refusal))
        self.editors[path].show_problem(refusal)
        self.editors[path].show_value(read_path(self._case(), path) if refusal is None else value)
