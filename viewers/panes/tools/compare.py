"""One place clicked in two studies that are compared: what measures the error of their match."""

from __future__ import annotations

from viewers.panes.tools.base import Pointer, Tool, ToolKit
from viewers.state.compare import COMPARE_LANDMARK, CompareDesk
from viewers.state.view_state import as_point


class CompareLandmarkTool(Tool):
    """In whichever order; clicking again in the same study moves the landmark."""

    id = COMPARE_LANDMARK
    name = "Landmark in both studies"

    def __init__(self, kit: ToolKit) -> None:
        super().__init__(kit)
        kit.state.compare.landmarks.changed.connect(self._changed)

    @property
    def compare(self) -> CompareDesk:
        return self.kit.state.compare

    def hint(self) -> str:
        return self.compare.next_landmark

    def press(self, pointer: Pointer) -> None:
        point = as_point(pointer.lps_mm)
        self.kit.notice.set(self.compare.put_landmark(pointer.series, point) or "")

    def _changed(self, pairs: object) -> None:
        del pairs
        if self.kit.state.active_tool.value == self.id:
            self.say()
