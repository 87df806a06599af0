"""Prognosis of TACE and when to stop: HAP, mHAP-II, ALBI-TAE, ART, ABCR, lack of response, refractoriness (R7-R8).

All of it is advice: shown as criteria met, not met or unknown, never as a stop.
"""

from __future__ import annotations

from planner.clinical.comparisons import above, at_least, below
from planner.clinical.constants import RuleConstants
from planner.clinical.quantities import convert
from planner.clinical.results import Given, Outcome
from planner.findings import Finding, Severity


def _not_validated(constants: RuleConstants) -> Finding:
    """What has to stand beside every prognostic score of TACE."""
    return Finding(
        code="not-validated",
        severity=Severity.INFO,
        text="Advice only: prognostic scores of TACE fail external validation.",
        subject=constants.rule,
        source="Müller, JHC 2021;8:403",
        tag="S",
    )


def _letter(constants: RuleConstants, points: int) -> str:
    grades = constants.texts("grades")
    return grades[min(points, len(grades) - 1)]


def hap(given: Given, constants: RuleConstants) -> Outcome:
    """HAP: one point each for albumin, bilirubin, AFP and diameter; mHAP-II adds one for two tumours or more."""
    bilirubin = given.number("bilirubin")
    points = sum(
        (
            below(given.number("albumin"), constants.number("albumin_below")),
            above(bilirubin, constants.number("bilirubin_above")),
            above(given.number("afp"), constants.number("afp_above")),
            above(given.number("largest_diameter"), constants.number("diameter_above")),
        )
    )
    modified = points + at_least(given.number("nodules"), constants.number("tumours_from"))
    findings = [_not_validated(constants)]
    park = convert(constants.number("bilirubin_above_park"), "mg/dL", "umol/L", "bilirubin")
    if above(bilirubin, park) and not above(bilirubin, constants.number("bilirubin_above")):
        text = f"With the bilirubin cut-off printed by Park (> 0.9 mg/dL) mHAP-II would be {modified + 1}."
        findings.append(
            constants.finding(
                "other-cut-off",
                Severity.INFO,
                text,
                constant="bilirubin_above_park",
                limit=park,
                measured=bilirubin,
                unit="umol/L",
            )
        )
    return Outcome(
        {
            "hap": points,
            "hap_grade": _letter(constants, points),
            "mhap2": modified,
            "mhap2_grade": _letter(constants, modified),
        },
        tuple(findings),
    )


def albi_tae(given: Given, constants: RuleConstants) -> Outcome:
    """One point each for ALBI grade 2-3, AFP above 200 ng/mL, beyond up-to-11."""
    points = sum(
        (
            given.number("albi_grade") >= constants.number("albi_grade_from"),
            above(given.number("afp"), constants.number("afp_above")),
            not given.flag("up_to_11_in"),
        )
    )
    return Outcome({"points": points, "grade": _letter(constants, points)}, (_not_validated(constants),))


def art(given: Given, constants: RuleConstants) -> Outcome:
    """ART: values before the second TACE against before the first (Child-Pugh points, AST rise, response)."""
    increase = given.number("child_pugh_before_2") - given.number("child_pugh_before_1")
    points = 0.0
    if increase >= 2:
        points += constants.number("child_pugh_plus_2")
    elif increase >= 1:
        points += constants.number("child_pugh_plus_1")
    ast_rise = 100.0 * (given.number("ast_before_2") / given.number("ast_before_1") - 1.0)
    if above(ast_rise, constants.number("ast_increase_above")):
        points += constants.number("ast_points")
    if not given.flag("radiological_response"):
        points += constants.number("no_response_points")
    advice = "stop" if at_least(points, constants.number("stop_from")) else "continue"
    taiwan = Finding(
        code="not-confirmed",
        severity=Severity.INFO,
        text="ART was not confirmed in Taiwan (82 patients, p = .58).",
        subject=constants.rule,
        source="PMC5058946",
        tag="S",
    )
    return Outcome({"points": points, "advice": advice}, (_not_validated(constants), taiwan))


def abcr(given: Given, constants: RuleConstants) -> Outcome:
    """ABCR: AFP, BCLC stage, Child-Pugh increase and response; groups ``<=0``, ``1-3``, ``>=4``."""
    points = constants.table("bclc_points")[given.text("bclc")]
    if at_least(given.number("afp"), constants.number("afp_from")):
        points += constants.number("afp_points")
    if given.number("child_pugh_increase") >= constants.number("child_pugh_increase_from"):
        points += constants.number("child_pugh_points")
    if given.flag("response"):
        points += constants.number("response_points")
    low, high = round(constants.number("low_to")), round(constants.number("high_from"))
    group = f"<={low}" if points <= low else f">={high}" if points >= high else f"{low + 1}-{high - 1}"
    return Outcome({"points": round(points), "group": group}, (_not_validated(constants),))


def tace_stop(given: Given, constants: RuleConstants) -> Outcome:
    """Consider stopping once a target nodule was treated twice without objective response."""
    treatments = given.number("treatments_of_target_without_objective_response")
    stop = treatments >= constants.number("stop_from")
    return Outcome({"advice": "consider-stopping" if stop else "none"})


def tace_failure_jsh(given: Given, constants: RuleConstants) -> Outcome:
    """Failure or refractoriness after adequate selective TACE: any of five criteria, named in the output."""
    met = {
        "insufficient-response": given.number("consecutive_insufficient_responses")
        >= constants.number("insufficient_responses_from"),
        "progression": given.number("consecutive_progressions") >= constants.number("progressions_from"),
        "marker-rise": given.flag("markers_rise_continuously"),
        "vascular-invasion": given.flag("new_vascular_invasion"),
        "extrahepatic-spread": given.flag("new_extrahepatic_spread"),
    }
    names = [name for name, holds in met.items() if holds]
    adequate = given.flag("adequate_selective_tace")
    advice = "consider-refractory" if names and adequate else "none" if adequate else "not-assessable"
    findings = [_not_validated(constants)]
    if not adequate:
        text = "Refractoriness is defined only after adequate selective TACE."
        findings.append(constants.finding("not-applicable", Severity.INFO, text))
    return Outcome(
        {"criteria_met": len(names), "criteria": ", ".join(names) or "none", "advice": advice}, tuple(findings)
    )


COMPUTES = {
    "hap": hap,
    "albi_tae": albi_tae,
    "art": art,
    "abcr": abcr,
    "tace_stop": tace_stop,
    "tace_failure_jsh": tace_failure_jsh,
}
