"""Patient millimetres per pixel of an angiographic run, each with what it stands on.

Detector millimetres are not patient millimetres: a projection knows no depth. Every calibration therefore holds in one
plane, and its deviation contains how far from that plane the vessel may lie (`depth_mm`, shown and editable).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from planner.clinical.quantities import convert
from planner.imaging.angio import AngioRun
from planner.imaging.run_settings import setting

ISOCENTRE, CATHETER, DISTANCE = "isocentre", "catheter", "distance"

Pixel = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no number, in one sentence, with a stable code."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """Millimetres per pixel in the plane of the calibrating object.

    Attributes
    ----------
    kind
        `ISOCENTRE`, `CATHETER` or `DISTANCE`.
    mm_per_px_sd
        Standard deviation: of the measured object, and of a depth evenly spread over plus and minus `depth_mm`.
    measured_sd
        The part that the measurement of the object brings; 0 for `ISOCENTRE`.
    depth_mm
        As assumed.
    frame
        Index from 0 of the frame it was measured on; for `ISOCENTRE` the frame whose geometry was used.
    diameter_px, diameter_sd_px
        Of a catheter, as fitted.
    """

    kind: str
    mm_per_px: float
    mm_per_px_sd: float
    measured_sd: float
    depth_mm: float
    note: str
    frame: int
    points_xy: tuple[Pixel, ...] = ()
    known_mm: float | None = None
    french: float | None = None
    diameter_px: float | None = None
    diameter_sd_px: float | None = None


def french_mm(french: float) -> float:
    """Nominal outer diameter of a catheter (UCUM [Ch], a third of a millimetre)."""
    return convert(french, "[Ch]", "mm")


def isocentre_calibration(
    run: AngioRun,
    frame: int,
    *,
    depth_mm: float | None = None,
    pixel_spacing_mm: tuple[float, float] | None = None,
) -> Calibration | Refusal:
    """The plane of the isocentre: detector spacing times SOD over SID.

    Parameters
    ----------
    frame
        Index from 0.
    depth_mm
        How far the vessel may lie from the isocentre along the central ray; None takes our default (tag P).
    pixel_spacing_mm
        PixelSpacing of the file (down, right), when it has one; it must agree.
    """
    missing = _missing_geometry(run)
    c_arm = run.c_arm(frame)
    if missing or c_arm is None:
        told = ", ".join(missing) or "geometry of this frame"
        return Refusal(
            "no-geometry",
            f"Not calibrated: the file does not tell {told}; calibrate with a catheter or a known distance.",
        )
    down, right = c_arm.spacing.down_mm, c_arm.spacing.right_mm
    if abs(down - right) > setting("square_pixels") / 100.0 * max(down, right):
        return Refusal(
            "pixels-not-square",
            f"Not calibrated: detector pixels of {down:g} x {right:g} mm are not square; use a known distance.",
        )
    scale = math.sqrt(down * right) / c_arm.isocentre_magnification
    against = _contradiction(run, c_arm.isocentre_magnification, scale, pixel_spacing_mm)
    if against is not None:
        return against
    note = (
        f"plane of the isocentre: SID {c_arm.source_to_detector_mm:g} mm, SOD {c_arm.source_to_isocentre_mm:g} mm, "
        f"detector pixel {right:g} mm"
    )
    return with_depth(run, frame, ISOCENTRE, scale, 0.0, note, depth_mm)


def distance_calibration(
    run: AngioRun, frame: int, points_xy: tuple[Pixel, Pixel], known_mm: float, *, depth_mm: float | None = None
) -> Calibration | Refusal:
    """Two clicks on a marker catheter or a ruler, and the typed length between them.

    Parameters
    ----------
    frame
        Index from 0.
    known_mm
        True length in the patient, parallel to the detector.
    """
    if not (math.isfinite(known_mm) and known_mm > 0):
        return Refusal("bad-length", "Not calibrated: the known distance must be above 0 mm; type it again.")
    length = math.dist(*points_xy)
    least = setting("distance_least_px")
    if length < least:
        return Refusal(
            "clicks-too-near",
            f"Not calibrated: the two clicks are {length:.1f} px apart; click marks at least {least:g} px apart.",
        )
    scale = known_mm / length
    click_sd = math.sqrt(2.0) * setting("click_sd")
    note = f"known distance {known_mm:g} mm over {length:.1f} px; shortened when the object is tilted"
    made = with_depth(run, frame, DISTANCE, scale, scale * click_sd / length, note, depth_mm)
    return of_object(made, points_xy, known_mm=known_mm)


def _missing_geometry(run: AngioRun) -> list[str]:
    facts = run.facts
    told = {
        "the distance from source to detector (SID)": facts.source_to_detector_mm,
        "the distance from source to isocentre (SOD)": facts.source_to_isocentre_mm,
        "the detector's pixel spacing (ImagerPixelSpacing)": facts.detector_spacing_mm,
    }
    return [] if run.geometry else [name for name, value in told.items() if value is None]


def _contradiction(
    run: AngioRun, magnification: float, mm_per_px: float, pixel_spacing_mm: tuple[float, float] | None
) -> Refusal | None:
    allowed = setting("contradiction") / 100.0
    stated = run.facts.magnification
    if stated is not None and abs(stated / magnification - 1.0) > allowed:
        return Refusal(
            "magnification-contradicts",
            f"Not calibrated: the file states a magnification of {stated:.3g}, but SID over SOD gives "
            f"{magnification:.3g}; calibrate with a catheter or a known distance.",
        )
    if pixel_spacing_mm is not None:
        spacing = math.sqrt(pixel_spacing_mm[0] * pixel_spacing_mm[1])
        if abs(spacing / mm_per_px - 1.0) > allowed:
            return Refusal(
                "spacing-contradicts",
                f"Not calibrated: the file states {spacing:.3g} mm per pixel, but its geometry gives "
                f"{mm_per_px:.3g} mm at the isocentre; calibrate with a catheter or a known distance.",
            )
    return None


def with_depth(
    run: AngioRun, frame: int, kind: str, scale: float, measured_sd: float, note: str, depth_mm: float | None
) -> Calibration:
    """Add what an unknown depth brings: millimetres per pixel grow with the distance from the source."""
    depth = setting("depth") if depth_mm is None else abs(depth_mm)
    c_arm = run.c_arm(frame)
    distance = setting("source_to_object") if c_arm is None else c_arm.source_to_isocentre_mm
    share = depth / distance
    total = math.hypot(measured_sd, scale * share / math.sqrt(3.0))
    whose = "our default, unverified" if depth_mm is None else "as entered"
    from_where = "" if c_arm is not None else f", source assumed {distance:g} mm away"
    words = f"vessel up to {depth:g} mm nearer or farther ({whose}{from_where}): ± {100.0 * share:.1f} %"
    return Calibration(kind, scale, total, measured_sd, depth, f"{note}; {words}", frame)


def of_object(
    made: Calibration,
    points_xy: tuple[Pixel, Pixel],
    *,
    known_mm: float,
    french: float | None = None,
    diameter_px: float | None = None,
    diameter_sd_px: float | None = None,
) -> Calibration:
    """The calibration with the object it was measured on."""
    return replace(
        made,
        points_xy=points_xy,
        known_mm=known_mm,
        french=french,
        diameter_px=diameter_px,
        diameter_sd_px=diameter_sd_px,
    )
