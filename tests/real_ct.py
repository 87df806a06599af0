"""The real CT of the shared data as three short series of one patient: planning, today's and completion scan.

Forty slices through the liver at half the resolution, with what the real images lack painted into the copies: a dark
tumour, and after the treatment a dark zone around it. Today's scans have a frame of reference of their own, as another
day at a scanner has.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
from data import shared_data
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

SOURCE = "pancreas-ct-cb001"
FIRST, COUNT = 21, 40
"""Instance numbers, from the head downwards: the right dome of the liver to its tip."""
ROWS, COLUMNS = slice(120, 390), slice(60, 470)
"""Of each slice: the whole body."""
TUMOUR_LPS_MM = (-108.0, 82.0, 358.0)
TUMOUR_MM, TUMOUR_HU = 9.0, 45.0
"""Radius, and how much darker than the liver."""
ZONE_MM, ZONE_HU = 17.0, 75.0
MOVED_LPS_MM = (6.0, -4.0, 10.0)
"""Where the patient lies on the day, in the room, measured from where he lay before."""


@dataclass(frozen=True, slots=True)
class RealCt:
    """Folders of the series and the day of the later two."""

    planning: Path
    today: Path
    completion: Path
    studied: date
    day: date


def real_ct(folder: Path, day: date) -> RealCt:
    """Write the three series below a folder; skips the test where the shared data is absent."""
    files = sorted(shared_data(SOURCE).glob("*.dcm"))
    slices = [pydicom.dcmread(file) for file in files]
    chosen = sorted(slices, key=lambda each: int(each.InstanceNumber))[FIRST - 1 : FIRST - 1 + COUNT]
    studied = date.fromisoformat(f"{chosen[0].StudyDate[:4]}-{chosen[0].StudyDate[4:6]}-{chosen[0].StudyDate[6:]}")
    made = RealCt(folder / "planning", folder / "today", folder / "completion", studied, day)
    later_frame, later_study = generate_uid(), generate_uid()
    for number, place in enumerate((made.planning, made.today, made.completion), start=1):
        place.mkdir(parents=True)
        series = generate_uid()
        for each in chosen:
            copy = deepcopy(each)
            _crop(copy)
            _paint(copy, has_zone=place is made.completion)
            copy.SeriesInstanceUID, copy.SOPInstanceUID, copy.SeriesNumber = series, generate_uid(), number
            copy.SeriesDescription = place.name
            if place is not made.planning:
                _on_the_day(copy, day, later_study, later_frame)
            copy.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            copy.file_meta.MediaStorageSOPInstanceUID = copy.SOPInstanceUID
            copy.save_as(place / f"{int(each.InstanceNumber):03d}.dcm", enforce_file_format=True)
    return made


def _on_the_day(copy: pydicom.Dataset, day: date, study: str, frame: str) -> None:
    copy.StudyInstanceUID, copy.FrameOfReferenceUID = study, frame
    for name in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(copy, name, day.strftime("%Y%m%d"))
    before = np.asarray(copy.ImagePositionPatient, dtype=np.float64)
    copy.ImagePositionPatient = [float(value) for value in before + np.asarray(MOVED_LPS_MM)]


def _crop(copy: pydicom.Dataset) -> None:
    """Keep the body, each two by two pixels as their mean."""
    row_mm, column_mm = (float(value) for value in copy.PixelSpacing)
    x, y, z = (float(value) for value in copy.ImagePositionPatient)
    whole = copy.pixel_array[ROWS, COLUMNS]
    pixels = whole.reshape(whole.shape[0] // 2, 2, whole.shape[1] // 2, 2).mean(axis=(1, 3)).astype(whole.dtype)
    copy.ImagePositionPatient = [x + column_mm * (COLUMNS.start + 0.5), y + row_mm * (ROWS.start + 0.5), z]
    copy.Rows, copy.Columns = pixels.shape
    copy.PixelSpacing = [2.0 * row_mm, 2.0 * column_mm]
    copy.PixelData = pixels.tobytes()


def _paint(copy: pydicom.Dataset, *, has_zone: bool) -> None:
    """Darken a ball around the tumour's centre in one axial slice, noise and all."""
    origin = np.asarray(copy.ImagePositionPatient, dtype=np.float64)
    row_mm, column_mm = (float(value) for value in copy.PixelSpacing)
    pixels = copy.pixel_array.copy()
    rows, columns = np.indices(pixels.shape)
    x = origin[0] + column_mm * columns - TUMOUR_LPS_MM[0]
    y = origin[1] + row_mm * rows - TUMOUR_LPS_MM[1]
    apart = np.sqrt(x**2 + y**2 + (origin[2] - TUMOUR_LPS_MM[2]) ** 2)
    pixels[apart < TUMOUR_MM] -= round(TUMOUR_HU / float(copy.RescaleSlope))
    if has_zone:
        pixels[(apart < ZONE_MM) & (apart >= TUMOUR_MM)] -= round(ZONE_HU / float(copy.RescaleSlope))
        pixels[apart < TUMOUR_MM] -= round((ZONE_HU - TUMOUR_HU) / float(copy.RescaleSlope))
    copy.PixelData = pixels.tobytes()
