"""The liver before bland embolisation: the gates of TACE that do not speak of a drug, under the same names."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.bland.registry import REGISTRY
from procedures.spine.support import choices_of, text_of
from procedures.tace import early_course, liver_scores, liver_stage, vessels

SHARED_CHECKS = {
    "phases_present": vessels.phases_present,
    "arterial_timing": vessels.arterial_timing,
    "portal_flow": vessels.portal_flow,
    "biliary_risk": vessels.biliary_risk,
    "tumour_share": vessels.tumour_share,
    "child_pugh_within": liver_stage.child_pugh_within,
    "bilirubin_within": liver_stage.bilirubin_within,
    "kidney_after": early_course.kidney_after,
    "bilirubin_after": early_course.bilirubin_after,
}
"""Gates that read the same fields in the same stages as TACE."""

for _name, _function in SHARED_CHECKS.items():
    REGISTRY.check(_name)(_function)
REGISTRY.compute("child_pugh")(liver_scores.child_pugh)
REGISTRY.compute("albi")(liver_scores.albi)
REGISTRY.compute("laboratory_course")(early_course.laboratory_course)


@REGISTRY.check("abscess_prevented")
def abscess_prevented(context: StageContext) -> list[Finding]:
    """An open bile duct and no antibiotic: dead tissue without drug still makes an abscess."""
    duct = set(choices_of(context.value("biliary_access", vessels.PORTAL))) & vessels.OPEN_BILE
    if not duct or context.value("antibiotic") == "yes":
        return []
    text = f"The bile duct is open to the gut ({', '.join(sorted(duct))}) and no antibiotic is planned."
    return [context.finding("biliary-no-antibiotic", text)]


@REGISTRY.check("functioning_tumour")
def functioning_tumour(context: StageContext) -> list[Finding]:
    """A functioning neuroendocrine tumour has octreotide cover."""
    if context.value("net_functioning", "referral") != "yes" or text_of(context.value("octreotide")):
        return []
    return [context.finding("no-octreotide", "A functioning neuroendocrine tumour without octreotide cover.")]
