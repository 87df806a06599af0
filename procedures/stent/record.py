"""The record: what was found, how it ended, each stent against its plan. Nothing here refuses a record."""

from __future__ import annotations

from typing import Any

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from planner.workflow.devices import REGISTER
from procedures.spine.support import against, as_date, as_number, limit, not_evaluated, number, text_of
from procedures.stent.registry import REGISTRY
from procedures.stent.sepsis import is_infected
from procedures.stent.sites import asked, chosen, nothing_placed, planned_stents
from procedures.stent.type_checks import IODINE

DONE = ("done", "changed", "added")
"""States of a stent that lies in the body."""
STENT_KINDS = ("stent", "stent-retrievable")


def placed_rows(context: StageContext) -> list[dict[str, Any]]:
    """The recorded stents that were placed."""
    return [row for row in context.rows("placed", "crossing_drain_stent") if row.get("status") in DONE]


@REGISTRY.check("anatomy_as_planned")
def anatomy_as_planned(context: StageContext) -> list[Finding]:
    answer = context.value("as_planned")
    if answer == "yes":
        return []
    if answer != "no":
        return [not_evaluated(context, "whether the anatomy is as planned")]
    told = text_of(context.value("difference")) or "not said what"
    return [context.finding("anatomy-differs", f"Not as planned: {told}. Size and ends are judged again.")]


@REGISTRY.check("bile_and_contrast")
def bile_and_contrast(context: StageContext) -> list[Finding]:
    """Many punctures, pus, nothing sent, and more contrast than an infected duct should get."""
    found = []
    punctures, most = as_number(context.value("punctures")), limit(context, "most")
    if punctures is not None and punctures > number(most):
        text = f"{punctures:g} punctures: bleeding and leak are more likely."
        found.append(against(context, "many-punctures", text, punctures, most, subject="findings_before.punctures"))
    look, go = context.value("bile_look"), context.value("go")
    if look == "pus" and go == "stent":
        text = "Pus came, and a stent is the next step: no stent through pus, drain alone."
        found.append(context.finding("stent-through-pus", text, subject="findings_before.bile_look"))
    elif look == "blood":
        text = "Blood came: look for a vessel on the tract before it is widened."
        found.append(context.finding("blood", text, subject="findings_before.bile_look"))
    infected = is_infected(context) or look in ("pus", "turbid")
    given, small = as_number(context.value("contrast_duct")), limit(context, "contrast")
    if infected and given is not None and given > number(small):
        text = f"{given:g} mL contrast into infected ducts; as little as possible."
        found.append(against(context, "much-contrast", text, given, small, subject="findings_before.contrast_duct"))
    sent = chosen(context, "bile_sent")
    if infected and "culture" not in sent:
        text = "Infected, and no bile was sent for culture."
        found.append(context.finding("bile-not-cultured", text, subject="findings_before.bile_sent"))
    if not sent:
        found.append(not_evaluated(context, "what was sent of the bile", subject="findings_before.bile_sent"))
    return found


@REGISTRY.check("veins_before")
def veins_before(context: StageContext) -> list[Finding]:
    """Thrombus before the stent, and both pressures."""
    told = {"there": ("thrombus-there", "Thrombus is there: it goes to the lung, or back into the stent.")}
    found = asked(context, "thrombus_seen", "thrombus was not looked for", told, fine=("none", "cleared"))
    names = ("pressure_peripheral", "pressure_central")
    if any(as_number(context.value(name)) is None for name in names):
        found.append(not_evaluated(context, "the pressure gradient before", code="no-pressure-before"))
    return found


@REGISTRY.check("go_answered")
def go_answered(context: StageContext) -> list[Finding]:
    """Go on or stop; what was said here and how it ended agree."""
    go, ended = context.value("go"), context.value("state", "crossing_drain_stent")
    if go is None:
        return [not_evaluated(context, "whether to go on")]
    expected = "nothing" if go == "no-go" else go
    if ended is None or ended == expected:
        return []
    text = f"Decided here: {str(go).replace('-', ' ')}; it ended with: {str(ended).replace('-', ' ')}."
    return [context.finding("ended-differently", text, severity=Severity.INFO)]


@REGISTRY.check("state_said")
def state_said(context: StageContext) -> list[Finding]:
    """Drain only and balloon only are states of their own, not failures; each says what follows."""
    state = context.value("state")
    if state is None:
        return [not_evaluated(context, "how it ended")]
    if state == "stent":
        if placed_rows(context):
            return []
        return [context.finding("no-stent-recorded", "It ended with a stent, and none is recorded.")]
    if not text_of(context.value("state_reason")):
        text = f"{str(state).replace('-', ' ').capitalize()}: why, and what follows when, is not written down."
        return [context.finding("state-without-reason", text)]
    found = []
    if state == "drain-only" and not context.rows("drains"):
        found.append(context.finding("no-drain-recorded", "Drain only, and no drain is recorded."))
    words = str(state).replace("-", " ")
    text = f"State: {words}. {text_of(context.value('state_reason'))}"
    return [*found, context.finding("ended-without-stent", text, severity=Severity.INFO)]


@REGISTRY.check("stents_recorded")
def stents_recorded(context: StageContext) -> list[Finding]:
    """Every planned stent has a row; a change has a reason; what was placed has a lot and its ends."""
    if nothing_placed(context):
        return []
    rows = context.rows("placed")
    recorded = {f"{number:g}" for row in rows if (number := as_number(row.get("order"))) is not None}
    found = [
        context.finding("stent-not-recorded", f"{each.name} was planned and is not recorded.", subject=each.subject)
        for each in planned_stents(context)
        if each.number not in recorded
    ]
    for index, row in enumerate(rows, start=1):
        subject = f"crossing_drain_stent.{index}"
        status = row.get("status")
        if status is None:
            found.append(not_evaluated(context, f"stent {index}: placed or not", subject=subject))
        elif status != "done" and not text_of(row.get("reason")):
            text = f"Stent {index}: {str(status).replace('-', ' ')}, and why is not written down."
            found.append(context.finding("stent-without-reason", text, subject=subject))
        if status in DONE:
            missing = [
                words
                for words, name in (("lot", "lot"), ("first end", "upper_end"), ("other end", "lower_end"))
                if not text_of(row.get(name))
            ]
            if missing:
                text = f"Stent {index}: {', '.join(missing)} not written down."
                found.append(context.finding("stent-record-incomplete", text, subject=subject))
    return found


@REGISTRY.check("placed_against_plan")
def placed_against_plan(context: StageContext) -> list[Finding]:
    """Another size or another type than planned."""
    planned = {each.number: each for each in planned_stents(context)}
    found = []
    for row in placed_rows(context):
        order = as_number(row.get("order"))
        each = planned.get("" if order is None else f"{order:g}")
        if each is None:
            continue
        subject = f"crossing_drain_stent.{each.number}"
        sizes = (("diameter", each.diameter_mm, "diameter_mm"), ("length", each.length_mm, "length_mm"))
        for words, wanted, name in sizes:
            real = as_number(row.get(name))
            if wanted is not None and real is not None and real != wanted:
                text = f"{each.name}: {words} {real:g} mm placed, {wanted:g} mm planned."
                more = {"measured": real, "limit": wanted, "unit": "mm", "subject": f"{subject}.{words}"}
                found.append(context.finding("size-differs", text, **more))
        if each.type is not None and row.get("type") not in (None, each.type.key):
            text = f"{each.name}: {row['type']} placed, {each.type.key} planned."
            found.append(context.finding("type-differs", text, subject=f"{subject}.type"))
    return found


@REGISTRY.check("expansion_seen")
def expansion_seen(context: StageContext) -> list[Finding]:
    least, found = limit(context, "least"), []
    for index, row in enumerate(placed_rows(context), start=1):
        value, subject = as_number(row.get("expansion")), f"crossing_drain_stent.{index}.expansion"
        if value is None:
            found.append(not_evaluated(context, f"how far stent {index} opened", subject=subject))
        elif value < number(least):
            text = f"Stent {index} opened to {value:g} %: dilate, or look again on the next day."
            found.append(against(context, "not-expanded", text, value, least, subject=subject))
    return found


@REGISTRY.check("stents_in_register")
def stents_in_register(context: StageContext) -> list[Finding]:
    """What stays in the body is in the register of devices; what has to come out has its date there."""
    rows = [row for row in context.rows(REGISTER, "sign_out") if row.get("action") == "placed"]
    stents, drains = ([row for row in rows if row.get("kind") in kinds] for kinds in (STENT_KINDS, ("drain",)))
    found = []
    wanted = len(placed_rows(context))
    if len(stents) < wanted:
        text = f"{wanted} stents were placed, {len(stents)} are in the register of devices in the body."
        found.append(context.finding("not-in-register", text))
    if context.rows("drains") and not drains:
        found.append(context.finding("drain-not-in-register", "The drain is not in the register of devices."))
    if context.value("retrievable", "stent_plan") == "out" and wanted:
        due = [row for row in stents if row.get("kind") == "stent-retrievable" and as_date(row.get("due_on"))]
        if not due:
            text = "The stent has to come out: the register has no stent to be removed with a date."
            found.append(context.finding("register-without-date", text))
    return found


@REGISTRY.check("seeds_recorded")
def seeds_recorded(context: StageContext) -> list[Finding]:
    """A loaded stent: seeds and activity that stay in the body."""
    if not any(row.get("type") == IODINE for row in placed_rows(context)):
        return []
    seeds, activity = as_number(context.value("seeds_placed")), as_number(context.value("activity_total"))
    if seeds is None or activity is None:
        return [not_evaluated(context, "seeds and activity left in the body", code="seeds-not-recorded")]
    planned = as_number(context.value("seed_number", "stent_plan"))
    if planned is not None and seeds != planned:
        text = f"{seeds:g} seeds left in the body, {planned:g} planned: count them and survey the room."
        return [context.finding("seeds-differ", text, measured=seeds, limit=planned, unit="1")]
    return []
