"""A small angiographic run and a dose report as real DICOM files, written by the tests themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian

XA, ENHANCED_XA = "1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.1.1"
FRAMES, ROWS, COLUMNS = 8, 48, 64
STUDY, SERIES = "2.25.880", "2.25.880.1"
WHAT_CAN_BE_MISSING = (
    "FrameTime",
    "FrameIncrementPointer",
    "PositionerPrimaryAngle",
    "PositionerSecondaryAngle",
    "DistanceSourceToDetector",
    "DistanceSourceToPatient",
    "ImagerPixelSpacing",
)


def frames() -> NDArray[np.uint16]:
    """A vertical vessel that fills from frame 3 on, on a still background with some texture."""
    noise = np.random.default_rng(7)
    background = (
        2000.0 + 300.0 * np.sin(np.arange(COLUMNS) / 4.0)[None] + 200.0 * np.cos(np.arange(ROWS) / 3.0)[:, None]
    )
    run = np.repeat(background[None], FRAMES, axis=0)
    for frame, fill in enumerate((0.0, 0.0, 0.3, 0.8, 1.0, 0.9, 0.6, 0.4)):
        run[frame, 8:40, 28:34] *= np.exp(-0.6 * fill)
    return np.clip(run + noise.normal(0.0, 4.0, run.shape), 0, 4095).astype(np.uint16)


def run_dataset() -> Dataset:
    data = Dataset()
    data.SpecificCharacterSet, data.SOPClassUID, data.SOPInstanceUID = "ISO_IR 192", XA, "2.25.880.2"
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Test^One", "T-1", "19500102", "F"
    data.StudyInstanceUID, data.SeriesInstanceUID, data.StudyDate = STUDY, SERIES, "20260301"
    data.AcquisitionDate, data.AcquisitionTime = "20260301", "093015"
    data.Modality, data.SeriesDescription, data.InstanceNumber = "XA", "hepatic", 3
    data.ImageType, data.PatientPosition = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"], "HFS"
    data.FrameTime, data.FrameIncrementPointer = "250", Tag("FrameTime")
    data.PositionerPrimaryAngle, data.PositionerSecondaryAngle, data.PositionerMotion = "30", "15", "STATIC"
    data.DistanceSourceToDetector, data.DistanceSourceToPatient = "1100", "750"
    data.ImagerPixelSpacing, data.PixelIntensityRelationship = ["0.4", "0.4"], "LIN"
    data.ImageAndFluoroscopyAreaDoseProduct, data.KVP, data.XRayTubeCurrent = "12.5", "80", "120"
    data.NumberOfFrames, data.Rows, data.Columns = FRAMES, ROWS, COLUMNS
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = frames().tobytes()
    return data


def write_run(
    file: Path,
    *,
    changes: Mapping[str, Any] | None = None,
    without: Iterable[str] = (),
    edit: Callable[[Dataset], None] = lambda data: None,
) -> Path:
    data = run_dataset()
    for keyword in without:
        delattr(data, keyword)
    with disable_value_validation():
        for keyword, value in (changes or {}).items():
            setattr(data, keyword, value)
        edit(data)
        return save(data, file)


def save(data: Dataset, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(file, enforce_file_format=True)
    return file


def code(value: str, meaning: str, scheme: str = "DCM") -> Items:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Items([item])


def number(concept: str, meaning: str, value: str, unit: str | None) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "NUM"
    item.ConceptNameCodeSequence = code(concept, meaning)
    measured = Dataset()
    measured.NumericValue = value
    if unit is not None:
        measured.MeasurementUnitsCodeSequence = code(unit, unit, "UCUM")
    item.MeasuredValueSequence = Items([measured])
    return item


def named(concept: str, meaning: str, value: str, words: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "HAS CONCEPT MOD", "CODE"
    item.ConceptNameCodeSequence, item.ConceptCodeSequence = code(concept, meaning), code(value, words)
    return item


def container(concept: str, meaning: str, content: Sequence[Dataset]) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "CONTAINER"
    item.ConceptNameCodeSequence, item.ContentSequence = code(concept, meaning), Items(content)
    return item


def plane(
    letter: str, kap: tuple[str, str | None], kerma: tuple[str, str | None] = ("0.9", "Gy"), minutes: str = "6"
) -> Dataset:
    """Accumulated dose of one plane."""
    return container(
        "113702",
        "Accumulated X-Ray Dose Data",
        [
            named("113764", "Acquisition Plane", "113620" if letter == "A" else "113621", f"Plane {letter}"),
            number("113722", "Dose Area Product Total", *kap),
            number("113725", "Dose (RP) Total", *kerma),
            number("113730", "Total Fluoro Time", minutes, "min"),
            number("113731", "Total Number of Radiographic Frames", "120", "1"),
            named("113780", "Reference Point Definition", "113860", "15cm from Isocenter toward Source"),
        ],
    )


def event() -> Dataset:
    started = Dataset()
    started.RelationshipType, started.ValueType, started.DateTime = "CONTAINS", "DATETIME", "20260301093015"
    started.ConceptNameCodeSequence = code("111526", "DateTime Started")
    return container(
        "113706",
        "Irradiation Event X-Ray Data",
        [
            started,
            named("113721", "Irradiation Event Type", "113611", "Stationary Acquisition"),
            number("122130", "Dose Area Product", "0.00031", "Gy.m2"),
            number("113738", "Dose (RP)", "12", "mGy"),
            number("112011", "Positioner Primary Angle", "-24.5", "deg"),
            number("112012", "Positioner Secondary Angle", "11", "deg"),
        ],
    )


def write_dose_report(file: Path, content: Sequence[Dataset], **changes: Any) -> Path:
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.88.67"), "2.25.880.9"
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Test^One", "T-1", "19500102", "F"
    data.StudyInstanceUID, data.SeriesInstanceUID, data.StudyDate, data.Modality = STUDY, "2.25.880.8", "20260301", "SR"
    data.ValueType, data.ConceptNameCodeSequence = "CONTAINER", code("113701", "X-Ray Radiation Dose Report")
    data.ContentSequence = Items(content)
    for keyword, value in changes.items():
        setattr(data, keyword, value)
    return save(data, file)
