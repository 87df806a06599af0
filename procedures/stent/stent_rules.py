"""Rules of single sites: cover across ducts, duodenum, partners, reflux, carina, sheath, share of the liver."""

from __future__ import annotations

from planner.clinical.comparisons import at_least
from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import HILAR, asked, planned_stents


@REGISTRY.check("covered_branches")
def covered_branches(context: StageContext) -> list[Finding]:
    """A cover across hilar branches closes segments, across the cystic duct the gallbladder."""
    found = []
    cystic, level = context.value("cystic_duct"), context.value("obstruction_level", "obstruction")
    for each in planned_stents(context):
        if not each.covers:
            continue
        judged = {told.code for told in each.body.findings} if each.body is not None else set()
        if level in HILAR and "crosses-hepatic-confluence" not in judged:
            text = f"{each.name}: covered, and the stricture is hilar (Bismuth {level}): branches are closed."
            found.append(context.finding("covered-hilar", text, subject=each.subject))
        if cystic == "crossed" and "crosses-cystic-duct" not in judged:
            text = f"{each.name}: covered across the cystic duct: cholecystitis."
            found.append(context.finding("covered-cystic-duct", text, subject=each.subject))
        elif cystic in (None, "unknown"):
            why = f"whether {each.name}, covered, crosses the cystic duct"
            found.append(not_evaluated(context, why, subject="stent_plan.cystic_duct"))
    return found


@REGISTRY.check("duodenum_open")
def duodenum_open(context: StageContext) -> list[Finding]:
    """Bile has to go on from the stent: an obstructed duodenum is planned for."""
    answer, subject = context.value("duodenum_patent"), "stent_plan.duodenum_patent"
    if answer == "yes":
        return []
    if answer != "no":
        return [not_evaluated(context, "whether the duodenum is open", subject=subject)]
    if text_of(context.value("duodenum_plan")):
        return []
    text = "The duodenum is obstructed, and what is done about it is not planned: the bile stent ends in a closed loop."
    return [context.finding("duodenum-obstructed", text, subject=subject)]


@REGISTRY.check("partners_named")
def partners_named(context: StageContext) -> list[Finding]:
    """Stents that name a partner are both in the table, and both sides know of each other."""
    rows = planned_stents(context)
    by_number = {each.number: each for each in rows}
    ids = {each.item.id for each in rows if each.item is not None}
    found = []
    for each in rows:
        named = as_number(each.row.get("partner"))
        if named is not None:
            other = by_number.get(f"{named:g}")
            if other is None or other is each:
                text = f"{each.name}: its partner, no. {named:g}, is not in the table."
                found.append(context.finding("partner-missing", text, subject=each.subject))
        elif each.body is not None and each.body.partner is not None and each.body.partner not in ids:
            text = f"{each.name} was sized as one of two; the other is not in the table."
            found.append(context.finding("partner-missing", text, subject=each.subject))
    return found


@REGISTRY.check("reflux_planned")
def reflux_planned(context: StageContext) -> list[Finding]:
    """Across the junction: reflux and aspiration unless planned for."""
    judged = {told.code for each in planned_stents(context) if each.body is not None for told in each.body.findings}
    crossed = context.value("junction") == "crossed" or "crosses-gastro-oesophageal-junction" in judged
    if crossed and not text_of(context.value("reflux_plan")):
        text = "The stent crosses the gastro-oesophageal junction, and reflux is not planned for."
        return [context.finding("reflux-unplanned", text, subject="stent_plan.reflux_plan")]
    if not crossed and context.value("junction") != "not-crossed":
        return [not_evaluated(context, "whether the junction is crossed", subject="stent_plan.junction")]
    return []


@REGISTRY.check("carina_planned")
def carina_planned(context: StageContext) -> list[Finding]:
    """A straight stent across the carina closes a main bronchus."""
    told = {
        "straight-across": ("straight-across-carina", "A straight stent across the carina closes a bronchus: Y-stent?")
    }
    found = asked(context, "carina_plan", "the carina was not looked at", told, fine=("far", "y-stent"))
    made = {each.type.key for each in planned_stents(context) if each.type is not None}
    if context.value("carina_plan") == "y-stent" and made and "y-stent" not in made:
        rows = [each for each in planned_stents(context) if each.row.get("partner") is not None]
        if not rows:
            text = "A Y-stent is planned at the carina, and the table has neither a Y nor partners."
            found.append(context.finding("y-stent-missing", text, subject="stent_plan.stents"))
    return found


@REGISTRY.check("sheath_fits")
def sheath_fits(context: StageContext) -> list[Finding]:
    """The planned stents pass the planned sheath; a calibre that no source gives is not checked."""
    sheath = as_number(context.value("sheath", "access"))
    found = []
    for each in planned_stents(context):
        if each.body is None:
            continue
        wanted = each.body.delivery_french
        if wanted is None or sheath is None:
            text = f"NOT CHECKED: whether {each.name} passes the sheath; a calibre is not known."
            found.append(context.finding("sheath-not-checked", text, severity=Severity.INFO, subject=each.subject))
        elif wanted > sheath:
            text = f"{each.name} needs {wanted:g} F, the sheath has {sheath:g} F."
            more = {"measured": wanted, "limit": sheath, "unit": "[Ch]", "subject": each.subject}
            found.append(context.finding("sheath-too-small", text, **more))
    return found


@REGISTRY.check("half_by_stents")
def half_by_stents(context: StageContext) -> list[Finding]:
    """The share of the liver that was stored with the sized stents, the largest of a pair, against the least wanted."""
    shares = [each.body.drained_share for each in planned_stents(context) if each.body is not None]
    known = [100.0 * each for each in shares if each is not None]
    least = limit(context, "share")
    if not known or at_least(max(known), number(least)):
        return []
    text = f"The sized stents drain {max(known):.0f} % of the liver, wanted at least {number(least):g} %."
    return [against(context, "stents-drain-too-little", text, max(known), least)]
