"""From anatomy to CT numbers: the system's blur and its correlated noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.phantom.fields import Array, Frame

BLUR_IN_PLANE_MM = 0.62
"""Standard deviation of the in-plane point spread (about 1.5 mm full width at half maximum)."""

BLUR_ALONG_MM = 0.85


def blur(image: Array, spacing_kji_mm: tuple[float, float, float]) -> Array:
    """Gaussian point spread; what the voxel itself averages is already in the partial volumes."""
    from scipy.ndimage import gaussian_filter1d

    result = image
    for axis, width in enumerate((BLUR_ALONG_MM, BLUR_IN_PLANE_MM, BLUR_IN_PLANE_MM)):
        sigma = width / spacing_kji_mm[axis]
        if sigma > 0.2:
            result = gaussian_filter1d(result, sigma, axis=axis, mode="nearest", truncate=3.0)
    return result


def noise(frame: Frame, seed: int, deviation_hu: float) -> Array:
    """Noise shaped like that of filtered back projection with a soft kernel.

    The in-plane power rises with frequency and falls again toward the kernel's cut-off; neighbouring slices
    overlap a little; there is more of it in the middle of the body than at the skin.
    """
    from scipy.fft import irfft2, rfft2

    random = np.random.default_rng(seed)
    size = frame.grid.size_kji
    white = random.standard_normal(size, dtype=np.float32)
    dy, dx = frame.grid.spacing_kji_mm[1:]
    fy = np.fft.fftfreq(size[1], dy)[:, None]
    fx = np.fft.rfftfreq(size[2], dx)[None, :]
    frequency = np.hypot(fy, fx)
    cut = 0.30
    shape = np.sqrt(frequency + 0.006) * np.exp(-((frequency / cut) ** 2))
    shaped: Array = irfft2(rfft2(white) * shape.astype(np.float32), s=size[1:])
    shaped[1:] += 0.35 * shaped[:-1]
    shaped *= np.float32(deviation_hu / max(float(shaped.std()), 1e-6))
    z, y, x = frame.axes_zyx
    middle = np.exp(-((x[None, :] / 150.0) ** 2 + (y[:, None] / 110.0) ** 2))
    shaped *= (0.68 + 0.42 * middle).astype(np.float32)[None]
    return shaped


def scan(image: Array, frame: Frame, seed: int, deviation_hu: float) -> NDArray[np.int16]:
    """int16 HU as a reconstruction would give them, within what 12 stored bits hold (-1024 to 3071)."""
    seen = blur(image, frame.grid.spacing_kji_mm) + noise(frame, seed, deviation_hu)
    np.clip(np.rint(seen, out=seen), -1024, 3071, out=seen)
    return seen.astype(np.int16)
