"""Catheter positions: every lesion has one or a reason, and what must not be hit was looked for."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.spine.support import choices_of, context_limit_text, not_evaluated, text_of
from procedures.tace.registry import REGISTRY
from procedures.tace.tumour import target_lesions

NON_TARGETS = {
    "cystic": "cystic artery",
    "right_gastric": "right gastric artery",
    "falciform": "falciform artery",
    "gastroduodenal": "gastroduodenal artery",
    "accessory_left_gastric": "accessory left gastric artery",
    "phrenic": "inferior phrenic artery",
}


@REGISTRY.check("lesion_has_position")
def lesion_has_position(context: StageContext) -> list[Finding]:
    rows = context.rows("positions")
    treated = {name for row in rows if row.get("action") == "embolise" for name in choices_of(row.get("lesions"))}
    reasons = {row.get("lesion") for row in context.rows("lesions_left") if text_of(row.get("reason"))}
    if not context.case.lesions:
        return [not_evaluated(context, "no lesion is in the list")]
    return [
        context.finding(
            "lesion-without-position",
            f"{lesion.name} has neither a catheter position nor a reason why it is left.",
            subject=f"positions.{lesion.id}",
        )
        for lesion in target_lesions(context)
        if lesion.id not in treated and lesion.id not in reasons
    ]


@REGISTRY.check("non_targets_looked_for")
def non_targets_looked_for(context: StageContext) -> list[Finding]:
    return [
        context.finding("non-target-not-looked-for", f"The {words} was not looked for.", subject=f"positions.{name}")
        for name, words in NON_TARGETS.items()
        if context.value(name) in (None, "not-looked-for")
    ]


@REGISTRY.check("non_targets_found")
def non_targets_found(context: StageContext) -> list[Finding]:
    found = [words for name, words in NON_TARGETS.items() if context.value(name) == "found"]
    if not found or text_of(context.value("non_target_plan")):
        return []
    text = f"Found: {', '.join(found)}. What is done about it is not written down."
    return [context.finding("non-target-without-plan", text)]


@REGISTRY.check("ct_may_miss")
def ct_may_miss(context: StageContext) -> list[Finding]:
    seen = context_limit_text(context, "diameter")
    absent = [words for name, words in NON_TARGETS.items() if context.value(name) == "not-found"]
    said = f" Not found is not absent: {', '.join(absent)}." if absent else ""
    text = f"Seen on CT: arteries below {seen} are not visible; confirm by DSA or cone-beam CT.{said}"
    return [context.finding("ct-may-miss", text)]
