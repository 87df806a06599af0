"""The course: steps in order with dates and intervals, treatments elsewhere, and what is wrong with their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from PySide6.QtWidgets import QDialog, QScrollArea, QVBoxLayout, QWidget

from planner.app.case_facts import steps_of
from planner.findings import Finding
from planner.model.case import Case
from planner.model.codec import to_json
from planner.model.course import StepKind
from planner.workflow.template import Choice, Field, FieldKind
from viewers.panels.findings_panel import FindingsPanel
from viewers.panels.parts import PlainLabel, button, row, sized
from viewers.panels.table_editor import TableEditor
from viewers.panels.timeline import Timeline
from viewers.panels.timeline_content import course_content


def step_columns(case: Case) -> tuple[Field, ...]:
    """Columns of the table of steps; a step may follow any other one."""
    others = tuple(Choice(each.id, each.title) for each in steps_of(case))
    return (
        Field("title", "Step", FieldKind.TEXT),
        Field("kind", "Kind", FieldKind.CHOICE, choices=tuple(Choice(each.value, each.value) for each in StepKind)),
        Field("planned_on", "Planned on", FieldKind.DATE),
        Field("done_on", "Done on", FieldKind.DATE),
        Field("after", "Follows", FieldKind.CHOICE, choices=others),
        Field("minimum_days", "At least", FieldKind.INTEGER, unit="d"),
        Field("maximum_days", "At most", FieldKind.INTEGER, unit="d"),
        Field("interval_source", "Interval says who", FieldKind.TEXT),
        Field("condition", "Only if", FieldKind.TEXT),
    )


class CourseDialog(QDialog):
    """Edits go into the case at once, each as one step of undo.

    Parameters
    ----------
    write
        Takes the rows of all steps; a sentence when they were refused.
    findings
        Answers what is wrong with the course now.
    """

    def __init__(
        self,
        case: Callable[[], Case],
        write: Callable[[Sequence[Mapping[str, Any]]], str | None],
        findings: Callable[[], Sequence[Finding]],
        today: date,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Course")
        self._case, self._write, self._findings_now, self._today = case, write, findings, today
        outer = QVBoxLayout(self)
        outer.addWidget(PlainLabel("Course of the case", role="title"))
        self.timeline = Timeline(compact=True)
        outer.addWidget(self.timeline)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        page = QWidget()
        self._page = QVBoxLayout(page)
        note = "Sessions keep their own dates. Add what is done elsewhere, and the interval a step must keep."
        self._page.addWidget(PlainLabel(note, role="quiet", wrap=True))
        self.table = TableEditor(Field("steps", "Steps of the course", FieldKind.TABLE, columns=step_columns(case())))
        self.table.changed.connect(self._commit)
        self._page.addWidget(self.table)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self._page.addWidget(self.problem)
        self.findings = FindingsPanel("Intervals and order: nothing wrong with what is entered")
        self._page.addWidget(self.findings)
        self._page.addStretch(1)
        scroll.setWidget(page)
        outer.addWidget(scroll, 1)
        outer.addWidget(row(button("Close", self.accept)))
        sized(self, 43, 45)
        self.show_course()

    def show_course(self) -> None:
        """Show the course as it is now."""
        case = self._case()
        self.table.show_value([{k: v for k, v in to_json(each).items() if v is not None} for each in steps_of(case)])
        self.timeline.show_content(course_content(case, {}, self._today))
        self.findings.show_findings(tuple(self._findings_now()), (), None)

    def _commit(self, rows: Any) -> None:
        refusal = self._write(tuple(rows or ()))
        self.problem.setText(refusal or "")
        if refusal is None:
            self.timeline.show_content(course_content(self._case(), {}, self._today))
            self.findings.show_findings(tuple(self._findings_now()), (), None)
