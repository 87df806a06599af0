"""Four phases of one digital patient, made once per process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from dicom_files import ct_slice, save
from phantoms import tiny_patient

from planner.imaging import Volume
from planner.phantom.other_phases import generate_other_phases

TIMES = ("101500", "101536", "101610", "101800")
NAMELESS = "1.2.826.0.1.3680043.8.498.21"


@cache
def tiny_phases() -> dict[str, Volume]:
    """Phase -> volume of seed 7 at 3 mm, in the order of acquisition. Treat the arrays as read-only."""
    others, patient = generate_other_phases("tiny", 7), tiny_patient()
    return {
        "non-contrast": others["non-contrast"],
        "arterial": patient.arterial,
        "portal-venous": patient.portal,
        "delayed": others["delayed"],
    }


def enhanced(phase: str, factor: float) -> Volume:
    """The phase with its enhancement multiplied: another dose, weight or tube voltage."""
    plain, volume = tiny_phases()["non-contrast"], tiny_phases()[phase]
    difference = volume.voxels.astype(np.float32) - plain.voxels.astype(np.float32)
    voxels = np.clip(plain.voxels + factor * difference, -1024, 3071).astype(np.int16)
    return Volume(voxels, volume.grid, volume.source)


def write_part(folder: Path, volume: Volume, part: int, *, series: str = NAMELESS) -> None:
    """One volume as slices that name no phase; only the acquisition tells the parts apart."""
    folder.mkdir(parents=True, exist_ok=True)
    origin, spacing = volume.grid.lps_from_kji.points((0, 0, 0)), volume.grid.spacing_kji_mm
    for k, layer in enumerate(volume.voxels):
        data = ct_slice(k)
        data.SeriesInstanceUID, data.AcquisitionNumber, data.AcquisitionTime = series, part, TIMES[part - 1]
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"{series}.{part}.{k + 1}"
        data.Rows, data.Columns = layer.shape
        data.PixelSpacing, data.SliceThickness = [spacing[1], spacing[2]], spacing[0]
        data.ImagePositionPatient = [origin[0], origin[1], origin[2] + k * spacing[0]]
        data.RescaleIntercept = 0
        data.PixelData = layer.astype("<i2").tobytes()
        save(data, folder / f"{part}-{k:03d}.dcm")
