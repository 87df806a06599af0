"""One-click lesions on synthetic livers: noise of 12 HU, blur, touching vessels, and fat at the liver's edge."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from shapes import centres_lps_mm, ct, dice, ellipsoid, grid_of

from planner.errors import OperatorError
from planner.imaging import Volume
from planner.imaging.lesion import lesion_from_click

LIMIT_MM = 40.0


def liver_with_lesion(
    *, seed: int, inside: float, liver: float, radii: tuple[float, float, float], vessels: bool = True
) -> tuple[Volume, NDArray[np.bool_], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    grid = grid_of((36, 110, 110), (2.5, 0.8, 0.8))
    centre = grid.centre_lps_mm + rng.uniform(-3, 3, 3)
    where = centres_lps_mm(grid)
    lesion = ellipsoid(grid, centre, radii)
    values = np.where(lesion, inside, liver)
    if vessels:
        for angle in (0.3, 2.4, 4.1):
            side = np.array([np.cos(angle) * (radii[0] + 2.0), np.sin(angle) * (radii[1] + 2.0), 0.0])
            along = np.array([-np.sin(angle), np.cos(angle), 0.8]) / np.sqrt(1.64)
            offset = where - centre - side
            gap = np.linalg.norm(offset - (offset @ along)[..., None] * along, axis=-1)
            values = np.where((gap < 2.5) & ~lesion, 200.0, values)
    values = np.where(where[..., 1] - centre[1] > 1.5 * radii[1], -90.0, values)
    values = ndimage.gaussian_filter(values.astype(float), (0.3, 0.8, 0.8))
    noise = ndimage.gaussian_filter(rng.normal(size=values.shape), (0, 0.6, 0.6))
    return ct(grid, values + noise * (12.0 / noise.std())), lesion, centre


@pytest.mark.parametrize(
    ("inside", "liver", "radii", "least"),
    [
        (120.0, 70.0, (14.0, 11.0, 16.0), 0.9),
        (50.0, 105.0, (14.0, 11.0, 16.0), 0.95),
        (115.0, 75.0, (7.0, 7.0, 8.0), 0.86),
    ],
)
def test_that_a_click_gives_the_lesion_whether_bright_or_dark(
    inside: float, liver: float, radii: tuple[float, float, float], least: float
) -> None:
    volume, truth, centre = liver_with_lesion(seed=2, inside=inside, liver=liver, radii=radii)
    for share in ((0.0, 0.0, 0.0), (0.5, -0.2, 0.2)):
        mask = lesion_from_click(volume, centre + np.array(share) * radii, limit_mm=LIMIT_MM)
        assert dice(mask.full(), truth) > least


def test_that_a_second_click_adds_a_part_and_a_removing_click_takes_it_away() -> None:
    volume, truth, centre = liver_with_lesion(seed=4, inside=125.0, liver=70.0, radii=(9.0, 9.0, 9.0), vessels=False)
    grid = volume.grid
    apart = np.array([-17.0, 0.0, 0.0])
    lobe = ellipsoid(grid, centre + apart, (9.0, 9.0, 9.0))
    voxels = np.where(lobe & ~truth, volume.voxels + 55, volume.voxels).astype(np.int16)
    two = Volume(voxels, grid, volume.source)
    both = lesion_from_click(two, centre, add=[centre + apart], limit_mm=LIMIT_MM)
    assert dice(both.full(), truth | lobe) > 0.85
    one = lesion_from_click(two, centre, add=[], remove=[centre + apart], limit_mm=LIMIT_MM)
    assert not one.contains(centre + apart)
    assert dice(one.full(), truth) > 0.85


def test_that_a_removing_click_outside_changes_nothing() -> None:
    volume, _, centre = liver_with_lesion(seed=5, inside=120.0, liver=70.0, radii=(10.0, 10.0, 10.0))
    plain = lesion_from_click(volume, centre, limit_mm=LIMIT_MM)
    away = lesion_from_click(volume, centre, remove=[centre - (0.0, 25.0, 0.0)], limit_mm=LIMIT_MM)
    assert plain.equals(away)


def test_that_a_cyst_between_several_tissues_is_found_and_not_its_neighbours() -> None:
    grid = grid_of((30, 100, 100), (2.5, 0.9, 0.9))
    where = centres_lps_mm(grid) - grid.centre_lps_mm
    values = np.where(where[..., 0] > 4.0, 190.0, np.where(where[..., 1] > 0.0, -100.0, 60.0))
    cyst = ellipsoid(grid, grid.centre_lps_mm, (15.0, 13.0, 14.0))
    noise = np.random.default_rng(3).normal(0.0, 10.0, grid.size_kji)
    volume = ct(grid, ndimage.gaussian_filter(np.where(cyst, 8.0, values), (0.3, 0.8, 0.8)) + noise)
    for offset in ((0.0, 0.0, 0.0), (-6.0, 4.0, 3.0)):
        found = lesion_from_click(volume, grid.centre_lps_mm + offset, limit_mm=LIMIT_MM)
        assert dice(found.full(), cyst) > 0.85


def test_that_tissue_without_a_boundary_is_refused_with_a_sentence() -> None:
    grid = grid_of((30, 90, 90), (2.5, 0.8, 0.8))
    noise = np.random.default_rng(0).normal(70.0, 12.0, grid.size_kji)
    with pytest.raises(OperatorError, match="within 20 mm"):
        lesion_from_click(ct(grid, noise), grid.centre_lps_mm, limit_mm=20.0)
    with pytest.raises(OperatorError, match="outside the image"):
        lesion_from_click(ct(grid, noise), (999.0, 0.0, 0.0), limit_mm=20.0)
