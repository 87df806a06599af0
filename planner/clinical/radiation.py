"""Radiation of a treatment: notification levels, substantial level, sum on a skin field (R12). Warns, never blocks."""

from __future__ import annotations

import math

from planner.clinical.comparisons import TOLERANCE, at_least, at_most
from planner.clinical.constants import RuleConstants
from planner.clinical.quantities import convert
from planner.clinical.results import Given, Outcome
from planner.findings import Finding, Severity


def radiation_level(given: Given, constants: RuleConstants) -> Outcome:
    """How many notifications were due, and whether the substantial level was reached.

    Raises
    ------
    InputRefused
        When the unit is not one of the quantity (Gy for ``kap``).
    """
    quantity = given.text("quantity")
    unit = str(constants.table("unit")[quantity])
    value = convert(given.number("number"), given.unit("number"), unit)
    first, each = float(constants.table("first")[quantity]), float(constants.table("each")[quantity])
    limit = float(constants.table("substantial")[quantity])
    notifications = 1 + math.floor((value - first) / each + TOLERANCE) if at_least(value, first) else 0
    substantial = at_least(value, limit)
    findings: tuple[Finding, ...] = ()
    if substantial:
        text = f"{quantity} {value:g} {unit} has reached the substantial level of {limit:g}: inform the patient, "
        text += "skin check at 2–4 weeks, dose letter. It is not a sentinel event."
        findings = (
            constants.finding(
                "substantial-dose",
                Severity.WARN,
                text,
                constant="substantial",
                limit=limit,
                measured=value,
                unit=unit,
            ),
        )
    return Outcome({"notifications": notifications, "substantial": substantial}, findings)


def radiation_cumulative(given: Given, constants: RuleConstants) -> Outcome:
    """Air kerma summed on one skin field within 60 days, its colour, and the lifetime sum.

    Treatments that share no field, or lie further apart, do not add on the skin: the largest of them stands alone.
    """
    doses = given.numbers("ka_r")
    lifetime = math.fsum(doses)
    together = given.flag("same_field") and at_most(given.number("days_apart"), constants.number("within_days"))
    total = lifetime if together else max(doses)
    if not at_least(total, constants.number("substantial")):
        return Outcome({"sum": total, "colour": "green", "lifetime_sum": lifetime})
    text = f"Air kerma on one skin field sums to {total:g} Gy, at or above the substantial level."
    found = constants.finding("cumulative-dose", Severity.WARN, text, constant="substantial", measured=total)
    return Outcome({"sum": total, "colour": "amber", "lifetime_sum": lifetime}, (found,))


COMPUTES = {"radiation_level": radiation_level, "radiation_cumulative": radiation_cumulative}
