"""Recovery and the first days, by site: rigor, tamponade, breathing, perforation; bilirubin, swallow, haemoglobin."""

from __future__ import annotations

from datetime import datetime

from planner.clinical.comparisons import at_least
from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.spine.follow_up_checks import performed_on
from procedures.spine.support import against, as_date, as_number, limit, not_evaluated, number, text_of
from procedures.stent.kit_day import moment
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import asked, nothing_placed

HOUR = 3600.0
HIGH_FROM_DAY, HIGH_TO_DAY, WEEK = 2, 5, 7
"""Days after drainage at which bilirubin was read in the source of its limit, and the day by which it has fallen."""


@REGISTRY.check("bile_recovery")
def bile_recovery(context: StageContext) -> list[Finding]:
    found = []
    if context.value("rigor") == "yes":
        found.append(context.finding("rigor", "Rigor: cultures, antibiotic, call the operator."))
    if context.value("output_blood") == "fresh":
        found.append(
            context.finding("fresh-blood", "Fresh blood in drain or stool: call the operator, image the tract.")
        )
    output = as_number(context.value("drain_output"))
    if output == 0 and context.value("safety_drain", "stent_plan") == "yes":
        text = "The drain brings nothing: flush, image; open inwards, or slipped?"
        found.append(context.finding("drain-dry", text, subject="recovery.drain_output"))
    return found


@REGISTRY.check("tamponade_watch")
def tamponade_watch(context: StageContext) -> list[Finding]:
    told = {"signs": ("tamponade", "Signs of tamponade: echo and drain at once.")}
    return asked(context, "tamponade_watch", "nobody watched for tamponade", told, fine=("no-signs",))


@REGISTRY.check("breathing_after")
def breathing_after(context: StageContext) -> list[Finding]:
    told = {
        "worse": ("breathing-worse", "Breathing is worse: the stent may press on the airway, or has clogged."),
        "stridor": ("stridor", "Stridor: somebody who holds the airway, now."),
    }
    return asked(context, "breathing", "breathing after the stent", told, fine=("better", "same"))


@REGISTRY.check("perforation_watch")
def perforation_watch(context: StageContext) -> list[Finding]:
    told = {"signs": ("perforation", "Signs of perforation: CT and the surgeon.")}
    return asked(context, "perforation_watch", "nobody watched for perforation", told, fine=("no-signs",))


@REGISTRY.check("distal_pulse")
def distal_pulse(context: StageContext) -> list[Finding]:
    told = {"weak": ("ischaemia", "Weak pulse or ischaemia beyond the covered stent: image it.")}
    return asked(context, "distal_pulse", "nobody looked beyond the covered stent", told, fine=("good",))


def bilirubin_days(context: StageContext) -> list[tuple[int, float]]:
    """Day after the procedure and bilirubin (µmol/L), in the order of days."""
    done = performed_on(context)
    if done is None:
        return []
    rows = [(as_date(row.get("on")), as_number(row.get("bilirubin"))) for row in context.rows("bilirubin_course")]
    return sorted(((day - done).days, value) for day, value in rows if day is not None and value is not None)


@REGISTRY.check("bilirubin_falls")
def bilirubin_falls(context: StageContext) -> list[Finding]:
    """High on day 2 to 5, and a fall that is smaller than the profile asks for by day 7."""
    known, high, fall = bilirubin_days(context), limit(context, "high"), limit(context, "fall")
    first = next((value for day, value in known if day <= 0), None)
    early = [(day, value) for day, value in known if HIGH_FROM_DAY <= day <= HIGH_TO_DAY]
    late = [(day, value) for day, value in known if day >= WEEK]
    found = []
    if not early:
        found.append(not_evaluated(context, "bilirubin of day 2 to 5", code="bilirubin-early-missing"))
    elif early[-1][1] > number(high):
        day, value = early[-1]
        partial = context.value("undrained", "completion") != "no"
        more = " and drainage is partial" if partial else ""
        text = f"Bilirubin {value:g} µmol/L on day {day}{more}: look for undrained segments and infection."
        found.append(against(context, "bilirubin-high", text, value, high))
    if not late:
        found.append(not_evaluated(context, "bilirubin of day 7", code="bilirubin-late-missing"))
        return found
    if first is None or first <= 0:
        return [*found, not_evaluated(context, "bilirubin before the stent, to compare with")]
    dropped = 100.0 * (1.0 - late[0][1] / first)
    if not at_least(dropped, number(fall)):
        text = f"Bilirubin fell by {dropped:.0f} % ({first:g} to {late[0][1]:g} µmol/L) by day {late[0][0]}."
        found.append(against(context, "bilirubin-not-falling", f"{text} Check cholangiogram.", dropped, fall))
    return found


def hours_after(context: StageContext, at: datetime | None) -> float | None:
    """Hours from the end of the procedure to a moment; None while one of both is unknown."""
    end = moment(context.value("finished_at", "sign_out"))
    if at is None or end is None:
        return None
    return (at.replace(tzinfo=None) - end.replace(tzinfo=None)).total_seconds() / HOUR


@REGISTRY.check("swallow_done")
def swallow_done(context: StageContext) -> list[Finding]:
    """A contrast swallow at its time, before the patient eats."""
    if nothing_placed(context):
        return []
    told = {
        "leak": ("swallow-leak", "The swallow leaks: nothing by mouth, second stent or drain."),
        "slow": ("swallow-slow", "The swallow is slow or blocked: look at the stent."),
        "moved": ("stent-moved", "The stent has moved."),
        "not-done": ("no-swallow", "No contrast swallow was done."),
    }
    found = asked(context, "swallow", "the contrast swallow", told, fine=("free",))
    if context.value("swallow") in (None, "not-done"):
        return found
    hours = hours_after(context, moment(context.value("swallow_at")))
    earliest, latest = limit(context, "earliest"), limit(context, "latest")
    if hours is None:
        found.append(not_evaluated(context, "when the swallow was done", subject="early_course.swallow_at"))
    elif not number(earliest) <= hours <= number(latest):
        bound = earliest if hours < number(earliest) else latest
        text = f"The swallow was done {hours:.0f} h after; usual is {number(earliest):g} to {number(latest):g} h."
        found.append(against(context, "swallow-time", text, hours, bound, subject="early_course.swallow_at"))
    return found


@REGISTRY.check("haemoglobin_holds")
def haemoglobin_holds(context: StageContext) -> list[Finding]:
    rows = [(moment(row.get("at")), as_number(row.get("haemoglobin"))) for row in context.rows("haemoglobin_course")]
    known = sorted((at, value) for at, value in rows if at is not None and value is not None)
    if len(known) < 2:
        return [not_evaluated(context, "haemoglobin after the stent: fewer than two values")]
    drop = limit(context, "drop")
    fall = max(value for _, value in known) - known[-1][1]
    if fall < number(drop):
        return []
    text = f"Haemoglobin fell by {fall:g} g/L to {known[-1][1]:g} g/L: it may bleed on."
    return [against(context, "haemoglobin-fall", text, fall, drop)]


@REGISTRY.check("symptom_follows")
def symptom_follows(context: StageContext) -> list[Finding]:
    if nothing_placed(context):
        return []
    told = {
        "same": ("symptom-unchanged", "The symptom is unchanged: look at the stent, and at another cause."),
        "worse": ("symptom-worse", "The symptom is worse: look at the stent now."),
    }
    return asked(context, "symptom", "whether the symptom goes", told, fine=("gone", "better"))


@REGISTRY.check("anticoagulation_started")
def anticoagulation_started(context: StageContext) -> list[Finding]:
    answer, subject = context.value("anticoagulation_started"), "early_course.anticoagulation_started"
    if answer == "started" or (answer in ("not-yet", "no") and text_of(context.value("early_note"))):
        return []
    if answer is None:
        return [not_evaluated(context, "whether anticoagulation or antiplatelet was started", subject=subject)]
    text = "Anticoagulation or antiplatelet was not started, and why is not written down."
    return [context.finding("anticoagulation-not-started", text, subject=subject)]
