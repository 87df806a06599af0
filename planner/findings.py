"""A finding is data: the same value is shown by the desktop, the command line and the PDF."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Severity(StrEnum):
    """How a finding acts on a plan. On a record nothing blocks: see `for_record`."""

    INFO = "info"
    WARN = "warn"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check or a reader has to say.

    Attributes
    ----------
    code
        Rule or fault code (``gantry-tilt``, ``lab-outside-window``).
    severity
        *advice* = INFO, *warn* = WARN, *ask* = BLOCK and overridable, *refuse* = BLOCK and not overridable.
    text
        One sentence for a person, in plain text.
    subject
        What it speaks of (series UID, lesion id, ``stage.field``), or None.
    measured, limit
        The compared numbers, unrounded, in `unit`.
    source
        Where the limit comes from.
    tag
        Evidence tag of the rule (``S``, ``S2``, ``M``, ``P``, ``calc``) or None for technical findings.
        ``M`` and ``P`` are shown as "unverified default".
    """

    code: str
    severity: Severity
    text: str
    overridable: bool = True
    subject: str | None = None
    measured: float | None = None
    limit: float | None = None
    unit: str | None = None
    source: str | None = None
    tag: str | None = None

    @property
    def blocks(self) -> bool:
        return self.severity is Severity.BLOCK

    @property
    def unverified(self) -> bool:
        return self.tag in ("M", "P")

    def for_record(self) -> Finding:
        """The same statement about something that was done: it warns, and never blocks."""
        return replace(self, severity=Severity.WARN) if self.blocks else self

    def to_json(self) -> dict[str, object]:
        """The finding as the command line's contract prints it."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "overridable": self.overridable,
            "text": self.text,
            "subject": self.subject,
            "measured": self.measured,
            "limit": self.limit,
            "unit": self.unit,
            "source": self.source,
            "tag": self.tag,
        }


def any_blocks(findings: Iterable[Finding]) -> bool:
    return any(finding.blocks for finding in findings)
