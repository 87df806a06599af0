"""Planning applicators for a target: over the settings of a device, with paths, and with all that is said about it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from planner.clinical.constants import Overrides
from planner.errors import InputRefused
from planner.findings import Finding, Severity
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.planning.coverage import (
    Avoided,
    CoverPlan,
    Spacing,
    clearances_mm,
    plan_cover,
)
from planner.planning.coverage_access import (
    Access,
    PlacedApplicator,
    open_ways,
    ways_in,
    with_paths,
    without_paths,
    zones_as_placed,
)
from planner.planning.coverage_decision import Cover, TargetField, collateral_ml, decide
from planner.planning.devices import ChartZone, Device, drawable_settings, zone_for
from planner.planning.heat_sinks import HeatSink, heat_sinks
from planner.planning.ire import electrode_pairs
from planner.planning.kill_zones import kill_chart
from planner.planning.path_target import Target
from planner.planning.target_surface import TargetSurface
from planner.planning.zone_findings import (
    chart_findings,
    cover_findings,
    near_structure_findings,
    pair_findings,
    spacing_findings,
    unique,
)
from planner.planning.zone_surface import ZoneSurface
from planner.planning.zones import Zone


@dataclass(frozen=True, slots=True)
class SmallerZones:
    """What is left when every zone is one standard deviation smaller."""

    minimum_mm: float | None
    cover: Cover


@dataclass(frozen=True, eq=False)
class PlannedCover:
    """A plan with its paths, and its numbers after shafts were turned.

    Attributes
    ----------
    minimum_mm
        Least distance from the target's surface to the zones', positive where they reach beyond it; None without
        zones.
    minus_sd
        None where the chart gives no standard deviation.
    """

    plan: CoverPlan
    placed: tuple[PlacedApplicator, ...]
    zones: tuple[Zone, ...]
    cover: Cover
    minimum_mm: float | None
    minus_sd: SmallerZones | None
    zone_ml: float
    collateral_ml: float
    clearance_mm: dict[str, float]
    heat_sinks: tuple[HeatSink, ...]
    findings: tuple[Finding, ...]
    seconds: float


def plan_settings(
    target: Target,
    device: Device,
    setting: str | None,
    *,
    margin_mm: float,
    avoided: Sequence[Avoided] = (),
    vessels: Mapping[str, Mask] | None = None,
    access: Access | None = None,
    shaft_mm: float = 150.0,
    maximum: int = 6,
    at_minus_sd: bool = False,
    overrides: Overrides | None = None,
    context: Context | None = None,
) -> PlannedCover:
    """Plan with a setting, or with the setting that needs fewest applicators, and of those the least else treated.

    Parameters
    ----------
    maximum
        Applicators at most; a device's own limit holds as well.
    shaft_mm
        Length of the shaft that is drawn where there is no `access`.
    at_minus_sd
        Places zones that are one standard deviation smaller, where the chart gives one, so that the margin holds for
        those; the zones of the answer are the mean ones about the same centres.

    Raises
    ------
    InputRefused
        ``empty-mask``, ``row-without-axes``, ``outside-chart``, ``ice-too-thin``, ``bad-margin``, ``bad-applicators``.
    UsageError
        ``unknown-setting``.
    """
    started, job = time.perf_counter(), context or Context()
    if target.mask is None:
        raise InputRefused("empty-mask", "A target to be covered needs a mask, not only a point.", subject="target")
    charts = _charts(device, setting, overrides)
    most = maximum if device.maximum_applicators is None else min(maximum, device.maximum_applicators)
    directions, findings = _directions(access, target, job.part(0.0, 0.3))
    body = TargetField.of(target.mask, margin_mm)
    centre = np.asarray(target.point_lps_mm, dtype=np.float64)
    best: tuple[CoverPlan, tuple[Finding, ...]] | None = None
    for number, (chart, said) in enumerate(charts):
        part = job.part(0.3 + 0.5 * number / len(charts), 0.3 + 0.5 * (number + 1) / len(charts))
        groups = most // chart.applicators
        if groups < 1:
            text = f"{chart.device}/{chart.setting} needs {chart.applicators} applicators; {most} are allowed."
            raise InputRefused("bad-applicators", text, subject=device.id)
        if best is not None and best[0].cover.covered:
            groups = min(groups, len(best[0].zones) * best[0].chart.applicators // chart.applicators)
        plan = _planned(
            body,
            chart,
            at_minus_sd,
            margin_mm=margin_mm,
            directions_lps=directions if access is None else open_ways(directions, access, centre, chart),
            avoided=avoided,
            spacing=Spacing(device.spacing_low_mm, device.spacing_high_mm),
            maximum=max(1, groups),
            context=part,
        )
        if best is None or _merit(plan) < _merit(best[0]):
            best = plan, said
    if best is None:
        raise InputRefused("row-without-axes", f"{device.id} has no setting that gives a zone.", subject=device.id)
    finished = _with_numbers(body, device, best[0], avoided, vessels or {}, access, shaft_mm, overrides, job)
    seconds = time.perf_counter() - started
    return replace(finished, findings=tuple(unique((*findings, *best[1], *finished.findings))), seconds=seconds)


def _planned(body: TargetField, chart: ChartZone, at_minus_sd: bool, **given: Any) -> CoverPlan:
    """Cover by mean zones, or by the smaller ones about the same centres."""
    sd_long, sd_short = chart.sd_long_mm, chart.sd_short_mm
    if not at_minus_sd or sd_long is None or sd_short is None:
        return plan_cover(body, chart, **given)
    offset = chart.tip_offset_mm
    smaller = replace(
        chart,
        long_mm=chart.long_mm - sd_long,
        short_mm=chart.short_mm - sd_short,
        tip_offset_mm=None if offset is None else offset - sd_long / 2.0,
    )
    plan = plan_cover(body, smaller, **given)
    grown = [zone.grown(sd_long / 2.0, sd_short / 2.0) for zone in plan.zones]
    return replace(plan, chart=chart, zones=tuple(zone for zone in grown if zone is not None))


def _merit(plan: CoverPlan) -> tuple[bool, float, float]:
    covered = plan.cover.covered is True
    first = float(len(plan.zones) * plan.chart.applicators) if covered else -plan.cover.fraction
    return not covered, first, plan.collateral_ml


def _charts(
    device: Device, setting: str | None, overrides: Overrides | None
) -> list[tuple[ChartZone, tuple[Finding, ...]]]:
    """The named setting; or all of them, the largest zone first. Of several isotherms of one freeze the coldest."""
    if setting is not None or len(drawable_settings(device)) < 2:
        chart = zone_for(device, setting)
        killing, said = kill_chart(chart, overrides)
        return [(killing, (*chart_findings(killing), *said))]
    coldest: dict[tuple[object, ...], ChartZone] = {}
    for name in drawable_settings(device):
        row, chart = device.row(name), zone_for(device, name)
        if row is None:
            continue
        freeze = (row.freeze_min, row.tissue, row.preparation, row.applicators, row.spacing_mm)
        key: tuple[object, ...] = (name,) if chart.isotherm_c is None else freeze
        known = coldest.get(key)
        if known is None or (chart.isotherm_c or 0.0) < (known.isotherm_c or 0.0):
            coldest[key] = chart
    made = []
    for chart in sorted(coldest.values(), key=lambda each: -each.volume_ml):
        killing, said = kill_chart(chart, overrides)
        made.append((killing, (*chart_findings(killing), *said)))
    return made


def _directions(
    access: Access | None, target: Target, job: Context
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], list[Finding]]:
    """Ways in that a path search leaves open; without images any direction, from the front of the patient."""
    if access is None:
        return from_front(), []
    found, search = ways_in(access, target, job)
    if len(found):
        return found, [_softened(each) for each in search.findings]
    text = "No path to the target keeps every limit: the directions shown here are not admissible."
    blocked = Finding("no-path", Severity.BLOCK, text)
    return from_front(), [*(_softened(each) for each in search.findings), blocked]


def _softened(finding: Finding) -> Finding:
    """What the path search says of structures nobody segmented is said here too; it refuses paths, not zones."""
    return replace(finding, severity=Severity.WARN) if finding.code == "not-checked" else finding


def from_front() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(18, 3): directions of insertion from the front and the sides, at most 30 degrees out of the axial plane."""
    in_plane = np.radians(np.arange(-60.0, 91.0, 30.0))
    out_of_plane = np.radians([-30.0, 0.0, 30.0])
    turned, raised = (each.ravel() for each in np.meshgrid(in_plane, out_of_plane))
    return np.stack([np.sin(turned) * np.cos(raised), np.cos(turned) * np.cos(raised), np.sin(raised)], axis=1)


def _with_numbers(
    body: TargetField,
    device: Device,
    plan: CoverPlan,
    avoided: Sequence[Avoided],
    vessels: Mapping[str, Mask],
    access: Access | None,
    shaft_mm: float,
    overrides: Overrides | None,
    job: Context,
) -> PlannedCover:
    """Paths for the positions, and everything measured once more on the zones as they then lie."""
    if access is None:
        placed = without_paths(plan.zones, plan.chart, shaft_mm)
    else:
        placed = with_paths(plan.zones, plan.chart, access, job.part(0.8, 0.95))
    zones = zones_as_placed(plan.zones, placed)
    turned = zones != plan.zones
    cover = decide(body, zones) if turned else plan.cover
    whole, outside = collateral_ml(body, zones)
    surface = body.surface
    smaller = smaller_zones(zones, plan.chart)
    minus = None if smaller is None else SmallerZones(minimum_margin_mm(surface, smaller), decide(body, smaller))
    clearance = clearances_mm(zones, avoided)
    sinks = heat_sinks(vessels, surface.mask, device.energy, overrides=overrides)
    pairs = electrode_pairs([each.applicator for each in placed], overrides=overrides) if device.energy == "ire" else ()
    said = [
        *cover_findings(plan, cover),
        *(() if cover.covered else _in_the_way(body, avoided)),
        *(each.finding for each in sinks),
        *pair_findings(pairs),
        *spacing_findings(device, zones, overrides=overrides),
        *near_structure_findings(clearance, overrides=overrides),
        *(Finding("path-limit", Severity.BLOCK, text) for each in placed for text in each.broken),
        *_turned_findings(placed),
    ]
    return PlannedCover(
        plan, placed, zones, cover, minimum_margin_mm(surface, zones), minus, whole, outside, clearance, sinks,
        tuple(said), 0.0,
    )  # fmt: skip


def _in_the_way(body: TargetField, avoided: Sequence[Avoided]) -> list[Finding]:
    """Structures so near to the target that covering its margin and sparing them exclude each other."""
    reach = body.margin_mm + max((each.keep_mm for each in avoided), default=0.0) + 5.0
    vertices = body.surface.vertices_lps_mm
    low, high = vertices.min(axis=0) - reach, vertices.max(axis=0) + reach
    said = []
    for each in avoided:
        points = each.voxels_lps_mm(low, high)
        if not len(points):
            continue
        gap = float(body.surface.signed_distance_mm(points).min()) - each.half_voxel_mm
        if gap >= body.margin_mm + each.keep_mm:
            continue
        place = f"{gap:.1f} mm from the target" if gap > 0.0 else "inside the target"
        text = (
            f"{each.key} lies {place}: a margin of {body.margin_mm:g} mm and {each.keep_mm:g} mm to spare it exclude "
            "each other; protect it or move it away, or accept less of one of them."
        )
        limit = body.margin_mm + each.keep_mm
        said.append(
            Finding("spared-in-margin", Severity.WARN, text, subject=each.key, measured=gap, limit=limit, unit="mm")
        )
    return said


def _turned_findings(placed: Sequence[PlacedApplicator]) -> list[Finding]:
    return [
        Finding(
            "turned",
            Severity.INFO,
            f"{each.applicator.id} is turned by {each.turned_deg:.0f}° from the common direction to keep its limits.",
            measured=each.turned_deg,
            unit="deg",
        )
        for each in placed
        if each.turned_deg > 0.0
    ]


def smaller_zones(zones: Sequence[Zone], chart: ChartZone) -> tuple[Zone, ...] | None:
    """The zones at -1 SD; None where the chart gives none. A zone that vanishes is left out."""
    if chart.sd_long_mm is None or chart.sd_short_mm is None:
        return None
    shrunk = [zone.grown(-0.5 * chart.sd_long_mm, -0.5 * chart.sd_short_mm) for zone in zones]
    return tuple(zone for zone in shrunk if zone is not None)


def minimum_margin_mm(surface: TargetSurface, zones: Sequence[Zone]) -> float | None:
    """Least signed distance from the target's surface to the surface of the zones together; None without zones."""
    if not zones:
        return None
    return float(ZoneSurface.of(zones).depth_mm(surface.vertices_lps_mm).min())
