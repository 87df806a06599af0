"""Protection and anaesthesia: what has to be there before the patient lies on the table."""

from __future__ import annotations

from planner.clinical.comparisons import below
from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.ablation.items import organs_of, technique
from procedures.ablation.paths import accepted
from procedures.ablation.registry import REGISTRY
from procedures.spine.support import against, as_number, choices_of, limit, not_evaluated, number, text_of

MOVES_BOWEL = frozenset({"hydrodissection", "pneumodissection", "balloon", "position"})
WATCHES_NERVES = frozenset(
    {"hydrodissection", "pneumodissection", "thermocouple", "nerve-monitoring", "cooling", "warming"}
)
BOWEL_ORGANS = frozenset({"liver", "kidney", "adrenal", "other"})
LUNG_STRUCTURES = ("lung", "pleura")


@REGISTRY.check("saline_radiofrequency")
def saline_radiofrequency(context: StageContext) -> list[Finding]:
    if context.value("fluid") != "saline":
        return []
    mode = context.value("rf_mode", "modality")
    if mode == "bipolar":
        return []
    if mode is None:
        return [not_evaluated(context, "saline, and whether radiofrequency is monopolar is not known")]
    text = "Saline conducts and burns with monopolar radiofrequency: dextrose 5 %."
    return [context.finding("saline-monopolar", text, subject="protection.fluid")]


@REGISTRY.check("bowel_protected")
def bowel_protected(context: StageContext) -> list[Finding]:
    if not BOWEL_ORGANS & set(organs_of(context)):
        return []
    near, distance = limit(context, "near"), as_number(context.value("bowel_distance", "modality"))
    if distance is None:
        why = "the distance of the target to bowel or stomach is not typed (stage Energy)"
        return [not_evaluated(context, why, severity=Severity.WARN, subject="modality.bowel_distance")]
    if not below(distance, number(near)) or MOVES_BOWEL & set(choices_of(context.value("measures"))):
        return []
    text = f"Bowel or stomach is {distance:g} mm from the target, and nothing moves it away."
    return [against(context, "bowel-unprotected", text, distance, near, subject="protection.measures")]


@REGISTRY.check("nerve_protected")
def nerve_protected(context: StageContext) -> list[Finding]:
    if "bone" not in organs_of(context):
        return []
    near, measures = limit(context, "near"), set(choices_of(context.value("measures")))
    found = []
    for name, words in (("nerve_distance", "A nerve"), ("cord_distance", "The spinal canal")):
        distance = as_number(context.value(name, "target"))
        if distance is None:
            found.append(not_evaluated(context, f"{words}: the distance is not known", subject=f"target.{name}"))
        elif below(distance, number(near)) and not WATCHES_NERVES & measures:
            text = f"{words} is {distance:g} mm from the target: no dissection, temperature or nerve monitoring."
            found.append(against(context, "nerve-unprotected", text, distance, near, subject=f"protection.{name}"))
    return found


@REGISTRY.check("chest_drain_ready")
def chest_drain_ready(context: StageContext) -> list[Finding]:
    """Asked for a target in the lung, and for a path that comes nearer to lung or pleura than wanted."""
    if context.value("chest_drain_kit") == "in-room":
        return []
    if "lung" in organs_of(context):
        return [context.finding("no-chest-drain", "Target in the lung, and no chest drain kit in the room.")]
    for item, body in accepted(context):
        measured = body.measured
        if measured is None:
            continue
        for key in LUNG_STRUCTURES:
            distance, wanted = measured.clearances_mm.get(key), measured.desired_mm.get(key)
            if distance is not None and wanted is not None and below(distance, wanted):
                text = f"{item.name} passes the {key} at {distance:.1f} mm, and no chest drain kit is in the room."
                return [context.finding("no-chest-drain", text, subject=f"protection.{item.id}")]
    return []


@REGISTRY.check("anaesthesia_booked")
def anaesthesia_booked(context: StageContext) -> list[Finding]:
    kind, booked = context.value("kind"), context.value("booked")
    if kind is None or booked is None:
        return [not_evaluated(context, "anaesthesia is not chosen, or nobody says whether it is booked")]
    if booked == "not-booked":
        return [context.finding("anaesthesia-not-booked", f"{kind.capitalize()}: no anaesthetist is booked.")]
    if booked == "not-needed" and kind in ("general", "deep-sedation"):
        return [context.finding("anaesthesia-not-booked", f"{kind.capitalize()} needs an anaesthetist.")]
    return []


@REGISTRY.check("anaesthesia_position")
def anaesthesia_position(context: StageContext) -> list[Finding]:
    here, there = context.value("position"), context.value("patient_position", "paths")
    if here is None or there is None:
        return [not_evaluated(context, "the position is not answered here and in the paths")]
    if here == there:
        return []
    text = f"Anaesthesia expects the patient {here.replace('-', ' ')}, the paths {there.replace('-', ' ')}."
    return [context.finding("position-differs", text)]


@REGISTRY.check("anaesthesia_for_ire")
def anaesthesia_for_ire(context: StageContext) -> list[Finding]:
    if technique(context) != "ire":
        return []
    found = []
    if context.value("kind") != "general":
        found.append(context.finding("ire-not-general", "Electroporation without general anaesthesia."))
    if context.value("relaxation") != "yes":
        text = "Electroporation without muscle relaxation."
        found.append(context.finding("ire-no-relaxation", text, subject="anaesthesia.relaxation"))
    return found


@REGISTRY.check("anaesthesia_for_adrenal")
def anaesthesia_for_adrenal(context: StageContext) -> list[Finding]:
    if "adrenal" not in organs_of(context) or text_of(context.value("pressure_plan")):
        return []
    text = "Adrenal target: no plan for a blood pressure crisis (drugs, arterial line)."
    return [context.finding("no-pressure-plan", text, subject="anaesthesia.pressure_plan")]
