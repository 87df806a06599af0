"""Compiled: self-similarity of an image around each voxel, which stands changes of contrast and modality.

After Heinrich et al., MICCAI 2013, DOI 10.1007/978-3-642-40811-3_24: how alike the twelve pairs of neighbouring patches
around a voxel are. Importing this module loads numba.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled, compiled_inline

CHANNELS = 12
REACH = 1
"""Voxels from the middle to a patch, and half the side of a patch: an image is padded by twice this."""
_STEPS = np.array([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]], dtype=np.int64)
_PAIRS = np.array(
    [[a, b] for a in range(6) for b in range(a + 1, 6) if a // 2 != b // 2],
    dtype=np.int64,
)


@compiled_inline
def _column(padded: NDArray[np.float32], pair: int, k: int, j: int, i: int) -> np.float32:
    """Squared differences of two patches' columns of 3 x 3 voxels."""
    a, b = _PAIRS[pair, 0], _PAIRS[pair, 1]
    ka, ja, ia = k + 1 + _STEPS[a, 0], j + 1 + _STEPS[a, 1], i + 1 + _STEPS[a, 2]
    kb, jb, ib = k + 1 + _STEPS[b, 0], j + 1 + _STEPS[b, 1], i + 1 + _STEPS[b, 2]
    squares = np.float32(0.0)
    for dk in range(3):
        for dj in range(3):
            gap = padded[ka + dk, ja + dj, ia] - padded[kb + dk, jb + dj, ib]
            squares += gap * gap
    return squares


@compiled
def self_similarity(
    padded: NDArray[np.float32],
    wanted: NDArray[np.uint8],
    noise: float,
    features: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Twelve features (0 to 1, 1 where two patches are alike) of the wanted voxels of layers first..last.

    Parameters
    ----------
    padded
        The image with ``2 * REACH`` voxels of margin on each side.
    noise
        Squared differences below this are noise: what does not stand out of it counts as alike.
    """
    apart, columns = np.empty(CHANNELS), np.empty((CHANNELS, 3), dtype=np.float32)
    for k in range(first, last):
        for j in range(wanted.shape[1]):
            # Patches of neighbouring voxels share two of their three columns.
            ready = -2
            for i in range(wanted.shape[2]):
                if not wanted[k, j, i]:
                    continue
                for step in range(0 if ready < i - 1 else 2, 3):
                    for pair in range(CHANNELS):
                        columns[pair, (i + step) % 3] = _column(padded, pair, k, j, i + step)
                ready = i
                total = 0.0
                for pair in range(CHANNELS):
                    apart[pair] = (columns[pair, 0] + columns[pair, 1] + columns[pair, 2]) / 27.0
                    total += apart[pair]
                spread = max(total / CHANNELS, noise)
                for pair in range(CHANNELS):
                    features[k, j, i, pair] = np.exp(-apart[pair] / spread)
