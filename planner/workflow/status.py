"""The computed status of stages and sessions: values that window, command line and PDF show. Never stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from planner.findings import Finding, any_blocks
from planner.model.codec import digest
from planner.model.people import LabValue
from planner.model.session import Override
from planner.workflow.template import Computed, Stage


class Status(StrEnum):
    """WAITING for an earlier stage, OPEN, BLOCKED by a finding, SIGNED, STALE (signed once, changed since)."""

    WAITING = "waiting"
    OPEN = "open"
    BLOCKED = "blocked"
    SIGNED = "signed"
    STALE = "stale"


def finding_digest(finding: Finding) -> str:
    """Identifies what an override passes: code, subject and the compared numbers.

    An age in days is left out: it grows by itself, and what was decided yesterday about old images stands today.
    """
    measured = None if finding.unit == "d" else finding.measured
    return digest([finding.code, finding.subject, measured, finding.limit])


@dataclass(frozen=True, slots=True)
class OverriddenFinding:
    """A blocking finding that a named person passed, with the reason."""

    finding: Finding
    override: Override


@dataclass(frozen=True, slots=True)
class Signature:
    """The latest signature of a role. `current` is False when what was signed has changed since."""

    role: str
    by: str
    at: datetime
    current: bool
    prepared_by: str | None = None
    meaning: str = "signed"


@dataclass(frozen=True, slots=True)
class NewerValue:
    """A laboratory value that arrived after the time-out; `used` is what stood then."""

    analyte: str
    used: LabValue | None
    newer: LabValue


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One stage as it stands.

    Attributes
    ----------
    findings
        What stands, overridden ones taken out.
    stale_overrides
        Overrides whose finding has changed; they pass nothing.
    computed
        What the stage's compute fields show.
    missing_roles
        Roles whose current signature is missing.
    waits_for
        Ids of the stages to be signed first.
    complete
        Signed; or, where nobody signs, nothing stands in the way.
    can_sign
        Whether a missing role could sign now.
    frozen
        The time-out has passed: plan fields are closed.
    """

    stage: Stage
    status: Status
    findings: tuple[Finding, ...]
    overridden: tuple[OverriddenFinding, ...]
    stale_overrides: tuple[Override, ...]
    computed: tuple[Computed, ...]
    signatures: tuple[Signature, ...]
    missing_roles: tuple[str, ...]
    newer_values: tuple[NewerValue, ...]
    waits_for: tuple[str, ...]
    inputs_digest: str
    complete: bool
    can_sign: bool
    frozen: bool

    @property
    def blocked(self) -> bool:
        return any_blocks(self.findings)

    def to_json(self) -> dict[str, Any]:
        """The stage as ``case check --json`` prints it."""
        return {
            "id": self.stage.id,
            "title": self.stage.title,
            "phase": self.stage.phase.value,
            "status": self.status.value,
            "findings": [finding.to_json() for finding in self.findings],
            "overridden": [
                {**each.finding.to_json(), "by": each.override.by, "reason": each.override.reason}
                for each in self.overridden
            ],
            "signatures": [
                {"role": each.role, "by": each.by, "at": each.at.isoformat(), "current": each.current}
                for each in self.signatures
            ],
            "missing_roles": list(self.missing_roles),
            "waits_for": list(self.waits_for),
            "can_sign": self.can_sign,
            "complete": self.complete,
        }


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """All stages of a session, and what is to be said of the session as a whole."""

    session_id: str
    stages: tuple[StageStatus, ...]
    findings: tuple[Finding, ...]

    def stage(self, stage_id: str) -> StageStatus:
        """Raises KeyError for an unknown stage."""
        for each in self.stages:
            if each.stage.id == stage_id:
                return each
        raise KeyError(stage_id)

    @property
    def overrides(self) -> tuple[OverriddenFinding, ...]:
        """Every override that stands; the count is read out at the time-out and printed on page one."""
        return tuple(each for stage in self.stages for each in stage.overridden)

    @property
    def blocked(self) -> bool:
        return any_blocks(self.findings) or any(stage.blocked for stage in self.stages)

    @property
    def next_stage(self) -> StageStatus | None:
        """The first stage that can be worked on now, in order; None when all is done."""
        undone = [each for each in self.stages if not each.complete]
        return next((each for each in undone if each.status is not Status.WAITING), undone[0] if undone else None)
