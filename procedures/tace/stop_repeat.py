"""Stop or repeat: neutral cards with evidence; criteria met, not met or unknown; not validated (R8)."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.support import as_number, from_rule, ruled, unknown_value, yes_no
from procedures.tace.registry import REGISTRY

NOT_VALIDATED = "Not validated; no definition is widely accepted."


@REGISTRY.compute("stop_or_repeat")
def stop_or_repeat(context: StageContext) -> list[Computed]:
    return [_two_treatments(context), _jsh(context)]


def _two_treatments(context: StageContext) -> Computed:
    count = as_number(context.value("treatments_without_response"))
    label = "Two treatments without response"
    result = ruled(context, "tace_stop", {"treatments_of_target_without_objective_response": count})
    inputs = {"treatments of the target without response": "–" if count is None else f"{count:g}"}
    return from_rule(result, "advice", "two_without_response", label, inputs=inputs)


def _jsh(context: StageContext) -> Computed:
    label = "JSH-LCSGJ failure criteria (2014)"
    answers = {
        "markers_rise_continuously": yes_no(context.value("markers_rising")),
        "new_vascular_invasion": yes_no(context.value("new_vascular_invasion", "outcome")),
        "new_extrahepatic_spread": yes_no(context.value("extrahepatic_spread", "outcome")),
    }
    counts = {
        "consecutive_insufficient_responses": as_number(context.value("treatments_without_response")),
        "consecutive_progressions": as_number(context.value("consecutive_progressions")),
    }
    unknown = [name.replace("_", " ") for name, value in (answers | counts).items() if value is None]
    if unknown:
        return unknown_value("jsh_2014", label, f"unknown: {', '.join(unknown)}. {NOT_VALIDATED}", "tace_failure_jsh")
    selective = any(
        row.get("status") in ("done", "changed", "added") for row in context.rows("injections", "injections")
    )
    inputs = {**answers, **counts, "adequate_selective_tace": selective}
    result = ruled(context, "tace_failure_jsh", inputs)
    return from_rule(result, "criteria", "jsh_2014", label, inputs={k: str(v) for k, v in inputs.items()})


@REGISTRY.check("stop_or_repeat_card")
def stop_or_repeat_card(context: StageContext) -> list[Finding]:
    """One neutral line: it never stops anybody."""
    cards = stop_or_repeat(context)
    said = "; ".join(f"{card.label}: {card.value if card.value is not None else 'unknown'}" for card in cards)
    return [context.finding("stop-or-repeat", f"{said}. {NOT_VALIDATED}", severity=Severity.INFO)]
