"""A plot of the cohort on the screen: scrolled, pointed at, walked through by keys; and as a picture for a meeting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from PySide6.QtCore import QPoint, QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip

from planner import DISCLAIMER
from viewers.panels.parts import plain_tip
from viewers.panels.plot_parts import GROUND, LegendEntry, Plot, PlotHit, PlotLook, legend_width, paint_sign
from viewers.state import theme

PICTURE_PX, MOST_PICTURE_PX = 2000, 16000
"""Width of an exported picture, and what it is at most."""
FONTS_PX = (24, 18, 13)
"""Heights of its text; of very many lanes or bars the first that keeps it below `MOST_PIXELS`, else the last."""
MOST_PIXELS = 12_000_000
PLOT_PX = 1000


class PlotCanvas(QAbstractScrollArea):
    """Left click opens the case under the pointer; arrows walk, Enter opens, F shows all of it at once.

    Attributes
    ----------
    opened, chosen, picture_wanted
        Id of a case; id of a case; nothing.
    """

    opened = Signal(str)
    chosen = Signal(str)
    picture_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.plot: Plot | None = None
        self.empty = ""
        self.whole = False
        self.chosen_case: str | None = None
        self._number: int | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.setMinimumHeight(round(9 * self.em))
        self.setAccessibleName("Plot")

    @property
    def em(self) -> float:
        return QFontMetricsF(self.font()).height()

    def show_plot(self, plot: Plot | None, empty: str = "") -> None:
        """Show a plot; without one, the sentence that says why."""
        self.plot, self.empty, self._number = plot, empty, None
        if plot is not None:
            self.setAccessibleDescription(plot.title)
        self._fit()

    def choose(self, case_id: str | None) -> None:
        """Mark a case, as chosen elsewhere, and bring it into sight."""
        self.chosen_case = case_id
        if self.plot is not None and case_id in self.plot.cases:
            self._number = self.plot.cases.index(case_id)
            self._bring(self._number)
        self.viewport().update()

    def drawing_size(self) -> QSizeF:
        room = QSizeF(self.viewport().size())
        return room if self.plot is None else self.plot.size(room, self.em, whole=self.whole)

    def hit_at(self, point: QPointF) -> PlotHit | None:
        """What lies under a point of the viewport."""
        if self.plot is None:
            return None
        return self.plot.at(point + self._offset, self.drawing_size(), self.em)

    def point_of(self, number: int) -> QPoint:
        """Where the n-th of what is drawn is on the viewport."""
        if self.plot is None:
            return QPoint()
        return (self.plot.anchor(number, self.drawing_size(), self.em) - self._offset).toPoint()

    @property
    def _offset(self) -> QPointF:
        return QPointF(self.horizontalScrollBar().value(), self.verticalScrollBar().value())

    def _fit(self) -> None:
        room, size = self.viewport().size(), self.drawing_size()
        for bar, all_of_it, seen in (
            (self.horizontalScrollBar(), size.width(), room.width()),
            (self.verticalScrollBar(), size.height(), room.height()),
        ):
            bar.setRange(0, max(0, round(all_of_it) - seen))
            bar.setPageStep(seen)
            bar.setSingleStep(round(3 * self.em))
        self.viewport().update()

    def _bring(self, number: int) -> None:
        if self.plot is None:
            return
        at, room = self.plot.anchor(number, self.drawing_size(), self.em), self.viewport().size()
        for bar, place, seen in (
            (self.horizontalScrollBar(), at.x(), room.width()),
            (self.verticalScrollBar(), at.y(), room.height()),
        ):
            if not bar.value() + 4 * self.em <= place <= bar.value() + seen - 2 * self.em:
                bar.setValue(round(place - seen / 2))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), QColor(GROUND))
        painter.setFont(self.font())
        if self.plot is None:
            painter.setPen(QColor(theme.QUIET))
            words = self.viewport().rect().adjusted(20, 20, -20, -20)
            painter.drawText(words, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.empty)
            return
        painter.translate(-self._offset)
        seen = QRectF(self._offset, QSizeF(self.viewport().size()))
        self.plot.paint(painter, self.drawing_size(), seen, PlotLook(self.font(), self.chosen_case))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hit = self.hit_at(event.position())
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if hit else Qt.CursorShape.ArrowCursor)
        if hit is None:
            QToolTip.hideText()
        else:
            lines = "\n".join((*hit.lines, "Click opens the case"))
            QToolTip.showText(event.globalPosition().toPoint(), plain_tip(lines), self.viewport())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        hit = self.hit_at(event.position())
        if event.button() is Qt.MouseButton.LeftButton and hit is not None:
            self.chosen.emit(hit.case_id)
            self.opened.emit(hit.case_id)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.picture_wanted.emit()
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_F:
            self.show_whole(not self.whole)
        elif key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_N):
            self._walk(1)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_P):
            self._walk(-1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.plot is not None and self._number is not None:
            self.opened.emit(self.plot.cases[self._number])
        else:
            super().keyPressEvent(event)

    def show_whole(self, whole: bool) -> None:
        """Fit all of it into the room, or give every bar room for its letters."""
        self.whole = whole
        self._fit()

    def _walk(self, by: int) -> None:
        if self.plot is None or not self.plot.cases:
            return
        count = len(self.plot.cases)
        self._number = (0 if by > 0 else count - 1) if self._number is None else (self._number + by) % count
        self.chosen_case = self.plot.cases[self._number]
        self._bring(self._number)
        self.viewport().update()
        self.chosen.emit(self.chosen_case)


def plot_picture(plot: Plot, said: Sequence[str], made_on: date, *, simulated: bool) -> QImage:
    """A plot as a picture: title with n, legend, limits with their sources, filters, date, and what the program is not.

    Parameters
    ----------
    said
        Lines about what was left out or filtered.
    """
    font, size = _fitting(plot)
    em = QFontMetricsF(font).height()
    words = (*plot.notes, *said, f"{made_on.isoformat()} · {DISCLAIMER}")
    legend = _legend_lines(plot.legend, size.width(), font)
    foot = (1.5 * len(legend) + 1.0) * em + sum(_high(line, size.width(), font) for line in words)
    image = QImage(round(size.width()), round(2.2 * em + size.height() + foot), QImage.Format.Format_RGB32)
    image.fill(QColor(GROUND))
    painter = QPainter(image)
    painter.setFont(font)
    painter.setPen(QColor(theme.TEXT))
    painter.drawText(QPointF(0.8 * em, 1.5 * em), f"SIMULATED · {plot.title}" if simulated else plot.title)
    painter.save()
    painter.translate(0.0, 2.2 * em)
    painter.setClipRect(QRectF(QPointF(), size))
    plot.paint(painter, size, QRectF(QPointF(), size), PlotLook(font))
    painter.restore()
    y = 2.2 * em + size.height() + 0.9 * em
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for entries in legend:
        x = 0.8 * em
        for each in entries:
            x += paint_sign(painter, each, QPointF(x, y), font)
        y += 1.5 * em
    painter.setPen(QColor(theme.QUIET))
    painter.setFont(font)
    for line in words:
        high = _high(line, size.width(), font)
        painter.drawText(QRectF(0.8 * em, y - 0.5 * em, size.width() - 1.6 * em, high), Qt.TextFlag.TextWordWrap, line)
        y += high
    painter.end()
    return image


def _fitting(plot: Plot) -> tuple[QFont, QSizeF]:
    """Font and size of a picture that programs can still open."""
    font, size = QFont(), QSizeF()
    for pixels in FONTS_PX:
        font.setPixelSize(pixels)
        em = QFontMetricsF(font).height()
        size = plot.size(QSizeF(PICTURE_PX, PLOT_PX), em, whole=False)
        if size.width() * size.height() <= MOST_PIXELS:
            return font, size
    if size.width() > MOST_PICTURE_PX:
        size = plot.size(QSizeF(MOST_PICTURE_PX, PLOT_PX), QFontMetricsF(font).height(), whole=True)
    return font, size


def _high(line: str, width: float, font: QFont) -> float:
    metrics = QFontMetricsF(font)
    room = QRectF(0, 0, width - 1.6 * metrics.height(), 10_000)
    return metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, line).height() + 0.2 * metrics.height()


def _legend_lines(legend: Sequence[LegendEntry], width: float, font: QFont) -> list[list[LegendEntry]]:
    lines: list[list[LegendEntry]] = []
    right = width
    for each in legend:
        wide = legend_width(each, font)
        if not lines or right + wide > width:
            lines.append([])
            right = QFontMetricsF(font).height()
        lines[-1].append(each)
        right += wide
    return lines
