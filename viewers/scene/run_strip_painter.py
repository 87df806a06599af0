"""The frame strip: phases, small frames with the mask marked, and contrast over the frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPainterPath, QPen

from viewers.scene.palette import TEXT_QUIET
from viewers.state import theme

PHASE_MARKS = {
    "arterial": ("▲", "arterial", "#e8743b"),
    "parenchymal": ("●", "parenchymal", "#e6b13a"),
    "venous": ("▼", "venous", "#56b4e9"),
}
"""Shape, word and colour, so that no phase is told by its colour alone."""

PHASE_EM, THUMB_EM, COURSE_EM = 1.3, 3.4, 2.3


@dataclass(frozen=True, eq=False, slots=True)
class StripContent:
    """What the strip shows.

    Attributes
    ----------
    thumbs
        (frame, y, x) uint8 grey.
    mask_frames
        Counted from 1.
    phases
        Name of `PHASE_MARKS` -> (first, last) frame, counted from 1, both included.
    course
        (frame,) contrast of what fills, or None.
    """

    count: int
    thumbs: NDArray[np.uint8] | None = None
    mask_frames: tuple[int, ...] = ()
    phases: dict[str, tuple[int, int]] = field(default_factory=dict)
    course: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class StripPlaces:
    """Where the lanes of a strip lie."""

    area: QRectF
    count: int
    em: float

    @property
    def thumbs(self) -> QRectF:
        return QRectF(self.area.left(), self.area.top() + PHASE_EM * self.em, self.area.width(), THUMB_EM * self.em)

    @property
    def phases(self) -> QRectF:
        return QRectF(self.area.left(), self.area.top(), self.area.width(), PHASE_EM * self.em)

    @property
    def course(self) -> QRectF:
        top = self.thumbs.bottom()
        return QRectF(self.area.left(), top, self.area.width(), max(1.0, self.area.bottom() - top))

    def left_of(self, frame: int) -> float:
        """Left edge of a frame (index from 0)."""
        return self.area.left() + frame * self.area.width() / max(1, self.count)

    def middle_of(self, frame: float) -> float:
        return self.area.left() + (frame + 0.5) * self.area.width() / max(1, self.count)

    def frame_at(self, x: float) -> int:
        """Index from 0, the nearest end outside."""
        found = int(np.floor((x - self.area.left()) / self.area.width() * self.count))
        return min(max(0, found), max(0, self.count - 1))


def paint_strip(painter: QPainter, places: StripPlaces, content: StripContent) -> None:
    """Everything that does not move while the run plays."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
    _paint_thumbs(painter, places, content)
    _paint_phases(painter, places, content)
    _paint_course(painter, places, content)
    for first, last in ranges(content.mask_frames):
        paint_mask(painter, places, first, last)


def ranges(frames: tuple[int, ...]) -> list[tuple[int, int]]:
    """Neighbouring frames joined: (first, last)."""
    joined: list[tuple[int, int]] = []
    for frame in sorted(frames):
        if joined and frame == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], frame)
        else:
            joined.append((frame, frame))
    return joined


def _paint_thumbs(painter: QPainter, places: StripPlaces, content: StripContent) -> None:
    lane = places.thumbs
    painter.fillRect(lane, QColor("#0c0d0f"))
    if content.thumbs is None or not content.count:
        return
    _, height, width = content.thumbs.shape
    wide = lane.height() * width / height
    shown = max(1, min(content.count, int(lane.width() / max(1.0, wide))))
    for place in range(shown):
        # Each small picture stands in the middle of the frames it stands for.
        frame = int((place + 0.5) * content.count / shown)
        left, right = lane.left() + place * lane.width() / shown, lane.left() + (place + 1) * lane.width() / shown
        size = min(wide, right - left)
        pixels = np.ascontiguousarray(content.thumbs[frame])
        image = QImage(pixels.data, width, height, width, QImage.Format.Format_Grayscale8)
        tall = size * height / width
        top = lane.top() + (lane.height() - tall) / 2.0
        painter.drawImage(QRectF((left + right - size) / 2.0, top, size, tall), image)


def _paint_phases(painter: QPainter, places: StripPlaces, content: StripContent) -> None:
    lane = places.phases
    metrics = QFontMetricsF(painter.font())
    for name, (first, last) in content.phases.items():
        shape, word, colour = PHASE_MARKS[name]
        left, right = places.left_of(first - 1), places.left_of(last)
        band = QRectF(left, lane.top() + 1.0, right - left, lane.height() - 2.0)
        ground = QColor(colour)
        ground.setAlpha(70)
        painter.fillRect(band, ground)
        painter.fillRect(QRectF(left, band.bottom() - 2.0, right - left, 2.0), QColor(colour))
        room = band.width() - places.em * 0.4
        text = next((each for each in (f"{shape} {word}", shape) if metrics.horizontalAdvance(each) <= room), "")
        painter.setPen(QColor(theme.TEXT))
        painter.drawText(band, Qt.AlignmentFlag.AlignCenter, text)
    if not content.phases:
        painter.setPen(QColor(theme.WAITING))
        painter.drawText(lane, Qt.AlignmentFlag.AlignCenter, "phases not told" if content.course is not None else "")


def _paint_course(painter: QPainter, places: StripPlaces, content: StripContent) -> None:
    lane = places.course
    painter.fillRect(lane, QColor(theme.WINDOW))
    course = content.course
    if course is None or not np.isfinite(course).any():
        return
    low, high = min(0.0, float(np.nanmin(course))), float(np.nanmax(course))
    room = lane.height() - places.em * 0.5
    path = QPainterPath()
    for frame, value in enumerate(course):
        share = (float(value) - low) / max(high - low, 1e-9) if np.isfinite(value) else 0.0
        point = QPointF(places.middle_of(frame), lane.bottom() - places.em * 0.25 - share * room)
        if frame:
            path.lineTo(point)
        else:
            path.moveTo(point)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(TEXT_QUIET), max(1.0, places.em * 0.1)))
    painter.drawPath(path)


def paint_mask(painter: QPainter, places: StripPlaces, first: int, last: int) -> None:
    """A bracket with the word over frames (counted from 1) of the mask."""
    lane = places.thumbs
    left, right = places.left_of(first - 1), places.left_of(last)
    box = QRectF(left, lane.top(), max(2.0, right - left), lane.height())
    ground = QColor(theme.SIGNED)
    ground.setAlpha(60)
    painter.fillRect(box, ground)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(theme.SIGNED), max(1.5, places.em * 0.14)))
    painter.drawRect(box.adjusted(1.0, 1.0, -1.0, -1.0))
    metrics = QFontMetricsF(painter.font())
    text = "mask"
    width = metrics.horizontalAdvance(text) + 4.0
    label = QRectF(min(left, places.area.right() - width), lane.bottom() - metrics.height(), width, metrics.height())
    painter.fillRect(label, QColor(theme.SIGNED))
    painter.setPen(QColor("#0c0d0f"))
    painter.drawText(label, Qt.AlignmentFlag.AlignCenter, text)


def paint_playhead(painter: QPainter, places: StripPlaces, frame: int) -> None:
    """Where the run stands: a line through every lane with a head."""
    width = places.area.width() / max(1, places.count)
    left = places.left_of(frame)
    ground = QColor(theme.ACCENT)
    ground.setAlpha(55)
    painter.fillRect(
        QRectF(left, places.thumbs.top(), max(1.0, width), places.area.bottom() - places.thumbs.top()), ground
    )
    x = places.middle_of(frame)
    painter.setPen(QPen(QColor(theme.ACCENT), max(1.0, places.em * 0.12)))
    painter.drawLine(QPointF(x, places.phases.bottom()), QPointF(x, places.area.bottom()))
    head = places.em * 0.32
    path = QPainterPath(QPointF(x - head, places.phases.bottom()))
    path.lineTo(x + head, places.phases.bottom())
    path.lineTo(x, places.phases.bottom() + head * 1.4)
    path.closeSubpath()
    painter.fillPath(path, QColor(theme.ACCENT))
