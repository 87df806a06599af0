"""What the page of tasks and diary shows, and what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from planner.model.case import Case
from planner.model.follow_up import Report, Task, TaskState
from planner.units import symbol
from planner.workflow.alerts import Alert
from planner.workflow.follow_up_rules import levels
from planner.workflow.scales import scales
from viewers.state.theme import BLOCK, QUIET, SIGNED, TEXT, WARN, StateMark

LEVEL_MARKS = {
    "urgent": StateMark("■", "urgent", BLOCK),
    "call": StateMark("▲", "call", WARN),
    "watch": StateMark("●", "watch", TEXT),
}
TASK_MARKS = {
    TaskState.OPEN: StateMark("○", "open", TEXT),
    TaskState.DONE: StateMark("✓", "done", SIGNED),
    TaskState.DROPPED: StateMark("–", "dropped", QUIET),
}


@dataclass(frozen=True, slots=True)
class TaskView:
    """Alerts without a task, the tasks and the diary of a case on a day."""

    case: Case
    alerts: tuple[Alert, ...]
    today: date

    @property
    def open_tasks(self) -> tuple[Task, ...]:
        return tuple(each for each in self.case.tasks if each.state is TaskState.OPEN)


@dataclass(frozen=True, slots=True)
class TaskActs:
    """What the page asks for; each answers a sentence when it was refused, else None."""

    open_task: Callable[[Alert, str, date | None], str | None]
    write_task: Callable[[str, str, str, date | None], str | None]
    hand_over: Callable[[str, str, date | None], str | None]
    close: Callable[[str, str], str | None]
    drop: Callable[[str, str], str | None]
    add_report: Callable[[str, float | None, date, str, str], str | None]
    remove_report: Callable[[str], str | None]
    leave: Callable[[], object]


def alert_mark(alert: Alert) -> StateMark:
    return LEVEL_MARKS.get(alert.level, LEVEL_MARKS["watch"])


def alert_lines(alert: Alert) -> tuple[str, str]:
    """What it says, and in quiet where it is from."""
    unread = " · unverified default" if alert.tag in ("M", "P") else ""
    level = levels()[alert.level]
    source = f" · {alert.source}" if alert.source else ""
    return alert.text, f"{level.key}: within {level.due_days} d{source}{unread}"


def late_words(task: Task, today: date) -> str:
    """``due 2026-05-04, 12 d late``."""
    if task.due_on is None:
        return "no day set"
    days = (today - task.due_on).days
    when = f"{days} d late" if days > 0 else "today" if days == 0 else f"in {-days} d"
    return f"due {task.due_on.isoformat()}, {when}"


def report_line(report: Report) -> str:
    """``2026-05-04 · Pain 6 · patient``, with the words that were said."""
    known = scales().get(report.scale)
    title = known.title if known is not None else report.scale
    unit = symbol(known.unit) if known is not None else ""
    value = "" if report.value is None else f" {known.shown(report.value) if known is not None else report.value}"
    said = f": {report.text}" if report.text else ""
    return f"{report.on.isoformat()} · {title}{value}{f' {unit}' if unit and value else ''}{said} · {report.source}"


def quiet_count(alerts: int, tasks: tuple[Task, ...], today: date) -> str:
    """``▲ 2 alerts · ○ 3 tasks, 1 late`` for the list on the left; empty where there is neither."""
    late = sum(each.due_on is not None and each.due_on < today for each in tasks)
    parts = []
    if alerts:
        parts.append(f"▲ {alerts} alert{'s' if alerts != 1 else ''}")
    if tasks:
        parts.append(f"○ {len(tasks)} task{'s' if len(tasks) != 1 else ''}{f', {late} late' if late else ''}")
    return " · ".join(parts)
