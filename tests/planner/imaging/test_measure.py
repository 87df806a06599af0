"""Measurements of shapes and values that are known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shapes import ball, ct, ellipsoid, grid_of

from planner.errors import FrameMismatch
from planner.geometry import Grid, SlicePlane
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask
from planner.imaging.measure import (
    angle_deg,
    distance_mm,
    ellipse_statistics,
    longest_axial_diameter,
    longest_diameter,
    mask_statistics,
)


def test_that_distances_and_angles_are_those_of_school() -> None:
    assert distance_mm((0, 0, 0), (3, 4, 12)) == pytest.approx(13.0)
    assert angle_deg((1, 0, 0), (0, 0, 0), (0, 5, 0)) == pytest.approx(90.0)
    assert angle_deg((1, 0, 0), (0, 0, 0), (1, 1e-7, 0)) == pytest.approx(np.degrees(1e-7), rel=1e-6)
    assert angle_deg((0, 0, 0), (0, 0, 0), (0, 5, 0)) is None


def test_that_an_ellipse_on_a_ramp_has_the_mean_of_its_centre_and_the_known_spread() -> None:
    grid = Grid.of((20, 80, 80), spacing_kji_mm=(2.0, 0.7, 0.7), frame_uid="f")
    x = np.arange(80) * 0.7 * 10.0
    volume = Volume(np.broadcast_to(x.astype(np.float32), grid.size_kji).copy(), grid, ImageSource("1", unit="HU"))
    plane = SlicePlane.axial(grid.centre_lps_mm)
    found = ellipse_statistics(volume, plane, grid.centre_lps_mm + (2.0, 1.0, 0.0), (9.0, 4.0))
    assert found.mean == pytest.approx((grid.centre_lps_mm[0] + 2.0) * 10.0, abs=0.05)
    # The values are 10 HU/mm times x, and x has variance a^2 / 4 over an ellipse with half axis a along it.
    assert found.standard_deviation == pytest.approx(45.0, rel=0.01)
    assert found.area_mm2 == pytest.approx(np.pi * 36.0)
    assert found.maximum - found.minimum == pytest.approx(180.0, rel=0.03)
    turned = ellipse_statistics(volume, plane, grid.centre_lps_mm, (9.0, 4.0), angle_deg=90.0)
    assert turned.standard_deviation == pytest.approx(20.0, rel=0.01)
    assert found.unit == "HU"


def test_that_a_region_outside_the_image_has_no_values_and_an_image_without_hu_no_unit() -> None:
    grid = grid_of((5, 10, 10))
    volume = ct(grid, np.zeros(grid.size_kji), unit=None)
    plane = SlicePlane.axial(grid.centre_lps_mm)
    assert ellipse_statistics(volume, plane, grid.centre_lps_mm, (2.0, 2.0)).unit is None
    away = ellipse_statistics(volume, plane.through((900, 0, 0)), (900.0, 0, 0), (2.0, 2.0))
    assert (away.samples, away.mean, away.maximum) == (0, None, None)
    nothing = mask_statistics(volume, Mask.empty(grid))
    assert (nothing.samples, nothing.mean, nothing.volume_ml) == (0, None, 0.0)


def test_that_statistics_of_a_structure_are_those_of_its_voxels() -> None:
    grid = grid_of((12, 40, 40))
    values = np.random.default_rng(2).normal(50, 20, grid.size_kji)
    volume, mask = ct(grid, values), ball(grid, grid.centre_lps_mm, 9.0)
    inside = volume.voxels[mask.full()].astype(float)
    found = mask_statistics(volume, mask)
    assert found.samples == mask.count
    assert found.mean == pytest.approx(inside.mean())
    assert found.standard_deviation == pytest.approx(inside.std(ddof=1))
    assert (found.minimum, found.maximum, found.median) == (inside.min(), inside.max(), np.median(inside))
    with pytest.raises(FrameMismatch):
        mask_statistics(volume, ball(grid_of((12, 40, 41)), grid.centre_lps_mm, 9.0))


@pytest.mark.parametrize("radius", [10.0, 20.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.8, 0.8)])
def test_that_the_volume_of_a_ball_is_right_within_two_per_cent(
    radius: float, spacing: tuple[float, float, float]
) -> None:
    grid = grid_of(tuple(int(48.0 / step) for step in spacing), spacing)
    mask = ball(grid, grid.centre_lps_mm + (0.2, 0.3, 0.1), radius)
    assert mask.volume_ml == pytest.approx(4 / 3 * np.pi * radius**3 / 1000.0, rel=0.02)


def test_that_the_longest_diameters_of_an_ellipsoid_are_its_axes() -> None:
    grid = Grid.of((50, 90, 90), spacing_kji_mm=(1.0, 0.7, 0.7), frame_uid="f")
    centre = grid.centre_lps_mm
    mask = Mask.of(grid, ellipsoid(grid, centre, (18.0, 9.0, 22.0)))
    axial, room = longest_axial_diameter(mask), longest_diameter(mask)
    assert axial is not None
    assert room is not None
    assert axial.length_mm == pytest.approx(36.0, abs=0.7)
    assert abs(axial.start_lps_mm[2] - axial.end_lps_mm[2]) < 1e-9
    assert room.length_mm == pytest.approx(44.0, abs=0.7)
    assert abs((room.end_lps_mm - room.start_lps_mm)[2]) == pytest.approx(44.0, abs=1.0)
    assert longest_axial_diameter(Mask.empty(grid)) is None
    assert longest_diameter(Mask.empty(grid)) is None


def test_that_a_single_voxel_and_a_thin_line_have_diameters_too() -> None:
    grid = Grid.of((5, 30, 30), spacing_kji_mm=(3.0, 1.0, 1.0), frame_uid="f")
    voxels = np.zeros(grid.size_kji, dtype=bool)
    voxels[2, 15, 10] = True
    one = longest_axial_diameter(Mask.of(grid, voxels))
    assert one is not None
    assert one.length_mm == pytest.approx(1.0)
    voxels[2, 15, 5:25] = True
    line = Mask.of(grid, voxels)
    for found in (longest_axial_diameter(line), longest_diameter(line)):
        assert found is not None
        assert found.length_mm == pytest.approx(20.0, abs=0.01)


def test_that_the_unit_of_a_positron_image_is_kept() -> None:
    grid = grid_of((5, 10, 10))
    volume = ct(grid, np.ones(grid.size_kji))
    image = Volume(volume.voxels, grid, replace(volume.source, unit="SUV"))
    assert mask_statistics(image, ball(grid, grid.centre_lps_mm, 3.0)).unit == "SUV"
