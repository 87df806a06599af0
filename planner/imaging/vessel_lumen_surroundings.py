"""What lies around vessels, on a coarse grid: bone, organs as bright as blood, and how bright the rest is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging.automatic_structures_body import Array, Bools, coarse_body
from planner.imaging.automatic_structures_bone import Landmarks, coarse_bone, contrast_bodies, landmarks
from planner.imaging.automatic_structures_vessels import bright_organs
from planner.imaging.masks import box_slices, clipped_box
from planner.imaging.resampling import resampled, resampled_labels
from planner.imaging.surfaces import centre_distance_mm
from planner.imaging.vessel_lumen_barriers import Barriers, arterial_barriers
from planner.imaging.vessel_lumen_levels import LumenLevels
from planner.imaging.volumes import LabelMap, Volume
from planner.jobs import Context

_PIXEL_MM = 2.0
_SLICE_MM = (2.0, 3.0)
_AIR_HU = -1024.0
_BONE_MM = 1.9
"""Nothing nearer to a coarse voxel of bone than its neighbour is vessel: cortex fades through the HU of blood."""
_AORTA_SIDE_MM = 1.0
_AROUND_MM = 14.0
_FAT_HU = -110.0
_MARGIN_VOXELS = 5
_WIDEST_KNOWN_MM, _WIDEST_MM = 11.0, 14.0
"""Radius of the largest ball that a vessel holds, where the aorta is known and kept apart, and where it is not."""
_WIDER_THAN_SEED = 1.5


@dataclass(frozen=True, eq=False)
class Surroundings:
    """On the volume's grid.

    Attributes
    ----------
    bits
        (k, j, i) uint8 of `planner.imaging.vessel_lumen_kernels`: BONE_NEAR, ORGAN, SURE.
    background
        (k, j, i) int16 HU of what is darker than blood nearby.
    veins_bright
        Whether the vena cava is bright enough to be followed like an artery; unknown and False when veins are followed.
    """

    bits: NDArray[np.uint8]
    background: NDArray[np.int16]
    veins_bright: bool


def surroundings(
    volume: Volume,
    levels: LumenLevels,
    bright_hu: float,
    rules: Mapping[str, Any],
    context: Context,
    *,
    vein: bool = False,
) -> Surroundings:
    """Look around.

    Parameters
    ----------
    bright_hu
        What is as bright as a wide vessel.
    rules
        ``[image]`` of ``resources/contrast_phases.toml``.
    vein
        Veins are followed: the aorta is kept out like an organ, the vena cava is not.
    """
    from planner.imaging import vessel_lumen_kernels as kernels
    from planner.imaging.trunk_landmarks import coarse_axial

    context.step(0.0, "Looking for bone and organs")
    along_head = int(np.argmax(np.abs(volume.grid.axes_lps[2])))
    slice_mm = float(np.clip(volume.grid.spacing_kji_mm[along_head], *_SLICE_MM))
    thin = coarse_axial(volume, (slice_mm, _PIXEL_MM, _PIXEL_MM))
    hu = np.clip(np.asarray(thin.voxels, dtype=np.float32), _AIR_HU, 3000.0)
    spacing = thin.grid.spacing_kji_mm
    body = coarse_body(hu, spacing, context.part(0.1, 0.3))
    grid, part = _part_with_body(thin.grid, body.inside, volume, levels)
    hu, inside = np.ascontiguousarray(hu[part]), np.ascontiguousarray(body.inside[part])
    marks = replace(landmarks(volume, grid, rules, context.part(0.3, 0.5)), blood_hu=levels.blood)
    seed = _seed_ball(volume, grid, levels)
    marks = marks if vein else replace(marks, aorta=marks.aorta | seed)
    contrast = contrast_bodies(hu, inside, marks, spacing)
    bone = coarse_bone(hu, inside, contrast, marks, spacing)
    context.step(0.7, "Looking for bone and organs")
    blood = inside & ~bone & (hu > bright_hu)
    nothing = Barriers(np.zeros_like(blood), False)
    barriers = nothing if vein else arterial_barriers(hu, inside, bone, marks, levels, spacing)
    # Early kidneys are bright rims around dark middles. Later all organs are bright: what they enclose is no organ.
    dark_middles = not vein and not levels.low_contrast
    bits = _bits(blood, bone, marks, spacing, seed, vein, dark_middles)
    bits[barriers.closed] |= kernels.ORGAN
    around = _background(hu, bone, bright_hu, spacing, levels)
    context.step(0.8, "Looking for bone and organs")
    fine = _on_grid_of(volume, bits, around, grid, levels)
    return Surroundings(*fine, barriers.veins_bright)


def _on_grid_of(
    volume: Volume, bits: NDArray[np.uint8], around: Array, grid: Grid, levels: LumenLevels
) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Bits and background of the coarse grid for each voxel of the volume."""
    fine = resampled_labels(LabelMap(bits, grid), volume.grid)
    shades = Volume(np.rint(around).astype(np.int16), grid, volume.source)
    background = resampled(shades, volume.grid, interpolation="nearest", outside=levels.soft)
    return np.asarray(fine.voxels, dtype=np.uint8), np.asarray(background.voxels, dtype=np.int16)


def _part_with_body(
    grid: Grid, inside: Bools, volume: Volume, levels: LumenLevels
) -> tuple[Grid, tuple[slice, slice, slice]]:
    """The part of a coarse grid that holds the body and the seed, with a margin: table and air cost time only."""
    seed = grid.kji_from_lps.points(volume.grid.lps_from_kji.points(levels.seed_kji))
    places = [np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    reach = [np.append(found, np.rint(at)) for found, at in zip(places, seed, strict=True)]
    low = [int(found.min()) - _MARGIN_VOXELS for found in reach]
    high = [int(found.max()) + 1 + _MARGIN_VOXELS for found in reach]
    box = clipped_box(low, high, grid.size_kji)
    return grid.cropped(*box), box_slices(box)


def _seed_ball(volume: Volume, grid: Grid, levels: LumenLevels) -> Bools:
    """The coarse voxel of the seed and its neighbours."""
    mask = np.zeros(grid.size_kji, dtype=np.bool_)
    at = grid.nearest_index(volume.grid.lps_from_kji.points(levels.seed_kji))
    if at is not None:
        mask[tuple(slice(max(0, place - 1), place + 2) for place in at)] = True
    return mask


def _bits(
    blood: Bools,
    bone: Bools,
    marks: Landmarks,
    spacing: tuple[float, float, float],
    seed: Bools,
    vein: bool,
    dark_middles: bool,
) -> NDArray[np.uint8]:
    from planner.imaging import vessel_lumen_kernels as kernels

    bits = np.zeros(blood.shape, dtype=np.uint8)
    if bone.any():
        bits[centre_distance_mm(bone, spacing) <= _BONE_MM] |= kernels.BONE_NEAR
    known = vein or np.count_nonzero(marks.aorta & ~seed) > 0
    widest = _WIDEST_KNOWN_MM if known else max(_WIDEST_MM, _WIDER_THAN_SEED * _radius_at(blood, seed, spacing))
    if vein:
        # The vena cava and what joins it are wide: they would be taken for an organ.
        organs = bright_organs(blood & ~marks.cava, marks.aorta, spacing, widest_mm=widest)
        bits[(organs & ~marks.cava) | marks.aorta] |= kernels.ORGAN
        bits[seed] |= kernels.SURE
        return bits
    bits[bright_organs(blood, marks.aorta, spacing, widest_mm=widest, dark_middles=dark_middles)] |= kernels.ORGAN
    near = centre_distance_mm(marks.aorta, spacing) <= _AORTA_SIDE_MM
    bits[(near & ~bone) | seed] |= kernels.SURE
    return bits


def _radius_at(blood: Bools, seed: Bools, spacing: tuple[float, float, float]) -> float:
    """Radius of the largest ball in the blood around the seed, mm."""
    if not (blood & seed).any():
        return 0.0
    return float(centre_distance_mm(~blood, spacing)[seed].max())


def _background(
    hu: Array, bone: Bools, bright_hu: float, spacing: tuple[float, float, float], levels: LumenLevels
) -> Array:
    """Mean of what is neither air, nor bone, nor as bright as blood, within about 7 mm."""
    from scipy import ndimage

    size = tuple(max(3, round(_AROUND_MM / mm) | 1) for mm in spacing)
    counted = ((hu < bright_hu) & (hu > -300.0) & ~bone).astype(np.float32)
    weight = ndimage.uniform_filter(counted, size, mode="nearest")
    total = ndimage.uniform_filter(np.clip(hu, _FAT_HU, bright_hu) * counted, size, mode="nearest")
    mean: Array = np.where(weight > 0.02, total / np.maximum(weight, 0.02), levels.soft).astype(np.float32)
    return mean
