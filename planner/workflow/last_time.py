"""The *last time* card: what the earlier session found, used and left, in the lines its template asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from planner.model.case import Case
from planner.model.people import LabValue
from planner.model.session import Session
from planner.units import shown
from planner.workflow.answers import the_session
from planner.workflow.template import Field, FieldKind, LastTimeRule, Template
from planner.workflow.values import is_empty, value_of


@dataclass(frozen=True, slots=True)
class LastTimeLine:
    """One line: what it is, and what was recorded (several for a table). Empty means: not recorded."""

    label: str
    values: tuple[str, ...]
    stage: str
    field: str


@dataclass(frozen=True, slots=True)
class LastTimeCard:
    """What the earlier session says to the next one.

    Attributes
    ----------
    state, state_reason
        How it ended: an aborted session is named so, with the reason.
    """

    session_id: str
    title: str
    performed_on: date | None
    state: str
    state_reason: str | None
    lines: tuple[LastTimeLine, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "session": self.session_id,
            "title": self.title,
            "performed_on": self.performed_on.isoformat() if self.performed_on else None,
            "state": self.state,
            "state_reason": self.state_reason,
            "lines": [{"label": line.label, "values": list(line.values)} for line in self.lines],
        }


def last_time_card(case: Case, session_id: str, template: Template) -> LastTimeCard:
    """The card of a performed session, by the ``[[last_time]]`` lines of its template."""
    session = the_session(case, session_id)
    lines = tuple(
        LastTimeLine(rule.label, _values(case, session, template, rule), rule.stage, rule.field)
        for rule in template.last_time
    )
    return LastTimeCard(session.id, session.title, session.performed_on, session.state, session.state_reason, lines)


def _values(case: Case, session: Session, template: Template, rule: LastTimeRule) -> tuple[str, ...]:
    described = template.stage(rule.stage).field(rule.field)
    if described is None or described.kind is FieldKind.COMPUTED:
        return ()
    if described.kind is FieldKind.LAB:
        return _course_of(case, session, described)
    value = value_of(case, session, rule.stage, described)
    if is_empty(value):
        return ()
    if described.kind is not FieldKind.TABLE:
        return (printed(case, described, value),)
    column = next((each for each in described.columns if each.id == rule.column), None)
    if column is None:
        return tuple(_row(case, described, row) for row in value)
    return tuple(printed(case, column, row[column.id]) for row in value if not is_empty(row.get(column.id)))


def _row(case: Case, described: Field, row: Mapping[str, Any]) -> str:
    cells = [(column, row.get(column.id)) for column in described.columns]
    return " · ".join(printed(case, column, cell) for column, cell in cells if not is_empty(cell))


def _course_of(case: Case, session: Session, described: Field) -> tuple[str, ...]:
    """The values from the day it was performed until the next session, oldest first: the nadir is among them."""
    start = session.performed_on
    if start is None:
        return ()
    later = [each.performed_on for each in case.sessions if each.performed_on and each.performed_on > start]
    until = min(later, default=date.max)
    found = [each for each in case.laboratory if each.analyte == described.analyte and start <= each.taken_on < until]
    return tuple(_lab(each) for each in sorted(found, key=lambda each: each.taken_on))


def _lab(value: LabValue) -> str:
    number = value.text or f"{value.comparator}{shown(value.value, value.unit)}"
    return f"{number} ({value.taken_on.isoformat()})"


def printed(case: Case, described: Field, value: Any) -> str:
    """A stored value in words: labels for codes, names for lesions, units behind numbers; ``–`` for unknown."""
    if is_empty(value):
        return shown(None)
    if isinstance(value, LabValue):
        return _lab(value)
    if isinstance(value, (list, tuple)):
        if described.kind is FieldKind.TABLE:
            return "; ".join(_row(case, described, row) for row in value)
        return ", ".join(printed(case, described, each) for each in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return shown(value, described.unit)
    labels = {choice.code: choice.label for choice in described.choices}
    if described.kind in (FieldKind.LESION, FieldKind.LESIONS):
        lesion = case.lesion(str(value))
        return lesion.name if lesion else str(value)
    return labels.get(str(value), str(value))
