"""A session: one procedure, planned and then performed. It has a plan, a record and an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from planner.model.items import PlanItem


class SessionState(StrEnum):
    """Where a session is in its life. The allowed steps are in `planner.workflow`."""

    DRAFT = "draft"
    PLANNED = "planned"
    BOOKED = "booked"
    READY = "ready"
    IN_ROOM = "in-room"
    DONE = "done"
    RECOVERED = "recovered"
    DISCHARGED = "discharged"
    OUTCOME_READ = "outcome-read"
    CLOSED = "closed"
    POSTPONED = "postponed"
    CANCELLED = "cancelled"
    NOTHING_GIVEN = "attempted-nothing-given"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Answer:
    """The value of one template field.

    Attributes
    ----------
    value
        JSON: text, number (in the field's unit), boolean, ``yes``/``no``/``unknown``, ISO date, list, or a table
        as a list of objects. None is unknown.
    inherited_from
        Session the value was carried from; such a value is marked for review until somebody touches it.
    """

    value: Any
    by: str | None = None
    at: datetime | None = None
    inherited_from: str | None = None


@dataclass(frozen=True, slots=True)
class SignOff:
    """A signature under one stage: what was signed is identified by its digest.

    Attributes
    ----------
    inputs_digest
        Digest of everything the stage reads, at signing.
    meaning
        ``signed`` or ``second-person``.
    """

    stage: str
    by: str
    role: str
    at: datetime
    inputs_digest: str
    prepared_by: str | None = None
    meaning: str = "signed"


@dataclass(frozen=True, slots=True)
class Override:
    """A blocking finding that a named person decided to pass, with the reason. It goes stale like a signature.

    Attributes
    ----------
    finding_digest
        Digest of the finding as it was (code, subject, measured, limit).
    """

    stage: str
    code: str
    subject: str | None
    by: str
    reason: str
    at: datetime
    finding_digest: str


@dataclass(frozen=True, slots=True)
class TimeOut:
    """Read aloud by the whole team; it freezes the plan and the values used.

    Attributes
    ----------
    pinned_case
        JSON of the case as it stood; plan phases are judged by it from now on. Of its sessions the one concerned is
        whole, the others come without items and time-outs (their records count in the ledger).
    stage_digests
        Stage id -> digest of its inputs at that moment: later data never turn an earlier phase stale.
    rules_digest
        Digest of template, profile and rule set together; tells afterwards that rules have changed since.
    """

    at: datetime
    by: tuple[str, ...]
    plan_digest: str
    pinned_case: Mapping[str, Any]
    stage_digests: Mapping[str, str] = field(default_factory=dict)
    rules_digest: str | None = None


@dataclass(frozen=True, slots=True)
class TemplateRef:
    """Which template a session follows; it remembers version and digest."""

    id: str
    version: str
    digest: str
    profile: str
    profile_version: str


@dataclass(frozen=True, slots=True)
class Session:
    """One treatment visit.

    Attributes
    ----------
    answers
        stage id -> field id -> `Answer`.
    items
        What is marked on images for this session.
    series_roles
        role (``arterial``, ``portal-venous`` …) -> ``series_uid#part``.
    started_from
        The session this one was planned from, or None.
    """

    id: str
    title: str
    template: TemplateRef
    state: SessionState = SessionState.DRAFT
    planned_on: date | None = None
    performed_on: date | None = None
    emergency: bool = False
    answers: Mapping[str, Mapping[str, Answer]] = field(default_factory=dict)
    items: tuple[PlanItem, ...] = ()
    series_roles: Mapping[str, str] = field(default_factory=dict)
    signoffs: tuple[SignOff, ...] = ()
    overrides: tuple[Override, ...] = ()
    time_out: TimeOut | None = None
    started_from: str | None = None
    state_reason: str | None = None

    def answer(self, stage: str, name: str) -> Any:
        """The value of a field, or None."""
        found = self.answers.get(stage, {}).get(name)
        return None if found is None else found.value

    def item(self, item_id: str) -> PlanItem | None:
        return next((item for item in self.items if item.id == item_id), None)
