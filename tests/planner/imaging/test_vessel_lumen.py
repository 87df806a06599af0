"""The arterial lumen from a seed: thin branches, plaque, veins beside it, and what is refused."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from phantoms import tiny_patient

from planner.errors import Cancelled, OperatorError
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.automatic_structures_vessels import bright_organs
from planner.imaging.vessel_lumen import VesselLumen, arterial_lumen, find_aorta_seed
from planner.imaging.vessel_lumen_levels import smallest_visible_mm
from planner.jobs import Context

SPACING = (1.25, 0.75, 0.75)
SIZE = (64, 112, 112)
SOFT, BLOOD, NOISE = 65.0, 320.0, 10.0
AORTA_JI = (56, 56)


def _grid() -> Grid:
    return Grid.of(SIZE, spacing_kji_mm=SPACING, frame_uid="1.2.3")


def _away(grid: Grid, start: tuple[float, float, float], end: tuple[float, float, float]) -> NDArray[np.float64]:
    """Distance (mm) of each voxel from a straight line between two places (k, j, i)."""
    places = grid.lps_from_kji.points(np.stack(np.meshgrid(*map(np.arange, SIZE), indexing="ij"), axis=-1))
    first, last = grid.lps_from_kji.points(start), grid.lps_from_kji.points(end)
    way = last - first
    share = np.clip((places - first) @ way / (way @ way), 0.0, 1.0)
    return np.linalg.norm(places - first - share[..., None] * way, axis=-1)


def _painted(hu: NDArray[np.float64], away: NDArray[np.float64], radius_mm: float, value: float) -> None:
    share = 1.0 / (1.0 + np.exp(np.clip((away - radius_mm) / 0.25, -40.0, 40.0)))
    hu += share * (value - hu)


@cache
def _scene() -> tuple[Volume, dict[str, NDArray[np.float64]]]:
    """An aorta with a thick and a thin branch, a mildly enhanced vein beside it, and a plaque in its wall."""
    grid = _grid()
    hu = np.full(SIZE, SOFT)
    aorta = _away(grid, (0.0, *AORTA_JI), (63.0, *AORTA_JI))
    thick = _away(grid, (30.0, *AORTA_JI), (34.0, 56.0, 100.0))
    thin = _away(grid, (34.0, 56.0, 88.0), (50.0, 80.0, 100.0))
    vein = _away(grid, (0.0, 56.0, 32.0), (63.0, 56.0, 32.0))
    _painted(hu, vein, 6.0, 125.0)
    _painted(hu, aorta, 8.0, BLOOD)
    _painted(hu, thick, 2.2, BLOOD)
    _painted(hu, thin, 1.0, BLOOD)
    plaque = np.zeros(SIZE, dtype=np.bool_)
    plaque[20:23, 44:47, 55:58] = True
    hu[plaque] = 900.0
    hu += np.random.default_rng(3).normal(0.0, NOISE, SIZE)
    source = ImageSource("1.2.4", modality="CT", unit="HU", phase="arterial")
    volume = Volume(np.rint(hu).astype(np.int16), grid, source)
    return volume, {"aorta": aorta, "thick": thick, "thin": thin, "vein": vein, "plaque": plaque.astype(np.float64)}


@cache
def _found() -> VesselLumen:
    volume, _ = _scene()
    return arterial_lumen(volume, volume.grid.lps_from_kji.points((10, 57, 55)))


def _share(mask: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> float:
    return float(mask[chosen].mean())


def test_that_the_aorta_and_its_branches_are_followed_to_about_a_voxel() -> None:
    _, away = _scene()
    mask = _found().mask.full()
    assert _share(mask, away["aorta"] < 7.0) > 0.99
    assert _share(mask, away["thick"] < 1.5) > 0.98
    assert _share(mask, away["thin"] < 0.4) > 0.9


def test_that_the_lumen_ends_at_its_wall_and_leaves_a_mildly_enhanced_vein_out() -> None:
    _, away = _scene()
    mask = _found().mask.full()
    nearest = np.minimum(np.minimum(away["aorta"] - 8.0, away["thick"] - 2.2), away["thin"] - 1.0)
    outside = nearest > 1.5
    assert np.count_nonzero(mask & outside) < 0.005 * np.count_nonzero(mask)
    assert _share(mask, (away["vein"] < 5.0) & outside) < 0.002


def test_that_plaque_is_reported_and_part_of_the_lumen() -> None:
    _, away = _scene()
    found = _found()
    assert found.calcified is not None
    assert found.calcified.full()[away["plaque"] > 0.0].mean() > 0.9
    assert found.mask.full()[away["plaque"] > 0.0].mean() > 0.9
    assert "calcified-plaque" in {finding.code for finding in found.findings}


def test_that_the_likelihood_fills_the_box_and_is_higher_in_vessels() -> None:
    _, away = _scene()
    found = _found()
    assert found.likelihood.shape == found.mask.voxels.shape
    assert found.likelihood.dtype == np.float32
    assert float(found.likelihood.min()) >= 0.0
    assert float(found.likelihood.max()) <= 1.0
    inside = found.likelihood[found.mask.voxels]
    assert float(np.median(inside)) > 5.0 * float(found.likelihood[~found.mask.voxels].mean())


def test_that_a_kidney_is_an_organ_though_its_middle_is_dark_and_open_to_one_side_and_a_trunk_is_not() -> None:
    k, j, i = np.meshgrid(*((np.arange(size) - size // 2) * 2.0 for size in (48, 40, 64)), indexing="ij")
    kidney = np.sqrt((k / 1.6) ** 2 + j**2 + (i + 25.0) ** 2)
    cortex = (kidney < 24.0) & (kidney > 17.0)
    cortex &= ~((i > -25.0) & (np.abs(j) < 9.0) & (np.abs(k) < 16.0))
    trunk = np.hypot(j, i - 40.0) < 9.0
    found = bright_organs(cortex | trunk, np.zeros_like(trunk), (2.0, 2.0, 2.0), dark_middles=True)
    assert _share(found, cortex) > 0.9
    assert _share(found, kidney < 10.0) > 0.9
    assert not found[trunk].any()


def test_that_the_thinnest_visible_vessel_follows_noise_contrast_and_voxels() -> None:
    usual = smallest_visible_mm(SPACING, 10.0, 250.0)
    assert 0.5 < usual < 2.0
    assert smallest_visible_mm(SPACING, 20.0, 250.0) > usual
    assert smallest_visible_mm((2.5, 1.5, 1.5), 10.0, 250.0) == pytest.approx(2.0 * usual)
    assert smallest_visible_mm(SPACING, 70.0, 250.0) == float("inf")
    assert "smallest-visible-vessel" in {finding.code for finding in _found().findings}


def test_that_a_seed_outside_or_in_plain_tissue_is_refused_in_one_sentence() -> None:
    volume, _ = _scene()
    with pytest.raises(OperatorError, match="outside the image"):
        arterial_lumen(volume, (-500.0, 0.0, 0.0))
    with pytest.raises(OperatorError, match="no contrast medium") as refused:
        arterial_lumen(volume, volume.grid.lps_from_kji.points((10, 10, 100)))
    assert refused.value.code == "no-contrast"


def test_that_a_bright_image_without_anything_darker_is_refused() -> None:
    volume, _ = _scene()
    even = Volume(np.full(SIZE, 300, dtype=np.int16), volume.grid, volume.source)
    with pytest.raises(OperatorError, match="no brighter than what lies around"):
        arterial_lumen(even, volume.grid.centre_lps_mm)


def test_that_following_can_be_cancelled() -> None:
    volume, _ = _scene()
    context = Context()
    context.cancel()
    with pytest.raises(Cancelled):
        arterial_lumen(volume, volume.grid.lps_from_kji.points((10, *AORTA_JI)), context)


def test_that_the_aorta_of_the_digital_patient_is_found_and_not_in_an_image_without_a_trunk() -> None:
    patient = tiny_patient()
    seed = find_aorta_seed(patient.arterial)
    assert seed is not None
    at = patient.arterial.grid.nearest_index(seed)
    assert at is not None
    assert patient.truth.vessels.voxels[at] == 1
    assert find_aorta_seed(_scene()[0]) is None


def test_that_a_patients_arteries_are_found_without_kidneys_spleen_heart_or_bone() -> None:
    patient = tiny_patient()
    seed = find_aorta_seed(patient.arterial)
    assert seed is not None
    mask = arterial_lumen(patient.arterial, seed).mask.full()
    arteries = patient.truth.vessels.voxels == 1
    named = {label.structure: value for value, label in patient.truth.structures.labels.items()}
    aorta = patient.truth.structures.mask(named["aorta"])
    assert _share(mask, aorta & arteries) > 0.85
    for organ in ("kidney_left", "kidney_right", "spleen", "heart", "vertebrae_L1"):
        inside = patient.truth.structures.mask(named[organ]) & ~arteries
        assert _share(mask, inside) < 0.02, organ
