"""Kidney, ear, airway and feeding before cisplatin; hydration, thiosulfate and heparin."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.infusion_head_neck.registry import REGISTRY
from procedures.spine.kidney import kidney_function
from procedures.spine.support import (
    against,
    age,
    as_date,
    as_number,
    from_rule,
    limit,
    not_evaluated,
    number,
    text_of,
    unknown_value,
    weight,
)
from procedures.tace import early_course

REGISTRY.check("kidney_after")(early_course.kidney_after)


@REGISTRY.compute("clearance_for_cisplatin")
def clearance_for_cisplatin(context: StageContext) -> list[Computed]:
    found = kidney_function(context, context.limit("creatinine_window_days"))
    if found.clearance_result is None:
        return [unknown_value("clearance", "Creatinine clearance", found.why, "cockcroft_gault")]
    inputs = {
        "creatinine": found.creatinine.printed(),
        "age": age(context).printed(),
        "weight": weight(context).printed(),
    }
    return [from_rule(found.clearance_result, "crcl", "clearance", "Creatinine clearance", inputs=inputs)]


@REGISTRY.check("clearance_enough")
def clearance_enough(context: StageContext) -> list[Finding]:
    """Clearance by Cockcroft-Gault, from a stable kidney and a creatinine in date, against the limit ``least``."""
    found, least = kidney_function(context, limit(context, "window")), limit(context, "least")
    if found.clearance is None:
        why = found.why or "a value is missing"
        return [not_evaluated(context, f"creatinine clearance: {why}", code="clearance-not-evaluated")]
    if found.clearance >= number(least):
        return []
    text = f"Creatinine clearance {shown(round(found.clearance, 1), 'mL/min')}; {number(least):g} are asked for."
    return [against(context, "clearance-low", text, found.clearance, least)]


@REGISTRY.check("hearing_known")
def hearing_known(context: StageContext) -> list[Finding]:
    """An audiogram in date; a loss is asked about, because cisplatin adds to it."""
    result, taken, window = context.value("audiogram"), as_date(context.value("audiogram_on")), limit(context, "days")
    if result in (None, "not-done") or taken is None:
        return [not_evaluated(context, "there is no audiogram, or it has no date", code="audiogram-missing")]
    found = []
    days = float((context.today - taken).days)
    if days > number(window):
        text = f"The audiogram is {days:.0f} days old."
        found.append(against(context, "audiogram-old", text, days, window))
    if result in ("speech", "deaf"):
        text = "Hearing is lost in speech tones: cisplatin may take the rest."
        found.append(context.finding("hearing-lost", text, subject=f"{context.stage.id}.audiogram"))
    elif result == "mild":
        text = "High tones are lost already: hear the patient before every infusion."
        more = {"severity": Severity.INFO, "subject": f"{context.stage.id}.audiogram"}
        found.append(context.finding("high-tones-lost", text, **more))
    return found


@REGISTRY.check("neuropathy_known")
def neuropathy_known(context: StageContext) -> list[Finding]:
    """Cisplatin adds to a neuropathy; from the limit ``grade`` it is said."""
    answer, said = context.value("neuropathy"), limit(context, "grade")
    if not isinstance(answer, str) or not answer.isdigit():
        return [not_evaluated(context, "neuropathy was not examined")]
    if float(answer) < number(said):
        return []
    text = f"Neuropathy of grade {answer} before cisplatin."
    return [against(context, "neuropathy", text, float(answer), said)]


@REGISTRY.check("airway_secured")
def airway_secured(context: StageContext) -> list[Finding]:
    """A threatened airway has a tracheostomy, nutritional risk a tube."""
    found = []
    state, tube = context.value("airway_state"), context.value("tracheostomy")
    if state in ("narrow", "stridor") and tube not in ("present", "planned"):
        text = "The airway is threatened and no tracheostomy is planned: infusion makes the tumour swell."
        found.append(context.finding("airway", text))
    elif state in (None, "unknown"):
        found.append(not_evaluated(context, "the airway was not judged"))
    score, risk = as_number(context.value("nrs2002", "fitness")), limit(context, "nutrition")
    if score is not None and score >= number(risk) and context.value("feeding") == "mouth":
        text = f"NRS 2002 is {score:g} and feeding is by mouth alone: think of a tube before mucositis."
        more = {"severity": Severity.WARN, "subject": f"{context.stage.id}.feeding"}
        found.append(against(context, "feeding", text, score, risk, **more))
    return found


@REGISTRY.check("hydration_checked")
def hydration_checked(context: StageContext) -> list[Finding]:
    if text_of(context.value("cisplatin_hydration")) and text_of(context.value("pharmacist_checked")):
        return []
    return [context.finding("hydration", "Hydration and diuresis for cisplatin: not written, or no pharmacist named.")]


@REGISTRY.check("thiosulfate_planned")
def thiosulfate_planned(context: StageContext) -> list[Finding]:
    """With or without, it is said; the original protocol of 150 mg/m² rests on it."""
    answer = context.value("thiosulfate")
    if answer not in ("simultaneous", "none"):
        return [not_evaluated(context, "whether thiosulfate is given with cisplatin")]
    if not text_of(context.value("thiosulfate_order")):
        text = "Thiosulfate: neither its amount nor why none is given is written down."
        return [context.finding("thiosulfate-order", text)]
    if answer == "none" and context.value("protocol", "course_plan") == "radplat":
        text = "150 mg/m² of cisplatin without thiosulfate: the protocol rests on the neutraliser."
        return [context.finding("no-thiosulfate", text)]
    return []


@REGISTRY.check("heparin_planned")
def heparin_planned(context: StageContext) -> list[Finding]:
    if text_of(context.value("heparin")):
        return []
    return [context.finding("no-heparin", "Heparin in the room is not planned.")]


@REGISTRY.check("hearing_after")
def hearing_after(context: StageContext) -> list[Finding]:
    answer = context.value("hearing_after")
    if answer == "unchanged":
        return []
    if answer == "worse":
        text = "Hearing is worse, or tinnitus: audiogram before the next infusion."
        return [context.finding("hearing-worse", text)]
    return [not_evaluated(context, "hearing and tinnitus were not asked for")]
