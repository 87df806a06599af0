"""Stored values to real ones, right to the last bit.

A value is ``stored * slope + intercept`` in float64 (PS3.3 C.11.1.1.2), per slice. It is kept as int16 when every value
of the volume is a whole number that fits, then int32, then float32 when that is exact for every value, else float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

Plane = tuple[NDArray[np.generic], float, float]
"""Stored values of one slice, its slope and its intercept."""


_LARGEST_WHOLE = 2.0**53
"""Beyond it a float64 is no exact whole number."""


class _TooNarrow(Exception):
    """The type chosen so far cannot hold a slice exactly."""


def _integer(plane: Plane, out: NDArray[np.generic]) -> None:
    stored, slope, intercept = plane
    whole = slope.is_integer() and intercept.is_integer() and max(abs(slope), abs(intercept)) <= _LARGEST_WHOLE
    if not (whole and stored.dtype.kind in "iu"):
        raise _TooNarrow
    low, high = int(stored.min()), int(stored.max())
    ends = (low * int(slope) + int(intercept), high * int(slope) + int(intercept))
    room = np.iinfo(np.int16 if out.dtype == np.int16 else np.int32)
    if min(ends) < room.min or max(ends) > room.max:
        raise _TooNarrow
    # Wrap-around in between does no harm: the sum modulo 2^n is exact when the result fits.
    out[...] = stored.astype(out.dtype, copy=False)
    if slope != 1.0:
        np.multiply(out, np.array(int(slope)).astype(out.dtype), out=out)
    if intercept != 0.0:
        np.add(out, np.array(int(intercept)).astype(out.dtype), out=out)


def _double(plane: Plane) -> NDArray[np.float64]:
    stored, slope, intercept = plane
    values: NDArray[np.float64] = stored.astype(np.float64) * slope + intercept
    return values


def _single(plane: Plane, out: NDArray[np.generic]) -> None:
    exact = _double(plane)
    out[...] = exact
    if not np.array_equal(out.astype(np.float64), exact):
        raise _TooNarrow


def _widest(plane: Plane, out: NDArray[np.generic]) -> None:
    out[...] = _double(plane)


_LADDER: tuple[tuple[type[np.generic], Callable[[Plane, NDArray[np.generic]], None]], ...] = (
    (np.int16, _integer),
    (np.int32, _integer),
    (np.float32, _single),
    (np.float64, _widest),
)


def stacked(planes: Iterable[Plane], shape: tuple[int, int, int]) -> NDArray[np.generic]:
    """Rescale slice by slice into one (k, j, i) array of the narrowest exact type.

    Parameters
    ----------
    planes
        `shape[0]` slices in order; read once, one at a time.
    """
    step = 0
    voxels: NDArray[np.generic] = np.empty(shape, _LADDER[0][0])
    for k, plane in enumerate(planes):
        while True:
            try:
                _LADDER[step][1](plane, voxels[k])
                break
            except _TooNarrow:
                voxels, step = _widened(voxels, k, step + 1)
    return voxels


def _widened(voxels: NDArray[np.generic], done: int, step: int) -> tuple[NDArray[np.generic], int]:
    """The slices done so far in the next type that holds them exactly (int32 does not fit float32 in general)."""
    wider: NDArray[np.generic] = np.empty(voxels.shape, _LADDER[step][0])
    wider[:done] = voxels[:done]
    if _LADDER[step][0] is np.float32 and not np.array_equal(wider[:done].astype(np.float64), voxels[:done]):
        return _widened(voxels, done, step + 1)
    return wider, step
