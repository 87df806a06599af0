"""Where exactly a lesion ends: the mean profile across its surface, with or without a capsule beyond it.

A capsule that differs from the tissue around in the other direction than the lesion does (bright around a washed-out
tumour) is a third level between two edges. Both models, blurred steps, are fitted to the mean profile over all rays,
in which noise hardly counts.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from planner.imaging import rays

_ALONG_MM = np.arange(-4.0, 6.01, 0.5)
_BLURS_MM = (1.0, 1.3, 1.6, 1.9, 2.3)
_WIDTHS_MM = np.arange(1.0, 4.01, 0.5)
_BETTER = 0.25
"""Share of the squared residual that a capsule must leave at most."""
_LEAST_STEP = 0.45
"""Of the capsule against the tissue around, as a share of that of the lesion."""
_OUTWARD = 0.1
"""Of the blur: readers draw the outer foot of an edge rather than its middle."""


def edge_shift_mm(values: NDArray[np.float64], surface: NDArray[np.float64]) -> tuple[float, bool]:
    """How far beyond the surface the lesion ends, and whether that is the far side of a capsule.

    Parameters
    ----------
    values
        (n, m) along rays, see `rays.profiles`.
    surface
        (n,) mm along the rays.
    """
    mean = _mean_profile(values, surface)
    known = np.isfinite(mean)
    if np.count_nonzero(known) < len(_ALONG_MM) - 4:
        return 0.0, False
    (inner, blur, _, rest), (near, width, levels, capsule_rest) = _fitted(mean, known)
    step, beyond = levels[0] - levels[2], levels[1] - levels[2]
    if capsule_rest < _BETTER * rest and step * beyond < 0.0 and abs(beyond) > _LEAST_STEP * abs(step):
        return near + width, True
    return inner + _OUTWARD * blur, False


def _mean_profile(values: NDArray[np.float64], surface: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over the rays at distances from each one's surface."""
    at = (surface[:, None] + _ALONG_MM) / rays.STEP_MM - 1.0
    low = np.floor(at).astype(int)
    share = at - low
    inside = (low >= 0) & (low + 1 < values.shape[1])
    low = np.clip(low, 0, values.shape[1] - 2)
    first, second = (np.take_along_axis(values, low + each, axis=1) for each in (0, 1))
    sampled = np.where(inside, (1.0 - share) * first + share * second, np.nan)
    known = np.isfinite(sampled).sum(axis=0) >= len(surface) // 4
    mean = np.full(len(_ALONG_MM), np.nan)
    mean[known] = np.nanmedian(sampled[:, known], axis=0)
    return mean


def _fitted(
    mean: NDArray[np.float64], known: NDArray[np.bool_]
) -> tuple[tuple[float, float, NDArray[np.float64], float], tuple[float, float, NDArray[np.float64], float]]:
    """Best one-step (edge, blur, levels, residual) and two-step model (near edge, width, levels, residual)."""
    results = []
    for designs, settings in _designs():
        columns = designs[:, known]
        target = mean[known]
        projected = np.einsum("nta,t->na", columns, target)
        normal = np.einsum("nta,ntb->nab", columns, columns) + 1e-6 * np.eye(columns.shape[2])
        levels = np.linalg.solve(normal, projected[..., None])[..., 0]
        rest = ((np.einsum("nta,na->nt", columns, levels) - target) ** 2).sum(axis=1)
        best = int(np.argmin(rest))
        results.append((float(settings[best, 0]), float(settings[best, 1]), levels[best], float(rest[best])))
    return results[0], results[1]


@cache
def _designs() -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
    """For either model the shares of its levels in each sample (n, t, levels), and its settings (n, 2)."""
    from scipy.special import ndtr

    one, one_settings, two, two_settings = [], [], [], []
    for blur in _BLURS_MM:
        for edge in np.arange(-3.0, 3.01, 0.25):
            within = ndtr((edge - _ALONG_MM) / blur)
            one.append(np.stack([within, 1.0 - within], axis=-1))
            one_settings.append((edge, blur))
            for width in _WIDTHS_MM[edge + _WIDTHS_MM <= 4.0]:
                wider = ndtr((edge + width - _ALONG_MM) / blur)
                two.append(np.stack([within, wider - within, 1.0 - wider], axis=-1))
                two_settings.append((edge, width))
    return (np.array(one), np.array(one_settings)), (np.array(two), np.array(two_settings))
