"""Words of a printed plan: names, dates, values of fields, computed numbers with their arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.people import Patient
from planner.model.session import Session
from planner.report.content import Arithmetic
from planner.units import UNKNOWN, shown, symbol
from planner.workflow.last_time import printed
from planner.workflow.pinning import Basis
from planner.workflow.template import Computed, Field, FieldKind, Stage, Template
from planner.workflow.values import ITEM_TYPES, Circumstances, field_applies, is_empty, value_of
from planner.workflow.vocabulary import labels

NOT_RECORDED = "not recorded"
_SHORT = 16
"""Hexadecimal digits of a digest where it is printed in short."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One field that applies, with its present value; None is unknown."""

    field: Field
    value: Any


def person_name(name: str) -> str:
    """A DICOM person name (PS3.5 6.2) as it is read: the ideographic group beside the alphabetic one."""
    groups = [" ".join(group.replace("^", " ").split()) for group in name.split("=")]
    return " · ".join(group for group in groups[:2] if group) or "name unknown"


def patient_line(patient: Patient, today: date) -> str:
    """Name, identifier with its issuer, birth date and age, sex, weight with its date."""
    issuer = f" ({patient.issuer})" if patient.issuer else ""
    age = patient.age_on(today)
    born = "birth date unknown" if patient.birth_date is None else f"born {patient.birth_date.isoformat()}, {age} y"
    weighed = f" ({patient.weight_on.isoformat()})" if patient.weight_on else " (date unknown)"
    weight = "weight unknown" if patient.weight_kg is None else shown(patient.weight_kg, "kg") + weighed
    sex = "sex unknown" if patient.sex is None else f"sex {patient.sex.value}"
    return " · ".join((person_name(patient.name), f"ID {patient.patient_id}{issuer}", born, sex, weight))


def day(value: date | None) -> str:
    return UNKNOWN if value is None else value.isoformat()


def moment(value: datetime) -> str:
    """Local date and time to the minute."""
    return f"{value:%Y-%m-%d %H:%M}"


def short(digest: str) -> str:
    return digest[:_SHORT]


def role_words(role: str) -> str:
    return labels("roles").get(role, role)


def series_key(reference: SeriesRef) -> str:
    """``series_uid#part``, as sessions and windows name a series."""
    return f"{reference.series_uid}#{reference.part}"


def series_words(case: Case, key: str) -> str:
    """Description, phase and date of a series of the case."""
    for each in case.studies:
        if series_key(each) == key:
            what = [each.modality or "", each.description or "", each.phase or ""]
            return f"{' '.join(part for part in what if part)}, {day(each.study_date)}"
    return f"series {key}"


def field_words(case: Case, session: Session, described: Field, value: Any) -> str:
    """A stored value in words: of series and marked items what they are called."""
    if described.kind is FieldKind.SERIES and value is not None:
        return series_words(case, str(value))
    if described.kind in ITEM_TYPES and value is not None:
        item = session.item(str(value))
        return item.name if item is not None else "removed"
    return value_words(case, described, value)


def value_words(case: Case, described: Field, value: Any) -> str:
    """A value in words; a typed number stands as it was typed, never rounded, and a time without its T."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.10g} {symbol(described.unit)}".strip()
    if described.kind is FieldKind.DATETIME and isinstance(value, str):
        return value.replace("T", " ")
    return printed(case, described, value)


def answered(basis: Basis, template: Template, stage: Stage, profile_id: str) -> Iterator[Answered]:
    """Every field of a stage that applies, without the computed ones, with the value the stage is judged by."""
    around = Circumstances(basis.case, basis.session, template, stage.id, profile_id)
    for described in stage.fields:
        if described.kind is FieldKind.COMPUTED or not field_applies(around, described):
            continue
        value = value_of(basis.case, basis.session, stage.id, described)
        if described.kind is FieldKind.LAB and described.analyte is not None:
            value = basis.case.latest_lab(described.analyte, not_after=basis.now.date())
        yield Answered(described, value)


def words_of(basis: Basis, each: Answered) -> str:
    """An answer in words."""
    return field_words(basis.case, basis.session, each.field, each.value)


def cell(case: Case, session: Session, column: Field, row: Mapping[str, Any]) -> str:
    value = row.get(column.id)
    return "" if is_empty(value) else field_words(case, session, column, value)


def bound_words(case: Case, session: Session, template: Template, path: str) -> str:
    """The words of the template's own field for a place in the case (``diagnosis.histology``)."""
    for stage in template.stages:
        for described in stage.fields:
            if described.binds == path:
                value = value_of(case, session, stage.id, described)
                return NOT_RECORDED if is_empty(value) else printed(case, described, value)
    return NOT_RECORDED


def answer_words(case: Case, session: Session, template: Template, stage_id: str, field_id: str) -> str | None:
    """What was answered, in words; None when the template has no such field or nobody answered."""
    stage = next((each for each in template.stages if each.id == stage_id), None)
    described = None if stage is None else stage.field(field_id)
    if described is None:
        return None
    value = value_of(case, session, stage_id, described)
    return None if is_empty(value) else printed(case, described, value)


def arithmetic_of(computed: Computed) -> Arithmetic:
    """A computed number as printed: value with unit and grade, inputs, formula, rule and source."""
    if computed.value is None:
        value = "not evaluated"
    elif isinstance(computed.value, str):
        value = computed.value
    else:
        value = shown(computed.value, computed.unit)
    if computed.grade and computed.grade not in value:
        value = f"{value} ({computed.grade})"
    inputs = ", ".join(f"{name} {words}" for name, words in computed.inputs.items())
    rule = f"rule {computed.rule} {computed.rule_version or ''}".strip() if computed.rule else ""
    return Arithmetic(
        label=computed.label,
        value=value,
        arithmetic=" · ".join(part for part in (computed.arithmetic, inputs, computed.note) if part),
        source=" · ".join(part for part in (computed.source or "", rule) if part),
        unverified=computed.tag in ("M", "P"),
    )
