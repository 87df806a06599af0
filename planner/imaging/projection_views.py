"""Simulated C-arm pictures of a CT: prepared once, coarse while the C-arm is turned, fine when it stands.

Never a real picture: whoever shows one says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid
from planner.geometry.c_arm import CArm, DetectorSpacing
from planner.imaging.projection import line_integrals
from planner.imaging.resampling import downsampled
from planner.imaging.volumes import Volume
from planner.jobs import Context

WATER_PER_MM = 0.02
"""Linear attenuation of water at diagnostic energies; a scale of the whole picture."""
_AIR_HU = -950.0
"""Below it a voxel stops nothing: its noise would only add haze, and empty margins need no sums."""
_COARSE_MM = 3.0
_COARSE_PX = 256


@dataclass(frozen=True, eq=False)
class Projectable:
    """Attenuation per mm of a CT or a part of it, fine and in blocks of about 3 mm (`Projectable.of`)."""

    fine: NDArray[np.float32]
    fine_grid: Grid
    coarse: NDArray[np.float32]
    coarse_grid: Grid

    @staticmethod
    def of(volume: Volume, around_lps_mm: ArrayLike | None = None, reach_mm: float = 160.0) -> Projectable:
        """Prepare a CT in Hounsfield units.

        Parameters
        ----------
        around_lps_mm
            (3,) only the block of `reach_mm` on every side of a point; None takes everything.
        """
        block = volume if around_lps_mm is None else _block(volume, np.asarray(around_lps_mm, float), reach_mm)
        factors = tuple(
            min(max(1, round(_COARSE_MM / edge)), size)
            for edge, size in zip(block.grid.spacing_kji_mm, block.grid.size_kji, strict=True)
        )
        attenuation = Volume(_attenuation(block.voxels), block.grid, block.source)
        blocks = downsampled(attenuation, (factors[0], factors[1], factors[2]))
        fine = np.asarray(attenuation.voxels, dtype=np.float32)
        return Projectable(fine, attenuation.grid, np.asarray(blocks.voxels, dtype=np.float32), blocks.grid)


def simulated_view(
    source: Projectable, c_arm: CArm, size_yx: tuple[int, int], *, quick: bool = False, context: Context | None = None
) -> NDArray[np.float32]:
    """(y, x) line integrals of attenuation, dense is high; tens of milliseconds when quick.

    Parameters
    ----------
    quick
        From the coarse blocks, on at most 256 pixels a side, then each pixel repeated to the size asked.

    Raises
    ------
    FrameMismatch
        When the C-arm lies in another frame of reference.
    """
    if not quick:
        return line_integrals(source.fine, source.fine_grid, c_arm, size_yx, context)
    step = max(1, -(-max(size_yx) // _COARSE_PX))
    small = -(-size_yx[0] // step), -(-size_yx[1] // step)
    found = line_integrals(source.coarse, source.coarse_grid, thinned(c_arm, step), small, context)
    if step == 1:
        return found
    return np.repeat(np.repeat(found, step, axis=0), step, axis=1)[: size_yx[0], : size_yx[1]]


def thinned(c_arm: CArm, step: int) -> CArm:
    """The same C-arm with blocks of `step` x `step` pixels as one."""
    x, y = ((at - (step - 1) / 2.0) / step for at in c_arm.principal_xy)
    spacing = DetectorSpacing(c_arm.spacing.down_mm * step, c_arm.spacing.right_mm * step)
    return replace(c_arm, spacing=spacing, principal_xy=(x, y))


def _attenuation(voxels: NDArray[np.generic]) -> NDArray[np.float32]:
    hounsfield = voxels.astype(np.float32)
    found = (hounsfield + np.float32(1000.0)) * np.float32(WATER_PER_MM / 1000.0)
    # NaN marks voxels without a value: nothing is known to stop rays there.
    found[~(hounsfield > _AIR_HU)] = 0.0
    return found


def _block(volume: Volume, around_lps_mm: NDArray[np.float64], reach_mm: float) -> Volume:
    grid = volume.grid
    middle = grid.kji_from_lps.points(around_lps_mm)
    reach = reach_mm / np.asarray(grid.spacing_kji_mm)
    low = np.clip(np.floor(middle - reach), 0, np.asarray(grid.size_kji) - 1).astype(int)
    high = np.clip(np.ceil(middle + reach) + 1, low + 1, grid.size_kji).astype(int)
    first, last = (int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2]))
    voxels = volume.voxels[first[0] : last[0], first[1] : last[1], first[2] : last[2]]
    return Volume(voxels, grid.cropped(first, last), volume.source)
