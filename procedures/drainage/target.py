"""What is drained, how ill the patient is, and in which bleeding class the tract falls."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.drainage.registry import REGISTRY
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of

TARGET = "target"
SEPSIS = "sepsis"
INFECTED = frozenset({"infected", "septic", "shock"})


@REGISTRY.check("collection_drainable")
def collection_drainable(context: StageContext) -> list[Finding]:
    found = []
    excluded = context.value("mimic_excluded")
    if excluded == "no":
        text = "Necrotic tumour, hydatid cyst or aneurysm is not excluded."
        found.append(context.finding("mimic-not-excluded", text))
    elif excluded != "yes":
        found.append(not_evaluated(context, "whether it is tumour, hydatid or aneurysm was not looked at"))
    if context.value("septated") == "yes":
        text = "Several chambers: say how many drains, or why one is enough."
        if not text_of(context.value("other_way")):
            found.append(context.finding("several-chambers", text))
    if context.value("content") == "necrosis":
        found.append(
            context.finding("solid-content", "Solid necrosis does not pass a drain: say what else is planned.")
        )
    return found


@REGISTRY.check("ducts_drainable")
def ducts_drainable(context: StageContext) -> list[Finding]:
    """Dilated ducts, a segment that lives, and enough of the liver behind the drain."""
    found = []
    ducts, state = context.value("ducts_dilated"), context.value("segment_state")
    if ducts == "not-dilated":
        found.append(context.finding("ducts-not-dilated", "The ducts are not dilated: a puncture is much harder."))
    elif ducts != "dilated":
        found.append(not_evaluated(context, "whether the ducts are dilated was not judged"))
    if state in ("atrophic", "portal-occluded"):
        text = f"The segment is {state.replace('-', ', ')}: draining it helps nobody and may infect it."
        found.append(context.finding("segment-not-worth", text))
    elif state != "good":
        found.append(not_evaluated(context, "the segment of the duct was not judged"))
    drained, least = as_number(context.value("drained_share")), limit(context, "share")
    if drained is None:
        found.append(not_evaluated(context, "how much of the liver this drain drains is not known"))
    elif drained < number(least):
        text = f"{drained:g} % of the liver would be drained, wanted at least {number(least):g} %."
        found.append(against(context, "too-little-liver", text, drained, least))
    return found


@REGISTRY.check("ascites_drained")
def ascites_drained(context: StageContext) -> list[Finding]:
    answer = context.value("ascites")
    if answer in ("none", "drained"):
        return []
    if answer == "present":
        return [context.finding("ascites", "Ascites is present: drain it first, or bile leaks into it.")]
    return [not_evaluated(context, "whether there is ascites was not judged")]


@REGISTRY.check("kidney_obstructed")
def kidney_obstructed(context: StageContext) -> list[Finding]:
    answer = context.value("hydronephrosis")
    if answer in ("mild", "marked"):
        return []
    if answer == "none":
        return [context.finding("no-hydronephrosis", "No hydronephrosis: a nephrostomy is hard and may not help.")]
    return [not_evaluated(context, "hydronephrosis was not judged")]


def expected_class(context: StageContext) -> str | None:
    """``high`` for new biliary tracts, nephrostomy and deep collections; None while it is not known."""
    technique, organ = context.value("technique", TARGET), context.value("target_organ", TARGET)
    tract = context.value("new_tract", TARGET)
    if technique is None or tract is None or organ is None:
        return None
    if tract == "old":
        return "low"
    deep = organ not in ("superficial", "pleural-space")
    return "high" if technique in ("biliary", "nephrostomy") or deep else "low"


@REGISTRY.check("tract_bleeding_class")
def tract_bleeding_class(context: StageContext) -> list[Finding]:
    expected, chosen = expected_class(context), context.value("bleeding_class", "fitness")
    if expected is None or chosen is None:
        return [not_evaluated(context, "the tract or the bleeding class is not known")]
    if expected == "low" or chosen == "high":
        return []
    text = (
        "A new tract of this kind is in the high-risk class; the session is judged by the limits of the low-risk class."
    )
    return [context.finding("bleeding-class-low", text)]


def content_of(context: StageContext) -> str | None:
    """What a collection holds, by images; None for ducts and kidney, whatever was answered before."""
    answer = context.value("content", TARGET) if context.value("technique", TARGET) == "collection" else None
    return answer if isinstance(answer, str) else None


def is_infected(context: StageContext) -> bool:
    """Infected by judgement, by cholangitis, or pus by images."""
    return (
        context.value("septic", SEPSIS) in INFECTED
        or context.value("cholangitis", SEPSIS) in ("I", "II", "III")
        or content_of(context) == "pus"
    )


@REGISTRY.check("drain_first")
def drain_first(context: StageContext) -> list[Finding]:
    """Sepsis and more than a drain in one session is asked about; a high temperature contradicts *not septic*."""
    septic, more = context.value("septic"), context.value("more_than_drain")
    if septic is None:
        return [not_evaluated(context, "whether the patient is septic is not known")]
    found = []
    cholangitis = context.value("cholangitis") in ("II", "III")
    if (septic in ("septic", "shock") or cholangitis) and more not in ("nothing-else", None):
        text = f"Sepsis, and {str(more).replace('-', ' ')} is planned beside the drain: drain first, the rest later."
        found.append(context.finding("more-than-drain", text))
    temperature, fever = as_number(context.value("temperature")), limit(context, "fever")
    if septic == "no" and temperature is not None and temperature >= number(fever):
        text = f"Not infected is answered, the temperature was {temperature:g} °C."
        found.append(against(context, "fever-denied", text, temperature, fever))
    return found


@REGISTRY.check("antibiotic_covered")
def antibiotic_covered(context: StageContext) -> list[Finding]:
    answer = context.value("antibiotic_running")
    if answer in ("running", "before-puncture"):
        return []
    if answer is None:
        return [not_evaluated(context, "whether an antibiotic runs is not known")]
    infected = is_infected(context) or context.value("technique", TARGET) in ("biliary", "nephrostomy")
    if not infected and text_of(context.value("antibiotic_text")):
        return []
    return [context.finding("no-antibiotic", "No antibiotic before a puncture into infected or obstructed ducts.")]
