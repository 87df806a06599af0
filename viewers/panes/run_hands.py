"""Hands on a DSA pane: which button, wheel or key does what (the Hands table of the design)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent

from viewers.panes.mpr_hands import WHEEL_NOTCH, ZOOM_PER_NOTCH, key_name
from viewers.panes.run_tools_menu import TOOL_KEYS
from viewers.panes.tools.window import WINDOW_PART_PER_PX
from viewers.scene.run_view import RunView
from viewers.state.layouts import next_layout

if TYPE_CHECKING:
    from viewers.panes.run_pane import RunPane

FINE_PX, COARSE_PX = 0.1, 1.0
"""Pixel shift of Alt and Shift with an arrow."""
PAGE_FRAMES = 10
ARROWS = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}
CORNERS = 48
"""Of the polygon that stands for an ellipse."""
LEAST_REGION_PX = 2.0


class RunHands:
    """Translates Qt events of one pane into changes of its state."""

    def __init__(self, pane: RunPane) -> None:
        self._pane = pane
        self._button = Qt.MouseButton.NoButton
        self._at = QPointF()
        self._began: tuple[float, float] | None = None
        self._notches = 0.0

    # Buttons

    def press(self, event: QMouseEvent) -> None:
        """A second button during a drag is ignored."""
        pane = self._pane
        pane.setFocus(Qt.FocusReason.MouseFocusReason)
        view = pane.view()
        if self._button != Qt.MouseButton.NoButton or view is None:
            return
        self._button, self._at = event.button(), event.position()
        if self._button == Qt.MouseButton.LeftButton:
            at = view.run_of(event.position().x(), event.position().y())
            if pane.pane_state.arm.value == "region":
                self._began = at
            else:
                pane.tools.press(at)

    def move(self, event: QMouseEvent) -> None:
        """Drag with the button that went down first, or look."""
        pane, view = self._pane, self._pane.view()
        if self._button != Qt.MouseButton.NoButton and not event.buttons() & self._button:
            self._end()
        moved, self._at = event.position() - self._at, event.position()
        if view is not None:
            at = view.run_of(event.position().x(), event.position().y())
            if self._button == Qt.MouseButton.RightButton:
                self._change_window(moved)
            elif self._button == Qt.MouseButton.MiddleButton:
                right, down = pane.pane_state.pan_px.value
                pane.pane_state.pan_px.set((right - moved.x() / view.scale, down - moved.y() / view.scale))
            elif self._began is not None:
                pane.drawing = ellipse(self._began, at)
                pane.update()
            elif self._button == Qt.MouseButton.LeftButton:
                pane.tools.drag(at)
            else:
                pane.tools.hover(at)
        pane.look(event.position())

    def release(self, event: QMouseEvent) -> None:
        """Only the button that began the drag ends it."""
        if event.button() == self._button:
            self._at = event.position()
            self._end()

    def _end(self) -> None:
        pane, drawn, view = self._pane, self._pane.drawing, self._pane.view()
        if self._button == Qt.MouseButton.LeftButton and self._began is None and view is not None:
            pane.tools.release(view.run_of(self._at.x(), self._at.y()))
        if self._button == Qt.MouseButton.RightButton:
            # A window drawn by hand is settled when the button is let go.
            pane.tools.keeper.flush()
        self._button, self._began, pane.drawing = Qt.MouseButton.NoButton, None, ()
        if drawn:
            across = max(x for x, _ in drawn) - min(x for x, _ in drawn)
            down = max(y for _, y in drawn) - min(y for _, y in drawn)
            if min(across, down) >= LEAST_REGION_PX:
                pane.pane_state.arm.set("none")
                pane.tools.regions.add(drawn)
            pane.update()

    def _change_window(self, moved: QPointF) -> None:
        """Right widens, up brightens."""
        pane = self._pane
        centre, width = pane.window()
        step = width * WINDOW_PART_PER_PX
        # On a picture that shows high values dark, brighter means a higher centre.
        request = pane.request()
        sign = 1.0 if request is not None and request.bright_is_high else -1.0
        pane.set_window(centre + sign * moved.y() * step, width + moved.x() * step)

    def double_click(self, event: QMouseEvent) -> None:
        """Enlarge or put back; while drawing just another press."""
        if event.button() == Qt.MouseButton.LeftButton and self._pane.pane_state.arm.value == "none":
            self.enlarge()
        else:
            self.press(event)

    def enlarge(self) -> None:
        """This pane alone, or all panes again."""
        enlarged = self._pane.state.enlarged_pane
        enlarged.set(None if enlarged.value == self._pane.spec.id else self._pane.spec.id)

    # Wheel

    def wheel(self, event: QWheelEvent) -> None:
        """Whole notches step through frames; a touchpad's small steps add up to notches."""
        delta = event.angleDelta().y() or event.angleDelta().x()
        self._notches += delta / WHEEL_NOTCH
        whole = int(self._notches)
        self._notches -= whole
        event.accept()
        if not whole or self._pane.run is None:
            return
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._zoom_at(event.position(), ZOOM_PER_NOTCH**whole)
        else:
            # Away from the hand is back in time, as in every list.
            self._pane.pane_state.playback.step(-whole)

    def _zoom_at(self, position: QPointF, factor: float) -> None:
        """What lies under the pointer stays there."""
        pane = self._pane
        before = pane.view()
        if before is None:
            return
        under = before.run_of(position.x(), position.y())
        pane.pane_state.zoom_by(factor)
        after = pane.view()
        if isinstance(after, RunView):
            now = after.run_of(position.x(), position.y())
            right, down = pane.pane_state.pan_px.value
            pane.pane_state.pan_px.set((right + under[0] - now[0], down + under[1] - now[1]))

    # Keys

    def key(self, event: QKeyEvent) -> bool:
        """True when the key was used."""
        name, held = key_name(event.key()), event.modifiers()
        if held & Qt.KeyboardModifier.ControlModifier:
            return False
        if name in ARROWS and held & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier):
            self.nudge(*ARROWS[name], FINE_PX if held & Qt.KeyboardModifier.AltModifier else COARSE_PX)
            return True
        if held & Qt.KeyboardModifier.AltModifier:
            return False
        return self._tool_key(name) or self._play_key(name) or self._view_key(name)

    def _tool_key(self, name: str) -> bool:
        tools = self._pane.tools
        if name in TOOL_KEYS:
            tools.arm(TOOL_KEYS[name])
        elif name == "K":
            tools.keep_frame()
        elif name == "G":
            tools.calibration.ask_for_catheter()
        elif name == "Escape":
            tools.cancel()
        elif name in ("Delete", "Backspace"):
            return tools.delete()
        else:
            return False
        return True

    def nudge(self, right: int, down: int, by_px: float) -> None:
        """Move the mask under the frames, or under this frame alone."""
        pane = self._pane
        if pane.run is None or not pane.is_subtracted:
            return
        state = pane.pane_state
        only = pane.frame + 1 if state.single_frame_shift.value else None
        standing = pane.analysis.shifts()
        state.settings.set(state.settings.value.nudged((right * by_px, down * by_px), standing, only))

    def _play_key(self, name: str) -> bool:
        playback = self._pane.pane_state.playback
        steps = {"Left": -1, "Right": 1, "Up": -1, "Down": 1, "PageUp": -PAGE_FRAMES, "PageDown": PAGE_FRAMES}
        if name == "Space":
            playback.toggle()
        elif name in steps:
            playback.step(steps[name])
        elif name in ("Home", "End"):
            playback.stop()
            playback.go(playback.last if name == "End" else 0)
        elif name in ("Plus", "Equal"):
            playback.faster()
        elif name in ("Minus", "Underscore"):
            playback.slower()
        elif name == "L":
            playback.loop.set(not playback.loop.value)
        else:
            return False
        return True

    def _view_key(self, name: str) -> bool:
        pane, state = self._pane, self._pane.pane_state
        acts = {
            "V": lambda: state.change(subtracted=not pane.analysis.is_subtracted, picture="frame"),
            "I": lambda: state.change(inverted=not state.settings.value.inverted),
            "0": lambda: state.change(native_window=None, contrast_window=None),
            "F": state.fit,
            "R": state.reset_view,
            "O": lambda: self._picture("opacified"),
            "T": lambda: self._picture("time-to-peak"),
            "C": lambda: state.curves_shown.set(not state.curves_shown.value),
            "E": lambda: pane.tools.arm("region"),
            "Return": self.enlarge,
            "Enter": self.enlarge,
            "Tab": lambda: pane.state.layout.set(next_layout(pane.state.layout.value)),
        }
        if name not in acts:
            return False
        acts[name]()
        return True

    def _picture(self, wanted: str) -> None:
        """The same key again comes back to the frames."""
        state = self._pane.pane_state
        state.change(picture="frame" if state.settings.value.picture == wanted else wanted)


def ellipse(one: tuple[float, float], other: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """Corners of an ellipse in the box between two points."""
    centre = (one[0] + other[0]) / 2.0, (one[1] + other[1]) / 2.0
    half = abs(other[0] - one[0]) / 2.0, abs(other[1] - one[1]) / 2.0
    turns = [2.0 * math.pi * corner / CORNERS for corner in range(CORNERS)]
    return tuple((centre[0] + half[0] * math.cos(turn), centre[1] + half[1] * math.sin(turn)) for turn in turns)
