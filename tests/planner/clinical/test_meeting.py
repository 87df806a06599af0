"""Comorbidity, nutrition and growth, as a meeting asks for them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from planner.clinical.registry import evaluate, rule

WELL: dict[str, Any] = {
    **dict.fromkeys(rule("charlson").constants.table("conditions"), False),
    "diabetes": "none",
    "liver_disease": "none",
    "solid_tumour": "none",
    "age": 45,
}
FED: dict[str, Any] = {
    "weight_loss": "none",
    "intake": "normal",
    "bmi": 24.0,
    "impaired_condition": False,
    "severity": "none",
    "age": 69,
}


@pytest.mark.parametrize(
    ("changes", "points", "adjusted", "named"),
    [
        ({}, 0, 0, "none"),
        ({"liver_disease": "moderate-severe", "solid_tumour": "localised"}, 5, 5, "high"),
        ({"diabetes": "uncomplicated", "heart_failure": True, "age": 63}, 2, 4, "low"),
        ({"solid_tumour": "metastatic", "age": 95}, 6, 10, "high"),
        ({"renal_disease": True, "dementia": True, "age": 50}, 3, 4, "medium"),
    ],
)
def test_that_charlson_adds_up(changes: dict[str, Any], points: int, adjusted: int, named: str) -> None:
    result = evaluate("charlson", {**WELL, **changes})
    assert (result.value("points"), result.value("age_adjusted"), result.grade) == (points, adjusted, named)
    assert not result.verified


def test_that_a_condition_nobody_asked_for_is_not_taken_for_absent() -> None:
    result = evaluate("charlson", {key: value for key, value in WELL.items() if key != "dementia"})
    assert not result.evaluated
    assert [each.subject for each in result.findings] == ["dementia"]


@pytest.mark.parametrize(
    ("changes", "points", "risk"),
    [
        ({}, 0, False),
        ({"severity": "mild", "age": 70}, 2, False),
        ({"severity": "mild", "age": 70, "intake": "50-75"}, 3, True),
        ({"weight_loss": "over-15-in-3-months"}, 3, True),
        ({"bmi": 18.4, "impaired_condition": True}, 3, True),
        ({"bmi": 18.4}, 0, False),
        ({"bmi": 18.5, "impaired_condition": True}, 2, False),
        ({"bmi": 20.5, "impaired_condition": True, "weight_loss": "over-5-in-3-months"}, 2, False),
    ],
)
def test_that_nutritional_risk_is_from_three_points(changes: dict[str, Any], points: int, risk: bool) -> None:
    result = evaluate("nrs_2002", {**FED, **changes})
    assert (result.value("points"), result.value("risk")) == (points, risk)
    assert ("nutritional-risk" in [each.code for each in result.findings]) is risk


def test_that_a_doubled_volume_doubles_in_the_time_between() -> None:
    by_volume = evaluate("tumour_growth", {"first": "10mL", "second": "20mL", "days": 80})
    assert by_volume.number("doubling_time") == pytest.approx(80.0)
    assert by_volume.grade == "fast"
    by_diameter = evaluate("tumour_growth", {"first": "20mm", "second": "40mm", "days": 90})
    assert by_diameter.number("doubling_time") == pytest.approx(90.0 / 3.0)
    assert by_diameter.number("change") == pytest.approx(100.0)
    slow = evaluate("tumour_growth", {"first": "40mm", "second": "46mm", "days": 300})
    assert slow.number("doubling_time") == pytest.approx(300 * math.log(2) / (3 * math.log(46 / 40)))
    assert slow.grade == "slow"


@pytest.mark.parametrize(("second", "tendency"), [("24.9mm", "same"), ("14mm", "shrank"), ("25mm", "")])
def test_that_a_change_within_the_error_is_no_growth(second: str, tendency: str) -> None:
    result = evaluate("tumour_growth", {"first": "20mm", "second": second, "days": 60})
    assert (result.number("doubling_time") is None) is bool(tendency)
    assert tendency in str(result.grade)


def test_that_a_diameter_is_not_compared_with_a_volume() -> None:
    result = evaluate("tumour_growth", {"first": "20mm", "second": "20mL", "days": 60})
    assert result.blocks
    assert not result.evaluated
