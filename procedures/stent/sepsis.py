"""Sepsis: the drain first, an antibiotic before, no stent through pus."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import chosen, site_of

SEPSIS = "sepsis"
INFECTED = ("infected", "septic", "shock")
SEVERE = ("septic", "shock")
DRAIN_ONLY = "drain-only"


def is_infected(context: StageContext) -> bool:
    """Infected by judgement or by cholangitis."""
    graded = site_of(context) == "biliary" and context.value("cholangitis", SEPSIS) in ("I", "II", "III")
    return context.value("septic", SEPSIS) in INFECTED or graded


@REGISTRY.check("drain_first")
def drain_first(context: StageContext) -> list[Finding]:
    """A septic duct gets a drain alone; *not septic* beside fever or the answer *sepsis* is asked about."""
    septic, wanted = context.value("septic"), context.value("this_session")
    if septic is None:
        return [not_evaluated(context, "whether the patient is septic is not known")]
    found = []
    severe = septic in SEVERE or context.value("cholangitis") in ("II", "III")
    if severe and wanted is None:
        found.append(not_evaluated(context, "whether a drain alone is planned", subject="sepsis.this_session"))
    elif severe and wanted != DRAIN_ONLY:
        text = "Sepsis or cholangitis II-III: drain alone in this session, the stent when it has settled."
        found.append(context.finding("stent-in-sepsis", text, subject="sepsis.this_session"))
    temperature, fever = as_number(context.value("temperature")), limit(context, "fever")
    if septic == "no" and temperature is not None and temperature >= number(fever):
        text = f"Not infected is answered, the temperature was {temperature:g} °C."
        found.append(against(context, "fever-denied", text, temperature, fever))
    if septic == "no" and "sepsis" in chosen(context, "danger_now", "obstruction"):
        text = "Septic obstruction is given as what cannot wait, and not septic here."
        found.append(context.finding("sepsis-contradicts", text))
    return found


@REGISTRY.check("antibiotic_covered")
def antibiotic_covered(context: StageContext) -> list[Finding]:
    """Before a duct, an infected place or a fistula is opened an antibiotic runs; elsewhere a reason is enough."""
    answer = context.value("antibiotic_running")
    if answer in ("running", "before-puncture"):
        return []
    if answer is None:
        return [not_evaluated(context, "whether an antibiotic runs is not known")]
    if not is_infected(context) and site_of(context) != "biliary" and text_of(context.value("antibiotic_text")):
        return []
    return [context.finding("no-antibiotic", "No antibiotic before an infected or obstructed lumen is opened.")]


@REGISTRY.check("cultures_taken")
def cultures_taken(context: StageContext) -> list[Finding]:
    if context.value("septic") not in INFECTED or context.value("cultures") == "taken":
        return []
    if context.value("cultures") is None:
        return [not_evaluated(context, "whether blood cultures were taken")]
    return [context.finding("no-cultures", "Infected, and no blood cultures were taken.")]


@REGISTRY.check("infection_controlled")
def infection_controlled(context: StageContext) -> list[Finding]:
    """Outside the bile duct: a stent into an infected place needs what drains or controls the infection."""
    septic = context.value("septic")
    if septic is None:
        return [not_evaluated(context, "whether the patient is septic is not known")]
    if septic not in INFECTED or text_of(context.value("source_control")):
        return []
    text = "Infected: what drains or controls the infection beside the stent is not written down."
    return [context.finding("infection-uncontrolled", text)]
