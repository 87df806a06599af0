"""Planned margins: at one standard deviation less, with and without the capsule; heat sinks; tissue of the chart."""

from __future__ import annotations

from planner.clinical.comparisons import below
from planner.findings import Finding, Severity
from planner.model.needle_digests import placed_digest
from planner.model.needle_items import AblationMarginBody
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.ablation.items import (
    Margins,
    beyond,
    lesion_name,
    lesion_of_margin,
    lesion_of_needle,
    needle_limit,
    planned,
    target_lesions,
    technique,
)
from procedures.ablation.paths import accepted
from procedures.ablation.registry import REGISTRY
from procedures.ablation.zones import tissue_note
from procedures.spine.support import as_number, not_evaluated, text_of, unknown_value

STAGE = "zone_margin"


def required_margin(context: StageContext) -> float:
    """As typed; the template's minimum while nothing is."""
    typed = as_number(context.value("required_margin", STAGE))
    return typed if typed is not None else needle_limit(context, "margin_minimum_mm").value


def judged_minimum(body: AblationMarginBody) -> tuple[float | None, str]:
    """The number that is judged, and which it is: without the capsule's surface where that was left out, at -1 SD
    where the chart gives one."""
    deviation = "" if body.minus_sd is None else " at -1 SD"
    if body.without_capsule is not None:
        return body.without_capsule.minimum_mm, f"without the surface near the capsule{deviation}"
    if body.minus_sd is not None:
        return body.minus_sd.minimum_mm, "at -1 SD"
    return body.mean.minimum_mm, "mean zone"


def both_ways(body: AblationMarginBody) -> str:
    """The minima that belong beside each other."""
    said = [f"mean zone {shown(body.mean.minimum_mm, 'mm')}"]
    if body.minus_sd is not None:
        said.append(f"-1 SD {shown(body.minus_sd.minimum_mm, 'mm')}")
    if body.without_capsule is not None:
        said.append(f"without capsule {shown(body.without_capsule.minimum_mm, 'mm')}")
    return ", ".join(said)


def _of_targets(context: StageContext) -> Margins:
    wanted = {each.id for each in target_lesions(context)}
    return tuple((item, body) for item, body in planned(context) if lesion_of_margin(context, body) in wanted)


@REGISTRY.check("margin_planned")
def margin_planned(context: StageContext) -> list[Finding]:
    """One margin for each target, computed with the needles that are there now."""
    margins = {lesion_of_margin(context, body): body for _, body in planned(context)}
    left = {row.get("lesion") for row in context.rows("lesions_left", "paths") if text_of(row.get("reason"))}
    served: dict[str, set[str]] = {}
    for item, needle in accepted(context, energy_only=True):
        for served_id in lesion_of_needle(context, item, needle):
            served.setdefault(served_id, set()).add(item.id)
    there = {item.id: (item, needle) for item, needle in accepted(context, energy_only=True)}
    found = []
    for lesion in target_lesions(context):
        body, subject = margins.get(lesion.id), f"zone_margin.{lesion.id}"
        if lesion.id in left:
            continue
        if body is None:
            text = f"Not evaluated: {lesion.name} has no planned margin."
            found.append(context.finding("no-margin", text, subject=subject))
        elif not set(body.needle_ids) <= set(there) or not served.get(lesion.id, set()) <= set(body.needle_ids):
            text = f"Not evaluated: the margin of {lesion.name} was computed with other needles: compute it again."
            found.append(context.finding("margin-stale", text, subject=subject))
        elif body.needles_digest and body.needles_digest != placed_digest(there[each] for each in body.needle_ids):
            text = f"Not evaluated: a needle of {lesion.name} was moved or set otherwise: compute the margin again."
            found.append(context.finding("margin-stale", text, subject=subject))
    return found


@REGISTRY.check("margin_minimum")
def margin_minimum(context: StageContext) -> list[Finding]:
    least, wanted = needle_limit(context, "margin_minimum_mm"), required_margin(context)
    found = []
    for _, body in _of_targets(context):
        name = lesion_name(context, lesion_of_margin(context, body))
        minimum, which = judged_minimum(body)
        subject = f"zone_margin.{name}"
        if minimum is None:
            found.append(not_evaluated(context, f"the margin of {name} has no number", subject=subject))
        elif below(minimum, max(least.value, wanted)):
            asked = max(least.value, wanted)
            text = f"{name}: least margin {minimum:.1f} mm ({which}); {asked:g} mm is required. {both_ways(body)}."
            more = {"measured": minimum, "limit": asked, "unit": "mm", "subject": subject}
            found.append(context.finding("margin-small", text, source=least.source, tag=least.tag, **more))
    return found


@REGISTRY.check("margin_desired")
def margin_desired(context: StageContext) -> list[Finding]:
    desired = needle_limit(context, "margin_desired_mm")
    found = []
    for _, body in _of_targets(context):
        minimum, which = judged_minimum(body)
        if minimum is not None and below(minimum, desired.value):
            name = lesion_name(context, lesion_of_margin(context, body))
            text = f"{name}: least margin {minimum:.1f} mm ({which}); {desired.value:g} mm is wanted for a metastasis."
            found.append(beyond(context, "margin-not-wanted", text, minimum, desired, subject=f"zone_margin.{name}"))
    return found


@REGISTRY.check("margin_deviation")
def margin_deviation(context: StageContext) -> list[Finding]:
    return [
        not_evaluated(
            context,
            f"the chart of {lesion_name(context, lesion_of_margin(context, body))} gives no standard deviation: "
            "only the mean zone is known",
            code="no-deviation",
            subject=f"zone_margin.{body.region_id}",
        )
        for _, body in _of_targets(context)
        if body.minus_sd is None
    ]


@REGISTRY.check("margin_asked")
def margin_asked(context: StageContext) -> list[Finding]:
    typed, least = as_number(context.value("required_margin")), needle_limit(context, "margin_minimum_mm")
    if typed is None:
        return [not_evaluated(context, "the margin required is not typed")]
    if not below(typed, least.value):
        return []
    text = f"A margin of {typed:g} mm is asked for; the minimum is {least.value:g} mm."
    return [beyond(context, "margin-asked-small", text, typed, least, subject="zone_margin.required_margin")]


@REGISTRY.check("margin_covered")
def margin_covered(context: StageContext) -> list[Finding]:
    found = []
    for _, body in _of_targets(context):
        name = lesion_name(context, lesion_of_margin(context, body))
        if body.covered is False:
            text = f"{name}: part of target and margin lies outside the zones"
            text += f" ({shown(body.mean.uncovered_ml, 'mL')} of the target)." if body.mean.uncovered_ml else "."
            found.append(context.finding("not-covered", text, subject=f"zone_margin.{name}"))
        elif body.covered is None:
            why = f"whether the zones cover {name} and its margin was not decided"
            found.append(not_evaluated(context, why, subject=f"zone_margin.{name}"))
    return found


@REGISTRY.check("zone_heat_sinks")
def zone_heat_sinks(context: StageContext) -> list[Finding]:
    """Asked with radiofrequency until something is done about it; otherwise said."""
    asks = technique(context) in ("rfa", None) and not text_of(context.value("heat_sink_plan"))
    severity = {} if asks else {"severity": Severity.WARN}
    return [
        context.finding("heat-sink", sentence, subject=f"zone_margin.{body.region_id}.{place}", **severity)
        for _, body in _of_targets(context)
        for place, sentence in enumerate(body.heat_sinks)
    ]


@REGISTRY.check("chart_tissue")
def chart_tissue(context: StageContext) -> list[Finding]:
    tissues = dict.fromkeys(tissue for _, body in _of_targets(context) for tissue in body.tissues)
    return [context.finding("chart-tissue", tissue_note(tissue), subject=f"zone_margin.{tissue}") for tissue in tissues]


@REGISTRY.compute("planned_margins")
def planned_margins(context: StageContext) -> list[Computed]:
    """Each target's least margin: the judged one, with the others beside it."""
    found: list[Computed] = []
    names = {each.id: each.name for each in target_lesions(context)}
    margins = {lesion_of_margin(context, body): body for _, body in planned(context)}
    for lesion, name in names.items():
        body = margins.get(lesion)
        if body is None:
            found.append(unknown_value(f"margin_{lesion}", name, "no margin was computed"))
            continue
        minimum, which = judged_minimum(body)
        fractions = body.mean.surface_fraction
        inputs = {"minima": both_ways(body), "5th percentile": shown(body.mean.percentile_5_mm, "mm")}
        inputs |= {key: f"{100.0 * share:.0f} %" for key, share in fractions.items()}
        if body.excluded_fraction is not None:
            inputs["surface left out near the capsule"] = f"{100.0 * body.excluded_fraction:.0f} %"
        found.append(
            Computed(
                id=f"margin_{lesion}",
                label=name,
                value=minimum,
                unit="mm",
                grade=which,
                inputs=inputs,
                source="surface distances of the margin item",
                tag="calc",
                note=" ".join(tissue_note(each) for each in body.tissues),
            )
        )
    return found
