"""Vessels filled with contrast medium on a coarse CT: aorta, caval vein, portal vein and larger branches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.imaging.automatic_structures_body import Array, Bools, Spacing
from planner.imaging.automatic_structures_bone import Landmarks
from planner.imaging.surfaces import centre_distance_mm
from planner.imaging.vesselness import vesselness
from planner.jobs import Context

LEAST_BLOOD_HU = 100.0
"""Blood without contrast medium has 30 to 60 HU; below this the vessels are not told from what lies around."""
_SOFT_HU = 60.0
_SHARE = 0.55
"""Of the way from soft tissue to the blood of the aorta: what may be blood, diluted or in a small vessel."""
_ABOVE_BLOOD_HU = 120.0
_LEAST_PARENCHYMA_ML = 200.0
_AROUND_MM = 18.0
_WIDEST_MM = 11.0
"""Bright bodies that hold a ball of this radius are organs (kidney, spleen, heart, liver)."""
_CORTEX_MM = 8.0
"""Gaps up to twice this in an organ, such as where a kidney opens to its sinus, are closed before it is measured."""
_MEDULLA_MM2 = 600.0
"""What is left then of the dark middle inside a bright rim of cortex, in a plane along the axes, at the most."""
_TUBES_MM = (1.5, 2.5, 4.0)
_STRONG_HU, _WEAK_HU = 35.0, 16.0
"""Answer of the filter for tubes in the middle of a vessel, and along its dimmer branches; noise gives about 5 HU."""
_LEAST_ML = 1.0
_REGAINED_MM = 4.0


@dataclass(frozen=True, eq=False)
class VesselLevels:
    """HU above which there may be blood, by what lies around.

    Attributes
    ----------
    in_organ
        (k, j, i) where liver, spleen or kidney lies around, which hold contrast medium themselves.
    coarse, fine
        For 2 mm blocks and for single voxels near a vessel: elsewhere, and in organs.
    """

    in_organ: Bools
    coarse: tuple[float, float]
    fine: tuple[float, float]


def vessel_levels(hu: Array, allowed: Bools, blood_hu: float, spacing: Spacing) -> VesselLevels:
    """Between soft tissue and blood, and in organs between their parenchyma and blood."""
    from scipy import ndimage

    size = tuple(max(3, round(_AROUND_MM / mm) | 1) for mm in spacing)
    in_organ = ndimage.uniform_filter(np.clip(hu, -_SOFT_HU, _SOFT_HU + 60.0), size, mode="nearest") > _SOFT_HU
    base = _SOFT_HU + _SHARE * (blood_hu - _SOFT_HU), _SOFT_HU + 0.3 * (blood_hu - _SOFT_HU)
    between = hu[allowed & in_organ & (hu > _SOFT_HU + 20.0) & (hu < blood_hu - 20.0)]
    if between.size * float(np.prod(spacing)) / 1000.0 < _LEAST_PARENCHYMA_ML:
        return VesselLevels(in_organ, (base[0], base[0]), (base[1], base[1]))
    organ = float(np.median(between))
    coarse = base[0], max(base[0], 0.5 * (organ + blood_hu))
    return VesselLevels(in_organ, coarse, (base[1], max(base[1], organ + 0.35 * (blood_hu - organ))))


def coarse_vessels(
    hu: Array,
    allowed: Bools,
    bone: Bools,
    marks: Landmarks,
    levels: VesselLevels,
    spacing: Spacing,
    context: Context,
) -> Bools:
    """Bright tubes, and bright bodies too narrow for an organ.

    Parameters
    ----------
    allowed
        Inside the body, less bone and lung with a margin.
    levels
        Of `vessel_levels`.
    """
    from scipy import ndimage

    context.step(0.0, "Looking for contrast-filled vessels")
    blood_hu = marks.blood_hu or 0.0
    blood = (
        allowed
        & (hu > np.where(levels.in_organ, levels.coarse[1], levels.coarse[0]))
        & (hu < blood_hu + _ABOVE_BLOOD_HU)
    )
    organs = bright_organs(blood, marks.aorta, spacing) & ~marks.cava
    context.step(0.4, "Looking for contrast-filled vessels")
    limited = np.clip(hu, _SOFT_HU - 60.0, blood_hu + 60.0).astype(np.float32)
    wanted = allowed & ~organs & (hu > _SOFT_HU + 20.0)
    answer = vesselness(limited, spacing, _TUBES_MM, wanted=wanted)
    context.step(0.8, "Looking for contrast-filled vessels")
    strong = (blood & ~organs & (answer > _WEAK_HU)) | (wanted & (answer > _STRONG_HU)) | (marks.aorta & blood)
    weak = strong | (wanted & (answer > _WEAK_HU)) | (blood & ~organs)
    parts, count = ndimage.label(weak, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(parts.reshape(-1), minlength=count + 1) * float(np.prod(spacing)) / 1000.0
    core = np.bincount(parts[strong], minlength=count + 1) * float(np.prod(spacing)) / 1000.0
    kept = (sizes >= _LEAST_ML) & (core >= _LEAST_ML / 3.0)
    kept[0] = False
    found: Bools = kept[parts]
    # The margin of bone hides the side of the aorta that lies on the spine.
    near = centre_distance_mm(found, spacing) <= _REGAINED_MM if found.any() else found
    return found | (
        near
        & ~bone
        & ~organs
        & (hu > np.where(levels.in_organ, levels.fine[1], levels.fine[0]))
        & (hu < blood_hu + _ABOVE_BLOOD_HU)
    )


def bright_organs(
    blood: Bools, aorta: Bools, spacing: Spacing, *, widest_mm: float = _WIDEST_MM, dark_middles: bool = False
) -> Bools:
    """Kidneys, spleen, heart: bodies that hold a large ball after their gaps are closed; with a rim of 3 mm.

    Parameters
    ----------
    blood
        (k, j, i) what is as bright as blood.
    aorta
        Never part of an organ, nor what lies within 4 mm of it.
    widest_mm
        Radius of the largest ball that a vessel holds.
    dark_middles
        Fill what a bright rim encloses, as the cortex of the kidney does in the arterial phase.
    """
    body = blood & (centre_distance_mm(aorta, spacing) > 4.0) if aorta.any() else blood
    grown = centre_distance_mm(body, spacing) <= _CORTEX_MM
    grown = _filled(grown, spacing) if dark_middles else grown
    deep = centre_distance_mm(~grown, spacing) > _CORTEX_MM + widest_mm
    if not deep.any():
        return deep
    found: Bools = centre_distance_mm(deep, spacing) <= widest_mm + 3.0
    return found


def _filled(grown: Bools, spacing: Spacing) -> Bools:
    """With the small holes that are closed in a plane: the kidney opens to its sinus, so in space it has none."""
    from scipy import ndimage

    full = grown.copy()
    for axis in range(3):
        # Neighbours within the plane only: one pass labels the holes of all planes.
        joined = ndimage.generate_binary_structure(3, 1)
        joined[tuple(slice(None, None, 2) if other == axis else 1 for other in range(3))] = False
        parts, count = ndimage.label(~grown, joined)
        pixel_mm2 = float(np.prod(spacing)) / spacing[axis]
        small = np.bincount(parts.reshape(-1), minlength=count + 1) * pixel_mm2 <= _MEDULLA_MM2
        small[0] = False
        full |= small[parts]
    return full
