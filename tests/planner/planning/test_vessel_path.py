"""Vessel paths on tubes with a known course and width, in 12 HU of noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from shapes import FRAME, centres_lps_mm, ct

from planner.errors import OperatorError, UsageError
from planner.geometry import Grid, Polyline
from planner.imaging import Volume
from planner.planning.arteries import arteries, way_to
from planner.planning.vessel_path import free_path, trace_vessel

SPACING = (1.0, 0.8, 0.8)


def _course(grid: Grid) -> NDArray[np.float64]:
    """A smooth curve through the grid that bends in every direction."""
    turn = np.linspace(0.0, 1.0, 400)
    offset = np.stack(
        [60.0 * (turn - 0.5), 14.0 * np.sin(5.0 * turn), 40.0 * (turn - 0.5) + 6.0 * np.cos(7.0 * turn)], axis=-1
    )
    return grid.centre_lps_mm + offset


def tube(radius_mm: float, *, lumen: float = 320.0, seed: int = 0, tissue: float = 60.0) -> tuple[Volume, Polyline]:
    grid = Grid.of((70, 70, 110), spacing_kji_mm=SPACING, frame_uid=FRAME)
    course = Polyline(_course(grid), FRAME)
    tree = cKDTree(course.resampled(0.1).points_lps_mm)
    distance = tree.query(centres_lps_mm(grid), distance_upper_bound=radius_mm + 3.0)[0]
    # The share of a voxel inside the tube, by its distance from the wall.
    share = np.clip(0.5 + (radius_mm - distance) / 0.85, 0.0, 1.0)
    values = ndimage.gaussian_filter(tissue + (lumen - tissue) * share, (0.4, 0.5, 0.5))
    noise = np.random.default_rng(seed).normal(size=values.shape)
    return ct(grid, values + 12.0 * noise), course


@pytest.mark.parametrize("radius", [2.0, 3.0, 5.0])
def test_that_a_path_runs_in_the_middle_of_a_curved_tube_and_tells_its_width(radius: float) -> None:
    volume, course = tube(radius)
    start, end = course.at([6.0, course.length_mm - 6.0])
    path = trace_vessel(volume, [start + (0.0, 0.6, 0.4), end - (0.5, 0.0, 0.5)])
    gaps = np.array([course.distance_mm(point) for point in path.centreline.points_lps_mm])
    assert gaps[4:-4].max() < 0.5 * max(SPACING)
    diameters = 2.0 * path.radius_mm[4:-4]
    assert np.abs(diameters - 2.0 * radius).max() < 0.3
    assert path.centreline.length_mm == pytest.approx(course.length_mm - 12.0, rel=0.03)
    assert not path.low_confidence[4:-4].any()


def test_that_more_clicks_are_followed_in_their_order() -> None:
    volume, course = tube(3.0)
    clicks = course.at([5.0, 40.0, course.length_mm - 5.0])
    path = trace_vessel(volume, clicks)
    along = [path.along_mm(click) for click in clicks]
    assert along == sorted(along)
    assert all(path.centreline.distance_mm(click) < 1.0 for click in clicks)


def test_that_a_lumen_narrower_than_two_voxels_or_hardly_enhanced_is_not_trusted() -> None:
    thin, course = tube(0.7)
    path = trace_vessel(thin, course.at([6.0, course.length_mm - 6.0]))
    assert path.low_confidence.mean() > 0.9
    faint, course = tube(3.0, lumen=80.0)
    path = trace_vessel(faint, course.at([6.0, course.length_mm - 6.0]))
    assert path.low_confidence.mean() > 0.9
    assert path.any_low_confidence


def test_that_segments_have_names_lengths_and_diameters() -> None:
    volume, course = tube(3.0)
    path = trace_vessel(volume, course.at([5.0, course.length_mm - 5.0]))
    whole = path.centreline.length_mm
    first, second = path.segments([("coeliac", 25.0), ("common_hepatic", whole)])
    assert (first.artery, second.artery) == ("coeliac", "common_hepatic")
    assert (first.start_mm, first.end_mm, second.start_mm, second.end_mm) == (0.0, 25.0, 25.0, whole)
    assert second.mean_diameter_mm == pytest.approx(6.0, abs=0.2)
    assert second.minimum_diameter_mm is not None
    assert second.minimum_diameter_mm <= second.mean_diameter_mm
    with pytest.raises(UsageError, match="nonsense"):
        path.segment("nonsense", 0.0, 10.0)
    with pytest.raises(OperatorError, match="needs a length"):
        path.segment("coeliac", 30.0, 30.0)


def test_that_a_free_path_passes_through_its_clicks_and_has_no_width_without_an_image() -> None:
    clicks = np.array([[0.0, 0, 0], [20.0, 5.0, 0], [40.0, -5.0, 10.0], [45.0, 0.0, 30.0]])
    path = free_path(clicks, FRAME)
    assert max(path.centreline.distance_mm(click) for click in clicks) < 0.1
    assert np.isnan(path.radius_mm).all()
    assert path.low_confidence.all()
    segment = path.segment("aorta", 0.0, 10.0)
    assert segment.mean_diameter_mm is None
    assert segment.low_confidence
    volume, course = tube(3.0)
    measured = free_path(course.at(np.linspace(10.0, course.length_mm - 10.0, 12)), FRAME, volume=volume)
    assert np.nanmedian(2.0 * measured.radius_mm) == pytest.approx(6.0, abs=0.3)


def test_that_clicks_that_cannot_make_a_path_are_refused_with_a_sentence() -> None:
    volume, course = tube(3.0)
    with pytest.raises(OperatorError, match="two different points"):
        trace_vessel(volume, [course.at(5.0), course.at(5.0)])
    with pytest.raises(OperatorError, match="outside the image"):
        trace_vessel(volume, [course.at(5.0), (999.0, 0.0, 0.0)])
    dark = Volume(-volume.voxels, volume.grid, volume.source)
    with pytest.raises(OperatorError, match="no brighter"):
        trace_vessel(dark, course.at([6.0, 60.0]))


def test_that_the_catalogue_of_arteries_leads_from_the_aorta_to_the_segments() -> None:
    assert [entry.key for entry in way_to("a6")] == [
        "aorta",
        "coeliac",
        "common_hepatic",
        "proper_hepatic",
        "right_hepatic",
        "right_posterior_hepatic",
        "a6",
    ]
    assert [entry.key for entry in way_to("replaced_left_hepatic")][-2:] == ["left_gastric", "replaced_left_hepatic"]
    assert {f"a{segment}" for segment in range(2, 9)} <= set(arteries())
    assert all(entry.order > arteries()[entry.parent].order for entry in arteries().values() if _downstream(entry.key))


def _downstream(key: str) -> bool:
    """Everything but the access arteries, which are travelled against the blood."""
    entry = arteries()[key]
    return entry.parent is not None and entry.group not in {"access"}
