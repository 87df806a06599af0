"""How far the patient has moved as a whole between the mask and a frame, in fractions of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import AngioRun
from planner.imaging.densities import DensityTable, density_table
from planner.imaging.motion_frames import Level, at_factor, frame_level, mask_level, vessels_of
from planner.imaging.motion_sums import centre_and_spread, register
from planner.jobs import Context

_FINEST_PX = 512
"""Registration ends at about this many binned pixels: a million pixels hold far more than a shift needs."""
_LEVELS = 3
_ROUNDS = (8, 8, 6)
_SHARED_TEXTURE = 0.4
"""Least share of the mask's gradient energy that the frame has in common with it."""
_MOST_SHIFT_SHARE = 0.1
_ABOUT_AS_GOOD = 0.02
_STILL_PX = 0.01
"""A step below this, in binned pixels, ends the search; Newton's next one would be far smaller."""


@dataclass(frozen=True, eq=False, slots=True)
class MaskPyramid:
    """A mask made ready: coarse to fine."""

    table: DensityTable
    levels: tuple[Level, ...]
    size_yx: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RigidShift:
    """Displacement of a frame's background.

    Attributes
    ----------
    dx, dy
        Pixels; 0.0 along a direction that has no texture.
    determined
        Texture fixes both directions.
    """

    dx: float
    dy: float
    determined: bool


def finest_factor(size_yx: tuple[int, int]) -> int:
    """Pixels per binned pixel at the finest level."""
    return max(1, round(max(size_yx) / _FINEST_PX))


def mask_pyramid(run: AngioRun, mask: NDArray[np.float32], field: NDArray[np.bool_]) -> MaskPyramid:
    """The mask (mean stored values) at the binnings that registration uses."""
    table = density_table(run, "log")
    density = table.of(mask)
    finest = finest_factor(run.size_yx)
    factors = [finest * 2**step for step in reversed(range(_LEVELS))]
    return MaskPyramid(table, tuple(mask_level(density, field, factor) for factor in factors), run.size_yx)


def rigid_shifts(
    run: AngioRun, mask: NDArray[np.float32], field: NDArray[np.bool_], *, context: Context | None = None
) -> NDArray[np.float64]:
    """(n, 2) displacement dx, dy of every frame's background from the mask's, in pixels.

    Parameters
    ----------
    mask
        (y, x) mean stored values.
    field
        (y, x) open part.
    """
    context = context or Context()
    pyramid = mask_pyramid(run, mask, field)
    shifts = np.zeros((run.count, 2))
    for index in range(run.count):
        context.step(index / run.count, f"aligning frame {index + 1}")
        found = rigid_shift(run.frames[index], pyramid)
        shifts[index] = found.dx, found.dy
    return shifts


def rigid_shift(frame: NDArray[np.generic], pyramid: MaskPyramid) -> RigidShift:
    """Displacement of one stored frame."""
    shift, kept = np.zeros(2), np.zeros((2, 2))
    hidden: NDArray[np.bool_] | None = None
    for step, level in enumerate(pyramid.levels):
        if hidden is not None:
            hidden = at_factor(hidden, level.factor, level.fixed.shape, pyramid.levels[step - 1].factor)
        moving = frame_level(frame, pyramid.table, level, hidden)
        if step == 0:
            shift = _whole_shift(moving, level) * level.factor
        shift, kept = _refined(moving, level, shift, _ROUNDS[step], hidden)
        if step == len(pyramid.levels) - 2:
            hidden = vessels_of(moving, level, shift)
    shift = kept @ shift
    return RigidShift(float(shift[0]), float(shift[1]), bool(np.linalg.matrix_rank(kept) == 2))


def _whole_shift(moving: NDArray[np.float32], level: Level) -> NDArray[np.float64]:
    """Best shift in whole binned pixels, by correlation with every value cut to the usual."""
    from scipy import fft

    fixed = level.fixed
    reach = 2.5 * float(np.std(fixed[level.inside])) if level.inside.any() else 0.0
    if reach <= 0.0:
        return np.zeros(2)
    pictures = [fft.rfft2(np.clip(picture, -reach, reach), workers=1) for picture in (moving, fixed)]
    match = fft.irfft2(pictures[0] * np.conj(pictures[1]), s=fixed.shape, workers=1)
    most_y, most_x = (max(1, int(size * _MOST_SHIFT_SHARE)) for size in fixed.shape)
    rows = np.r_[0 : most_y + 1, -most_y:0]
    columns = np.r_[0 : most_x + 1, -most_x:0]
    window = match[np.ix_(rows, columns)]
    # Of matches about as good the smallest shift: along lines every one is as good as the next.
    good = window >= float(window.max()) - _ABOUT_AS_GOOD * abs(float(window.max()))
    far = np.where(good, rows[:, None] ** 2 + columns**2, np.inf)
    row, column = np.unravel_index(int(np.argmin(far)), window.shape)
    return np.array([columns[column], rows[row]], dtype=np.float64)


def _refined(
    moving: NDArray[np.float32],
    level: Level,
    shift: NDArray[np.float64],
    rounds: int,
    hidden: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift in pixels after Newton steps on the robust difference, and the projection on directions with texture."""
    kept = np.zeros((2, 2))
    middle, spread = 0.0, np.inf
    usable = level.inside if hidden is None else level.inside & ~hidden
    ux, uy = np.empty_like(level.fixed), np.empty_like(level.fixed)
    for _ in range(rounds):
        ux[:], uy[:] = shift[0] / level.factor, shift[1] / level.factor
        if not np.isfinite(spread):
            _, difference = register(moving, level, ux, uy, 0.0, np.inf, usable)
            middle, spread = centre_and_spread(difference)
        sums, difference = register(moving, level, ux, uy, middle, spread, usable)
        step, kept = _newton(sums.sum(axis=(0, 1)))
        shift = shift + step * level.factor
        if float(np.abs(step).max()) < _STILL_PX:
            break
        middle, spread = centre_and_spread(difference)
    return shift, kept


def _newton(total: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Step in binned pixels and the projection on the directions that mask and frame share texture along."""
    step, kept = np.zeros(2), np.zeros((2, 2))
    own = np.array([[total[0], total[1]], [total[1], total[2]]])
    shared = np.array([[total[3], total[4]], [total[4], total[5]]])
    _, directions = np.linalg.eigh(own)
    for axis in directions.T:
        energy, common = float(axis @ own @ axis), float(axis @ shared @ axis)
        if energy <= 0.0 or common < _SHARED_TEXTURE * energy:
            continue
        kept += np.outer(axis, axis)
    if np.linalg.matrix_rank(kept) == 2:
        return -np.linalg.solve(shared, total[6:8]), kept
    for axis in directions.T:
        if float(axis @ kept @ axis) > 0.5:
            step -= axis * float(axis @ total[6:8]) / float(axis @ shared @ axis)
    return step, kept
