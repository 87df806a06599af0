"""Bone of a coarse CT, and what is as bright without being bone: blood, kidneys and bowel with contrast medium."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from planner.geometry import Grid
from planner.imaging.automatic_structures_body import Array, Bools, Spacing
from planner.imaging.masks import Mask
from planner.imaging.surfaces import centre_distance_mm
from planner.imaging.volumes import Volume
from planner.jobs import Context

_BONE_HU = (120.0, 160.0)
"""What may be bone in 2 mm blocks, without and with contrast medium: soft tissue without it stays below 80 HU, organs
with it seldom pass 160 HU but for the kidneys, and cortical bone lies above 300 HU."""
_UNENHANCED_HU = 100.0
"""Blood below this holds no contrast medium worth the name; without any it has 30 to 60 HU."""
SPONGY_HU = 90.0
"""Least of spongy bone where the spine is known to be; an osteoporotic vertebra has about 90 HU."""
_DENSE_HU = (200.0, 350.0, 600.0)
"""Cortical bone in 2 mm blocks lies above the first where nothing holds contrast medium, above the second where the
blood is not known; the last is never blood."""
_ABOVE_BLOOD_HU = 100.0
_EVEN_HU = 30.0
"""Standard deviation in a block of 6 mm; noise alone gives about 10 HU there, spongy bone 40 HU and more."""
_EVEN_SHARE = 0.1
"""Bowel contrast is much brighter, and uneven in proportion."""
_LEAST_EVEN_ML = 2.0
_BONE_RIM_SHARE = 0.15
"""An even core with brighter surroundings over more of its surface than this is marrow within cortex."""
_RIM_ABOVE_HU = 50.0
_LEAST_BONE_ML = 0.3
_LEAST_DENSE_SHARE = 0.03
_MARROW_HU = 70.0
"""A hole in bone is filled when it is brighter than soft tissue and fluid, so that the spinal canal stays open."""
_SMALL_HOLE_MM2 = 60.0
_LARGEST_MARROW_MM2 = 3000.0
"""A femoral head has about 20 cm2 in section. Fatty marrow is as dark as fat: its holes are filled whatever they hold,
as long as the spinal canal is known."""
_CANAL_MM = 6.0
_CLOSED_MM = 3.0
_CAVA_LEFT_MM, _CAVA_FRONT_MM = 42.0, (35.0, 80.0)
"""To the right and in front of the canal, adults."""
_NEAR_DENSE_MM = 8.0
_ARCH_MM = (44.0, 62.0)
"""Beside and behind the canal: processes and laminae, where nothing else is bright."""


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What the spine and the aorta tell.

    Attributes
    ----------
    spine
        (k, j, i) of the coarse grid: where bright voxels are vertebra.
    aorta
        (k, j, i) the aorta's discs; nothing when it was not found.
    canal
        (k, j, i) the middle of the spinal canal.
    cava
        (k, j, i) where the inferior vena cava lies, which may be as wide as an organ.
    blood_hu
        Middle of the aorta; None when it was not found.
    """

    spine: Bools
    aorta: Bools
    canal: Bools
    cava: Bools
    blood_hu: float | None

    @property
    def bone_hu(self) -> float:
        """What may be bone in 2 mm blocks."""
        return _BONE_HU[0] if self.blood_hu is not None and self.blood_hu < _UNENHANCED_HU else _BONE_HU[1]


def landmarks(volume: Volume, grid: Grid, rules: Mapping[str, Any], context: Context) -> Landmarks:
    """Spine and aorta on a coarse axial grid.

    Parameters
    ----------
    rules
        ``[image]`` of ``resources/contrast_phases.toml``.
    """
    from planner.imaging.resampling import resampled_mask
    from planner.imaging.trunk_landmarks import find_trunk
    from planner.imaging.trunk_vessels import find_aorta, vertebral_bodies

    nothing = np.zeros(grid.size_kji, dtype=np.bool_)
    context.step(0.0, "Looking for the spine")
    trunk = find_trunk(volume, rules["trunk"])
    if trunk is None or trunk.grid is None:
        return Landmarks(nothing, nothing, nothing, nothing, None)
    context.step(0.6, "Looking for the aorta")
    left, front = trunk.left_mm(), trunk.front_mm()
    arch: Bools = (np.abs(left) <= _ARCH_MM[0]) & (front <= 6.0) & (front >= -_ARCH_MM[1])
    spine = vertebral_bodies(trunk, rules["aorta"]) | arch
    cava = (left > -_CAVA_LEFT_MM) & (left < 0.0) & (front > _CAVA_FRONT_MM[0]) & (front < _CAVA_FRONT_MM[1]) & ~spine
    aorta = find_aorta(trunk, rules["aorta"])
    canal = np.hypot(left, front) <= _CANAL_MM
    discs: Bools = np.zeros(trunk.hu.shape, dtype=np.bool_)
    if aorta is not None and aorta.length_mm >= rules["aorta"]["least_length_mm"]:
        row = np.arange(discs.shape[1]).reshape(-1, 1)
        column = np.arange(discs.shape[2]).reshape(1, -1)
        for k in range(len(discs)):
            j, i = float(aorta.centre_ji[k, 0]), float(aorta.centre_ji[k, 1])
            away = np.hypot((row - j) * trunk.spacing_kji_mm[1], (column - i) * trunk.spacing_kji_mm[2])
            discs[k] = away <= aorta.diameter_mm / 2.0
    blood = None if aorta is None or not discs.any() else aorta.hu
    place = trunk.grid

    def placed(mask: Bools) -> Bools:
        return resampled_mask(Mask.of(place, mask), grid).full()

    return Landmarks(placed(spine & ~discs), placed(discs), placed(canal), placed(cava), blood)


def contrast_bodies(hu: Array, inside: Bools, marks: Landmarks, spacing: Spacing) -> Bools:
    """Even bright bodies that are brightest in their middle: blood, parenchyma with contrast, bowel contrast."""
    from scipy import ndimage

    mean = ndimage.uniform_filter(hu, 3, mode="nearest")
    spread = np.sqrt(np.maximum(ndimage.uniform_filter(hu * hu, 3, mode="nearest") - mean * mean, 0.0))
    even = inside & (mean > _BONE_HU[1] - 30.0) & (spread < np.maximum(_EVEN_HU, _EVEN_SHARE * mean)) & ~marks.spine
    even |= marks.aorta & (hu > _BONE_HU[1] - 30.0)
    cores, count = ndimage.label(even)
    if not count:
        return np.zeros_like(inside)
    sizes = np.bincount(cores.reshape(-1), minlength=count + 1)
    large = sizes * float(np.prod(spacing)) / 1000.0 >= _LEAST_EVEN_ML
    large[0] = False
    cores *= large[cores]
    values = np.bincount(cores.reshape(-1), weights=mean.reshape(-1), minlength=count + 1) / np.maximum(sizes, 1)
    reach = ndimage.grey_dilation(cores, size=(5, 7, 7))
    around = np.where(cores > 0, 0, reach)
    brighter = hu > values[around] + _RIM_ABOVE_HU
    rim = np.bincount(around.reshape(-1), minlength=count + 1)
    bony = np.bincount(around[brighter], minlength=count + 1) > _BONE_RIM_SHARE * np.maximum(rim, 1)
    bony[0] = True
    chosen = ~bony[cores]
    for number in np.unique(cores[marks.aorta & (cores > 0)]):
        chosen |= cores == number
    # Out to the edge of the body: what is bright within two voxels of the core, and not denser than it.
    limit = np.where(reach > 0, values[reach] + _ABOVE_BLOOD_HU, 0.0)
    rim_of = ~bony[reach] & (cores == 0)
    found: Bools = chosen | (rim_of & (hu < limit) & ~marks.spine)
    return found


def coarse_bone(hu: Array, inside: Bools, contrast: Bools, marks: Landmarks, spacing: Spacing) -> Bools:
    """Bright bodies with cortex in them, less what holds contrast medium; closed and filled."""
    from scipy import ndimage

    voxel_ml = float(np.prod(spacing)) / 1000.0
    bright = inside & ~contrast & ((hu > marks.bone_hu) | (marks.spine & (hu > marks.bone_hu - 30.0)))
    parts, count = ndimage.label(bright)
    if not count:
        return bright
    sizes = np.bincount(parts.reshape(-1), minlength=count + 1)
    dense = np.bincount(parts[hu > dense_hu(marks.blood_hu)], minlength=count + 1)
    bony = (dense * voxel_ml >= _LEAST_BONE_ML / 3.0) & (dense >= _LEAST_DENSE_SHARE * sizes)
    bony |= np.bincount(parts[marks.spine], minlength=count + 1) > 0.5 * sizes
    bony &= sizes * voxel_ml >= _LEAST_BONE_ML
    bony[0] = False
    # An artery that touches a vertebra is left where nothing near it is as dense as bone.
    cortex = (bony[parts] & (hu > dense_hu(marks.blood_hu))) | (marks.spine & bright)
    bone = bony[parts] & (centre_distance_mm(cortex, spacing) <= _NEAR_DENSE_MM)
    return _filled(bone, hu, ~contrast & inside, marks, spacing)


def dense_hu(blood_hu: float | None) -> float:
    """Above this in 2 mm blocks is cortex, whatever the blood holds."""
    least, usual, most = _DENSE_HU
    return usual if blood_hu is None else min(max(least, blood_hu + _ABOVE_BLOOD_HU), most)


def _filled(bone: Bools, hu: Array, allowed: Bools, marks: Landmarks, spacing: Spacing) -> Bools:
    """With its marrow: gaps closed, and holes that are no canal filled, slice by slice in all three directions."""
    if not bone.any():
        return bone
    grown = centre_distance_mm(bone, spacing) <= _CLOSED_MM
    closed = bone | ((centre_distance_mm(~grown, spacing) > _CLOSED_MM) & allowed & (hu > 0.0))
    spongy = marks.spine & allowed & (hu > SPONGY_HU) & grown
    closed |= spongy
    result: Bools = closed.copy()
    for axis in range(3):
        # Only axial sections of marrow are closed rings; a sagittal one may be the foramen of a nerve.
        largest = _LARGEST_MARROW_MM2 if axis == 0 and marks.canal.any() else _SMALL_HOLE_MM2
        holes = _holes(
            np.moveaxis(closed, axis, 0),
            np.moveaxis(hu, axis, 0),
            np.moveaxis(marks.canal, axis, 0),
            largest / _face_mm2(spacing, axis),
        )
        result |= np.moveaxis(holes, 0, axis)
    return result & allowed


def _face_mm2(spacing: Spacing, axis: int) -> float:
    first, second = (mm for at, mm in enumerate(spacing) if at != axis)
    return first * second


def _holes(bone: Bools, hu: Array, canal: Bools, largest: float) -> Bools:
    """Holes of the sections across the first axis that hold marrow."""
    from scipy import ndimage

    in_slice = np.zeros((3, 3, 3), dtype=np.bool_)
    in_slice[1] = ndimage.generate_binary_structure(2, 1)
    gaps, count = ndimage.label(~bone, structure=in_slice)
    kept_open = np.zeros(count + 1, dtype=np.bool_)
    for side in (gaps[:, 0], gaps[:, -1], gaps[:, :, 0], gaps[:, :, -1], gaps[canal]):
        kept_open[side] = True
    kept_open[0] = True
    sizes = np.bincount(gaps.reshape(-1), minlength=count + 1)
    values = np.bincount(gaps.reshape(-1), weights=hu.reshape(-1), minlength=count + 1) / np.maximum(sizes, 1)
    marrow: Bools = (~kept_open & ((values > _MARROW_HU) | (sizes < largest)))[gaps]
    return marrow
