"""Label maps on another grid of the same frame: nearest neighbour, so that no value is invented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.errors import FrameMismatch
from planner.geometry import Grid
from planner.imaging.volumes import LabelMap


def on_grid(labels: LabelMap, grid: Grid) -> LabelMap:
    """The labels at the voxel centres of `grid`; 0 outside their own grid.

    Raises
    ------
    FrameMismatch
        When the two lie in different frames of reference.
    """
    if labels.grid.frame_uid != grid.frame_uid:
        raise FrameMismatch(
            "mixed-frames",
            "The labels and the image lie in different frames of reference; link the two studies first.",
        )
    if labels.grid.same_as(grid):
        return labels if labels.grid is grid else replace(labels, grid=grid)
    source_from_target = labels.grid.kji_from_lps.after(grid.lps_from_kji).homogeneous
    return replace(labels, voxels=_sampled(labels.voxels, source_from_target, grid.size_kji), grid=grid)


def _sampled(
    voxels: NDArray[np.generic], source_from_target: NDArray[np.float64], size: tuple[int, int, int]
) -> NDArray[np.generic]:
    turned, shift = source_from_target[:3, :3], source_from_target[:3, 3]
    out: NDArray[np.generic] = np.zeros(size, voxels.dtype)
    dominant = np.argmax(np.abs(turned), axis=1)
    others = np.abs(turned).sum(axis=1) - np.abs(turned).max(axis=1)
    if len(set(dominant.tolist())) == 3 and float((others * max(size)).max()) < 1e-3:
        _sample_aligned(voxels, turned, shift, dominant, out)
        return out
    j, i = np.meshgrid(np.arange(size[1]), np.arange(size[2]), indexing="ij")
    in_slice = j[..., None] * turned[:, 1] + i[..., None] * turned[:, 2] + shift
    for k in range(size[0]):
        index = np.rint(in_slice + k * turned[:, 0]).astype(np.intp)
        inside = np.all((index >= 0) & (index < voxels.shape), axis=-1)
        found = index[inside]
        out[k][inside] = voxels[found[:, 0], found[:, 1], found[:, 2]]
    return out


def _sample_aligned(
    voxels: NDArray[np.generic],
    turned: NDArray[np.float64],
    shift: NDArray[np.float64],
    dominant: NDArray[np.intp],
    out: NDArray[np.generic],
) -> None:
    """Grids whose axes are parallel: one index table per axis."""
    wanted: list[NDArray[np.intp]] = []
    target: list[NDArray[np.intp]] = [np.empty(0, np.intp)] * 3
    for axis in range(3):
        along = int(dominant[axis])
        index = np.rint(np.arange(out.shape[along]) * turned[axis, along] + shift[axis]).astype(np.intp)
        inside = np.flatnonzero((index >= 0) & (index < voxels.shape[axis]))
        wanted.append(index[inside])
        target[along] = inside
    block = voxels[np.ix_(*wanted)]
    out[np.ix_(*target)] = np.transpose(block, np.argsort(dominant))
