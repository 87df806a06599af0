"""From zones to applicators: the ways in that a path search leaves open, and a path for each position."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from planner.geometry.patient_positions import PatientPosition
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.needle_rules import NeedleRules
from planner.planning.devices import ChartZone
from planner.planning.needles import Needle
from planner.planning.obstacles import Clearance, Obstacle, Obstacles, bounds_around, prepared
from planner.planning.path_search import Aim, PathSearch, search
from planner.planning.path_target import Target, target_point
from planner.planning.zones import Applicator, Zone, across_axes, point, tip_for

Floats = NDArray[np.float64]

WAYS_IN = 12
_LOOKED_AT, _APART_DEG = 60, 6.0
"""Ways in that are held against a chart, and how many degrees they enclose at least."""
_MOST_TURN_DEG = 20.0
"""A shaft turned farther from its neighbours than this would need other positions."""
_TURNS_TRIED = 40
_REACH_MM = 500.0
_STEP_MM = 0.5
_OUTSIDE_MM = 5.0


@dataclass(frozen=True, eq=False)
class Access:
    """How the patient can be reached.

    Attributes
    ----------
    body
        The whole body; its surface is the skin.
    obstacles
        What shafts keep away from.
    """

    body: Mask
    obstacles: tuple[Obstacle, ...] = ()
    rules: NeedleRules = field(default_factory=lambda: NeedleRules("ablation"))
    diameter_mm: float = 0.0
    usable_length_mm: float | None = None
    position: PatientPosition = field(default_factory=PatientPosition)
    organ: Mask | None = None
    absent: frozenset[str] = frozenset()

    def aim(self, target: Target) -> Aim:
        return Aim(
            target,
            self.body,
            self.rules,
            self.diameter_mm,
            self.usable_length_mm,
            self.position,
            self.organ,
            absent=self.absent,
        )


@dataclass(frozen=True, eq=False)
class PlacedApplicator:
    """An applicator with its path.

    Attributes
    ----------
    on_skin
        The entry lies on the skin; otherwise it is a point up the shaft.
    turned_deg
        How far it was turned from the common direction to keep its limits.
    broken
        One sentence for each limit its path breaks.
    """

    applicator: Applicator
    zone: int
    length_mm: float
    on_skin: bool
    clearances: Mapping[str, Clearance]
    turned_deg: float = 0.0
    broken: tuple[str, ...] = ()


def ways_in(access: Access, target: Target, context: Context | None = None) -> tuple[Floats, PathSearch]:
    """(n, 3) directions of insertion of the best admissible paths to a target, and the search itself; none where every
    path breaks a limit. Raises as `planner.planning.path_search.search`."""
    found = search(access.aim(target), access.obstacles, context)
    hubs = [each.needle.hub_lps for each in found.paths(_LOOKED_AT, alike_deg=_APART_DEG)]
    return -np.array(hubs).reshape(-1, 3), found


def open_ways(ways_lps: Floats, access: Access, centre_lps_mm: Floats, chart: ChartZone) -> Floats:
    """The best ways in along which an applicator of a chart keeps its limits to the tip, which lies beyond the middle
    of its zone; the best of all where none does."""
    kept: list[Floats] = []
    fields: Obstacles | None = None
    for axis in ways_lps:
        tip = tip_for(centre_lps_mm, axis, chart)
        entry = skin_entry(access.body, tip, -axis)
        ends = np.stack([tip, tip if entry is None else entry])
        fields = prepared(access.obstacles, bounds_around(ends, 30.0)) if fields is None else fields.reaching(ends)
        if not _judged("", 0, entry, tip, axis, chart, access, fields).broken:
            kept.append(axis)
        if len(kept) == WAYS_IN:
            break
    return np.array(kept) if kept else ways_lps[:WAYS_IN]


def group_tips_mm(zone: Zone, chart: ChartZone) -> Floats:
    """(applicators, 3): tips that make a zone together, on a regular polygon around its axis with the chart's spacing
    as its side; the middle alone where the chart gives no spacing."""
    axis = np.asarray(zone.axis_lps, dtype=np.float64)
    tip = tip_for(zone.centre_lps_mm, axis, chart)
    if chart.applicators == 1 or chart.spacing_mm is None:
        return tip.reshape(1, 3)
    first, second = across_axes(axis)
    radius = chart.spacing_mm / (2.0 * math.sin(math.pi / chart.applicators))
    turns = 2.0 * np.pi * np.arange(chart.applicators) / chart.applicators
    tips: Floats = tip + radius * (np.cos(turns)[:, None] * first + np.sin(turns)[:, None] * second)
    return tips


def without_paths(zones: Sequence[Zone], chart: ChartZone, length_mm: float) -> tuple[PlacedApplicator, ...]:
    """Applicators whose entry is a point up the shaft, where nothing is known of the skin."""
    placed: list[PlacedApplicator] = []
    for number, zone in enumerate(zones):
        axis = np.asarray(zone.axis_lps, dtype=np.float64)
        for tip in group_tips_mm(zone, chart):
            name = f"applicator {len(placed) + 1}"
            applicator = Applicator(name, point(tip - length_mm * axis), point(tip), chart)
            placed.append(PlacedApplicator(applicator, number, length_mm, False, {}))
    return tuple(placed)


def with_paths(
    zones: Sequence[Zone], chart: ChartZone, access: Access, context: Context | None = None
) -> tuple[PlacedApplicator, ...]:
    """An applicator for each zone (or each of its group), along the common direction where its limits allow, else
    turned as little as a path search finds; a path that breaks a limit says so."""
    job = context or Context()
    fields: Obstacles | None = None
    placed: list[PlacedApplicator] = []
    for number, zone in enumerate(zones):
        job.step(number / max(1, len(zones)), f"Path {number + 1} of {len(zones)}")
        for tip in group_tips_mm(zone, chart):
            axis = np.asarray(zone.axis_lps, dtype=np.float64)
            entry = skin_entry(access.body, tip, -axis)
            ends = np.stack([tip, tip if entry is None else entry])
            fields = (
                prepared(access.obstacles, bounds_around(ends, 30.0), job.part(0.0, 0.0))
                if fields is None
                else fields.reaching(ends)
            )
            name = f"applicator {len(placed) + 1}"
            one = _judged(name, number, entry, tip, axis, chart, access, fields)
            if one.broken and chart.applicators == 1:
                one = _turned(one, zone, chart, access, fields) or one
            placed.append(one)
    return tuple(placed)


def zones_as_placed(zones: Sequence[Zone], placed: Sequence[PlacedApplicator]) -> tuple[Zone, ...]:
    """The zones after shafts were turned: each keeps its centre and takes the axis of its shaft."""
    turned = {each.zone: each.applicator.direction_lps for each in placed if each.turned_deg > 0.0}
    return tuple(
        replace(zone, axis_lps=point(turned[number])) if number in turned else zone for number, zone in enumerate(zones)
    )


def skin_entry(body: Mask, from_lps_mm: Floats, towards_lps: Floats) -> Floats | None:
    """Where a ray leaves the body, to a quarter of a voxel; None for one that starts outside or never leaves."""
    steps = np.arange(0.0, _REACH_MM, _STEP_MM)
    points = np.asarray(from_lps_mm) + steps[:, None] * np.asarray(towards_lps)
    kji = np.rint(body.grid.kji_from_lps.points(points)).astype(np.int64) - np.asarray(body.box[0])
    held = np.all((kji >= 0) & (kji < np.asarray(body.voxels.shape)), axis=1)
    inside = np.zeros(len(points), dtype=np.bool_)
    inside[held] = body.voxels[tuple(kji[held].T)]
    if not inside[0]:
        return None
    gap = round(_OUTSIDE_MM / _STEP_MM)
    for at in np.flatnonzero(inside[:-1] & ~inside[1:]):
        if not inside[at + 1 : at + 1 + gap].any():
            entry: Floats = points[at] + 0.5 * _STEP_MM * np.asarray(towards_lps)
            return entry
    return None


def _judged(
    name: str,
    number: int,
    entry: Floats | None,
    tip: Floats,
    axis: Floats,
    chart: ChartZone,
    access: Access,
    fields: Obstacles,
) -> PlacedApplicator:
    if entry is None:
        start = tip - (access.usable_length_mm or chart.long_mm) * axis
        applicator = Applicator(name, point(start), point(tip), chart)
        text = f"{name}: its shaft leaves the image before the skin, or its tip lies outside the body."
        return PlacedApplicator(applicator, number, float(np.linalg.norm(tip - start)), False, {}, broken=(text,))
    needle = Needle.of(entry, tip, access.diameter_mm)
    clearances = fields.reaching(np.stack([entry, tip])).clearance(needle)
    return PlacedApplicator(
        Applicator(name, point(entry), point(tip), chart),
        number,
        needle.length_mm,
        True,
        clearances,
        broken=tuple(_broken(name, needle, clearances, access)),
    )


def _broken(name: str, needle: Needle, clearances: Mapping[str, Clearance], access: Access) -> list[str]:
    limits = {each.key: each for each in access.obstacles}
    said = [
        f"{name}: {found.mm:.1f} mm from the {limits[key].spoken} at {found.depth_mm:.0f} mm depth, "
        f"{limits[key].hard_mm:g} mm needed."
        for key, found in clearances.items()
        if found.mm < limits[key].hard_mm
    ]
    usable = access.usable_length_mm
    if usable is not None and needle.length_mm > usable:
        said.append(f"{name}: {needle.length_mm:.0f} mm from the skin, longer than the usable {usable:g} mm.")
    return said


def _turned(
    nominal: PlacedApplicator, zone: Zone, chart: ChartZone, access: Access, fields: Obstacles
) -> PlacedApplicator | None:
    """The admissible path through the zone's centre that turns least from the common direction."""
    centre = np.asarray(zone.centre_lps_mm, dtype=np.float64)
    if not access.body.contains(centre):
        return None
    found = search(access.aim(target_point(centre)), access.obstacles)
    hubs = found.measured.hub_lps[found.ranked]
    if not len(hubs):
        return None
    turn = np.degrees(np.arccos(np.clip(-hubs @ np.asarray(zone.axis_lps), -1.0, 1.0)))
    for at in np.argsort(turn)[:_TURNS_TRIED]:
        if turn[at] > _MOST_TURN_DEG:
            break
        row = int(found.ranked[at])
        axis = -hubs[at]
        tip = tip_for(centre, axis, chart)
        entry = np.asarray(found.measured.entry_lps_mm[row], dtype=np.float64)
        one = _judged(nominal.applicator.id, nominal.zone, entry, tip, axis, chart, access, fields)
        if not one.broken:
            return replace(one, turned_deg=float(turn[at]))
    return None
