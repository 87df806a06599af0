"""Way in and drain: what is crossed, how wide, what is sent, when it is exchanged."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.drainage.registry import REGISTRY
from procedures.drainage.target import TARGET, content_of, is_infected
from procedures.spine.support import against, as_date, as_number, choices_of, limit, not_evaluated, number

CROSSED = {
    "pleura_on_path": ("pleura", "the pleura: an infection would be carried into it"),
    "colon_on_path": ("colon", "the colon"),
    "sterile_space": ("clean-space", "a clean space: an infection would be carried into it"),
}


@REGISTRY.check("nothing_on_path")
def nothing_on_path(context: StageContext) -> list[Finding]:
    found = []
    pleural = context.value("target_organ", TARGET) == "pleural-space"
    for name, (code, words) in CROSSED.items():
        if pleural and code == "pleura":
            continue
        answer, subject = context.value(name), f"{context.stage.id}.{name}"
        if answer == "yes":
            found.append(context.finding(f"{code}-on-path", f"The path crosses {words}.", subject=subject))
        elif answer != "no":
            why = f"whether the path crosses {words.partition(':')[0]} is not known"
            found.append(not_evaluated(context, why, subject=subject))
    return found


@REGISTRY.check("drain_for_content")
def drain_for_content(context: StageContext) -> list[Finding]:
    size, smallest = as_number(context.value("drain_size")), limit(context, "smallest")
    if size is None:
        return [not_evaluated(context, "the size of the drain is not planned")]
    thick = content_of(context) in ("pus", "necrosis", "blood")
    if not thick or size >= number(smallest):
        return []
    text = f"{size:g} F for thick fluid: it clogs; at least {number(smallest):g} F."
    return [against(context, "drain-too-thin", text, size, smallest)]


@REGISTRY.check("fluid_to_culture")
def fluid_to_culture(context: StageContext) -> list[Finding]:
    tests = choices_of(context.value("fluid_tests"))
    if not tests:
        return [not_evaluated(context, "what is sent of the fluid is not planned")]
    if not is_infected(context) or "culture" in tests:
        return []
    return [context.finding("no-culture", "Infected fluid, and no culture is planned.")]


@REGISTRY.check("exchange_planned")
def exchange_planned(context: StageContext) -> list[Finding]:
    planned, latest = as_date(context.value("exchange_plan")), limit(context, "latest")
    start = context.session.planned_on or context.today
    if planned is None:
        return [not_evaluated(context, "no date of exchange is planned")]
    days = float((planned - start).days)
    if days <= number(latest):
        return []
    text = f"Exchange planned after {days / 7:.0f} weeks; about every 8 to 12."
    return [against(context, "exchange-late", text, days, latest)]
