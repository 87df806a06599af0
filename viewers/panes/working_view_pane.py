"""The working view: a click or a drag on the map, or a drag on the projection, turns the simulated C-arm."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from viewers.panes.desk import Desk
from viewers.panes.mpr_hands import key_name
from viewers.panes.pane_frame import HeaderButton, PaneFrame
from viewers.scene.palette import TEXT, TEXT_QUIET
from viewers.scene.vessel_colours import looks_of
from viewers.scene.working_view_painter import (
    ViewPlaces,
    map_image,
    paint_map,
    paint_projection,
    paint_words,
    places_of,
)
from viewers.state import theme
from viewers.state.layouts import PaneSpec, next_layout
from viewers.state.signals import Subscriptions
from viewers.state.vessel_words import short_vessel
from viewers.state.working_view import Angles, ProjectionShown, ViewDesk, ViewMapShown

WORKING_VIEW = "working-view"
DEG_PER_PX = 0.35
"""Of a drag on the projection."""


class WorkingViewPane(QWidget):
    """Follows `VesselDesk.view`; arrows turn by a degree, Home is the view recommended, Enter keeps the view."""

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec, self.desk, self.state = spec, desk, desk.state
        self.setAccessibleName("working view of the C-arm")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._map: tuple[ViewMapShown, QImage] | None = None
        self._picture: tuple[ProjectionShown, QImage] | None = None
        self._dragging: Literal["map", "projection"] | None = None
        self._from, self._from_angles = QPointF(), (0.0, 0.0)
        view = self.state.vessels.view
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            *(
                each.changed.connect(self._changed)
                for each in (view.map, view.angles, view.projection, view.stored, view.message)
            ),
            self.state.vessels.changed.connect(self._vessels_changed),
        )

    def release(self) -> None:
        self._stop()
        self._subscriptions.release()

    def sizeHint(self) -> QSize:
        """Two pictures side by side."""
        return QSize(560, 300)

    @property
    def view(self) -> ViewDesk:
        return self.state.vessels.view

    @property
    def places(self) -> ViewPlaces | None:
        """None while there is no map."""
        shown = self.view.map.value
        return None if shown is None else places_of(QRectF(self.rect()), shown, QFontMetricsF(self.font()).height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Map and projection, or what to do."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        shown, places = self.view.map.value, self.places
        if shown is None or places is None:
            em = QFontMetricsF(self.font()).height()
            painter.setPen(QColor(theme.QUIET))
            room = QRectF(self.rect()).adjusted(em, 0.0, -em, 0.0)
            wrapped = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(room, wrapped, self.view.message.value)
        else:
            self._paint(painter, shown, places)
        if self.hasFocus():
            painter.setPen(QColor(theme.ACCENT))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _paint(self, painter: QPainter, shown: ViewMapShown, places: ViewPlaces) -> None:
        if self._map is None or self._map[0] is not shown:
            self._map = (shown, map_image(shown))
        angles, picture = self.view.angles.value, self.view.projection.value
        stored = self.view.stored.value
        on_map = None if stored is None else shown.on_map(stored)
        paint_map(painter, places, shown, self._map[1], angles, on_map)
        tree = self.state.vessels.tree(shown.tree_id)
        looks = {} if tree is None else looks_of(tree, self.state.vessels)
        names = {} if tree is None else self._names(shown)
        paint_projection(painter, places, picture, self._image(picture), looks, shown.segment, names)
        if angles is not None:
            first, second, *beyond = shown.words(angles)
            lines = [(f"{first}, patient {shown.position}", TEXT), (second, TEXT)]
            lines += [(each, theme.BLOCK) for each in beyond]
            lines.append((f"{shown.segment_words} · {shown.source}", TEXT_QUIET))
            paint_words(painter, places, lines)

    def _names(self, shown: ViewMapShown) -> dict[str, str]:
        """The segment looked at and what is on the way to it."""
        tree = self.state.vessels.tree(shown.tree_id)
        if tree is None or not tree.tree.has(shown.segment):
            return {}
        way = reversed(tree.tree.way_to(shown.segment))
        return {each.id: short_vessel(tree.tree.kind, each.name) for each in way if each.name is not None}

    def _image(self, picture: ProjectionShown | None) -> QImage | None:
        if picture is None:
            return None
        if self._picture is None or self._picture[0] is not picture:
            pixels = np.ascontiguousarray(picture.grey)
            height, width = pixels.shape
            made = QImage(pixels.data, width, height, width, QImage.Format.Format_Grayscale8).copy()
            self._picture = (picture, made)
        return self._picture[1]

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """On the map: this direction. On the projection: turn from here."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        places = self.places
        if event.button() is not Qt.MouseButton.LeftButton or places is None or self._dragging is not None:
            return
        at = event.position()
        reach = QFontMetricsF(self.font()).height()
        if places.map.adjusted(-reach, -reach, reach, reach).contains(at):
            self._dragging = "map"
        elif places.projection.contains(at):
            self._dragging = "projection"
        else:
            return
        self._from, self._from_angles = at, self.view.angles.value or (0.0, 0.0)
        self.state.begin_interaction()
        if self._dragging == "map":
            self.turn(places.angles_at(at), moving=True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the hand."""
        places = self.places
        if places is None or self._dragging is None:
            return
        if self._dragging == "map":
            self.turn(places.angles_at(event.position()), moving=True)
            return
        moved = event.position() - self._from
        self.turn(
            (self._from_angles[0] - moved.x() * DEG_PER_PX, self._from_angles[1] + moved.y() * DEG_PER_PX), moving=True
        )

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The picture is made fine."""
        angles = self.view.angles.value
        if event.button() is Qt.MouseButton.LeftButton and self._dragging is not None:
            self._stop()
            if angles is not None:
                self.turn(angles, moving=False)

    def _stop(self) -> None:
        if self._dragging is not None:
            self._dragging = None
            self.state.end_interaction()

    def turn(self, angles: Angles, *, moving: bool) -> None:
        """To a direction, within the edges of the map."""
        shown, keeper = self.view.map.value, self.view.keeper
        if shown is None or keeper is None:
            return
        primary = min(max(angles[0], float(shown.primary_deg[0])), float(shown.primary_deg[-1]))
        secondary = min(max(angles[1], float(shown.secondary_deg[0])), float(shown.secondary_deg[-1]))
        keeper.turn((float(round(primary)), float(round(secondary))), moving=moving)

    def recommend(self) -> None:
        """To the view with the least loss."""
        shown = self.view.map.value
        if shown is not None and shown.best is not None:
            self.turn(shown.best, moving=False)

    def keep(self) -> None:
        """Into the position of the plan."""
        keeper = self.view.keeper
        if keeper is not None:
            self.desk.kit.notice.set(keeper.keep_view() or "")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows by a degree, with Shift by five; Home recommended; Enter keeps; Tab next layout."""
        name = key_name(event.key())
        steps = {"Left": (-1.0, 0.0), "Right": (1.0, 0.0), "Up": (0.0, 1.0), "Down": (0.0, -1.0)}
        angles = self.view.angles.value
        if event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier):
            super().keyPressEvent(event)
        elif name in steps and angles is not None:
            size = 5.0 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
            self.turn((angles[0] + size * steps[name][0], angles[1] + size * steps[name][1]), moving=False)
        elif name == "Home":
            self.recommend()
        elif name in ("Return", "Enter"):
            self.keep()
        elif name == "Escape":
            self.desk.tools.escape()
        elif name == "Tab":
            self.state.layout.set(next_layout(self.state.layout.value))
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, following: bool) -> bool:
        """Tab walks through layouts, not through widgets."""
        del following
        return False

    def _vessels_changed(self) -> None:
        self.update()

    def _changed(self, value: object) -> None:
        del value
        self.update()


class WorkingViewFrame(PaneFrame):
    """The working view with its two buttons."""

    def __init__(self, spec: PaneSpec, desk: Desk) -> None:
        pane = WorkingViewPane(spec, desk)
        self.best = HeaderButton("Turn to the recommended view (Home)")
        self.best.setText("Recommended")
        self.best.clicked.connect(lambda *_: pane.recommend())
        self.use = HeaderButton("Store this view in the catheter position of the plan (Enter)")
        self.use.setText("Use this view")
        self.use.clicked.connect(lambda *_: pane.keep())
        super().__init__(spec, pane, desk.state, (self.best, self.use))


def working_view_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of working views."""
    return WorkingViewFrame(spec, desk)
