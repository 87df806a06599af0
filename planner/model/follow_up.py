"""What happens between sessions: tasks with an owner, and what the patient reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class TaskState(StrEnum):
    """A task stays open until it is done and followed up, or a person says why it is dropped."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Task:
    """Something a named person has to do.

    Attributes
    ----------
    alert
        Key of the alert it was made from (``late-laboratory:bilirubin:session-…``), so that one alert makes one task;
        None for one that a person wrote.
    kind
        ``laboratory``, ``imaging``, ``device``, ``symptom``, ``decision``, ``follow-up``, ``document`` or ``other``.
    subject
        Id of the session, step, lesion or device it is about.
    outcome
        What came of it, in words, when it was closed.
    """

    id: str
    kind: str
    text: str
    owner: str
    due_on: date | None
    opened_by: str
    opened_at: datetime
    alert: str | None = None
    subject: str | None = None
    state: TaskState = TaskState.OPEN
    closed_by: str | None = None
    closed_at: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One entry of the patient's diary or of a questionnaire: pain, quality of life, a symptom.

    Attributes
    ----------
    scale
        Key of ``resources/scales.toml`` (``pain``, ``qlq-c30-global``, ``nrs-2002``, ``hama``, ``fever`` …).
    value
        On the scale, in its unit; None for a symptom told in words only.
    source
        ``patient``, ``nurse``, ``doctor`` or ``questionnaire``.
    """

    id: str
    scale: str
    value: float | None
    on: date
    source: str
    entered_by: str
    entered_at: datetime
    text: str | None = None
