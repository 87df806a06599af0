"""A subtracted run as a derived X-Ray Angiographic image (DICOM PS3.3 A.14), for other programs.

The header is made by an allow-list: what is not named here is not written. Vessels are dark, as stored values:
``stored = ZERO - scale * contrast``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.dicom.presentation_writing import COPIED
from planner.dicom.series import SeriesEntry
from planner.errors import UsageError
from planner.files import whole_file
from planner.imaging.angio import AngioRun

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

ZERO = 32768
_SCALES = {"log": 8000.0, "linear": 8.0}
"""Stored steps per unit of contrast: four natural logarithms, or twelve bits, either way."""
_XA = "1.2.840.10008.5.1.4.1.1.12.1"
_GEOMETRY = (
    "PatientPosition",
    "PatientOrientation",
    "KVP",
    "RadiationSetting",
    "XRayTubeCurrent",
    "ExposureTime",
    "Exposure",
    "PositionerMotion",
    "PositionerPrimaryAngle",
    "PositionerSecondaryAngle",
    "PositionerPrimaryAngleIncrement",
    "PositionerSecondaryAngleIncrement",
    "DistanceSourceToDetector",
    "DistanceSourceToPatient",
    "EstimatedRadiographicMagnificationFactor",
    "ImagerPixelSpacing",
    "FieldOfViewRotation",
    "FieldOfViewHorizontalFlip",
    "TableMotion",
    "SeriesNumber",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)
"""Attributes of how the run was taken that hold for the subtracted one as well."""
_EMPTY = (
    *(each for each in COPIED if each not in ("IssuerOfPatientID", "StudyInstanceUID")),
    "KVP",
    "XRayTubeCurrent",
    "Exposure",
    "ExposureTime",
    "PositionerPrimaryAngle",
    "PositionerSecondaryAngle",
    "PatientOrientation",
    "SeriesNumber",
)
"""Attributes that must be there, empty when unknown."""
SIMULATED = "SIMULATED"


@dataclass(frozen=True, slots=True)
class Subtracted:
    """What was written: contrast is ``(zero - stored) / per_unit``."""

    file: Path
    zero: int
    per_unit: float
    clipped: int


def write_subtracted(
    entry: SeriesEntry,
    run: AngioRun,
    contrast: NDArray[np.float32],
    window: tuple[float, float],
    out: Path,
    *,
    method: str,
    made_of: str,
    software: str,
) -> Subtracted:
    """Write contrast (frame, y, x) as a multi-frame file of 16 bits; pixels without a value get no contrast.

    Parameters
    ----------
    window
        Centre and width in units of contrast.
    made_of
        Mask and shift in words.

    Raises
    ------
    UsageError
        ``cannot-write``.
    """
    scale = _SCALES[method]
    stored = np.empty(contrast.shape, dtype="<u2")
    clipped = 0
    for place, frame in zip(stored, contrast, strict=True):
        values = np.rint(ZERO - scale * np.nan_to_num(frame, nan=0.0))
        clipped += int(np.count_nonzero((values < 0) | (values > 65535)))
        place[...] = np.clip(values, 0, 65535)
    data = _header(entry, run, software)
    unit = "ln units" if method == "log" else "stored steps"
    data.DerivationDescription = f"{made_of}; contrast in {unit} = ({ZERO} - stored) / {scale:g}"[:1024]
    # Made to be looked at: LOG would promise a modality table that leads back to the intensity.
    data.PixelIntensityRelationship = "DISP"
    data.WindowCenter, data.WindowWidth = f"{ZERO - scale * window[0]:.8g}", f"{scale * window[1]:.8g}"
    _put_timing(data, run)
    data.NumberOfFrames, (data.Rows, data.Columns) = run.count, run.size_yx
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.PixelData = stored.tobytes()
    try:
        with whole_file(out) as stream:
            data.save_as(stream, enforce_file_format=True)
    except OSError as error:
        said = f"{out} cannot be written ({error.strerror}); choose another place."
        raise UsageError("cannot-write", said, subject=str(out)) from error
    return Subtracted(out, ZERO, scale, clipped)


def _header(entry: SeriesEntry, run: AngioRun, software: str) -> Dataset:
    from pydicom import dcmread
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    wanted = [*COPIED, *_GEOMETRY, "SOPClassUID", "ImageComments", "StationName"]
    source = dcmread(entry.files[0], stop_before_pixels=True, specific_tags=wanted)
    data = Dataset()
    data.SpecificCharacterSet, data.SOPClassUID = "ISO_IR 192", UID(_XA)
    data.SOPInstanceUID, data.SeriesInstanceUID = generate_uid(prefix=None), generate_uid(prefix=None)
    for keyword in (*COPIED, *_GEOMETRY):
        if keyword in source:
            setattr(data, keyword, source[keyword].value)
    for keyword in _EMPTY:
        if keyword not in data:
            setattr(data, keyword, None)
    data.RadiationSetting = data.get("RadiationSetting") or "GR"
    if "PositionerMotion" not in data or not data.PositionerMotion:
        data.PositionerMotion = "DYNAMIC" if run.facts.positioner_moves else "STATIC"
    if run.instance_uid is not None:
        reference = Dataset()
        reference.ReferencedSOPClassUID = source.get("SOPClassUID") or _XA
        reference.ReferencedSOPInstanceUID = run.instance_uid
        data.SourceImageSequence = [reference]
    simulated = SIMULATED in str(source.get("ImageComments") or "") or str(source.get("StationName")) == "SIMULATION"
    data.ImageComments = "SIMULATED - teaching data, not a patient" if simulated else None
    data.Modality, data.SeriesDescription = "XA", f"{'SIMULATED ' if simulated else ''}Subtracted, derived"
    data.ImageType, data.InstanceNumber = ["DERIVED", "PRIMARY", "SINGLE PLANE"], run.facts.instance_number or 1
    data.Manufacturer, data.ManufacturerModelName, data.SoftwareVersions = "Seldinger", "Seldinger planner", software
    data.BurnedInAnnotation, data.Laterality = "NO", None
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    return data


def _put_timing(data: Dataset, run: AngioRun) -> None:
    """One frame time, or a vector where the frames are not evenly apart; nothing where the run tells none."""
    from pydicom.tag import Tag

    if run.time_s is None or run.count < 2:
        return
    steps_ms = 1000.0 * np.diff(run.time_s)
    if float(np.ptp(steps_ms)) < 1e-6 * float(steps_ms[0]) + 1e-9:
        data.FrameTime, data.FrameIncrementPointer = f"{steps_ms[0]:.8g}", Tag("FrameTime")
        return
    data.FrameTimeVector = [f"{step:.8g}" for step in (0.0, *steps_ms)]
    data.FrameIncrementPointer = Tag("FrameTimeVector")
