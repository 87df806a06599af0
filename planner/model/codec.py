"""Frozen dataclasses to JSON and back, strictly: unknown keys, wrong types and non-finite numbers are refused.

JSON is the only stored form of a plan; nothing is ever pickled. Dates are ISO 8601, tuples are arrays,
enumerations are their values, unknown is null.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from planner.errors import InputRefused

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """The JSON form of a model value.

    Raises
    ------
    InputRefused
        For a number that is not finite.
    TypeError
        For a value that is no model value.
    """
    if value is None or isinstance(value, (bool, int)) or type(value) is str:
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputRefused("not-finite", "A plan cannot hold a number that is not finite.")
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(each) for each in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def canonical(value: Any) -> str:
    """Canonical JSON text: sorted keys, no spaces; the same value always gives the same text."""
    return json.dumps(to_json(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical(value).encode("utf-8")).hexdigest()


def plain(value: Any) -> Any:
    """Mappings and tuples of a frozen JSON value as the dictionaries and lists that `from_json` reads."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """The resolved field types of a model dataclass."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def from_json(kind: type[T], data: Any, where: str = "") -> T:
    """A model value from its JSON form.

    Raises
    ------
    InputRefused
        Naming the place, for unknown or missing keys and wrong types.
    """
    return typing.cast(T, _read(kind, data, where or getattr(kind, "__name__", "value")))


def _refuse(where: str, expected: str) -> InputRefused:
    return InputRefused("bad-document", f"{where}: expected {expected}; the document was not opened.", subject=where)


def _read(kind: Any, data: Any, where: str) -> Any:
    if kind is Any:
        return data
    origin = typing.get_origin(kind)
    if origin is typing.Union or origin is types.UnionType:
        return _read_union(typing.get_args(kind), data, where)
    if origin is tuple:
        return _read_tuple(typing.get_args(kind), data, where)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _read_mapping(typing.get_args(kind), data, where)
    if origin is typing.Literal:
        if data in typing.get_args(kind):
            return data
        raise _refuse(where, f"one of {', '.join(map(str, typing.get_args(kind)))}")
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(typing.cast(type, kind), data, where)
    return _read_scalar(kind, data, where)


def _read_union(choices: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and type(None) in choices:
        return None
    real = [choice for choice in choices if choice is not type(None)]
    if len(real) == 1:
        return _read(real[0], data, where)
    for choice in real:
        try:
            return _read(choice, data, where)
        except InputRefused:
            continue
    raise _refuse(where, " or ".join(getattr(choice, "__name__", str(choice)) for choice in real))


def _read_tuple(inner: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise _refuse(where, "a list")
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_read(inner[0], each, f"{where}[{n}]") for n, each in enumerate(data))
    if len(inner) != len(data):
        raise _refuse(where, f"{len(inner)} values")
    return tuple(_read(kind, each, f"{where}[{n}]") for n, (kind, each) in enumerate(zip(inner, data, strict=True)))


def _read_mapping(inner: tuple[Any, ...], data: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise _refuse(where, "an object")
    return types.MappingProxyType({str(key): _read(inner[1], each, f"{where}.{key}") for key, each in data.items()})


def _read_dataclass(kind: type, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise _refuse(where, "an object")
    hints = hints_of(kind)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise _refuse(where, f"no key named {unknown[0]!r}")
    values = {name: _read(hints[name], data[name], f"{where}.{name}") for name in hints if name in data}
    try:
        return kind(**values)
    except TypeError as error:
        raise _refuse(where, f"every required key ({error})") from error
    except ValueError as error:
        raise _refuse(where, str(error)) from error


def _read_scalar(kind: Any, data: Any, where: str) -> Any:
    if kind is float and isinstance(data, (int, float)) and not isinstance(data, bool) and math.isfinite(data):
        return float(data)
    if kind is int and isinstance(data, int) and not isinstance(data, bool):
        return data
    if kind in (bool, str) and isinstance(data, kind):
        return data
    if kind is object:
        return data
    try:
        if kind is datetime and isinstance(data, str):
            return datetime.fromisoformat(data)
        if kind is date and isinstance(data, str):
            return date.fromisoformat(data)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(data)
    except ValueError as error:
        raise _refuse(where, str(error)) from error
    raise _refuse(where, f"a value of type {getattr(kind, '__name__', kind)}")
