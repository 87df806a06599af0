"""Alert to task to done: a task has an owner, and stays open until somebody says what came of it, or why it is dropped.

Each function gives one edit of the case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from planner.errors import UsageError
from planner.model.case import Case
from planner.model.edits import Edit, new_id
from planner.model.follow_up import Task, TaskState
from planner.workflow.alerts import Alert
from planner.workflow.follow_up_rules import risk_bands

KINDS = ("laboratory", "imaging", "device", "symptom", "decision", "follow-up", "document", "other")


def open_task(alert: Alert, *, owner: str, by: str, now: datetime, due_on: date | None = None) -> Edit:
    """Make a task of an alert.

    Parameters
    ----------
    due_on
        By when; None takes the alert's own day.

    Raises
    ------
    UsageError
        ``missing-owner``; when applied ``task-exists`` while a task of the same alert is open.
    """
    task = Task(
        id=new_id("task"),
        kind=alert.task_kind,
        text=alert.text,
        owner=_named(owner, "missing-owner", "Name who does it; a task without an owner is nobody's."),
        due_on=due_on or alert.due_on,
        opened_by=_named(by, "missing-name", "Type who opens the task."),
        opened_at=now,
        alert=alert.key,
        subject=alert.session_id or alert.subject,
    )

    def edit(case: Case) -> Case:
        if any(each.alert == alert.key and each.state is TaskState.OPEN for each in case.tasks):
            raise UsageError("task-exists", "A task of this alert is open already.", subject=alert.key)
        return replace(case, tasks=(*case.tasks, task))

    return edit


def write_task(
    kind: str,
    text: str,
    *,
    owner: str,
    due_on: date | None,
    by: str,
    now: datetime,
    subject: str | None = None,
) -> Edit:
    """A task that a person writes.

    Raises
    ------
    UsageError
        ``unknown-task-kind``, ``missing-text``, ``missing-owner`` or ``missing-name``.
    """
    if kind not in KINDS:
        raise UsageError("unknown-task-kind", f"There is no kind of task {kind!r}; choose one of {', '.join(KINDS)}.")
    task = Task(
        new_id("task"),
        kind,
        _named(text, "missing-text", "Say what is to be done."),
        _named(owner, "missing-owner", "Name who does it; a task without an owner is nobody's."),
        due_on,
        _named(by, "missing-name", "Type who opens the task."),
        now,
        subject=subject,
    )
    return lambda case: replace(case, tasks=(*case.tasks, task))


def hand_over(task_id: str, *, owner: str, due_on: date | None) -> Edit:
    """Give an open task another owner or day.

    Raises
    ------
    UsageError
        ``missing-owner``; when applied ``unknown-task`` or ``task-closed``.
    """
    name = _named(owner, "missing-owner", "Name who does it; a task without an owner is nobody's.")
    return _changed(task_id, lambda task: replace(task, owner=name, due_on=due_on))


def close_task(task_id: str, *, outcome: str, by: str, now: datetime) -> Edit:
    """Close a task as done and followed up.

    Raises
    ------
    UsageError
        ``missing-outcome`` without words; when applied ``unknown-task`` or ``task-closed``.
    """
    words = _named(outcome, "missing-outcome", "Say what came of it; a task closes with its outcome.")
    name = _named(by, "missing-name", "Type who closes the task.")
    return _changed(
        task_id, lambda task: replace(task, state=TaskState.DONE, closed_by=name, closed_at=now, outcome=words)
    )


def drop_task(task_id: str, *, reason: str, by: str, now: datetime) -> Edit:
    """Close a task that is not to be done any more, with the reason.

    Raises
    ------
    UsageError
        ``missing-reason`` without words; when applied ``unknown-task`` or ``task-closed``.
    """
    words = _named(reason, "missing-reason", "Say why it is dropped.")
    name = _named(by, "missing-name", "Type who drops the task.")
    return _changed(
        task_id, lambda task: replace(task, state=TaskState.DROPPED, closed_by=name, closed_at=now, outcome=words)
    )


def choose_risk_band(course_id: str, band: str | None, *, by: str) -> Edit:
    """Put a course into a risk band of ``follow_up.toml``, by a named person; None takes the choice back.

    Raises
    ------
    UsageError
        ``unknown-risk-band`` or ``missing-name``; when applied ``unknown-course``.
    """
    if band is not None and band not in risk_bands():
        known = ", ".join(risk_bands())
        raise UsageError("unknown-risk-band", f"There is no risk band {band!r}; choose one of {known}.")
    name = _named(by, "missing-name", "Type who chooses the risk band.")

    def edit(case: Case) -> Case:
        if not any(each.id == course_id for each in case.courses):
            raise UsageError("unknown-course", f"There is no course {course_id} in this case.", subject=course_id)
        courses = tuple(
            replace(each, risk_band=band, risk_band_by=None if band is None else name) if each.id == course_id else each
            for each in case.courses
        )
        return case if courses == case.courses else replace(case, courses=courses)

    return edit


def _changed(task_id: str, change: Callable[[Task], Task]) -> Edit:
    def edit(case: Case) -> Case:
        task = next((each for each in case.tasks if each.id == task_id), None)
        if task is None:
            raise UsageError("unknown-task", f"There is no task {task_id} in this case.", subject=task_id)
        if task.state is not TaskState.OPEN:
            said = f"This task was closed by {task.closed_by}; open a new one."
            raise UsageError("task-closed", said, subject=task_id)
        changed = change(task)
        if changed == task:
            return case
        return replace(case, tasks=tuple(changed if each.id == task_id else each for each in case.tasks))

    return edit


def _named(text: str, code: str, message: str) -> str:
    if not text.strip():
        raise UsageError(code, message)
    return text.strip()
