"""Target: candidate by size and number, whether it can be seen, biopsy, abscess risk, the ablation it needs (R14)."""

from __future__ import annotations

from planner.clinical.comparisons import above, at_most
from planner.findings import Finding, Severity
from planner.model.disease import Lesion
from planner.workflow.context import StageContext
from planner.workflow.template import Computed, Limit
from procedures.ablation.items import longest_mm, needle_limit, organs_of, target_lesions
from procedures.ablation.registry import REGISTRY
from procedures.spine.support import (
    against,
    as_number,
    choices_of,
    from_rule,
    limit,
    not_evaluated,
    number,
    ruled,
    text_of,
    unknown_value,
)

OPEN_DUCT = frozenset({"stent", "bilioenteric", "sphincterotomy"})
SEES_NOTHING = frozenset({"none", "unknown"})
SEEN_BUT_NOT_IN_ROOM = frozenset({"mr"})
"""Modalities that are in few rooms: seen there only, a target needs fusion or a marker."""
FUSED = ("planned", "marker")


@REGISTRY.check("bleeding_class_high")
def bleeding_class_high(context: StageContext) -> list[Finding]:
    risk = context.value("bleeding_class")
    if risk == "high":
        return []
    if risk == "low":
        text = "Ablation of an organ, lung, bone or soft tissue is in the high-risk bleeding class, not in the low."
        return [context.finding("bleeding-class", text)]
    return [not_evaluated(context, "the bleeding class is not chosen")]


@REGISTRY.check("organs_match")
def organs_match(context: StageContext) -> list[Finding]:
    """Every target's organ has its questions opened; organs without a pack are *other*."""
    chosen = choices_of(context.value("organ_pack"))
    if not chosen:
        return [not_evaluated(context, "the organs are not chosen")]
    described = context.stage.field("organ_pack")
    packs = {choice.code for choice in described.choices} if described else set()
    found = []
    for lesion in target_lesions(context):
        wanted = lesion.organ if lesion.organ in packs else "other"
        if wanted not in chosen:
            text = f"{lesion.name} lies in the {lesion.organ}; the questions of that organ are not opened."
            found.append(context.finding("organ-missing", text, subject=f"target.{lesion.id}"))
    return found


@REGISTRY.check("targets_listed")
def targets_listed(context: StageContext) -> list[Finding]:
    listed = {row.get("lesion") for row in context.rows("targets")}
    return [
        not_evaluated(context, f"{each.name} is not in the table of targets", subject=f"target.{each.id}")
        for each in target_lesions(context)
        if each.id not in listed
    ]


@REGISTRY.check("size_and_number")
def size_and_number(context: StageContext) -> list[Finding]:
    lesions = target_lesions(context)
    found = _number(context, lesions)
    for lesion in lesions:
        size, most = longest_mm(lesion), _size_limit(context, lesion, len(lesions))
        subject = f"target.{lesion.id}"
        if size is None:
            found.append(not_evaluated(context, f"the size of {lesion.name} is not known", subject=subject))
        elif above(size, number(most)):
            text = f"{lesion.name} is {size:g} mm; the profile ablates up to {number(most):g} mm."
            found.append(against(context, "target-large", text, size, most, subject=subject))
        elif _crlm(context, lesion) and above(size, number(limit(context, "best_crlm"))):
            best = limit(context, "best_crlm")
            text = f"{lesion.name} is {size:g} mm: best results up to {number(best):g} mm."
            more = {"severity": Severity.WARN, "subject": subject}
            found.append(against(context, "target-not-best", text, size, best, **more))
    return found


def _number(context: StageContext, lesions: tuple[Lesion, ...]) -> list[Finding]:
    most = limit(context, "number_hcc" if context.case.diagnosis.histology == "HCC" else "number")
    if not lesions or at_most(float(len(lesions)), number(most)):
        return []
    text = f"{len(lesions)} targets; the profile ablates up to {number(most):g}."
    return [against(context, "targets-many", text, float(len(lesions)), most)]


def _crlm(context: StageContext, lesion: Lesion) -> bool:
    return context.case.diagnosis.histology == "CRLM" and lesion.organ == "liver"


def _size_limit(context: StageContext, lesion: Lesion, count: int) -> Limit:
    if context.case.diagnosis.histology == "HCC" and lesion.organ == "liver":
        return limit(context, "single_hcc" if count == 1 else "several_hcc")
    if _crlm(context, lesion):
        return limit(context, "selected_crlm")
    return limit(context, "kidney" if lesion.organ == "kidney" else "other")


@REGISTRY.check("seen_or_fused")
def seen_or_fused(context: StageContext) -> list[Finding]:
    names = {each.id: each.name for each in target_lesions(context)}
    found = []
    for row in context.rows("targets"):
        lesion = str(row.get("lesion") or "")
        name, subject = names.get(lesion, "A target"), f"target.{lesion}"
        seen = set(choices_of(row.get("visible")))
        if not seen or seen <= {"unknown"}:
            found.append(not_evaluated(context, f"nobody tried where {name} can be seen", subject=subject))
        elif seen <= SEES_NOTHING | SEEN_BUT_NOT_IN_ROOM and row.get("fusion") not in FUSED:
            where = "on MR only" if "mr" in seen else "on nothing in the room"
            text = f"{name} is seen {where}, and no fusion or marker is planned."
            found.append(context.finding("not-seen", text, subject=subject))
    return found


@REGISTRY.check("histology_before")
def histology_before(context: StageContext) -> list[Finding]:
    if context.case.diagnosis.proof == "biopsy":
        return []
    found = []
    names = {each.id: each.name for each in target_lesions(context)}
    for row in context.rows("targets"):
        if row.get("biopsy") in (None, "none"):
            name = names.get(str(row.get("lesion") or ""), "A target")
            said = "was not asked for" if row.get("biopsy") is None else "is not planned"
            text = f"{name}: a biopsy {said}; after ablation there is no tissue left to prove it."
            found.append(context.finding("no-biopsy", text, subject=f"target.{row.get('lesion')}"))
    return found


@REGISTRY.check("abscess_risk")
def abscess_risk(context: StageContext) -> list[Finding]:
    plan = context.value("antibiotic_plan")
    written = plan == "yes" and bool(text_of(context.value("antibiotic_plan_text")))
    found = []
    access = set(choices_of(context.value("biliary_access")))
    if not access or "unknown" in access:
        found.append(not_evaluated(context, "whether a bile duct is open to the gut is not known"))
    elif access & OPEN_DUCT and not written:
        text = "A bile duct is open to the gut (stent, anastomosis, sphincterotomy): abscess; no antibiotic plan."
        found.append(context.finding("open-bile-duct", text, subject="target.biliary_access"))
    before, most = as_number(context.value("prior_tace")), limit(context, "tace")
    if before is None:
        found.append(not_evaluated(context, "the number of TACE before is not known", subject="target.prior_tace"))
    elif before >= number(most) and not written:
        text = f"{before:.0f} TACE before: abscess; no antibiotic plan."
        found.append(against(context, "several-tace", text, before, most, subject="target.prior_tace"))
    if context.value("abscess_before", "referral") == "yes" and not written:
        text = "There was an abscess or biloma before: no antibiotic plan."
        found.append(context.finding("abscess-before", text, subject="referral.abscess_before"))
    return found


@REGISTRY.compute("required_diameter")
def required_diameter(context: StageContext) -> list[Computed]:
    """Tumour plus margin on both sides, for the minimum and the wanted margin."""
    found: list[Computed] = []
    for lesion in target_lesions(context):
        size = longest_mm(lesion)
        for name, words in (("margin_minimum_mm", "minimum"), ("margin_desired_mm", "wanted")):
            label = f"{lesion.name}, {words} margin"
            if size is None:
                found.append(unknown_value(f"diameter_{lesion.id}_{words}", label, "its size is not known"))
                continue
            margin = needle_limit(context, name)
            given = {"tumour_diameter": (size, "mm"), "margin": (margin.value, margin.unit)}
            result = ruled(context, "ablation_diameter", given)
            needed = result.number("required_diameter")
            inputs = {"tumour": f"{size:g} mm", "margin": f"{margin.value:g} mm"}
            arithmetic = f"{size:g} + 2 x {margin.value:g} = {needed:g} mm" if needed is not None else ""
            name_of = f"diameter_{lesion.id}_{words}"
            found.append(
                from_rule(result, "required_diameter", name_of, label, inputs=inputs, arithmetic=arithmetic, grade="")
            )
    return found


@REGISTRY.compute("candidate")
def candidate(context: StageContext) -> list[Computed]:
    """R14 in words, beside the numbers: advice, the board decides."""
    lesions = target_lesions(context)
    sizes = [size for size in map(longest_mm, lesions) if size is not None]
    if len(sizes) < len(lesions) or not lesions:
        return [unknown_value("candidate", "Candidate", "not every target has a size")]
    histology, largest = context.case.diagnosis.histology, max(sizes)
    inputs = {"targets": str(len(lesions)), "largest": f"{largest:g} mm", "organ": ", ".join(organs_of(context))}
    verdict, used = _verdict(context, histology, lesions, largest)
    spread = context.value("spread", "images_lesions")
    note = "Advice. " + ("" if spread == "no" else "Spread beyond the organ: " + str(spread or "not answered") + ".")
    source, tag = (used.source, used.tag) if used else ("R14", "M")
    return [
        Computed(
            id="candidate", label="Candidate", value=verdict, inputs=inputs, source=source, tag=tag, note=note.strip()
        )
    ]


def _verdict(
    context: StageContext, histology: str | None, lesions: tuple[Lesion, ...], largest: float
) -> tuple[str, Limit | None]:
    in_liver = all(each.organ == "liver" for each in lesions)
    if histology == "HCC" and in_liver:
        count, most = context.limit("ablation_hcc_number"), "several" if len(lesions) > 1 else "single"
        size = context.limit(f"ablation_hcc_{most}_mm")
        fits = at_most(len(lesions), number(count)) and at_most(largest, number(size))
        if fits and context.value("vascular_invasion") != "no":
            return "number and size fit; vascular invasion is not excluded", size
        return ("fits number and size" if fits else "beyond number or size"), size
    if histology == "CRLM" and in_liver:
        best, selected = context.limit("ablation_crlm_best_mm"), context.limit("ablation_crlm_selected_mm")
        if at_most(largest, number(best)):
            return "fits: best range", best
        return ("selected cases" if at_most(largest, number(selected)) else "beyond size"), selected
    return "no rule for this tumour and organ", None
