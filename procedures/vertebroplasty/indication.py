"""Indication: painful, active, not better without a needle, no infection, no new deficit."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.spine.support import not_evaluated, text_of
from procedures.vertebroplasty.registry import REGISTRY

INDICATION = "indication"
TUMOUR = frozenset({"metastasis", "myeloma"})


@REGISTRY.check("activity_seen")
def activity_seen(context: StageContext) -> list[Finding]:
    seen = context.value("activity_imaging")
    if seen in ("stir", "scan"):
        return []
    if seen == "none-active":
        return [
            context.finding("no-activity", "Imaging shows neither oedema nor uptake: the level may not be the source.")
        ]
    return [
        not_evaluated(
            context, "no MR with STIR and no scan shows whether the level is active", code="no-activity-imaging"
        )
    ]


@REGISTRY.check("new_deficit")
def new_deficit(context: StageContext) -> list[Finding]:
    answer = context.value("neurology")
    if answer in ("normal", "old-deficit"):
        return []
    if answer != "new-deficit":
        return [not_evaluated(context, "no neurological examination is recorded", code="neurology-unknown")]
    seen = text_of(context.value("surgeon_seen"))
    weaker = {"severity": Severity.WARN} if seen else {}
    text = (
        f"New deficit; the surgeon says: {seen}." if seen else "New deficit: a spinal surgeon sees the patient first."
    )
    return [context.finding("new-deficit", text, **weaker)]


@REGISTRY.check("no_infection")
def no_infection(context: StageContext) -> list[Finding]:
    answer = context.value("infection")
    if answer == "no":
        return []
    if answer == "yes":
        return [context.finding("infection", "Infection: no cement.")]
    return [not_evaluated(context, "whether there is an infection is not known", code="infection-unknown")]


@REGISTRY.check("therapy_failed")
def therapy_failed(context: StageContext) -> list[Finding]:
    therapy, cause, pain = (context.value(name) for name in ("medical_therapy", "cause", "pain_now"))
    found = []
    if therapy == "improving":
        found.append(context.finding("improving", "Pain improves on medical therapy: no indication for cement."))
    elif therapy == "not-tried" and cause not in TUMOUR:
        found.append(context.finding("therapy-not-tried", "Medical therapy was not tried."))
    elif therapy is None:
        found.append(not_evaluated(context, "whether medical therapy was tried is not known"))
    if pain is None:
        found.append(not_evaluated(context, "pain is not known", code="pain-unknown"))
    elif pain == 0:
        found.append(context.finding("no-pain", "There is no pain: a stable fracture without symptoms gets no cement."))
    return found


@REGISTRY.check("biopsy_of_tumour")
def biopsy_of_tumour(context: StageContext) -> list[Finding]:
    proof = context.case.diagnosis.proof
    if context.value("cause") not in TUMOUR or proof == "biopsy" or context.value("biopsy_same_time") != "not-needed":
        return []
    return [
        context.finding("no-biopsy", "A tumour that biopsy has not proved, and no biopsy is planned on the way in.")
    ]
