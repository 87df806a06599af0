"""Millimetres per pixel, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cylinders import Line, c_arm, chord, run_of, transmitted

from planner.geometry.c_arm import DetectorSpacing
from planner.imaging.angio import RunFacts
from planner.imaging.catheter_calibration import catheter_calibration
from planner.imaging.catheter_edges import EMPTY, FULL, fit_catheter
from planner.imaging.run_calibration import (
    Calibration,
    Refusal,
    distance_calibration,
    french_mm,
    isocentre_calibration,
)

EMPTY_RUN = run_of(np.ones((40, 40)), arm=c_arm())


def _catheter(
    diameter: float,
    angle: float,
    *,
    blur: float,
    noise: float,
    lumen: float = 0.0,
    bend: float = 0.0,
    level: float = 0.3,
) -> tuple[np.ndarray, tuple[tuple[float, float], tuple[float, float]]]:
    size = int(max(90, 4 * diameter))
    line = Line(size, angle)

    def path(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        along, across = line.places(x, y)
        return 0.5 * chord(across - bend * along**2 / size, diameter / 2.0, lumen=lumen)

    reach = 0.38 * size
    clicks = line.point(-reach, 0.1 * diameter), line.point(reach, -0.1 * diameter)
    return level * transmitted(size, path, blur=blur, noise=noise, seed=int(diameter * 7 + angle)), clicks


def _refused(answer: Calibration | Refusal) -> str:
    assert isinstance(answer, Refusal)
    assert answer.text.startswith("Not calibrated: ")
    return answer.code


def test_that_the_isocentre_gives_detector_pixels_over_the_magnification() -> None:
    found = isocentre_calibration(EMPTY_RUN, 0, depth_mm=30.0)
    assert isinstance(found, Calibration)
    assert found.mm_per_px == pytest.approx(0.3 * 750 / 1200)
    assert found.mm_per_px_sd == pytest.approx(found.mm_per_px * 30 / 750 / np.sqrt(3))
    assert "± 4.0 %" in found.note
    assert "as entered" in found.note
    shipped = isocentre_calibration(EMPTY_RUN, 0)
    assert isinstance(shipped, Calibration)
    assert "unverified" in shipped.note


def test_that_geometry_that_is_missing_or_contradicts_itself_is_refused() -> None:
    assert _refused(isocentre_calibration(replace(EMPTY_RUN, geometry=()), 0)) == "no-geometry"
    stated = replace(EMPTY_RUN, facts=RunFacts(magnification=1.2))
    assert _refused(isocentre_calibration(stated, 0)) == "magnification-contradicts"
    assert _refused(isocentre_calibration(EMPTY_RUN, 0, pixel_spacing_mm=(0.3, 0.3))) == "spacing-contradicts"
    assert isinstance(isocentre_calibration(EMPTY_RUN, 0, pixel_spacing_mm=(0.188, 0.188)), Calibration)
    oblong = replace(c_arm(), spacing=DetectorSpacing(0.3, 0.4))
    assert _refused(isocentre_calibration(replace(EMPTY_RUN, geometry=(oblong,)), 0)) == "pixels-not-square"


def test_that_a_known_distance_calibrates_and_short_or_empty_ones_do_not() -> None:
    found = distance_calibration(EMPTY_RUN, 0, ((0.0, 0.0), (30.0, 40.0)), 10.0, depth_mm=0.0)
    assert isinstance(found, Calibration)
    assert found.mm_per_px == pytest.approx(0.2)
    assert found.mm_per_px_sd == pytest.approx(0.2 * np.sqrt(2.0) / 50.0)
    assert _refused(distance_calibration(EMPTY_RUN, 0, ((0.0, 0.0), (3.0, 4.0)), 10.0)) == "clicks-too-near"
    assert _refused(distance_calibration(EMPTY_RUN, 0, ((0.0, 0.0), (30.0, 40.0)), 0.0)) == "bad-length"


def test_that_a_french_is_a_third_of_a_millimetre() -> None:
    assert french_mm(6.0) == pytest.approx(2.0)


@pytest.mark.parametrize(("diameter", "angle"), [(3, 40.0), (4, 17.0), (6, 40.0), (10, 17.0), (30, 40.0)])
def test_that_a_full_catheter_is_measured_within_two_percent(diameter: int, angle: float) -> None:
    picture, clicks = _catheter(diameter, angle, blur=0.6, noise=0.01)
    fit = fit_catheter(-np.log(picture), clicks, content=FULL)
    assert fit is not None
    assert fit.diameter_px == pytest.approx(diameter, rel=0.02)
    assert fit.diameter_sd_px < 0.03 * diameter


@pytest.mark.parametrize("diameter", [10, 15])
def test_that_an_empty_catheter_with_two_rails_is_known_and_measured_within_three_percent(diameter: int) -> None:
    picture, clicks = _catheter(diameter, 23.0, blur=0.6, noise=0.01, lumen=0.67)
    fit = fit_catheter(-np.log(picture), clicks)
    assert fit is not None
    assert fit.content == EMPTY
    assert fit.diameter_px == pytest.approx(diameter, rel=0.03)


def test_that_half_of_the_maximum_would_read_thirteen_percent_too_little() -> None:
    picture, clicks = _catheter(30, 0.0, blur=0.4, noise=0.0)
    profile = -np.log(picture[:, 60])
    above = (profile - profile.min()) / np.ptp(profile) > 0.5
    assert above.sum() == pytest.approx(0.866 * 30, abs=1.0)
    fit = fit_catheter(-np.log(picture), clicks)
    assert fit is not None
    assert fit.diameter_px == pytest.approx(30.0, rel=0.005)


def test_that_a_catheter_inside_the_patient_calibrates_a_run() -> None:
    picture, clicks = _catheter(8, 31.0, blur=0.8, noise=0.01)
    found = catheter_calibration(run_of(picture, arm=c_arm()), 0, clicks, 5.0)
    assert isinstance(found, Calibration)
    assert found.mm_per_px == pytest.approx(5.0 / 3.0 / 8.0, rel=0.02)
    assert found.mm_per_px_sd > found.measured_sd
    assert "5 F" in found.note


def test_that_air_skin_collimator_bends_and_thin_ones_are_refused() -> None:
    picture, clicks = _catheter(8, 31.0, blur=0.8, noise=0.01)
    y, x = np.indices(picture.shape)
    field = x < 70
    assert _refused(catheter_calibration(run_of(picture), 0, clicks, 5.0, field=field)) == "on-collimator"
    assert _refused(catheter_calibration(run_of(picture * 4.0, top=65535.0), 0, clicks, 5.0)) == "in-air"
    line = Line(90, 31.0)
    _, across = line.places(x.astype(float), y.astype(float))
    skin = picture * np.exp(np.where(across > 7, 1.2, 0.0))
    assert _refused(catheter_calibration(run_of(skin), 0, clicks, 5.0)) in {"on-an-edge", "no-catheter", "unsettled"}
    bent, bent_clicks = _catheter(8, 31.0, blur=0.8, noise=0.01, bend=0.6)
    assert _refused(catheter_calibration(run_of(bent), 0, bent_clicks, 5.0)) == "bent"
    thin, thin_clicks = _catheter(2, 31.0, blur=0.8, noise=0.01)
    assert _refused(catheter_calibration(run_of(thin), 0, thin_clicks, 5.0, content=FULL)) in {"too-thin", "unsettled"}
    assert _refused(catheter_calibration(run_of(picture), 0, clicks, 1.0)) == "bad-french"
    flat = run_of(np.full((90, 90), 0.3))
    assert _refused(catheter_calibration(flat, 0, clicks, 5.0)) == "no-catheter"
