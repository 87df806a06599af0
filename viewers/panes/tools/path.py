"""The vessel path: click along an artery; a minimal path follows the enhanced lumen between the clicks."""

from __future__ import annotations

import numpy as np

from planner.imaging import Volume
from planner.jobs import Context
from planner.model.items import VESSEL_PATH, Point, VesselPathBody
from planner.planning.vessel_path import VesselPath, free_path, trace_vessel
from viewers.panes.tools.base import Pointer, Tool, ToolKit
from viewers.state.preview import NOTHING, Preview
from viewers.state.region_editor import first_free
from viewers.state.view_state import as_point


class PathTool(Tool):
    """Clicks, then Enter or a double-click; Backspace takes the last click back."""

    id = "path"
    name = "Vessel path"
    shortcut = "P"

    def __init__(self, kit: ToolKit) -> None:
        super().__init__(kit)
        self._clicks: list[Point] = []
        self._volume: Volume | None = None
        self._traced: VesselPath | None = None

    def hint(self) -> str:
        if not self._clicks:
            return "Click where the path starts (access), then along the artery or at its end."
        return f"{len(self._clicks)} points: click on, Backspace takes the last back, Enter or double-click finishes."

    def press(self, pointer: Pointer) -> None:
        if self.kit.host() is None:
            return
        if self._volume is not None and self._volume.grid.frame_uid != pointer.frame_uid:
            self.kit.notice.set("This pane is not linked; go on in the study the path was begun in.")
            return
        self._volume = self._volume or pointer.volume
        point = as_point(pointer.lps_mm)
        if not self._clicks or np.linalg.norm(np.subtract(point, self._clicks[-1])) > pointer.reach_mm:
            self._clicks.append(point)
            self._trace()

    def double_click(self, pointer: Pointer) -> bool:
        del pointer
        if not self._clicks:
            return False
        self._finish()
        return True

    def key(self, name: str) -> bool:
        if name in ("Return", "Enter") and self._clicks:
            self._finish()
        elif name == "Backspace" and self._clicks:
            self._clicks.pop()
            self._trace()
        else:
            return False
        return True

    def cancel(self) -> None:
        """The clicks are forgotten."""
        self._clicks = []
        self._volume = self._traced = None
        super().cancel()

    def _trace(self) -> None:
        """Follow the lumen through the clicks so far, as a job; the newest one wins."""
        self._traced = None
        self._show()
        if len(self._clicks) >= 2:
            self._submit(keep=False)

    def _finish(self) -> None:
        if len(self._clicks) < 2:
            self.kit.notice.set("A path needs two points; click its end too.")
        elif self._traced is not None:
            self._keep(self._traced)
        else:
            self._submit(keep=True)

    def _submit(self, *, keep: bool) -> None:
        volume, clicks = self._volume, tuple(self._clicks)
        by_clicks = self.kit.settings.path_by_clicks.value
        if volume is None:
            return

        def work(context: Context) -> VesselPath:
            if by_clicks:
                return free_path(clicks, volume.grid.frame_uid, volume=volume)
            return trace_vessel(volume, clicks, context=context)

        def done(path: VesselPath) -> None:
            self._traced = path
            if keep:
                self._keep(path)
            else:
                self._show()

        self.kit.jobs.submit(
            "Following the vessel", work, done, still_valid=lambda: tuple(self._clicks) == clicks, group="path"
        )

    def _keep(self, path: VesselPath) -> None:
        volume, host = self._volume, self.kit.host()
        if volume is None or host is None:
            return
        new = self.kit.settings.new_path.value
        taken = {mark.item.name for mark in self.kit.marks.marks.value}
        item_id = host.put_item(
            VESSEL_PATH,
            body_of(path, new.lesion_ids),
            name=new.name or first_free("Path", taken.__contains__),
            frame_uid=volume.grid.frame_uid,
            source=volume.source,
            label="Mark vessel path",
            tool=path.method,
        )
        self.cancel()
        self.kit.state.selected_id.set(item_id)
        self.say()

    def _show(self) -> None:
        frame = None if self._volume is None else self._volume.grid.frame_uid
        traced = () if self._traced is None else self._traced.centreline.points_lps_mm
        path = tuple(as_point(point) for point in traced) or tuple(self._clicks)
        self.kit.preview.set(
            Preview(frame_uid=frame, path_lps_mm=path, clicks_lps_mm=tuple(self._clicks)) if path else NOTHING
        )
        self.say()


def body_of(path: VesselPath, lesion_ids: tuple[str, ...] = ()) -> VesselPathBody:
    """A traced path as the plan keeps it; a radius that could not be measured is None."""
    radii = tuple(float(radius) if np.isfinite(radius) else None for radius in path.radius_mm)
    return VesselPathBody(
        points_lps_mm=tuple(as_point(point) for point in path.centreline.points_lps_mm),
        radius_mm=radii,
        clicks_lps_mm=tuple(as_point(point) for point in path.clicks_lps_mm),
        lesion_ids=lesion_ids,
        method=path.method,
        low_confidence=path.any_low_confidence,
    )
