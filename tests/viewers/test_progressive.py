"""A volume that is still being read: shown where it is read, striped elsewhere, and not measured on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import write_series
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from planner.app.case_images import attach_series
from planner.app.cases import case_from_series
from planner.app.images import scan
from planner.app.open_case import OpenCase
from planner.dicom import in_place
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.growing import Growing, PartialVolume
from planner.imaging.window import Window
from planner.model.items import MeasurementBody
from planner.store.actors import Actor
from planner.store.library import Library
from viewers.scene.slice_picture import SlicePicture, SliceRequest, render
from viewers.state.images import ImageSet
from viewers.state.view_state import standard_planes
from viewers.window.case_series import CaseSeries, series_key


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


@dataclass
class HalfRead:
    """A case whose series is being read; after its first slice the disk waits until `go_on` is set."""

    bench: Any
    series: CaseSeries
    key: str
    go_on: threading.Event
    whole: list[bool]

    def wait(self, is_done) -> None:
        self.bench._wait(lambda: is_done() and self.bench._is_drawn())

    def measure(self) -> list[object]:
        """Drag a distance over the axial picture; the measurements there are afterwards."""
        pane = self.bench.pane("axial")
        middle = pane.rect().center()
        QTest.keyClick(pane, Qt.Key.Key_D)
        none = Qt.KeyboardModifier.NoModifier
        QTest.mousePress(pane, Qt.MouseButton.LeftButton, none, middle)
        for far in (20, 60):
            place = (middle + QPoint(far, 0)).toPointF()
            seen = pane.mapToGlobal(place)
            left = Qt.MouseButton.LeftButton
            QApplication.sendEvent(pane, QMouseEvent(QEvent.Type.MouseMove, place, seen, left, left, none))
        QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, none, middle + QPoint(60, 0))
        self.bench.settle_drawing()
        return [mark for mark in self.bench.desk.marks.marks.value if isinstance(mark.body, MeasurementBody)]

    def colours(self) -> np.ndarray:
        """(y, x, 3) as painted in the middle of the axial pane."""
        image = self.bench.pane("axial").grab().toImage()
        x, y = image.width() // 2, image.height() // 2
        return np.array(
            [[image.pixelColor(x + i, y + j).getRgb()[:3] for i in range(14, 60, 3)] for j in range(20, 60, 3)]
        )


@pytest.fixture
def half_read(
    make_bench: Callable[..., Any], ball: Volume, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HalfRead]:
    def slice_of_ball(index: int, data):
        data.Rows = data.Columns = 80
        data.PixelSpacing, data.SliceThickness = [1.0, 1.0], 2.0
        data.ImagePositionPatient = [-40.0, -40.0, 2.0 * index]
        data.PixelData = (ball.voxels[index] + 1024).astype(np.int16).tobytes()
        return data

    folder = write_series(tmp_path / "images", slice_of_ball, len(ball.voxels))
    entry = scan([folder]).series[0]
    edit, _ = attach_series(case_from_series(entry), entry)
    case = edit(case_from_series(entry))
    go_on, first = threading.Event(), threading.Event()
    read = in_place.read_plane

    def slow(record, plane) -> None:
        if first.is_set():
            assert go_on.wait(60)
        first.set()
        read(record, plane)

    monkeypatch.setattr(in_place, "read_plane", slow)
    bench = make_bench(ball)
    bench.state.images.clear()
    bench.open_case(library)
    whole: list[bool] = []
    actor = Actor("reader", "radiologist")
    library.create_case(case, actor)
    series = CaseSeries(OpenCase(library, None, case, 1, actor), bench.desk, lambda: whole.append(True))
    made = HalfRead(bench, series, series_key(case.studies[0]), go_on, whole)
    series.load_keys([made.key])
    made.wait(lambda: bench.state.images.arriving_key is not None)
    yield made
    go_on.set()
    bench.settle()
    series.close()


def test_that_a_series_is_seen_before_it_is_whole_and_measured_only_then(half_read: HalfRead) -> None:
    images = half_read.bench.state.images
    assert half_read.whole == []
    assert images.volumes == {}
    assert images.to_look_at(half_read.key).fraction == pytest.approx(1 / 40)
    scene = half_read.bench.pane("axial").scene()
    assert "not read yet" in scene.notice
    assert half_read.measure() == []

    half_read.go_on.set()
    half_read.wait(lambda: images.volume(half_read.key) is not None)
    half_read.bench.settle()
    assert half_read.whole == [True]
    assert "not read" not in half_read.bench.pane("axial").scene().notice
    assert len(half_read.measure()) == 1


def test_that_the_slices_still_to_come_are_striped_in_the_pane(half_read: HalfRead) -> None:
    bench = half_read.bench
    grid = bench.state.images.to_look_at(half_read.key).grid
    bench.state.move_cursor(grid.frame_uid, grid.lps_from_kji.points((20, 40, 40)))
    half_read.wait(lambda: True)
    there = half_read.colours()
    assert (there[..., 0] == there[..., 2]).all()
    bench.state.move_cursor(grid.frame_uid, grid.lps_from_kji.points((5, 40, 40)))
    half_read.wait(lambda: True)
    missing = half_read.colours()
    assert (missing[..., 0] != missing[..., 2]).mean() > 0.9

    half_read.go_on.set()
    half_read.wait(lambda: bench.state.images.volume(half_read.key) is not None)
    bench.settle()
    arrived = half_read.colours()
    assert (arrived[..., 0] == arrived[..., 2]).all()
