"""Body surface of the patient by the formulas, for whoever doses by it."""

from __future__ import annotations

from planner.clinical.results import RuleResult
from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.support import (
    against,
    as_number,
    from_rule,
    height,
    limit,
    missing_of,
    not_evaluated,
    number,
    ruled,
    unknown_value,
    weight,
)


def surface_of_body(context: StageContext) -> RuleResult | None:
    """The rule's result; None while height or weight is unknown."""
    if missing_of(height(context), weight(context)):
        return None
    return ruled(context, "bsa", {"height": height(context), "weight": weight(context)})


def mosteller(context: StageContext) -> Computed:
    """Body surface after Mosteller with its arithmetic, or why it is not known."""
    result, tall, mass = surface_of_body(context), height(context), weight(context)
    if result is None:
        why = missing_of(tall, mass) or "height or weight is unknown"
        return unknown_value("bsa", "Body surface (Mosteller)", why, "bsa")
    inputs = {"height": tall.printed(), "weight": mass.printed()}
    arithmetic = f"root of ({tall.value:g} x {mass.value:g} / 3600) = {result.number('mosteller'):.3f} m²"
    return from_rule(result, "mosteller", "bsa", "Body surface (Mosteller)", inputs=inputs, arithmetic=arithmetic)


def surface_agrees(context: StageContext) -> list[Finding]:
    """The body surface ``bsa_m2`` that divides the doses is the patient's, within the limit ``tolerance``."""
    typed, result = as_number(context.value("bsa_m2")), surface_of_body(context)
    computed = result.number("mosteller") if result else None
    if typed is None or computed is None:
        return [not_evaluated(context, "body surface, height or weight is unknown")]
    difference, allowed = 100.0 * abs(typed - computed) / computed, limit(context, "tolerance")
    if difference <= number(allowed):
        return []
    text = f"Body surface used {typed:.3f} m², by the formula {computed:.3f} m²."
    return [against(context, "body-surface-differs", text, difference, allowed)]
