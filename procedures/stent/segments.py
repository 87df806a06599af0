"""What a stent drains, what it leaves, and what it may close."""

from __future__ import annotations

from collections.abc import Mapping

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of
from procedures.stent.registry import REGISTRY
from procedures.stent.sepsis import is_infected
from procedures.stent.sites import HILAR, site_of

BRANCHES: Mapping[str, tuple[str, ...]] = {
    "tracheobronchial": ("lobar-bronchus", "carina"),
    "svc": ("azygos", "brachiocephalic"),
    "ivc": ("hepatic-vein", "accessory-vein", "renal-vein"),
    "portal": ("splenic-vein", "mesenteric-vein"),
    "arterial": ("side-branch",),
}
"""Site -> branches that are looked for before a stent is laid across them."""


@REGISTRY.check("half_of_liver")
def half_of_liver(context: StageContext) -> list[Finding]:
    drained, least = as_number(context.value("drained_share")), limit(context, "share")
    if drained is None:
        return [not_evaluated(context, "how much of the liver this plan drains", subject="segments.drained_share")]
    if drained >= number(least):
        return []
    text = f"{drained:.0f} % of the liver would be drained, wanted at least {number(least):g} %."
    return [against(context, "too-little-liver", text, drained, least, subject="segments.drained_share")]


@REGISTRY.check("segments_worth")
def segments_worth(context: StageContext) -> list[Finding]:
    """Draining an atrophic segment, or one without portal flow, helps nobody and may infect it."""
    rows = context.rows("ducts")
    drained = [row for row in rows if row.get("action") == "drain"]
    if not drained:
        return [not_evaluated(context, "which ducts are drained is not said", subject="segments.ducts")]
    found = []
    for row in drained:
        name, state = text_of(row.get("segment")) or "a duct", row.get("state")
        subject = f"segments.{name}"
        if state in ("atrophic", "portal-occluded"):
            words = "is atrophic" if state == "atrophic" else "has no portal flow"
            text = f"{name} {words}: draining it helps nobody and may infect it."
            found.append(context.finding("segment-not-worth", text, subject=subject))
        elif state != "good":
            found.append(not_evaluated(context, f"whether {name} is worth draining was not judged", subject=subject))
    return found


@REGISTRY.check("segments_left")
def segments_left(context: StageContext) -> list[Finding]:
    """A dilated segment that is left has a reason; in an infection it is where the next abscess lies."""
    found = []
    infected = is_infected(context)
    for row in context.rows("ducts"):
        if row.get("action") == "drain" or row.get("dilated") == "no":
            continue
        name = text_of(row.get("segment")) or "A duct"
        if not text_of(row.get("why")):
            text = f"{name} is dilated or not judged and is left, and why is not written down."
            found.append(context.finding("segment-left", text, subject=f"segments.{name}"))
        elif infected:
            text = f"{name} is left undrained in an infection: no contrast into it, and drain it if it gets septic."
            found.append(context.finding("segment-left-infected", text, subject=f"segments.{name}"))
    level = context.value("obstruction_level", "obstruction")
    if level in HILAR and len(context.rows("ducts")) < 2:
        text = "Hilar stricture: only one duct is listed; both sides are looked at."
        found.append(context.finding("one-side-listed", text, subject="segments.ducts"))
    return found


@REGISTRY.check("branches_looked_for")
def branches_looked_for(context: StageContext) -> list[Finding]:
    """Each branch of the site's list is found or not found; one that a stent crosses has a plan."""
    rows = {str(row.get("branch")): row for row in context.rows("branches")}
    labels = _labels(context)
    found = []
    for branch in BRANCHES.get(site_of(context) or "", ()):
        row, name, subject = rows.get(branch, {}), labels.get(branch, branch), f"segments.{branch}"
        if row.get("state") not in ("found", "not-found"):
            text = f"NOT CHECKED: {name.lower()}; not found is not the same as absent."
            found.append(context.finding("branch-not-looked-for", text, subject=subject))
            continue
        open_question = row.get("state") == "found" and row.get("crossed") != "no"
        if open_question and not text_of(row.get("plan")):
            text = f"{name} is or may be crossed: what keeps it open, or why it may close, is not written down."
            found.append(context.finding("branch-crossed", text, subject=subject))
    return found


def _labels(context: StageContext) -> dict[str, str]:
    table = context.stage.field("branches")
    columns = table.columns if table is not None else ()
    return {choice.code: choice.label for column in columns for choice in column.choices}
