"""An opened folder is remembered, and every change of it is noticed."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from dicom_files import ct_slice, save, write_series

from planner.app.images import load
from planner.dicom import reading
from planner.dicom.header_index import HeaderIndex, LateRecords
from planner.dicom.reading import Scan, scan_path
from planner.dicom.volume_writing import write_voxels
from planner.errors import InputRefused
from planner.geometry import Grid
from planner.jobs import Context

OTHER = "1.2.826.0.1.77"


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


def beside(folder: Path, *positions: int) -> None:
    """Slices of another series, in the same folder."""
    for k in positions:
        data = ct_slice(k)
        data.SeriesInstanceUID, data.SeriesNumber = OTHER, 9
        data.SOPInstanceUID = f"{OTHER}.{k}"
        save(data, folder / f"other{k}.dcm")


def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are opened from now on."""
    names: list[str] = []
    real = reading.scan_file
    monkeypatch.setattr(reading, "scan_file", lambda file: names.append(file.name) or real(file))
    return names


def test_that_a_new_file_costs_the_scan_of_its_series_and_of_no_other(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside(series, 0, 1, 2)
    opened(series, tmp_path / "index")
    beside(series, 3)
    names = scanned(monkeypatch)
    again = opened(series, tmp_path / "index")
    assert set(names) == {f"other{k}.dcm" for k in range(4)}
    assert again.to_json() == scan_path(series, Context()).to_json()
    assert [isinstance(entry.records, LateRecords) for entry in again.series] == [True, False]
    assert came_from_index(opened(series, tmp_path / "index"))


def test_that_a_series_that_lost_a_file_is_scanned_and_no_other(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside(series, 0, 1, 2)
    opened(series, tmp_path / "index")
    (series / "other1.dcm").unlink()
    names = scanned(monkeypatch)
    again = opened(series, tmp_path / "index")
    assert set(names) == {"other0.dcm", "other2.dcm"}
    assert again.to_json() == scan_path(series, Context()).to_json()


def test_that_a_file_that_moves_to_another_series_changes_both(series: Path, tmp_path: Path) -> None:
    beside(series, 0, 1, 2)
    opened(series, tmp_path / "index")
    data = ct_slice(7)
    data.SeriesInstanceUID = OTHER
    save(data, series / "007.dcm")
    assert opened(series, tmp_path / "index").to_json() == scan_path(series, Context()).to_json()


@pytest.mark.parametrize("seed", range(6))
def test_that_any_history_of_changes_ends_as_if_all_were_scanned(series: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    beside(series, 0, 1, 2, 3)
    for _ in range(5):
        files = sorted(file for file in series.rglob("*") if file.is_file())
        one = chance.choice(files)
        change = chance.randrange(5)
        if change == 0:
            one.unlink()
        elif change == 1:
            one.write_bytes(one.read_bytes()[:-40])
        elif change == 2:
            beside(series, chance.randrange(8))
        elif change == 3:
            one.rename(series / f"a{chance.randrange(99)}.dcm")
        else:
            (series / "link").unlink(missing_ok=True)
            (series / "link").symlink_to(one)
        assert opened(series, tmp_path / "index").to_json() == scan_path(series, Context()).to_json()


def test_that_volume_files_are_read_each_time_and_the_slices_beside_them_are_not(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = Grid.of((3, 4, 5), spacing_kji_mm=(1.0, 1.0, 1.0), frame_uid="1.2")
    write_voxels(np.zeros((3, 4, 5), np.int16), grid, series / "a.nii")
    (series / "broken.nrrd").write_bytes(b"NRRD no more")
    first = opened(series, tmp_path / "index")
    monkeypatch.setattr(reading, "scan_file", lambda file: pytest.fail(f"{file} was opened"))
    again = opened(series, tmp_path / "index")
    assert again.to_json() == first.to_json()
    assert [entry.image_file is not None for entry in again.series] == [False, True]
    assert "broken.nrrd" in [one.file.name for one in again.skipped]
    assert load(again.series[1]).voxels.shape == (3, 4, 5)


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
