"""Dialogs of a course: one to begin it from a template, one to write a step. Enter decides nothing in either."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from planner.model.codec import from_json, to_json
from planner.model.course import Course, CourseStep, StepKind
from planner.units import symbol
from planner.workflow.template import Choice, Field, FieldKind
from viewers.panels.course_steps import KIND_WORDS
from viewers.panels.editors import FieldEditor, editor_for
from viewers.panels.parts import PlainLabel, button, clear, plain_tip, row, sized

DECIDERS = ("board", "consultant", "interventional-radiologist", "oncologist", "surgeon", "patient")


def step_fields(course: Course | None, templates: Sequence[Choice], own: str | None) -> tuple[Field, ...]:
    """What a person may write of a step; a step may follow any other one of its course."""
    others = tuple(Choice(each.id, each.title) for each in (course.steps if course else ()) if each.id != own)
    kinds = tuple(Choice(kind.value, KIND_WORDS.get(kind.value, kind.value)) for kind in StepKind)
    deciders = tuple(Choice(each, each.replace("-", " ")) for each in DECIDERS)
    return (
        Field("title", "Step", FieldKind.TEXT, required=True),
        Field("kind", "Kind", FieldKind.CHOICE, choices=kinds),
        Field("template", "Procedure", FieldKind.CHOICE, choices=tuple(templates)),
        Field("planned_on", "Planned on", FieldKind.DATE),
        Field("after", "Follows", FieldKind.CHOICE, choices=others),
        Field("minimum_days", "At least", FieldKind.INTEGER, unit="d"),
        Field("maximum_days", "At most", FieldKind.INTEGER, unit="d"),
        Field("interval_source", "Interval says who", FieldKind.TEXT),
        Field("condition", "Only", FieldKind.TEXT, help="Such as: if viable at 4-6 weeks"),
        Field("alternative_to", "Instead of", FieldKind.CHOICE, choices=others),
        Field("decides", "Decided by", FieldKind.CHOICE, choices=deciders),
        Field("owner", "Owner", FieldKind.TEXT),
        Field("note", "Note", FieldKind.TEXT),
    )


class StepDialog(QDialog):
    """Writes a step; it is put into the course by the button, as one step of undo.

    Parameters
    ----------
    step
        The one to change; for a new one a step without a title.
    put
        Takes the written step; a sentence when it was refused.
    """

    def __init__(
        self,
        course: Course | None,
        step: CourseStep,
        templates: Sequence[Choice],
        put: Callable[[CourseStep], str | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._step, self._put = step, put
        self.setWindowTitle("Step of the course")
        outer = QVBoxLayout(self)
        outer.addWidget(PlainLabel(step.title or "A new step", role="title", wrap=True))
        scroll, page = QScrollArea(), QWidget()
        scroll.setWidgetResizable(True)
        form = QFormLayout(page)
        self.values: dict[str, Any] = to_json(step)
        self.editors: dict[str, FieldEditor] = {}
        for field in step_fields(course, templates, step.id):
            editor = editor_for(field)
            editor.show_value(self.values.get(field.id))
            editor.changed.connect(lambda value, name=field.id: self._take(name, value))
            unit = symbol(field.unit)
            label = PlainLabel(f"{field.label} ({unit})" if unit else field.label)
            label.setToolTip(field.help)
            form.addRow(label, editor)
            self.editors[field.id] = editor
        scroll.setWidget(page)
        outer.addWidget(scroll, 1)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        outer.addWidget(self.problem)
        self.go = button("Put it into the course", self._go, primary=True)
        outer.addWidget(row(self.go, button("Cancel", self.reject)))
        sized(self, 34, 36)

    def _take(self, name: str, value: Any) -> None:
        self.values[name] = value

    def _go(self) -> None:
        typed_in = self.focusWidget()
        if typed_in is not None:
            typed_in.clearFocus()
        if not str(self.values.get("title") or "").strip():
            self.problem.setText("The step has no name; type one.")
            return
        written = from_json(CourseStep, {key: value for key, value in self.values.items() if value is not None}, "step")
        refusal = self._put(written)
        if refusal is None:
            self.accept()
        else:
            self.problem.setText(refusal)


@dataclass(frozen=True, slots=True)
class CourseOffer:
    """A course template as it is offered.

    Attributes
    ----------
    lines
        What it is for, its steps, where it comes from; with what is an unverified default.
    fits
        Meant for this histology; others are listed behind, and said to be meant for others.
    """

    id: str
    title: str
    lines: tuple[str, ...]
    fits: bool = True


class StartCourseDialog(QDialog):
    """The usual orders of treatments, each with what it is, and the day it begins.

    Parameters
    ----------
    begin
        Takes the id of a template (None: an empty course) and the day; a sentence when it was refused.
    """

    def __init__(
        self,
        offers: Sequence[CourseOffer],
        today: date,
        begin: Callable[[str | None, date], str | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._begin = begin
        self.setWindowTitle("Start a course")
        outer = QVBoxLayout(self)
        outer.addWidget(PlainLabel("Start a course", role="title"))
        note = "The course becomes a copy in the case: every day, interval and step may be changed afterwards."
        outer.addWidget(PlainLabel(note, role="quiet", wrap=True))
        body = QHBoxLayout()
        self.list = QListWidget()
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._lines: Mapping[str | None, tuple[str, ...]] = {
            **{each.id: each.lines for each in offers},
            None: ("No steps yet: add them one by one.",),
        }
        for each in sorted(offers, key=lambda offer: not offer.fits):
            self._offer(each.title if each.fits else f"{each.title} · other histology", each.id)
        self._offer("An empty course", None)
        self.list.currentItemChanged.connect(lambda *_: self._describe())
        body.addWidget(self.list, 2)
        scroll, page = QScrollArea(), QWidget()
        scroll.setWidgetResizable(True)
        self._page = QVBoxLayout(page)
        scroll.setWidget(page)
        body.addWidget(scroll, 3)
        outer.addLayout(body, 1)
        self.day = editor_for(Field("begun_on", "Begins on", FieldKind.DATE))
        self.day.show_value(today.isoformat())
        self._value: object = today.isoformat()
        self.day.changed.connect(self._take)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        outer.addWidget(self.problem)
        self.go = button("Start this course", self._go, primary=True)
        outer.addWidget(row(PlainLabel("Begins on"), self.day, self.go, button("Cancel", self.reject)))
        self.list.setCurrentRow(0)
        sized(self, 58, 38)

    def _offer(self, text: str, template: str | None) -> None:
        item = QListWidgetItem(text)
        item.setData(Qt.ItemDataRole.UserRole, template)
        item.setToolTip(plain_tip(text))
        self.list.addItem(item)

    def _take(self, value: object) -> None:
        self._value = value

    def _chosen(self) -> str | None:
        item = self.list.currentItem()
        found = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        return None if found is None else str(found)

    def _describe(self) -> None:
        clear(self._page)
        for number, line in enumerate(self._lines.get(self._chosen(), ())):
            self._page.addWidget(PlainLabel(line, role="quiet" if number > 1 else None, wrap=True))
        self._page.addStretch(1)

    def _go(self) -> None:
        typed_in = self.focusWidget()
        if typed_in is not None:
            typed_in.clearFocus()
        if not self._value:
            self.problem.setText("Say on which day the course begins.")
            return
        refusal = self._begin(self._chosen(), date.fromisoformat(str(self._value)))
        if refusal is None:
            self.accept()
        else:
            self.problem.setText(refusal)
