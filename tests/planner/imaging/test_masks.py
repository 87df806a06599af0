"""Masks, their patches, and the edits that make them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage
from shapes import FRAME, ball, centres_lps_mm, ct, dice, ellipsoid, grid_of

from planner.errors import BugError, FrameMismatch, InputRefused, OperatorError
from planner.geometry import Grid, SlicePlane
from planner.imaging.brush import painted
from planner.imaging.masks import EMPTY_BOX, Mask, MaskPatch, pack_bits, unpack_bits
from planner.imaging.morphology import filled, grown, intersected, largest_kept, shrunk, smoothed, subtracted, united
from planner.imaging.segmentation import grow_region, range_at, threshold
from planner.imaging.surfaces import centre_distance_mm, distance_field

SMALL = Grid.of((5, 6, 7), frame_uid=FRAME)
bits = arrays.arrays(np.bool_, SMALL.size_kji)


@settings(max_examples=60, deadline=None)
@given(bits, bits)
def test_that_a_patch_reverts_bit_for_bit(old: np.ndarray, new: np.ndarray) -> None:
    before, after = Mask.of(SMALL, old), Mask.of(SMALL, new)
    patch = MaskPatch.between(before, after)
    assert patch.apply(before).equals(after)
    assert patch.revert(after).equals(before)
    assert np.array_equal(patch.revert(patch.apply(before)).full(), old)
    assert patch.changes_nothing == np.array_equal(old, new)


@settings(max_examples=60, deadline=None)
@given(bits)
def test_that_packed_bits_come_back_as_they_were(voxels: np.ndarray) -> None:
    mask = Mask.of(SMALL, voxels)
    packed, box = pack_bits(mask)
    assert len(packed) <= (voxels.size + 7) // 8
    assert np.array_equal(unpack_bits(packed, box, SMALL).full(), voxels)


def test_that_stored_bits_that_do_not_fit_are_refused() -> None:
    packed, box = pack_bits(ball(grid_of((10, 20, 20)), (-34.0, 20.0, 115.0), 6.0))
    with pytest.raises(InputRefused, match="does not fit"):
        unpack_bits(packed[:-1], box, grid_of((10, 20, 20)))
    with pytest.raises(InputRefused, match="does not fit"):
        unpack_bits(packed, box, grid_of((3, 20, 20)))


def test_that_a_patch_refuses_a_mask_that_changed_meanwhile() -> None:
    grid = grid_of((10, 30, 30))
    mask = ball(grid, grid.centre_lps_mm, 6.0)
    patch = grown(mask, 3.0)
    with pytest.raises(BugError):
        patch.apply(patch.apply(mask))


def test_that_a_mask_keeps_a_tight_box_and_an_empty_one_none() -> None:
    voxels = np.zeros(SMALL.size_kji, dtype=bool)
    assert Mask.of(SMALL, voxels).box == EMPTY_BOX
    voxels[2, 3:5, 6] = True
    mask = Mask.of(SMALL, voxels)
    assert mask.box == ((2, 3, 6), (3, 5, 7))
    assert mask.contains(SMALL.lps_from_kji.points((2, 4, 6)))
    assert not mask.contains(SMALL.lps_from_kji.points((2, 5, 6)))
    assert mask.centroid_lps_mm() == pytest.approx(SMALL.lps_from_kji.points((2, 3.5, 6)))


@settings(max_examples=40, deadline=None)
@given(bits.filter(lambda voxels: bool(voxels.any())), st.tuples(*[st.sampled_from([0.5, 0.8, 3.0])] * 3))
def test_that_distances_agree_with_an_independent_transform(
    voxels: np.ndarray, spacing: tuple[float, float, float]
) -> None:
    expected = ndimage.distance_transform_edt(~voxels, sampling=spacing)
    np.testing.assert_allclose(centre_distance_mm(voxels, spacing), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("margin", [5.0, 2.0, -3.0])
def test_that_a_margin_is_the_same_in_every_direction_with_anisotropic_voxels(margin: float) -> None:
    grid = grid_of((24, 80, 80))
    centre = grid.centre_lps_mm
    mask = ball(grid, centre, 14.0)
    result = grown(mask, margin).apply(mask) if margin > 0 else shrunk(mask, -margin).apply(mask)
    offset = centres_lps_mm(grid) - centre
    distance = np.linalg.norm(offset, axis=-1)
    unit = np.abs(offset) / np.maximum(distance, 1e-9)[..., None]
    half_voxel = 0.5 * (unit @ np.array([0.8, 0.8, 3.0]))
    wrong = result.full() != (distance <= 14.0 + margin)
    assert np.all(np.abs(distance - 14.0 - margin)[wrong] <= half_voxel[wrong])
    assert result.volume_ml == pytest.approx(4 / 3 * np.pi * (14.0 + margin) ** 3 / 1000.0, rel=0.06)


def test_that_a_box_grows_by_the_margin_exactly_along_its_axes() -> None:
    grid = Grid.of((30, 40, 40), spacing_kji_mm=(2.0, 1.0, 1.0), frame_uid=FRAME)
    voxels = np.zeros(grid.size_kji, dtype=bool)
    voxels[10:20, 15:25, 15:25] = True
    mask = Mask.of(grid, voxels)
    assert grown(mask, 4.0).apply(mask).box == ((8, 11, 11), (22, 29, 29))
    assert shrunk(mask, 4.0).apply(mask).box == ((12, 19, 19), (18, 21, 21))


def test_that_the_distance_field_crosses_zero_on_the_surface() -> None:
    grid = grid_of((24, 70, 70), (1.5, 0.8, 0.8))
    mask = ball(grid, grid.centre_lps_mm, 12.0)
    field = distance_field(mask, ((0, 0, 0), grid.size_kji))
    truth = np.linalg.norm(centres_lps_mm(grid) - grid.centre_lps_mm, axis=-1) - 12.0
    near = np.abs(truth) < 5.0
    assert np.abs(field - truth)[near].max() < 0.8
    assert np.array_equal(field < 0, mask.full())


def test_that_holes_are_filled_in_the_room_or_slice_by_slice() -> None:
    grid = Grid.of((9, 20, 20), frame_uid=FRAME)
    shell = np.zeros(grid.size_kji, dtype=bool)
    shell[2:7, 5:15, 5:15] = True
    shell[3:6, 8:12, 8:12] = False
    mask = Mask.of(grid, shell)
    assert filled(mask).apply(mask).count == 5 * 100
    shell[2, 8:12, 8:12] = False
    opened = Mask.of(grid, shell)
    assert filled(opened).changes_nothing
    assert filled(opened, in_slices=True).apply(opened).count == 5 * 100


def test_that_the_largest_part_is_kept_and_smoothing_keeps_the_volume() -> None:
    grid = grid_of((20, 70, 70))
    big = ball(grid, grid.centre_lps_mm, 13.0)
    both = united(big, ball(grid, grid.centre_lps_mm + (22.0, 0, 0), 3.0)).apply(big)
    assert largest_kept(both).apply(both).equals(big)
    rng = np.random.default_rng(1)
    box_noise = big.full() ^ ((rng.random(grid.size_kji) < 0.06) & ellipsoid(grid, grid.centre_lps_mm, (15, 15, 15)))
    rough = Mask.of(grid, box_noise)
    smooth = smoothed(rough, 1.2).apply(rough)
    assert smooth.count == pytest.approx(rough.count, rel=0.002)
    assert dice(smooth.full(), big.full()) > dice(rough.full(), big.full()) + 0.02
    median = smoothed(rough, 0.8, method="median").apply(rough)
    assert dice(median.full(), big.full()) > dice(rough.full(), big.full()) + 0.02


def test_that_set_operations_are_those_of_the_arrays_and_need_one_grid() -> None:
    grid = grid_of((14, 40, 40))
    a, b = ball(grid, grid.centre_lps_mm, 8.0), ball(grid, grid.centre_lps_mm + (6.0, 0, 0), 8.0)
    assert np.array_equal(united(a, b).apply(a).full(), a.full() | b.full())
    assert np.array_equal(intersected(a, b).apply(a).full(), a.full() & b.full())
    assert np.array_equal(subtracted(a, b).apply(a).full(), a.full() & ~b.full())
    with pytest.raises(FrameMismatch):
        united(a, ball(grid_of((14, 40, 41)), grid.centre_lps_mm, 8.0))


def test_that_a_ball_stroke_paints_a_capsule_and_erasing_it_restores() -> None:
    grid = grid_of((20, 60, 60))
    start, end = grid.centre_lps_mm - (12.0, 0, 0), grid.centre_lps_mm + (9.0, 3.0, 4.0)
    empty = Mask.empty(grid)
    patch = painted(empty, [start, end], 5.0)
    mask = patch.apply(empty)
    line = end - start
    share = np.clip((centres_lps_mm(grid) - start) @ line / (line @ line), 0, 1)
    gap = np.linalg.norm(centres_lps_mm(grid) - start - share[..., None] * line, axis=-1)
    assert np.array_equal(mask.full(), gap <= 5.0)
    assert painted(mask, [start, end], 5.0, erase=True).apply(mask).is_empty
    assert patch.revert(mask).is_empty


@pytest.mark.parametrize("plane_at", [SlicePlane.axial, SlicePlane.coronal, SlicePlane.sagittal])
def test_that_a_disc_stays_in_one_layer_of_voxels(plane_at) -> None:
    grid = grid_of((20, 60, 60))
    plane = plane_at(grid.lps_from_kji.points((9.2, 30.1, 29.8)))
    mask = painted(Mask.empty(grid), [plane.point_lps_mm], 6.0, plane=plane).apply(Mask.empty(grid))
    thin = int(np.argmax(np.abs(grid.kji_from_lps.vectors(plane.normal_lps) * np.array([3.0, 0.8, 0.8]))))
    assert mask.box[1][thin] - mask.box[0][thin] == 1
    area = mask.count * grid.voxel_ml * 1000.0 / grid.spacing_kji_mm[thin]
    assert area == pytest.approx(np.pi * 36.0, rel=0.08)


def test_that_a_stroke_outside_the_image_changes_nothing() -> None:
    grid = grid_of((5, 10, 10))
    assert painted(Mask.empty(grid), [(900.0, 900.0, 900.0)], 5.0).changes_nothing


def test_that_region_growing_takes_the_joined_part_within_range_and_limit() -> None:
    grid = grid_of((16, 60, 60))
    centre = grid.centre_lps_mm
    inside = ellipsoid(grid, centre, (10, 8, 9))
    island = ellipsoid(grid, centre + (20.0, 0, 0), (4, 4, 6))
    volume = ct(grid, np.where(inside | island, 120.0, 60.0))
    low, high = range_at(volume, centre, radius_mm=3.0, spreads=3.0)
    assert low < 120 < high
    assert np.array_equal(grow_region(volume, centre, 100, 140).full(), inside)
    limited = grow_region(volume, centre, 100, 140, limit_mm=5.0).full()
    assert np.array_equal(limited, inside & ellipsoid(grid, centre, (5, 5, 5)))
    assert grow_region(volume, centre, 0, 80).is_empty
    with pytest.raises(OperatorError, match="outside the image"):
        grow_region(volume, (900.0, 0, 0), 100, 140)


def test_that_a_threshold_can_be_kept_within_a_structure() -> None:
    grid = grid_of((16, 60, 60))
    centre = grid.centre_lps_mm
    inside = ellipsoid(grid, centre, (10, 8, 9))
    volume = ct(grid, np.where(inside, 120.0, 60.0))
    region = ball(grid, centre + (6.0, 0, 0), 7.0)
    assert np.array_equal(threshold(volume, 100, 140, within=region).full(), inside & region.full())
    assert np.array_equal(threshold(volume, 100, 140).full(), inside)
