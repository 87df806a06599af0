"""The planned stents: there, sized in the lumen as it is, for this site; what the rules of size said of them."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.model.vessel_items import StentFinding
from planner.planning.stent_catalogue import stent_catalogue
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.support import not_evaluated, text_of, unknown_value
from procedures.stent.lumens import measured_here
from procedures.stent.registry import REGISTRY
from procedures.stent.sepsis import DRAIN_ONLY, SEPSIS
from procedures.stent.sites import (
    CATALOGUE_SITES,
    PlannedStent,
    indication_of,
    planned_stents,
    site_of,
    stale_words,
)

SPOKEN = {"benign-bare-metal", "not-sealing", "balloon-first"}
"""Codes of stored findings that have a check of their own here."""
SEVERITIES = {"block": Severity.BLOCK, "warn": Severity.WARN}


def stent_planned(context: StageContext) -> bool:
    """Whether a stent is planned at all: a drain alone, or a balloon alone, needs none."""
    if site_of(context) == "biliary" and context.value("this_session", SEPSIS) == DRAIN_ONLY:
        return False
    return not (site_of(context) == "ivc" and context.value("balloon_first", "first_steps") == "planned")


@REGISTRY.compute("stent_summary")
def stent_summary(context: StageContext) -> list[Computed]:
    """Each planned stent with its size, place and what it stands on."""
    rows = planned_stents(context)
    if not rows:
        return [unknown_value("stent_lines", "Stents", "no stent is planned")]
    return [_summary(context, each) for each in rows]


def _summary(context: StageContext, each: PlannedStent) -> Computed:
    width, length = each.diameter_mm, each.length_mm
    size = f"{'?' if width is None else f'{width:g}'} x {'?' if length is None else f'{length:g}'} mm"
    inputs = {"type": each.type.name if each.type else "not said"}
    note = "typed, not sized in a measured lumen"
    if each.body is not None:
        inputs["from"] = f"{each.body.start_mm:.0f} to {each.body.end_mm:.0f} mm along the lumen"
        inputs["product"] = each.body.device or "none named"
        over = each.body.oversize_percent
        inputs["oversize"] = "unknown" if over is None else f"{over:.0f} %"
        note = stale_words(context, each.body) or "sized in the measured lumen"
    return Computed(
        id=f"stent_{each.number}",
        label=each.name,
        value=size,
        inputs=inputs,
        source="resources/devices/stents.toml; R19",
        tag="M",
        note=note,
    )


@REGISTRY.check("stents_planned")
def stents_planned(context: StageContext) -> list[Finding]:
    """Every row points at a sized stent, or says type, diameter and length."""
    rows = planned_stents(context)
    if not rows and stent_planned(context):
        return [context.finding("no-stent", "No stent is planned.", subject="stent_plan.stents")]
    found = []
    for each in rows:
        if each.lost:
            text = f"{each.name}: the sized stent was deleted; size it again or type what is meant."
            found.append(context.finding("stent-deleted", text, subject=each.subject))
            continue
        missing = [
            words
            for words, known in (
                ("type", each.type),
                ("diameter", each.diameter_mm),
                ("length", each.length_mm),
                ("place", text_of(each.row.get("place")) or each.body),
            )
            if not known
        ]
        if missing:
            text = f"{each.name}: {', '.join(missing)} not said."
            found.append(context.finding("stent-incomplete", text, subject=each.subject))
    return found


@REGISTRY.check("stents_fresh")
def stents_fresh(context: StageContext) -> list[Finding]:
    """A stent that was judged in another lumen is judged again; one without a lumen is not judged at all."""
    found = []
    for each in planned_stents(context):
        if each.body is not None:
            words = stale_words(context, each.body)
            if words is not None:
                found.append(context.finding("lumen-changed", f"{each.name}: {words}.", subject=each.subject))
        elif not each.lost and measured_here(context):
            why = f"{each.name} is typed, not sized in the measured lumen: its ends and landmarks were not judged"
            found.append(not_evaluated(context, why, code="stent-not-sized", subject=each.subject))
    return found


@REGISTRY.check("stents_of_site")
def stents_of_site(context: StageContext) -> list[Finding]:
    """Site, indication and type of the sized stent are those of the plan."""
    site, indication, known = site_of(context), indication_of(context), stent_catalogue()
    if site is None or indication is None:
        return [not_evaluated(context, "site or indication is not chosen")]
    found = []
    for each in planned_stents(context):
        if each.body is None:
            continue
        if each.body.site not in CATALOGUE_SITES[site]:
            text = f"{each.name} was sized for another site ({each.body.site.replace('-', ' ')})."
            found.append(context.finding("sized-for-other-site", text, subject=each.subject))
        if each.body.indication != indication:
            name = each.body.indication
            text = f"{each.name} was sized for another indication ({name}); the plan says {indication}."
            found.append(context.finding("sized-for-other-indication", text, subject=each.subject))
        said = each.row.get("type")
        if said and said != each.body.type:
            names = [known.types[key].name for key in (str(said), each.body.type) if key in known.types]
            text = f"{each.name}: the row and the sized stent differ in type ({' / '.join(names)})."
            found.append(context.finding("type-differs", text, subject=each.subject))
    return found


@REGISTRY.check("size_rules")
def size_rules(context: StageContext) -> list[Finding]:
    """What the rules of size, landing and landmarks said when the stent was sized, as loud as they said it."""
    found = []
    for each in planned_stents(context):
        if each.body is None and not each.lost and not measured_here(context):
            text = f"NOT CHECKED: size, landing and landmarks of {each.name}; no lumen was measured to judge them in."
            more = {"severity": Severity.WARN, "subject": each.subject}
            found.append(context.finding("size-not-checked", text, **more))
        for told in each.body.findings if each.body is not None else ():
            severity = SEVERITIES.get(told.severity)
            if severity is not None and told.code not in SPOKEN:
                found.append(_told(context, each, told, severity))
    return found


def _told(context: StageContext, each: PlannedStent, told: StentFinding, severity: Severity) -> Finding:
    more = {"source": told.source, "tag": told.tag} if told.source else {}
    text = f"{each.name}: {told.text}"
    return context.finding(told.code, text, severity=severity, subject=f"{each.subject}.{told.code}", **more)
