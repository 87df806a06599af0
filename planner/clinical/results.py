"""What a rule is given and what it answers: every number with its unit, every result with its rule, source and tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from planner.clinical.constants import UNVERIFIED
from planner.errors import BugError
from planner.findings import Finding, any_blocks

Value = float | int | str | bool | tuple[float, ...] | None
"""None is unknown, never 0."""


class Measured(NamedTuple):
    """A value and its UCUM code; the unit is None for text and booleans."""

    value: Value
    unit: str | None = None

    def to_json(self) -> dict[str, object]:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"value": value, "unit": self.unit}


class Given:
    """The inputs of one evaluation, checked, in a unit that the rule prints its cut-offs in."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Measured]) -> None:
        self._values = values

    def has(self, name: str) -> bool:
        return name in self._values

    def unit(self, name: str) -> str:
        """The UCUM code the number is in: one of those the rule names for this input."""
        return self._values[name].unit or "1"

    def number(self, name: str) -> float:
        value = self._values[name].value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BugError(f"input {name} is no number")
        return float(value)

    def integer(self, name: str) -> int:
        return round(self.number(name))

    def numbers(self, name: str) -> tuple[float, ...]:
        value = self._values[name].value
        if not isinstance(value, tuple):
            raise BugError(f"input {name} is no list of numbers")
        return value

    def text(self, name: str) -> str:
        return str(self._values[name].value)

    def flag(self, name: str) -> bool:
        return self._values[name].value is True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule function returns.

    Attributes
    ----------
    outputs
        Name -> value in the unit the rule declares for it, or a `Measured` where the unit depends on the inputs.
    """

    outputs: Mapping[str, Value | Measured]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The answer of a rule.

    Attributes
    ----------
    outputs
        Name -> (value, unit), unrounded; values are None where the rule was not evaluated.
    grade
        The class, stage or category among the outputs as text, or None.
    inputs
        Name -> (value, unit) as they were given.
    tag
        The weakest evidence tag among the constants and conversions used.
    overridden
        Names of the constants that an institution profile replaced.
    """

    rule: str
    title: str
    version: str
    outputs: Mapping[str, Measured]
    grade: str | None
    inputs: Mapping[str, Measured]
    source: str
    tag: str
    findings: tuple[Finding, ...] = ()
    overridden: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        """False where a number behind the result is an unverified default."""
        return self.tag not in UNVERIFIED

    @property
    def evaluated(self) -> bool:
        """False where an input was missing or refused: every output is then None."""
        return any(output.value is not None for output in self.outputs.values())

    @property
    def blocks(self) -> bool:
        return any_blocks(self.findings)

    def value(self, name: str) -> Value:
        """The value of one output; None where the rule was not evaluated."""
        return self.outputs[name].value

    def number(self, name: str) -> float | None:
        """The value of a numeric output."""
        value = self.outputs[name].value
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def to_json(self) -> dict[str, object]:
        """The result as the command line's contract prints it."""
        return {
            "rule": self.rule,
            "title": self.title,
            "version": self.version,
            "outputs": {name: measured.to_json() for name, measured in self.outputs.items()},
            "grade": self.grade,
            "inputs": {name: measured.to_json() for name, measured in self.inputs.items()},
            "source": self.source,
            "tag": self.tag,
            "verified": self.verified,
            "overridden": list(self.overridden),
            "findings": [finding.to_json() for finding in self.findings],
        }
