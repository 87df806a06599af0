"""Alerts, tasks and diary of an open case side by side: an alert becomes a task with an owner, a task ends in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QSplitter, QVBoxLayout, QWidget

from planner.app.tasks import KINDS
from planner.model.follow_up import Task, TaskState
from planner.workflow.alerts import Alert
from viewers.panels.board_day import day_editor, typed_day
from viewers.panels.board_page import scrolled
from viewers.panels.diary_panel import DiaryPanel
from viewers.panels.look import colour
from viewers.panels.parts import ClickLabel, PlainLabel, button, card, clear, panel, row
from viewers.panels.task_content import TASK_MARKS, TaskActs, TaskView, alert_lines, alert_mark, late_words

CLOSED_SHOWN = 12
"""Closed tasks that are listed, newest first."""


class OwnedLine(QWidget):
    """Who does it, by when, and the button that says so.

    Parameters
    ----------
    act
        Given owner and day; a sentence when it was refused.
    """

    def __init__(self, verb: str, owner: str, day: date | None, act: Callable[[str, date | None], str | None]) -> None:
        super().__init__()
        self._act, self._offered = act, (owner, day)
        self.owner, self.day = QLineEdit(owner), day_editor(day)
        self.owner.setPlaceholderText("Who does it")
        self.go = button(verb, self._go)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(row(self.owner, PlainLabel("by", role="quiet"), self.day, self.go, stretch=False))
        layout.addWidget(self.problem)
        self.problem.hide()

    @property
    def is_typed(self) -> bool:
        """Whether a person has begun to fill it."""
        return (self.owner.text(), typed_day(self.day)) != self._offered

    def put(self, owner: str, day: date | None | str) -> None:
        """What was typed before the line was built anew; what is no day is offered anew."""
        self.owner.setText(owner)
        if not isinstance(day, str):
            self.day.show_value(day.isoformat() if day else None)

    def _go(self) -> None:
        day = typed_day(self.day)
        refusal = day if isinstance(day, str) else self._act(self.owner.text(), day)
        self.problem.setText(refusal or "")
        self.problem.setVisible(refusal is not None)


class TaskPage(QWidget):
    """Shows a `TaskView`. Esc goes back to the images."""

    def __init__(self, acts: TaskActs) -> None:
        super().__init__()
        self._acts = acts
        self.view: TaskView | None = None
        self.task_id: str | None = None
        self._shown_alerts: tuple[object, ...] | None = None
        self._shown_tasks: tuple[object, ...] | None = None
        self.alerts, self._alerts = _stack()
        self.tasks, self._tasks = _stack()
        self.alert_title = PlainLabel("", role="section")
        self.task_title = PlainLabel("", role="section")
        self.diary = DiaryPanel(acts.add_report, acts.remove_report)
        self.back = button("Back to the images", acts.leave, tip="Esc, or Ctrl+Shift+T")
        self.writer = self._own_task()
        self.cards: dict[str, QWidget] = {}
        self.lines: dict[str, OwnedLine] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        top, top_layout = panel()
        top_layout.addWidget(row(PlainLabel("Alerts, tasks and diary", role="title"), self.back))
        layout.addWidget(top)
        self.parts = QSplitter(Qt.Orientation.Horizontal)
        for number, part in enumerate(
            (
                scrolled(self.alert_title, self.alerts),
                scrolled(self.task_title, self.tasks, PlainLabel("A task of your own", role="section"), self.writer),
                scrolled(PlainLabel("Diary and questionnaires", role="section"), self.diary),
            )
        ):
            self.parts.addWidget(part)
            self.parts.setCollapsible(number, False)
        layout.addWidget(self.parts, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != self.width():
            self.parts.setSizes([self.width() // 3] * 3)

    def _own_task(self) -> QWidget:
        holder, layout = _stack()
        self.kind, self.text = QComboBox(), QLineEdit()
        for each in KINDS:
            self.kind.addItem(each.replace("-", " "), each)
        self.text.setPlaceholderText("What is to be done")
        layout.addWidget(row(self.kind, self.text, stretch=False))
        self.own = OwnedLine("Open a task", "", None, self._write)
        layout.addWidget(self.own)
        return holder

    def _write(self, owner: str, day: date | None) -> str | None:
        refusal = self._acts.write_task(str(self.kind.currentData()), self.text.text(), owner, day)
        if refusal is None:
            self.text.clear()
            self.own.owner.clear()
        return refusal

    def show_view(self, view: TaskView) -> None:
        """Show alerts, tasks and diary as they are; parts that are the same stay as they are."""
        self.view = view
        if (view.alerts, view.today) != self._shown_alerts:
            self._shown_alerts = (view.alerts, view.today)
            self._show_alerts(view)
        if (view.case.tasks, self.task_id, view.today) != self._shown_tasks:
            self._show_tasks(view)
        self.diary.show_reports(view.case.reports, view.today)

    def _show_alerts(self, view: TaskView) -> None:
        typed = {key: (line.owner.text(), typed_day(line.day)) for key, line in self.lines.items() if line.is_typed}
        clear(self._alerts)
        self.lines = {}
        self.alert_title.setText(f"Alerts without a task: {len(view.alerts)}")
        for alert in view.alerts:
            self._alerts.addWidget(self._alert(alert))
            if alert.key in typed:
                self.lines[alert.key].put(*typed[alert.key])
        if not view.alerts:
            words = "Nothing asks for somebody by what is entered and known. That is not the same as all well."
            self._alerts.addWidget(PlainLabel(words, role="quiet", wrap=True))

    def _alert(self, alert: Alert) -> QWidget:
        mark = alert_mark(alert)
        holder, layout = card(mark.colour)
        text, source = alert_lines(alert)
        layout.addWidget(PlainLabel(f"{mark.shape} {text}", wrap=True))
        layout.addWidget(PlainLabel(source, role="quiet", wrap=True))
        line = OwnedLine(
            "Make a task", alert.owner or "", alert.due_on, lambda who, day: self._acts.open_task(alert, who, day)
        )
        layout.addWidget(line)
        self.lines[alert.key] = line
        return holder

    def _show_tasks(self, view: TaskView) -> None:
        self._shown_tasks = (view.case.tasks, self.task_id, view.today)
        clear(self._tasks)
        self.cards = {}
        still = sorted(view.open_tasks, key=lambda each: each.due_on or date.max)
        over = [each for each in view.case.tasks if each.state is not TaskState.OPEN]
        over.sort(key=lambda each: each.closed_at.isoformat() if each.closed_at else "", reverse=True)
        self.task_title.setText(f"Tasks: {len(still)} open, {len(over)} closed")
        for task in (*still, *over[:CLOSED_SHOWN]):
            self._tasks.addWidget(self._task(task, view.today))
        if not view.case.tasks:
            words = "No task yet. An alert becomes a task with an owner; or write one of your own."
            self._tasks.addWidget(PlainLabel(words, role="quiet", wrap=True))

    def _task(self, task: Task, today: date) -> QWidget:
        """One line; the chosen open task also shows what can be done with it."""
        mark = TASK_MARKS[task.state]
        late = task.state is TaskState.OPEN and task.due_on is not None and task.due_on < today
        holder, layout = card(TASK_MARKS[task.state].colour)
        title = ClickLabel(f"{mark.shape} {task.text}", tip="Click for what can be done with it")
        title.clicked.connect(lambda: self.choose_task(task.id))
        layout.addWidget(title)
        day = late_words(task, today) if task.state is TaskState.OPEN else _closed_words(task)
        label = PlainLabel(f"{task.owner} · {day}", role="unverified" if late else "quiet", wrap=True)
        layout.addWidget(label)
        self.cards[task.id] = holder
        if task.id == self.task_id and task.state is TaskState.OPEN:
            layout.addWidget(self._acts_on(task))
        elif task.state is not TaskState.OPEN:
            colour(title, text=TASK_MARKS[TaskState.DROPPED].colour)
        return holder

    def _acts_on(self, task: Task) -> QWidget:
        holder, layout = _stack()
        opened = f"opened by {task.opened_by} on {task.opened_at.date().isoformat()}"
        layout.addWidget(PlainLabel(opened, role="quiet", wrap=True))
        over = OwnedLine("Hand over", task.owner, task.due_on, lambda who, day: self._acts.hand_over(task.id, who, day))
        layout.addWidget(over)
        self.outcome = QLineEdit()
        self.outcome.setPlaceholderText("What came of it, or why it is dropped")
        self.problem = PlainLabel("", role="unverified", wrap=True)
        done = button("Done", lambda: self._said(self._acts.close(task.id, self.outcome.text())))
        dropped = button("Drop", lambda: self._said(self._acts.drop(task.id, self.outcome.text())))
        layout.addWidget(row(self.outcome, done, dropped, stretch=False))
        layout.addWidget(self.problem)
        self.problem.hide()
        return holder

    def _said(self, refusal: str | None) -> None:
        if refusal is not None:
            self.problem.setText(refusal)
            self.problem.show()

    def show_task(self, task_id: str) -> None:
        """Open what can be done with a task, where there is one."""
        if task_id != self.task_id and task_id in self.cards:
            self.choose_task(task_id)

    def choose_task(self, task_id: str) -> None:
        """Open what can be done with a task; once more closes it."""
        self.task_id = None if task_id == self.task_id else task_id
        if self.view is not None:
            self._show_tasks(self.view)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._acts.leave()
            return
        super().keyPressEvent(event)


def _closed_words(task: Task) -> str:
    on = task.closed_at.date().isoformat() if task.closed_at else "an unknown day"
    return f"{TASK_MARKS[task.state].word} on {on} by {task.closed_by or 'nobody named'}: {task.outcome or ''}"


def _stack() -> tuple[QWidget, QVBoxLayout]:
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    return holder, layout
