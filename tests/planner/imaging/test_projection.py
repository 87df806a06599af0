"""Line integrals against bodies whose way through is known, from every side; quick and fine pictures of a CT."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import FrameMismatch
from planner.geometry import Grid
from planner.geometry.c_arm import CArm, DetectorSpacing
from planner.imaging import ImageSource, Volume
from planner.imaging.projection import line_integrals
from planner.imaging.projection_views import WATER_PER_MM, Projectable, simulated_view, thinned

FRAME = "1.2.3"


def arm(primary: float, secondary: float, size: int = 48, pixel_mm: float = 4.0, frame: str = FRAME) -> CArm:
    middle = (size - 1) / 2.0
    spacing = DetectorSpacing(pixel_mm, pixel_mm)
    return CArm(primary, secondary, 1100.0, 700.0, spacing, (middle, middle), frame)


def centred(size: tuple[int, int, int], spacing: tuple[float, float, float], axes: np.ndarray | None = None) -> Grid:
    turned = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]]) if axes is None else axes
    origin = -turned @ ((np.asarray(size) - 1) / 2.0 * np.asarray(spacing))
    return Grid.of(size, origin_lps_mm=origin, spacing_kji_mm=spacing, axes_lps=turned, frame_uid=FRAME)


def ball(grid: Grid, radius_mm: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A smooth ball: what lies within a voxel of its surface counts in part."""
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size_kji), indexing="ij"), axis=-1)
    distance = np.linalg.norm(grid.lps_from_kji.points(kji), axis=-1)
    width = max(grid.spacing_kji_mm)
    return np.clip((radius_mm - distance) / width + 0.5, 0.0, 1.0).astype(np.float32)


@pytest.mark.parametrize("angles", [(0, 0), (30, 0), (-60, 30), (90, 0), (45, -45), (20, 80)])
def test_that_a_ball_is_as_thick_from_every_side(angles: tuple[float, float]) -> None:
    grid = centred((50, 64, 60), (2.0, 1.5, 1.5))
    found = line_integrals(ball(grid, 30.0), grid, arm(*angles), (48, 48))
    distance = np.array([[arm(*angles).ray(x, y).distance_mm((0.0, 0.0, 0.0)) for x in range(48)] for y in range(48)])
    inner = distance < 24.0
    expected = 2.0 * np.sqrt(30.0**2 - distance[inner] ** 2)
    assert np.abs(found[inner] - expected).max() < 0.9
    assert abs(float((found[inner] - expected).mean())) < 0.1
    assert found[distance > 33.0].max() == 0.0


def test_that_a_turned_grid_gives_the_same_picture() -> None:
    axes, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    straight, turned = centred((60, 60, 60), (1.5, 1.5, 1.5)), centred((60, 60, 60), (1.5, 1.5, 1.5), axes)
    one = line_integrals(ball(straight, 30.0), straight, arm(20, 10), (48, 48))
    other = line_integrals(ball(turned, 30.0), turned, arm(20, 10), (48, 48))
    assert np.abs(one - other).max() < 1.5


def test_that_empty_margins_change_nothing_and_emptiness_adds_up_to_nothing() -> None:
    grid = centred((40, 40, 40), (2.0, 2.0, 2.0))
    values = np.zeros(grid.size_kji, dtype=np.float32)
    values[18:22, 10:30, 25:28] = 1.0
    found = line_integrals(values, grid, arm(15, 5), (48, 48))
    padded = values.copy()
    padded[0, 0, 0] = padded[-1, -1, -1] = 1e-20
    assert found.max() > 5.0
    assert line_integrals(padded, grid, arm(15, 5), (48, 48)) == pytest.approx(found, abs=1e-4)
    assert line_integrals(0 * values, grid, arm(15, 5), (48, 48)).max() == 0.0


def test_that_one_layer_alone_is_projected() -> None:
    grid = centred((1, 40, 40), (2.0, 2.0, 2.0))
    found = line_integrals(np.ones(grid.size_kji, dtype=np.float32), grid, arm(0, 90), (48, 48))
    assert np.isfinite(found).all()


def test_that_a_quick_picture_looks_like_the_fine_one_at_the_same_place() -> None:
    grid = centred((60, 80, 80), (2.0, 1.5, 1.5))
    hounsfield = (1060.0 * ball(grid, 30.0) - 1000.0).astype(np.int16)
    prepared = Projectable.of(Volume(hounsfield, grid, ImageSource("1.2")))
    view = arm(30, 10, 300, 0.7)
    fine, quick = (simulated_view(prepared, view, (300, 300), quick=each) for each in (False, True))
    assert fine.shape == quick.shape == (300, 300)
    assert fine.max() == pytest.approx(60.0 * 1.06 * WATER_PER_MM, rel=0.03)
    inner = fine > 0.6 * fine.max()
    assert np.abs(quick - fine)[inner].mean() < 0.04 * fine.max()
    point = np.array([[10.0, 5.0, -12.0]])
    assert thinned(view, 2).project(point)[0] == pytest.approx((view.project(point)[0] - 0.5) / 2.0)


def test_that_a_block_around_a_place_leaves_out_the_rest() -> None:
    grid = centred((40, 60, 60), (2.0, 2.0, 2.0))
    volume = Volume(np.zeros(grid.size_kji, dtype=np.int16), grid, ImageSource("1.2"))
    prepared = Projectable.of(volume, (0.0, 0.0, 0.0), 20.0)
    assert prepared.fine_grid.size_kji == (22, 22, 22)
    found = simulated_view(prepared, arm(0, 0), (48, 48))
    assert found[24, 24] == pytest.approx(42.0 * WATER_PER_MM, rel=0.06)


def test_that_another_frame_is_refused() -> None:
    grid = centred((4, 4, 4), (1.0, 1.0, 1.0))
    with pytest.raises(FrameMismatch):
        line_integrals(np.ones(grid.size_kji, dtype=np.float32), grid, arm(0, 0, frame="9"), (4, 4))
