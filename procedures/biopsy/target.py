"""Target: a question that matters, a lesion that is seen and may be punctured, a lung that stands it."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.biopsy.registry import REGISTRY
from procedures.spine.support import choices_of, not_evaluated, text_of

TARGET = "target"
SEEN_BY = {
    "us": {"us"},
    "ct": {"ct"},
    "mr": {"mr"},
    "fluoroscopy": {"fluoroscopy", "ct"},
}
"""How the needle is guided -> what the lesion must be seen on; fusion brings the other images along."""


@REGISTRY.check("biopsy_question")
def biopsy_question(context: StageContext) -> list[Finding]:
    asked = choices_of(context.value("question"))
    if not asked:
        return [context.finding("no-question", "What has to be found out is not written down.")]
    found = []
    if "molecular" in asked and not text_of(context.value("molecular_markers")):
        found.append(context.finding("markers-not-named", "Molecular markers are asked for, but not which."))
    changes = context.value("changes_treatment")
    if changes == "no":
        found.append(context.finding("no-consequence", "The result does not change treatment."))
    elif changes != "yes":
        found.append(not_evaluated(context, "whether the result changes treatment is not known"))
    return found


@REGISTRY.check("target_visible")
def target_visible(context: StageContext) -> list[Finding]:
    guidance, seen = context.value("guidance"), set(choices_of(context.value("visible_on")))
    if guidance is None or not seen:
        return [not_evaluated(context, "on what the lesion is seen, or what guides, is not known")]
    if guidance == "fusion" or seen & SEEN_BY.get(str(guidance), set()):
        return []
    if guidance == "us" and "ceus" in seen or guidance == "ct" and "contrast-ct" in seen:
        text = f"The lesion is seen on {guidance} with contrast only: time is short, plan the injection."
        return [context.finding("contrast-only", text, severity=Severity.WARN)]
    text = f"Guided by {guidance}, but seen on {', '.join(sorted(seen))} only: plan fusion or another way."
    return [context.finding("target-not-seen", text)]


@REGISTRY.check("easier_site")
def easier_site(context: StageContext) -> list[Finding]:
    answer = context.value("easier_site")
    if answer == "none" or (answer == "there-is" and text_of(context.value("why_this_site"))):
        return []
    if answer == "there-is":
        return [context.finding("easier-site", "There is an easier lesion; why this one is not written down.")]
    return [not_evaluated(context, "an easier lesion was not looked for")]


@REGISTRY.check("not_to_puncture")
def not_to_puncture(context: StageContext) -> list[Finding]:
    found = []
    excluded = context.value("vascular_mimic")
    if excluded == "no":
        found.append(context.finding("vascular-mimic", "An aneurysm, a shunt or echinococcus is not excluded."))
    elif excluded != "yes":
        found.append(not_evaluated(context, "whether it is vascular or echinococcus was not looked at"))
    if context.value("target_organ") == "adrenal":
        answer = context.value("metanephrines")
        if answer == "raised":
            found.append(
                context.finding("phaeochromocytoma", "Metanephrines are raised: no puncture without blockade.")
            )
        elif answer != "normal":
            found.append(not_evaluated(context, "metanephrines of an adrenal mass are not known"))
    return found


@REGISTRY.check("seeding_considered")
def seeding_considered(context: StageContext) -> list[Finding]:
    if context.value("target_organ") != "liver":
        return []
    answer = context.value("transplant_candidate")
    if answer == "no":
        return []
    if answer == "yes":
        text = "Transplant or resection is planned: the surgeon agrees to a needle track through the liver first."
        return [context.finding("seeding", text)]
    return [not_evaluated(context, "whether transplant or resection is planned is not known")]


@REGISTRY.check("lung_of_organ")
def lung_of_organ(context: StageContext) -> list[Finding]:
    crossed = context.value("lung_crossed")
    if context.value("target_organ", TARGET) == "lung" and crossed == "no":
        return [context.finding("lung-denied", "The target lies in the lung, but crossing lung or pleura is denied.")]
    return []


@REGISTRY.check("lung_reserve")
def lung_reserve(context: StageContext) -> list[Finding]:
    found = []
    for name, words in (
        ("single_lung", "There is only one working lung"),
        ("emphysema", "Emphysema or bullae lie on the path"),
        ("pulmonary_hypertension", "There is pulmonary hypertension"),
    ):
        answer = context.value(name)
        subject = f"{context.stage.id}.{name}"
        if answer == "yes":
            text = f"{words}: a pneumothorax or a bleeding may be lethal."
            found.append(context.finding(f"lung-{name.replace('_', '-')}", text, subject=subject))
        elif answer != "no":
            found.append(not_evaluated(context, f"{words.lower()}: not known", subject=subject))
    cooperates = context.value("cooperates")
    if cooperates == "no":
        text = "The patient cannot hold the breath or coughs: plan anaesthesia or another way."
        found.append(context.finding("no-breath-hold", text, severity=Severity.WARN))
    return found


@REGISTRY.check("chest_drain_kit")
def chest_drain_kit(context: StageContext) -> list[Finding]:
    if context.value("chest_drain_kit") == "yes":
        return []
    return [context.finding("no-chest-drain", "Lung is crossed, and no chest drain kit is in the room.")]


@REGISTRY.check("organ_before_lesion")
def organ_before_lesion(context: StageContext) -> list[Finding]:
    subcapsular = context.value("subcapsular")
    if subcapsular == "no" or (subcapsular == "yes" and context.value("organ_first") == "yes"):
        return []
    if subcapsular == "yes":
        return [context.finding("capsule-direct", "A subcapsular lesion is reached straight through the capsule.")]
    return [not_evaluated(context, "whether the lesion lies under the capsule is not known")]
