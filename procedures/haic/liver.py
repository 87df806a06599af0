"""The liver before infusion: the gates of TACE that hold here too, portal vein and bile, hepatitis B and varices."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.haic.registry import REGISTRY
from procedures.spine.support import not_evaluated
from procedures.tace import liver_scores, liver_stage, vessels

REGISTRY.check("phases_present")(vessels.phases_present)
REGISTRY.compute("child_pugh")(liver_scores.child_pugh)
REGISTRY.compute("albi")(liver_scores.albi)


@REGISTRY.check("child_pugh_for_infusion")
def child_pugh_for_infusion(context: StageContext) -> list[Finding]:
    """Child-Pugh against the limit ``points``."""
    return liver_stage.child_pugh_beyond(context, "is beyond {points:g} points, the profile's limit for infusion.")


@REGISTRY.check("portal_and_bile")
def portal_and_bile(context: StageContext) -> list[Finding]:
    """A thrombus does not close this way, but it is judged; dilated ducts are drained first."""
    found = []
    if context.value("portal_vein") not in ("patent", "branch", "main"):
        found.append(not_evaluated(context, "the portal vein was not judged", code="portal-vein-unknown"))
    ducts = context.value("bile_ducts")
    if ducts == "dilated":
        text = "Bile ducts are dilated and not drained: drain first."
        found.append(context.finding("ducts-not-drained", text, subject=f"{context.stage.id}.bile_ducts"))
    elif ducts not in ("normal", "drained"):
        why = "the bile ducts were not judged"
        found.append(not_evaluated(context, why, subject=f"{context.stage.id}.bile_ducts"))
    return found


@REGISTRY.check("hepatitis_and_varices")
def hepatitis_and_varices(context: StageContext) -> list[Finding]:
    found = []
    virus, varices = context.value("hbv"), context.value("varices")
    subject = f"{context.stage.id}.hbv"
    if virus == "untreated":
        text = "Hepatitis B without an antiviral: it may flare under chemotherapy."
        found.append(context.finding("hbv-untreated", text, subject=subject))
    elif virus not in ("negative", "treated"):
        found.append(not_evaluated(context, "hepatitis B is not known", subject=subject))
    subject = f"{context.stage.id}.varices"
    if varices == "untreated":
        text = "Varices are untreated: low platelets after the cycle make them bleed."
        found.append(context.finding("varices-untreated", text, subject=subject))
    elif varices not in ("none", "treated"):
        found.append(not_evaluated(context, "varices were not looked for", subject=subject))
    return found
