"""How much each voxel looks like the middle of a tube.

Second derivatives at several scales, after Sato et al., "Three-dimensional multi-scale line filter", Med Image Anal
1998;2:143, DOI 10.1016/S1361-8415(98)80009-1. Scales and derivatives are in mm, so that thick slices and oblique
vessels are treated alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from planner.imaging.bands import in_bands
from planner.imaging.masks import Box, box_slices, clipped_box
from planner.jobs import Context

BEST_RADIUS_PER_SCALE = float(np.sqrt(2.0))
"""A tube answers most to the scale of its radius over this."""
BEST_ANSWER = float(np.exp(-1.0))
"""Answer in the middle of a straight tube of that radius, as a share of its contrast."""

_REACH = 3.0
_NARROW = 0.6
"""Below this many voxels a sampled normal curve has another width than asked for: three weights do better."""
_LEAST_VARIANCE = 0.02


def vesselness(
    values: NDArray[np.generic],
    spacing_kji_mm: tuple[float, float, float],
    scales_mm: Sequence[float],
    *,
    wanted: NDArray[np.bool_] | None = None,
    limits: tuple[float, float] | None = None,
    gains: Sequence[float] | None = None,
    dark: bool = False,
    context: Context | None = None,
) -> NDArray[np.float32]:
    """Strength of a bright tube, in the image's unit, 0 where there is none.

    Parameters
    ----------
    values
        (k, j, i) numbers of any kind, all finite.
    scales_mm
        Standard deviations; a tube answers best to a scale of about its radius over the square root of 2.
    wanted
        Voxels to look at; others stay 0. None looks at all.
    limits
        Values are held between these two first, so that air, fat or bone do not answer.
    gains
        A factor for each scale; None is 1 for each.
    dark
        Look for tubes darker than their surroundings.
    context
        Progress, and cancelling between two scales.

    Returns
    -------
    (k, j, i) float32.
    """
    steps = context or Context()
    response = np.zeros(values.shape, dtype=np.float32)
    factors = np.ones(len(scales_mm)) if gains is None else np.asarray(gains, dtype=np.float64)
    spacing = np.asarray(spacing_kji_mm, dtype=np.float64)
    box = _box(wanted, values.shape, max(scales_mm, default=0.0), spacing)
    part = box_slices(box)
    rows: NDArray[np.bool_] = np.ones(values[part].shape[:2], dtype=np.bool_)
    if wanted is not None:
        rows = np.logical_or.reduce(wanted[part], axis=2)
    for index, (scale, gain) in enumerate(zip(scales_mm, factors, strict=True)):
        steps.step(index / len(scales_mm), "Looking for tubes")
        if rows.any():
            _raise_to(response[part], values[part], spacing, float(scale), limits, -gain if dark else gain, rows)
    if wanted is not None:
        response *= wanted
    steps.step(1.0, "Looking for tubes")
    return response


def _box(wanted: NDArray[np.bool_] | None, size: tuple[int, ...], scale_mm: float, spacing: NDArray[np.float64]) -> Box:
    """The voxels that can matter: those wanted and what is blurred into them."""
    k, j, i = size
    if wanted is None:
        return (0, 0, 0), (k, j, i)
    low, high = [], []
    for axis in range(3):
        found = np.flatnonzero(wanted.any(axis=tuple(other for other in range(3) if other != axis)))
        margin = int(np.ceil(_REACH * scale_mm / spacing[axis])) + 2
        low.append(int(found[0]) - margin if found.size else 0)
        high.append(int(found[-1]) + 1 + margin if found.size else 0)
    return clipped_box(low, high, (k, j, i))


def _raise_to(
    response: NDArray[np.float32],
    values: NDArray[np.generic],
    spacing: NDArray[np.float64],
    scale_mm: float,
    limits: tuple[float, float] | None,
    gain: float,
    rows: NDArray[np.bool_],
) -> None:
    from planner.imaging import vesselness_kernels as kernels

    sign = 1.0 if gain >= 0.0 else -1.0
    k, j, i = spacing
    divided = np.array([k * k, j * j, i * i, 4.0 * k * j, 4.0 * k * i, 4.0 * j * i])
    # Mixed differences reach twice as far: they lose this much more of a structure of the scale's size.
    shares = np.array([0.0, 0.0, 0.0, k * k + j * j, k * k + i * i, j * j + i * i]) / (12.0 * scale_mm**2)
    factors = (sign / divided * np.exp(np.minimum(shares, 1.0))).astype(np.float32)
    held = np.array((-np.inf, np.inf) if limits is None else limits, dtype=np.float32)
    along_k, along_j, along_i = (_weights(scale_mm, float(step)) for step in spacing)
    strength = np.float32(abs(gain) * scale_mm * scale_mm)
    in_bands(
        len(values),
        lambda a, b: kernels.tubes_of_scale(
            values, held, along_k, along_j, along_i, factors, strength, rows, response, a, b
        ),
        least_rows=8,
    )


def _weights(scale_mm: float, spacing_mm: float) -> NDArray[np.float32]:
    """Weights of a normal curve, a little narrower by what the second difference widens it."""
    # [1 -2 1] is the second derivative blurred by a triangle, whose variance is a sixth of the step squared.
    variance = max((scale_mm / spacing_mm) ** 2 - 1.0 / 6.0, _LEAST_VARIANCE)
    if variance < _NARROW**2:
        return np.array([variance / 2.0, 1.0 - variance, variance / 2.0], dtype=np.float32)
    reach = int(np.ceil(_REACH * np.sqrt(variance)))
    places = np.arange(-reach, reach + 1)
    curve = np.exp(-0.5 * places**2 / variance)
    return np.asarray(curve / curve.sum(), dtype=np.float32)
