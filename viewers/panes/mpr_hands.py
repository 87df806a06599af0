"""Hands on an MPR pane: which button, wheel or key does what (the Hands table of the design)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent

from viewers.panes.tools.base import Pointer
from viewers.panes.tools.window import WindowTool
from viewers.scene.slice_view import layer_limits_mm, slice_step_mm
from viewers.state.layouts import next_layout
from viewers.state.pane_state import Slab

if TYPE_CHECKING:
    from viewers.panes.mpr_pane import MprPane

WHEEL_NOTCH = 120
ZOOM_PER_NOTCH = 1.15
PAGE_SLICES = 10
REST_MS = 180
"""So long after the last notch of the wheel the picture is refined."""


class MprHands:
    """Translates Qt events of one pane into changes of the state and calls of the active tool."""

    def __init__(self, pane: MprPane) -> None:
        self._pane = pane
        self._window = WindowTool(pane.desk.kit)
        self._button = Qt.MouseButton.NoButton
        self._at = QPointF()
        self._notches = 0.0
        self._resting = True
        self._rest = QTimer(pane)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._come_to_rest)

    @property
    def is_dragging(self) -> bool:
        """A button is held down in this pane."""
        return self._button != Qt.MouseButton.NoButton

    # Buttons

    def press(self, event: QMouseEvent) -> None:
        """A second button during a drag is ignored."""
        pane = self._pane
        pane.setFocus(Qt.FocusReason.MouseFocusReason)
        pointer = pane.pointer(event.position(), event.modifiers())
        if self._button != Qt.MouseButton.NoButton or pointer is None:
            return
        self._button, self._at = event.button(), event.position()
        pane.state.begin_interaction()
        if self._button == Qt.MouseButton.LeftButton:
            pane.desk.tools.active.press(pointer)
        elif self._button == Qt.MouseButton.RightButton:
            self._window.press(pointer)

    def move(self, event: QMouseEvent) -> None:
        """Drag with the button that went down first, or hover."""
        pane = self._pane
        pointer = pane.pointer(event.position(), event.modifiers())
        if self._button != Qt.MouseButton.NoButton and not event.buttons() & self._button:
            # The release went elsewhere (a dialog, another program): the drag has ended.
            self._end_drag(pointer)
        moved = event.position() - self._at
        self._at = event.position()
        if pointer is not None:
            if self._button == Qt.MouseButton.LeftButton:
                pane.desk.tools.active.drag(pointer)
            elif self._button == Qt.MouseButton.RightButton:
                self._window.drag(pointer)
            elif self._button == Qt.MouseButton.MiddleButton:
                right, down = pane.pane_state.pan_mm.value
                scale = pointer.view.mm_per_px
                pane.pane_state.pan_mm.set((right - moved.x() * scale, down - moved.y() * scale))
            else:
                pane.desk.tools.active.hover(pointer)
        pane.publish_hover(pane.pointer(event.position(), event.modifiers()))

    def release(self, event: QMouseEvent) -> None:
        """Only the button that began the drag ends it."""
        if event.button() == self._button:
            self._end_drag(self._pane.pointer(event.position(), event.modifiers()))

    def _end_drag(self, pointer: Pointer | None) -> None:
        if self._button == Qt.MouseButton.LeftButton and pointer is not None:
            self._pane.desk.tools.active.release(pointer)
        self._button = Qt.MouseButton.NoButton
        self._pane.state.end_interaction()

    def double_click(self, event: QMouseEvent) -> None:
        """Enlarge or put back; while drawing, the tool's: the end of a path, or just another click."""
        tool = self._pane.desk.tools.active
        pointer = self._pane.pointer(event.position(), event.modifiers())
        if event.button() != Qt.MouseButton.LeftButton:
            self.press(event)
        elif pointer is None or tool.enlarges:
            self.enlarge()
        elif not tool.double_click(pointer):
            self.press(event)

    def enlarge(self) -> None:
        """This pane alone, or all panes again."""
        enlarged = self._pane.state.enlarged_pane
        enlarged.set(None if enlarged.value == self._pane.spec.id else self._pane.spec.id)

    # Wheel

    def wheel(self, event: QWheelEvent) -> None:
        """Whole notches scroll; a touchpad's small steps add up to notches."""
        pane = self._pane
        # Some platforms turn the wheel sideways while Alt or Shift is held.
        delta = event.angleDelta().y() or event.angleDelta().x()
        self._notches += delta / WHEEL_NOTCH
        whole = int(self._notches)
        self._notches -= whole
        event.accept()
        if not whole or pane.volume is None:
            return
        self._begin_burst()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._zoom_at(event.position(), ZOOM_PER_NOTCH**whole)
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            slab = pane.pane_state.slab
            slab.set(slab.value.thicker(whole))
        else:
            self.scroll(whole)

    def _zoom_at(self, position: QPointF, factor: float) -> None:
        """What lies under the pointer stays there."""
        pane = self._pane
        before = pane.view()
        if before is None:
            return
        under = before.lps_of(position.x(), position.y())
        pane.pane_state.zoom_by(factor)
        after = pane.view()
        if after is None:
            return
        right, down = before.plane.in_plane_mm(under) - before.plane.in_plane_mm(
            after.lps_of(position.x(), position.y())
        )
        pan = pane.pane_state.pan_mm
        pan.set((pan.value[0] + float(right), pan.value[1] + float(down)))

    def _begin_burst(self) -> None:
        if self._resting:
            self._resting = False
            self._pane.state.begin_interaction()
        self._rest.start()

    def _come_to_rest(self) -> None:
        if not self._resting:
            self._resting = True
            self._pane.state.end_interaction()

    def let_go(self) -> None:
        """The pane goes: a burst or a drag that still runs ends, or every other pane would stay coarse."""
        self._rest.stop()
        self._come_to_rest()
        if self._button != Qt.MouseButton.NoButton:
            self._button = Qt.MouseButton.NoButton
            self._pane.state.end_interaction()

    # Slices

    def scroll(self, slices: int) -> None:
        """Along the normal, away from the viewer (axial: towards the head); never beyond the last layer."""
        pane = self._pane
        volume, plane = pane.volume, pane.scroll_plane()
        if volume is None or plane is None:
            return
        self._move_along(slices * slice_step_mm(volume.grid, plane))

    def scroll_to_end(self, *, last: bool) -> None:
        """The first or the last layer of voxels."""
        pane = self._pane
        volume, plane = pane.volume, pane.scroll_plane()
        if volume is not None and plane is not None:
            low, high = layer_limits_mm(volume.grid, plane)
            self._move_along(high if last else low)

    def _move_along(self, distance_mm: float) -> None:
        pane = self._pane
        volume, plane = pane.volume, pane.scroll_plane()
        if volume is None or plane is None:
            return
        low, high = layer_limits_mm(volume.grid, plane)
        bounded = min(max(distance_mm, min(low, 0.0)), max(high, 0.0))
        pane.state.move_cursor(volume.grid.frame_uid, plane.point_lps_mm + bounded * plane.normal_lps)

    # Keys

    def key(self, event: QKeyEvent) -> bool:
        """True when the key was used."""
        name = key_name(event.key())
        with_command = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        tools = self._pane.desk.tools
        if with_command:
            return False
        if name == "Escape":
            tools.escape()
            return True
        if tools.active.key(name):
            return True
        if name == "Delete":
            return self._pane.desk.operations.delete()
        if name == "L" and self._pane.desk.operations.lock_needle():
            return True
        tool = tools.by_shortcut(name)
        if tool is not None:
            tools.pick(tool.id)
            return True
        return self._scroll_key(name) or self._view_key(name)

    def _scroll_key(self, name: str) -> bool:
        steps = {"Up": 1, "Down": -1, "PageUp": PAGE_SLICES, "PageDown": -PAGE_SLICES}
        if name in steps:
            self._begin_burst()
            self.scroll(steps[name])
        elif name in ("Home", "End"):
            self.scroll_to_end(last=name == "End")
        else:
            return False
        return True

    def _view_key(self, name: str) -> bool:
        pane, state = self._pane, self._pane.state
        series, volume = pane.series, pane.volume
        if name in ("Return", "Enter"):
            self.enlarge()
        elif name == "Tab":
            state.layout.set(next_layout(state.layout.value))
        elif series is None or volume is None:
            return False
        elif name.isdigit():
            state.use_digit(series, int(name))
        elif name == "M":
            pane.pane_state.slab.set(pane.pane_state.slab.value.next_mode())
        elif name == "R":
            pane.pane_state.fit()
            pane.pane_state.slab.set(Slab())
            state.reset_planes(volume.grid.frame_uid)
        elif name == "F":
            pane.pane_state.fit()
        else:
            return False
        return True


def key_name(key: int) -> str:
    """Qt's name of a key without ``Key_``; empty for a key Qt does not name."""
    try:
        return Qt.Key(key).name.removeprefix("Key_")
    except ValueError:
        return ""
