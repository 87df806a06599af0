"""Compiled loop that decides each voxel at full resolution from what the coarse image said near it. Loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled

INSIDE, RIM, LUNG_SURE, LUNG_NEAR, BONE_SURE, BONE_NEAR, VESSEL_NEAR, AIRWAY_NEAR = (1, 2, 4, 8, 16, 32, 64, 128)
IN_ORGAN = 256
"""Bits of the coarse answer."""
SKIN, BONE, LUNG, GAS, VESSELS, AIRWAY = 1, 2, 4, 8, 16, 32
"""Bits of the result."""


@compiled
def decide(
    voxels: NDArray[np.generic],
    coarse: NDArray[np.uint16],
    levels_hu: NDArray[np.float64],
    result: NDArray[np.uint8],
    first: int,
    last: int,
) -> None:
    """Slices first..last of (k, j, i).

    Parameters
    ----------
    levels_hu
        Surface to air, least bone, least of vessels elsewhere and in organs, and most of vessels.
    """
    air, bone, most = levels_hu[0], levels_hu[1], levels_hu[4]
    for k in range(first, last):
        for j in range(voxels.shape[1]):
            for i in range(voxels.shape[2]):
                said = coarse[k, j, i]
                value = voxels[k, j, i]
                answer = 0
                if said & INSIDE or (said & RIM and value > air):
                    answer = SKIN
                    if said & LUNG_SURE:
                        answer |= LUNG
                    elif value <= air:
                        if said & LUNG_NEAR:
                            answer |= LUNG
                        elif said & AIRWAY_NEAR:
                            answer |= AIRWAY
                        else:
                            answer |= GAS
                    elif said & BONE_SURE or (said & BONE_NEAR and value > bone):
                        answer |= BONE
                    elif said & VESSEL_NEAR and levels_hu[3 if said & IN_ORGAN else 2] < value < most:
                        answer |= VESSELS
                result[k, j, i] = answer
