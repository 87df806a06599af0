"""The meeting's decision, consent, and the plan's own signature."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from planner.workflow.template import Computed, Phase
from procedures.spine.registry import REGISTRY
from procedures.spine.support import against, as_date, choices_of, flag, limit, not_evaluated, number, text_of


def urgent(context: StageContext) -> bool:
    """Whether the referral is not elective, or the session runs on the emergency form."""
    return context.session.emergency or context.value("urgency", "referral") in ("emergency", "urgent")


@REGISTRY.check("decision_recorded")
def decision_recorded(context: StageContext) -> list[Finding]:
    if text_of(context.value("decision")) and context.value("meeting_date"):
        return []
    weaker = {"severity": Severity.INFO} if urgent(context) else {}
    text = "No decision of the meeting is recorded for this treatment."
    return [context.finding("no-decision", text, **weaker)]


@REGISTRY.check("decision_in_date")
def decision_in_date(context: StageContext) -> list[Finding]:
    held_on = as_date(context.value("meeting_date"))
    if held_on is None:
        return [] if urgent(context) else [not_evaluated(context, "the date of the meeting is unknown")]
    found = []
    days, window = float((context.today - held_on).days), limit(context, "days")
    if days > number(window):
        text = f"The decision of {held_on.isoformat()} is {days:.0f} days old and has expired."
        found.append(against(context, "decision-expired", text, days, window))
    if context.value("progression_since") == "yes":
        found.append(context.finding("progression-since-decision", "Progression since the meeting: decide again."))
    return found


@REGISTRY.check("senior_physician_named")
def senior_physician_named(context: StageContext) -> list[Finding]:
    required = limit(context, "required")
    if not flag(required) or text_of(context.value("senior_physician")):
        return []
    text = "The profile asks for an associate chief physician or above who decides and does it; none is named."
    return [context.finding("senior-physician", text, source=required.source, tag=required.tag)]


@REGISTRY.check("repeat_explained")
def repeat_explained(context: StageContext) -> list[Finding]:
    if context.session.started_from is None or text_of(context.value("why_again")):
        return []
    text = "This is a further session: the reason, the alternatives told and the patient's answer are not recorded."
    return [context.finding("repeat-not-explained", text)]


@REGISTRY.check("consent_given")
def consent_given(context: StageContext) -> list[Finding]:
    status = context.value("status")
    if status in ("given", "seen"):
        return []
    if status == "refused":
        return [context.finding("consent-refused", "The patient has refused.")]
    if status == "emergency":
        if text_of(context.value("route")):
            return []
        return [context.finding("consent-route", "Emergency: the route of consent is not written down.")]
    return [context.finding("no-consent", "Consent is neither given nor seen.")]


@REGISTRY.check("consent_family")
def consent_family(context: StageContext) -> list[Finding]:
    required = limit(context, "required")
    if not flag(required) or "family" in choices_of(context.value("given_by")):
        return []
    text = "The profile asks for the consent of the family as well."
    return [context.finding("family-consent", text, source=required.source, tag=required.tag)]


@REGISTRY.check("consent_after_decision")
def consent_after_decision(context: StageContext) -> list[Finding]:
    given_on, decided_on = as_date(context.value("date")), as_date(context.value("meeting_date", "decision"))
    if given_on is None or decided_on is None or given_on >= decided_on:
        return []
    text = f"The consent of {given_on.isoformat()} is older than the decision of {decided_on.isoformat()}."
    return [context.finding("consent-before-decision", text)]


@REGISTRY.check("many_overrides")
def many_overrides(context: StageContext) -> list[Finding]:
    count, many = float(len(context.session.overrides)), limit(context, "many")
    if count < number(many):
        return []
    text = f"{count:.0f} findings were overridden on this session; read them out at the meeting and in the time-out."
    return [against(context, "many-overrides", text, count, many)]


@REGISTRY.check("prepared_and_signed_by_two")
def prepared_and_signed_by_two(context: StageContext) -> list[Finding]:
    prepared = text_of(context.value("prepared_by")).casefold()
    signed = [each for each in context.session.signoffs if each.stage == context.stage.id]
    if not prepared or not any(each.by.strip().casefold() == prepared for each in signed):
        return []
    return [context.finding("one-name", "Prepared and signed by the same person; two names are asked for.")]


@REGISTRY.compute("overrides_listed")
def overrides_listed(context: StageContext) -> list[Computed]:
    """Every override of decision and plan with person and reason: it stands on the plan and is read out.

    Those of the day come after the plan was signed and must not make that signature stale.
    """
    planned = {stage.id for stage in context.template.stages if stage.phase in (Phase.DECIDE, Phase.PLAN)}
    found = [each for each in context.session.overrides if each.stage in planned]
    lines = [f"{each.stage}: {each.code} – {each.by}: {each.reason}" for each in found]
    return [
        Computed(
            id="overrides",
            label="Overrides",
            value=float(len(found)),
            unit="1",
            arithmetic="; ".join(lines) or "none",
            source="practice notes section 4 nos. 1 and 23",
            tag="P",
            note="A signed plan is not a clearance to treat.",
        )
    ]
