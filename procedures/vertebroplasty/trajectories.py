"""Gates of trajectories: level, bone, pedicle, gauge, tip, position. They read stored measures, never images."""

from __future__ import annotations

import re

from planner.findings import Finding, Severity
from planner.model.needle_items import PedicleMeasures
from planner.workflow.context import StageContext
from procedures.percutaneous.needles import Needle, chosen_needles
from procedures.percutaneous.position_checks import planned_position
from procedures.spine.support import against, limit, not_evaluated, number
from procedures.vertebroplasty.levels import planned_levels, region_of, short
from procedures.vertebroplasty.registry import REGISTRY
from procedures.vertebroplasty.stability import vertebrae

TRAJECTORY = "trajectory"
TRANSPEDICULAR = "transpedicular"
_GAUGE = re.compile(r"(\d+(?:\.\d+)?)\s*[gG]?")


def pedicled(context: StageContext) -> list[tuple[Needle, PedicleMeasures]]:
    """The needles of the plan that were measured in a vertebra."""
    return [(each, each.body.pedicle) for each in chosen_needles(context) if each.body.pedicle is not None]


def subject(needle: Needle) -> str:
    return f"{TRAJECTORY}.{needle.item.id}"


@REGISTRY.check("level_of_needles")
def level_of_needles(context: StageContext) -> list[Finding]:
    planned = set(planned_levels(context))
    reached: set[str] = set()
    rows = {row.get("needle"): row for row in context.rows("needles", TRAJECTORY)}
    found = []
    for needle in chosen_needles(context):
        measured = needle.body.pedicle
        typed = rows.get(needle.item.id, {}).get("level")
        if measured is None:
            why = f"{needle.name} was not measured in a vertebra"
            found.append(not_evaluated(context, why, subject=subject(needle), overridable=True))
            reached |= {typed} if typed else set()
            continue
        reached.add(measured.level)
        if measured.level not in planned:
            text = f"{needle.name} goes to {short(measured.level)}, a level that nobody confirmed."
            found.append(context.finding("wrong-level", text, subject=subject(needle)))
        elif typed is not None and typed != measured.level:
            text = f"{needle.name}: the table says {short(typed)}, it was measured in {short(measured.level)}."
            found.append(context.finding("wrong-level", text, subject=subject(needle)))
    for level in sorted(planned - reached):
        text = f"{short(level)} has no needle."
        found.append(context.finding("level-without-needle", text, subject=f"{TRAJECTORY}.{level}", overridable=True))
    return found


@REGISTRY.check("pedicle_breach")
def pedicle_breach(context: StageContext) -> list[Finding]:
    """Asked when the needle leaves the bone; a thin wall is said."""
    wanted = context.template.needle.limit("pedicle_wall_mm") if context.template.needle else None
    found = []
    for needle, measured in pedicled(context):
        place = {"subject": subject(needle)}
        wall = measured.wall_clearance_mm
        if measured.breach is None and wall is None:
            found.append(not_evaluated(context, f"whether {needle.name} stays in the bone", **place))
        elif measured.breach or (measured.approach == TRANSPEDICULAR and wall is not None and wall < 0):
            text = f"{needle.name} leaves the bone" + ("." if wall is None else f": wall clearance {wall:.1f} mm.")
            found.append(context.finding("pedicle-breach", text, measured=wall, limit=0.0, unit="mm", **place))
        elif wanted and wall is not None and measured.approach == TRANSPEDICULAR and wall < wanted.value:
            text = f"{needle.name}: {wall:.1f} mm of pedicle wall, wanted {wanted.value:g} mm."
            told = {"source": wanted.source, "tag": wanted.tag, "severity": Severity.WARN}
            numbers = {"measured": wall, "limit": wanted.value, "unit": "mm"}
            found.append(context.finding("thin-wall", text, **numbers, **told, **place))
    return found


@REGISTRY.check("needle_in_pedicle")
def needle_in_pedicle(context: StageContext) -> list[Finding]:
    narrow = limit(context, "narrow")
    found = []
    for needle, measured in pedicled(context):
        if measured.approach != TRANSPEDICULAR:
            continue
        place, width = {"subject": subject(needle)}, measured.pedicle_width_mm
        if width is None:
            found.append(not_evaluated(context, f"the pedicle of {needle.name} was not measured", **place))
        elif needle.body.diameter_mm >= width:
            text = f"{needle.name}: {needle.body.diameter_mm:.1f} mm thick, the pedicle is {width:.1f} mm wide."
            numbers = {"measured": needle.body.diameter_mm, "limit": width, "unit": "mm"}
            found.append(context.finding("needle-wider-than-pedicle", text, **numbers, **place))
        elif width < number(narrow):
            text = f"{needle.name}: the pedicle is {width:.1f} mm wide; parapedicular below {number(narrow):g} mm."
            more = {"severity": Severity.WARN, **place}
            found.append(against(context, "narrow-pedicle", text, width, narrow, **more))
    return found


def gauge_of(needle: Needle) -> float | None:
    """The number of the gauge; None where it was not given."""
    read = _GAUGE.search(needle.body.gauge or "")
    return float(read[1]) if read else None


@REGISTRY.check("needle_gauge")
def needle_gauge(context: StageContext) -> list[Finding]:
    found = []
    for needle, measured in pedicled(context):
        region, gauge = region_of(measured.level), gauge_of(needle)
        if region is None or gauge is None:
            what = "no usual gauge is known for this level" if gauge is not None else "its gauge is not known"
            found.append(not_evaluated(context, f"{needle.name}: {what}", subject=subject(needle)))
            continue
        usual = limit(context, region)
        low, high = (float(each) for each in usual.value)
        if not low <= gauge <= high:
            text = f"{needle.name}: {gauge:g} G at {short(measured.level)}, usual are {low:g} to {high:g} G."
            told = {"source": usual.source, "tag": usual.tag, "subject": subject(needle)}
            found.append(context.finding("unusual-gauge", text, measured=gauge, limit=low, unit="1", **told))
    return found


@REGISTRY.check("tip_goal")
def tip_goal(context: StageContext) -> list[Finding]:
    """Asked when the tip is too near the posterior wall; the anterior third and the midline are goals."""
    wall = context.template.needle.limit("posterior_wall_mm") if context.template.needle else None
    found = []
    for needle, measured in pedicled(context):
        place, away = {"subject": subject(needle)}, measured.posterior_wall_mm
        if wall is None or away is None or measured.anterior_share is None:
            found.append(not_evaluated(context, f"where the tip of {needle.name} lies in the body", **place))
            continue
        if away < wall.value:
            text = f"{needle.name}: the tip is {away:.1f} mm from the posterior wall, at least {wall.value:g} mm."
            numbers = {"measured": away, "limit": wall.value, "unit": "mm", "source": wall.source, "tag": wall.tag}
            found.append(context.finding("tip-near-posterior-wall", text, **numbers, **place))
        found += _goals(context, needle, measured)
    return found


def _goals(context: StageContext, needle: Needle, measured: PedicleMeasures) -> list[Finding]:
    share, midline = limit(context, "share"), limit(context, "midline")
    more = {"severity": Severity.WARN, "subject": subject(needle)}
    found = []
    if measured.anterior_share is not None and measured.anterior_share < number(share):
        text = f"{needle.name}: the tip is not in the anterior third ({measured.anterior_share:.0%} of the depth)."
        found.append(against(context, "tip-not-anterior", text, measured.anterior_share, share, **more))
    alone = sum(other.level == measured.level for _, other in pedicled(context)) == 1
    if alone and measured.midline_mm is None:
        found.append(not_evaluated(context, f"whether {needle.name}, alone at its level, reaches the midline", **more))
    elif alone and measured.midline_mm is not None and measured.midline_mm > number(midline):
        text = f"{needle.name} is alone and ends {measured.midline_mm:.1f} mm before the midline: use both sides."
        found.append(against(context, "one-sided", text, measured.midline_mm, midline, **more))
    return found


@REGISTRY.check("views_posture")
def views_posture(context: StageContext) -> list[Finding]:
    """C-arm views are labelled with the position in which the patient is treated."""
    planned = planned_position(context)
    if planned is None:
        return [not_evaluated(context, "how the patient will lie is not known: angles say nothing")]
    found = []
    for each in vertebrae(context):
        others = sorted({view.posture for view in each.views} - {planned})
        if others:
            lies = ", ".join(others)
            text = f"C-arm views of {short(each.level)} are for a patient who lies {lies}: compute them again."
            found.append(context.finding("angles-other-posture", text, subject=f"{TRAJECTORY}.{each.level}"))
    return found
