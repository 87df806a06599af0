"""A run's view and annotations written as an XA/XRF grayscale softcopy presentation state (DICOM PS3.3 A.33.6).

The header is made by an allow-list: what is not named here is not written. Every state has UIDs of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from planner.dicom.presentation_states import CORNER_PX, PLAIN_STATE, XA_STATE
from planner.dicom.series import SeriesEntry
from planner.errors import InputRefused, UsageError
from planner.imaging.angio import AngioRun
from planner.model.run_items import Pixel, RunMeasurementBody, RunViewBody
from planner.units import shown

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

COPIED = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Attributes taken over from the run's file."""
LAYER = "ANNOTATIONS"


@dataclass(frozen=True, slots=True)
class StateWords:
    """What a state says of itself.

    Attributes
    ----------
    label
        Code string: capital letters, digits, underscore, at most 16 characters.
    software
        Version that wrote it.
    now
        Moment of making; None is the clock.
    """

    label: str = "SELDINGER"
    description: str = ""
    creator: str = ""
    software: str = ""
    now: datetime | None = None


_UNITS = {"mm": "mm", "px": "px", "percent": "%", "s": "s", "deg": "deg"}


def write_presentation_state(
    entry: SeriesEntry,
    run: AngioRun,
    view: RunViewBody,
    annotations: Sequence[RunMeasurementBody],
    out: Path,
    *,
    words: StateWords | None = None,
    plain: bool = False,
) -> Path:
    """Write how a run is shown.

    The window of a logarithmic subtraction has no counterpart in DICOM and is left out: readers choose their own.

    Parameters
    ----------
    entry
        The run's file: patient and study come from its header.
    plain
        A grayscale softcopy state, which more readers know, instead of the one made for XA. It has one shift for all
        frames; shifts of single frames are left out.

    Raises
    ------
    InputRefused
        ``no-instance-uid`` for a run whose file has none: nothing could refer to it.
    UsageError
        ``cannot-write``.
    """
    from pydicom import dcmread

    if run.instance_uid is None:
        text = "The run's file has no instance UID; a presentation state cannot refer to it."
        raise InputRefused("no-instance-uid", text, subject=entry.uid)
    source = dcmread(entry.files[0], stop_before_pixels=True, specific_tags=[*COPIED, "SOPClassUID"])
    data = _head(source, words or StateWords(), PLAIN_STATE if plain else XA_STATE)
    image = _reference(run, str(source.SOPClassUID))
    series = _dataset(SeriesInstanceUID=run.source.series_uid, ReferencedImageSequence=[image])
    data.ReferencedSeriesSequence = [series]
    _put_mask(data, run, view, plain=plain)
    _put_window(data, run, view, image)
    _put_area(data, run, image)
    _put_annotations(data, run, annotations, str(source.SOPClassUID))
    data.PresentationLUTShape = "INVERSE" if view.inverted else "IDENTITY"
    try:
        data.save_as(out, enforce_file_format=True)
    except OSError as error:
        said = f"{out} cannot be written ({error.strerror}); choose another place."
        raise UsageError("cannot-write", said, subject=str(out)) from error
    return out


def _dataset(**values: object) -> Dataset:
    from pydicom.dataset import Dataset

    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def _head(source: Dataset, made: StateWords, sop_class: str) -> Dataset:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    data = _dataset(
        SpecificCharacterSet="ISO_IR 192", SOPClassUID=UID(sop_class), SOPInstanceUID=generate_uid(prefix=None)
    )
    for keyword in COPIED:
        if keyword in source:
            setattr(data, keyword, source[keyword].value)
        elif keyword != "IssuerOfPatientID":
            setattr(data, keyword, None)
    data.Modality, data.SeriesInstanceUID = "PR", generate_uid(prefix=None)
    data.SeriesNumber, data.InstanceNumber = 9001, 1
    data.SeriesDescription, data.Laterality = "Presentation states", None
    data.Manufacturer, data.ManufacturerModelName = "Seldinger", "Seldinger planner"
    data.DeviceSerialNumber, data.SoftwareVersions = "0", made.software or "unknown"
    now = made.now or datetime.now()
    day, time = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    data.SeriesDate, data.SeriesTime = day, time
    data.InstanceCreationDate, data.InstanceCreationTime = day, time
    data.PresentationCreationDate, data.PresentationCreationTime = day, time
    data.ContentLabel, data.ContentDescription = made.label[:16], made.description[:64] or None
    data.ContentCreatorName = made.creator or None
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    return data


def _reference(run: AngioRun, sop_class: str, frame: int | None = None) -> Dataset:
    image = _dataset(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=run.instance_uid)
    if frame is not None and run.count > 1:
        image.ReferencedFrameNumber = frame
    return image


def _put_mask(data: Dataset, run: AngioRun, view: RunViewBody, *, plain: bool) -> None:
    data.RecommendedViewingMode = "SUB" if view.subtracted else "NAT"
    if not view.mask_frames:
        return
    moved = view.manual_shift_xy_px if view.shift == "manual" else {}
    mask = _dataset(
        MaskOperation="AVG_SUB",
        MaskFrameNumbers=list(view.mask_frames),
        ContrastFrameAveraging=1,
        ApplicableFrameRange=[1, run.count],
    )
    if not plain:
        mask.SubtractionItemID = 1
        if moved:
            mask.PixelShiftSequence = [_shift(number, each, run.count) for number, each in moved.items()]
    elif "0" in moved:
        mask.MaskSubPixelShift = [moved["0"][1], moved["0"][0]]
    data.MaskSubtractionSequence = [mask]


def _shift(number: str, moved: Pixel, count: int) -> Dataset:
    frames = [1, count] if number == "0" else [int(number), int(number)]
    region = _dataset(MaskSubPixelShift=[moved[1], moved[0]])
    return _dataset(PixelShiftFrameRange=frames, RegionPixelShiftSequence=[region])


def _put_window(data: Dataset, run: AngioRun, view: RunViewBody, image: Dataset) -> None:
    if view.window is None or (view.subtracted and view.method != "linear"):
        return
    centre, width = view.window
    voi = _dataset(WindowCenter=_ds(-centre if view.subtracted and centre else centre), WindowWidth=_ds(width))
    voi.ReferencedImageSequence = [image]
    data.SoftcopyVOILUTSequence = [voi]


def _ds(value: float) -> str:
    """A decimal string of at most 16 characters."""
    return f"{value:.9g}"[:16]


def _put_area(data: Dataset, run: AngioRun, image: Dataset) -> None:
    rows, columns = run.size_yx
    area = _dataset(
        DisplayedAreaTopLeftHandCorner=[1, 1],
        DisplayedAreaBottomRightHandCorner=[columns, rows],
        PresentationSizeMode="SCALE TO FIT",
        PresentationPixelAspectRatio=[1, 1],
        ReferencedImageSequence=[image],
    )
    data.DisplayedAreaSelectionSequence = [area]


def _put_annotations(data: Dataset, run: AngioRun, annotations: Sequence[RunMeasurementBody], sop_class: str) -> None:
    if not annotations:
        return
    data.GraphicAnnotationSequence = [_annotation(each, run, sop_class) for each in annotations]
    data.GraphicLayerSequence = [_dataset(GraphicLayer=LAYER, GraphicLayerOrder=1)]


def _annotation(body: RunMeasurementBody, run: AngioRun, sop_class: str) -> Dataset:
    item = _dataset(ReferencedImageSequence=[_reference(run, sop_class, body.frame)], GraphicLayer=LAYER)
    points = body.points_xy
    if body.kind != "text":
        closed = body.kind == "region" and len(points) > 2
        outline = (*points, points[0]) if closed else points
        item.GraphicObjectSequence = [
            _dataset(
                GraphicAnnotationUnits="PIXEL",
                GraphicDimensions=2,
                NumberOfGraphicPoints=len(outline),
                GraphicData=[value + CORNER_PX for point in outline for value in point],
                GraphicType="POLYLINE" if len(outline) > 1 else "POINT",
                **({"GraphicFilled": "N"} if closed else {}),
            )
        ]
    words = annotation_words(body)
    if words:
        item.TextObjectSequence = [
            _dataset(
                UnformattedTextValue=words,
                AnchorPointAnnotationUnits="PIXEL",
                AnchorPoint=[points[-1][0] + CORNER_PX, points[-1][1] + CORNER_PX],
                AnchorPointVisibility="N",
            )
        ]
    return item


def annotation_words(body: RunMeasurementBody) -> str:
    """What is written beside an annotation: its own text, else its kind and its known values."""
    if body.text or body.kind in ("text", "arrow"):
        return body.text
    parts = [body.kind]
    for name, value in body.values.items():
        quantity, _, unit = name.rpartition("_")
        known = unit if unit in _UNITS else name if name in _UNITS else None
        if value is not None and known is not None:
            parts.append(f"{quantity.replace('_', ' ')} {shown(value)} {_UNITS[known]}".strip())
    return " ".join(parts)
