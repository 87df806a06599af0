"""The surface of a lesion that several tissues surround (a cyst between cortex, fat and liver): all that is alike."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from planner.imaging import rays
from planner.imaging.lesion_surface import Body, Profiles, middle, ring
from planner.imaging.rays import Unlike

_CLICK_MM = 2.5
_TOLERANCES = (3.0, 4.5, 6.5)
"""In noise."""
_ROUNDS = 3
_GAP_MM, _RING_MM = 2.0, 4.0
_LEAST_SHARE = 0.06
"""Share of the rays that must meet a brighter (or darker) neighbour before it sets a level."""
_LEAST_MM = 2.5


def alike_body(profiles: Profiles, click: NDArray[np.float64], noise: float) -> Body | None:
    """The best bounded surface around tissue like the clicked; None when the click lies outside the image.

    Its worth is the share of rays that end by a clear step, still alike before it.
    """
    values = profiles(click)
    near = values[:, : int(_CLICK_MM / rays.STEP_MM)]
    if not np.isfinite(near).any():
        return None
    inside = float(np.nanmedian(near))
    bodies = [_grown(profiles, click, inside, noise, tolerance * noise) for tolerance in _TOLERANCES]
    return max(bodies, key=lambda body: body.worth)


def _grown(profiles: Profiles, click: NDArray[np.float64], inside: float, noise: float, tolerance: float) -> Body:
    look = _alike(inside, inside - tolerance, inside + tolerance)
    body = _body(profiles, click, look, inside, noise)
    for _ in range(_ROUNDS):
        look = _halfway(body, inside, tolerance)
        centre = middle(body)
        moved = _body(profiles, centre, look, inside, noise)
        if float(rays.depth_mm((click - centre)[None, :], moved.surface)[0]) > 0.0:
            return body
        body = moved
    return body


def _alike(inside: float, low: float, high: float) -> Unlike:
    """Between two levels, unlike no tissue in particular."""
    return Unlike(-math.inf, min(inside - low, high - inside), low, high)


def _halfway(body: Body, inside: float, tolerance: float) -> Unlike:
    """Levels halfway to the nearer of the darker and of the brighter neighbours."""
    around = ring(body.values, body.surface, _GAP_MM, _GAP_MM + _RING_MM)
    around = around[np.isfinite(around)]
    least = _LEAST_SHARE * len(body.surface)
    darker, brighter = around[around < inside - tolerance], around[around > inside + tolerance]
    low = (inside + float(np.quantile(darker, 0.6))) / 2.0 if len(darker) > least else inside - 2.0 * tolerance
    high = (inside + float(np.quantile(brighter, 0.4))) / 2.0 if len(brighter) > least else inside + 2.0 * tolerance
    return _alike(inside, low, high)


def _body(profiles: Profiles, centre: NDArray[np.float64], look: Unlike, inside: float, noise: float) -> Body:
    values = profiles(centre)
    surface = rays.surface_mm(values, look)
    outer = ring(values, surface, _GAP_MM, _GAP_MM + _RING_MM)
    inner = ring(values, surface, -3.0, -0.5)
    ended = surface < values.shape[1] * rays.STEP_MM - 1.0
    step = np.abs(outer - inside) > np.maximum(look.contrast, 2.0 * noise)
    even = np.abs(inner - inside) < max(look.contrast, 3.0 * noise)
    worth = float(np.mean(ended & step & even))
    if float(np.median(surface)) < _LEAST_MM:
        worth = 0.0
    return Body(centre, look, values, surface, worth)
