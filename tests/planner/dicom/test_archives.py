"""Zip archives and DICOMDIRs: what lies inside comes in, what leads out does not."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest
from data import shared_data
from dicom_files import ct_slice, save, write_series
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from planner.app.images import load, scan
from planner.errors import UsageError


def zipped(folder: Path, out: Path) -> Path:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"CD/IMAGES/{file.name}")
    return out


def test_that_a_zip_loads_like_its_folder_and_cleans_up_after_itself(tmp_path: Path) -> None:
    archive = zipped(write_series(tmp_path / "ct"), tmp_path / "ct.zip")
    found = scan([archive])
    folder = found.series[0].files[0].parent
    assert load(found.series[0]).voxels.shape == (8, 16, 12)
    assert tmp_path not in folder.parents
    assert folder.exists()
    del found
    assert not folder.exists()


@pytest.mark.parametrize("name", ["../evil.dcm", "/evil.dcm", "a/../../evil.dcm", "C:\\evil.dcm"])
def test_that_a_path_that_leads_out_of_a_zip_is_left_out_and_listed(name: str, tmp_path: Path) -> None:
    archive = zipped(write_series(tmp_path / "ct"), tmp_path / "ct.zip")
    with zipfile.ZipFile(archive, "a") as more:
        more.write(save(ct_slice(9), tmp_path / "x.dcm"), "x")
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        more.writestr(info, (tmp_path / "x.dcm").read_bytes())
    found = scan([archive])
    assert "unsafe-entry" in [one.code for one in found.skipped]
    assert sum(one.frames or 0 for one in found.series) == 9
    assert not list(tmp_path.parent.glob("evil.dcm"))


def test_that_links_in_a_zip_are_left_out(tmp_path: Path) -> None:
    archive = zipped(write_series(tmp_path / "ct"), tmp_path / "ct.zip")
    link = zipfile.ZipInfo("link.dcm")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr(link, "/etc/hostname")
    assert [one.code for one in scan([archive]).skipped] == ["unsafe-entry"]


def test_that_a_zip_bomb_is_refused_before_it_grows(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", bytes(100 << 20))
    (skipped,) = scan([tmp_path / "bomb.zip"]).skipped
    assert skipped.code == "too-large"


def test_that_a_broken_zip_is_listed_and_the_other_paths_load(tmp_path: Path) -> None:
    archive = zipped(write_series(tmp_path / "ct"), tmp_path / "ct.zip")
    archive.write_bytes(archive.read_bytes()[:1500])
    found = scan([archive, tmp_path / "ct"])
    assert [one.code for one in found.skipped] == ["truncated"]
    assert [one.frames for one in found.series] == [8]


def media(folder: Path, listed: list[list[str]]) -> Path:
    """A DICOMDIR that lists files by their path components."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    records = []
    for parts in listed:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        with disable_value_validation():
            record.ReferencedFileID = parts
        records.append(record)
    data.DirectoryRecordSequence = Sequence(records)
    with disable_value_validation():
        return save(data, folder / "DICOMDIR")


def test_that_a_dicomdir_brings_in_the_files_it_lists(tmp_path: Path) -> None:
    write_series(tmp_path / "images")
    found = scan([media(tmp_path, [["IMAGES", f"00{index}.DCM"] for index in range(8)])])
    assert [(one.frames, one.loadable) for one in found.series] == [(8, True)]
    assert found.skipped == ()


def test_that_a_dicomdir_leads_nowhere_else(tmp_path: Path) -> None:
    inside = tmp_path / "medium"
    write_series(inside / "images", count=2)
    outside = save(ct_slice(5), tmp_path / "outside.dcm")
    (inside / "link.dcm").symlink_to(outside)
    listed = [["images", "000.dcm"], ["..", "outside.dcm"], [str(outside)], ["link.dcm"], ["images", "gone.dcm"]]
    found = scan([media(inside, listed)])
    assert [one.frames for one in found.series] == [1]
    assert [one.code for one in found.skipped] == ["unsafe-entry", "unsafe-entry", "missing-file", "missing-file"]


def test_that_a_folder_with_a_dicomdir_is_scanned_once(tmp_path: Path) -> None:
    write_series(tmp_path / "images")
    media(tmp_path, [["images", "000.dcm"]])
    found = scan([tmp_path])
    assert [one.frames for one in found.series] == [8]
    assert found.skipped == ()


def test_that_a_real_dicomdir_is_followed() -> None:
    found = scan([shared_data("hard-pydicom/test_files/dicomdirtests/DICOMDIR")])
    assert sum(one.frames or 0 for one in found.series) == 31


def test_that_a_path_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        scan([tmp_path / "absent"])
