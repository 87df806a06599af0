"""How much each voxel looks like the middle of a bright tube.

Second derivatives at several scales, after Sato et al., "Three-dimensional multi-scale line filter", Med Image Anal
1998;2:143, DOI 10.1016/S1361-8415(98)80009-1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from planner.imaging.bands import in_bands


def tubularity(
    values: NDArray[np.floating],
    spacing_kji_mm: tuple[float, float, float],
    *,
    scales_mm: Sequence[float],
    wanted: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Strength of a bright tube, in the image's unit, 0 where there is none.

    Parameters
    ----------
    values
        (k, j, i).
    scales_mm
        Standard deviations; a tube answers best to a scale of about its radius over the square root of 2.
    wanted
        Voxels to look at; others stay 0. None looks at all.
    """
    from scipy import ndimage

    chosen = np.ones(values.shape, dtype=np.bool_) if wanted is None else np.ascontiguousarray(wanted)
    plain = np.asarray(values, dtype=np.float32)
    spacing = np.asarray(spacing_kji_mm)
    response = np.zeros(values.shape, dtype=np.float32)
    for scale in scales_mm:
        blurred = np.ascontiguousarray(ndimage.gaussian_filter(plain, tuple(scale / spacing), truncate=3.0))
        _respond(blurred, chosen, spacing, float(scale), response)
    return response


def _respond(
    blurred: NDArray[np.float32],
    chosen: NDArray[np.bool_],
    spacing: NDArray[np.float64],
    scale_mm: float,
    response: NDArray[np.float32],
) -> None:
    from planner.imaging import vesselness_kernels as kernels

    in_bands(
        len(blurred),
        lambda a, b: kernels.bright_tubes(blurred, chosen, spacing, scale_mm, response, a, b),
        least_rows=4,
    )
