"""The course and the width of a lumen, from clicks: airway, gullet, bowel, bile duct, vein, artery.

The way between the clicks is the least-cost path through what looks like the lumen; it is then centred, and measured,
on cross-sections. A lumen says where it is closed and where it is not to be trusted; a width is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import OperatorError, UsageError
from planner.geometry import Polyline
from planner.imaging import Volume
from planner.imaging.cross_sections import frames
from planner.imaging.lumen_contours import LumenLook, LumenSections, lumen_sections
from planner.jobs import Context
from planner.model.vessel_items import LUMEN_KINDS
from planner.planning.course_lines import cut, run_on, smooth
from planner.planning.lumens_gut import gut_course
from planner.planning.lumens_path import (
    COLLAPSIBLE,
    KINDS,
    STEP_MM,
    arterial_look,
    calm_shift,
    clicked_look,
    way_between,
)
from planner.planning.vessel_path import trace_vessel

Floats = NDArray[np.float64]

_CENTRING_ROUNDS = 4
_RUN_ON_MM = 5.0
_COURSE_POINTS = 6
"""Points at an end whose course the line is run on by."""
_LEAST_VOXELS = 2.0
"""Below this diameter in voxels a measured width is not trusted: fewer samples than Nyquist asks for."""
_LEAST_CONTRAST = 4.0
"""Below this contrast in noise standard deviations the edge is not trusted (Rose's criterion: 4-5)."""
_LEAST_EDGED = 0.5
"""With fewer rays that have an edge of their own, the width leans on the neighbours."""


@dataclass(frozen=True, eq=False)
class Lumen:
    """A measured lumen; distances run along the centreline from its first point.

    Attributes
    ----------
    centreline
        Points at most 0.5 mm apart, from the first click to the last.
    inscribed_mm, equivalent_mm, least_mm, greatest_mm
        (n,) diameters: of the largest circle inside, of a circle of the same area, smallest and greatest axis. NaN
        where the lumen is closed or could not be measured.
    greatest_angle_deg
        (n,) of the greatest axis, 0 to 180 from the first direction across of `frames`; NaN where unknown.
    doubtful
        (n,) bool: not to be trusted. A width that is NaN and *not* doubtful is a lumen seen to be closed.
    contours_mm
        (n, rays) radii around the centreline, turning from the first direction across to the second; None when unknown.
    outer_mm
        (n,) diameter of the whole tube, wall included, of a gullet or bowel; None for other kinds.
    method
        ``minimal-path``, ``clicks`` (through clicks as they are) or ``tree``.
    findings
        Sentences: what is closed, what is not to be trusted.
    """

    kind: str
    centreline: Polyline
    inscribed_mm: Floats
    equivalent_mm: Floats
    least_mm: Floats
    greatest_mm: Floats
    greatest_angle_deg: Floats
    doubtful: NDArray[np.bool_]
    clicks_lps_mm: Floats
    contours_mm: Floats | None = None
    outer_mm: Floats | None = None
    method: str = "minimal-path"
    findings: tuple[str, ...] = ()

    @cached_property
    def along_mm(self) -> Floats:
        """(n,): distance along the centreline from its start."""
        return self.centreline.arc_length_mm()

    @property
    def length_mm(self) -> float:
        return float(self.along_mm[-1])

    @property
    def closed(self) -> NDArray[np.bool_]:
        """(n,): seen to be closed."""
        found: NDArray[np.bool_] = np.isnan(self.equivalent_mm) & ~self.doubtful
        return found

    @cached_property
    def frames(self) -> tuple[Floats, Floats, Floats]:
        """Unit tangents and two unit directions across, (n, 3) each, turning no more than the curve does."""
        return frames(self.centreline.points_lps_mm)

    def place_of(self, point_lps_mm: ArrayLike) -> float:
        """Distance along the centreline of its point nearest to a point in the room."""
        gaps = np.linalg.norm(self.centreline.points_lps_mm - np.asarray(point_lps_mm, dtype=np.float64), axis=1)
        return float(self.along_mm[int(np.argmin(gaps))])

    def outline_lps_mm(self, index: int) -> Floats | None:
        """(rays, 3) of the lumen's outline at a point of the centreline; None where there is none."""
        if self.contours_mm is None or not np.isfinite(self.contours_mm[index]).all():
            return None
        _, across, beside = (each[index] for each in self.frames)
        turn = np.arange(self.contours_mm.shape[1]) * (2.0 * np.pi / self.contours_mm.shape[1])
        radii = self.contours_mm[index][:, None]
        outline: Floats = self.centreline.points_lps_mm[index] + radii * (
            np.cos(turn)[:, None] * across + np.sin(turn)[:, None] * beside
        )
        return outline


def trace_lumen(volume: Volume, clicks_lps_mm: ArrayLike, kind: str, *, context: Context | None = None) -> Lumen:
    """A lumen through two or more clicks, in their order.

    Parameters
    ----------
    volume
        CT in Hounsfield units; veins and arteries in any image where they stand out.
    clicks_lps_mm
        (m, 3), m >= 2, in or within 1.5 mm of the lumen; of a gullet or bowel, in its wall where it is closed.
    kind
        One of `LUMEN_KINDS`.

    Raises
    ------
    UsageError
        For an unknown kind.
    OperatorError
        For fewer than two clicks, one outside the image, or clicks that lie in no lumen of this kind.
    """
    steps = context or Context()
    clicks = checked_clicks(volume, clicks_lps_mm, kind)
    steps.step(0.0, f"Following the {KINDS[kind].word}")
    if kind in COLLAPSIBLE:
        way = _extended(way_between(volume, clicks, kind, None))
        steps.step(0.4, f"Measuring the {KINDS[kind].word}")
        return _gut(volume, way, clicks, kind, "minimal-path", steps.part(0.4, 1.0))
    if kind == "artery":
        look, rough = _arterial(volume, clicks, steps.part(0.0, 0.4))
    else:
        look = clicked_look(volume, clicks, kind)
        rough = way_between(volume, clicks, kind, look)
    steps.step(0.4, f"Measuring the {KINDS[kind].word}")
    return _followed(volume, rough, clicks, kind, look, "minimal-path", steps.part(0.4, 1.0))


def lumen_along(
    volume: Volume, centreline: Polyline, kind: str, *, method: str = "tree", context: Context | None = None
) -> Lumen:
    """The lumen around a course that is known already (a segment of a tree, a person's own line).

    Raises
    ------
    UsageError, OperatorError
        As `trace_lumen`.
    """
    steps = context or Context()
    even = centreline.resampled(5.0)
    clicks = checked_clicks(volume, even.points_lps_mm, kind)
    ends = clicks[[0, -1]]
    if kind in COLLAPSIBLE:
        return _gut(volume, _extended(centreline), ends, kind, method, steps)
    look = _arterial(volume, ends, steps)[0] if kind == "artery" else clicked_look(volume, clicks, kind)
    return _followed(volume, centreline, ends, kind, look, method, steps)


def checked_clicks(volume: Volume, clicks_lps_mm: ArrayLike, kind: str) -> Floats:
    """(m, 3) without repeats; raises as `trace_lumen`."""
    if kind not in LUMEN_KINDS:
        raise UsageError("unknown-lumen", f"There is no lumen called {kind}; choose one of {', '.join(LUMEN_KINDS)}.")
    clicks = np.asarray(clicks_lps_mm, dtype=np.float64).reshape(-1, 3)
    if not np.isfinite(clicks).all() or any(volume.grid.nearest_index(click) is None for click in clicks):
        raise OperatorError("click-outside-image", "A click of the lumen lies outside the image; click inside it.")
    if len(clicks):
        apart = np.linalg.norm(np.diff(clicks, axis=0), axis=1) > 1e-6
        clicks = clicks[np.concatenate([[True], apart])]
    if len(clicks) < 2:
        raise OperatorError("too-few-clicks", "A lumen needs two different points; click its start and its end.")
    return clicks


def _arterial(volume: Volume, clicks: Floats, context: Context) -> tuple[LumenLook, Polyline]:
    path = trace_vessel(volume, clicks, context=context)
    return arterial_look(volume, path.centreline), path.centreline


def _extended(rough: Polyline) -> Polyline:
    """Evenly spaced, calm, and run on at both ends, which would creep inwards while the line is centred."""
    even = smooth(rough.resampled(STEP_MM), 3.0, STEP_MM)
    return smooth(run_on(even, _RUN_ON_MM, _COURSE_POINTS).resampled(STEP_MM), 1.5, STEP_MM)


def _followed(
    volume: Volume, rough: Polyline, clicks: Floats, kind: str, look: LumenLook, method: str, context: Context
) -> Lumen:
    line = _extended(rough)
    reach = KINDS[kind].reach_mm
    for turn in range(_CENTRING_ROUNDS):
        context.step(turn / (_CENTRING_ROUNDS + 1.0))
        sections = lumen_sections(volume, line, look, reach_mm=reach)
        widest = float(np.quantile(0.5 * np.nan_to_num(sections.greatest_mm), 0.98))
        reach = float(np.clip(2.2 * widest + 4.0, 8.0, KINDS[kind].reach_mm))
        line = _moved(line, sections)
    line = cut(line, clicks[0], clicks[-1], STEP_MM)
    sections = lumen_sections(volume, line, look, reach_mm=reach)
    context.step(1.0)
    return _lumen_of(line, sections, clicks, kind, method)


def _moved(line: Polyline, sections: LumenSections) -> Polyline:
    """Towards the middle of the sections, by no more than a radius at a time."""
    shift = calm_shift(sections.shift_lps_mm)
    most = np.maximum(0.5 * np.nan_to_num(sections.greatest_mm), 0.5)[:, None]
    length = np.linalg.norm(shift, axis=1, keepdims=True)
    bounded = shift * np.minimum(1.0, most / np.maximum(length, 1e-9))
    return smooth(Polyline(line.points_lps_mm + bounded, line.frame_uid).resampled(STEP_MM), 1.5, STEP_MM)


def _lumen_of(line: Polyline, sections: LumenSections, clicks: Floats, kind: str, method: str) -> Lumen:
    closed = sections.equivalent_mm == 0.0
    seen = sections.equivalent_mm > 0.0
    narrow = ~(sections.equivalent_mm >= _LEAST_VOXELS * sections.voxel_mm)
    faint = ~(sections.contrast >= _LEAST_CONTRAST * sections.noise)
    doubtful = np.where(closed, False, narrow | faint | (sections.edged < _LEAST_EDGED) | ~seen)

    def open_only(values: Floats) -> Floats:
        return np.where(seen, values, np.nan)

    lumen = Lumen(
        kind,
        line,
        open_only(sections.inscribed_mm),
        open_only(sections.equivalent_mm),
        open_only(sections.least_mm),
        open_only(sections.greatest_mm),
        open_only(sections.greatest_angle_deg),
        doubtful,
        clicks,
        np.where(seen[:, None], sections.radii_mm, np.nan),
        method=method,
    )
    return with_findings(lumen)


def _gut(volume: Volume, way: Polyline, clicks: Floats, kind: str, method: str, context: Context) -> Lumen:
    course = gut_course(volume, way, clicks, KINDS[kind].reach_mm, context)
    lumen = Lumen(
        kind, course.centreline, course.inscribed_mm, course.equivalent_mm, course.least_mm, course.greatest_mm,
        course.greatest_angle_deg, course.doubtful, clicks, course.contours_mm, course.outer_mm, method,
    )  # fmt: skip
    return with_findings(lumen)


def with_findings(lumen: Lumen) -> Lumen:
    """The lumen with sentences on where it is closed and where its width is not to be trusted."""
    word = KINDS[lumen.kind].word
    said = [
        f"No open lumen of the {word} from {low:.0f} to {high:.0f} mm: closed, collapsed, or too narrow for this image."
        for low, high in stretches(lumen.closed, lumen.along_mm)
    ]
    doubted = lumen.doubtful & ~lumen.closed
    if doubted.any():
        share = 100.0 * float(doubted.mean())
        said.append(f"The width is not to be trusted over {share:.0f} % of the length: narrow, or of little contrast.")
    return replace(lumen, findings=tuple(said))


def stretches(chosen: NDArray[np.bool_], along_mm: Floats) -> tuple[tuple[float, float], ...]:
    """(from, to) of every run of chosen points."""
    padded = np.concatenate([[False], chosen, [False]]).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(padded) == 1), np.flatnonzero(np.diff(padded) == -1) - 1
    return tuple((float(along_mm[low]), float(along_mm[high])) for low, high in zip(starts, ends, strict=True))
