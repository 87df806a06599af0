"""Guesses at a lesion: the tissue around it, how far it differs from that, and the largest ball it holds at a click.

Nothing is assumed about the unit: tissues are the commonest grey values around the click, and differences are counted
in standard deviations of the noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging.rays import Unlike

_STEP_MM = 2.0
"""Of the coarse lattice on which balls are looked for."""
_TISSUES = 3
_LEAST_SHARE = 0.05
"""Share of the samples around a click that a tissue must have."""
_WIDEST = 8.0
"""Values farther from the tissue around than this many contrasts are something else: fat, air, bone."""
_LEAST_BALL_MM = 2.0
_LARGEST_BALL = 0.75
"""Share of the reach: a larger ball is an organ."""
_BESIDE_MM = 3.0
"""A click may miss the ball by this much."""
_SMOOTH_LEVEL = 1.6
_LEVELS = (2.0, 4.0, 8.0)
"""Least differences from the tissue around that are tried, in noise; the smooth one on the vessel-free lattice."""
_MOST_BINS = 2000


@dataclass(frozen=True, eq=False)
class Guess:
    """A look, and the ball to start from.

    Attributes
    ----------
    offset_mm
        LPS, from the click to the ball's centre.
    """

    look: Unlike
    offset_mm: NDArray[np.float64]
    ball_mm: float


@dataclass(frozen=True, eq=False)
class Lattice:
    """Values on cubes around a click, indexed [z, y, x] along LPS; NaN outside the image."""

    values: NDArray[np.float64]
    smooth: NDArray[np.float64]

    @staticmethod
    def offsets_mm(limit_mm: float) -> NDArray[np.float64]:
        """(n, n, n, 3) LPS offsets of the lattice from the click."""
        axis = _axis_mm(limit_mm)
        z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
        offsets: NDArray[np.float64] = np.stack([x, y, z], axis=-1)
        return offsets

    @staticmethod
    def of(values: NDArray[np.float64]) -> Lattice:
        """With a copy from which vessels thinner than three steps are gone."""
        from scipy import ndimage

        known = np.where(np.isfinite(values), values, np.nanmin(values))
        return Lattice(values, ndimage.gaussian_filter(ndimage.median_filter(known, 3), 0.5))


def guesses(lattice: Lattice, profiles: NDArray[np.float64], noise: float, limit_mm: float) -> Iterator[Guess]:
    """What a lesion at the click might be, for every tissue that may surround it.

    Parameters
    ----------
    profiles
        (n, m) values along rays from the click, which tell the tissues around.
    noise
        Standard deviation, in the unit of the values.
    """
    for background in tissues(profiles, noise):
        for level in (_SMOOTH_LEVEL, *_LEVELS):
            smooth = level == _SMOOTH_LEVEL
            contrast = noise * level
            for look in _looks(background, max(contrast, _LEVELS[0] * noise), both_only=level > _LEVELS[0]):
                least = Unlike(background, contrast, look.low, look.high)
                found = _ball(lattice.smooth if smooth else lattice.values, least, limit_mm)
                if found is not None:
                    yield Guess(look, *found)


def tissues(profiles: NDArray[np.float64], noise: float) -> list[float]:
    """The commonest grey values along rays from a click, commonest first."""
    known = profiles[np.isfinite(profiles)]
    if not known.size:
        return []
    width = max(noise / 2.0, float(np.ptp(known)) / _MOST_BINS, 1e-6)
    counts, edges = np.histogram(known, bins=np.arange(known.min() - width, known.max() + 2.0 * width, width))
    bell = np.exp(-0.5 * (np.arange(-4, 5) / 2.0) ** 2)
    smooth = np.convolve(np.pad(counts, 4), bell / bell.sum(), mode="valid")
    peaks = np.flatnonzero((smooth >= np.roll(smooth, 1)) & (smooth > np.roll(smooth, -1)))
    middles = (edges[1:] + edges[:-1])[peaks] / 2.0
    shares = np.array([np.mean(np.abs(known - middle) < 1.5 * noise) for middle in middles])
    order = np.argsort(-shares)[:_TISSUES]
    return [float(middles[each]) for each in order if shares[each] > _LEAST_SHARE]


def _looks(background: float, contrast: float, *, both_only: bool) -> Iterator[Unlike]:
    """Brighter or darker, brighter only, darker only."""
    low, high = background - _WIDEST * contrast, background + _WIDEST * contrast
    yield Unlike(background, contrast, low, high)
    if not both_only:
        yield Unlike(background, contrast, background, high)
        yield Unlike(background, contrast, low, background)


def _ball(values: NDArray[np.float64], look: Unlike, limit_mm: float) -> tuple[NDArray[np.float64], float] | None:
    """(LPS offset of its centre, radius) of the largest ball at the click that differs from the tissue around.

    Thin gaps are closed, since between a bright rim and a dark core every grey value is passed, and what is enclosed
    belongs to it.
    """
    from scipy import ndimage

    unlike = look.score(values) > 0.0
    middle = len(values) // 2
    near = slice(middle - 2, middle + 3)
    if not unlike[near, near, near].any():
        return None
    closed = ndimage.binary_closing(np.pad(unlike, 2), ndimage.generate_binary_structure(3, 1))
    outside, _ = ndimage.label(~closed)
    whole = (outside != outside[0, 0, 0])[2:-2, 2:-2, 2:-2]
    depth = ndimage.distance_transform_edt(whole) * _STEP_MM
    axis = _axis_mm(limit_mm)
    apart = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    depth[apart > depth + _BESIDE_MM] = 0.0
    best = np.unravel_index(int(np.argmax(depth)), depth.shape)
    radius = float(depth[best])
    if not _LEAST_BALL_MM <= radius <= _LARGEST_BALL * limit_mm:
        return None
    return axis[list(best[::-1])], radius


def _axis_mm(limit_mm: float) -> NDArray[np.float64]:
    count = max(3, int(limit_mm / _STEP_MM))
    axis: NDArray[np.float64] = np.arange(-count, count + 1, dtype=np.float64) * _STEP_MM
    return axis
