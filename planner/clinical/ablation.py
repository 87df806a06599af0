"""Ablation: required diameter, ellipsoid, IRE, cryoablation, heat sinks, margin and registration error, remnant (rule
notes R14)."""

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


def heat_sink(given: Given, constants: RuleConstants) -> Outcome:
    """Whether a vessel is wide and near enough to cool a thermal zone."""
    diameter, distance = given.number("vessel_diameter"), given.number("distance")
    wide = not at_most(diameter, constants.number("diameter_above"))
    if not wide or not at_most(distance, constants.number("distance_at_most")):
        return Outcome({"near": False})
    place = "inside the target" if distance < 0.0 else f"{distance:.1f} mm from the target"
    effect = "microwave is preferred over radiofrequency" if given.text("energy") == "rfa" else "it may shrink the zone"
    text = f"Heat sink: a vessel of {diameter:.1f} mm lies {place}; {effect}."
    found = constants.finding("heat-sink", Severity.WARN, text, constant="distance_at_most", measured=distance)
    return Outcome({"near": True}, (found,))


def cryo_ice_margin(given: Given, constants: RuleConstants) -> Outcome:
    """How far an isotherm must pass the tumour for the killing one to pass it by the margin, in mm; the temperature
    rises linearly from the killing isotherm to the edge of the ice."""
    kill = constants.number("kill_isotherm")
    share = min(1.0, max(0.0, 1.0 - given.number("isotherm") / kill))
    return Outcome({"required_beyond": given.number("margin") + share * constants.number("depth_inside_ice")})


def applicator_spacing(given: Given, constants: RuleConstants) -> Outcome:
    """Whether neighbouring applicators stand as far apart as is usual for their energy."""
    energy, spacing = given.text("energy"), given.number("spacing")
    low, high = f"{energy}_low", f"{energy}_high"
    if at_least(spacing, constants.number(low)) and at_most(spacing, constants.number(high)):
        return Outcome({"within": True})
    near = not at_least(spacing, constants.number(low))
    text = (
        f"Neighbouring applicators stand {spacing:.1f} mm apart; usual are {constants.number(low):g} to "
        f"{constants.number(high):g} mm."
    )
    found = constants.finding(
        "applicator-spacing", Severity.WARN, text, constant=low if near else high, measured=spacing
    )
    return Outcome({"within": False}, (found,))


def ire_pair(given: Given, constants: RuleConstants) -> Outcome:
    """Whether two electrodes stand parallel, with their tips level."""
    findings = []
    for name, constant, words in (
        ("angle", "angle_at_most", "The electrodes of a pair enclose {:.1f}°; they should be parallel."),
        ("tip_difference", "tips_within", "The tips of a pair lie {:.1f} mm apart in depth; they should be level."),
    ):
        value = given.number(name)
        if not at_most(value, constants.number(constant)):
            text = words.format(value)
            findings.append(
                constants.finding("ire-not-parallel", Severity.WARN, text, constant=constant, measured=value)
            )
    return Outcome({"parallel": not findings}, tuple(findings))


def zone_near_structure(given: Given, constants: RuleConstants) -> Outcome:
    """``red``, ``near`` or ``apart``: how a zone lies to a bile duct, bowel, gall bladder, diaphragm or heart."""
    distance = given.number("distance")
    if below(distance, constants.number("red_below")):
        nearness, constant = "red", "red_below"
        words = "inside the zone" if distance < 0.0 else f"{distance:.1f} mm from the zone"
        text = f"The structure lies {words}; protect it, or place the applicators anew."
    elif below(distance, constants.number("prompt_below")):
        nearness, constant = "near", "prompt_below"
        text = f"The structure lies {distance:.1f} mm from the zone; consider hydrodissection."
    else:
        return Outcome({"nearness": "apart"})
    found = constants.finding("zone-near-structure", Severity.WARN, text, constant=constant, measured=distance)
    return Outcome({"nearness": nearness}, (found,))


COMPUTES = {
    "ablation_diameter": ablation_diameter,
    "ellipsoid_volume": ellipsoid_volume,
    "ire_voltage": ire_voltage,
    "mam_flag": mam_flag,
    "flr": flr,
    "heat_sink": heat_sink,
    "cryo_ice_margin": cryo_ice_margin,
    "applicator_spacing": applicator_spacing,
    "ire_pair": ire_pair,
    "zone_near_structure": zone_near_structure,
}
