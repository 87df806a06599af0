"""Colours of time-to-peak maps: a scale whose brightness rises evenly, so that order is read without hue as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.app.run_pictures import EARLY_TO_LATE

if TYPE_CHECKING:
    from planner.imaging.opacification import TimeToPeak

FULL_PERCENTILE, FULL_SHARE = 98.0, 0.3
"""A colour is full from this share of the strongest peak contrast on; below, it fades into black."""


def scale_colours(count: int = 256) -> NDArray[np.uint8]:
    """(count, 3) red, green, blue from early to late."""
    stops = np.array(EARLY_TO_LATE, dtype=np.float64)
    at = np.linspace(0.0, len(stops) - 1.0, count)
    channels = [np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def peak_range(peak: TimeToPeak) -> tuple[float, float] | None:
    """Earliest and latest time on the legend, or None when nothing fills."""
    times = peak.seconds[np.isfinite(peak.seconds)]
    if not times.size:
        return None
    low, high = (float(value) for value in np.percentile(times, (1.0, 99.0)))
    return (low, high) if high > low else (low, low + 1e-3)


def coloured_peak(peak: TimeToPeak) -> NDArray[np.uint32]:
    """(y, x) ``0xffRRGGBB``: hue tells when, brightness how much; black where nothing fills."""
    colours = np.zeros(peak.seconds.shape, dtype=np.uint32)
    limits = peak_range(peak)
    colours[:] = 0xFF000000
    if limits is None:
        return colours
    inside = np.isfinite(peak.seconds)
    share = np.clip((peak.seconds[inside] - limits[0]) / (limits[1] - limits[0]), 0.0, 1.0)
    strength = peak.peak[inside]
    full = FULL_SHARE * float(np.percentile(strength, FULL_PERCENTILE))
    fade = np.clip(strength / max(full, 1e-9), 0.0, 1.0)[:, None]
    shown = np.rint(scale_colours()[np.rint(share * 255.0).astype(int)] * fade).astype(np.uint32)
    colours[inside] |= shown[:, 0] << 16 | shown[:, 1] << 8 | shown[:, 2]
    return colours
