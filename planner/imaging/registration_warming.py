"""Compiles what matching two studies computes with, ahead of its first use; it lies on disk afterwards."""

from __future__ import annotations

import numpy as np

from planner.geometry import Grid, SpaceMap, lps
from planner.imaging.displacement import DisplacementField, PointMap, warped, warped_mask
from planner.imaging.masks import Mask
from planner.imaging.volumes import ImageSource, Volume

_SIZE, _SPACING_MM, _BALL_MM = 28, 3.0, 28.0
_SHIFT_MM = (3.0, -2.0, 1.0)


def warm_up_registration() -> None:
    """Match a ball with itself, moved aside, and bring whole numbers, decimals and a structure over, along and across.

    Takes a second when the kernels lie compiled on disk, about twenty otherwise. Loads numba and scipy.
    """
    from planner.imaging.registration import register

    fixed, organ = _ball("warm-up", (0.0, 0.0, 0.0))
    moving, moved_organ = _ball("warm-up-2", _SHIFT_MM)
    register(fixed, moving, fixed_mask=organ, moving_mask=moved_organ)
    warm_up_warping()


def warm_up_warping() -> None:
    """Images of both types and a structure through a field, along its rows and across them, there and back."""
    fixed, _ = _ball("warm-up", (0.0, 0.0, 0.0))
    moving, organ = _ball("warm-up-2", _SHIFT_MM)
    coarse = Grid.of((4, 4, 4), spacing_kji_mm=(30.0,) * 3, frame_uid="warm-up")
    same = SpaceMap(lps("warm-up-2"), lps("warm-up"), np.eye(4))
    bent = PointMap(same, DisplacementField(coarse, np.ones((4, 4, 4, 3), dtype=np.float32)))
    upright = Grid.of((4, 4, 4), axes_lps=np.eye(3)[[1, 2, 0]], spacing_kji_mm=(9.0,) * 3, frame_uid="warm-up")
    for each in (moving, Volume(moving.voxels.astype(np.float32), moving.grid, moving.source)):
        for grid in (fixed.grid, upright):
            warped(each, grid, bent)
        warped(each, fixed.grid, PointMap(same))
    warped_mask(organ, fixed.grid, bent)
    warped_mask(organ, upright, bent)
    warped_mask(organ, fixed.grid, PointMap(same))
    bent.jacobians()
    bent.inverse_points(np.zeros(3))


def _ball(frame_uid: str, centre_lps_mm: tuple[float, float, float]) -> tuple[Volume, Mask]:
    """A ball of tissue with a texture in air: the image and the ball."""
    origin = (-(_SIZE - 1) / 2.0 * _SPACING_MM,) * 3
    grid = Grid.of((_SIZE,) * 3, origin_lps_mm=origin, spacing_kji_mm=(_SPACING_MM,) * 3, frame_uid=frame_uid)
    points = grid.lps_from_kji.points(np.moveaxis(np.indices(grid.size_kji), 0, -1)) - np.asarray(centre_lps_mm)
    ball = np.linalg.norm(points, axis=-1) <= _BALL_MM
    texture = 60.0 + 40.0 * np.sin(points[..., 0] / 9.0) * np.cos(points[..., 1] / 11.0) * np.cos(points[..., 2] / 7.0)
    voxels = np.where(ball, texture, -1000.0).astype(np.int16)
    return Volume(voxels, grid, ImageSource(frame_uid, modality="CT", unit="HU")), Mask.of(grid, ball)
