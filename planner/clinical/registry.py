"""Every clinical rule by name, and the one way to evaluate it.

The rules' titles, inputs, outputs, constants, sources and tags stand in ``resources/rules/*.toml``; the arithmetic is
the function of the same name in this room. A rule without a function, or a function without a rule, fails at import.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from planner.catalogues import catalogue
from planner.clinical import (
    ablation,
    adverse_events,
    bleeding,
    burden,
    conversions,
    dosing,
    embolisation,
    infusion,
    kidney,
    liver,
    liver_stage,
    meeting,
    radiation,
    response,
    sclerotherapy,
    spine,
    stents,
    tace_scores,
    yttrium,
)
from planner.clinical.constants import UNVERIFIED, Overrides, RuleConstants, read_constants, weakest
from planner.clinical.inputs import InputReading, InputSpec, missing, read_input, read_spec
from planner.clinical.results import Given, Measured, Outcome, RuleResult, Value
from planner.errors import BugError, InputRefused, UsageError
from planner.findings import Finding, Severity, any_blocks

Compute = Callable[[Given, RuleConstants], Outcome]

CATALOGUES = (
    "rules/conversions.toml",
    "rules/liver.toml",
    "rules/tace.toml",
    "rules/dosing.toml",
    "rules/response.toml",
    "rules/ablation.toml",
    "rules/procedures.toml",
    "rules/board.toml",
)

_ROOMS = (
    conversions,
    liver,
    liver_stage,
    burden,
    tace_scores,
    dosing,
    kidney,
    radiation,
    response,
    ablation,
    bleeding,
    adverse_events,
    spine,
    yttrium,
    stents,
    embolisation,
    infusion,
    sclerotherapy,
    meeting,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it needs, what it answers, where it comes from, how it is computed.

    Attributes
    ----------
    inputs
        Name -> what may be given.
    outputs
        Name -> UCUM codes it may have, or ``("text",)`` or ``("boolean",)``.
    acts_as
        ``value``, ``advice``, ``warn``, ``ask`` or ``refuse``.
    grade
        The output that is the class, stage or category; None where there is none.
    """

    id: str
    title: str
    version: str
    section: str
    inputs: Mapping[str, InputSpec]
    outputs: Mapping[str, tuple[str, ...]]
    source: str
    acts_as: str
    grade: str | None
    constants: RuleConstants
    compute: Compute

    @property
    def tag(self) -> str:
        """The weakest tag among the shipped constants."""
        return self.constants.weakest_tag

    @property
    def verified(self) -> bool:
        return self.tag not in UNVERIFIED

    def to_json(self) -> dict[str, object]:
        """The rule as ``score --list`` prints it."""
        return {
            "rule": self.id,
            "title": self.title,
            "version": self.version,
            "section": self.section,
            "inputs": {name: spec.described() for name, spec in self.inputs.items()},
            "choices": {name: list(spec.choices) for name, spec in self.inputs.items() if spec.choices},
            "optional": [name for name, spec in self.inputs.items() if spec.replaces],
            "outputs": {name: " | ".join(units) for name, units in self.outputs.items()},
            "acts_as": self.acts_as,
            "source": self.source,
            "tag": self.tag,
            "verified": self.verified,
        }


def _rule(rule_id: str, entry: Mapping[str, Any], compute: Compute) -> Rule:
    outputs = {name: tuple([units] if isinstance(units, str) else units) for name, units in entry["outputs"].items()}
    return Rule(
        id=rule_id,
        title=entry["title"],
        version=entry["version"],
        section=entry["section"],
        inputs={name: read_spec(spec) for name, spec in entry["inputs"].items()},
        outputs=outputs,
        source=entry["source"],
        acts_as=entry["acts_as"],
        grade=entry.get("grade"),
        constants=read_constants(rule_id, entry),
        compute=compute,
    )


def _rules() -> dict[str, Rule]:
    computes: dict[str, Compute] = {}
    for room in _ROOMS:
        computes.update(room.COMPUTES)
    entries = {rule_id: entry for path in CATALOGUES for rule_id, entry in catalogue(path).items()}
    if set(entries) != set(computes):
        raise BugError(f"rules and functions do not match: {sorted(set(entries) ^ set(computes))}")
    return {rule_id: _rule(rule_id, entry, computes[rule_id]) for rule_id, entry in entries.items()}


RULES: Mapping[str, Rule] = _rules()


def rule(rule_id: str) -> Rule:
    """A rule by its name.

    Raises
    ------
    UsageError
        ``unknown-rule``.
    """
    try:
        return RULES[rule_id]
    except KeyError:
        raise UsageError("unknown-rule", f"There is no rule {rule_id!r}; 'score --list' names them.") from None


def evaluate(
    rule_id: str,
    inputs: Mapping[str, Any],
    *,
    overrides: Overrides | None = None,
    confirmed: Collection[str] = (),
) -> RuleResult:
    """Evaluate one rule.

    Parameters
    ----------
    inputs
        Name -> a number (in the rule's first unit), ``"2.4mg/dL"``, ``(2.4, "mg/dL")``, a `Quantity`,
        ``{"value": …, "unit": …}``, text, a boolean, a list, or None for unknown.
    overrides
        The institution profile's constants, ``{rule_id: {constant: value}}``; the result says which were replaced.
    confirmed
        Names of inputs whose implausible value a person has confirmed; without it such a value is not computed with.

    Returns
    -------
    RuleResult
        With None outputs and a finding that names the input where one is missing, implausible or impossible.

    Raises
    ------
    UsageError
        ``unknown-rule``, ``unknown-input``, ``unknown-constant``.
    InputRefused
        When a value cannot be read at all or its unit does not fit.
    """
    known = rule(rule_id)
    _check_names(known, inputs, "input", inputs)
    _check_names(known, inputs, "confirmed input", confirmed)
    changes = overrides or {}
    constants = known.constants.replaced(changes[rule_id]) if rule_id in changes else known.constants
    readings = _read(known, inputs, confirmed, changes.get("unit_conversion", {}))
    findings = [finding for reading in readings.values() for finding in reading.findings]
    findings.extend(_overridden(known, constants))
    absent = _absent(known, readings)
    findings.extend(missing(name, known.inputs[name]) for name in absent)
    outcome = Outcome(dict.fromkeys(known.outputs))
    if not absent and not any_blocks(findings):
        used = {name: reading.used for name, reading in readings.items() if reading.used is not None}
        outcome = known.compute(Given(used), constants)
    tags = [constants.weakest_tag, *(tag for reading in readings.values() for tag in reading.tags)]
    outputs = {name: _measured(known, name, outcome.outputs.get(name)) for name in known.outputs}
    return RuleResult(
        rule=known.id,
        title=known.title,
        version=known.version,
        outputs=outputs,
        grade=_grade(known, outputs),
        inputs={name: reading.shown for name, reading in readings.items()},
        source=known.source,
        tag=weakest(tags),
        findings=(*findings, *outcome.findings),
        overridden=constants.overridden,
    )


def rule_set_digest(overrides: Overrides | None = None) -> str:
    """SHA-256 of all rules as computed with, profile included: what a signed plan stores beside its results."""
    data: dict[str, Any] = {path: catalogue(path) for path in CATALOGUES}
    data["overrides"] = {name: dict(values) for name, values in (overrides or {}).items()}
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _check_names(known: Rule, inputs: Mapping[str, Any], what: str, names: Collection[str]) -> None:
    unknown = sorted(set(names) - set(known.inputs))
    if unknown:
        takes = ", ".join(known.inputs)
        raise UsageError("unknown-input", f"Rule {known.id} has no {what} {unknown[0]!r}; it takes {takes}.")


def _read(
    known: Rule, inputs: Mapping[str, Any], confirmed: Collection[str], links: Mapping[str, Any]
) -> dict[str, InputReading]:
    readings: dict[str, InputReading] = {}
    for name, spec in known.inputs.items():
        if spec.replaces and inputs.get(name) is None:
            continue
        try:
            readings[name] = read_input(name, spec, inputs.get(name), confirmed=name in confirmed, overrides=links)
        except InputRefused as refused:
            message = refused.message if refused.subject == name else f"{name}: {refused.message}"
            raise InputRefused(refused.code, message, subject=name) from refused
    return readings


def _absent(known: Rule, readings: Mapping[str, InputReading]) -> list[str]:
    replaced = {known.inputs[name].replaces for name, reading in readings.items() if reading.used is not None}
    return [
        name
        for name, reading in readings.items()
        if reading.used is None
        and not any_blocks(reading.findings)
        and name not in replaced
        and known.inputs[name].replaces is None
    ]


def _overridden(known: Rule, constants: RuleConstants) -> list[Finding]:
    return [
        constants.finding(
            "rule-overridden",
            Severity.INFO,
            f"{name} = {constants.entries[name].value} instead of the shipped {known.constants.entries[name].value}.",
            constant=name,
        )
        for name in constants.overridden
    ]


def _measured(known: Rule, name: str, value: Value | Measured) -> Measured:
    if isinstance(value, Measured):
        return value
    units = known.outputs[name]
    return Measured(value, None if units[0] in ("text", "boolean") or len(units) > 1 else units[0])


def _grade(known: Rule, outputs: Mapping[str, Measured]) -> str | None:
    if known.grade is None or outputs[known.grade].value is None:
        return None
    value = outputs[known.grade].value
    return str(value).lower() if isinstance(value, bool) else str(value)
