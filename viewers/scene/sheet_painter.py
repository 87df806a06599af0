"""Finished pictures on one sheet: as large as fits, one scale for all, each with its words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter

from planner.app.rendering import SheetPanel
from viewers.scene.slice_text import draw_outlined


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
    metrics = QFontMetricsF(painter.font())
    line = metrics.height()
    words = metrics.elidedText(panel.title, Qt.TextElideMode.ElideRight, place.width() - line)
    draw_outlined(painter, place.topLeft() + QPointF(line * 0.5, line * 1.1), words)
