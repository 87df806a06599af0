"""The chart of clearances along the needle on show; a drag on it moves the plane across the needle."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from viewers.panes.desk import Desk
from viewers.panes.needle_pane import NO_NEEDLE
from viewers.panes.pane_frame import PaneFrame
from viewers.scene.needle_profile import paint_profile, places_of
from viewers.state import theme
from viewers.state.layouts import PaneSpec
from viewers.state.needles import NeedleShape
from viewers.state.signals import Subscriptions

PROFILE = "needle-profile"
NOT_MEASURED = "No structure is segmented yet: make them automatically, or take a label map."


class ClearanceProfile(QWidget):
    """Depth to the right, distance from the shaft's wall upwards."""

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec, self.desk, self.state = spec, desk, desk.state
        self.setAccessibleName("clearance along the needle")
        self.setToolTip("Drag: move the plane across the needle.")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._subscriptions = Subscriptions()
        needles = self.state.needles
        self._subscriptions.add(
            *(
                value.changed.connect(self._changed)
                for value in (needles.profile, needles.depth_mm, needles.draft, needles.chosen)
            ),
            desk.marks.marks.changed.connect(self._changed),
            self.state.selected_id.changed.connect(self._changed),
        )

    @property
    def needle(self) -> NeedleShape | None:
        return self.state.needles.shown(self.desk.marks.marks.value, self.state.selected_id.value)

    def release(self) -> None:
        self._subscriptions.release()

    def sizeHint(self) -> QSize:
        """Wide rather than high."""
        return QSize(320, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The chart, or what to do."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        needle, profile = self.needle, self.state.needles.profile.value
        if needle is None or profile is None:
            em = QFontMetricsF(self.font()).height()
            painter.setPen(QColor(theme.QUIET))
            room = QRectF(self.rect()).adjusted(em, 0.0, -em, 0.0)
            text = NO_NEEDLE if needle is None else NOT_MEASURED
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)
        else:
            paint_profile(painter, QRectF(self.rect()), profile, self.state.needles.depth_in(needle))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Look at this depth."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self.state.begin_interaction()
            self._look(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._look(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Refine the pictures."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.state.end_interaction()

    def _look(self, event: QMouseEvent) -> None:
        profile = self.state.needles.profile.value
        if profile is not None and self.needle is not None:
            places = places_of(QRectF(self.rect()), profile, QFontMetricsF(self.font()).height())
            self.state.needles.depth_mm.set(places.depth_at(event.position().x()))

    def _changed(self, value: object) -> None:
        del value
        self.update()


def profile_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of the chart of clearances."""
    return PaneFrame(spec, ClearanceProfile(spec, desk), desk.state)
