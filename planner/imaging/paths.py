"""Least-cost paths and arrival costs through blocks of voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def arrival(
    values: NDArray[np.floating],
    allowed: NDArray[np.bool_],
    seeds: Sequence[ArrayLike],
    spacing_kji_mm: tuple[float, float, float],
) -> NDArray[np.float32]:
    """Least cost from the seeds to every allowed voxel; infinite where it cannot be reached.

    Parameters
    ----------
    values
        (k, j, i); a step costs its length in mm times one plus the squared difference of the values at its ends.
    seeds
        Indices (k, j, i).
    """
    arrived, _, _ = _run(np.ones(values.shape, dtype=np.float32), values, allowed, seeds, None, spacing_kji_mm)
    return arrived


def least_cost_path(
    cost: NDArray[np.floating],
    start: tuple[int, int, int],
    goal: tuple[int, int, int],
    spacing_kji_mm: tuple[float, float, float],
) -> NDArray[np.int64] | None:
    """(n, 3) indices (k, j, i) from start to goal through 26 neighbours; None when there is no way.

    Parameters
    ----------
    cost
        (k, j, i) positive cost per mm; infinite where no path may go.
    """
    allowed = np.isfinite(cost)
    flat = np.zeros(cost.shape, dtype=np.float32)
    _, before, reached = _run(np.nan_to_num(cost, posinf=0.0), flat, allowed, [start], goal, spacing_kji_mm)
    if not reached:
        return None
    steps = [int(np.ravel_multi_index(goal, cost.shape))]
    while before[steps[-1]] >= 0:
        steps.append(int(before[steps[-1]]))
    indices: NDArray[np.int64] = np.stack(np.unravel_index(np.array(steps[::-1]), cost.shape), axis=-1)
    return indices


def _run(
    cost: NDArray[np.floating],
    values: NDArray[np.floating],
    allowed: NDArray[np.bool_],
    seeds: Sequence[ArrayLike],
    goal: tuple[int, int, int] | None,
    spacing_kji_mm: tuple[float, float, float],
) -> tuple[NDArray[np.float32], NDArray[np.int32], bool]:
    from planner.imaging import path_kernels as kernels

    shape = cost.shape
    arrived = np.full(cost.size, np.inf, dtype=np.float32)
    before = np.full(cost.size, -1, dtype=np.int32)
    starts = np.array([np.ravel_multi_index(tuple(np.asarray(seed)), shape) for seed in seeds], dtype=np.int64)
    reached = kernels.cheapest(
        np.ascontiguousarray(cost, dtype=np.float32),
        np.ascontiguousarray(values, dtype=np.float32),
        np.ascontiguousarray(allowed),
        starts,
        -1 if goal is None else int(np.ravel_multi_index(goal, shape)),
        np.asarray(spacing_kji_mm),
        arrived,
        before,
    )
    return arrived.reshape(shape), before, bool(reached)
