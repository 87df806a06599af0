"""Right-handed copies of grids, for display pipelines that cannot mirror."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.geometry.grids import Grid
from planner.geometry.spaces import KJI, SpaceMap, lps


def right_handed(voxels: NDArray[np.generic], grid: Grid) -> tuple[NDArray[np.generic], Grid]:
    """The same image with i x j pointing along k.

    Returns the arguments themselves when they are right-handed already; otherwise a view with k reversed and the
    grid that goes with it, so that every voxel keeps its place in LPS.

    Parameters
    ----------
    voxels
        (k, j, i).
    """
    columns = grid.lps_from_kji.homogeneous[:3, :3]
    if float(np.linalg.det(columns[:, ::-1])) > 0:
        return voxels, grid
    homogeneous = grid.lps_from_kji.homogeneous.copy()
    homogeneous[:3, 3] = grid.lps_from_kji.points((grid.size_kji[0] - 1, 0, 0))
    homogeneous[:3, 0] *= -1
    return voxels[::-1], Grid(grid.size_kji, SpaceMap(lps(grid.frame_uid), KJI, homogeneous), grid.frame_uid)
