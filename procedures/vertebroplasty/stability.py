"""Stability: SINS, Bilsky grade, the list of contraindications against what is known (R17)."""

from __future__ import annotations

from planner.clinical.results import RuleResult
from planner.findings import Finding
from planner.model.needle_items import VertebraPlanBody
from planner.model.needle_reading import vertebrae_of
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.support import (
    against,
    as_number,
    from_rule,
    limit,
    not_evaluated,
    number,
    ruled,
    text_of,
    unknown_value,
)
from procedures.vertebroplasty.indication import INDICATION, TUMOUR
from procedures.vertebroplasty.levels import planned_levels
from procedures.vertebroplasty.registry import REGISTRY

ITEMS = ("location", "pain", "lesion", "alignment", "collapse", "posterolateral")
STABILITY = "stability"
CEMENT_WORDS = ("cement", "pmma", "methacrylate", "骨水泥")


def vertebrae(context: StageContext) -> tuple[VertebraPlanBody, ...]:
    """The measured vertebrae of the session."""
    return tuple(body for _, body in vertebrae_of(context.session.items))


def sins_result(context: StageContext) -> tuple[RuleResult | None, str]:
    """The score, or why there is none."""
    given = {name: context.value(f"sins_{name}", STABILITY) for name in ITEMS}
    if given["collapse"] == "exactly-50":
        return None, "a collapse of exactly 50 % is not defined in SINS; choose a side"
    missing = [name for name, value in given.items() if value is None]
    if missing:
        return None, f"{', '.join(missing)} not answered"
    return ruled(context, "sins", given), ""


@REGISTRY.compute("sins_score")
def sins_score(context: StageContext) -> list[Computed]:
    """SINS 0-18 with its class, item by item."""
    result, why = sins_result(context)
    if result is None:
        return [unknown_value("sins", "SINS", why, "sins")]
    printed = {name: str(context.value(f"sins_{name}", STABILITY)) for name in ITEMS}
    return [from_rule(result, "score", "sins", "SINS", inputs=printed)]


@REGISTRY.check("sins_consult")
def sins_consult(context: StageContext) -> list[Finding]:
    result, why = sins_result(context)
    if result is None:
        return [not_evaluated(context, f"SINS: {why}", code="sins-not-evaluated")]
    score = result.number("score")
    if result.outputs["surgical_consult"].value is not True or text_of(context.value("surgical_opinion")):
        return []
    text = f"SINS {score:g}, {result.grade}: no surgical opinion is written down."
    return [context.finding("sins-without-surgeon", text, measured=score, source=result.source, tag=result.tag)]


@REGISTRY.check("escc_grade")
def escc_grade(context: StageContext) -> list[Finding]:
    grade, ask_from = context.value("escc"), limit(context, "ask_from")
    if grade in (None, "unknown"):
        return [not_evaluated(context, "the Bilsky grade was not judged", code="escc-unknown")]
    step = float(str(grade)[0])
    if step < number(ask_from):
        return []
    text = f"Bilsky {grade}: the cord is compressed; decompression comes before cement."
    return [against(context, "escc-high", text, step, ask_from)]


@REGISTRY.check("treatment_order_said")
def treatment_order_said(context: StageContext) -> list[Finding]:
    undecided = context.value("radiotherapy", INDICATION) in (None, "undecided")
    if not undecided or text_of(context.value("treatment_order")):
        return []
    return [context.finding("order-open", "The order of cement, radiotherapy and ablation is not decided.")]


@REGISTRY.check("tumour_against_cause")
def tumour_against_cause(context: StageContext) -> list[Finding]:
    cause, tumour = context.value("cause", INDICATION), context.value("neoplastic")
    if tumour == "no" and cause in TUMOUR:
        return [context.finding("tumour-denied", f"The cause is {cause}, but a tumour in the vertebra is denied.")]
    return []


@REGISTRY.check("vertebra_contraindications_against_data")
def vertebra_contraindications_against_data(context: StageContext) -> list[Finding]:
    """An answer *no* that an earlier answer or a measurement contradicts is asked about again."""
    labels = {each.id: each.label for each in context.stage.fields}
    found = []
    for name, why in _contradictions(context).items():
        if why and context.value(name) == "no":
            text = f"{labels[name]} is answered no, but {why}."
            found.append(context.finding("contradiction", text, subject=f"{context.stage.id}.{name}"))
    return found


def _contradictions(context: StageContext) -> dict[str, str]:
    def said(name: str) -> object:
        return context.value(name, INDICATION)

    many, count = limit(context, "many"), len(planned_levels(context))
    retropulsion = as_number(context.value("retropulsion"))
    defects = [each.level for each in vertebrae(context) if any(wall.wall == "posterior" for wall in each.defects)]
    allergic = [
        each.substance
        for each in context.case.allergies
        if any(word in each.substance.casefold() for word in CEMENT_WORDS)
    ]
    wall = context.value("posterior_wall") == "defect"
    return {
        "absolute_asymptomatic": "pain is 0" if said("pain_now") == 0 else "",
        "absolute_improving": "medical therapy helps" if said("medical_therapy") == "improving" else "",
        "absolute_infection": "an infection was noted" if said("infection") == "yes" else "",
        "absolute_cement_allergy": _allergy(said("pmma_allergy"), allergic),
        "absolute_unstable_deficit": "a new deficit was noted" if said("neurology") == "new-deficit" else "",
        "relative_canal": f"retropulsion is {retropulsion:g} mm" if retropulsion else "",
        "relative_many_levels": f"{count} levels are planned" if count > number(many) else "",
        "relative_posterior_wall": "the posterior wall was judged or measured defect" if wall or defects else "",
    }


def _allergy(answer: object, allergic: list[str]) -> str:
    if allergic:
        return f"{allergic[0]} is in the list of allergies"
    return "an allergy to cement was noted" if answer == "yes" else ""


def wall_defect(context: StageContext) -> bool | None:
    """Whether the posterior wall is defect by judgement or measurement; None while nobody has looked."""
    if any(wall.wall == "posterior" for each in vertebrae(context) for wall in each.defects):
        return True
    answer = context.value("posterior_wall", STABILITY)
    return {"intact": False, "defect": True}.get(answer) if isinstance(answer, str) else None
