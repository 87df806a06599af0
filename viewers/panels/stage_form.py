"""The form of a stage, generated from its fields. It keeps its editors while values change around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from planner.model.case import Case
from planner.model.session import Session
from planner.workflow.template import Computed, Field, FieldKind
from viewers.panels.case_editors import field_head, inherited_row, make_editor
from viewers.panels.editors import FieldEditor
from viewers.panels.parts import PlainLabel, clear


@dataclass(frozen=True, eq=False, slots=True)
class FormField:
    """One field as the form shows it.

    Attributes
    ----------
    value
        As `planner.workflow.values.value_of` gives it; for computed fields the list of `Computed`.
    inherited_from
        Title of the session the value was carried from, or None.
    """

    field: Field
    value: Any
    inherited_from: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class FormContent:
    """Everything the form shows."""

    stage_id: str
    fields: tuple[FormField, ...]
    case: Case
    session: Session
    today: date
    read_only: bool = False


Answer = Callable[[str, str, Any], str | None]
"""(stage id, field id, value) -> a sentence why it was refused, or None."""


AT_ONCE = 3
"""Fields built in one go: about 10 ms each on a slow machine."""


class StageForm(QWidget):
    """Editors one under the other: label above, editor below, help as tool tip.

    Parameters
    ----------
    answer
        Called when a person has changed a field; a returned sentence is shown at the field.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(3)
        self.editors: dict[str, FieldEditor] = {}
        self.problems: dict[str, PlainLabel] = {}
        self._shape: tuple[Any, ...] = ()
        self._stage_id = ""
        self._waiting: list[FormField] = []
        self._content: FormContent | None = None
        self._later = QTimer(self)
        self._later.setInterval(0)
        self._later.timeout.connect(self._add_some)

    def show_content(self, content: FormContent) -> None:
        """Show a stage. Editors stay when stage and fields are the same, so typing is never interrupted."""
        shape = (
            content.stage_id,
            tuple((each.field, each.inherited_from) for each in content.fields),
            tuple((ref.series_uid, ref.part) for ref in content.case.studies),
            tuple((lesion.id, lesion.name) for lesion in content.case.lesions),
            content.read_only,
        )
        if shape != self._shape:
            self._shape = shape
            self._rebuild(content)
        self._content = content
        self._waiting = [each for each in content.fields if each.field.id not in self.editors]
        for each in content.fields:
            if each.field.id in self.editors:
                self.editors[each.field.id].show_value(each.value)

    def _rebuild(self, content: FormContent) -> None:
        """A long form is built a few fields at a time, so that the window answers meanwhile."""
        clear(self._layout)
        self.editors, self.problems = {}, {}
        self._stage_id = content.stage_id
        self._content = content
        self._waiting = list(content.fields)
        self._add_some()
        self._later.start()

    def _add_some(self) -> None:
        content = self._content
        if content is None or not self._waiting:
            self._later.stop()
            return
        for each in self._waiting[:AT_ONCE]:
            self._add(each, content)
            self.editors[each.field.id].show_value(each.value)
        self._waiting = self._waiting[AT_ONCE:]

    def complete(self) -> None:
        """Build the rest of the form now."""
        while self._waiting:
            self._add_some()

    def _add(self, shown: FormField, content: FormContent) -> None:
        field = shown.field
        text, help_text = field_head(field)
        label = PlainLabel(text, wrap=True)
        label.setToolTip(help_text)
        self._layout.addWidget(label)
        if shown.inherited_from is not None:
            confirm = self._confirmer(field.id)
            self._layout.addWidget(inherited_row(shown.inherited_from, confirm))
        editor = make_editor(field, content.case, content.session, content.today)
        editor.setEnabled(not content.read_only or field.kind is FieldKind.COMPUTED)
        editor.changed.connect(lambda value, name=field.id: self._commit(name, value))
        label.setBuddy(editor)
        self._layout.addWidget(editor)
        problem = PlainLabel(role="unverified", wrap=True)
        problem.setVisible(False)
        self._layout.addWidget(problem)
        self.editors[field.id], self.problems[field.id] = editor, problem

    def _confirmer(self, name: str) -> Callable[[], None]:
        return lambda: self.confirm(name)

    def confirm(self, name: str) -> None:
        """Take a carried value as today's own."""
        self._commit(name, CONFIRM)

    def _commit(self, name: str, value: Any) -> None:
        refusal = self._answer(self._stage_id, name, value)
        if name in self.problems:
            self.problems[name].setText(refusal or "")
            self.problems[name].setVisible(bool(refusal))
            self.editors[name].show_problem(refusal)


class _Confirm:
    """Stands for "the value as it is"."""

    def __repr__(self) -> str:
        return "CONFIRM"


CONFIRM = _Confirm()


def computed_of(fields: Sequence[Field], computed: Sequence[Computed]) -> Mapping[str, list[Computed]]:
    """The computed values of each computed field."""
    names = [field.id for field in fields if field.kind is FieldKind.COMPUTED]
    return {name: [each for each in computed if each.field_id == name] for name in names}
