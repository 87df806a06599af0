"""The constants of a rule: cut-offs, coefficients and caps, each with its value, source and tag.

They stand in ``resources/rules/*.toml``. An institution profile may replace any of them with
``{"rule_id": {"constant": value}}`` or ``{"rule_id": {"constant": {"value": …, "source": …, "tag": …}}}``;
a result that used a replaced constant says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from planner.errors import BugError, UsageError
from planner.findings import Finding, Severity

TAG_ORDER = ("M", "P", "S2", "S", "calc")
"""Weakest first. ``M`` and ``P`` are unverified; see rule notes and practice notes."""

UNVERIFIED = ("M", "P")

PROFILE_SOURCE = "institution profile"

Overrides = Mapping[str, Mapping[str, Any]]


def weakest(tags: Iterable[str]) -> str:
    """The weakest of some evidence tags; ``calc`` where there is none, because then only arithmetic was used."""
    return min(tags, key=TAG_ORDER.index, default="calc")


@dataclass(frozen=True, slots=True)
class Constant:
    """One number or table of a rule, with where it comes from."""

    name: str
    value: Any
    source: str
    tag: str
    unit: str | None = None
    overridden: bool = False


@dataclass(frozen=True, slots=True)
class RuleConstants:
    """All constants of one rule, as shipped or as replaced by a profile.

    Attributes
    ----------
    source, tag
        Of the rule as a whole; a constant may name its own.
    """

    rule: str
    source: str
    tag: str
    entries: Mapping[str, Constant]

    def _entry(self, name: str) -> Constant:
        try:
            return self.entries[name]
        except KeyError:
            raise BugError(f"rule {self.rule} has no constant {name}") from None

    def number(self, name: str) -> float:
        value = self._entry(name).value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BugError(f"constant {self.rule}.{name} is no number")
        return float(value)

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(str(item) for item in self._entry(name).value)

    def flag(self, name: str) -> bool:
        return self._entry(name).value is True

    def table(self, name: str) -> Mapping[str, Any]:
        value = self._entry(name).value
        if not isinstance(value, Mapping):
            raise BugError(f"constant {self.rule}.{name} is no table")
        return value

    def rows(self, name: str) -> tuple[Mapping[str, Any], ...]:
        return tuple(self._entry(name).value)

    @property
    def weakest_tag(self) -> str:
        """The weakest tag among the rule's constants; the rule's own tag where it has none."""
        return weakest([entry.tag for entry in self.entries.values()] or [self.tag])

    @property
    def overridden(self) -> tuple[str, ...]:
        return tuple(name for name, entry in self.entries.items() if entry.overridden)

    def replaced(self, overrides: Mapping[str, Any]) -> RuleConstants:
        """The constants with those of a profile put in.

        Raises
        ------
        UsageError
            ``unknown-constant`` or ``wrong-constant`` when a profile names or shapes one wrongly.
        """
        entries = dict(self.entries)
        for name, given in overrides.items():
            if name not in entries:
                known = ", ".join(entries)
                raise UsageError("unknown-constant", f"Rule {self.rule} has no constant {name!r}; it has {known}.")
            entries[name] = _replaced(self.rule, entries[name], given)
        return replace(self, entries=entries)

    def finding(
        self,
        code: str,
        severity: Severity,
        text: str,
        *,
        constant: str | None = None,
        limit: float | None = None,
        measured: float | None = None,
        unit: str | None = None,
        overridable: bool = True,
        subject: str | None = None,
    ) -> Finding:
        """A finding with the source and tag of one constant (and its number as the limit), or of the whole rule."""
        entry = self._entry(constant) if constant is not None else None
        if entry is not None and limit is None and isinstance(entry.value, (int, float)):
            limit = float(entry.value)
        return Finding(
            code=code,
            severity=severity,
            text=text,
            overridable=overridable,
            subject=subject or self.rule,
            measured=measured,
            limit=limit,
            unit=unit or (entry.unit if entry else None),
            source=entry.source if entry else self.source,
            tag=entry.tag if entry else self.weakest_tag,
        )


def _replaced(rule: str, entry: Constant, given: Any) -> Constant:
    """One constant as a profile gives it: a bare value, a partial table, or a value with its own source and tag."""
    source, tag, value = PROFILE_SOURCE, "P", given
    if isinstance(given, Mapping) and "value" in given:
        source, tag, value = str(given.get("source", source)), str(given.get("tag", tag)), given["value"]
    if tag not in TAG_ORDER:
        raise UsageError("wrong-constant", f"The profile gives {rule}.{entry.name} the unknown tag {tag!r}.")
    if isinstance(entry.value, Mapping) and isinstance(value, Mapping):
        unknown = sorted(set(value) - set(entry.value))
        if unknown:
            raise UsageError("wrong-constant", f"The profile gives {rule}.{entry.name} the unknown row {unknown[0]!r}.")
        value = {**entry.value, **value}
    if not _same_shape(entry.value, value):
        raise UsageError("wrong-constant", f"The profile gives {rule}.{entry.name} a value of another kind: {value!r}.")
    return replace(entry, value=value, source=source, tag=tag, overridden=True)


def _same_shape(shipped: Any, given: Any) -> bool:
    if isinstance(shipped, bool) or isinstance(given, bool):
        return isinstance(shipped, bool) and isinstance(given, bool)
    if isinstance(shipped, (int, float)):
        return isinstance(given, (int, float))
    if isinstance(shipped, list):
        return isinstance(given, (list, tuple)) and len(given) == len(shipped)
    return isinstance(given, Mapping) if isinstance(shipped, Mapping) else isinstance(given, type(shipped))


def read_constants(rule: str, entry: Mapping[str, Any]) -> RuleConstants:
    """The constants of one rule table of ``resources/rules``; a constant without a source or tag has the rule's.

    Raises
    ------
    BugError
        When neither the constant nor the rule names a source and a known tag.
    """
    source, tag = entry.get("source"), entry.get("tag")
    constants: dict[str, Constant] = {}
    for name, given in entry.get("constants", {}).items():
        own_source, own_tag = given.get("source", source), given.get("tag", tag)
        if not own_source or own_tag not in TAG_ORDER:
            raise BugError(f"constant {rule}.{name} has no source or no known tag")
        constants[name] = Constant(name, given["value"], own_source, own_tag, given.get("unit"))
    if not source or tag not in TAG_ORDER:
        raise BugError(f"rule {rule} has no source or no known tag")
    return RuleConstants(rule, source, tag, constants)
