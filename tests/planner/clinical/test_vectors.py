"""Every vector of the clinical rules, with the rule table the contract takes its names and units from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from data import SHARED, shared

from planner.clinical.registry import RULES, evaluate

PATH = SHARED / "clinical" / "test_vectors.json"
DOCUMENT: dict[str, Any] = (
    json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {"vectors": [], "rules": {}}
)


def test_that_the_vectors_lie_beside_the_checkout() -> None:
    shared("clinical/test_vectors.json")
    assert len(DOCUMENT["vectors"]) >= 232


@pytest.mark.parametrize("vector", DOCUMENT["vectors"], ids=lambda vector: vector["id"])
def test_that_a_vector_is_reproduced(vector: dict[str, Any]) -> None:
    result = evaluate(vector["rule"], vector["inputs"])
    for name, expected in vector["expected"].items():
        value, unit = result.outputs[name]
        assert unit == expected.get("unit"), name
        if isinstance(value, tuple):
            assert list(value) == expected["value"], name
        elif "tolerance" in expected:
            assert value == pytest.approx(expected["value"], abs=expected["tolerance"], rel=0), name
        else:
            assert value == expected["value"], name


@pytest.mark.parametrize("vector", DOCUMENT["vectors"], ids=lambda vector: vector["id"])
def test_that_a_result_carries_the_tag_of_its_constants(vector: dict[str, Any]) -> None:
    result = evaluate(vector["rule"], vector["inputs"])
    if result.evaluated:
        assert result.tag == vector["formula_tag"]
        assert result.verified is (vector["formula_tag"] != "M")


@pytest.mark.parametrize("rule_id", DOCUMENT["rules"])
def test_that_names_and_units_are_those_of_the_rule_table(rule_id: str) -> None:
    table, rule = DOCUMENT["rules"][rule_id], RULES[rule_id]
    required = {name: spec.described() for name, spec in rule.inputs.items() if spec.replaces is None}
    assert required == table["inputs"]
    for name, units in table["outputs"].items():
        assert " | ".join(rule.outputs[name]) == units


@pytest.mark.parametrize("vector", DOCUMENT["vectors"], ids=lambda vector: vector["id"])
def test_that_any_missing_input_gives_nulls_and_is_named(vector: dict[str, Any]) -> None:
    for name in vector["inputs"]:
        result = evaluate(vector["rule"], {key: value for key, value in vector["inputs"].items() if key != name})
        assert all(output.value is None for output in result.outputs.values())
        assert name in [finding.subject for finding in result.findings if finding.code == "missing-input"]
