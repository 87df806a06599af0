"""Encapsulated pixel data (PS3.5 A.4): which fragments make a frame, and what size a codestream declares."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from planner.dicom.pixel_formats import PixelFormat
from planner.dicom.scanner import Header, refused
from planner.errors import InputRefused

_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""JPEG and JPEG-LS markers that declare the size (ITU-T T.81 table B.1, T.87)."""
_JPEG_FAMILY = b"\xff\xd8"
_MAXIMUM_FRAGMENTS = 1_000_000
_HEAD_BYTES = 65536
RUN_LENGTH = "1.2.840.10008.1.2.5"


@dataclass(frozen=True, slots=True)
class Fragments:
    """Where the compressed bytes of each frame lie: (offset, length) pairs per frame."""

    frames: tuple[tuple[tuple[int, int], ...], ...]


def _items(file: Path, offset: int) -> Iterator[tuple[int, int]]:
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        at = offset
        for _ in range(_MAXIMUM_FRAGMENTS):
            stream.seek(at)
            head = stream.read(8)
            if head[:4] == _DELIMITER:
                return
            if len(head) < 8 or head[:4] != _ITEM:
                raise refused("truncated", file, "its compressed pixel data end early", "fetch the file again")
            length = int(struct.unpack("<I", head[4:])[0])
            if at + 8 + length > size:
                raise refused("truncated", file, "its compressed pixel data end early", "fetch the file again")
            yield at + 8, length
            at += 8 + length
    raise refused("undecodable", file, "its pixel data hold more than a million fragments", "ask for another copy")


def fragments_of(header: Header, frames: int) -> Fragments:
    """Find the fragments of every frame without reading them.

    Raises
    ------
    InputRefused
        ``truncated`` when fragments are cut short, ``undecodable`` when frames cannot be told apart.
    """
    span = header.pixels
    if span is None:
        raise refused("truncated", header.file, "it ends before its pixel data", "fetch the file again")
    items = list(_items(header.file, span.offset))
    table, parts = (items[0], items[1:]) if items else (None, [])
    if not parts or len(parts) < frames:
        what = f"it declares {frames} frames and holds {len(parts)} compressed ones"
        raise refused("truncated", header.file, what, "fetch the file again")
    if frames == 1:
        return Fragments((tuple(parts),))
    if len(parts) == frames:
        return Fragments(tuple((part,) for part in parts))
    starts = _table(header.file, table) if table is not None else ()
    if len(starts) != frames:
        starts = _marked_starts(header.file, parts)
    if len(starts) != frames or starts[0] != 0:
        raise refused("undecodable", header.file, "its frames cannot be told apart", "ask the sender for another copy")
    base = parts[0][0] - 8
    edges = [*starts, 1 << 62]
    return Fragments(
        tuple(
            tuple(part for part in parts if start <= part[0] - 8 - base < stop)
            for start, stop in zip(edges, edges[1:], strict=False)
        )
    )


def _table(file: Path, item: tuple[int, int]) -> tuple[int, ...]:
    offset, length = item
    with file.open("rb") as stream:
        stream.seek(offset)
        raw = stream.read(length)
    return struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])


def _marked_starts(file: Path, parts: list[tuple[int, int]]) -> tuple[int, ...]:
    """Without an offset table: a frame begins where a fragment begins with a start-of-image marker."""
    base = parts[0][0] - 8
    with file.open("rb") as stream:
        starts = []
        for offset, _ in parts:
            stream.seek(offset)
            if stream.read(4)[:2] in (_JPEG_FAMILY, b"\xff\x4f"):
                starts.append(offset - 8 - base)
    return tuple(starts)


def frame_bytes(file: Path, pieces: tuple[tuple[int, int], ...]) -> bytes:
    """The compressed bytes of one frame, its fragments joined."""
    with file.open("rb") as stream:
        parts = []
        for offset, length in pieces:
            stream.seek(offset)
            parts.append(stream.read(length))
    return b"".join(parts)


def declared_size(codestream: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 codestream declares; None when it declares none."""
    if codestream[:4] == b"\x00\x00\x00\x0c":
        start = codestream.find(b"\xff\x4f\xff\x51")
        codestream = codestream[start:] if start >= 0 else b""
    if codestream[:4] == b"\xff\x4f\xff\x51" and len(codestream) >= 24:
        width, height, left, top = struct.unpack(">IIII", codestream[8:24])
        return height - top, width - left
    if codestream[:2] != _JPEG_FAMILY:
        return None
    at = 2
    while at + 9 <= len(codestream) and codestream[at] == 0xFF:
        marker = codestream[at + 1]
        if marker in _START_OF_FRAME:
            rows, columns = struct.unpack(">HH", codestream[at + 5 : at + 9])
            return rows, columns
        if marker == 0xFF:
            at += 1
            continue
        at += 2 + int(struct.unpack(">H", codestream[at + 2 : at + 4])[0])
    return None


def run_length_fault(head: bytes, length: int, samples: int, bits_allocated: int) -> str | None:
    """What is wrong with the header of an RLE frame (PS3.5 G.5), or None."""
    if len(head) < 64:
        return "its run-length header is cut short"
    count, *offsets = struct.unpack("<16I", head[:64])
    expected = samples * bits_allocated // 8
    if count != expected:
        return f"its run-length header names {count} segments where {expected} are needed"
    used = offsets[:count]
    if used[0] != 64 or any(later <= earlier for earlier, later in zip(used, used[1:], strict=False)):
        return "the segment offsets of its run-length header are out of order"
    return "a segment offset of its run-length header lies outside the frame" if used[-1] >= length else None


def codestream_fault(syntax_uid: str, found: PixelFormat, codestream: bytes, length: int) -> str | None:
    """What a compressed frame declares that contradicts the file, or None; looked at before any decoder sees it.

    Parameters
    ----------
    codestream
        The frame's bytes, or enough of their beginning.
    length
        Of the whole frame, in bytes.
    """
    size = declared_size(codestream)
    if size is not None and size != (found.rows, found.columns):
        return f"its codestream declares {size[0]} x {size[1]} pixels, the file {found.rows} x {found.columns}"
    if syntax_uid == RUN_LENGTH:
        return run_length_fault(codestream[:64], length, found.samples, found.bits_allocated)
    return None


def compressed_fault(header: Header, found: PixelFormat) -> tuple[str, str] | None:
    """(code, what is wrong) with the fragments of a file or with the head of its first frame, or None."""
    if not header.syntax.readable:
        return None
    if header.pixels is None or header.pixels.length is not None:
        return "truncated", "its compressed pixel data have a fixed length"
    try:
        first = fragments_of(header, found.frames).frames[0]
    except InputRefused as error:
        return error.code, error.message.removeprefix(f"{header.file.name}: ").split(";")[0]
    with header.file.open("rb") as stream:
        stream.seek(first[0][0])
        head = stream.read(min(first[0][1], _HEAD_BYTES))
    fault = codestream_fault(header.syntax.uid, found, head, sum(length for _, length in first))
    return None if fault is None else ("undecodable", f"frame 1: {fault}")
