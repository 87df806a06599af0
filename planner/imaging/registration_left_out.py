"""What must not pull a match: dense deposits, metal and gas inside the organ, found from the image alone.

Lipiodol, coils, clips, stents and gas lie in one of two studies as a rule, and ablation defects are marked by whoever
knows them. Levels are physics of the Hounsfield scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.imaging.masks import Mask, box_slices, padded_box, union_box
from planner.imaging.volumes import Volume

DENSE, METAL, GAS, GIVEN = "dense deposits", "metal", "gas", "given region"

_ABOVE_ORGAN_HU = 150.0
"""Parenchyma enhances together; what is so much brighter is Lipiodol, a large vessel in the arterial phase, or bone."""
_METAL_HU = 2000.0
"""Above cortical bone and Lipiodol of usual dose."""
_GAS_HU = -200.0
"""Below fat, also where blocks mix gas with tissue."""
_LUNG_MIDDLE_HU = -400.0
_LEAST_ML = 0.1
_MOST_SHARE = 0.5
"""With more than this of an organ left out nothing is left to compare: then the levels say nothing of this image."""
_RIM_MM = 10.0


@dataclass(frozen=True, eq=False)
class LeftOut:
    """What is not compared in one image, None for nothing; and the names of what lies inside the organ."""

    mask: Mask | None
    names: tuple[str, ...]


def left_out(volume: Volume, organ: Mask, given: Mask | None, *, is_ct: bool) -> LeftOut:
    """What to leave out of one image, in and around the organ.

    Parameters
    ----------
    organ
        On the volume's grid.
    given
        Left out as well, on any grid of the frame: an ablation zone, a tumour.
    """
    from planner.imaging.resampling import resampled_mask

    names: list[str] = []
    found: Mask | None = None
    if is_ct and not organ.is_empty:
        found, names = _found(volume, organ)
    if given is not None and not given.is_empty:
        names.append(GIVEN)
        # Where nothing was found it stays on its own grid, which may be finer.
        found = given if found is None or found.is_empty else _both(found, resampled_mask(given, found.grid))
    return LeftOut(found, tuple(names))


def is_lung(volume: Volume, organ: Mask) -> bool:
    """Darker in the middle than any soft organ."""
    return not organ.is_empty and _middle(volume, organ) < _LUNG_MIDDLE_HU


def _middle(volume: Volume, organ: Mask) -> float:
    values = np.asarray(volume.voxels[box_slices(organ.box)])[organ.voxels]
    return float(np.median(values[:: max(1, len(values) // 50_000)]))


def _found(volume: Volume, organ: Mask) -> tuple[Mask, list[str]]:
    """Dense voxels in the organ and around it (ribs slide on it), gas inside it."""
    from scipy import ndimage

    middle = _middle(volume, organ)
    box = padded_box(organ.box, _RIM_MM, volume.grid)
    values = np.asarray(volume.voxels[box_slices(box)])
    inside = organ.within(box)
    if middle < _LUNG_MIDDLE_HU:
        dense, gas = values > _METAL_HU, np.zeros_like(inside)
    else:
        dense, gas = values > middle + _ABOVE_ORGAN_HU, inside & (values < _GAS_HU)
    if float(np.mean((dense | gas)[inside])) > _MOST_SHARE:
        return Mask.empty(volume.grid), []
    names = []
    voxel_ml = volume.grid.voxel_ml
    for name, where in ((METAL, values > _METAL_HU), (DENSE, dense & (values <= _METAL_HU)), (GAS, gas)):
        if float(np.count_nonzero(where & inside)) * voxel_ml >= _LEAST_ML:
            names.append(name)
    return Mask.of(volume.grid, ndimage.binary_dilation(dense | gas), box[0]), names


def _both(first: Mask, second: Mask) -> Mask:
    box = union_box((first.box, second.box))
    return Mask.of(first.grid, first.within(box) | second.within(box), box[0])
