"""Air inside the body of a coarse CT: lungs, airway, and gas of stomach, bowel and elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.imaging.automatic_structures_body import AIR_HU, Array, Bools, Spacing
from planner.imaging.surfaces import centre_distance_mm
from planner.jobs import Context

PURE_GAS_HU = -930.0
"""Gas without tissue in it is -1000 HU; blocks of 2 mm of inflated lung hold septa and vessels and stay above."""
_RIM_MM = 2.5
"""Voxels this near to tissue are mixtures with it and say nothing of what the air is."""
_LEAST_LUNG_ML = 10.0
_LEAST_LUNG_SHARE = 0.4
"""A body of air holds lung when more than this share of its inner voxels is brighter than pure gas."""
_BULLA_SHARE = 0.6
"""Pure gas that borders on lung by more than this share of its surface is a bulla, or emphysema."""
_FILLED_MM = 4.0
"""Vessels and nodules in lung up to about twice this across are counted as lung: a needle meets them inside it."""
_LEAST_GAS_ML = 0.05
_LEAST_AIRWAY_ML = 1.0
_HIGH_SHARE = 0.5
"""The airway lies in slices with at least this share of the largest section of the lungs."""


@dataclass(frozen=True, eq=False)
class CoarseAir:
    """(k, j, i) masks of the coarse image; `gas` is all air that is neither lung nor airway."""

    lung: Bools
    airway: Bools
    gas: Bools


def coarse_air(hu: Array, inside: Bools, spacing: Spacing, context: Context) -> CoarseAir:
    """Tell lungs from gas by their inner density: lung holds tissue, gas does not.

    Bodies of air that touch (colon under a thin dome of the diaphragm, the airway in the lung) are divided by it.
    """
    context.step(0.0, "Looking for the lungs")
    voxel_ml = float(np.prod(spacing)) / 1000.0
    air = inside & (hu < AIR_HU)
    nothing = np.zeros_like(air)
    if not air.any():
        return CoarseAir(nothing, nothing, nothing)
    deep = centre_distance_mm(~air, spacing) > _RIM_MM
    lung = _with_lung(air, deep, hu, voxel_ml)
    context.step(0.3, "Telling bowel gas from lung")
    pure = lung & _opened(hu < PURE_GAS_HU)
    pure &= ~_bullae(pure, lung)
    if pure.any():
        tissue = lung & deep & (hu >= PURE_GAS_HU) & ~_grown(pure)
        lung &= ~pure & (centre_distance_mm(tissue, spacing) <= centre_distance_mm(pure, spacing))
        lung = _large_parts(lung, _LEAST_LUNG_ML / voxel_ml)
    rest = air & ~lung
    airway = _airway(rest, lung, voxel_ml)
    context.step(0.7, "Closing the lungs")
    gas = _large_parts(rest & ~airway, _LEAST_GAS_ML / voxel_ml)
    return CoarseAir(_closed(lung, spacing) & inside & ~gas & ~airway, airway, gas)


def _with_lung(air: Bools, deep: Bools, hu: Array, voxel_ml: float) -> Bools:
    """The bodies of air that hold lung, whole."""
    from scipy import ndimage

    bodies, count = ndimage.label(air)
    inner = np.bincount(bodies[deep], minlength=count + 1)
    bright = np.bincount(bodies[deep & (hu >= PURE_GAS_HU)], minlength=count + 1)
    holds = (bright * voxel_ml >= _LEAST_LUNG_ML) & (bright > _LEAST_LUNG_SHARE * inner)
    holds[0] = False
    found: Bools = holds[bodies]
    return found


def _opened(mask: Bools) -> Bools:
    from scipy import ndimage

    cross = ndimage.generate_binary_structure(3, 1)
    found: Bools = _grown(ndimage.binary_erosion(mask, cross)) & mask
    return found


def _grown(mask: Bools) -> Bools:
    """By a voxel along each axis."""
    found = mask.copy()
    for axis in range(3):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        found[tuple(low)] |= mask[tuple(high)]
        found[tuple(high)] |= mask[tuple(low)]
    return found


def _bullae(pure: Bools, lung: Bools) -> Bools:
    from scipy import ndimage

    parts, count = ndimage.label(pure)
    if not count:
        return pure
    numbers = ndimage.grey_dilation(parts, footprint=ndimage.generate_binary_structure(3, 1))
    # The surface two voxels out, beyond the mixture with a wall.
    numbers = np.where(pure, 0, ndimage.grey_dilation(numbers, footprint=ndimage.generate_binary_structure(3, 1)))
    around = np.bincount(numbers.reshape(-1), minlength=count + 1)
    within = np.bincount(numbers[lung], minlength=count + 1)
    bulla = within > _BULLA_SHARE * np.maximum(around, 1)
    bulla[0] = False
    found: Bools = bulla[parts]
    return found


def _airway(rest: Bools, lung: Bools, voxel_ml: float) -> Bools:
    """Trachea and main bronchi: gas between the lungs, high up, that reaches them."""
    from scipy import ndimage

    section = lung.sum(axis=(1, 2))
    columns = np.flatnonzero(lung.any(axis=(0, 1)))
    if not len(columns):
        return np.zeros_like(rest)
    parts, count = ndimage.label(rest)
    sizes = np.bincount(parts.reshape(-1), minlength=count + 1)
    set_at = np.nonzero(parts)
    numbers = parts[set_at]
    high = np.bincount(numbers, weights=section[set_at[0]] / section.max(), minlength=count + 1) / np.maximum(sizes, 1)
    column = np.bincount(numbers, weights=set_at[2], minlength=count + 1) / np.maximum(sizes, 1)
    third = (columns[-1] - columns[0]) / 3.0
    middle = (column > columns[0] + third) & (column < columns[-1] - third)
    reaching = np.bincount(parts[_grown(_grown(lung))], minlength=count + 1) > 0
    chosen = (sizes * voxel_ml >= _LEAST_AIRWAY_ML) & (high >= _HIGH_SHARE) & middle & reaching
    chosen[0] = False
    found: Bools = chosen[parts]
    return found


def _large_parts(mask: Bools, least: float) -> Bools:
    from scipy import ndimage

    parts, count = ndimage.label(mask)
    large = np.bincount(parts.reshape(-1), minlength=count + 1) >= least
    large[0] = False
    found: Bools = large[parts]
    return found


def _closed(mask: Bools, spacing: Spacing) -> Bools:
    """With gaps and holes up to about `_FILLED_MM` from it on both sides."""
    if not mask.any():
        return mask
    grown = centre_distance_mm(mask, spacing) <= _FILLED_MM
    closed: Bools = mask | (centre_distance_mm(~grown, spacing) > _FILLED_MM)
    return closed
