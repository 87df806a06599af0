"""The names a template may use, gathered from the catalogues, so that every other name is refused at load."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from planner.catalogues import catalogue, resource
from planner.units import SYMBOLS


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Units are UCUM codes; layouts, tools, analytes, rules and roles are keys of their catalogues."""

    units: frozenset[str]
    layouts: frozenset[str]
    tools: frozenset[str]
    analytes: frozenset[str]
    rules: frozenset[str]
    series_roles: frozenset[str]
    histologies: frozenset[str]
    roles: frozenset[str]


@cache
def shipped_vocabulary() -> Vocabulary:
    """The names of ``resources/``."""
    forms = catalogue("forms.toml")
    rules: set[str] = set()
    for path in sorted(resource("rules").glob("*.toml")):
        rules |= set(catalogue(f"rules/{path.name}"))
    return Vocabulary(
        units=frozenset(SYMBOLS) | frozenset(catalogue("units.toml")) | frozenset(forms["units"]),
        layouts=frozenset(each["key"] for each in catalogue("layouts.toml")["layout"]),
        tools=frozenset(forms["tools"]),
        analytes=frozenset(catalogue("laboratory.toml")["analytes"]),
        rules=frozenset(rules),
        series_roles=frozenset(forms["series_roles"]),
        histologies=frozenset(forms["histologies"]),
        roles=frozenset(forms["roles"]),
    )


@cache
def unchecked_codes() -> frozenset[str]:
    """Answers that say that nobody has looked."""
    return frozenset(catalogue("forms.toml")["unchecked"]["codes"])


@cache
def run_roles() -> frozenset[str]:
    """Roles of a session that a run plays, not a volume."""
    return frozenset(catalogue("forms.toml")["run_roles"]["codes"])


@cache
def rules_digest() -> str:
    """SHA-256 over the rule catalogues as installed: which rule set computed."""
    paths = sorted(resource("rules").glob("*.toml"))
    lines = [f"{path.name}:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def labels(kind: str) -> Mapping[str, str]:
    """Code -> words of ``tools``, ``series_roles``, ``histologies``, ``roles`` or ``units``."""
    return {str(code): str(words) for code, words in catalogue("forms.toml")[kind].items()}
