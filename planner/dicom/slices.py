"""From headers to slice records: one per image plane, of a single-frame file or of a frame in a multi-frame file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from planner.dicom import limits, tags
from planner.dicom.elements import Elements
from planner.dicom.fragments import compressed_fault
from planner.dicom.pixel_formats import PixelFormat
from planner.dicom.scanner import Header

_T = TypeVar("_T")
_REMEMBERED, _SHORT_BYTES = 512, 2048
"""What the slices of a series have in common is decoded once, unless a file makes it long."""
_FLAT_GROUPS = (
    tags.PLANE_POSITION_SEQUENCE,
    tags.PLANE_ORIENTATION_SEQUENCE,
    tags.PIXEL_MEASURES_SEQUENCE,
    tags.PIXEL_TRANSFORMATION_SEQUENCE,
    tags.FRAME_CONTENT_SEQUENCE,
    tags.FRAME_VOI_SEQUENCE,
    tags.MR_ECHO_SEQUENCE,
    tags.MR_DIFFUSION_SEQUENCE,
    tags.CT_FRAME_TYPE_SEQUENCE,
    tags.MR_FRAME_TYPE_SEQUENCE,
    tags.XRAY_3D_FRAME_TYPE_SEQUENCE,
    tags.SEGMENT_IDENTIFICATION_SEQUENCE,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with one file: a finding code, what (a clause that follows the file's name) and what to do."""

    code: str
    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class SliceRecord:
    """One image plane.

    Attributes
    ----------
    frame
        Zero-based index inside the file.
    position_lps_mm
        ImagePositionPatient: centre of the first pixel. None when absent.
    orientation_lps
        ImageOrientationPatient: six direction cosines, row then column. None when absent.
    spacing_mm
        (between rows, between columns). None when absent; NaN where the text is no number.
    """

    file: Path
    frame: int
    header: Header
    format: PixelFormat
    position_lps_mm: tuple[float, ...] | None
    orientation_lps: tuple[float, ...] | None
    spacing_mm: tuple[float, ...] | None
    spacing_text: str | None
    thickness_mm: float | None
    slice_spacing_mm: float | None
    slope: float | None
    intercept: float | None
    rescale_type: str | None
    image_type: tuple[str, ...]
    acquisition: int | None
    temporal: int | None
    instance: int | None
    stack: str | None
    echo_ms: float | None
    b_value: float | None
    window: tuple[float, float] | None
    faults: tuple[Fault, ...] = field(default=())

    @property
    def name(self) -> str:
        """How a sentence names this slice."""
        return self.file.name if self.format.frames == 1 else f"{self.file.name} frame {self.frame + 1}"


_FORMAT_TAGS = (
    tags.ROWS,
    tags.COLUMNS,
    tags.NUMBER_OF_FRAMES,
    tags.BITS_ALLOCATED,
    tags.BITS_STORED,
    tags.HIGH_BIT,
    tags.SAMPLES_PER_PIXEL,
    tags.PIXEL_REPRESENTATION,
    tags.PHOTOMETRIC,
    tags.PLANAR_CONFIGURATION,
)


def pixel_format(header: Header) -> tuple[PixelFormat, tuple[Fault, ...]]:
    """The declared format, checked against the limits and against itself, before anything is allocated."""
    data, span = header.elements, header.pixels
    values = tuple(map(data.raw.get, _FORMAT_TAGS))
    read = _format_of if _is_short(values) else _format_of.__wrapped__
    return read(values, data.little_endian, span.tag if span else tags.PIXEL_DATA)


@lru_cache(_REMEMBERED)
def _format_of(
    values: tuple[bytes | None, ...], little_endian: bool, pixel_tag: int
) -> tuple[PixelFormat, tuple[Fault, ...]]:
    """The format that stored values of `_FORMAT_TAGS` declare; the slices of a series share it."""
    data = _elements(_FORMAT_TAGS, values, little_endian)
    rows, columns = data.integer(tags.ROWS) or 0, data.integer(tags.COLUMNS) or 0
    frames = data.integer(tags.NUMBER_OF_FRAMES)
    frames = 1 if frames is None and not data.text(tags.NUMBER_OF_FRAMES) else frames if frames is not None else 0
    allocated = data.integer(tags.BITS_ALLOCATED) or 0
    stored = data.integer(tags.BITS_STORED)
    stored = allocated if stored is None else stored
    high = data.integer(tags.HIGH_BIT)
    found = PixelFormat(
        rows=rows,
        columns=columns,
        frames=frames,
        samples=data.integer(tags.SAMPLES_PER_PIXEL) or 1,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1 if high is None else high,
        signed=data.integer(tags.PIXEL_REPRESENTATION) == 1,
        photometric=data.text(tags.PHOTOMETRIC) or "MONOCHROME2",
        planar=data.integer(tags.PLANAR_CONFIGURATION) or 0,
        pixel_tag=pixel_tag,
    )
    return found, tuple(_format_faults(found))


def _elements(named: Sequence[int], values: Sequence[bytes | None], little_endian: bool) -> Elements:
    return Elements(
        {tag: value for tag, value in zip(named, values, strict=True) if value is not None}, {}, little_endian
    )


def _is_short(values: Iterable[bytes | None]) -> bool:
    """Few enough bytes to be remembered by."""
    return sum(map(len, filter(None, values))) <= _SHORT_BYTES


def _format_faults(found: PixelFormat) -> Iterator[Fault]:
    again = "ask the sender for another copy"
    sides = f"{found.rows} x {found.columns} pixels"
    if min(found.rows, found.columns, found.frames) < 1:
        yield Fault("undecodable", f"it declares {sides} and {found.frames} frames", again)
    elif max(found.rows, found.columns) > limits.MAXIMUM_ROWS_OR_COLUMNS:
        yield Fault("too-large", f"it declares {sides}, more than 16384 a side", again)
    elif found.frames > limits.MAXIMUM_FRAMES:
        yield Fault("too-large", f"it declares {found.frames} frames, more than 10000", again)
    elif found.total_bytes > limits.MAXIMUM_VOLUME_BYTES:
        yield Fault("too-large", f"its {found.frames} frames of {sides} exceed 8 GiB", "import a part of it")
    if found.bits_allocated not in (1, 8, 16, 32, 64):
        yield Fault("undecodable", f"it allocates {found.bits_allocated} bits a pixel", again)
    elif not 1 <= found.bits_stored <= found.bits_allocated or found.high_bit >= found.bits_allocated:
        what = f"it stores {found.bits_stored} bits up to bit {found.high_bit} in {found.bits_allocated} allocated"
        yield Fault("undecodable", what, again)
    elif found.high_bit < found.bits_stored - 1:
        yield Fault("undecodable", f"its high bit {found.high_bit} lies below its {found.bits_stored} stored", again)
    if found.samples not in (1, 3, 4):
        yield Fault("undecodable", f"it has {found.samples} samples a pixel", again)


def _length_faults(header: Header, found: PixelFormat) -> Iterator[Fault]:
    span = header.pixels
    again = "fetch the file again"
    if span is None:
        return
    if header.syntax.encapsulated:
        fault = compressed_fault(header, found)
        if fault is not None:
            yield Fault(*fault, again)
    elif span.length is None:
        yield Fault("truncated", "its uncompressed pixel data have no length", again)
    elif span.length > span.available:
        what = f"its pixel data should have {span.length} bytes, the file holds {span.available}"
        yield Fault("truncated", what, again)
    elif span.length < found.total_bytes:
        what = f"its pixel data have {span.length} bytes, its size asks for {found.total_bytes}"
        yield Fault("truncated", what, again)


def _flat(item: Elements | None) -> dict[int, tuple[Elements, int]]:
    """Leaf tag -> (elements that hold it, tag) of one functional-group item."""
    found: dict[int, tuple[Elements, int]] = {}
    if item is not None:
        for group in _FLAT_GROUPS:
            inner = item.first(group)
            if inner is not None:
                found.update({tag: (inner, tag) for tag in inner.raw})
    return found


class _View:
    """Stored values of one frame: its functional groups first, then the shared ones, then the data set."""

    def __init__(self, header: Header, own: Elements | None, shared: dict[int, tuple[Elements, int]]) -> None:
        self._root = header.elements.raw
        self._groups = {**shared, **_flat(own)}

    def get(self, tag: int) -> bytes | None:
        """As of a dict: the value, or None."""
        holder = self._groups.get(tag)
        return self._root.get(tag) if holder is None else holder[0].raw[tag]


def records_of(header: Header) -> tuple[SliceRecord, ...]:
    """One record per frame. A file whose declared numbers are impossible gives one record with its faults."""
    declared, faults = pixel_format(header)
    if header.pixels is None:
        faults = (Fault("truncated", "it ends before its pixel data", "fetch the file again"),)
    if not header.syntax.readable:
        what = f"its pixels are encoded with {header.syntax.name} ({header.syntax.uid}), for which there is no decoder"
        faults += (Fault("unsupported-syntax", what, "ask the sender for an uncompressed copy"),)
    if not faults:
        faults += tuple(_length_faults(header, declared))
    per_frame = header.elements.items(tags.PER_FRAME_GROUPS)
    shared = _flat(header.elements.first(tags.SHARED_GROUPS))
    count = 1 if faults else declared.frames
    if per_frame and len(per_frame) != declared.frames and count > 1:
        what = f"it declares {declared.frames} frames and describes {len(per_frame)}"
        faults += (Fault("truncated", what, "fetch the file again"),)
    if not shared and not per_frame:
        return tuple(_record(header, declared, frame, header.elements.raw.get, faults) for frame in range(count))
    views = (_View(header, per_frame[frame] if frame < len(per_frame) else None, shared) for frame in range(count))
    return tuple(_record(header, declared, frame, view.get, faults) for frame, view in enumerate(views))


@dataclass(frozen=True, slots=True)
class _Common:
    """What most slices of a series share; the fields are those of `SliceRecord`."""

    orientation_lps: tuple[float, ...] | None
    spacing_mm: tuple[float, ...] | None
    spacing_text: str | None
    thickness_mm: float | None
    slice_spacing_mm: float | None
    slope: float | None
    intercept: float | None
    rescale_type: str | None
    image_type: tuple[str, ...]
    acquisition: int | None
    temporal: int | None
    stack: str | None
    echo_ms: float | None
    b_value: float | None
    window: tuple[float, float] | None


_COMMON_TAGS = (
    tags.IMAGE_ORIENTATION,
    tags.PIXEL_SPACING,
    tags.SLICE_THICKNESS,
    tags.SPACING_BETWEEN_SLICES,
    tags.RESCALE_SLOPE,
    tags.RESCALE_INTERCEPT,
    tags.RESCALE_TYPE,
    tags.FRAME_TYPE,
    tags.FRAME_ACQUISITION_NUMBER,
    tags.ACQUISITION_NUMBER,
    tags.TEMPORAL_POSITION_INDEX,
    tags.TEMPORAL_POSITION,
    tags.STACK_ID,
    tags.EFFECTIVE_ECHO_TIME,
    tags.ECHO_TIME,
    tags.B_VALUE,
    tags.WINDOW_CENTER,
    tags.WINDOW_WIDTH,
)
_OWN_TAGS = (tags.IMAGE_POSITION, tags.INSTANCE_NUMBER)


@lru_cache(_REMEMBERED)
def _common(values: tuple[bytes | None, ...], image_type: bytes | None, little_endian: bool) -> _Common:
    """From the stored values of `_COMMON_TAGS`, and the image type of the data set."""
    data = _elements(_COMMON_TAGS, values, little_endian)
    root = _elements((tags.IMAGE_TYPE,), (image_type,), little_endian)
    return _Common(
        orientation_lps=data.numbers(tags.IMAGE_ORIENTATION),
        spacing_mm=data.numbers(tags.PIXEL_SPACING),
        spacing_text=data.text(tags.PIXEL_SPACING),
        thickness_mm=data.number(tags.SLICE_THICKNESS),
        slice_spacing_mm=data.number(tags.SPACING_BETWEEN_SLICES),
        slope=data.number(tags.RESCALE_SLOPE),
        intercept=data.number(tags.RESCALE_INTERCEPT),
        rescale_type=data.text(tags.RESCALE_TYPE),
        image_type=data.texts(tags.FRAME_TYPE) or root.texts(tags.IMAGE_TYPE),
        acquisition=_first_known(data.integer(tags.FRAME_ACQUISITION_NUMBER), data.integer(tags.ACQUISITION_NUMBER)),
        temporal=_first_known(data.integer(tags.TEMPORAL_POSITION_INDEX), data.integer(tags.TEMPORAL_POSITION)),
        stack=data.text(tags.STACK_ID),
        echo_ms=_first_known(data.number(tags.EFFECTIVE_ECHO_TIME), data.number(tags.ECHO_TIME)),
        b_value=data.number(tags.B_VALUE),
        window=_window(data),
    )


def _record(
    header: Header,
    declared: PixelFormat,
    frame: int,
    stored: Callable[[int], bytes | None],
    faults: tuple[Fault, ...],
) -> SliceRecord:
    little_endian = header.elements.little_endian
    values, image_type = tuple(map(stored, _COMMON_TAGS)), header.elements.raw.get(tags.IMAGE_TYPE)
    read = _common if _is_short((*values, image_type)) else _common.__wrapped__
    common = read(values, image_type, little_endian)
    own = _elements(_OWN_TAGS, tuple(map(stored, _OWN_TAGS)), little_endian)
    return SliceRecord(
        header.file,
        frame,
        header,
        declared,
        own.numbers(tags.IMAGE_POSITION),
        common.orientation_lps,
        common.spacing_mm,
        common.spacing_text,
        common.thickness_mm,
        common.slice_spacing_mm,
        common.slope,
        common.intercept,
        common.rescale_type,
        common.image_type,
        common.acquisition,
        common.temporal,
        own.integer(tags.INSTANCE_NUMBER) if declared.frames == 1 else frame + 1,
        common.stack,
        common.echo_ms,
        common.b_value,
        common.window,
        faults,
    )


def _first_known(*values: _T | None) -> _T | None:
    return next((value for value in values if value is not None), None)


def _window(view: Elements) -> tuple[float, float] | None:
    centre, width = view.number(tags.WINDOW_CENTER), view.number(tags.WINDOW_WIDTH)
    if centre is None or width is None or not (abs(centre) < 1e9 and 0 < width < 1e9):
        return None
    return centre, width
