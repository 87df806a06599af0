"""Alerts, tasks and diary in the window, and their quiet count beside the course."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout

from planner.app import reports, tasks
from planner.app.sessions import local_now
from planner.workflow.alerts import Alert, alerts
from viewers.panels.look import colour
from viewers.panels.parts import ClickLabel
from viewers.panels.task_content import TaskActs, TaskView, quiet_count
from viewers.panels.task_page import TaskPage
from viewers.state.theme import QUIET
from viewers.window.case_board_cover import CasePageCover

if TYPE_CHECKING:
    from planner.model.case import Case
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

COUNTED_AFTER_MS = 250
"""Judging a long case takes longer than a key: alerts are counted once the edits have come to rest."""

BELOW_THE_COURSE = 2
"""Place in the list on the left: under the heading and the lines of the course."""


class CaseTasks(CasePageCover[TaskPage]):
    """Shows what asks for somebody (Ctrl+Shift+T)."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.note: ClickLabel | None = None
        self._known: tuple[Case, date, tuple[Alert, ...]] | None = None
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(COUNTED_AFTER_MS)
        self._soon.timeout.connect(self.count)

    def follow(self, work: CaseWork) -> None:
        super().follow(work)
        self._known = None
        if self.note is None:
            self.note = ClickLabel("", tip="Alerts, tasks and the patient's diary (Ctrl+Shift+T)")
            colour(self.note, text=QUIET)
            self.note.clicked.connect(self.toggle)
            layout = self.window.case_page.stage_list.layout()
            if isinstance(layout, QVBoxLayout):
                layout.insertWidget(BELOW_THE_COURSE, self.note)
        work.changed.connect(self._soon.start)
        self._soon.start()

    def build(self) -> TaskPage:
        return TaskPage(
            TaskActs(
                open_task=self._open_task,
                write_task=self._write_task,
                hand_over=lambda task, owner, day: self.apply(
                    "Hand a task over", lambda: tasks.hand_over(task, owner=owner, due_on=day)
                ),
                close=lambda task, words: self.apply(
                    "Close a task",
                    lambda: tasks.close_task(task, outcome=words, by=self.work.who, now=local_now()),
                ),
                drop=lambda task, words: self.apply(
                    "Drop a task", lambda: tasks.drop_task(task, reason=words, by=self.work.who, now=local_now())
                ),
                add_report=self._add_report,
                remove_report=lambda report: self.apply(
                    "Take an entry of the diary back", lambda: reports.remove_report(report)
                ),
                leave=self.leave,
            )
        )

    def show_task(self, task_id: str) -> None:
        """The page, with what can be done with a task."""
        self.show()
        if self.page is not None:
            self.page.show_task(task_id)

    def fill(self, page: TaskPage, work: CaseWork) -> None:
        page.show_view(TaskView(work.opened.case, self.alerts(work), work.today))

    def alerts(self, work: CaseWork) -> tuple[Alert, ...]:
        """Alerts of the case as it stands; judged once for each state of it."""
        case, today = work.opened.case, work.today
        if self._known is None or self._known[0] is not case or self._known[1] != today:
            self._known = (case, today, alerts(case, today))
        return self._known[2]

    def count(self) -> None:
        """The quiet count on the left."""
        work = self.window.work
        if work is None or self.note is None:
            return
        view = TaskView(work.opened.case, self.alerts(work), work.today)
        words = quiet_count(len(view.alerts), view.open_tasks, work.today)
        self.note.setText(words)
        self.note.setVisible(bool(words))

    def _open_task(self, alert: Alert, owner: str, day: date | None) -> str | None:
        return self.apply(
            "Make a task of an alert",
            lambda: tasks.open_task(alert, owner=owner, by=self.work.who, now=local_now(), due_on=day),
        )

    def _write_task(self, kind: str, text: str, owner: str, day: date | None) -> str | None:
        return self.apply(
            "Open a task",
            lambda: tasks.write_task(kind, text, owner=owner, due_on=day, by=self.work.who, now=local_now()),
        )

    def _add_report(self, key: str, value: float | None, on: date, source: str, words: str) -> str | None:
        return self.apply(
            "Entry of the diary",
            lambda: reports.add_report(key, value, on=on, by=self.work.who, now=local_now(), source=source, text=words),
        )
