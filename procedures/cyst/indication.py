"""Indication: a simple cyst with symptoms, no tumour, no hydatid, reached through its organ."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.cyst.registry import REGISTRY
from procedures.spine.support import choices_of, not_evaluated, text_of

CYST = "cyst"
HYDATID = frozenset({"I", "II", "III", "IV", "V"})


@REGISTRY.check("cyst_symptoms")
def cyst_symptoms(context: StageContext) -> list[Finding]:
    said = set(choices_of(context.value("symptoms")))
    if not said:
        return [not_evaluated(context, "whether the cyst causes symptoms is not known")]
    if said - {"none"}:
        return []
    return [context.finding("no-symptoms", "The cyst causes no symptoms.")]


@REGISTRY.check("cyst_not_malignant")
def cyst_not_malignant(context: StageContext) -> list[Finding]:
    found = []
    solid = context.value("solid_parts")
    if solid == "yes":
        text = "Wall nodules, thick septa or enhancement: not a simple cyst, surgery is asked first."
        found.append(context.finding("solid-parts", text))
    elif solid != "no":
        found.append(not_evaluated(context, "whether the wall is thick or enhances was not judged"))
    if context.value("target_organ") != "kidney":
        return found
    grade = context.value("bosniak")
    if grade in ("III", "IV"):
        found.append(context.finding("bosniak-high", f"Bosniak {grade}: not for sclerotherapy, ask the urologist."))
    elif grade == "IIF":
        found.append(context.finding("bosniak-iif", "Bosniak IIF: follow it up.", severity=Severity.WARN))
    elif grade in (None, "unknown"):
        found.append(not_evaluated(context, "the Bosniak class was not judged", code="bosniak-unknown"))
    return found


@REGISTRY.check("cyst_not_hydatid")
def cyst_not_hydatid(context: StageContext) -> list[Finding]:
    """Looks and serology; opening a hydatid cyst by chance is dangerous."""
    found = []
    looks, serology = context.value("gharbi"), context.value("serology")
    if looks in HYDATID and context.value("target_organ") != "kidney":
        text = f"Gharbi {looks}: hydatid, needs another protocol (albendazole, anaphylaxis at hand)."
        found.append(context.finding("hydatid-looks", text))
    if serology == "positive":
        found.append(context.finding("hydatid-serology", "Echinococcus serology is positive."))
    elif serology == "not-needed" and not text_of(context.value("serology_reason")):
        found.append(context.finding("serology-reason", "No serology, and why not is not written down."))
    elif serology in (None, "not-done"):
        found.append(not_evaluated(context, "echinococcus serology was not done", code="serology-unknown"))
    return found


@REGISTRY.check("through_organ")
def through_organ(context: StageContext) -> list[Finding]:
    answer = context.value("through_organ")
    if answer == "yes":
        return []
    if answer == "no":
        return [context.finding("free-cyst-wall", "The free wall of the cyst is punctured: it may leak.")]
    return [not_evaluated(context, "whether the tract goes through the organ is not known")]
