"""Gates of needle paths. They read what is stored in the items: a path nobody measured is not admissible."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.imaging.structures import spoken_name
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.percutaneous.needles import (
    Needle,
    all_needles,
    changed_since,
    chosen_needles,
    effective_limits,
    is_live,
    looked_at,
    nearest,
    plan_table,
)
from procedures.percutaneous.registry import REGISTRY
from procedures.spine.support import not_evaluated, text_of, unknown_value

READ_OUT = "Planning picture: the operator's read-out comes from the images of the day only."


def subject_of(context: StageContext, needle: Needle) -> str:
    return f"{context.stage.id}.{needle.item.id}"


@REGISTRY.check("needle_chosen")
def needle_chosen(context: StageContext) -> list[Finding]:
    """The plan names at least one needle that is there; guided live, what was not checked is said instead."""
    if is_live(context):
        text = "NOT CHECKED: guided live; no path was measured against the structures to keep away from."
        found = [context.finding("guided-live", text, severity=Severity.INFO)]
        if not text_of(context.value("live_path")):
            found.append(context.finding("no-way-in", "Guided live, and the way in is not written down."))
        return found
    place = plan_table(context)
    named = [row.get(place[2]) for row in context.rows(place[1], place[0])] if place else []
    there = {each.item.id for each in all_needles(context)}
    gone = [name for name in named if isinstance(name, str) and name not in there]
    if gone:
        return [context.finding("needle-gone", f"{len(gone)} needle(s) of the plan were deleted; choose again.")]
    if any(isinstance(name, str) for name in named):
        return []
    return [context.finding("no-needle", "No needle path is named in the plan.")]


@REGISTRY.check("needle_measured")
def needle_measured(context: StageContext) -> list[Finding]:
    """Measured, and before nothing that it was measured against has changed."""
    looked = looked_at(context)
    found = []
    for needle in chosen_needles(context):
        subject = subject_of(context, needle)
        if needle.body.measured is None:
            why = f"{needle.name} was not measured against the structures"
            found.append(not_evaluated(context, why, code="needle-not-measured", subject=subject))
            continue
        why_stale = changed_since(needle, looked)
        if why_stale is not None:
            text = f"{needle.name} was measured before the structures changed: measure again ({why_stale})."
            found.append(context.finding("measured-before", text, subject=subject))
    digests = {each.body.measured.structures_digest for each in chosen_needles(context) if each.body.measured}
    if len(digests) > 1:
        text = "The needles were measured against different structures: measure all of them again."
        found.append(context.finding("measured-before", text))
    return found


@REGISTRY.check("needle_admissible")
def needle_admissible(context: StageContext) -> list[Finding]:
    """Refused while a required structure is not segmented; a broken hard limit is asked about."""
    found = []
    unsettled = [
        spoken_name(each.limit.structure) for each in looked_at(context) if each.limit.required and not each.settled
    ]
    for needle in chosen_needles(context):
        subject, measured = subject_of(context, needle), needle.body.measured
        if measured is None:
            text = f"Not evaluated: {needle.name} was not measured, so it cannot be called admissible."
            found.append(context.finding("not-evaluated", text, subject=subject))
            continue
        unchecked = dict.fromkeys([*(spoken_name(each) for each in measured.not_checked), *unsettled])
        if unchecked:
            text = f"{needle.name} is not admissible. NOT CHECKED: {', '.join(unchecked)}."
            found.append(context.finding("not-checked-structures", text, subject=subject))
        found += [
            context.finding("hard-limit", f"{needle.name}: {each}", subject=f"{subject}.{number}", overridable=True)
            for number, each in enumerate(measured.rejected_because, start=1)
        ]
    return found


@REGISTRY.check("needle_near")
def needle_near(context: StageContext) -> list[Finding]:
    """Nearer than desired to a structure, with the depth at which it is so."""
    found = []
    for needle in chosen_needles(context):
        measured = needle.body.measured
        for limit in effective_limits(context):
            key, distance = nearest(measured, limit) if measured else (None, None)
            if measured is None or key is None or distance is None:
                continue
            if not limit.hard_mm <= distance < limit.desired_mm:
                continue
            depth = measured.nearest_depth_mm.get(key)
            where = "" if depth is None else f" at {depth:.0f} mm depth"
            name = spoken_name(key)
            text = f"{needle.name}: {distance:.1f} mm from {name}{where}, desired {limit.desired_mm:g} mm."
            more = {"measured": distance, "limit": limit.desired_mm, "unit": "mm"}
            subject = f"{subject_of(context, needle)}.{limit.structure}"
            told = {"source": limit.source, "tag": limit.tag}
            found.append(context.finding("near-structure", text, subject=subject, **more, **told))
    return found


@REGISTRY.check("needle_long_enough")
def needle_long_enough(context: StageContext) -> list[Finding]:
    """The usable length of the device reaches from the skin to the tip."""
    found = []
    for needle in chosen_needles(context):
        usable, measured, subject = needle.body.usable_length_mm, needle.body.measured, subject_of(context, needle)
        if usable is None or measured is None:
            what = "its usable length is not known" if usable is None else "it was not measured"
            why = f"whether {needle.name} is long enough: {what}"
            found.append(not_evaluated(context, why, subject=subject, overridable=True))
        elif measured.length_mm > usable:
            length = measured.length_mm
            text = f"{needle.name} needs {length:.0f} mm, the device reaches {usable:g} mm: choose a longer one."
            more = {"measured": length, "limit": usable, "unit": "mm"}
            found.append(context.finding("needle-too-short", text, subject=subject, **more))
    return found


@REGISTRY.compute("needle_summary")
def needle_summary(context: StageContext) -> list[Computed]:
    """Length, angles and least distances of each needle of the plan, labelled with the patient's position."""
    if is_live(context):
        return [unknown_value("needles", "Needle paths", "guided live, no path was planned on images")]
    needles = chosen_needles(context)
    if not needles:
        return [unknown_value("needles", "Needle paths", "no needle is named in the plan")]
    return [_summary(each) for each in needles]


def _summary(needle: Needle) -> Computed:
    measured = needle.body.measured
    label = f"{needle.name}, skin to tip"
    if measured is None:
        return unknown_value(f"needle_{needle.item.id}", label, "the path was not measured")
    near = {spoken_name(key): shown(value, "mm") for key, value in measured.clearances_mm.items() if value is not None}
    unseen = ", ".join(spoken_name(each) for each in measured.not_checked)
    unchecked = f" NOT CHECKED: {unseen}." if unseen else ""
    angles = f"in plane {measured.in_plane_deg:.0f}°, out of plane {measured.out_of_plane_deg:.0f}°"
    return Computed(
        id=f"needle_{needle.item.id}",
        label=label,
        value=measured.length_mm,
        unit="mm",
        grade=f"{angles}, {needle.posture_words}",
        inputs={"diameter": shown(needle.body.diameter_mm, "mm"), **near},
        source="measured along the stored path",
        tag="calc",
        note=f"{READ_OUT}{unchecked}",
    )
