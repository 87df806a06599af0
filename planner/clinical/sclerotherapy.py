"""Sclerotherapy of cysts: ethanol volume and its systemic ceiling (rule notes R22)."""

from __future__ import annotations

from planner.clinical.comparisons import above, below
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome
from planner.findings import Finding, Severity


def sclerosant_ethanol(given: Given, constants: RuleConstants) -> Outcome:
    """Ethanol in mL: a share of the aspirate in per cent, at most the organ's cap."""
    fraction, cap = given.number("fraction"), float(constants.table("cap")[given.text("organ")])
    wanted = given.number("aspirate") * fraction / 100.0
    findings: list[Finding] = []
    low, high = constants.number("fraction_low"), constants.number("fraction_high")
    if below(fraction, low) or above(fraction, high):
        name = "fraction_low" if fraction < low else "fraction_high"
        text = f"A share of {fraction:g} % lies outside the published {low:g}–{high:g} %: reason needed."
        findings.append(
            constants.finding("fraction", Severity.BLOCK, text, constant=name, measured=fraction, subject="fraction")
        )
    capped = above(wanted, cap)
    if capped:
        text = f"{wanted:g} mL is capped at {cap:g} mL."
        findings.append(constants.finding("capped", Severity.WARN, text, constant="cap", limit=cap, measured=wanted))
    text = "Always evacuate; first exclude communication, echinococcus, biliary origin and malignancy."
    findings.append(constants.finding("before-sclerosant", Severity.INFO, text))
    return Outcome({"dose": min(cap, wanted), "capped": capped}, tuple(findings))


def widmark(given: Given, constants: RuleConstants) -> Outcome:
    """Blood alcohol in g/L if all ethanol left behind were absorbed: a ceiling, about twice what is measured."""
    grams = given.number("volume") * given.number("concentration") / 100.0 * constants.number("density")
    text = "A ceiling for full absorption; always evacuate."
    found = constants.finding("ceiling", Severity.INFO, text)
    return Outcome({"blood_alcohol": grams / (given.number("r") * given.number("weight"))}, (found,))


COMPUTES = {"sclerosant_ethanol": sclerosant_ethanol, "widmark": widmark}
