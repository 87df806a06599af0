"""Placing applicators so that their zones cover a target with its margin, with as few of them as are found.

All zones of one plan lie in one direction, as applicators do that are put in side by side. In space stretched so that
a zone is a ball, placing them is a k-centre problem: groups of points, each in the smallest ball around it, from many
starts. What comes out is decided by subdivision (`planner.planning.coverage_decision`); places found uncovered join
the points, and the placing goes on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import FrameMismatch, InputRefused
from planner.imaging.bands import in_bands
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.planning.coverage_bounds import LowerBound, lower_bound
from planner.planning.coverage_decision import Cover, TargetField, collateral_ml, decide
from planner.planning.devices import ChartZone
from planner.planning.zones import Zone, across_axes, point

Floats = NDArray[np.float64]

MOST_APPLICATORS = 12
"""More are never tried: no device takes them, and the search would not stay interactive."""
_FIRST_STARTS, _MORE_STARTS = 6, 40
"""In every direction, and in the directions that did best."""
_BEST_DIRECTIONS = 4
_WITHIN_REACH = 1.06
"""More starts bring the farthest point nearer by a few hundredths, not by more; farther off they are not worth it."""
_TURNS = 60
_MORE_MM = 0.15
_ROUNDS = 6
_SURFACE_POINTS, _INNER_POINTS = 1000, 700
_NO_POINTS = np.empty((0, 3))


@dataclass(frozen=True, eq=False)
class Avoided:
    """A structure that zones keep away from.

    Attributes
    ----------
    keep_mm
        Between the zone and its surface.
    """

    key: str
    mask: Mask
    keep_mm: float

    def voxels_lps_mm(self, low: Floats, high: Floats) -> Floats:
        """(n, 3): its surface voxels, and every third one inside, within a box of LPS mm."""
        from scipy import ndimage

        if self.mask.is_empty:
            return _NO_POINTS
        bits = np.pad(self.mask.voxels, 1)
        shell = bits & ~ndimage.binary_erosion(bits)
        shell[::3, ::3, ::3] |= bits[::3, ::3, ::3]
        kji = np.argwhere(shell) - 1 + np.asarray(self.mask.box[0])
        points = self.mask.grid.lps_from_kji.points(kji)
        near: Floats = points[np.all((points >= low) & (points <= high), axis=1)]
        return near

    @property
    def half_voxel_mm(self) -> float:
        """Its surface lies this far outside its voxel centres."""
        return 0.5 * float(np.mean(self.mask.grid.spacing_kji_mm))


@dataclass(frozen=True, slots=True)
class Spacing:
    """Between shafts that are used together; None does not limit."""

    low_mm: float | None = None
    high_mm: float | None = None

    def broken(self, zones: Sequence[Zone]) -> tuple[tuple[int, float], ...]:
        """Zones whose nearest neighbour's shaft is too near or too far, with that distance in mm."""
        if len(zones) < 2:
            return ()
        found = []
        for at, zone in enumerate(zones):
            nearest = min(shaft_distance_mm(zone, other) for other in zones if other is not zone)
            too_near = self.low_mm is not None and nearest < self.low_mm - 1e-9
            if too_near or (self.high_mm is not None and nearest > self.high_mm + 1e-9):
                found.append((at, nearest))
        return tuple(found)


def shaft_distance_mm(first: Zone, second: Zone) -> float:
    """Between the axes of two zones, level with the second's centre."""
    axis = np.asarray(first.axis_lps, dtype=np.float64)
    offset = np.asarray(second.centre_lps_mm, dtype=np.float64) - np.asarray(first.centre_lps_mm)
    return float(np.linalg.norm(offset - axis * float(offset @ axis)))


@dataclass(frozen=True, eq=False)
class CoverPlan:
    """What was found.

    Attributes
    ----------
    zones
        One for each applicator (or each group, for charts of several together); all in `direction_lps`.
    cover
        Decided by subdivision.
    bound
        The least number there can be.
    clearance_mm
        Structure -> smallest distance between a zone and its surface; negative inside a zone.
    zone_ml, collateral_ml
        All zones together, and what of them lies outside target and margin.
    """

    zones: tuple[Zone, ...]
    chart: ChartZone
    direction_lps: tuple[float, float, float]
    cover: Cover
    bound: LowerBound
    clearance_mm: dict[str, float]
    spacing_broken: tuple[tuple[int, float], ...]
    zone_ml: float
    collateral_ml: float
    margin_mm: float
    seconds: float
    tried: int


@dataclass(slots=True)
class _Stretched:
    """One direction's space: the shaft runs along the first axis, and a zone is a ball of radius 1."""

    chart: ChartZone
    direction: Floats
    rows: Floats = field(init=False)
    back: Floats = field(init=False)
    points: Floats = field(init=False)
    obstacles: Floats = field(init=False)
    weights: Floats = field(init=False)

    def __post_init__(self) -> None:
        first, second = across_axes(self.direction)
        along, across = 0.5 * self.chart.long_mm, 0.5 * self.chart.short_mm
        self.rows = np.stack([self.direction / along, first / across, second / across])
        self.back = np.asarray(np.linalg.inv(self.rows), dtype=np.float64)
        self.points, self.obstacles, self.weights = _NO_POINTS, _NO_POINTS, np.empty((0, 2))

    def of(self, lps_mm: Floats) -> Floats:
        return np.ascontiguousarray(lps_mm @ self.rows.T)

    def add_obstacles(self, lps_mm: Floats, keep_mm: float) -> None:
        along, across = 0.5 * self.chart.long_mm, 0.5 * self.chart.short_mm
        grown = np.array([(along / (along + keep_mm)) ** 2, (across / (across + keep_mm)) ** 2])
        self.obstacles = np.concatenate([self.obstacles, self.of(lps_mm)])
        self.weights = np.concatenate([self.weights, np.tile(grown, (len(lps_mm), 1))])

    def with_points(self, points: Floats) -> _Stretched:
        fresh = replace(self)
        fresh.points, fresh.obstacles, fresh.weights = np.ascontiguousarray(points), self.obstacles, self.weights
        return fresh

    def zones(self, centres: Floats) -> tuple[Zone, ...]:
        axis = point(self.direction)
        long, short = 0.5 * self.chart.long_mm, 0.5 * self.chart.short_mm
        return tuple(
            Zone(point(each), axis, long, short, isotherm_c=self.chart.isotherm_c) for each in centres @ self.back.T
        )


@dataclass(slots=True)
class _Found:
    worst: float
    space: _Stretched
    centres: Floats
    broken: int = 0


def plan_cover(
    target: Mask | TargetField,
    chart: ChartZone,
    *,
    margin_mm: float,
    directions_lps: ArrayLike | None = None,
    avoided: Sequence[Avoided] = (),
    spacing: Spacing | None = None,
    maximum: int = 6,
    context: Context | None = None,
) -> CoverPlan:
    """The fewest zones found that cover target and margin while keeping away from structures.

    Parameters
    ----------
    target
        On any grid; structures may lie on others of the same frame. A field made before brings its own margin.
    directions_lps
        (n, 3) directions of insertion (skin to tip) to choose from; None tries directions spread over a hemisphere.
    maximum
        Applicators, or groups of them, at most. Where so many do not cover, the plan that covers most is returned
        and its `cover` says so.

    Raises
    ------
    InputRefused
        ``empty-mask``, ``bad-margin`` or ``bad-applicators``.
    FrameMismatch
        When a structure lies in another frame.
    Cancelled
        When the operator cancelled.
    """
    started, job = time.perf_counter(), context or Context()
    if not 1 <= maximum <= MOST_APPLICATORS:
        raise InputRefused("bad-applicators", f"Give 1 to {MOST_APPLICATORS} applicators, not {maximum}.")
    body = target if isinstance(target, TargetField) else TargetField.of(target, margin_mm)
    for each in avoided:
        if each.mask.grid.frame_uid != body.grid.frame_uid:
            text = f"{each.key} lies in another frame of reference than the target; link the two studies first."
            raise FrameMismatch("mixed-frames", text, subject=each.key)
    bound = lower_bound(body, 0.5 * chart.long_mm, 0.5 * chart.short_mm)
    # Placed for a little more than is wanted, so that what is decided afterwards has somewhere to go.
    spaces = _spaces(body.wider(_MORE_MM), chart, directions_lps, avoided)
    rules = spacing or Spacing()
    chosen = _fewest(body, spaces, range(min(bound.parallel_count, maximum), maximum + 1), rules, job)
    if chosen is None:
        return _nothing(body, chart, spaces[0], bound, len(spaces), started)
    found, cover = chosen
    zones = found.space.zones(found.centres)
    whole_ml, outside_ml = collateral_ml(body, zones)
    job.step(1.0, "Placed")
    return CoverPlan(
        zones=zones,
        chart=chart,
        direction_lps=point(found.space.direction),
        cover=cover,
        bound=bound,
        clearance_mm=clearances_mm(zones, avoided),
        spacing_broken=rules.broken(zones),
        zone_ml=whole_ml,
        collateral_ml=outside_ml,
        margin_mm=body.margin_mm,
        seconds=time.perf_counter() - started,
        tried=len(spaces),
    )


def clearances_mm(zones: Sequence[Zone], avoided: Sequence[Avoided]) -> dict[str, float]:
    """Smallest distance of any zone to each structure's surface; structures farther than 60 mm are left out."""
    if not zones:
        return {}
    bounds = np.array([zone.bounds_lps_mm() for zone in zones])
    low, high = bounds[:, 0].min(axis=0) - 60.0, bounds[:, 1].max(axis=0) + 60.0
    found = {}
    for each in avoided:
        points = each.voxels_lps_mm(low, high)
        if len(points):
            found[each.key] = min(float(zone.distance_mm(points).min()) for zone in zones) - each.half_voxel_mm
    return found


def _spaces(
    body: TargetField, chart: ChartZone, directions_lps: ArrayLike | None, avoided: Sequence[Avoided]
) -> list[_Stretched]:
    given = hemisphere() if directions_lps is None else np.asarray(directions_lps, dtype=np.float64).reshape(-1, 3)
    points = _thinned(body)
    keep = max((each.keep_mm for each in avoided), default=0.0)
    reach = chart.long_mm + chart.short_mm + keep
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    held = [(each, each.voxels_lps_mm(low, high)) for each in avoided]
    spaces = []
    for direction in given:
        space = _Stretched(chart, direction / np.linalg.norm(direction))
        space.points = space.of(points)
        for each, voxels in held:
            space.add_obstacles(voxels, each.keep_mm + each.half_voxel_mm)
        spaces.append(space)
    if not spaces:
        raise InputRefused("no-direction", "No direction of insertion is left; name another way in.")
    return spaces


def hemisphere(count: int = 13) -> Floats:
    """(count, 3): unit vectors spread over half the sphere; opposite ones make the same zone."""
    height = (np.arange(count) + 0.5) / count
    turn = np.pi * (1.0 + math.sqrt(5.0)) * np.arange(count)
    radius = np.sqrt(1.0 - height**2)
    spread: Floats = np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1)
    return spread


def _thinned(body: TargetField) -> Floats:
    """Points that stand for target and margin: of its surface the outermost in each small block, and some inside."""
    surface = body.boundary_lps_mm()
    middle = surface.mean(axis=0)
    outward = np.argsort(-np.linalg.norm(surface - middle, axis=1))
    volume_mm3 = 1000.0 * body.volume_ml()
    # The surface of a ball of this volume; other shapes have more, and get more points.
    surface_mm2 = (36.0 * math.pi * volume_mm3**2) ** (1.0 / 3.0)
    block_mm = math.sqrt(1.5 * surface_mm2 / _SURFACE_POINTS)
    block = np.floor((surface[outward] - middle) / block_mm).astype(np.int64)
    _, kept = np.unique(block, axis=0, return_index=True)
    inner = body.interior_lps_mm((volume_mm3 / _INNER_POINTS) ** (1.0 / 3.0))
    return np.concatenate([surface[outward][kept], inner])


def _fewest(
    body: TargetField, spaces: list[_Stretched], counts: range, rules: Spacing, job: Context
) -> tuple[_Found, Cover] | None:
    """The smallest number that covers; else the fewest zones that cover as much as any, to half a hundredth; None
    where no zone may lie anywhere."""
    partial: list[_Found] = []
    nearly: list[tuple[_Found, Cover]] = []
    for count in counts:
        job.step((count - 1) / counts.stop, f"Placing {count} applicator{'s' if count > 1 else ''}")
        found = _in_each(spaces, count, _FIRST_STARTS, rules, job)
        if count > 1 and min((each.worst for each in found), default=math.inf) <= _WITHIN_REACH:
            best = [each.space for each in sorted(found, key=_rank)[:_BEST_DIRECTIONS]]
            found += _in_each(best, count, _MORE_STARTS, rules, job)
        found.sort(key=_rank)
        for each in found[:_BEST_DIRECTIONS]:
            if each.worst > 1.0:
                break
            job.step((count - 1) / counts.stop)
            verified = _verified(body, each, rules)
            if verified[1].covered:
                return verified
            nearly.append(verified)
        partial += found[:1]
    judged = [*((each, decide(body, each.space.zones(each.centres))) for each in partial), *nearly]
    most = max((cover.fraction for _, cover in judged), default=0.0)
    enough = [each for each in judged if each[1].fraction >= most - 0.005]
    fewest = min((len(found.centres) for found, _ in enough), default=0)
    same = [each for each in enough if len(each[0].centres) == fewest]
    return max(same, key=lambda each: each[1].fraction, default=None)


def _in_each(spaces: list[_Stretched], count: int, starts: int, rules: Spacing, job: Context) -> list[_Found]:
    """The best placing in each direction; the directions are shared out over the cores."""
    found: list[_Found | None] = [None] * len(spaces)

    def place(first: int, last: int) -> None:
        for at in range(first, last):
            if not job.is_cancelled:
                found[at] = _placed(spaces[at], count, starts, rules)

    in_bands(len(spaces), place, least_rows=1)
    return [each for each in found if each is not None]


def _placed(space: _Stretched, count: int, tries: int, rules: Spacing) -> _Found | None:
    from planner.planning.placement_kernels import settle_each

    starts = _starts(space, count, tries)
    if not len(starts):
        return None
    worst = np.empty(len(starts))
    settle_each(space.points, starts, space.obstacles, space.weights, _TURNS, worst)
    best: _Found | None = None
    for at in np.argsort(worst):
        if best is not None and (worst[at] > 1.0 or best.broken == 0):
            break
        broken = len(rules.broken(space.zones(starts[at])))
        found = _Found(float(worst[at]), space, starts[at], broken)
        if best is None or _rank(found) < _rank(best):
            best = found
    return best


def _rank(found: _Found) -> tuple[bool, int, float]:
    return found.worst > 1.0, found.broken, found.worst


def _starts(space: _Stretched, count: int, tries: int) -> Floats:
    """(tries, count, 3) first placings: the middle for one zone, else points far from each other, from different
    first points; none where no zone may lie anywhere."""
    from planner.planning.placement_kernels import allowed_each

    free = np.empty(len(space.points), dtype=np.bool_)
    allowed_each(space.points, space.obstacles, space.weights, free)
    places = space.points[free]
    if not len(places):
        return np.empty((0, count, 3))
    middle = 0.5 * (space.points.min(axis=0) + space.points.max(axis=0))
    if count == 1:
        nearest = places[int(np.argmin(np.linalg.norm(places - middle, axis=1)))]
        return np.array([[nearest]], dtype=np.float64)
    chance = np.random.default_rng([count, tries])
    starts = np.empty((tries, count, 3))
    for start in starts:
        start[0] = places[int(chance.integers(len(places)))]
        away = np.linalg.norm(places - start[0], axis=1)
        for zone in range(1, count):
            weights = away**4
            total = float(weights.sum())
            at = int(np.searchsorted(np.cumsum(weights), chance.random() * total)) if total > 0.0 else 0
            start[zone] = places[min(at, len(places) - 1)]
            away = np.minimum(away, np.linalg.norm(places - start[zone], axis=1))
    return starts


def _verified(body: TargetField, found: _Found, rules: Spacing) -> tuple[_Found, Cover]:
    """Decided by subdivision; places found uncovered join the points, and the zones settle again."""
    from planner.planning.placement_kernels import settle

    cover = decide(body, found.space.zones(found.centres))
    space, centres = found.space, found.centres
    for _ in range(_ROUNDS):
        if cover.covered or not len(cover.uncovered_lps_mm):
            break
        space = space.with_points(np.concatenate([space.points, space.of(cover.uncovered_lps_mm)]))
        centres = centres.copy()
        worst = settle(space.points, centres, space.obstacles, space.weights, _TURNS)
        if worst > 1.0:
            break
        found = _Found(worst, space, centres, len(rules.broken(space.zones(centres))))
        cover = decide(body, space.zones(centres))
    return found, cover


def _nothing(
    body: TargetField, chart: ChartZone, space: _Stretched, bound: LowerBound, tried: int, started: float
) -> CoverPlan:
    """No zone may lie anywhere: an answer, not an error."""
    return CoverPlan(
        zones=(),
        chart=chart,
        direction_lps=point(space.direction),
        cover=decide(body, ()),
        bound=bound,
        clearance_mm={},
        spacing_broken=(),
        zone_ml=0.0,
        collateral_ml=0.0,
        margin_mm=body.margin_mm,
        seconds=time.perf_counter() - started,
        tried=tried,
    )
