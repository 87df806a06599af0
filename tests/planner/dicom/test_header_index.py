"""An opened folder is remembered, and every change of it is noticed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from dicom_files import ct_slice, save, write_series

from planner.app.images import load
from planner.dicom import reading
from planner.dicom.header_index import HeaderIndex, LateRecords
from planner.dicom.reading import Scan, scan_path
from planner.errors import InputRefused
from planner.jobs import Context


def later() -> int:
    """An hour from now: the files of a test are old enough to be remembered."""
    return time.time_ns() + 3_600_000_000_000


def opened(folder: Path, place: Path) -> Scan:
    return scan_path(folder, Context(), HeaderIndex(place, later))


def came_from_index(found: Scan) -> bool:
    return all(isinstance(entry.records, LateRecords) for entry in found.series)


@pytest.fixture
def series(tmp_path: Path) -> Path:
    folder = write_series(tmp_path / "images")
    (folder / "note.txt").write_text("not an image")
    return folder


def test_that_the_second_opening_opens_no_file_and_says_the_same(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(series, tmp_path / "index")
    assert not came_from_index(first)
    monkeypatch.setattr(reading, "scan_file", lambda file: pytest.fail(f"{file} was opened"))
    again = opened(series, tmp_path / "index")
    assert came_from_index(again)
    assert again.to_json() == first.to_json()
    assert tuple(again.series[0].files) == tuple(first.series[0].files)


def test_that_an_entry_of_the_index_loads_the_same_voxels(series: Path, tmp_path: Path) -> None:
    first = load(opened(series, tmp_path / "index").series[0])
    again = load(opened(series, tmp_path / "index").series[0])
    np.testing.assert_array_equal(again.voxels, first.voxels)
    assert again.source == first.source
    np.testing.assert_array_equal(again.grid.lps_from_kji.homogeneous, first.grid.lps_from_kji.homogeneous)


@pytest.mark.parametrize("change", ["added", "removed", "truncated", "rewritten"])
def test_that_a_change_of_the_folder_is_noticed(series: Path, tmp_path: Path, change: str) -> None:
    opened(series, tmp_path / "index")
    one = series / "003.dcm"
    if change == "added":
        save(ct_slice(8), series / "008.dcm")
    elif change == "removed":
        one.unlink()
    elif change == "truncated":
        one.write_bytes(one.read_bytes()[:-50])
    else:
        data = ct_slice(3)
        data.PatientName = "Test^Two"
        save(data, one)
    again = opened(series, tmp_path / "index")
    assert not came_from_index(again)
    assert again.to_json() == scan_path(series, Context()).to_json()


def test_that_files_that_lie_about_their_times_are_caught_when_they_are_loaded(series: Path, tmp_path: Path) -> None:
    opened(series, tmp_path / "index")
    remembered = opened(series, tmp_path / "index").series[0]
    one = series / "003.dcm"
    before = one.stat()
    one.write_bytes(one.read_bytes().replace(b"T-1 ", b"T-2 "))
    os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert one.stat().st_size == before.st_size
    with pytest.raises(InputRefused) as refusal:
        load(remembered)
    assert refusal.value.code == "images-changed"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": 99}', b"\xff" * 99, b"[" * 9999]
)
def test_that_a_corrupt_index_is_ignored_and_written_anew(series: Path, tmp_path: Path, content: bytes) -> None:
    first = opened(series, tmp_path / "index")
    (file,) = (tmp_path / "index").iterdir()
    file.write_bytes(content)
    again = opened(series, tmp_path / "index")
    assert not came_from_index(again)
    assert again.to_json() == first.to_json()
    assert came_from_index(opened(series, tmp_path / "index"))


def test_that_a_damaged_list_of_series_is_ignored(series: Path, tmp_path: Path) -> None:
    opened(series, tmp_path / "index")
    (file,) = (tmp_path / "index").iterdir()
    file.write_text(file.read_text().replace('"files": [0', '"files": [77'))
    assert not came_from_index(opened(series, tmp_path / "index"))


def test_that_files_that_may_still_change_are_not_remembered(series: Path, tmp_path: Path) -> None:
    scan_path(series, Context(), HeaderIndex(tmp_path / "index"))
    assert not (tmp_path / "index").exists()


def test_that_an_index_that_cannot_be_written_costs_nothing_but_time(series: Path, tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file where the folder should be")
    assert len(opened(series, tmp_path / "index").series) == 1
