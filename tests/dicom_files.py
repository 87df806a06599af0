"""Small DICOM series written by the tests themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS, STEP_MM = 16, 12, 5.0
SERIES, FRAME, STUDY = "1.2.826.0.1.3680043.8.498.11", "1.2.826.0.1.3680043.8.498.12", "1.2.826.0.1.3680043.8.498.13"

Edit = Callable[[int, Dataset], Dataset | None]


def stored(index: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """(rows, columns) stored values that tell every voxel of a small series apart."""
    return (np.arange(ROWS * COLUMNS, dtype=np.int16).reshape(ROWS, COLUMNS) + 200 * index).astype(np.int16)


def ct_slice(index: int) -> Dataset:
    """Slice `index` of an upright axial CT, 0.8 x 0.7 mm pixels, 5 mm apart, intercept -1024."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid(entropy_srcs=["slice", str(index)])
    data.SeriesInstanceUID, data.FrameOfReferenceUID, data.StudyInstanceUID = SERIES, FRAME, STUDY
    data.Modality, data.PatientPosition, data.ImageType = "CT", "HFS", ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Test^One", "T-1", "19500102", "F"
    data.StudyDate, data.SeriesDescription, data.SeriesNumber = "20240131", "test series", 3
    data.AccessionNumber, data.StudyID, data.StudyTime, data.ReferringPhysicianName = "A1", "1", "101500", None
    data.InstanceNumber, data.AcquisitionNumber = index + 1, 1
    data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.PixelSpacing, data.SliceThickness = [0.8, 0.7], STEP_MM
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.ImagePositionPatient = [-40.5, -60.25, 100 + STEP_MM * index]
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.PixelData = stored(index).tobytes()
    return data


def write_series(folder: Path, edit: Edit = lambda index, data: data, count: int = 8) -> Path:
    """Write `count` slices, each through `edit`; None leaves a slice out."""
    folder.mkdir(parents=True, exist_ok=True)
    with disable_value_validation():
        for index in range(count):
            data = edit(index, ct_slice(index))
            if data is not None:
                save(data, folder / f"{index:03d}.dcm")
    return folder


def save(data: Dataset, file: Path) -> Path:
    data.save_as(file, enforce_file_format=True)
    return file


def putting(**values: Any) -> Edit:
    """An edit that sets attributes on every slice; a callable value receives the slice number."""

    def edit(index: int, data: Dataset) -> Dataset:
        for keyword, value in values.items():
            setattr(data, keyword, value(index) if callable(value) else value)
        return data

    return edit


def from_slice(first: int, **values: Any) -> Edit:
    """The same, from slice `first` on."""
    change = putting(**values)
    return lambda index, data: change(index, data) if index >= first else data


def one_file(folder: Path, drop: tuple[str, ...] = (), **values: Any) -> Path:
    """One slice with changed or dropped attributes, as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    with disable_value_validation():
        data = ct_slice(0)
        putting(**values)(0, data)
        for keyword in drop:
            delattr(data, keyword)
        return save(data, folder / "one.dcm")
