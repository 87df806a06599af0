"""Before the day: infection markers, antibiotic, anaesthesia and lying prone, ablation before cement."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.spine.support import (
    against,
    as_number,
    choices_of,
    in_unit,
    laboratory,
    limit,
    not_evaluated,
    number,
    text_of,
)
from procedures.vertebroplasty.registry import REGISTRY


@REGISTRY.check("crp_low")
def crp_low(context: StageContext) -> list[Finding]:
    known, highest = laboratory(context, "crp", limit(context, "window")), limit(context, "ask_above")
    value = in_unit("crp", known, "mg/L")
    if value is None:
        return [not_evaluated(context, known.missing or "CRP is unknown", code="crp-unknown")]
    if value <= number(highest) or text_of(context.value("infection_looked_for")):
        return []
    text = f"CRP is {known.printed()}: look for an infection before cement and write down where."
    return [against(context, "crp-high", text, value, highest)]


@REGISTRY.check("vertebra_antibiotic")
def vertebra_antibiotic(context: StageContext) -> list[Finding]:
    answer = context.value("antibiotic")
    if answer is None:
        return [not_evaluated(context, "whether an antibiotic is planned is not known")]
    if answer == "planned" or text_of(context.value("antibiotic_text")):
        return []
    return [context.finding("no-antibiotic", "No antibiotic before cement, and no reason is written down.")]


@REGISTRY.check("prone_tolerated")
def prone_tolerated(context: StageContext) -> list[Finding]:
    answer = context.value("prone_tolerance")
    if answer in ("tried", "said"):
        return []
    if answer == "no":
        return [context.finding("cannot-lie-prone", "The patient cannot lie prone: plan another position or general.")]
    return [not_evaluated(context, "whether the patient can lie prone is not known", code="prone-unknown")]


@REGISTRY.check("anaesthesia_booked")
def anaesthesia_booked(context: StageContext) -> list[Finding]:
    kind, slot = context.value("kind", "anaesthesia_prone"), context.value("anaesthesia_slot")
    if kind is None:
        return [not_evaluated(context, "the kind of anaesthesia is not chosen")]
    if kind == "general" and slot != "booked":
        return [context.finding("anaesthesia-not-booked", "General anaesthesia, and none is booked.")]
    return []


@REGISTRY.check("canal_distance_kept")
def canal_distance_kept(context: StageContext) -> list[Finding]:
    distance, wanted = as_number(context.value("canal_distance")), limit(context, "distance")
    if distance is None:
        return [not_evaluated(context, "the distance of the zone to canal and nerve is not known")]
    protection = set(choices_of(context.value("thermal_protection"))) - {"none"}
    if distance >= number(wanted) or protection:
        return []
    text = f"The zone reaches to {distance:g} mm of canal or nerve, and no protection is planned."
    return [against(context, "zone-near-canal", text, distance, wanted)]
