"""A number with its unit: reading ``2.4mg/dL``, naming a unit by its UCUM code, converting between laboratory units.

Units by definition stand in ``resources/units.toml``; conversions that rest on a molar mass or a reference preparation
stand in ``resources/rules/conversions.toml`` with source and tag, because they are as clinical as any cut-off.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from planner.catalogues import catalogue
from planner.errors import BugError, InputRefused

UNKNOWN_UNIT = "?"
"""Stands for "the unit is to be guessed" in the rule that guesses it."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A finite number and its UCUM code; ``unit`` is None where none was given."""

    value: float
    unit: str | None


@dataclass(frozen=True, slots=True)
class Factor:
    """``to_value = factor * from_value``; `tag` and `source` are None where the conversion is a definition."""

    factor: float
    tag: str | None = None
    source: str | None = None


def _plain(text: str) -> str:
    """The text without what does not change a unit: kinds of micro sign, superscripts, times signs, spaces."""
    folded = unicodedata.normalize("NFKC", text).replace("\u03bc", "u").replace("×", "x")
    return re.sub(r"\s+", "", folded)


@cache
def _spellings() -> tuple[Mapping[str, str], Mapping[str, str | None]]:
    """Spelling -> code, exactly and without regard to case (None where that is ambiguous)."""
    exact: dict[str, str] = {}
    loose: dict[str, str | None] = {}
    for code, entry in catalogue("units.toml").items():
        for spelling in (code, *entry["spellings"]):
            key = _plain(spelling)
            if exact.setdefault(key, code) != code:
                raise BugError(f"resources/units.toml spells both {exact[key]} and {code} as {spelling}")
            folded = key.casefold()
            loose[folded] = code if loose.get(folded, code) == code else None
    return exact, loose


def unit_code(text: str) -> str:
    """The UCUM code of a unit as people write it.

    Raises
    ------
    InputRefused
        ``unknown-unit`` when no unit of the catalogue is written so.
    """
    if text.strip() == UNKNOWN_UNIT:
        return UNKNOWN_UNIT
    exact, loose = _spellings()
    key = _plain(text)
    code = exact.get(key) or loose.get(key.casefold())
    if code is None:
        raise InputRefused(
            "unknown-unit", f"The unit {text!r} is not known; write a UCUM code such as mg/dL or umol/L."
        )
    return code


def is_unit(text: str) -> bool:
    """Whether the text names a unit of the catalogue."""
    exact, loose = _spellings()
    key = _plain(text)
    return bool(key) and (key in exact or loose.get(key.casefold()) is not None)


def parse(text: str) -> Quantity:
    """A number with an optional unit behind it, as ``2.4mg/dL``, ``2.4 mg/dL``, ``-7`` or ``62 ×10⁹/L``.

    A decimal comma is refused here: in a list a comma separates numbers, so reading it would be a guess.

    Raises
    ------
    InputRefused
        ``unreadable-number`` or ``unknown-unit``.
    """
    cleaned = text.strip().replace("\u2212", "-")
    match = _NUMBER.match(cleaned)
    if match is None:
        raise InputRefused("unreadable-number", f"{text!r} is not a number; write it as 2.4 or 2.4mg/dL.")
    rest = cleaned[match.end() :].strip()
    if rest.startswith(","):
        raise InputRefused("unreadable-number", f"{text!r} has a comma; write a decimal point, as 2.4mg/dL.")
    digits = match.group()
    if rest and not is_unit(rest) and digits.endswith("10") and digits != "10" and is_unit("10" + rest):
        # A code such as 10*9/L begins with digits: 6210*9/L has no other reading than 62 of that unit.
        digits, rest = digits[:-2], "10" + rest
    value = float(digits)
    if not math.isfinite(value):
        raise InputRefused("unreadable-number", f"{text!r} is not a finite number.")
    return Quantity(value, unit_code(rest) if rest else None)


def _link(substance: str | None, overrides: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if substance is None:
        return None
    constants = catalogue("rules/conversions.toml")["unit_conversion"]["constants"]
    link = constants.get(substance)
    if link is None or not overrides or substance not in overrides:
        return link if isinstance(link, Mapping) else None
    replaced = overrides[substance]
    value = replaced["value"] if isinstance(replaced, Mapping) else replaced
    return {**link, "value": value, "source": "institution profile", "tag": "P"}


def conversion(
    from_unit: str, to_unit: str, substance: str | None = None, *, overrides: Mapping[str, Any] | None = None
) -> Factor:
    """The factor between two units.

    Parameters
    ----------
    from_unit, to_unit
        UCUM codes of ``resources/units.toml``.
    substance
        Analyte key (``bilirubin``) whose molar mass or reference preparation may link two dimensions.
    overrides
        Institution's values for the links, ``{"bilirubin": 17.1}``.

    Raises
    ------
    InputRefused
        ``incompatible-unit`` when nothing known leads from one unit to the other.
    """
    units = catalogue("units.toml")
    if from_unit == to_unit:
        return Factor(1.0)
    if from_unit in units and to_unit in units:
        start, end = units[from_unit], units[to_unit]
        if start["dimension"] == end["dimension"]:
            return Factor(start["factor"] / end["factor"])
        link = _link(substance, overrides)
        if link is not None:
            low, high = units[link["from"]], units[link["to"]]
            if (start["dimension"], end["dimension"]) == (low["dimension"], high["dimension"]):
                chain = start["factor"] / low["factor"] * link["value"] * high["factor"] / end["factor"]
                return Factor(chain, link["tag"], link["source"])
            if (start["dimension"], end["dimension"]) == (high["dimension"], low["dimension"]):
                chain = start["factor"] / high["factor"] / link["value"] * low["factor"] / end["factor"]
                return Factor(chain, link["tag"], link["source"])
    of_what = f" of {substance}" if substance else ""
    raise InputRefused("incompatible-unit", f"A value{of_what} in {from_unit} cannot be converted to {to_unit}.")


def convert(value: float, from_unit: str, to_unit: str, substance: str | None = None) -> float:
    """A value in another unit, unrounded; see `conversion`."""
    return value * conversion(from_unit, to_unit, substance).factor
