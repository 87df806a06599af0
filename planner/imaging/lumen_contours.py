"""Outlines of a lumen, dark or bright, round or not, on the cross-sections of its course.

On every ray the edge lies where the grey value passes halfway between the lumen and what lies outside on that ray.
Which of several such places is the edge is decided for all rays of a section together, so that the outline does not
run out through a branch or a side without contrast. What the scanner's blur does to narrow lumens is undone: the blur
is measured at the edges of the wide parts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Polyline
from planner.imaging.bands import in_bands
from planner.imaging.cross_sections import frames
from planner.imaging.lumen_blur import centre_share, corrected_radius, measured_blur
from planner.imaging.slicing import sample
from planner.imaging.volumes import Volume

Floats = NDArray[np.float64]

RAYS = 36
_STEPS = 96
_ALONG_SIGMA = 1.5
"""Neighbouring cross-sections (in points) averaged against noise."""
_FAINT, _FAINT_ALONG_SIGMA = 6.0, 3.5
"""With less contrast than so many deviations of the noise, more neighbours are averaged."""
_LEVEL_REACH = 20
"""Cross-sections to either side over which the grey value of the lumen is steadied."""
_BEND = 0.35
"""Cost of a millimetre of difference between neighbouring rays: a gap in the wall is closed, a corner is followed."""
_STEEPEST = 4
"""Most radial samples of difference between neighbouring rays."""
_WALL_MM = 1.5
"""So much of other tissue on a ray is a wall."""
_USUAL_GAP = 0.25
"""Quantile of the differences at the edges that tells lumen from surroundings: the lesser ones count."""
_OPEN_SHARE = 0.35
"""A ray whose outside differs by less than this share of the usual contrast has no edge of its own."""
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class LumenLook:
    """Grey values of a lumen and of what may lie around it.

    Attributes
    ----------
    level
        Of the lumen.
    to_darker, to_brighter
        How much darker or brighter its surroundings are; infinite on a side that is never outside (below air).
    thin_wall
        The wall is thin and the same kind of tissue lies beyond it as inside: its crest stands for the outside.
    least_outside
        Nothing darker than this touches the lumen: an artery has a wall of soft tissue even where it lies in fat.
    """

    level: float
    to_darker: float = math.inf
    to_brighter: float = math.inf
    thin_wall: bool = False
    least_outside: float = -math.inf

    @property
    def contrast(self) -> float:
        return min(self.to_darker, self.to_brighter)

    def belonging(self, values: Floats, level: Floats | float) -> Floats:
        """1 at the lumen's level, 0 at the surroundings' and beyond."""
        apart = np.maximum((level - values) / self.to_darker, (values - level) / self.to_brighter)
        share: Floats = np.clip(1.0 - apart, 0.0, 1.0)
        return share


@dataclass(frozen=True, eq=False)
class LumenSections:
    """One entry per point of a centreline; NaN where no lumen is seen or the image ends.

    Attributes
    ----------
    shift_lps_mm
        (n, 3) from the point to the middle of the lumen, across the course; 0 where unknown.
    radii_mm
        (n, RAYS) from the point to the edge, ray by ray, turning from the first direction of `frames` to the second.
    inscribed_mm, equivalent_mm, least_mm, greatest_mm
        (n,) diameters: of the largest circle inside, of a circle of the same area, the axes of an ellipse of the same
        second moments. 0 where the lumen is closed.
    greatest_angle_deg
        (n,) 0 to 180 from the first direction of `frames`.
    share
        (n,) how much of the lumen's contrast is reached in the middle: 1 open and wide, 0 nothing of it.
    edged
        (n,) share of the rays with an edge of their own.
    contrast, noise
        (n,) difference between lumen and surroundings, and standard deviation of a voxel, in grey values.
    blur_mm
        Standard deviation of the image's blur across the course, measured.
    voxel_mm
        (n,) mean width of a voxel across the course.
    """

    shift_lps_mm: Floats
    radii_mm: Floats
    inscribed_mm: Floats
    equivalent_mm: Floats
    least_mm: Floats
    greatest_mm: Floats
    greatest_angle_deg: Floats
    share: Floats
    edged: Floats
    contrast: Floats
    noise: Floats
    blur_mm: Floats
    voxel_mm: Floats


@dataclass(frozen=True, eq=False)
class _Polar:
    """Grey values on the rays of every section: `values` (n, RAYS, steps) at `along` (steps,) mm; NaN is outside."""

    values: Floats
    calm: Floats
    along: Floats
    rays: Floats
    turn: Floats
    known: NDArray[np.bool_]


def lumen_sections(volume: Volume, centreline: Polyline, look: LumenLook, *, reach_mm: float) -> LumenSections:
    """Measure a lumen around each point of its course.

    Parameters
    ----------
    centreline
        Evenly spaced points near the middle of the lumen.
    look
        To start from; level and contrast are found anew along the course.
    reach_mm
        Largest radius looked for.
    """
    polar = _polar(volume, centreline, look, reach_mm)
    level = np.full(len(centreline.points_lps_mm), look.level)
    now = look
    for _ in range(_ROUNDS):
        course = _courses(now.belonging(polar.calm, level[:, None, None]), polar.along)
        edges, outside = _edges(polar, course, level, now)
        level = _levels(polar, edges, level)
        now = _seen_contrast(now, outside, level)
    return _measured(volume, polar, course, edges, outside, level, now)


def _polar(volume: Volume, centreline: Polyline, look: LumenLook, reach_mm: float) -> _Polar:
    points = centreline.points_lps_mm
    _, across, beside = frames(points)
    turn = np.asarray(np.arange(RAYS) * (2.0 * np.pi / RAYS), dtype=np.float64)
    rays = np.cos(turn)[None, :, None] * across[:, None] + np.sin(turn)[None, :, None] * beside[:, None]
    along = np.asarray(np.linspace(0.0, reach_mm, _STEPS), dtype=np.float64)
    values = sample(volume, points[:, None, None] + along[None, None, :, None] * rays[:, :, None])
    known = np.isfinite(values).mean(axis=(1, 2)) > 0.5
    beyond = look.level - look.to_darker if math.isfinite(look.to_darker) else look.level + look.to_brighter
    values = np.asarray(np.where(np.isnan(values), beyond, values), dtype=np.float64)
    calm = _calmed(values, _ALONG_SIGMA)
    noise = 1.4826 * float(np.median(np.abs(values - calm)[:, :, : _STEPS // 4]))
    if look.contrast < _FAINT * noise:
        calm = _calmed(values, _FAINT_ALONG_SIGMA)
    return _Polar(values, calm, along, rays, turn, known)


def _calmed(values: Floats, sigma: float) -> Floats:
    from scipy import ndimage

    calm: Floats = ndimage.gaussian_filter(
        values, (min(sigma, len(values) / 4.0), 0.7, 0.0), mode=("nearest", "wrap", "nearest")
    )
    return calm


def _courses(belonging: Floats, along: Floats) -> NDArray[np.int32]:
    """(n, RAYS): the step at which each ray leaves the lumen, for all rays of a section together."""
    from planner.imaging import lumen_kernels as kernels

    step = float(along[1] - along[0])
    # What lies beyond a wall is another lumen, however much alike.
    wall = np.cumsum(np.clip(1.0 - 2.0 * belonging, 0.0, 1.0), axis=2) * step
    gain = (0.5 - np.where(wall < _WALL_MM, belonging, 0.0)) * step
    cost = np.cumsum(gain, axis=2)
    cost -= 0.5 * (gain + gain[:, :, :1])
    plain = np.ascontiguousarray(cost, dtype=np.float32)
    chosen = np.zeros(cost.shape[:2], dtype=np.int32)
    in_bands(
        len(plain), lambda a, b: kernels.closed_courses(plain, _BEND * step, _STEEPEST, chosen, a, b), least_rows=8
    )
    return chosen


def _edges(polar: _Polar, course: NDArray[np.int32], level: Floats, look: LumenLook) -> tuple[Floats, Floats]:
    """Radius of each ray's edge between samples, and the grey value outside of it; NaN outside where there is no edge.

    Both are (n, RAYS). A ray without an edge of its own keeps the radius of the common outline.
    """
    along, step = polar.along, float(polar.along[1] - polar.along[0])
    rough = along[course]
    outside = _outside(polar, rough, level, look)
    gap = outside - level[:, None]
    usual = np.where(gap < 0.0, look.to_darker, look.to_brighter)
    clear = np.abs(gap) > _OPEN_SHARE * np.where(np.isfinite(usual), usual, look.contrast)
    clear &= np.isfinite(np.where(gap < 0.0, look.to_darker, look.to_brighter))
    share = (polar.calm - level[:, None, None]) / np.where(clear, gap, 1.0)[:, :, None]
    rising = (share[:, :, :-1] < 0.5) & (share[:, :, 1:] >= 0.5)
    part = (0.5 - share[:, :, :-1]) / np.maximum(share[:, :, 1:] - share[:, :, :-1], 1e-9)
    places = along[:-1] + np.clip(part, 0.0, 1.0) * step
    away = np.where(rising, np.abs(places - rough[:, :, None]), np.inf)
    nearest = np.argmin(away, axis=2)
    place = np.take_along_axis(places, nearest[:, :, None], axis=2)[:, :, 0]
    distance = np.take_along_axis(away, nearest[:, :, None], axis=2)[:, :, 0]
    found = clear & (distance <= np.maximum(1.5, 4.0 * step)) & (course > 0)
    return np.where(found, place, rough), np.where(found, outside, np.nan)


def _outside(polar: _Polar, rough: Floats, level: Floats, look: LumenLook) -> Floats:
    """(n, RAYS): grey value just outside a radius."""
    along = polar.along
    low, high = rough + (0.2 if look.thin_wall else 1.2), rough + (3.0 if look.thin_wall else 3.0)
    chosen = (along >= low[:, :, None]) & (along <= high[:, :, None])
    chosen[:, :, -1] |= ~chosen.any(axis=2)
    if look.thin_wall:
        crest: Floats = np.where(chosen, polar.calm, -np.inf).max(axis=2)
        return crest
    counts = chosen.sum(axis=2)
    mean = np.einsum("nrs,nrs->nr", polar.calm, chosen.astype(np.float64)) / counts
    bounded: Floats = np.maximum(mean, look.least_outside)
    return bounded


def _levels(polar: _Polar, edges: Floats, before: Floats) -> Floats:
    """(n,): grey value of the lumen, from the middle of its wider sections; narrow ones take their neighbours'."""
    from scipy import ndimage

    typical = np.median(edges, axis=1)
    chosen = polar.along[None, :] <= np.maximum(0.5 * typical, polar.along[1])[:, None]
    weights = chosen * (polar.along[None, :] + 0.5 * polar.along[1])
    core = np.einsum("nrs,ns->n", polar.values, weights) / (RAYS * weights.sum(axis=1))
    wide = polar.known & (typical >= max(1.2, 0.7 * float(np.quantile(typical, 0.75))))
    if not wide.any():
        return before
    places = np.arange(len(core))
    filled = np.interp(places, places[wide], core[wide])
    steadied: Floats = ndimage.median_filter(filled, size=2 * _LEVEL_REACH + 1, mode="nearest")
    return steadied


def _seen_contrast(look: LumenLook, outside: Floats, level: Floats) -> LumenLook:
    """The same look with the contrast that the edges show."""
    gaps = (outside - level[:, None])[np.isfinite(outside)]
    darker, brighter = -gaps[gaps < 0.0], gaps[gaps > 0.0]
    least = 0.1 * max(len(gaps), 1)
    to_darker, to_brighter = look.to_darker, look.to_brighter
    if math.isfinite(to_darker) and len(darker) > least:
        to_darker = float(np.quantile(darker, _USUAL_GAP))
    if math.isfinite(to_brighter) and len(brighter) > least:
        to_brighter = float(np.quantile(brighter, _USUAL_GAP))
    return replace(look, to_darker=to_darker, to_brighter=to_brighter)


def _measured(
    volume: Volume, polar: _Polar, course: NDArray[np.int32], edges: Floats, outside: Floats, level: Floats,
    look: LumenLook,
) -> LumenSections:  # fmt: skip
    from scipy import ndimage

    edged = np.isfinite(outside)
    usable = polar.known
    voxel = _voxel_widths(volume, polar.rays)
    blur = measured_blur(polar.calm, polar.along, edges, outside, level, polar.rays, volume.grid, look.thin_wall)
    share = centre_share(polar.calm, polar.along, outside, level, look, blur)
    radii = ndimage.gaussian_filter(edges, (0.7, 0.8), mode=("nearest", "wrap"))
    shapes = _shapes(radii, polar.turn)
    seen = 0.5 * shapes.equivalent_mm
    wanted = corrected_radius(seen, share, blur)
    grown = wanted - seen
    contrast = np.abs(np.where(edged, outside - level[:, None], 0.0)).sum(axis=1) / np.maximum(edged.sum(axis=1), 1)
    missing = ~usable
    narrow = np.where(seen > 1e-6, wanted / np.maximum(seen, 1e-6), 1.0)

    def diameter(value: Floats) -> Floats:
        # A wide outline is moved by the same amount all around, a narrow one keeps its shape.
        moved = np.where(grown > 0.5 * seen, value * narrow, value + 2.0 * grown)
        return np.where(missing, np.nan, np.where(wanted <= 0.0, 0.0, np.maximum(moved, 0.0)))

    equivalent = np.where(missing, np.nan, 2.0 * wanted)
    round_enough = seen > 0.6 * blur
    inscribed = np.where(round_enough, diameter(shapes.inscribed_mm), equivalent)
    least = np.where(round_enough, diameter(shapes.least_mm), equivalent)
    greatest = np.where(round_enough, diameter(shapes.greatest_mm), equivalent)
    shift = _shift(polar, shapes.centre_mm, seen, level, look, blur)
    return LumenSections(
        shift_lps_mm=np.where(usable[:, None], shift, 0.0),
        radii_mm=np.where(missing[:, None], np.nan, np.maximum(radii + grown[:, None], 0.0)),
        inscribed_mm=inscribed,
        equivalent_mm=equivalent,
        least_mm=np.minimum(least, greatest),
        greatest_mm=greatest,
        greatest_angle_deg=np.where(missing, np.nan, shapes.angle_deg),
        share=np.where(missing, np.nan, share),
        edged=edged.mean(axis=1),
        contrast=np.where(edged.any(axis=1), contrast, look.contrast),
        noise=_noise(polar, 0.6 * seen),
        blur_mm=blur,
        voxel_mm=voxel,
    )


@dataclass(frozen=True, eq=False)
class _Shapes:
    centre_mm: Floats
    inscribed_mm: Floats
    equivalent_mm: Floats
    least_mm: Floats
    greatest_mm: Floats
    angle_deg: Floats


def _shapes(radii: Floats, turn: Floats) -> _Shapes:
    """Area, moments and the inscribed circle of outlines (n, rays), in the plane of each section."""
    from planner.imaging import lumen_kernels as kernels

    outline = np.ascontiguousarray(np.stack([radii * np.cos(turn), radii * np.sin(turn)], axis=-1))
    after = np.roll(outline, -1, axis=1)
    twice = outline[:, :, 0] * after[:, :, 1] - after[:, :, 0] * outline[:, :, 1]
    area = np.maximum(0.5 * twice.sum(axis=1), 1e-12)
    centre = ((outline + after) * twice[:, :, None]).sum(axis=1) / (6.0 * area[:, None])
    first, last = outline, after
    second = np.empty((len(radii), 2, 2))
    for a, b in ((0, 0), (0, 1), (1, 1)):
        mixed = first[:, :, a] * last[:, :, b] + last[:, :, a] * first[:, :, b]
        whole = 2.0 * (first[:, :, a] * first[:, :, b] + last[:, :, a] * last[:, :, b]) + mixed
        second[:, a, b] = second[:, b, a] = (twice * whole).sum(axis=1) / (24.0 * area) - centre[:, a] * centre[:, b]
    values, vectors = np.linalg.eigh(second)
    axes = 4.0 * np.sqrt(np.maximum(values, 0.0))
    angle = np.degrees(np.arctan2(vectors[:, 1, 1], vectors[:, 0, 1])) % 180.0
    # The area of a polygon with so many corners on a circle is this share of the circle's.
    rounded = 1.0 / math.sqrt(math.sin(2.0 * math.pi / len(turn)) * len(turn) / (2.0 * math.pi))
    radius = np.zeros(len(radii))
    middle = np.ascontiguousarray(centre)
    in_bands(len(radii), lambda a, b: kernels.inscribed(outline, middle, radius, a, b), least_rows=32)
    return _Shapes(
        centre, 2.0 * radius, rounded * 2.0 * np.sqrt(area / np.pi), rounded * axes[:, 0], rounded * axes[:, 1], angle
    )


def _shift(polar: _Polar, centre: Floats, seen: Floats, level: Floats, look: LumenLook, blur: Floats) -> Floats:
    """(n, 3): to the middle of the outline; of a lumen narrower than the blur, to where it shows most."""
    across = polar.rays[:, 0]
    beside = polar.rays[:, RAYS // 4]
    outlined = centre[:, :1] * across + centre[:, 1:] * beside
    near = polar.along[None, :] <= np.maximum(2.5 * blur, 2.0 * polar.along[1])[:, None]
    belonging = look.belonging(polar.calm, level[:, None, None])
    weights = np.clip(belonging - 0.1, 0.0, 1.0) * (near * polar.along[None, :])[:, None, :]
    total = weights.sum(axis=(1, 2))
    weighted = np.einsum("nrs,s,nrx->nx", weights, polar.along, polar.rays) / np.maximum(total, 1e-9)[:, None]
    return np.where((seen > 1.2 * blur)[:, None], outlined, weighted)


def _noise(polar: _Polar, high_mm: Floats) -> Floats:
    """(n,): standard deviation of a voxel's grey value inside a radius."""
    interpolated = math.sqrt(8.0 / 27.0)
    chosen = (polar.along[None, :] <= np.maximum(high_mm, 2.0 * polar.along[1])[:, None]).astype(np.float64)
    counts = np.maximum(chosen.sum(axis=1) * RAYS, 1.0)
    mean = np.einsum("nrs,ns->n", polar.values, chosen) / counts
    squares = np.einsum("nrs,nrs,ns->n", polar.values, polar.values, chosen) / counts
    spread: Floats = np.sqrt(np.maximum(squares - mean**2, 0.0)) / interpolated
    return spread


def _voxel_widths(volume: Volume, rays: Floats) -> Floats:
    per_mm = np.abs(volume.grid.kji_from_lps.vectors(rays)).max(axis=-1)
    widths: Floats = (1.0 / per_mm).mean(axis=1)
    return widths
