"""A request from outside, read strictly: what is not known, not possible or contradicts itself is refused by name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from planner.clinical.response_course_types import (
    COMMAND_LINE_CRITERIA,
    ENHANCEMENTS,
    ROLES,
    STATES,
    CourseRequest,
    Followed,
    Seen,
)
from planner.errors import InputRefused

MOST_LESIONS = 200
MOST_OBSERVATIONS = 400
MOST_CHARACTERS = 200
LARGEST_MM = 1000.0
LARGEST_ML = 20_000.0
LARGEST_HU = 4000.0
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_LENGTHS = ("diameter_mm", "viable_mm", "short_axis_mm", "slice_mm")
_VOLUMES = ("volume_ml", "enhancing_ml")
_FLAGS = ("assessable", "mri_ancillary", "typical_pattern")
_OBSERVATION = frozenset(
    {
        "date",
        "modality",
        "enhancing_mm",
        "density_hu",
        "therapy",
        "masslike_enhancement",
        "state",
        "note",
        *_LENGTHS,
        *_VOLUMES,
        *_FLAGS,
    }
)
_LESION = frozenset({"id", "role", "organ", "observations", "name", "segment", "node", "kind", "ablated_on", "note"})
_REQUEST = frozenset({"criteria", "lesions", "baseline_date"})


def request_of(document: Any) -> CourseRequest:
    """The request of a JSON document (see the contract).

    Beside the keys of the contract a request may give ``baseline_date``; a lesion ``name``, ``segment``, ``node``,
    ``kind``, ``ablated_on`` and ``note``; an observation ``volume_ml``, ``enhancing_ml``, ``mri_ancillary``,
    ``slice_mm``, ``typical_pattern`` and ``note``.

    Raises
    ------
    InputRefused
        Naming the place: unknown keys and words, wrong types, impossible numbers and dates, a lesion twice, two
        observations of a lesion on one day, measurements that contradict their state.
    """
    table = _table(document, "the request", _REQUEST)
    criteria = _word(table.get("criteria"), "criteria", COMMAND_LINE_CRITERIA)
    if criteria is None:
        known = ", ".join(COMMAND_LINE_CRITERIA)
        raise InputRefused("no-criteria", f"criteria is missing; give one of {known}.", subject="criteria")
    lesions = tuple(_lesion(each, at) for at, each in enumerate(_items(table, "lesions", "lesions", MOST_LESIONS)))
    if not lesions:
        raise InputRefused("no-lesions", "lesions is empty; give at least one lesion.", subject="lesions")
    _unique(lesions)
    if not any(each.observations for each in lesions):
        raise InputRefused("no-observations", "No lesion has an observation; give at least one.", subject="lesions")
    baseline = _day(table.get("baseline_date"), "baseline_date")
    if baseline is not None and all(each.seen(baseline) is None for each in lesions):
        text = f"No lesion was observed on {baseline}, the baseline_date; name a day with observations."
        raise InputRefused("no-baseline", text, subject="baseline_date")
    return CourseRequest(criteria, lesions, baseline)


def _unique(lesions: tuple[Followed, ...]) -> None:
    met: set[str] = set()
    for lesion in lesions:
        if lesion.id in met:
            text = f"Lesion {lesion.id!r} is given twice; give each lesion once, with all its observations."
            raise InputRefused("repeated-lesion", text, subject=lesion.id)
        met.add(lesion.id)


def _lesion(data: Any, at: int) -> Followed:
    where = f"lesions[{at}]"
    table = _table(data, where, _LESION)
    identifier = _text(table.get("id"), f"{where}.id")
    if not identifier:
        raise InputRefused("no-id", f"{where}.id is missing; give each lesion an id.", subject=where)
    role = _word(table.get("role"), f"{where}.role", ROLES)
    if role is None:
        raise InputRefused("no-role", f"{where}.role is missing; give one of {', '.join(ROLES)}.", subject=identifier)
    rows = _items(table, "observations", where, MOST_OBSERVATIONS)
    observations = [_observation(each, f"{identifier}.observations[{at}]") for at, each in enumerate(rows)]
    observations.sort(key=lambda seen: seen.on)
    for first, second in zip(observations, observations[1:], strict=False):
        if first.on == second.on:
            text = f"Lesion {identifier!r} has two observations on {first.on}; one reader gives one a day."
            raise InputRefused("two-observations", text, subject=identifier)
    return Followed(
        id=identifier,
        role=role,
        organ=_text(table.get("organ"), f"{where}.organ"),
        observations=tuple(observations),
        name=_text(table.get("name"), f"{where}.name"),
        node=_flag(table.get("node"), f"{where}.node"),
        kind=_text(table.get("kind"), f"{where}.kind"),
        ablated_on=_day(table.get("ablated_on"), f"{where}.ablated_on"),
    )


def _observation(data: Any, where: str) -> Seen:
    table = _table(data, where, _OBSERVATION)
    on = _day(table.get("date"), f"{where}.date")
    if on is None:
        raise InputRefused("no-date", f"{where}.date is missing; write it as 2026-03-09.", subject=where)
    numbers = {name: _number(table.get(name), f"{where}.{name}", 0.0, LARGEST_MM) for name in _LENGTHS}
    numbers |= {name: _number(table.get(name), f"{where}.{name}", 0.0, LARGEST_ML) for name in _VOLUMES}
    flags = {name: _flag(table.get(name), f"{where}.{name}") for name in _FLAGS}
    seen = Seen(
        on=on,
        modality=_text(table.get("modality"), f"{where}.modality"),
        enhancing_mm=_pair(table.get("enhancing_mm"), f"{where}.enhancing_mm"),
        density_hu=_number(table.get("density_hu"), f"{where}.density_hu", -LARGEST_HU, LARGEST_HU),
        therapy=_text(table.get("therapy"), f"{where}.therapy"),
        masslike_enhancement=_word(table.get("masslike_enhancement"), f"{where}.masslike_enhancement", ENHANCEMENTS),
        state=_word(table.get("state"), f"{where}.state", STATES),
        diameter_mm=numbers["diameter_mm"],
        viable_mm=numbers["viable_mm"],
        short_axis_mm=numbers["short_axis_mm"],
        slice_mm=numbers["slice_mm"],
        volume_ml=numbers["volume_ml"],
        enhancing_ml=numbers["enhancing_ml"],
        assessable=flags["assessable"],
        mri_ancillary=flags["mri_ancillary"],
        typical_pattern=flags["typical_pattern"],
    )
    check_consistent(seen, where)
    return seen


def check_consistent(seen: Seen, where: str) -> None:
    """Refuse an observation whose numbers contradict each other or its state.

    Raises
    ------
    InputRefused
        ``contradiction``.
    """
    sizes = [seen.diameter_mm, seen.viable_mm, seen.short_axis_mm, seen.volume_ml, seen.enhancing_ml]
    sizes += list(seen.enhancing_mm or ())
    said = None
    if seen.state == "absent" and any(size for size in sizes if size is not None):
        said = "is absent and has a size"
    elif seen.state == "present" and seen.diameter_mm == 0.0:
        said = "is present with a diameter of 0 mm; write absent, or too-small"
    elif None not in (seen.diameter_mm, seen.short_axis_mm) and (seen.short_axis_mm or 0.0) > (seen.diameter_mm or 0.0):
        said = "has a short axis longer than its diameter"
    if said is not None:
        raise InputRefused("contradiction", f"{where} {said}; correct the one that is wrong.", subject=where)


def _table(data: Any, where: str, known: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise InputRefused("bad-request", f"{where} must be a JSON object.", subject=where)
    unknown = sorted(str(key) for key in set(data) - known)
    if unknown:
        text = f"{where} has the unknown key {unknown[0][:MOST_CHARACTERS]!r}; known are {', '.join(sorted(known))}."
        raise InputRefused("unknown-key", text, subject=where)
    return data


def _items(table: Mapping[str, Any], key: str, where: str, most: int) -> list[Any]:
    rows = table.get(key)
    if not isinstance(rows, list):
        raise InputRefused("bad-request", f"{where}: {key} must be a list.", subject=where)
    if len(rows) > most:
        raise InputRefused("too-many", f"{where}: {key} holds {len(rows)} entries; at most {most}.", subject=where)
    return rows


def _text(value: Any, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MOST_CHARACTERS:
        raise InputRefused("bad-text", f"{where} must be text of at most {MOST_CHARACTERS} characters.", subject=where)
    return value.strip() or None


def _word(value: Any, where: str, known: tuple[str, ...]) -> str | None:
    word = _text(value, where)
    if word is not None and word not in known:
        raise InputRefused("unknown-word", f"{where} is {word!r}; it must be one of {', '.join(known)}.", subject=where)
    return word


def _flag(value: Any, where: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise InputRefused("bad-flag", f"{where} must be true, false or null.", subject=where)


def _number(value: Any, where: str, least: float, most: float) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputRefused("bad-number", f"{where} must be a number or null.", subject=where)
    # An integer of any length is JSON; it is compared before it becomes a float, which could overflow.
    if not least <= value <= most or not math.isfinite(value):
        raise InputRefused("impossible-value", f"{where} must lie between {least:g} and {most:g}.", subject=where)
    return float(value)


def _pair(value: Any, where: str) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise InputRefused("bad-number", f"{where} must be two diameters, as [30, 20].", subject=where)
    first, second = (_number(each, where, 0.0, LARGEST_MM) for each in value)
    if first is None or second is None:
        raise InputRefused("bad-number", f"{where} must be two diameters, as [30, 20].", subject=where)
    return first, second


def _day(value: Any, where: str) -> date | None:
    if value is None:
        return None
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            day = None
        if day is not None and EARLIEST <= day <= LATEST:
            return day
    raise InputRefused("bad-date", f"{where} must be a day written as 2026-03-09.", subject=where)
