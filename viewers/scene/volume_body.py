"""The scanner's table is left out of the 3D picture of a CT; slices always show everything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging import Volume
from planner.imaging.window import shown_as_hounsfield

WORKING_MM = 4.0
"""Voxel size at which the body is looked for."""
SOFT_TISSUE_HU = -250
OPENING_MM = 8.0
"""Sheets thinner than twice this (the table's shell) are no body."""
KEPT_SHARE = 0.04
"""Parts smaller than this share of the largest one are left out; arms are larger."""
AIR_HU = -1024


def without_table(volume: Volume) -> NDArray[np.generic]:
    """The voxels with air instead of everything that is not the body.

    For a volume without HU, or where no body is found, the voxels themselves.
    """
    if not shown_as_hounsfield(volume) or min(volume.grid.size_kji) < 4:
        return volume.voxels
    steps = [max(1, round(WORKING_MM / spacing)) for spacing in volume.grid.spacing_kji_mm]
    few = volume.voxels[:: steps[0], :: steps[1], :: steps[2]]
    spacing = np.asarray(volume.grid.spacing_kji_mm) * steps
    body = _body(few > SOFT_TISSUE_HU, spacing)
    if body is None:
        return volume.voxels
    indices = [np.arange(size) // step for size, step in zip(volume.grid.size_kji, steps, strict=True)]
    kept = volume.voxels.copy()
    for k, layer in enumerate(indices[0]):
        inside = body[layer][np.ix_(indices[1], indices[2])]
        kept[k][~inside] = AIR_HU
    return kept


def _body(tissue: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    from scipy import ndimage

    rounds = max(1, round(OPENING_MM / float(spacing_mm[1:].mean())))
    in_slice = ndimage.generate_binary_structure(2, 1)[None]
    opened = ndimage.binary_opening(tissue, in_slice, iterations=rounds)
    labels, count = ndimage.label(opened)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    large = np.flatnonzero(sizes >= KEPT_SHARE * sizes.max())
    grown = ndimage.binary_dilation(np.isin(labels, large), in_slice, iterations=rounds + 1)
    filled: NDArray[np.bool_] = np.stack([ndimage.binary_fill_holes(layer) for layer in grown])
    return filled
