"""Fitness: coagulation by bleeding class, allergies, pregnancy, infection, and when a score is not valid."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Limit
from procedures.spine.registry import REGISTRY
from procedures.spine.support import (
    against,
    as_findings,
    as_number,
    laboratory,
    limit,
    missing_of,
    not_evaluated,
    number,
    reasons_of,
    ruled,
    text_of,
)

INR_KINDS = ("warfarin", "doac")
"""Medicines under which the INR does not say how the liver works."""


def taken_kinds(context: StageContext) -> set[str]:
    """Kinds of the medicines in the case, lower case."""
    return {(each.kind or "").casefold() for each in context.case.medication}


@REGISTRY.check("laboratory_in_window")
def laboratory_in_window(context: StageContext) -> list[Finding]:
    """Every analyte that the check names is known and not older than its window."""
    found = []
    for analyte in context.check.parameters if context.check else ():
        known = laboratory(context, analyte, limit(context, analyte))
        if known.missing is not None:
            subject = f"{context.stage.id}.{analyte}"
            found.append(not_evaluated(context, known.missing, code="lab-outside-window", subject=subject))
    return found


@REGISTRY.check("weight_in_window")
def weight_in_window(context: StageContext) -> list[Finding]:
    patient, window = context.case.patient, limit(context, "days")
    if patient.weight_kg is None or patient.weight_on is None:
        return [not_evaluated(context, "the weight or its date is unknown")]
    days = float((context.today - patient.weight_on).days)
    if days <= number(window):
        return []
    text = f"The weight of {patient.weight_on.isoformat()} is {days:.0f} days old."
    return [against(context, "weight-outside-window", text, days, window)]


def coagulation(context: StageContext, risk: str, access: str) -> list[Finding]:
    """R15 by bleeding class and arterial access, with the limits of the profile."""
    inr = laboratory(context, "inr", limit(context, "inr_window"))
    platelets = laboratory(context, "platelets", limit(context, "platelets_window"))
    why = missing_of(inr, platelets)
    if why is not None:
        return [not_evaluated(context, why, code="coagulation-not-evaluated")]
    result = ruled(
        context,
        "coagulation_sir2019",
        {
            "procedure": context.template.title,
            "risk": risk,
            "inr": inr,
            "platelets": platelets,
            "arterial_access": access,
        },
        constants={"high_note_to": context.limit("inr_high_risk_to")},
        tables={
            "arterial_below": {
                "femoral": context.limit("inr_femoral_below"),
                "radial": context.limit("inr_radial_below"),
            },
            "transfuse_below": {
                "low": context.limit("platelets_low_risk_from"),
                "high": context.limit("platelets_high_risk_from"),
            },
        },
    )
    if not result.evaluated:
        return [not_evaluated(context, reasons_of(result), code="coagulation-not-evaluated")]
    return as_findings(context, result)


@REGISTRY.check("coagulation_for_class")
def coagulation_for_class(context: StageContext) -> list[Finding]:
    risk = context.value("bleeding_class")
    if risk not in ("low", "high"):
        return [not_evaluated(context, "the bleeding class is not chosen", code="coagulation-not-evaluated")]
    return coagulation(context, risk, "none")


@REGISTRY.check("allergies_asked")
def allergies_asked(context: StageContext) -> list[Finding]:
    asked = context.case.allergies_asked
    if asked not in ("yes", "none"):
        why = "allergies could not be asked for" if asked == "unknown" else "allergies were not asked for"
        return [not_evaluated(context, why, code="allergies-unknown")]
    severe = [each for each in context.case.allergies if each.grade == "severe" and not text_of(each.premedication)]
    return [
        context.finding(
            "severe-reaction",
            f"Severe reaction to {each.substance}: neither premedication nor an alternative is written down.",
            subject=f"{context.stage.id}.allergies.{each.substance}",
        )
        for each in severe
    ]


@REGISTRY.check("pregnancy_excluded")
def pregnancy_excluded(context: StageContext) -> list[Finding]:
    answer = context.value("pregnancy")
    if answer in ("no", "not-applicable"):
        return []
    if answer == "yes":
        return [context.finding("pregnant", "The patient is pregnant.")]
    return [not_evaluated(context, "pregnancy is not known", code="pregnancy-unknown")]


@REGISTRY.check("infection_excluded")
def infection_excluded(context: StageContext) -> list[Finding]:
    answer = context.value("active_infection")
    if answer == "no":
        return []
    if answer == "yes":
        return [context.finding("active-infection", "There is an active infection.")]
    return [not_evaluated(context, "active infection is not known", code="infection-unknown")]


@REGISTRY.check("scores_valid")
def scores_valid(context: StageContext) -> list[Finding]:
    """Says which scores are not valid and why; the scores themselves print it too."""
    found = []
    for reason in score_caveats(context):
        found.append(context.finding("score-not-valid", reason))
    spread = limit(context, "spread")
    days = inputs_spread(context)
    if days is not None and days > number(spread):
        text = f"The inputs of the liver scores are {days:.0f} days apart: scores are not valid."
        found.append(against(context, "score-inputs-apart", text, days, spread))
    return found


def score_caveats(context: StageContext) -> list[str]:
    """Conditions of this patient under which a score is not valid (practice notes 2.1)."""
    reasons = []
    if taken_kinds(context) & set(INR_KINDS):
        reasons.append("INR-based scores (Child-Pugh, MELD) are not valid on warfarin or a DOAC.")
    if context.value("biliary_obstruction", "fitness") == "yes":
        reasons.append("Bilirubin-based scores are not valid in biliary obstruction or Gilbert's syndrome.")
    if context.value("kidney_state", "fitness") in ("acute", "dialysis"):
        reasons.append("eGFR and creatinine clearance are not valid in acute kidney injury or dialysis.")
    if context.value("albumin_infused", "fitness") == "yes":
        reasons.append("Albumin is not valid after an infusion of albumin.")
    return reasons


def inputs_spread(context: StageContext) -> float | None:
    """Days between the oldest and newest input of the liver scores; None with fewer than two."""
    taken = [found.taken_on for name in ("bilirubin", "albumin", "inr") if (found := context.lab(name)) is not None]
    return float((max(taken) - min(taken)).days) if len(taken) > 1 else None


@REGISTRY.check("nutrition_alert")
def nutrition_alert(context: StageContext) -> list[Finding]:
    score, risk = as_number(context.value("nrs2002")), limit(context, "risk")
    if score is None or score < number(risk):
        return []
    return [against(context, "nutritional-risk", f"NRS 2002 is {score:.0f}: nutritional risk.", score, risk)]


def days_of(found: Limit) -> float:
    """A limit in days, from days or hours."""
    return number(found) / 24 if found.unit == "h" else number(found)
