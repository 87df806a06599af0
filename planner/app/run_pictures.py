"""Pictures of a processed run as arrays and PNG files, for scripts and for pages. Nothing here needs a display."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from planner.imaging.opacification import TimeToPeak

EARLY_TO_LATE = ((255, 247, 168), (253, 180, 47), (237, 121, 83), (193, 59, 130), (148, 64, 216), (95, 92, 240))
"""Yellow for the first contrast to blue for the last, on the screen and on paper alike: brightness falls evenly, so
that the order is told with every common colour blindness and in print."""


def grey_picture(
    values: NDArray[np.floating], window: tuple[float, float], *, dark_vessels: bool = True, background: int = 0
) -> NDArray[np.uint8]:
    """(y, x) greys of a contrast picture.

    Parameters
    ----------
    window
        Centre and width in units of contrast.
    background
        Grey of pixels that hold no value.
    """
    centre, width = window
    share = np.clip((values.astype(np.float64) - centre) / width + 0.5, 0.0, 1.0)
    greys = 255.0 * (1.0 - share if dark_vessels else share)
    picture: NDArray[np.uint8] = np.where(np.isfinite(values), np.rint(greys), background).astype(np.uint8)
    return picture


def time_span(found: TimeToPeak, field: NDArray[np.bool_]) -> tuple[float, float] | None:
    """(earliest, latest) seconds that the colours run over; None where nothing peaks."""
    seconds = found.seconds[found.valid & field]
    if not seconds.size:
        return None
    early, late = (float(each) for each in np.percentile(seconds, (1.0, 99.0)))
    return early, late


def colour_picture(found: TimeToPeak, field: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(y, x, 3) time to peak in colour, as bright as the peak is high; black where contrast has no peak."""
    picture = np.zeros((*found.seconds.shape, 3), dtype=np.uint8)
    span = time_span(found, field)
    if span is None:
        return picture
    shown = found.valid & field
    early, late = span
    share = np.clip((found.seconds[shown] - early) / max(late - early, 1e-6), 0.0, 1.0)
    anchors = np.linspace(0.0, 1.0, len(EARLY_TO_LATE))
    colours = np.stack([np.interp(share, anchors, [colour[band] for colour in EARLY_TO_LATE]) for band in range(3)], 1)
    top = float(np.percentile(found.peak[shown], 99.0)) or 1.0
    bright = np.clip(found.peak[shown] / top, 0.0, 1.0) ** 0.5
    picture[shown] = np.rint(colours * bright[:, None]).astype(np.uint8)
    return picture


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """A grey (y, x) or colour (y, x, 3) picture as PNG (ISO/IEC 15948), 8 bits, without filters."""
    rows, columns = picture.shape[:2]
    colour = 2 if picture.ndim == 3 else 0
    lines = np.ascontiguousarray(picture).reshape(rows, -1)
    packed = zlib.compress(np.concatenate([np.zeros((rows, 1), np.uint8), lines], axis=1).tobytes(), 6)
    head = struct.pack(">IIBBBBB", columns, rows, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
