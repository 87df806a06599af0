"""The digital patient on disk: genuine CT Image Storage series and a ``truth`` folder beside them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from planner.imaging import ImageSource, LabelMap, Volume
from planner.imaging.structures import label_for
from planner.jobs import Context
from planner.phantom.laboratory import write_laboratory
from planner.phantom.lumens import TrueLumen
from planner.phantom.nrrd import write_label_map
from planner.phantom.patient import DigitalPatient, uid_of
from planner.phantom.trees import VesselTree
from planner.phantom.truth import Truth

if TYPE_CHECKING:
    from planner.phantom.ablation_day import AblationDay

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
COMMENT = "SIMULATED - teaching data, not a patient"


@dataclass(frozen=True, slots=True)
class Acquisition:
    """When a series was taken (DICOM TM), and in which study. The injection begins 36 s before the arterial and 70 s
    before the portal venous phase; None where there is none."""

    number: int
    time: str
    contrast_start: str | None
    study: str
    study_time: str
    protocol: str = "Liver two-phase (simulated)"
    accession: str | None = None


TWO_PHASES = "CT abdomen, two phases (simulated)"
ACQUISITIONS = (
    Acquisition(1, "102136", "102100", TWO_PHASES, "101500"),
    Acquisition(2, "102210", "102100", TWO_PHASES, "101500"),
)
ABLATION = "CT-guided ablation (simulated)"
BEFORE_AND_AFTER = (
    Acquisition(1, "090510", "090400", ABLATION, "090000"),
    Acquisition(2, "101210", "101100", ABLATION, "090000"),
)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes
    ----------
    series
        One folder of DICOM files per series, arterial first.
    truth
        Masks (NRRD), tree, landmarks, lesions (JSON) and laboratory values (CSV).
    """

    series: tuple[Path, ...]
    truth: Path


def write(patient: DigitalPatient, folder: Path, context: Context | None = None) -> Written:
    """Write both series and the ground truth below a folder, which is made when it is not there."""
    given = context or Context()
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    places = []
    phases = (("arterial", patient.arterial), ("portal-venous", patient.portal))
    for index, ((name, volume), taken) in enumerate(zip(phases, ACQUISITIONS, strict=True)):
        place = folder / name
        write_series(patient.seed, volume, taken, place, given.part(0.4 * index, 0.4 * index + 0.4))
        places.append(place)
    given.step(0.85, "Writing the ground truth")
    write_truth(patient.truth, truth)
    write_laboratory(truth / "laboratory.csv", patient.arterial.source.study_date or "")
    given.step(1.0, "Written")
    return Written(tuple(places), truth)


def write_ablation_day(
    patient: DigitalPatient, day: AblationDay, folder: Path, context: Context | None = None
) -> tuple[Path, Path]:
    """Write the scans before and after ablation below a folder, with ``truth/zone.nrrd`` and where the patient lay.

    Returns
    -------
    The folders of both series, before first.
    """
    given = context or Context()
    places = (folder / "before-ablation", folder / "after-ablation")
    volumes = (day.today, day.completion)
    for index, (volume, taken, place) in enumerate(zip(volumes, BEFORE_AND_AFTER, places, strict=True)):
        write_series(patient.seed, volume, taken, place, given.part(0.45 * index, 0.45 * index + 0.45))
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    zone = LabelMap(day.zone.full().astype(np.uint8), day.zone.grid, {1: label_for(1, "ablation_zone")})
    write_label_map(zone, truth / "zone.nrrd")
    moved = {"frame_uid": day.zone.grid.frame_uid, "today_from_planning_lps": day.today_from_planning.flat()}
    _json(truth / "ablation_day.json", moved)
    given.step(1.0, "Written")
    return places


def write_series(seed: int, volume: Volume, taken: Acquisition, folder: Path, context: Context) -> None:
    """One file per slice below a folder, which is made when it is not there: CT Image Storage, or MR for such a volume.

    Parameters
    ----------
    seed
        Of the patient.
    """
    from planner.phantom.slice_files import SliceFile

    folder.mkdir(parents=True, exist_ok=True)
    modality = volume.source.modality or "CT"
    image = SliceFile(_series_header(seed, volume, taken))
    origin = volume.grid.lps_from_kji.points((0, 0, 0))
    step = volume.grid.spacing_kji_mm[0]
    offset = 0 if modality == "MR" else 1024
    stored = (np.asarray(volume.voxels).astype(np.int32) + offset).astype("<u2")
    for k in range(len(stored)):
        if k % 8 == 0:
            context.step(k / len(stored), f"Writing {volume.source.description}")
        place = {
            "InstanceNumber": k + 1,
            "ImagePositionPatient": [number(value) for value in (origin[0], origin[1], origin[2] + k * step)],
            "SliceLocation": number(origin[2] + k * step),
            "PixelData": stored[k].tobytes(),
        }
        uid = uid_of("instance", volume.source.series_uid, k)
        (folder / f"{modality}{k + 1:04d}.dcm").write_bytes(image.encoded(uid, place))


def number(value: float) -> str:
    """A decimal string of at most 16 characters."""
    return f"{value:.10g}"


def _series_header(seed: int, volume: Volume, taken: Acquisition) -> dict[str, Any]:
    """Everything the instances of a series share (CT Image IOD, PS3.3 A.3; MR Image IOD, A.4)."""
    mr = volume.source.modality == "MR"
    return {
        **_patient_and_study(volume.source, seed, taken),
        **_series_and_equipment(volume.source, taken),
        **_image(volume, seed, taken),
        **_contrast(taken, "Gadolinium (simulated)" if mr else "Iodine 350 mg/mL (simulated)"),
        **(_mr_part() if mr else _ct_part()),
    }


def _contrast(taken: Acquisition, agent: str) -> dict[str, Any]:
    """Nothing for a scan without contrast medium."""
    if taken.contrast_start is None:
        return {}
    return {
        "ContrastBolusAgent": agent,
        "ContrastBolusRoute": "IV",
        "ContrastBolusStartTime": taken.contrast_start,
    }


def _ct_part() -> dict[str, Any]:
    return {
        "SOPClassUID": CT_IMAGE_STORAGE,
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "KVP": "120",
        "ConvolutionKernel": "SOFT",
        "GantryDetectorTilt": "0",
        "RescaleIntercept": "-1024",
        "RescaleSlope": "1",
        "RescaleType": "HU",
        "WindowCenter": "40",
        "WindowWidth": "400",
        "WindowCenterWidthExplanation": "ABDOMEN",
    }


def _mr_part() -> dict[str, Any]:
    return {
        "SOPClassUID": MR_IMAGE_STORAGE,
        "ImageType": ["ORIGINAL", "PRIMARY", "M"],
        "ScanningSequence": "GR",
        "SequenceVariant": "SP",
        "ScanOptions": "FS",
        "MRAcquisitionType": "3D",
        "RepetitionTime": "4",
        "EchoTime": "1.6",
        "EchoTrainLength": "1",
        "FlipAngle": "10",
        "MagneticFieldStrength": "1.5",
        "WindowCenter": "450",
        "WindowWidth": "900",
    }


def _patient_and_study(source: ImageSource, seed: int, taken: Acquisition) -> dict[str, Any]:
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": source.patient_name,
        "PatientID": source.patient_id,
        "PatientBirthDate": source.patient_birth_date,
        "PatientSex": source.patient_sex,
        "PatientSize": "1.74",
        "PatientWeight": "76",
        "StudyInstanceUID": source.study_uid,
        "StudyDate": source.study_date,
        "StudyTime": taken.study_time,
        "StudyID": f"DEMO{seed}",
        "StudyDescription": taken.study,
        "AccessionNumber": taken.accession or f"SIM{seed:05d}",
        "ReferringPhysicianName": "",
    }


def _series_and_equipment(source: ImageSource, taken: Acquisition) -> dict[str, Any]:
    return {
        "Modality": source.modality,
        "SeriesInstanceUID": source.series_uid,
        "SeriesNumber": source.series_number,
        "SeriesDescription": source.description,
        "SeriesDate": source.study_date,
        "SeriesTime": taken.time,
        "ProtocolName": taken.protocol,
        "BodyPartExamined": "ABDOMEN",
        "PatientPosition": source.patient_position,
        "Manufacturer": "Seldinger",
        "ManufacturerModelName": "Digital patient",
        "DeviceSerialNumber": "0",
        "SoftwareVersions": "1",
        "InstitutionName": "",
        "StationName": "SIMULATION",
    }


def _image(volume: Volume, seed: int, taken: Acquisition) -> dict[str, Any]:
    thickness, row_mm, column_mm = (number(value) for value in volume.grid.spacing_kji_mm)
    size = volume.grid.size_kji
    return {
        "FrameOfReferenceUID": volume.grid.frame_uid,
        "PositionReferenceIndicator": "",
        "InstanceCreationDate": volume.source.study_date,
        "InstanceCreationTime": taken.time,
        "ContentDate": volume.source.study_date,
        "ContentTime": taken.time,
        "AcquisitionDate": volume.source.study_date,
        "AcquisitionTime": taken.time,
        "AcquisitionNumber": taken.number,
        "ImageComments": COMMENT,
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
        "SliceThickness": thickness,
        "SpacingBetweenSlices": thickness,
        "PixelSpacing": [row_mm, column_mm],
        "ReconstructionDiameter": number(volume.grid.spacing_kji_mm[2] * size[2]),
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": size[1],
        "Columns": size[2],
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "DerivationDescription": f"Generated by code from seed {seed}",
    }


def write_truth(truth: Truth, folder: Path) -> None:
    """``structures.nrrd``, ``segments.nrrd``, ``vessels.nrrd``, ``lesions.nrrd`` and the JSON files.

    ``lumens.json`` is written for a patient with a modelled lumen only.
    """
    for name, labels in (
        ("structures", truth.structures),
        ("segments", truth.segments),
        ("vessels", truth.vessels),
        ("lesions", truth.lesion_map),
    ):
        write_label_map(labels, folder / f"{name}.nrrd")
    frame = truth.structures.grid.frame_uid
    trees = {kind: tree_document(tree) for kind, tree in truth.trees.items()}
    _json(folder / "tree.json", {"frame_uid": frame, "michels": truth.michels, "trees": trees})
    _json(folder / "landmarks.json", {"frame_uid": frame, "landmarks": [asdict(point) for point in truth.landmarks]})
    _json(folder / "lesions.json", {"frame_uid": frame, "lesions": [asdict(lesion) for lesion in truth.lesions]})
    if truth.lumens:
        lumens = {name: lumen_document(lumen) for name, lumen in truth.lumens.items()}
        _json(folder / "lumens.json", {"frame_uid": frame, "lumens": lumens})


def lumen_document(lumen: TrueLumen) -> dict[str, Any]:
    """Centreline, diameters and narrowing as the command line names them; distances from the first point."""
    found = lumen.stenosis()
    stenosis = None
    if found is not None:
        start, end, minimum, percent = (round(value, 3) for value in found)
        stenosis = {
            "start_mm": start,
            "end_mm": end,
            "length_mm": round(end - start, 3),
            "minimum_diameter_mm": minimum,
            "percent": percent,
        }
    return {
        "kind": lumen.kind,
        "centreline": {
            "points_lps_mm": [_rounded(point) for point in lumen.points_lps_mm],
            "diameter_mm": [round(float(value), 3) for value in lumen.equivalent_mm],
        },
        "stenosis": stenosis,
    }


def tree_document(tree: VesselTree) -> dict[str, Any]:
    """Nodes and segments as the command line names them, plus names, mothers and what is fed."""
    radii = tree.radii_mm()
    segments = tree.segments()
    roots = {node for node, parent in enumerate(tree.parents) if parent < 0}
    starts = {segment.start_node for segment in segments}
    used = starts | {segment.end_node for segment in segments}
    return {
        "nodes": [
            {
                "id": node,
                "lps_mm": _rounded(tree.positions[node]),
                "radius_mm": round(float(radii[node]), 4),
                "kind": "root" if node in roots else "branch" if node in starts else "end",
            }
            for node in sorted(used)
        ],
        "segments": [
            {
                "id": segment.identifier,
                "name": segment.name,
                "parent": segment.parent,
                "from": segment.start_node,
                "to": segment.end_node,
                "feeds": segment.feeds,
                "length_mm": round(segment.length_mm, 3),
                "radius_mm": {
                    "mean": round(float(segment.radii_mm.mean()), 4),
                    "minimum": round(float(segment.radii_mm.min()), 4),
                },
                "points_lps_mm": [_rounded(point) for point in segment.points_lps_mm],
            }
            for segment in segments
        ],
    }


def _rounded(point: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 3) for value in point]


def _json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, allow_nan=False), encoding="utf-8")
