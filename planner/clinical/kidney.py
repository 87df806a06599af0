"""Kidney function and iodinated contrast (rule notes R11)."""

from __future__ import annotations

from planner.clinical.comparisons import at_least, below, round_half_up
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome
from planner.findings import Finding, Severity


def ckd_epi_2021(given: Given, constants: RuleConstants) -> Outcome:
    """eGFR in mL/min/1.73 m², unrounded and as reported (an integer). Adults only."""
    age, sex = given.number("age"), given.text("sex")
    if below(age, constants.number("adult_from")):
        text = "Not evaluated: CKD-EPI 2021 is an equation for adults."
        refusal = constants.finding(
            "not-for-children",
            Severity.BLOCK,
            text,
            constant="adult_from",
            measured=age,
            overridable=False,
            subject="age",
        )
        return Outcome({"egfr": None, "reported": None}, (refusal,))
    ratio = given.number("creatinine") / constants.table("kappa")[sex]
    egfr = (
        constants.number("factor")
        * min(ratio, 1.0) ** float(constants.table("alpha")[sex])
        * max(ratio, 1.0) ** constants.number("power_above")
        * constants.number("age_base") ** age
        * constants.table("sex_factor")[sex]
    )
    return Outcome({"egfr": egfr, "reported": round_half_up(egfr)})


def cockcroft_gault(given: Given, constants: RuleConstants) -> Outcome:
    """Creatinine clearance in mL/min."""
    numerator = (constants.number("age_from") - given.number("age")) * given.number("weight")
    clearance = numerator / (constants.number("divisor") * given.number("creatinine"))
    return Outcome({"crcl": clearance * constants.table("sex_factor")[given.text("sex")]})


def macd(given: Given, constants: RuleConstants) -> Outcome:
    """Maximum allowable contrast dose in mL: 5 mL·kg/creatinine (mg/dL), at most the cap."""
    volume = constants.number("factor") * given.number("weight") / given.number("creatinine")
    return Outcome({"max_contrast": min(volume, constants.number("cap"))})


def contrast_ratio(given: Given, constants: RuleConstants) -> Outcome:
    """Contrast volume over eGFR and its band: green, amber, red, ask."""
    ratio = given.number("contrast") / given.number("egfr")
    findings: list[Finding] = [
        constants.finding(
            "coronary-origin",
            Severity.INFO,
            "The published ratios come from coronary work; Laskey and Gurm divided by creatinine clearance.",
        )
    ]
    band, reached = "green", ""
    for name, colour in (("amber_from", "amber"), ("red_from", "red"), ("ask_from", "ask")):
        if at_least(ratio, constants.number(name)):
            band, reached = colour, name
    if reached:
        severity = Severity.BLOCK if band == "ask" else Severity.WARN
        text = f"Contrast is {ratio:.2f} times the eGFR; the limit for {band} is {constants.number(reached):g}."
        findings.append(constants.finding("contrast-ratio", severity, text, constant=reached, measured=ratio))
    return Outcome({"ratio": ratio, "band": band}, tuple(findings))


def contrast_esur(given: Given, constants: RuleConstants) -> Outcome:
    """Whether the patient is at risk of post-contrast kidney injury by route (ESUR-10)."""
    egfr, route = given.number("egfr"), given.text("route")
    limit = float(constants.table("egfr_below")[route])
    if not below(egfr, limit):
        return Outcome({"at_risk": False})
    text = f"eGFR {egfr:.0f} is below {limit:g} for {route} contrast: plan prevention or give a reason."
    found = constants.finding(
        "contrast-kidney-risk", Severity.BLOCK, text, constant="egfr_below", limit=limit, measured=egfr
    )
    return Outcome({"at_risk": True}, (found,))


def pc_aki(given: Given, constants: RuleConstants) -> Outcome:
    """Whether creatinine rose by 0.3 mg/dL or to 1.5 times its baseline within 48-72 h."""
    baseline, later = given.number("baseline"), given.number("within_48_72_h")
    rise, ratio = later - baseline, later / baseline
    injured = at_least(rise, constants.number("rise_from")) or at_least(ratio, constants.number("ratio_from"))
    if not injured:
        return Outcome({"pc_aki": False})
    text = f"Creatinine rose from {baseline:.2f} to {later:.2f} mg/dL: post-contrast acute kidney injury."
    found = constants.finding("pc-aki", Severity.WARN, text, constant="rise_from", measured=rise)
    return Outcome({"pc_aki": True}, (found,))


COMPUTES = {
    "ckd_epi_2021": ckd_epi_2021,
    "cockcroft_gault": cockcroft_gault,
    "macd": macd,
    "contrast_ratio": contrast_ratio,
    "contrast_esur": contrast_esur,
    "pc_aki": pc_aki,
}
