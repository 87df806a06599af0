"""What a meeting asks beside the stage: comorbidity, nutrition, and the tendency of the tumour (practice notes 5)."""

from __future__ import annotations

import math

from planner.clinical.comparisons import at_least, below
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome, Value
from planner.findings import Severity

_GRADED = ("diabetes", "liver_disease", "solid_tumour")


def charlson(given: Given, constants: RuleConstants) -> Outcome:
    """Charlson points, of graded conditions the higher degree only, and the points of age by decade."""
    conditions = constants.table("conditions")
    points = sum(int(weight) for name, weight in conditions.items() if given.flag(name))
    points += sum(int(constants.table(name)[given.text(name)]) for name in _GRADED)
    decades = (given.number("age") - constants.number("age_from")) // constants.number("age_decade") + 1
    age_points = int(min(max(decades, 0), constants.number("age_points_to")))
    words = ("none", "low", "medium", "high")
    reached = sum(points >= constants.number(f"{word}_from") for word in words[1:])
    return Outcome(
        {"points": points, "age_points": age_points, "age_adjusted": points + age_points, "class": words[reached]}
    )


def nrs_2002(given: Given, constants: RuleConstants) -> Outcome:
    """Nutrition 0-3, severity of the disease 0-3, one point from 70 years on, and whether there is nutritional risk."""
    bmi, impaired = given.number("bmi"), given.flag("impaired_condition")
    by_weight = 0
    if impaired and below(bmi, constants.number("bmi_low")):
        by_weight = int(constants.number("bmi_low_points"))
    elif impaired and not bmi > constants.number("bmi_borderline"):
        by_weight = int(constants.number("bmi_borderline_points"))
    nutrition = max(
        by_weight,
        int(constants.table("weight_loss")[given.text("weight_loss")]),
        int(constants.table("intake")[given.text("intake")]),
    )
    severity = int(constants.table("severity")[given.text("severity")])
    points = nutrition + severity + int(given.number("age") >= constants.number("age_from"))
    outputs: dict[str, Value] = {"points": points, "nutrition": nutrition, "severity": severity}
    if points < constants.number("risk_from"):
        return Outcome({**outputs, "risk": False})
    text = f"NRS 2002 of {points}: nutritional risk."
    found = constants.finding("nutritional-risk", Severity.WARN, text, constant="risk_from", measured=points)
    return Outcome({**outputs, "risk": True}, (found,))


def tumour_growth(given: Given, constants: RuleConstants) -> Outcome:
    """Change in percent of the first size, and the doubling time of the volume in days where it grew.

    Sizes are two diameters in mm or two volumes in mL. Within the error of measuring there is no tendency and no
    doubling time; nor is there one for a tumour that shrank.
    """
    unit, first, second = given.unit("first"), given.number("first"), given.number("second")
    if given.unit("second") != unit:
        text = "Not evaluated: compare two diameters or two volumes, not one of each."
        return Outcome(
            {"change": None, "doubling_time": None, "tendency": None},
            (constants.finding("mixed-sizes", Severity.BLOCK, text, overridable=False),),
        )
    change = (second / first - 1.0) * 100.0
    within = float(constants.table("same_within")[unit])
    moved = abs(second - first) if unit == "mm" else abs(change)
    if not at_least(moved, within):
        return Outcome({"change": change, "doubling_time": None, "tendency": "same within the error of measuring"})
    if second < first:
        return Outcome({"change": change, "doubling_time": None, "tendency": "shrank"})
    exponent = constants.number("diameter_exponent") if unit == "mm" else 1.0
    doubling = given.number("days") * math.log(2.0) / (exponent * math.log(second / first))
    slow, fast = constants.number("slow_from"), constants.number("fast_to")
    tendency = "slow" if doubling >= slow else "fast" if doubling <= fast else "intermediate"
    return Outcome({"change": change, "doubling_time": doubling, "tendency": tendency})


COMPUTES = {"charlson": charlson, "nrs_2002": nrs_2002, "tumour_growth": tumour_growth}
