"""Edges of vessels and catheters from the model of their projection, not from half of the maximum.

A filled cylinder attenuates in proportion to the chord of the ray, 2 sqrt(r^2 - u^2): half of its maximum lies at
sqrt(3)/2 of the radius, so that a half-maximum edge under-reads the diameter by 13 %, and blur changes that again.
Here radius, middle, contrast and background are fitted together; what the detector blurs is part of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_BLUR_PX = 0.3
"""Standard deviation of a square pixel's own aperture, 1/sqrt(12): no detector blurs less."""
MOST_BLUR_PX = 3.0
MOST_PEAK = 8.0
"""Natural logarithm of the weakest intensity a detector tells from nothing."""
_ROUNDS = 25
_MOST_ALIKE = 0.9
_ROBUST = 2.5
"""Residuals beyond this many standard deviations lose weight (Huber)."""


@dataclass(frozen=True, eq=False)
class ProfileFits:
    """One fitted cylinder per profile; NaN where the fit failed.

    Attributes
    ----------
    centre, radius
        (n,) in samples' units (px).
    radius_sd
        (n,) from the curvature of the fit and its residuals.
    contrast
        (n,) attenuation along the diameter, without blur.
    noise
        (n,) standard deviation of the residuals.
    """

    centre: NDArray[np.float64]
    radius: NDArray[np.float64]
    radius_sd: NDArray[np.float64]
    contrast: NDArray[np.float64]
    noise: NDArray[np.float64]


def chord_profile(
    offset: NDArray[np.float64],
    radius: NDArray[np.float64] | float,
    blur: float,
    peak: NDArray[np.float64] | float,
    *,
    logarithmic: bool,
) -> NDArray[np.float64]:
    """(..., 4) profile of a blurred cylinder, and its slopes over offset, radius and peak.

    Parameters
    ----------
    offset
        (...) distance from the axis, in px as radius and blur (standard deviation).
    peak
        Attenuation along the diameter.
    logarithmic
        See `planner.imaging.edge_kernels.blurred_chords`.
    """
    from planner.imaging.edge_kernels import blurred_chords

    size = np.broadcast_to(np.asarray(radius, dtype=np.float64), offset.shape)
    dense = np.broadcast_to(np.asarray(peak, dtype=np.float64), offset.shape)
    scaled, share = offset / size, blur / size
    found = np.empty((offset.size, 4))
    flat = [np.ascontiguousarray(each.ravel()) for each in (scaled, share, dense)]
    blurred_chords(flat[0], flat[1], flat[2], logarithmic, found)
    found = found.reshape(*offset.shape, 4)
    over_radius = -(found[..., 1] * scaled + found[..., 2] * share) / size
    return np.stack([found[..., 0], found[..., 1] / size, over_radius, found[..., 3]], axis=-1)


def fit_profiles(
    profiles: NDArray[np.float64],
    along: NDArray[np.float64],
    centre: NDArray[np.float64],
    radius: NDArray[np.float64],
    blur: float,
    *,
    logarithmic: bool = True,
    noise_share: float = 1.0,
    rounds: int = _ROUNDS,
) -> ProfileFits:
    """Fit a cylinder on a sloping background to every profile (Levenberg-Marquardt, robust weights).

    Parameters
    ----------
    profiles
        (n, m) attenuation, positive where the vessel absorbs; NaN is left out.
    along
        (m,) position across the vessel, px.
    centre, radius
        (n,) where to start.
    blur
        Standard deviation of the point spread, px, the same for all.
    logarithmic
        The profiles are logarithms of intensity in natural units, not attenuation on another scale.
    noise_share
        Standard deviation of an independent sample over that of these correlated ones, for `radius_sd`, at least;
        residuals that last over more samples (a neighbour, an uneven background) enlarge it.
    """
    window = _window(along, centre, radius, blur) & np.isfinite(profiles)
    values = np.where(window, profiles, 0.0)
    found = _start(values, along, window, centre, radius, blur, logarithmic)
    weight = window.astype(np.float64)
    damping = np.full(len(profiles), 1e-3)
    model, slopes = _model(found, along, blur, logarithmic)
    for turn in range(rounds):
        residual = values - model
        if turn >= 4 and turn % 2 == 0:
            weight = _weights(residual, window)
        cost = np.sum(weight * residual**2, axis=1)
        step = _step(slopes, residual, weight, damping)
        tried = _bounded(found + step, along, centre, radius, logarithmic)
        next_model, next_slopes = _model(tried, along, blur, logarithmic)
        next_cost = np.sum(weight * (values - next_model) ** 2, axis=1)
        better = next_cost <= cost
        found = np.where(better[:, None], tried, found)
        model = np.where(better[:, None], next_model, model)
        slopes = np.where(better[:, None, None], next_slopes, slopes)
        damping = np.clip(np.where(better, damping * 0.3, damping * 8.0), 1e-8, 1e6)
        if turn >= 7 and np.all(np.abs(next_cost - cost) <= 1e-3 * cost):
            break
    return _fits(found, values - model, slopes, weight, noise_share)


def _window(
    along: NDArray[np.float64], centre: NDArray[np.float64], radius: NDArray[np.float64], blur: float
) -> NDArray[np.bool_]:
    """(n, m): the vessel and as much background as tells its slope."""
    reach = np.maximum(2.0 * radius, radius + 4.0) + 2.0 * blur
    inside: NDArray[np.bool_] = np.abs(along[None, :] - centre[:, None]) <= reach[:, None]
    return inside


def _start(
    values: NDArray[np.float64],
    along: NDArray[np.float64],
    window: NDArray[np.bool_],
    centre: NDArray[np.float64],
    radius: NDArray[np.float64],
    blur: float,
    logarithmic: bool,
) -> NDArray[np.float64]:
    """(n, 5): centre, radius, peak, background, slope; the last three by linear least squares."""
    far = along[None, :] - centre[:, None]
    shape = chord_profile(far, radius[:, None], blur, 1.0, logarithmic=False)[..., 0]
    columns = np.stack([shape, np.ones_like(shape), far], axis=-1) * window[..., None]
    square = np.einsum("nmi,nmj->nij", columns, columns) + 1e-9 * np.eye(3)
    linear = np.linalg.solve(square, np.einsum("nmi,nm->ni", columns, values)[..., None])[..., 0]
    return np.column_stack([centre, radius, linear])


def _model(
    found: NDArray[np.float64], along: NDArray[np.float64], blur: float, logarithmic: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, m) model and (n, m, 5) slopes over centre, radius, peak, background, slope."""
    far = along[None, :] - found[:, :1]
    shape = chord_profile(far, found[:, 1:2], blur, found[:, 2:3], logarithmic=logarithmic)
    tilt = found[:, 4:5]
    model = shape[..., 0] + found[:, 3:4] + tilt * far
    slopes = np.stack([-shape[..., 1] - tilt, shape[..., 2], shape[..., 3], np.ones_like(far), far], axis=-1)
    return model, slopes


def _step(
    slopes: NDArray[np.float64],
    residual: NDArray[np.float64],
    weight: NDArray[np.float64],
    damping: NDArray[np.float64],
) -> NDArray[np.float64]:
    square = np.einsum("nmi,nm,nmj->nij", slopes, weight, slopes, optimize=True)
    diagonal = np.einsum("nii->ni", square)
    damped = square + np.eye(5) * (damping[:, None] * diagonal + 1e-12 * (1.0 + diagonal.max(initial=0.0)))[:, None, :]
    wanted = np.einsum("nmi,nm->ni", slopes, weight * residual)
    step: NDArray[np.float64] = np.linalg.solve(damped, wanted[..., None])[..., 0]
    return step


def _bounded(
    found: NDArray[np.float64],
    along: NDArray[np.float64],
    centre: NDArray[np.float64],
    radius: NDArray[np.float64],
    logarithmic: bool,
) -> NDArray[np.float64]:
    """Neither middle nor radius may run away from where they started."""
    bounded = found.copy()
    bounded[:, 0] = np.clip(found[:, 0], centre - radius - 2.0, centre + radius + 2.0)
    bounded[:, 2] = np.clip(found[:, 2], -MOST_PEAK, MOST_PEAK) if logarithmic else found[:, 2]
    bounded[:, 1] = np.clip(found[:, 1], np.maximum(0.2, 0.2 * radius), np.minimum(4.0 * radius, np.ptp(along) / 2.0))
    return bounded


def _weights(residual: NDArray[np.float64], window: NDArray[np.bool_]) -> NDArray[np.float64]:
    size = np.where(window, np.abs(residual), np.nan)
    spread = np.maximum(1.4826 * np.nanmedian(size, axis=1), 1e-9)
    far = np.abs(residual) / (_ROBUST * spread[:, None])
    weights: NDArray[np.float64] = window / np.maximum(1.0, far)
    return weights


def _fits(
    found: NDArray[np.float64],
    residual: NDArray[np.float64],
    slopes: NDArray[np.float64],
    weight: NDArray[np.float64],
    noise_share: float,
) -> ProfileFits:
    spare = np.maximum(weight.sum(axis=1) - 5.0, 1.0)
    noise = np.sqrt(np.sum(weight * residual**2, axis=1) / spare)
    square = np.einsum("nmi,nm,nmj->nij", slopes, weight, slopes, optimize=True)
    diagonal = np.einsum("nii->ni", square)
    square = square + np.eye(5) * (1e-9 * diagonal + 1e-12)[:, None, :]
    radius_variance = np.linalg.inv(square)[:, 1, 1]
    share = np.maximum(noise_share, _lasting(residual, weight))
    radius_sd = np.sqrt(np.maximum(radius_variance, 0.0)) * noise * share
    usable = (found[:, 2] > 0) & (weight.sum(axis=1) >= 6.0)
    keep = np.where(usable, 1.0, np.nan)
    return ProfileFits(found[:, 0] * keep, found[:, 1] * keep, radius_sd * keep, found[:, 2] * keep, noise)


def _lasting(residual: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) root of how many samples share one residual, by the likeness of neighbours (first-order process)."""
    rest = residual * np.sqrt(weight)
    own = np.maximum(np.sum(rest**2, axis=1), 1e-12)
    alike = np.clip(np.sum(rest[:, 1:] * rest[:, :-1], axis=1) / own, 0.0, _MOST_ALIKE)
    found: NDArray[np.float64] = np.sqrt((1.0 + alike) / (1.0 - alike))
    return found
