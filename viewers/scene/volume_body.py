"""The scanner's table is left out of the 3D picture of a CT; slices always show everything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
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
    body = body_blocks(volume.voxels, volume.grid, volume)
    if body is None:
        return volume.voxels
    steps = block_steps(volume.grid)
    indices = [np.arange(size) // step for size, step in zip(volume.grid.size_kji, steps, strict=True)]
    kept = volume.voxels.copy()
    for k, layer in enumerate(indices[0]):
        inside = body[layer][np.ix_(indices[1], indices[2])]
        kept[k][~inside] = AIR_HU
    return kept


def block_steps(grid: Grid) -> tuple[int, int, int]:
    """Voxels along k, j, i that make a block of about `WORKING_MM`."""
    along_k, along_j, along_i = (max(1, round(WORKING_MM / spacing)) for spacing in grid.spacing_kji_mm)
    return along_k, along_j, along_i


def body_blocks(voxels: NDArray[np.generic], grid: Grid, volume: Volume) -> NDArray[np.bool_] | None:
    """Which blocks of `block_steps` voxels belong to the body; None without HU, or where no body is found.

    Parameters
    ----------
    voxels, grid
        Those of the volume, or fewer of them.
    """
    if not shown_as_hounsfield(volume) or min(grid.size_kji) < 4:
        return None
    steps = block_steps(grid)
    few = voxels[:: steps[0], :: steps[1], :: steps[2]]
    return _body(few > SOFT_TISSUE_HU, np.asarray(grid.spacing_kji_mm) * steps)


def body_on(
    body: NDArray[np.bool_], grid: Grid, steps: tuple[int, int, int], other: Grid, other_steps: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """The same body in the blocks of another grid along the same axes; a block that touches the body belongs to it.

    Parameters
    ----------
    body, grid, steps
        (blocks k, j, i), with voxels per block.
    other, other_steps
        Of the blocks wanted.
    """
    found = body
    corner = grid.kji_from_lps.points(other.lps_from_kji.points((0.0, 0.0, 0.0)))
    for axis in range(3):
        ratio = other.spacing_kji_mm[axis] / grid.spacing_kji_mm[axis]
        edges = np.arange(0, other.size_kji[axis] + other_steps[axis], other_steps[axis])
        # Voxel indices of the blocks' faces, half a voxel beyond the first voxel's centre.
        faces = corner[axis] + (edges - 0.5) * ratio
        last = body.shape[axis] - 1
        first_block = np.clip(np.floor((faces[:-1] + 0.5) / steps[axis] + 1e-6).astype(int), 0, last)
        last_block = np.clip(np.ceil((faces[1:] + 0.5) / steps[axis] - 1e-6).astype(int) - 1, 0, last)
        near, middle, far = first_block, (first_block + last_block) // 2, np.maximum(first_block, last_block)
        found = found.take(near, axis=axis) | found.take(middle, axis=axis) | found.take(far, axis=axis)
    return found


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
