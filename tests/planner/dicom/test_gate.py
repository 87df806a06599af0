"""The geometry gate: every fault of a series has its code, and nothing wrong loads without a word."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from dicom_files import FRAME, SERIES, Edit, ct_slice, from_slice, one_file, putting, save, stored, write_series
from pydicom.dataset import Dataset

from planner.app.images import SeriesEntry, load, scan
from planner.errors import InputRefused
from planner.findings import Severity


def only(folder: Path) -> SeriesEntry:
    found = scan([folder])
    assert len(found.series) == 1
    return found.series[0]


def blocking(entry: SeriesEntry) -> list[str]:
    return [one.code for one in entry.findings if one.blocks]


def leave_out(*gone: int) -> Edit:
    return lambda index, data: None if index in gone else data


def half_height(index: int, data: Dataset) -> Dataset:
    if index == 5:
        data.Rows = 8
        data.PixelData = data.PixelData[: len(data.PixelData) // 2]
    return data


def on_position_of_fourth(index: int, data: Dataset) -> Dataset:
    if index == 5:
        data.ImagePositionPatient = [-40.5, -60.25, 120.0]
    return data


def narrowing(index: int) -> list[float]:
    return [-40.5, -60.25, 100 + (5.0 * index if index < 4 else 15 + 2.5 * (index - 3))]


FAULTS: dict[str, tuple[Edit, list[str]]] = {
    "good": (lambda index, data: data, []),
    "two patients": (from_slice(5, PatientID="T-2", PatientName="Test^Two"), ["mixed-patients"]),
    "same id, other birth date": (from_slice(5, PatientBirthDate="19600102"), ["mixed-patients"]),
    "same id, other issuer": (from_slice(5, IssuerOfPatientID="elsewhere"), ["mixed-patients"]),
    "id differs in a leading zero": (from_slice(5, PatientID="0T-1"), ["mixed-patients"]),
    "two frames": (from_slice(5, FrameOfReferenceUID="1.2.3.4"), ["mixed-frames"]),
    "two studies": (from_slice(5, StudyInstanceUID="1.2.3.5"), ["mixed-frames"]),
    "flipped in half": (from_slice(5, ImageOrientationPatient=[-1, 0, 0, 0, 1, 0]), ["mixed-orientation"]),
    "two pixel spacings": (from_slice(5, PixelSpacing=[1.0, 1.0]), ["mixed-spacing"]),
    "one smaller slice": (half_height, ["mixed-spacing"]),
    "tilted": (putting(ImagePositionPatient=lambda i: [0, 1.5 * i, 5.0 * i]), ["gantry-tilt"]),
    "one slice gone": (leave_out(4), ["missing-slices"]),
    "two slices gone": (leave_out(3, 4), ["missing-slices"]),
    "uneven": (putting(ImagePositionPatient=narrowing), ["uneven-spacing"]),
    "one position twice": (on_position_of_fourth, ["duplicate-slices", "missing-slices"]),
    "reversed numbers": (putting(InstanceNumber=lambda i: 8 - i), []),
    "last slices gone": (leave_out(6, 7), []),
    "slope zero": (from_slice(5, RescaleSlope=0), ["no-rescale"]),
    "orientation askew": (putting(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), ["bad-orientation"]),
    "orientation zeros": (putting(ImageOrientationPatient=[0] * 6), ["bad-orientation"]),
    "position far away": (putting(ImagePositionPatient=[1e30, 0, 0]), ["bad-orientation"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_that_each_fault_of_a_series_has_its_code(name: str, tmp_path: Path) -> None:
    edit, codes = FAULTS[name]
    entry = only(write_series(tmp_path, edit))
    assert blocking(entry) == codes
    assert entry.loadable == (not codes)


def test_that_every_fault_is_listed_and_not_the_first_only(tmp_path: Path) -> None:
    def edit(index: int, data: Dataset) -> Dataset | None:
        data.ImagePositionPatient = [0, 1.5 * index, 5.0 * index]
        data.FrameOfReferenceUID = FRAME if index < 5 else "1.2.3.4"
        data.PatientID = "T-1" if index < 3 else "T-2"
        return None if index == 4 else data

    found = set(blocking(only(write_series(tmp_path, edit))))
    assert found == {"mixed-patients", "mixed-frames", "gantry-tilt", "missing-slices"}


def test_that_a_sentence_names_the_slices_and_what_to_do(tmp_path: Path) -> None:
    entry = only(write_series(tmp_path, leave_out(4)))
    (finding,) = (one for one in entry.findings if one.blocks)
    assert "003.dcm" in finding.text
    assert "005.dcm" in finding.text
    assert "fetch the series again" in finding.text
    assert (finding.measured, finding.unit) == (pytest.approx(10.0), "mm")


@pytest.mark.parametrize("name", [name for name, (_, codes) in FAULTS.items() if codes])
def test_that_each_fault_of_a_series_says_where_and_what_to_do(name: str, tmp_path: Path) -> None:
    entry = only(write_series(tmp_path, FAULTS[name][0]))
    for finding in entry.findings:
        assert re.search(r"import .*apart|fetch|ask for|accept", finding.text), finding.text
        assert ".dcm" in finding.text or finding.code == "gantry-tilt"


def test_that_missing_slices_are_named_by_position_and_number(tmp_path: Path) -> None:
    entry = only(write_series(tmp_path, leave_out(3, 8, 9), count=16))
    (finding,) = (one for one in entry.findings if one.blocks)
    assert finding.text.startswith("3 slices are missing")
    assert "from 140.00 to 145.00 mm (numbers 9 to 10) between 007.dcm and 010.dcm" in finding.text
    assert "at 115.00 mm (number 4) between 002.dcm and 004.dcm" in finding.text


def test_that_missing_slices_of_a_reversed_series_have_their_numbers(tmp_path: Path) -> None:
    def edit(index: int, data: Dataset) -> Dataset | None:
        data.InstanceNumber = 20 - index
        return None if index == 4 else data

    (finding,) = (one for one in only(write_series(tmp_path, edit)).findings if one.blocks)
    assert "at 120.00 mm (number 16)" in finding.text


def test_that_numbers_that_do_not_jump_are_not_made_up(tmp_path: Path) -> None:
    def edit(index: int, data: Dataset) -> Dataset | None:
        data.InstanceNumber = index + 1 - (index > 4)
        return None if index == 4 else data

    (finding,) = (one for one in only(write_series(tmp_path, edit)).findings if one.blocks)
    assert "at 120.00 mm between" in finding.text


def test_that_missing_ends_are_told_by_the_count_in_the_files(tmp_path: Path) -> None:
    def edit(index: int, data: Dataset) -> Dataset | None:
        data.ImagesInAcquisition = 8
        return None if index > 5 else data

    entry = only(write_series(tmp_path / "cut", edit))
    (finding,) = entry.findings
    assert (finding.code, finding.severity) == ("missing-slices", Severity.WARN)
    assert "6 images are here, the files name 8" in finding.text
    assert entry.loadable
    whole = only(write_series(tmp_path / "whole", putting(ImagesInAcquisition=8)))
    assert whole.findings == ()


def test_that_a_refused_series_does_not_load_and_says_its_code(tmp_path: Path) -> None:
    entry = only(write_series(tmp_path, from_slice(5, PatientID="T-2")))
    assert entry.kind == "refused"
    with pytest.raises(InputRefused) as refusal:
        load(entry, accept=("mixed-patients",))
    assert refusal.value.code == "mixed-patients"


@pytest.mark.parametrize(
    "spacing", [b"0,661\\0,661", b"0\\0", b"-1\\1", b"NaN\\NaN", b"inf\\inf", b"1e999\\1", b"abc\\x"]
)
def test_that_a_pixel_spacing_that_is_no_spacing_is_refused(spacing: bytes, tmp_path: Path) -> None:
    file = one_file(tmp_path, PixelSpacing=[0.123456, 0.123456])
    good = b"0.123456\\0.123456 "
    raw = file.read_bytes()
    assert good in raw
    file.write_bytes(raw.replace(good, spacing.ljust(len(good))))
    entry = only(tmp_path)
    assert blocking(entry) == ["implausible-spacing"]
    (text,) = (one.text for one in entry.findings if one.blocks)
    assert ("comma" in text) == (b"," in spacing)


def test_that_a_missing_pixel_spacing_is_never_one_millimetre(tmp_path: Path) -> None:
    one_file(tmp_path, drop=("PixelSpacing",))
    entry = only(tmp_path)
    assert blocking(entry) == ["missing-spacing"]
    assert entry.grid is None


def test_that_a_ct_without_rescale_loads_without_hounsfield_units(tmp_path: Path) -> None:
    one_file(tmp_path, drop=("RescaleSlope", "RescaleIntercept"))
    entry = only(tmp_path)
    assert [(one.code, one.severity) for one in entry.findings] == [("no-rescale", Severity.WARN)]
    volume = load(entry)
    assert volume.source.unit is None
    np.testing.assert_array_equal(volume.voxels[0], stored(0))


def test_that_a_patient_position_against_the_orientation_warns(tmp_path: Path) -> None:
    entry = only(write_series(tmp_path, putting(PatientPosition="FFS")))
    assert [(one.code, one.severity) for one in entry.findings] == [("patient-position", Severity.WARN)]
    assert entry.loadable


def test_that_images_without_a_frame_of_reference_load_and_say_so(tmp_path: Path) -> None:
    one_file(tmp_path, drop=("FrameOfReferenceUID",))
    entry = only(tmp_path)
    assert [(one.code, one.severity) for one in entry.findings] == [("missing-frame", Severity.INFO)]
    assert load(entry).grid.frame_uid != FRAME


def test_that_a_missing_slice_is_filled_only_by_consent_and_the_volume_remembers_it(tmp_path: Path) -> None:
    entry = only(write_series(tmp_path, leave_out(4)))
    with pytest.raises(InputRefused):
        load(entry)
    volume = load(entry, accept=("missing-slices",))
    assert volume.grid.size_kji[0] == 8
    assert volume.grid.spacing_kji_mm[0] == pytest.approx(5.0)
    np.testing.assert_array_equal(volume.voxels[4], stored(4) - 1024)
    assert "missing-slices" in volume.source.provenance[0]


def test_that_uneven_gaps_become_even_where_linear_values_prove_it(tmp_path: Path) -> None:
    def edit(index: int, data: Dataset) -> Dataset:
        place = narrowing(index)
        data.ImagePositionPatient = place
        data.PixelData = np.full((16, 12), round(place[2] * 10), np.int16).tobytes()
        return data

    volume = load(only(write_series(tmp_path, edit)), accept=("uneven-spacing",))
    heights = volume.grid.lps_from_kji.points([[k, 0, 0] for k in range(volume.grid.size_kji[0])])[:, 2]
    np.testing.assert_allclose(volume.voxels[:, 3, 3], heights * 10 - 1024, atol=0.51)


def test_that_a_tilted_stack_is_straightened_onto_the_right_places(tmp_path: Path) -> None:
    def edit(index: int, data: Dataset) -> Dataset:
        origin = np.array([0.0, 1.5 * index, 5.0 * index])
        data.ImagePositionPatient = origin.tolist()
        rows = origin[1] + 0.8 * np.arange(16)
        data.PixelData = np.tile(np.rint(rows * 100)[:, None], (1, 12)).astype(np.int16).tobytes()
        return data

    volume = load(only(write_series(tmp_path, edit)), accept=("gantry-tilt",))
    axes = volume.grid.axes_lps
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-9)
    for k, j in ((2, 8), (5, 10)):
        place = volume.grid.lps_from_kji.points([k, j, 5])
        value = float(volume.voxels[k, j, 5])
        if value > float(volume.voxels.min()):
            assert value + 1024 == pytest.approx(place[1] * 100, abs=3.0)
    assert "gantry-tilt" in volume.source.provenance[0]
    assert volume.grid.spacing_kji_mm == pytest.approx((5.0, 0.8, 0.7))


def test_that_equal_doubles_are_dropped_by_consent_and_different_ones_never(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "equal")
    twin = ct_slice(3)
    twin.SOPInstanceUID = twin.file_meta.MediaStorageSOPInstanceUID = "1.2.3.9"
    save(twin, folder / "twin.dcm")
    entry = only(folder)
    assert blocking(entry) == ["duplicate-slices"]
    volume = load(entry, accept=("duplicate-slices",))
    assert volume.grid.size_kji[0] == 8
    assert "left out" in volume.source.provenance[0]
    twin.PixelData = stored(7).tobytes()
    save(twin, folder / "twin.dcm")
    with pytest.raises(InputRefused) as refusal:
        load(only(folder), accept=("duplicate-slices",))
    assert refusal.value.code == "duplicate-slices"


def test_that_slices_scattered_sideways_are_no_tilt_that_can_be_mended(tmp_path: Path) -> None:
    entry = only(write_series(tmp_path, putting(ImagePositionPatient=lambda i: [0, 6.0 * (i % 2), 5.0 * i])))
    assert entry.kind == "refused"
    assert blocking(entry) == ["gantry-tilt"]


def test_that_the_entry_prints_what_the_contract_names(tmp_path: Path) -> None:
    document = only(write_series(tmp_path)).to_json()
    assert document["uid"] == SERIES
    assert document["part"] == 1
    assert document["kind"] == "volume"
    assert document["patient"]["id"] == "T-1"
    assert document["study_date"] == "2024-01-31"
    assert document["size_kji"] == [8, 16, 12]
    assert document["spacing_kji_mm"] == pytest.approx([5.0, 0.8, 0.7])
    assert document["lps_from_kji"][:4] == pytest.approx([0.0, 0.0, 0.7, -40.5])
    assert document["transfer_syntax"] == "1.2.840.10008.1.2.1"
    assert document["loadable"] is True


def test_that_a_wide_hole_is_no_gap_to_interpolate_over(tmp_path: Path) -> None:
    entry = only(write_series(tmp_path, leave_out(6, 7, 8, 9), count=16))
    assert blocking(entry) == ["missing-slices"]
    assert entry.kind == "refused"
    with pytest.raises(InputRefused):
        load(entry, accept=("missing-slices",))


EXPECTED = {
    "HFS": [1, 0, 0, 0, 1, 0],
    "HFP": [-1, 0, 0, 0, -1, 0],
    "HFDR": [0, 1, 0, -1, 0, 0],
    "HFDL": [0, -1, 0, 1, 0, 0],
    "FFS": [-1, 0, 0, 0, 1, 0],
    "FFP": [1, 0, 0, 0, -1, 0],
    "FFDR": [0, -1, 0, -1, 0, 0],
    "FFDL": [0, 1, 0, 1, 0, 0],
}


@pytest.mark.parametrize("position", EXPECTED)
def test_that_a_patient_position_that_fits_the_orientation_is_silent(position: str, tmp_path: Path) -> None:
    """Rows and columns as the gantry sees them, PS3.3 C.7.3.1.1.2."""
    cosines = EXPECTED[position]
    assert np.cross(cosines[:3], cosines[3:])[2] == (1 if position.startswith("H") else -1)
    entry = only(write_series(tmp_path, putting(PatientPosition=position, ImageOrientationPatient=cosines), count=2))
    assert entry.findings == ()
