"""Doses of TACE: body surface, Lipiodol, doxorubicin, beads, cumulative dose (R10). Ranges, never a dose."""

from __future__ import annotations

import math

from planner.clinical.comparisons import TOLERANCE, above, at_least, at_most, below
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome
from planner.findings import Finding, Severity


def bsa(given: Given, constants: RuleConstants) -> Outcome:
    """Body surface area in m² by Mosteller and by Du Bois, from height in cm and weight in kg."""
    height, weight = given.number("height"), given.number("weight")
    du_bois = (
        constants.number("du_bois_factor")
        * weight ** constants.number("du_bois_weight_power")
        * height ** constants.number("du_bois_height_power")
    )
    return Outcome(
        {"mosteller": math.sqrt(height * weight / constants.number("mosteller_divisor")), "du_bois": du_bois}
    )


def lipiodol_range(given: Given, constants: RuleConstants) -> Outcome:
    """Low, usual and high oil volume in mL for one tumour, each at most the cap; both disagreeing sources are named."""
    diameter, cap = given.number("tumour_diameter"), constants.number("cap")
    wanted = {name: constants.number(f"{name}_per_cm") * diameter for name in ("low", "usual", "high")}
    findings = [
        constants.finding(
            "sources-disagree",
            Severity.INFO,
            "Two sources disagree: 0.5–1.0 mL per cm (quoted for CIRSE 2021) and 1–1.5 mL per cm (de Baère 2016). "
            "How several tumours add up is not stated in any source; the cap holds for the whole treatment.",
        )
    ]
    if above(wanted["high"], cap):
        text = f"The formula gives up to {wanted['high']:g} mL; capped at {cap:g} mL per treatment."
        findings.append(
            constants.finding("capped", Severity.WARN, text, constant="cap", measured=wanted["high"], unit="mL")
        )
    return Outcome({name: min(cap, volume) for name, volume in wanted.items()}, tuple(findings))


def doxorubicin_ctace(given: Given, constants: RuleConstants) -> Outcome:
    """Dose range in mg by body surface, at most the cap per treatment."""
    surface, cap = given.number("bsa"), constants.number("cap")
    low, high = surface * constants.number("low_per_area"), surface * constants.number("high_per_area")
    findings: tuple[Finding, ...] = ()
    if above(high, cap):
        text = f"The formula gives up to {high:.0f} mg; capped at {cap:g} mg per treatment."
        findings = (constants.finding("capped", Severity.WARN, text, constant="cap", measured=high, unit="mg"),)
    return Outcome({"low": min(cap, low), "high": min(cap, high)}, findings)


def doxorubicin_bilirubin(given: Given, constants: RuleConstants) -> Outcome:
    """Dose per area reduced by bilirubin after Llovet 2002, with the product information's reduction beside it."""
    bilirubin = given.number("bilirubin")
    if below(bilirubin, constants.number("full_below")):
        dose = constants.number("full_dose")
    elif at_most(bilirubin, constants.number("middle_to")):
        dose = constants.number("middle_dose")
    elif at_most(bilirubin, constants.number("none_above")):
        dose = constants.number("low_dose")
    else:
        dose = 0.0
    findings = []
    if at_least(bilirubin, constants.number("label_half_from")):
        text = "The product information reduces otherwise: 50 % at 1.2–3.0 mg/dL, 25 % at 3.1–5.0, none above 5."
        findings.append(
            constants.finding(
                "sources-disagree", Severity.INFO, text, constant="label_half_from", measured=bilirubin, unit="mg/dL"
            )
        )
    if above(bilirubin, constants.number("contraindicated_above")):
        text = "Bilirubin above 3 mg/dL is itself a contraindication in many protocols."
        findings.append(
            constants.finding(
                "contraindication", Severity.WARN, text, constant="contraindicated_above", measured=bilirubin
            )
        )
    return Outcome({"dose_per_area": dose}, tuple(findings))


def deb_tace(given: Given, constants: RuleConstants) -> Outcome:
    """Vials of beads and the dose they carry; the lower end is printed only for one vial."""
    if given.flag("within_milan"):
        return Outcome(
            {
                "vials": round(constants.number("vials_within")),
                "max_dose": constants.number("within_max"),
                "min_dose": constants.number("within_min"),
            }
        )
    return Outcome(
        {
            "vials": round(constants.number("vials_beyond")),
            "max_dose": constants.number("beyond_max"),
            "min_dose": None,
        }
    )


def doxorubicin_ledger(given: Given, constants: RuleConstants) -> Outcome:
    """Cumulative dose in mg/m²: each dose divided by the body surface of its own day."""
    doses, surfaces = given.numbers("doses"), given.numbers("bsa")
    if len(doses) != len(surfaces):
        text = f"Not evaluated: {len(doses)} doses but {len(surfaces)} body surfaces; each dose needs that of its day."
        refusal = constants.finding("unequal-lists", Severity.BLOCK, text, overridable=False, subject="bsa")
        return Outcome({"cumulative": None}, (refusal,))
    return Outcome({"cumulative": sum(dose / surface for dose, surface in zip(doses, surfaces, strict=True))})


def doxorubicin_limit(given: Given, constants: RuleConstants) -> Outcome:
    """``none``, ``warn`` or ``ask`` by cumulative dose; stricter after chest irradiation or a cardiotoxic drug."""
    dose = given.number("cumulative_dose")
    ask = "ask_from_cardiac_risk" if given.flag("cardiac_risk") else "ask_from"
    if at_least(dose, constants.number(ask)):
        text = f"Cumulative doxorubicin {dose:.0f} mg/m² has reached {constants.number(ask):g} mg/m²: reason needed."
        found = constants.finding("cumulative-dose", Severity.BLOCK, text, constant=ask, measured=dose)
        return Outcome({"level": "ask"}, (found,))
    if at_least(dose, constants.number("warn_from")):
        text = f"Cumulative doxorubicin {dose:.0f} mg/m² has reached {constants.number('warn_from'):g} mg/m²."
        found = constants.finding("cumulative-dose", Severity.WARN, text, constant="warn_from", measured=dose)
        return Outcome({"level": "warn"}, (found,))
    return Outcome({"level": "none"})


def doxorubicin_chf(given: Given, constants: RuleConstants) -> Outcome:
    """Published heart-failure estimate at a cumulative dose; between two published doses only the two are given."""
    dose = given.number("cumulative_dose")
    rows = constants.rows("estimates")
    for row in rows:
        if abs(dose - row["dose"]) <= TOLERANCE:
            chf = float(row["chf"])
            return Outcome({"chf_estimate": chf, "chf_low": chf, "chf_high": chf})
    lower = [float(row["chf"]) for row in rows if row["dose"] < dose]
    higher = [float(row["chf"]) for row in rows if row["dose"] > dose]
    low, high = (max(lower) if lower else None), (min(higher) if higher else None)
    text = "Published only at " + ", ".join(f"{row['dose']:g}" for row in rows) + " mg/m²; nothing is interpolated."
    found = constants.finding("between-published-doses", Severity.INFO, text, measured=dose, unit="mg/m2")
    return Outcome({"chf_estimate": None, "chf_low": low, "chf_high": high}, (found,))


COMPUTES = {
    "bsa": bsa,
    "lipiodol_range": lipiodol_range,
    "doxorubicin_ctace": doxorubicin_ctace,
    "doxorubicin_bilirubin": doxorubicin_bilirubin,
    "deb_tace": deb_tace,
    "doxorubicin_ledger": doxorubicin_ledger,
    "doxorubicin_limit": doxorubicin_limit,
    "doxorubicin_chf": doxorubicin_chf,
}
