"""The scan of today: the only images that a read-out for the room comes from."""

from __future__ import annotations

from planner.clinical.comparisons import above
from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.ablation.margins import required_margin
from procedures.ablation.paths import accepted, stale_needles
from procedures.ablation.registry import REGISTRY
from procedures.spine.image_checks import series_of
from procedures.spine.support import as_date, as_number, not_evaluated, text_of

TODAY = "today"
DECUBITUS = ("left-decubitus", "right-decubitus")


@REGISTRY.check("readout_from_today")
def readout_from_today(context: StageContext) -> list[Finding]:
    """Refused from every other series: another breath, another position, another table height."""
    if context.value("readout") != "today":
        return []
    series = context.session.series_roles.get(TODAY)
    if series is None:
        text = "No series is today's scan: no read-out for the room."
        return [context.finding("readout-refused", text, subject="scan_today.series")]
    found = []
    for item, body in accepted(context):
        if body.measured is None or body.measured.series != series:
            text = f"{item.name} was planned on other images: planning picture, re-scan; no read-out for the room."
            found.append(context.finding("readout-refused", text, subject=f"scan_today.{item.id}"))
    return found


@REGISTRY.check("scan_of_today")
def scan_of_today(context: StageContext) -> list[Finding]:
    series = series_of(context, TODAY)
    if series is None or series.study_date is None:
        return [not_evaluated(context, "the date of today's scan is not known", subject="scan_today.series")]
    found = []
    for day, words in ((series.study_date, "The scan is"), (as_date(context.value("taken_at")), "It was taken")):
        if day is not None and day != context.today:
            text = f"{words} of {day.isoformat()}, today is {context.today.isoformat()}."
            found.append(context.finding("scan-not-today", text, subject=f"scan_today.{words.split()[0].lower()}"))
    return found


@REGISTRY.check("position_today")
def position_today(context: StageContext) -> list[Finding]:
    today, planned = context.value("position"), context.value("patient_position", "paths")
    if today is None or planned is None:
        return [not_evaluated(context, "how the patient lies today, or in the plan, is not known")]
    found = []
    if today != planned:
        text = (
            f"The patient lies {today.replace('-', ' ')}, planned {planned.replace('-', ' ')}: angles and sides change."
        )
        found.append(context.finding("position-mismatch", text, subject="scan_today.position"))
    for item, body in accepted(context):
        if body.posture != today:
            text = (
                f"{item.name} is planned {body.posture.replace('-', ' ')}, the patient lies {today.replace('-', ' ')}."
            )
            found.append(context.finding("needle-position", text, subject=f"scan_today.{item.id}"))
    return found


@REGISTRY.check("confirmed_position")
def confirmed_position(context: StageContext) -> list[Finding]:
    """The short answer of the stage that confirms the day against the position of the scan."""
    said, scanned = context.value("position_today"), context.value("position", "scan_today")
    if said is None or scanned is None:
        return [not_evaluated(context, "how the patient lies now, or lay for the scan, is not known")]
    if said == scanned or (said == "lateral" and scanned in DECUBITUS):
        return []
    text = f"The patient lies {said}, the scan was made {scanned.replace('-', ' ')}: scan again."
    return [context.finding("position-mismatch", text, subject="confirm_today.position_today")]


@REGISTRY.check("target_moved")
def target_moved(context: StageContext) -> list[Finding]:
    moved, margin = as_number(context.value("target_moved")), required_margin(context)
    if moved is None:
        return [not_evaluated(context, "how far the target moved is not known", subject="scan_today.target_moved")]
    if not above(moved, margin):
        return []
    planned_again = context.value("plan_today") == "re-planned"
    text = f"The target moved by {moved:g} mm, more than the margin of {margin:g} mm"
    text += ": re-planned on this scan." if planned_again else "; the plan is not made for this."
    more = {"measured": moved, "limit": margin, "unit": "mm", "subject": "scan_today.target_moved"}
    severity = {"severity": Severity.INFO} if planned_again else {}
    return [context.finding("target-moved", text, **more, **severity)]


@REGISTRY.check("new_targets_today")
def new_targets_today(context: StageContext) -> list[Finding]:
    answer = context.value("new_targets")
    if answer == "none":
        return []
    if answer != "yes":
        return [not_evaluated(context, "nobody looked for new targets", subject="scan_today.new_targets")]
    if text_of(context.value("new_targets_text")) and context.case.lesion_list_is_confirmed:
        return []
    text = "There are new targets: they are not in the confirmed list, or what is done is not written down."
    return [context.finding("new-targets", text, subject="scan_today.new_targets")]


@REGISTRY.check("registration_known")
def registration_known(context: StageContext) -> list[Finding]:
    how, error = context.value("registration"), as_number(context.value("registration_error"))
    if how in (None, "planned-here", "none") or error is not None:
        return []
    if how == "by-eye":
        text = "The plan was carried over by eye: no error is known."
    else:
        text = "The registration to the plan has no error: nothing measured on it has one."
    return [context.finding("no-registration-error", text, subject="scan_today.registration_error")]


@REGISTRY.check("breath_today")
def breath_today(context: StageContext) -> list[Finding]:
    today, planned = context.value("breath"), context.value("breath", "paths")
    if today in (None, "unknown") or planned in (None, "unknown"):
        return [not_evaluated(context, "the breath of the scan or of the plan is not known")]
    if today == planned:
        return []
    text = f"Scanned in {today}, planned in {planned}: liver and lung base lie elsewhere."
    return [context.finding("breath-differs", text, subject="scan_today.breath")]


@REGISTRY.check("needles_hold_today")
def needles_hold_today(context: StageContext) -> list[Finding]:
    if context.value("plan_today") == "abandoned":
        return []
    return stale_needles(context, "scan_today")
