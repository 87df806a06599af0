"""Registration of two studies with a known map: how near it comes, and what must not pull it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from data import shared_data
from numpy.typing import NDArray
from registration_bodies import Bodies, ball, bodies, truth

from planner.errors import Cancelled, FrameMismatch, InputRefused, UsageError
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.imaging.registration import Registration, measured_inverse_mm, organ_mask, register
from planner.imaging.registration_flow import stretches, unfolded
from planner.imaging.registration_organs import found_organ
from planner.jobs import Context

DEPOSIT = (-25.0, -5.0, -5.0)


def errors_mm(found: Registration, points: NDArray[np.float64]) -> NDArray[np.float64]:
    apart: NDArray[np.float64] = np.linalg.norm(found.point_map.points(points) - truth(points), axis=1)
    return apart


def given(pair: Bodies) -> dict[str, Mask]:
    return {"fixed_mask": pair.fixed_organ, "moving_mask": pair.moving_organ}


@cache
def bent() -> Registration:
    pair = bodies()
    return register(pair.fixed, pair.moving, **given(pair))


def test_that_the_bent_map_finds_the_whole_field_inside_the_organ() -> None:
    points = bodies().organ_points()
    apart = errors_mm(bent(), points)
    assert apart.mean() < 1.6
    assert np.percentile(apart, 95.0) < 3.0
    straight = np.linalg.norm(bent().point_map.moving_from_fixed.points(points) - truth(points), axis=1)
    assert apart.mean() < 0.8 * straight.mean()


def test_that_it_says_how_well_the_images_match() -> None:
    found = bent()
    assert found.similarity is not None
    assert 0.8 < found.similarity <= 1.0
    assert found.jacobian_minimum > 0.3
    assert found.folded_fraction == 0.0
    assert found.organ_dice is not None
    assert found.organ_dice > 0.95
    assert found.inverse_consistency_mm is None
    assert found.overlap > 0.95
    assert found.left_out == ()


def with_deposit() -> Volume:
    """The fixed image after treatment: a ball full of Lipiodol, gas beside it."""
    fixed = bodies().fixed
    values = np.array(fixed.voxels)
    values[ball(fixed.grid, DEPOSIT, 16.0)] = 900
    values[ball(fixed.grid, (-25.0, -5.0, 17.0), 6.0)] = -950
    return replace(fixed, voxels=values)


def test_that_lipiodol_and_gas_do_not_pull_the_match() -> None:
    pair = bodies()
    found = register(with_deposit(), pair.moving, **given(pair))
    points = pair.organ_points()
    near = np.linalg.norm(points - np.asarray(DEPOSIT), axis=1) < 28.0
    assert errors_mm(found, points[near]).mean() < errors_mm(bent(), points[near]).mean() + 0.7
    assert set(found.left_out) == {"dense deposits", "gas"}


def test_that_images_of_different_contrast_are_matched_by_their_structure() -> None:
    pair = bodies()
    values = pair.moving.voxels.astype(np.float32)
    bright = np.where(values > 140.0, 30.0, np.where(values > 20.0, 180.0, np.where(values > -300.0, 320.0, 0.0)))
    source = replace(pair.moving.source, modality="MR", unit=None)
    found = register(pair.fixed, Volume(bright.astype(np.float32), pair.moving.grid, source), **given(pair))
    assert errors_mm(found, pair.organ_points()).mean() < 2.0
    assert found.similarity is not None
    assert found.similarity > 0.6


def test_that_going_there_and_back_is_measured_when_asked_for() -> None:
    pair = bodies()
    found = register(pair.fixed, pair.moving, model="rigid", check_inverse=True, **given(pair))
    assert found.point_map.field is None
    assert found.inverse_consistency_mm is not None
    assert 0.0 < found.inverse_consistency_mm < 1.5
    afterwards = measured_inverse_mm(pair.fixed, pair.moving, found)
    assert afterwards == pytest.approx(found.inverse_consistency_mm, abs=1e-6)


def test_that_no_map_folds() -> None:
    k, j, i = np.indices((12, 12, 12))
    wild = np.stack([9.0 * np.sin(k), 9.0 * np.cos(j), 9.0 * np.sin(i + k)], axis=-1).astype(np.float32)
    assert stretches(wild, 4.0).min() < 0.0
    assert stretches(unfolded(wild, 4.0), 4.0).min() > 0.0


def test_that_a_cancelled_registration_stops() -> None:
    context = Context()
    context.cancel()
    pair = bodies()
    with pytest.raises(Cancelled):
        register(pair.fixed, pair.moving, context=context, **given(pair))


def test_that_input_without_an_answer_is_refused_in_one_sentence() -> None:
    pair = bodies()
    with pytest.raises(InputRefused, match="holds nothing"):
        register(pair.fixed, pair.moving, fixed_mask=Mask.empty(pair.fixed.grid))
    with pytest.raises(FrameMismatch):
        register(pair.fixed, pair.moving, fixed_mask=pair.moving_organ)
    stranger = replace(pair.moving, source=replace(pair.moving.source, patient_id="B"))
    with pytest.raises(InputRefused, match="different patient"):
        register(pair.fixed, stranger)
    air = replace(pair.moving, voxels=np.full(pair.moving.grid.size_kji, -1000, dtype=np.int16))
    with pytest.raises(InputRefused, match="No body"):
        register(pair.fixed, air)
    with pytest.raises(UsageError):
        organ_mask(pair.fixed, "spleen")


def test_that_the_liver_of_a_real_abdomen_is_found_without_being_told() -> None:
    from planner.app.image_masks import open_mask
    from planner.app.images import open_image

    folder = shared_data("totalseg")
    abdomen = open_image(folder / "example_ct.nii.gz")
    found = found_organ(abdomen)
    wanted = np.asarray(open_mask(str(folder / "example_seg" / "liver.nii.gz"), onto=abdomen).voxels) > 0
    both = np.count_nonzero(found.mask.full() & wanted)
    assert found.organ == "liver"
    assert 2.0 * both / (found.mask.count + np.count_nonzero(wanted)) > 0.85


def test_that_lungs_with_emphysema_are_found_in_a_real_cropped_chest() -> None:
    from planner.app.image_masks import open_mask
    from planner.app.images import open_image

    folder = shared_data("elastix-lung")
    chest = open_image(folder / "3DCT_lung_followup.mha")
    found = found_organ(chest)
    wanted = np.asarray(open_mask(str(folder / "3DCT_lung_followup_mask.mha")).voxels) > 0
    both = np.count_nonzero(found.mask.full() & wanted)
    assert found.organ == "lung"
    assert 2.0 * both / (found.mask.count + np.count_nonzero(wanted)) > 0.95
