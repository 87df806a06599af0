"""Where the value of a template field lives: the session's answers, the case, the laboratory or the series."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from planner.errors import InputRefused
from planner.model.case import Case
from planner.model.codec import from_json, hints_of, to_json
from planner.model.disease import LesionListConfirmation
from planner.model.items import VESSEL_PATH
from planner.model.needle_items import NEEDLE_PATH
from planner.model.session import Session
from planner.model.vessel_items import CATHETER_POSITION, STENT
from planner.workflow.template import Field, FieldKind, Template

ITEM_TYPES: Mapping[FieldKind, str] = types.MappingProxyType(
    {
        FieldKind.PATH: VESSEL_PATH,
        FieldKind.NEEDLE: NEEDLE_PATH,
        FieldKind.CATHETER_POSITION: CATHETER_POSITION,
        FieldKind.STENT: STENT,
    }
)
"""Kinds of fields that point at a marked item, and the type of item each points at."""

TECHNIQUE = "technique"
"""The field, in any stage, whose answer is the session's technique."""

UNBOUND_PARTS = frozenset(
    {
        *("id", "schema", "sessions", "courses", "studies", "laboratory", "simulated", "lesions"),
        *("readings", "tasks", "reports", "summaries", "closures", "links"),
    }
)
"""Parts of a case that no form edits by path: they have their own use cases."""


def hint_at(path: str) -> Any:
    """The type at a dotted path of the case (``diagnosis.histology``); None when there is no such place."""
    kind: Any = Case
    for number, name in enumerate(path.split(".")):
        kind = without_none(kind)
        if not dataclasses.is_dataclass(kind) or (number == 0 and name in UNBOUND_PARTS):
            return None
        kind = hints_of(typing.cast(type, kind)).get(name)
        if kind is None:
            return None
    return kind


def without_none(kind: Any) -> Any:
    """``X`` of ``X | None``."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        real = [each for each in typing.get_args(kind) if each is not type(None)]
        return real[0] if len(real) == 1 else kind
    return kind


def row_kind(kind: Any) -> type | None:
    """The dataclass of a tuple of dataclasses, or None."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return typing.cast(type, arguments[0]) if dataclasses.is_dataclass(arguments[0]) else None
    return None


def read_path(case: Case, path: str) -> Any:
    """The JSON value at a path of the case. A confirmed lesion list reads ``yes`` only while it holds."""
    if without_none(hint_at(path)) is LesionListConfirmation:
        return None if case.lesion_list_confirmed is None else "yes" if case.lesion_list_is_confirmed else "no"
    value: Any = case
    for name in path.split("."):
        value = None if value is None else getattr(value, name)
    shown = to_json(value)
    return None if shown in ("", []) else shown


def write_path(case: Case, path: str, value: Any, *, by: str, on: date) -> Case:
    """The case with a JSON value put at a path.

    Raises
    ------
    InputRefused
        When the value is not of the type that lives there.
    """
    hint = hint_at(path)
    if without_none(hint) is LesionListConfirmation:
        ids = tuple(lesion.id for lesion in case.lesions)
        confirmed = LesionListConfirmation(by, on, ids) if value == "yes" else None
        return replace(case, lesion_list_confirmed=confirmed)
    if value is None:
        value = _nothing(hint)
    return typing.cast(Case, _replaced(case, path.split("."), from_json(hint, value, path)))


def _nothing(hint: Any) -> Any:
    if hint is str:
        return ""
    return [] if typing.get_origin(hint) is tuple else None


def _replaced(owner: Any, names: list[str], value: Any) -> Any:
    if owner is None:
        raise InputRefused("nothing-there", f"{names[0]} cannot be filled before what it belongs to is there.")
    name, *rest = names
    inner = _replaced(getattr(owner, name), rest, value) if rest else value
    return replace(owner, **{name: inner})


def value_of(case: Case, session: Session, stage_id: str, described: Field) -> Any:
    """The present value of a field; None is unknown.

    A laboratory field gives the newest `LabValue`, a series field the ``series_uid#part`` of its role.
    """
    if described.kind is FieldKind.LAB and described.analyte is not None:
        return case.latest_lab(described.analyte)
    if described.kind is FieldKind.SERIES and described.role is not None:
        return session.series_roles.get(described.role)
    if described.binds is not None:
        return read_path(case, described.binds)
    return session.answer(stage_id, described.id)


def is_empty(value: Any) -> bool:
    """Unknown, or nothing entered. ``0`` and ``no`` are answers."""
    return value is None or value == "" or value in ((), [])


def technique_of(session: Session) -> str | None:
    """The technique chosen in whichever stage asks for it."""
    for stage in session.answers:
        found = session.answer(stage, TECHNIQUE)
        if isinstance(found, str):
            return found
    return None


def _codes(value: Any) -> tuple[str, ...]:
    if is_empty(value):
        return ()
    if isinstance(value, bool):
        return ("yes",) if value else ("no",)
    if isinstance(value, (list, tuple)):
        return tuple(str(each) for each in value)
    return (str(value),)


@dataclasses.dataclass(frozen=True, slots=True)
class Circumstances:
    """What ``applies_if`` is judged by: the codes known for each key."""

    case: Case
    session: Session
    template: Template
    stage_id: str
    profile_id: str

    def known(self, key: str) -> tuple[str, ...]:
        """The codes of a key; empty means unknown."""
        if key == "technique":
            return _codes(technique_of(self.session))
        if key == "histology":
            return _codes(self.case.diagnosis.histology)
        if key == "organ":
            return tuple(sorted({lesion.organ for lesion in self.case.lesions}))
        if key == "profile":
            return (self.profile_id,)
        described = self.template.stage(self.stage_id).field(key)
        return () if described is None else _codes(value_of(self.case, self.session, self.stage_id, described))

    def applies(self, conditions: Mapping[str, tuple[str, ...]]) -> bool | None:
        """True or False; None while a key that decides is unknown."""
        unknown = False
        for key, accepted in conditions.items():
            known = self.known(key)
            if not known:
                unknown = True
            elif not set(known) & set(accepted):
                return False
        return None if unknown else True


def field_applies(circumstances: Circumstances, described: Field) -> bool:
    """A field whose condition is unknown is not asked yet."""
    return circumstances.applies(described.applies_if) is True
