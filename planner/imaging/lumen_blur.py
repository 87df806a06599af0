"""What the scanner's blur does to a lumen, and undoing it.

The image of a round lumen of radius R under a Gaussian blur s: its middle reaches the share 1 - exp(-R^2 / 2 s^2) of
the contrast, and the place where half the contrast is reached lies inside R (both follow from the Rice distribution).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid

if TYPE_CHECKING:
    from planner.imaging.lumen_contours import LumenLook

Floats = NDArray[np.float64]

_LEAST_EDGES = 60
_LEAST_BLUR = 0.35
_MOST_BLUR = 1.0
"""In voxels: the blur of a reconstruction is neither much finer nor much coarser than what it is sampled with."""
_USUAL_BLUR, _USUAL_SLICE = 0.6, 0.45
"""In voxels across and along the slices, where it cannot be measured."""
_USUAL_KERNEL_MM = 0.68
"""A body kernel's point spread is about 1.6 mm wide at half its height, however small the voxels are."""
_FROM_SHARE = (0.62, 0.85)
"""Below the first share of contrast a width comes from the middle's grey value, above the second from the edges."""
_LEAST_SHARE = 0.12
"""With less of the contrast in the middle no lumen is seen."""


def measured_blur(
    values: Floats, along: Floats, edges: Floats, outside: Floats, level: Floats, rays: Floats, grid: Grid,
    thin_wall: bool,
) -> Floats:  # fmt: skip
    """(n,): standard deviation (mm) of the blur across the course, from how steep the edges of wide sections are.

    In-plane and along the slices are told apart: voxels are longer there. Where no edge is wide enough, what is usual
    for voxels of this size.
    """
    tilt = (rays @ grid.axes_lps[:, 0]) ** 2
    across_mm, slice_mm = min(grid.spacing_kji_mm[1:]), grid.spacing_kji_mm[0]
    usual_plane = max(_USUAL_BLUR * across_mm, _USUAL_KERNEL_MM) ** 2
    usual_slice = max(_USUAL_SLICE * slice_mm, _USUAL_KERNEL_MM) ** 2
    step = float(along[1] - along[0])
    at = np.clip(np.rint(edges / step).astype(int), 1, len(along) - 2)
    high = np.take_along_axis(values, (at + 1)[:, :, None], axis=2)[:, :, 0]
    low = np.take_along_axis(values, (at - 1)[:, :, None], axis=2)[:, :, 0]
    slope = np.abs(high - low) / (2.0 * step)
    contrast = np.abs(outside - level[:, None])
    sigma = contrast / np.maximum(np.sqrt(2.0 * np.pi) * slope, 1e-9)
    wide = np.isfinite(outside) & (edges > 2.2 * max(across_mm, 0.8)) & np.isfinite(sigma)
    flat, steep = wide & (tilt < 0.15), wide & (tilt > 0.6)
    plane = _median_square(sigma[flat], across_mm) if flat.sum() >= _LEAST_EDGES and not thin_wall else usual_plane
    through = _median_square(sigma[steep], slice_mm) if steep.sum() >= _LEAST_EDGES and not thin_wall else usual_slice
    blur: Floats = np.sqrt((plane * (1.0 - tilt) + through * tilt).mean(axis=1))
    return blur


def _median_square(sigma: Floats, voxel_mm: float) -> float:
    return float(np.clip(np.median(sigma), _LEAST_BLUR * voxel_mm, max(_MOST_BLUR * voxel_mm, 1.0))) ** 2


def centre_share(
    values: Floats, along: Floats, outside: Floats, level: Floats, look: LumenLook, blur: Floats
) -> Floats:
    """(n,): how much of the contrast between outside and lumen the middle reaches, 0 to 1."""
    known = np.isfinite(outside)
    gap = np.where(known, outside - level[:, None], 0.0)
    mean = gap.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    strength = np.abs(gap).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    ring = (along[None, :] <= np.maximum(0.35 * blur, along[1])[:, None]).astype(np.float64)
    weights = ring * (along[None, :] + 0.5 * along[1])
    core = np.einsum("nrs,ns->n", values, weights) / (values.shape[1] * weights.sum(axis=1))
    # With darker and brighter tissue on opposite sides the outside has no one grey value: how far the middle lies
    # from the lumen's own says it then.
    signed = np.abs(mean) > 0.6 * strength
    from_outside = 1.0 - (core - level) / np.where(signed, mean, 1.0)
    from_level = look.belonging(core, level)
    share: Floats = np.clip(np.where(signed & known.any(axis=1), from_outside, from_level), 0.0, 1.0)
    return share


def corrected_radius(seen_mm: Floats, share: Floats, blur: Floats) -> Floats:
    """(n,): radius of the lumen that looks `seen_mm` wide with such a share in its middle; 0 where none is seen."""
    ratios, halves = _half_places()
    wide = blur * np.interp(seen_mm / blur, halves, ratios)
    wide = np.where(seen_mm > halves[-1] * blur, seen_mm + blur * (ratios[-1] - halves[-1]), wide)
    narrow = blur * np.sqrt(-2.0 * np.log(np.maximum(1.0 - np.minimum(share, 0.995), 1e-9)))
    weight = np.clip((share - _FROM_SHARE[0]) / (_FROM_SHARE[1] - _FROM_SHARE[0]), 0.0, 1.0)
    # A wide section whose middle is not of the lumen's level (mixed contrast, a stone) is as wide as its edges say.
    weight = np.where(seen_mm > 2.5 * blur, 1.0, weight)
    radius: Floats = np.where(share < _LEAST_SHARE, 0.0, weight * wide + (1.0 - weight) * narrow)
    return np.where((seen_mm > 2.5 * blur) & (share < _LEAST_SHARE), wide, radius)


@cache
def _half_places() -> tuple[Floats, Floats]:
    """Radii of discs and where half their contrast is reached, both in standard deviations of the blur."""
    from scipy.special import chndtr

    ratios = np.concatenate([np.linspace(1.1775, 2.0, 40), np.linspace(2.05, 8.0, 120)])
    places = np.linspace(0.0, 8.5, 1701)
    halves = np.empty(len(ratios))
    for index, ratio in enumerate(ratios):
        seen = chndtr(ratio**2, 2.0, places**2)
        halves[index] = np.interp(-0.5, -seen, places)
    return ratios, np.maximum.accumulate(halves)
