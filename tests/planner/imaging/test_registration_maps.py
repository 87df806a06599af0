"""Displacement fields, point maps there and back, and what is warped by them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from planner.errors import Cancelled, FrameMismatch, InputRefused
from planner.geometry import Grid, SpaceMap, lps
from planner.imaging import ImageSource, Volume
from planner.imaging.displacement import (
    DisplacementField,
    PointMap,
    field_of,
    packed_field,
    warped,
    warped_mask,
)
from planner.imaging.masks import Mask
from planner.imaging.slicing import sample
from planner.jobs import Context

FIXED, MOVING = "1.1", "1.2"
TURNED = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def grid(frame_uid: str, spacing: tuple[float, float, float] = (3.0, 3.0, 3.0)) -> Grid:
    return Grid.of((30, 32, 34), origin_lps_mm=(-50.0, -48.0, -44.0), spacing_kji_mm=spacing, frame_uid=frame_uid)


def wave(points: NDArray[np.float64], most_mm: float = 6.0) -> NDArray[np.float64]:
    """A smooth displacement (mm) that does not fold."""
    x, y, z = np.moveaxis(points / 18.0, -1, 0)
    return most_mm * np.stack([np.sin(z) * np.cos(y), np.cos(x), np.sin(y + x)], axis=-1)


def field(most_mm: float = 6.0) -> DisplacementField:
    own = grid(FIXED)
    places = own.lps_from_kji.points(np.moveaxis(np.indices(own.size_kji), 0, -1))
    return DisplacementField(own, wave(places, most_mm).astype(np.float32))


def affine(frame_uid: str = MOVING) -> SpaceMap:
    homogeneous = np.eye(4)
    homogeneous[:3, :3] = [[1.05, 0.1, 0.0], [-0.1, 0.95, 0.05], [0.0, -0.02, 1.1]]
    homogeneous[:3, 3] = (12.0, -30.0, 7.0)
    return SpaceMap(lps(frame_uid), lps(FIXED), homogeneous)


POINTS = np.random.default_rng(3).uniform(-30.0, 30.0, (400, 3))


def test_that_a_map_adds_the_field_to_its_affine_part() -> None:
    found = PointMap(affine(), field()).points(POINTS)
    np.testing.assert_allclose(found, affine().points(POINTS) + wave(POINTS), atol=0.12)


def test_that_a_field_is_held_beyond_its_grid() -> None:
    edge, beyond = np.array([-50.0, 3.0, 1.0]), np.array([-90.0, 3.0, 1.0])
    np.testing.assert_array_equal(field().at(beyond), field().at(edge))


def test_that_going_there_and_back_ends_where_it_began() -> None:
    there = PointMap(affine(), field())
    np.testing.assert_allclose(there.inverse_points(there.points(POINTS)), POINTS, atol=0.005)
    assert there.inverse_points(np.zeros(3)).shape == (3,)


def test_that_an_inverse_map_of_its_own_leads_back() -> None:
    there = PointMap(affine(), field())
    back = there.inverse()
    assert back.field is not None
    assert back.field.grid.frame_uid == MOVING
    assert np.linalg.norm(back.points(there.points(POINTS)) - POINTS, axis=1).max() < 0.35
    plain = PointMap(affine()).inverse()
    np.testing.assert_allclose(plain.points(affine().points(POINTS)), POINTS, atol=1e-9)


def test_that_jacobians_tell_growth_and_folding() -> None:
    grown = PointMap(affine(), field(0.0)).jacobians()
    assert grown is not None
    assert grown == pytest.approx(np.linalg.det(affine().homogeneous[:3, :3]), abs=1e-5)
    folded = PointMap(affine(), field(40.0)).jacobians()
    assert folded is not None
    assert folded.min() < 0.0
    assert PointMap(affine()).jacobians() is None


def test_that_a_stored_field_comes_back_to_within_a_hundredth_of_a_millimetre() -> None:
    packed = packed_field(field())
    assert len(packed) < field().vectors.nbytes / 3
    again = field_of(packed, grid(FIXED))
    np.testing.assert_allclose(again.vectors, field().vectors, atol=0.0051)
    large = DisplacementField(grid(FIXED), field().vectors * np.float32(200.0))
    np.testing.assert_allclose(field_of(packed_field(large), grid(FIXED)).vectors, large.vectors, atol=0.05)


@pytest.mark.parametrize("broken", [b"", b"SLDF1\n", b"rubbish" * 9, packed_field(field())[:-9]])
def test_that_bytes_that_are_no_field_are_refused(broken: bytes) -> None:
    with pytest.raises(InputRefused, match="does not fit"):
        field_of(broken, grid(FIXED))


def test_that_a_field_of_another_size_is_refused() -> None:
    with pytest.raises(InputRefused):
        field_of(packed_field(field()), Grid.of((30, 32, 33), frame_uid=FIXED))
    with pytest.raises(InputRefused):
        field_of(packed_field(field()), Grid.of((30, 32, 35), frame_uid=FIXED))


def moving_image() -> tuple[Volume, Mask]:
    """A ramp along x and a ball, on a turned grid of the moving frame."""
    own = Grid.of(
        (60, 60, 60), origin_lps_mm=(-80.0, -100.0, -70.0), spacing_kji_mm=(2.5, 2.5, 2.5), axes_lps=TURNED,
        frame_uid=MOVING,
    )  # fmt: skip
    places = own.lps_from_kji.points(np.moveaxis(np.indices(own.size_kji), 0, -1))
    ball = np.linalg.norm(places - (12.0, -30.0, 7.0), axis=-1) <= 20.0
    return Volume(places[..., 0].astype(np.float32), own, ImageSource("1.9")), Mask.of(own, ball)


def test_that_a_warped_image_shows_what_lies_where_each_voxel_maps_to() -> None:
    moving, _ = moving_image()
    point_map = PointMap(affine(), field())
    found = warped(moving, grid(FIXED, (4.0, 2.0, 2.0)), point_map, outside=-999.0)
    places = point_map.points(found.grid.lps_from_kji.points(np.moveaxis(np.indices(found.grid.size_kji), 0, -1)))
    seen = found.voxels != -999.0
    assert seen.mean() > 0.7
    inner = seen & np.all((places > -60.0) & (places < 60.0), axis=-1)
    np.testing.assert_allclose(found.voxels[inner], places[..., 0][inner], atol=0.01)
    assert found.grid.frame_uid == FIXED


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_that_every_voxel_has_the_value_at_its_place_along_and_across_the_field(kind: type, turned: bool) -> None:
    own = Grid.of((23, 25, 27), origin_lps_mm=(-40.0, -75.0, -30.0), spacing_kji_mm=(3.0, 3.0, 3.0), frame_uid=MOVING)
    values = np.random.default_rng(5).integers(-900, 900, own.size_kji).astype(kind)
    moving = Volume(values, own, ImageSource("1.9"))
    axes = np.linalg.qr(TURNED + 0.3 * np.eye(3))[0] if turned else np.eye(3)
    spacing = (3.1, 2.9, 2.7)
    centre = Grid.of((40, 41, 42), spacing_kji_mm=spacing, axes_lps=axes, frame_uid=FIXED).centre_lps_mm
    wanted = Grid.of((40, 41, 42), origin_lps_mm=-centre, spacing_kji_mm=spacing, axes_lps=axes, frame_uid=FIXED)
    point_map = PointMap(affine(), field())
    found = warped(moving, wanted, point_map, outside=float("nan")).voxels
    places = point_map.points(wanted.lps_from_kji.points(np.moveaxis(np.indices(wanted.size_kji), 0, -1)))
    expected = sample(moving, places)
    assert 0.1 < np.mean(np.isnan(expected)) < 0.9
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_that_a_field_of_one_layer_moves_all_layers() -> None:
    flat = Grid.of((1, 2, 2), spacing_kji_mm=(10.0, 10.0, 10.0), frame_uid=FIXED)
    shift = np.zeros((1, 2, 2, 3), dtype=np.float32)
    shift[..., 0] = 2.0
    same = SpaceMap(lps(MOVING), lps(FIXED), np.eye(4))
    moving, _ = moving_image()
    found = warped(moving, grid(FIXED), PointMap(same, DisplacementField(flat, shift))).voxels
    x = grid(FIXED).lps_from_kji.points(np.moveaxis(np.indices(grid(FIXED).size_kji), 0, -1))[..., 0]
    np.testing.assert_allclose(found[5:-5, 5:-5, 5:-5], x[5:-5, 5:-5, 5:-5] + 2.0, atol=1e-3)


def test_that_warping_tells_how_far_it_is_and_stops_when_asked_to() -> None:
    moving, _ = moving_image()
    told: list[float] = []
    context = Context(report=lambda fraction, text: told.append(fraction))
    warped(moving, grid(FIXED), PointMap(affine(), field()), context=context)
    assert told[0] == 0.0
    assert len(told) > 1
    context.cancel()
    with pytest.raises(Cancelled):
        warped(moving, grid(FIXED), PointMap(affine(), field()), context=context)


def test_that_a_warped_mask_holds_the_voxels_that_map_into_it() -> None:
    _, ball = moving_image()
    point_map = PointMap(affine(), field())
    found = warped_mask(ball, grid(FIXED, (2.0, 2.0, 2.0)), point_map)
    places = point_map.points(found.grid.lps_from_kji.points(np.moveaxis(np.indices(found.grid.size_kji), 0, -1)))
    wanted = np.linalg.norm(places - (12.0, -30.0, 7.0), axis=-1) <= 20.0
    both = np.count_nonzero(wanted & found.full())
    assert 2.0 * both / (np.count_nonzero(wanted) + found.count) > 0.97
    assert warped_mask(Mask.empty(ball.grid), grid(FIXED), point_map).is_empty


def test_that_maps_of_other_frames_are_refused() -> None:
    moving, ball = moving_image()
    point_map = PointMap(affine())
    with pytest.raises(FrameMismatch):
        warped(moving, grid("1.3"), point_map)
    with pytest.raises(FrameMismatch):
        warped_mask(ball, grid(MOVING), point_map)
    with pytest.raises(FrameMismatch):
        PointMap(SpaceMap(lps(MOVING), lps("1.3"), np.eye(4)), field())
    with pytest.raises(FrameMismatch):
        PointMap(affine(), field()).inverse(grid(FIXED))
