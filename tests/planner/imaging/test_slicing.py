"""Slices and slabs against images whose every value is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from planner.geometry import Grid, SlicePlane
from planner.imaging import ImageSource, LabelMap, Volume
from planner.imaging.slicing import pixel_lps_mm, sample, slice_labels, slice_mask, slice_volume

SLOPE = np.array([2.0, -3.0, 5.0])


def tilted_grid(size: tuple[int, int, int] = (40, 50, 60)) -> Grid:
    """Anisotropic, and turned in the room."""
    turned, _ = np.linalg.qr(np.array([[0.2, 0.1, 1.0], [0.1, 1.0, -0.2], [1.0, -0.1, -0.1]]))
    return Grid.of(size, origin_lps_mm=(-20, 30, 7), spacing_kji_mm=(2.5, 0.8, 0.7), axes_lps=turned, frame_uid="1.2")


def ramp(grid: Grid, voxel_type: type = np.float64) -> Volume:
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size_kji), indexing="ij"), axis=-1)
    values = grid.lps_from_kji.points(kji) @ SLOPE + 11.0
    return Volume(values.astype(voxel_type), grid, ImageSource("1"))


PLANES = [
    SlicePlane.axial,
    SlicePlane.coronal,
    SlicePlane.sagittal,
    lambda point: SlicePlane.axial(point).rotated((1.0, 0.4, -0.2), 37.0),
    lambda point: SlicePlane.sagittal(point).rotated((0.3, 1.0, 0.7), -64.0),
]


@pytest.mark.parametrize("plane_at", PLANES)
def test_that_a_slice_of_a_linear_ramp_is_exact_on_any_plane(plane_at) -> None:
    volume = ramp(tilted_grid())
    plane = plane_at(volume.grid.centre_lps_mm)
    picture = slice_volume(volume, plane, (31, 44), 0.6, centre_mm=(1.5, -2.0))
    where = np.stack(np.meshgrid(np.arange(31), np.arange(44), indexing="ij"), axis=-1)
    points = pixel_lps_mm(plane, (31, 44), 0.6, where, centre_mm=(1.5, -2.0))
    kji = volume.grid.kji_from_lps.points(points)
    between_centres = np.all((kji >= 0) & (kji <= np.array(volume.grid.size_kji) - 1), axis=-1)
    assert between_centres.sum() > 500
    np.testing.assert_allclose(picture[between_centres], (points @ SLOPE + 11.0)[between_centres], rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("plane_at", [SlicePlane.axial, SlicePlane.coronal, SlicePlane.sagittal])
@pytest.mark.parametrize("turned", [False, True])
def test_that_a_slice_along_the_voxels_is_the_one_of_any_other_plane(plane_at, turned: bool) -> None:
    axes = np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]]) if turned else None
    grid = Grid.of((12, 17, 23), origin_lps_mm=(-9, 3, 5), spacing_kji_mm=(2.5, 0.8, 0.7), axes_lps=axes, frame_uid="f")
    voxels = np.random.default_rng(3).integers(-1000, 1000, grid.size_kji).astype(np.int16)
    volume = Volume(voxels, grid, ImageSource("1"))
    # So little askew that the values agree, and enough to be sampled voxel by voxel.
    hair = (1e-4, 2e-4, -1e-4)
    for offset in ((0.0, 0.0, 0.0), (0.31, -0.45, 0.6), (30.0, 30.0, 30.0)):
        plane = plane_at(grid.centre_lps_mm + np.asarray(offset))
        askew = plane.rotated(hair, 1e-4)
        along = slice_volume(volume, plane, (70, 90), 0.41, outside=-5000.0)
        sampled = slice_volume(volume, askew, (70, 90), 0.41, outside=-5000.0)
        assert np.mean((along == -5000.0) != (sampled == -5000.0)) < 0.02
        both = (along != -5000.0) & (sampled != -5000.0)
        np.testing.assert_allclose(along[both], sampled[both], atol=1.0)
        assert both.any() == (max(offset) < 30.0)


def test_that_the_planes_point_lies_at_the_centre_of_the_picture() -> None:
    volume = ramp(tilted_grid())
    plane = SlicePlane.coronal(volume.grid.centre_lps_mm + (0.3, 0.2, -0.4))
    expected = float(plane.point_lps_mm @ SLOPE + 11.0)
    assert slice_volume(volume, plane, (9, 9), 0.5)[4, 4] == pytest.approx(expected, abs=1e-4)
    moved = slice_volume(volume, plane, (9, 9), 0.5, centre_mm=(1.0, -0.5))
    assert moved[5, 2] == pytest.approx(expected, abs=1e-4)


def test_that_pixels_beyond_the_outer_faces_are_nan_or_the_value_asked_for() -> None:
    grid = Grid.of((4, 6, 8), spacing_kji_mm=(2, 1, 1), frame_uid="f")
    volume = Volume(np.full(grid.size_kji, 7, np.int16), grid, ImageSource("1"))
    plane = SlicePlane.axial(grid.centre_lps_mm)
    picture = slice_volume(volume, plane, (10, 10), 1.0)
    inside = np.zeros((10, 10), dtype=bool)
    inside[2:8, 1:9] = True
    assert np.array_equal(~np.isnan(picture), inside)
    assert np.all(picture[inside] == 7)
    assert np.all(slice_volume(volume, plane, (10, 10), 1.0, outside=-1024.0)[~inside] == -1024.0)
    assert np.isnan(slice_volume(volume, plane.through((0, 0, 99)), (10, 10), 1.0)).all()
    assert np.isnan(slice_volume(volume, plane.through((0, 0, 99)), (10, 10), 1.0, slab_mm=4)).all()


@pytest.mark.parametrize("voxel_type", [np.int16, np.int32, np.float32, np.float64])
def test_that_every_voxel_type_and_memory_order_gives_the_same_slice(voxel_type: type) -> None:
    grid = tilted_grid((12, 14, 16))
    whole = np.rint(ramp(grid).voxels).astype(voxel_type)
    plane = SlicePlane.axial(grid.centre_lps_mm).rotated((1, 1, 0), 20)
    expected = slice_volume(Volume(whole.astype(np.float64), grid, ImageSource("1")), plane, (20, 20), 0.5)
    for voxels in (whole, np.asfortranarray(whole)):
        got = slice_volume(Volume(voxels, grid, ImageSource("1")), plane, (20, 20), 0.5)
        np.testing.assert_array_equal(got, expected)
        assert got.dtype == np.float32


def test_that_slab_modes_are_mean_and_extremes_over_the_thickness() -> None:
    grid = Grid.of((21, 5, 5), spacing_kji_mm=(2.0, 1, 1), frame_uid="f")
    layers = np.broadcast_to((np.arange(21, dtype=np.float32) * 10)[:, None, None], grid.size_kji)
    volume = Volume(np.array(layers), grid, ImageSource("1"))
    plane = SlicePlane.axial(grid.centre_lps_mm)

    def at_centre(mode: str) -> float:
        return float(slice_volume(volume, plane, (3, 3), 1.0, slab_mm=8.0, slab_mode=mode)[1, 1])

    assert at_centre("mean") == pytest.approx(100.0)
    assert at_centre("mip") == pytest.approx(120.0)
    assert at_centre("minip") == pytest.approx(80.0)


def test_that_a_mip_keeps_the_full_brightness_of_a_thin_bright_line() -> None:
    grid = Grid.of((20, 30, 30), spacing_kji_mm=(3.0, 1, 1), frame_uid="f")
    voxels = np.zeros(grid.size_kji, dtype=np.int16)
    voxels[11, 15, :] = 300
    volume = Volume(voxels, grid, ImageSource("1"))
    plane = SlicePlane.axial((14.5, 15.0, 30.7))
    thin = slice_volume(volume, plane, (31, 30), 1.0)
    picture = slice_volume(volume, plane, (31, 30), 1.0, slab_mm=10.0, slab_mode="mip")
    assert np.all(picture[15, :] == 300.0)
    assert np.nanmax(thin) < 150.0
    assert np.nanmax(picture[[13, 17], :]) == 0.0
    tilted = slice_volume(volume, plane.rotated((1, 0, 0), 15.0), (124, 30), 0.25, slab_mm=10.0, slab_mode="mip")
    assert np.nanmax(tilted) > 0.7 * 300.0


def test_that_labels_and_masks_are_taken_from_the_voxel_that_holds_the_pixel() -> None:
    grid = tilted_grid((9, 10, 11))
    rng = np.random.default_rng(3)
    painted = rng.integers(0, 40, grid.size_kji).astype(np.uint16)
    plane = SlicePlane.sagittal(grid.centre_lps_mm).rotated((0.2, 1, 0), 30)
    where = np.stack(np.meshgrid(np.arange(25), np.arange(20), indexing="ij"), axis=-1)
    expected: NDArray[np.uint16] = np.zeros((25, 20), dtype=np.uint16)
    for row, column in np.ndindex(25, 20):
        index = grid.nearest_index(pixel_lps_mm(plane, (25, 20), 0.5, where[row, column]))
        expected[row, column] = 0 if index is None else painted[index]
    picture = slice_labels(LabelMap(painted, grid), plane, (25, 20), 0.5)
    assert picture.dtype == np.uint16
    np.testing.assert_array_equal(picture, expected)
    mask = slice_mask(painted > 20, grid, plane, (25, 20), 0.5)
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, expected > 20)


def test_that_points_are_sampled_with_trilinear_weights() -> None:
    volume = ramp(tilted_grid())
    points = volume.grid.lps_from_kji.points([[3.2, 4.7, 5.1], [20.0, 11.5, 40.9], [-3.0, 0.0, 0.0]])
    values = sample(volume, points)
    np.testing.assert_allclose(values[:2], points[:2] @ SLOPE + 11.0, atol=1e-9)
    assert np.isnan(values[2])


def test_that_an_impossible_picture_is_refused() -> None:
    volume = ramp(tilted_grid((4, 4, 4)))
    plane = SlicePlane.axial(volume.grid.centre_lps_mm)
    for wrong in ({"size_px": (0, 4)}, {"mm_per_px": 0.0}, {"slab_mm": -1.0}, {"slab_mode": "median"}):
        with pytest.raises(ValueError, match="slab|picture"):
            slice_volume(volume, plane, **({"size_px": (4, 4), "mm_per_px": 1.0} | wrong))
