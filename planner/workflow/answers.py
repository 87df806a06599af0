"""Filling a field: the value is checked for its kind and put where it lives. Bounds and gates are findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from types import MappingProxyType
from typing import Any

from planner.clinical.laboratory import accepts, analyte, plausibility
from planner.clinical.quantities import convert, parse
from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.edits import new_id, with_answer, with_session
from planner.model.people import LabValue
from planner.model.session import Answer, Session
from planner.workflow.pinning import is_frozen
from planner.workflow.template import Field, FieldKind, Stage, Template
from planner.workflow.values import ITEM_TYPES, write_path

MAXIMUM_TEXT = 20_000
"""Characters of one typed text: longer ones are pasted files."""
MAXIMUM_ROWS = 2_000
YES_NO = ("yes", "no")


def the_session(case: Case, session_id: str) -> Session:
    """Raises UsageError ``unknown-session``."""
    session = case.session(session_id)
    if session is None:
        raise UsageError("unknown-session", f"The case {case.id} has no session {session_id!r}.", subject=session_id)
    return session


def the_stage(template: Template, stage_id: str) -> Stage:
    """Raises UsageError ``unknown-stage``."""
    try:
        return template.stage(stage_id)
    except KeyError:
        said = f"The template {template.id} has no stage {stage_id!r}."
        raise UsageError("unknown-stage", said, subject=stage_id) from None


def the_field(stage: Stage, field_id: str) -> Field:
    """Raises UsageError ``unknown-field``."""
    described = stage.field(field_id)
    if described is None:
        said = f"The stage {stage.id} has no field {field_id!r}."
        raise UsageError("unknown-field", said, subject=f"{stage.id}.{field_id}")
    return described


def require_name(by: str) -> str:
    """The name of a person, trimmed. Raises UsageError ``unknown-person`` for an empty one."""
    name = by.strip()
    if not name or len(name) > 256:
        raise UsageError("unknown-person", "A person's name is needed for this; type who does it.")
    return name


def require_open(session: Session, stage: Stage) -> None:
    """Raises InputRefused ``plan-frozen`` when the time-out has closed the stage."""
    if is_frozen(session, stage):
        said = f"The time-out has frozen {stage.title}; record what was done differently in the stages that follow."
        raise InputRefused("plan-frozen", said, subject=stage.id)


def answer_field(
    case: Case, session_id: str, template: Template, stage_id: str, field_id: str, value: Any, *, by: str, now: datetime
) -> Case:
    """The case with one field filled; None empties it.

    Parameters
    ----------
    value
        As the field's kind stores it (see ``docs/templates.md``); numbers may come as text with a unit. A laboratory
        field takes ``{"value", "unit", "taken_on"}`` with optional ``comparator``, ``text``, ``confirmed``.

    Raises
    ------
    InputRefused
        ``plan-frozen`` after the time-out, ``bad-value`` for a value that is not of the field's kind,
        ``implausible-value`` and ``unit-not-of-analyte`` for laboratory values nobody confirmed.
    UsageError
        ``unknown-session``, ``unknown-stage``, ``unknown-field``, ``unknown-person``, ``computed-field``.
    """
    session, stage = the_session(case, session_id), the_stage(template, stage_id)
    described = the_field(stage, field_id)
    person = require_name(by)
    require_open(session, stage)
    if described.kind is FieldKind.COMPUTED:
        raise UsageError("computed-field", f"{described.label} is computed and cannot be typed.", subject=field_id)
    if described.kind is FieldKind.LAB:
        return add_laboratory_value(case, described.analyte or "", value, by=person, now=now)
    checked = None if value is None else checked_value(case, session, described, value)
    if described.kind is FieldKind.SERIES:
        return _with_series(case, session, described.role or "", checked)
    if described.binds is not None:
        return write_path(case, described.binds, checked, by=person, on=now.date())
    before = session.answers.get(stage_id, {}).get(field_id)
    if before is not None and before.value == checked and before.inherited_from is None:
        return case
    if before is None and checked is None:
        return case
    return with_session(case, with_answer(session, stage_id, field_id, Answer(checked, person, now)))


def confirm_inherited(
    case: Case, session_id: str, template: Template, stage_id: str, *, by: str, now: datetime
) -> Case:
    """The case with every carried answer of a stage looked at again by a person and kept as it is."""
    session, stage = the_session(case, session_id), the_stage(template, stage_id)
    person = require_name(by)
    require_open(session, stage)
    changed = session
    for name, answer in session.answers.get(stage_id, {}).items():
        if answer.inherited_from is not None:
            changed = with_answer(changed, stage_id, name, Answer(answer.value, person, now))
    return case if changed is session else with_session(case, changed)


def add_laboratory_value(case: Case, name: str, given: Any, *, by: str, now: datetime) -> Case:
    """The case with one more laboratory value; older ones stay.

    Raises
    ------
    InputRefused
        ``bad-value`` without value, unit and date; ``implausible-value`` or ``unit-not-of-analyte`` until confirmed.
    """
    known = analyte(name)
    if not isinstance(given, Mapping):
        raise _bad(known.name, "a value with its unit and date")
    number, unit, taken_on = given.get("value"), given.get("unit"), given.get("taken_on")
    if isinstance(number, str):
        quantity = parse(number)
        number, unit = quantity.value, quantity.unit or unit
    if number is not None and not _is_number(number):
        raise _bad(known.name, "a number")
    if not isinstance(unit, str) or not isinstance(taken_on, (str, date)):
        raise _bad(known.name, "a unit and the date it was taken")
    if number is None and not given.get("text"):
        raise _bad(known.name, "a number or a text")
    confirmed = given.get("confirmed") is True
    if number is not None:
        _refuse_implausible(name, float(number), unit, confirmed)
    value = LabValue(
        id=new_id("lab"),
        analyte=name,
        value=None if number is None else float(number),
        unit=unit,
        taken_on=_date(known.name, taken_on),
        comparator=_comparator(known.name, given.get("comparator")),
        text=None if given.get("text") is None else _text(known.name, given["text"]),
        entered_at=now,
        entered_by=by,
        confirmed=confirmed,
    )
    return replace(case, laboratory=(*case.laboratory, value))


def _refuse_implausible(name: str, number: float, unit: str, confirmed: bool) -> None:
    if not accepts(name, unit):
        known = analyte(name)
        said = f"{known.name} is not printed in {unit}; write it in {' or '.join(known.units)}."
        raise InputRefused("unit-not-of-analyte", said, subject=name)
    doubt = plausibility(name, number, unit)
    if doubt is not None and not confirmed:
        raise InputRefused(doubt.code, doubt.text, subject=name)


def _comparator(label: str, given: Any) -> str:
    if given in (None, "", "<", ">"):
        return given or ""
    raise _bad(label, "< or > or nothing before the number")


def _with_series(case: Case, session: Session, role: str, key: str | None) -> Case:
    roles = dict(session.series_roles)
    if roles.get(role) == key:
        return case
    if key is None:
        roles.pop(role, None)
    else:
        roles[role] = key
    return with_session(case, replace(session, series_roles=MappingProxyType(roles)))


def checked_value(case: Case, session: Session, described: Field, value: Any) -> Any:
    """The value as it is stored, or None when it is empty.

    Raises
    ------
    InputRefused
        ``bad-value``, naming the field and what is expected.
    """
    label = described.label
    if described.kind in _SIMPLE:
        return _SIMPLE[described.kind](label, value)
    if described.kind is FieldKind.NUMBER:
        return _number(described, value)
    if described.kind is FieldKind.INTEGER:
        number = _number(described, value)
        if not float(number).is_integer():
            raise _bad(label, "a whole number")
        return int(number)
    if described.kind is FieldKind.CHOICE:
        return _one_of(label, value, tuple(choice.code for choice in described.choices))
    if described.kind is FieldKind.CHOICES:
        codes = tuple(choice.code for choice in described.choices)
        return [_one_of(label, each, codes) for each in _list(label, value)] or None
    if described.kind is FieldKind.TABLE:
        return _rows(case, session, described, value)
    return _reference(case, session, described, value)


def _reference(case: Case, session: Session, described: Field, value: Any) -> Any:
    """Lesions, marked items and series by their ids; what is not there cannot be pointed at."""
    label = described.label
    if described.kind is FieldKind.LESION:
        return _one_of(label, value, tuple(lesion.id for lesion in case.lesions))
    if described.kind is FieldKind.LESIONS:
        lesions = tuple(lesion.id for lesion in case.lesions)
        return [_one_of(label, each, lesions) for each in _list(label, value)] or None
    if described.kind in ITEM_TYPES:
        kind = ITEM_TYPES[described.kind]
        return _one_of(label, value, tuple(item.id for item in session.items if item.type == kind))
    return _one_of(label, value, tuple(f"{series.series_uid}#{series.part}" for series in case.studies))


def _rows(case: Case, session: Session, described: Field, value: Any) -> list[dict[str, Any]] | None:
    columns = {column.id: column for column in described.columns}
    rows: list[dict[str, Any]] = []
    given = _list(described.label, value)
    if len(given) > MAXIMUM_ROWS:
        raise _bad(described.label, f"at most {MAXIMUM_ROWS} rows")
    for number, row in enumerate(given, start=1):
        where = f"{described.label}, row {number}"
        if not isinstance(row, Mapping):
            raise _bad(where, "a row")
        unknown = sorted(set(row) - set(columns))
        if unknown:
            raise _bad(where, f"no column {unknown[0]!r}")
        cells: dict[str, Any] = {}
        for name, cell in row.items():
            column = replace(columns[name], label=f"{where}, {columns[name].label}")
            checked = None if cell is None else checked_value(case, session, column, cell)
            if checked is not None:
                cells[name] = checked
        if cells:
            rows.append(cells)
    return rows or None


def _bad(label: str, expected: str) -> InputRefused:
    return InputRefused("bad-value", f"{label}: expected {expected}; nothing was changed.", subject=label)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _number(described: Field, value: Any) -> float:
    if isinstance(value, str):
        quantity = parse(value)
        if quantity.unit is None or described.unit is None or quantity.unit == described.unit:
            return quantity.value
        # 0.15 g must be 150 mg and not a hair more than a limit of 150 mg: the noise of the factor is taken off.
        return float(f"{convert(quantity.value, quantity.unit, described.unit):.14g}")
    if not _is_number(value):
        raise _bad(described.label, "a number")
    return float(value)


def _text(label: str, value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > MAXIMUM_TEXT:
        raise _bad(label, f"text of at most {MAXIMUM_TEXT} characters")
    if any(ord(sign) < 32 and sign not in "\n\t\r" for sign in value):
        raise _bad(label, "text without control characters")
    return value.strip() or None


def _yes_no(label: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _one_of(label, value, YES_NO)


def _date(label: str, value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value.strip()) if isinstance(value, str) else date.fromisoformat("")
    except ValueError:
        raise _bad(label, "a date as YYYY-MM-DD") from None


def _datetime(label: str, value: Any) -> str:
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise _bad(label, "date and time as YYYY-MM-DDTHH:MM") from None
    return found.isoformat(timespec="minutes")


def _time(label: str, value: Any) -> str:
    try:
        found = value if isinstance(value, time) else time.fromisoformat(str(value).strip())
    except ValueError:
        raise _bad(label, "a time as HH:MM") from None
    return found.isoformat(timespec="minutes")


def _one_of(label: str, value: Any, codes: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in codes:
        return value
    listed = ", ".join(codes[:12]) if codes else "nothing yet"
    raise _bad(label, f"one of {listed}")


def _list(label: str, value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    raise _bad(label, "a list")


_SIMPLE: Mapping[FieldKind, Callable[[str, Any], Any]] = {
    FieldKind.TEXT: _text,
    FieldKind.LONG_TEXT: _text,
    FieldKind.PERSON: _text,
    FieldKind.YES_NO: _yes_no,
    FieldKind.YES_NO_UNKNOWN: lambda label, value: "unknown" if value == "unknown" else _yes_no(label, value),
    FieldKind.DATE: lambda label, value: _date(label, value).isoformat(),
    FieldKind.DATETIME: _datetime,
    FieldKind.TIME: _time,
}
