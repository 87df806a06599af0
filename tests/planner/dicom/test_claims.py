"""Headers that claim the impossible: refused in words before anything is allocated, opened or waited for."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import save, write_series
from fuzz.seeds import dicom_bytes, media_directory, segmentation, volume_files
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset

from planner.app.image_masks import open_masks
from planner.app.images import load, open_image, scan
from planner.dicom import limits
from planner.dicom.memory import available_bytes
from planner.dicom.rescaling import stacked
from planner.errors import InputRefused


@pytest.fixture(scope="module")
def volumes() -> dict[str, bytes]:
    return dict(volume_files())


def _nifti_sides(content: bytes) -> bytes:
    return content[:40] + struct.pack("<8h", 3, 1000, 1000, 1000, 1, 1, 1, 1) + content[56:]


CLAIMS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "NIfTI of 2 GB": ("v.nii", _nifti_sides, "truncated"),
    "NRRD of 2 GB": ("v.nrrd", lambda raw: raw.replace(b"sizes: 5 6 4", b"sizes: 999 999 999"), "truncated"),
    "MetaImage of 2 GB": ("v.mha", lambda raw: raw.replace(b"DimSize = 5 6 4", b"DimSize = 999 999 999"), "truncated"),
    "NRRD without numbers": ("v.nrrd", lambda raw: raw.replace(b"sizes: 5 6 4", b"sizes: nan inf 4"), "undecodable"),
    "NRRD of broken size": ("v.nrrd", lambda raw: raw.replace(b"sizes: 5 6 4", b"sizes: 5.5 6 4"), "undecodable"),
    "NRRD of nan dimensions": (
        "v.nrrd",
        lambda raw: raw.replace(b"dimension: 3", b"dimension: nan"),
        "undecodable",
    ),
    "MetaImage without numbers": (
        "v.mha",
        lambda raw: raw.replace(b"DimSize = 5 6 4", b"DimSize = inf 6 4"),
        "undecodable",
    ),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_that_a_volume_file_that_claims_too_much_is_refused(
    name: str, volumes: dict[str, bytes], tmp_path: Path
) -> None:
    file, change, code = CLAIMS[name]
    changed = change(volumes[file])
    assert changed != volumes[file]
    (tmp_path / file).write_bytes(changed)
    tracemalloc.start()
    try:
        with pytest.raises(InputRefused) as refusal:
            open_image(tmp_path / file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refusal.value.code == code
    assert file in refusal.value.message
    assert peak < 16 * limits.MEBI


def test_that_a_header_that_skips_beyond_its_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.mhd").write_text(
        "NDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\nHeaderSize = 1e300\nElementDataFile = v.raw\n",
        encoding="ascii",
    )
    (tmp_path / "v.raw").write_bytes(bytes(16))
    (skipped,) = (one for one in scan([tmp_path]).skipped if one.file.name == "v.mhd")
    assert (skipped.code, "header size" in skipped.text) == ("undecodable", True)


def test_that_a_segment_value_of_ten_thousand_digits_is_passed_over(tmp_path: Path) -> None:
    head = (
        "NRRD0004\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 2 2\n"
        "space directions: (1,0,0) (0,1,0) (0,0,1)\nencoding: raw\nspace origin: (0,0,0)\n"
        f"Segment0_Name:=liver\nSegment0_LabelValue:={'9' * 10_000}\n"
        "Segment1_Name:=spleen\nSegment1_LabelValue:=1\n\n"
    )
    (tmp_path / "s.seg.nrrd").write_bytes(head.encode() + bytes([1, 0] * 4))
    (found,) = open_masks(str(tmp_path / "s.seg.nrrd"))
    assert list(found.labels) == [1]


def test_that_a_zip_of_a_million_names_is_refused_by_its_directory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(5):
            archive.writestr(str(number), b"")
    raw = bytearray((tmp_path / "many.zip").read_bytes())
    at = raw.rindex(b"PK\x05\x06")
    raw[at + 8 : at + 12] = struct.pack("<HH", 60_000, 60_000)
    (tmp_path / "many.zip").write_bytes(bytes(raw))
    (skipped,) = scan([tmp_path / "many.zip"]).skipped
    assert (skipped.code, "more than 50000 files" in skipped.text) == ("too-large", True)


@pytest.mark.parametrize(
    "parts", [["A" * 300], ["A" * 250] * 16, ["A"] * 40], ids=["long name", "long path", "many folders"]
)
def test_that_a_dicomdir_with_impossible_paths_lists_them(parts: list[str], tmp_path: Path) -> None:
    write_series(tmp_path / "IMAGES", count=1)
    data = media_directory()
    with disable_value_validation():
        data.DirectoryRecordSequence[0].ReferencedFileID = parts
        data.DirectoryRecordSequence[1].ReferencedFileID = ["IMAGES", "000.dcm"]
        save(data, tmp_path / "DICOMDIR")
    found = scan([tmp_path / "DICOMDIR"])
    assert [one.frames for one in found.series] == [1]
    assert [one.code for one in found.skipped] in (["missing-file"], ["unsafe-entry"])


def _without_step(data: Dataset, value: float | None) -> None:
    """Both segments on one plane, so that only the declared spacing says how far slices lie apart."""
    for frame in data.PerFrameFunctionalGroupsSequence:
        frame.PlanePositionSequence[0].ImagePositionPatient = [1.0, 2.0, 10.0]
    data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = value


@pytest.mark.parametrize("spacing", [0.0, -2.0, 1e300, None])
def test_that_an_impossible_slice_spacing_of_a_segmentation_is_not_used(spacing: float | None, tmp_path: Path) -> None:
    data = segmentation()
    with disable_value_validation():
        _without_step(data, spacing)
    (tmp_path / "seg.dcm").write_bytes(dicom_bytes(data))
    for found in open_masks(str(tmp_path / "seg.dcm")):
        assert found.grid.size_kji == (1, 16, 12)
        assert 0 < found.grid.spacing_kji_mm[0] <= limits.PLAUSIBLE_SLICE_SPACING_MM[1]


SEGMENTATIONS: dict[str, Callable[[Dataset], None]] = {
    "colour": lambda data: data.update({"SamplesPerPixel": 3, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}),
    "signed": lambda data: data.update({"PixelRepresentation": 1}),
    "no segment": lambda data: data.PerFrameFunctionalGroupsSequence[0].clear(),
    "segment nought": lambda data: (
        data.PerFrameFunctionalGroupsSequence[0].SegmentIdentificationSequence[0].update({"ReferencedSegmentNumber": 0})
    ),
}


@pytest.mark.parametrize("name", SEGMENTATIONS)
def test_that_an_impossible_segmentation_is_refused(name: str, tmp_path: Path) -> None:
    data = segmentation()
    if name == "colour":
        data.PixelData = bytes(6 * 16 * 12 * 3)
    with disable_value_validation():
        SEGMENTATIONS[name](data)
    (tmp_path / "seg.dcm").write_bytes(dicom_bytes(data))
    with pytest.raises(InputRefused, match="seg.dcm") as refusal:
        open_masks(str(tmp_path / "seg.dcm"))
    assert refusal.value.code in ("undecodable", "bad-orientation")


@pytest.mark.parametrize(("slope", "intercept"), [(1e300, 0.0), (1.0, 1e300), (-1e300, 1e300)])
def test_that_an_impossible_rescale_of_zeros_is_computed_in_floats(slope: float, intercept: float) -> None:
    found = stacked([(np.zeros((2, 2), np.int16), slope, intercept)], (1, 2, 2))
    assert found.dtype.kind == "f" or not found.any()
    np.testing.assert_array_equal(found.astype(np.float64), np.full((1, 2, 2), intercept))


def test_that_the_memory_limit_of_the_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    free = available_bytes()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10 * limits.MEBI, 10 * limits.MEBI))
    assert available_bytes() == 0
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert free is not None


def test_that_a_whole_series_still_loads_beside_all_claims(volumes: dict[str, bytes], tmp_path: Path) -> None:
    """Contract (d): the others of one import load."""
    for number, (file, change, _) in enumerate(CLAIMS.values()):
        (tmp_path / f"{number}{file}").write_bytes(change(volumes[file]))
    write_series(tmp_path / "ct")
    (good,) = (one for one in scan([tmp_path]).series if one.modality == "CT")
    assert load(good).voxels.shape == (8, 16, 12)
