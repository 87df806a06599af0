"""Portal pressure before and after."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.embolisation.record_checks import nothing_given
from procedures.portal_vein_embolisation.registry import REGISTRY
from procedures.spine.support import against, as_number, limit, not_evaluated, number


@REGISTRY.check("pressure_before")
def pressure_before(context: StageContext) -> list[Finding]:
    measured, high = as_number(context.value("portal_pressure")), limit(context, "high")
    if measured is None:
        return [not_evaluated(context, "the portal pressure before embolisation")]
    if measured <= number(high):
        return []
    text = f"Portal pressure {measured:g} mmHg before a branch is closed: go, or stop here?"
    return [against(context, "pressure-high", text, measured, high)]


@REGISTRY.check("pressure_after")
def pressure_after(context: StageContext) -> list[Finding]:
    """The rise by the embolisation, against the limit ``rise``."""
    if nothing_given(context):
        return []
    before = as_number(context.value("portal_pressure", "angio_findings"))
    after, most = as_number(context.value("portal_pressure_after")), limit(context, "rise")
    if before is None or after is None:
        return [not_evaluated(context, "the portal pressure before or after embolisation")]
    if after - before <= number(most):
        return []
    text = f"Portal pressure rose from {before:g} to {after:g} mmHg: varices, ascites."
    return [against(context, "pressure-rise", text, after - before, most)]
