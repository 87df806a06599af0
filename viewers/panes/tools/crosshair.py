"""The crosshair: move the cursor, turn the planes by the ends of its lines, and pick plan items."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Polyline
from planner.model.items import MeasurementBody, RegionBody, VesselPathBody
from planner.model.needle_items import NeedlePathBody
from viewers.panes.tools.base import Pointer, Tool
from viewers.panes.tools.needle import distance_px
from viewers.scene.slice_painter import CrosshairLine, handle_px
from viewers.state.marking import Mark
from viewers.state.view_state import CROSSHAIR, PLANE_KINDS

NEAR_EM = 0.7


class CrosshairTool(Tool):
    """The default tool."""

    id = CROSSHAIR
    name = "Crosshair"
    shortcut = "Escape"
    enlarges = True

    _turning_from: float | None = None

    def hint(self) -> str:
        return "Click or drag to move the cursor; drag the dots on its lines to turn the planes."

    def press(self, pointer: Pointer) -> None:
        self._turning_from = None
        if self._on_handle(pointer):
            self._turning_from = self._angle(pointer)
            return
        self._pick(pointer)
        self.kit.state.move_cursor(pointer.frame_uid, pointer.lps_mm)

    def drag(self, pointer: Pointer) -> None:
        if self._turning_from is None:
            self.kit.state.move_cursor(pointer.frame_uid, pointer.lps_mm)
            return
        angle = self._angle(pointer)
        turned = (angle - self._turning_from + 180.0) % 360.0 - 180.0
        self._turning_from = angle
        if turned and pointer.kind is not None:
            self.kit.state.turn_planes(pointer.frame_uid, pointer.kind, turned)

    def release(self, pointer: Pointer) -> None:
        del pointer
        self._turning_from = None

    def _centre(self, pointer: Pointer) -> NDArray[np.float64]:
        return pointer.view.px_of(self.kit.state.cursor_lps_mm(pointer.frame_uid))

    def _angle(self, pointer: Pointer) -> float:
        """Degrees from the right-hand direction towards down: right-handed about the plane's normal."""
        across, down = np.array([pointer.x, pointer.y]) - self._centre(pointer)
        return math.degrees(math.atan2(down, across))

    def _on_handle(self, pointer: Pointer) -> bool:
        if pointer.kind is None:
            return False
        centre = self._centre(pointer)
        for kind in PLANE_KINDS:
            if kind == pointer.kind:
                continue
            along = CrosshairLine(kind, self.kit.state.plane(pointer.frame_uid, kind)).direction_px(pointer.view)
            for side in (-1.0, 1.0):
                gap = handle_px(pointer.view, centre, side * along) - (pointer.x, pointer.y)
                if float(np.linalg.norm(gap)) <= NEAR_EM * pointer.em:
                    return True
        return False

    def _pick(self, pointer: Pointer) -> None:
        """Select the plan item under the pointer; a click beside everything selects nothing."""
        near_mm = NEAR_EM * pointer.em * pointer.view.mm_per_px
        hidden = self.kit.state.hidden_ids.value
        candidates = [
            (distance, mark.id)
            for mark in self.kit.marks.marks.value
            if mark.id not in hidden and mark.item.frame_uid == pointer.frame_uid
            for distance in [self._distance_mm(mark, pointer)]
            if distance is not None and distance <= near_mm
        ]
        self.kit.state.selected_id.set(min(candidates)[1] if candidates else None)

    def _distance_mm(self, mark: Mark, pointer: Pointer) -> float | None:
        """From the pointer to what is drawn of an item; inside a region counts as just near enough."""
        body = mark.body
        if isinstance(body, RegionBody):
            mask = self.kit.marks.mask(mark.id)
            inside = mask is not None and mask.contains(pointer.lps_mm)
            return NEAR_EM * pointer.em * pointer.view.mm_per_px if inside else None
        if isinstance(body, NeedlePathBody):
            ends = pointer.view.px_of(np.asarray((body.entry_lps_mm, body.tip_lps_mm)))
            return distance_px(ends, np.array([pointer.x, pointer.y])) * pointer.view.mm_per_px
        if isinstance(body, (VesselPathBody, MeasurementBody)) and len(body.points_lps_mm) >= 2:
            curve = Polyline(np.asarray(body.points_lps_mm), pointer.frame_uid)
            return curve.distance_mm(pointer.lps_mm)
        return None
