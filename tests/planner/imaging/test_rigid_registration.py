"""Matches of two images with known turns and shifts, on other grids, with noise, and their stated error."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from data import shared_data
from numpy.typing import NDArray
from phantoms import tiny_patient
from scipy import ndimage
from scipy.spatial.transform import Rotation

from planner.errors import Cancelled, FrameMismatch, InputRefused
from planner.geometry import Grid, SpaceMap, lps
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.imaging.rigid_registration import RigidMatch, image_rigid, landmark_rigid, surface_agreement
from planner.jobs import Context

FIXED, MOVING = "1.1", "1.2"
RNG = np.random.default_rng(5)
POINTS = RNG.uniform(-80.0, 80.0, (8, 3))


def rigid(turn_deg: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    homogeneous = np.eye(4)
    homogeneous[:3, :3] = Rotation.from_rotvec(np.deg2rad(turn_deg)).as_matrix()
    homogeneous[:3, 3] = shift_mm
    return homogeneous


def of_landmarks(fixed: NDArray[np.float64], moving: NDArray[np.float64]) -> RigidMatch:
    return landmark_rigid(fixed, moving, fixed_frame_uid=FIXED, moving_frame_uid=MOVING)


def test_that_exact_landmarks_give_the_exact_map() -> None:
    truth = SpaceMap(lps(MOVING), lps(FIXED), rigid((20.0, -35.0, 80.0), (10.0, 200.0, -40.0)))
    match = of_landmarks(POINTS, truth.points(POINTS))
    np.testing.assert_allclose(match.moving_lps_from_fixed.homogeneous, truth.homogeneous, atol=1e-9)
    assert match.error is not None
    assert match.error.most_mm < 1e-9


def test_that_leaving_one_out_finds_a_larger_error_than_the_residual() -> None:
    moving = POINTS + RNG.normal(0.0, 2.0, POINTS.shape)
    error = of_landmarks(POINTS, moving).error
    assert error is not None
    assert error.basis == "leave-one-out"
    assert np.all(error.target_mm > error.residual_mm)
    assert error.most_mm >= error.mean_mm > float(error.residual_mm.mean())


def test_that_mirrored_landmarks_are_turned_and_never_mirrored() -> None:
    match = of_landmarks(POINTS, POINTS * np.array([-1.0, 1.0, 1.0]))
    assert np.linalg.det(match.moving_lps_from_fixed.homogeneous[:3, :3]) == pytest.approx(1.0)
    assert match.error is not None
    assert match.error.mean_mm > 10.0


def test_that_three_landmarks_have_no_error() -> None:
    match = of_landmarks(POINTS[:3], POINTS[:3])
    assert match.error is None
    assert "not known" in match.notes[0]


@pytest.mark.parametrize(
    ("fixed", "moving"),
    [
        (POINTS[:2], POINTS[:2]),
        (POINTS[:4], POINTS[:5]),
        (np.outer(np.arange(5.0), (10.0, 0.0, 0.0)), np.outer(np.arange(5.0), (10.0, 0.0, 0.0))),
        (np.full((4, 3), np.nan), POINTS[:4]),
    ],
)
def test_that_landmarks_that_tell_no_map_are_refused(fixed: NDArray[np.float64], moving: NDArray[np.float64]) -> None:
    with pytest.raises(InputRefused):
        of_landmarks(fixed, moving)


def slices(volume: Volume, first: int, last: int) -> Volume:
    _, j, i = volume.grid.size_kji
    return Volume(volume.voxels[first:last], volume.grid.cropped((first, 0, 0), (last, j, i)), volume.source)


@cache
def fixed_image() -> Volume:
    """Without the ends, so that the moved image still shows all of it."""
    volume = tiny_patient().portal
    return slices(volume, 14, volume.grid.size_kji[0] - 14)


@cache
def liver() -> Mask:
    structures = tiny_patient().truth.structures
    (value,) = (value for value, label in structures.labels.items() if label.structure == "liver")
    return Mask.of(structures.grid, structures.mask(value))


def moved(volume: Volume, homogeneous: NDArray[np.float64], noise_hu: float = 12.0) -> tuple[Volume, SpaceMap]:
    """The image as another scanner would show it: other frame, other spacing, other origin, other noise."""
    truth = SpaceMap(lps(MOVING), lps(volume.grid.frame_uid), homogeneous)
    low, high = volume.grid.bounds_lps_mm
    spacing = np.array([4.0, 2.6, 2.6])
    k, j, i = (int(n) for n in (high - low)[::-1] / spacing)
    grid = Grid.of((k, j, i), origin_lps_mm=low + 3.0, spacing_kji_mm=spacing, frame_uid=MOVING)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size_kji), indexing="ij"), axis=-1)
    at = volume.grid.kji_from_lps.points(truth.inverse().points(grid.lps_from_kji.points(kji)))
    values = ndimage.map_coordinates(volume.voxels.astype(np.float32), np.moveaxis(at, -1, 0), order=1, cval=-1024.0)
    values += np.random.default_rng(3).normal(0.0, noise_hu, values.shape)
    return Volume(np.rint(values).astype(np.int16), grid, volume.source), truth


def target_errors_mm(match: RigidMatch, truth: SpaceMap) -> NDArray[np.float64]:
    targets = liver().grid.lps_from_kji.points(np.argwhere(liver().full())[::300])
    apart: NDArray[np.float64] = np.linalg.norm(
        match.moving_lps_from_fixed.points(targets) - truth.points(targets), axis=1
    )
    return apart


def test_that_images_of_one_phase_match_within_a_third_of_a_millimetre() -> None:
    moving, truth = moved(tiny_patient().portal, rigid((4.0, -3.0, 6.0), (14.0, -9.0, 22.0)))
    match = image_rigid(fixed_image(), moving, liver())
    assert target_errors_mm(match, truth).max() < 0.35
    assert match.error is None
    assert match.likeness is not None
    assert match.likeness > 0.95


def test_that_another_contrast_phase_matches_within_a_millimetre_and_landmarks_measure_it() -> None:
    moving, truth = moved(tiny_patient().arterial, rigid((0.0, 5.0, -8.0), (-20.0, 12.0, -35.0)))
    inside = np.array([[-60.0, 0.0, 40.0], [-40.0, 20.0, 60.0]])
    match = image_rigid(fixed_image(), moving, liver(), landmarks=(inside, truth.points(inside)))
    assert target_errors_mm(match, truth).max() < 1.0
    assert match.error is not None
    assert match.error.basis == "independent landmarks"
    assert match.error.most_mm < 1.0


def test_that_one_frame_of_reference_is_offered_as_it_lies() -> None:
    match = image_rigid(tiny_patient().portal, tiny_patient().arterial)
    np.testing.assert_array_equal(match.moving_lps_from_fixed.homogeneous, np.eye(4))
    assert "one frame of reference" in match.notes[0]
    assert match.error is None


def test_that_different_patients_are_refused() -> None:
    other = tiny_patient().arterial
    stranger = replace(other, source=replace(other.source, patient_id="SOMEBODY-ELSE"))
    with pytest.raises(InputRefused, match="different patient IDs"):
        image_rigid(tiny_patient().portal, stranger)


def test_that_images_with_nothing_in_common_are_refused() -> None:
    grid = Grid.of((40, 60, 60), spacing_kji_mm=(4.0, 4.0, 4.0), frame_uid=MOVING)
    noise = np.random.default_rng(2).normal(0.0, 100.0, grid.size_kji).astype(np.int16)
    with pytest.raises(InputRefused, match="do not look alike"):
        image_rigid(fixed_image(), Volume(noise, grid, tiny_patient().portal.source), liver())


def test_that_an_empty_organ_is_refused() -> None:
    moving = replace(tiny_patient().arterial)
    with pytest.raises(InputRefused, match="mask"):
        image_rigid(fixed_image(), moving, Mask.empty(fixed_image().grid), same_frame_too=True)


def test_that_a_start_of_other_frames_is_refused() -> None:
    with pytest.raises(FrameMismatch):
        image_rigid(fixed_image(), tiny_patient().arterial, start=SpaceMap(lps("7"), lps("8"), np.eye(4)))


def test_that_it_can_be_cancelled() -> None:
    context = Context()
    context.cancel()
    with pytest.raises(Cancelled):
        image_rigid(fixed_image(), tiny_patient().arterial, context=context, same_frame_too=True)


def test_that_the_surrogate_is_the_distance_of_the_surfaces() -> None:
    frame = liver().grid.frame_uid
    still = SpaceMap(lps(frame), lps(frame), np.eye(4))
    shifted = SpaceMap(lps(frame), lps(frame), rigid((0.0, 0.0, 0.0), (6.0, 0.0, 0.0)))
    assert surface_agreement(liver(), liver(), still).mean_mm < 0.8
    assert 1.5 < surface_agreement(liver(), liver(), shifted).mean_mm < 6.0


def test_that_landmarks_of_a_real_follow_up_leave_the_published_residual() -> None:
    folder = shared_data("elastix-lung")
    from planner.app.images import open_image

    points = []
    for name in ("3DCT_lung_baseline", "3DCT_lung_followup"):
        volume = open_image(folder / f"{name}.mha", accept=("missing-frame",))
        ijk = np.loadtxt(folder / f"{name}.txt", skiprows=2)
        points.append(volume.grid.lps_from_kji.points(ijk[:, ::-1]))
    error = of_landmarks(points[0], points[1]).error
    assert error is not None
    assert float(error.residual_mm.mean()) == pytest.approx(4.25, abs=0.05)
    assert error.mean_mm > 4.25
