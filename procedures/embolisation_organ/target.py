"""Organ and purpose: what is treated, what for, and whether the agents fit that."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.embolisation.agents import planned_kinds
from procedures.embolisation.places import organ_of, targets
from procedures.embolisation_organ.registry import REGISTRY
from procedures.spine.medicine_checks import day_of_procedure
from procedures.spine.support import against, as_date, limit, not_evaluated, number

TARGET = "target"
MARKED_AS = {
    "bone": frozenset({"bone", "spine"}),
    "uterus": frozenset({"uterus", "cervix", "other"}),
    "bladder": frozenset({"bladder", "other"}),
    "stomach": frozenset({"stomach", "other"}),
    "pancreas": frozenset({"pancreas", "other"}),
    "spleen": frozenset({"spleen", "other"}),
    "soft-tissue": frozenset({"soft-tissue", "other"}),
}
"""Organ of the template -> organs by which its lesions may be marked; the list of lesions knows fewer organs."""
INFUSION, PREOPERATIVE = "infusion", "preoperative"


@REGISTRY.check("organ_and_purpose")
def organ_and_purpose(context: StageContext) -> list[Finding]:
    """Both are known; what bleeds goes to the short form of the bleeding template."""
    found = []
    if organ_of(context) is None:
        found.append(not_evaluated(context, "the organ is not chosen", subject=f"{TARGET}.target_organ"))
    purpose = context.value("purpose")
    if purpose is None:
        found.append(not_evaluated(context, "the purpose is not chosen", subject=f"{TARGET}.purpose"))
    if context.value("bleeding_now") == "yes":
        text = "It bleeds now: use the template for bleeding, whose short form asks for less and for other things."
        found.append(context.finding("bleeding-now", text, severity=Severity.WARN))
    return found


@REGISTRY.check("lesions_of_organ")
def lesions_of_organ(context: StageContext) -> list[Finding]:
    """The lesions of the session lie in the organ that the plan is for."""
    organ = organ_of(context)
    if organ is None:
        return []
    accepted = MARKED_AS.get(organ, frozenset({organ}))
    found = []
    for each in targets(context):
        if each.organ not in accepted:
            place = each.organ.replace("-", " ")
            text = f"{each.name} is marked in the {place}, the plan is for the {organ.replace('-', ' ')}."
            found.append(context.finding("organ-differs", text, subject=f"{TARGET}.{each.id}"))
    return found


@REGISTRY.check("operation_follows")
def operation_follows(context: StageContext) -> list[Finding]:
    """Embolised before surgery: the operation follows within the limit ``latest``, before new vessels open."""
    if context.value("purpose") != PREOPERATIVE:
        return []
    operation, latest = as_date(context.value("operation_on")), limit(context, "latest")
    if operation is None:
        return [not_evaluated(context, "the date of the operation")]
    days = float((operation - day_of_procedure(context)).days)
    if days < 0:
        return [context.finding("operation-before", "The operation is dated before the embolisation.")]
    if days <= number(latest):
        return []
    text = f"The operation follows {days:.0f} days later; within {number(latest):g} it bleeds least."
    return [against(context, "operation-late", text, days, latest)]


@REGISTRY.check("agents_fit_purpose")
def agents_fit_purpose(context: StageContext) -> list[Finding]:
    """An infusion has a drug, an embolisation has an embolic."""
    purpose, chosen = context.value("purpose", TARGET), planned_kinds(context)
    if purpose is None or not chosen:
        return []
    if purpose == INFUSION and "drug" not in chosen:
        return [context.finding("infusion-without-drug", "An infusion is planned, and no drug is among the agents.")]
    if purpose not in (INFUSION, "chemoembolisation") and set(chosen) == {"drug"}:
        return [context.finding("embolisation-without-embolic", "An embolisation is planned, and no embolic is named.")]
    return []
