"""Long tables of numbers inside a plan item, as one text: a tree of vessels has thousands of points.

Little-endian float32, zlib, base64. A float32 holds a place in a body to better than a ten-thousandth of a
millimetre; NaN stands for unknown, as None does elsewhere in a plan.
"""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused

MAXIMUM_BYTES = 64 * 1024 * 1024


def packed(rows: ArrayLike) -> str:
    """Text of an (n, columns) table."""
    table = np.ascontiguousarray(np.asarray(rows, dtype="<f4"))
    return base64.b64encode(zlib.compress(table.tobytes(), 6)).decode("ascii")


def unpacked(text: str, columns: int) -> NDArray[np.float64]:
    """(n, columns) of what `packed` wrote.

    Raises
    ------
    InputRefused
        When the text is damaged, is too long, or holds no whole number of rows.
    """
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(base64.b64decode(text.encode("ascii"), validate=True), MAXIMUM_BYTES)
    except (binascii.Error, zlib.error, UnicodeEncodeError) as error:
        raise _damaged() from error
    if unpacker.unconsumed_tail or not unpacker.eof or len(plain) % (4 * columns):
        raise _damaged()
    return np.frombuffer(plain, dtype="<f4").astype(np.float64).reshape(-1, columns)


def _damaged() -> InputRefused:
    return InputRefused("bad-document", "The points of a vessel tree or a lumen are damaged; measure it again.")
