"""The pump on the ward: how long it ran, what interrupted it, pain, a catheter that moved."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.embolisation.record_checks import nothing_given
from procedures.haic.registry import REGISTRY
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of, unknown_value

SECONDS_PER_HOUR = 3600.0


def moment(value: Any) -> datetime | None:
    """A date and time; None for unknown."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


def hours_run(context: StageContext) -> float | None:
    """From start to stop in h; None while one of them is unknown or the stop is before the start."""
    started, stopped = moment(context.value("pump_started")), moment(context.value("pump_stopped"))
    if started is None or stopped is None or (started.tzinfo is None) != (stopped.tzinfo is None):
        return None
    hours = (stopped - started).total_seconds() / SECONDS_PER_HOUR
    return hours if hours > 0 else None


@REGISTRY.compute("pump_run")
def pump_run(context: StageContext) -> list[Computed]:
    hours = hours_run(context)
    if hours is None:
        return [unknown_value("pump_run", "Pump ran", "start or stop is not known")]
    inputs = {"started": str(context.value("pump_started")), "stopped": str(context.value("pump_stopped"))}
    return [
        Computed(
            id="pump_run", label="Pump ran", value=hours, unit="h", inputs=inputs, source="stop - start", tag="calc"
        )
    ]


@REGISTRY.check("pump_as_planned")
def pump_as_planned(context: StageContext) -> list[Finding]:
    """Hours against the plan, and drugs that were not given to the end."""
    if nothing_given(context):
        return []
    hours, planned = hours_run(context), as_number(context.value("pump_hours", "agent"))
    found = []
    if hours is None or planned is None:
        found.append(not_evaluated(context, "how long the pump ran, or how long it was planned for"))
    elif 100.0 * abs(hours - planned) > planned * number(limit(context, "tolerance")):
        text = f"The pump ran for {hours:.1f} h, planned were {planned:g} h."
        more = {"limit": planned, "unit": "h"}
        found.append(against(context, "pump-differs", text, hours, limit(context, "tolerance"), **more))
    for index, row in enumerate(context.rows("steps"), start=1):
        if row.get("complete") != "yes":
            name = text_of(row.get("drug")) or f"Drug {index}"
            text = f"{name} was not given to the end, or nobody says so."
            found.append(context.finding("drug-not-complete", text, subject=f"{context.stage.id}.steps.{index}"))
    return found


@REGISTRY.check("infusion_events")
def infusion_events(context: StageContext) -> list[Finding]:
    """Interruptions have a reason, strong pain an answer; a catheter that moved stops the drug."""
    if nothing_given(context):
        return []
    found = []
    for index, row in enumerate(context.rows("interruptions"), start=1):
        if not text_of(row.get("why")):
            text = f"Interruption {index}: why is not written down."
            found.append(context.finding("interrupted", text, subject=f"{context.stage.id}.interruptions.{index}"))
    pain, call = as_number(context.value("worst_pain")), limit(context, "pain")
    if pain is not None and pain >= number(call) and not text_of(context.value("pain_answer")):
        text = f"Pain {pain:g} during infusion, and what was done is not written down: spasm, wrong artery?"
        found.append(against(context, "infusion-pain", text, pain, call))
    moved, subject = context.value("displaced"), f"{context.stage.id}.displaced"
    if moved == "yes":
        said = text_of(context.value("displaced_answer")) or "what was done is not written down"
        text = f"The catheter was displaced: {said}. Look for drug outside the liver."
        found.append(context.finding("displaced", text, subject=subject))
    elif moved != "no":
        found.append(not_evaluated(context, "whether the catheter moved", subject=subject))
    return found
