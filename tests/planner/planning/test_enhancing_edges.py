"""The edge of what enhances: a blurred rim is no thicker than it was, and weak enhancement is no blur."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask
from planner.planning.change_maps import ViabilityMap, viability_map
from planner.planning.change_settings import setting
from planner.planning.enhancing_edges import Rise
from planner.planning.lesion_matching import ball_mask

GRID = Grid.of((40, 40, 40), origin_lps_mm=(-29, -29, -29), spacing_kji_mm=(1.5, 1.5, 1.5), frame_uid="1.2.11")
RISE = ImageSource("1", modality="MR", unit="%", phase="arterial", description="rise")
LESION = ball_mask(GRID, (0, 0, 0), 40.0)
FAR_MM = np.linalg.norm(GRID.lps_from_kji.points(np.moveaxis(np.indices(GRID.size_kji), 0, -1)), axis=-1)
BLUR_MM = 1.0


def rise(values: NDArray[np.float64], noise: float) -> Volume:
    blurred = ndimage.gaussian_filter(values, BLUR_MM / 1.5)
    blurred += noise * np.random.default_rng(5).standard_normal(values.shape)
    return Volume(blurred.astype(np.float32), GRID, RISE)


def shell(inner_mm: float, outer_mm: float) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (inner_mm < FAR_MM) & (outer_mm >= FAR_MM)
    return found


def viable(values: NDArray[np.float64], noise: float = 6.0) -> ViabilityMap:
    return viability_map(LESION, rise(values, noise))


@pytest.mark.parametrize("thickness", [4.5, 7.0])
def test_that_a_blurred_rim_is_found_as_thick_as_it_is(thickness: float) -> None:
    rim = shell(20.0 - thickness, 20.0)
    found = viable(np.where(rim, 120.0, 0.0))
    assert found.viable.count == pytest.approx(rim.sum(), rel=0.07)
    # The limit alone takes what it is blurred into for rim as well; that is now left open and not called dead.
    assert found.viable.count + found.unsure.count > 1.12 * rim.sum()
    assert not (found.necrotic.full() & rim).any()


def test_that_a_weakly_enhancing_part_beside_a_strong_one_stays_viable() -> None:
    strong, weak = shell(14.0, 20.0), shell(4.0, 14.0)
    found = viable(np.where(strong, 120.0, np.where(weak, 40.0, 0.0)))
    # As far as averaging and voxels spread the strong part, and a voxel.
    reach = 2.0 * setting("smoothing") + 0.75
    kept = found.viable.full()
    assert kept[weak & shell(6.0, 12.5 - reach)].mean() > 0.9
    assert kept[strong].mean() > 0.97


def test_that_a_lesion_that_enhances_everywhere_loses_nothing() -> None:
    values = np.where(LESION.full(), 60.0 + 40.0 * (FAR_MM > 10.0), 0.0)
    assert viable(values).viable.count == LESION.count


def test_that_noise_neither_makes_holes_nor_enhancement() -> None:
    rim = shell(12.0, 20.0)
    quiet, loud = viable(np.where(rim, 60.0, 0.0)), viable(np.where(rim, 60.0, 0.0), noise=25.0)
    inner = shell(14.0, 18.0)
    assert loud.viable.full()[inner].mean() > 0.99
    assert loud.viable.full()[FAR_MM < 8.0].mean() < 0.02
    assert loud.viable.count == pytest.approx(quiet.viable.count, rel=0.08)


def test_that_noise_of_a_voxel_is_told_beside_an_edge() -> None:
    volume = rise(np.where(shell(12.0, 20.0), 60.0, 0.0), 9.0)
    everywhere = np.ones(GRID.size_kji, dtype=bool)
    seen = Rise(np.asarray(volume.voxels), LESION.full(), everywhere, GRID.spacing_kji_mm)
    assert seen.noise() == pytest.approx(9.0, rel=0.12)
    left = seen.averaged(1.5)[FAR_MM < 8.0].std()
    assert left == pytest.approx(9.0 * seen.noise_share(1.5), rel=0.25)
    assert replace(seen, quiet=~everywhere).noise() == float("inf")


def test_that_oil_is_not_taken_for_the_level_beside_it() -> None:
    values = np.where(shell(8.0, 20.0), 60.0, 0.0)
    oil = Mask.of(GRID, FAR_MM <= 8.0)
    found = viability_map(LESION, Volume(rise(values, 6.0).voxels, GRID, replace(RISE, modality="CT", unit="HU")), oil)
    # All that does not enhance lies under oil and its shadow: no level is known, and the limit alone stands.
    assert found.unsure.is_empty
    assert found.viable.count + found.not_evaluable.count == LESION.count
