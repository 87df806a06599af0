"""Anticoagulants by bleeding class, with hold and restart; metformin."""

from __future__ import annotations

from datetime import date

from planner.findings import Finding, Severity
from planner.model.people import Medication
from planner.workflow.context import StageContext
from procedures.spine.fitness_checks import days_of
from procedures.spine.kidney import kidney_function
from procedures.spine.registry import REGISTRY
from procedures.spine.support import against, flag, limit, not_evaluated, number, text_of

HOLD_OF = {
    "warfarin": "warfarin",
    "clopidogrel": "clopidogrel",
    "doac": "doac",
    "lmwh-prophylactic": "lmwh_prophylactic",
    "lmwh-therapeutic": "lmwh_therapeutic",
    "ufh": "ufh",
}
"""Kind of medicine -> parameter with its holding time."""
NOT_HELD_IN_LOW_CLASS = ("doac", "clopidogrel")
"""SIR 2019 does not ask to stop these for low-risk procedures, such as embolisation."""


def day_of_procedure(context: StageContext) -> date:
    return context.session.performed_on or context.session.planned_on or context.today


@REGISTRY.check("medicine_hold_and_restart")
def medicine_hold_and_restart(context: StageContext) -> list[Finding]:
    answer = context.value("anticoagulation")
    mine = [each for each in context.case.medication if (each.kind or "") in HOLD_OF]
    if answer not in ("yes", "no"):
        return [
            not_evaluated(context, "whether an anticoagulant is taken is not known", code="anticoagulation-unknown")
        ]
    if answer == "yes" and not mine:
        text = "An anticoagulant or antiplatelet is taken, but none is listed with its kind."
        return [context.finding("anticoagulant-not-listed", text)]
    found = []
    for medicine in mine:
        found += _restart(context, medicine)
        found += _hold(context, medicine)
    return found


def _restart(context: StageContext, medicine: Medication) -> list[Finding]:
    subject = f"fitness.medication.{medicine.name}"
    found = []
    if medicine.hold_from is not None and medicine.restart_on is None:
        text = f"{medicine.name} is held, but its restart is not written down."
        found.append(context.finding("hold-without-restart", text, subject=subject))
    decided = text_of(medicine.hold_decided_by)
    if medicine.hold_from is not None and context.value("thrombotic_risk_high") == "yes" and not decided:
        text = f"High thrombotic risk: nobody is named who decided to hold {medicine.name}."
        found.append(context.finding("hold-not-decided", text, subject=subject))
    return found


def _hold(context: StageContext, medicine: Medication) -> list[Finding]:
    risk, kind = context.value("bleeding_class"), medicine.kind or ""
    subject = f"fitness.medication.{medicine.name}"
    if risk == "low" and kind in NOT_HELD_IN_LOW_CLASS and not flag(limit(context, "low_class_holds")):
        if medicine.hold_from is None:
            return []
        text = f"{medicine.name}: the low-risk class does not ask for a hold (SIR 2019); check that it is wanted."
        return [context.finding("hold-not-asked", text, severity=Severity.INFO, subject=subject)]
    wanted = limit(context, HOLD_OF[kind])
    since = medicine.hold_from or medicine.last_dose_on
    if since is None:
        text = f"{medicine.name}: neither a hold nor the last dose is written down."
        return [context.finding("hold-missing", text, subject=subject)]
    days = float((day_of_procedure(context) - since).days)
    if days >= days_of(wanted):
        return []
    text = f"{medicine.name} is held for {days:.0f} d only; the profile asks for {number(wanted):g} {wanted.unit}."
    return [against(context, "hold-too-short", text, days, wanted, limit=days_of(wanted), unit="d", subject=subject)]


@REGISTRY.check("metformin_plan")
def metformin_plan(context: StageContext) -> list[Finding]:
    answer = context.value("metformin")
    if answer == "no" or (answer is None and context.value("diabetes") in ("no", None)):
        return []
    if answer != "yes":
        return [not_evaluated(context, "whether metformin is taken is not known", code="metformin-unknown")]
    kidney = kidney_function(context, limit(context, "creatinine_window"))
    wanted = limit(context, "egfr")
    if kidney.egfr is None:
        return [not_evaluated(context, f"metformin, and {kidney.why}", code="metformin-kidney")]
    if kidney.egfr >= number(wanted):
        return []
    text = f"Metformin and eGFR {kidney.egfr:.0f}: hold it and check the kidney before it is restarted."
    return [against(context, "metformin-kidney", text, kidney.egfr, wanted)]
