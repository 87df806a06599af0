"""The course of the open case on one page: what for and why, the time axis, below it the steps and the chosen one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QScrollArea, QSplitter, QVBoxLayout, QWidget

from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.course import Course
from planner.workflow.course import StepStatus
from planner.workflow.template import Choice
from viewers.panels.course_head import CourseHead
from viewers.panels.course_steps import StepTable
from viewers.panels.findings_panel import FindingsPanel
from viewers.panels.parts import PlainLabel, button, panel, row
from viewers.panels.step_card import StepActs, StepCard
from viewers.panels.timeline import Timeline
from viewers.state.course_lanes import TimelineContent
from viewers.state.timeline_memory import TimelineMemory


@dataclass(frozen=True, slots=True)
class CourseView:
    """What the page shows.

    Attributes
    ----------
    course
        The one on show, of those of the case; None while there is none.
    statuses
        Its steps as they stand today.
    findings
        What is wrong with the course, and what stands against what is not booked yet.
    """

    case: Case
    course: Course | None
    statuses: tuple[StepStatus, ...]
    findings: tuple[Finding, ...]
    content: TimelineContent
    head: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CourseActs:
    """What the page asks for. `write` answers a sentence when a value was refused."""

    write: Callable[[str, Any], str | None]
    choose: Callable[[str], object]
    start: Callable[[], object]
    end: Callable[[], object]
    add: Callable[[], object]
    leave: Callable[[], object]
    open_study: Callable[[str], object]
    compare: Callable[[str, str], object]
    open_reading: Callable[[str], object]
    step: StepActs


class CoursePage(QWidget):
    """Shows a `CourseView`. Esc goes back to the images.

    Parameters
    ----------
    bands
        Risk bands of ``resources/follow_up.toml``.
    """

    def __init__(self, acts: CourseActs, bands: Sequence[Choice], memory: TimelineMemory) -> None:
        super().__init__()
        self._acts = acts
        self.view: CourseView | None = None
        self.step_id: str | None = None
        self.head = CourseHead(bands, acts.write, acts.choose, acts.start, acts.end)
        self.back = button("Back to the images", acts.leave, tip="Esc, or Ctrl+Shift+C")
        self.timeline = Timeline(memory)
        self.timeline.session_wanted.connect(acts.step.open_session)
        self.timeline.study_wanted.connect(acts.open_study)
        self.timeline.compare_wanted.connect(acts.compare)
        self.timeline.reading_wanted.connect(acts.open_reading)
        self.timeline.step_wanted.connect(self.choose_step)
        self.table = StepTable()
        self.table.chosen.connect(self.choose_step)
        self.table.opened.connect(self._open)
        self.adder = button("Add a step…", acts.add)
        self.card = StepCard(acts.step)
        self.findings = FindingsPanel("Course: nothing against it by what is entered and known")
        self.empty = PlainLabel(
            "This case has no course yet. “Start a course…” offers the usual orders of treatments; the axis shows what "
            "is known already.",
            role="quiet",
            wrap=True,
        )
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._show_steps)
        self._build()

    def _build(self) -> None:
        """Left the time axis over the table, right the chosen step over the findings; the axis gets the most."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        top, top_layout = panel()
        top_layout.addWidget(self.head)
        layout.addWidget(top)
        axis, axis_layout = panel()
        axis_layout.setContentsMargins(10, 2, 4, 2)
        axis_layout.addWidget(self.timeline, 1)
        steps, steps_layout = panel()
        steps_layout.setContentsMargins(10, 4, 4, 6)
        steps_layout.addWidget(row(PlainLabel("Steps", role="section"), self.adder))
        steps_layout.addWidget(self.empty)
        steps_layout.addWidget(self.table, 1)
        self.left = _split(Qt.Orientation.Vertical, axis, steps)
        self.right = _split(Qt.Orientation.Vertical, self._scrolled(self.card), self._scrolled(self.findings))
        self.parts = _split(Qt.Orientation.Horizontal, self.left, self.right)
        layout.addWidget(self.parts, 1)
        self.head.row.addWidget(self.back)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """With another width the axis gets three fifths of the height and three quarters of the width again."""
        super().resizeEvent(event)
        width, height = self.width(), self.height()
        if event.oldSize().width() == width:
            return
        self.parts.setSizes([round(width * 0.74), round(width * 0.26)])
        for part, share in ((self.left, 0.6), (self.right, 0.58)):
            part.setSizes([round(height * share), round(height * (1 - share))])

    def _scrolled(self, widget: QWidget) -> QScrollArea:
        ground, ground_layout = panel()
        ground_layout.addWidget(widget)
        ground_layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(ground)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        return scroll

    def show_view(self, view: CourseView, *, keep_view: bool = True) -> None:
        """Show a course as it is now; the chosen step stays chosen while it is there.

        The first time the steps follow in the next turn of the event loop: the axis is seen before them.
        """
        first, self.view = self.view is None, view
        courses = view.case.courses
        self.head.show_course(courses, view.course, view.head)
        self.timeline.menu.simulated = view.case.simulated
        self.timeline.show_content(view.content, keep_view=keep_view)
        known = [status.step.id for status in view.statuses]
        if self.step_id not in known:
            self.step_id = next((each.step.id for each in view.statuses if each.is_open), None)
        if first:
            self._later.start()
        else:
            self._show_steps()

    def _show_steps(self) -> None:
        """The table, what stands against the course, and the chosen step."""
        self._later.stop()
        view = self.view
        if view is None:
            return
        self.table.show_steps(view.statuses, view.case, self.step_id)
        self.table.setVisible(view.course is not None)
        self.adder.setEnabled(view.course is not None)
        self.empty.setVisible(view.course is None)
        self.findings.show_findings(view.findings, (), None, self._go_to)
        self._show_card()

    def choose_step(self, step_id: str) -> None:
        """Show a step in the card, the table and on the axis."""
        self.step_id = step_id
        self.table.choose(step_id)
        self._show_card()

    def _show_card(self) -> None:
        view = self.view
        status = None if view is None else next((e for e in view.statuses if e.step.id == self.step_id), None)
        if view is None or status is None:
            self.card.show_nothing()
            return
        about = {status.step.id, status.step.session_id}
        mine = [each for each in view.findings if each.subject in about and each.severity is not Severity.INFO]
        self.card.show_step(view.case, status, mine)

    def _go_to(self, finding: Finding) -> None:
        """To the step a finding is about, be it by its own id or that of its session."""
        statuses = self.view.statuses if self.view is not None else ()
        about = next((e for e in statuses if finding.subject in (e.step.id, e.step.session_id)), None)
        if about is not None:
            self.choose_step(about.step.id)

    def _open(self, step_id: str) -> None:
        view = self.view
        status = None if view is None else next((e for e in view.statuses if e.step.id == step_id), None)
        if status is None:
            return
        if status.step.session_id is not None:
            self._acts.step.open_session(status.step.session_id)
        else:
            self._acts.step.edit(step_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._acts.leave()
            return
        super().keyPressEvent(event)


def _split(way: Qt.Orientation, first: QWidget, second: QWidget) -> QSplitter:
    made = QSplitter(way)
    for number, widget in enumerate((first, second)):
        made.addWidget(widget)
        made.setCollapsible(number, False)
    return made
