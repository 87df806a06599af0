"""Vessels of known diameters and narrowings on synthetic frames."""

from __future__ import annotations

import numpy as np
import pytest
from cylinders import Line, chord, transmitted

from planner.errors import OperatorError
from planner.imaging.run_measure import centreline, measure_vessel
from planner.imaging.stenosis import CHOSEN, INTERPOLATED, stenosis

SIZE = 150


def _vessel(
    diameter: float, percent: float, angle: float, *, curve: float = 0.0, branch: bool = False, noise: float = 0.01
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    line, crossing = Line(SIZE, angle), Line(SIZE, angle + 65.0)

    def path(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        along, across = line.places(x, y)
        radius = diameter / 2.0 * (1.0 - percent / 100.0 * np.exp(-0.5 * (along / 8.0) ** 2))
        found = 0.03 * diameter * radius * 2.0 / diameter * chord(across - curve * along**2 / SIZE, radius)
        if branch:
            _, aside = crossing.places(x - 25.0 * line.along[0], y - 25.0 * line.along[1])
            found = found + 0.02 * diameter * chord(aside, diameter / 3.0)
        return found

    bow = curve * 50.0**2 / SIZE
    picture = -np.log(transmitted(SIZE, path, blur=0.9, noise=noise, seed=3))
    return picture, [line.point(-50.0, bow), line.point(50.0, bow)]


@pytest.mark.parametrize(("diameter", "angle"), [(4, 33.0), (6, 0.0), (12, 33.0), (30, 58.0)])
def test_that_diameters_are_found_within_a_third_of_a_pixel(diameter: int, angle: float) -> None:
    picture, clicks = _vessel(diameter, 0.0, angle, noise=0.01 if diameter > 4 else 0.005)
    profile = measure_vessel(picture, clicks)
    assert profile.doubtful.mean() < 0.05
    assert np.nanmedian(np.abs(profile.diameter_px - diameter)) < 0.3
    width = np.linalg.norm(profile.left_xy - profile.right_xy, axis=1)
    assert width == pytest.approx(profile.diameter_px, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize(
    ("diameter", "percent", "curve", "branch"),
    [(8, 50, 0.0, False), (12, 70, 0.15, False), (12, 30, 0.0, True), (20, 50, 0.1, True), (10, 0, 0.0, False)],
)
def test_that_a_stenosis_is_found_within_three_points(diameter: int, percent: int, curve: float, branch: bool) -> None:
    picture, clicks = _vessel(diameter, percent, 25.0, curve=curve, branch=branch)
    found = stenosis(measure_vessel(picture, clicks))
    assert found.percent == pytest.approx(percent, abs=3.0)
    assert percent == 0 or found.method == INTERPOLATED
    assert found.reference_px == pytest.approx(diameter, rel=0.03)
    assert 0.0 < found.percent_sd < 6.0


def test_that_the_operator_chooses_the_reference() -> None:
    picture, clicks = _vessel(12, 50, 25.0)
    profile = measure_vessel(picture, clicks)
    found = stenosis(profile, reference_px=[(0.0, 20.0)])
    assert found.method == CHOSEN
    assert found.percent == pytest.approx(50, abs=4.0)
    with pytest.raises(OperatorError) as refused:
        stenosis(profile, reference_px=[(-20.0, -10.0)])
    assert refused.value.code == "no-reference"


def test_that_the_way_follows_a_bent_vessel_past_a_branch() -> None:
    picture, clicks = _vessel(8, 0.0, 25.0, curve=0.25, branch=True)
    line = Line(SIZE, 25.0)
    way = centreline(picture, clicks)
    along, across = line.places(way[:, 0], way[:, 1])
    assert np.abs(across - 0.25 * along**2 / SIZE).max() < 2.0


def test_that_clicks_beside_every_vessel_are_refused() -> None:
    picture, clicks = _vessel(8, 0.0, 25.0)
    with pytest.raises(OperatorError) as far:
        measure_vessel(picture, [(-5.0, 3.0), clicks[1]])
    assert far.value.code == "click-outside-image"
    with pytest.raises(OperatorError) as same:
        measure_vessel(picture, [clicks[0], clicks[0]])
    assert same.value.code == "too-few-clicks"
    with pytest.raises(OperatorError) as nothing:
        measure_vessel(np.zeros((80, 80)), [(10.0, 10.0), (60.0, 60.0)])
    assert nothing.value.code == "no-vessel"
