"""A lesion from a click: a closed surface around it, by the contrast of the clicked tissue with its surroundings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import OperatorError
from planner.geometry import Grid
from planner.imaging import rays
from planner.imaging.masks import Box, Mask, ball_box, box_slices, union_box
from planner.imaging.morphology import filled
from planner.imaging.rays import Appearance, Look, Unlike
from planner.imaging.volumes import Volume

_BLUR_MM = 1.25
_FINE_BLUR_MM = 0.7
_CLICK_MM = 2.5
_BAND_MM = 1.5
"""How far from the smooth surface single voxels may still decide."""
_GAP_MM = 2.0
"""The blurred edge, which says nothing of the tissue beyond."""
_RING_MM = 4.0
_ROUNDS = 4
_LEAST_SHARE = 0.06
"""Share of rays that must meet a brighter (or darker) neighbour before it bounds the lesion."""
_LIKE_SHARE = 0.5
"""Share of rays that must meet the background just beyond the surface."""
_LEAST_STEP = 1.5
"""Noise standard deviations between the clicked tissue and the background."""
_WIDEST_STEP = 2.2
"""Values farther from the background than this many times the clicked one belong to neither."""
_MOST_BINS = 2000
_OPEN_SHARE = 0.4
"""Above this share of rays without an end there is no boundary to speak of."""


@dataclass(frozen=True, eq=False)
class _Region:
    """The neighbourhood of the clicks, blurred for the rays and less so for single voxels."""

    box: Box
    voxels: NDArray[np.float32]
    fine: NDArray[np.float32]
    grid: Grid

    def local(self, lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Indices (k, j, i) in the region's own array."""
        inside: NDArray[np.float64] = self.grid.kji_from_lps.points(lps_mm) - np.asarray(self.box[0])
        return inside

    def offsets_mm(self, box: Box, centre_lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """(k, j, i, 3) LPS offsets of the voxel centres of a box from a point."""
        axes = [np.arange(low, high) for low, high in zip(*box, strict=True)]
        kji = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return self.grid.lps_from_kji.points(kji) - centre_lps_mm


def lesion_from_click(
    volume: Volume,
    click_lps_mm: ArrayLike,
    *,
    add: Sequence[ArrayLike] = (),
    remove: Sequence[ArrayLike] = (),
    limit_mm: float,
) -> Mask:
    """The lesion around a click, brighter or darker than what surrounds it.

    Parameters
    ----------
    click_lps_mm
        LPS point inside the lesion.
    add
        Further points inside: each adds the part around it.
    remove
        Points outside: voxels easier to reach from these than from the points inside are taken away.
    limit_mm
        Nothing farther than this from a click is searched.

    Raises
    ------
    OperatorError
        When a click lies outside the image, or nothing bounds the clicked tissue within the limit.
    """
    clicks = [np.asarray(point, dtype=np.float64) for point in (click_lps_mm, *add)]
    for click in clicks:
        if volume.grid.nearest_index(click) is None:
            raise OperatorError("click-outside-image", "The click lies outside the image; click inside the lesion.")
    region = _region(volume, clicks, limit_mm)
    found = [_around(region, click, limit_mm) for click in clicks]
    box = union_box(mask.box for mask in found)
    voxels = np.zeros([high - low for low, high in zip(*box, strict=True)], dtype=np.bool_)
    for mask in found:
        voxels |= mask.within(box)
    if len(remove):
        voxels = _without(region, box, voxels, clicks, [np.asarray(point, dtype=np.float64) for point in remove])
    result = Mask.of(volume.grid, voxels, box[0])
    return filled(result).apply(result)


def _region(volume: Volume, clicks: list[NDArray[np.float64]], limit_mm: float) -> _Region:
    from scipy import ndimage

    box = union_box(ball_box(volume.grid, click, limit_mm) for click in clicks)
    values = np.nan_to_num(np.asarray(volume.voxels[box_slices(box)], dtype=np.float32))
    blurred, fine = (
        ndimage.gaussian_filter(values, _sigma(blur, volume.grid), truncate=2.5) for blur in (_BLUR_MM, _FINE_BLUR_MM)
    )
    return _Region(box, blurred, fine, volume.grid)


def _sigma(blur_mm: float, grid: Grid) -> list[float]:
    """In voxels (k, j, i); less than a third of a voxel changes nothing but time."""
    return [blur_mm / step if blur_mm / step >= 0.3 else 0.0 for step in grid.spacing_kji_mm]


@dataclass(frozen=True, eq=False)
class _Body:
    """A surface around a centre, and the grey values in the ring just outside it."""

    centre_lps_mm: NDArray[np.float64]
    surface: NDArray[np.float64]
    look: Look
    around: NDArray[np.float64]
    open_share: float

    def lies_in(self, background: float, tolerance: float) -> bool:
        """Whether most of the ring has the grey value of the background."""
        return float(np.mean(np.abs(self.around - background) < tolerance)) >= _LIKE_SHARE


def _around(region: _Region, click: NDArray[np.float64], limit_mm: float) -> Mask:
    """The part around one click.

    First all that is like the clicked tissue. Where that does not end in the tissue that is commonest around (a core
    within a rim, or a leak), all that is unlike that tissue.
    """
    unlike = _first_unlike(region, click, limit_mm)
    chosen = _body(region, click, limit_mm, _first_appearance(region, click, limit_mm))
    if unlike is not None and not chosen.lies_in(unlike.background, unlike.contrast):
        whole = _body(region, click, limit_mm, unlike)
        background = whole.look
        if (
            isinstance(background, Unlike)
            and whole.open_share <= _LEAST_SHARE
            and whole.lies_in(background.background, background.contrast)
            and float(rays.depth_mm((click - whole.centre_lps_mm)[None, :], whole.surface)[0]) < 0.0
        ):
            chosen = whole
    if chosen.open_share > _OPEN_SHARE:
        raise OperatorError(
            "no-boundary",
            f"Nothing bounds the tissue under the click within {limit_mm:g} mm; click elsewhere or draw the lesion.",
        )
    return _voxels(region, chosen.centre_lps_mm, click, chosen.surface, chosen.look)


def _body(region: _Region, click: NDArray[np.float64], limit_mm: float, look: Look) -> _Body:
    """The surface is found, its centre moved to the middle, its look learned, and found again."""
    centre = click
    kji_from_mm = region.grid.kji_from_lps.homogeneous[:3, :3]
    for _ in range(_ROUNDS):
        values = rays.profiles(region.voxels, region.local(centre), kji_from_mm, limit_mm)
        surface = rays.surface_mm(values, look)
        look = _unlike(values, surface, look) if isinstance(look, Unlike) else _appearance(values, surface, look)
        centre = _middle(centre, click, surface)
    values = rays.profiles(region.voxels, region.local(centre), kji_from_mm, limit_mm)
    surface = rays.surface_mm(values, look)
    open_share = float(np.mean(surface >= rays.radii_mm(limit_mm)[-1] - 1.0))
    return _Body(centre, surface, look, _ring(values, surface, _GAP_MM, _GAP_MM + _RING_MM), open_share)


def _first_unlike(region: _Region, click: NDArray[np.float64], limit_mm: float) -> Unlike | None:
    """The commonest grey value around, and how far from it the clicked one lies; None when hardly at all."""
    kji_from_mm = region.grid.kji_from_lps.homogeneous[:3, :3]
    values = rays.profiles(region.voxels, region.local(click), kji_from_mm, limit_mm)
    inside = float(np.nanmedian(values[:, rays.radii_mm(limit_mm) <= _CLICK_MM]))
    known = values[np.isfinite(values)]
    noise = max(_noise(values), float(np.ptp(known)) / _MOST_BINS)
    bins = np.arange(known.min(), known.max() + noise, noise / 2.0)
    if len(bins) < 8:
        return None
    counts, edges = np.histogram(known, bins=bins)
    smooth = np.convolve(counts, (0.1, 0.2, 0.4, 0.2, 0.1), mode="same")
    middles = (edges[1:] + edges[:-1]) / 2.0
    smooth[np.abs(middles - inside) < _LEAST_STEP * noise] = 0.0
    background = float(middles[int(np.argmax(smooth))])
    step = abs(inside - background)
    return Unlike(background, step / 2.0, background - _WIDEST_STEP * step, background + _WIDEST_STEP * step)


def _unlike(values: NDArray[np.float64], surface: NDArray[np.float64], former: Unlike) -> Unlike:
    """The same from the values inside the surface and in the ring around it."""
    within = _outer_half(values, surface)
    around = _ring(values, surface, _GAP_MM, _GAP_MM + _RING_MM)
    around = around[np.abs(around - former.background) < 2.0 * former.contrast]
    if within.size < 50 or len(around) < _LIKE_SHARE * len(surface):
        return former
    background = float(np.median(around))
    step = float(np.median(np.abs(within - background)))
    contrast = max(step / 2.0, former.contrast / 2.0)
    low, high = np.quantile(within, (0.02, 0.98))
    return Unlike(background, contrast, float(low) - contrast, float(high) + contrast)


def _first_appearance(region: _Region, click: NDArray[np.float64], limit_mm: float) -> Appearance:
    """From the click alone: the first lasting departure from the clicked value tells what lies around it."""
    kji_from_mm = region.grid.kji_from_lps.homogeneous[:3, :3]
    values = rays.profiles(region.voxels, region.local(click), kji_from_mm, limit_mm)
    along = rays.radii_mm(limit_mm)
    near = values[:, along <= _CLICK_MM]
    inside = float(np.nanmedian(near))
    spread = max(1.4826 * float(np.nanmedian(np.abs(near - inside))), 1e-3)
    noise = _noise(values)
    best, best_score = Appearance(inside, inside - 4.0 * noise, inside + 4.0 * noise), -np.inf
    # Several tolerances are tried because the spread under the click is a poor guide to that of the lesion;
    # the one whose surface has the strongest step across it, for its size, wins.
    for tolerance in sorted({max(spread, noise) * factor for factor in (2.0, 3.0, 4.5, 6.5)}):
        tried = Appearance(inside, inside - tolerance, inside + tolerance)
        surface = rays.surface_mm(values, tried)
        score = _step_score(values, surface, along)
        if score > best_score:
            best, best_score = _appearance(values, surface, tried), score
    return best


def _noise(values: NDArray[np.float64]) -> float:
    """Robust standard deviation of the change between samples 2 mm apart: noise, with few edges among them."""
    change = values[:, 4:] - values[:, :-4]
    return max(1.4826 * float(np.nanmedian(np.abs(change))) / math.sqrt(2.0), 1e-3)


def _step_score(values: NDArray[np.float64], surface: NDArray[np.float64], along: NDArray[np.float64]) -> float:
    """Typical step across the surface, more for a larger one; nothing for one that is hardly there or open."""
    typical = float(np.median(surface))
    if typical < _CLICK_MM or typical > along[-1] - _RING_MM:
        return -np.inf
    steps = np.abs(_ring(values, surface, -3.0, -0.5) - _ring(values, surface, 0.5, 3.0))
    return float(np.nanmedian(steps)) * float(np.sqrt(typical))


def _ring(
    values: NDArray[np.float64], surface: NDArray[np.float64], low_mm: float, high_mm: float
) -> NDArray[np.float64]:
    """(n,): mean value per ray between two distances from the surface; NaN where there is none."""
    along = (np.arange(values.shape[1]) + 1) * rays.STEP_MM
    chosen = (along >= surface[:, None] + low_mm) & (along <= surface[:, None] + high_mm) & np.isfinite(values)
    counts = chosen.sum(axis=1)
    total = np.where(chosen, values, 0.0).sum(axis=1)
    mean: NDArray[np.float64] = np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
    return mean


def _outer_half(values: NDArray[np.float64], surface: NDArray[np.float64]) -> NDArray[np.float64]:
    """Samples inside the surface but not near the centre, where rays lie closer than voxels do."""
    along = (np.arange(values.shape[1]) + 1) * rays.STEP_MM
    chosen = (along > 0.4 * surface[:, None]) & (along < 0.85 * surface[:, None]) & np.isfinite(values)
    return values[chosen]


def _appearance(values: NDArray[np.float64], surface: NDArray[np.float64], former: Appearance) -> Appearance:
    """Levels halfway between the inside and its nearest darker and brighter neighbours."""
    within = _outer_half(values, surface)
    if within.size < 50:
        return former
    inside = float(np.median(within))
    spread = 1.4826 * float(np.median(np.abs(within - inside)))
    around = _ring(values, surface, _GAP_MM, _GAP_MM + _RING_MM)
    around = around[np.isfinite(around)]
    low = _level(inside, around[around < inside - spread], len(surface), 0.6)
    high = _level(inside, around[around > inside + spread], len(surface), 0.4)
    if low is None and high is None:
        return Appearance(inside, former.low - former.inside + inside, former.high - former.inside + inside)
    # With a neighbour on one side only, the far side is as wide as the near one or three spreads, whichever is more.
    near = min(
        gap for gap in (inside - low if low is not None else None, high - inside if high is not None else None) if gap
    )
    wide = max(3.0 * spread, 2.0 * near)
    return Appearance(inside, inside - wide if low is None else low, inside + wide if high is None else high)


def _level(inside: float, around: NDArray[np.float64], count: int, quantile: float) -> float | None:
    """Halfway to the neighbours of one side, to the nearer ones where there are several kinds; None without any."""
    if len(around) < _LEAST_SHARE * count:
        return None
    return (inside + float(np.quantile(around, quantile))) / 2.0


def _middle(
    centre: NDArray[np.float64], click: NDArray[np.float64], surface: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The centroid of the enclosed ball-like body, as long as it stays well inside the surface."""
    weight = surface**3
    if float(weight.sum()) <= 0.0:
        return click
    offset = 0.75 * (rays.directions() * (surface**4)[:, None]).sum(axis=0) / float(weight.sum())
    least = float(rays.depth_mm(offset[None, :], surface)[0])
    return centre + offset if least < 0.0 else centre


def _voxels(
    region: _Region,
    centre: NDArray[np.float64],
    click: NDArray[np.float64],
    surface: NDArray[np.float64],
    appearance: Look,
) -> Mask:
    """Voxels inside the surface; in a narrow band about it each voxel's own value decides."""
    from scipy import ndimage

    box = ball_box(region.grid, centre, float(surface.max()) + _BAND_MM)
    low = np.maximum(box[0], region.box[0])
    high = np.minimum(box[1], region.box[1])
    box = (int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2]))
    depth = rays.depth_mm(region.offsets_mm(box, centre), surface)
    values = region.fine[box_slices(box, region.box[0])]
    likeness = appearance.score(values)
    chosen = (depth < -_BAND_MM) | ((depth < _BAND_MM) & (likeness - depth / (2.0 * _BAND_MM) > 0.0))
    parts, count = ndimage.label(chosen)
    index = np.asarray(region.grid.nearest_index(click)) - low
    here = parts[tuple(np.clip(index, 0, np.asarray(chosen.shape) - 1))]
    if count > 1:
        sizes = np.bincount(parts.reshape(-1))
        sizes[0] = 0
        chosen = parts == (here if here else int(np.argmax(sizes)))
    return Mask.of(region.grid, chosen, box[0])


def _without(
    region: _Region,
    box: Box,
    voxels: NDArray[np.bool_],
    keep: list[NDArray[np.float64]],
    remove: list[NDArray[np.float64]],
) -> NDArray[np.bool_]:
    """Take away what is easier to reach from the points outside than from those inside, through the structure."""
    from planner.imaging.paths import arrival

    values = region.voxels[box_slices(box, region.box[0])]
    noise = max(1.4826 * float(np.median(np.abs(values[voxels] - np.median(values[voxels])))), 1e-3)
    spacing = region.grid.spacing_kji_mm
    seeds = []
    for points in (keep, remove):
        indices = [np.rint(region.grid.kji_from_lps.points(point)).astype(int) - np.asarray(box[0]) for point in points]
        seeds.append([index for index in indices if np.all((index >= 0) & (index < voxels.shape))])
    if not seeds[1]:
        return voxels
    from_inside = arrival(values / noise, voxels, seeds[0], spacing)
    from_outside = arrival(values / noise, voxels, seeds[1], spacing)
    return voxels & (from_inside < from_outside)
