"""Real values are right to the last bit, whatever the rescale and the encoding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data import shared_data
from dicom_files import one_file, write_series
from pydicom import dcmread
from pydicom.dataset import Dataset

from planner.app.images import load, open_image, scan
from planner.dicom.rescaling import stacked
from planner.errors import Cancelled
from planner.jobs import Context

STORED = np.array([[-32768, -1, 0], [1, 1000, 32767]], np.int16)


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"),
    [
        (1.0, 0.0, np.int16),
        (1.0, -1024.0, np.int32),
        (2.0, -1000.0, np.int32),
        (0.5, 0.25, np.float32),
        (0.1, -3.3, np.float64),
        (65536.0, 0.0, np.int32),
        (1e6, 0.0, np.float64),
        (-1.0, 0.0, np.int32),
    ],
)
def test_that_values_are_exact_in_the_narrowest_type(slope: float, intercept: float, dtype: type) -> None:
    found = stacked([(STORED, slope, intercept)], (1, 2, 3))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[0].astype(np.float64), STORED.astype(np.float64) * slope + intercept)


def test_that_a_late_slice_widens_the_early_ones_without_loss() -> None:
    big = np.array([[16_777_217, -5, 3]], np.int32)
    small = np.array([[1, 2, 3]], np.int16)
    found = stacked([(small, 1.0, -2.0), (big, 1.0, 0.0), (small, 0.5, 0.0)], (3, 1, 3))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found[:, 0], [[-1, 0, 1], [16_777_217, -5, 3], [0.5, 1.0, 1.5]])


def test_that_a_mixed_rescale_is_applied_slice_by_slice(tmp_path: Path) -> None:
    def edit(index: int, data: Dataset) -> Dataset:
        data.RescaleIntercept = -1024 if index < 4 else 0
        data.PixelData = np.full((16, 12), 100, np.int16).tobytes()
        return data

    volume = load(scan([write_series(tmp_path, edit)]).series[0])
    assert np.unique(volume.voxels[:4]).tolist() == [-924]
    assert np.unique(volume.voxels[4:]).tolist() == [100]


def test_that_bits_above_the_stored_ones_are_no_values(tmp_path: Path) -> None:
    overlay = np.full((16, 12), 0x8000 | 0x0FFF, np.uint16)
    file = one_file(tmp_path, BitsStored=12, HighBit=11, PixelRepresentation=0, PixelData=overlay.tobytes())
    assert np.unique(open_image(file).voxels).tolist() == [4095 - 1024]
    file = one_file(tmp_path, BitsStored=12, HighBit=11, PixelRepresentation=1, PixelData=overlay.tobytes())
    assert np.unique(open_image(file).voxels).tolist() == [-1 - 1024]


def test_that_loading_can_be_cancelled(tmp_path: Path) -> None:
    entry = scan([write_series(tmp_path)]).series[0]
    job = Context(report=lambda fraction, text: job.cancel() if fraction > 0.3 else None)
    with pytest.raises(Cancelled):
        load(entry, context=job)


LOSSLESS = {"1.2", "1.2.1", "1.2.2", "1.2.1.99", "1.2.5", "4.57", "4.70", "4.80", "4.90"}


def test_that_every_transfer_syntax_decodes_and_the_lossless_ones_to_the_last_bit() -> None:
    folder = shared_data("hard-cornerstone-ts")
    plain = open_image(folder / "CTImage.dcm").voxels
    files = sorted(folder.glob("CTImage.dcm_*.dcm"))
    assert len(files) == 15
    for file in files:
        volume = open_image(file)
        uid = str(dcmread(file, stop_before_pixels=True).file_meta.TransferSyntaxUID)
        difference = np.abs(volume.voxels.astype(np.float64) - plain)
        if any(uid.endswith(tail) for tail in LOSSLESS):
            assert not difference.any(), uid
        else:
            assert difference.mean() < 25, uid


def test_that_a_real_ct_has_the_values_and_the_place_another_reader_gives() -> None:
    import SimpleITK

    folder = shared_data("pancreas-ct-cb001")
    volume = open_image(folder)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    other = reader.Execute()
    np.testing.assert_array_equal(volume.voxels, SimpleITK.GetArrayViewFromImage(other))
    for i, j, k in ((0, 0, 0), (511, 0, 0), (0, 511, 0), (0, 0, 133), (100, 200, 50)):
        place = other.TransformContinuousIndexToPhysicalPoint((i, j, k))
        np.testing.assert_allclose(volume.grid.lps_from_kji.points([k, j, i]), place, atol=1e-6)
    assert (volume.source.unit, volume.voxels.dtype) == ("HU", np.int16)


def test_that_the_tilted_real_ct_needs_both_repairs_and_then_stands_upright() -> None:
    (entry,) = scan([shared_data("ct-gantry-tilt-GE")]).series
    assert set(entry.repairs) == {"gantry-tilt", "uneven-spacing"}
    volume = load(entry, accept=entry.repairs)
    np.testing.assert_allclose(np.abs(volume.grid.axes_lps), [[0, 0, 1], [0, 1, 0], [1, 0, 0]], atol=1e-6)
    assert volume.grid.spacing_kji_mm[0] == pytest.approx(4.0, abs=0.01)
    first = dcmread(shared_data("ct-gantry-tilt-GE") / "10.dcm")
    row, column = 256, 256
    place = np.array(first.ImagePositionPatient, float)
    place = place + column * 0.4882812 * np.array(first.ImageOrientationPatient[:3], float)
    place = place + row * 0.4882812 * np.array(first.ImageOrientationPatient[3:], float)
    around = first.pixel_array[row - 6 : row + 7, column - 6 : column + 7].astype(float).mean()
    k, j, i = volume.grid.nearest_index(place)
    assert volume.voxels[k, j - 6 : j + 7, i - 6 : i + 7].mean() == pytest.approx(around, abs=25)
