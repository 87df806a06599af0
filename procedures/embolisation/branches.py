"""Branches that must not be hit: looked for by a person, found by the model, and planned for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planner.catalogues import catalogue
from planner.findings import Finding
from planner.planning.arteries import arteries
from planner.workflow.context import StageContext
from procedures.embolisation.places import Place, asks_for_organ, modelled, organ_of
from procedures.embolisation.registry import REGISTRY
from procedures.spine.support import choices_of, not_evaluated, text_of

BRANCHES = "non_targets"
"""The table of branches; columns ``branch``, ``state`` (found, not-found, not-looked-for) and ``plan``."""
CATALOGUE = "branches_at_risk.toml"
ALWAYS = "always"
"""Parameter: branches that are asked for whatever the organ, in place of those of the catalogue."""
PLAN_TEXT = "non_target_plan"
"""A field with one plan for all branches, in templates that ask for each branch by a field of its own."""


def branch_words(context: StageContext, branch: str) -> str:
    """The label of a branch as the form says it."""
    described = context.stage.field(BRANCHES)
    columns = described.columns if described else ()
    labels = {choice.code: choice.label for column in columns for choice in column.choices}
    return labels.get(branch, branch.replace("-", " ").replace("_", " "))


def branches_at_risk(organ: str | None) -> Mapping[str, Any] | None:
    """The row of ``resources/branches_at_risk.toml`` for an organ: branches, danger, source, tag."""
    return next((row for row in catalogue(CATALOGUE)["organ"] if row["key"] == organ), None)


@REGISTRY.check("branches_looked_for")
def branches_looked_for(context: StageContext) -> list[Finding]:
    """Branches at risk of the organ treated, and those that the check names for every organ (``always``)."""
    organ = organ_of(context)
    given = context.check.parameters if context.check else {}
    always, row = choices_of(given.get(ALWAYS, ())), branches_at_risk(organ)
    if asks_for_organ(context) and organ is None and not always:
        return [not_evaluated(context, "the organ is not chosen, so neither is what must not be hit")]
    states = {each.get("branch"): each.get("state") for each in context.rows(BRANCHES)}
    found = []
    for branch in dict.fromkeys((*always, *(row["branches"] if row and not always else ()))):
        if states.get(branch) not in ("found", "not-found"):
            told = {} if branch in always or row is None else {"source": row["source"], "tag": row["tag"]}
            text = f"NOT CHECKED: {branch_words(context, branch)}."
            subject = f"{context.stage.id}.{branch}"
            found.append(context.finding("branch-not-looked-for", text, subject=subject, **told))
    return found


@REGISTRY.check("branches_have_plan")
def branches_have_plan(context: StageContext) -> list[Finding]:
    """A branch that was found says what is done about it."""
    return [
        context.finding(
            "branch-without-plan",
            f"Found: {branch_words(context, str(row.get('branch')))}. What is done about it is not written down.",
            subject=f"{context.stage.id}.{row.get('branch')}",
        )
        for row in context.rows(BRANCHES)
        if row.get("state") == "found" and not text_of(row.get("plan"))
    ]


def artery_words(key: str) -> str:
    """As the catalogue of arteries names it, in a sentence."""
    known = arteries().get(key)
    name = known.name if known else key.replace("_", " ")
    return f"{name[:1].lower()}{name[1:]}"


def speaks_of(branch: Any, artery: str) -> bool:
    """Whether a row of the table is about an artery of the model, whatever its side."""
    code, key = str(branch or "").replace("-", "_"), artery.replace("-", "_")
    sideless = key.removesuffix("_right").removesuffix("_left")
    return bool(code) and (code in (key, sideless) or sideless.endswith(f"_{code}"))


def planned_for(context: StageContext, row: Mapping[str, Any], artery: str) -> bool:
    """Whether anything is written about a branch: at the position, in the table of branches, or in one plan for all
    branches that a person found (`PLAN_TEXT`)."""
    if text_of(row.get("protection")):
        return True
    if text_of(context.value(PLAN_TEXT)):
        named = [each.id for each in context.stage.fields if speaks_of(each.id, artery)]
        if any(context.value(name) == "found" for name in named):
            return True
    return any(speaks_of(each.get("branch"), artery) and text_of(each.get("plan")) for each in context.rows(BRANCHES))


@REGISTRY.check("model_branches_have_plan")
def model_branches_have_plan(context: StageContext) -> list[Finding]:
    """Branches that the model finds downstream of a position, or within reflux of it."""
    found = []
    for place, body in modelled(context):
        for each in body.injection.non_targets if body.injection else ():
            if each.how in ("downstream", "reflux") and not planned_for(context, place.row, each.artery):
                found.append(_said(context, place, each.artery, each.how, each.distance_mm))
    return found


def _said(context: StageContext, place: Place, artery: str, how: str, distance_mm: float | None) -> Finding:
    where = "is downstream of the tip" if how == "downstream" else "leaves shortly before the tip (reflux)"
    away = "" if distance_mm is None else f", {distance_mm:.0f} mm away"
    text = f"{place.name}: {artery_words(artery)} {where}{away}, and nothing is planned about it."
    code = "branch-downstream" if how == "downstream" else "branch-in-reflux"
    return context.finding(code, text, subject=f"{context.stage.id}.{place.number}.{artery}")


@REGISTRY.check("risk_answered")
def risk_answered(context: StageContext) -> list[Finding]:
    """A danger that closes the plan for an agent until somebody has answered.

    Parameters of the check: ``field`` (``stage.field``), ``answers`` (codes that settle it), ``agents`` (codes of
    ``agent_kinds`` that wait for it; none: all) and ``organs`` (organs it is about; none: all).
    """
    given = context.check.parameters if context.check else {}
    organs = choices_of(given.get("organs", ()))
    if organs and organ_of(context) not in organs:
        return []
    agents = choices_of(given.get("agents", ()))
    chosen = choices_of(context.value("agent_kinds", "agent"))
    if agents and not set(agents) & set(chosen):
        return []
    stage, _, name = str(given["field"]).partition(".")
    described = context.template.stage(stage).field(name)
    if context.value(name, stage) in choices_of(given.get("answers", ())):
        return []
    label = described.label if described else name
    return [context.finding("risk-not-answered", f"No plan with these agents before it is answered: {label}.")]
