"""Vessels under the pointer in a 3D pane: a click chooses one, the tools of vessels hold and drag there too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent

from viewers.panes.desk import Desk
from viewers.panes.mpr_hands import key_name
from viewers.panes.tools.vessel_tree import VesselTool
from viewers.panes.volume_pane import VolumePane
from viewers.state.vessels import TreeShown, VesselPlace

NEAR_EM, DRAG_EM = 0.6, 3.0
"""How near to a vessel's edge a click must be, and a drag that follows it."""


class VesselPicking:
    """Hands of one 3D pane on vessels.

    Parameters
    ----------
    frame_uid
        Tells the frame of reference on show; None for none.
    """

    def __init__(self, pane: VolumePane, desk: Desk, frame_uid: Callable[[], str | None]) -> None:
        self._pane, self._desk, self._frame = pane, desk, frame_uid
        self._pressed: QPointF | None = None
        self._holding = False
        pane.setMouseTracking(True)

    def place_at(self, position: QPointF, reach_em: float = NEAR_EM, tree_id: str | None = None) -> VesselPlace | None:
        """The vessel nearest to the eye among those under a position, else the one nearest to it on the screen."""
        frame = self._frame()
        if frame is None or self._pane.scene.camera is None:
            return None
        best: tuple[tuple[bool, float], VesselPlace] | None = None
        hidden = self._desk.state.hidden_ids.value
        for shown in self._desk.state.vessels.in_frame(frame, hidden):
            if tree_id in (None, shown.id):
                found = self._on_tree(shown, position, reach_em)
                if found is not None and (best is None or found[0] < best[0]):
                    best = found
        return None if best is None else best[1]

    def _on_tree(
        self, shown: TreeShown, position: QPointF, reach_em: float
    ) -> tuple[tuple[bool, float], VesselPlace] | None:
        flat, camera = shown.flat, self._pane.scene.camera
        if camera is None or not len(flat.points_lps_mm):
            return None
        up, eye = np.asarray(camera.up_lps), np.asarray(camera.eye_lps)
        px_per_mm = max(1, self._pane.height()) / (2.0 * camera.half_height_mm)
        away = flat.points_lps_mm - np.asarray(camera.focal_lps_mm)
        x = self._pane.width() / 2.0 + away @ np.cross(up, eye) * px_per_mm
        y = self._pane.height() / 2.0 - away @ up * px_per_mm
        gap = np.hypot(x - position.x(), y - position.y()) - flat.radius_mm * px_per_mm
        reach = reach_em * QFontMetricsF(self._pane.font()).height()
        under = gap <= 1.0
        if under.any():
            depth = np.where(under, away @ eye, -np.inf)
            at = int(np.argmax(depth))
            rank = (False, -float(depth[at]))
        else:
            at = int(np.argmin(gap))
            if gap[at] > reach:
                return None
            rank = (True, float(gap[at]))
        segment = shown.tree.segments[int(flat.number[at])].id
        return rank, VesselPlace(shown.id, segment, float(flat.along_mm[at]))

    @property
    def _tool(self) -> VesselTool | None:
        tool = self._desk.tools.active
        return tool if isinstance(tool, VesselTool) else None

    def press(self, event: QMouseEvent) -> bool:
        """True when a tool has taken hold: then the camera stays."""
        self._pressed = event.position()
        place = self.place_at(event.position()) if event.button() is Qt.MouseButton.LeftButton else None
        tool = self._tool
        if place is None or tool is None:
            return False
        self._holding = True
        self._desk.state.begin_interaction()
        tool.press_place(place)
        self._look(place)
        return True

    def move(self, event: QMouseEvent) -> bool:
        """A drag of the tool, or what is under the pointer."""
        tool, vessels = self._tool, self._desk.state.vessels
        if self._holding and tool is not None:
            place = self.place_at(event.position(), DRAG_EM)
            if place is not None:
                tool.drag_place(place)
                self._look(place)
            return True
        if event.buttons() == Qt.MouseButton.NoButton:
            vessels.pointed.set(self.place_at(event.position()))
        return False

    def release(self, event: QMouseEvent) -> bool:
        """A click that moved nothing chooses the vessel under it."""
        if self._holding:
            self._holding = False
            if self._tool is not None:
                self._tool.release_place()
            self._desk.state.end_interaction()
            return True
        pressed, self._pressed = self._pressed, None
        still = pressed is not None and (event.position() - pressed).manhattanLength() < 4.0
        place = self.place_at(event.position()) if still and event.button() is Qt.MouseButton.LeftButton else None
        if place is not None:
            self.choose(place)
        return False

    def choose(self, place: VesselPlace) -> None:
        """Select it, and bring every pane there."""
        self._desk.state.vessels.choose(place)
        self._look(place)

    def _look(self, place: VesselPlace) -> None:
        """The slices follow what is held or chosen here."""
        tree = self._desk.state.vessels.tree(place.tree_id)
        where = None if tree is None else tree.lps_of(place)
        if tree is not None and where is not None:
            self._desk.state.move_cursor(tree.tree.frame_uid, where)

    def key(self, event: QKeyEvent) -> bool:
        """Keys of the tools of vessels, and those that pick them; the pane keeps its own."""
        if event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier):
            return False
        name, tools = key_name(event.key()), self._desk.tools
        if name == "Escape":
            tools.escape()
            return True
        if self._tool is not None and self._tool.key(name):
            return True
        tool = tools.by_shortcut(name)
        if isinstance(tool, VesselTool):
            tools.pick(tool.id)
            return True
        return False

    def let_go(self) -> None:
        """The pane goes in the middle of a drag."""
        if self._holding:
            self._holding = False
            self._desk.state.end_interaction()
