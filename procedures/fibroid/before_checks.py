"""Before: the fibroids on MRI, the ovarian supply, what speaks against it, the gynaecologist."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.embolisation.places import targets
from procedures.fibroid.registry import REGISTRY
from procedures.spine.support import as_date, choices_of, not_evaluated

PEDUNCULATED = {"0": "submucosal on a stalk", "7": "subserosal on a stalk"}
"""FIGO types that hang on a stalk."""


@REGISTRY.check("fibroids_described")
def fibroids_described(context: StageContext) -> list[Finding]:
    """FIGO type and enhancement of every fibroid that is to be treated."""
    rows = {row.get("lesion"): row for row in context.rows("fibroids")}
    found = []
    for lesion in targets(context):
        row, subject = rows.get(lesion.id, {}), f"{context.stage.id}.{lesion.id}"
        figo, enhancement = row.get("figo"), row.get("enhancement")
        if figo is None:
            found.append(not_evaluated(context, f"the FIGO type of {lesion.name}", subject=f"{subject}.figo"))
        elif figo in PEDUNCULATED:
            text = f"{lesion.name} is FIGO {figo}, {PEDUNCULATED[figo]}: a relative contraindication."
            found.append(context.finding("pedunculated", text, subject=f"{subject}.figo"))
        if enhancement in (None, "unknown"):
            found.append(not_evaluated(context, f"enhancement of {lesion.name}", subject=f"{subject}.enhancement"))
        elif enhancement == "none":
            text = f"{lesion.name} does not enhance: it is degenerated already and gains nothing."
            found.append(context.finding("not-enhancing", text, subject=f"{subject}.enhancement"))
    return found


@REGISTRY.check("ovarian_supply")
def ovarian_supply(context: StageContext) -> list[Finding]:
    if context.value("ovarian_supply") in ("none-seen", "right", "left", "both"):
        return []
    return [context.finding("ovarian-not-checked", "NOT CHECKED: supply by an ovarian artery.")]


@REGISTRY.check("fibroid_contraindications")
def fibroid_contraindications(context: StageContext) -> list[Finding]:
    """Absolute: pregnancy, active infection, suspected malignancy. Pregnancy and infection are answered in fitness."""
    found = []
    suspicion = context.value("malignancy")
    if suspicion == "suspected":
        text = "Malignancy is suspected: an absolute contraindication."
        found.append(context.finding("malignancy", text, subject=f"{context.stage.id}.malignancy"))
    elif suspicion != "none":
        subject = f"{context.stage.id}.malignancy"
        found.append(not_evaluated(context, "whether anything points to malignancy", subject=subject))
    for name, bad, words in (
        ("pregnancy", "yes", "Pregnancy"),
        ("active_infection", "yes", "Active infection"),
    ):
        if context.value(name, "fitness") == bad:
            text = f"{words}: an absolute contraindication."
            found.append(context.finding("absolute-contraindication", text, subject=f"fitness.{name}"))
    return found


@REGISTRY.check("gynaecologist_seen")
def gynaecologist_seen(context: StageContext) -> list[Finding]:
    if as_date(context.value("gynaecology_on")) is None:
        return [context.finding("no-gynaecologist", "No gynaecologist has seen the patient.")]
    return []


@REGISTRY.check("fertility_told")
def fertility_told(context: StageContext) -> list[Finding]:
    """A wish for children is a relative contraindication; it is counselled and written down."""
    wish = context.value("fertility_wish")
    if wish == "no":
        return []
    if wish not in ("yes", "unsure"):
        return [not_evaluated(context, "the wish for children was not asked for")]
    if context.value("fertility_counselled") == "yes":
        return []
    text = "A wish for children is a relative contraindication; counselling is not written down."
    return [context.finding("fertility", text)]


@REGISTRY.check("endometrium_known")
def endometrium_known(context: StageContext) -> list[Finding]:
    answer = context.value("endometrial_sample")
    if answer in ("benign", "not-indicated"):
        return []
    if answer in ("atypical", "malignant"):
        return [context.finding("endometrium", f"The endometrial sample is {answer}: decide again.")]
    return [not_evaluated(context, "the endometrial sample, or that none is indicated")]


@REGISTRY.check("hormones_and_coil")
def hormones_and_coil(context: StageContext) -> list[Finding]:
    """GnRH analogues narrow the uterine artery; an intra-uterine device may carry infection."""
    found = []
    hormone, device = context.value("gnrh"), context.value("intrauterine_device")
    if hormone == "running":
        text = "A GnRH analogue is still given: uterine arteries are narrow; it is stopped first."
        found.append(context.finding("gnrh-running", text, subject=f"{context.stage.id}.gnrh"))
    elif hormone not in ("none", "stopped"):
        found.append(not_evaluated(context, "whether a GnRH analogue is given", subject=f"{context.stage.id}.gnrh"))
    if device == "in-place":
        text = "An intra-uterine device is in place: remove it, or say why it stays."
        found.append(context.finding("device-in-place", text, subject=f"{context.stage.id}.intrauterine_device"))
    return found


@REGISTRY.check("symptoms_scored")
def symptoms_scored(context: StageContext) -> list[Finding]:
    if context.value("symptom_score") is not None and choices_of(context.value("symptoms")):
        return []
    return [context.finding("no-symptom-score", "Symptoms and their score before treatment are not written down.")]
