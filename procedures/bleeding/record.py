"""The record of a bleeding: what was seen, whether it stopped."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.bleeding.registry import REGISTRY
from procedures.embolisation.places import organ_of
from procedures.embolisation.record_checks import nothing_given
from procedures.spine.support import not_evaluated

CORD_ORGANS = frozenset({"lung", "bone", "soft-tissue"})


@REGISTRY.check("spinal_branch_seen")
def spinal_branch_seen(context: StageContext) -> list[Finding]:
    """Before particles go into a bronchial, intercostal or lumbar artery, a run has been read for the cord."""
    if organ_of(context) not in CORD_ORGANS or context.value("go") == "no-go":
        return []
    answer = context.value("spinal_seen")
    if answer in ("none-seen", "tip-beyond"):
        return []
    if answer == "seen-open":
        return [context.finding("spinal-open", "A spinal branch is open from here: no particles, no liquid.")]
    return [not_evaluated(context, "a spinal branch was not looked for at angiography", code="spinal-unanswered")]


@REGISTRY.check("bleeding_stopped")
def bleeding_stopped(context: StageContext) -> list[Finding]:
    if nothing_given(context):
        return []
    answer = context.value("bleeding_now")
    if answer == "stopped":
        return []
    if answer in ("reduced", "goes-on"):
        return [context.finding("still-bleeding", "The bleeding has not stopped: surgeon, second supply, second run.")]
    return [not_evaluated(context, "whether the bleeding has stopped was not judged")]
