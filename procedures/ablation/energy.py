"""Energy: heat sinks, what lies near, pacemakers, cryoprobes."""

from __future__ import annotations

from planner.clinical.comparisons import above, at_least, at_most, below
from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.ablation.items import beyond, needle_limit, technique
from procedures.ablation.registry import REGISTRY
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of, unknown_value

NEAR = {
    "bowel_distance": "Bowel or stomach",
    "gallbladder_distance": "The gallbladder",
    "heart_distance": "The heart",
    "diaphragm_distance": "The diaphragm",
}


@REGISTRY.check("heat_sink_typed")
def heat_sink_typed(context: StageContext) -> list[Finding]:
    """A vessel beside the target that is wide and near enough to cool; radiofrequency suffers most."""
    width, distance = (as_number(context.value(name)) for name in ("vessel_diameter", "vessel_distance"))
    if width is None:
        return []
    wide, near = needle_limit(context, "heat_sink_diameter_mm"), needle_limit(context, "heat_sink_distance_mm")
    if at_most(width, wide.value) or (distance is not None and above(distance, near.value)):
        return []
    far = "at an unknown distance" if distance is None else f"{distance:g} mm away"
    text = f"A vessel of {width:g} mm {far} cools the zone"
    text += ": microwave rather than radiofrequency." if technique(context) == "rfa" else "."
    return [beyond(context, "heat-sink", text, width, wide, subject="modality.vessel_diameter")]


@REGISTRY.check("near_structures")
def near_structures(context: StageContext) -> list[Finding]:
    found = []
    duct, prompt, critical = (limit(context, name) for name in ("duct", "prompt", "critical"))
    for name, words, outer in (
        ("duct_distance", "A main bile duct", duct),
        *((name, words, prompt) for name, words in NEAR.items()),
    ):
        distance = as_number(context.value(name))
        if distance is None or above(distance, number(outer)):
            continue
        subject = f"modality.{name}"
        if below(distance, number(critical)):
            text = f"{words} is {distance:g} mm from the target: below {number(critical):g} mm."
            found.append(against(context, "very-near", text, distance, critical, subject=subject))
        else:
            wanted = "cooling or another energy" if name == "duct_distance" else "dissection"
            text = f"{words} is {distance:g} mm from the target: {wanted} is to be considered."
            found.append(against(context, "near", text, distance, outer, subject=subject))
    return found


@REGISTRY.check("icd_radiofrequency")
def icd_radiofrequency(context: StageContext) -> list[Finding]:
    answer = context.value("pacemaker", "fitness")
    if answer == "no":
        return []
    if answer != "yes":
        return [not_evaluated(context, "whether there is a pacemaker or ICD is not known")]
    plan = text_of(context.value("icd_plan"))
    said = f"plan: {plan}" if plan else "no plan is written down"
    text = f"Pacemaker or ICD and radiofrequency: inhibition or shock; {said}."
    return [context.finding("icd-radiofrequency", text, subject="modality.icd_plan")]


@REGISTRY.compute("ice_reach")
def ice_reach(context: StageContext) -> list[Computed]:
    """How far the visible ice has to pass the tumour: depth of the lethal isotherm plus the wanted margin."""
    inside = context.limit("cryo_ice_to_kill_mm")
    margin = as_number(context.value("required_margin"))
    if margin is None:
        return [unknown_value("ice_reach", "Visible ice beyond the tumour", "the margin required is not typed yet")]
    total = number(inside) + margin
    return [
        Computed(
            id="ice_reach",
            label="Visible ice beyond the tumour",
            value=total,
            unit="mm",
            inputs={"ice edge to -40 °C": f"{number(inside):g} mm", "margin": f"{margin:g} mm"},
            arithmetic=f"{number(inside):g} + {margin:g} = {total:g} mm",
            source=inside.source,
            tag=inside.tag,
        )
    ]


@REGISTRY.check("cryo_spacing")
def cryo_spacing(context: StageContext) -> list[Finding]:
    spacing, low, high = as_number(context.value("probe_spacing")), limit(context, "low"), limit(context, "high")
    if spacing is None:
        return [not_evaluated(context, "the spacing of the probes is not typed")]
    if at_least(spacing, number(low)) and at_most(spacing, number(high)):
        return []
    crossed = low if below(spacing, number(low)) else high
    text = f"Probe spacing {spacing:g} mm; {number(low):g}-{number(high):g} mm is proposed."
    return [against(context, "cryo-spacing", text, spacing, crossed, subject="modality.probe_spacing")]
