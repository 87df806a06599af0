"""What a tool shows while it is used, before anything is in the plan."""

from __future__ import annotations

from dataclasses import dataclass

from planner.model.items import MeasurementBody, Point
from viewers.state.mask_layer import RegionShape
from viewers.state.needles import NeedleShape, NeedleTarget, Reading


@dataclass(frozen=True, eq=False, slots=True)
class Preview:
    """Drawn over the plan's items in every pane of the frame.

    Attributes
    ----------
    frame_uid
        Of the points; None for nothing at all.
    measurement
        Being drawn, with its values so far.
    path_lps_mm
        A curve being made.
    clicks_lps_mm, outside_lps_mm
        Clicks inside and outside the thing being marked.
    brush_lps_mm, brush_radius_mm
        Where the brush is; it is drawn in the pane under the pointer.
    needle, reading
        A needle being placed or dragged, with what is known along it so far; its plan item is not drawn meanwhile.
    target
        Of the next needle.
    """

    frame_uid: str | None = None
    measurement: MeasurementBody | None = None
    path_lps_mm: tuple[Point, ...] = ()
    clicks_lps_mm: tuple[Point, ...] = ()
    outside_lps_mm: tuple[Point, ...] = ()
    region: RegionShape | None = None
    brush_lps_mm: Point | None = None
    brush_radius_mm: float = 0.0
    needle: NeedleShape | None = None
    reading: Reading | None = None
    target: NeedleTarget | None = None


NOTHING = Preview()
