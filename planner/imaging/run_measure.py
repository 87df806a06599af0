"""Diameter of a vessel along its course on a frame of a run, in pixels, with edges below the pixel.

The course is the cheapest way along a ridge between clicks, moved to the middle of the vessel; on every point of it
the projection of a blurred cylinder is fitted across (see `planner.imaging.edge_profiles`). Where a branch crosses or
the fit fails, the point is marked and never gives a minimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import OperatorError
from planner.imaging.edge_profiles import LEAST_BLUR_PX, MOST_BLUR_PX, ProfileFits, fit_profiles
from planner.imaging.paths import least_cost_path
from planner.jobs import Context

_STEP_PX = 1.0
_ACROSS_PX = 0.5
_SCALES_PX = (1.5, 2.5, 4.0, 6.5, 10.0)
_MARGIN_PX = 30.0
_ALONG_SIGMA_PX = 1.0
"""Neighbouring profiles averaged before the fit; narrow, so that a short stenosis keeps its depth."""
_CENTRING_ROUNDS = 2
_BLUR_PROFILES = 96
_WIDEST_PX = 40.0
"""How far from the course edges are looked for at first."""
_RISE_SHARE, _LEAST_REACH_PX = 0.3, 3.0
"""A flank that rises by this share of its fall shows a neighbour; so much of it is looked at in any case."""
_DOUBTFUL = 4.0
"""A radius this many deviations off its neighbours' course is a crossing branch or a failed fit."""

_NEAR, _LONE_DIP = 5, 0.25
"""Points of the course nearest to one, and the share by which it may lie below their median."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VesselProfile:
    """A vessel along its course.

    Attributes
    ----------
    xy
        (n, 2) middle of the vessel, one pixel apart.
    along_px
        (n,) from the first click.
    left_xy, right_xy
        (n, 2) edges, NaN where unknown.
    diameter_px, diameter_sd_px
        (n,) fitted; NaN where it failed.
    doubtful
        (n,) bool: crossing branch, failed fit or faint contrast.
    blur_px
        Standard deviation of the point spread that the profiles share.
    """

    xy: Floats
    along_px: Floats
    left_xy: Floats
    right_xy: Floats
    diameter_px: Floats
    diameter_sd_px: Floats
    doubtful: NDArray[np.bool_]
    blur_px: float

    def nearest(self, xy: ArrayLike) -> int:
        """Index of the point nearest to a pixel."""
        return int(np.argmin(np.linalg.norm(self.xy - np.asarray(xy, dtype=np.float64), axis=1)))


def centreline(picture: NDArray[np.floating], clicks_xy: Sequence[ArrayLike]) -> Floats:
    """(n, 2) pixels along the ridge through two or more clicks, one pixel apart.

    Parameters
    ----------
    picture
        (y, x) attenuation or contrast: positive where the vessel absorbs.

    Raises
    ------
    OperatorError
        ``too-few-clicks``, ``click-outside-image``, ``no-vessel``.
    """
    clicks = np.asarray(clicks_xy, dtype=np.float64).reshape(-1, 2)
    if len(clicks) < 2 or np.any(np.linalg.norm(np.diff(clicks, axis=0), axis=1) < 3.0):
        raise OperatorError("too-few-clicks", "A vessel needs two clicks some pixels apart; click its two ends.")
    limits = np.array([picture.shape[1], picture.shape[0]]) - 1
    if not np.all((clicks >= 0) & (clicks <= limits)):
        raise OperatorError("click-outside-image", "A click lies outside the image; click on the vessel.")
    pieces = [_between(picture, start, end) for start, end in zip(clicks[:-1], clicks[1:], strict=True)]
    joined = np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])
    return _resampled(_smooth(_resampled(joined), 3.0))


def measure_vessel(
    picture: NDArray[np.floating],
    clicks_xy: Sequence[ArrayLike],
    *,
    logarithmic: bool = True,
    blur_px: float | None = None,
    context: Context | None = None,
) -> VesselProfile:
    """Diameters along the vessel between clicks; raises as `centreline`.

    Parameters
    ----------
    picture
        (y, x) subtracted contrast, or the attenuation of a raw frame.
    logarithmic
        The picture is in natural units of the logarithm (see `planner.imaging.catheter_calibration.is_logarithmic`).
    blur_px
        Standard deviation of the detector's point spread where known; None fits it to the whole vessel.
    """
    steps = context or Context()
    steps.step(0.0, "Following the vessel")
    line = centreline(picture, clicks_xy)
    first, alone = _first_radius(picture, line)
    radius = np.full(len(line), first)
    blur = blur_px if blur_px is not None else 1.0
    for turn in range(_CENTRING_ROUNDS):
        steps.step(0.2 + 0.2 * turn, "Finding the edges")
        fits, normals = _fitted(picture, line, radius, blur, logarithmic, alone, rounds=9)
        radius = _filled(fits.radius, float(np.median(radius)))
        shift = np.clip(_filled(fits.centre, 0.0), -radius - 2.0, radius + 2.0)
        moved = line + normals * _calm(shift)[:, None]
        smooth = _smooth(moved, 2.0)
        line, before = _resampled(smooth), line
        radius = np.interp(_arc(line), np.linspace(0.0, _arc(line)[-1], len(before)), _calm(radius))
    if blur_px is None:
        steps.step(0.6, "Finding the detector's blur")
        blur = _fitted_blur(picture, line, radius, logarithmic, alone)
    steps.step(0.8, "Finding the edges")
    fits, normals = _fitted(picture, line, radius, blur, logarithmic, alone)
    return _profile(line, normals, fits, blur)


def _between(picture: NDArray[np.floating], start: Floats, end: Floats) -> Floats:
    """(n, 2) pixels of the cheapest way between two clicks."""
    from scipy import ndimage

    margin = max(_MARGIN_PX, 0.35 * float(np.linalg.norm(end - start)))
    low = np.maximum(np.floor(np.minimum(start, end) - margin), 0).astype(int)
    high = np.minimum(np.ceil(np.maximum(start, end) + margin) + 1, [picture.shape[1], picture.shape[0]]).astype(int)
    block = np.asarray(picture[low[1] : high[1], low[0] : high[0]], dtype=np.float64)
    ridge = _ridge(np.where(np.isfinite(block), block, np.nanmedian(block)))
    near = [ndimage.map_coordinates(ridge, (point - low)[::-1, None], order=1)[0] for point in (start, end)]
    around = [_highest(ridge, point - low, 5.0) for point in (start, end)]
    typical = float(max(min(around), *near, 0.0))
    if typical <= 0.0:
        raise OperatorError("no-vessel", "No vessel is seen where you clicked; click inside a vessel with contrast.")
    cost = 1.0 / (0.01 + np.clip(ridge / typical, 0.0, 1.0) ** 2)
    first, last = (np.rint(point - low).astype(int) for point in (start, end))
    found = least_cost_path(cost[None], (0, first[1], first[0]), (0, last[1], last[0]), (1.0, 1.0, 1.0))
    if found is None:
        return np.stack([start, end])
    return np.asarray(found[:, [2, 1]] + low, dtype=np.float64)


def _ridge(block: Floats) -> Floats:
    """(y, x) how much a pixel looks like the middle of a bright line, at the width that suits it best."""
    from scipy import ndimage

    best = np.zeros_like(block)
    for scale in _SCALES_PX:
        yy, xx, xy = (
            ndimage.gaussian_filter(block, scale, order=order, mode="nearest") * scale**1.5
            for order in ((2, 0), (0, 2), (1, 1))
        )
        spread = np.sqrt(((yy - xx) / 2.0) ** 2 + xy**2)
        across, with_it = (yy + xx) / 2.0 - spread, (yy + xx) / 2.0 + spread
        # A blob bends both ways: what it bends along the line is taken off.
        best = np.maximum(best, -across - np.maximum(-with_it, 0.0))
    return best


def _highest(ridge: Floats, point: Floats, reach: float) -> float:
    y, x = np.ogrid[: ridge.shape[0], : ridge.shape[1]]
    near = (x - point[0]) ** 2 + (y - point[1]) ** 2 <= reach**2
    return float(ridge[near].max()) if near.any() else 0.0


def _arc(line: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])


def _resampled(line: Floats) -> Floats:
    along = _arc(line)
    count = max(int(np.rint(along[-1] / _STEP_PX)), 2) + 1
    wanted = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(wanted, along, line[:, axis]) for axis in range(2)], axis=1)


def _smooth(line: Floats, sigma: float) -> Floats:
    """Gaussian along the line; both ends stay, by mirroring the line through them."""
    from scipy import ndimage

    reach = min(len(line) - 1, int(np.ceil(4.0 * sigma)))
    before, after = 2.0 * line[0] - line[reach:0:-1], 2.0 * line[-1] - line[-2 : -reach - 2 : -1]
    longer = np.concatenate([before, line, after])
    return np.asarray(ndimage.gaussian_filter1d(longer, sigma, axis=0)[reach : reach + len(line)], dtype=np.float64)


def _first_radius(picture: NDArray[np.floating], line: Floats) -> tuple[float, tuple[float, float]]:
    """Radius of the whole vessel, and how far its neighbours leave it alone on either side.

    The radius is where the mean profile stands out most against flanks of its own width. Weighing wider ones more
    would take a blushing organ, or a bundle of vessels, for the thin vessel that was clicked.
    """
    values, across = _sections(picture, line, _normals(line), _WIDEST_PX)
    sides, reaches = [], []
    profile = np.nanmedian(values, axis=0)
    for side in (profile[across <= 0][::-1], profile[across >= 0]):
        valley = _valley(side)
        sides.append(np.where(np.arange(len(side)) > valley, side[valley], side))
        reaches.append(max(valley * _ACROSS_PX, _LEAST_REACH_PX) if valley < len(side) - 1 else np.inf)
    folded = np.nanmean(sides, axis=0)
    total = np.concatenate([[0.0], np.cumsum(folded)]) * _ACROSS_PX
    reach = len(folded) * _ACROSS_PX
    best, chosen = -np.inf, 3.0
    for radius in np.geomspace(1.0, reach / 2.5, 24):
        flank = max(radius, 2.0)
        ends = np.interp([radius, radius + flank], np.arange(len(total)) * _ACROSS_PX, total)
        score = ends[0] / radius - (ends[1] - ends[0]) / flank
        if score > best:
            best, chosen = float(score), float(radius)
    return chosen, (reaches[0], reaches[1])


def _valley(side: Floats) -> int:
    """Index of the lowest place before the profile rises again by a share of its fall: there a neighbour begins."""
    if not np.isfinite(side).any():
        return len(side) - 1
    known = np.where(np.isfinite(side), side, np.nanmin(side))
    low, top = np.minimum.accumulate(known), float(known[:4].max())
    again = known - low > _RISE_SHARE * np.maximum(top - low, 1e-9)
    again[:4] = False
    return int(np.argmin(known[: int(np.argmax(again))])) if again.any() else len(side) - 1


def _normals(line: Floats) -> Floats:
    tangents = np.gradient(line, axis=0)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)
    return np.stack([-tangents[:, 1], tangents[:, 0]], axis=1)


def _sections(picture: NDArray[np.floating], line: Floats, normals: Floats, reach: float) -> tuple[Floats, Floats]:
    """(n, m) values across the line, and (m,) their distances from it; NaN outside the picture."""
    from scipy import ndimage

    count = int(np.ceil(reach / _ACROSS_PX))
    across = np.linspace(-count * _ACROSS_PX, count * _ACROSS_PX, 2 * count + 1)
    places = line[:, None, :] + across[None, :, None] * normals[:, None, :]
    low = np.maximum(np.floor(places.min(axis=(0, 1))) - 8, 0).astype(int)
    high = np.minimum(np.ceil(places.max(axis=(0, 1))) + 9, [picture.shape[1], picture.shape[0]]).astype(int)
    block = np.asarray(picture[low[1] : high[1], low[0] : high[0]], dtype=np.float64)
    block = np.where(np.isfinite(block), block, np.nanmedian(block))
    where = np.stack([places[..., 1] - low[1], places[..., 0] - low[0]])
    values = ndimage.map_coordinates(block, where, order=3, mode="nearest")
    limits = np.array([picture.shape[1], picture.shape[0]]) - 0.5
    inside = np.all((places >= -0.5) & (places <= limits), axis=-1)
    return np.asarray(np.where(inside, values, np.nan), dtype=np.float64), across


def _fitted(
    picture: NDArray[np.floating],
    line: Floats,
    radius: Floats,
    blur: float,
    logarithmic: bool,
    alone: tuple[float, float],
    *,
    rounds: int = 25,
) -> tuple[ProfileFits, Floats]:
    from scipy import ndimage

    normals = _normals(line)
    reach = float(max(2.2 * radius.max(), radius.max() + 6.0) + 2.0 * blur)
    values, across = _sections(picture, line, normals, reach)
    calm = ndimage.gaussian_filter1d(values, _ALONG_SIGMA_PX, axis=0, mode="nearest")
    values = _alone(np.where(np.isfinite(calm), calm, values), across, alone)
    # Samples stand half a pixel apart: about two of them share one pixel's noise.
    fits = fit_profiles(
        values,
        across,
        np.zeros(len(line)),
        radius,
        blur,
        logarithmic=logarithmic,
        noise_share=np.sqrt(1.0 / _ACROSS_PX),
        rounds=rounds,
    )
    return fits, normals


def _alone(values: Floats, across: Floats, reach: tuple[float, float]) -> Floats:
    """Samples beyond the valleys belong to neighbours and are left out."""
    return np.asarray(np.where((across >= -reach[0]) & (across <= reach[1]), values, np.nan), dtype=np.float64)


def _fitted_blur(
    picture: NDArray[np.floating], line: Floats, radius: Floats, logarithmic: bool, alone: tuple[float, float]
) -> float:
    """The point spread with which the whole vessel fits best."""
    from scipy.optimize import minimize_scalar

    chosen = np.unique(np.linspace(0, len(line) - 1, _BLUR_PROFILES).astype(int))
    normals = _normals(line)
    reach = float(max(2.2 * radius.max(), radius.max() + 6.0) + 6.0)
    values, across = _sections(picture, line, normals, reach)
    values = _alone(values, across, alone)

    def misfit(blur: float) -> float:
        fits = fit_profiles(
            values[chosen], across, np.zeros(len(chosen)), radius[chosen], blur, logarithmic=logarithmic, rounds=10
        )
        return float(np.nanmean(np.minimum(fits.noise, 3.0 * np.nanmedian(fits.noise)) ** 2))

    answer = minimize_scalar(misfit, bounds=(LEAST_BLUR_PX, MOST_BLUR_PX), method="bounded", options={"maxiter": 10})
    return float(answer.x)


def _filled(values: Floats, otherwise: float) -> Floats:
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(values), otherwise)
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])


def _calm(values: Floats, size: int = 9) -> Floats:
    from scipy import ndimage

    return np.asarray(ndimage.median_filter(values, size=min(size, len(values)), mode="nearest"), dtype=np.float64)


def _profile(line: Floats, normals: Floats, fits: ProfileFits, blur: float) -> VesselProfile:
    centres = line + normals * fits.centre[:, None]
    side = normals * fits.radius[:, None]
    course = _calm(_filled(fits.radius, 1.0))
    scatter = 1.4826 * float(np.nanmedian(np.abs(fits.radius - course))) if np.isfinite(fits.radius).any() else 0.0
    allowed = _DOUBTFUL * np.maximum(np.hypot(scatter, fits.radius_sd), 0.02 * course)
    usual_noise = float(np.nanmedian(fits.noise))
    # A branch that crosses makes wider. A narrowing is what is looked for: only a lone dip among its nearest
    # neighbours is a failed fit.
    near = _calm(_filled(fits.radius, 1.0), _NEAR)
    dips = near - fits.radius > np.maximum(allowed, _LONE_DIP * near)
    doubtful = ~np.isfinite(fits.radius) | (fits.radius - course > allowed) | dips
    doubtful |= (fits.noise > 3.0 * usual_noise) & (fits.noise > 0.15 * np.abs(fits.contrast))
    # A severe stenosis is thin, and its deviation large: leaving it out would call it milder than it is.
    doubtful |= fits.radius_sd > 0.5 * fits.radius
    known = np.isfinite(fits.centre)[:, None]
    return VesselProfile(
        xy=np.where(known, centres, line),
        along_px=_arc(line),
        left_xy=centres - side,
        right_xy=centres + side,
        diameter_px=2.0 * fits.radius,
        diameter_sd_px=2.0 * fits.radius_sd,
        doubtful=doubtful,
        blur_px=blur,
    )
