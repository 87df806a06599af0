"""Diameters along a measured vessel as a small chart over the picture: minimum, reference, place under the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from viewers.scene.palette import MEASURE, PATH, SELECTED, TEXT, TEXT_QUIET
from viewers.scene.run_view import RunView
from viewers.scene.slice_text import draw_outlined

WIDE_EM, HIGH_EM = 20.0, 7.5
TOP_EM, LEFT_TOP_EM, BOTTOM_EM = 8.2, 9.6, 6.2
"""Below the lines of the upper corners (right, left), above those of the lower ones."""


@dataclass(frozen=True, eq=False, slots=True)
class ProfileChart:
    """A profile in one unit.

    Attributes
    ----------
    along, diameter, deviation
        (n,) in `unit`; NaN where unknown.
    doubtful
        (n,) drawn faint.
    reference
        (n,) healthy diameter, for a stenosis.
    place, pointer
        Indices of what is measured and of what lies under the pointer.
    """

    along: NDArray[np.float64]
    diameter: NDArray[np.float64]
    deviation: NDArray[np.float64]
    doubtful: NDArray[np.bool_]
    unit: str
    reference: NDArray[np.float64] | None = None
    place: int | None = None
    pointer: int | None = None


def place_of_chart(view: RunView, em: float, marked: Sequence[QPointF]) -> QRectF:
    """The corner in which it covers the least of what is marked; the upper right one where none does."""
    width = min(WIDE_EM * em, view.width_px * 0.42)
    height = min(HIGH_EM * em, view.height_px * 0.28)
    left, right = em * 0.6, view.width_px - width - em * 0.6
    low = view.height_px - height - BOTTOM_EM * em
    tried = [QRectF(x, y, width, height) for x, y in ((right, TOP_EM * em), (right, low), (left, low))]
    tried.append(QRectF(left, LEFT_TOP_EM * em, width, height))
    return min(tried, key=lambda box: sum(box.adjusted(-em, -em, em, em).contains(point) for point in marked))


def paint_profile(painter: QPainter, view: RunView, chart: ProfileChart, marked: Sequence[QPointF]) -> QRectF:
    """Paint the chart off what is marked on the frame; returns where it stands."""
    metrics = QFontMetricsF(painter.font())
    em = metrics.height()
    box = place_of_chart(view, em, marked)
    painter.setPen(QPen(QColor(255, 255, 255, 50), 1.0))
    painter.setBrush(QColor(16, 18, 20, 205))
    painter.drawRoundedRect(box, 4.0, 4.0)
    usable = chart.diameter[np.isfinite(chart.diameter) & ~chart.doubtful]
    if not usable.size or chart.along[-1] <= 0.0:
        return box
    highest = float(usable.max()) * 1.15
    if chart.reference is not None:
        highest = max(highest, float(np.nanmax(chart.reference)) * 1.1)
    plot = box.adjusted(em * 2.4, em * 1.5, -em * 0.6, -em * 1.3)
    _paint_axes(painter, box, plot, chart, highest, metrics)
    _paint_lines(painter, plot, chart, highest, em)
    return box


def _paint_axes(
    painter: QPainter, box: QRectF, plot: QRectF, chart: ProfileChart, highest: float, metrics: QFontMetricsF
) -> None:
    em = metrics.height()
    painter.setPen(QPen(QColor(TEXT_QUIET), 1.0))
    painter.drawLine(plot.bottomLeft(), plot.bottomRight())
    painter.drawLine(plot.bottomLeft(), plot.topLeft())
    digits = 1 if highest < 20.0 else 0
    for value, y in ((0.0, plot.bottom()), (highest, plot.top())):
        text = f"{value:.{digits}f}" if value else "0"
        where = QPointF(plot.left() - metrics.horizontalAdvance(text) - em * 0.25, y + metrics.ascent() / 2.0 - 1.0)
        draw_outlined(painter, where, text, TEXT_QUIET)
    length = f"{chart.along[-1]:.0f} {chart.unit}"
    end = QPointF(plot.right() - metrics.horizontalAdvance(length), box.bottom() - em * 0.25)
    draw_outlined(painter, end, length, TEXT_QUIET)
    draw_outlined(painter, QPointF(plot.left(), box.bottom() - em * 0.25), "0", TEXT_QUIET)
    title = f"Diameter along the vessel, {chart.unit}"
    if chart.pointer is not None and np.isfinite(chart.diameter[chart.pointer]):
        title = f"Here Ø {chart.diameter[chart.pointer]:.1f} {chart.unit}"
    fitted = metrics.elidedText(title, Qt.TextElideMode.ElideRight, box.width() - em)
    draw_outlined(painter, box.topLeft() + QPointF(em * 0.5, em * 1.05), fitted, TEXT)


def _paint_lines(painter: QPainter, plot: QRectF, chart: ProfileChart, highest: float, em: float) -> None:
    def at(along: float, value: float) -> QPointF:
        up = min(max(value / highest, 0.0), 1.0)
        return QPointF(plot.left() + along / chart.along[-1] * plot.width(), plot.bottom() - up * plot.height())

    known = np.isfinite(chart.diameter) & np.isfinite(chart.deviation)
    band = [at(x, y) for x, y in zip(chart.along[known], (chart.diameter + chart.deviation)[known], strict=True)]
    low = [at(x, y) for x, y in zip(chart.along[known], (chart.diameter - chart.deviation)[known], strict=True)]
    shade = QColor(PATH)
    shade.setAlpha(60)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(shade)
    painter.drawPolygon(QPolygonF([*band, *reversed(low)]))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    sure = np.isfinite(chart.diameter) & ~chart.doubtful
    for wanted, colour, alpha in ((np.isfinite(chart.diameter), PATH, 90), (sure, PATH, 255)):
        made = QColor(colour)
        made.setAlpha(alpha)
        painter.setPen(QPen(made, max(1.0, em / 11.0)))
        borders = np.flatnonzero(np.diff(np.concatenate([[False], wanted, [False]]).astype(np.int8)))
        for first, end in zip(borders[::2], borders[1::2], strict=True):
            line = zip(chart.along[first:end], chart.diameter[first:end], strict=True)
            painter.drawPolyline(QPolygonF([at(x, y) for x, y in line]))
    if chart.reference is not None:
        pen = QPen(QColor("#56b4e9"), max(1.0, em / 14.0), Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawPolyline(
            QPolygonF([at(x, y) for x, y in zip(chart.along, chart.reference, strict=True) if np.isfinite(y)])
        )
    for index, colour in ((chart.place, MEASURE), (chart.pointer, SELECTED)):
        if index is not None:
            x = at(float(chart.along[index]), 0.0).x()
            painter.setPen(QPen(QColor(colour), max(1.0, em / 14.0)))
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
