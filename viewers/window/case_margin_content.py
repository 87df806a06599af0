"""What the margin panel says of a margin, a chart and a plan of applicators. Values only, no widget is touched."""

from __future__ import annotations

from collections.abc import Mapping

from planner.app.applicators import usable_devices
from planner.app.zone_planning import PlannedCover
from planner.errors import OperatorError
from planner.model.case import Case
from planner.model.needle_items import AblationMarginBody, MarginNumbers
from planner.planning.devices import ENERGIES, ChartRow, ChartZone, Device, isotherms, zone_for
from planner.planning.kill_zones import kill_chart
from planner.units import UNKNOWN, shown
from planner.workflow.template import Choice
from viewers.panels.margin_panel import Line, SettingLine
from viewers.state.margins import GEOMETRIC, least

UNVERIFIED = ("M", "P")


def number_lines(body: AblationMarginBody | None) -> tuple[tuple[str, str], ...]:
    """The judged margin first; what is not known says so."""
    if body is None:
        return ()
    smaller = "the chart gives no deviation" if body.minus_sd is None else _least(body.minus_sd)
    wanted = "" if body.required_mm is None else f", wanted {shown(body.required_mm, 'mm', digits=0)}"
    lines = [
        ("At -1 SD", f"least {smaller}" if body.minus_sd is not None else smaller),
        ("Mean zone", f"least {_least(body.mean)}{wanted}"),
    ]
    if body.excluded_fraction is not None:
        kept = "no surface left" if body.without_capsule is None else f"least {least(body.without_capsule)}"
        lines.append(("Without capsule", f"{kept}; {100.0 * body.excluded_fraction:.0f} % of the surface left out"))
    else:
        lines.append(("Capsule", "NOT CHECKED: the organ is not segmented"))
    covered = {True: "target and margin lie in the zones", False: "no: not all of target and margin"}
    lines.append(("Covered", covered.get(body.covered, "not decided") if body.covered is not None else "not decided"))
    lines.append(("Beyond it", shown(body.collateral_ml, "mL", digits=1)))
    lines += [("Heat sink", each.removeprefix("Heat sink: ")) for each in body.heat_sinks]
    charts = ", ".join(body.tissues) or UNKNOWN
    lines.append(("Stands on", f"{GEOMETRIC}; chart from {charts}"))
    return tuple(lines)


def _least(numbers: MarginNumbers) -> str:
    return f"{least(numbers)}, 5th percentile {shown(numbers.percentile_5_mm, 'mm', digits=1)}"


def device_choices(case: Case, devices: Mapping[str, Device]) -> tuple[Choice, ...]:
    """Those that may be used in a case; ones without any zone say so."""
    made = []
    for each in usable_devices(case, devices).values():
        none = "" if any(row.not_drawable is None for row in each.rows) else " (no zone in its sources)"
        made.append(Choice(each.id, f"{each.title}{' · yours' if each.by_user else ''}{none}"))
    return tuple(made)


def setting_lines(device: Device | None) -> tuple[SettingLine, ...]:
    if device is None:
        return ()
    return tuple(SettingLine(each.id, _row_words(each), each.not_drawable or "") for each in device.rows)


def _row_words(row: ChartRow) -> str:
    axes = "" if row.not_drawable else f" · {row.long_mm:g} × {row.short_mm:g} mm"
    tissue = row.tissue if row.preparation == "simulated" else f"{row.preparation} {row.tissue}"
    return f"{row.id}{axes} · {tissue}{' · yours' if row.by_user else ''}"


def chart_lines(device: Device | None, setting: str | None) -> tuple[Line, ...]:
    """What the chart says at a setting, and where that was read; or why it gives no zone."""
    if device is None:
        return ()
    lines: list[Line] = [(_device_words(device), "")]
    if setting is None:
        return tuple(lines)
    try:
        chart, _ = kill_chart(zone_for(device, setting))
    except OperatorError as refused:
        return (*lines, (f"■ {refused.message}", "block"))
    return (*lines, *_zone_lines(chart, device.row(setting)), *_isotherm_lines(device, setting))


def _isotherm_lines(device: Device, setting: str) -> tuple[Line, ...]:
    """Of a freeze: every isotherm its chart gives; what is drawn and judged is the one that kills."""
    if device.energy != "cryo" or device.row(setting) is None:
        return ()
    return tuple(
        (f"{degrees:g} °C: {shown(each.long_mm)} × {shown(each.short_mm, 'mm')}", "")
        for degrees, each in isotherms(device, setting).items()
    )


def _device_words(device: Device) -> str:
    diameter = "diameter not stated" if device.outer_diameter_mm is None else shown(device.outer_diameter_mm, "mm")
    length = (
        "length not stated" if device.usable_length_mm is None else f"{shown(device.usable_length_mm, 'mm')} usable"
    )
    return f"{ENERGIES[device.energy]}, {device.applicator}; {diameter}, {length}"


def _zone_lines(chart: ChartZone, row: ChartRow | None) -> list[Line]:
    if chart.sd_long_mm is None or chart.sd_short_mm is None:
        spread = "SD not given"
    else:
        spread = f"± {shown(chart.sd_long_mm)} × {shown(chart.sd_short_mm)} mm (1 SD)"
    tip = (
        "not stated: drawn to the tip"
        if chart.tip_offset_mm is None
        else f"{shown(chart.tip_offset_mm, 'mm')} beyond the tip"
    )
    between = f", between {' and '.join(chart.interpolated)}" if chart.interpolated else ""
    lines: list[Line] = [
        (f"{shown(chart.long_mm)} × {shown(chart.short_mm, 'mm')} {spread}; far end {tip}{between}", ""),
        (f"measured in {chart.tissue}; {chart.source} [{chart.tag}]", ""),
    ]
    if chart.tag in UNVERIFIED:
        lines.append(("▲ unverified default", "warn"))
    if row is not None and row.by_user:
        lines.append((f"▲ your own row, seen by {row.seen_by or UNKNOWN}", "warn"))
    if row is not None and row.note:
        lines.append((row.note, ""))
    return lines


def plan_lines(planned: PlannedCover) -> tuple[Line, ...]:
    """What the planning of applicators found: how many, how few there can be, covered or not, and what it costs."""
    plan, cover = planned.plan, planned.cover
    count = len(planned.placed)
    answer = {
        True: (f"● covered: target and {shown(plan.margin_mm, 'mm', digits=0)} lie in the zones", "info"),
        False: (f"■ not covered: {100.0 * cover.fraction:.0f} % of target and margin", "block"),
    }
    least_there = plan.bound.count * plan.chart.applicators
    lines: list[Line] = [
        (f"{count} applicator{'' if count == 1 else 's'} with {plan.chart.setting}; at least {least_there} needed", ""),
        ("▲ cover not decided", "warn") if cover.covered is None else answer[cover.covered],
        (f"collateral {shown(planned.collateral_ml, 'mL', digits=1)} outside target and margin", ""),
    ]
    lines += [(f"{_MARKS[each.severity.value]} {each.text}", each.severity.value) for each in planned.findings]
    return tuple(lines)


_MARKS = {"block": "■", "warn": "▲", "info": "●"}
