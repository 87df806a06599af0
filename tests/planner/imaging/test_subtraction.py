"""Open field, mask choice and subtraction of runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from angio_scenes import SIZE, run_of, scene_run
from numpy.typing import NDArray

from planner.errors import Cancelled
from planner.imaging.angio import AngioRun, MaskModule, Shutter
from planner.imaging.displacement import Displacement
from planner.imaging.subtraction import (
    background_levels,
    choose_mask,
    computation_for,
    computation_words,
    default_window,
    grey_frame,
    mask_image,
    masks_for,
    open_field,
    operator_mask,
    subtract,
    subtract_frame,
)
from planner.jobs import Context

EVERYWHERE = np.ones((SIZE, SIZE), dtype=np.bool_)


@pytest.fixture(scope="module")
def filling() -> tuple[AngioRun, NDArray[np.float64]]:
    return scene_run(frames=9, arrives_in=5, seed=3)


def test_that_contrast_of_linear_values_is_the_difference_of_logarithms() -> None:
    frames = np.array([[[1000, 800]], [[500, 800]]], dtype=np.uint16)
    run = run_of(frames)
    contrast = subtract(run, mask_image(run, (1,)), method="log")
    assert contrast[1, 0] == pytest.approx([np.log(2.0), 0.0], abs=1e-6)
    assert subtract(run, mask_image(run, (1,)), method="linear")[1, 0] == pytest.approx([500.0, 0.0])


def test_that_logarithmic_and_display_values_are_subtracted_as_they_are() -> None:
    frames = np.array([[[1000, 800]], [[500, 800]]], dtype=np.uint16)
    for relation, word in (("LOG", "LOG"), ("DRM", "not proportional")):
        run = run_of(frames, relation=relation)
        assert computation_for(run, "log") == "difference"
        assert word in computation_words(run, "log")
        assert subtract(run, mask_image(run, (1,)), method="log")[1, 0, 0] == pytest.approx(500.0)


def test_that_contrast_is_positive_in_inverted_runs_too() -> None:
    frames = np.array([[[100, 200]], [[2100, 200]]], dtype=np.uint16)
    run = run_of(frames, bright_is_dense=True)
    found = subtract(run, mask_image(run, (1,)), method="log")[1, 0]
    assert found == pytest.approx([np.log((4095 - 100) / (4095 - 2100)), 0.0], abs=1e-5)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
def test_that_every_stored_type_gives_the_same_contrast(kind: type[np.generic]) -> None:
    frames = np.array([[[200, 100]], [[100, 100]]]).astype(kind)
    run = run_of(frames, bits_stored=8)
    assert subtract(run, mask_image(run, (1,)))[1, 0, 0] == pytest.approx(np.log(2.0), abs=1e-6)


def test_that_a_shift_brings_a_moved_frame_back_onto_its_mask() -> None:
    y, x = np.mgrid[:64, :64]
    smooth = 1500.0 + 600.0 * np.sin(x / 6.0) * np.cos(y / 7.0)
    moved = 1500.0 + 600.0 * np.sin((x - 1.4) / 6.0) * np.cos((y + 2.3) / 7.0)
    run = run_of(np.stack([smooth, moved]).round().astype(np.uint16))
    mask = mask_image(run, (1,))
    left = subtract(run, mask, method="linear", shifts_xy_px=np.array([[0.0, 0.0], [1.4, -2.3]]))[1]
    assert np.nanmax(np.abs(left[6:-6, 6:-6])) < 3.0
    wrong = subtract(run, mask, method="linear", shifts_xy_px=np.array([[0.0, 0.0], [-1.4, 2.3]]))[1]
    assert np.nanmax(np.abs(wrong[6:-6, 6:-6])) > 100.0
    assert np.isnan(left[0, 30])
    assert np.isnan(left[30, -1])


def test_that_a_constant_displacement_field_equals_the_shift() -> None:
    run, _ = scene_run(frames=3, arrives_in=9, seed=1)
    masks = masks_for(run, mask_image(run, (1,)))
    by_shift = subtract_frame(run, masks, 1, shift_xy_px=(2.25, -1.6))
    field = Displacement.constant((2.25, -1.6), run.size_yx, 24.0)
    by_field = subtract_frame(run, masks, 1, field=field)
    assert np.array_equal(np.isnan(by_shift), np.isnan(by_field))
    assert np.nanmax(np.abs(by_shift - by_field)) < 1e-4


def test_that_grey_for_playback_is_the_window_of_the_contrast() -> None:
    run, _ = scene_run(frames=8, arrives_in=3, seed=2)
    masks = masks_for(run, mask_image(run, (1, 2)))
    contrast = subtract_frame(run, masks, 6, shift_xy_px=(1.5, 0.25))
    window = default_window(contrast)
    grey = grey_frame(run, masks, 6, window=window, shift_xy_px=(1.5, 0.25), background=7)
    known = np.isfinite(contrast)
    wanted = np.clip(255.0 * (0.5 - (contrast[known] - window[0]) / window[1]), 0.0, 255.0)
    assert np.abs(grey[known] - wanted).max() <= 0.6
    assert np.all(grey[~known] == 7)
    assert np.any(~known)


def test_that_shutter_and_collimator_are_not_open() -> None:
    run, _ = scene_run(frames=3, arrives_in=9, seed=1)
    frames = run.frames.copy()
    y, x = np.mgrid[:SIZE, :SIZE]
    corner = x + y < 40
    frames[:, corner] = 4
    frames[:, :, :12] = 3
    found = open_field(replace(run, frames=frames, shutter=Shutter(bottom=SIZE - 31.0)))
    assert not found[corner].any()
    assert not found[:, :12].any()
    assert not found[-30:].any()
    assert found[60:-60, 30:-30].all()


def test_that_a_collimator_leaf_that_lets_some_radiation_through_is_found() -> None:
    run, _ = scene_run(frames=3, arrives_in=9, seed=4)
    frames = run.frames.copy()
    frames[:, :, :20] = (frames[:, :, :20] * 0.25).astype(np.uint16)
    found = open_field(replace(run, frames=frames))
    assert not found[:, :20].any()
    assert found[10:-10, 34:-10].all()


def test_that_an_open_picture_is_open_everywhere() -> None:
    run, _ = scene_run(frames=3, arrives_in=9, seed=5)
    assert open_field(run).mean() > 0.97


def test_that_frames_before_contrast_are_the_mask_and_the_reason_says_so(
    filling: tuple[AngioRun, NDArray[np.float64]],
) -> None:
    choice = choose_mask(filling[0], EVERYWHERE)
    assert choice.source == "found"
    # Contrast arrives in frame 5; the frame before may hold its first trace.
    assert choice.frames == (1, 2, 3)
    assert choice.contrast_frames is not None
    assert choice.contrast_frames[0] == 5
    assert choice.reason == "frames 1-3 are before contrast (arrives in frame 5); averaged"


def test_that_motion_alone_is_not_taken_for_contrast() -> None:
    run, _ = scene_run(frames=9, arrives_in=99, seed=6, sway_px=1.5)
    choice = choose_mask(run, EVERYWHERE)
    assert choice.contrast_frames is None
    assert choice.source == "first"
    assert "no arrival of contrast" in choice.reason


def test_that_contrast_from_the_first_frame_that_washes_out_is_said() -> None:
    run, _ = scene_run(frames=9, arrives_in=1, seed=7, leaves_in=5)
    choice = choose_mask(run, EVERYWHERE)
    assert "something dense in frame 1 fades later" in choice.reason
    assert choice.frames == (1,)


def test_that_a_subtracted_run_is_recognised_by_its_flat_background() -> None:
    run, _ = scene_run(frames=9, arrives_in=5, seed=3)
    flat = subtract(run, mask_image(run, (1, 2, 3)), method="log")
    stored = np.clip(2000.0 - 1500.0 * flat, 0, 4095).astype(np.uint16)
    kept = run_of(stored[[6, 7, 8, 8, 8]], relation="LOG")
    choice = choose_mask(kept, EVERYWHERE)
    assert choice.looks_subtracted
    assert "already subtracted" in choice.reason


def test_that_the_mask_module_comes_first_with_its_ranges_and_shift() -> None:
    run, _ = scene_run(frames=9, arrives_in=5, seed=3)
    module = MaskModule("AVG_SUB", (2, 3), ((5, 7),), (0.5, -0.25))
    choice = choose_mask(replace(run, masks=(module,)), EVERYWHERE)
    assert choice.source == "module"
    assert choice.frames == (2, 3)
    contrast = subtract(run, choice)
    assert np.isnan(contrast[0]).all()
    assert np.isfinite(contrast[5]).mean() > 0.9
    plain = np.zeros((9, 2))
    plain[:] = (0.5, -0.25)
    assert np.allclose(contrast[5], subtract(run, mask_image(run, (2, 3)), shifts_xy_px=plain)[5], equal_nan=True)


def test_that_time_interval_differencing_takes_the_frames_the_standard_names() -> None:
    run, _ = scene_run(frames=9, arrives_in=5, seed=3)
    tid = choose_mask(replace(run, masks=(MaskModule("TID", tid_offset=2),)), EVERYWHERE)
    assert tid.per_frame(9) == ((), (), (1,), (2,), (3,), (4,), (5,), (6,), (7,))
    reverse = choose_mask(replace(run, masks=(MaskModule("REV_TID", (), ((6, 8),), tid_offset=1),)), EVERYWHERE)
    # PS3.3 C.7.6.10.1.1: (first - offset) - (frame - first).
    assert reverse.per_frame(9) == ((), (), (), (), (), (5,), (4,), (3,), ())


def test_that_a_mask_module_without_usable_frames_is_passed_over(
    filling: tuple[AngioRun, NDArray[np.float64]],
) -> None:
    run = replace(filling[0], masks=(MaskModule("NONE", (0,)), MaskModule("AVG_SUB", (0, 77))))
    assert choose_mask(run, EVERYWHERE).source == "found"


def test_that_an_operators_mask_needs_frames_of_the_run() -> None:
    assert operator_mask((3, 1, 2), 9).reason == "frames 1-3 chosen by hand; averaged"
    with pytest.raises(ValueError, match="between 1 and 9"):
        operator_mask((10,), 9)


def test_that_exposure_changes_are_levelled_out() -> None:
    run, _ = scene_run(frames=6, arrives_in=3, seed=8)
    frames = run.frames.copy()
    frames[4] = (frames[4] * 0.8).astype(np.uint16)
    run = replace(run, frames=frames)
    levels = background_levels(subtract(run, mask_image(run, (1, 2))), EVERYWHERE)
    assert levels[4] == pytest.approx(-np.log(0.8), abs=0.02)
    assert abs(levels[5]) < 0.02


def test_that_a_subtraction_can_be_cancelled(filling: tuple[AngioRun, NDArray[np.float64]]) -> None:
    context = Context()
    context.cancel()
    with pytest.raises(Cancelled):
        subtract(filling[0], mask_image(filling[0], (1,)), context=context)


def test_that_a_local_displacement_takes_every_sample_where_it_says() -> None:
    """Against Keys' kernel written out, with a field that crosses whole pixels, stays on them, and leaves the frame."""
    run, _ = scene_run(frames=2, arrives_in=9, seed=8)
    height, width = run.size_yx
    field = Displacement.constant((2.0, -1.0), run.size_yx, 24.0)
    field.controls_xy_px[: len(field.controls_xy_px) // 2] += np.random.default_rng(3).normal(0.0, 2.0, 2)
    field.controls_xy_px[3:5, 2:6] += (1.7, -2.2)
    masks = masks_for(run, mask_image(run, (1,)))
    found = subtract_frame(run, masks, 1, field=field)
    density = masks.table.values[run.frames[1].astype(int) + masks.table.offset].astype(np.float64)
    dense = field.dense()
    y, x = np.mgrid[:height, :width]
    at_x, at_y = x + dense[..., 0], y + dense[..., 1]
    left, top = np.floor(at_x).astype(int), np.floor(at_y).astype(int)
    expected = np.zeros(run.size_yx)
    for down in range(-1, 3):
        for right in range(-1, 3):
            taken = density[np.clip(top + down, 0, height - 1), np.clip(left + right, 0, width - 1)]
            expected += keys(at_y - top - down) * keys(at_x - left - right) * taken
    outside = (at_x < -0.5) | (at_x > width - 0.5) | (at_y < -0.5) | (at_y > height - 0.5)
    assert 0 < outside.sum() < 0.2 * outside.size
    assert np.array_equal(np.isnan(found), outside)
    assert np.abs(found - (expected - masks.densities[0]))[~outside].max() < 1e-4


def keys(away: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cubic convolution kernel, a = -1/2 (Keys, IEEE Trans ASSP 1981;29:1153)."""
    far = np.abs(away)
    near = 1.5 * far**3 - 2.5 * far**2 + 1.0
    outer = -0.5 * far**3 + 2.5 * far**2 - 4.0 * far + 2.0
    return np.where(far < 1.0, near, np.where(far < 2.0, outer, 0.0))
