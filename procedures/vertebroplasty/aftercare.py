"""After cement: chest symptoms, neurology, hours flat, pain over time and the adjacent fracture."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of
from procedures.vertebroplasty.registry import REGISTRY

VISITS = ("24h", "2-weeks", "3-months")


@REGISTRY.check("chest_symptoms_imaged")
def chest_symptoms_imaged(context: StageContext) -> list[Finding]:
    """Chest pain, short breath or a low saturation after cement is imaged: cement may lie in the lung."""
    if text_of(context.value("chest_imaging")):
        return []
    found = []
    if context.value("chest_symptoms") == "yes":
        found.append(context.finding("chest-symptoms", "Chest symptoms after cement: image for cement in the lung."))
    saturation, lowest = as_number(context.value("lowest_saturation")), limit(context, "saturation")
    if saturation is not None and saturation < number(lowest):
        text = f"Saturation {saturation:g} %: call the operator, image the chest."
        found.append(against(context, "saturation-low", text, saturation, lowest))
    return found


@REGISTRY.check("neuro_observation")
def neuro_observation(context: StageContext) -> list[Finding]:
    answer = context.value("neuro_observation")
    if answer == "unchanged":
        return []
    if answer == "worse":
        return [context.finding("neurology-worse", "Neurology is worse on the ward: urgent imaging and surgeon.")]
    return [not_evaluated(context, "neurology was not observed")]


@REGISTRY.check("flat_long_enough")
def flat_long_enough(context: StageContext) -> list[Finding]:
    hours, wanted = as_number(context.value("supine_hours")), limit(context, "hours")
    if hours is None or hours >= number(wanted):
        return []
    return [against(context, "flat-too-short", f"Flat for {hours:g} h only.", hours, wanted)]


def pains(context: StageContext) -> list[tuple[str, float]]:
    """Visit and pain, in the order of the visits' dates."""
    rows = [row for row in context.rows("visits") if as_number(row.get("pain")) is not None]
    rows.sort(key=lambda row: str(row.get("on") or ""))
    return [(str(row.get("when")), as_number(row.get("pain")) or 0.0) for row in rows]


@REGISTRY.check("new_pain_imaged")
def new_pain_imaged(context: StageContext) -> list[Finding]:
    imaged = context.value("new_pain_imaging") not in (None, "not-done")
    if imaged:
        return []
    if context.value("new_pain") == "yes":
        return [context.finding("new-pain", "New pain without an image: look for an adjacent fracture.")]
    rise, known = limit(context, "rise"), pains(context)
    for (_, before), (when, now) in zip(known, known[1:], strict=False):
        if now - before >= number(rise):
            text = f"Pain rose from {before:g} to {now:g} at {when}: look for an adjacent fracture."
            return [against(context, "pain-rose", text, now - before, rise)]
    return []


@REGISTRY.check("visits_complete")
def visits_complete(context: StageContext) -> list[Finding]:
    seen = {row.get("when") for row in context.rows("visits") if as_number(row.get("pain")) is not None}
    missing = [each for each in VISITS if each not in seen]
    if not missing:
        return []
    return [context.finding("visit-missing", f"Pain is not recorded after {', '.join(missing)}.")]
