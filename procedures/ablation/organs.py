"""Organ packs: liver reserve, kidney, lung, adrenal, bone."""

from __future__ import annotations

from planner.clinical.comparisons import at_least, below
from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.ablation.registry import REGISTRY
from procedures.spine.fitness_checks import score_caveats
from procedures.spine.support import (
    against,
    as_number,
    from_rule,
    laboratory,
    limit,
    missing_of,
    not_evaluated,
    number,
    ruled,
    text_of,
    unknown_value,
)

RENAL_PARTS = ("renal_radius", "renal_exophytic", "renal_nearness", "renal_polar")
"""The parts that give points; the code of each answer is its number of points."""
RENAL_LETTERS = {"renal_radius": "R", "renal_exophytic": "E", "renal_nearness": "N", "renal_polar": "L"}


@REGISTRY.compute("liver_reserve")
def liver_reserve(context: StageContext) -> list[Computed]:
    """Child-Pugh and ALBI from laboratory in date; not shown where they are not valid."""
    windows = {name: context.limit(f"{name}_window_days") for name in ("bilirubin", "albumin", "inr")}
    known = {name: laboratory(context, name, window) for name, window in windows.items()}
    caveats = [each for each in score_caveats(context) if not each.startswith("eGFR")]
    words = {name: context.value(name) for name in ("ascites", "encephalopathy")}
    inputs = {name: each.printed() for name, each in known.items()}
    inputs |= {name: str(value or "–") for name, value in words.items()}
    missing = [missing_of(*known.values()), *(f"{name} is not answered" for name, value in words.items() if not value)]
    why = "; ".join(each for each in (*missing, *(each.rstrip(".") for each in caveats)) if each)
    if why:
        return [
            unknown_value("child_pugh", "Child-Pugh", why, "child_pugh"),
            unknown_value("albi", "ALBI", why, "albi"),
        ]
    score = ruled(context, "child_pugh", {**known, **words, "cholestatic_variant": False})
    albi = ruled(context, "albi", {name: known[name] for name in ("bilirubin", "albumin")})
    return [
        from_rule(score, "total", "child_pugh", "Child-Pugh", inputs=inputs),
        from_rule(albi, "score", "albi", "ALBI", inputs=inputs),
    ]


def renal_points(context: StageContext) -> tuple[dict[str, float], str]:
    """Letter -> points, and what is missing."""
    points: dict[str, float] = {}
    for name in RENAL_PARTS:
        answer = context.value(name, "target")
        if not isinstance(answer, str) or not answer.isdigit():
            return {}, f"{RENAL_LETTERS[name]} is not answered"
        points[RENAL_LETTERS[name]] = float(answer)
    return points, ""


@REGISTRY.compute("renal_score")
def renal_score(context: StageContext) -> list[Computed]:
    points, why = renal_points(context)
    if why:
        return [unknown_value("renal_score", "R.E.N.A.L.", why)]
    total = sum(points.values())
    moderate, high = context.limit("renal_score_moderate_from"), context.limit("renal_score_high_from")
    level = "high" if total >= number(high) else "moderate" if total >= number(moderate) else "low"
    suffix = str(context.value("renal_face") or "") + ("h" if context.value("renal_hilar") == "yes" else "")
    return [
        Computed(
            id="renal_score",
            label="R.E.N.A.L.",
            value=total,
            unit="1",
            grade=f"{total:.0f}{suffix}, {level} complexity",
            inputs={letter: f"{value:.0f}" for letter, value in points.items()},
            arithmetic=" + ".join(f"{value:.0f}" for value in points.values()) + f" = {total:.0f}",
            source=high.source,
            tag=high.tag,
        )
    ]


@REGISTRY.check("kidney_pack")
def kidney_pack(context: StageContext) -> list[Finding]:
    found = []
    points, why = renal_points(context)
    high, near = limit(context, "high"), limit(context, "ureter")
    if why:
        found.append(not_evaluated(context, f"R.E.N.A.L.: {why}", subject="target.renal_score"))
    elif at_least(sum(points.values()), number(high)):
        total = sum(points.values())
        text = f"R.E.N.A.L. {total:.0f}: high complexity, more complications and residual tumour."
        found.append(against(context, "renal-complex", text, total, high, subject="target.renal_score"))
    distance = as_number(context.value("ureter_distance"))
    if distance is None:
        found.append(not_evaluated(context, "the distance to the ureter is not known", subject="target.ureter"))
    elif below(distance, number(near)):
        text = f"The ureter is {distance:g} mm away: cooling through a catheter, or dissection."
        found.append(against(context, "ureter-near", text, distance, near, subject="target.ureter"))
    single = context.value("single_kidney")
    if single == "yes":
        found.append(context.finding("single-kidney", "A single kidney: what is ablated is not there twice."))
    elif single != "no":
        found.append(not_evaluated(context, "whether there is a second kidney is not known"))
    return found


@REGISTRY.check("lung_function")
def lung_function(context: StageContext) -> list[Finding]:
    found = []
    for name, words in (("fev1", "FEV1"), ("dlco", "DLCO")):
        measured, least = as_number(context.value(name)), limit(context, name)
        if measured is None:
            found.append(not_evaluated(context, f"{words} is not known", subject=f"target.{name}"))
        elif below(measured, number(least)):
            text = f"{words} is {measured:g} % of predicted."
            found.append(against(context, "lung-function", text, measured, least, subject=f"target.{name}"))
    for name, text in (
        ("pneumonectomy", "The other lung was removed: a pneumothorax is an emergency."),
        ("emphysema", "Emphysema: pneumothorax, air leak."),
        ("bullae", "Bullae near the path: choose another path."),
    ):
        answer = context.value(name)
        if answer == "yes":
            found.append(context.finding(name, text, subject=f"target.{name}"))
        elif answer != "no":
            found.append(not_evaluated(context, f"{name} is not known", subject=f"target.{name}"))
    return found


@REGISTRY.check("metanephrines_known")
def metanephrines_known(context: StageContext) -> list[Finding]:
    answer, block = context.value("metanephrines"), context.value("alpha_block")
    if answer == "normal":
        return []
    if answer == "raised":
        if block == "yes" and text_of(context.value("alpha_block_text")):
            return []
        said = "without drug, dose and start" if block == "yes" else "and no alpha block runs"
        return [context.finding("no-alpha-block", f"Metanephrines are raised, {said}.", subject="target.alpha_block")]
    text = "Adrenal target without metanephrines: an unknown phaeochromocytoma may cause a pressure crisis."
    return [context.finding("no-metanephrines", text, subject="target.metanephrines")]


@REGISTRY.check("weight_bearing_plan")
def weight_bearing_plan(context: StageContext) -> list[Finding]:
    answer = context.value("weight_bearing")
    if answer is None:
        return [not_evaluated(context, "whether the bone bears weight is not known")]
    if answer == "yes" and context.value("consolidation") in (None, "unknown"):
        text = "A weight-bearing bone: whether it is consolidated (cement, screws) is not decided."
        return [context.finding("no-consolidation", text, subject="target.consolidation")]
    return []
