"""Bleomycin in oil: two caps contradict each other and the lower one holds; the lung decides on bleomycin."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from planner.workflow.template import Limit
from procedures.arterial_drugs.drug_checks import drug_maxima
from procedures.benign_liver.indication import HAEMANGIOMA, kind_of
from procedures.benign_liver.registry import REGISTRY
from procedures.embolisation.agents import planned_kinds
from procedures.spine.support import against, as_number, limit, not_evaluated, number

AGENT = "agent"
BLEOMYCIN = ("bleomycin", "pingyangmycin", "博来霉素", "平阳霉素")


def plans_bleomycin(context: StageContext) -> bool:
    """Whether bleomycin or pingyangmycin is among the drugs of the plan."""
    return any(word in name for name in drug_maxima(context) for word in BLEOMYCIN)


def lower_cap(context: StageContext) -> tuple[Limit, Limit]:
    """The cap that holds, and the one it contradicts: parameters ``cap`` and ``haemangioma``."""
    general, special = limit(context, "cap"), limit(context, "haemangioma")
    return (general, special) if number(general) <= number(special) else (special, general)


@REGISTRY.check("oil_below_lower_cap")
def oil_below_lower_cap(context: StageContext) -> list[Finding]:
    """Oil of the plan against the lower of two caps; both are shown."""
    volume = as_number(context.value("oil_maximum"))
    if volume is None or volume == 0:
        return []
    holds, other = lower_cap(context)
    found = []
    if "liquid" not in planned_kinds(context):
        text = "Oil is planned: name it among the agents as another liquid, so that the shunt rule sees it."
        found.append(context.finding("oil-not-named", text, subject=f"{AGENT}.agent_kinds"))
    if volume > number(holds):
        text = (
            f"Lipiodol {volume:g} mL is above {number(holds):g} mL. {number(other):g} mL are also printed "
            f"({other.source}); until one of both is verified the lower holds."
        )
        found.append(against(context, "oil-over-cap", text, volume, holds, subject=f"{AGENT}.oil_maximum"))
    return found


@REGISTRY.check("bleomycin_and_lung")
def bleomycin_and_lung(context: StageContext) -> list[Finding]:
    """Bleomycin scars lungs: their state, and what was given before, are known."""
    if not plans_bleomycin(context):
        return []
    found = []
    for name, words in (
        ("lung_disease", "lung disease or oxygen at home"),
        ("bleomycin_before", "bleomycin given before"),
    ):
        answer, subject = context.value(name), f"{AGENT}.{name}"
        if answer == "yes":
            text = f"Bleomycin with {words}: injury of the lung; ask the pharmacist and say why."
            found.append(context.finding("bleomycin-lung", text, subject=subject))
        elif answer != "no":
            found.append(not_evaluated(context, f"{words}: not asked", subject=subject))
    return found


@REGISTRY.check("agent_fits_lesion")
def agent_fits_lesion(context: StageContext) -> list[Finding]:
    """Drugs in oil belong to haemangioma; in adenoma and nodular hyperplasia particles alone are used."""
    kind = kind_of(context)
    if kind is None or kind == HAEMANGIOMA or "drug" not in planned_kinds(context):
        return []
    text = "A drug in a lesion that is no haemangioma: particles alone are usual; say why."
    return [context.finding("drug-in-benign", text)]


@REGISTRY.check("oil_given")
def oil_given(context: StageContext) -> list[Finding]:
    """Oil of the record against the plan and the lower cap; a record is never refused."""
    given, planned = as_number(context.value("oil_given")), as_number(context.value("oil_maximum", AGENT))
    holds, _ = lower_cap(context)
    if given is None:
        return []
    if given > number(holds):
        text = f"Lipiodol {given:g} mL given, above {number(holds):g} mL per treatment."
        return [against(context, "oil-over-cap", text, given, holds)]
    if planned is not None and given > planned:
        text = f"Lipiodol {given:g} mL given, {planned:g} mL planned at most."
        return [context.finding("given-over-plan", text, measured=given, limit=planned, unit="mL")]
    return []


@REGISTRY.check("lung_after_oil")
def lung_after_oil(context: StageContext) -> list[Finding]:
    """New breathlessness after oil or bleomycin is looked at."""
    answer = context.value("breathless")
    if answer == "yes":
        return [context.finding("breathless", "Breathless after oil or bleomycin: look for oil in the lung.")]
    if answer != "no":
        return [not_evaluated(context, "breathing after treatment was not asked for", severity=Severity.INFO)]
    return []


@REGISTRY.check("lesions_after")
def lesions_after(context: StageContext) -> list[Finding]:
    """Lesions that grew, bled or still cause what they were treated for."""
    found = []
    for row in context.rows("lesions_after"):
        lesion = context.case.lesion(str(row.get("lesion")))
        name, subject = (lesion.name if lesion else "A lesion"), f"outcome.{row.get('lesion')}"
        if row.get("change") == "larger":
            text = f"{name} is larger after treatment: is it what it was taken for?"
            found.append(context.finding("grows", text, subject=subject))
    if context.value("symptoms_after") == "unchanged":
        found.append(context.finding("symptoms-unchanged", "The symptoms are unchanged.", subject="outcome.symptoms"))
    return found
