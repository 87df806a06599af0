"""Ablation: required diameter, ellipsoid, IRE voltage, margin and registration error, remnant (rule notes R14)."""

from __future__ import annotations

import math

from planner.clinical.comparisons import at_least, at_most, below
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome
from planner.findings import Finding, Severity


def ablation_diameter(given: Given, constants: RuleConstants) -> Outcome:
    """Tumour diameter plus twice the margin, in mm."""
    margin = given.number("margin")
    diameter = given.number("tumour_diameter") + 2.0 * margin
    for name, word, severity in (
        ("margin_minimum", "minimum", Severity.WARN),
        ("margin_desired", "desired", Severity.INFO),
    ):
        if not at_least(margin, constants.number(name)):
            text = f"A margin of {margin:g} mm is below the {word} of {constants.number(name):g} mm."
            found = constants.finding("small-margin", severity, text, constant=name, measured=margin)
            return Outcome({"required_diameter": diameter}, (found,))
    return Outcome({"required_diameter": diameter})


def ellipsoid_volume(given: Given, constants: RuleConstants) -> Outcome:
    """Volume in mL of an ellipsoid of three axes in cm, and its shortest over its longest axis."""
    axes = given.numbers("axes")
    if len(axes) != 3:
        text = f"Not evaluated: an ellipsoid has three axes, not {len(axes)}."
        refusal = constants.finding("unequal-lists", Severity.BLOCK, text, overridable=False, subject="axes")
        return Outcome({"volume": None, "axis_ratio": None}, (refusal,))
    return Outcome({"volume": math.pi / 6.0 * math.prod(axes), "axis_ratio": min(axes) / max(axes)})


def ire_voltage(given: Given, constants: RuleConstants) -> Outcome:
    """Voltage for an electrode spacing in cm; above the generator's limit the plan is refused."""
    voltage = constants.number("volts_per_cm") * given.number("spacing")
    if at_most(voltage, constants.number("limit")):
        return Outcome({"voltage": voltage, "allowed": True})
    text = (
        f"Refused: {voltage:.0f} V exceeds the limit of {constants.number('limit'):g} V; place the electrodes closer."
    )
    found = constants.finding(
        "voltage-limit", Severity.BLOCK, text, constant="limit", measured=voltage, overridable=False
    )
    return Outcome({"voltage": voltage, "allowed": False}, (found,))


def mam_flag(given: Given, constants: RuleConstants) -> Outcome:
    """Whether the minimal ablative margin lies within the registration error."""
    margin, error = given.number("mam"), given.number("tre")
    within = at_most(abs(margin), error)
    findings: tuple[Finding, ...] = ()
    if within:
        text = f"The margin of {margin:g} mm lies within the registration error of {error:g} mm."
        found = constants.finding("margin-within-error", Severity.WARN, text, limit=error, measured=margin, unit="mm")
        findings = (found,)
    return Outcome({"within_registration_error": within}, findings)


def flr(given: Given, constants: RuleConstants) -> Outcome:
    """Whether the future liver remnant suffices for the kind of liver."""
    remnant, limit = given.number("flr"), float(constants.table("at_least")[given.text("liver")])
    if not below(remnant, limit):
        return Outcome({"sufficient": True})
    text = f"The remnant of {remnant:g} % is below {limit:g} % for a liver of this kind."
    found = constants.finding("small-remnant", Severity.WARN, text, constant="at_least", limit=limit, measured=remnant)
    return Outcome({"sufficient": False}, (found,))


COMPUTES = {
    "ablation_diameter": ablation_diameter,
    "ellipsoid_volume": ellipsoid_volume,
    "ire_voltage": ire_voltage,
    "mam_flag": mam_flag,
    "flr": flr,
}
