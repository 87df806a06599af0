"""Result: it comes, it fits the images, it answers what was asked; otherwise it is repeated."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.biopsy.registry import REGISTRY
from procedures.biopsy.target import TARGET
from procedures.spine.follow_up_checks import performed_on
from procedures.spine.support import against, as_date, choices_of, limit, not_evaluated, number, text_of

ANSWERS = {"molecular": ("molecular_result", "molecular markers"), "culture": ("culture_result", "culture")}


@REGISTRY.check("result_overdue")
def result_overdue(context: StageContext) -> list[Finding]:
    done, wait = performed_on(context), limit(context, "days")
    if done is None or as_date(context.value("result_on")) is not None:
        return []
    days = float((context.today - done).days)
    if days <= number(wait):
        return []
    return [against(context, "result-overdue", f"No result {days:.0f} days after the biopsy: ask for it.", days, wait)]


@REGISTRY.check("concordance")
def concordance(context: StageContext) -> list[Finding]:
    """A result that does not fit is no result: repeat, operate or watch, in writing."""
    fits, kind = context.value("concordance"), context.value("result_kind")
    plan = text_of(context.value("discordant_plan"))
    if plan or (kind is None and fits is None):
        return []
    found = []
    if fits == "discordant":
        found.append(context.finding("discordant", "The result does not fit the images: repeat, or say what is done."))
    elif fits in (None, "not-judged"):
        found.append(not_evaluated(context, "whether the result fits the images was not judged"))
    if kind in ("unspecific", "not-enough"):
        words = {"unspecific": "Benign, but unspecific", "not-enough": "Not enough tissue"}[kind]
        found.append(context.finding("no-diagnosis", f"{words}: repeat, or say what is done."))
    return found


@REGISTRY.check("question_answered")
def question_answered(context: StageContext) -> list[Finding]:
    if as_date(context.value("result_on")) is None:
        return []
    asked = choices_of(context.value("question", TARGET))
    return [
        context.finding("question-open", f"The {words} that was asked for has no result.", subject=f"result.{name}")
        for code, (name, words) in ANSWERS.items()
        if code in asked and not text_of(context.value(name))
    ]
