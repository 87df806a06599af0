"""The dialog that ends a course: since when, and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from PySide6.QtWidgets import QDialog, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from planner.model.course import Course
from viewers.panels.board_day import day_editor, typed_day
from viewers.panels.parts import PlainLabel, button, row

NOTE = (
    "Its open steps, sessions and follow-up visits are asked for no more; open tasks, devices in the body and "
    "decisions still are. Nothing is taken out, and the course can be opened again."
)


def ended_words(course: Course | None) -> str:
    """Since when and why a course is over; empty for one that goes on."""
    if course is None or course.ended_on is None:
        return ""
    return f"ended on {course.ended_on.isoformat()}: {course.ended_why or 'no reason given'}"


class EndCourseDialog(QDialog):
    """Ends a course by its button, as one step of undo.

    Parameters
    ----------
    today
        Offered as the day.
    end
        Takes day and reason; a sentence when it was refused.
    """

    def __init__(
        self, course: Course, today: date, end: Callable[[date, str], str | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._end = end
        self.setWindowTitle("End the course")
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel(f"End: {course.title}", role="title", wrap=True))
        layout.addWidget(PlainLabel(NOTE, role="quiet", wrap=True))
        form = QFormLayout()
        self.day, self.reason = day_editor(today), QLineEdit()
        self.reason.setPlaceholderText("Goal reached, progression, another treatment, the patient's wish …")
        form.addRow(PlainLabel("Ended on"), self.day)
        form.addRow(PlainLabel("Why"), self.reason)
        layout.addLayout(form)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        self.go = button("End the course", self._go, primary=True)
        layout.addWidget(row(self.go, button("Cancel", self.reject)))
        self.setMinimumWidth(32 * self.fontMetrics().height())

    def _go(self) -> None:
        on = typed_day(self.day)
        if on is None:
            on = "Type the day on which the course ended."
        refusal = on if isinstance(on, str) else self._end(on, self.reason.text())
        if refusal is None:
            self.accept()
        else:
            self.problem.setText(refusal)
