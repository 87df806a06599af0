"""Referral: is it known what the patient has, was it asked what was done elsewhere."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.spine.registry import REGISTRY
from procedures.spine.support import against, as_date, limit, number


@REGISTRY.check("histology_known")
def histology_known(context: StageContext) -> list[Finding]:
    diagnosis = context.case.diagnosis
    if diagnosis.histology is None:
        text = "The tumour type is not known; rules that depend on it do not speak."
        return [context.finding("histology-unknown", text, subject=f"{context.stage.id}.histology")]
    if diagnosis.proof is None and diagnosis.histology != "benign":
        text = f"{diagnosis.histology}: how it was proved is not written down."
        return [context.finding("proof-unknown", text, subject=f"{context.stage.id}.proof", severity=Severity.WARN)]
    return []


@REGISTRY.check("outside_sessions_asked")
def outside_sessions_asked(context: StageContext) -> list[Finding]:
    answer = context.case.outside_sessions
    if answer in ("yes", "no"):
        return []
    said = "is unknown" if answer == "unknown" else "was not asked"
    text = f"Known sessions only: whether there were treatments elsewhere {said}; cumulative totals may be too low."
    return [context.finding("outside-treatments-unknown", text)]


@REGISTRY.check("emergency_short_form")
def emergency_short_form(context: StageContext) -> list[Finding]:
    if context.value("urgency") != "emergency" or context.session.emergency:
        return []
    text = "This is an emergency, but the session is planned with the full form; switch it to the emergency form."
    return [context.finding("emergency-form", text)]


@REGISTRY.check("systemic_therapy_noted")
def systemic_therapy_noted(context: StageContext) -> list[Finding]:
    recent = limit(context, "recent")
    found = []
    for name, words in (("anti_vegf_last_dose", "Anti-VEGF"), ("ici_last_dose", "Immune checkpoint inhibitor")):
        given_on = as_date(context.value(name))
        if given_on is None:
            continue
        days = float((context.today - given_on).days)
        if 0 <= days <= number(recent):
            advice = (
                "bleeding and wound healing" if name.startswith("anti") else "liver tests, thyroid and cortisol first"
            )
            text = f"{words} was last given {days:.0f} days ago: {advice}."
            found.append(against(context, "recent-systemic-therapy", text, days, recent, subject=f"referral.{name}"))
    return found
