"""The top of a course: what it is for, the order and why, evidence, the patient's wishes, risk, and who answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QSizePolicy, QWidget

from planner.model.course import Course
from planner.workflow.template import Choice, Field, FieldKind
from viewers.panels.course_end import ended_words
from viewers.panels.editors import FieldEditor, editor_for
from viewers.panels.parts import PlainLabel, button, plain_tip

INTENTS = (Choice("radical", "radical"), Choice("palliative", "palliative"))

Write = Callable[[str, Any], str | None]


def head_fields(bands: Sequence[Choice]) -> tuple[Field, ...]:
    """What stands at the top, by the names it has in `Course`; the responsible physician is the case's."""
    return (
        Field("intent", "Intent", FieldKind.CHOICE, choices=INTENTS),
        Field("risk_band", "Risk band", FieldKind.CHOICE, choices=tuple(bands)),
        Field("responsible_physician", "Responsible", FieldKind.TEXT),
        Field("principle", "Order, and why", FieldKind.TEXT),
        Field("evidence", "Evidence", FieldKind.TEXT),
        Field("patient_wishes", "Patient's wishes", FieldKind.TEXT),
    )


class CourseHead(QWidget):
    """Six fields on three lines; a change is one step of undo.

    Parameters
    ----------
    write
        Takes the name of a field and its new value; a sentence when it was refused.
    chosen
        Called with the id of another course of the case.
    start
        Begins a course from a template.
    end
        Ends the course on show, or opens it again when it is over.
    """

    def __init__(
        self,
        bands: Sequence[Choice],
        write: Write,
        chosen: Callable[[str], object],
        start: Callable[[], object],
        end: Callable[[], object],
    ) -> None:
        super().__init__()
        self._write, self._chosen = write, chosen
        self._filling = False
        self.editors: dict[str, FieldEditor] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(3)
        self.row = top = QHBoxLayout()
        top.setSpacing(10)
        self.title = PlainLabel("Course", role="title")
        self.courses = QComboBox()
        self.courses.setToolTip("Courses of this case")
        self.courses.currentIndexChanged.connect(self._choose)
        self.start = button("Start a course…", start, tip="From a template: the usual orders of treatments")
        top.addWidget(self.title)
        top.addWidget(self.courses)
        self.end = button("End the course…", end)
        self.ended = PlainLabel("")
        # A long reason never widens the window; the whole of it stands in its tip.
        self.ended.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        top.addWidget(self.start)
        top.addWidget(self.end)
        top.addWidget(self.ended, 1)
        grid.addLayout(top, 0, 0, 1, 4)
        for number, field in enumerate(head_fields(bands)):
            line, column = number % 3 + 1, 2 * (number // 3)
            editor = editor_for(field)
            editor.changed.connect(lambda value, name=field.id: self._commit(name, value))
            grid.addWidget(PlainLabel(field.label, role="quiet"), line, column)
            grid.addWidget(editor, line, column + 1)
            self.editors[field.id] = editor
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 4)

    def show_course(self, courses: Sequence[Course], current: Course | None, values: Mapping[str, Any]) -> None:
        """Show one of the courses; without one only the button that begins it."""
        self._filling = True
        if [self.courses.itemData(number) for number in range(self.courses.count())] != [each.id for each in courses]:
            self.courses.clear()
            for each in courses:
                self.courses.addItem(each.title, each.id)
        if current is not None:
            self.courses.setCurrentIndex(self.courses.findData(current.id))
        self.courses.setVisible(len(courses) > 1)
        self.title.setText(current.title if current is not None and len(courses) == 1 else "Course")
        self._filling = False
        over = ended_words(current)
        self.end.setVisible(current is not None)
        self.end.setText("Open the course again" if over else "End the course…")
        self.ended.setText(over)
        self.ended.setToolTip(over)
        for name, editor in self.editors.items():
            editor.setEnabled(current is not None or name == "responsible_physician")
            editor.show_value(values.get(name))
            editor.setToolTip(plain_tip(str(values.get(name) or "")))

    def _choose(self, number: int) -> None:
        if not self._filling and number >= 0:
            self._chosen(str(self.courses.itemData(number)))

    def _commit(self, name: str, value: Any) -> None:
        self.editors[name].show_problem(self._write(name, value))
