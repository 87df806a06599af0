"""Clinical rules for whoever asks: the desktop, the command line, a script."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from planner.clinical.constants import Overrides
from planner.clinical.registry import RULES, evaluate
from planner.clinical.results import RuleResult
from planner.errors import InputRefused, UsageError


def list_rules() -> list[dict[str, object]]:
    """Every rule with its inputs and their units, source, and whether its constants are verified."""
    return [rule.to_json() for rule in RULES.values()]


def score(
    rule: str,
    values: Mapping[str, Any],
    *,
    overrides: Overrides | None = None,
    confirmed: Collection[str] = (),
) -> RuleResult:
    """Evaluate one rule; see `planner.clinical.registry.evaluate`."""
    return evaluate(rule, values, overrides=overrides, confirmed=confirmed)


def assignments(words: Collection[str]) -> dict[str, str]:
    """``KEY=VALUE`` words as inputs of a rule.

    Raises
    ------
    UsageError
        Where a word is no assignment, or a key comes twice.
    """
    values: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise UsageError("not-an-assignment", f"{word!r} is not KEY=VALUE, as bilirubin=2.4mg/dL.")
        if name.strip() in values:
            raise UsageError("repeated-input", f"{name.strip()} is given twice; give it once.")
        values[name.strip()] = value
    return values


def read_document(text: str, what: str) -> dict[str, Any]:
    """A JSON object from outside.

    Raises
    ------
    InputRefused
        When the text is no JSON object, or holds NaN or Infinity.
    """

    def refused(token: str) -> Any:
        raise InputRefused("not-json", f"{what} holds {token}; write null for unknown.", subject=what)

    try:
        document = json.loads(text, parse_constant=refused)
    except (json.JSONDecodeError, RecursionError) as wrong:
        raise InputRefused("not-json", f"{what} is not JSON; write an object with an 'inputs' object.") from wrong
    if not isinstance(document, dict):
        raise InputRefused("not-json", f"{what} must hold a JSON object.", subject=what)
    return document


def inputs_of(document: Mapping[str, Any], rule: str, what: str) -> dict[str, Any]:
    """The ``inputs`` object of a document shaped as a test vector.

    Raises
    ------
    InputRefused
        When it is absent, or the document is for another rule.
    """
    inputs = document.get("inputs")
    if not isinstance(inputs, dict):
        raise InputRefused("no-inputs", f"{what} has no 'inputs' object.", subject=what)
    named = document.get("rule")
    if named is not None and named != rule:
        raise InputRefused("other-rule", f"{what} holds inputs of rule {named!r}, not of {rule!r}.", subject=what)
    return inputs
