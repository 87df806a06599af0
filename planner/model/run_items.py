"""Plan items that stand on an angiographic run. Points are pixels: x = column, y = row, 0 at the centre of the first.

Frames count from 1. A run is named ``series_uid#part``. Millimetres are present only where a calibration is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

RUN_VIEW = "run-view"
"""Body: `RunViewBody`. How a run is subtracted and shown; at most one per run and session."""
RUN_CALIBRATION = "run-calibration"
"""Body: `RunCalibrationBody`."""
RUN_MEASUREMENT = "run-measurement"
"""Body: `RunMeasurementBody`. A distance, diameter, stenosis, region with its curve, arrow or text on a run."""
KEY_FRAME = "key-frame"
"""Body: `KeyFrameBody`. A frame to be printed."""

Pixel = tuple[float, float]


@dataclass(frozen=True, slots=True)
class RunViewBody:
    """Mask, shift, method and window of a run.

    Attributes
    ----------
    subtracted
        Shown subtracted.
    mask_frames
        Averaged to the mask; empty: chosen by the rule.
    method
        ``log`` or ``linear``.
    shift
        ``none``, ``manual``, ``rigid`` or ``flexible``.
    manual_shift_xy_px
        Displacement of the background from the mask's, frame number -> (dx, dy); key ``"0"`` holds for all frames.
    window
        (centre, width) of the subtracted picture; None: reset to what the run needs.
    """

    run: str
    subtracted: bool = True
    mask_frames: tuple[int, ...] = ()
    method: str = "log"
    shift: str = "rigid"
    manual_shift_xy_px: Mapping[str, Pixel] = field(default_factory=dict)
    window: tuple[float, float] | None = None
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class RunCalibrationBody:
    """Patient millimetres per pixel of a run, and what that stands on.

    Attributes
    ----------
    kind
        ``isocentre`` (geometry from the file), ``catheter`` (of known French size) or ``distance`` (known length).
    mm_per_px, mm_per_px_sd
        In the plane of the calibrating object; the deviation is None where it cannot be told.
    frame
        Frame on which it was measured; None for ``isocentre``.
    depth_mm
        How far nearer or farther than the calibrating plane the vessel may lie, as assumed in the deviation.
    """

    run: str
    kind: str
    mm_per_px: float
    mm_per_px_sd: float | None = None
    frame: int | None = None
    points_xy: tuple[Pixel, ...] = ()
    known_mm: float | None = None
    french: float | None = None
    depth_mm: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunMeasurementBody:
    """Something measured or written on a frame.

    Attributes
    ----------
    kind
        ``distance``, ``diameter``, ``stenosis``, ``region``, ``arrow`` or ``text``.
    values
        Name with unit -> value (``length_px``, ``length_mm``, ``percent``, ``arrival_s`` …). None is unknown.
    calibration
        Id of the `RUN_CALIBRATION` item the millimetres stand on; None: pixels only.
    subtracted
        Measured on the subtracted picture.
    clicks_xy
        What a person set where `points_xy` were found from it: both ends along a vessel, then for a diameter its
        place, for a stenosis both ends of a chosen reference.
    """

    run: str
    frame: int
    kind: str
    points_xy: tuple[Pixel, ...]
    values: Mapping[str, float | None] = field(default_factory=dict)
    calibration: str | None = None
    subtracted: bool = False
    text: str = ""
    clicks_xy: tuple[Pixel, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFrameBody:
    """A frame worth printing, as it was shown. `picture` is ``frame``, ``opacified`` or ``time-to-peak``."""

    run: str
    frame: int
    view: RunViewBody
    picture: str = "frame"
    caption: str = ""
