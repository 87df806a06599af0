"""The lumen tool: clicks from the start of a lumen to its end; those of the lumen on show are moved, more are added."""

from __future__ import annotations

import numpy as np

from planner.model.items import Point
from viewers.panes.tools.base import NO_CASE, Pointer, Tool, ToolKit
from viewers.state.lumen_shapes import LumenShown
from viewers.state.lumens import LUMEN_TOOL, LUMEN_WORDS, LumenDesk, LumenKeeper
from viewers.state.preview import NOTHING, Preview
from viewers.state.view_state import as_point

NEAR_EM = 0.6
TWO_CLICKS = "A lumen needs two points; click its end too."
NO_LUMEN = "There is no lumen on show to add a click to; begin one with a plain click."
NO_BRANCH = "No branch of a tree lies here; find the airway tree first, then Shift+click a branch."


class LumenTool(Tool):
    """Clicks, then Enter or a double-click; Backspace takes the last back.

    Without clicks of its own: a click of the lumen on show is dragged, Ctrl+click adds one, Shift+click on a branch of
    a tree measures the lumen along it.
    """

    id = LUMEN_TOOL
    name = "Lumen"
    shortcut = "I"

    def __init__(self, kit: ToolKit) -> None:
        super().__init__(kit)
        self._clicks: list[Point] = []
        self._frame: str | None = None
        self._series = ""
        self._moving: tuple[LumenShown, int, Point] | None = None

    @property
    def lumens(self) -> LumenDesk:
        return self.kit.state.lumens

    @property
    def keeper(self) -> LumenKeeper | None:
        """Of the open case; says what to do when there is none."""
        if self.lumens.keeper is None:
            self.kit.notice.set(NO_CASE)
        return self.lumens.keeper

    def hint(self) -> str:
        word = LUMEN_WORDS.get(self.lumens.kind.value, "Lumen").lower()
        if self._clicks:
            return f"{len(self._clicks)} points: click on, Backspace takes the last back, Enter or double-click ends."
        if self.lumens.shown is None:
            return f"Click where the {word} starts, points along it, and its end; Enter or double-click ends."
        return f"Click the start of another {word}; drag a white square to move a click, Ctrl+click adds one."

    def press(self, pointer: Pointer) -> None:
        keeper = self.keeper
        if keeper is None:
            return
        self.kit.notice.set("")
        if not self._clicks and pointer.control:
            self._add_to_shown(pointer, keeper)
        elif not self._clicks and pointer.shift:
            found = self.kit.state.vessels.nearest(pointer.frame_uid, pointer.lps_mm)
            near = found is not None and found[1] <= max(2.0 * pointer.em * pointer.view.mm_per_px, 5.0)
            self.told(keeper.trace_branch(found[0]) if found is not None and near else NO_BRANCH)
        elif not self._clicks and (held := self._click_under(pointer)) is not None:
            self._moving = (*held, as_point(pointer.lps_mm))
            self._show()
        else:
            self._add(pointer)

    def _add(self, pointer: Pointer) -> None:
        if self._frame is not None and self._frame != pointer.frame_uid:
            self.told("This pane is not linked; go on in the study the lumen was begun in.")
            return
        point = as_point(pointer.lps_mm)
        if not self._clicks or np.linalg.norm(np.subtract(point, self._clicks[-1])) > pointer.reach_mm:
            self._frame, self._series = pointer.frame_uid, pointer.series
            self._clicks.append(point)
            self.kit.state.move_cursor(pointer.frame_uid, pointer.lps_mm)
            self._show()

    def _add_to_shown(self, pointer: Pointer, keeper: LumenKeeper) -> None:
        shown = self.lumens.shown
        if shown is None or shown.frame_uid != pointer.frame_uid:
            self.told(NO_LUMEN)
        else:
            self.told(keeper.add_click(shown.id, as_point(pointer.lps_mm)))

    def _click_under(self, pointer: Pointer) -> tuple[LumenShown, int] | None:
        """The click of the lumen on show that lies under the pointer."""
        shown = self.lumens.shown
        if shown is None or shown.frame_uid != pointer.frame_uid:
            return None
        clicks = shown.lumen.clicks_lps_mm
        xy = pointer.view.px_of(clicks)
        away = np.hypot(xy[:, 0] - pointer.x, xy[:, 1] - pointer.y)
        depth = np.abs(pointer.view.plane.distance_mm(clicks))
        reached = (away <= NEAR_EM * pointer.em) & (depth <= max(pointer.reach_mm, 1.0) + 0.5)
        if not reached.any():
            return None
        return shown, int(np.argmin(np.where(reached, away, np.inf)))

    def drag(self, pointer: Pointer) -> None:
        if self._moving is not None and pointer.frame_uid == self._moving[0].frame_uid:
            self._moving = (self._moving[0], self._moving[1], as_point(pointer.lps_mm))
            self._show()

    def release(self, pointer: Pointer) -> None:
        moving, keeper = self._moving, self.lumens.keeper
        self._moving = None
        if moving is None or keeper is None:
            return
        shown, index, place = moving
        before = shown.lumen.clicks_lps_mm
        if float(np.linalg.norm(before[index] - np.asarray(place))) > pointer.view.mm_per_px:
            clicks = [as_point(each) for each in before]
            clicks[index] = place
            self.told(keeper.trace_again(shown.id, clicks))
        self._show()

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
            self._frame = self._frame if self._clicks else None
            self._show()
        else:
            return False
        return True

    def _finish(self) -> None:
        keeper = self.keeper
        if len(self._clicks) < 2:
            self.told(TWO_CLICKS)
        elif keeper is not None:
            refusal = keeper.trace(tuple(self._clicks), self._series)
            if refusal is None:
                self.cancel()
                self.say()
            self.told(refusal)

    def cancel(self) -> None:
        """The clicks are forgotten."""
        self._clicks, self._frame, self._series, self._moving = [], None, "", None
        super().cancel()

    def told(self, refusal: str | None) -> None:
        self.kit.notice.set(refusal or "")

    def _show(self) -> None:
        clicks, frame = tuple(self._clicks), self._frame
        if self._moving is not None:
            shown, index, place = self._moving
            moved = [as_point(each) for each in shown.lumen.clicks_lps_mm]
            moved[index] = place
            clicks, frame = tuple(moved), shown.frame_uid
        preview = Preview(frame_uid=frame, path_lps_mm=clicks, clicks_lps_mm=clicks) if clicks else NOTHING
        self.kit.preview.set(preview)
        self.say()
