"""Attributes of an angiographic file, frame by frame, decoded by the value representation that the dictionary gives."""

from __future__ import annotations

import math
import struct
from functools import cached_property

from planner.dicom import tags
from planner.dicom.elements import Elements
from planner.dicom.scanner import Header

FRAME_GROUPS = (
    tags.FRAME_CONTENT_SEQUENCE,
    tags.POSITIONER_POSITION_SEQUENCE,
    tags.XRAY_GEOMETRY_SEQUENCE,
    tags.FIELD_OF_VIEW_SEQUENCE,
    tags.FRAME_ACQUISITION_SEQUENCE,
    tags.ISOCENTRE_REFERENCE_SEQUENCE,
    tags.XA_FRAME_TYPE_SEQUENCE,
    tags.FRAME_PIXEL_PROPERTIES_SEQUENCE,
    tags.TABLE_POSITION_SEQUENCE,
    tags.FRAME_SHUTTER_SEQUENCE,
    tags.COLLIMATOR_SEQUENCE,
    tags.INTENSITY_LUT_SEQUENCE,
)
"""Functional groups of Enhanced XA and XRF images (PS3.3 A.47, A.48) that are read."""
_CODES = (
    dict.fromkeys(
        (
            tags.SOURCE_TO_ISOCENTRE,
            tags.FIELD_OF_VIEW_DIMENSIONS_FLOAT,
            tags.DETECTOR_ROTATION_TO_ISOCENTRE,
            tags.TABLE_X_TO_ISOCENTRE,
            tags.TABLE_Y_TO_ISOCENTRE,
            tags.TABLE_Z_TO_ISOCENTRE,
            tags.MASK_SHIFT,
        ),
        "f",
    )
    | {tags.TUBE_CURRENT_FLOAT: "d", tags.INTENSITY_SIGN: "h", tags.TID_OFFSET: "h"}
    | dict.fromkeys((tags.ENTRANCE_DOSE, tags.APPLICABLE_FRAME_RANGE, tags.MASK_FRAME_NUMBERS), "H")
)
"""Tag -> `struct` code of the binary attributes; all others hold text."""


def numbers(elements: Elements, tag: int) -> tuple[float, ...]:
    """All values of a numeric attribute; empty when it is absent, or when any of them is no finite number."""
    raw = elements.raw.get(tag)
    if raw is None:
        return ()
    code = _CODES.get(tag)
    if code is None:
        values = elements.numbers(tag) or ()
    else:
        size = struct.calcsize(code)
        if len(raw) % size:
            return ()
        values = struct.unpack(f"{'<' if elements.little_endian else '>'}{len(raw) // size}{code}", raw)
    found = tuple(float(value) for value in values)
    return found if all(math.isfinite(value) for value in found) else ()


def pointed_tags(elements: Elements, tag: int) -> tuple[int, ...]:
    """The tags that an attribute of representation AT names."""
    raw = elements.raw.get(tag) or b""
    count = len(raw) // 4
    halves = struct.unpack(f"{'<' if elements.little_endian else '>'}{2 * count}H", raw[: 4 * count])
    return tuple(halves[2 * at] << 16 | halves[2 * at + 1] for at in range(count))


class RunView:
    """The attributes of a run: what a frame's functional groups say, then the shared ones, then the data set.

    Parameters
    ----------
    frames
        Number of frames the pixels have.
    """

    def __init__(self, header: Header, frames: int) -> None:
        self.root = header.elements
        self.frames = frames
        self._per_frame = self.root.items(tags.PER_FRAME_GROUPS)

    @cached_property
    def _shared(self) -> dict[int, Elements]:
        return _flat(self.root.first(tags.SHARED_GROUPS))

    @cached_property
    def _frames(self) -> tuple[dict[int, Elements], ...]:
        return tuple(_flat(item) for item in self._per_frame)

    def holder(self, tag: int, frame: int = 0) -> Elements:
        """The data set or item in which a frame (index from 0) finds an attribute."""
        own = self._frames[frame] if frame < len(self._frames) else {}
        return own.get(tag) or self._shared.get(tag) or self.root

    def numbers(self, tag: int, frame: int = 0) -> tuple[float, ...]:
        return numbers(self.holder(tag, frame), tag)

    def number(self, tag: int, frame: int = 0) -> float | None:
        values = self.numbers(tag, frame)
        return values[0] if values else None

    def positive(self, tag: int, frame: int = 0) -> float | None:
        """A length, rate or factor; None for zero and below, which devices write for unknown."""
        value = self.number(tag, frame)
        return value if value is not None and value > 0 else None

    def text(self, tag: int, frame: int = 0) -> str | None:
        return self.holder(tag, frame).text(tag)

    def texts(self, tag: int, frame: int = 0) -> tuple[str, ...]:
        return self.holder(tag, frame).texts(tag)

    def varies(self, tag: int) -> bool:
        """Whether the attribute stands in per-frame groups."""
        return any(tag in own for own in self._frames)


def _flat(item: Elements | None) -> dict[int, Elements]:
    """Tag -> the item that holds it, of one functional-group item."""
    found: dict[int, Elements] = {}
    if item is not None:
        for group in FRAME_GROUPS:
            for inner in item.items(group):
                found.update(dict.fromkeys(inner.raw, inner))
    return found
