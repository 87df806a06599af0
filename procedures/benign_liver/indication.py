"""Is it benign, does it need treatment, may it bleed."""

from __future__ import annotations

from planner.findings import Finding
from planner.model.disease import Lesion
from planner.model.people import Sex
from planner.workflow.context import StageContext
from procedures.benign_liver.registry import REGISTRY
from procedures.embolisation.places import targets
from procedures.spine.support import against, choices_of, limit, not_evaluated, number, text_of

STAGE = "benign"
ADENOMA, HAEMANGIOMA, NODULAR = "adenoma", "haemangioma", "fnh"


def kind_of(context: StageContext) -> str | None:
    """``haemangioma``, ``fnh``, ``adenoma``, ``other-benign``, or None while nobody said."""
    answer = context.value("lesion_kind", STAGE)
    return answer if isinstance(answer, str) else None


def longest_mm(lesion: Lesion) -> float | None:
    """The longest diameter of the newest observation that has one."""
    measured = [seen for seen in lesion.observations if seen.longest_mm is not None]
    newest = max(measured, key=lambda seen: seen.study_date, default=None)
    return None if newest is None else newest.longest_mm


@REGISTRY.check("benign_proved")
def benign_proved(context: StageContext) -> list[Finding]:
    """Typical on images or proved by a needle; anything else may be cancer."""
    if kind_of(context) is None:
        return [not_evaluated(context, "what the lesion is")]
    answer = context.value("proof")
    if answer in ("typical", "biopsy"):
        return []
    if answer == "atypical":
        return [context.finding("atypical", "The lesion is not typical: prove that it is benign first.")]
    return [not_evaluated(context, "how it is known that the lesion is benign")]


@REGISTRY.check("treatment_needed")
def treatment_needed(context: StageContext) -> list[Finding]:
    """Symptoms, growth or a risk; a nodular hyperplasia without symptoms is left alone."""
    reasons = set(choices_of(context.value("reasons")))
    if not reasons:
        return [not_evaluated(context, "why it is treated at all")]
    if reasons == {"none"}:
        text = "No symptom, no growth, no risk: a benign lesion is watched."
        return [context.finding("no-indication", text)]
    if kind_of(context) == NODULAR and not reasons & {"symptoms"}:
        text = "Focal nodular hyperplasia without symptoms is watched: the other reasons do not hold for it."
        return [context.finding("fnh-without-symptoms", text)]
    return []


@REGISTRY.check("adenoma_risk")
def adenoma_risk(context: StageContext) -> list[Finding]:
    """Large adenomas bleed, some turn malignant: the surgeon speaks first."""
    if kind_of(context) != ADENOMA:
        return []
    size, found = limit(context, "size"), []
    surgeon = text_of(context.value("surgeon_opinion"))
    for lesion in targets(context):
        longest = longest_mm(lesion)
        if longest is None:
            found.append(not_evaluated(context, f"the size of {lesion.name}", subject=f"{STAGE}.{lesion.id}"))
        elif longest >= number(size) and not surgeon:
            text = f"{lesion.name} is {longest:g} mm: an adenoma from {number(size):g} mm bleeds more; ask the surgeon."
            found.append(against(context, "adenoma-large", text, longest, size, subject=f"{STAGE}.{lesion.id}"))
    subtype = context.value("adenoma_subtype")
    if subtype == "beta-catenin" and not surgeon:
        text = "Beta-catenin adenomas may turn malignant: resection comes first; the surgeon's opinion is missing."
        found.append(context.finding("adenoma-subtype", text, subject=f"{STAGE}.adenoma_subtype"))
    elif subtype in (None, "unknown"):
        found.append(not_evaluated(context, "the subtype of the adenoma", subject=f"{STAGE}.adenoma_subtype"))
    if context.case.patient.sex is Sex.MALE and not surgeon:
        text = "Adenoma in a man: malignancy is more frequent; the surgeon's opinion is missing."
        found.append(context.finding("adenoma-man", text, subject=f"{STAGE}.surgeon_opinion"))
    return found


@REGISTRY.check("hormones_stopped")
def hormones_stopped(context: StageContext) -> list[Finding]:
    if kind_of(context) != ADENOMA or context.value("hormones") in ("none", "stopped"):
        return []
    if context.value("hormones") == "running":
        return [context.finding("hormones-running", "Oestrogen or anabolic steroid goes on: it is stopped first.")]
    return [not_evaluated(context, "oestrogen or anabolic steroids were not asked for")]


@REGISTRY.check("consumption_looked_for")
def consumption_looked_for(context: StageContext) -> list[Finding]:
    """Giant haemangioma may use up platelets and fibrinogen (Kasabach-Merritt)."""
    if kind_of(context) != HAEMANGIOMA:
        return []
    answer = context.value("consumption")
    if answer == "no":
        return []
    if answer == "yes":
        return [context.finding("consumption", "Platelets and fibrinogen are used up: correct before the puncture.")]
    return [not_evaluated(context, "consumption of platelets and fibrinogen was not looked for")]
