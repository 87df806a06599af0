"""Angles, distances, table and shutter of a run (DICOM PS3.3 C.8.7.4 to C.8.7.6, C.8.19.6).

What the standard leaves open, or a device writes in its own way, is said in a finding; geometry that could be wrong is
left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.dicom import tags
from planner.dicom.angio_values import RunView
from planner.dicom.identifiers import derived_uid
from planner.findings import Finding, Severity
from planner.geometry.c_arm import CArm, DetectorSpacing
from planner.imaging.angio import Shutter

ANGLE_LIMIT_DEG = 360.0
SAME_ANGLE_DEG = 0.5
"""An increment vector whose first value repeats the positioner's own angle holds angles, not increments."""
STEADY_SHARE = 0.25
"""Steps of a rotation that differ by less than this share of their median are steps from frame to frame."""
RAMP_CORRELATION = 0.95
"""Values that follow the frame number at least this well are offsets from the first frame."""
Table = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, eq=False, slots=True)
class Angles:
    """(frame,) degrees of one axis, LAO or cranial positive; None when the file does not tell."""

    degrees: NDArray[np.float64] | None
    findings: tuple[Finding, ...] = ()

    @property
    def first(self) -> float | None:
        return None if self.degrees is None else float(self.degrees[0])

    @property
    def moves(self) -> bool:
        return self.degrees is not None and float(np.ptp(self.degrees)) > SAME_ANGLE_DEG


def angles_of(view: RunView, tag: int, increment_tag: int, uid: str) -> Angles:
    """Angles of every frame: per frame in Enhanced XA, else the first one with its increments."""
    if view.varies(tag):
        found = [view.number(tag, frame) for frame in range(view.frames)]
        known = [each for each in found if each is not None and abs(each) <= ANGLE_LIMIT_DEG]
        return Angles(np.asarray(known) if len(known) == view.frames else None)
    base = view.number(tag)
    if base is None or abs(base) > ANGLE_LIMIT_DEG:
        return Angles(None)
    increments = np.asarray(view.numbers(increment_tag), dtype=np.float64)
    if not len(increments) or not np.any(increments):
        return Angles(np.full(view.frames, base))
    offsets, words = _offsets(increments, base, view.frames)
    name = "primary" if tag == tags.PRIMARY_ANGLE else "secondary"
    if offsets is not None and float(np.abs(base + offsets).max()) > ANGLE_LIMIT_DEG:
        offsets, words = None, "they run beyond a full turn"
    if offsets is None:
        text = f"The {name} angle moves in a way the file does not make clear ({words}); its angles are not used."
        return Angles(None, (Finding("angles-unclear", Severity.WARN, text, subject=uid),))
    text = f"The {name} angle moves during the run; its increments are read as {words}."
    return Angles(base + offsets, (Finding("angles-move", Severity.INFO, text, subject=uid),))


def _offsets(increments: NDArray[np.float64], base: float, frames: int) -> tuple[NDArray[np.float64] | None, str]:
    """Degrees from the first frame. C.8.7.5 gives one value or one per frame; devices differ in what the latter are."""
    if len(increments) == 1:
        return np.arange(frames, dtype=np.float64) * float(increments[0]), "one step from frame to frame"
    if len(increments) != frames:
        return None, f"{len(increments)} increments for {frames} frames"
    if abs(base) > SAME_ANGLE_DEG and abs(float(increments[0]) - base) <= SAME_ANGLE_DEG:
        return increments - base, "the angle of each frame"
    if abs(float(increments[0])) > SAME_ANGLE_DEG and frames > 2 and not _steady(increments):
        return None, "the first increment is not 0"
    if _steady(increments[1:]):
        steps = np.concatenate([[0.0], increments[1:]])
        return np.cumsum(steps), "steps from frame to frame"
    if frames > 2 and abs(float(np.corrcoef(np.arange(frames), increments)[0, 1])) >= RAMP_CORRELATION:
        return increments - increments[0], "offsets from the first frame"
    return None, "neither steady steps nor a steady rotation"


def _steady(steps: NDArray[np.float64]) -> bool:
    middle = float(np.median(steps))
    return middle != 0.0 and float(np.abs(steps - middle).max()) <= STEADY_SHARE * abs(middle)


def table_of(view: RunView) -> Table:
    """(longitudinal, lateral, vertical) mm as the equipment counts; None where the file does not tell."""
    if tags.TABLE_Z_TO_ISOCENTRE in view.holder(tags.TABLE_Z_TO_ISOCENTRE).raw:
        along, across, height = tags.TABLE_Z_TO_ISOCENTRE, tags.TABLE_X_TO_ISOCENTRE, tags.TABLE_Y_TO_ISOCENTRE
    else:
        along, across, height = tags.TABLE_TOP_LONGITUDINAL, tags.TABLE_TOP_LATERAL, tags.TABLE_TOP_VERTICAL
    found = view.number(along), view.number(across), view.number(height)
    if any(each is not None for each in found):
        return found
    return view.number(tags.TABLE_TRAVERSE), None, view.number(tags.TABLE_HEIGHT)


def isocentre_frame_uid(study_uid: str | None, table_mm: Table, series_uid: str, file_key: str) -> str:
    """Frame of reference whose origin is the isocentre: runs of a study share it while the table stands still.

    Without a full table position a run has a frame of its own.
    """
    if study_uid is None or any(each is None for each in table_mm):
        return derived_uid("isocentre-of-run", series_uid, file_key)
    return derived_uid("isocentre", study_uid, *(f"{each:.2f}" for each in table_mm if each is not None))


def spacing_of(view: RunView) -> DetectorSpacing | None:
    """Imager pixel spacing: millimetres on the detector, between rows and between columns."""
    values = view.numbers(tags.IMAGER_PIXEL_SPACING)
    if len(values) != 2 or not all(0.001 < each < 10.0 for each in values):
        return None
    return DetectorSpacing(values[0], values[1])


def distances_of(view: RunView) -> tuple[float | None, float | None]:
    """Source to detector and source to isocentre, mm."""
    return view.positive(tags.SOURCE_TO_DETECTOR), (
        view.positive(tags.SOURCE_TO_ISOCENTRE) or view.positive(tags.SOURCE_TO_PATIENT)
    )


def c_arms(
    view: RunView, primary: Angles, secondary: Angles, size_yx: tuple[int, int], frame_uid: str, uid: str
) -> tuple[tuple[CArm, ...], tuple[Finding, ...]]:
    """One `CArm` for all frames, one for each when the arm moves, or none and the reason.

    The central ray is taken to fall on the centre of the image: DICOM does not say where it does.
    """
    missing = list(_missing(view, primary, secondary))
    if missing:
        text = f"The file does not give {_listed(missing)}: no C-arm geometry, and no millimetres from it."
        return (), (Finding("missing-geometry", Severity.WARN, text, subject=uid),)
    odd = list(_unsupported(view))
    if odd:
        text = (
            f"{_listed(odd)}: which way the picture lies on the detector is not certain, so its geometry is not used."
        )
        return (), (Finding("unsupported-geometry", Severity.WARN, text[0].upper() + text[1:], subject=uid),)
    detector, isocentre = distances_of(view)
    spacing = spacing_of(view)
    if detector is None or isocentre is None or spacing is None or primary.degrees is None or secondary.degrees is None:
        return (), ()
    if isocentre >= detector:
        text = (
            f"The source is said to be {isocentre:.0f} mm from the isocentre and {detector:.0f} mm from the detector "
            "behind it: this cannot be, so the geometry is not used."
        )
        return (), (Finding("implausible-geometry", Severity.WARN, text, subject=uid),)
    count = view.frames if primary.moves or secondary.moves else 1
    rows, columns = size_yx
    middle = ((columns - 1) / 2.0, (rows - 1) / 2.0)
    arms = tuple(
        CArm(float(one), float(other), detector, isocentre, spacing, middle, frame_uid)
        for one, other in zip(primary.degrees[:count], secondary.degrees[:count], strict=True)
    )
    return arms, ()


def _missing(view: RunView, primary: Angles, secondary: Angles) -> Iterator[str]:
    detector, isocentre = distances_of(view)
    if primary.degrees is None or secondary.degrees is None:
        yield "the angles"
    if detector is None:
        yield "the distance from source to detector"
    if isocentre is None:
        yield "the distance from source to isocentre"
    if spacing_of(view) is None:
        yield "the pixel spacing on the detector"


def _unsupported(view: RunView) -> Iterator[str]:
    rotation = view.number(tags.FIELD_OF_VIEW_ROTATION) or 0.0
    turned = view.number(tags.DETECTOR_ROTATION_TO_ISOCENTRE) or 0.0
    position = view.text(tags.PATIENT_POSITION)
    if rotation % 360.0:
        yield f"the field of view is rotated by {rotation:g} degrees"
    if view.text(tags.FIELD_OF_VIEW_FLIP) == "YES":
        yield "the field of view is flipped"
    if turned % 360.0:
        yield f"the detector is rotated by {turned:g} degrees"
    if position not in (None, "HFS"):
        yield f"the patient lies {position}, not head first and supine"
    if view.text(tags.TABLE_MOTION) == "DYNAMIC":
        yield "the table moves during the run"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def shutter_of(view: RunView) -> Shutter | None:
    """What shutter and collimator leave open together, pixels from 0; DICOM counts rows and columns from 1."""
    one = _opening(view, tags.SHUTTER_SHAPE)
    other = _opening(view, tags.COLLIMATOR_SHAPE)
    if one is None or other is None:
        return one or other
    circles = [each for each in (one.circle, other.circle) if each is not None]
    return Shutter(
        left=_tighter(one.left, other.left, max),
        right=_tighter(one.right, other.right, min),
        top=_tighter(one.top, other.top, max),
        bottom=_tighter(one.bottom, other.bottom, min),
        circle=min(circles, key=lambda each: each[2], default=None),
        polygon_xy=one.polygon_xy or other.polygon_xy,
    )


def _tighter(one: float | None, other: float | None, pick: Callable[[float, float], float]) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return pick(one, other)


def _opening(view: RunView, shape_tag: int) -> Shutter | None:
    """One shutter or collimator; its attributes follow its shape's in the same order for both (C.7.6.11, C.8.7.3)."""
    shapes = view.texts(shape_tag)
    if not shapes:
        return None
    offset = shape_tag - tags.SHUTTER_SHAPE
    edges: list[float | None] = [None] * 4
    if "RECTANGULAR" in shapes:
        kinds = (tags.SHUTTER_LEFT, tags.SHUTTER_RIGHT, tags.SHUTTER_TOP, tags.SHUTTER_BOTTOM)
        found = [view.number(tag + offset) for tag in kinds]
        edges = [None if each is None else each - 1.0 for each in found]
    circle: tuple[float, float, float] | None = None
    polygon: tuple[tuple[float, float], ...] = ()
    centre, radius = view.numbers(tags.SHUTTER_CENTRE + offset), view.positive(tags.SHUTTER_RADIUS + offset)
    if "CIRCULAR" in shapes and len(centre) == 2 and radius is not None:
        circle = (centre[1] - 1.0, centre[0] - 1.0, radius)
    corners = view.numbers(tags.SHUTTER_VERTICES + offset)
    if "POLYGONAL" in shapes and len(corners) >= 6 and len(corners) % 2 == 0:
        polygon = tuple((x - 1.0, y - 1.0) for y, x in zip(corners[::2], corners[1::2], strict=True))
    left, right, top, bottom = edges
    opening = Shutter(left, right, top, bottom, circle, polygon)
    return None if opening == Shutter() else opening
