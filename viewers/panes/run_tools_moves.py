"""Taking hold of marks on a run: selecting, moving their points, putting them down as one step of undo."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.app.run_items import distance_values, settled_body
from planner.imaging.run_calibration import Pixel
from planner.model.run_items import RunCalibrationBody, RunMeasurementBody
from viewers.state.run_marks import RunMark
from viewers.state.run_marks_work import ENDS, handles_of, moved

if TYPE_CHECKING:
    from viewers.panes.run_tools import RunTools

CLICK_PX = 4.0
"""A press and release farther apart on the screen is a drag."""
WHOLE = -1


@dataclass(slots=True)
class _Grab:
    """A mark that is being moved: one of its handles, or `WHOLE`."""

    mark: RunMark
    handle: int
    began: Pixel
    now: Pixel


class Moves:
    """What the left button does while no tool is in the hand."""

    def __init__(self, tools: RunTools) -> None:
        self._tools = tools
        self._grab: _Grab | None = None

    @property
    def is_moving(self) -> bool:
        return self._grab is not None

    def drop(self) -> None:
        """Nothing was moved."""
        self._grab = None

    def take_hold(self, at: Pixel) -> None:
        """The nearest handle of a mark on this frame, else its line; nothing lets go of the selection."""
        found = self._touched(at)
        state = self._tools.pane.state
        if found is None:
            if self._tools.selected is not None:
                state.selected_id.set(None)
            return
        mark, handle = found
        state.selected_id.set(mark.id)
        if handle is not None or mark.kind in ("region", "text", "arrow"):
            self._grab = _Grab(mark, WHOLE if handle is None else handle, at, at)

    def drag(self, at: Pixel) -> None:
        if self._grab is not None:
            self._grab.now = at

    def _touched(self, at: Pixel) -> tuple[RunMark, int | None] | None:
        reach, frame = self._tools.reach(), self._tools.pane.shown_frame + 1
        here = [mark for mark in self._tools.on_run() if mark.frame == frame or mark.kind == "region"]
        # The selected one first: its handles lie on top.
        here.sort(key=lambda mark: mark.id != self._tools.pane.state.selected_id.value)
        for mark in here:
            for number, place in enumerate(handles_of(mark)):
                if math.dist(place, at) <= reach:
                    return mark, number
        for mark in here:
            if distance_to(mark, at) <= reach:
                return mark, None
        return None

    def moving(self) -> RunMark | None:
        """The mark under the hand, with its points where they are moved to."""
        grab = self._grab
        if grab is None or grab.now == grab.began:
            return None
        body = grab.mark.body
        by = grab.now[0] - grab.began[0], grab.now[1] - grab.began[1]
        if isinstance(body, RunCalibrationBody):
            return replace(grab.mark, body=replace(body, points_xy=_with(body.points_xy, grab.handle, by)))
        if not body.clicks_xy:
            points = _with(body.points_xy, grab.handle, by)
            values = distance_values(points) if body.kind == "distance" else body.values
            return self._settled(grab.mark, replace(body, points_xy=points, values=values))
        clicks = _with(body.clicks_xy, grab.handle, by)
        vessel = self._tools.vessels.shown
        if body.kind == "diameter" and grab.handle == ENDS and vessel is not None:
            placed = vessel.at(clicks[ENDS]).body()
            return self._settled(grab.mark, replace(placed, calibration=body.calibration, text=body.text))
        return replace(grab.mark, body=replace(body, clicks_xy=clicks))

    def _settled(self, mark: RunMark, body: RunMeasurementBody) -> RunMark:
        session = self._tools.marks.session
        return replace(mark, body=body if session is None else settled_body(body, session))

    def put_down(self, at: Pixel) -> None:
        """The end of a move: one step of undo; what is fitted is fitted anew."""
        grab, view = self._grab, self._tools.pane.view()
        if grab is None or view is None:
            return
        grab.now = at
        moving = self.moving() if math.dist(grab.began, at) * view.scale > CLICK_PX else None
        self._grab = None
        if moving is None:
            return
        body = moving.body
        if isinstance(body, RunCalibrationBody):
            if len(body.points_xy) == ENDS:
                self._tools.calibration.moved(grab.mark, (body.points_xy[0], body.points_xy[1]))
        elif body.kind == "region":
            self._tools.regions.move(grab.mark, body.points_xy)
        elif not body.clicks_xy or (body.kind == "diameter" and grab.handle == ENDS and self._tools.vessels.shown):
            self._tools.change(grab.mark, body)
        else:
            self._tools.measure(body.kind, body.frame - 1, body.clicks_xy, grab.mark, subtracted=body.subtracted)


def _with(points: tuple[Pixel, ...], handle: int, by: Pixel) -> tuple[Pixel, ...]:
    """One point moved, or all of them."""
    if handle == WHOLE:
        return moved(points, by)
    return tuple(moved((point,), by)[0] if number == handle else point for number, point in enumerate(points))


def distance_to(mark: RunMark, at: Pixel) -> float:
    """Pixels of the run from a mark's line."""
    points = tuple(mark.body.points_xy)
    if mark.kind == "region":
        points = (*points, *points[:1])
    if len(points) == 1:
        return math.dist(points[0], at)
    return min((_from_line(at, one, other) for one, other in zip(points, points[1:], strict=False)), default=math.inf)


def _from_line(at: Pixel, one: Pixel, other: Pixel) -> float:
    along = other[0] - one[0], other[1] - one[1]
    length = along[0] ** 2 + along[1] ** 2
    share = 0.0 if length == 0.0 else ((at[0] - one[0]) * along[0] + (at[1] - one[1]) * along[1]) / length
    share = min(max(share, 0.0), 1.0)
    return math.dist(at, (one[0] + share * along[0], one[1] + share * along[1]))
