"""The record: needles as they lie, activations, withdrawal. Nothing here refuses a record."""

from __future__ import annotations

from planner.clinical.comparisons import above
from planner.findings import Finding
from planner.planning.devices import shipped_devices
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.ablation.items import DONE, beyond, lesion_name, needle_limit, needle_name
from procedures.ablation.paths import accepted
from procedures.ablation.registry import REGISTRY
from procedures.ablation.zones import at_power
from procedures.spine.support import as_number, not_evaluated, text_of

STAGE = "activations"


def nothing_given(context: StageContext) -> bool:
    """Whether the session ended before any energy."""
    return bool(context.value("go", "needle_check") == "no-go")


@REGISTRY.check("tip_error_accepted")
def tip_error_accepted(context: StageContext) -> list[Finding]:
    most = needle_limit(context, "tip_error_mm")
    found = []
    for place, row in enumerate(context.rows("needles"), start=1):
        if row.get("status") == "not-done":
            continue
        name, subject = needle_name(context, row.get("needle") or row.get("applicator")), f"needle_check.{place}"
        error = as_number(row.get("tip_error"))
        if error is None:
            if row.get("accepted") != "yes":
                found.append(not_evaluated(context, f"the tip error of {name} was not measured", subject=subject))
        elif above(error, most.value) and row.get("accepted") != "yes":
            text = f"{name}: the tip lies {error:g} mm off, more than {most.value:g} mm, and nobody accepted it."
            found.append(beyond(context, "tip-error", text, error, most, subject=subject))
    if context.value("checked_on") == "not-checked":
        found.append(not_evaluated(context, "no needle was checked on images", subject="needle_check.checked_on"))
    return found


@REGISTRY.check("needles_accounted")
def needles_accounted(context: StageContext) -> list[Finding]:
    rows = {row.get("needle"): row for row in context.rows("needles") if row.get("needle")}
    found = []
    for item, _ in accepted(context):
        row = rows.get(item.id)
        if row is None:
            text = f"{item.name} was planned; placed, changed or not placed is not written down."
            found.append(context.finding("needle-not-recorded", text, subject=f"needle_check.{item.id}"))
        elif row.get("status") in ("changed", "not-done") and not text_of(row.get("reason")):
            text = f"{item.name} was changed or not placed, and why is not written down."
            found.append(context.finding("needle-without-reason", text, subject=f"needle_check.{item.id}"))
    return found


@REGISTRY.check("needle_dangers")
def needle_dangers(context: StageContext) -> list[Finding]:
    return [*_air(context), *_blood(context)]


def _air(context: StageContext) -> list[Finding]:
    answer, subject = context.value("pneumothorax"), f"{context.stage.id}.pneumothorax"
    if answer in ("small", "drained"):
        said = "a drain is in" if answer == "drained" else "watched: image again"
        return [context.finding("pneumothorax", f"Pneumothorax: {said}.", subject=subject)]
    return [] if answer == "none" else [not_evaluated(context, "nobody looked for a pneumothorax", subject=subject)]


def _blood(context: StageContext) -> list[Finding]:
    answer, subject = context.value("bleeding"), f"{context.stage.id}.bleeding"
    if answer in ("minor", "active"):
        said = "active: embolise or ablate the tract" if answer == "active" else "minor: watch"
        return [context.finding("bleeding", f"Bleeding, {said}.", subject=subject)]
    return [] if answer == "none" else [not_evaluated(context, "nobody looked for bleeding", subject=subject)]


@REGISTRY.check("beyond_chart")
def beyond_chart(context: StageContext) -> list[Finding]:
    """More power or time than planned for that needle, and outside the chart of its device."""
    bodies = {item.id: body for item, body in accepted(context)}
    plan = {row.get("needle"): row for row in context.rows("settings", "zone_margin")}
    found = []
    for place, row in enumerate(context.rows(STAGE), start=1):
        if row.get("status") not in DONE:
            continue
        name, subject = f"Activation {row.get('no') or place}", f"activations.{place}"
        power, minutes = as_number(row.get("power")), as_number(row.get("minutes"))
        settings = plan.get(row.get("needle"), {})
        for column, words, unit in (("power", "power", "W"), ("minutes", "time", "min")):
            given, planned = as_number(row.get(column)), as_number(settings.get(column))
            if given is not None and planned is not None and above(given, planned):
                text = f"{name}: {words} {shown(given, unit)}, planned {shown(planned, unit)}."
                more = {"measured": given, "limit": planned, "unit": unit, "subject": f"{subject}.{column}"}
                found.append(context.finding("beyond-plan", text, **more))
        body = bodies.get(str(row.get("needle") or ""))
        device = shipped_devices().get(body.device or "") if body else None
        if device is not None and power is not None and minutes is not None:
            answer = at_power(device, power, minutes)
            if isinstance(answer, str):
                found.append(context.finding("beyond-chart", f"{name}: {answer}", subject=subject))
    return found


@REGISTRY.check("activations_complete")
def activations_complete(context: StageContext) -> list[Finding]:
    """Target, time and what was set; why something was not done."""
    if nothing_given(context):
        return []
    found = []
    for place, row in enumerate(context.rows(STAGE), start=1):
        name, subject = f"Activation {row.get('no') or place}", f"activations.{place}"
        if row.get("status") == "not-done":
            if not text_of(row.get("reason")):
                found.append(context.finding("no-reason", f"{name} was not done, and why is missing.", subject=subject))
            continue
        missing = [words for column, words in (("lesion", "target"), ("minutes", "time")) if not row.get(column)]
        if not any(row.get(column) for column in ("power", "energy", "voltage", "thaw")):
            missing.append("power, energy or voltage")
        if missing:
            text = f"{name} of {lesion_name(context, row.get('lesion'))}: {', '.join(missing)} missing."
            found.append(context.finding("activation-incomplete", text, subject=subject))
    return found


@REGISTRY.compute("energy_sum")
def energy_sum(context: StageContext) -> list[Computed]:
    """Energy and time of what was done, per target."""
    sums: dict[str, dict[str, float]] = {}
    for row in context.rows(STAGE):
        if row.get("status") in DONE:
            mine = sums.setdefault(
                lesion_name(context, row.get("lesion")), {"energy": 0.0, "minutes": 0.0, "rows": 0.0}
            )
            mine["energy"] += as_number(row.get("energy")) or 0.0
            mine["minutes"] += as_number(row.get("minutes")) or 0.0
            mine["rows"] += 1
    return [
        Computed(
            id=f"energy_{name}",
            label=name,
            value=mine["minutes"],
            unit="min",
            grade=f"{mine['rows']:.0f} activations, {shown(mine['energy'], 'kJ')}",
            source="sum of the rows",
            tag="calc",
        )
        for name, mine in sums.items()
    ]


@REGISTRY.check("withdrawal_dangers")
def withdrawal_dangers(context: StageContext) -> list[Finding]:
    found = [*_blood(context), *_air(context)]
    if context.value("track_ablation") == "not-done" and not nothing_given(context):
        text = "The track was not ablated: bleeding, seeding."
        found.append(context.finding("no-track-ablation", text, subject="withdrawal.track_ablation"))
    if context.value("applicators_out") == "no":
        text = "An applicator is not out, or not complete."
        found.append(context.finding("applicator-left", text, subject="withdrawal.applicators_out"))
    skin = context.value("skin")
    if skin == "burn":
        found.append(context.finding("skin-burn", "Burn or frostbite of the skin.", subject="withdrawal.skin"))
    elif skin == "not-looked":
        found.append(not_evaluated(context, "nobody looked at skin and pad sites", subject="withdrawal.skin"))
    return found
