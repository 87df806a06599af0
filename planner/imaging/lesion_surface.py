"""The surface of a lesion: the best of several guesses, each followed along rays and judged by what lies beyond it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.imaging import rays
from planner.imaging.lesion_guesses import Guess
from planner.imaging.rays import Unlike

_GAP_MM = 2.0
"""The blurred edge, which says nothing of the tissue beyond."""
_RING_MM = 4.0
_FAR_MM = 20.0
"""The tissue around goes on this far; a rim does not."""
_FOLLOWED = 3
_ROUNDS = 3
_TIGHT_ROUNDS = 2
_PLAIN = 0.02
"""Of two surfaces equally well bounded the one without foreign parts is taken."""
_SURE = 0.7
"""Share of the starting ball that is inside whatever its values are: vessels and cores."""
_EDGE = 0.4
"""Level between the tissue around (0) and the outer part of the lesion (1) where the surface is looked for."""
_LIKE = 3.0
"""Within this many standard deviations of the noise a value is that of the tissue around."""
_OTHER_ORGAN = 0.4
"""Worth of a ray that ends on something other than the tissue around, by a clear step."""
_MOST_OPEN = 0.06
_SIZE_MM = 4.0
_EVEN = 0.5
"""Values of the outer part differ by less than this share of its step to the tissue around."""
_LEAST_MM = 2.5
_CLICK_OUT_MM = (2.0, 4.4)
"""A click this far outside (in a capsule, not found yet) is still good, and no longer believed."""

Profiles = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""(n, m) values along rays from an LPS point."""


@dataclass(frozen=True, eq=False)
class Body:
    """A star-shaped surface.

    Attributes
    ----------
    values
        (n, m) along the rays from the centre.
    surface
        (n,) mm along the rays.
    worth
        0 to 1: how well it is bounded, by the tissue around more than by anything else.
    """

    centre_lps_mm: NDArray[np.float64]
    look: Unlike
    values: NDArray[np.float64]
    surface: NDArray[np.float64]
    worth: float


_LEAST_NOISE = 0.06
"""Noise is taken as at least this share of the usual difference from the click: denoised and computed images have
hardly any, and everything in them would be many standard deviations apart."""


def noise_of(values: NDArray[np.float64]) -> float:
    """Robust standard deviation of the change between samples 2 mm apart: noise, with few edges among them."""
    change = values[:, 4:] - values[:, :-4]
    known = np.abs(change[np.isfinite(change)])
    noise = 1.4826 * float(np.median(known)) / math.sqrt(2.0) if known.size else 0.0
    apart = np.abs(values - np.nanmedian(values[:, 0]))
    unlike = apart[np.isfinite(apart) & (apart > 2.0 * noise)]
    return max(noise, _LEAST_NOISE * float(np.median(unlike)) if unlike.size else 0.0, 1e-3)


def best_body(profiles: Profiles, click: NDArray[np.float64], found: list[Guess], noise: float) -> Body | None:
    """Follow the most promising guesses; None when there are none."""
    started = [
        (guess, _body(profiles, click + guess.offset_mm, guess.look, noise, _SURE * guess.ball_mm)) for guess in found
    ]
    started.sort(key=lambda each: -each[1].worth)
    best: Body | None = None
    most = -1.0
    for guess, body in started[:_FOLLOWED]:
        for followed in _followed(profiles, guess, body, noise):
            worth = followed.worth * _reaches(followed, click)
            if worth > most:
                best, most = followed, worth
    return None if best is None else replace(best, worth=most)


def _followed(profiles: Profiles, guess: Guess, body: Body, noise: float) -> list[Body]:
    """The surface as guessed, and again with its look learned and its centre moved to the middle."""
    start = body.centre_lps_mm
    bodies = [body]
    for _ in range(_ROUNDS):
        look = _learned(bodies[-1], guess.look, noise)
        centre = middle(bodies[-1])
        sure = max(0.0, _SURE * guess.ball_mm - float(np.linalg.norm(centre - start)))
        bodies.append(_body(profiles, centre, look, noise, sure))
    for _ in range(_TIGHT_ROUNDS):
        tight = _body(profiles, centre, _tight(bodies[-1], noise), noise, sure)
        bodies.append(replace(tight, worth=tight.worth + _PLAIN))
    return bodies


def _body(profiles: Profiles, centre: NDArray[np.float64], look: Unlike, noise: float, sure_mm: float) -> Body:
    values = profiles(centre)
    surface = rays.surface_mm(values, look, sure_mm)
    return Body(centre, look, values, surface, _worth(values, surface, look, noise))


def _worth(values: NDArray[np.float64], surface: NDArray[np.float64], look: Unlike, noise: float) -> float:
    tolerance = min(look.contrast, _LIKE * noise)
    outer = ring(values, surface, _GAP_MM, _GAP_MM + _RING_MM)
    inner = ring(values, surface, -3.0, -0.5)
    bounded = ~np.isfinite(outer) | (np.abs(outer - inner) > 2.0 * tolerance)
    by_ray = np.where(np.abs(outer - look.background) < tolerance, 1.0, np.where(bounded, _OTHER_ORGAN, 0.0))
    open_rays = surface >= values.shape[1] * rays.STEP_MM - 1.0
    by_ray[open_rays] = 0.0
    along = _along(values)
    like = np.abs(values - look.background) < tolerance
    known = np.isfinite(values)
    beyond = known & (along > surface[:, None] + _GAP_MM) & (along < surface[:, None] + _FAR_MM)
    within = along < surface[:, None] - 0.5
    far = float(np.mean(like[beyond])) if beyond.any() else 0.0
    weight = np.where(within, along**2, 0.0)
    unlike = float(weight[known & ~like].sum() / max(float(weight.sum()), 1e-9))
    size = float(np.median(surface))
    worth = float(by_ray.mean()) * math.sqrt(far) * min(1.0, unlike / 0.8) * (1.0 - math.exp(-size / _SIZE_MM))
    worth *= _evenness(inner, look.background, noise)
    if size < _LEAST_MM or float(open_rays.mean()) > _MOST_OPEN:
        worth *= 0.1
    return worth


def _evenness(inner: NDArray[np.float64], background: float, noise: float) -> float:
    """Share of the rays whose outer part is like that of the others: a vessel taken along is not."""
    known = inner[np.isfinite(inner)]
    if not known.size:
        return 0.0
    usual = float(np.median(known))
    tolerance = max(_EVEN * abs(usual - background), _LIKE * noise)
    return float(np.mean(np.abs(known - usual) < tolerance))


def _tight(body: Body, noise: float) -> Unlike:
    """The look without what only few parts of the inside show."""
    inner = ring(body.values, body.surface, -6.0, -1.0)
    inner = inner[np.isfinite(inner)]
    look = body.look
    if not inner.size:
        return look
    usual = float(np.median(inner))
    wide = max(_EVEN * abs(usual - look.background), _LIKE * noise) + look.contrast
    return Unlike(look.background, look.contrast, max(look.low, usual - wide), min(look.high, usual + wide))


def _learned(body: Body, first: Unlike, noise: float) -> Unlike:
    """The look from the values inside the surface and in the ring around it, within what was guessed first."""
    former = body.look
    inside = (_along(body.values) < 0.85 * body.surface[:, None]) & np.isfinite(body.values)
    within = body.values[inside]
    around = ring(body.values, body.surface, _GAP_MM, _GAP_MM + _RING_MM)
    around = around[np.abs(around - former.background) < 2.0 * former.contrast]
    inner = ring(body.values, body.surface, -3.5, -1.0)
    inner = inner[np.isfinite(inner)]
    if within.size < 50 or len(around) < 0.4 * len(body.surface) or not inner.size:
        return former
    background = float(np.median(around))
    contrast = max(_EDGE * float(np.median(np.abs(inner - background))), 2.0 * noise)
    low, high = np.quantile(within, (0.005, 0.995))
    return Unlike(
        background,
        contrast,
        background if first.low == first.background else max(float(low) - 1.5 * contrast, first.low),
        background if first.high == first.background else min(float(high) + 1.5 * contrast, first.high),
    )


def _reaches(body: Body, click: NDArray[np.float64]) -> float:
    """1 where the click lies inside or nearly so, less the farther it lies outside."""
    outside = float(rays.depth_mm((click - body.centre_lps_mm)[None, :], body.surface)[0])
    near, far = _CLICK_OUT_MM
    return float(np.clip((far - outside) / (far - near), 0.2, 1.0))


def middle(body: Body) -> NDArray[np.float64]:
    """The centroid of the enclosed body, as long as it lies inside the surface."""
    weight = body.surface**3
    if float(weight.sum()) <= 0.0:
        return body.centre_lps_mm
    offset = 0.75 * (rays.directions() * (body.surface**4)[:, None]).sum(axis=0) / float(weight.sum())
    inside = float(rays.depth_mm(offset[None, :], body.surface)[0]) < 0.0
    return body.centre_lps_mm + offset if inside else body.centre_lps_mm


def ring(
    values: NDArray[np.float64], surface: NDArray[np.float64], low_mm: float, high_mm: float
) -> NDArray[np.float64]:
    """(n,): mean value per ray between two distances from the surface; NaN where there is none."""
    along = _along(values)
    chosen = (along >= surface[:, None] + low_mm) & (along <= surface[:, None] + high_mm) & np.isfinite(values)
    counts = chosen.sum(axis=1)
    total = np.where(chosen, values, 0.0).sum(axis=1)
    mean: NDArray[np.float64] = np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
    return mean


def _along(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.arange(1, values.shape[1] + 1, dtype=np.float64) * rays.STEP_MM
