"""The sub-voxel surface of a mask, and the surface of united zones."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_bodies import ball, drawn, turned_axes
from scipy.spatial import cKDTree

from planner.errors import InputRefused
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging.masks import Mask
from planner.imaging.surfaces import signed_distance_mm
from planner.planning.target_surface import TargetSurface, accuracy_bound
from planner.planning.zone_surface import ZoneSurface
from planner.planning.zones import Zone

ELLIPSOID = Zone((3.0, -2.0, 11.0), (0.48, 0.6, 0.64), 15.0, 9.0)
ZONES = [
    Zone((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 20.0, 14.0),
    Zone((12.0, 3.0, 1.0), (0.0, 0.6, 0.8), 18.0, 13.0),
    Zone((2.0, 14.0, -3.0), (0.6, 0.0, 0.8), 15.0, 12.0),
]


@pytest.mark.parametrize(("spacing", "seed"), [((1.0, 1.0, 1.0), 2), ((1.5, 0.7, 0.7), 3), ((0.8, 1.4, 1.0), 5)])
def test_that_the_surface_lies_where_the_body_ends(spacing: tuple[float, float, float], seed: int) -> None:
    mask = drawn(ELLIPSOID, spacing, turned_axes(seed))
    surface, edge = TargetSurface.of(mask), max(spacing)
    error = ELLIPSOID.distance_mm(surface.vertices_lps_mm)
    share = surface.areas_mm2 / surface.area_mm2
    assert np.abs(error) @ share < 0.1 * edge
    assert np.abs(error).max() < 0.5 * edge
    assert abs(error @ share) < 0.05 * edge


def test_that_poles_on_a_layer_of_voxels_are_not_cut_flat() -> None:
    """A long cylinder-like body along the grid: half of its layers' terraces are wider than the blur sees."""
    body = Zone((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 60.0, 18.0)
    mask = drawn(body, offset_mm=(0.05, 0.02, 0.3))
    error = body.distance_mm(TargetSurface.of(mask).vertices_lps_mm)
    plain = signed_distance_mm(np.pad(mask.voxels, 2), mask.grid.spacing_kji_mm)
    assert np.abs(error).max() < 0.45
    assert plain.min() < -15.0


@pytest.mark.parametrize("seed", [2, 3])
def test_that_the_mesh_is_closed_and_faces_outwards(seed: int) -> None:
    surface = TargetSurface.of(drawn(ELLIPSOID, (1.2, 0.9, 0.9), turned_axes(seed)))
    a, b, c = (surface.vertices_lps_mm[surface.triangles[:, corner]] for corner in range(3))
    volume = np.einsum("na,na->n", a, np.cross(b, c)).sum() / 6000.0
    assert volume == pytest.approx(ELLIPSOID.volume_ml, rel=0.01)
    edges = surface.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    forth, times = np.unique(edges, axis=0, return_counts=True)
    back, again = np.unique(edges[:, ::-1], axis=0, return_counts=True)
    # Closed: every edge is walked as often one way as the other. Sheets that touch in a cell share its vertex.
    assert np.array_equal(forth, back)
    assert np.array_equal(times, again)
    assert np.mean(times > 1) < 0.01
    outwards = surface.vertices_lps_mm - surface.centre_lps_mm
    assert (np.einsum("na,na->n", outwards, surface.normals_lps) > 0.0).all()


def test_that_no_voxel_is_smoothed_away() -> None:
    grid = Grid.of((20, 20, 20), spacing_kji_mm=(1.0, 1.0, 1.0), frame_uid="1.2.3")
    voxels = np.zeros(grid.size_kji, dtype=np.bool_)
    voxels[6:14, 6:14, 6:14] = True
    voxels[9, 9, 14:18] = True
    surface = TargetSurface.of(Mask.of(grid, voxels))
    kji = np.argwhere(surface.field < 0.0)
    found = np.rint(grid.kji_from_lps.points(surface.grid.lps_from_kji.points(kji.astype(float)))).astype(int)
    assert set(map(tuple, found)) == set(map(tuple, np.argwhere(voxels)))


def test_that_distances_far_and_near_are_those_of_the_body() -> None:
    surface = TargetSurface.of(drawn(ELLIPSOID, (1.2, 0.9, 0.9), turned_axes(6)))
    points = np.random.default_rng(1).uniform(-25.0, 35.0, (500, 3))
    assert np.abs(surface.signed_distance_mm(points) - ELLIPSOID.distance_mm(points)).max() < 0.5


def test_that_the_bound_is_the_measured_one_only_where_it_was_measured() -> None:
    inside = drawn(ball((0, 0, 0), 8.0), (1.5, 1.0, 1.0))
    coarse = drawn(ball((0, 0, 0), 20.0), (3.0, 0.8, 0.8))
    thin = drawn(ball((0, 0, 0), 3.0), (1.5, 1.0, 1.0))
    measured = accuracy_bound(inside.grid, inside)
    assert measured.measured
    assert measured.most_mm == pytest.approx(0.75)
    for mask, edge in ((coarse, 3.0), (thin, 1.5)):
        bound = accuracy_bound(mask.grid, mask)
        assert not bound.measured
        assert bound.most_mm == edge
        error = ball((0, 0, 0), 20.0 if edge == 3.0 else 3.0).distance_mm(TargetSurface.of(mask).vertices_lps_mm)
        assert np.abs(error).max() < bound.most_mm


def test_that_an_empty_or_sheared_mask_is_refused() -> None:
    grid = Grid.of((9, 9, 9), frame_uid="1.2.3")
    with pytest.raises(InputRefused) as empty:
        TargetSurface.of(Mask.empty(grid))
    homogeneous = np.eye(4)
    homogeneous[0, 1] = 0.3
    sheared = Grid((9, 9, 9), SpaceMap(lps("1.2.3"), KJI, homogeneous), "1.2.3")
    with pytest.raises(InputRefused) as bent:
        TargetSurface.of(Mask.of(sheared, np.ones((9, 9, 9), dtype=np.bool_)))
    assert (empty.value.code, bent.value.code) == ("empty-mask", "bad-orientation")


def _dense_depth(zones: list[Zone], points: np.ndarray) -> np.ndarray:
    """Distance to a dense cloud over the exposed surface, positive inside."""
    count = 150_000
    height = 1.0 - (2.0 * np.arange(count) + 1.0) / count
    turn = np.pi * (3.0 - np.sqrt(5.0)) * np.arange(count)
    radius = np.sqrt(1.0 - height**2)
    directions = np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1)
    clouds = []
    for number, zone in enumerate(zones):
        axis = np.asarray(zone.axis_lps)
        along = (directions @ axis)[:, None] * axis
        offset = zone.semi_short_mm * directions + (zone.semi_long_mm - zone.semi_short_mm) * along
        cloud = np.asarray(zone.centre_lps_mm) + offset
        for other, hiding in enumerate(zones):
            if other != number:
                cloud = cloud[hiding.level(cloud) >= 1.0]
        clouds.append(cloud)
    distance, _ = cKDTree(np.concatenate(clouds)).query(points)
    return np.where(np.any([zone.contains(points) for zone in zones], axis=0), distance, -distance)


def test_that_depth_in_united_zones_is_to_their_common_surface() -> None:
    points = np.random.default_rng(5).uniform((-18, -16, -20), (30, 28, 20), (1500, 3))
    wanted = _dense_depth(ZONES, points)
    found = ZoneSurface.of(ZONES).depth_mm(points)
    deepest = np.max([-zone.distance_mm(points) for zone in ZONES], axis=0)
    assert np.abs(found - wanted).max() < 0.2
    assert np.abs(deepest - wanted).max() > 2.0


def test_that_the_depth_in_one_zone_is_exact() -> None:
    points = np.random.default_rng(6).uniform(-25.0, 25.0, (500, 3))
    assert np.allclose(ZoneSurface.of(ZONES[:1]).depth_mm(points), -ZONES[0].distance_mm(points), atol=1e-6)
    flat = Zone((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), 8.0, 14.0)
    assert np.allclose(ZoneSurface.of([flat]).depth_mm(points), -flat.distance_mm(points), atol=1e-6)
    on_axis = np.array([[0.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 12.0, 0.0]])
    assert np.allclose(ZoneSurface.of([flat]).depth_mm(on_axis), [8.0, 5.0, -4.0], atol=1e-6)


def test_that_the_volume_of_united_zones_counts_what_they_share_once() -> None:
    first, second = ball((0, 0, 0), 10.0), ball((12.0, 0, 0), 10.0)
    lens = np.pi * (20.0 - 12.0) ** 2 * (144.0 + 4 * 12.0 * 10.0) / (12 * 12.0)
    wanted = (2 * 4.0 / 3.0 * np.pi * 1000.0 - lens) / 1000.0
    assert ZoneSurface.of([first, second]).volume_ml() == pytest.approx(wanted, rel=2e-3)
    assert ZoneSurface.of([first, first]).volume_ml() == pytest.approx(first.volume_ml, rel=2e-3)
