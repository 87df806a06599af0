"""Coagulation before a procedure, by bleeding class and arterial access (SIR 2019, rule notes R15)."""

from __future__ import annotations

from planner.clinical.comparisons import at_most, below
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome
from planner.findings import Finding, Severity


def coagulation_sir2019(given: Given, constants: RuleConstants) -> Outcome:
    """``pass``, ``note`` or ``fail`` for the INR and ``pass`` or ``transfuse`` for platelets."""
    findings: list[Finding] = []
    result = _inr(given, constants, findings)
    risk, platelets = given.text("risk"), given.number("platelets")
    limit = float(constants.table("transfuse_below")[risk])
    enough = not below(platelets, limit)
    if not enough:
        text = f"Platelets {platelets:g} ×10⁹/L are below {limit:g} for a {risk}-risk procedure: "
        text += "transfuse or give a reason."
        findings.append(
            constants.finding(
                "platelets-low",
                Severity.BLOCK,
                text,
                constant="transfuse_below",
                limit=limit,
                measured=platelets,
                subject="platelets",
            )
        )
    return Outcome({"inr_result": result, "platelet_result": "pass" if enough else "transfuse"}, tuple(findings))


def _inr(given: Given, constants: RuleConstants, findings: list[Finding]) -> str:
    inr, risk, access = given.number("inr"), given.text("risk"), given.text("arterial_access")
    if risk == "low" and access != "none":
        limit = float(constants.table("arterial_below")[access])
        result, name = ("pass" if below(inr, limit) else "fail"), "arterial_below"
    else:
        name, limit = f"{risk}_note_to", constants.number(f"{risk}_note_to")
        passes = at_most(inr, constants.number(f"{risk}_pass_to"))
        result = "pass" if passes else "note" if at_most(inr, limit) else "fail"
    if result != "pass":
        severity = Severity.BLOCK if result == "fail" else Severity.WARN
        text = f"INR {inr:g} for a {risk}-risk procedure, arterial access {access}: "
        text += f"beyond {limit:g}; correct or give a reason." if result == "fail" else "passes with note."
        findings.append(
            constants.finding("inr-high", severity, text, constant=name, limit=limit, measured=inr, subject="inr")
        )
    return result


COMPUTES = {"coagulation_sir2019": coagulation_sir2019}
