"""Compiles what following vessels computes with, ahead of its first use; what is compiled lies on disk afterwards."""

from __future__ import annotations

import numpy as np

from planner.geometry import Grid
from planner.imaging.volumes import ImageSource, Volume

_SIZE = 40
_SPACING_MM = 1.5
_BLOOD_HU, _TISSUE_HU, _CALCIUM_HU = 320, 60, 900
_RADIUS, _BRANCH_RADIUS = 4.0, 1.2
"""Voxels."""


def warm_up_vessels() -> None:
    """Follow a tube with a branch and a plaque, in whole numbers, as artery and as vein."""
    from planner.imaging.vessel_lumen import arterial_lumen
    from planner.imaging.vessel_lumen_veins import own_part, portal_lumen

    volume, seed, tip = _scene()
    arterial_lumen(volume, seed)
    veins = portal_lumen(volume, seed)
    own_part(veins.mask, veins.likelihood, np.asarray([seed]), np.asarray([tip]))


def _scene() -> tuple[Volume, tuple[float, float, float], tuple[float, float, float]]:
    """A tube along the head's axis with a branch to the left: the image, and a point in either (LPS mm)."""
    middle = _SIZE // 2
    k, j, i = np.meshgrid(*(np.arange(_SIZE) - middle for _ in range(3)), indexing="ij")
    lumen = (np.hypot(j, i) <= _RADIUS) | ((np.hypot(k, j) <= _BRANCH_RADIUS) & (i > 0))
    voxels = np.where(lumen, _BLOOD_HU, _TISSUE_HU).astype(np.int16)
    voxels[5:7, middle - 1 : middle + 1, middle + 3] = _CALCIUM_HU
    grid = Grid.of((_SIZE,) * 3, spacing_kji_mm=(_SPACING_MM,) * 3, frame_uid="warm-up")
    noise = np.random.default_rng(1).normal(0.0, 8.0, voxels.shape).astype(np.int16)
    volume = Volume(voxels + noise, grid, ImageSource("warm-up", modality="CT", unit="HU", phase="arterial"))
    x, y, z = (float(value) for value in grid.lps_from_kji.points((8, middle, middle)))
    left, back, up = (float(value) for value in grid.lps_from_kji.points((middle, middle, _SIZE - 6)))
    return volume, (x, y, z), (left, back, up)
