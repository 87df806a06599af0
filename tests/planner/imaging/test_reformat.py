"""Pictures along a centreline: places there and back, and what a tube looks like in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from planner.geometry import Grid, Polyline
from planner.imaging import ImageSource, Volume
from planner.imaging.reformat import Course, Reformat, cross_section, curved, straightened

UID = "1.2.3"


@pytest.fixture(scope="module")
def arc() -> Polyline:
    """A quarter of a circle of 60 mm, out of every plane of the grid."""
    turn = np.linspace(0.0, np.pi / 2.0, 300)
    return Polyline(
        np.column_stack([20.0 + 60.0 * np.sin(turn), 40.0 + 8.0 * turn, 90.0 - 60.0 * (1.0 - np.cos(turn))]), UID
    )


@pytest.fixture(scope="module")
def tube(arc: Polyline) -> Volume:
    """-1000 inside a tube of 5 mm radius around the arc, 40 outside, with a ball of 300 beside it at half way."""
    from scipy.spatial import cKDTree

    grid = Grid.of((100, 90, 110), spacing_kji_mm=(1.0, 1.0, 1.0), origin_lps_mm=(0.0, 0.0, 0.0), frame_uid=UID)
    kji = np.indices(grid.size_kji).reshape(3, -1).T.astype(np.float64)
    lps = grid.lps_from_kji.points(kji)
    gaps, _ = cKDTree(arc.points_lps_mm).query(lps, distance_upper_bound=8.0)
    values = np.where(gaps <= 5.0, -1000, 40).astype(np.int16)
    return Volume(values.reshape(grid.size_kji), grid, ImageSource("1.2.9", modality="CT", unit="HU"))


def test_that_the_lumen_runs_straight_down_the_middle_of_a_straightened_picture(tube: Volume, arc: Polyline) -> None:
    course = Course.of(arc, 0.5)
    for angle in (0.0, 37.0, 90.0):
        picture = straightened(tube, course, width_mm=30.0, angle_deg=angle, mm_per_px=0.5)
        inner = picture.image[20:-20]
        dark = inner < -480.0
        middle = (inner.shape[1] - 1) / 2.0
        centres = [float(np.mean(np.flatnonzero(row))) for row in dark]
        widths = dark.sum(axis=1) * 0.5
        assert np.abs(np.array(centres) - middle).max() < 1.6
        assert np.median(widths) == pytest.approx(10.0, abs=0.6)
    assert picture.image.shape[0] == pytest.approx(arc.length_mm / 0.5, abs=2)


@pytest.mark.parametrize("make", [straightened, curved])
def test_that_a_pixel_leads_to_its_place_and_back(tube: Volume, arc: Polyline, make: Callable[..., Reformat]) -> None:
    picture = make(tube, Course.of(arc, 0.5), width_mm=24.0, angle_deg=25.0, mm_per_px=0.5)
    rows, columns = picture.image.shape
    pixels = np.array([[3.0, 5.0], [rows / 2.0, columns / 2.0], [rows - 4.0, columns - 6.0], [40.3, 11.7]])
    back = picture.map.pixel_of(picture.map.lps_of(pixels))
    assert np.abs(back[:, :2] - pixels).max() < 0.25
    assert back[:, 2].max() < 0.15


def test_that_the_picture_holds_the_values_of_the_places_it_names(tube: Volume, arc: Polyline) -> None:
    from planner.imaging.slicing import sample

    for make in (straightened, curved):
        picture = make(tube, arc, width_mm=24.0, angle_deg=70.0, mm_per_px=0.7)
        grid = np.stack(np.indices(picture.image.shape), axis=-1).astype(np.float64)
        expected = sample(tube, picture.map.lps_of(grid))
        assert np.allclose(picture.image, expected, atol=0.05, equal_nan=True)


def test_that_a_curved_picture_keeps_the_bends_and_the_length_it_sees(tube: Volume, arc: Polyline) -> None:
    along_bend = curved(tube, arc, width_mm=20.0, angle_deg=0.0, mm_per_px=0.5)
    columns = along_bend.map.pixel_of(arc.points_lps_mm)[:, 1]
    assert np.ptp(columns) > 20.0
    line = np.column_stack([along_bend.map.pixel_of(arc.points_lps_mm)[:, :2] * 0.5])
    seen = float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())
    assert seen == pytest.approx(arc.length_mm, rel=0.02)


def test_that_a_cross_section_shows_the_round_lumen_and_agrees_with_the_straightened_picture(
    tube: Volume, arc: Polyline
) -> None:
    course = Course.of(arc, 0.5)
    cut = cross_section(tube, course, 50.0, 30.0, 0.5, angle_deg=30.0)
    dark = cut.image < -480.0
    assert 2.0 * np.sqrt(dark.sum() * 0.25 / np.pi) == pytest.approx(10.0, abs=0.4)
    picture = straightened(tube, course, width_mm=30.0, angle_deg=30.0, mm_per_px=0.5)
    row = float(picture.map.row_at(50.0))
    place = picture.map.lps_of((row, 40.0))
    found = cut.pixel_of(place)
    middle = (cut.image.shape[1] - 1) / 2.0
    assert found[0] == pytest.approx(middle, abs=0.1)
    assert found[1] - middle == pytest.approx(40.0 - (picture.image.shape[1] - 1) / 2.0, abs=0.1)
    assert course.along_of(place) == pytest.approx(50.0, abs=0.6)


def test_that_outside_the_image_there_is_no_value(tube: Volume) -> None:
    beyond = Polyline(np.array([[50.0, 45.0, 50.0], [50.0, 45.0, 150.0]]), UID)
    picture = straightened(tube, beyond, width_mm=20.0, mm_per_px=1.0)
    assert np.isfinite(picture.image[:48]).all()
    assert np.isnan(picture.image[52:]).all()


def test_that_angle_zero_shows_the_left_of_the_patient_on_the_right(tube: Volume) -> None:
    down = Polyline(np.array([[50.0, 45.0, 90.0], [50.0, 45.0, 10.0]]), UID)
    for make in (straightened, curved):
        where = make(tube, down, width_mm=20.0, mm_per_px=1.0).map
        assert where.lps_of((5.0, 15.0))[0] > where.lps_of((5.0, 5.0))[0]
