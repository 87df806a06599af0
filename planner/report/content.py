"""What a printed plan says, as values: the PDF only sets it."""

from __future__ import annotations

from dataclasses import dataclass

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
class ChecklistLine:
    """One line of the time-out as it is read aloud. `answer` is empty until somebody has answered: an empty box."""

    text: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Checklist:
    """The time-out on one page: what is read out, and the boxes."""

    title: str
    facts: tuple[Line, ...]
    lines: tuple[ChecklistLine, ...]


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
    elsewhere
        Where to look for what is printed in another part.
    left_empty
        Labels of fields nobody filled.
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
    left_empty: tuple[str, ...] = ()
    elsewhere: str = ""


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
    warnings
        What stands against the plan or was overridden; on page one.
    dose_lines, doses
        Doses and limits as typed, and what was computed for them with its arithmetic.
    picture_note
        Why pictures are missing; empty when all are there.
    identity_lines
        The identity in full, on the last page.
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
    dose_lines: tuple[Line, ...] = ()
    doses: tuple[Arithmetic, ...] = ()
    pictures: tuple[Picture, ...] = ()
    picture_note: str = ""
    checklist: Checklist | None = None
    stages: tuple[StageSection, ...] = ()
    identity_lines: tuple[Line, ...] = ()
