"""What arteries are not followed into: lungs, bowel contrast, and veins where they are as bright as arteries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.imaging.automatic_structures_body import Array, Bools, Spacing
from planner.imaging.automatic_structures_bone import Landmarks
from planner.imaging.surfaces import centre_distance_mm
from planner.imaging.vessel_lumen_levels import LumenLevels

_AIR_HU = -500.0
_AIR_AROUND_MM = 18.0
_AIR_SHARE = 0.5
"""More air than this around: a vessel within the lung. At a flat chest wall or beside the aorta it is less."""
_ABOVE_AORTA_HU = 40.0
_ABOVE_AORTA_NOISES = 4.0
"""Arteries are not brighter than the aorta they fill from."""
_GUT_RADIUS_MM, _GUT_RIM_MM = 3.5, 2.0
"""Radius of the least ball of bowel contrast, and how far its edge reaches beyond that: arteries run close by."""
_NOT_AORTA_MM = 4.0
_VEIN_SHARE = 0.5
"""Of the contrast of the arteries: brighter veins would be followed as arteries are."""
_CAVA_RADIUS_MM = 4.5
_LEAST_CAVA_ML = 5.0
_WIDE_RADIUS_MM, _WIDE_RIM_MM = 6.5, 1.5
"""No artery but the aorta is wider, aneurysms excepted: what is, is a vein, the heart, or bowel."""
REACH_MM = 120.0
"""How far from the aorta vessels are followed where veins are as bright: beyond it most of what is found is veins."""


@dataclass(frozen=True, eq=False)
class Barriers:
    """On the coarse grid.

    Attributes
    ----------
    closed
        (k, j, i) what is not entered.
    veins_bright
        Whether the vena cava is bright enough to be followed like an artery.
    """

    closed: Bools
    veins_bright: bool


def arterial_barriers(
    hu: Array, inside: Bools, bone: Bools, marks: Landmarks, levels: LumenLevels, spacing: Spacing
) -> Barriers:
    """Where an artery is not looked for.

    Parameters
    ----------
    hu, inside, bone
        (k, j, i) of the coarse grid; the body with lungs and bowel, and bone.
    """
    closed = within_lung(hu, inside, spacing)
    away = centre_distance_mm(marks.aorta, spacing) if marks.aorta.any() else np.full(hu.shape, np.inf)
    free = inside & ~bone & (away > _NOT_AORTA_MM)
    closed |= _bowel_contrast(hu, free, levels, spacing)
    bright = free & (hu > levels.soft + _VEIN_SHARE * levels.contrast)
    cava = _wide(bright & marks.cava, _CAVA_RADIUS_MM, 0.0, spacing)
    if np.count_nonzero(cava) * float(np.prod(spacing)) / 1000.0 < _LEAST_CAVA_ML:
        return Barriers(closed, False)
    if marks.aorta.any():
        closed |= (away > REACH_MM) | _wide(bright, _WIDE_RADIUS_MM, _WIDE_RIM_MM, spacing)
    return Barriers(closed, True)


def within_lung(hu: Array, inside: Bools, spacing: Spacing) -> Bools:
    """(k, j, i) what has mostly air around it, inside the body."""
    from scipy import ndimage

    size = tuple(max(3, round(_AIR_AROUND_MM / mm) | 1) for mm in spacing)
    air = ((hu < _AIR_HU) & inside).astype(np.float32)
    found: Bools = inside & (ndimage.uniform_filter(air, size, mode="nearest") > _AIR_SHARE)
    return found


def _bowel_contrast(hu: Array, free: Bools, levels: LumenLevels, spacing: Spacing) -> Bools:
    """Bodies brighter than the aorta, with their diluted edge."""
    above = levels.blood + max(_ABOVE_AORTA_HU, _ABOVE_AORTA_NOISES * levels.noise)
    return _wide(free & (hu > above), _GUT_RADIUS_MM, _GUT_RIM_MM, spacing)


def _wide(body: Bools, radius_mm: float, rim_mm: float, spacing: Spacing) -> Bools:
    """Where the body holds a ball of the radius, with a rim."""
    if not body.any():
        return body
    deep = centre_distance_mm(~body, spacing) > radius_mm
    if not deep.any():
        return deep
    found: Bools = centre_distance_mm(deep, spacing) <= radius_mm + rim_mm
    return found
