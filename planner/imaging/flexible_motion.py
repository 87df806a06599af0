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
from planner.imaging.displacement import Displacement, control_counts, spline_matrix
from planner.imaging.motion_frames import BLOCK_PX, Level, frame_level
from planner.imaging.motion_rigid import MaskPyramid, RigidShift, mask_pyramid, rigid_shift
from planner.imaging.motion_sums import binned_displacement, centre_and_spread, register
from planner.jobs import Context

_CELLS_ACROSS = 16
_STRETCH = 0.03
"""Standard deviation of the difference of neighbouring controls over their distance: tissue moves smoothly."""
_STAY_PX = 50.0
"""Standard deviation of a control against the rigid shift: weak, it only fixes what no block speaks for."""
_SAMPLES_ALIKE = 12.0
"""Neighbouring binned pixels share their noise after smoothing: this many count as one."""
_SHARED_TEXTURE = 0.4
_ROUNDS = (5, 4, 3)
_LEAST_STRETCH = 0.2
_MOST_STIFFENING = 6
_SUPPORT_PX = 0.5
"""A control is called supported where its blocks fix it to this, in pixels, on their own."""


@dataclass(frozen=True, eq=False, slots=True)
class _Prior:
    """Second-order form of how controls hold together, and its grid."""

    spacing_px: float
    shape: tuple[int, int]
    together: NDArray[np.float64]


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
    prior = _prior(pyramid.size_yx)
    controls = np.tile(np.array([rigid.dx, rigid.dy]), (*prior.shape, 1))
    home = controls.copy()
    supported = np.zeros(prior.shape, dtype=np.bool_)
    for step, level in enumerate(pyramid.levels):
        moving = frame_level(frame, pyramid.table, level)
        for _ in range(_ROUNDS[step]):
            controls, supported = _step(moving, level, controls, home, prior, pyramid.size_yx)
    return Displacement(controls, prior.spacing_px, pyramid.size_yx, supported)


def _prior(size_yx: tuple[int, int]) -> _Prior:
    spacing = max(size_yx) / _CELLS_ACROSS
    rows, columns = control_counts(size_yx, spacing)
    along = [_differences(count) for count in (rows, columns)]
    together = np.kron(along[0], np.eye(columns)) + np.kron(np.eye(rows), along[1])
    return _Prior(spacing, (rows, columns), together / (_STRETCH * spacing) ** 2)


def _differences(count: int) -> NDArray[np.float64]:
    step = np.diff(np.eye(count), axis=0)
    return np.asarray(step.T @ step)


def _step(
    moving: NDArray[np.float32],
    level: Level,
    controls: NDArray[np.float64],
    home: NDArray[np.float64],
    prior: _Prior,
    size_yx: tuple[int, int],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Controls after one Newton step, stiffened until nothing folds, and which of them the picture supports."""
    flow = Displacement(controls, prior.spacing_px, size_yx)
    ux, uy = binned_displacement(flow, level)
    _, difference = register(moving, level, ux, uy, 0.0, np.inf)
    middle, spread = centre_and_spread(difference)
    sums, _ = register(moving, level, ux, uy, middle, spread)
    stiffness, pull = _block_terms(sums, level, spread)
    basis = _basis(sums.shape[:2], level, prior)
    data = _assembled(stiffness, basis)
    count = basis.shape[1]
    wish = -np.concatenate([basis.T @ pull[:, 0], basis.T @ pull[:, 1]])
    hold = prior.together + np.eye(count) / _STAY_PX**2
    for _ in range(_MOST_STIFFENING):
        found = _solved(data, hold, wish, controls, home)
        if Displacement(found, prior.spacing_px, size_yx).least_stretch() > _LEAST_STRETCH:
            break
        hold = 4.0 * hold
    else:
        found = controls
    own = np.minimum(np.diag(data)[:count], np.diag(data)[count:])
    return found, (own > 1.0 / _SUPPORT_PX**2).reshape(prior.shape)


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
    return stiffness * scale / level.factor**2, pull * scale / level.factor


def _basis(blocks: tuple[int, ...], level: Level, prior: _Prior) -> NDArray[np.float64]:
    """(blocks, controls) weight of every control at the centre of every block."""
    rows, columns = (
        ((np.arange(count) + 0.5) * BLOCK_PX - 0.5) * level.factor + (level.factor - 1) / 2.0 for count in blocks
    )
    down = spline_matrix(rows, prior.spacing_px, prior.shape[0])
    across = spline_matrix(columns, prior.spacing_px, prior.shape[1])
    return np.einsum("yr,xc->yxrc", down, across).reshape(len(rows) * len(columns), -1)


def _assembled(stiffness: NDArray[np.float64], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2 controls, 2 controls): dx first, then dy."""
    parts = [[basis.T @ (stiffness[:, row, column, None] * basis) for column in range(2)] for row in range(2)]
    return np.block(parts)


def _solved(
    data: NDArray[np.float64],
    hold: NDArray[np.float64],
    wish: NDArray[np.float64],
    controls: NDArray[np.float64],
    home: NDArray[np.float64],
) -> NDArray[np.float64]:
    from scipy import linalg

    count = len(hold)
    away = (controls - home).reshape(count, 2)
    both = data + np.kron(np.eye(2), hold)
    right = wish - np.concatenate([hold @ away[:, 0], hold @ away[:, 1]])
    step = linalg.solve(both, right, assume_a="pos", overwrite_a=True, check_finite=False)
    moved: NDArray[np.float64] = controls + np.stack([step[:count], step[count:]], axis=-1).reshape(controls.shape)
    return moved
