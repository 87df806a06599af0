"""What a printed plan says, as values: the PDF only sets it."""

from __future__ import annotations

from dataclasses import dataclass, field

from planner.findings import Finding


@dataclass(frozen=True, slots=True)
class Line:
    """One printed field: label, value with unit, and where a number comes from."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a heading row. Cells are plain text."""

    title: str
    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of record with its caption. `png` are the bytes."""

    png: bytes
    caption: str
    width_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A number with its sum: what was computed, from what, by which rule."""

    label: str
    value: str
    arithmetic: str
    source: str
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class StageSection:
    """One stage as printed.

    Attributes
    ----------
    status
        The word of the stage's status.
    signatures
        "role: name, date" lines.
    not_checked
        Things that were not looked at; printed as NOT CHECKED.
    """

    title: str
    phase: str
    status: str
    purpose: str = ""
    lines: tuple[Line, ...] = ()
    tables: tuple[Table, ...] = ()
    arithmetic: tuple[Arithmetic, ...] = ()
    findings: tuple[Finding, ...] = ()
    overridden: tuple[tuple[Finding, str], ...] = ()
    signatures: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanReport:
    """The whole document.

    Attributes
    ----------
    patient_line
        Printed on every page: name, ID, birth date, sex.
    state_line
        "Plan signed by … on …; not a clearance", or "DRAFT: …".
    identity
        Revision, digest, audit head, template and profile versions: printed in the footer of every page.
    """

    title: str
    patient_line: str
    state_line: str
    identity: str
    printed_at: str
    draft: bool
    simulated: bool
    summary: tuple[Line, ...] = ()
    warnings: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    stages: tuple[StageSection, ...] = field(default_factory=tuple)
