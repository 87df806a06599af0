"""What a rule asks for, and how a value is read: its unit is kept where the rule prints a cut-off in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planner.clinical.laboratory import plausibility
from planner.clinical.quantities import UNKNOWN_UNIT, Quantity, conversion, parse, unit_code
from planner.clinical.results import Measured
from planner.errors import InputRefused
from planner.findings import Finding, Severity

UNKNOWN_WORDS = frozenset({"", "unknown", "null", "–", "未知"})
_TRUE = frozenset({"true", "yes", "y", "1", "是"})
_FALSE = frozenset({"false", "no", "n", "0", "否"})


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a rule.

    Attributes
    ----------
    kind
        ``number``, ``choice``, ``text`` or ``boolean``.
    units
        UCUM codes the rule prints its cut-offs in; a number in one of them is used as it is, any other is converted
        to the first.
    above, at_least, at_most
        What is possible at all; a value outside is refused.
    analyte
        Key of ``resources/laboratory.toml``, whose plausible range is asked and whose molar mass converts.
    replaces
        The input that may be missing when this one is given.
    """

    kind: str
    units: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    many: bool = False
    integer: bool = False
    any_unit: bool = False
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    analyte: str | None = None
    replaces: str | None = None

    def described(self) -> str:
        """The units as the contract prints them (``mg/dL | umol/L``), or ``text`` or ``boolean``."""
        return " | ".join(self.units) if self.kind == "number" else "boolean" if self.kind == "boolean" else "text"


@dataclass(frozen=True, slots=True)
class InputReading:
    """One input as given (`shown`), as computed with (`used`, None where it may not be), and what was found."""

    shown: Measured
    used: Measured | None
    findings: tuple[Finding, ...] = ()
    tags: tuple[str, ...] = ()


def read_spec(entry: Mapping[str, Any]) -> InputSpec:
    """The input of a rule table of ``resources/rules``."""
    kind = "boolean" if entry.get("boolean") else "choice" if "choices" in entry else "number"
    return InputSpec(
        kind="text" if entry.get("text") else kind,
        units=tuple(entry.get("units", ())),
        choices=tuple(entry.get("choices", ())),
        aliases=dict(entry.get("aliases", {})),
        many=bool(entry.get("many", False)),
        integer=bool(entry.get("integer", False)),
        any_unit=bool(entry.get("any_unit", False)),
        above=entry.get("above"),
        at_least=entry.get("at_least"),
        at_most=entry.get("at_most"),
        analyte=entry.get("analyte"),
        replaces=entry.get("replaces"),
    )


def read_input(name: str, spec: InputSpec, raw: Any, *, confirmed: bool, overrides: Mapping[str, Any]) -> InputReading:
    """Read one value: a number, ``"2.4mg/dL"``, ``(2.4, "mg/dL")``, a `Quantity` or ``{"value": …, "unit": …}``.

    Raises
    ------
    InputRefused
        When the value cannot be read as what the rule asks for.
    """
    value, unit, stated = _parts(name, raw)
    if value is None or (isinstance(value, str) and value.strip().casefold() in UNKNOWN_WORDS):
        return InputReading(Measured(None, unit), None)
    if spec.kind == "boolean":
        flag = _flag(name, value)
        return InputReading(Measured(flag), Measured(flag))
    if spec.kind in ("choice", "text"):
        return _read_text(name, spec, value)
    return _read_number(name, spec, value, unit, stated, confirmed, overrides)


def missing(name: str, spec: InputSpec) -> Finding:
    return Finding(
        code="missing-input",
        severity=Severity.WARN,
        text=f"Not evaluated: {name} ({spec.described()}) is missing.",
        subject=name,
    )


def _parts(name: str, raw: Any) -> tuple[Any, str | None, bool]:
    """Value, unit, and whether the unit was left to the rule by a program (which knows it) and not by a person."""
    if isinstance(raw, Quantity):
        return raw.value, raw.unit, True
    if isinstance(raw, Mapping):
        unknown = sorted(set(raw) - {"value", "unit"})
        if unknown or "value" not in raw:
            raise InputRefused("unreadable-input", f'{name} must be {{"value": …, "unit": …}}.', subject=name)
        unit = raw.get("unit")
        return raw["value"], None if unit is None else unit_code(str(unit)), False
    if isinstance(raw, tuple) and len(raw) == 2 and isinstance(raw[1], str):
        return raw[0], unit_code(raw[1]), True
    return raw, None, not isinstance(raw, str)


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InputRefused("unreadable-input", f"{name} must be true or false, not {value!r}.", subject=name)


def _read_text(name: str, spec: InputSpec, value: Any) -> InputReading:
    if not isinstance(value, str):
        raise InputRefused("unreadable-input", f"{name} must be text, not {value!r}.", subject=name)
    word = value.strip()
    shown = Measured(word)
    if spec.kind == "text":
        return InputReading(shown, shown)
    by_fold = {choice.casefold(): choice for choice in spec.choices}
    by_fold.update({alias.casefold(): choice for alias, choice in spec.aliases.items()})
    choice = by_fold.get(word.casefold())
    if choice is not None:
        return InputReading(Measured(choice), Measured(choice))
    text = f"Not evaluated: {name} = {word!r} is not defined for this rule; it knows {', '.join(spec.choices)}."
    return InputReading(
        shown, None, (Finding("unknown-choice", Severity.BLOCK, text, overridable=False, subject=name),)
    )


def _read_number(
    name: str,
    spec: InputSpec,
    value: Any,
    unit: str | None,
    stated: bool,
    confirmed: bool,
    overrides: Mapping[str, Any],
) -> InputReading:
    numbers, unit = _numbers(name, spec, value, unit)
    shown = Measured(numbers if spec.many else numbers[0], unit)
    findings: list[Finding] = []
    if unit is None:
        if len(spec.units) > 1 and spec.units != ("1",):
            text = f"Not evaluated: {name} was given without a unit; write one of {' | '.join(spec.units)}."
            return InputReading(shown, None, (Finding("missing-unit", Severity.BLOCK, text, False, name),))
        unit = spec.units[0]
        shown = Measured(shown.value, unit)
        if not stated and unit not in ("1", UNKNOWN_UNIT):
            text = f"{name} was given without a unit and read in {unit}, the unit of this rule."
            findings.append(Finding("assumed-unit", Severity.INFO, text, subject=name, unit=unit))
    used = numbers
    tags: tuple[str, ...] = ()
    used_unit = unit
    if unit not in spec.units and not spec.any_unit:
        factor = conversion(unit, spec.units[0], spec.analyte, overrides=overrides)
        used, used_unit = tuple(number * factor.factor for number in numbers), spec.units[0]
        tags = (factor.tag,) if factor.tag else ()
    for number in used:
        findings.extend(_possible(name, spec, number, used_unit))
    if spec.analyte is not None and not any(finding.blocks for finding in findings):
        for number in numbers:
            doubt = plausibility(spec.analyte, number, unit)
            if doubt is not None:
                findings.append(_confirmed(doubt, name) if confirmed else _asked(doubt, name))
    if any(finding.blocks for finding in findings):
        return InputReading(shown, None, tuple(findings), tags)
    return InputReading(shown, Measured(used if spec.many else used[0], used_unit), tuple(findings), tags)


def _numbers(name: str, spec: InputSpec, value: Any, unit: str | None) -> tuple[tuple[float, ...], str | None]:
    """The number or numbers, and the one unit they were given in."""
    items: Sequence[Any] = (value,)
    if spec.many:
        items = value.strip().strip("[]").split(",") if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)) or not items:
            raise InputRefused("unreadable-input", f"{name} must be a list of numbers, as 32,25.", subject=name)
    numbers: list[float] = []
    for item in items:
        if isinstance(item, str):
            quantity = parse(item)
            if unit is not None and quantity.unit not in (None, unit):
                raise InputRefused(
                    "mixed-units", f"{name} mixes {unit} and {quantity.unit}; use one unit.", subject=name
                )
            unit = unit or quantity.unit
            item = quantity.value
        if isinstance(item, bool) or not isinstance(item, (int, float)) or not math.isfinite(item):
            raise InputRefused("unreadable-number", f"{name} must be a finite number, not {item!r}.", subject=name)
        numbers.append(float(item))
    return tuple(numbers), unit


def _possible(name: str, spec: InputSpec, number: float, unit: str) -> list[Finding]:
    """A finding where a number cannot be: of the wrong sign, beyond its range, or no whole number."""
    for limit, outside, words in (
        (spec.above, spec.above is not None and number <= spec.above, "must be above"),
        (spec.at_least, spec.at_least is not None and number < spec.at_least, "must be at least"),
        (spec.at_most, spec.at_most is not None and number > spec.at_most, "must be at most"),
    ):
        if outside:
            text = f"Refused: {name} = {number:g} {unit}; it {words} {limit:g}."
            return [Finding("impossible-value", Severity.BLOCK, text, False, name, number, limit, unit)]
    if spec.integer and not number.is_integer():
        text = f"Refused: {name} = {number:g} must be a whole number."
        return [Finding("impossible-value", Severity.BLOCK, text, False, name, number, None, unit)]
    return []


def _asked(doubt: Finding, name: str) -> Finding:
    return Finding(
        code=doubt.code,
        severity=Severity.BLOCK,
        text=f"Not evaluated: {doubt.text}",
        subject=name,
        measured=doubt.measured,
        limit=doubt.limit,
        unit=doubt.unit,
        source=doubt.source,
        tag=doubt.tag,
    )


def _confirmed(doubt: Finding, name: str) -> Finding:
    return Finding(
        code=doubt.code,
        severity=Severity.WARN,
        text=f"Confirmed by the operator: {doubt.text}",
        subject=name,
        measured=doubt.measured,
        limit=doubt.limit,
        unit=doubt.unit,
        source=doubt.source,
        tag=doubt.tag,
    )
