"""Access and way in: coagulation by route, sheath, radial artery, origin of the arteries (R15, practice notes 7.1)."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.embolisation.registry import REGISTRY
from procedures.spine.fitness_checks import coagulation
from procedures.spine.support import against, as_number, limit, not_evaluated, number

THROUGH_TISSUE = frozenset({"transhepatic", "direct"})
"""Routes that are no arterial puncture: judged by the bleeding class alone."""


@REGISTRY.check("coagulation_for_access")
def coagulation_for_access(context: StageContext) -> list[Finding]:
    """R15 for the chosen artery; brachial and others are not in the published table and are judged as femoral, the
    stricter."""
    access = context.value("access")
    risk = context.value("bleeding_class", "fitness")
    if access is None or risk not in ("low", "high"):
        why = "the access is not chosen" if access is None else "the bleeding class is not chosen"
        return [not_evaluated(context, why, code="coagulation-not-evaluated")]
    if access in THROUGH_TISSUE:
        return coagulation(context, risk, "none")
    return coagulation(context, risk, "radial" if access == "radial" else "femoral")


@REGISTRY.check("sheath_class")
def sheath_class(context: StageContext) -> list[Finding]:
    size, low, high = as_number(context.value("sheath")), limit(context, "low"), limit(context, "high")
    if size is None:
        return [not_evaluated(context, "the sheath is not chosen")]
    if size < number(low) or context.value("bleeding_class", "fitness") == "high":
        return []
    if size > number(high):
        text = f"A sheath of {size:g} F makes this a high-risk procedure; it is classed low."
        return [against(context, "sheath-high-risk", text, size, high)]
    text = f"A sheath of {size:g} F falls between the published low- and high-risk lists."
    return [against(context, "sheath-between-classes", text, size, low)]


@REGISTRY.check("embolotherapy_class")
def embolotherapy_class(context: StageContext) -> list[Finding]:
    """SIR 2019 lists embolotherapy as low risk: in the high class medicines are held that need no hold."""
    size, high = as_number(context.value("sheath")), limit(context, "high")
    if context.value("bleeding_class", "fitness") != "high" or context.value("access") in THROUGH_TISSUE:
        return []
    if size is not None and size > number(high):
        return []
    text = "Classed high-risk: embolotherapy is in the low-risk class, where DOAC and clopidogrel need no fixed hold."
    return [context.finding("class-high", text)]


@REGISTRY.check("radial_possible")
def radial_possible(context: StageContext) -> list[Finding]:
    problem, access = context.value("last_access_problem"), context.value("access")
    found = []
    if problem == "radial-occlusion":
        said = "and is chosen again" if access == "radial" else "before"
        found.append(context.finding("radial-occluded", f"A radial artery was found occluded {said}."))
    if access != "radial":
        return found
    barbeau = context.value("barbeau")
    if barbeau == "D":
        found.append(context.finding("barbeau-d", "Barbeau D: the hand has no second supply."))
    elif barbeau not in ("A", "B", "C"):
        found.append(not_evaluated(context, "the Barbeau test was not done"))
    return found


@REGISTRY.check("origin_judged")
def origin_judged(context: StageContext) -> list[Finding]:
    """Where the arteries arise, and whether the way to them is open."""
    found = []
    origin = context.value("origin")
    if origin not in ("usual", "variant", "at-angiography"):
        found.append(not_evaluated(context, "the origin of the arteries was not judged"))
    disease = context.value("route_disease")
    if disease in ("compression", "stenosis", "occlusion", "dissection", "tortuous"):
        text = f"The way in is not straightforward: {disease}; plan another one."
        found.append(context.finding("route-disease", text))
    elif disease != "none":
        found.append(not_evaluated(context, "stenosis, occlusion or dissection on the way was not looked for"))
    return found
