"""What measuring on a run computes, for jobs: immutable inputs in, a value out. Heavy modules load on first use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.app.run_items import diameter_values, stenosis_values
from planner.imaging.angio import AngioRun
from planner.imaging.run_calibration import Calibration, Pixel, Refusal
from planner.jobs import Context
from planner.model.run_items import RunMeasurementBody
from viewers.state.run_marks import RunMark
from viewers.state.run_state import RunRegion

if TYPE_CHECKING:
    from planner.imaging.displacement import Displacement
    from planner.imaging.opacification import TimeDensityCurve
    from planner.imaging.run_measure import VesselProfile
    from planner.imaging.stenosis import Stenosis
    from planner.imaging.subtraction import Masks

UNSETTLED = "unsettled"
"""Code of the refusal of a catheter that may be full or empty."""
ENDS = 2
"""Clicks that name a vessel; those after them name its place or its reference."""


@dataclass(frozen=True, eq=False, slots=True)
class Subtraction:
    """How one frame is subtracted now; see `planner.imaging.subtraction.subtract_frame`."""

    masks: Masks
    shift_xy_px: tuple[float, float] | None
    field: Displacement | None
    level: float
    open_field: NDArray[np.bool_] | None
    method: str


@dataclass(frozen=True, eq=False, slots=True)
class VesselRequest:
    """A vessel to be measured.

    Attributes
    ----------
    kind
        ``diameter`` or ``stenosis``.
    frame
        Index from 0.
    subtraction
        None measures the unsubtracted frame.
    clicks_xy
        As `RunMeasurementBody.clicks_xy` keeps them.
    """

    run: AngioRun
    frame: int
    kind: str
    clicks_xy: tuple[Pixel, ...]
    subtraction: Subtraction | None


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredVessel:
    """A vessel with its edges, and what is narrow on it.

    Attributes
    ----------
    index
        Of the place that the measurement names: of the diameter, or the narrowest one.
    """

    request: VesselRequest
    profile: VesselProfile
    stenosis: Stenosis | None
    index: int

    def body(self) -> RunMeasurementBody:
        """As the plan keeps it: its points lie on both edges at the place."""
        request, profile = self.request, self.profile
        edges = np.array([profile.left_xy[self.index], profile.right_xy[self.index]])
        if not np.isfinite(edges).all():
            edges = profile.xy[self.index][None]
        points = tuple((float(x), float(y)) for x, y in edges)
        clicks = request.clicks_xy
        if request.kind == "diameter":
            x, y = profile.xy[self.index]
            clicks = (*clicks[:ENDS], (float(x), float(y)))
        values = diameter_values(profile, self.index) if self.stenosis is None else stenosis_values(self.stenosis)
        return RunMeasurementBody(
            run=request.run.key,
            frame=request.frame + 1,
            kind=request.kind,
            points_xy=points,
            values=values,
            subtracted=request.subtraction is not None,
            clicks_xy=clicks,
        )

    def at(self, place_xy: Pixel) -> MeasuredVessel:
        """The diameter at another place of the same vessel; nothing is measured anew."""
        return MeasuredVessel(self.request, self.profile, None, self.profile.nearest(place_xy))

    def near(self, place_xy: Pixel, reach_px: float) -> int | None:
        """Index of the place under the pointer, or None beside the vessel."""
        index = self.profile.nearest(place_xy)
        apart = math.dist(self.profile.xy[index], place_xy)
        width = self.profile.diameter_px[index]
        allowed = reach_px + (float(width) / 2.0 if math.isfinite(width) else 0.0)
        return index if apart <= allowed else None


def measure(request: VesselRequest, context: Context) -> MeasuredVessel:
    """Follow the vessel and find its edges.

    Raises
    ------
    OperatorError
        As `planner.imaging.run_measure.measure_vessel` and `planner.imaging.stenosis.stenosis`.
    """
    from planner.imaging.catheter_calibration import is_logarithmic
    from planner.imaging.run_measure import measure_vessel
    from planner.imaging.stenosis import stenosis

    context.step(0.0, "subtracting the frame")
    picture = _picture(request)
    linear = request.subtraction is not None and request.subtraction.method == "linear"
    logarithmic = is_logarithmic(request.run, "linear" if linear else "log")
    clicks = request.clicks_xy
    profile = measure_vessel(picture, clicks[:ENDS], logarithmic=logarithmic, context=context.part(0.1, 0.9))
    if request.kind == "diameter":
        place = clicks[ENDS] if len(clicks) > ENDS else profile.xy[len(profile.xy) // 2]
        return MeasuredVessel(request, profile, None, profile.nearest(place))
    chosen = [float(profile.along_px[profile.nearest(place)]) for place in clicks[ENDS:]]
    found = stenosis(profile, reference_px=[(chosen[0], chosen[1])] if len(chosen) == ENDS else ())
    return MeasuredVessel(request, profile, found, found.at)


def _picture(request: VesselRequest) -> NDArray[np.float32]:
    """(y, x) that rises where the vessel absorbs; NaN beyond the collimator."""
    how = request.subtraction
    if how is None:
        from planner.imaging.catheter_calibration import attenuation

        return attenuation(request.run, request.frame)
    from planner.imaging.subtraction import subtract_frame

    contrast = subtract_frame(
        request.run, how.masks, request.frame, shift_xy_px=how.shift_xy_px, field=how.field, level=how.level
    )
    if how.open_field is not None:
        contrast[~how.open_field] = np.nan
    return contrast


@dataclass(frozen=True, eq=False, slots=True)
class CatheterRequest:
    """A straight piece of catheter on an unsubtracted frame.

    Attributes
    ----------
    frame
        Index from 0.
    content
        ``full``, ``empty``, or None: the picture tells.
    depth_mm
        How far the vessel may lie from the catheter's plane; None takes the default.
    """

    run: AngioRun
    frame: int
    points_xy: tuple[Pixel, Pixel]
    french: float
    content: str | None = None
    depth_mm: float | None = None
    open_field: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class CatheterAnswer:
    """A calibration, or why there is none.

    Attributes
    ----------
    choices
        What it would be by what lies in the lumen, when that alone decides; a person is asked.
    """

    request: CatheterRequest
    found: Calibration | Refusal
    choices: Mapping[str, Calibration] = field(default_factory=dict)


def calibrate(request: CatheterRequest, context: Context) -> CatheterAnswer:
    """Fit the catheter; where it stays open whether it is full or empty, both."""
    from planner.imaging.catheter_edges import EMPTY, FULL

    context.step(0.0, "fitting the edges of the catheter")
    found = _fitted(request, request.content)
    if not isinstance(found, Refusal) or found.code != UNSETTLED or request.content is not None:
        return CatheterAnswer(request, found)
    choices = {}
    for number, content in enumerate((FULL, EMPTY)):
        context.step(0.4 + 0.3 * number, "fitting it full and empty")
        other = _fitted(request, content)
        if isinstance(other, Calibration):
            choices[content] = other
    return CatheterAnswer(request, found, choices)


def _fitted(request: CatheterRequest, content: str | None) -> Calibration | Refusal:
    from planner.imaging.catheter_calibration import catheter_calibration

    return catheter_calibration(
        request.run,
        request.frame,
        request.points_xy,
        request.french,
        field=request.open_field,
        content=content,
        depth_mm=request.depth_mm,
    )


def region_values(
    region: RunRegion, size_yx: tuple[int, int], curve: TimeDensityCurve | None, unit: str
) -> dict[str, float | None]:
    """Area, and what the curve of a region tells; times only where the file tells them in seconds."""
    values: dict[str, float | None] = {"area_px2": float(region.mask(size_yx).sum())}
    if curve is None or unit != "s":
        return values
    found = {
        "arrival_s": curve.arrival_s,
        "arrival_sd_s": curve.arrival_error_s,
        "wash_in_per_s": curve.wash_in_per_s,
        "peak_s": curve.peak_s,
        "peak_sd_s": curve.peak_error_s,
        "peak_contrast": curve.peak,
        "mean_transit_s": curve.mean_transit_s,
    }
    told = {name: value for name, value in found.items() if value is not None and math.isfinite(value)}
    return values | dict.fromkeys(found) | told


def label_lines(body: RunMeasurementBody, stands_on: str) -> tuple[str, ...]:
    """What is written beside a measurement on the picture; pixels where nothing calibrates them, never millimetres."""
    plane = stands_on or "px, not calibrated"
    if body.kind == "stenosis":
        percent = _number(body.values, "percent", "percent_sd", "%", digits=0)
        return (
            f"{percent} stenosis",
            f"min {_length(body.values, 'minimum')}, ref {_length(body.values, 'reference')}",
            plane,
        )
    if body.kind == "diameter":
        return f"Ø {_length(body.values, 'diameter')}", plane
    if body.kind == "distance":
        return _length(body.values, "length"), plane
    return (body.text,) if body.text else ()


def _length(values: Mapping[str, float | None], base: str) -> str:
    if f"{base}_mm" in values:
        return _number(values, f"{base}_mm", f"{base}_sd_mm", "mm", digits=1)
    return _number(values, f"{base}_px", f"{base}_sd_px", "px", digits=1)


def _number(values: Mapping[str, float | None], name: str, deviation: str, unit: str, *, digits: int) -> str:
    value, spread = values.get(name), values.get(deviation)
    if value is None:
        return "not measured"
    around = f" ± {spread:.{digits}f}" if spread is not None else " ± unknown" if unit == "mm" else ""
    return f"{value:.{digits}f}{around} {unit}"


def handles_of(mark: RunMark) -> tuple[Pixel, ...]:
    """What can be taken hold of: ends and places that a person set. A region is moved as a whole."""
    body = mark.body
    if isinstance(body, RunMeasurementBody):
        return () if body.kind == "region" else body.clicks_xy or body.points_xy
    return body.points_xy


def moved(points_xy: Sequence[Pixel], by: Pixel) -> tuple[Pixel, ...]:
    return tuple((x + by[0], y + by[1]) for x, y in points_xy)
