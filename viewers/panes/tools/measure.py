"""Distance, angle, ellipse: drawn with live values, each one item of the plan."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from planner.imaging.measure import angle_deg, distance_mm, ellipse_statistics
from planner.model.items import MEASUREMENT, MeasurementBody, Point
from viewers.panes.tools.base import Pointer, Tool, ToolKit
from viewers.state.preview import NOTHING, Preview
from viewers.state.region_editor import first_free
from viewers.state.view_state import as_point


class PointsTool(Tool):
    """Points one after the other: press and drag for the first two, or click each.

    Attributes
    ----------
    count
        How many points make the measurement.
    """

    kind: ClassVar[str] = ""
    count: ClassVar[int] = 2

    def __init__(self, kit: ToolKit) -> None:
        super().__init__(kit)
        self._points: list[Point] = []
        self._start: Pointer | None = None

    def cancel(self) -> None:
        """The points are forgotten."""
        self._points = []
        self._start = None
        super().cancel()

    def press(self, pointer: Pointer) -> None:
        if self.kit.host() is None:
            return
        start = self._start
        if start is None or start.frame_uid != pointer.frame_uid or start.kind != pointer.kind:
            self._points, self._start = [as_point(pointer.lps_mm)], pointer
        self._show(pointer)

    def drag(self, pointer: Pointer) -> None:
        if self._start is not None:
            self._show(pointer)

    def hover(self, pointer: Pointer) -> None:
        self.drag(pointer)

    def release(self, pointer: Pointer) -> None:
        if self._start is None:
            return
        point = as_point(pointer.lps_mm)
        if np.linalg.norm(np.subtract(point, self._points[-1])) > pointer.view.mm_per_px * 2.0:
            self._points.append(point)
        if len(self._points) == self.count:
            self._keep(pointer)

    def body(self, points: tuple[Point, ...], pointer: Pointer) -> MeasurementBody:
        """The measurement through these points, with its values."""
        del pointer
        return MeasurementBody(self.kind, points)

    def _show(self, pointer: Pointer) -> None:
        points = (*self._points, as_point(pointer.lps_mm))
        self.kit.preview.set(Preview(frame_uid=pointer.frame_uid, measurement=self.body(points, pointer)))

    def _keep(self, pointer: Pointer) -> None:
        body, host = self.body(tuple(self._points), pointer), self.kit.host()
        self._points, self._start = [], None
        self.kit.preview.set(NOTHING)
        if host is None:
            return
        taken = {mark.item.name for mark in self.kit.marks.marks.value}
        item_id = host.put_item(
            MEASUREMENT,
            body,
            name=first_free(self.name, taken.__contains__),
            frame_uid=pointer.frame_uid,
            source=pointer.volume.source,
            label=f"Measure {self.name.lower()}",
            tool=self.id,
        )
        self.kit.state.selected_id.set(item_id)


class DistanceTool(PointsTool):
    """Between two points."""

    id = "distance"
    name = "Distance"
    shortcut = "D"
    kind = "distance"

    def hint(self) -> str:
        return "Drag from one end to the other, or click both."

    def body(self, points: tuple[Point, ...], pointer: Pointer) -> MeasurementBody:
        """Millimetres."""
        del pointer
        return MeasurementBody(self.kind, points, {"mm": distance_mm(points[0], points[-1])}, "mm")


class AngleTool(PointsTool):
    """At the second of three points."""

    id = "angle"
    name = "Angle"
    shortcut = "A"
    kind = "angle"
    count = 3

    def hint(self) -> str:
        return "Drag the first leg, then click the end of the second."

    def body(self, points: tuple[Point, ...], pointer: Pointer) -> MeasurementBody:
        """Degrees, once there are two legs."""
        del pointer
        complete = len(points) == self.count and len(set(points)) == self.count
        return MeasurementBody(self.kind, points, {"deg": angle_deg(*points) if complete else None}, "deg")


class EllipseTool(PointsTool):
    """From one corner of the box around it to the other."""

    id = "ellipse"
    name = "Ellipse"
    shortcut = "E"
    kind = "ellipse"

    def hint(self) -> str:
        return "Drag from corner to corner: mean, standard deviation and area inside."

    def body(self, points: tuple[Point, ...], pointer: Pointer) -> MeasurementBody:
        """Mean and standard deviation in the image's unit, and the area."""
        first, last = np.asarray(points[0]), np.asarray(points[-1])
        centre, half = (first + last) / 2.0, (last - first) / 2.0
        plane = pointer.view.plane
        right_mm, down_mm = abs(float(half @ plane.right_lps)), abs(float(half @ plane.down_lps))
        right, down = centre + right_mm * plane.right_lps, centre + down_mm * plane.down_lps
        axes = as_point(centre), as_point(right), as_point(down)
        unit = pointer.volume.source.unit
        if min(right_mm, down_mm) <= 0.0:
            return MeasurementBody(self.kind, axes, {}, unit)
        found = ellipse_statistics(pointer.volume, plane, centre, (right_mm, down_mm))
        values = {"mean": found.mean, "sd": found.standard_deviation, "mm2": found.area_mm2}
        return MeasurementBody(self.kind, axes, values, unit)
