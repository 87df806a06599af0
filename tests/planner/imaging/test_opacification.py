"""Composite, time to peak, curves and phases, against curves that are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from planner.imaging.opacification import (
    curve,
    noise_level,
    opacified,
    phases,
    time_to_peak,
    time_to_peak_caution,
)

SHAPE = (40, 50)


def bolus(time_s: NDArray[np.float64], arrival_s: float, rise_s: float = 3.0) -> NDArray[np.float64]:
    """A gamma variate of height 1 that peaks ``rise_s`` after its arrival."""
    along = np.maximum(time_s - arrival_s, 0.0) / rise_s
    return along**3 * np.exp(3.0 * (1.0 - along))


def run_with(times: NDArray[np.float64], arrival_s: float, noise: float, seed: int = 0) -> NDArray[np.float32]:
    """Noise everywhere, the bolus in columns 15 to 24."""
    rng = np.random.default_rng(seed)
    frames = noise * rng.standard_normal((len(times), *SHAPE))
    frames[:, :, 15:25] += bolus(times, arrival_s)[:, None, None]
    return frames.astype(np.float32)


def region() -> NDArray[np.bool_]:
    inside = np.zeros(SHAPE, dtype=np.bool_)
    inside[10:20, 16:24] = True
    return inside


def test_that_the_composite_is_the_highest_contrast_without_missing_frames() -> None:
    frames = np.array([[[0.1, np.nan]], [[0.5, np.nan]], [[np.nan, np.nan]]], dtype=np.float32)
    found = opacified(frames)
    assert found[0, 0] == pytest.approx(0.5)
    assert np.isnan(found[0, 1])


def test_that_the_composite_of_negative_contrast_is_its_highest() -> None:
    frames = np.array([[[-0.4]], [[-0.2]]], dtype=np.float32)
    assert opacified(frames)[0, 0] == pytest.approx(-0.2)


@pytest.mark.parametrize("arrival_s", [1.0, 1.13, 1.37])
def test_that_time_to_peak_lies_between_frames(arrival_s: float) -> None:
    times = np.arange(0.0, 14.0, 0.5)
    found = time_to_peak(run_with(times, arrival_s, 0.002), times)
    inside = found.seconds[:, 15:25]
    assert found.valid[:, 15:25].all()
    assert np.median(np.abs(inside - (arrival_s + 3.0))) < 0.05
    assert found.half_frame_s == pytest.approx(0.25)


def test_that_time_to_peak_is_unknown_without_contrast() -> None:
    times = np.arange(0.0, 14.0, 0.5)
    found = time_to_peak(run_with(times, 1.0, 0.02), times)
    assert found.noise == pytest.approx(0.02, rel=0.25)
    assert np.isnan(found.seconds[:, 30:]).mean() > 0.999
    assert not found.valid[:, :10].any()


def test_that_a_peak_after_the_end_is_not_given_a_time() -> None:
    times = np.arange(0.0, 4.0, 0.5)
    found = time_to_peak(run_with(times, 2.0, 0.002), times)
    assert not found.valid[:, 15:25].any()
    assert found.at_end[:, 15:25].all()
    assert not found.at_end[:, 30:].any()


def test_that_uneven_frame_times_are_followed() -> None:
    times = np.concatenate([np.arange(0.0, 4.0, 0.25), np.arange(4.0, 16.0, 0.8)])
    found = time_to_peak(run_with(times, 1.9, 0.001), times)
    assert np.median(found.seconds[:, 15:25]) == pytest.approx(4.9, abs=0.1)


def test_that_times_must_rise_and_be_one_per_frame() -> None:
    frames = np.zeros((3, *SHAPE), dtype=np.float32)
    with pytest.raises(ValueError, match="rising"):
        time_to_peak(frames, np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="rising"):
        curve(frames, np.array([0.0, 2.0, 1.0]), region())


def test_that_the_caution_names_its_source() -> None:
    caution, source = time_to_peak_caution()
    assert "weak measure" in caution
    assert "CVIR 2020" in source


def test_that_curves_compare_arrivals_within_their_error() -> None:
    """What arrival differs by is known, whatever the bolus' gradual beginning adds to each."""
    times = np.arange(0.0, 16.0, 1.0 / 3.0)
    early, late = (curve(run_with(times, arrival, 0.05), times, region()) for arrival in (2.0, 3.27))
    assert early.arrival_s is not None
    assert late.arrival_s is not None
    assert early.arrival_error_s is not None
    assert late.arrival_s - early.arrival_s == pytest.approx(1.27, abs=3.0 * early.arrival_error_s)
    assert 2.0 < early.arrival_s < 2.8


def test_that_the_error_of_arrival_covers_what_repetition_shows() -> None:
    times = np.arange(0.0, 16.0, 0.5)
    rng = np.random.default_rng(3)
    found, claimed = [], []
    for seed in range(60):
        arrival = 2.0 + rng.uniform(0.0, 0.5)
        told = curve(run_with(times, arrival, 0.3, seed), times, region())
        assert told.arrival_s is not None
        assert told.arrival_error_s is not None
        found.append(told.arrival_s - arrival)
        claimed.append(told.arrival_error_s)
    assert 0.4 * np.median(claimed) < np.std(found) < 1.5 * np.median(claimed)


def test_that_slow_frames_make_the_arrival_less_certain() -> None:
    errors = []
    for rate in (1.0, 2.0, 6.0):
        times = np.arange(0.0, 16.0, 1.0 / rate)
        errors.append(curve(run_with(times, 2.2, 0.01), times, region()).arrival_error_s)
    assert all(error is not None for error in errors)
    assert errors == sorted(errors, key=lambda error: -(error or 0.0))
    sudden = np.where(np.arange(10) > 4, 1.0, 0.0).astype(np.float32)
    jump = np.ones((10, *SHAPE), dtype=np.float32) * sudden[:, None, None]
    told = curve(jump, np.arange(10) * 0.5, region())
    # The whole rise lies in one interval: an even distribution over half a second.
    assert told.arrival_error_s == pytest.approx(0.5 / np.sqrt(12.0), rel=0.01)
    assert told.arrival_s is not None
    assert 2.0 <= told.arrival_s <= 2.5


def test_that_peak_area_and_wash_in_are_those_of_the_bolus() -> None:
    times = np.arange(0.0, 20.0, 0.25)
    told = curve(run_with(times, 2.0, 0.02), times, region())
    assert told.peak == pytest.approx(1.0, abs=0.03)
    assert told.peak_s == pytest.approx(5.0, abs=0.2)
    assert told.area == pytest.approx(np.trapezoid(bolus(times, 2.0), times), rel=0.05)
    assert told.wash_in_per_s == pytest.approx(0.55, abs=0.06)
    assert told.mean_transit_s is not None


def test_that_a_region_without_contrast_has_no_arrival() -> None:
    times = np.arange(0.0, 10.0, 0.5)
    elsewhere = np.zeros(SHAPE, dtype=np.bool_)
    elsewhere[5:9, 40:46] = True
    told = curve(run_with(times, 2.0, 0.05), times, elsewhere)
    assert told.arrival_s is None
    assert told.peak is None
    assert "no contrast above noise in this region" in told.notes


def test_that_a_run_that_ends_early_says_what_it_cannot_tell() -> None:
    times = np.arange(0.0, 4.5, 0.25)
    told = curve(run_with(times, 2.0, 0.01), times, region())
    assert told.arrival_s is not None
    assert told.peak_s is None
    assert told.mean_transit_s is None
    assert any("still rising" in note for note in told.notes)


def test_that_an_empty_region_is_refused() -> None:
    frames = np.zeros((5, *SHAPE), dtype=np.float32)
    with pytest.raises(ValueError, match="region"):
        curve(frames, np.arange(5.0), np.zeros(SHAPE, dtype=np.bool_))


def liver_run(times: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Thin arteries that peak 2.5 s after arrival, a wide blush at 7 s, veins at 12 s."""
    size = 128
    y, x = np.mgrid[:size, :size]
    arteries = ((np.abs(y - x) <= 1) & (x < 90)) | ((np.abs(y + x - 110) <= 1) & (x > 20))
    veins = ((np.abs(x - 100) <= 1) | (np.abs(y - 100) <= 1)) & (x > 40)
    blush = np.exp(-(((x - 60) / 32.0) ** 2) - ((y - 60) / 32.0) ** 2)
    frames = 0.8 * arteries[None] * bolus(times, 1.0, 1.5)[:, None, None]
    frames = frames + 0.25 * blush[None] * bolus(times, 2.0, 5.0)[:, None, None]
    frames += 0.5 * veins[None] * bolus(times, 7.0, 5.0)[:, None, None]
    frames += 0.01 * np.random.default_rng(0).standard_normal(frames.shape)
    return frames.astype(np.float32), np.ones((size, size), dtype=np.bool_)


def test_that_the_three_phases_are_found_in_order() -> None:
    times = np.arange(0.0, 16.0, 0.5)
    frames, field = liver_run(times)
    found = phases(frames, times, field)
    assert found.arterial is not None
    assert found.parenchymal is not None
    assert found.venous is not None
    assert times[found.arterial[0] - 1] == pytest.approx(1.5, abs=1.0)
    assert 3.0 <= times[found.parenchymal[0] - 1] <= 6.0
    assert 8.0 <= times[found.venous[0] - 1] <= 12.0
    assert found.venous[1] == len(times)
    assert "veins above the blush from frame" in found.reason


def test_that_a_run_that_ends_in_the_blush_has_no_venous_phase() -> None:
    times = np.arange(0.0, 7.0, 0.5)
    frames, field = liver_run(times)
    found = phases(frames, times, field)
    assert found.arterial is not None
    assert found.venous is None
    assert found.reason


def test_that_noise_has_no_phases() -> None:
    rng = np.random.default_rng(1)
    frames = (0.01 * rng.standard_normal((12, 128, 128))).astype(np.float32)
    found = phases(frames, np.arange(12.0), np.ones((128, 128), dtype=np.bool_))
    assert (found.arterial, found.parenchymal, found.venous) == (None, None, None)


def test_that_noise_is_measured_where_vessels_fill_too() -> None:
    times = np.arange(0.0, 14.0, 0.5)
    assert noise_level(run_with(times, 2.0, 0.03)) == pytest.approx(0.03, rel=0.25)
