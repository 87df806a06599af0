"""Diameters along the lumen: the line, the ends of the stricture, and stents are moved here by hand."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from viewers.panes.desk import Desk
from viewers.panes.lumen_hands import LumenPane
from viewers.panes.pane_frame import PaneFrame
from viewers.scene.lumen_profile_painter import Grip, ProfilePlaces, paint_profile, places_of
from viewers.state import theme
from viewers.state.layouts import PaneSpec
from viewers.state.lumen_shapes import StentShown

DIAMETER_PROFILE = "diameter-profile"
LEAST_STENOSIS_MM = 1.0


class DiameterProfilePane(LumenPane):
    """Along to the right, diameter upwards; the stricture's bar stands above, those of the stents below."""

    turns = False

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(spec, desk, "diameters along the lumen", parent)
        self.setToolTip("Drag: the line, the ends of the stricture (above), a stent or its ends (below).")
        self._held: tuple[Grip, StentShown | None, tuple[float, float] | None, float] | None = None

    @property
    def places(self) -> ProfilePlaces | None:
        """None without a lumen."""
        lumen = self.lumen
        if lumen is None:
            return None
        stents = self.lumens.stents_in(lumen.id, self.state.hidden_ids.value)
        return places_of(self.area, lumen, stents, self.em)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The chart, or what to do."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        lumen, places = self.lumen, self.places
        if lumen is None or places is None:
            self.say_empty(painter)
        else:
            paint_profile(painter, places, lumen, self.lumens, self.state.selected_id.value)
        self.paint_focus(painter)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of what lies under the pointer; the line where nothing does."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        places = self.places
        if event.button() is not Qt.MouseButton.LeftButton or places is None or self._held is not None:
            return
        at = event.position()
        grip, stent_id = places.grip_at(at, self.lumens.stenosis_mm)
        stent = next((each for each, _ in places.stent_lanes if each.id == stent_id), None)
        self._held = (grip, stent, self.lumens.stenosis_mm, places.axis.along_at(at.x()))
        self.state.begin_interaction()
        if stent is not None:
            self.state.selected_id.set(stent.id)
        if grip == "line":
            self.lumens.look(places.axis.along_at(at.x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the hand."""
        places = self.places
        if places is None:
            return
        if self._held is None:
            self._show_cursor(places, event.position())
            return
        grip, stent, stenosis, from_mm = self._held
        here = places.axis.along_at(event.position().x())
        if grip == "line":
            self.lumens.look(here)
        elif stenosis is not None and grip == "stenosis-start":
            self.lumens.held_stenosis.set((min(here, stenosis[1] - LEAST_STENOSIS_MM), stenosis[1]))
        elif stenosis is not None and grip == "stenosis-end":
            self.lumens.held_stenosis.set((stenosis[0], max(here, stenosis[0] + LEAST_STENOSIS_MM)))
        elif stent is not None and self.lumens.keeper is not None:
            by = here - from_mm
            start = stent.start_mm + (by if grip != "stent-end" else 0.0)
            end = stent.end_mm + (by if grip != "stent-start" else 0.0)
            self._told(self.lumens.keeper.hold_stent(stent.id, start, end))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """What was dragged goes into the plan."""
        if event.button() is not Qt.MouseButton.LeftButton or self._held is None:
            return
        grip, lumen, keeper = self._held[0], self.lumen, self.lumens.keeper
        stenosis = self.lumens.held_stenosis.value
        self._let_go()
        if keeper is None or lumen is None:
            return
        if grip in ("stent", "stent-start", "stent-end"):
            self._told(keeper.keep_stent())
        elif stenosis is not None:
            self._told(keeper.set_stenosis(lumen.id, *stenosis))
            self.lumens.held_stenosis.set(None)

    def give_up(self) -> None:
        """Everything back to where the plan has it."""
        if self._held is not None and self.lumens.keeper is not None:
            self.lumens.keeper.drop_stent()
        self.lumens.held_stenosis.set(None)
        self._let_go()

    def _let_go(self) -> None:
        if self._held is not None:
            self._held = None
            self.state.end_interaction()

    def release(self) -> None:
        self._let_go()
        super().release()

    def _show_cursor(self, places: ProfilePlaces, at: QPointF) -> None:
        grip, _ = places.grip_at(at, self.lumens.stenosis_mm)
        moves = {"line": Qt.CursorShape.CrossCursor, "stent": Qt.CursorShape.OpenHandCursor}
        self.setCursor(moves.get(grip, Qt.CursorShape.SizeHorCursor))


def diameter_profile_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of charts of diameters."""
    return PaneFrame(spec, DiameterProfilePane(spec, desk), desk.state)
