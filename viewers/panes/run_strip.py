"""The strip under a run: click to jump, drag over the small frames to choose the mask, drag over the curve to scrub."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from viewers.scene.run_strip_painter import (
    COURSE_EM,
    PHASE_EM,
    THUMB_EM,
    StripContent,
    StripPlaces,
    paint_mask,
    paint_playhead,
    paint_strip,
)
from viewers.state import theme

DRAG_PX = 5
"""A pointer that moved less has clicked."""


class RunStrip(QWidget):
    """Shows a `StripContent`; knows no run.

    Attributes
    ----------
    jumped
        A frame was asked for (index from 0).
    mask_chosen
        First and last frame of a new mask, counted from 1.
    """

    jumped = Signal(int)
    mask_chosen = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._content = StripContent(0)
        self._frame = 0
        self._still: QPixmap | None = None
        self._pressed_x: float | None = None
        self._drag: tuple[int, int] | None = None
        self._scrubs = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("frames of the run")
        self.setToolTip("Click: go to the frame.  Drag over the small frames: choose the mask.  Drag below: scrub.")

    @property
    def content(self) -> StripContent:
        return self._content

    @property
    def dragged_frames(self) -> tuple[int, int] | None:
        """First and last frame, counted from 1, of the mask being chosen."""
        if self._drag is None or self._scrubs:
            return None
        first, last = sorted(self._drag)
        return first + 1, last + 1

    def show_content(self, content: StripContent) -> None:
        self._content = content
        self._still = None
        self.update()

    def show_frame(self, frame: int) -> None:
        """Where the run stands; cheap."""
        if frame != self._frame:
            self._frame = frame
            self.update()

    def places(self) -> StripPlaces:
        """Where things lie now."""
        em = QFontMetricsF(self.font()).height()
        return StripPlaces(QRectF(self.rect()), self._content.count, em)

    def sizeHint(self) -> QSize:
        """Three lanes."""
        return QSize(320, round(QFontMetricsF(self.font()).height() * (PHASE_EM + THUMB_EM + COURSE_EM)))

    def minimumSizeHint(self) -> QSize:
        """The lanes keep their height; the frames share what width there is."""
        return QSize(60, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The still part is painted once; the play head moves over it."""
        del event
        places = self.places()
        if self._still is None:
            ratio = self.devicePixelRatioF()
            self._still = QPixmap(self.size() * ratio)
            self._still.setDevicePixelRatio(ratio)
            self._still.fill(QColor(theme.WINDOW))
            still = QPainter(self._still)
            still.setFont(self.font())
            paint_strip(still, places, self._content)
            still.end()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._still)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        chosen = self.dragged_frames
        if chosen is not None:
            paint_mask(painter, places, *chosen)
        if self._content.count:
            paint_playhead(painter, places, self._frame)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another size is another still picture."""
        super().resizeEvent(event)
        self._still = None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Left only: on the small frames it may become a mask, below it scrubs."""
        if event.button() != Qt.MouseButton.LeftButton or not self._content.count:
            return
        places = self.places()
        self._pressed_x = event.position().x()
        self._scrubs = event.position().y() >= places.course.top()
        if self._scrubs:
            self.jumped.emit(places.frame_at(self._pressed_x))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Widen the choice, or scrub."""
        if self._pressed_x is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        places, x = self.places(), event.position().x()
        if self._scrubs:
            self.jumped.emit(places.frame_at(x))
        elif self._drag is not None or abs(x - self._pressed_x) >= DRAG_PX:
            self._drag = places.frame_at(self._pressed_x), places.frame_at(x)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click jumps; a drag was a mask."""
        if event.button() != Qt.MouseButton.LeftButton or self._pressed_x is None:
            return
        chosen, was_scrub = self.dragged_frames, self._scrubs
        pressed, self._pressed_x, self._drag, self._scrubs = self._pressed_x, None, None, False
        if chosen is not None:
            self.mask_chosen.emit(*chosen)
        elif not was_scrub:
            self.jumped.emit(self.places().frame_at(pressed))
        self.update()
