"""Frozen zones: what of the ice kills. A chart may give the edge of the ice, or an isotherm inside it."""

from __future__ import annotations

from dataclasses import replace

from planner.clinical.constants import Overrides
from planner.clinical.registry import evaluate, rule
from planner.errors import InputRefused
from planner.findings import Finding, Severity
from planner.planning.devices import ChartZone


def kill_depth_mm(chart: ChartZone, overrides: Overrides | None = None) -> float:
    """How far inside the chart's isotherm tissue dies; 0 for heat, and for a chart without an isotherm (histology)."""
    if chart.isotherm_c is None:
        return 0.0
    if chart.isotherm_c > 0.0:
        text = f"The isotherm of {chart.isotherm_c:g} °C of {chart.device} is warmer than ice; correct the row."
        raise InputRefused("bad-device-row", text, subject=chart.device)
    found = evaluate("cryo_ice_margin", {"margin": 0.0, "isotherm": chart.isotherm_c}, overrides=overrides)
    return float(found.number("required_beyond") or 0.0)


def kill_chart(chart: ChartZone, overrides: Overrides | None = None) -> tuple[ChartZone, tuple[Finding, ...]]:
    """The zone that counts as treated: the chart's own, or for warmer ice the killing isotherm inside it.

    Raises
    ------
    InputRefused
        ``ice-too-thin`` when nothing is left.
    """
    depth = kill_depth_mm(chart, overrides)
    if depth <= 0.0:
        return chart, ()
    constants = rule("cryo_ice_margin").constants.replaced((overrides or {}).get("cryo_ice_margin", {}))
    kill = constants.number("kill_isotherm")
    if min(chart.long_mm, chart.short_mm) <= 2.0 * depth:
        text = (
            f"The {chart.isotherm_c:g} °C isotherm of {chart.device} is too thin: tissue dies {depth:.0f} mm inside "
            "it; choose a longer freeze or more probes."
        )
        raise InputRefused("ice-too-thin", text, subject=f"{chart.device}/{chart.setting}")
    inner = replace(
        chart,
        long_mm=chart.long_mm - 2.0 * depth,
        short_mm=chart.short_mm - 2.0 * depth,
        tip_offset_mm=None if chart.tip_offset_mm is None else chart.tip_offset_mm - depth,
        isotherm_c=kill,
    )
    text = (
        f"The row {chart.setting} of {chart.device} gives the {chart.isotherm_c:g} °C isotherm; counted as treated is "
        f"what lies {depth:.0f} mm inside it ({kill:g} °C, by rule and not by the chart)."
    )
    return inner, (constants.finding("ice-is-not-kill", Severity.WARN, text, constant="depth_inside_ice"),)
