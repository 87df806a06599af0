"""Distance fields and clearances of needles against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from data import shared_data
from needle_bench import least_by_brute_force, scene, signed_to_points
from shapes import FRAME, ball, ellipsoid, grid_of

from planner.app.image_masks import open_mask, sharing_frame
from planner.app.images import open_image
from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.planning import obstacles as module
from planner.planning.needles import Needle
from planner.planning.obstacles import DistanceField, Obstacle, bounds_around, prepared


def _segments(centre: np.ndarray, count: int, radius: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    out = rng.normal(size=(count, 3))
    entries = centre + radius * out / np.linalg.norm(out, axis=1)[:, None]
    return entries, centre + rng.uniform(-0.5, 0.5, (count, 3)) * radius


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.8, 0.8)])
def test_that_clearance_of_a_ball_is_right_to_half_a_voxel(spacing: tuple[float, float, float]) -> None:
    grid = grid_of(tuple(round(72.0 / each) for each in spacing), spacing)
    centre, radius = grid.centre_lps_mm + (0.3, -0.2, 0.7), 11.3
    entries, tips = _segments(centre, 300, 30.0)
    field = DistanceField.of(ball(grid, centre, radius), bounds_around(np.concatenate([entries, tips]), 1.0))
    found, depth = field.least_along(entries, tips)
    length = np.linalg.norm(tips - entries, axis=1)
    along = (tips - entries) / length[:, None]
    at = np.clip(np.einsum("nc,nc->n", centre - entries, along), 0.0, length)
    true = np.linalg.norm(entries + along * at[:, None] - centre, axis=1) - radius
    outside = true > 0.0
    assert np.abs(found - true)[outside].max() <= 0.5 * max(spacing)
    # Across the thin middle of a ball the depth is sharp; a needle that only passes has a flat minimum.
    assert np.median(np.abs(depth - at)[outside]) < max(spacing)


def test_that_every_structure_agrees_with_the_nearest_surface_points() -> None:
    made = scene()
    rng = np.random.default_rng(8)
    points = made.body.grid.centre_lps_mm + rng.uniform(-45.0, 45.0, (4000, 3))
    for item in made.obstacles:
        field = DistanceField.of(item.mask, bounds_around(points, 1.0))
        expected = signed_to_points(item.mask, points)
        apart = np.abs(field.at(points) - expected)
        # Between nodes the distance is interpolated, and the voxel that holds a point decides its sign here.
        clear = np.abs(expected) > max(item.mask.grid.spacing_kji_mm)
        assert apart[clear].max() <= 0.5 * max(item.mask.grid.spacing_kji_mm), item.key
        assert apart.mean() <= 0.1 * max(item.mask.grid.spacing_kji_mm), item.key


def test_that_no_dip_of_the_field_along_a_shaft_is_missed() -> None:
    made = scene()
    tip = made.target.centroid_lps_mm()
    assert tip is not None
    entries, _ = _segments(tip, 200, 55.0)
    for item in made.obstacles:
        field = DistanceField.of(item.mask, bounds_around(entries, 1.0))
        found, depth = field.least_along(entries, np.tile(tip, (200, 1)))
        dense = least_by_brute_force(field, entries, tip)
        assert (found - dense).max() <= module.TOLERANCE_MM + 1e-3
        assert (dense - found).max() <= 0.1
        hub = (entries - tip) / np.linalg.norm(entries - tip, axis=1)[:, None]
        np.testing.assert_allclose(field.at(entries - depth[:, None] * hub), found, atol=1e-3)


def test_that_a_coarser_set_of_nodes_keeps_exact_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    mask, centre = scene().obstacles[0].mask, scene().body.grid.centre_lps_mm
    bounds = bounds_around(centre[None], 45.0)
    fine = DistanceField.of(mask, bounds)
    monkeypatch.setattr(module, "MOST_NODES", 40_000)
    coarse = DistanceField.of(mask, bounds)
    assert coarse.values.size < fine.values.size / 4
    nodes = np.argwhere(np.ones(coarse.values.shape, dtype=bool))
    turned = np.linalg.inv(coarse.node_from_lps[:, :3])
    points = (nodes - coarse.node_from_lps[:, 3]) @ turned.T
    inside = np.all((points >= bounds[0]) & (points <= bounds[1]), axis=1)
    np.testing.assert_allclose(coarse.at(points[inside]), fine.at(points[inside]), atol=1e-3)


def test_that_a_structure_counts_whole_beyond_the_box_that_is_asked_for() -> None:
    grid = grid_of((30, 60, 60), (2.0, 1.0, 1.0))
    mask = ball(grid, grid.centre_lps_mm, 8.0)
    away = grid.centre_lps_mm + (20.0, 0.0, 0.0)
    field = DistanceField.of(mask, bounds_around(away[None], 3.0))
    assert field.at(away)[0] == pytest.approx(12.0, abs=0.6)


def test_that_clearance_is_measured_from_the_outer_wall_and_negative_inside() -> None:
    grid = grid_of((30, 60, 60), (2.0, 1.0, 1.0))
    centre = grid.centre_lps_mm
    bounds = bounds_around(centre[None], 29.0)
    made = prepared([Obstacle("kidney", ball(grid, centre, 8.0), 2.0, 5.0)], bounds)
    side = np.array([0.0, 14.0, 0.0])
    beside = Needle.of(centre + (25.0, 0.0, 0.0) + side, centre - (25.0, 0.0, 0.0) + side, 3.0)
    thin = Needle.of(beside.entry_lps_mm, beside.tip_lps_mm, 1.0)
    found = made.clearance(beside)["kidney"]
    assert found.mm == pytest.approx(14.0 - 8.0 - 1.5, abs=0.5)
    assert found.depth_mm == pytest.approx(25.0, abs=4.0)
    assert made.clearance(thin)["kidney"].mm - found.mm == pytest.approx(1.0, abs=1e-9)
    through = Needle.of(centre + (25.0, 0.0, 0.0), centre - (25.0, 0.0, 0.0), 3.0)
    # In the very middle, where the distance has its peak, it is blunted by up to a slice.
    assert made.clearance(through)["kidney"].mm == pytest.approx(-8.0 - 1.5, abs=2.0)


def test_that_an_empty_structure_and_another_frame_are_refused() -> None:
    grid = grid_of((8, 16, 16))
    bounds = bounds_around(grid.centre_lps_mm[None], 5.0)
    with pytest.raises(InputRefused, match="colon is empty") as refused:
        prepared([Obstacle("colon", Mask.empty(grid), 1.0, 1.0)], bounds)
    assert refused.value.code == "empty-mask"
    other = Grid.of((8, 16, 16), frame_uid=FRAME + ".9")
    full = np.ones((8, 16, 16), dtype=bool)
    with pytest.raises(FrameMismatch):
        prepared([Obstacle("a", Mask.of(grid, full), 1.0, 1.0), Obstacle("b", Mask.of(other, full), 1.0, 1.0)], bounds)


def test_that_a_field_from_before_is_used_only_where_it_reaches() -> None:
    grid = grid_of((12, 24, 24), (2.0, 1.0, 1.0))
    mask = Mask.of(grid, ellipsoid(grid, grid.centre_lps_mm, (4.0, 4.0, 4.0)))
    item = Obstacle("a", mask, 1.0, 1.0, digest="one")
    small = prepared([item], bounds_around(grid.centre_lps_mm[None], 6.0))
    kept = {"one": small.fields[0]}
    inside = prepared([item], bounds_around(grid.centre_lps_mm[None], 5.0), kept=kept)
    beyond = prepared([item], bounds_around(grid.centre_lps_mm[None], 9.0), kept=kept)
    assert inside.fields[0] is small.fields[0]
    assert beyond.fields[0] is not small.fields[0]
    assert beyond.covers(grid.centre_lps_mm + 8.5)
    assert small.reaching(grid.centre_lps_mm + 8.5).covers(grid.centre_lps_mm + 8.5)


@pytest.mark.parametrize("name", ["colon", "portal_vein_and_splenic_vein"])
def test_that_real_structures_agree_with_the_nearest_surface_points(name: str) -> None:
    image = open_image(shared_data("totalseg/example_ct.nii.gz"))
    labels = sharing_frame(open_mask(str(shared_data(f"totalseg/example_seg/{name}.nii.gz"))), image)
    mask = Mask.of(labels.grid, labels.voxels != 0)
    rng = np.random.default_rng(2)
    low, high = image.grid.bounds_lps_mm
    points = rng.uniform(low, high, (3000, 3))
    field = DistanceField.of(mask, bounds_around(points, 0.0))
    expected = signed_to_points(mask, points)
    clear = np.abs(expected) > max(mask.grid.spacing_kji_mm)
    assert np.abs(field.at(points) - expected)[clear].max() <= 0.5 * max(mask.grid.spacing_kji_mm)
