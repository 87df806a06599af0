"""A few tiny CT slices as real DICOM files, for tests that need a series and not an anatomy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from planner.app.images import SeriesEntry, scan


def write_series(
    folder: Path, *, number: int = 1, slices: int = 4, preamble: bytes = b"\0" * 128, **facts: str
) -> Path:
    """Write an axial series; `facts` replaces elements by keyword (``PatientID="…"``, empty text leaves it empty)."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(slices):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = f"2.25.77{number}.{k + 1}"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image = FileDataset(str(folder), {}, file_meta=meta, preamble=preamble)
        values = {
            "SOPClassUID": CTImageStorage,
            "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
            "PatientID": "ZZPHI-0042",
            "PatientName": "ZZPHI^Zoe",
            "IssuerOfPatientID": "HOSPITAL",
            "PatientBirthDate": "19510203",
            "PatientSex": "F",
            "StudyInstanceUID": "2.25.7700",
            "SeriesInstanceUID": f"2.25.7700.{number}",
            "FrameOfReferenceUID": "2.25.7799",
            "StudyDate": "20260301",
            "Modality": "CT",
            "SeriesDescription": f"arterial {number}",
            "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
            "ImagePositionPatient": ["-3", "-3", str(10 + 2 * k)],
            "PixelSpacing": ["0.75", "0.75"],
            "SliceThickness": "2",
            "InstanceNumber": str(k + 1),
            "RescaleSlope": "1",
            "RescaleIntercept": "-1024",
            **facts,
        }
        for keyword, value in values.items():
            setattr(image, keyword, value)
        image.Rows = image.Columns = 8
        image.SamplesPerPixel = 1
        image.PhotometricInterpretation = "MONOCHROME2"
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit = 15
        image.PixelRepresentation = 0
        image.PixelData = np.full((8, 8), 1064 + k, dtype="<u2").tobytes()
        image.save_as(folder / f"slice{k}.dcm", enforce_file_format=True)
    return folder


def entry_of(folder: Path) -> SeriesEntry:
    """The only series of a folder."""
    (entry,) = scan([folder]).series
    return entry
