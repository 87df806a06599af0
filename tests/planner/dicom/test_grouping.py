"""One series, several volumes: split only where a tag tells them apart; multi-frame objects; kinds of image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_files import SERIES, ct_slice, putting, save, stored, write_series
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from planner.app.images import load, scan


def two_passes(folder: Path, **second: object) -> Path:
    """Two scans of the same eight positions in one series; the second differs in the given attributes."""
    write_series(folder / "first", putting(AcquisitionTime="100000"))

    def edit(index: int, data: Dataset) -> Dataset:
        putting(**second)(index, data)
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.PixelData = (stored(index) + 7).tobytes()
        return data

    write_series(folder / "second", edit)
    return folder


DISTINGUISHING = {
    "acquisition": {"AcquisitionNumber": 2},
    "time point": {"TemporalPositionIdentifier": 2},
    "image type": {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]},
    "kernel": {"ConvolutionKernel": "B70f"},
    "echo": {"EchoTime": 4.6},
    "acquisition time": {"AcquisitionTime": "100100"},
    "contrast": {"ContrastBolusStartTime": "095900"},
}


@pytest.mark.parametrize("name", DISTINGUISHING)
def test_that_a_distinguishing_tag_makes_parts(name: str, tmp_path: Path) -> None:
    found = scan([two_passes(tmp_path, **{"AcquisitionTime": "100000", **DISTINGUISHING[name]})]).series
    assert [(one.uid, one.kind, one.frames, one.loadable) for one in found] == [(SERIES, "volume", 8, True)] * 2
    assert sorted(one.part for one in found) == [1, 2]
    assert all("multi-phase" in [finding.code for finding in one.findings] for one in found)
    values = {int(np.min(load(one).voxels)) for one in found}
    assert values == {-1024, -1017}


def test_that_without_a_tag_positions_that_repeat_are_duplicates(tmp_path: Path) -> None:
    (entry,) = scan([two_passes(tmp_path, AcquisitionTime="100000")]).series
    assert [one.code for one in entry.findings if one.blocks] == ["duplicate-slices"]


def test_that_one_acquisition_per_slice_is_one_volume(tmp_path: Path) -> None:
    (entry,) = scan([write_series(tmp_path, putting(AcquisitionNumber=lambda index: index + 1))]).series
    assert (entry.frames, entry.loadable) == (8, True)


def test_that_acquisitions_that_follow_each_other_are_one_volume(tmp_path: Path) -> None:
    (entry,) = scan([write_series(tmp_path, putting(AcquisitionNumber=lambda index: 1 + index // 4))]).series
    assert (entry.frames, entry.loadable) == (8, True)


def test_that_phases_are_told_by_the_time_after_injection(tmp_path: Path) -> None:
    write_series(tmp_path / "a", putting(AcquisitionTime="100035", ContrastBolusStartTime="100000"))

    def edit(index: int, data: Dataset) -> Dataset:
        data.AcquisitionTime, data.ContrastBolusStartTime, data.AcquisitionNumber = "100110", "100000", 2
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        return data

    write_series(tmp_path / "b", edit)
    found = scan([tmp_path]).series
    assert [(one.part, one.label) for one in found] == [(1, "arterial"), (2, "portal-venous")]
    assert load(found[0]).source.phase == "arterial"


@pytest.mark.parametrize(
    ("words", "phase"),
    [
        ("Abd arterial 2.5", "arterial"),
        ("LATE ARTERIAL", "arterial"),
        ("PORTAL VENOUS", "portal-venous"),
        ("liver_delayed_5min", "delayed"),
        ("non-contrast", "non-contrast"),
        ("门静脉期", "portal-venous"),
        ("arterial and portal", None),
        ("CT Body 3.0", None),
    ],
)
def test_that_a_phase_is_named_only_when_the_words_say_one(words: str, phase: str | None, tmp_path: Path) -> None:
    edit = putting(SeriesDescription=words, SpecificCharacterSet="ISO_IR 192")
    (entry,) = scan([write_series(tmp_path, edit, count=2)]).series
    assert entry.source.phase == phase


def test_that_localizers_are_split_out(tmp_path: Path) -> None:
    write_series(tmp_path)
    scout = ct_slice(0)
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    save(scout, tmp_path / "scout.dcm")
    found = scan([tmp_path]).series
    assert [(one.kind, one.frames, one.loadable) for one in found] == [("volume", 8, True), ("localizer", 1, False)]
    assert [one.part for one in found] == [1, 2]


@pytest.mark.parametrize(
    ("uid", "modality", "kind"),
    [
        ("1.2.840.10008.5.1.4.1.1.12.1", "XA", "angio"),
        ("1.2.840.10008.5.1.4.1.1.1.1", "DX", "projection"),
        ("1.2.840.10008.5.1.4.1.1.7", "OT", "object"),
        ("1.2.840.10008.5.1.4.1.1.128", "PT", "volume"),
        ("1.2.840.10008.5.1.4.1.1.4", "MR", "volume"),
    ],
)
def test_that_the_object_class_tells_the_kind(uid: str, modality: str, kind: str, tmp_path: Path) -> None:
    (entry,) = scan([write_series(tmp_path, putting(SOPClassUID=uid, Modality=modality), count=1)]).series
    assert entry.kind == kind


def test_that_pet_slices_are_rescaled_each_by_its_own_slope(tmp_path: Path) -> None:
    edit = putting(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.128",
        Modality="PT",
        Units="BQML",
        RescaleSlope=lambda index: f"0.{index + 1}1",
        RescaleIntercept=0,
    )
    volume = load(scan([write_series(tmp_path, edit)]).series[0])
    assert volume.source.unit == "Bq/mL"
    np.testing.assert_array_equal(volume.voxels[3], stored(3) * 0.41)


def item(**values: object) -> Sequence:
    data = Dataset()
    for keyword, value in values.items():
        setattr(data, keyword, value)
    return Sequence([data])


def enhanced(positions: list[float], class_uid: str = "1.2.840.10008.5.1.4.1.1.2.1", modality: str = "CT") -> Dataset:
    """A multi-frame object whose frames lie at the given heights, in that order."""
    data = ct_slice(0)
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        delattr(data, keyword)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = class_uid
    data.Modality, data.NumberOfFrames = modality, len(positions)
    data.PixelData = b"".join(stored(index).tobytes() for index in range(len(positions)))
    shared = Dataset()
    shared.PixelMeasuresSequence = item(PixelSpacing=[0.8, 0.7], SliceThickness=2.0)
    shared.PlaneOrientationSequence = item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared.PixelValueTransformationSequence = item(RescaleSlope=2, RescaleIntercept=-1000, RescaleType="HU")
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for height in positions:
        frame = Dataset()
        frame.PlanePositionSequence = item(ImagePositionPatient=[1.0, 2.0, height])
        frame.FrameContentSequence = item(StackID="1")
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return data


@pytest.mark.parametrize(
    ("class_uid", "modality"),
    [("1.2.840.10008.5.1.4.1.1.2.1", "CT"), ("1.2.840.10008.5.1.4.1.1.13.1.1", "XA")],
)
def test_that_multi_frame_volumes_are_sorted_by_position(class_uid: str, modality: str, tmp_path: Path) -> None:
    save(enhanced([14.0, 10.0, 12.0, 16.0], class_uid, modality), tmp_path / "multi.dcm")
    (entry,) = scan([tmp_path]).series
    assert (entry.kind, entry.loadable) == ("volume", True)
    volume = load(entry)
    assert volume.grid.spacing_kji_mm == pytest.approx((2.0, 0.8, 0.7))
    np.testing.assert_allclose(volume.grid.lps_from_kji.points([0, 0, 0]), [1.0, 2.0, 10.0])
    for k, frame in enumerate([1, 2, 0, 3]):
        np.testing.assert_array_equal(volume.voxels[k], stored(frame).astype(int) * 2 - 1000)
    assert volume.source.unit == "HU"


def test_that_stacks_and_time_points_of_a_multi_frame_object_are_parts(tmp_path: Path) -> None:
    data = enhanced([10.0, 12.0, 10.0, 12.0])
    for number, frame in enumerate(data.PerFrameFunctionalGroupsSequence):
        frame.FrameContentSequence[0].TemporalPositionIndex = 1 + number // 2
    save(data, tmp_path / "multi.dcm")
    found = scan([tmp_path]).series
    assert [(one.part, one.label, one.frames) for one in found] == [(1, "time point 1", 2), (2, "time point 2", 2)]
    np.testing.assert_array_equal(load(found[1]).voxels[0], stored(2).astype(int) * 2 - 1000)


def test_that_a_missing_frame_description_is_refused(tmp_path: Path) -> None:
    data = enhanced([10.0, 12.0, 14.0])
    data.PerFrameFunctionalGroupsSequence = data.PerFrameFunctionalGroupsSequence[:2]
    with disable_value_validation():
        save(data, tmp_path / "multi.dcm")
    (entry,) = scan([tmp_path]).series
    assert "truncated" in [one.code for one in entry.findings if one.blocks]


def test_that_a_sagittal_stack_keeps_its_own_axes(tmp_path: Path) -> None:
    def edit(index: int, data: Dataset) -> Dataset:
        data.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        data.ImagePositionPatient = [30.0 - 3.0 * index, -50.0, 80.0]
        return data

    volume = load(scan([write_series(tmp_path, edit)]).series[0])
    place = volume.grid.lps_from_kji.points([0, 2, 3])
    np.testing.assert_allclose(place, [30.0, -50.0 + 3 * 0.7, 80.0 - 2 * 0.8], atol=1e-9)
    np.testing.assert_array_equal(volume.voxels[0], stored(0) - 1024)
    np.testing.assert_allclose(volume.grid.axes_lps[:, 0], [-1, 0, 0], atol=1e-9)


def test_that_three_planes_of_a_pilot_are_a_localizer(tmp_path: Path) -> None:
    planes = ([1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1])
    edit = putting(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.4",
        Modality="MR",
        SeriesDescription="3 plane PILOT",
        ImageOrientationPatient=lambda index: planes[index],
    )
    (entry,) = scan([write_series(tmp_path, edit, count=3)]).series
    assert (entry.kind, entry.loadable) == ("localizer", False)
