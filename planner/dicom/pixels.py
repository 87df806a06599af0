"""Stored pixel values: read straight from the scanned offset, or through the decoder worker when compressed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.dicom import tags
from planner.dicom.pixel_formats import PixelFormat
from planner.dicom.scanner import inflate, refused
from planner.dicom.slices import SliceRecord


def stored_dtype(found: PixelFormat, little_endian: bool) -> np.dtype[np.generic]:
    """The type of one stored value as it lies in the file."""
    order = "<" if little_endian else ">"
    if found.pixel_tag == tags.FLOAT_PIXEL_DATA:
        return np.dtype(order + "f4")
    if found.pixel_tag == tags.DOUBLE_PIXEL_DATA:
        return np.dtype(order + "f8")
    kind = "i" if found.signed else "u"
    return np.dtype(f"{order}{kind}{found.bits_allocated // 8}")


def native_frame(record: SliceRecord) -> NDArray[np.generic]:
    """(rows, columns) stored values of an uncompressed frame, read at its offset.

    Raises
    ------
    InputRefused
        ``truncated`` when the file changed or ends early.
    """
    found, header = record.format, record.header
    span = header.pixels
    if found.bits_allocated == 1:
        return _bit_frame(record)
    dtype = stored_dtype(found, header.syntax.little_endian)
    count = found.rows * found.columns
    if span is None:
        raise refused("truncated", record.file, "it ends before its pixel data", "fetch the file again")
    start = span.offset + record.frame * count * dtype.itemsize
    if header.syntax.deflated:
        raw = _inflated(record)
        values: NDArray[np.generic] = np.frombuffer(raw, dtype, count, start)
    else:
        values = np.fromfile(record.file, dtype, count, offset=start)
    if values.size != count:
        raise refused("truncated", record.file, "its pixel data end early", "fetch the file again")
    plane: NDArray[np.generic] = values.reshape(found.rows, found.columns).astype(dtype.newbyteorder("="), copy=False)
    return plane


def _bit_frame(record: SliceRecord) -> NDArray[np.generic]:
    """One-bit pixels are packed over frame borders, lowest bit first (PS3.5 8.1.1)."""
    found, span = record.format, record.header.pixels
    if span is None:
        raise refused("truncated", record.file, "it ends before its pixel data", "fetch the file again")
    count = found.rows * found.columns
    first = record.frame * count
    start, stop = first // 8, (first + count + 7) // 8
    if record.header.syntax.deflated:
        packed = np.frombuffer(_inflated(record), np.uint8, stop - start, span.offset + start)
    else:
        packed = np.fromfile(record.file, np.uint8, stop - start, offset=span.offset + start)
    bits = np.unpackbits(packed, bitorder="little")[first - 8 * start :][:count]
    if bits.size != count:
        raise refused("truncated", record.file, "its pixel data end early", "fetch the file again")
    plane: NDArray[np.generic] = bits.reshape(found.rows, found.columns)
    return plane


def _inflated(record: SliceRecord) -> bytes:
    return inflate(record.file.read_bytes()[record.header.dataset_offset :], record.file)


def cleaned(values: NDArray[np.generic], found: PixelFormat) -> NDArray[np.generic]:
    """Only the stored bits, sign-extended: bits above the high bit may hold old overlays (PS3.5 8.1.1)."""
    if found.pixel_tag != tags.PIXEL_DATA or found.bits_stored == found.bits_allocated:
        return values
    copy: NDArray[np.generic] = values.copy()
    keep_stored_bits(copy, found)
    return copy


def keep_stored_bits(values: NDArray[np.generic], found: PixelFormat) -> None:
    """As `cleaned`, in the array itself. Its type is signed where the format is."""
    if found.pixel_tag != tags.PIXEL_DATA or found.bits_stored == found.bits_allocated:
        return
    bits = values.dtype.itemsize * 8
    if found.signed:
        above = bits - 1 - found.high_bit
        if above:
            np.left_shift(values, above, out=values)
        np.right_shift(values, bits - found.bits_stored, out=values)
        return
    if found.high_bit + 1 > found.bits_stored:
        np.right_shift(values, found.high_bit + 1 - found.bits_stored, out=values)
    np.bitwise_and(values, values.dtype.type((1 << found.bits_stored) - 1), out=values)


def frames_of(records: Sequence[SliceRecord]) -> Iterator[NDArray[np.generic]]:
    """(rows, columns) stored values of each record, in order.

    Raises
    ------
    InputRefused
        ``undecodable`` or ``truncated``, naming the frame.
    """
    if any(record.header.syntax.encapsulated for record in records):
        from planner.dicom.decoding import decoded_frames

        yield from decoded_frames(records)
        return
    for record in records:
        yield native_frame(record)
