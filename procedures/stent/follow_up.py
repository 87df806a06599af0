"""Check, removal and exchange with their dates in the register; discharge; whether the stent stays open."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from planner.workflow.devices import REGISTER
from procedures.spine.support import against, as_date, as_number, limit, not_evaluated, number
from procedures.stent.after import hours_after
from procedures.stent.kit_day import moment
from procedures.stent.record import placed_rows
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import asked
from procedures.stent.type_checks import IODINE


@REGISTRY.check("check_in_time")
def check_in_time(context: StageContext) -> list[Finding]:
    """A check cholangiogram through the safety drain at its time."""
    if not any(row.get("kind") == "safety" for row in context.rows("drains", "crossing_drain_stent")):
        return []
    if context.value("checked_by") != "cholangiogram":
        text = "A safety drain was left, and no check cholangiogram was done through it."
        return [context.finding("no-check-cholangiogram", text, subject="check_remove.checked_by")]
    hours = hours_after(context, moment(context.value("checked_at")))
    earliest, latest = limit(context, "earliest"), limit(context, "latest")
    if hours is None:
        return [not_evaluated(context, "when the check was done", subject="check_remove.checked_at")]
    if number(earliest) <= hours <= number(latest):
        return []
    bound = earliest if hours < number(earliest) else latest
    text = f"Check cholangiogram {hours:.0f} h after; usual is {number(earliest):g} to {number(latest):g} h."
    return [against(context, "check-time", text, hours, bound, subject="check_remove.checked_at")]


@REGISTRY.check("stent_checked")
def stent_checked(context: StageContext) -> list[Finding]:
    if not placed_rows(context):
        return []
    told = {
        "partly-open": ("partly-open", "The stent is partly open: dilate, or look again."),
        "moved": ("stent-moved", "The stent has moved: it no longer covers what it was placed for."),
        "occluded": ("stent-occluded", "The stent is occluded."),
        "no-stent": ("stent-vanished", "A stent was placed, and the check says there is none."),
    }
    return asked(context, "stent_position", "where the stent lies was not seen", told, fine=("in-place",))


@REGISTRY.check("drain_removal")
def drain_removal(context: StageContext) -> list[Finding]:
    """A safety drain that is pulled while nothing flows leaves the duct closed."""
    answer, flow = context.value("drain_now"), context.value("flow_now")
    if answer != "removed" or flow == "free":
        return []
    if flow in (None, "not-tested"):
        text = "The safety drain is out, and flow was not tested before."
        return [context.finding("drain-out-untested", text, subject="check_remove.drain_now")]
    words = "slow flow" if flow == "slow" else "no flow"
    text = f"The safety drain is out with {words}: the duct may be closed now."
    return [context.finding("drain-out-no-flow", text, subject="check_remove.drain_now")]


@REGISTRY.check("dates_in_register")
def dates_in_register(context: StageContext) -> list[Finding]:
    """What was removed or exchanged is said in the register; a drain that stays and a retrievable stent have a date."""
    found, rows = [], context.rows(REGISTER)
    now = context.value("drain_now")
    if now in ("removed", "exchanged") and not any(row.get("action") == now for row in rows):
        text = f"The drain was {now}; the register of devices does not say so."
        found.append(context.finding("register-behind", text, subject="check_remove.device_register"))
    exchanged = [row for row in rows if row.get("action") in ("exchanged", "placed")]
    if any(as_date(row.get("due_on")) is None and row.get("kind") != "stent" for row in exchanged):
        text = "An exchanged device has no next date in the register."
        found.append(context.finding("register-without-date", text, subject="check_remove.device_register"))
    wanted = now == "stays" or context.value("retrievable", "stent_plan") == "out"
    if wanted and as_date(context.value("next_exchange")) is None:
        text = "A drain stays or a stent has to come out, and the next date is not written down."
        found.append(context.finding("no-next-date", text, subject="check_remove.next_exchange"))
    return found


@REGISTRY.check("radiation_note_given")
def radiation_note_given(context: StageContext) -> list[Finding]:
    """Who goes home with seeds carries the note for radiation safety."""
    loaded = any(row.get("type") == IODINE for row in placed_rows(context))
    answer, subject = context.value("radiation_note_given"), "discharge.radiation_note_given"
    if loaded and answer != "given":
        text = "The stent is loaded with iodine-125, and the radiation-safety note was not given."
        return [context.finding("radiation-note-missing", text, subject=subject)]
    if not loaded and answer == "given":
        text = "A radiation-safety note was given, and no loaded stent is recorded."
        return [context.finding("radiation-note-differs", text, subject=subject)]
    return [] if answer is not None else [not_evaluated(context, "the radiation-safety note", subject=subject)]


@REGISTRY.check("patency_read")
def patency_read(context: StageContext) -> list[Finding]:
    told = {
        "narrowed": ("stent-narrowed", "The stent is narrowed: ingrowth, clot or debris; dilate, clean or extend."),
        "occluded": ("stent-occluded", "The stent is occluded."),
        "moved": ("stent-moved", "The stent has moved."),
    }
    found = asked(context, "patency", "whether the stent is open", told, fine=("open", "removed", "not-placed"))
    if context.value("symptom_back") == "yes":
        text = "The symptom came back."
        found.append(context.finding("symptom-back", text, subject="outcome.symptom_back"))
    days = as_number(context.value("patency_days"))
    if context.value("patency") == "occluded" and days is None:
        why = "for how long the stent was open"
        found.append(not_evaluated(context, why, severity=Severity.INFO, subject="outcome.patency_days"))
    return found


@REGISTRY.check("embolisation_later")
def embolisation_later(context: StageContext) -> list[Finding]:
    """A stent across the papilla lets germs into the ducts: TACE later means abscess."""
    if not placed_rows(context):
        return []
    text = (
        "A biliary stent lies in the duct: before any later TACE or ablation of the liver say so, and plan an "
        "antibiotic; liver abscess is more likely."
    )
    return [context.finding("abscess-after-embolisation", text, severity=Severity.INFO)]


@REGISTRY.check("surveillance_booked")
def surveillance_booked(context: StageContext) -> list[Finding]:
    """Budd-Chiari: the liver is looked at for carcinoma, whatever the stent does."""
    if as_date(context.value("surveillance_on")) is not None:
        return []
    text = "HCC surveillance after Budd-Chiari is not booked."
    return [context.finding("surveillance-not-booked", text, subject="outcome.surveillance_on")]
