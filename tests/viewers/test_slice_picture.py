"""The pixels of a slice with structures painted on; no widget is needed."""

from __future__ import annotations

import numpy as np
import pytest

from planner.geometry import Grid, SlicePlane
from planner.imaging import Label, LabelMap
from planner.imaging.masks import Mask
from planner.imaging.window import Window
from viewers.scene.palette import rgb
from viewers.scene.slice_picture import SliceRequest, outline, render
from viewers.scene.slice_view import fit_mm_per_px, layer_limits_mm, slice_number, slice_step_mm, view_of
from viewers.state.mask_layer import RegionShape

BALL = np.array([6.0, -8.0, 5.0])


def request(volume, **options) -> SliceRequest:
    plane = SlicePlane.axial(BALL)
    return SliceRequest(volume, plane, (81, 81), 0.5, Window(100.0, 400.0), **options)


def test_that_a_plain_slice_is_grey_and_its_numbers_are_used_again(ball) -> None:
    first = render(request(ball))
    assert first.pixels.shape == (81, 81)
    brighter = SliceRequest(**{**fields_of(first.request), "window": Window(0.0, 300.0)})
    second = render(brighter, first)
    assert second.values is first.values
    assert int(second.pixels[40, 40]) > int(first.pixels[40, 40])


def fields_of(given: SliceRequest) -> dict[str, object]:
    return {name: getattr(given, name) for name in SliceRequest.__dataclass_fields__}


def test_that_a_region_is_tinted_inside_and_outlined_in_its_colour(ball) -> None:
    mask = Mask.of(ball.grid, np.asarray(ball.voxels) == 180)
    picture = render(request(ball, regions=(RegionShape("r", mask, "#00ff00"),)))
    blue, green, red, _ = (int(value) for value in picture.pixels[40, 40])
    assert blue == red
    assert green > blue
    edge = np.argwhere((picture.pixels[..., :3] == (0, 255, 0)).all(axis=-1))
    away = np.linalg.norm((edge - 40.0) * 0.5, axis=1)
    assert len(edge) > 60
    assert away == pytest.approx(12.0, abs=1.5)


def test_that_labels_are_painted_hidden_and_kept_to_their_frame(ball) -> None:
    voxels = np.zeros(ball.grid.size_kji, dtype=np.uint8)
    voxels[np.asarray(ball.voxels) == 180] = 3
    labels = LabelMap(voxels, ball.grid, {3: Label(3, "tumour", colour="#ff0000")})
    shown = render(request(ball, label_maps=(("map", labels),))).pixels[40, 40]
    assert int(shown[2]) > int(shown[0])
    hidden = render(request(ball, label_maps=(("map", labels),), hidden_labels=frozenset({"map/3"}))).pixels[40, 40]
    assert int(hidden[2]) == int(hidden[0])
    other = Grid.of(ball.grid.size_kji, frame_uid="9.9.9")
    foreign = LabelMap(voxels, other, {3: Label(3, "tumour", colour="#ff0000")})
    assert np.ptp(render(request(ball, label_maps=(("map", foreign),))).pixels[40, 40, :3]) == 0


def test_that_an_outline_keeps_to_the_edge_and_the_picture_border_is_none() -> None:
    mask = np.zeros((6, 7), dtype=bool)
    mask[0:4, 1:6] = True
    edge = outline(mask)
    assert edge[3, 1:6].all()
    assert not edge[0, 3]
    assert not edge[1:3, 2:5].any()


def test_that_a_colour_of_a_file_that_is_none_is_grey() -> None:
    assert rgb("#102030") == (16, 32, 48)
    assert rgb("rgb(1,2,3)") == (128, 128, 128)


def test_that_steps_limits_and_numbers_follow_the_voxels(ball) -> None:
    plane = SlicePlane.axial(ball.grid.centre_lps_mm)
    assert slice_step_mm(ball.grid, plane) == pytest.approx(2.0)
    assert layer_limits_mm(ball.grid, plane) == pytest.approx((-39.0, 39.0))
    assert slice_number(ball.grid, plane.through((0, 0, -39.0))) == (1, 40)
    assert slice_number(ball.grid, plane.rotated((1, 0, 0), 10.0)) is None
    upside_down = Grid.of((40, 80, 80), spacing_kji_mm=(2, 1, 1), axes_lps=-np.eye(3)[:, ::-1], frame_uid="f")
    assert slice_number(upside_down, SlicePlane.axial((0, 0, 0))) == (40, 40)


def test_that_a_view_maps_pixels_to_the_room_and_back(ball) -> None:
    plane = SlicePlane.coronal(BALL).rotated((0.2, 1.0, 0.1), 33.0)
    view = view_of(ball.grid, plane, 300, 200, zoom=2.0, pan_mm=(4.0, -7.0))
    assert view.mm_per_px == pytest.approx(fit_mm_per_px(ball.grid, plane, 300, 200) / 2.0)
    point = view.lps_of(37.0, 181.0)
    assert plane.distance_mm(point) == pytest.approx(0.0, abs=1e-9)
    assert view.px_of(point) == pytest.approx((37.0, 181.0))
