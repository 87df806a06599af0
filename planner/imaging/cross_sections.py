"""The lumen of a vessel seen across its course: centre, radius and contrast at every point of a centreline.

The edge on each ray is where the grey value passes halfway between lumen and surroundings, found between samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid, Polyline
from planner.imaging.slicing import sample
from planner.imaging.volumes import Volume

_RAYS = 32
_STEP_MM = 0.25
_ALONG_SIGMA = 1.5
"""Neighbouring cross-sections (in points) averaged against noise."""
_LEAST_RAYS = 0.5
_INTERPOLATED = math.sqrt(8.0 / 27.0)
"""Trilinear interpolation keeps this share of independent noise: the mean of the summed squared weights is (2/3)^3."""


@dataclass(frozen=True, eq=False)
class CrossSections:
    """One entry per point of a centreline; NaN where the lumen could not be told.

    Attributes
    ----------
    shift_lps_mm
        (n, 3) from the point to the middle of the lumen, across the course; 0 where unknown.
    radius_mm
        (n,) of a circle of the lumen's area.
    lumen, surroundings
        (n,) typical grey values inside and just outside.
    noise
        (n,) standard deviation of a voxel's grey value inside.
    voxel_mm
        (n,) mean width of a voxel across the course.
    """

    shift_lps_mm: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    lumen: NDArray[np.float64]
    surroundings: NDArray[np.float64]
    noise: NDArray[np.float64]
    voxel_mm: NDArray[np.float64]


def frames(points_lps_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Unit tangents and two unit directions across, (n, 3) each; those across turn no more than the curve does."""
    tangents = np.gradient(points_lps_mm, axis=0)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-12)
    across = np.empty_like(tangents)
    seed = np.eye(3)[int(np.argmin(np.abs(tangents[0])))]
    for index, tangent in enumerate(tangents):
        seed = seed - tangent * float(seed @ tangent)
        length = float(np.linalg.norm(seed))
        if length < 1e-9:
            seed = np.eye(3)[int(np.argmin(np.abs(tangent)))]
            seed = seed - tangent * float(seed @ tangent)
            length = float(np.linalg.norm(seed))
        seed = seed / length
        across[index] = seed
    return tangents, across, np.cross(tangents, across)


def cross_sections(volume: Volume, centreline: Polyline, background: float, *, reach_mm: float) -> CrossSections:
    """Measure the bright lumen around each point.

    Parameters
    ----------
    centreline
        Evenly spaced points, inside the lumen.
    background
        Grey value of the surroundings to start from.
    reach_mm
        Largest radius looked for.
    """
    from scipy import ndimage

    points = centreline.points_lps_mm
    _, across, beside = frames(points)
    turn = np.arange(_RAYS) * (2.0 * np.pi / _RAYS)
    rays = np.cos(turn)[None, :, None] * across[:, None] + np.sin(turn)[None, :, None] * beside[:, None]
    count = int(np.ceil(reach_mm / _STEP_MM))
    along = np.linspace(0.0, count * _STEP_MM, count + 1)
    values = sample(volume, points[:, None, None] + along[None, None, :, None] * rays[:, :, None])
    held = np.where(np.isnan(values), background, values)
    lumen = np.median(held[:, :, along <= 0.75].reshape(len(points), -1), axis=1)
    calm = ndimage.gaussian_filter(
        held, (min(_ALONG_SIGMA, len(points) / 4.0), 1.0, 0.6), mode=("nearest", "wrap", "nearest")
    )
    around = np.full(len(points), background)
    edges = np.full((len(points), _RAYS), np.nan)
    for _ in range(3):
        edges = _edges_mm(calm, (lumen + around) / 2.0, along)
        radius = _typical(edges)
        lumen = _between(held, along, np.zeros_like(radius), 0.6 * radius, lumen)
        around = _between(calm, along, 1.4 * radius + 0.8, 1.4 * radius + 2.8, around)
    edges = _tamed(edges)
    known = np.isfinite(_typical(edges))
    reach = np.where(known[:, None], edges, 0.0)
    centre = np.mean(reach[:, :, None] * rays, axis=1) * 2.0
    noise = _scatter(held, along, 0.6 * _typical(edges))
    return CrossSections(
        shift_lps_mm=np.where(known[:, None], centre, 0.0),
        radius_mm=np.where(known, np.sqrt(np.mean(reach**2, axis=1)), np.nan),
        lumen=lumen,
        surroundings=around,
        noise=noise,
        voxel_mm=_voxel_widths(volume.grid, rays),
    )


def _edges_mm(
    values: NDArray[np.float64], level: NDArray[np.float64], along: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, rays): where each ray first falls below the level, between samples; NaN where it never does."""
    below = values < level[:, None, None]
    first = np.argmax(below, axis=2)
    found = below.any(axis=2) & (first > 0)
    before = np.maximum(first - 1, 0)
    high = np.take_along_axis(values, before[:, :, None], axis=2)[:, :, 0]
    low = np.take_along_axis(values, first[:, :, None], axis=2)[:, :, 0]
    share = np.clip((high - level[:, None]) / np.maximum(high - low, 1e-9), 0.0, 1.0)
    step = along[1] - along[0]
    edges: NDArray[np.float64] = np.where(found, (before + share) * step, np.nan)
    return edges


def _typical(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,): median over the rays; NaN where too few have an edge."""
    enough = np.isfinite(edges).mean(axis=1) >= _LEAST_RAYS
    filled = np.where(enough[:, None], edges, 0.0)
    middle: NDArray[np.float64] = np.where(enough, np.nanmedian(filled, axis=1), np.nan)
    return middle


def _tamed(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rays that run off into a branch, or have no edge, take the typical radius."""
    typical = _typical(edges)[:, None]
    odd = ~np.isfinite(edges) | (edges > 1.8 * typical) | (edges < 0.4 * typical)
    tamed: NDArray[np.float64] = np.where(odd, typical, edges)
    return tamed


def _between(
    values: NDArray[np.float64],
    along: NDArray[np.float64],
    low_mm: NDArray[np.float64],
    high_mm: NDArray[np.float64],
    otherwise: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(n,): median over the rays of each ray's mean between two radii."""
    chosen = (along >= low_mm[:, None]) & (along <= np.maximum(high_mm, _STEP_MM)[:, None])
    counts = chosen.sum(axis=1)
    means = np.einsum("nrs,ns->nr", values, chosen.astype(np.float64)) / np.maximum(counts, 1)[:, None]
    result: NDArray[np.float64] = np.where(counts > 0, np.median(means, axis=1), otherwise)
    return result


def _scatter(
    values: NDArray[np.float64], along: NDArray[np.float64], high_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,): standard deviation of a voxel's grey value within a radius; NaN where the radius is unknown."""
    chosen = (along <= np.maximum(high_mm, 2.0 * _STEP_MM)[:, None]).astype(np.float64)
    counts = np.maximum(chosen.sum(axis=1) * values.shape[1], 1.0)
    mean = np.einsum("nrs,ns->n", values, chosen) / counts
    squares = np.einsum("nrs,nrs,ns->n", values, values, chosen) / counts
    spread: NDArray[np.float64] = np.sqrt(np.maximum(squares - mean**2, 0.0)) / _INTERPOLATED
    return np.where(np.isfinite(high_mm), spread, np.nan)


def _voxel_widths(grid: Grid, rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the rays of the width of a voxel along the ray."""
    per_mm = np.abs(grid.kji_from_lps.vectors(rays)).max(axis=-1)
    widths: NDArray[np.float64] = (1.0 / per_mm).mean(axis=1)
    return widths
