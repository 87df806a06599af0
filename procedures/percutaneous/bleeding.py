"""Bleeding class by what is punctured (R15), and coagulation for the high-risk class."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.percutaneous.registry import REGISTRY
from procedures.spine.fitness_checks import coagulation
from procedures.spine.support import choices_of, not_evaluated


@REGISTRY.check("bleeding_class_expected")
def bleeding_class_expected(context: StageContext) -> list[Finding]:
    """A procedure of the high-risk list is not run on the limits of the low-risk class.

    Parameters of the check: ``field`` (``stage.field``) and ``high`` (codes of it that are high risk), or ``always``.
    """
    given = context.check.parameters if context.check else {}
    chosen = context.value("bleeding_class", "fitness")
    if not given.get("always"):
        stage, _, name = str(given["field"]).partition(".")
        answer = context.value(name, stage)
        if answer is None:
            return [not_evaluated(context, "what is punctured is not known, so neither is the bleeding class")]
        if answer not in choices_of(given["high"]):
            return []
    if chosen == "high":
        return []
    if chosen is None:
        return [not_evaluated(context, "the bleeding class is not chosen")]
    text = "This puncture is in the high-risk class; the session is judged by the limits of the low-risk class."
    return [context.finding("bleeding-class-low", text)]


@REGISTRY.check("coagulation_high_risk")
def coagulation_high_risk(context: StageContext) -> list[Finding]:
    """INR and platelets by the limits of the high-risk class, whatever class was chosen."""
    return coagulation(context, "high", "none")
