"""Arterial, parenchymal and venous phase of a run, told from the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCKS = 128
_FINE_BLOCKS = 1.5
_WIDE_BLOCKS = 5.0
_NOISE_TIMES = 4.0
_RISE_SHARE = 0.1
_LEAST_PIXELS = 20
_LATE_SHARE = 0.5
_BORDER_BLOCKS = 3
_UNSTEADY_SHARE = 0.35
"""A course that falls below its start by this share of its peak is moved by something else than contrast medium."""
_VEIN_SHARE = 0.02
"""Of the vessels' blocks; fewer that peak late are what is left of the background."""
_VEIN_HEIGHT = 0.15
"""Of the arteries' height: the least that veins must gain after the blush."""


@dataclass(frozen=True, slots=True)
class PhaseSplit:
    """Frames (first, last), counted from 1, of each phase; None where the run does not show it.

    Attributes
    ----------
    reason
        How the phases were told apart, and why one is missing.
    """

    arterial: tuple[int, int] | None
    parenchymal: tuple[int, int] | None
    venous: tuple[int, int] | None
    reason: str


def phases(contrast: NDArray[np.float32], time_s: NDArray[np.float64] | None, field: NDArray[np.bool_]) -> PhaseSplit:
    """Split a run into phases.

    Narrow structures (vessels) and wide ones (blush) are told apart by their size. Arteries are the vessels that peak
    before the blush, veins those that peak after it. The arterial phase runs from arrival until the blush, each
    measured against its own peak, stands above the arteries; the parenchymal phase until veins stand above the blush.
    Times are only used for words; frames alone decide.

    Parameters
    ----------
    contrast
        (n, y, x), NaN where a frame is not subtracted.
    field
        (y, x) open part.
    """
    fine, wide, inside = _split(contrast, field)
    arteries, blush, veins, why = _courses(fine, wide, inside)
    if arteries is None:
        return PhaseSplit(None, None, None, why)
    count = len(arteries)
    arrival = int(np.flatnonzero(arteries > _RISE_SHARE)[0])
    top = int(np.argmax(arteries))
    if blush is None:
        return PhaseSplit((arrival + 1, _last_above(arteries) + 1), None, None, why)
    crossing = next((i for i in range(top, count) if blush[i] > arteries[i]), None)
    if crossing is None:
        return PhaseSplit((arrival + 1, count), None, None, "arteries stay densest until the run ends" + _at(time_s))
    if veins is None:
        return PhaseSplit((arrival + 1, crossing), (crossing + 1, count), None, why)
    turn = _turn(veins, blush, max(crossing, int(np.argmax(blush))))
    if turn is None:
        return PhaseSplit(
            (arrival + 1, crossing), (crossing + 1, count), None, "veins stay fainter than the blush until the run ends"
        )
    words = (
        f"arteries fill from frame {arrival + 1}, the blush stands above them from frame {crossing + 1}, "
        f"veins above the blush from frame {turn + 1}"
    )
    return PhaseSplit((arrival + 1, crossing), (crossing + 1, turn), (turn + 1, count), words)


def _turn(veins: NDArray[np.float64], blush: NDArray[np.float64], first: int) -> int | None:
    """First of at least two frames in a row in which veins stand above the blush: one may be a movement."""
    above = veins > blush
    return next((i for i in range(first, len(above) - 1) if above[i] and above[i + 1]), None)


def _at(time_s: NDArray[np.float64] | None) -> str:
    return "" if time_s is None else f" at {float(time_s[-1]):.1f} s"


def _split(
    contrast: NDArray[np.float32], field: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """(n, rows, columns) narrow and wide part of the contrast on a coarse grid, and the blocks inside the field."""
    from scipy import ndimage

    height, width = field.shape
    block = max(1, max(height, width) // _BLOCKS)
    rows, columns = height // block, width // block
    shape = (rows, block, columns, block)
    inside = np.asarray(field[: rows * block, : columns * block].reshape(shape).all(axis=(1, 3)))
    # A frame that is shifted brings the collimator's edge with it, denser than any vessel.
    inside = np.asarray(ndimage.binary_erosion(inside, iterations=_BORDER_BLOCKS))
    fine = np.empty((len(contrast), rows, columns), dtype=np.float32)
    wide = np.empty_like(fine)
    for index, frame in enumerate(contrast):
        values = frame[: rows * block, : columns * block].reshape(shape).mean(axis=(1, 3))
        values = np.where(inside & np.isfinite(values), values, np.float32(0.0))
        # A median wider than vessels keeps the blush and drops them.
        wide[index] = ndimage.median_filter(values, size=int(2 * _WIDE_BLOCKS) + 1)
        fine[index] = values - wide[index]
    return fine, wide, inside


def _courses(
    fine: NDArray[np.float32], wide: NDArray[np.float32], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None, NDArray[np.float64] | None, str]:
    """Courses of arteries, blush and veins, each with peak 1; None for what is not seen, with the reason."""
    vessel = _strong(fine, inside)
    if vessel.sum() < _LEAST_PIXELS:
        return None, None, None, "no vessels with contrast are seen"
    peak_frame = np.argmax(fine, axis=0)
    everything = _course(fine, vessel)
    if _unsteady(everything):
        return None, None, None, _MOVING
    blush_pixels = _strong(wide, inside) & ~vessel
    if blush_pixels.sum() < _LEAST_PIXELS:
        return everything, None, None, "no blush is seen beside the vessels: parenchymal and venous phase are not told"
    blush = _course(wide, blush_pixels)
    blush_top = int(np.argmax(blush))
    early = vessel & (peak_frame < max(1, blush_top))
    if early.sum() < _LEAST_PIXELS:
        return everything, None, None, "vessels do not peak before the blush: phases are not told apart"
    arteries = _course(fine, early)
    if _unsteady(arteries) or _unsteady(blush):
        return None, None, None, _MOVING
    if blush_top >= len(blush) - 1:
        return arteries, blush, None, "the blush is still rising when the run ends: no venous phase"
    veins = _veins(fine, vessel, early, blush_top, int(np.argmax(arteries)))
    why = "" if veins is not None else "no vessels fill after the blush: no venous phase is seen"
    return arteries, blush, veins, why


_MOVING = (
    "the vessels' density falls below its start and rises again: they beat or move, or contrast is there from the "
    "first frame; phases are not told apart"
)


def _unsteady(course: NDArray[np.float64]) -> bool:
    return bool(course.min() < -_UNSTEADY_SHARE)


def _veins(
    fine: NDArray[np.float32],
    vessel: NDArray[np.bool_],
    early: NDArray[np.bool_],
    blush_top: int,
    arteries_top: int,
) -> NDArray[np.float64] | None:
    """Course of vessels that fill after the blush, or None where what peaks late is too little to be veins."""
    late_from = blush_top + _LATE_SHARE * max(1, blush_top - arteries_top)
    late = vessel & (np.argmax(fine, axis=0) >= late_from)
    if late.sum() < max(_LEAST_PIXELS, _VEIN_SHARE * float(vessel.sum())):
        return None
    mean = fine[:, late].mean(axis=1)
    gained = float(mean[blush_top:].max() - mean[blush_top])
    if gained < _VEIN_HEIGHT * float(fine[:, early].mean(axis=1).max()):
        return None
    return _course(fine, late)


def _strong(part: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks whose highest value stands clear of noise."""
    steps = np.diff(part, axis=0)[:, inside] if len(part) > 1 else np.zeros((1, 1), dtype=np.float32)
    noise = 1.4826 * float(np.median(np.abs(steps))) / np.sqrt(2.0)
    top = part.max(axis=0)
    least = max(_NOISE_TIMES * noise, 0.15 * float(np.percentile(top[inside], 99.0)) if inside.any() else 0.0)
    found: NDArray[np.bool_] = inside & (top > least)
    return found


def _course(part: NDArray[np.float32], pixels: NDArray[np.bool_]) -> NDArray[np.float64]:
    mean = part[:, pixels].mean(axis=1).astype(np.float64)
    mean = mean - float(mean[0])
    found: NDArray[np.float64] = mean / max(float(mean.max()), 1e-12)
    return found


def _last_above(course: NDArray[np.float64]) -> int:
    return int(np.flatnonzero(course > _RISE_SHARE)[-1])
