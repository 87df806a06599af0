"""The day: the patient lies as the paths were planned, and the read-out comes from the images of the day."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.percutaneous.needles import chosen_needles, is_live
from procedures.percutaneous.registry import REGISTRY
from procedures.spine.support import not_evaluated

TODAY = "today"
POSITION = "patient_position"
"""The field that asks how the patient will lie, in whichever stage of the plan."""


def posture_today(context: StageContext) -> str | None:
    """As needle paths say it: ``supine``, ``prone``, ``left-decubitus`` or ``right-decubitus``; None is unknown."""
    lies = context.value("position_today", "confirm_today")
    if lies != "lateral":
        return lies if isinstance(lies, str) else None
    down = context.value("lateral_down", "confirm_today")
    return f"{down}-decubitus" if down in ("left", "right") else None


def planned_position(context: StageContext) -> str | None:
    """How the patient is to lie, as the plan asks for it; None where it does not, or nobody answered."""
    for stage in context.template.stages:
        if stage.field(POSITION) is not None:
            answer = context.value(POSITION, stage.id)
            return answer if isinstance(answer, str) else None
    return None


@REGISTRY.check("position_of_needles")
def position_of_needles(context: StageContext) -> list[Finding]:
    """Every needle was planned for the position that the plan names; angles carry it."""
    planned = planned_position(context)
    if planned is None:
        return [not_evaluated(context, "how the patient will lie is not known: angles say nothing")]
    return [
        context.finding(
            "angles-other-posture",
            f"{needle.name}: its angles are for a patient who lies {needle.body.posture}, planned is {planned}.",
            subject=f"{context.stage.id}.{needle.item.id}",
        )
        for needle in chosen_needles(context)
        if needle.body.posture != planned
    ]


@REGISTRY.check("position_matches")
def position_matches(context: StageContext) -> list[Finding]:
    """Angles, colon and pleura are another matter when the patient lies otherwise than planned."""
    planned = {needle.name: needle.body.posture for needle in chosen_needles(context)}
    said = planned_position(context)
    if not planned and said is not None:
        planned = {"The way in": said}
    if not planned:
        return []
    today = posture_today(context)
    if today is None:
        return [not_evaluated(context, "how the patient lies today is not known, or on which side")]
    return [
        context.finding(
            "position-mismatch",
            f"{name} was planned for a patient who lies {posture}, today {today}: plan again.",
            subject=f"{context.stage.id}.{name}",
        )
        for name, posture in planned.items()
        if posture != today
    ]


@REGISTRY.check("read_out_from_today")
def read_out_from_today(context: StageContext) -> list[Finding]:
    """Depth and angles for the operator come from the images of the day; anything else is a planning picture."""
    if is_live(context) or not chosen_needles(context):
        return []
    today = context.session.series_roles.get(TODAY)
    if today is None:
        text = "No images of the day are attached: paths are planning pictures, the operator's read-out is refused."
        return [context.finding("planning-picture", text)]
    return [
        context.finding(
            "planning-picture",
            f"{needle.name} was planned on other images than today's: planning picture, re-scan and move it there.",
            subject=f"{context.stage.id}.{needle.item.id}",
        )
        for needle in chosen_needles(context)
        if needle.body.measured is None or needle.body.measured.series != today
    ]
