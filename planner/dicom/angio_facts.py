"""What the header of an XA, RF, Enhanced XA or Enhanced XRF file tells about its run. No pixels are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.dicom import tags
from planner.dicom.angio_geometry import (
    Angles,
    angles_of,
    c_arms,
    distances_of,
    isocentre_frame_uid,
    shutter_of,
    spacing_of,
    table_of,
)
from planner.dicom.angio_timing import timing_of
from planner.dicom.angio_values import RunView, numbers
from planner.dicom.elements import Elements
from planner.dicom.slices import SliceRecord
from planner.findings import Finding, Severity
from planner.geometry.c_arm import CArm, angle_words
from planner.imaging.angio import DISPLAY, LINEAR, LOGARITHMIC, MaskModule, RunFacts, Shutter

_DGY_PER_GY, _MGY_PER_GY = 10.0, 1000.0


@dataclass(frozen=True, eq=False, slots=True)
class RunHeader:
    """Everything of an `AngioRun` but its frames.

    Attributes
    ----------
    label
        ``LAO 30 CRA 15``, with the plane of a biplane run; None when no angle is known.
    frame_uid
        Frame of reference of the isocentre.
    findings
        What is missing or was read in one of several possible ways; none of them blocks.
    """

    facts: RunFacts
    label: str | None
    frame_uid: str
    time_s: NDArray[np.float64] | None
    relation: str | None
    bright_is_dense: bool
    photometric_inverted: bool
    geometry: tuple[CArm, ...]
    masks: tuple[MaskModule, ...]
    shutter: Shutter | None
    instance_uid: str | None
    findings: tuple[Finding, ...]


def run_header(records: Sequence[SliceRecord], uid: str) -> RunHeader:
    """Read the header of a run from the records of its file.

    Parameters
    ----------
    records
        All frames of one file.
    uid
        Series UID, for findings and the frame of reference.
    """
    record = records[0]
    view = RunView(record.header, record.format.frames)
    data = view.root
    timing = timing_of(view, uid)
    primary = angles_of(view, tags.PRIMARY_ANGLE, tags.PRIMARY_ANGLE_INCREMENT, uid)
    secondary = angles_of(view, tags.SECONDARY_ANGLE, tags.SECONDARY_ANGLE_INCREMENT, uid)
    instance = data.text(tags.SOP_INSTANCE)
    table = table_of(view)
    file_key = f"{instance or ''} {data.text(tags.CONTENT_TIME) or ''} {data.text(tags.INSTANCE_NUMBER) or ''}"
    frame_uid = isocentre_frame_uid(data.text(tags.STUDY_UID), table, uid, file_key)
    size_yx = (record.format.rows, record.format.columns)
    geometry, geometry_findings = c_arms(view, primary, secondary, size_yx, frame_uid, uid)
    masks, mask_findings = _masks(view, uid)
    relation, bright, pixel_findings = _intensity(view, record.format.photometric, uid)
    findings = (
        *timing.findings,
        *_angle_findings(primary, secondary, uid),
        *geometry_findings,
        *mask_findings,
        *pixel_findings,
        *_dose_findings(view, uid),
    )
    moves = primary.moves or secondary.moves
    facts = _facts(view, primary, secondary, timing.rate_hz, moves=moves)
    return RunHeader(
        facts=facts,
        label=_label(view, facts),
        frame_uid=frame_uid,
        time_s=timing.time_s,
        relation=relation,
        bright_is_dense=bright,
        photometric_inverted=record.format.photometric == "MONOCHROME1",
        geometry=geometry,
        masks=masks,
        shutter=shutter_of(view),
        instance_uid=instance,
        findings=findings,
    )


def _facts(view: RunView, primary: Angles, secondary: Angles, rate_hz: float | None, *, moves: bool) -> RunFacts:
    data = view.root
    detector, isocentre = distances_of(view)
    spacing = spacing_of(view)
    magnification = view.positive(tags.MAGNIFICATION)
    if magnification is None and detector is not None and isocentre is not None:
        magnification = detector / isocentre
    area_dose = view.positive(tags.AREA_DOSE_PRODUCT)
    return RunFacts(
        instance_number=data.integer(tags.INSTANCE_NUMBER),
        acquired_at=_moment(data),
        primary_deg=primary.first,
        secondary_deg=secondary.first,
        source_to_detector_mm=detector,
        source_to_isocentre_mm=isocentre,
        detector_spacing_mm=None if spacing is None else (spacing.down_mm, spacing.right_mm),
        magnification=magnification,
        rate_hz=rate_hz,
        table_mm=table_of(view),
        tube_voltage_kv=view.positive(tags.TUBE_VOLTAGE),
        tube_current_ma=view.positive(tags.TUBE_CURRENT_FLOAT) or view.positive(tags.TUBE_CURRENT),
        dose_area_product_gy_cm2=None if area_dose is None else area_dose / _DGY_PER_GY,
        air_kerma_gy=_entrance_gy(view),
        field_of_view_mm=_field_of_view(view),
        positioner_moves=moves,
        vessel=_region(data),
    )


def _moment(data: Elements) -> str | None:
    """Acquisition (else content) date and time as ISO text to the second."""
    stamp = data.text(tags.ACQUISITION_DATETIME)
    day, time = (stamp[:8], stamp[8:]) if stamp else (data.text(tags.ACQUISITION_DATE), None)
    time = time or data.text(tags.ACQUISITION_TIME)
    if day is None:
        day, time = data.text(tags.CONTENT_DATE), data.text(tags.CONTENT_TIME)
    if day is None or len(day) != 8 or not day.isdecimal():
        return None
    text = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    clock = (time or "")[:6]
    return f"{text}T{clock[:2]}:{clock[2:4]}:{clock[4:]}" if len(clock) == 6 and clock.isdecimal() else text


def _entrance_gy(view: RunView) -> float | None:
    fine = view.positive(tags.ENTRANCE_DOSE_MGY)
    if fine is not None:
        return fine / _MGY_PER_GY
    coarse = view.positive(tags.ENTRANCE_DOSE)
    return None if coarse is None else coarse / _DGY_PER_GY


def _field_of_view(view: RunView) -> tuple[float, ...]:
    found = view.numbers(tags.FIELD_OF_VIEW_DIMENSIONS_FLOAT) or view.numbers(tags.FIELD_OF_VIEW_DIMENSIONS)
    return found or view.numbers(tags.INTENSIFIER_SIZE)


def _region(data: Elements) -> str | None:
    region = data.first(tags.ANATOMIC_REGION_SEQUENCE)
    return None if region is None else region.words(tags.CODE_MEANING)[0]


def plane_of(image_type: Sequence[str]) -> str | None:
    """``A`` or ``B`` of a biplane run (C.8.7.1.1.1, value 3), else None."""
    return next((value[-1] for value in image_type[2:] if value in ("BIPLANE A", "BIPLANE B")), None)


def _label(view: RunView, facts: RunFacts) -> str | None:
    if facts.primary_deg is None and facts.secondary_deg is None:
        return None
    words = [angle_words(facts.primary_deg, facts.secondary_deg)]
    plane = plane_of(view.root.texts(tags.IMAGE_TYPE))
    if plane is not None:
        words.append(f"plane {plane}")
    if facts.positioner_moves:
        words.append("rotating")
    return ", ".join(words)


def _masks(view: RunView, uid: str) -> tuple[tuple[MaskModule, ...], tuple[Finding, ...]]:
    masks = []
    wrong = False
    for item in view.root.items(tags.MASK_SUBTRACTION_SEQUENCE):
        operation = item.text(tags.MASK_OPERATION)
        if operation is None:
            continue
        named = [int(each) for each in numbers(item, tags.MASK_FRAME_NUMBERS)]
        inside = tuple(each for each in named if 1 <= each <= view.frames)
        wrong |= operation != "NONE" and len(inside) != len(named)
        shift = numbers(item, tags.MASK_SHIFT)
        offsets = numbers(item, tags.TID_OFFSET)
        tid = operation in ("TID", "REV_TID")
        masks.append(
            MaskModule(
                operation,
                inside,
                _ranges(item, view.frames),
                (shift[1], shift[0]) if len(shift) == 2 else (0.0, 0.0),
                # C.7.6.10: the frame before is the mask unless the file says otherwise.
                (int(offsets[0]) if offsets else 1) if tid else None,
            )
        )
    text = "The mask module names frames that the run does not have; they are left out."
    return tuple(masks), (Finding("bad-mask-frames", Severity.WARN, text, subject=uid),) if wrong else ()


def _ranges(item: Elements, frames: int) -> tuple[tuple[int, int], ...]:
    ends = [int(each) for each in numbers(item, tags.APPLICABLE_FRAME_RANGE)]
    pairs = zip(ends[::2], ends[1::2], strict=False)
    return tuple((first, min(last, frames)) for first, last in pairs if 1 <= first <= min(last, frames))


def _intensity(view: RunView, photometric: str, uid: str) -> tuple[str | None, bool, tuple[Finding, ...]]:
    """What stored values are of the X-ray intensity, whether they rise with attenuation, and what is not told."""
    named = view.text(tags.INTENSITY_RELATIONSHIP)
    relation = named if named in (LINEAR, LOGARITHMIC, DISPLAY) else None
    sign = view.number(tags.INTENSITY_SIGN)
    findings = []
    if relation is None:
        said = "does not say" if named is None else f"says {named!r}, which does not tell"
        text = f"The file {said} how its values follow the X-ray intensity; they are taken as linear."
        findings.append(Finding("intensity-unknown", Severity.INFO, text, subject=uid))
    if sign is None and photometric == "MONOCHROME1":
        text = (
            "The file shows low values bright and does not say whether they mean less X-ray; check which way its "
            "vessels show."
        )
        findings.append(Finding("polarity-unknown", Severity.WARN, text, subject=uid))
    return relation, sign is not None and sign < 0, tuple(findings)


def _angle_findings(primary: Angles, secondary: Angles, uid: str) -> tuple[Finding, ...]:
    found = (*primary.findings, *secondary.findings)
    if primary.degrees is None and not primary.findings or secondary.degrees is None and not secondary.findings:
        text = "The file does not give both angles of the C-arm."
        return (*found, Finding("missing-angles", Severity.WARN, text, subject=uid))
    return found


def _dose_findings(view: RunView, uid: str) -> tuple[Finding, ...]:
    if _entrance_gy(view) is None:
        return ()
    text = "The dose in the header is an entrance dose where the device defines it; the dose report is what counts."
    return (Finding("entrance-dose", Severity.INFO, text, subject=uid),)
