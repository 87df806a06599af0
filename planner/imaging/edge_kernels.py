"""Compiled profiles of blurred cylinders and tubes. Importing this module loads numba.

With v = sin(angle) a chord of the unit cylinder, sqrt(1 - v^2), becomes cos(angle): the integral over v of what is
absorbed times the point spread is smooth in the angle, and a trapezoidal sum over it is exact to far below the noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled

_REACH = 5.0
"""Standard deviations beyond which the point spread is nothing."""


@compiled
def blurred_chords(
    offset: NDArray[np.float64],
    blur: NDArray[np.float64],
    peak: NDArray[np.float64],
    logarithmic: bool,
    out: NDArray[np.float64],
) -> None:
    """What a cylinder of radius 1 absorbs, seen through a Gaussian point spread, with its slopes.

    Parameters
    ----------
    offset, blur
        (n,) distance from the axis, standard deviation of the point spread: both over the radius.
    peak
        (n,) attenuation along the diameter.
    logarithmic
        The picture is the logarithm of a blurred intensity: the spread acts on exp(-attenuation), which matters for
        dense and thin vessels. Otherwise on the attenuation itself.
    out
        (n, 4): attenuation shown, and its slopes over `offset`, `blur` and `peak`.
    """
    for index in range(offset.shape[0]):
        t, s, a = offset[index], blur[index], peak[index]
        low, high = t - _REACH * s, t + _REACH * s
        value = slope = growth = rise = 0.0
        if low < 1.0 and high > -1.0:
            parts = int(np.ceil(np.pi / (1.2 * min(s, 0.25))))
            step = np.pi / parts
            first = int((np.arcsin(max(low, -1.0)) + 0.5 * np.pi) / step)
            last = int((np.arcsin(min(high, 1.0)) + 0.5 * np.pi) / step) + 1
            for part in range(first, min(last, parts) + 1):
                angle = -0.5 * np.pi + part * step
                z = (t - np.sin(angle)) / s
                cosine = np.cos(angle)
                spread = cosine * np.exp(-0.5 * z * z)
                left = np.exp(-a * cosine) if logarithmic else 1.0
                weight = spread * (1.0 - left) if logarithmic else spread * a * cosine
                value += weight
                slope -= weight * z
                growth += weight * (z * z - 1.0)
                rise += spread * cosine * left
            scale = step / (s * np.sqrt(2.0 * np.pi))
            value *= scale
            slope *= scale / s
            growth *= scale / s
            rise *= scale
        if logarithmic:
            through = max(1.0 - value, 1e-9)
            value, slope, growth, rise = -np.log(through), slope / through, growth / through, rise / through
        out[index, 0] = value
        out[index, 1] = slope
        out[index, 2] = growth
        out[index, 3] = rise


@compiled
def blurred_tube(
    offset: NDArray[np.float64],
    blur: float,
    peak: float,
    inner: float,
    logarithmic: bool,
    out: NDArray[np.float64],
) -> None:
    """(n,) what a tube of outer radius 1 with an empty lumen of radius `inner` shows; otherwise as `blurred_chords`.

    `peak` is the attenuation that a full cylinder of the wall's material would have along its diameter.
    """
    # The path has corners where the lumen begins: both sides of them are summed apart, each smooth in its own angle.
    corner = np.arcsin(inner)
    core = int(np.ceil(np.pi / min(0.1, 0.6 * blur / inner)))
    rim = int(np.ceil((0.5 * np.pi - corner) / min(0.03, 0.6 * blur)))
    count = core + 2 * rim
    at, path, share = np.empty(count), np.empty(count), np.empty(count)
    for part in range(core):
        angle = -0.5 * np.pi + (part + 0.5) * np.pi / core
        at[part] = inner * np.sin(angle)
        path[part] = np.sqrt(1.0 - at[part] * at[part]) - inner * np.cos(angle)
        share[part] = inner * np.cos(angle) * np.pi / core
    width = (0.5 * np.pi - corner) / rim
    for part in range(rim):
        angle = corner + (part + 0.5) * width
        for side in range(2):
            here = core + 2 * part + side
            at[here] = np.sin(angle) * (1.0 - 2.0 * side)
            path[here] = np.cos(angle)
            share[here] = np.cos(angle) * width
    for index in range(offset.shape[0]):
        value = 0.0
        for part in range(count):
            z = (offset[index] - at[part]) / blur
            if abs(z) < _REACH:
                shown = 1.0 - np.exp(-peak * path[part]) if logarithmic else peak * path[part]
                value += share[part] * np.exp(-0.5 * z * z) * shown
        value /= blur * np.sqrt(2.0 * np.pi)
        out[index] = -np.log(max(1.0 - value, 1e-9)) if logarithmic else value
