"""The table of positions: every lesion has one or a reason, and what CT does not show is said."""

from __future__ import annotations

from planner.findings import Finding
from planner.model.vessel_reading import all_feeders_of
from planner.workflow.context import StageContext
from procedures.embolisation.places import TREATING, lesion_name, places, targets, treating
from procedures.embolisation.registry import REGISTRY
from procedures.spine.support import choices_of, not_evaluated, text_of


@REGISTRY.check("target_has_position")
def target_has_position(context: StageContext) -> list[Finding]:
    rows = context.rows("positions")
    treated = {name for row in rows if row.get("action") in TREATING for name in choices_of(row.get("lesions"))}
    reasons = {row.get("lesion") for row in context.rows("lesions_left") if text_of(row.get("reason"))}
    if not context.case.lesions:
        return [not_evaluated(context, "no lesion is in the list")]
    return [
        context.finding(
            "lesion-without-position",
            f"{lesion.name} has neither a catheter position nor a reason why it is left.",
            subject=f"positions.{lesion.id}",
        )
        for lesion in targets(context)
        if lesion.id not in treated and lesion.id not in reasons
    ]


@REGISTRY.check("positions_described")
def positions_described(context: StageContext) -> list[Finding]:
    """A position that names neither vessel nor a place on the tree says nothing to the room."""
    found = []
    for each in places(context):
        subject = f"{context.stage.id}.{each.number}"
        if each.row.get("action") is None:
            found.append(not_evaluated(context, f"{each.name}: what is done there is not said", subject=subject))
        if not text_of(each.row.get("vessel")) and each.item is None:
            found.append(context.finding("position-unnamed", f"{each.name} names no vessel.", subject=subject))
    if places(context) and not treating(context):
        found.append(context.finding("nothing-treated", "No position says that anything is given there."))
    return found


@REGISTRY.check("supply_from_elsewhere")
def supply_from_elsewhere(context: StageContext) -> list[Finding]:
    """Arteries that the model proposes to look for, and that the plan does not name."""
    answered = choices_of(context.value("outside_supply"))
    wanted = {each.id for each in targets(context)}
    if not answered or "not-looked-for" in answered:
        return [not_evaluated(context, "supply from elsewhere was not looked for", code="outside-not-looked-for")]
    if "none" not in answered:
        return []
    return [
        context.finding(
            "outside-supply",
            f"{lesion_name(context, body.lesion_id)}: look for supply by {each.artery.replace('_', ' ')} "
            f"({each.reason}); the plan expects none.",
            subject=f"positions.{body.lesion_id}.{each.artery}",
            source=each.source,
            tag=each.tag,
        )
        for _, body in all_feeders_of(context.session.items)
        if body.lesion_id in wanted
        for each in body.outside
    ]
