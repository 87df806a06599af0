"""Finished pictures on one sheet: as large as fits, one scale for all, each with its words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen, QPolygonF

from planner.app.rendering import SheetMark, SheetPanel
from viewers.scene.slice_text import draw_outlined
from viewers.state import theme


def paint_panels(painter: QPainter, panels: Sequence[SheetPanel], area: QRect, gap_px: int) -> None:
    """Draw panels in rows; the number of columns is the one that leaves the pictures largest."""
    if not panels:
        return
    tallest, widest = (max(each.picture.shape[axis] for each in panels) for axis in (0, 1))
    columns = max(range(1, len(panels) + 1), key=lambda count: _scale(count, len(panels), area, widest, tallest))
    rows = math.ceil(len(panels) / columns)
    width, height = (area.width() + gap_px) / columns - gap_px, (area.height() + gap_px) / rows - gap_px
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        left = area.left() + column * (width + gap_px)
        top = area.top() + row * (height + gap_px)
        _paint_panel(painter, panel, QRectF(left, top, width, height), min(width / widest, height / tallest))


def _scale(columns: int, count: int, area: QRect, widest: int, tallest: int) -> float:
    rows = math.ceil(count / columns)
    return min(area.width() / columns / widest, area.height() / rows / tallest)


def _paint_panel(painter: QPainter, panel: SheetPanel, place: QRectF, scale: float) -> None:
    painter.fillRect(place, QColor(0, 0, 0))
    picture = np.ascontiguousarray(panel.picture)
    rows, columns = picture.shape[:2]
    kind = QImage.Format.Format_RGB888 if picture.ndim == 3 else QImage.Format.Format_Grayscale8
    image = QImage(picture.data, columns, rows, picture.strides[0], kind)
    width, height = columns * scale, rows * scale
    corner = place.center() - QPointF(width / 2.0, height / 2.0)
    painter.drawImage(QRectF(corner.x(), corner.y(), width, height), image)
    for mark in panel.marks:
        _paint_mark(painter, mark, corner, scale)
    metrics = QFontMetricsF(painter.font())
    line = metrics.height()
    words = metrics.elidedText(panel.title, Qt.TextElideMode.ElideRight, place.width() - line)
    draw_outlined(painter, place.topLeft() + QPointF(line * 0.5, line * 1.1), words)


def _paint_mark(painter: QPainter, mark: SheetMark, corner: QPointF, scale: float) -> None:
    """A line with a dark rim, so that it is seen on bright and on dark, its words at the first point."""
    # A pixel's centre lies half a pixel inside it.
    places = [corner + QPointF((x + 0.5) * scale, (y + 0.5) * scale) for x, y in mark.points_xy]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    for colour, width in (("#101214", 4.0), (theme.ACCENT, 2.0)):
        painter.setPen(QPen(QColor(colour), width))
        if len(places) == 1:
            painter.drawEllipse(places[0], 4.0, 4.0)
        painter.drawPolyline(QPolygonF(places))
        if mark.arrow and len(places) > 1:
            painter.drawPolyline(QPolygonF(_head(places[-2], places[-1])))
    if places and mark.text:
        draw_outlined(painter, places[0] + QPointF(8.0, -6.0), mark.text)


def _head(before: QPointF, tip: QPointF) -> list[QPointF]:
    angle = math.atan2(tip.y() - before.y(), tip.x() - before.x())
    sides = [tip - QPointF(12.0 * math.cos(angle + turn), 12.0 * math.sin(angle + turn)) for turn in (0.45, -0.45)]
    return [sides[0], tip, sides[1]]
