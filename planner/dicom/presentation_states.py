"""Presentation states of runs (XA/XRF and plain grayscale softcopy; DICOM PS3.3 A.33.1, A.33.6): mask, shift, window,
annotations.

Pixels of the graphics count from the outer corner of the first pixel (C.10.5.1.2), ours from its centre. The pixel
shift of a mask (C.7.6.10.1.2) has our sign: it is what the mask is moved by to lie on the frame's background.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.dicom.documents import DAMAGED
from planner.dicom.scanner import refused, scan_file
from planner.findings import Finding, Severity
from planner.imaging.angio import AngioRun
from planner.model.run_items import Pixel, RunMeasurementBody, RunViewBody

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

XA_STATE, PLAIN_STATE = "1.2.840.10008.5.1.4.1.1.11.5", "1.2.840.10008.5.1.4.1.1.11.1"
CORNER_PX = 0.5
"""From the centre of the first pixel to its outer corner."""
_CIRCLE_POINTS = 36
_MOST_ANNOTATIONS = 2_000
_MOST_TEXT = 1_024


@dataclass(frozen=True, slots=True)
class PresentationState:
    """How somebody showed a run.

    Attributes
    ----------
    view
        Mask, shift and window. DICOM does not tell linear from logarithmic subtraction of a run: `method` is ours.
    annotations
        Lines, areas and texts; what a line meant is not in the file, so a line of two points is a ``distance``.
    """

    label: str | None
    description: str | None
    creator: str | None
    created_on: str | None
    view: RunViewBody
    annotations: tuple[RunMeasurementBody, ...]
    findings: tuple[Finding, ...]


def is_presentation_state(sop_class: str | None) -> bool:
    return sop_class in (XA_STATE, PLAIN_STATE)


def read_presentation_state(file: Path, run: AngioRun) -> PresentationState:
    """Read a presentation state that refers to a run.

    Raises
    ------
    InputRefused
        ``not-a-presentation-state``; ``other-patient``, ``other-study`` or ``other-image`` when it was made for
        something else; or what the scanner says of the file.
    """

    from pydicom.errors import BytesLengthException

    scan_file(file)
    try:
        return _state(_document(file), run, file)
    except (BytesLengthException, *DAMAGED) as error:
        # pydicom decodes values when they are asked for, and says so of those that it cannot.
        said = f"a value in it cannot be read ({str(error)[:80]})"
        raise refused("undecodable", file, said, "ask the sender for another copy") from error


def _document(file: Path) -> Dataset:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        return dcmread(file, stop_before_pixels=True)
    except (InvalidDicomError, *DAMAGED) as error:
        raise refused("truncated", file, "it cannot be read as a presentation state", "fetch the file again") from error


def _state(data: Dataset, run: AngioRun, file: Path) -> PresentationState:
    if not is_presentation_state(str(data.get("SOPClassUID") or "")):
        said = "it is no presentation state that is read here"
        raise refused("not-a-presentation-state", file, said, "choose an XA or a grayscale presentation state")
    _require_same(data, run, file)
    findings: list[Finding] = []
    view = _view(data, run, findings)
    annotations = tuple(_annotations(data, run))
    return PresentationState(
        label=_text(data, "ContentLabel"),
        description=_text(data, "ContentDescription"),
        creator=_text(data, "ContentCreatorName"),
        created_on=_text(data, "PresentationCreationDate"),
        view=view,
        annotations=annotations[:_MOST_ANNOTATIONS],
        findings=tuple(findings),
    )


def _text(data: Dataset, keyword: str) -> str | None:
    value = data.get(keyword)
    return str(value).strip()[:_MOST_TEXT] or None if value not in (None, "") else None


def _items(data: Dataset, keyword: str) -> list[Dataset]:
    return list(data.get(keyword) or [])


def _values(value: Any) -> list[Any]:
    """The values of an attribute of one or of many."""
    if value is None or value == "":
        return []
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, str | bytes) else [value]


def _numbers(data: Dataset, keyword: str) -> list[float]:
    return [float(each) for each in _values(data.get(keyword))]


def _require_same(data: Dataset, run: AngioRun, file: Path) -> None:
    """A state made for another patient, study or image must not be laid over this run."""
    source = run.source
    theirs = _text(data, "PatientID")
    born = (_text(data, "PatientBirthDate") or "").replace(".", "")
    ours_born = (source.patient_birth_date or "").replace("-", "")
    advice = "choose one that was made for this run"
    if theirs and source.patient_id and theirs != source.patient_id or born and ours_born and born != ours_born:
        raise refused("other-patient", file, "it was made for another patient", advice)
    if _text(data, "StudyInstanceUID") != source.study_uid:
        raise refused("other-study", file, "it was made for another study", advice)
    series = [
        each
        for each in _items(data, "ReferencedSeriesSequence")
        if _text(each, "SeriesInstanceUID") == source.series_uid
    ]
    instances = {
        _text(each, "ReferencedSOPInstanceUID") for one in series for each in _items(one, "ReferencedImageSequence")
    }
    if run.instance_uid is None or run.instance_uid not in instances:
        raise refused("other-image", file, "it refers to other images", advice)


def _view(data: Dataset, run: AngioRun, findings: list[Finding]) -> RunViewBody:
    masks = [each for each in _items(data, "MaskSubtractionSequence") if _text(each, "MaskOperation") != "NONE"]
    averaged = [each for each in masks if _text(each, "MaskOperation") == "AVG_SUB"]
    alike = [
        each for each in averaged if _numbers(each, "MaskFrameNumbers") == _numbers(averaged[0], "MaskFrameNumbers")
    ]
    if len(masks) > len(alike):
        text = "The presentation state subtracts in more than one way; the first averaged mask of it is used."
        findings.append(Finding("mask-simplified", Severity.WARN, text, subject=run.source.series_uid))
    shown = _text(data, "RecommendedViewingMode") != "NAT"
    frames: tuple[int, ...] = ()
    shifts: dict[str, Pixel] = {}
    if averaged:
        frames = tuple(int(each) for each in _numbers(averaged[0], "MaskFrameNumbers") if 1 <= int(each) <= run.count)
        shifts = {number: moved for each in alike for number, moved in _shifts(each, run.count)}
    subtracted = bool(averaged) and shown
    return RunViewBody(
        run=run.key,
        subtracted=subtracted,
        mask_frames=frames,
        method="linear" if subtracted and _window(data, run) is not None else "log",
        shift="manual" if shifts else "none",
        manual_shift_xy_px=shifts,
        window=_presented_window(data, run, subtracted),
        inverted=_text(data, "PresentationLUTShape") == "INVERSE",
    )


def _shifts(mask: Dataset, count: int) -> Iterator[tuple[str, Pixel]]:
    """Frame number (``"0"``: all) and shift x, y; of shifts by region only those of the whole image are kept."""
    plain = _numbers(mask, "MaskSubPixelShift")
    if len(plain) == 2:
        for number in _frames(_numbers(mask, "ApplicableFrameRange"), count):
            yield str(number), (plain[1], plain[0])
    for one in _items(mask, "PixelShiftSequence"):
        for region in _items(one, "RegionPixelShiftSequence"):
            moved = _numbers(region, "MaskSubPixelShift")
            if len(moved) != 2 or "VerticesOfTheRegion" in region:
                continue
            for number in _frames(_numbers(one, "PixelShiftFrameRange"), count):
                yield str(number), (moved[1], moved[0])


def _frames(ends: Sequence[float], count: int) -> list[int]:
    """Frames of (first, last) pairs; [0] stands for all of them."""
    pairs = [(int(first), int(last)) for first, last in zip(ends[::2], ends[1::2], strict=False)]
    if not pairs or any(first <= 1 and last >= count for first, last in pairs):
        return [0]
    return [number for first, last in pairs for number in range(max(1, first), min(last, count) + 1)]


def _window(data: Dataset, run: AngioRun) -> tuple[float, float] | None:
    """Centre and width of the first window that holds for the run's image."""
    for item in _items(data, "SoftcopyVOILUTSequence"):
        images = [_text(each, "ReferencedSOPInstanceUID") for each in _items(item, "ReferencedImageSequence")]
        centre, width = _numbers(item, "WindowCenter"), _numbers(item, "WindowWidth")
        if (not images or run.instance_uid in images) and centre and width and width[0] > 0:
            return centre[0], width[0]
    return None


def _presented_window(data: Dataset, run: AngioRun, subtracted: bool) -> tuple[float, float] | None:
    """In our units: a subtracted frame less its mask falls where contrast rises."""
    found = _window(data, run)
    return (-found[0] if found[0] else 0.0, found[1]) if found is not None and subtracted else found


def _annotations(data: Dataset, run: AngioRun) -> Iterator[RunMeasurementBody]:
    for item in _items(data, "GraphicAnnotationSequence"):
        frame = _frame(item, run)
        if frame is None:
            continue
        graphics = [each for each in (_graphic(one, run) for one in _items(item, "GraphicObjectSequence")) if each]
        texts = [each for each in (_words(one, run) for one in _items(item, "TextObjectSequence")) if each]
        if len(graphics) == 1 and len(texts) == 1:
            # One graphic with one text is a measurement with its words.
            kind, points = graphics[0]
            yield _body(run, frame, kind, points, texts[0][1])
            continue
        for kind, points in graphics:
            yield _body(run, frame, kind, points, "")
        for point, words in texts:
            yield _body(run, frame, "text", (point,), words)


def _body(run: AngioRun, frame: int, kind: str, points: tuple[Pixel, ...], words: str) -> RunMeasurementBody:
    values: dict[str, float | None] = {}
    if kind == "distance":
        values["length_px"] = float(np.hypot(points[1][0] - points[0][0], points[1][1] - points[0][1]))
    return RunMeasurementBody(run.key, frame, kind, points, values, text=words)


def _frame(item: Dataset, run: AngioRun) -> int | None:
    """The first frame an annotation is drawn on; 1 for one on all frames, None for one on another image."""
    images = _items(item, "ReferencedImageSequence")
    if not images:
        return 1
    for image in images:
        if _text(image, "ReferencedSOPInstanceUID") == run.instance_uid:
            named = [int(each) for each in _numbers(image, "ReferencedFrameNumber")]
            inside = [each for each in named if 1 <= each <= run.count]
            return inside[0] if inside else None if named else 1
    return None


def _graphic(item: Dataset, run: AngioRun) -> tuple[str, tuple[Pixel, ...]] | None:
    numbers = _numbers(item, "GraphicData")
    shape = _text(item, "GraphicType")
    units = _text(item, "GraphicAnnotationUnits")
    points = tuple(_pixel(x, y, units, run) for x, y in zip(numbers[::2], numbers[1::2], strict=False))
    if shape == "POINT" and points:
        return "arrow", points[:1]
    if shape == "CIRCLE" and len(points) == 2:
        return "region", _around(points[0], points[1])
    if shape == "ELLIPSE" and len(points) == 4:
        return "region", _ellipse(points)
    if shape not in ("POLYLINE", "INTERPOLATED") or len(points) < 2:
        return None
    if len(points) == 2:
        return "distance", points
    return ("region", points[:-1]) if points[0] == points[-1] else ("diameter", points)


def _pixel(x: float, y: float, units: str | None, run: AngioRun) -> Pixel:
    rows, columns = run.size_yx
    if units == "DISPLAY":
        return x * columns - CORNER_PX, y * rows - CORNER_PX
    return x - CORNER_PX, y - CORNER_PX


def _around(centre: Pixel, edge: Pixel) -> tuple[Pixel, ...]:
    radius = float(np.hypot(edge[0] - centre[0], edge[1] - centre[1]))
    turns = np.linspace(0.0, 2.0 * np.pi, _CIRCLE_POINTS, endpoint=False)
    return tuple((centre[0] + radius * float(np.cos(t)), centre[1] + radius * float(np.sin(t))) for t in turns)


def _ellipse(ends: Sequence[Pixel]) -> tuple[Pixel, ...]:
    """Ends of the major, then of the minor axis (C.10.5.1.2)."""
    corners = np.asarray(ends, dtype=np.float64)
    centre = corners[:2].mean(axis=0)
    major, minor = (corners[1] - corners[0]) / 2.0, (corners[3] - corners[2]) / 2.0
    turns = np.linspace(0.0, 2.0 * np.pi, _CIRCLE_POINTS, endpoint=False)
    around = centre + np.cos(turns)[:, None] * major + np.sin(turns)[:, None] * minor
    return tuple((float(x), float(y)) for x, y in around)


def _words(item: Dataset, run: AngioRun) -> tuple[Pixel, str] | None:
    words = _text(item, "UnformattedTextValue")
    anchor = _numbers(item, "AnchorPoint")
    units = _text(item, "AnchorPointAnnotationUnits")
    if len(anchor) != 2:
        box = _numbers(item, "BoundingBoxTopLeftHandCorner")
        anchor, units = box, _text(item, "BoundingBoxAnnotationUnits")
    if words is None or len(anchor) != 2:
        return None
    return _pixel(anchor[0], anchor[1], units, run), words
