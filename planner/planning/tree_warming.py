"""Compiling the kernels of vessel trees ahead of their first use, on a tiny branching tube."""

from __future__ import annotations

import numpy as np

from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask

_SIZE = 24


def warm_up_trees() -> None:
    """Follow a Y of 24 voxels a side, as a mask and in images of int16 and float32, so that the kernels are compiled.

    Takes milliseconds when the kernels lie compiled on disk, some seconds otherwise. Loads numba and scipy.
    """
    from planner.planning.tree_extraction import tree_from_mask

    grid = Grid.of((_SIZE, _SIZE, _SIZE), frame_uid="warm-up")
    k, j, i = np.indices((_SIZE, _SIZE, _SIZE))
    fork, middle = _SIZE // 2, _SIZE // 2
    beside = np.where(k < fork, np.abs(np.abs(i - middle) - 0.8 * (fork - k)), np.abs(i - middle))
    mask = Mask.of(grid, (np.hypot(beside, j - middle) < 2.6) & (k > 1) & (k < _SIZE - 2))
    root = grid.lps_from_kji.points(np.array([_SIZE - 4.0, middle, middle]))
    tree_from_mask(mask, root_lps_mm=root)
    for kind in (np.int16, np.float32):
        voxels = np.where(mask.full(), 300, 60).astype(kind)
        tree_from_mask(mask, root_lps_mm=root, volume=Volume(voxels, grid, ImageSource("warm-up", unit="HU")))
