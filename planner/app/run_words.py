"""How items on runs, calibrations and links read in lists, panels and on paper. English; one place."""

from __future__ import annotations

from planner.app.run_items import calibration_of, run_body, settled_body
from planner.imaging.run_calibration import CATHETER, DISTANCE, ISOCENTRE
from planner.model.items import PlanItem
from planner.model.links import FrameLink
from planner.model.run_items import (
    KEY_FRAME,
    RUN_CALIBRATION,
    RUN_MEASUREMENT,
    RUN_VIEW,
    KeyFrameBody,
    RunCalibrationBody,
    RunMeasurementBody,
    RunViewBody,
)
from planner.model.session import Session
from planner.units import shown

RUN_KINDS = {
    RUN_VIEW: "Run view",
    RUN_CALIBRATION: "Calibration",
    RUN_MEASUREMENT: "Measurement on a run",
    KEY_FRAME: "Key frame",
}
NOT_CALIBRATED = "px, not calibrated"
CALIBRATION_GONE = "px only: its calibration was removed"
_CALIBRATIONS = {ISOCENTRE: "isocentre geometry", CATHETER: "catheter", DISTANCE: "known distance"}
_QUANTITIES = {
    "length": "length",
    "diameter": "diameter",
    "minimum": "minimum",
    "reference": "reference",
    "area": "area",
    "arrival": "arrival",
    "peak": "peak",
}
_PICTURES = {"frame": "", "opacified": "opacified", "time-to-peak": "time to peak (weak measure of the endpoint)"}
_UNITS = {"px2": "px²", "mm2": "mm2", "per_s": "1/s"}


def run_item_line(item: PlanItem, session: Session) -> str:
    """Name first, then what it is and its numbers with what they stand on."""
    body = run_body(item)
    parts = [item.name or "unnamed", RUN_KINDS[item.type]]
    if isinstance(body, RunCalibrationBody):
        parts.append(calibration_words(body))
    elif isinstance(body, RunMeasurementBody):
        parts += [f"frame {body.frame}", *measurement_words(body, session)]
    elif isinstance(body, KeyFrameBody):
        parts += [f"frame {body.frame}", _PICTURES.get(body.picture, body.picture), body.caption]
    elif isinstance(body, RunViewBody):
        parts.append(view_words(body))
    return " · ".join(part for part in parts if part)


def calibration_words(body: RunCalibrationBody) -> str:
    """``catheter 5 F · 0.231 mm per px ± 6.2 % · vessel up to 50 mm nearer or farther``."""
    what = _CALIBRATIONS.get(body.kind, body.kind)
    if body.french is not None:
        what += f" {shown(body.french, '[Ch]')}"
    elif body.kind == DISTANCE and body.known_mm is not None:
        what += f" {shown(body.known_mm, 'mm')}"
    share = None if body.mm_per_px_sd is None else 100.0 * body.mm_per_px_sd / body.mm_per_px
    parts = [what, f"{body.mm_per_px:.4g} mm per px ± {'unknown' if share is None else f'{share:.1f} %'}"]
    if body.depth_mm is not None:
        parts.append(f"vessel up to {body.depth_mm:g} mm nearer or farther assumed")
    return " · ".join(parts)


def measurement_words(body: RunMeasurementBody, session: Session) -> list[str]:
    """The numbers as the calibration gives them now, and what they stand on; pixels alone where there is none."""
    settled = settled_body(body, session)
    calibration = calibration_of(session, settled.calibration)
    words = [settled.text] if settled.text else []
    measured_px = False
    for name, value in settled.values.items():
        base, unit = _split(name)
        if base.endswith("_sd") or value is None:
            continue
        if unit in ("px", "px2"):
            measured_px = True
            if calibration is not None:
                continue
        deviation = settled.values.get(f"{base}_sd_{unit}" if unit != "1" else f"{base}_sd")
        words.append(_number(base, unit, value, deviation))
    if calibration is not None:
        words.append(f"stands on {_CALIBRATIONS.get(calibration.kind, calibration.kind)}")
    elif measured_px:
        words.append(CALIBRATION_GONE if body.calibration is not None else NOT_CALIBRATED)
    if settled.values:
        words.append("on the subtracted picture" if settled.subtracted else "on the unsubtracted picture")
    return words


def view_words(body: RunViewBody) -> str:
    if not body.subtracted:
        return "unsubtracted"
    mask = "mask by rule"
    if body.mask_frames:
        mask = f"mask {', '.join(str(frame) for frame in body.mask_frames)}"
    shift = {"none": "no pixel shift"}.get(body.shift, f"{body.shift} pixel shift")
    return f"subtracted ({body.method}), {mask}, {shift}"


def link_line(link: FrameLink) -> str:
    """What the link stands on, its residual, and who has looked at it."""
    residual = "residual unknown" if link.residual_mm is None else f"residual {shown(link.residual_mm, 'mm')}"
    if link.reviewed_by is None:
        reviewed = "NOT REVIEWED: links nothing"
    else:
        at = "" if link.reviewed_at is None else f" {link.reviewed_at:%Y-%m-%d %H:%M}"
        reviewed = f"reviewed by {link.reviewed_by}{at}"
    clicks = f"{link.landmarks} landmark{'' if link.landmarks == 1 else 's'}"
    return " · ".join(part for part in (clicks, residual, link.note, reviewed) if part)


def _split(name: str) -> tuple[str, str]:
    """``length_px`` -> length, px; ``wash_in_per_s`` -> wash_in, per_s; ``percent`` -> percent, 1."""
    for unit in ("per_s", "px2", "mm2", "px", "mm", "s"):
        if name.endswith("_" + unit):
            return name.removesuffix("_" + unit), unit
    return name, "1"


def _number(base: str, unit: str, value: float, deviation: float | None) -> str:
    spread = "" if deviation is None else f" ± {shown(deviation)}"
    if base == "percent":
        return f"{value:.0f}{'' if deviation is None else f' ± {deviation:.0f}'} % diameter stenosis"
    if unit == "mm" and deviation is None:
        spread = " ± unknown"
    label = _QUANTITIES.get(base, base.replace("_", " "))
    return f"{label} {shown(value)}{spread} {shown(1, _UNITS.get(unit, unit)).removeprefix('1').strip()}".strip()
