"""Recovery, discharge, adverse events to 30 days, new lesions."""

from __future__ import annotations

from datetime import date, timedelta

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.spine.registry import REGISTRY
from procedures.spine.support import against, as_date, as_number, limit, not_evaluated, number, text_of

GRADES = {
    "CIRSE 2017": frozenset("123456"),
    "CIRSE 2026": frozenset({"1a", "1b", "2", "3", "3a", "3b", "4", "5", "6"}),
    "SIR 2017": frozenset({"mild", "moderate", "severe", "life-threatening", "death"}),
    "CTCAE 5.0": frozenset("12345"),
}
"""Scheme -> its grades. Nothing is converted from one scheme to another.

CIRSE 2026 splits grade 1 by success of the procedure and grade 3 by the stay (Filippiadis, CVIR 2026;49:2);
how the parts of grade 3 are named was not seen.
"""
NOT_READ = "CIRSE 2026"
SATURDAY = 5


def performed_on(context: StageContext) -> date | None:
    """The day on which the session was done."""
    return as_date(context.value("performed_on", "sign_out")) or context.session.performed_on


@REGISTRY.check("recovery_criteria")
def recovery_criteria(context: StageContext) -> list[Finding]:
    found = []
    if context.value("criteria_breached") == "yes" and not text_of(context.value("called")):
        found.append(context.finding("call", "A call criterion was breached: who was called is not written down."))
    pain, limit_of_pain = as_number(context.value("pain")), limit(context, "pain")
    if pain is not None and pain >= number(limit_of_pain):
        found.append(against(context, "pain", f"Pain {pain:.0f} of 10: call the doctor.", pain, limit_of_pain))
    access = context.value("access_check")
    if access in ("haematoma", "bleeding", "no-pulse"):
        found.append(context.finding("access", f"Access site: {access.replace('-', ' ')}; call the operator."))
    elif access == "not-looked":
        found.append(not_evaluated(context, "nobody looked at the access site"))
    return found


@REGISTRY.check("follow_up_booked")
def follow_up_booked(context: StageContext) -> list[Finding]:
    return [
        context.finding("not-booked", f"The next {words} is not booked.", subject=f"discharge.{name}")
        for name, words in (("laboratory_booked", "laboratory"), ("imaging_booked", "imaging"))
        if as_date(context.value(name)) is None
    ]


@REGISTRY.check("restart_named")
def restart_named(context: StageContext) -> list[Finding]:
    return [
        context.finding(
            "restart-missing", f"{each.name} was held and has no restart.", subject=f"discharge.{each.name}"
        )
        for each in context.case.medication
        if each.hold_from is not None and each.restart_on is None
    ]


@REGISTRY.check("events_overdue")
def events_overdue(context: StageContext) -> list[Finding]:
    done, due = performed_on(context), limit(context, "days")
    if done is None or as_date(context.value("asked_on")) is not None:
        return []
    days = float((context.today - done).days)
    if days <= number(due):
        return []
    return [against(context, "events-overdue", f"{days:.0f} days after treatment nobody has asked.", days, due)]


@REGISTRY.check("event_scheme_complete")
def event_scheme_complete(context: StageContext) -> list[Finding]:
    rows = context.rows("adverse_events")
    if not rows and context.value("none") == "no":
        return [context.finding("events-missing", "There were adverse events, but none is listed.")]
    found = []
    for row in rows:
        name, scheme = text_of(row.get("event")) or "an event", text_of(row.get("scheme"))
        grade = str(row.get("grade") or "").strip().casefold()
        if not scheme or not grade:
            found.append(context.finding("event-incomplete", f"{name}: scheme with version, or grade, is missing."))
        elif grade not in GRADES.get(scheme, frozenset()):
            text = f"{name}: {grade!r} is no grade of {scheme}; it knows {', '.join(sorted(GRADES.get(scheme, ())))}."
            found.append(context.finding("event-grade", text))
        elif scheme == NOT_READ:
            text = f"{name}: the wording of {scheme} has not been read to the end; the grade stands as it was typed."
            found.append(context.finding("event-scheme-unread", text, severity=Severity.INFO))
    return found


@REGISTRY.check("case_report_sent")
def case_report_sent(context: StageContext) -> list[Finding]:
    wanted, done = limit(context, "days"), performed_on(context)
    if number(wanted) == 0 or done is None or as_date(context.value("case_reported_on")) is not None:
        return []
    due = working_days_after(done, round(number(wanted)))
    if context.today <= due:
        return []
    text = (
        f"The case report was due on {due.isoformat()} ({number(wanted):g} working days; public holidays not counted)."
    )
    return [context.finding("case-report-overdue", text, source=wanted.source, tag=wanted.tag)]


def working_days_after(start: date, days: int) -> date:
    """The day that lies so many Mondays to Fridays after a day."""
    day = start
    while days > 0:
        day += timedelta(days=1)
        days -= day.weekday() < SATURDAY
    return day


@REGISTRY.check("new_lesion_confirmed")
def new_lesion_confirmed(context: StageContext) -> list[Finding]:
    answer = context.value("new_lesion")
    if answer == "yes" and not text_of(context.value("new_lesion_confirmed_by")):
        text = "A new lesion means progression for all: a person has to confirm it, and a second look is asked for."
        return [context.finding("new-lesion-not-confirmed", text)]
    return []


@REGISTRY.check("dossier_closed")
def dossier_closed(context: StageContext) -> list[Finding]:
    """A typed name closes nothing: the dossier is closed with its checklist, by the same person."""
    typed = text_of(context.value("dossier_closed_by"))
    closed = next((each for each in context.case.closures if each.session_id == context.session.id), None)
    if not typed or (closed is not None and closed.closed_by.strip().casefold() == typed.strip().casefold()):
        return []
    if closed is None:
        text = f"{typed} is typed as closing the file, but the dossier is not closed: go through its checklist."
    else:
        text = f"{typed} is typed as closing the file, but {closed.closed_by} closed the dossier."
    return [context.finding("dossier-not-closed", text, subject=f"{context.stage.id}.dossier_closed_by")]
