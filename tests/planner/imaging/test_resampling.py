"""Resampling keeps what is where in the room."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import FRAME, ball, centres_lps_mm, dice, grid_of

from planner.errors import FrameMismatch
from planner.geometry import Grid
from planner.imaging import ImageSource, Label, LabelMap, Volume
from planner.imaging.resampling import downsampled, resampled, resampled_labels, resampled_mask

SLOPE = np.array([2.0, -3.0, 5.0])


def _turned(size: tuple[int, int, int]) -> Grid:
    axes, _ = np.linalg.qr(np.array([[0.1, 0.2, 1.0], [0.1, 1.0, -0.2], [1.0, -0.1, -0.1]]))
    return Grid.of(size, origin_lps_mm=(-20, 30, 110), spacing_kji_mm=(1.1, 1.3, 0.9), axes_lps=axes, frame_uid=FRAME)


def test_that_a_ramp_is_exact_on_a_turned_grid() -> None:
    grid = grid_of((20, 60, 60))
    volume = Volume(centres_lps_mm(grid) @ SLOPE, grid, ImageSource("1"))
    target = _turned((15, 12, 14))
    result = resampled(volume, target)
    kji = grid.kji_from_lps.points(centres_lps_mm(target))
    inner = np.all((kji >= 0) & (kji <= np.array(grid.size_kji) - 1), axis=-1)
    assert inner.sum() > 200
    np.testing.assert_allclose(result.voxels[inner], (centres_lps_mm(target) @ SLOPE)[inner], rtol=1e-6, atol=1e-3)
    assert result.voxels.dtype == np.float32
    assert "resampled" in result.source.provenance[-1]


def test_that_a_value_outside_keeps_whole_numbers() -> None:
    grid = grid_of((8, 20, 20))
    volume = Volume(np.arange(3200, dtype=np.int16).reshape(grid.size_kji), grid, ImageSource("1"))
    same = resampled(volume, grid, interpolation="nearest", outside=-1024.0)
    assert same.voxels.dtype == np.int16
    np.testing.assert_array_equal(same.voxels, volume.voxels)
    away = Grid.of((2, 2, 2), origin_lps_mm=(900.0, 0, 0), frame_uid=FRAME)
    assert np.all(resampled(volume, away, outside=-1024.0).voxels == -1024.0)
    assert np.isnan(resampled(volume, away).voxels).all()


def test_that_labels_and_masks_stay_where_they_are_in_the_room() -> None:
    grid = grid_of((24, 80, 80), (2.0, 0.8, 0.8))
    mask = ball(grid, grid.centre_lps_mm, 14.0)
    target = grid_of((43, 66, 66), (1.13, 0.971, 0.971))
    moved = resampled_mask(mask, target)
    assert dice(moved.full(), ball(target, grid.centre_lps_mm, 14.0).full()) > 0.94
    labels = LabelMap(mask.full().astype(np.uint8) * 5, grid, {5: Label(5, "liver", "liver")})
    painted = resampled_labels(labels, target)
    np.testing.assert_array_equal(painted.mask(5), moved.full())
    assert painted.labels[5].name == "liver"
    assert resampled_mask(ball(grid, (999, 0, 0), 2.0), target).is_empty


def test_that_another_frame_of_reference_is_refused() -> None:
    grid = grid_of((4, 4, 4))
    volume = Volume(np.zeros(grid.size_kji, np.int16), grid, ImageSource("1"))
    with pytest.raises(FrameMismatch, match="link the two studies"):
        resampled(volume, Grid.of((4, 4, 4), frame_uid="other"))
    with pytest.raises(FrameMismatch):
        resampled_mask(ball(grid, grid.centre_lps_mm, 2.0), Grid.of((4, 4, 4), frame_uid="other"))


def test_that_averaging_blocks_keeps_the_ramp_and_its_place() -> None:
    grid = grid_of((11, 21, 30))
    volume = Volume(centres_lps_mm(grid) @ SLOPE, grid, ImageSource("1"))
    small = downsampled(volume, (2, 4, 3))
    assert small.grid.size_kji == (5, 5, 10)
    np.testing.assert_allclose(small.voxels, centres_lps_mm(small.grid) @ SLOPE, rtol=1e-5)
    whole = Volume(np.full(grid.size_kji, 7, np.int16), grid, ImageSource("1"))
    assert downsampled(whole, (2, 2, 2)).voxels.dtype == np.int16
    with pytest.raises(ValueError, match="do not fit"):
        downsampled(volume, (12, 1, 1))
