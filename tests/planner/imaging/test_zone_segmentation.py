"""Simulated ablation zones in an enhancing organ, with noise, gas and vessels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from shapes import ball, ct, dice, ellipsoid, grid_of

from planner.errors import InputRefused, OperatorError
from planner.geometry import Grid
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.imaging.surfaces import signed_distance_mm
from planner.imaging.zone_segmentation import zone_from_click

RADII_MM = (15.0, 12.0, 11.0)


def scene(
    drop_hu: float, *, gas_mm: float = 0.0, gas_off_mm: float = 0.0
) -> tuple[Volume, NDArray[np.bool_], NDArray[np.float64], Mask]:
    """Liver of 112 HU in fat with an ellipsoid darker by `drop_hu`; noise of 12 HU as a scanner blurs it."""
    from scipy import ndimage

    grid: Grid = grid_of((34, 70, 70), (2.5, 1.5, 1.5))
    middle = grid.centre_lps_mm
    organ = Mask.of(grid, ellipsoid(grid, middle + (6.0, 4.0, 0.0), (46.0, 44.0, 38.0)))
    zone = ellipsoid(grid, middle, RADII_MM)
    voxels = np.where(organ.full(), 112.0, -90.0)
    voxels[zone] = 112.0 - drop_hu
    if gas_mm > 0.0:
        gas = ellipsoid(grid, middle + (gas_off_mm, 0.0, 0.0), (gas_mm,) * 3)
        voxels[gas & zone] = -700.0
    noise = ndimage.gaussian_filter(np.random.default_rng(4).normal(0.0, 1.0, grid.size_kji), 0.5)
    voxels = ndimage.gaussian_filter(voxels, 0.4) + 12.0 * noise / noise.std()
    return ct(grid, voxels), zone, middle, organ


@pytest.mark.parametrize("drop_hu", [20.0, 30.0, 40.0])
def test_that_a_zone_is_found_with_its_surface_within_a_voxel(drop_hu: float) -> None:
    volume, zone, middle, organ = scene(drop_hu)
    guess = zone_from_click(volume, middle + (3.0, -2.0, 2.0), organ=organ)
    found = guess.mask.full()
    assert dice(found, zone) > 0.88
    from scipy import ndimage

    away = signed_distance_mm(zone, volume.grid.spacing_kji_mm)[found & ~ndimage.binary_erosion(found)]
    assert float(np.abs(away).mean()) < 2.0
    assert guess.gas_ml == 0.0
    assert guess.around_hu - guess.zone_hu == pytest.approx(drop_hu, abs=6.0)


def test_that_gas_inside_is_counted_as_zone() -> None:
    volume, zone, middle, organ = scene(30.0, gas_mm=6.0)
    guess = zone_from_click(volume, middle, organ=organ)
    assert dice(guess.mask.full(), zone) > 0.85
    assert guess.mask.contains(middle)
    assert guess.gas_ml == pytest.approx(4.0 / 3.0 * np.pi * 0.6**3, rel=0.35)
    assert any("gas is not the zone" in note for note in guess.notes)


def test_that_an_edge_made_by_gas_is_said() -> None:
    volume, _, middle, organ = scene(40.0, gas_mm=11.0, gas_off_mm=3.0)
    guess = zone_from_click(volume, middle, organ=organ)
    assert guess.gas_edge_share > 0.15
    assert any("7.6 mm" in note for note in guess.notes)
    quiet, _, middle, organ = scene(40.0, gas_mm=4.0)
    assert not any("7.6 mm" in note for note in zone_from_click(quiet, middle, organ=organ).notes)


def test_that_the_zone_stays_in_the_organ_and_out_of_vessels() -> None:
    volume, _, middle, organ = scene(35.0)
    vessel = ball(volume.grid, middle + (9.0, 0.0, 0.0), 3.0)
    guess = zone_from_click(volume, middle - (3.0, 0.0, 0.0), organ=organ, vessels=vessel)
    assert not (guess.mask.full() & vessel.full()).any()
    assert not (guess.mask.full() & ~organ.full()).any()


def test_that_a_bright_lesion_is_no_zone() -> None:
    volume, _, middle, organ = scene(-40.0)
    with pytest.raises(InputRefused, match="not darker"):
        zone_from_click(volume, middle, organ=organ)


def test_that_a_click_outside_is_refused() -> None:
    volume, _, middle, organ = scene(30.0)
    with pytest.raises(OperatorError, match="outside the image"):
        zone_from_click(volume, (900.0, 0.0, 0.0))
    with pytest.raises(InputRefused, match="outside the organ"):
        zone_from_click(volume, middle + (50.0, 50.0, 0.0), organ=organ)
