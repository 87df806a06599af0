"""Ablation zones: ellipsoids of revolution along the shaft, as a chart gives them. LPS mm of one frame.

A zone here is geometry from a chart, mostly of normal animal tissue; nothing says that a patient's will be the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused
from planner.planning.devices import ChartZone

Floats = NDArray[np.float64]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Applicator:
    """A placed applicator: where its shaft lies, and the zone its chart gives.

    Attributes
    ----------
    entry_lps_mm, tip_lps_mm
        Skin (or any point up the shaft) and tip.
    """

    id: str
    entry_lps_mm: Point
    tip_lps_mm: Point
    chart: ChartZone

    @property
    def direction_lps(self) -> Floats:
        """Unit vector of insertion, entry to tip.

        Raises
        ------
        InputRefused
            ``needle-without-length``.
        """
        along = np.asarray(self.tip_lps_mm, dtype=np.float64) - np.asarray(self.entry_lps_mm, dtype=np.float64)
        length = float(np.linalg.norm(along))
        if not length > 1e-6:
            text = f"Entry and tip of {self.id} are the same point; place the entry on the skin."
            raise InputRefused("needle-without-length", text, subject=self.id)
        unit: Floats = along / length
        return unit


@dataclass(frozen=True, slots=True)
class Zone:
    """An ellipsoid of revolution.

    Attributes
    ----------
    axis_lps
        Unit vector of its axis, along the shaft towards the tip.
    semi_long_mm, semi_short_mm
        Half axes along and across the shaft; either may be the larger.
    applicators
        Ids of the applicators that make it.
    """

    centre_lps_mm: Point
    axis_lps: Point
    semi_long_mm: float
    semi_short_mm: float
    applicators: tuple[str, ...] = ()
    isotherm_c: float | None = None

    @property
    def volume_ml(self) -> float:
        return 4.0 / 3.0 * math.pi * self.semi_long_mm * self.semi_short_mm**2 / 1000.0

    def quadric(self) -> Floats:
        """(3, 3), per mm2: a point is inside where (x - centre) Q (x - centre) <= 1."""
        axis = np.asarray(self.axis_lps, dtype=np.float64)
        along = np.outer(axis, axis)
        squared: Floats = along / self.semi_long_mm**2 + (np.eye(3) - along) / self.semi_short_mm**2
        return squared

    def level(self, points_lps_mm: ArrayLike) -> Floats:
        """Of points (..., 3): 0 in the centre, 1 on the surface."""
        offset = np.asarray(points_lps_mm, dtype=np.float64) - np.asarray(self.centre_lps_mm)
        squared: Floats = np.einsum("...a,ab,...b->...", offset, self.quadric(), offset)
        return np.sqrt(squared)

    def contains(self, points_lps_mm: ArrayLike) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = self.level(points_lps_mm) <= 1.0
        return inside

    def distance_mm(self, points_lps_mm: ArrayLike) -> Floats:
        """Signed distance of points (..., 3) from the surface, negative inside; exact to 1e-9 of the half axes."""
        offset = np.asarray(points_lps_mm, dtype=np.float64) - np.asarray(self.centre_lps_mm)
        along = offset @ np.asarray(self.axis_lps)
        across = np.sqrt(np.maximum(np.einsum("...a,...a->...", offset, offset) - along**2, 0.0))
        distance: Floats = _ellipse_distance(np.abs(along), across, self.semi_long_mm, self.semi_short_mm)
        return np.where(self.level(points_lps_mm) <= 1.0, -distance, distance)

    def grown(self, along_mm: float, across_mm: float) -> Zone | None:
        """With longer half axes (shorter for negative numbers); None when nothing is left."""
        long, short = self.semi_long_mm + along_mm, self.semi_short_mm + across_mm
        return None if long <= 0.0 or short <= 0.0 else replace(self, semi_long_mm=long, semi_short_mm=short)

    def bounds_lps_mm(self) -> Floats:
        """(2, 3): the box around it."""
        axis = np.asarray(self.axis_lps, dtype=np.float64)
        reach = np.sqrt((self.semi_long_mm * axis) ** 2 + self.semi_short_mm**2 * (1.0 - axis**2))
        centre = np.asarray(self.centre_lps_mm, dtype=np.float64)
        bounds: Floats = np.stack([centre - reach, centre + reach])
        return bounds

    def surface_lps_mm(self, rings: int = 12) -> Floats:
        """(n, 3): points spread over the surface, its poles included."""
        axis = np.asarray(self.axis_lps, dtype=np.float64)
        first, second = across_axes(axis)
        height = np.linspace(-1.0, 1.0, rings + 1)
        turn = np.linspace(0.0, 2.0 * np.pi, 2 * rings, endpoint=False)
        radius = np.sqrt(np.maximum(1.0 - height**2, 0.0))[:, None]
        points = (
            np.asarray(self.centre_lps_mm)
            + self.semi_long_mm * height[:, None, None] * axis
            + self.semi_short_mm * (radius * np.cos(turn))[..., None] * first
            + self.semi_short_mm * (radius * np.sin(turn))[..., None] * second
        )
        return np.unique(points.reshape(-1, 3).round(9), axis=0)


def across_axes(axis: Floats) -> tuple[Floats, Floats]:
    """Two unit vectors at right angles to a unit axis and to each other."""
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    first = np.cross(axis, helper)
    first /= np.linalg.norm(first)
    return first, np.cross(axis, first)


def _ellipse_distance(along: Floats, across: Floats, long: float, short: float) -> Floats:
    """Distance in the quarter plane from an ellipse: the root of the Lagrange condition, by bisection, which never
    fails (Eberly, "Distance from a Point to an Ellipse", geometrictools.com)."""
    if abs(long - short) < 1e-9 * max(long, short):
        return np.abs(np.hypot(along, across) - short)
    # The half axes in falling order: the shorter one bounds the multiplier from below.
    flat = long < short
    e0, e1 = (short, long) if flat else (long, short)
    y0, y1 = (across, along) if flat else (along, across)
    ratio = (e0 / e1) ** 2
    z0, z1 = y0 / e0, y1 / e1
    low = z1 - 1.0
    high = np.where(z0 * z0 + z1 * z1 <= 1.0, 0.0, np.hypot(ratio * z0, z1) - 1.0)
    for _ in range(80):
        middle = 0.5 * (low + high)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = (ratio * z0 / (middle + ratio)) ** 2 + np.where(z1 > 0.0, z1 / (middle + 1.0), 0.0) ** 2 - 1.0
        outer = value > 0.0
        low, high = np.where(outer, middle, low), np.where(outer, high, middle)
    multiplier = 0.5 * (low + high)
    x0 = ratio * y0 / (multiplier + ratio)
    with np.errstate(divide="ignore", invalid="ignore"):
        x1 = np.where(y1 > 0.0, y1 / (multiplier + 1.0), 0.0)
    # On the long axis near the centre the nearest point lies off the axis, where the condition has no root above -1.
    inner = (y1 <= 1e-12 * e1) & (y0 < (e0 * e0 - e1 * e1) / e0)
    foot = np.where(inner, e0 * e0 * y0 / (e0 * e0 - e1 * e1), x0)
    rise = np.where(inner, e1 * np.sqrt(np.maximum(1.0 - (foot / e0) ** 2, 0.0)), x1)
    distance: Floats = np.hypot(foot - y0, rise - y1)
    return distance


def zone_of(applicator: Applicator) -> Zone:
    """The mean zone of one applicator. Where the chart does not say how far the zone reaches beyond the tip, its far
    end is drawn at the tip."""
    return _zone((applicator,), 0.0, 0.0)


def zones_of(applicators: Sequence[Applicator], deviation: int = 0) -> tuple[Zone, ...] | None:
    """The zones of placed applicators; what lies in any of them counts as treated.

    Parameters
    ----------
    deviation
        0 for the mean zone, -1 or +1 for the zone one standard deviation smaller or larger.

    Returns
    -------
    None where a chart gives no standard deviation and one was asked for: it is not the mean zone. A zone that is
    nothing at -1 SD is left out. Charts of several applicators together make one zone for each such group, in the
    order given; applicators left over make none.
    """
    zones: list[Zone] = []
    for group in applicator_groups(applicators):
        chart = group[0].chart
        if deviation and (chart.sd_long_mm is None or chart.sd_short_mm is None):
            return None
        if len(group) < chart.applicators:
            continue
        half_long = 0.5 * deviation * (chart.sd_long_mm or 0.0)
        half_short = 0.5 * deviation * (chart.sd_short_mm or 0.0)
        if chart.long_mm / 2.0 + half_long > 0.0 and chart.short_mm / 2.0 + half_short > 0.0:
            zones.append(_zone(group, half_long, half_short))
    return tuple(zones)


def applicator_groups(applicators: Iterable[Applicator]) -> tuple[tuple[Applicator, ...], ...]:
    """Applicators that make one zone together, by device and setting; the last group may be too small."""
    waiting: dict[tuple[str, str], list[Applicator]] = {}
    groups: list[tuple[Applicator, ...]] = []
    for each in applicators:
        held = waiting.setdefault((each.chart.device, each.chart.setting), [])
        held.append(each)
        if len(held) == each.chart.applicators:
            groups.append(tuple(held))
            held.clear()
    return (*groups, *(tuple(held) for held in waiting.values() if held))


def _zone(group: Sequence[Applicator], half_long: float, half_short: float) -> Zone:
    chart = group[0].chart
    axis = np.mean([each.direction_lps for each in group], axis=0)
    axis = axis / np.linalg.norm(axis)
    tip = np.mean([each.tip_lps_mm for each in group], axis=0)
    centre = tip + axis * ((chart.tip_offset_mm or 0.0) - chart.long_mm / 2.0)
    return Zone(
        centre_lps_mm=point(centre),
        axis_lps=point(axis),
        semi_long_mm=chart.long_mm / 2.0 + half_long,
        semi_short_mm=chart.short_mm / 2.0 + half_short,
        applicators=tuple(each.id for each in group),
        isotherm_c=chart.isotherm_c,
    )


def tip_for(centre_lps_mm: ArrayLike, axis_lps: ArrayLike, chart: ChartZone) -> Floats:
    """Where the tip lies for a zone with this centre and axis (towards the tip)."""
    shift = chart.long_mm / 2.0 - (chart.tip_offset_mm or 0.0)
    tip: Floats = np.asarray(centre_lps_mm, dtype=np.float64) + shift * np.asarray(axis_lps, dtype=np.float64)
    return tip


def union_contains(zones: Sequence[Zone], points_lps_mm: ArrayLike) -> NDArray[np.bool_]:
    """Whether points (..., 3) lie in any of the zones."""
    points = np.asarray(points_lps_mm, dtype=np.float64)
    inside = np.zeros(points.shape[:-1], dtype=np.bool_)
    for zone in zones:
        inside |= zone.contains(points)
    return inside


def point(values: ArrayLike) -> Point:
    x, y, z = (float(value) for value in np.asarray(values, dtype=np.float64))
    return x, y, z
