"""Decoders of our own for two simple encodings, compiled, that touch no byte outside the arrays they are given.

Run-length (PS3.5 annex G) and lossless Huffman JPEG (ITU-T T.81 annex H), one component. Importing this loads numba.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

ENDS_EARLY, NO_CODE = 1, 2
"""What a kernel may find wrong; 0 is nothing."""


@compiled_inline
def _whole(value: int) -> int:
    """Signed, so that sums with other whole numbers stay whole (numba makes float64 of uint64 + int64)."""
    return int(np.int64(value))


@compiled
def unpack_bytes(source: NDArray[np.uint8], start: int, stop: int, target: NDArray[np.uint8], lane: int) -> int:
    """One byte plane: segment [start, stop) of `source` into ``target[:, lane]``."""
    at, filled, size = start, 0, target.shape[0]
    while filled < size:
        if at >= stop:
            return ENDS_EARLY
        control = _whole(source[at])
        at += 1
        if control < 128:
            count = min(control + 1, size - filled)
            if at + count > stop:
                return ENDS_EARLY
            for number in range(count):
                target[filled + number, lane] = source[at + number]
            at += control + 1
            filled += count
        elif control > 128:
            if at >= stop:
                return ENDS_EARLY
            value = source[at]
            count = min(257 - control, size - filled)
            for number in range(count):
                target[filled + number, lane] = value
            at += 1
            filled += count
    return 0


@compiled_inline
def _refilled(source: NDArray[np.uint8], at: int, held: int, count: int, borrowed: int) -> tuple[int, int, int, int]:
    """Bytes from `at` on into the held bits until more than 40 are there: (at, held, count, borrowed)."""
    end = source.shape[0]
    while count <= 40:
        byte = _whole(0)
        if at < end and source[at] != 0xFF:
            byte = _whole(source[at])
            at += 1
        elif at + 1 < end and source[at + 1] == 0:
            byte = _whole(0xFF)
            at += 2
        else:
            # A marker or the end: what is asked beyond it is counted, and looked at by the caller.
            borrowed += 8
        held = (held << 8) | byte
        count += 8
    return at, held, count, borrowed


@compiled_inline
def _predicted(target: NDArray[np.uint16], row: int, column: int, predictor: int, first: int) -> int:
    """From the samples to the left and above (T.81 table H.1), which are there already."""
    if row == 0:
        return _whole(first) if column == 0 else _whole(target[0, column - 1])
    if column == 0:
        return _whole(target[row - 1, 0])
    left, above = _whole(target[row, column - 1]), _whole(target[row - 1, column])
    corner = _whole(target[row - 1, column - 1])
    if predictor == 1:
        return left
    if predictor == 2:
        return above
    if predictor == 3:
        return corner
    if predictor == 4:
        return left + above - corner
    if predictor == 5:
        return left + ((above - corner) >> 1)
    if predictor == 6:
        return above + ((left - corner) >> 1)
    return (left + above) >> 1


@compiled
def undo_lossless(
    source: NDArray[np.uint8],
    start: int,
    table: NDArray[np.uint16],
    predictor: int,
    first: int,
    target: NDArray[np.uint16],
) -> int:
    """The entropy-coded samples from `start` on into a (rows, columns) array.

    Parameters
    ----------
    table
        65536: by the next 16 bits, ``length << 8 | category`` of the code they begin with; 0 where none does.
    predictor
        1 to 7 (T.81 table H.1).
    first
        Prediction of the first sample.
    """
    rows, columns = target.shape
    at = start
    held, count, borrowed = _whole(0), _whole(0), _whole(0)
    for row in range(rows):
        for column in range(columns):
            at, held, count, borrowed = _refilled(source, at, held, count, borrowed)
            code = _whole(table[(held >> (count - 16)) & 0xFFFF])
            if code == 0:
                return NO_CODE
            count -= code >> 8
            category = code & 0xFF
            difference = _whole(0)
            if category == 16:
                difference = _whole(32768)
            elif category > 0:
                count -= category
                difference = (held >> count) & ((1 << category) - 1)
                if difference < (1 << (category - 1)):
                    difference -= (1 << category) - 1
            held &= (1 << count) - 1
            if count < borrowed:
                return ENDS_EARLY
            target[row, column] = (_predicted(target, row, column, predictor, first) + difference) & 0xFFFF
    return 0
