"""The record: cord and nerve after treatment, and what the organ says days later."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.embolisation.places import organ_of
from procedures.embolisation.record_checks import nothing_given
from procedures.embolisation_organ.packs import CORD, PELVIC
from procedures.embolisation_organ.registry import REGISTRY
from procedures.spine.support import not_evaluated

NERVES = CORD | PELVIC


@REGISTRY.check("nerves_after")
def nerves_after(context: StageContext) -> list[Finding]:
    """Legs move, sensation is there: asked on the table where cord or sacral nerves were at risk."""
    if organ_of(context) not in NERVES or nothing_given(context):
        return []
    answer = context.value("nerves")
    if answer == "unchanged":
        return []
    if answer == "changed":
        return [context.finding("nerve-deficit", "New weakness or numbness: stop, image the cord, call neurology.")]
    return [not_evaluated(context, "movement and sensation after treatment were not tested")]


@REGISTRY.check("symptom_change")
def symptom_change(context: StageContext) -> list[Finding]:
    """What it was done for, weeks later."""
    answer = context.value("purpose_reached")
    if answer in ("yes", "partly"):
        return []
    if answer == "no":
        return [context.finding("purpose-missed", "What it was done for was not reached: why, and what next.")]
    return [not_evaluated(context, "whether the purpose was reached", severity=Severity.INFO)]
