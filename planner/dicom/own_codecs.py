"""Run-length and plain lossless JPEG frames, decoded in this process by kernels that check every index.

Anything unusual (several components, restart markers, a point transform) is left to the decoder worker.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from planner.dicom.fragments import RUN_LENGTH
from planner.dicom.pixel_formats import PixelFormat

LOSSLESS_JPEG = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
_FAULTS = {1: "its compressed data end early", 2: "its compressed data hold a code that its table does not"}


@dataclass(frozen=True, slots=True)
class _Scan:
    """What the markers of a lossless JPEG say."""

    precision: int
    rows: int
    columns: int
    predictor: int
    table: bytes
    start: int


def may_decode(syntax_uid: str, found: PixelFormat) -> bool:
    """Whether `decode_frame` is worth asking."""
    known = syntax_uid == RUN_LENGTH or syntax_uid in LOSSLESS_JPEG
    return known and (found.samples, found.bits_allocated) == (1, 16)


def decode_frame(
    syntax_uid: str, found: PixelFormat, codestream: bytes, target: NDArray[np.generic]
) -> str | None | bool:
    """Fill a (rows, columns) array of 16-bit values; True when done, None when it is not for us, else what is wrong.

    `planner.dicom.fragments.codestream_fault` found nothing before.
    """
    values = target.view(np.uint16)
    if syntax_uid == RUN_LENGTH:
        return _run_length(codestream, values)
    scan = _markers(codestream)
    if scan is None or (scan.rows, scan.columns) != (found.rows, found.columns) or scan.precision != found.bits_stored:
        return None
    table = _lookup(scan.table)
    if table is None:
        return None
    from planner.dicom.codec_kernels import undo_lossless

    source = np.frombuffer(codestream, np.uint8)
    fault = undo_lossless(source, scan.start, table, scan.predictor, 1 << (scan.precision - 1), values)
    return _FAULTS[fault] if fault else True


def _run_length(codestream: bytes, values: NDArray[np.uint16]) -> str | bool:
    from planner.dicom.codec_kernels import unpack_bytes

    source = np.frombuffer(codestream, np.uint8)
    high, low = struct.unpack_from("<II", codestream, 4)
    lanes = values.reshape(-1).view(np.uint8).reshape(-1, 2)
    # The segment of the high bytes comes first (PS3.5 G.2); in memory it lies second.
    for start, stop, lane in ((high, low, 1), (low, len(codestream), 0)):
        fault = unpack_bytes(source, start, stop, lanes, lane)
        if fault:
            return _FAULTS[fault]
    return True


def _markers(codestream: bytes) -> _Scan | None:
    """The frame and scan headers, or None where they are not the plain ones."""
    frame: tuple[int, int, int] | None = None
    tables: dict[int, bytes] = {}
    at = 2
    while at + 4 <= len(codestream) and codestream[at] == 0xFF:
        marker, length = codestream[at + 1], struct.unpack_from(">H", codestream, at + 2)[0]
        body = codestream[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xC4:
            if not _take_tables(body, tables):
                return None
        elif marker == 0xC3 and len(body) == 9 and body[5] == 1:
            frame = struct.unpack_from(">BHH", body)
        elif marker == 0xDA:
            plain = len(body) == 6 and body[0] == 1 and 1 <= body[3] <= 7 and body[5] == 0
            table = tables.get(body[2] >> 4) if plain else None
            if frame is None or table is None or not 2 <= frame[0] <= 16:
                return None
            return _Scan(*frame, predictor=body[3], table=table, start=at)
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            return None
    return None


def _take_tables(body: bytes, tables: dict[int, bytes]) -> bool:
    """The Huffman tables of one segment (T.81 B.2.4.2); False where they are malformed."""
    while body:
        size = 17 + sum(body[1:17])
        if len(body) < size or body[0] > 3:
            return False
        tables[body[0]] = body[1:size]
        body = body[size:]
    return True


@lru_cache(32)
def _lookup(table: bytes) -> NDArray[np.uint16] | None:
    """65536 entries ``length << 8 | category`` by the next 16 bits; None for a table that contradicts itself."""
    found = np.zeros(65536, np.uint16)
    at, code = 16, 0
    for length in range(1, 17):
        for _ in range(table[length - 1]):
            first, width = code << (16 - length), 1 << (16 - length)
            if first + width > 65536 or table[at] > 16:
                return None
            found[first : first + width] = length << 8 | table[at]
            at, code = at + 1, code + 1
        code <<= 1
    return found
