"""Before a cycle: blood, interval, nerves, gut, earlier reactions, response."""

from __future__ import annotations

from datetime import date

from planner.clinical.laboratory import analyte as analyte_of
from planner.findings import Finding, Severity
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Limit
from procedures.haic.registry import REGISTRY
from procedures.spine.follow_up_checks import performed_on
from procedures.spine.medicine_checks import day_of_procedure
from procedures.spine.support import (
    Known,
    against,
    as_date,
    as_number,
    in_unit,
    laboratory,
    limit,
    not_evaluated,
    number,
)

CYCLE = "cycle"
BELOW = ("neutrophils", "platelets")
"""Analytes that pause a cycle below their limit; bilirubin pauses it above."""


def _paused(context: StageContext, analyte: str, known: Known) -> Finding | None:
    """What a value says about a pause; None when it allows the cycle."""
    compared = limit(context, analyte)
    subject = f"{context.stage.id}.{analyte}"
    measured = in_unit(analyte, known, compared.unit or "1")
    if measured is None:
        why = known.missing or "a value is unknown"
        return not_evaluated(context, why, code="blood-not-evaluated", subject=subject)
    low = analyte in BELOW
    if measured >= number(compared) if low else measured <= number(compared):
        return None
    side = "below" if low else "above"
    text = f"{known.name} {known.printed()} is {side} {shown(number(compared), compared.unit)}: the cycle is paused."
    return against(context, f"pause-{analyte}", text, measured, compared, subject=subject)


@REGISTRY.check("blood_allows")
def blood_allows(context: StageContext) -> list[Finding]:
    """Neutrophils, platelets and bilirubin of the last days (limit ``window``) against the levels of a pause."""
    window = limit(context, "window")
    every = (_paused(context, each, laboratory(context, each, window)) for each in (*BELOW, "bilirubin"))
    return [each for each in every if each is not None]


def _after(context: StageContext, analyte: str, done: date) -> Known:
    """The newest value after treatment."""
    found, name = context.lab(analyte), analyte_of(analyte).name
    if found is None or found.taken_on <= done or found.value is None:
        return Known(name, None, missing=f"there is no value of {name} after the cycle")
    return Known(name, found.value, found.unit, found.taken_on)


@REGISTRY.check("blood_after")
def blood_after(context: StageContext) -> list[Finding]:
    """The same levels after the cycle: what is still beyond them pauses the next one."""
    done = performed_on(context)
    if done is None:
        return [not_evaluated(context, "the day of treatment is not recorded")]
    every = (_paused(context, each, _after(context, each, done)) for each in (*BELOW, "bilirubin"))
    return [each for each in every if each is not None]


def days_between(first: date, second: date) -> float:
    return float((second - first).days)


@REGISTRY.check("cycle_interval")
def cycle_interval(context: StageContext) -> list[Finding]:
    """Days since the last cycle began; the first cycle has none."""
    cycle, least = as_number(context.value("cycle_number")), limit(context, "days")
    if cycle is None:
        return [not_evaluated(context, "the number of the cycle")]
    if cycle <= 1:
        return []
    last = as_date(context.value("last_cycle_on"))
    if last is None:
        return [not_evaluated(context, "the day of the last cycle")]
    days = days_between(last, day_of_procedure(context))
    if days >= number(least):
        return []
    text = f"The last cycle began {days:.0f} days before; {number(least):g} are asked for."
    return [against(context, "cycle-early", text, days, least)]


def grade_of(value: object) -> float | None:
    """A CTCAE grade; None while nobody has looked."""
    return float(value) if isinstance(value, str) and value.isdigit() else None


@REGISTRY.check("neuropathy_allows")
def neuropathy_allows(context: StageContext) -> list[Finding]:
    """From the limit ``lower`` a lower dose is asked for, from ``stop`` no more platinum."""
    grade = grade_of(context.value("neuropathy"))
    lower, stop = limit(context, "lower"), limit(context, "stop")
    if grade is None:
        return [not_evaluated(context, "neuropathy was not examined")]
    if grade >= number(stop):
        text = f"Neuropathy of grade {grade:g}: no oxaliplatin."
        return [against(context, "neuropathy-stop", text, grade, stop)]
    if grade >= number(lower):
        text = f"Neuropathy of grade {grade:g}: a lower dose of oxaliplatin is asked for."
        return [against(context, "neuropathy-lower", text, grade, lower, severity=Severity.WARN)]
    return []


@REGISTRY.check("gut_recovered")
def gut_recovered(context: StageContext) -> list[Finding]:
    """Fluorouracil waits until diarrhoea and mucositis are at most of the grade ``grade``."""
    grade, allowed = grade_of(context.value("gut")), limit(context, "grade")
    if grade is None:
        return [not_evaluated(context, "diarrhoea and mucositis were not asked for")]
    if grade <= number(allowed):
        return []
    text = f"Diarrhoea or mucositis of grade {grade:g}: fluorouracil waits."
    return [against(context, "gut", text, grade, allowed)]


@REGISTRY.check("reactions_asked")
def reactions_asked(context: StageContext) -> list[Finding]:
    found = []
    for name, code, bad, words in (
        ("platinum_reaction", "platinum-reaction", "A reaction to a platinum before.", "reactions to a platinum"),
        ("angina_fluorouracil", "angina", "Angina under a fluoropyrimidine before.", "angina under a fluoropyrimidine"),
    ):
        answer, subject = context.value(name), f"{context.stage.id}.{name}"
        if answer == "yes":
            found.append(context.finding(code, bad, subject=subject))
        elif answer != "no":
            found.append(not_evaluated(context, f"{words} were not asked for", subject=subject))
    return found


@REGISTRY.check("response_known")
def response_known(context: StageContext) -> list[Finding]:
    """After the limit ``cycles`` the response is read before the next one; progression changes the plan."""
    cycle, due, answer = as_number(context.value("cycle_number")), limit(context, "cycles"), _response(context)
    if answer == "PD":
        return [context.finding("progression", "Progression at the last reading: decide again.")]
    if cycle is None:
        return [not_evaluated(context, "the number of the cycle")]
    if cycle > number(due) and answer is None:
        text = f"Cycle {cycle:g}, and no response was read since; it is due after {number(due):g}."
        return [against(context, "response-not-read", text, cycle, due)]
    return []


def _response(context: StageContext) -> str | None:
    answer = context.value("last_response")
    return answer if answer in ("CR", "PR", "SD", "PD") else None


@REGISTRY.check("next_cycle")
def next_cycle(context: StageContext) -> list[Finding]:
    """What is proposed: a repeat keeps the interval, and is no answer to progression."""
    if context.value("proposal") != "repeat":
        return []
    found = []
    if context.value("overall", "outcome") == "PD":
        found.append(context.finding("repeat-after-progression", "Another cycle is proposed after progression."))
    least: Limit = limit(context, "days")
    done, proposed = performed_on(context), as_date(context.value("next_on"))
    if done is None or proposed is None:
        found.append(not_evaluated(context, "the day of this cycle or of the next one"))
    elif days_between(done, proposed) < number(least):
        days = days_between(done, proposed)
        text = f"The next cycle is proposed {days:.0f} days after this one; {number(least):g} are asked for."
        found.append(against(context, "next-cycle-early", text, days, least))
    return found
