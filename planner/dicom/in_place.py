"""Slices of 16-bit values, read or decoded to where they stay and rescaled there, several files at once.

It gives the same array as `planner.dicom.rescaling.stacked` over the same slices, or says that it would not be int16:
no slice is held twice, and each one is rescaled while it is still in the processor's cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray

from planner.dicom import tags
from planner.dicom.pixels import keep_stored_bits
from planner.dicom.scanner import refused
from planner.dicom.slices import SliceRecord
from planner.jobs import Context

_READERS = 4
"""More than cores: on a disk that must be waited for, several requests at once are answered sooner."""
_COARSE_STEP = 16
Arrived = Callable[[int], None]
"""Told the index k of a slice that lies in the volume, from any thread."""
_Fill = Callable[[SliceRecord, NDArray[np.generic]], None]


def is_in_place(records: Sequence[SliceRecord]) -> bool:
    """Every slice has one 16-bit integer a pixel, little endian or compressed, and a whole-numbered rescale."""
    return all(
        not one.header.syntax.deflated
        and one.header.syntax.little_endian
        and one.header.pixels is not None
        and one.format.pixel_tag == tags.PIXEL_DATA
        and (one.format.bits_allocated, one.format.samples) == (16, 1)
        and all(value.is_integer() for value in rescale_of(one))
        for one in records
    )


def rescale_of(record: SliceRecord) -> tuple[float, float]:
    """Slope and intercept; where a file does not give both, the stored values are the real ones."""
    if record.slope is None or record.intercept is None:
        return 1.0, 0.0
    return record.slope, record.intercept


def coarse_first(count: int) -> list[int]:
    """The middle slice, then every 16th, then those halfway between them, and so on: each index once."""
    order, step = [count // 2], _COARSE_STEP
    while step:
        order += range(count // 2 % step, count, step)
        step //= 2
    return list(dict.fromkeys(order))


def read_in_place(
    records: Sequence[SliceRecord], voxels: NDArray[np.int16], order: Sequence[int], arrived: Arrived, context: Context
) -> bool:
    """Fill a (k, j, i) array with real values; False when a slice does not fit int16 (the array is then worthless).

    Parameters
    ----------
    records
        Of slice 0, 1, …; `is_in_place` holds.
    order
        In which to read them.

    Raises
    ------
    InputRefused
        ``truncated`` when a file changed or ends early, ``undecodable``; it names the file.
    Cancelled
        When the operator cancelled.
    """
    if not any(record.header.syntax.encapsulated for record in records):
        return _filled(records, voxels, order, arrived, context, read_plane, min(_READERS, len(records)))
    from planner.dicom.decoding import Decoders

    decoders = Decoders(len(records))
    try:
        return _filled(records, voxels, order, arrived, context, decoders.fill, decoders.size)
    finally:
        decoders.close()


def _filled(
    records: Sequence[SliceRecord],
    voxels: NDArray[np.int16],
    order: Sequence[int],
    arrived: Arrived,
    context: Context,
    fill: _Fill,
    threads: int,
) -> bool:
    def one(k: int) -> bool:
        record, plane = records[k], voxels[k]
        fill(record, plane if record.format.signed else plane.view(np.uint16))
        slope, intercept = rescale_of(record)
        if not rescaled_in_place(plane, record, int(slope), int(intercept)):
            return False
        arrived(k)
        return True

    def several(indices: Sequence[int]) -> bool:
        return all(one(k) for k in indices)

    share = max(1, min(8, len(order) // (4 * threads)))
    pool = ThreadPoolExecutor(threads, thread_name_prefix="slices")
    try:
        # The first slice alone, before the others compete with it: it is the picture that a person waits for.
        fits = pool.submit(several, order[:1]).result()
        shares = [order[at : at + share] for at in range(1, len(order), share)] if fits else []
        waiting: set[Future[bool]] = {pool.submit(several, indices) for indices in shares}
        while waiting and fits:
            done, waiting = wait(waiting, timeout=0.1, return_when=FIRST_EXCEPTION)
            fits = all(part.result() for part in done)
            context.step(1.0 - len(waiting) / len(shares), f"Reading {len(order)} slices")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return fits


def read_plane(record: SliceRecord, plane: NDArray[np.generic]) -> None:
    """Stored values of an uncompressed frame, into a contiguous (rows, columns) array of their type.

    Raises
    ------
    InputRefused
        ``truncated`` when the file changed or ends early.
    """
    span = record.header.pixels
    room = plane.reshape(-1).view(np.uint8).data
    with open(record.file, "rb", buffering=0) as stream:
        stream.seek((span.offset if span is not None else 0) + record.frame * len(room), os.SEEK_SET)
        while len(room):
            got = stream.readinto(room)
            if not got:
                raise refused("truncated", record.file, "its pixel data end early", "fetch the file again")
            room = room[got:]


def rescaled_in_place(plane: NDArray[np.int16], record: SliceRecord, slope: int, intercept: int) -> bool:
    """Turn stored values into real ones where they lie; False when one does not fit int16."""
    stored: NDArray[np.generic] = plane if record.format.signed else plane.view(np.uint16)
    keep_stored_bits(stored, record.format)
    low, high = int(stored.min()), int(stored.max())
    ends = (low * slope + intercept, high * slope + intercept)
    if min(ends) < -32768 or max(ends) > 32767:
        return False
    # Wrap-around in between does no harm: the sum modulo 2^16 is exact when the result fits.
    if slope != 1:
        np.multiply(plane, _wrapped(slope), out=plane)
    if intercept != 0:
        np.add(plane, _wrapped(intercept), out=plane)
    return True


def _wrapped(value: int) -> np.int16:
    return np.int16((value + 32768) % 65536 - 32768)
