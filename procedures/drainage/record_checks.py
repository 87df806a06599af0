"""The record of a drainage: punctures, fluid, the drain and its place in the register. Nothing refuses a record."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.devices import REGISTER
from procedures.drainage.registry import REGISTRY
from procedures.spine.support import against, as_date, as_number, choices_of, limit, not_evaluated, number


@REGISTRY.check("puncture_dangers")
def puncture_dangers(context: StageContext) -> list[Finding]:
    found = []
    punctures, most = as_number(context.value("punctures")), limit(context, "most")
    if punctures is not None and punctures > number(most):
        found.append(against(context, "many-punctures", f"{punctures:g} punctures.", punctures, most))
    if context.value("fluid_look") == "blood":
        found.append(
            context.finding("blood", "Blood came: look for a vessel on the track before the drain is widened.")
        )
    elif context.value("fluid_look") == "nothing":
        found.append(context.finding("nothing-came", "Nothing came: image where the tip lies."))
    fistula = context.value("fistula_seen")
    if fistula in ("bowel", "duct", "vessel"):
        found.append(context.finding("fistula", f"Fistula to {fistula}: the drain stays longer."))
    elif fistula in (None, "not-looked-for"):
        found.append(not_evaluated(context, "a fistula was not looked for"))
    return found


@REGISTRY.check("fluid_sent")
def fluid_sent(context: StageContext) -> list[Finding]:
    planned = set(choices_of(context.value("fluid_tests", "drain_plan"))) - {"none"}
    sent = set(choices_of(context.value("fluid_sent"))) - {"none"}
    missing = sorted(planned - sent)
    if not missing or context.value("fluid_look") == "nothing":
        return []
    return [context.finding("fluid-not-sent", f"Planned and not sent: {', '.join(missing)}.")]


@REGISTRY.check("drain_in_place")
def drain_in_place(context: StageContext) -> list[Finding]:
    if context.value("status") == "not-done":
        return []
    found = []
    loop = context.value("loop_position")
    if loop == "partly":
        found.append(context.finding("loop-outside", "Part of the loop lies outside: side holes leak into the tract."))
    elif loop != "in-place":
        found.append(not_evaluated(context, "where the loop lies was not imaged"))
    undrained = context.value("undrained")
    if undrained == "yes":
        text = "Parts were filled with contrast and are not drained: they get infected; antibiotic, second drain."
        found.append(context.finding("opacified-undrained", text))
    elif undrained != "no":
        found.append(not_evaluated(context, "whether something was opacified and not drained is not known"))
    planned, placed = as_number(context.value("drain_size", "drain_plan")), as_number(context.value("drain_placed"))
    if planned is not None and placed is not None and placed < planned:
        text = f"{placed:g} F placed, {planned:g} F planned."
        found.append(context.finding("smaller-drain", text, measured=placed, limit=planned, unit="[Ch]"))
    return found


@REGISTRY.check("drain_in_register")
def drain_in_register(context: StageContext) -> list[Finding]:
    """A drain that stays is in the register of devices in the body, with the date of its exchange or removal."""
    if context.value("status") == "not-done":
        return []
    rows = [row for row in context.rows(REGISTER, "sign_out") if row.get("kind") == "drain"]
    if not rows:
        return [context.finding("not-in-register", "The drain is not in the register of devices in the body.")]
    if any(as_date(row.get("due_on")) is None for row in rows):
        return [context.finding("register-without-date", "A drain in the register has no date of exchange or removal.")]
    return []
