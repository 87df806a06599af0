"""Angiographic runs: frames over time from one C-arm position, and what is known about how they were taken.

Coordinates of runs: x = column, y = row, 0 at the centre of the first pixel; arrays are ``[frame, y, x]``. Frames count
from 1 wherever a person or a file names them (`mask_frames`), from 0 in arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planner.geometry.c_arm import CArm
from planner.imaging.volumes import ImageSource

LINEAR, LOGARITHMIC, DISPLAY = "LIN", "LOG", "DISP"
"""PixelIntensityRelationship (DICOM 0028,1040), as far as subtraction cares."""


@dataclass(frozen=True, slots=True)
class MaskModule:
    """One item of the mask subtraction sequence (DICOM PS3.3 C.7.6.10).

    Attributes
    ----------
    operation
        ``NONE``, ``AVG_SUB``, ``TID`` or ``REV_TID``.
    mask_frames
        Averaged to the mask; counted from 1.
    applies_to
        Frames (first, last), counted from 1, both included; empty means all.
    shift_xy_px
        How far the mask is moved before subtraction; DICOM stores row then column.
    tid_offset
        Distance of the mask frame from the shown one, in frames, for TID.
    """

    operation: str
    mask_frames: tuple[int, ...] = ()
    applies_to: tuple[tuple[int, int], ...] = ()
    shift_xy_px: tuple[float, float] = (0.0, 0.0)
    tid_offset: int | None = None


@dataclass(frozen=True, slots=True)
class Shutter:
    """What of the image the collimator or shutter leaves open, in pixels, borders included (DICOM C.7.6.11, C.8.7.3).

    Attributes
    ----------
    left, right, top, bottom
        Of the open rectangle; None where that side is not limited.
    circle
        Centre x, y and radius.
    polygon_xy
        Corners.
    """

    left: float | None = None
    right: float | None = None
    top: float | None = None
    bottom: float | None = None
    circle: tuple[float, float, float] | None = None
    polygon_xy: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the run table prints. None is unknown and printed as such.

    Attributes
    ----------
    instance_number, acquired_at
        InstanceNumber; date and time of acquisition as ISO text.
    primary_deg, secondary_deg
        Of the first frame, LAO and cranial positive.
    rate_hz
        Recorded rate; when only frame times are known, derived from them.
    table_mm
        Table position (longitudinal, lateral, vertical), as the equipment counts it.
    dose_area_product_gy_cm2, air_kerma_gy
        Of this run, converted from the header's units.
    """

    instance_number: int | None = None
    acquired_at: str | None = None
    primary_deg: float | None = None
    secondary_deg: float | None = None
    source_to_detector_mm: float | None = None
    source_to_isocentre_mm: float | None = None
    detector_spacing_mm: tuple[float, float] | None = None
    magnification: float | None = None
    rate_hz: float | None = None
    table_mm: tuple[float | None, float | None, float | None] = (None, None, None)
    tube_voltage_kv: float | None = None
    tube_current_ma: float | None = None
    dose_area_product_gy_cm2: float | None = None
    air_kerma_gy: float | None = None
    field_of_view_mm: tuple[float, ...] = ()
    positioner_moves: bool = False
    vessel: str | None = None


@dataclass(frozen=True, eq=False)
class AngioRun:
    """Frames over time.

    Parameters
    ----------
    frames
        (frame, y, x) stored values, uint8, uint16 or int16, never changed in place.
    time_s
        (frame,) seconds from the first frame, or None when the file tells no timing.
    relation
        `LINEAR`, `LOGARITHMIC`, `DISPLAY` or None: what stored values are of the X-ray intensity.
    bright_is_dense
        Stored values rise with attenuation (an inverted run); False for the usual dark vessels.
    photometric_inverted
        MONOCHROME1: low values are to be shown bright.
    geometry
        One `CArm` for every frame, one for all, or none when the file does not tell.
    masks
        Mask subtraction sequence of the file.
    instance_uid
        SOPInstanceUID of the file; two files may wrongly carry the same one.
    window
        (centre, width) of the unsubtracted frames as the file gives it.
    """

    frames: NDArray[np.generic]
    time_s: NDArray[np.float64] | None
    source: ImageSource
    facts: RunFacts = field(default_factory=RunFacts)
    relation: str | None = None
    bright_is_dense: bool = False
    photometric_inverted: bool = False
    geometry: tuple[CArm, ...] = ()
    masks: tuple[MaskModule, ...] = ()
    shutter: Shutter | None = None
    instance_uid: str | None = None
    bits_stored: int = 16
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.frames.ndim != 3:
            raise ValueError("a run needs frames, rows and columns")
        if self.time_s is not None and self.time_s.shape != (len(self.frames),):
            raise ValueError("a run needs one time per frame")
        if len(self.geometry) not in (0, 1, len(self.frames)):
            raise ValueError("a run has one geometry, one per frame, or none")

    @property
    def count(self) -> int:
        return len(self.frames)

    @property
    def size_yx(self) -> tuple[int, int]:
        return self.frames.shape[1], self.frames.shape[2]

    def c_arm(self, frame: int) -> CArm | None:
        """Geometry of a frame (index from 0), or None."""
        if not self.geometry:
            return None
        return self.geometry[frame if len(self.geometry) > 1 else 0]

    @property
    def key(self) -> str:
        """How the program names this run: ``series_uid#part``."""
        return f"{self.source.series_uid}#{self.source.part}"
