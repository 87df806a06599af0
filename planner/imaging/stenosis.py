"""Percent diameter stenosis of a measured vessel: its narrowest trusted place against a healthy reference.

Percent = 100 (1 - minimum / reference), by diameter, at the narrowest place; the reference is a straight line through
the healthy stretches on both sides (interpolated reference), or what the operator chose. Needs no calibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.errors import OperatorError
from planner.imaging.run_measure import VesselProfile
from planner.imaging.run_settings import setting

INTERPOLATED, PROXIMAL, DISTAL, CHOSEN = "interpolated", "proximal", "distal", "chosen"
_ROUNDS = 12
_NARROWED, _WIDENED = 0.07, 0.12
"""Shares of the reference beyond which a place is not healthy, where the scatter of the diameters allows less."""
_CORRELATED_PX = 3.0
"""Neighbouring diameters share their noise over so many pixels."""


@dataclass(frozen=True, eq=False)
class Stenosis:
    """What is narrow, against what.

    Attributes
    ----------
    percent, percent_sd
        Diameter stenosis; 0 or below means no narrowing.
    minimum_px, minimum_sd_px, at
        Narrowest trusted diameter, its deviation, and the index of its place.
    reference_px, reference_sd_px
        Healthy diameter at that place.
    reference_line_px
        (n,) along the vessel.
    healthy
        (n,) bool: what the reference stands on.
    method
        `INTERPOLATED` (both sides), `PROXIMAL` or `DISTAL` (one side only), `CHOSEN`.
    """

    percent: float
    percent_sd: float
    minimum_px: float
    minimum_sd_px: float
    at: int
    reference_px: float
    reference_sd_px: float
    reference_line_px: NDArray[np.float64]
    healthy: NDArray[np.bool_]
    method: str


def stenosis(profile: VesselProfile, *, reference_px: Sequence[tuple[float, float]] = ()) -> Stenosis:
    """The stenosis of a measured vessel.

    Parameters
    ----------
    reference_px
        Stretches (from, to) along the vessel, in px from the first click, that the operator calls healthy; empty
        finds them.

    Raises
    ------
    OperatorError
        ``no-diameter`` where nothing could be measured, ``no-reference`` where nothing healthy is left, ``too-thin``
        where the healthy vessel has so few pixels that blur hides what is lost.
    """
    trusted = np.isfinite(profile.diameter_px) & ~profile.doubtful
    if trusted.sum() < 5:
        raise OperatorError("no-diameter", "No diameter could be measured here; click along a vessel with contrast.")
    calm = _calm(profile, trusted)
    at = int(np.nanargmin(calm))
    if reference_px:
        healthy = np.zeros(len(trusted), dtype=np.bool_)
        for low, high in reference_px:
            healthy |= (profile.along_px >= min(low, high)) & (profile.along_px <= max(low, high))
        healthy &= trusted
        method = CHOSEN
    else:
        healthy, method = _healthy(profile, calm, trusted, at)
    if healthy.sum() < 3:
        raise OperatorError(
            "no-reference", "No healthy stretch is left as a reference; click farther out, or choose one yourself."
        )
    line, deviation = _line(profile, healthy, sloped=method in (INTERPOLATED, CHOSEN), at=at)
    minimum, reference = float(calm[at]), float(line[at])
    least = setting("stenosis_least_px")
    if reference < least:
        raise OperatorError(
            "too-thin",
            f"The healthy vessel is {reference:.1f} px wide; below {least:g} px blur hides a stenosis: use a magnified "
            "run.",
        )
    if method in (PROXIMAL, DISTAL):
        # How the vessel tapers is not seen from one side.
        deviation = float(np.hypot(deviation, setting("stenosis_one_sided") / 100.0 * reference))
    minimum_sd = float(profile.diameter_sd_px[at])
    share = minimum / reference
    spread = float(np.hypot(minimum_sd / reference, share * deviation / reference))
    return Stenosis(
        percent=100.0 * (1.0 - share),
        percent_sd=100.0 * spread,
        minimum_px=minimum,
        minimum_sd_px=minimum_sd,
        at=at,
        reference_px=reference,
        reference_sd_px=deviation,
        reference_line_px=line,
        healthy=healthy,
        method=method,
    )


def _calm(profile: VesselProfile, trusted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean of three neighbours: one noisy fit makes no stenosis. NaN where a place is not trusted."""
    values = np.where(trusted, profile.diameter_px, 0.0)
    sums = np.convolve(values, np.ones(3), mode="same")
    counts = np.convolve(trusted.astype(np.float64), np.ones(3), mode="same")
    calm: NDArray[np.float64] = np.where(trusted & (counts >= 2), sums / np.maximum(counts, 1.0), np.nan)
    return calm if np.isfinite(calm).any() else np.where(trusted, profile.diameter_px, np.nan)


def _healthy(
    profile: VesselProfile, calm: NDArray[np.float64], trusted: NDArray[np.bool_], at: int
) -> tuple[NDArray[np.bool_], str]:
    """Stretches that follow one straight line of diameters, on both sides of the narrowest place where there are."""
    known = trusted & np.isfinite(calm)
    healthy = known & (calm >= np.nanmedian(calm))
    for _ in range(_ROUNDS):
        line, _ = _line(profile, healthy, sloped=_both_sides(profile, healthy, at), at=at)
        apart = calm - line
        scatter = 1.4826 * float(np.median(np.abs(apart[healthy])))
        low = np.maximum(2.5 * scatter, _NARROWED * line)
        high = np.maximum(2.5 * scatter, _WIDENED * line)
        wanted = known & (apart > -low) & (apart < high)
        if wanted.sum() < 3 or np.array_equal(wanted, healthy):
            break
        healthy = wanted
    before = healthy & (np.arange(len(healthy)) < at)
    after = healthy & (np.arange(len(healthy)) > at)
    least = setting("stenosis_least_length") * float(np.median(calm[healthy]))
    if before.sum() >= least and after.sum() >= least:
        return healthy, INTERPOLATED
    return (before, PROXIMAL) if before.sum() >= after.sum() else (after, DISTAL)


def _both_sides(profile: VesselProfile, healthy: NDArray[np.bool_], at: int) -> bool:
    places = np.flatnonzero(healthy)
    return bool((places < at).sum() >= 5 and (places > at).sum() >= 5 and np.ptp(profile.along_px[places]) > 10.0)


def _line(
    profile: VesselProfile, healthy: NDArray[np.bool_], *, sloped: bool, at: int
) -> tuple[NDArray[np.float64], float]:
    """Reference diameter along the vessel, and its deviation at a place."""
    along, values = profile.along_px[healthy], profile.diameter_px[healthy]
    middle = float(along.mean())
    spread = float(np.sum((along - middle) ** 2))
    slope = float(np.sum((along - middle) * (values - values.mean())) / spread) if sloped and spread > 0 else 0.0
    line: NDArray[np.float64] = float(values.mean()) + slope * (profile.along_px - middle)
    scatter = float(np.std(values - line[healthy], ddof=1)) if len(values) > 2 else float("nan")
    lever = (float(profile.along_px[at]) - middle) ** 2 / spread if sloped and spread > 0 else 0.0
    return line, scatter * float(np.sqrt(_CORRELATED_PX * (1.0 / len(values) + lever)))
