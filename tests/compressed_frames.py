"""Compressed frames for tests: a lossless JPEG encoder of our own, and those of the libraries that are installed."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

LOSSLESS = (JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless)


def compressed_frame(values: NDArray[np.uint16], syntax: str) -> bytes:
    """One frame of 16-bit values (8-bit for JPEG Baseline) as the codestream of a transfer syntax."""
    if syntax in (JPEGBaseline8Bit, JPEG2000Lossless):
        return _by_pillow(values, syntax)
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        return lossless_jpeg(values, 4 if syntax == JPEGLossless else 1)
    if syntax == JPEGLSLossless:
        import jpeg_ls

        rows, columns = values.shape
        return bytes(jpeg_ls.encode_buffer(values.astype("<u2").tobytes(), rows, columns, 1, 16, 0, 0))
    return run_lengths(values)


def _by_pillow(values: NDArray[np.uint16], syntax: str) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    if syntax == JPEG2000Lossless:
        Image.fromarray(values).save(buffer, "JPEG2000", no_jp2=True, irreversible=False, num_resolutions=1)
    else:
        Image.fromarray((values % 256).astype(np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def run_lengths(values: NDArray[np.uint16]) -> bytes:
    """RLE (PS3.5 annex G) without runs: the high bytes, then the low ones, each row as literals."""
    segments = []
    for shift in (8, 0):
        plane = (values >> shift).astype(np.uint8)
        segment = b"".join(bytes([len(row) - 1]) + row.tobytes() for row in plane)
        segments.append(segment + b"\x80" * (len(segment) % 2))
    head = struct.pack("<16I", 2, 64, 64 + len(segments[0]), *[0] * 13)
    return head + b"".join(segments)


def lossless_jpeg(values: NDArray[np.uint16], selection: int) -> bytes:
    """Lossless JPEG of 16-bit values (ITU-T T.81 annex H) with the predictor of a selection value, 1 to 7.

    Every category has a 5-bit code: no compression to speak of, but a valid stream.
    """
    rows, columns = values.shape
    bits = "".join(_coded(difference) for difference in _differences(values.astype(np.int64), selection))
    bits += "1" * (-len(bits) % 8)
    packed = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\x00")
    table = b"\x00" + bytes([0, 0, 0, 0, 17] + [0] * 11) + bytes(range(17))
    return (
        b"\xff\xd8"
        + _segment(0xC3, struct.pack(">BHHB", 16, rows, columns, 1) + b"\x01\x11\x00")
        + _segment(0xC4, table)
        + _segment(0xDA, b"\x01\x01\x00" + bytes([selection, 0, 0]))
        + packed
        + b"\xff\xd9"
    )


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def _differences(values: NDArray[np.int64], selection: int) -> list[int]:
    """Of each sample from its prediction (T.81 H.1.2.1), modulo 2^16, from -32767 to 32768."""
    predicted = np.empty_like(values)
    predicted[0, 0] = 1 << 15
    predicted[0, 1:] = values[0, :-1]
    predicted[1:, 0] = values[:-1, 0]
    left, above, corner = values[1:, :-1], values[:-1, 1:], values[:-1, :-1]
    by_selection: dict[int, Any] = {
        1: left,
        2: above,
        3: corner,
        4: left + above - corner,
        5: left + ((above - corner) >> 1),
        6: above + ((left - corner) >> 1),
        7: (left + above) >> 1,
    }
    predicted[1:, 1:] = by_selection[selection]
    modulo = (values - predicted) % 65536
    return [int(one) if one <= 32768 else int(one) - 65536 for one in modulo.ravel()]


def _coded(difference: int) -> str:
    category = abs(difference).bit_length()
    code = f"{category:05b}"
    if category in (0, 16) or difference == 32768:
        return code
    extra = difference if difference > 0 else difference + (1 << category) - 1
    return code + f"{extra:0{category}b}"
