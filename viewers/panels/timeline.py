"""A course on one time axis: sessions, imaging, outside treatments; today is marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from viewers.state.theme import ACCENT, LINE, QUIET, SIGNED, TEXT, WARN

KINDS = {
    "session": ("Sessions", ACCENT),
    "imaging": ("Imaging", SIGNED),
    "outside": ("Other treatment", WARN),
}


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """One thing on the axis. `open` draws it hollow: planned, not done."""

    id: str
    kind: str
    on: date
    text: str
    open: bool = False


class Timeline(QWidget):
    """One lane per kind. A click on a session opens it."""

    def __init__(self, opened: Callable[[str], object]) -> None:
        super().__init__()
        self._opened = opened
        self.marks: tuple[TimelineMark, ...] = ()
        self.today = date.min
        self._places: list[tuple[QRectF, TimelineMark]] = []
        self.setMinimumHeight(round(self.fontMetrics().height() * 8.5))
        self.setMouseTracking(True)

    def show_marks(self, marks: Sequence[TimelineMark], today: date) -> None:
        self.marks, self.today = tuple(marks), today
        self.update()

    def _span(self) -> tuple[date, date]:
        days = [mark.on for mark in self.marks] + [self.today]
        first, last = min(days), max(days)
        room = max(14, (last - first).days // 10)
        return first - timedelta(days=room), last + timedelta(days=room)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        em = QFontMetricsF(self.font()).height()
        self._places = []
        if not self.marks:
            painter.setPen(QColor(QUIET))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Nothing planned or done yet")
            painter.end()
            return
        first, last = self._span()
        left, right = em * 7.5, self.width() - em
        days = max(1, (last - first).days)

        def x_of(day: date) -> float:
            return left + (right - left) * (day - first).days / days

        self._paint_axis(painter, em, x_of, first, last)
        for lane, (kind, (title, colour)) in enumerate(KINDS.items()):
            y = em * (2.2 + 2.1 * lane)
            painter.setPen(QColor(QUIET))
            painter.drawText(QPointF(em * 0.4, y + em * 0.3), title)
            painter.setPen(QPen(QColor(LINE), 1.0))
            painter.drawLine(QPointF(left, y), QPointF(right, y))
            edge = -1e9
            for mark in sorted((each for each in self.marks if each.kind == kind), key=lambda each: each.on):
                edge = self._paint_mark(painter, em, QPointF(x_of(mark.on), y), mark, colour, edge)
        painter.end()

    def _paint_axis(self, painter: QPainter, em: float, x_of: Callable[[date], float], first: date, last: date) -> None:
        painter.setPen(QPen(QColor(TEXT), 1.2, Qt.PenStyle.DashLine))
        now = x_of(self.today)
        painter.drawLine(QPointF(now, em * 1.2), QPointF(now, self.height() - em * 1.2))
        width = QFontMetricsF(self.font()).horizontalAdvance("today")
        painter.drawText(QPointF(min(now + em * 0.2, self.width() - width - em * 0.2), em), "today")
        painter.setPen(QColor(QUIET))
        bottom = self.height() - em * 0.3
        painter.drawText(QPointF(x_of(first), bottom), first.isoformat())
        text = last.isoformat()
        painter.drawText(QPointF(x_of(last) - QFontMetricsF(self.font()).horizontalAdvance(text), bottom), text)

    def _paint_mark(
        self, painter: QPainter, em: float, at: QPointF, mark: TimelineMark, colour: str, edge: float
    ) -> float:
        """Draws a mark; its text only where it does not meet the one before. Returns the new right edge."""
        radius = em * 0.36
        painter.setPen(QPen(QColor(colour), 2.0))
        painter.setBrush(Qt.BrushStyle.NoBrush if mark.open else QColor(colour))
        painter.drawEllipse(at, radius, radius)
        self._places.append((QRectF(at.x() - em, at.y() - em, 2 * em, 2 * em), mark))
        width = QFontMetricsF(self.font()).horizontalAdvance(mark.text)
        left = min(at.x() - radius, self.width() - width - em * 0.5)
        if left > edge:
            painter.setPen(QColor(TEXT))
            painter.drawText(QPointF(left, at.y() - em * 0.55), mark.text)
            return left + width + em * 0.6
        return edge

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        for area, mark in self._places:
            if area.contains(event.position()) and mark.kind == "session":
                self._opened(mark.id)
                return

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        found = [mark for area, mark in self._places if area.contains(event.position())]
        self.setToolTip("\n".join(f"{mark.on.isoformat()} {mark.text}" for mark in found).replace("<", "‹"))
