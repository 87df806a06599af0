"""What closes a portal branch for weeks, and how much ethanol at most."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.embolisation.agents import planned_kinds
from procedures.portal_vein_embolisation.registry import REGISTRY
from procedures.spine.support import against, as_number, limit, missing_of, not_evaluated, number, text_of, weight

LASTING = frozenset({"coils", "plug", "glue"})
"""Agents that keep the trunk of a branch closed."""
ETHANOL = ("ethanol", "alcohol", "乙醇")


@REGISTRY.check("lasting_closure")
def lasting_closure(context: StageContext) -> list[Finding]:
    """Particles or gelatin alone open again; a coil, plug or glue keeps the trunk closed."""
    chosen = set(planned_kinds(context))
    if not chosen or chosen & LASTING:
        return []
    if gives_ethanol(context):
        return []
    text = "No coil, plug or glue: the trunk may open again before the remnant has grown."
    return [context.finding("may-open-again", text)]


def gives_ethanol(context: StageContext) -> bool:
    """Whether one of the liquids is ethanol."""
    names = [text_of(row.get("product")).casefold() for row in context.rows("liquids", "agent")]
    return any(word in name for name in names for word in ETHANOL)


@REGISTRY.check("ethanol_within")
def ethanol_within(context: StageContext) -> list[Finding]:
    """Ethanol per kg of body weight, against the limit ``most``."""
    if not gives_ethanol(context):
        return []
    planned, mass = as_number(context.value("ethanol_ml")), weight(context)
    if planned is None or mass.value is None:
        why = missing_of(mass) or "the maximum of ethanol is not typed"
        return [not_evaluated(context, why)]
    per_kg, most = planned / mass.value, limit(context, "most")
    if per_kg <= number(most):
        return []
    text = f"Ethanol {planned:g} mL is {per_kg:.2f} mL/kg; at most {number(most):g} mL/kg."
    return [against(context, "ethanol-over", text, per_kg, most)]
