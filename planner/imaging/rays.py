"""A closed, star-shaped surface around a point, found along rays.

Along every ray, samples that look like the inside of the structure score for it and others against it; the surface
is where the summed score is highest while neighbouring rays stay close to each other. A leak into a touching vessel
is a few rays that their neighbours hold back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from planner.imaging.bands import in_bands

_DIRECTIONS = 512
_NEIGHBOURS = 6
STEP_MM = 0.5
_GAP_MM = 2.5
"""A ray ends where the score has fallen by this much: what lies behind a gap is another structure."""
_STIFFNESS_PER_MM = 0.12
_ROUNDS = 12


@dataclass(frozen=True, eq=False)
class Unlike:
    """What the inside looks like: whatever is unlike the tissue around it, so that a rim and its core are one.

    Values within `contrast` of `background` speak against, values beyond it for the inside, unless they leave
    [low, high] (fat, air, bone beyond the organ).
    """

    background: float
    contrast: float
    low: float
    high: float

    def score(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """1 for clearly inside, 0 on a level, down to -1 beyond; -1 for NaN (outside the image)."""
        unlike = (np.abs(values - self.background) - self.contrast) / self.contrast
        within = np.minimum(values - self.low, self.high - values) / self.contrast
        scored: NDArray[np.float64] = np.nan_to_num(np.clip(np.minimum(unlike, within), -1.0, 1.0), nan=-1.0)
        return scored


@cache
def directions() -> NDArray[np.float64]:
    """(n, 3) unit vectors spread evenly over the sphere on a Fibonacci spiral."""
    at = np.arange(_DIRECTIONS) + 0.5
    height, turn = 1.0 - 2.0 * at / _DIRECTIONS, np.pi * (1.0 + 5.0**0.5) * at
    wide = np.sqrt(1.0 - height**2)
    spread: NDArray[np.float64] = np.stack([wide * np.cos(turn), wide * np.sin(turn), height], axis=-1)
    return spread


@cache
def neighbours() -> NDArray[np.int64]:
    """(n, 6): the nearest other directions of each direction."""
    nearness = directions() @ directions().T
    order: NDArray[np.int64] = np.argsort(-nearness, axis=1)[:, 1 : _NEIGHBOURS + 1]
    return order


def radii_mm(limit_mm: float) -> NDArray[np.float64]:
    """(m,): where rays are sampled."""
    count = max(2, int(limit_mm / STEP_MM))
    return np.linspace(STEP_MM, count * STEP_MM, count)


def profiles(
    voxels: NDArray[np.float32], centre_kji: NDArray[np.float64], kji_from_mm: NDArray[np.float64], limit_mm: float
) -> NDArray[np.float64]:
    """(n, m) trilinear values along the rays; NaN outside the array.

    Parameters
    ----------
    kji_from_mm
        (3, 3): turns LPS mm into steps of the array.
    """
    from planner.imaging import slicing_kernels as kernels
    from planner.imaging.slicing import readable

    along = radii_mm(limit_mm)
    steps = directions() @ kji_from_mm.T
    points = (centre_kji + along[None, :, None] * steps[:, None, :]).reshape(-1, 3)
    values = np.empty(len(points))
    plain = readable(voxels)
    in_bands(
        len(points), lambda a, b: kernels.sample_points(plain, points, float("nan"), values, a, b), least_rows=4096
    )
    return values.reshape(len(steps), len(along))


def surface_mm(values: NDArray[np.float64], look: Unlike, sure_mm: float = 0.0) -> NDArray[np.float64]:
    """(n,): distance of the surface along each ray, 0 to the last sample.

    Parameters
    ----------
    sure_mm
        Samples this near to the centre count as inside whatever their value.
    """
    count = values.shape[1]
    score = look.score(values)
    score[:, : int(sure_mm / STEP_MM)] = 1.0
    gain = score * STEP_MM
    total = np.concatenate([np.zeros((len(gain), 1)), np.cumsum(gain, axis=1)], axis=1)
    behind_gap = np.maximum.accumulate(np.maximum.accumulate(total, axis=1) - total > _GAP_MM, axis=1)
    lowest = np.where(behind_gap, np.inf, total).min(axis=1, keepdims=True)
    held = np.where(behind_gap, np.minimum(total, lowest) - _GAP_MM, total)
    shared = held
    for _ in range(3):
        shared = (shared + shared[neighbours()].mean(axis=1)) / 2.0
    along = np.arange(count + 1) * STEP_MM
    surface = along[np.argmax(shared, axis=1)]
    for _ in range(_ROUNDS):
        near = surface[neighbours()]
        apart = along[None, :] ** 2 - 2.0 * along[None, :] * near.mean(axis=1)[:, None]
        surface = along[np.argmax(held - _STIFFNESS_PER_MM * apart, axis=1)]
    smooth: NDArray[np.float64] = (surface + surface[neighbours()].mean(axis=1)) / 2.0
    return smooth


def depth_mm(offsets_mm: NDArray[np.float64], surface: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance beyond the surface along the ray, negative inside, of offsets (..., 3) from the rays' centre."""
    distance = np.linalg.norm(offsets_mm, axis=-1)
    height = np.clip(offsets_mm[..., 2] / np.maximum(distance, 1e-9), -1.0, 1.0)
    turn = np.arctan2(offsets_mm[..., 1], offsets_mm[..., 0])
    nearest, share = _table()
    rows, columns = nearest.shape[:2]
    by_angle = (surface[nearest] * share).sum(axis=-1)
    row = np.minimum(((height + 1.0) / 2.0 * rows).astype(int), rows - 1)
    column = ((turn / (2.0 * np.pi) % 1.0) * columns).astype(int) % columns
    depth: NDArray[np.float64] = distance - by_angle[row, column]
    return depth


@cache
def _table() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For cells of (height, turn): the three nearest directions and their shares."""
    rows, columns = 64, 128
    height = (np.arange(rows) + 0.5) / rows * 2.0 - 1.0
    turn = (np.arange(columns) + 0.5) / columns * 2.0 * np.pi
    wide = np.sqrt(1.0 - height**2)
    cells = np.stack(
        [
            wide[:, None] * np.cos(turn),
            wide[:, None] * np.sin(turn),
            np.broadcast_to(height[:, None], (rows, columns)),
        ],
        axis=-1,
    )
    nearness = cells @ directions().T
    nearest = np.argsort(-nearness, axis=-1)[..., :3]
    apart = np.arccos(np.clip(np.take_along_axis(nearness, nearest, axis=-1), -1.0, 1.0)) + 1e-3
    share = 1.0 / apart
    share /= share.sum(axis=-1, keepdims=True)
    return nearest, share
