"""Structures to keep away from: each one segmented, confirmed absent, or said to be not checked."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.imaging.structures import spoken_name
from planner.workflow.context import StageContext
from procedures.percutaneous.needles import (
    ABSENT,
    NOT_SEGMENTED,
    SAME_MM,
    SEGMENTED,
    Looked,
    is_live,
    lesion_organs,
    looked_at,
    structure_row,
    target_organ,
    template_rules,
)
from procedures.percutaneous.registry import REGISTRY
from procedures.spine.support import as_number, choices_of, not_evaluated


@REGISTRY.check("structures_segmented")
def structures_segmented(context: StageContext) -> list[Finding]:
    """Every required structure is segmented or confirmed absent; the others are named as NOT CHECKED."""
    rules = context.template.needle
    if rules is None:
        return [not_evaluated(context, "the template names no distances to keep")]
    if target_organ(context) is None and any(each.organs for each in rules.structures):
        return [not_evaluated(context, "the organ of the target is not known, so neither are the distances to keep")]
    found = []
    for each in looked_at(context):
        said = _unsettled(each)
        if said is None:
            continue
        required = each.limit.required and not is_live(context)
        weaker = {} if required else {"severity": Severity.INFO}
        code = "no-mask" if each.status == SEGMENTED else "structure-not-checked"
        subject = f"{context.stage.id}.{each.limit.structure}"
        found.append(
            context.finding(code, said, subject=subject, source=each.limit.source, tag=each.limit.tag, **weaker)
        )
    return found


@REGISTRY.check("organ_agrees")
def organ_agrees(context: StageContext) -> list[Finding]:
    """Paths are measured by the distances of the lesion's organ: another answer in the form is asked about.

    Parameters of the check: ``field`` (``stage.field``), ``elsewhere`` (codes of it that lesions call ``other``).
    """
    given = context.check.parameters if context.check else {}
    stage, _, name = str(given["field"]).partition(".")
    said, organs = context.value(name, stage), lesion_organs(context)
    if said is None or not organs:
        return [not_evaluated(context, "the organ, or the lesions that the session is about, are not known")]
    if organs == {"other" if said in choices_of(given["elsewhere"]) else said}:
        return []
    text = f"The plan says {said}, the list of lesions {', '.join(sorted(organs))}: the distances follow the list."
    return [context.finding("organ-differs", text)]


def _unsettled(each: Looked) -> str | None:
    name = spoken_name(each.limit.structure)
    if each.settled:
        return None
    if each.status == SEGMENTED:
        return f"NOT CHECKED: {name} is said to be segmented, but no mask of it lies in this session."
    if each.status == ABSENT:
        return f"NOT CHECKED: {name} is said to be absent; who confirmed it is not written down."
    return f"NOT CHECKED: {name} is {'not segmented' if each.status == NOT_SEGMENTED else 'not looked at'}."


@REGISTRY.check("structure_limits_changed")
def structure_limits_changed(context: StageContext) -> list[Finding]:
    """Distances of this session that differ from the template's: said, because paths are judged by them."""
    rules = template_rules(context)
    found = []
    for limit in rules.structures if rules else ():
        row = structure_row(context, limit.structure)
        for name, before in (("hard_mm", limit.hard_mm), ("desired_mm", limit.desired_mm)):
            now = as_number(row.get(name))
            if now is None or abs(now - before) <= SAME_MM:
                continue
            words = "Hard limit" if name == "hard_mm" else "Desired distance"
            text = f"{words} to {spoken_name(limit.structure)}: {now:g} mm, the template says {before:g} mm."
            more = {"measured": now, "limit": before, "unit": "mm", "source": limit.source, "tag": limit.tag}
            subject = f"{context.stage.id}.{limit.structure}.{name}"
            found.append(context.finding("limit-changed", text, subject=subject, **more))
    return found
