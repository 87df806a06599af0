"""Clicks of the day of an ablation: into the zone that is seen after, and at places that two scans both show."""

from __future__ import annotations

from planner.model.items import Point
from viewers.panes.tools.base import NO_CASE, Pointer, Tool, ToolKit
from viewers.state.day import LANDMARK_TOOL, ZONE_TOOL, DayDesk
from viewers.state.preview import Preview
from viewers.state.view_state import as_point


class ZoneTool(Tool):
    """A click inside the ablation zone; the open case looks for its edge."""

    id = ZONE_TOOL
    name = "Zone by click"

    def hint(self) -> str:
        return "Click inside the zone on the images after ablation; gas in it counts, and is not its edge."

    def press(self, pointer: Pointer) -> None:
        if self.kit.marks.host is None:
            self.kit.notice.set(NO_CASE)
            return
        self.kit.notice.set("")
        point = as_point(pointer.lps_mm)
        self.kit.preview.set(Preview(frame_uid=pointer.frame_uid, clicks_lps_mm=(point,)))
        self.kit.state.move_cursor(pointer.frame_uid, point)
        self.kit.state.day.zone_clicked.emit(pointer.series, point)


class LandmarkTool(Tool):
    """One place clicked in two scans, in whichever order; clicking again in the same scan moves it."""

    id = LANDMARK_TOOL
    name = "Landmark in both scans"

    def __init__(self, kit: ToolKit) -> None:
        super().__init__(kit)
        kit.state.day.pairs.changed.connect(self._changed)

    @property
    def day(self) -> DayDesk:
        return self.kit.state.day

    def hint(self) -> str:
        return self.day.next_words

    def press(self, pointer: Pointer) -> None:
        point = as_point(pointer.lps_mm)
        self.kit.notice.set(self.day.put(pointer.series, point) or "")
        self.kit.state.move_cursor(pointer.frame_uid, point)
        self.kit.preview.set(Preview(frame_uid=pointer.frame_uid, clicks_lps_mm=self._points(pointer.series)))

    def _points(self, series: str) -> tuple[Point, ...]:
        places = (each.place(self.day.side_of(series)) for each in self.day.pairs.value)
        return tuple(place for place in places if place is not None)

    def _changed(self, pairs: object) -> None:
        del pairs
        if self.kit.state.active_tool.value == self.id:
            self.say()
