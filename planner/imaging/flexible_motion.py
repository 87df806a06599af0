"""Motion that differs from place to place: breathing under a diaphragm while the spine lies still.

Cubic B-splines on a coarse grid, found coarse to fine by Newton steps on the robust difference of frame and mask. Each
block of the picture says how well it fixes which direction (the gradients that mask and frame share) and where it
wants to go; neighbouring controls are held together by a prior on how much tissue stretches. Blocks without shared
texture say nothing, so that nothing is invented there: the displacement continues what lies beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import AngioRun
from planner.imaging.displacement import Displacement, control_counts, spline_weights
from planner.imaging.motion_frames import BLOCK_PX, Level, at_factor, frame_level, vessels_of
from planner.imaging.motion_rigid import MaskPyramid, RigidShift, mask_pyramid, rigid_shift
from planner.imaging.motion_sums import binned_displacement, centre_and_spread, register
from planner.jobs import Context

_CELLS_ACROSS = 16
_STRETCH = 0.02
"""Standard deviation of the difference of neighbouring controls over their distance: tissue moves smoothly."""
_STAY_PX = 50.0
"""Standard deviation of a control against the rigid shift: weak, it only fixes what no block speaks for."""
_SAMPLES_ALIKE = 12.0
"""Neighbouring binned pixels share their noise after smoothing: this many count as one."""
_SHARED_TEXTURE = 0.4
_LEAST_BLOCKS = 0.15
"""Share of blocks with shared texture below which there is none to follow: noise alone passes a few in a hundred."""
_ROUNDS = (5, 4, 3)
_LEAST_STRETCH = 0.2
_MOST_STIFFENING = 6
_SUPPORT_PX = 0.5
"""A control is called supported where its blocks fix it to this, in pixels, on their own."""


@dataclass(frozen=True, eq=False, slots=True)
class _Prior:
    """The grid of controls and how firmly neighbours are held together, per pixel squared."""

    spacing_px: float
    shape: tuple[int, int]
    together: float


def flexible_shifts(
    run: AngioRun,
    mask: NDArray[np.float32],
    field: NDArray[np.bool_],
    *,
    frames: Sequence[int] | None = None,
    context: Context | None = None,
) -> tuple[Displacement | None, ...]:
    """One displacement per frame of the run; None for frames not asked for (indices from 0, all by default)."""
    context = context or Context()
    pyramid = mask_pyramid(run, mask, field)
    wanted = range(run.count) if frames is None else frames
    found: list[Displacement | None] = [None] * run.count
    for place, index in enumerate(wanted):
        context.step(place / max(1, len(wanted)), f"aligning frame {index + 1} locally")
        found[index] = flexible_shift(run.frames[index], pyramid)
    return tuple(found)


def flexible_shift(
    frame: NDArray[np.generic], pyramid: MaskPyramid, *, start: RigidShift | None = None
) -> Displacement:
    """Displacement of one stored frame, free of folds.

    Parameters
    ----------
    start
        Its rigid shift, where that is known already.
    """
    rigid = rigid_shift(frame, pyramid) if start is None else start
    shift = np.array([rigid.dx, rigid.dy])
    prior = _prior(pyramid.size_yx)
    home = np.tile(shift, (*prior.shape, 1))
    controls, supported = home.copy(), np.zeros(prior.shape, dtype=np.bool_)
    middle = pyramid.levels[len(pyramid.levels) // 2]
    vessels = vessels_of(frame_level(frame, pyramid.table, middle), middle, shift)
    for step, level in enumerate(pyramid.levels):
        hidden = at_factor(vessels, level.factor, level.fixed.shape, middle.factor)
        moving = frame_level(frame, pyramid.table, level, hidden)
        for _ in range(_ROUNDS[step]):
            controls, supported = _step(moving, level, level.inside & ~hidden, controls, home, prior, pyramid.size_yx)
    return Displacement(controls, prior.spacing_px, pyramid.size_yx, supported)


def _prior(size_yx: tuple[int, int]) -> _Prior:
    spacing = max(size_yx) / _CELLS_ACROSS
    return _Prior(spacing, control_counts(size_yx, spacing), 1.0 / (_STRETCH * spacing) ** 2)


def _step(
    moving: NDArray[np.float32],
    level: Level,
    usable: NDArray[np.bool_],
    controls: NDArray[np.float64],
    home: NDArray[np.float64],
    prior: _Prior,
    size_yx: tuple[int, int],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Controls after one Newton step, stiffened until nothing folds, and which of them the picture supports."""
    ux, uy = binned_displacement(Displacement(controls, prior.spacing_px, size_yx), level)
    _, difference = register(moving, level, ux, uy, 0.0, np.inf, usable)
    middle, spread = centre_and_spread(difference)
    sums, _ = register(moving, level, ux, uy, middle, spread, usable)
    stiffness, pull = _block_terms(sums, level, spread)
    if float(np.mean(np.trace(stiffness, axis1=-2, axis2=-1) > 0.0)) < _LEAST_BLOCKS:
        return home, np.zeros(prior.shape, dtype=np.bool_)
    band, right = _assembled(stiffness, pull, level, prior)
    own = band[-1].reshape(*prior.shape, 2).min(axis=-1)
    together = prior.together
    for _ in range(_MOST_STIFFENING):
        found = _solved(band, right, together, controls, home)
        if Displacement(found, prior.spacing_px, size_yx).least_stretch() > _LEAST_STRETCH:
            return found, own > 1.0 / _SUPPORT_PX**2
        together *= 4.0
    return controls, own > 1.0 / _SUPPORT_PX**2


def _block_terms(
    sums: NDArray[np.float64], level: Level, spread: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(blocks, 2, 2) how firmly each block fixes a displacement in pixels, (blocks, 2) the slope it feels."""
    flat = sums.reshape(-1, sums.shape[-1])
    own = np.stack([flat[:, [0, 1]], flat[:, [1, 2]]], axis=1)
    shared = np.stack([flat[:, [3, 4]], flat[:, [4, 5]]], axis=1)
    _, directions = np.linalg.eigh(own)
    energy = np.einsum("bia,bij,bja->ba", directions, own, directions)
    common = np.einsum("bia,bij,bja->ba", directions, shared, directions)
    kept = np.where((common > _SHARED_TEXTURE * energy) & (energy > 0.0), common, 0.0)
    stiffness = np.einsum("bia,ba,bja->bij", directions, kept, directions)
    slope = np.einsum("bia,bi->ba", directions, flat[:, 6:8])
    pull = np.einsum("bia,ba->bi", directions, np.where(kept > 0.0, slope, 0.0))
    # Sums are of binned pixels: a displacement in pixels moves them by 1 / factor.
    scale = 1.0 / (_SAMPLES_ALIKE * spread**2)
    blocks = sums.shape[:2]
    return (stiffness * scale / level.factor**2).reshape(*blocks, 2, 2), (pull * scale / level.factor).reshape(
        *blocks, 2
    )


def _assembled(
    stiffness: NDArray[np.float64], pull: NDArray[np.float64], level: Level, prior: _Prior
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Upper band form of what the picture says of the controls, and its right side."""
    from planner.imaging import motion_kernels as kernels

    rows, columns = prior.shape
    centres = [
        ((np.arange(count) + 0.5) * BLOCK_PX - 0.5) * level.factor + (level.factor - 1) / 2.0
        for count in stiffness.shape[:2]
    ]
    cell_y, down = spline_weights(centres[0], prior.spacing_px, rows)
    cell_x, across = spline_weights(centres[1], prior.spacing_px, columns)
    band = np.zeros((2 * (3 * columns + 3) + 2, 2 * rows * columns))
    right = np.zeros(2 * rows * columns)
    kernels.assemble_band(stiffness, pull, cell_y, down, cell_x, across, columns, band, right)
    return band, right


def _solved(
    band: NDArray[np.float64],
    right: NDArray[np.float64],
    together: float,
    controls: NDArray[np.float64],
    home: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Controls after the step that the picture and the prior agree on."""
    from planner.imaging import motion_kernels as kernels

    rows, columns, _ = controls.shape
    neighbours = np.full((rows, columns), 4.0)
    neighbours[[0, -1]] -= 1.0
    neighbours[:, [0, -1]] -= 1.0
    held, stay = band.copy(), 1.0 / _STAY_PX**2
    held[-1] += np.repeat(neighbours.ravel(), 2) * together + stay
    beside = np.full((rows, columns), -together)
    beside[:, 0] = 0.0
    held[-1 - 2, 2:] += np.repeat(beside.ravel(), 2)[2:]
    held[-1 - 2 * columns, 2 * columns :] -= together
    away = controls - home
    slope = stay * away
    across, down = np.diff(away, axis=1) * together, np.diff(away, axis=0) * together
    slope[:, 1:] += across
    slope[:, :-1] -= across
    slope[1:] += down
    slope[:-1] -= down
    reach, count = held.shape
    along = np.zeros((count, reach))
    for step in range(min(reach, count)):
        along[: count - step, step] = held[reach - 1 - step, step:]
    answer = right - slope.ravel()
    kernels.solve_banded(along, answer)
    moved: NDArray[np.float64] = controls + answer.reshape(controls.shape)
    return moved
