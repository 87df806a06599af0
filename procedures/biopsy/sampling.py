"""Sampling: needles that fit, cores enough for the question, a throw that ends in tissue."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.biopsy.registry import REGISTRY
from procedures.biopsy.target import TARGET
from procedures.spine.support import against, as_number, choices_of, limit, not_evaluated, number

PLAN = "sampling_plan"
BLEEDS = frozenset({"liver", "kidney", "spleen", "lung"})
UNFIXED = frozenset({"fresh", "saline-culture"})


@REGISTRY.check("coaxial_fits")
def coaxial_fits(context: StageContext) -> list[Finding]:
    """A smaller number is a thicker needle: the biopsy needle has the larger one."""
    if context.value("coaxial") == "no":
        return []
    guide, inner = as_number(context.value("guide_gauge")), as_number(context.value("gauge"))
    if guide is None or inner is None:
        return [not_evaluated(context, "the gauge of guide or biopsy needle is not known", overridable=True)]
    if inner > guide:
        return []
    text = f"A {inner:g} G biopsy needle does not pass a {guide:g} G guide."
    return [context.finding("needle-too-thick", text, measured=inner, limit=guide, unit="1")]


@REGISTRY.check("cores_for_question")
def cores_for_question(context: StageContext) -> list[Finding]:
    asked, planned = choices_of(context.value("question", TARGET)), as_number(context.value("cores"))
    enough = limit(context, "cores")
    if planned is None:
        return [not_evaluated(context, "the number of cores is not planned")]
    if "molecular" not in asked:
        return []
    if context.value("technique") == "fine-needle":
        return [context.finding("no-core-for-markers", "Molecular markers are asked for, and no core is planned.")]
    if planned >= number(enough):
        return []
    text = f"{planned:g} core(s) for molecular markers, at least {number(enough):g}."
    return [against(context, "too-few-cores", text, planned, enough)]


@REGISTRY.check("throw_fits")
def throw_fits(context: StageContext) -> list[Finding]:
    throw, behind = as_number(context.value("throw_mm")), as_number(context.value("behind_target_mm"))
    if throw is None or behind is None:
        return [not_evaluated(context, "the throw, or the free depth behind the tip, is not known")]
    if throw <= behind:
        return []
    text = f"The needle is thrown {throw:g} mm, free are {behind:g} mm behind the tip."
    return [context.finding("throw-too-long", text, measured=throw, limit=behind, unit="mm")]


@REGISTRY.check("fixative_for_question")
def fixative_for_question(context: StageContext) -> list[Finding]:
    asked = set(choices_of(context.value("question", TARGET)))
    planned = {row.get("fixative") for row in context.rows("containers")}
    if not planned:
        return [context.finding("no-container", "No container is planned.")]
    found = []
    if "culture" in asked and not planned & UNFIXED:
        found.append(context.finding("no-culture-container", "A culture is asked for, and everything is fixed."))
    if asked - {"culture"} and planned <= {"saline-culture"}:
        found.append(context.finding("no-histology-container", "Everything goes to culture, nothing to pathology."))
    return found


@REGISTRY.check("track_closed")
def track_closed(context: StageContext) -> list[Finding]:
    organ, plan = context.value("target_organ", TARGET), context.value("track_plan")
    if organ not in BLEEDS or plan not in ("none", None):
        return []
    if context.value("coaxial") == "no":
        return []
    return [context.finding("track-open", f"A coaxial track through the {organ}, and nothing closes it.")]
