"""A path along an enhanced artery, from clicks: where its lumen runs and how wide it is.

The way between clicks is the least-cost path through voxels that look like the clicked lumen and like the middle of
a tube; it is then centred, and measured, on cross-sections. A path says where it is not to be trusted; it never says
that a vessel is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import OperatorError
from planner.geometry import Polyline
from planner.imaging import Volume
from planner.imaging.cross_sections import CrossSections, cross_sections
from planner.imaging.masks import ball_box, box_slices, union_box
from planner.imaging.paths import least_cost_path
from planner.imaging.vesselness import vesselness
from planner.jobs import Context
from planner.model.items import PathSegment
from planner.planning.arteries import artery
from planner.planning.course_lines import SNAP_MM, cut, run_on, smooth, snapped

_STEP_MM = 1.0
_REACH_MM = 25.0
_BESIDE_MM = 12.0
_SURROUNDINGS_MM = 25.0
_LEAST_DARKER = 0.05
_DARKER_TAIL = 0.16
_SCALES_MM = (1.0, 2.5)
_LEAST_COST = 0.02
_CENTRING_ROUNDS = 4
_RUN_ON_MM = 5.0
_COURSE_POINTS = 4
"""Points at an end whose course the line is run on by."""
_NOISE_REACH = 10
_LEAST_VOXELS = 2.0
"""Below this diameter in voxels a measured width is not trusted: fewer samples than Nyquist asks for."""
_LEAST_CONTRAST = 4.0
"""Below this contrast in noise standard deviations the edge is not trusted (Rose's criterion: 4-5)."""


@dataclass(frozen=True, eq=False)
class VesselPath:
    """A path along a lumen.

    Attributes
    ----------
    centreline
        Points at most 1 mm apart, from the first click to the last.
    radius_mm
        (n,) NaN where it could not be measured; always NaN for a path drawn free-hand without an image.
    low_confidence
        (n,) bool: low contrast, a lumen narrower than two voxels, or no measure at all.
    clicks_lps_mm
        (m, 3) as clicked.
    method
        ``minimal-path`` or ``free``.
    """

    centreline: Polyline
    radius_mm: NDArray[np.float64]
    low_confidence: NDArray[np.bool_]
    clicks_lps_mm: NDArray[np.float64]
    method: str

    @property
    def any_low_confidence(self) -> bool:
        return bool(self.low_confidence.any())

    def along_mm(self, point_lps_mm: ArrayLike) -> float:
        """Distance along the path of the path's point nearest to a point in the room."""
        gaps = np.linalg.norm(self.centreline.points_lps_mm - np.asarray(point_lps_mm, dtype=np.float64), axis=1)
        return float(self.centreline.arc_length_mm()[int(np.argmin(gaps))])

    def segment(self, artery_key: str, start_mm: float, end_mm: float) -> PathSegment:
        """A named stretch with its diameters, which are None where nothing in it could be measured.

        Raises
        ------
        UsageError
            When the artery is not in the catalogue.
        OperatorError
            When the stretch has no length on the path.
        """
        artery(artery_key)
        along = self.centreline.arc_length_mm()
        low, high = max(0.0, start_mm), min(float(along[-1]), end_mm)
        if high <= low:
            raise OperatorError("empty-segment", "A segment needs a length on the path; move one of its ends.")
        inside = (along >= low) & (along <= high)
        if not inside.any():
            inside[int(np.argmin(np.abs(along - (low + high) / 2.0)))] = True
        diameters = 2.0 * self.radius_mm[inside & np.isfinite(self.radius_mm)]
        return PathSegment(
            artery=artery_key,
            start_mm=low,
            end_mm=high,
            mean_diameter_mm=float(diameters.mean()) if diameters.size else None,
            minimum_diameter_mm=float(diameters.min()) if diameters.size else None,
            low_confidence=bool(self.low_confidence[inside].any()),
        )

    def segments(self, named_ends: Sequence[tuple[str, float]]) -> tuple[PathSegment, ...]:
        """Adjoining segments from the start of the path, each given by (artery, where it ends in mm)."""
        starts = [0.0, *(end for _, end in named_ends[:-1])]
        return tuple(self.segment(key, start, end) for (key, end), start in zip(named_ends, starts, strict=True))


@dataclass(frozen=True, slots=True)
class _Lumen:
    """Grey values of the clicked lumen and of what lies around it."""

    lowest: float
    highest: float
    background: float


def trace_vessel(
    volume: Volume, clicks_lps_mm: ArrayLike, *, margin_mm: float = 15.0, context: Context | None = None
) -> VesselPath:
    """The path of an enhanced vessel through two or more clicks, in their order.

    Parameters
    ----------
    volume
        With a bright lumen (CT angiography, arterial phase, cone-beam CT with contrast).
    clicks_lps_mm
        (m, 3), m >= 2, in or within 1.5 mm of the lumen.
    margin_mm
        How far outside the box of two neighbouring clicks the path may swing, at least a third of their distance.

    Raises
    ------
    OperatorError
        For fewer than two clicks, one outside the image, or clicks that are no brighter than their surroundings.
    """
    steps = context or Context()
    clicks = _clicks(clicks_lps_mm)
    if any(volume.grid.nearest_index(click) is None for click in clicks):
        raise OperatorError("click-outside-image", "A click of the path lies outside the image; click on the vessel.")
    lumen = _lumen(volume, clicks)
    pieces: list[NDArray[np.float64]] = []
    for index, (start, end) in enumerate(zip(clicks[:-1], clicks[1:], strict=True)):
        steps.step(0.8 * index / (len(clicks) - 1), "Following the vessel")
        piece = _between_clicks(volume, start, end, lumen, margin_mm)
        pieces.append(piece if not pieces else piece[1:])
    steps.step(0.8, "Measuring the vessel")
    rough = Polyline(np.concatenate(pieces), volume.grid.frame_uid)
    centreline, sections = _centred(volume, rough, lumen, (clicks[0], clicks[-1]))
    steps.step(1.0, "Measuring the vessel")
    return VesselPath(centreline, sections.radius_mm, _doubtful(sections), clicks, "minimal-path")


def free_path(clicks_lps_mm: ArrayLike, frame_uid: str, *, volume: Volume | None = None) -> VesselPath:
    """A smooth curve through the clicks as they are; its width is measured when an image is given.

    Raises
    ------
    OperatorError
        For fewer than two different clicks.
    """
    clicks = _clicks(clicks_lps_mm)
    centreline = _spline(clicks, frame_uid).resampled(_STEP_MM)
    count = len(centreline.points_lps_mm)
    if volume is None:
        nothing = np.full(count, np.nan)
        return VesselPath(centreline, nothing, np.ones(count, dtype=np.bool_), clicks, "free")
    background = _lumen(volume, clicks, strict=False).background
    sections = cross_sections(volume, centreline, background, reach_mm=_REACH_MM)
    return VesselPath(centreline, sections.radius_mm, _doubtful(sections), clicks, "free")


def _clicks(clicks_lps_mm: ArrayLike) -> NDArray[np.float64]:
    clicks = np.asarray(clicks_lps_mm, dtype=np.float64).reshape(-1, 3)
    if len(clicks):
        apart = np.linalg.norm(np.diff(clicks, axis=0), axis=1) > 1e-6
        clicks = clicks[np.concatenate([[True], apart])]
    if len(clicks) < 2:
        raise OperatorError("too-few-clicks", "A path needs two different points; click its start and its end.")
    return clicks


def _spline(clicks: NDArray[np.float64], frame_uid: str) -> Polyline:
    from scipy.interpolate import CubicSpline

    if len(clicks) == 2:
        return Polyline(clicks, frame_uid)
    # Chord lengths to the power of one half keep the curve from overshooting between uneven clicks.
    chords = np.sqrt(np.linalg.norm(np.diff(clicks, axis=0), axis=1))
    knots = np.concatenate([[0.0], np.cumsum(chords)])
    fine = np.unique(np.concatenate([knots, np.linspace(0.0, knots[-1], 40 * len(clicks))]))
    return Polyline(CubicSpline(knots, clicks)(fine), frame_uid)


def _near(
    volume: Volume, point: NDArray[np.float64], radius_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grey values around a point, and their distances from it."""
    box = ball_box(volume.grid, point, radius_mm)
    axes = [np.arange(low, high) for low, high in zip(*box, strict=True)]
    centres = volume.grid.lps_from_kji.points(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    values = np.asarray(volume.voxels[box_slices(box)], dtype=np.float64)
    return values.reshape(-1), np.linalg.norm(centres - point, axis=-1).reshape(-1)


def _lumen(volume: Volume, clicks: NDArray[np.float64], *, strict: bool = True) -> _Lumen:
    """What the clicked vessel looks like.

    Raises
    ------
    OperatorError
        When a click is no brighter than what lies around it.
    """
    bright, around = [], []
    for click in clicks:
        values, gaps = _near(volume, click, _SURROUNDINGS_MM)
        # On coarse voxels no centre need lie within the reach: then the nearest one speaks for the click.
        core = values[gaps <= max(SNAP_MM, max(volume.grid.spacing_kji_mm) / 2.0, float(gaps.min()))]
        bright.append(float(np.quantile(core, 0.75)))
        around.append(_surroundings(values, gaps, core))
    background = min(around)
    if strict and min(bright) <= background:
        raise OperatorError(
            "no-contrast", "A click is no brighter than what lies around it; click inside the enhanced vessel."
        )
    return _Lumen(min(bright), max(bright), background)


def _surroundings(values: NDArray[np.float64], gaps: NDArray[np.float64], core: NDArray[np.float64]) -> float:
    """Typical grey value near a click, but not of the vessel: a wide artery fills the nearest centimetre by itself."""
    middle = float(np.median(core))
    scatter = 1.4826 * float(np.median(np.abs(core - middle)))
    darker = values < middle - 3.0 * scatter
    if darker.mean() < _LEAST_DARKER:
        # A faint vessel: more than the darker tail of its own noise (16 % of a normal distribution) must be darker.
        darker = values < middle - scatter
        if darker.mean() < 2.0 * _DARKER_TAIL:
            return float(values.max())
    near = gaps <= _BESIDE_MM
    chosen = darker & near if darker[near].mean() > 0.5 else darker
    return float(np.median(values[chosen]))


def _between_clicks(
    volume: Volume, start: NDArray[np.float64], end: NDArray[np.float64], lumen: _Lumen, margin_mm: float
) -> NDArray[np.float64]:
    """(n, 3) LPS points of the least-cost way between two clicks."""
    margin = max(margin_mm, float(np.linalg.norm(end - start)) / 3.0)
    box = union_box((ball_box(volume.grid, start, margin), ball_box(volume.grid, end, margin)))
    values = np.asarray(volume.voxels[box_slices(box)], dtype=np.float32)
    cost = _cost(values, volume.grid.spacing_kji_mm, lumen)
    first = snapped(volume, cost, box, start)
    last = snapped(volume, cost, box, end)
    indices = least_cost_path(cost, first, last, volume.grid.spacing_kji_mm)
    if indices is None or len(indices) < 2:
        return np.stack([start, end])
    return volume.grid.lps_from_kji.points(indices + np.asarray(box[0]))


def _cost(values: NDArray[np.float32], spacing: tuple[float, float, float], lumen: _Lumen) -> NDArray[np.float32]:
    """Cost per mm: low where a voxel is as bright as the lumen, not brighter (bone), and in the middle of a tube."""
    contrast = lumen.lowest - lumen.background
    likeness = np.clip((values - lumen.background) / contrast, 0.0, 1.0)
    excess = np.clip((values - lumen.highest) / max(contrast, 0.5 * (lumen.highest - lumen.background)) - 0.3, 0.0, 1.0)
    likeness = likeness * (1.0 - excess)
    wanted = likeness > 0.3
    tube = vesselness(np.minimum(values, lumen.highest), spacing, _SCALES_MM, wanted=wanted)
    middle = np.clip(tube / (0.4 * contrast), 0.0, 1.0)
    cost: NDArray[np.float32] = (1.0 / (_LEAST_COST + likeness**3 * (0.4 + 0.6 * middle))).astype(np.float32)
    return cost


def _centred(
    volume: Volume, rough: Polyline, lumen: _Lumen, ends: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> tuple[Polyline, CrossSections]:
    """Move the path to the middle of its cross-sections until it stays there; it ends beside the outer clicks."""
    # The ends would creep inwards while the line is moved and smoothed: they are run on, and cut off at the end.
    even = smooth(rough.resampled(_STEP_MM), 3.0, _STEP_MM)
    line = smooth(run_on(even, _RUN_ON_MM, _COURSE_POINTS).resampled(_STEP_MM), 1.5, _STEP_MM)
    for _ in range(_CENTRING_ROUNDS):
        sections = cross_sections(volume, line, lumen.background, reach_mm=_REACH_MM)
        typical = np.where(np.isfinite(sections.radius_mm), sections.radius_mm, 0.0)
        shift = sections.shift_lps_mm
        length = np.linalg.norm(shift, axis=1, keepdims=True)
        bounded = shift * np.minimum(1.0, typical[:, None] / np.maximum(length, 1e-9))
        line = smooth(Polyline(line.points_lps_mm + bounded, line.frame_uid).resampled(_STEP_MM), 1.5, _STEP_MM)
    line = cut(line, *ends, _STEP_MM)
    return line, cross_sections(volume, line, lumen.background, reach_mm=_REACH_MM)


def _doubtful(sections: CrossSections) -> NDArray[np.bool_]:
    contrast = sections.lumen - sections.surroundings
    narrow = ~(2.0 * sections.radius_mm >= _LEAST_VOXELS * sections.voxel_mm)
    faint = ~(contrast >= _LEAST_CONTRAST * _steadied(sections.noise))
    doubtful: NDArray[np.bool_] = narrow | faint
    return doubtful


def _steadied(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running median: one cross-section of a thin vessel holds too few voxels to tell the noise by itself."""
    steadied = noise.copy()
    for index in range(len(noise)):
        near = noise[max(0, index - _NOISE_REACH) : index + _NOISE_REACH + 1]
        near = near[np.isfinite(near)]
        if near.size:
            steadied[index] = float(np.median(near))
    return steadied
