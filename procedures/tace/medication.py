"""Medication: antibiotic with an open bile duct, octreotide, antiviral, premedication for contrast."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.spine.support import choices_of, not_evaluated
from procedures.tace.registry import REGISTRY
from procedures.tace.vessels import OPEN_BILE, PORTAL


@REGISTRY.check("biliary_antibiotic")
def biliary_antibiotic(context: StageContext) -> list[Finding]:
    access = set(choices_of(context.value("biliary_access", PORTAL)))
    antibiotic = context.value("antibiotic")
    if access == {"none"} or antibiotic == "yes":
        return []
    if not access or "unknown" in access:
        return [not_evaluated(context, "whether the bile duct is open to the gut is not known", code="biliary-unknown")]
    if not access & OPEN_BILE:
        return []
    text = f"The bile duct is open to the gut ({', '.join(sorted(access & OPEN_BILE))}) and no antibiotic is planned."
    return [context.finding("biliary-no-antibiotic", text)]


@REGISTRY.check("net_octreotide")
def net_octreotide(context: StageContext) -> list[Finding]:
    functioning, cover = context.value("net_functioning", "referral"), context.value("octreotide")
    if functioning == "no" or cover == "yes":
        return []
    if functioning == "yes":
        return [context.finding("no-octreotide", "A functioning neuroendocrine tumour without octreotide cover.")]
    return [not_evaluated(context, "whether the neuroendocrine tumour is functioning is not known", code="net-unknown")]


@REGISTRY.check("antiviral_continued")
def antiviral_continued(context: StageContext) -> list[Finding]:
    if context.value("hbsag", "liver_stage") != "positive" or context.value("antiviral") == "yes":
        return []
    return [context.finding("antiviral-not-continued", "HBsAg is positive; the antiviral is not continued.")]
