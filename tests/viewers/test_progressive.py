"""A volume that is still being read: shown where it is read, striped elsewhere, and not measured on."""

from __future__ import annotations

import numpy as np

from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.growing import Growing, PartialVolume
from planner.imaging.window import Window
from viewers.scene.slice_picture import SlicePicture, SliceRequest, render
from viewers.state.images import ImageSet
from viewers.state.view_state import standard_planes


def partial(*read: int) -> PartialVolume:
    shape = (9, 20, 20)
    growing = Growing(
        np.full(shape, 40, np.int16),
        Grid.of(shape, spacing_kji_mm=(3.0, 1.0, 1.0), frame_uid="1.2"),
        ImageSource("1.9", unit="HU", window=(40.0, 400.0)),
    )
    for k in read:
        growing.mark_read(k)
    found = growing.snapshot()
    assert found is not None
    return found


def drawn(volume: Volume, k: float, kind: str = "axial") -> SlicePicture:
    plane = standard_planes()[kind].through(volume.grid.lps_from_kji.points((k, 10, 10)))
    return render(SliceRequest(volume, plane, (12, 12), 1.0, Window(40.0, 400.0)))


def test_that_a_read_slice_is_drawn_as_the_whole_volume_draws_it() -> None:
    some = partial(4)
    whole = Volume(some.voxels, some.grid, some.source)
    np.testing.assert_array_equal(drawn(some, 4).values, drawn(whole, 4).values)
    grey = drawn(some, 4).pixels
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


def test_that_an_unread_slice_has_no_values_and_is_neither_black_nor_grey() -> None:
    picture = drawn(partial(4), 6)
    assert np.isnan(picture.values).all()
    colours = picture.pixels[..., :3].reshape(-1, 3)
    assert (colours.max(axis=1) > 0).all()
    assert (colours[:, 0] != colours[:, 2]).all()


def test_that_a_coronal_picture_shows_what_is_read_and_no_more() -> None:
    values = drawn(partial(3, 4, 5), 4, "coronal").values
    assert np.isfinite(values).any()
    assert np.isnan(values).any()


def test_that_an_arriving_volume_can_be_looked_at_but_is_none_of_the_volumes() -> None:
    images = ImageSet()
    images.arrive(partial(4))
    assert images.volumes == {}
    assert images.volume("1.9#1") is None
    assert images.arriving_key == "1.9#1"
    assert images.to_look_at("1.9#1") is not None
    some = partial(4)
    images.add(Volume(some.voxels, some.grid, some.source))
    assert images.arriving_key is None
    images.arrive(some)
    assert not isinstance(images.to_look_at("1.9#1"), PartialVolume)


def test_that_a_failed_reading_leaves_nothing_behind() -> None:
    images = ImageSet()
    images.arrive(partial(4))
    images.depart("1.9#1")
    assert images.to_look_at("1.9#1") is None
