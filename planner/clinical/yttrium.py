"""Yttrium-90 activity: single compartment, partition and resin BSA methods (rule notes R18)."""

from __future__ import annotations

from planner.clinical.comparisons import above
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome
from planner.findings import Finding, Severity


def _kept(given: Given, name: str) -> float:
    """1 minus a fraction given in per cent."""
    return 1.0 - given.number(name) / 100.0


def y90_mird(given: Given, constants: RuleConstants) -> Outcome:
    """Activity in GBq for a target dose in Gy to a mass in kg, and the dose to the lung."""
    per_activity = constants.number("dose_per_activity")
    remaining = _kept(given, "residual_fraction")
    delivered = per_activity * _kept(given, "lung_shunt_fraction") * remaining
    activity = given.number("target_dose") * given.number("mass") / delivered
    shunted = given.number("lung_shunt_fraction") / 100.0
    lung = per_activity * activity * shunted * remaining / constants.number("lung_mass")
    findings: tuple[Finding, ...] = ()
    if above(lung, constants.number("lung_limit")):
        text = f"The lung dose of {lung:.1f} Gy exceeds {constants.number('lung_limit'):g} Gy per treatment."
        findings = (constants.finding("lung-dose", Severity.WARN, text, constant="lung_limit", measured=lung),)
    return Outcome({"activity": activity, "lung_dose": lung}, findings)


def y90_partition(given: Given, constants: RuleConstants) -> Outcome:
    """Dose in Gy to normal liver and tumour for an activity in GBq and a tumour-to-normal ratio."""
    ratio = given.number("tnr")
    energy = constants.number("dose_per_activity") * given.number("activity")
    energy *= _kept(given, "lung_shunt_fraction") * _kept(given, "residual_fraction")
    normal = energy / (given.number("tumour_mass") * ratio + given.number("normal_mass"))
    return Outcome({"normal_dose": normal, "tumour_dose": ratio * normal})


def y90_resin_bsa(given: Given, constants: RuleConstants) -> Outcome:
    """Resin activity in GBq from body surface and the tumour's share of the liver."""
    tumour, liver = given.number("tumour_volume"), given.number("liver_volume_total")
    if tumour > liver:
        text = "Refused: the tumour cannot be larger than the liver with its tumour."
        refusal = constants.finding(
            "impossible-value", Severity.BLOCK, text, overridable=False, subject="tumour_volume", measured=tumour
        )
        return Outcome({"activity": None}, (refusal,))
    return Outcome({"activity": given.number("bsa") - constants.number("bsa_offset") + tumour / liver})


COMPUTES = {"y90_mird": y90_mird, "y90_partition": y90_partition, "y90_resin_bsa": y90_resin_bsa}
