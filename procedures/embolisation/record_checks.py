"""The record: go or no-go, injections against the plan, completion. Nothing here refuses a record."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.units import shown
from planner.workflow.context import StageContext
from procedures.embolisation.agents import particle_rows, planned_kinds
from procedures.embolisation.places import TREATING, targets
from procedures.embolisation.registry import REGISTRY
from procedures.spine.support import as_number, choices_of, limit, not_evaluated, number, text_of

DONE = ("done", "changed", "added")
"""States of an injection that was given."""


def nothing_given(context: StageContext) -> bool:
    """Whether the session ended without an injection: attempted, nothing given."""
    return bool(context.value("go", "angio_findings") == "no-go")


@REGISTRY.check("before_the_injection")
def before_the_injection(context: StageContext) -> list[Finding]:
    """Asked before anything is given; with a no-go nothing is asked."""
    if context.value("go") == "no-go":
        return []
    found = []
    covered = {row.get("lesion"): row.get("covered") for row in context.rows("coverage")}
    for lesion in targets(context):
        subject = f"angio_findings.{lesion.id}"
        if covered.get(lesion.id) in (None, "not-evaluated"):
            text = f"Before the injection: what feeds {lesion.name} was not confirmed at angiography."
            found.append(context.finding("coverage-unanswered", text, subject=subject))
        elif covered[lesion.id] == "not":
            found.append(context.finding("not-covered", f"{lesion.name} is not reached from here.", subject=subject))
    shunt = context.value("shunt_seen")
    if shunt in (None, "unknown"):
        found.append(
            context.finding("shunt-unanswered", "Before the injection: a shunt was not looked for.", subject="shunt")
        )
    elif shunt == "early-vein":
        text = "A vein fills early: a particle must exceed the shunt, or the shunt is treated first."
        found.append(context.finding("shunt-at-angiography", text, subject="shunt"))
    dangerous = context.value("dangerous_branches")
    if dangerous in (None, "not-looked-for"):
        text = "Before the injection: branches that must not be hit were not looked for."
        found.append(context.finding("branches-unanswered", text, subject="dangerous_branches"))
    elif dangerous == "seen-open":
        text = "A branch that must not be hit is open within reach of the injection."
        found.append(context.finding("branch-at-angiography", text, subject="dangerous_branches"))
    return found


@REGISTRY.check("plan_against_angiogram")
def plan_against_angiogram(context: StageContext) -> list[Finding]:
    """What angiography showed that the plan had not expected."""
    found = []
    if context.value("feeders_as_planned") == "no":
        new = text_of(context.value("new_feeders")) or "not said which"
        found.append(context.finding("feeders-differ", f"Feeders are not as planned: {new}."))
    if context.value("shunt_seen") == "early-vein" and context.value("shunt", "agent") == "none-seen":
        found.append(context.finding("shunt-differs", "A shunt that the plan had not expected."))
    known = {row.get("branch") for row in context.rows("non_targets", "positions") if row.get("state") == "found"}
    if context.value("dangerous_branches") in ("seen-open", "seen-protected") and not known:
        found.append(context.finding("branches-differ", "A branch at risk that the plan had not named."))
    return found


@REGISTRY.check("positions_recorded")
def positions_recorded(context: StageContext) -> list[Finding]:
    """Every position of the plan is recorded, and every change has a reason."""
    recorded = {row.get("position"): row for row in context.rows("injections")}
    found = []
    for row in context.rows("positions", "positions"):
        order, vessel = row.get("order"), text_of(row.get("vessel"))
        if row.get("action") in TREATING and order not in recorded:
            text = f"Position {order} ({vessel}) was planned and is not recorded."
            found.append(context.finding("position-not-recorded", text, subject=f"injections.{order}"))
    for order, row in recorded.items():
        if row.get("status") in ("not-done", "changed", "added") and not text_of(row.get("reason")):
            text = f"Position {order}: {row.get('status')}, and why is not written down."
            found.append(context.finding("position-without-reason", text, subject=f"injections.{order}"))
    return found


@REGISTRY.check("injection_events")
def injection_events(context: StageContext) -> list[Finding]:
    """Reflux, a wedged catheter, and an endpoint that nobody judged."""
    found = []
    for row in context.rows("injections"):
        place, subject = f"Position {row.get('position')}", f"injections.{row.get('position')}"
        if row.get("reflux") == "yes":
            text = f"{place}: reflux; branches before the tip are at risk."
            found.append(context.finding("reflux", text, subject=f"{subject}.reflux"))
        if row.get("wedged") == "yes":
            found.append(context.finding("wedged", f"{place}: the catheter was wedged.", subject=f"{subject}.wedged"))
        if row.get("status") in DONE and row.get("endpoint") in (None, "not-judged"):
            why = f"{place.lower()}: the endpoint was not judged"
            found.append(not_evaluated(context, why, subject=f"{subject}.endpoint"))
    return found


@REGISTRY.check("given_against_plan")
def given_against_plan(context: StageContext) -> list[Finding]:
    """An agent or a size that the plan does not name, and small particles where the plan had none."""
    planned, small, found = set(planned_kinds(context)), limit(context, "small"), []
    least = min((each.low_um for each in particle_rows(context) if each.low_um is not None), default=None)
    for row in context.rows("injections"):
        if row.get("status") not in DONE:
            continue
        place, subject = f"Position {row.get('position')}", f"injections.{row.get('position')}"
        agent, size = row.get("agent"), as_number(row.get("low_um"))
        if agent and agent != "drug" and agent not in planned:
            text = f"{place}: {agent} were given, which the plan does not name."
            found.append(context.finding("agent-not-planned", text, subject=f"{subject}.agent"))
        if size is None or agent == "gelatin":
            continue
        if least is not None and size < least:
            text = f"{place}: {shown(size, 'um')} were given, planned from {shown(least, 'um')}."
            more = {"measured": size, "limit": least, "unit": "um", "subject": f"{subject}.size"}
            found.append(context.finding("smaller-than-planned", text, **more))
        if size <= number(small) and context.value("shunt_seen", "angio_findings") == "early-vein":
            text = f"{place}: {shown(size, 'um')} were given with an open shunt; the lung is to be watched."
            found.append(context.finding("small-into-shunt", text, subject=f"{subject}.shunt"))
    return found


@REGISTRY.check("completion_read")
def completion_read(context: StageContext) -> list[Finding]:
    """What the last run shows: stasis, second supply, embolic elsewhere, injury."""
    found = []
    if not nothing_given(context):
        if context.value("final_run") in (None, "none"):
            found.append(not_evaluated(context, "there is no final run", code="no-final-run"))
        if context.value("stasis") in (None, "not-judged"):
            found.append(not_evaluated(context, "flow in the treated arteries was not judged", subject="stasis"))
        second = context.value("second_supply")
        if second == "open":
            text = "A second supply of the target is open: it may bleed or grow again from there."
            found.append(context.finding("second-supply", text))
        elif second in (None, "not-looked-for"):
            found.append(not_evaluated(context, "a second supply was not looked for", subject="second_supply"))
    deposits = set(choices_of(context.value("non_target")))
    if "not-looked-for" in deposits:
        found.append(not_evaluated(context, "embolic elsewhere was not looked for", code="non-target-unknown"))
    elif deposits - {"none"}:
        text = f"Embolic outside the target: {', '.join(sorted(deposits - {'none'}))}."
        found.append(context.finding("non-target", text))
    injury = context.value("arterial_injury")
    if injury not in (None, "none"):
        found.append(context.finding("arterial-injury", f"Arterial injury: {injury}; carried to every later session."))
    return found


@REGISTRY.check("runs_compared")
def runs_compared(context: StageContext) -> list[Finding]:
    """An endpoint stands on a run after treatment beside one before."""
    if nothing_given(context):
        return []
    roles = context.session.series_roles
    if "dsa-after" in roles and "dsa-before" not in roles:
        text = "There is a run after treatment and none before: the endpoint cannot be compared."
        return [context.finding("no-run-before", text, subject="dsa_after", severity=Severity.INFO)]
    if context.value("final_run") in ("dsa", "both") and "dsa-after" not in roles:
        text = "A run after treatment was done, but none is named: attach it so that the next session can compare."
        return [context.finding("no-run-after", text, subject="dsa_after", severity=Severity.INFO)]
    return []


@REGISTRY.check("left_untreated")
def left_untreated(context: StageContext) -> list[Finding]:
    """Lesions of the session that were not treated have a reason."""
    rows = context.rows("injections", "injections")
    treated = {name for row in rows if row.get("status") in DONE for name in choices_of(row.get("lesions"))}
    reasons = {row.get("lesion") for row in context.rows("untreated") if text_of(row.get("reason"))}
    return [
        context.finding("untreated", f"{lesion.name} was not treated, and why is not written down.", subject=lesion.id)
        for lesion in targets(context)
        if lesion.id not in treated and lesion.id not in reasons
    ]
