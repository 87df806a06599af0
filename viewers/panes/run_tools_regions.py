"""Regions with their curves: kept in the open session, or for this view only where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.imaging.run_calibration import Pixel
from planner.model.edits import new_id
from planner.model.run_items import RunMeasurementBody
from viewers.state.run_marks import NO_SESSION_REGION, RunMark, RunMarks
from viewers.state.run_marks_work import region_values
from viewers.state.run_state import REGION_COLOURS, RunRegion

if TYPE_CHECKING:
    from viewers.panes.run_pane import RunPane

VIEW_ONLY = "region-"
"""Begins the ids of regions that no session keeps."""


class Regions:
    """Regions of one pane. What their curves tell joins the step of undo in which they were drawn or moved."""

    def __init__(self, pane: RunPane, marks: RunMarks) -> None:
        self._pane, self._marks = pane, marks
        self._awaited: dict[str, str] = {}

    def add(self, points_xy: Sequence[Pixel]) -> None:
        """A region that was drawn."""
        pane, state, run = self._pane, self._pane.pane_state, self._pane.run
        if run is None:
            return
        if self._marks.host is None:
            state.add_region(points_xy)
            pane.desk.kit.notice.set(NO_SESSION_REGION)
            return
        made, stroke = new_id("item"), new_id("stroke")
        body = self._body(tuple(points_xy), pane.shown_frame + 1)
        self._awaited[made] = stroke
        self._marks.add(run, body, item_id=made, merge=stroke)
        state.curves_shown.set(True)
        pane.state.selected_id.set(made)

    def move(self, mark: RunMark, points_xy: Sequence[Pixel]) -> None:
        """The same region elsewhere: its curve is computed anew."""
        if not isinstance(mark.body, RunMeasurementBody):
            return
        stroke = self._awaited[mark.id] = new_id("stroke")
        body = self._body(tuple(points_xy), mark.body.frame)
        kept = replace(body, calibration=mark.body.calibration, text=mark.body.text)
        self._marks.change(mark.item, kept, merge=stroke)

    def rename(self, region_id: str, name: str) -> None:
        mark = self._marks.mark(region_id)
        if mark is None:
            self._pane.pane_state.rename_region(region_id, name)
        elif name.strip():
            self._pane.desk.kit.notice.set(self._marks.rename(mark.item, name) or "")

    def remove(self, region_id: str) -> None:
        mark = self._marks.mark(region_id)
        if mark is None:
            self._pane.pane_state.remove_region(region_id)
        else:
            self._marks.remove(mark.item)

    def follow(self) -> None:
        """Show the session's regions of this run, and those of this view."""
        pane, run = self._pane, self._pane.run
        if run is None:
            return
        hidden = pane.state.hidden_ids.value
        marks = [mark for mark in self._marks.on(run.key) if mark.kind == "region"]
        kept = tuple(
            RunRegion(mark.id, mark.item.name, REGION_COLOURS[number % len(REGION_COLOURS)], tuple(mark.body.points_xy))
            for number, mark in enumerate(marks)
            if mark.id not in hidden and len(mark.body.points_xy) > 2
        )
        own = tuple(each for each in pane.pane_state.regions.value if each.id.startswith(VIEW_ONLY))
        pane.pane_state.regions.set((*kept, *own))

    def computed(self) -> None:
        """Curves have come: put what they tell into the regions that were drawn or moved."""
        analysis = self._pane.analysis
        curves = analysis.curves
        if not self._awaited or curves is None or not analysis.is_current("curves"):
            return
        for region in self._pane.pane_state.regions.value:
            mark, curve = self._marks.mark(region.id), curves.by_region.get(region.id)
            if region.id not in self._awaited or curve is None or mark is None:
                continue
            stroke = self._awaited.pop(region.id)
            if isinstance(mark.body, RunMeasurementBody) and self._pane.run is not None:
                values = region_values(region, self._pane.run.size_yx, curve, curves.unit)
                self._marks.change(mark.item, replace(mark.body, values=values, subtracted=True), merge=stroke)

    def _body(self, points_xy: tuple[Pixel, ...], frame: int) -> RunMeasurementBody:
        run = self._pane.run
        size = run.size_yx if run is not None else (0, 0)
        values = region_values(RunRegion("", "", "", points_xy), size, None, "")
        key = run.key if run is not None else ""
        return RunMeasurementBody(key, frame, "region", points_xy, values, subtracted=self._pane.is_subtracted)
