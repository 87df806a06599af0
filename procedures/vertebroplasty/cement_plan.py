"""The cement: usual upper volume, levels, posterior wall, working time, balloon (R17). No volume is called safe."""

from __future__ import annotations

from planner.clinical.results import RuleResult
from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.percutaneous.needles import chosen_needles
from procedures.spine.support import (
    against,
    as_number,
    from_rule,
    limit,
    not_evaluated,
    number,
    ruled,
    text_of,
    unknown_value,
)
from procedures.vertebroplasty.levels import planned_levels, region_of, short
from procedures.vertebroplasty.registry import REGISTRY
from procedures.vertebroplasty.stability import vertebrae, wall_defect

CEMENT = "cement"


def planned_ml(context: StageContext) -> dict[str, float | None]:
    """Level -> cement planned for it on both sides, mL; None when a row of it has no volume."""
    sums: dict[str, float | None] = {}
    for row in context.rows("levels", CEMENT):
        level, volume = str(row.get("level")), as_number(row.get("planned_ml"))
        before = sums.get(level, 0.0)
        sums[level] = None if volume is None or before is None else before + volume
    return sums


def body_ml(context: StageContext, level: str) -> float | None:
    """The volume of a vertebral body: as measured, else as typed."""
    measured = [each.body_ml for each in vertebrae(context) if each.level == level and each.body_ml is not None]
    typed = (as_number(row.get("body_ml")) for row in context.rows("levels", CEMENT) if row.get("level") == level)
    return measured[0] if measured else next((each for each in typed if each is not None), None)


def usual(context: StageContext, level: str) -> tuple[RuleResult | None, str]:
    """R17 for one level, or why there is no usual volume."""
    volume, region = body_ml(context, level), region_of(level)
    if region is None:
        return None, f"no usual volume is known for {short(level)}"
    if volume is None:
        return None, f"the volume of the body of {short(level)} is not known"
    result = ruled(context, "cement_volume", {"body_volume": (volume, "mL"), "region": region})
    return (result, "") if result.evaluated else (None, "the rule could not be evaluated")


def usual_upper_ml(context: StageContext, level: str) -> float | None:
    """The usual upper volume of a level, mL; None where it is not known."""
    result, _ = usual(context, level)
    return result.number("safe_max") if result else None


@REGISTRY.compute("usual_upper_volume")
def usual_upper_volume(context: StageContext) -> list[Computed]:
    """Per level; it is what is usual, not what is safe, and the stop rule is fluoroscopic."""
    levels = dict.fromkeys([*planned_levels(context), *planned_ml(context)])
    return [_usual(context, level) for level in levels] or [
        unknown_value("usual_upper", "Usual upper volume", "no level is named")
    ]


def _usual(context: StageContext, level: str) -> Computed:
    result, why = usual(context, level)
    label, identity = f"{short(level)}, usual upper volume", f"usual_upper_{short(level)}"
    if result is None:
        return unknown_value(identity, label, why, "cement_volume")
    body = body_ml(context, level)
    low, high = result.number("fill_15"), result.number("fill_24")
    inputs = {"body": f"{body:.0f} mL", "15 to 24 % of it": f"{low:.1f} to {high:.1f} mL"}
    return from_rule(result, "safe_max", identity, label, inputs=inputs, grade="not a safe limit")


@REGISTRY.check("cement_above_usual")
def cement_above_usual(context: StageContext) -> list[Finding]:
    found = []
    for level, volume in planned_ml(context).items():
        place = {"subject": f"{CEMENT}.{level}"}
        result, why = usual(context, level)
        upper = result.number("safe_max") if result else None
        if volume is None or upper is None or result is None:
            missing = f"the volume planned for {short(level)} is not known" if volume is None else why
            found.append(not_evaluated(context, missing, **place))
        elif volume > upper:
            text = f"{short(level)}: {volume:g} mL planned, usual upper volume {upper:.1f} mL (not a safe limit)."
            told = {"source": result.source, "tag": result.tag, "unit": "mL"}
            found.append(context.finding("above-usual-volume", text, measured=volume, limit=upper, **told, **place))
    return found


@REGISTRY.check("number_of_levels")
def number_of_levels(context: StageContext) -> list[Finding]:
    levels = {*planned_levels(context), *planned_ml(context)} - {"None"}
    many, ask, relative = float(len(levels)), limit(context, "ask_above"), limit(context, "relative_above")
    if many > number(relative):
        text = f"{many:.0f} levels in one session: relative contraindication above {number(relative):g}."
        return [against(context, "levels-contraindication", text, many, relative)]
    if many > number(ask):
        return [against(context, "many-levels", f"{many:.0f} levels in one session.", many, ask)]
    return []


@REGISTRY.check("posterior_wall_plan")
def posterior_wall_plan(context: StageContext) -> list[Finding]:
    defect = wall_defect(context)
    if defect is None:
        return [not_evaluated(context, "the posterior wall was not judged", code="posterior-wall-unknown")]
    if not defect:
        return []
    plan = text_of(context.value("wall_plan"))
    if plan:
        return [context.finding("posterior-wall-defect", f"Posterior wall defect: {plan}.", severity=Severity.WARN)]
    return [context.finding("posterior-wall-defect", "The posterior wall is defect: cement may enter the canal.")]


@REGISTRY.check("working_time_known")
def working_time_known(context: StageContext) -> list[Finding]:
    """The maker's time holds at the maker's temperature only; a warmer room shortens it."""
    minutes, made_for, room = (
        as_number(context.value(name)) for name in ("working_minutes", "working_temperature", "room_temperature")
    )
    if minutes is None or made_for is None or room is None:
        return [not_evaluated(context, "working time, its temperature or the room's is not known")]
    warmer, tolerance = room - made_for, limit(context, "tolerance")
    if abs(warmer) <= number(tolerance):
        return []
    how = "warmer: the time is shorter" if warmer > 0 else "colder: the time is longer"
    text = f"{minutes:g} min hold at {made_for:g} °C, the room is {abs(warmer):g} °C {how}."
    return [against(context, "working-time", text, abs(warmer), tolerance)]


@REGISTRY.check("cement_prepared")
def cement_prepared(context: StageContext) -> list[Finding]:
    found = []
    volumes = planned_ml(context)
    total, prepared = sum(each or 0.0 for each in volumes.values()), as_number(context.value("prepared_ml"))
    if prepared is not None and total > prepared:
        text = f"{total:g} mL are planned, {prepared:g} mL are prepared."
        more = {"measured": total, "limit": prepared, "unit": "mL"}
        found.append(context.finding("too-little-cement", text, **more))
    reached = {each.body.pedicle.level for each in chosen_needles(context) if each.body.pedicle}
    for level in volumes:
        if reached and level not in reached:
            found.append(context.finding("cement-without-needle", f"{short(level)} gets cement, but no needle."))
    return found


@REGISTRY.check("balloon_range")
def balloon_range(context: StageContext) -> list[Finding]:
    found = []
    for column, field, unit, words in (
        ("balloon_ml", "balloon_maximum_ml", "mL", "volume"),
        ("balloon_psi", "balloon_maximum_psi", "[psi]", "pressure"),
    ):
        highest = as_number(context.value(field))
        planned = [each for row in context.rows("levels") if (each := as_number(row.get(column))) is not None]
        if highest is None or not planned:
            why = f"the balloon's {words}, planned or at most, is not known"
            found.append(not_evaluated(context, why, overridable=True, subject=f"{CEMENT}.{column}"))
        elif max(planned) > highest:
            text = f"Balloon {words}: planned {max(planned):g}, the maker's maximum is {highest:g}."
            more = {"measured": max(planned), "limit": highest, "unit": unit, "subject": f"{CEMENT}.{column}"}
            source = text_of(context.value("balloon_product")) or None
            found.append(context.finding("balloon-over-range", text, source=source, **more))
    return found
