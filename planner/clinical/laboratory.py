"""Laboratory analytes: names in reports, units, plausible ranges, validity windows (``resources/laboratory.toml``)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from planner.catalogues import catalogue
from planner.clinical.quantities import conversion, convert, is_unit
from planner.errors import BugError, InputRefused, UsageError
from planner.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class Analyte:
    """One thing a laboratory measures.

    Attributes
    ----------
    unit
        Canonical UCUM code; `units` are those a laboratory may print, the canonical one first.
    plausible
        UCUM code -> (lowest, highest) believable value; a number outside is asked about, never converted.
    max_age_days
        Default validity window; `window_tag` says that it is unverified practice and `window_source` where it is from.
    """

    key: str
    name: str
    synonyms: tuple[str, ...]
    loinc: str | None
    unit: str
    units: tuple[str, ...]
    plausible: Mapping[str, tuple[float, float]]
    plausible_source: str
    plausible_tag: str
    max_age_days: float
    window_source: str
    window_tag: str


_BRACKETS = r"[(\[（【](.*?)[)\]）】]"

_SPECIMENS = frozenset({"serum", "plasma", "blood", "s", "p", "b", "sp", "血清", "血浆", "全血"})
"""Words in brackets that do not change what was measured; any other (``direct``, ``urine``) does."""


def _folded(name: str) -> str:
    """A name without case, spaces and punctuation that differ between laboratories."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\s\-_.,:;*/()\[\]（）·]+", "", folded)


@cache
def analytes() -> Mapping[str, Analyte]:
    """Every analyte of the catalogue by key."""
    data = catalogue("laboratory.toml")
    return {key: _analyte(key, entry, data["defaults"]) for key, entry in data["analytes"].items()}


def _analyte(key: str, entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Analyte:
    return Analyte(
        key=key,
        name=entry["name"],
        synonyms=tuple(entry["synonyms"]),
        loinc=entry.get("loinc"),
        unit=entry["unit"],
        units=tuple(entry["units"]),
        plausible={unit: (float(low), float(high)) for unit, (low, high) in entry["plausible"].items()},
        plausible_source=entry.get("plausible_source", defaults["plausible_source"]),
        plausible_tag=entry.get("plausible_tag", defaults["plausible_tag"]),
        max_age_days=float(entry["max_age_days"]),
        window_source=entry.get("window_source", defaults["window_source"]),
        window_tag=entry.get("window_tag", defaults["window_tag"]),
    )


@cache
def _names() -> Mapping[str, str]:
    names: dict[str, str] = {}
    for key, entry in analytes().items():
        for name in (key, entry.name, *entry.synonyms, *([entry.loinc] if entry.loinc else [])):
            if names.setdefault(_folded(name), key) != key:
                raise BugError(f"resources/laboratory.toml gives {name!r} to {names[_folded(name)]} and {key}")
    return names


def analyte(key: str) -> Analyte:
    """One analyte of the catalogue.

    Raises
    ------
    UsageError
        ``unknown-analyte``.
    """
    try:
        return analytes()[key]
    except KeyError:
        raise UsageError("unknown-analyte", f"The laboratory catalogue has no analyte {key!r}.") from None


def analyte_named(name: str) -> Analyte | None:
    """The analyte a report calls so (``T-BIL``, ``总胆红素``, ``PLT (10^9/L)``, a LOINC code), or None."""
    known = _names()
    key = known.get(_folded(name))
    if key is not None:
        return analytes()[key]
    inside = re.findall(_BRACKETS, name)
    outer = known.get(_folded(re.sub(_BRACKETS, "", name)))
    if outer is None:
        keys = {known.get(_folded(part)) for part in inside}
        return analytes()[keys.pop() or ""] if len(keys) == 1 and None not in keys else None
    plain = all(is_unit(part) or _folded(part) in _SPECIMENS or known.get(_folded(part)) == outer for part in inside)
    return analytes()[outer] if plain else None


def accepts(key: str, unit: str) -> bool:
    """Whether a laboratory may print this analyte in this unit: one of its own, or one that converts to it.

    A unit of its own need not convert: copies of HBV DNA become international units by a factor of each assay.
    """
    if unit in analyte(key).units:
        return True
    try:
        conversion(unit, analyte(key).unit, key)
    except InputRefused:
        return False
    return True


def to_canonical(key: str, value: float, unit: str) -> float:
    """A value in the analyte's canonical unit, unrounded.

    Raises
    ------
    InputRefused
        ``incompatible-unit``.
    """
    return convert(value, unit, analyte(key).unit, key)


def plausibility(key: str, value: float, unit: str) -> Finding | None:
    """A blocking question where a value cannot be what its unit says, or None where it is believable.

    It catches the unit traps: creatinine 88 mg/dL, bilirubin 60 mg/dL, albumin 35 g/dL, platelets 150000 ×10⁹/L.
    Nothing is converted on suspicion: the person confirms or corrects.
    """
    known = analyte(key)
    if not accepts(key, unit):
        text = f"{known.name} in {unit} is not a unit of this analyte; laboratories print {', '.join(known.units)}."
        return _doubt(known, "unit-not-of-analyte", text, value, None, unit)
    low, high = _range(known, unit)
    if low <= value <= high:
        return None
    better = [other for other in known.units if other != unit and _within(known, value, other)]
    hint = f"; in {better[0]} it would be believable" if len(better) == 1 else ""
    text = f"{known.name} {value:g} {unit} lies outside {low:g}–{high:g} {unit}{hint}. Confirm or correct it."
    return _doubt(known, "implausible-value", text, value, low if value < low else high, unit)


def _range(known: Analyte, unit: str) -> tuple[float, float]:
    given = known.plausible.get(unit)
    if given is not None:
        return given
    low, high = known.plausible[known.unit]
    return convert(low, known.unit, unit, known.key), convert(high, known.unit, unit, known.key)


def _within(known: Analyte, value: float, unit: str) -> bool:
    low, high = _range(known, unit)
    return low <= value <= high


def _doubt(known: Analyte, code: str, text: str, value: float, limit: float | None, unit: str) -> Finding:
    return Finding(
        code=code,
        severity=Severity.BLOCK,
        text=text,
        subject=known.key,
        measured=value,
        limit=limit,
        unit=unit,
        source=known.plausible_source,
        tag=known.plausible_tag,
    )


def age_finding(key: str, taken_on: date | None, on: date, *, max_age_days: float | None = None) -> Finding | None:
    """A blocking question where a value is older than its window on a day, or has no date; else None.

    Parameters
    ----------
    max_age_days
        The institution profile's window; None takes the catalogue's, an unverified default.
    """
    known = analyte(key)
    limit = known.max_age_days if max_age_days is None else max_age_days
    source, tag = known.window_source, known.window_tag
    if taken_on is None:
        text = f"{known.name} has no date, so it is not known whether it is still valid."
        return Finding("lab-without-date", Severity.BLOCK, text, True, key, None, limit, "d", source, tag)
    age = (on - taken_on).days
    if age < 0:
        text = f"{known.name} is dated {taken_on.isoformat()}, after {on.isoformat()}."
        return Finding("lab-in-the-future", Severity.BLOCK, text, True, key, float(age), 0.0, "d", source, tag)
    if age <= limit:
        return None
    text = f"{known.name} of {taken_on.isoformat()} is {age} days old; it may be used for {limit:g} days."
    return Finding("lab-outside-window", Severity.BLOCK, text, True, key, float(age), limit, "d", source, tag)
