"""The record of a biopsy: passes, specimens, track, complications. Nothing here refuses a record."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.biopsy.registry import REGISTRY
from procedures.biopsy.sampling import PLAN
from procedures.spine.support import as_date, as_number, limit, not_evaluated, number, text_of

LUNG = "lung_pack"


def done_rows(context: StageContext) -> list[dict[str, object]]:
    return [row for row in context.rows("passes", "passes") if row.get("status") != "not-done"]


@REGISTRY.check("specimens_labelled")
def specimens_labelled(context: StageContext) -> list[Finding]:
    rows = context.rows("specimens")
    if not rows and done_rows(context):
        return [context.finding("no-specimen", "Passes were made, and no container is recorded.")]
    found = []
    for index, row in enumerate(rows, start=1):
        name = text_of(row.get("container")) or f"container {index}"
        if row.get("labelled") != "yes":
            found.append(context.finding("not-labelled", f"{name} is not labelled.", subject=f"passes.{name}"))
        if not text_of(row.get("checked_by")) or not row.get("fixative"):
            missing = "its fixative" if not row.get("fixative") else "a second person's check"
            found.append(context.finding("specimen-incomplete", f"{name}: {missing} is not recorded."))
    return found


@REGISTRY.check("cores_accounted")
def cores_accounted(context: StageContext) -> list[Finding]:
    rows, planned = done_rows(context), as_number(context.value("cores", PLAN))
    tissue = [row for row in rows if row.get("quality") in ("whole", "fragments")]
    sent = sum(as_number(row.get("cores")) or 0.0 for row in context.rows("specimens"))
    found = []
    if sent > len(tissue):
        text = f"{sent:g} cores in containers, {len(tissue)} passes gave tissue."
        found.append(context.finding("more-sent-than-taken", text, measured=sent, limit=float(len(tissue)), unit="1"))
    if planned is not None and len(tissue) < planned:
        text = f"{len(tissue)} passes gave tissue, {planned:g} cores were planned."
        found.append(context.finding("fewer-than-planned", text, measured=float(len(tissue)), limit=planned, unit="1"))
    found += [
        context.finding(
            "without-reason", f"Pass {row.get('number')}: {row.get('status')}, and why is not written down."
        )
        for row in context.rows("passes")
        if row.get("status") in ("not-done", "changed") and not text_of(row.get("reason"))
    ]
    return found


@REGISTRY.check("tip_documented")
def tip_documented(context: StageContext) -> list[Finding]:
    return [
        context.finding("tip-not-seen", f"Pass {row.get('number')}: the tip is not seen in the lesion on an image.")
        for row in done_rows(context)
        if row.get("tip_on_image") != "yes"
    ]


@REGISTRY.check("track_as_planned")
def track_as_planned(context: StageContext) -> list[Finding]:
    planned, done = context.value("track_plan", PLAN), context.value("track_done")
    found = []
    if planned not in (None, "none") and done != planned:
        text = f"The track was to be closed by {planned}, done was {done or 'nothing recorded'}."
        found.append(context.finding("track-differs", text))
    if context.value("bleeding_from_track") == "running":
        found.append(context.finding("track-bleeds", "Blood ran from the guide: look again before the patient leaves."))
    return found


@REGISTRY.check("biopsy_completion_dangers")
def biopsy_completion_dangers(context: StageContext) -> list[Finding]:
    found = []
    haematoma, air = context.value("haematoma"), context.value("pneumothorax")
    if haematoma == "large":
        found.append(context.finding("haematoma", "Large or growing haematoma: angiography stands by."))
    elif haematoma == "small":
        found.append(context.finding("haematoma", "Small haematoma: watch.", severity=Severity.INFO))
    if air in ("large", "drained"):
        found.append(context.finding("pneumothorax", f"Pneumothorax, {air}."))
    elif air == "small":
        found.append(context.finding("pneumothorax", "Small pneumothorax: film again.", severity=Severity.INFO))
    crossed = context.value("lung_crossed", LUNG) == "yes"
    if context.value("looked_with") == "none" or haematoma == "not-looked" or (crossed and air == "not-looked"):
        found.append(not_evaluated(context, "nobody looked for bleeding or air after the last pass"))
    if text_of(context.value("haemoptysis")):
        found.append(context.finding("haemoptysis", f"Noted: {text_of(context.value('haemoptysis'))}."))
    return found


@REGISTRY.check("chest_image_done")
def chest_image_done(context: StageContext) -> list[Finding]:
    """A lung puncture is filmed within the hours of the profile."""
    image = context.value("chest_image")
    if context.value("lung_crossed", LUNG) != "yes" or image in ("no-pneumothorax", "small", "drained"):
        return []
    hours = limit(context, "hours")
    at = as_date(context.value("chest_image_at"))
    if at is not None and image is None:
        return [not_evaluated(context, "the chest image was made, what it shows is not written down")]
    text = f"Lung was crossed and no chest image is recorded; within {number(hours):g} h."
    return [context.finding("no-chest-image", text, source=hours.source, tag=hours.tag)]
