"""Organ packs: what each organ asks for before its artery is closed or infused."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.embolisation.places import organ_of
from procedures.embolisation_organ.registry import REGISTRY
from procedures.embolisation_organ.target import TARGET
from procedures.spine.support import choices_of, not_evaluated, text_of

CORD = frozenset({"lung", "bone", "soft-tissue"})
"""Organs whose arteries may carry the supply of the spinal cord."""
PELVIC = frozenset({"bladder", "uterus"})


def _asked(context: StageContext, name: str, why: str, code: str, text: str, bad: str = "yes") -> list[Finding]:
    """One question of a pack: ``no`` is silent, the bad answer is said, anything else is not evaluated."""
    answer, subject = context.value(name), f"{TARGET}.{name}"
    if answer == bad:
        return [context.finding(code, text, subject=subject)]
    return [] if answer in ("yes", "no") else [not_evaluated(context, why, subject=subject)]


@REGISTRY.check("lung_pack")
def lung_pack(context: StageContext) -> list[Finding]:
    if organ_of(context) != "lung":
        return []
    return _asked(
        context,
        "pulmonary_hypertension",
        "pulmonary hypertension or a bronchial-pulmonary shunt was not asked for",
        "pulmonary-hypertension",
        "Pulmonary hypertension or a shunt to the lung vessels: particles end in the lung.",
    )


@REGISTRY.check("kidney_pack")
def kidney_pack(context: StageContext) -> list[Finding]:
    """The other kidney, and thrombus in the vein."""
    if organ_of(context) != "kidney":
        return []
    other = _asked(
        context,
        "other_kidney",
        "whether the other kidney works is not known",
        "no-other-kidney",
        "There is no other working kidney: dialysis may follow.",
        bad="no",
    )
    vein = _asked(
        context,
        "vein_thrombus",
        "tumour in the renal vein was not looked for",
        "renal-vein",
        "Tumour in the renal vein: fragments and particles may reach the lung.",
    )
    return [*other, *vein]


@REGISTRY.check("pelvic_pack")
def pelvic_pack(context: StageContext) -> list[Finding]:
    """Radiotherapy before, and both sides at once: nerves, skin and bladder may die."""
    if organ_of(context) not in PELVIC:
        return []
    found = _asked(
        context,
        "pelvic_radiotherapy",
        "radiotherapy of the pelvis was not asked for",
        "irradiated",
        "The pelvis was irradiated: necrosis of bladder, skin or nerve is more likely.",
    )
    sides = context.value("pelvic_sides")
    if sides is None:
        subject = f"{TARGET}.pelvic_sides"
        found.append(not_evaluated(context, "one side or both is not said", subject=subject))
    return found


@REGISTRY.check("gut_pack")
def gut_pack(context: StageContext) -> list[Finding]:
    """Stomach and pancreas: ulcer, and surgery that took the second supply away."""
    if organ_of(context) not in ("stomach", "pancreas"):
        return []
    return [
        *_asked(
            context,
            "ulcer",
            "an open ulcer was not asked for",
            "ulcer",
            "An open ulcer: what is infused or closed there may perforate it.",
        ),
        *_asked(
            context,
            "supply_cut",
            "surgery on the supply of stomach or pancreas was not asked for",
            "supply-cut",
            "An earlier operation cut part of the supply: what is left is the only one.",
        ),
    ]


@REGISTRY.check("spleen_pack")
def spleen_pack(context: StageContext) -> list[Finding]:
    """A spleen that is closed no longer guards against encapsulated germs."""
    if organ_of(context) != "spleen":
        return []
    return _asked(
        context,
        "vaccinated",
        "vaccination before the spleen is closed was not asked for",
        "not-vaccinated",
        "Not vaccinated: pneumococcus, meningococcus and haemophilus first, where there is time.",
        bad="no",
    )


@REGISTRY.check("bone_pack")
def bone_pack(context: StageContext) -> list[Finding]:
    """Spine and nerve before, and the artery of the cord by its level."""
    if organ_of(context) != "bone":
        return []
    found = _asked(
        context,
        "cord_compression",
        "compression of cord or nerve was not looked for",
        "cord-compression",
        "Cord or nerve is compressed: the surgeon speaks first; swelling may follow.",
    )
    if not text_of(context.value("neurology")):
        text = "The neurological state before treatment is not written down."
        found.append(context.finding("no-neurology", text, subject=f"{TARGET}.neurology"))
    return found


@REGISTRY.check("soft_tissue_pack")
def soft_tissue_pack(context: StageContext) -> list[Finding]:
    if organ_of(context) != "soft-tissue":
        return []
    return _asked(
        context,
        "skin_involved",
        "whether skin depends on the same artery was not asked for",
        "skin",
        "Skin depends on the same artery: necrosis of the skin.",
    )


@REGISTRY.check("combination_said")
def combination_said(context: StageContext) -> list[Finding]:
    """What else treats the same lesion, and in which order."""
    others = set(choices_of(context.value("combined_with")))
    if not others:
        return [not_evaluated(context, "what else is planned for the lesion")]
    if others - {"none"} and not text_of(context.value("order_of_treatments")):
        return [context.finding("order-missing", "Combined treatment: the order is not written down.")]
    return []
