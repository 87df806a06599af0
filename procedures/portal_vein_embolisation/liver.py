"""Bile, portal vein, portal pressure, liver function: what makes a closed portal branch dangerous or useless."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.portal_vein_embolisation.registry import REGISTRY
from procedures.spine.support import against, as_number, in_unit, laboratory, limit, not_evaluated, number
from procedures.tace import early_course, liver_scores, liver_stage

REGISTRY.compute("child_pugh")(liver_scores.child_pugh)
REGISTRY.compute("albi")(liver_scores.albi)
REGISTRY.check("bilirubin_after")(early_course.bilirubin_after)


@REGISTRY.check("remnant_drained")
def remnant_drained(context: StageContext) -> list[Finding]:
    """Dilated ducts of the remnant, cholangitis and high bilirubin are drained before."""
    found = []
    ducts, subject = context.value("remnant_ducts"), f"{context.stage.id}.remnant_ducts"
    if ducts == "dilated":
        text = "Bile ducts of the remnant are dilated and not drained: drain first, it does not grow."
        found.append(context.finding("remnant-not-drained", text, subject=subject))
    elif ducts not in ("normal", "drained"):
        found.append(not_evaluated(context, "the bile ducts of the remnant were not judged", subject=subject))
    infected, subject = context.value("cholangitis"), f"{context.stage.id}.cholangitis"
    if infected == "yes":
        found.append(context.finding("cholangitis", "Cholangitis: drain and treat first.", subject=subject))
    elif infected != "no":
        found.append(not_evaluated(context, "whether there is cholangitis", subject=subject))
    most, bilirubin = limit(context, "bilirubin"), laboratory(context, "bilirubin", limit(context, "window"))
    measured, subject = in_unit("bilirubin", bilirubin, most.unit or "umol/L"), f"{context.stage.id}.bilirubin"
    if measured is None:
        found.append(not_evaluated(context, bilirubin.missing or "bilirubin is unknown", subject=subject))
    elif measured > number(most):
        text = f"Bilirubin {bilirubin.printed()}: drain first and wait until it falls."
        found.append(against(context, "bilirubin-high", text, measured, most, subject=subject))
    return found


@REGISTRY.check("portal_open")
def portal_open(context: StageContext) -> list[Finding]:
    answer = context.value("portal_vein")
    if answer == "patent":
        return []
    if answer in ("main", "remnant-side"):
        side = "main portal vein" if answer == "main" else "portal vein of the remnant"
        text = f"The {side} is occluded: closing the rest leaves the liver without portal flow."
        return [context.finding("portal-occluded", text)]
    if answer == "resected-side":
        text = "The side to be resected is occluded already: the remnant has grown by itself, or will not."
        return [context.finding("side-occluded", text)]
    return [not_evaluated(context, "the portal vein was not judged")]


@REGISTRY.check("portal_hypertension_known")
def portal_hypertension_known(context: StageContext) -> list[Finding]:
    """Signs ask for a measurement; a gradient from the limit ``gradient`` asks for a reason."""
    answer = context.value("portal_hypertension")
    if answer == "none":
        return []
    if answer == "signs":
        text = "Signs of portal hypertension: measure the pressure gradient before a branch is closed."
        return [context.finding("portal-hypertension", text)]
    measured, allowed = as_number(context.value("hvpg")), limit(context, "gradient")
    if answer != "measured" or measured is None:
        return [not_evaluated(context, "portal hypertension was not judged, or its gradient is unknown")]
    if measured < number(allowed):
        return []
    text = f"Pressure gradient {measured:g} mmHg: closing a branch raises it."
    return [against(context, "gradient-high", text, measured, allowed)]


@REGISTRY.check("child_pugh_for_resection")
def child_pugh_for_resection(context: StageContext) -> list[Finding]:
    """Child-Pugh against the limit ``points``."""
    return liver_stage.child_pugh_beyond(
        context, "is beyond {points:g} points, the profile's limit before a resection."
    )
