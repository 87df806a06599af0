"""Paths: length, limits, what was not looked at, position. Stored measures are read; images are not."""

from __future__ import annotations

import math
from collections.abc import Mapping

from planner.clinical.comparisons import TOLERANCE, above, below
from planner.findings import Finding, Severity
from planner.imaging.structures import spoken_name
from planner.model.items import PlanItem
from planner.model.needle_items import NeedleMeasures, NeedlePathBody
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.ablation.items import (
    PURPOSE,
    Needles,
    all_needles,
    beyond,
    lesion_of_needle,
    needle_limit,
    target_lesions,
)
from procedures.ablation.registry import REGISTRY
from procedures.ablation.structures import (
    ABSENT,
    NOT_SEGMENTED,
    SEGMENTED,
    Avoided,
    avoided,
    missing_required,
)
from procedures.spine.support import not_evaluated, text_of

STAGE = "paths"
ADMISSIBLE, REJECTED = "admissible", "rejected"
MEASURE_AGAIN = "measured before the structures changed: measure again"


def judged(context: StageContext) -> dict[str, str | None]:
    """Needle -> what the table of the plan says of it."""
    rows = context.rows("needles", STAGE)
    return {str(row["needle"]): text_of(row.get("judged")) or None for row in rows if row.get("needle")}


def accepted(context: StageContext, *, energy_only: bool = False) -> Needles:
    """The needles that the plan names and does not reject; those that carry energy only, on demand.

    Needles that the plan does not name are candidates that were not taken.
    """
    named = judged(context)
    return tuple(
        (item, body)
        for item, body in all_needles(context)
        if item.id in named and named[item.id] != REJECTED and (not energy_only or body.purpose == PURPOSE)
    )


def stale_because(measured: NeedleMeasures, structures: tuple[Avoided, ...]) -> str | None:
    """Why what was measured no longer holds; None when it does, as far as the stored values tell."""
    for each in structures:
        distance = _stored(measured.clearances_mm, each)
        hard = _stored(measured.hard_mm, each)
        if each.status == SEGMENTED and distance is None:
            return f"{each.name} was segmented since"
        if each.status != SEGMENTED and distance is not None:
            return f"{each.name} is no longer segmented"
        asked = each.required and each.status == NOT_SEGMENTED and each.said != ABSENT
        if asked and not set(each.keys) & set(measured.not_checked):
            return f"{each.name} is no longer confirmed absent"
        if hard is not None and each.hard_mm is not None and abs(hard - each.hard_mm) > TOLERANCE:
            return f"the limit of {each.name} was {hard:g} mm, now {each.hard_mm:g} mm"
    return None


def _stored(values: Mapping[str, float | None] | Mapping[str, float], each: Avoided) -> float | None:
    """A value under the structure's key, or the least under those that count as it."""
    known = [value for key in each.keys if (value := values.get(key)) is not None]
    return min(known) if known else None


@REGISTRY.check("target_has_needle")
def target_has_needle(context: StageContext) -> list[Finding]:
    needles = [(item, body) for item, body in accepted(context, energy_only=True)]
    served = {lesion for item, body in needles for lesion in lesion_of_needle(context, item, body)}
    left = {row.get("lesion") for row in context.rows("lesions_left") if text_of(row.get("reason"))}
    found = [
        context.finding("no-needle", f"{each.name} has neither a needle nor a reason.", subject=f"paths.{each.id}")
        for each in target_lesions(context)
        if each.id not in served | left
    ]
    there = {item.id for item, _ in all_needles(context)}
    for needle_id in judged(context):
        if needle_id not in there:
            text = "A needle that the plan names was deleted; choose again."
            found.append(context.finding("needle-gone", text, subject=f"paths.{needle_id}"))
    for item, _ in accepted(context):
        if judged(context)[item.id] is None:
            text = f"{item.name} is in the plan, but nobody says whether as admissible or by eye."
            found.append(context.finding("needle-not-judged", text, subject=f"paths.{item.id}"))
    return found


@REGISTRY.check("needle_long_enough")
def needle_long_enough(context: StageContext) -> list[Finding]:
    found = []
    for item, body in accepted(context):
        length, usable, subject = path_length(body), body.usable_length_mm, f"paths.{item.id}"
        if usable is None:
            why = f"the usable length of {item.name} is not known (choose its device)"
            found.append(not_evaluated(context, why, overridable=True, subject=subject))
        elif above(length, usable):
            text = f"{item.name}: {length:.0f} mm from skin to tip, the applicator has {usable:g} mm."
            more = {"measured": length, "limit": usable, "unit": "mm", "subject": subject}
            found.append(context.finding("applicator-short", text, **more))
    return found


def path_length(body: NeedlePathBody) -> float:
    """Skin to tip in mm: of the points, which always are what is drawn."""
    return math.dist(body.entry_lps_mm, body.tip_lps_mm)


@REGISTRY.check("needle_limits")
def needle_limits(context: StageContext) -> list[Finding]:
    return [
        context.finding("hard-limit", f"{item.name}: {reason}", subject=f"paths.{item.id}.{place}")
        for item, body in accepted(context)
        if body.measured is not None
        for place, reason in enumerate(body.measured.rejected_because)
    ]


@REGISTRY.check("needle_checked")
def needle_checked(context: StageContext) -> list[Finding]:
    """*Admissible* is refused while something required was not looked at or a limit is broken; by eye it is asked."""
    found = []
    for item, body in accepted(context):
        measured, claim = body.measured, judged(context)[item.id]
        if measured is None:
            continue
        open_now = (each.key for each in missing_required(context, item.frame_uid))
        missing = [spoken_name(key) for key in dict.fromkeys((*open_now, *measured.not_checked))]
        subject = f"paths.{item.id}"
        if claim == ADMISSIBLE and missing:
            text = f"{item.name} cannot be called admissible. NOT CHECKED: {', '.join(missing)}."
            found.append(context.finding("not-admissible", text, subject=subject))
        elif claim == ADMISSIBLE and measured.rejected_because:
            text = f"{item.name} cannot be called admissible: {measured.rejected_because[0]}"
            found.append(context.finding("not-admissible", text, subject=subject))
        elif missing:
            text = f"{item.name} goes by eye. NOT CHECKED: {', '.join(missing)}."
            found.append(context.finding("by-eye", text, subject=subject, overridable=True))
    return found


@REGISTRY.check("needle_measured")
def needle_measured(context: StageContext) -> list[Finding]:
    return stale_needles(context, "paths")


def stale_needles(context: StageContext, place: str) -> list[Finding]:
    """Needles never measured, and those measured on other structures or limits."""
    found = []
    for item, body in accepted(context):
        structures, subject = avoided(context, item.frame_uid), f"{place}.{item.id}"
        if body.measured is None:
            text = f"Not evaluated: {item.name} is not measured against the structures."
            found.append(context.finding("needle-not-measured", text, subject=subject))
            continue
        why = stale_because(body.measured, structures)
        if why is None and abs(path_length(body) - body.measured.length_mm) > needle_moved_mm(body):
            why = "the needle was moved since"
        if why is not None:
            text = f"Not evaluated: {item.name} was {MEASURE_AGAIN} ({why})."
            found.append(context.finding("needle-stale", text, subject=subject))
    return found


def needle_moved_mm(body: NeedlePathBody) -> float:
    """A change of length below this is rounding of stored numbers: a millionth of the length."""
    return path_length(body) * 1e-6


@REGISTRY.check("needle_position")
def needle_position(context: StageContext) -> list[Finding]:
    position = context.value("patient_position")
    if position is None:
        return [not_evaluated(context, "how the patient lies is not answered")]
    return [
        context.finding(
            "needle-position",
            f"{item.name} is planned {body.posture.replace('-', ' ')}, the patient lies {position.replace('-', ' ')}.",
            subject=f"paths.{item.id}",
        )
        for item, body in accepted(context)
        if body.posture != position
    ]


@REGISTRY.check("needles_parallel")
def needles_parallel(context: StageContext) -> list[Finding]:
    most = needle_limit(context, "parallel_deg")
    bodies = {item.id: body for item, body in accepted(context)}
    found = []
    for item, body in accepted(context):
        other = bodies.get(body.parallel_to or "")
        if other is None:
            continue
        angle = angle_between(body, other)
        if above(angle, most.value):
            text = f"{item.name} leans {angle:.1f}° against the needle it is parallel to."
            found.append(beyond(context, "not-parallel", text, angle, most, subject=f"paths.{item.id}"))
    return found


def angle_between(one: NeedlePathBody, other: NeedlePathBody) -> float:
    """Degrees between two shafts."""
    first, second = _direction(one), _direction(other)
    return math.degrees(math.acos(max(-1.0, min(1.0, sum(a * b for a, b in zip(first, second, strict=True))))))


def _direction(body: NeedlePathBody) -> tuple[float, ...]:
    length = path_length(body) or 1.0
    return tuple((tip - entry) / length for entry, tip in zip(body.entry_lps_mm, body.tip_lps_mm, strict=True))


@REGISTRY.check("needle_desired")
def needle_desired(context: StageContext) -> list[Finding]:
    """Nearer than wanted, but not through a hard limit."""
    found = []
    for item, body in accepted(context):
        if body.measured is None:
            continue
        for key, distance in body.measured.clearances_mm.items():
            hard, wanted = body.measured.hard_mm.get(key), body.measured.desired_mm.get(key)
            if distance is None or wanted is None or not below(distance, wanted):
                continue
            if hard is not None and below(distance, hard):
                continue
            text = f"{item.name} passes the {spoken_name(key)} at {distance:.1f} mm; {wanted:g} mm is wanted."
            more = {"measured": distance, "limit": wanted, "unit": "mm", "subject": f"paths.{item.id}.{key}"}
            found.append(context.finding("nearer-than-wanted", text, **more))
    return found


@REGISTRY.check("planning_picture")
def planning_picture(context: StageContext) -> list[Finding]:
    today = context.session.series_roles.get("today")
    return [
        context.finding(
            "planning-picture",
            f"{item.name} is a planning picture: re-scan on the day, no read-out for the room from it.",
            subject=f"paths.{item.id}",
            severity=Severity.INFO,
        )
        for item, body in accepted(context)
        if body.measured is None or today is None or body.measured.series != today
    ]


@REGISTRY.compute("needle_list")
def needle_list(context: StageContext) -> list[Computed]:
    """Each needle of the plan with length, angles and the structure that it comes nearest to."""
    return [_listed(context, item, body) for item, body in accepted(context)]


def _listed(context: StageContext, item: PlanItem, body: NeedlePathBody) -> Computed:
    seen = body.measured
    if seen is None:
        note = "NOT MEASURED against the structures."
        return Computed(id=f"needle_{item.id}", label=item.name, value=None, unit="mm", note=note)
    inputs = {
        "in plane": shown(seen.in_plane_deg, "deg"),
        "out of plane": shown(seen.out_of_plane_deg, "deg"),
        "position": body.posture.replace("-", " "),
        "device": " ".join(part for part in (body.device, body.setting) if part) or "–",
        "usable length": shown(body.usable_length_mm, "mm"),
    }
    known = {key: mm for key, mm in seen.clearances_mm.items() if mm is not None}
    if known:
        nearest = min(known, key=lambda key: known[key] - seen.hard_mm.get(key, 0.0))
        depth = seen.nearest_depth_mm.get(nearest)
        inputs["nearest"] = f"{spoken_name(nearest)} {shown(known[nearest], 'mm')} at {shown(depth, 'mm')} depth"
    said = list(seen.rejected_because)
    if seen.not_checked:
        said.append(f"NOT CHECKED: {', '.join(map(spoken_name, seen.not_checked))}.")
    return Computed(
        id=f"needle_{item.id}",
        label=item.name,
        value=path_length(body),
        unit="mm",
        grade="; ".join(said) or "no limit broken among the structures checked",
        inputs=inputs,
        source="measured on the images named in the needle",
        tag="calc",
        note="Skin to tip.",
    )
