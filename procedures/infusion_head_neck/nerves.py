"""Nerves and eyes before and after each infusion; the stroke watch."""

from __future__ import annotations

from datetime import datetime

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.embolisation.record_checks import nothing_given
from procedures.infusion_head_neck.registry import REGISTRY
from procedures.infusion_head_neck.split import moment
from procedures.spine.support import against, limit, not_evaluated, number, text_of

EXAMINED = {
    "consciousness": "speech and orientation",
    "limbs": "arms and legs",
    "cranial_nerves": "cranial nerves",
    "vision": "vision",
}
SECONDS_PER_HOUR = 3600.0


@REGISTRY.check("examined_before")
def examined_before(context: StageContext) -> list[Finding]:
    """Everything was examined; what is abnormal is described, or a later loss cannot be told from it."""
    found, abnormal = [], []
    for name, words in EXAMINED.items():
        answer = context.value(name)
        if answer == "abnormal":
            abnormal.append(words)
        elif answer != "normal":
            why = f"{words} were not examined before the infusion"
            found.append(not_evaluated(context, why, subject=f"{context.stage.id}.{name}"))
    if abnormal and not text_of(context.value("findings")):
        text = f"Abnormal before the infusion ({', '.join(abnormal)}), and not described."
        found.append(context.finding("not-described", text))
    return found


@REGISTRY.check("stroke_watch")
def stroke_watch(context: StageContext) -> list[Finding]:
    """A loss after the infusion is a stroke or an eye that loses its artery, until shown otherwise."""
    found, lost = [], []
    for name, words in EXAMINED.items():
        answer = context.value(name)
        if answer == "worse":
            lost.append(words)
        elif answer != "unchanged":
            why = f"{words} were not examined after the infusion"
            found.append(not_evaluated(context, why, subject=f"{context.stage.id}.{name}"))
    if lost:
        called = moment(context.value("stroke_called"))
        said = "the team was called" if called else "CALL THE STROKE OR EYE TEAM: no call is written down"
        found.append(context.finding("deficit", f"Lost after the infusion: {', '.join(lost)}; {said}."))
    if context.value("swelling") == "airway":
        text = "Swelling narrows the airway: secure it."
        found.append(context.finding("swelling", text, subject=f"{context.stage.id}.swelling"))
    return found


def _last_check(context: StageContext) -> datetime | None:
    times = [moment(row.get("at")) for row in context.rows("checks_done")]
    known = [each for each in times if each is not None]
    return max(known) if known else None


@REGISTRY.check("watched_long_enough")
def watched_long_enough(context: StageContext) -> list[Finding]:
    """From the start of cisplatin to the last check, against the limit ``hours``."""
    if nothing_given(context):
        return []
    started, last = moment(context.value("cisplatin_started", "injections")), _last_check(context)
    if started is None or last is None or (started.tzinfo is None) != (last.tzinfo is None):
        return [not_evaluated(context, "how long nerves and eyes were watched")]
    hours, wanted = (last - started).total_seconds() / SECONDS_PER_HOUR, limit(context, "hours")
    if hours >= number(wanted):
        return []
    text = f"Nerves and eyes were watched for {hours:.0f} h; {number(wanted):g} h are asked for."
    return [against(context, "watched-short", text, hours, wanted)]
