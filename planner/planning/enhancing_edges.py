"""Where a part that enhances ends: half-way between its level and that of what does not enhance beside it.

An image blurs a rim into the dead tissue beside it, and averaging against noise blurs it further: at a limit of a few
HU or per cent a strongly enhancing rim is then found too thick. Half-way between the two levels is where a blurred flat
edge was (full width at half maximum). Nothing is ever added to what the limit found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.planning.change_settings import setting

Values = NDArray[np.float32]
Flags = NDArray[np.bool_]

_AVERAGED = (0.5, 0.0)
"""Shares of the usual averaging that are tried where noise allows less of it, the last that fits being taken."""
_SPREAD = 2.0
"""Standard deviations of the averaging beyond which an edge shows nothing of the other side, practically."""
_SECOND_DIFFERENCE = 1.5**0.5
"""White noise of a voxel less the mean of its two neighbours, by that of a voxel."""
_MEDIAN_TO_DEVIATION = 1.4826


@dataclass(frozen=True, eq=False)
class Rise:
    """A rise around a lesion.

    Attributes
    ----------
    values
        (k, j, i), HU or %; what is not known is not finite or not in `known`.
    known
        Voxels of the lesion that can be judged.
    quiet
        Voxels around and in it from which noise is told: not oil.
    """

    values: Values
    known: Flags
    quiet: Flags
    spacing_kji_mm: tuple[float, float, float]

    def averaged(self, width_mm: float) -> Values:
        """Over the judged voxels only: neither oil nor the liver around leaks in."""
        from scipy import ndimage

        held = np.where(self.known, self.values, 0.0).astype(np.float32)
        if width_mm <= 0.0:
            return held
        width = width_mm / np.asarray(self.spacing_kji_mm)
        weight = ndimage.gaussian_filter(self.known.astype(np.float32), width)
        mean: Values = ndimage.gaussian_filter(held, width) / np.maximum(weight, np.float32(1e-6))
        return mean

    def noise(self) -> float:
        """Standard deviation in a voxel, from slice to slice; infinite where nothing tells it."""
        usable = self.quiet & np.isfinite(self.values)
        triples = usable[1:-1] & usable[:-2] & usable[2:]
        if not triples.any():
            return float("inf")
        values = np.where(usable, self.values, 0.0)
        left = (values[1:-1] - 0.5 * (values[:-2] + values[2:]))[triples]
        return float(_MEDIAN_TO_DEVIATION * np.median(np.abs(left - np.median(left))) / _SECOND_DIFFERENCE)

    def noise_share(self, width_mm: float) -> float:
        """Of white noise that averaging leaves."""
        from scipy import ndimage

        if width_mm <= 0.0:
            return 1.0
        width = width_mm / np.asarray(self.spacing_kji_mm)
        one = np.zeros([2 * int(np.ceil(4.0 * each)) + 1 for each in width], dtype=np.float64)
        one[tuple(size // 2 for size in one.shape)] = 1.0
        return float(np.sqrt((ndimage.gaussian_filter(one, width, mode="constant") ** 2).sum()))


def blurred_edge(rise: Rise, enhancing: Flags, none: float) -> Flags:
    """Voxels that the limit calls enhancing, but of which less than half enhances: the blur of an edge.

    Only where something that does not enhance lies within ``enhancing_edge`` mm. A weakly enhancing part beside a
    strong one is taken for its blur only as near to it as averaging and voxels spread it.

    Parameters
    ----------
    enhancing
        What reaches the limit of enhancement after averaging.
    none
        Rise below which nothing enhances, in the unit of the values.
    """
    from scipy import ndimage

    if not enhancing.any():
        return np.zeros_like(enhancing)
    usual = setting("smoothing")
    footprint = _ball(setting("enhancing_edge"), rise.spacing_kji_mm)
    level = rise.averaged(usual)
    high = ndimage.maximum_filter(np.where(rise.known, level, -np.inf), footprint=footprint, mode="nearest")

    def lowest(values: Values) -> Values:
        held = np.where(rise.known, values, np.inf)
        found: Values = ndimage.minimum_filter(held, footprint=footprint, mode="nearest")
        return found

    low = lowest(level)
    with np.errstate(invalid="ignore"):
        step = 0.5 * (high - low)
    noise, sharp = rise.noise(), level
    for share in _AVERAGED:
        # As sharp as noise allows: averaging widens a thin rim and hides small dead parts.
        quiet = setting("edge_noise") * noise * rise.noise_share(share * usual) <= step
        less = rise.averaged(share * usual)
        sharp, low = np.where(quiet, less, sharp), np.where(quiet, lowest(less), low)
    with np.errstate(invalid="ignore"):
        below = enhancing & (low < none) & (sharp < 0.5 * (high + low))
    core = enhancing & ~below
    if not core.any():
        return np.zeros_like(enhancing)
    away = ndimage.distance_transform_edt(~core, sampling=rise.spacing_kji_mm)
    blur: Flags = below & (away <= _SPREAD * usual + 0.5 * max(rise.spacing_kji_mm))
    return blur


def _ball(radius_mm: float, spacing_kji_mm: tuple[float, float, float]) -> Flags:
    """At least the next voxel on every side."""
    reach = [max(1, int(radius_mm // each)) for each in spacing_kji_mm]
    axes = [np.arange(-n, n + 1) * each for n, each in zip(reach, spacing_kji_mm, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    ball: Flags = z * z + y * y + x * x <= max(radius_mm, max(spacing_kji_mm)) ** 2
    return ball
