"""Simulated DSA runs on disk: genuine multi-frame X-Ray Angiographic Image Storage files and their truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.imaging.angio import AngioRun
from planner.phantom.angiography import SimulatedRun
from planner.phantom.dose_report_writer import write_dose_report
from planner.phantom.patient import DigitalPatient, uid_of
from planner.phantom.writer import COMMENT

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

XA_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.12.1"
DOSE_REPORT = "SR0001.dcm"
"""Name of the dose report's file, beside the runs."""
START_TIME = 93000
"""HHMMSS of the first run; the others follow at four minutes' distance."""


def write_runs(patient: DigitalPatient, runs: Sequence[SimulatedRun], folder: Path, truth: Path) -> tuple[Path, ...]:
    """Write one file per run and the session's dose report into a folder, ``angiography.json`` into another.

    Both folders are made when not there; the files of the runs are returned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    truth.mkdir(parents=True, exist_ok=True)
    written = []
    for simulated in runs:
        place = folder / f"XA{simulated.run.source.part:04d}.dcm"
        _file(patient, simulated.run).save_as(place, enforce_file_format=True)
        written.append(place)
    if runs:
        write_dose_report(patient, runs, folder / DOSE_REPORT)
    document = {
        simulated.plan.key: {"file": place.name, "inject_at": simulated.plan.inject_at, **simulated.truth.document()}
        for simulated, place in zip(runs, written, strict=True)
    }
    (truth / "angiography.json").write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    return tuple(written)


def _file(patient: DigitalPatient, run: AngioRun) -> FileDataset:
    """X-Ray Angiographic Image IOD (PS3.3 A.14)."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(XA_IMAGE_STORAGE)
    meta.MediaStorageSOPInstanceUID = UID(run.instance_uid or "")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(uid_of("implementation", "seldinger"))
    meta.ImplementationVersionName = "SELDINGER"
    image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    for elements in (_whose(patient, run), _how(run), _pixels(run)):
        for keyword, value in elements.items():
            setattr(image, keyword, value)
    if run.shutter is not None:
        for side, value in (
            ("LeftVertical", run.shutter.left),
            ("RightVertical", run.shutter.right),
            ("UpperHorizontal", run.shutter.top),
            ("LowerHorizontal", run.shutter.bottom),
        ):
            # The file counts columns and rows from 1.
            setattr(image, f"Collimator{side}Edge", str(round((value or 0.0) + 1)))
        image.CollimatorShape = "RECTANGULAR"
    return image


def _whose(patient: DigitalPatient, run: AngioRun) -> dict[str, Any]:
    source, day = run.source, (run.source.study_date or "").replace("-", "")
    time = f"{START_TIME + 400 * (source.part - 1):06d}"
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": XA_IMAGE_STORAGE,
        "SOPInstanceUID": run.instance_uid,
        "ImageType": ["ORIGINAL", "PRIMARY", "SINGLE PLANE"],
        "PatientName": source.patient_name,
        "PatientID": source.patient_id,
        "PatientBirthDate": (source.patient_birth_date or "").replace("-", ""),
        "PatientSex": source.patient_sex,
        "StudyInstanceUID": source.study_uid,
        "StudyDate": day,
        "StudyTime": "091500",
        "StudyID": f"DEMO{patient.seed}",
        "StudyDescription": "Hepatic angiography (simulated)",
        "AccessionNumber": f"SIM{patient.seed:05d}",
        "ReferringPhysicianName": "",
        "Modality": "XA",
        "SeriesInstanceUID": source.series_uid,
        "SeriesNumber": source.series_number,
        "SeriesDescription": source.description,
        "SeriesDate": day,
        "AcquisitionDate": day,
        "AcquisitionTime": time,
        "ContentDate": day,
        "ContentTime": time,
        "InstanceNumber": source.part,
        "PatientOrientation": ["L", "F"],
        "PatientPosition": "HFS",
        "BodyPartExamined": "LIVER",
        "Manufacturer": "Seldinger",
        "ManufacturerModelName": "Digital patient",
        "SoftwareVersions": "1",
        "StationName": "SIMULATION",
        "ImageComments": COMMENT,
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
    }


def _how(run: AngioRun) -> dict[str, Any]:
    facts = run.facts
    spacing = [f"{value:.8g}" for value in facts.detector_spacing_mm or ()]
    interval_ms = 1000.0 / (facts.rate_hz or 1.0)
    return {
        "KVP": f"{facts.tube_voltage_kv:g}",
        "XRayTubeCurrent": "400",
        "ExposureTime": "60",
        "Exposure": "24",
        "RadiationSetting": "GR",
        "RadiationMode": "PULSED",
        "ContrastBolusAgent": "Iodine 300 mg/mL (simulated)",
        "ContrastBolusRoute": "IA",
        "FrameTime": f"{interval_ms:.6g}",
        "CineRate": str(round(facts.rate_hz or 0)),
        "RecommendedDisplayFrameRate": str(round(facts.rate_hz or 0)),
        "PositionerMotion": "STATIC",
        "PositionerPrimaryAngle": f"{facts.primary_deg:g}",
        "PositionerSecondaryAngle": f"{facts.secondary_deg:g}",
        "DistanceSourceToDetector": f"{facts.source_to_detector_mm:g}",
        "DistanceSourceToPatient": f"{facts.source_to_isocentre_mm:g}",
        "EstimatedRadiographicMagnificationFactor": f"{facts.magnification:.6g}",
        "ImagerPixelSpacing": spacing,
        "TableMotion": "STATIC",
        "TableZPositionToIsocenter": facts.table_mm[0],
        "TableXPositionToIsocenter": facts.table_mm[1],
        "TableYPositionToIsocenter": facts.table_mm[2],
        # dGy cm2 (PS3.3 C.8.7.2)
        "ImageAndFluoroscopyAreaDoseProduct": f"{10.0 * (facts.dose_area_product_gy_cm2 or 0.0):.6g}",
    }


def _pixels(run: AngioRun) -> dict[str, Any]:
    count, rows, columns = run.frames.shape
    centre, width = run.window or (8192.0, 16384.0)
    return {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelIntensityRelationship": "LIN",
        "Rows": rows,
        "Columns": columns,
        "NumberOfFrames": str(count),
        "FrameIncrementPointer": 0x00181063,
        "BitsAllocated": 16,
        "BitsStored": run.bits_stored,
        "HighBit": run.bits_stored - 1,
        "PixelRepresentation": 0,
        "WindowCenter": f"{centre:g}",
        "WindowWidth": f"{width:g}",
        "PixelData": np.ascontiguousarray(run.frames, dtype="<u2").tobytes(),
    }
