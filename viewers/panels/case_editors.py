"""Editors of fields whose value lives in the case: laboratory, series, lesions, vessel paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout

from planner.clinical.laboratory import analyte
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.people import LabValue
from planner.model.session import Session
from planner.units import shown, symbol
from planner.workflow.template import Choice, Field, FieldKind
from planner.workflow.values import ITEM_TYPES
from planner.workflow.vocabulary import run_roles
from viewers.panels.editors import ChoiceEditor, ChoicesEditor, DateEditor, FieldEditor, NumberEditor, editor_for
from viewers.panels.parts import ClickLabel, PlainLabel, button, row
from viewers.panels.table_editor import TableEditor


@dataclass(frozen=True, slots=True)
class LabEntry:
    """A laboratory value as typed: the laboratory's own unit, and its date."""

    value: float
    unit: str
    taken_on: date


def lab_text(value: LabValue, today: date) -> str:
    """``23.4 µmol/L · 2026-03-02 (9 d ago)``."""
    days = (today - value.taken_on).days
    age = "today" if days == 0 else f"{days} d ago" if days > 0 else f"in {-days} d"
    number = value.comparator + shown(value.value, value.unit) if value.value is not None else (value.text or "–")
    return f"{number} · {value.taken_on.isoformat()} ({age})"


class LabEditor(FieldEditor):
    """The newest value with its date, and a line to add a newer one."""

    def __init__(self, key: str, today: date) -> None:
        super().__init__()
        self.today = today
        self.present = PlainLabel("no value", role="quiet", wrap=True)
        self.number = NumberEditor()
        self.number.line.setPlaceholderText("new value")
        self.unit = QComboBox()
        for code in analyte(key).units:
            self.unit.addItem(symbol(code) or "1", code)
        self.taken = DateEditor(FieldKind.DATE)
        self.taken.line.setText(today.isoformat())
        self.taken.line.setModified(False)
        self.add = button("Add", self._add, tip="Adds a value; older ones stay")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.present)
        line = QHBoxLayout()
        line.setSpacing(3)
        for widget, stretch in ((self.number, 2), (self.unit, 2), (self.taken, 3), (self.add, 0)):
            line.addWidget(widget, stretch)
        layout.addLayout(line)
        self.setFocusProxy(self.number)

    def show_value(self, value: Any) -> None:
        self.present.setText("no value" if value is None else lab_text(value, self.today))

    def show_problem(self, text: str | None) -> None:
        self.number.show_problem(text)
        if text:
            self.present.setText(text)

    def _add(self) -> None:
        try:
            number = self.number.parse(self.number.line.text().strip())
            taken = self.taken.parse(self.taken.line.text().strip())
        except ValueError as problem:
            self.number.show_problem(str(problem))
            return
        if number is None or taken is None:
            self.number.show_problem("Type the number and the day it was taken.")
            return
        entry = LabEntry(float(number), self.unit.currentData(), date.fromisoformat(taken))
        self.number.line.clear()
        self.number.show_problem(None)
        self.changed.emit(entry)


class ComputedView(FieldEditor):
    """A computed number; it opens to formula, inputs and source."""

    def __init__(self) -> None:
        super().__init__()
        self.value = ClickLabel("–", tip="Click: formula, inputs, source and rule version")
        self.value.clicked.connect(self._toggle)
        self.detail = PlainLabel(role="quiet", wrap=True)
        self.detail.setVisible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.value)
        layout.addWidget(self.detail)

    def show_value(self, value: Any) -> None:
        """Takes the list of `planner.workflow.template.Computed` of this field."""
        lines = [computed_line(each) for each in value or ()]
        self.value.setText("\n".join(lines) or "not evaluated")
        self.detail.setText("\n\n".join(computed_detail(each) for each in value or ()))

    def _toggle(self) -> None:
        self.detail.setVisible(not self.detail.isVisible())


def computed_line(computed: Any) -> str:
    """``Child-Pugh: 6 · A``; not evaluated says so; an unverified rule is marked."""
    if computed.value is None:
        return f"{computed.label}: not evaluated"
    value = computed.value if isinstance(computed.value, str) else shown(computed.value, computed.unit)
    grade = f" · {computed.grade}" if computed.grade and str(computed.grade) != str(computed.value) else ""
    mark = "  ⚠ unverified default" if computed.tag in ("M", "P") else ""
    return f"{computed.label}: {value}{grade}{mark}"


def computed_detail(computed: Any) -> str:
    """Everything a click on a number shows."""
    lines = [f"{name}: {text}" for name, text in computed.inputs.items()]
    if computed.arithmetic:
        lines.append(computed.arithmetic)
    if computed.rule:
        lines.append(f"Rule {computed.rule} {computed.rule_version or ''}".strip())
    if computed.source:
        lines.append(f"Source: {computed.source}" + (f" [{computed.tag}]" if computed.tag else ""))
    if computed.note:
        lines.append(computed.note)
    return "\n".join(lines)


def series_choices(case: Case, role: str | None = None) -> list[Choice]:
    """The case's series that can play a role, newest study first: runs as DSA, volumes as anything else."""
    kind = "angio" if role in run_roles() else "volume"
    fitting = [ref for ref in case.studies if ref.kind == kind]
    ordered = sorted(fitting, key=lambda ref: str(ref.study_date or ""), reverse=True)
    return [Choice(f"{ref.series_uid}#{ref.part}", series_name(ref)) for ref in ordered]


def series_name(ref: SeriesRef) -> str:
    """Date, phase and description of a series, as far as they are known."""
    return " · ".join(str(part) for part in (ref.study_date, ref.phase, ref.modality, ref.description) if part)


def lesion_choices(case: Case) -> list[Choice]:
    return [Choice(lesion.id, lesion.name) for lesion in case.lesions]


def item_choices(session: Session, kind: FieldKind) -> list[Choice]:
    """Marked items that a field of a kind can point at."""
    return [Choice(item.id, item.name) for item in session.items if item.type == ITEM_TYPES[kind]]


def make_editor(field: Field, case: Case, session: Session, today: date) -> FieldEditor:
    """The editor of any field, in the light of what the case holds."""
    simple: dict[FieldKind, Sequence[Choice]] = {
        FieldKind.SERIES: series_choices(case, field.role) if field.kind is FieldKind.SERIES else (),
        FieldKind.LESION: lesion_choices(case),
        **{kind: item_choices(session, kind) for kind in ITEM_TYPES},
    }
    if field.kind in simple:
        return ChoiceEditor(simple[field.kind])
    if field.kind is FieldKind.LESIONS:
        return ChoicesEditor(lesion_choices(case), nothing="none yet: mark one on the images, or type it")
    if field.kind is FieldKind.LAB and field.analyte is not None:
        return LabEditor(field.analyte, today)
    if field.kind is FieldKind.COMPUTED:
        return ComputedView()
    if field.kind is FieldKind.TABLE:
        names = {
            choice.code: choice.label
            for choice in (
                *lesion_choices(case),
                *(each for kind in ITEM_TYPES for each in item_choices(session, kind)),
            )
        }
        return TableEditor(field, lambda column: make_editor(column, case, session, today), names=names)
    return editor_for(field)


def field_head(field: Field) -> tuple[str, str]:
    """Label with unit and mark of a required field; and what help, source and tag say."""
    unit = symbol(field.unit)
    label = field.label + (f" ({unit})" if unit else "") + (" *" if field.required else "")
    source = f"Source: {field.source}" + (f" [{field.tag}]" if field.tag else "") if field.source else ""
    return label, "\n".join(part for part in (field.help, source) if part)


def inherited_row(origin: str, confirm: Any) -> Any:
    """The mark of a value carried from an earlier session, with the button that confirms it."""
    note = PlainLabel(f"from {origin}: review", role="unverified")
    return row(note, button("Confirm", confirm, tip="The carried value holds today"))
