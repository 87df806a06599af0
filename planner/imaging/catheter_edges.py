"""The diameter of a straight piece of catheter in pixels, from all its pixels at once.

A piece that lies askew to the pixel grid meets it at every phase, so that its edge is sampled far more finely than the
pixels stand: outer radius, blur of the detector and the axis are fitted together to the pixels as they are, without
interpolation. Two shapes are known: a full cylinder (dense wall, or filled with contrast), and a tube with an empty
lumen (two dark rails).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging.edge_profiles import LEAST_BLUR_PX, MOST_BLUR_PX, MOST_PEAK, chord_profile

FULL, EMPTY = "full", "empty"
"""What is inside: as dense as the wall (or contrast), or nothing."""
_INNER, _INNER_SD, _INNER_LIMITS = 0.7, 0.1, (0.5, 0.88)
"""Radius of an empty lumen over that of the catheter: where a fit starts, how far it varies, what is possible."""
_BIN_PX = 0.25
_MOST_PIXELS = 1500
_BLOCKS = 6
_EVIDENCE = 1.6
"""Ratio of the misfits from which the worse shape is ruled out (F test with some 60 bins: 1 in 20)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CatheterFit:
    """A fitted piece of catheter.

    Attributes
    ----------
    diameter_px, diameter_sd_px
        Outer; the deviation is the larger one of the fit's own and of pieces fitted apart, and holds the doubt
        between both shapes.
    content
        `FULL` or `EMPTY`, as told or as found.
    ambiguous
        The picture alone does not tell which of both it is.
    bend
        Sagitta of the axis over the diameter.
    contrast, noise
        Attenuation of the axis, and standard deviation of what the fit leaves.
    """

    diameter_px: float
    diameter_sd_px: float
    content: str
    ambiguous: bool
    blur_px: float
    bend: float
    contrast: float
    noise: float


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Pixels of the strip: place along the piece (-1 to 1), distance from the clicked line (px), attenuation."""

    along: Floats
    across: Floats
    values: Floats
    length: float


@dataclass(frozen=True, eq=False)
class _Profile:
    """Mean attenuation in fine bins of the distance from the fitted axis, with the number of pixels in each."""

    offset: Floats
    values: Floats
    counts: Floats
    noise: float


@dataclass(frozen=True, eq=False)
class _Shape:
    """One converged fit: middle, radius, blur, peak, inner; and its misfit."""

    found: Floats
    content: str
    misfit: float
    radius_sd: float


@dataclass(frozen=True, slots=True)
class _Known:
    """What is told beforehand: the detector's blur (None: fitted), and whether the picture is a natural logarithm."""

    blur_px: float | None
    logarithmic: bool


def fit_catheter(
    picture: NDArray[np.floating],
    points_xy: tuple[tuple[float, float], tuple[float, float]],
    *,
    content: str | None = None,
    blur_px: float | None = None,
    expected_px: float | None = None,
    logarithmic: bool = True,
) -> CatheterFit | None:
    """Fit the piece between two clicks; None where nothing absorbing is found between them.

    Parameters
    ----------
    picture
        (y, x) attenuation, positive where the catheter absorbs.
    content
        `FULL`, `EMPTY`, or None to let the picture tell.
    blur_px
        Standard deviation of the detector's point spread where it is known; a catheter of a few pixels needs it.
    expected_px
        Diameter to look for, by a factor of two: beside a spine the first look would take a pedicle. It does not
        enter the fit.
    logarithmic
        The picture is in natural units of the logarithm.
    """
    start, end = (np.asarray(point, dtype=np.float64) for point in points_xy)
    length = float(np.linalg.norm(end - start))
    most = 60.0 if expected_px is None else max(1.7 * expected_px, 8.0)
    widest = float(np.clip(0.75 * length, 8.0, most))
    guess = _first_guess(_strip(picture, start, end, widest), widest)
    if guess is None:
        return None
    centre, radius = guess
    reach = abs(centre) + max(1.8 * radius, radius + 4.0) + 2.0
    pixels = _strip(picture, start, end, min(reach, widest))
    known = _Known(blur_px, logarithmic)
    axis = _axis(_thinned(pixels), centre, radius, known)
    if axis is None:
        return None
    straight, noise = _straightened(pixels, axis)
    wanted = (FULL, EMPTY) if content is None else (content,)
    profile = _binned(straight, noise)
    shapes = [shape for each in wanted if (shape := _best(profile, float(axis[3]), each, known)) is not None]
    return _weighed(straight, shapes, known, axis, noise) if shapes else None


def _strip(picture: NDArray[np.floating], start: Floats, end: Floats, reach: float) -> _Pixels:
    """Every pixel within reach of the line between two points, none interpolated."""
    size_y, size_x = picture.shape
    low = np.maximum(np.floor(np.minimum(start, end) - reach - 1), 0).astype(int)
    high = np.minimum(np.ceil(np.maximum(start, end) + reach + 2), [size_x, size_y]).astype(int)
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    direction = (end - start) / np.linalg.norm(end - start)
    middle, length = (start + end) / 2.0, float(np.linalg.norm(end - start))
    along = ((x - middle[0]) * direction[0] + (y - middle[1]) * direction[1]) / (length / 2.0)
    across = (y - middle[1]) * direction[0] - (x - middle[0]) * direction[1]
    values = np.asarray(picture[low[1] : high[1], low[0] : high[0]], dtype=np.float64)
    inside = (np.abs(along) <= 1.0) & (np.abs(across) <= reach) & np.isfinite(values)
    return _Pixels(along[inside], across[inside], values[inside], length)


def _first_guess(pixels: _Pixels, widest: float) -> tuple[float, float] | None:
    """Middle and radius of what absorbs most against its flanks, near the clicked line."""
    edges = np.arange(-widest, widest + 0.5, 0.5)
    which = np.clip(np.digitize(pixels.across, edges) - 1, 0, len(edges) - 2)
    counts = np.bincount(which, minlength=len(edges) - 1)
    sums = np.bincount(which, weights=pixels.values, minlength=len(edges) - 1)
    if not counts.any():
        return None
    middles = (edges[:-1] + edges[1:]) / 2.0
    profile = np.interp(middles, middles[counts > 0], sums[counts > 0] / counts[counts > 0])
    total = np.concatenate([[0.0], np.cumsum(profile)])
    best, chosen = 0.0, None
    for radius in np.geomspace(1.0, widest / 1.7, 24):
        near = max(2.0, 0.7 * radius)
        for centre in np.arange(-near, near + 0.25, 0.5):
            inside = _mean(total, edges, centre - radius, centre + radius)
            flank = max(radius, 2.0)
            left = _mean(total, edges, centre - radius - flank, centre - radius)
            right = _mean(total, edges, centre + radius, centre + radius + flank)
            if not np.isfinite(left + right):
                continue
            # The weaker of both sides: beside a step (bone, skin) nothing is taken for a catheter.
            score = float(np.sqrt(radius) * (inside - max(left, right)))
            if score > best:
                best, chosen = score, (float(centre), float(radius))
    return chosen


def _mean(total: Floats, edges: Floats, low: float, high: float) -> float:
    if low < edges[0] or high > edges[-1]:
        return float("nan")
    ends = np.interp([low, high], edges, total)
    return float((ends[1] - ends[0]) / ((high - low) / 0.5))


def _axis(pixels: _Pixels, centre: float, radius: float, known: _Known) -> Floats | None:
    """(8,) middle, tilt and bend of the axis, radius, blur, peak; slopes of the background along, and its twist.

    A full cylinder finds the axis of a tube as well, because both are symmetric.
    """
    from scipy.optimize import least_squares

    basis, _ = np.linalg.qr(_background(pixels))
    blur = known.blur_px or 1.0

    def shown(found: Floats) -> Floats:
        offset = np.ascontiguousarray(pixels.across - _axis_at(pixels, found))
        values = chord_profile(offset, found[3], found[4], found[5], logarithmic=known.logarithmic)
        return np.asarray(values[..., 0], dtype=np.float64)

    def left_over(found: Floats) -> Floats:
        rest = pixels.values - shown(found)
        return np.asarray(rest - basis @ (basis.T @ rest), dtype=np.float64)

    unit = np.array([centre, 0.0, 0.0, radius, blur, 1e-3])
    columns = np.column_stack([shown(unit) / 1e-3, _background(pixels)])
    peak = float(np.linalg.lstsq(columns, pixels.values, rcond=None)[0][0])
    if peak <= 0.0 or len(pixels.values) < 30:
        return None
    ceiling = MOST_PEAK if known.logarithmic else np.inf
    first = np.array([centre, 0.0, 0.0, radius, blur, min(peak, 0.5 * ceiling)])
    aside = 2.0 * radius + 4.0
    low = np.array([centre - aside, -aside, -aside, 0.3, LEAST_BLUR_PX, 0.0])
    high = np.array([centre + aside, aside, aside, 3.0 * radius + 2.0, MOST_BLUR_PX, ceiling])
    answer = least_squares(left_over, first, bounds=(low, high), x_scale=[1, 1, 1, 1, 0.5, peak], max_nfev=30)
    rest = pixels.values - shown(answer.x)
    linear = np.linalg.lstsq(_background(pixels), rest, rcond=None)[0]
    return np.concatenate([answer.x, linear[[1, 3]]])


def _thinned(pixels: _Pixels) -> _Pixels:
    """At most so many pixels, evenly chosen: an axis of six numbers needs no more."""
    step = len(pixels.values) // _MOST_PIXELS + 1
    if step == 1:
        return pixels
    chosen = np.random.default_rng(0).permutation(len(pixels.values))[::step]
    return _Pixels(pixels.along[chosen], pixels.across[chosen], pixels.values[chosen], pixels.length)


def _axis_at(pixels: _Pixels, found: Floats) -> Floats:
    """(n,) distance of the axis from the clicked line beside each pixel."""
    return np.asarray(found[0] + found[1] * pixels.along + found[2] * (pixels.along**2 - 1.0 / 3.0))


def _background(pixels: _Pixels) -> Floats:
    """(n, 5) columns: level, slopes along and across, twist, and the bow of a spine or a rib behind."""
    across = pixels.across / max(float(np.abs(pixels.across).max()), 1.0)
    return np.stack([np.ones_like(across), pixels.along, across, pixels.along * across, across**2], axis=1)


def _straightened(pixels: _Pixels, axis: Floats) -> tuple[_Pixels, float]:
    """The strip about its axis, without what the background changes along it; and the noise of a pixel."""
    slope = np.hypot(1.0, 2.0 * axis[1] / pixels.length)
    along = _background(pixels)
    values = pixels.values - along[:, 1] * axis[6] - along[:, 3] * axis[7]
    straight = _Pixels(pixels.along, (pixels.across - _axis_at(pixels, axis)) / slope, values, pixels.length)
    order = np.argsort(straight.across)
    steps = np.diff(values[order])
    return straight, float(1.4826 * np.median(np.abs(steps)) / np.sqrt(2.0))


def _binned(pixels: _Pixels, noise: float) -> _Profile:
    reach = float(np.quantile(np.abs(pixels.across), 0.97))
    count = int(np.ceil(2.0 * reach / _BIN_PX))
    which = np.floor((pixels.across + reach) / _BIN_PX).astype(int)
    inside = (which >= 0) & (which < count)
    counts = np.bincount(which[inside], minlength=count).astype(np.float64)
    filled = np.maximum(counts, 1.0)
    values = np.bincount(which[inside], weights=pixels.values[inside], minlength=count) / filled
    offset = np.bincount(which[inside], weights=pixels.across[inside], minlength=count) / filled
    return _Profile(offset[counts > 0], values[counts > 0], counts[counts > 0], noise)


def _shown(offset: Floats, found: Floats, content: str, known: _Known) -> Floats:
    """(n,) attenuation of the catheter alone."""
    radius, blur, peak = float(found[1]), float(found[2]), float(found[3])
    if content == FULL:
        values = chord_profile(offset - found[0], radius, blur, peak, logarithmic=known.logarithmic)
        return np.asarray(values[..., 0], dtype=np.float64)
    from planner.imaging.edge_kernels import blurred_tube

    out = np.empty(len(offset))
    scaled = np.ascontiguousarray((offset - found[0]) / radius)
    blurred_tube(scaled, blur / radius, peak, float(found[4]), known.logarithmic, out)
    return out


def _best(profile: _Profile, radius: float, content: str, known: _Known) -> _Shape | None:
    """The best of several starts."""
    blur = known.blur_px or 1.0
    inner = (_INNER - _INNER_SD, _INNER + _INNER_SD) if content == EMPTY else (_INNER,)
    starts = [np.array([0.0, radius * share, blur, 0.0, lumen]) for share in (0.85, 1.1) for lumen in inner]
    found = [shape for start in starts if (shape := _fitted(profile, start, content, known)) is not None]
    return min(found, key=lambda shape: shape.misfit, default=None)


def _fitted(profile: _Profile, start: Floats, content: str, known: _Known) -> _Shape | None:
    """Middle, radius, blur, peak and inner radius by least squares over the bins."""
    from scipy.optimize import least_squares

    root = np.sqrt(profile.counts)
    columns = np.stack([np.ones_like(root), profile.offset, profile.offset**2], axis=1)
    basis, _ = np.linalg.qr(columns * root[:, None])
    free = [0, 1, 3] + ([2] if known.blur_px is None else []) + ([4] if content == EMPTY else [])
    first = start.copy()
    if first[3] <= 0.0:
        unit = np.where(np.arange(5) == 3, 1e-3, first)
        shape = _shown(profile.offset, unit, content, known)[:, None] / 1e-3
        design = np.concatenate([shape, columns], axis=1) * root[:, None]
        first[3] = np.clip(np.linalg.lstsq(design, profile.values * root, rcond=None)[0][0], 1e-6, 4.0)
    ceiling = MOST_PEAK if known.logarithmic else np.inf
    low = np.array([-start[1] - 2.0, 0.3, LEAST_BLUR_PX, 0.0, _INNER_LIMITS[0]])
    high = np.array([start[1] + 2.0, 3.0 * start[1] + 2.0, MOST_BLUR_PX, ceiling, _INNER_LIMITS[1]])

    def misses(values: Floats, full: Floats) -> Floats:
        full[free] = values
        rest = (profile.values - _shown(profile.offset, full, content, known)) * root
        left = np.asarray(rest - basis @ (basis.T @ rest), dtype=np.float64)
        # How thick the wall is was not told: where the picture does not tell either, our own guess decides.
        return np.append(left, profile.noise * (full[4] - _INNER) / _INNER_SD) if content == EMPTY else left

    begin = np.clip(first[free], low[free] + 1e-6, high[free] - 1e-6)
    scale = np.array([1.0, 1.0, 0.5, max(first[3], 1e-6), 0.1])[free]
    answer = least_squares(misses, begin, bounds=(low[free], high[free]), x_scale=scale, args=(first,), max_nfev=40)
    found = first.copy()
    found[free] = answer.x
    spare = len(root) - len(free) - 3
    if spare < 1 or found[3] <= 0:
        return None
    misfit = float(2.0 * answer.cost)
    spread = np.linalg.pinv(answer.jac.T @ answer.jac) * misfit / spare
    radius_sd = float(np.sqrt(max(spread[1, 1], 0.0)))
    return _Shape(found, content, misfit / spare, radius_sd)


def _weighed(pixels: _Pixels, shapes: list[_Shape], known: _Known, axis: Floats, noise: float) -> CatheterFit:
    """The shape that the picture tells; where it does not, the doubt goes into the deviation."""
    shapes = sorted(shapes, key=lambda shape: shape.misfit)
    best = shapes[0]
    radius, doubt, ambiguous = float(best.found[1]), 0.0, False
    if len(shapes) == 2 and shapes[1].misfit < _EVIDENCE * best.misfit:
        ambiguous = True
        doubt = abs(radius - float(shapes[1].found[1])) / 2.0
        radius = (radius + float(shapes[1].found[1])) / 2.0
    deviation = float(np.hypot(max(best.radius_sd, _blocks_sd(pixels, best, known, noise)), doubt))
    return CatheterFit(
        diameter_px=2.0 * radius,
        diameter_sd_px=2.0 * deviation,
        content=best.content,
        ambiguous=ambiguous,
        blur_px=float(best.found[2]),
        bend=float(abs(axis[2])) / (2.0 * radius),
        contrast=float(_shown(np.zeros(1), best.found, FULL, known)[0]),
        noise=noise,
    )


def _blocks_sd(pixels: _Pixels, best: _Shape, known: _Known, noise: float) -> float:
    """Standard error of the radius from pieces fitted apart, which structures beside the catheter enlarge."""
    count = int(np.clip(pixels.length / max(4.0 * float(best.found[1]), 6.0), 0, _BLOCKS))
    if count < 3:
        return 0.0
    radii = []
    borders = np.linspace(-1.0, 1.0, count + 1)
    told = _Known(float(best.found[2]), known.logarithmic)
    for low, high in zip(borders[:-1], borders[1:], strict=True):
        inside = (pixels.along >= low) & (pixels.along <= high)
        piece = _Pixels(pixels.along[inside], pixels.across[inside], pixels.values[inside], pixels.length)
        shape = _fitted(_binned(piece, noise), best.found, best.content, told)
        if shape is not None:
            radii.append(float(shape.found[1]))
    return float(np.std(radii, ddof=1) / np.sqrt(len(radii))) if len(radii) >= 3 else 0.0
