"""Tumour burden: Milan, up-to-7, up-to-11, six-and-twelve, tumour burden score, seven-eleven (rule notes R6)."""

from __future__ import annotations

import math

from planner.clinical.comparisons import at_most, below
from planner.clinical.constants import RuleConstants
from planner.clinical.quantities import convert
from planner.clinical.results import Given, Outcome


def _band(value: float, low: float, high: float) -> str:
    return "low" if at_most(value, low) else "middle" if at_most(value, high) else "high"


def tumour_burden(given: Given, constants: RuleConstants) -> Outcome:
    """All burden criteria from the number of nodules n and the largest diameter d: n + d and √(n² + d²), d in cm."""
    nodules, size_mm = given.number("nodules"), given.number("largest_diameter")
    size_cm = convert(size_mm, "mm", "cm")
    single = nodules == 1 and at_most(size_mm, constants.number("milan_single_to"))
    several = nodules <= constants.number("milan_nodules_to") and at_most(size_mm, constants.number("milan_several_to"))
    confined = not given.flag("vascular_invasion") and not given.flag("extrahepatic")
    total, score = nodules + size_cm, math.hypot(size_cm, nodules)
    zone = "low" if below(score, constants.number("tbs_low")) else ""
    zone = zone or ("medium" if at_most(score, constants.number("tbs_high")) else "high")
    return Outcome(
        {
            "milan_in": (single or several) and confined,
            "up_to_7_in": at_most(total, constants.number("up_to_7")) and not given.flag("vascular_invasion"),
            "up_to_11_in": at_most(total, constants.number("up_to_11")),
            "six_and_twelve": _band(
                total, constants.number("six_and_twelve_low"), constants.number("six_and_twelve_high")
            ),
            "number_plus_cm": total,
            "tbs": score,
            "tbs_zone": zone,
            "seven_eleven": _band(total, constants.number("seven_eleven_low"), constants.number("seven_eleven_high")),
        }
    )


COMPUTES = {"tumour_burden": tumour_burden}
