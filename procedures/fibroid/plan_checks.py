"""The plan: both sides, a pain plan, little radiation."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.fibroid.registry import REGISTRY
from procedures.spine.support import against, as_number, choices_of, limit, not_evaluated, number, text_of

SIDES = ("right", "left")


@REGISTRY.check("both_sides")
def both_sides(context: StageContext) -> list[Finding]:
    """Both uterine arteries, or the reason why one is left."""
    found = []
    for side in SIDES:
        answer = context.value(f"uterine_{side}")
        subject = f"{context.stage.id}.uterine_{side}"
        if answer == "left-alone" and not text_of(context.value("one_side_reason")):
            text = f"The {side} uterine artery is left, and why is not written down."
            found.append(context.finding("one-side", text, subject=subject))
        elif answer not in ("embolise", "left-alone"):
            found.append(not_evaluated(context, f"what is done on the {side} side", subject=subject))
    return found


@REGISTRY.check("ovarian_planned")
def ovarian_planned(context: StageContext) -> list[Finding]:
    """Supply that was found on MRI has a plan in the table of branches."""
    answer = context.value("ovarian_supply", "fibroid")
    if answer not in ("right", "left", "both"):
        return []
    if any(row.get("branch") == "ovarian" and text_of(row.get("plan")) for row in context.rows("non_targets")):
        return []
    text = f"An ovarian artery supplies the fibroids ({answer}): what is done about it is not written down."
    return [context.finding("ovarian-supply", text)]


@REGISTRY.check("pain_planned")
def pain_planned(context: StageContext) -> list[Finding]:
    """Pain is certain: patient-controlled analgesia or a block, and where the patient sleeps."""
    methods = choices_of(context.value("methods"))
    if not methods:
        return [not_evaluated(context, "how pain is treated after embolisation is not planned")]
    if methods == ("tablets",):
        text = "Tablets alone: pain peaks in the first hours; plan patient-controlled analgesia or a block."
        return [context.finding("pain-plan-weak", text)]
    return []


@REGISTRY.check("radiation_kept_low")
def radiation_kept_low(context: StageContext) -> list[Finding]:
    """Kerma-area product of the session against the limit ``kap``: ovaries lie in the field."""
    given, allowed = as_number(context.value("kap")), limit(context, "kap")
    if given is None or given <= number(allowed):
        return []
    text = f"Kerma-area product {given:g} Gy·cm², meant to stay below {number(allowed):g}: ovaries lie in the field."
    return [against(context, "kap-high", text, given, allowed)]
