"""The margin on the target, unrolled: a look shows where it falls short, a click takes all panes there."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from planner.units import shown
from viewers.panes.desk import Desk
from viewers.panes.pane_frame import PaneFrame
from viewers.scene.margin_painter import paint_margin, places_of, unrolled_image
from viewers.state import theme
from viewers.state.layouts import PaneSpec
from viewers.state.margins import MarginShown
from viewers.state.signals import Subscriptions
from viewers.state.view_state import as_point

MARGIN_MAP = "margin-map"
NO_MARGIN = (
    "No margin yet.\nMark the target, place an applicator and give it a device and a setting: "
    "its zone is held against the target here."
)


class MarginMapPane(QWidget):
    """Follows `MarginDesk.shown`."""

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec, self.desk, self.state = spec, desk, desk.state
        self.setAccessibleName("margin of the target, unrolled")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.pointed: tuple[str, QPointF] | None = None
        self._image: QImage | None = None
        self._drawn: MarginShown | None = None
        self._subscriptions = Subscriptions()
        self._subscriptions.add(self.state.margins.shown.changed.connect(self._changed))

    def release(self) -> None:
        self._subscriptions.release()

    def sizeHint(self) -> QSize:
        """Wider than high: the surface unrolled."""
        return QSize(360, 300)

    @property
    def margin(self) -> MarginShown | None:
        return self.state.margins.shown.value

    def paintEvent(self, event: QPaintEvent) -> None:
        """The map, or what to do."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        margin = self.margin
        if margin is None:
            em = QFontMetricsF(self.font()).height()
            painter.setPen(QColor(theme.QUIET))
            room = QRectF(self.rect()).adjusted(em, 0.0, -em, 0.0)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, NO_MARGIN)
        else:
            if self._image is None or margin is not self._drawn:
                self._image, self._drawn = unrolled_image(margin.map), margin
            paint_margin(painter, QRectF(self.rect()), margin, self._image, self.pointed)
        painter.end()

    def vertex_at(self, position: QPointF) -> int | None:
        """The vertex of the target's surface that is seen in the direction of a position."""
        margin = self.margin
        if margin is None:
            return None
        places = places_of(QRectF(self.rect()), QFontMetricsF(self.font()), len(margin.lines()))
        direction = places.direction_at(position)
        if direction is None:
            return None
        vertices = margin.map.vertices_lps_mm
        away = vertices - vertices.mean(axis=0)
        along = away @ np.asarray(direction) / np.maximum(np.linalg.norm(away, axis=1), 1e-9)
        return int(np.argmax(along))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The margin under the pointer."""
        number, margin = self.vertex_at(event.position()), self.margin
        self.pointed = None
        if number is not None and margin is not None:
            self.pointed = (shown(float(margin.map.values_mm[number]), "mm", digits=1), event.position())
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take all panes to that place of the surface."""
        number, margin = self.vertex_at(event.position()), self.margin
        if event.button() is Qt.MouseButton.LeftButton and number is not None and margin is not None:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self.state.move_cursor(margin.frame_uid, as_point(margin.map.vertices_lps_mm[number]))

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is pointed at."""
        del event
        self.pointed = None
        self.update()

    def _changed(self, margin: MarginShown | None) -> None:
        del margin
        self.update()


def margin_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of the pane."""
    return PaneFrame(spec, MarginMapPane(spec, desk), desk.state)
