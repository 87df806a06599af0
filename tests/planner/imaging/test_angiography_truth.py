"""Subtraction, motion, phases and curves on the digital patient's runs, of which everything is known; and on real runs.

How each is judged is said in `benchmarks/angiography_motion.py`, which measures the same on more and larger runs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from data import shared_data
from numpy.typing import NDArray
from phantoms import tiny_patient

from benchmarks.angiography_motion import arrivals, composite_share, contrast_of, local_errors, rigid_errors
from planner.app.images import scan
from planner.dicom.angio_reading import load_run
from planner.errors import Cancelled
from planner.imaging.angio import AngioRun
from planner.imaging.flexible_motion import flexible_shifts
from planner.imaging.motion import residual, rigid_shifts
from planner.imaging.run_phases import PhaseSplit, phases
from planner.imaging.subtraction import MaskChoice, choose_mask, mask_image, open_field
from planner.jobs import Context
from planner.phantom import Motion, SimulatedRun, film
from planner.phantom.angiography import PLANS

PLAN = {plan.key: plan for plan in PLANS}
TINY = 256


@cache
def shifted() -> SimulatedRun:
    """A coeliac run in which the patient only shifts, by up to 2.5 px; the collimator is not named."""
    plan = replace(PLAN["coeliac"], motion=Motion((5.0, -4.0), (0.0, 0.0)), shutter_told=False)
    return film(tiny_patient(), plan, pixels=TINY)


@cache
def breathed() -> SimulatedRun:
    """A hepatic run of a patient who breathes by 3 px, each third frame of it."""
    plan = replace(PLAN["hepatic"], motion=Motion((1.0, -0.6), (0.4, 6.0)), rate_hz=1.5)
    return film(tiny_patient(), plan, number=2, pixels=TINY)


@cache
def prepared(which: str) -> tuple[SimulatedRun, NDArray[np.bool_], MaskChoice, NDArray[np.float64]]:
    simulated = shifted() if which == "shifted" else breathed()
    field = open_field(simulated.run)
    choice = choose_mask(simulated.run, field)
    return simulated, field, choice, rigid_shifts(simulated.run, mask_image(simulated.run, choice.frames), field)


@cache
def subtracted(which: str) -> NDArray[np.float32]:
    simulated, field, choice, shifts = prepared(which)
    return contrast_of(simulated.run, field, choice, shifts)


def split_of(which: str) -> PhaseSplit:
    simulated, field, _, _ = prepared(which)
    return phases(subtracted(which), simulated.truth.time_s, field)


def test_that_a_collimator_that_is_only_seen_is_found() -> None:
    simulated, field, _, _ = prepared("shifted")
    assert simulated.run.shutter is None
    edge = round(TINY * 0.03)
    true = np.zeros_like(field)
    true[edge:-edge, edge:-edge] = True
    # Where the beam meets no patient even a leaf is bright: such a corner is taken as open.
    assert (field & ~true).sum() < 0.02 * (~true).sum()
    assert field[edge + 8 : -edge - 8, edge + 8 : -edge - 8].mean() > 0.95


@pytest.mark.parametrize("which", ["shifted", "breathed"])
def test_that_the_mask_is_of_frames_before_contrast_and_its_onset_is_found(which: str) -> None:
    simulated, _, choice, _ = prepared(which)
    assert choice.source == "found"
    assert max(choice.frames) < simulated.truth.contrast_from
    assert choice.contrast_frames is not None
    assert 0 <= choice.contrast_frames[0] - simulated.truth.contrast_from <= 1


def test_that_rigid_shifts_are_within_a_tenth_of_a_pixel_of_the_patients() -> None:
    simulated, field, choice, shifts = prepared("shifted")
    assert np.abs(simulated.truth.shift_px).max() > 2.0
    assert rigid_errors(simulated, shifts, choice.frames).max() < 0.1
    image = mask_image(simulated.run, choice.frames)
    after = residual(simulated.run, image, field, shifts=shifts)
    assert after < 0.6 * residual(simulated.run, image, field)


def test_that_flexible_shifts_are_within_half_a_pixel_where_one_layer_is_seen() -> None:
    simulated, field, choice, shifts = prepared("breathed")
    errors, fields, _ = local_errors(simulated, field, choice.frames, shifts)
    assert len(errors.flexible) > 2000
    assert np.median(errors.flexible) < 0.5
    assert np.median(errors.flexible) < 0.7 * np.median(errors.rigid)
    image = mask_image(simulated.run, choice.frames)
    before, rigid = residual(simulated.run, image, field), residual(simulated.run, image, field, shifts=shifts)
    assert residual(simulated.run, image, field, fields=fields) < 0.9 * rigid < 0.9 * before


def test_that_the_search_tells_how_far_it_is_and_stops_when_asked() -> None:
    simulated, field, choice, _ = prepared("breathed")
    image, told = mask_image(simulated.run, choice.frames), []

    class Stopping(Context):
        def step(self, fraction: float, text: str = "") -> None:
            told.append(fraction)
            if len(told) > 2:
                raise Cancelled

    for search in (rigid_shifts, flexible_shifts):
        told.clear()
        with pytest.raises(Cancelled):
            search(simulated.run, image, field, context=Stopping())
        assert told == sorted(told)


def test_that_arterial_parenchymal_and_portal_phase_follow_the_truth() -> None:
    """The liver's blush peaks in the parenchymal phase; contrast returns through the portal vein from the spleen."""
    simulated, found = shifted(), split_of("shifted")
    assert found.arterial is not None
    assert found.parenchymal is not None
    assert found.venous is not None
    assert 0 <= found.arterial[0] - simulated.truth.contrast_from <= 2
    top = int(np.argmax(simulated.truth.blush["liver"])) + 1
    assert found.parenchymal[0] <= top <= found.parenchymal[1]
    # The spleen's peak reaches the portal vein one splenic transit (4.5 s) later.
    returned = simulated.truth.time_s[int(np.argmax(simulated.truth.blush["spleen"]))] + 4.5
    assert abs(simulated.truth.time_s[found.venous[0] - 1] - returned) < 1.5


def test_that_an_injection_past_the_spleen_shows_no_venous_phase() -> None:
    found = split_of("breathed")
    assert found.arterial is not None
    assert found.parenchymal is not None
    assert found.venous is None
    assert found.reason


def test_that_arrivals_are_those_of_the_flow() -> None:
    simulated = shifted()
    found = arrivals(simulated, subtracted("shifted"))
    assert len(found.foot) > 15
    assert found.missed == 0
    assert np.median(np.abs(found.foot)) < 0.15
    assert np.percentile(np.abs(found.foot), 90) < 0.4
    assert np.mean(np.abs(found.foot) < 2.0 * found.claimed) > 0.6


def test_that_the_composite_shows_nearly_every_wide_vessel() -> None:
    simulated, field, _, _ = prepared("shifted")
    assert composite_share(simulated, subtracted("shifted"), field) > 0.8


def real_run(name: str) -> AngioRun:
    (entry,) = scan([shared_data(f"xa/{name}")]).series
    return load_run(entry)


def real_phases(run: AngioRun, choice: MaskChoice) -> PhaseSplit:
    field = open_field(run)
    return phases(contrast_of(run, field, choice, np.zeros((run.count, 2))), run.time_s, field)


def test_that_a_real_coronary_run_has_a_mask_and_no_phases() -> None:
    run = real_run("rubo-0002.DCM")
    choice = choose_mask(run, open_field(run))
    assert choice.contrast_frames is not None
    assert max(choice.frames) <= 6
    assert choice.contrast_frames[0] <= 9
    found = real_phases(run, choice)
    assert (found.parenchymal, found.venous) == (None, None)
    assert "phases are not told apart" in found.reason


@pytest.mark.parametrize("name", ["phantom/IM6", "phantom/IM8"])
def test_that_real_runs_that_are_subtracted_already_say_so(name: str) -> None:
    run = real_run(name)
    choice = choose_mask(run, open_field(run))
    assert choice.looks_subtracted
    assert "looks already subtracted" in choice.reason
    found = real_phases(run, choice)
    assert (found.parenchymal, found.venous) == (None, None)
    assert found.reason
