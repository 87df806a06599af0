"""From a binary mask to a smooth signed field whose zero level is the sub-voxel surface of the structure.

A mask says of each voxel centre only on which side of the surface it lies. Three steps turn that into a surface:

1. Estimate. The mask blurred by a Gaussian of standard deviation s is, for a flat surface at distance d,
   Phi(-d / s), so the inverse normal distribution gives d without bias at any obliquity; a curved surface is shifted
   by s^2 times its mean curvature, which is half the Laplacian of the field, and is taken off again.
2. Fit. Where the surface runs nearly along a layer of voxels (the poles of a sphere) the mask shows terraces, and
   the estimate follows them. The field is therefore the smoothest one (least third derivatives: a change of
   curvature costs, curvature itself does not) near the estimate, which counts little where a terrace is likely.
3. Constraint. Every voxel centre stays on its own side, no farther from the surface than from the nearest centre of
   the other side. Smoothing under such constraints follows Lempitsky, "Surface extraction from binary volumes with
   higher-order smoothness", CVPR 2010; solved here by alternating directions, the smoothing being a product in
   Fourier space.

The constants below were chosen on spheres, ellipsoids and capsules of 10 to 50 voxels at random obliquity, with cubic
voxels and with 1.5 x 0.7 x 0.7 mm; `benchmarks/margins.py` measures them on others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.surfaces import centre_distance_mm
from planner.jobs import Context

Field = NDArray[np.float32]

PAD_VOXELS = 4
"""Longest voxels of empty space that the array needs around the structure."""

_BLUR = 0.9
"""Standard deviation of the blur, in longest voxel edges, as all lengths below."""
_CURVATURE_BLUR = 1.2
_NORMAL_BLUR = 1.0
_TRUSTED = 1.5
"""Standard deviations up to which the inverse of the blur is used; beyond, the distance between voxel centres."""
_CENTRE_OFFSET = 0.4
"""Mean distance from the surface to the nearest voxel centres."""
_BAND = 2.0
"""Constraints hold as far as this from the surface."""
_TERRACE_TILT = 0.35
"""Sine of the angle to the nearest axis below which the estimate loses its weight."""
_TERRACE_WEIGHT = 0.01
_FAR_WEIGHT = 0.01
"""Far from the surface the distance between voxel centres repeats the terraces: it only keeps the field in scale."""
_STIFFNESS = 2.0
_COUPLING = 0.3
_RELAXATION = 1.7
_ROUNDS = 30
_UNBOUNDED = np.float32(1e9)
_SIDE = 1e-3


def smooth_field(inside: NDArray[np.bool_], spacing_kji_mm: tuple[float, float, float], context: Context) -> Field:
    """The signed field of a structure, close to the distance (mm) within two voxels of its surface.

    Parameters
    ----------
    inside
        (k, j, i), with at least `PAD_VOXELS` longest voxel edges unset on every side.
    spacing_kji_mm
        Along orthogonal axes.

    Returns
    -------
    (k, j, i), mm, negative exactly where `inside` is set.
    """
    spacing = np.asarray(spacing_kji_mm, dtype=np.float64)
    longest = float(spacing.max())
    apart = np.where(inside, centre_distance_mm(~inside, spacing_kji_mm), centre_distance_mm(inside, spacing_kji_mm))
    estimate = _estimate(inside, apart, spacing)
    near = apart <= _BAND * longest
    low = np.where(near, np.maximum(apart - longest, 0.0), 0.0)
    high = np.where(near, apart, _UNBOUNDED)
    least = np.where(inside, -high, low).astype(np.float32)
    most = np.where(inside, -low, high).astype(np.float32)
    weight = _weight(estimate, spacing)
    weight[~near] *= np.float32(_FAR_WEIGHT)
    found = _fitted(estimate, weight, least, most, spacing, context)
    side = np.float32(_SIDE * longest)
    sided: Field = np.where(inside, np.minimum(found, -side), np.maximum(found, side))
    return sided


def _estimate(inside: NDArray[np.bool_], apart: Field, spacing: NDArray[np.float64]) -> Field:
    """Step 1: distances from the blurred mask, freed of the shift by curvature."""
    from scipy import ndimage
    from scipy.special import ndtri

    longest = float(spacing.max())
    blur = _BLUR * longest
    share = ndimage.gaussian_filter(inside.astype(np.float32), blur / spacing, mode="constant")
    near = -blur * ndtri(np.clip(share, 1e-6, 1.0 - 1e-6))
    far = np.where(inside, -1.0, 1.0) * (apart - _CENTRE_OFFSET * longest)
    beyond = np.clip(np.abs(far) / blur - _TRUSTED, 0.0, 1.0)
    plain = ((1.0 - beyond) * near + beyond * far).astype(np.float32)
    curvature = ndimage.gaussian_filter(_laplacian(plain, spacing), _CURVATURE_BLUR * longest / spacing, mode="nearest")
    corrected: Field = (plain - 0.5 * blur * blur * curvature).astype(np.float32)
    return corrected


def _laplacian(field: Field, spacing: NDArray[np.float64]) -> Field:
    total = np.zeros_like(field)
    for axis in range(3):
        step = float(spacing[axis])
        total += np.gradient(np.gradient(field, step, axis=axis), step, axis=axis)
    return total


def _weight(estimate: Field, spacing: NDArray[np.float64]) -> Field:
    """How far the estimate is believed: little where the surface runs along a layer of voxels."""
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(estimate, _NORMAL_BLUR * float(spacing.max()) / spacing, mode="nearest")
    rises = [np.gradient(smooth, float(spacing[axis]), axis=axis) ** 2 for axis in range(3)]
    whole = rises[0] + rises[1] + rises[2] + np.float32(1e-12)
    steepest = np.maximum(np.maximum(rises[0], rises[1]), rises[2])
    tilt: Field = np.clip((1.0 - steepest / whole) / _TERRACE_TILT**2, _TERRACE_WEIGHT, 1.0).astype(np.float32)
    return tilt


def _fitted(
    estimate: Field, weight: Field, least: Field, most: Field, spacing: NDArray[np.float64], context: Context
) -> Field:
    """Steps 2 and 3: alternating direction method of multipliers, over-relaxed."""
    from scipy import fft

    keep = (1.0 / (1.0 + _stiffness(estimate.shape, spacing) / _COUPLING)).astype(np.float32)
    held = np.clip(estimate, least, most)
    slack = np.zeros_like(held)
    total = weight + np.float32(_COUPLING)
    pulled = weight * estimate
    found = held
    for done in range(_ROUNDS):
        context.step(done / _ROUNDS, "Surface")
        found = fft.irfftn(keep * fft.rfftn(held - slack, workers=2), s=held.shape, workers=2)
        relaxed = np.float32(_RELAXATION) * found + np.float32(1.0 - _RELAXATION) * held
        relaxed += slack
        held = np.clip((pulled + np.float32(_COUPLING) * relaxed) / total, least, most)
        slack = relaxed - held
    smooth: Field = np.asarray(found, dtype=np.float32)
    return smooth


def _stiffness(shape: tuple[int, ...], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cost of the third derivatives by wave number, for a real transform of this shape."""
    from scipy import fft

    along_k, along_j = (fft.fftfreq(shape[axis], float(spacing[axis])) for axis in (0, 1))
    along_i = fft.rfftfreq(shape[2], float(spacing[2]))
    squared = along_k[:, None, None] ** 2 + along_j[None, :, None] ** 2 + along_i[None, None, :] ** 2
    cost: NDArray[np.float64] = _STIFFNESS * (squared * (2.0 * np.pi * float(spacing.max())) ** 2) ** 3
    return cost
