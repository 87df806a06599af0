"""Medication and after-care: premedication, antibiotic, pulse, fever, post-embolisation syndrome, timing of images."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.embolisation.registry import REGISTRY
from procedures.spine.follow_up_checks import performed_on
from procedures.spine.support import against, as_date, as_number, limit, not_evaluated, number, text_of

CONTRAST_WORDS = ("contrast", "iod", "造影")


@REGISTRY.check("contrast_reaction_premedicated")
def contrast_reaction_premedicated(context: StageContext) -> list[Finding]:
    reactions = [
        each for each in context.case.allergies if any(word in each.substance.casefold() for word in CONTRAST_WORDS)
    ]
    if not reactions or text_of(context.value("contrast_premedication")):
        return []
    names = ", ".join(each.substance for each in reactions)
    return [context.finding("no-premedication", f"Reaction to {names} before: no premedication is planned.")]


@REGISTRY.check("antibiotic_reasoned")
def antibiotic_reasoned(context: StageContext) -> list[Finding]:
    if context.value("antibiotic") in ("yes", "no") and not text_of(context.value("antibiotic_reason")):
        return [context.finding("antibiotic-without-reason", "The reason for or against an antibiotic is not written.")]
    return []


@REGISTRY.check("distal_pulse")
def distal_pulse(context: StageContext) -> list[Finding]:
    answer = context.value("pulse")
    if answer == "present":
        return []
    if answer in ("weak", "absent"):
        return [context.finding("pulse", f"The distal pulse is {answer}: call the operator.")]
    return [not_evaluated(context, "the distal pulse was not checked")]


@REGISTRY.check("fever_watched")
def fever_watched(context: StageContext) -> list[Finding]:
    days, longest = as_number(context.value("fever_days")), limit(context, "days")
    found = []
    if days is not None and days > number(longest):
        text = f"Fever for {days:.0f} days: look for an abscess or an infected necrosis."
        found.append(against(context, "long-fever", text, days, longest))
    if context.value("abscess") == "yes":
        found.append(context.finding("abscess", "Abscess; carried to every later session."))
    return found


@REGISTRY.check("images_at_their_time")
def images_at_their_time(context: StageContext) -> list[Finding]:
    """Outcome images between the limits ``earliest`` and ``latest`` after treatment."""
    done, read = performed_on(context), as_date(context.value("date"))
    if done is None or read is None:
        return [not_evaluated(context, "the day of treatment or of the images is not known", severity=Severity.INFO)]
    days, earliest, latest = float((read - done).days), limit(context, "earliest"), limit(context, "latest")
    if number(earliest) <= days <= number(latest):
        return []
    compared = earliest if days < number(earliest) else latest
    said = "early" if days < number(earliest) else "late"
    text = f"Images {days:.0f} days after treatment are {said} ({number(earliest):g} to {number(latest):g} d)."
    return [against(context, f"outcome-{said}", text, days, compared)]
