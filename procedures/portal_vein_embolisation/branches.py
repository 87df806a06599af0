"""Which portal branches are closed: all of the resected side, none of the remnant, in the table and on the model."""

from __future__ import annotations

from planner.findings import Finding
from planner.model.vessel_items import TreeSegmentRow
from planner.workflow.context import StageContext
from procedures.embolisation.places import TREATING, modelled, reaches, trees
from procedures.embolisation.record_checks import nothing_given
from procedures.portal_vein_embolisation.registry import REGISTRY
from procedures.portal_vein_embolisation.remnant import REMNANT
from procedures.spine.support import not_evaluated, text_of

PORTAL = "portal-vein"
"""Kind of vessel tree on which positions are to stand."""
RESECTED = {
    "right": ("right-anterior", "right-posterior"),
    "extended-right": ("right-anterior", "right-posterior", "segment-4"),
    "left": ("left-lateral", "segment-4"),
    "extended-left": ("left-lateral", "segment-4", "right-anterior"),
}
"""Resection -> branches to be closed."""
BRANCHES = ("right-anterior", "right-posterior", "segment-4", "left-lateral")
"""Branches that make up the liver without the caudate lobe."""
WORDS = {
    "right-anterior": "right anterior",
    "right-posterior": "right posterior",
    "segment-4": "segment 4",
    "left-lateral": "left lateral",
    "caudate": "caudate",
}
NAMES = {
    "right-anterior": ("portal_right_anterior", "p5", "p8"),
    "right-posterior": ("portal_right_posterior", "p6", "p7"),
    "segment-4": ("p4",),
    "left-lateral": ("p2", "p3"),
}
"""Branch -> names of segments of a portal tree (``resources/veins.toml``)."""


def resected_branches(context: StageContext) -> tuple[str, ...] | None:
    """Branches of the side to be resected; None when the resection is not one that is known here."""
    return RESECTED.get(str(context.value("resection", REMNANT)))


def remnant_branches(context: StageContext) -> tuple[str, ...]:
    gone = resected_branches(context)
    return () if gone is None else tuple(each for each in BRANCHES if each not in gone)


@REGISTRY.check("branches_complete")
def branches_complete(context: StageContext) -> list[Finding]:
    """Every branch of the resected side is to be closed or has a reason, every branch of the remnant is spared."""
    gone = resected_branches(context)
    plans = {row.get("branch"): row for row in context.rows("portal_branches")}
    if gone is None:
        if plans and text_of(context.value("resection_note", REMNANT)):
            return []
        return [not_evaluated(context, "which branches belong to the resection")]
    found = []
    for branch in BRANCHES:
        plan, subject = plans.get(branch, {}).get("plan"), f"{context.stage.id}.{branch}"
        words = WORDS[branch]
        if plan is None:
            found.append(not_evaluated(context, f"what is done with the {words} branch", subject=subject))
        elif branch in gone and plan == "spare" and not _excused(context, branch):
            text = f"The {words} branch is to be resected and stays open: its part keeps the flow the remnant needs."
            found.append(context.finding("branch-left-open", text, subject=subject))
        elif branch not in gone and plan == "embolise":
            text = f"The {words} branch belongs to the remnant and is to be embolised."
            found.append(context.finding("remnant-embolised", text, subject=subject))
    return found


def _excused(context: StageContext, branch: str) -> bool:
    return branch == "segment-4" and bool(text_of(context.value("segment_four_reason")))


@REGISTRY.check("on_portal_tree")
def on_portal_tree(context: StageContext) -> list[Finding]:
    """A position of the model stands on a portal tree, not on arteries."""
    known, found = trees(context), []
    for place, body in modelled(context):
        tree = known.get(body.tree)
        if tree is not None and tree[1].kind != PORTAL:
            kind = tree[1].kind.replace("-", " ")
            text = f"{place.name} stands on a tree of another kind ({kind}): choose a place on the portal vein."
            found.append(context.finding("not-portal", text, subject=f"{context.stage.id}.{place.number}"))
    return found


def _is_of(segment: TreeSegmentRow, branch: str) -> bool:
    return segment.name in NAMES.get(branch, ())


@REGISTRY.check("remnant_not_downstream")
def remnant_not_downstream(context: StageContext) -> list[Finding]:
    """What is closed at a position closes all that is downstream of it on the tree, as it was named."""
    kept, known, found = remnant_branches(context), trees(context), []
    for place, body in modelled(context):
        tree = known.get(body.tree)
        if tree is None or tree[1].kind != PORTAL or place.row.get("action") not in TREATING:
            continue
        hit = [
            branch
            for branch in kept
            if any(_is_of(each, branch) and reaches(tree[1], body, each.id) for each in tree[1].segments)
        ]
        if hit:
            words = ", ".join(WORDS[each] for each in hit)
            text = f"{place.name}: downstream of it lie branches of the remnant ({words})."
            found.append(context.finding("remnant-downstream", text, subject=f"{context.stage.id}.{place.number}"))
    return found


@REGISTRY.check("completion_portogram")
def completion_portogram(context: StageContext) -> list[Finding]:
    """The last portogram, branch by branch; open ones have a reason, and the remnant flows."""
    if nothing_given(context):
        return []
    gone, found = resected_branches(context) or (), []
    states = {row.get("branch"): row for row in context.rows("branches_closed")}
    spared = {
        row.get("branch") for row in context.rows("portal_branches", "positions") if row.get("plan") != "embolise"
    }
    for branch in gone:
        row, subject = states.get(branch, {}), f"{context.stage.id}.{branch}"
        if branch in spared:
            continue
        if row.get("state") is None:
            found.append(not_evaluated(context, f"whether the {WORDS[branch]} branch is closed", subject=subject))
        elif row.get("state") != "closed" and not text_of(row.get("why")):
            state = "partly open" if row.get("state") == "partly" else "open"
            text = f"The {WORDS[branch]} branch is {state}, and why is not written down."
            found.append(context.finding("branch-open", text, subject=subject))
    closed = [
        branch for branch in remnant_branches(context) if states.get(branch, {}).get("state") in ("closed", "partly")
    ]
    for branch in closed:
        text = f"The {WORDS[branch]} branch of the remnant is closed."
        found.append(context.finding("remnant-closed", text, subject=f"{context.stage.id}.{branch}"))
    return [*found, *_flow(context)]


def _flow(context: StageContext) -> list[Finding]:
    flow, subject = context.value("remnant_flow"), f"{context.stage.id}.remnant_flow"
    if flow == "good":
        return []
    if flow in ("slow", "thrombus", "embolic"):
        words = {"slow": "is slow", "thrombus": "shows thrombus", "embolic": "shows embolic in a branch"}[flow]
        text = f"Portal flow of the remnant {words}: treat it now, and watch it."
        return [context.finding("remnant-flow", text, subject=subject)]
    return [not_evaluated(context, "the portal flow of the remnant was not judged", subject=subject)]


@REGISTRY.check("portal_thrombosis_after")
def portal_thrombosis_after(context: StageContext) -> list[Finding]:
    answer = context.value("portal_thrombosis")
    if answer == "none":
        return []
    if answer == "present":
        text = "Thrombosis of the main or remnant portal vein: anticoagulation or removal is decided today."
        return [context.finding("portal-thrombosis", text)]
    return [not_evaluated(context, "thrombosis of the portal vein of the remnant was not looked for")]
