"""What contrast does over a run: the opacified composite, time to peak, and time-density curves of regions.

Contrast is that of `planner.imaging.subtraction` (positive where contrast medium absorbs, NaN where there is none to
give). Times are seconds on the run's own clock; a run without timing has none of these but the composite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.catalogues import catalogue
from planner.imaging.bands import in_bands
from planner.imaging.run_phases import PhaseSplit, phases

__all__ = [
    "PhaseSplit",
    "TimeDensityCurve",
    "TimeToPeak",
    "curve",
    "noise_level",
    "opacified",
    "phases",
    "time_to_peak",
    "time_to_peak_caution",
]

_NOISE_TIMES = 5.0
"""Of the noise of one sample: the highest of a hundred samples of mere noise stays below three and a half."""
_CURVE_NOISE_TIMES = 4.0
_FOOT_SHARE = 0.1
_FALL_SHARE = 0.5
_RISE_SHARE, _CROWN_SHARE = 0.5, 0.8
_GAUSSIAN_FROM_MAD = 1.4826


@dataclass(frozen=True, eq=False, slots=True)
class TimeToPeak:
    """When each pixel is densest.

    Attributes
    ----------
    seconds
        (y, x) on the run's clock, a parabola through the three samples around the highest; NaN without contrast.
    peak
        (y, x) height of that parabola; NaN without contrast.
    valid
        (y, x) contrast above noise, and the peak not at the first or last frame.
    half_frame_s
        Half the usual frame interval: how far a peak may lie from a frame; the honest error of one pixel.
    noise
        Standard deviation of one sample, as found.
    at_end
        (y, x) contrast above noise that is still highest in the last frame: the peak comes later and is not known.
    """

    seconds: NDArray[np.float32]
    peak: NDArray[np.float32]
    valid: NDArray[np.bool_]
    half_frame_s: float
    noise: float
    at_end: NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class TimeDensityCurve:
    """Mean contrast of a region over time. What cannot be told is None, and `notes` say why.

    Attributes
    ----------
    time_s, values
        (n,) NaN where a frame is not subtracted.
    baseline
        Mean before arrival, already *not* taken off `values`.
    noise
        Standard deviation of one value.
    arrival_s, arrival_error_s
        Where the line through the steepest rise (the shortest time for half of its height) meets the baseline, and its
        standard error from noise and from the frame interval. A bolus that begins gradually has sent its first trace
        before: by about a sixth of its time from arrival to peak.
    peak, peak_s, peak_error_s
        Above the baseline; parabola through the samples above four fifths of it.
    wash_in_per_s
        Slope of that line.
    area
        Integral above the baseline from arrival to the last frame, contrast x s.
    mean_transit_s
        First moment of the curve after arrival, only where it falls below half its peak before the run ends.
    """

    time_s: NDArray[np.float64]
    values: NDArray[np.float64]
    baseline: float
    noise: float
    arrival_s: float | None
    arrival_error_s: float | None
    peak: float | None
    peak_s: float | None
    peak_error_s: float | None
    wash_in_per_s: float | None
    area: float | None
    mean_transit_s: float | None
    notes: tuple[str, ...] = ()


def opacified(contrast: NDArray[np.float32]) -> NDArray[np.float32]:
    """(y, x) highest contrast over all frames; NaN where no frame has any."""
    from planner.imaging import opacification_kernels as kernels

    found = np.empty(contrast.shape[1:], dtype=np.float32)
    in_bands(len(found), lambda a, b: kernels.highest(contrast, found, a, b), least_rows=32)
    return found


def noise_level(contrast: NDArray[np.float32]) -> float:
    """Standard deviation of one sample, from the differences of neighbouring frames; 0.0 for a single frame.

    Vessels change in few pixels at a time, so the middle of those differences is noise.
    """
    if len(contrast) < 2:
        return 0.0
    step = max(1, int(np.sqrt(contrast[0].size / 20_000)))
    some = contrast[:, ::step, ::step]
    differences = np.diff(some, axis=0)
    # One median per pair of frames: a few pairs with moving patient or flooding contrast do not count.
    spreads = [_spread(pair[np.isfinite(pair)]) for pair in differences]
    usual = [spread for spread in spreads if spread is not None]
    return float(np.median(usual)) / np.sqrt(2.0) if usual else 0.0


def _spread(values: NDArray[np.floating]) -> float | None:
    if not values.size:
        return None
    return _GAUSSIAN_FROM_MAD * float(np.median(np.abs(values - np.median(values))))


def time_to_peak(contrast: NDArray[np.float32], time_s: NDArray[np.float64]) -> TimeToPeak:
    """Time to peak of every pixel, between the frames.

    Raises
    ------
    ValueError
        Unless there is one rising time per frame.
    """
    times = _checked(contrast, time_s)
    noise = noise_level(contrast)
    shape = contrast.shape[1:]
    seconds, peak = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    at_end = np.zeros(shape, dtype=np.bool_)
    from planner.imaging import opacification_kernels as kernels

    least = _NOISE_TIMES * noise
    in_bands(
        shape[0], lambda a, b: kernels.peak_times(contrast, times, least, seconds, peak, at_end, a, b), least_rows=32
    )
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return TimeToPeak(seconds, peak, np.isfinite(seconds), interval / 2.0, noise, at_end)


def time_to_peak_caution() -> tuple[str, str]:
    """(sentence, source) that goes beside every time-to-peak map: it is a weak measure of the endpoint."""
    entry = catalogue("angiography.toml")["time_to_peak"]
    return str(entry["caution"]), str(entry["source"])


def curve(contrast: NDArray[np.float32], time_s: NDArray[np.float64], region: NDArray[np.bool_]) -> TimeDensityCurve:
    """Time-density curve of a region (y, x).

    Raises
    ------
    ValueError
        For an empty region, or unless there is one rising time per frame.
    """
    times = _checked(contrast, time_s)
    if region.shape != contrast.shape[1:] or not region.any():
        raise ValueError("a curve needs a region of the frames' size with at least one pixel")
    inside = contrast[:, region].astype(np.float64)
    seen = np.isfinite(inside)
    counts = seen.sum(axis=1)
    values = np.where(counts > 0, np.where(seen, inside, 0.0).sum(axis=1) / np.maximum(counts, 1), np.nan)
    return curve_of_values(values, times)


def curve_of_values(values: NDArray[np.float64], times: NDArray[np.float64]) -> TimeDensityCurve:
    """What a curve tells: arrival, peak, wash-in, area."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 4:
        return _untold(times, values, 0.0, 0.0, "fewer than four subtracted frames")
    t, v = times[known], values[known]
    top = int(np.argmax(v))
    foot = _foot(v, top)
    baseline, noise = _baseline(v, foot)
    height = float(v[top]) - baseline
    if height <= _CURVE_NOISE_TIMES * noise or height <= 0.0:
        return _untold(times, values, baseline, noise, "no contrast above noise in this region")
    notes: list[str] = []
    if top == 0:
        return _untold(
            times, values, baseline, noise, "contrast is highest in the first frame: its arrival is not seen"
        )
    rise = _rise(t, v, foot, top, baseline)
    slope, arrival, error = _arrival(t[rise], v[rise], baseline, noise, foot)
    arrival = max(arrival, float(t[0]))
    if foot < 1:
        notes.append("no frame before contrast: baseline and arrival are uncertain")
    peak, peak_s, peak_error = _peak(t, v, top, baseline, noise)
    if top == len(v) - 1:
        notes.append("contrast is still rising when the run ends: peak and time to peak are not reached")
        peak_s, peak_error = None, None
    area, transit = _area(t, v - baseline, arrival, top)
    if transit is None:
        notes.append("the run ends before contrast has left: no mean transit time")
    return TimeDensityCurve(
        times, values, baseline, noise, arrival, error, peak, peak_s, peak_error, slope, area, transit, tuple(notes)
    )


def _checked(contrast: NDArray[np.float32], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    times = np.asarray(time_s, dtype=np.float64)
    if times.shape != (len(contrast),) or np.any(np.diff(times) <= 0.0):
        raise ValueError("times need one rising value per frame")
    return times


def _untold(
    times: NDArray[np.float64], values: NDArray[np.float64], baseline: float, noise: float, why: str
) -> TimeDensityCurve:
    return TimeDensityCurve(times, values, baseline, noise, None, None, None, None, None, None, None, None, (why,))


def _foot(v: NDArray[np.float64], top: int) -> int:
    """Last sample before the rise that leads to the peak: at or below a tenth of the way up."""
    low = float(np.min(v[: top + 1]))
    level = low + _FOOT_SHARE * (float(v[top]) - low)
    below = np.flatnonzero(v[: top + 1] <= level)
    return int(below[-1]) if below.size else 0


def _baseline(v: NDArray[np.float64], foot: int) -> tuple[float, float]:
    """Mean up to the foot, and the noise of one value: second differences, which a smooth curve hardly has."""
    baseline = float(np.mean(v[: foot + 1]))
    if foot >= 3:
        return baseline, float(np.std(v[: foot + 1], ddof=1))
    bends = v[2:] - 2.0 * v[1:-1] + v[:-2]
    return baseline, float(np.median(np.abs(bends))) * _GAUSSIAN_FROM_MAD / np.sqrt(6.0)


def _rise(t: NDArray[np.float64], v: NDArray[np.float64], foot: int, top: int, baseline: float) -> slice:
    """The samples of the shortest time in which the curve climbs by half its height, at least two.

    The steepest part, and not all between foot and peak: where vessels lie over each other or over a blush, a slow
    climb before or after the front would flatten the line and send its foot seconds back.
    """
    least = _RISE_SHARE * (float(v[top]) - baseline)
    best, taken = (foot, top), (np.inf, 0.0)
    for first in range(foot, top):
        high = np.flatnonzero(v[first + 1 : top + 1] - v[first] >= least)
        if not high.size:
            continue
        last = first + 1 + int(high[0])
        # Of two that take as long, the one that climbs higher.
        cost = float(t[last] - t[first]), -float(v[last] - v[first])
        if (round(cost[0], 9), cost[1]) < taken:
            best, taken = (first, last), (round(cost[0], 9), cost[1])
    return slice(best[0], best[1] + 1)


def _arrival(
    t: NDArray[np.float64], v: NDArray[np.float64], baseline: float, noise: float, foot: int
) -> tuple[float, float, float]:
    """(slope, time, standard error) of where the line through the rise meets the baseline.

    Two errors add up. Of the noise: that of the line's crossing and of the baseline. Of the sampling: where the whole
    rise lies between two frames it may have begun anywhere between them, which is an even distribution (interval
    over the root of 12); each further frame on the rise divides its square.
    """
    middle, level = float(t.mean()), float(v.mean())
    spread = float(((t - middle) ** 2).sum())
    slope = float(((t - middle) * (v - level)).sum()) / spread
    if slope <= 0.0:
        slope, middle, level = float(v[-1] - v[0]) / float(t[-1] - t[0]), float(t[0]), float(v[0])
    slope = max(slope, 1e-12)
    arrival = middle - (level - baseline) / slope
    counted = noise / slope * np.sqrt(1.0 / len(t) + (arrival - middle) ** 2 / spread + 1.0 / (foot + 1))
    sampling = float(np.diff(t).mean()) / np.sqrt(12.0 * (len(t) - 1))
    return slope, arrival, float(np.hypot(counted, sampling))


def _peak(
    t: NDArray[np.float64], v: NDArray[np.float64], top: int, baseline: float, noise: float
) -> tuple[float, float | None, float | None]:
    """Height above the baseline, time and standard error of a parabola through the samples around the highest one.

    As many samples as stay above four fifths of the peak, at least three: through the highest three alone, the peak
    of a curve with many frames would follow its noise.
    """
    if top in (0, len(v) - 1):
        return float(v[top]) - baseline, float(t[top]), None
    least = baseline + _CROWN_SHARE * (float(v[top]) - baseline)
    first, last = top - 1, top + 1
    while first > 0 and v[first - 1] >= least and v[first] >= least:
        first -= 1
    while last < len(v) - 1 and v[last + 1] >= least and v[last] >= least:
        last += 1
    x, crown = t[first : last + 1] - t[top], v[first : last + 1]
    design = np.stack([np.ones_like(x), x, x**2], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    height, slope, bend = (float(part) for part in inverse @ design.T @ crown)
    interval = float(x[-1] - x[0]) / (len(x) - 1)
    if bend >= 0.0:
        return float(v[top]) - baseline, float(t[top]), interval / 2.0
    ahead = float(np.clip(-slope / (2.0 * bend), x[0], x[-1]))
    by = np.array([0.0, -1.0 / (2.0 * bend), slope / (2.0 * bend**2)])
    counted = noise * float(np.sqrt(by @ inverse @ by))
    sampling = interval / np.sqrt(12.0) / (len(x) - 2)
    return (
        height + ahead * slope + bend * ahead**2 - baseline,
        float(t[top]) + ahead,
        float(np.hypot(counted, sampling)),
    )


def _area(t: NDArray[np.float64], above: NDArray[np.float64], arrival: float, top: int) -> tuple[float, float | None]:
    """Integral from arrival on, and the mean transit time where the curve falls below half its peak."""
    later = t > arrival
    moments = np.concatenate([[arrival], t[later]])
    heights = np.concatenate([[0.0], above[later]])
    area = float(np.trapezoid(heights, moments))
    fallen = bool(np.any(above[top:] <= _FALL_SHARE * above[top]))
    if not fallen or area <= 0.0:
        return area, None
    return area, float(np.trapezoid(heights * (moments - arrival), moments)) / area
