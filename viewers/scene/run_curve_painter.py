"""Time-density curves: contrast of regions over time, with arrival and its error, phases and the present frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen

from viewers.scene.palette import TEXT, TEXT_QUIET
from viewers.scene.run_strip_painter import PHASE_MARKS
from viewers.state import theme

TICKS = 6
LOOK_ALIKES = ("solid", "dashed", "dotted", "dash-dotted")
"""Lines differ by their strokes as well as by colour."""
STROKES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)


@dataclass(frozen=True, eq=False, slots=True)
class DrawnCurve:
    """One region's curve.

    Attributes
    ----------
    values
        (frame,) contrast; NaN where there is none.
    arrival, arrival_error
        In the unit of the time axis; None when not found.
    """

    name: str
    colour: str
    values: NDArray[np.float64]
    arrival: float | None = None
    arrival_error: float | None = None


@dataclass(frozen=True, eq=False, slots=True)
class CurveContent:
    """What the panel shows; `unit` is ``s`` or ``frames``."""

    time: NDArray[np.float64]
    unit: str
    curves: tuple[DrawnCurve, ...]
    phases: dict[str, tuple[int, int]]
    value_unit: str = ""


@dataclass(frozen=True, slots=True)
class CurvePlaces:
    """The axes of the panel."""

    box: QRectF
    first: float
    last: float
    low: float
    high: float

    def x_of(self, time: float) -> float:
        return self.box.left() + (time - self.first) / max(self.last - self.first, 1e-9) * self.box.width()

    def y_of(self, value: float) -> float:
        return self.box.bottom() - (value - self.low) / max(self.high - self.low, 1e-9) * self.box.height()

    def time_at(self, x: float) -> float:
        return self.first + (x - self.box.left()) / max(1.0, self.box.width()) * (self.last - self.first)


def places_of(area: QRectF, content: CurveContent, em: float) -> CurvePlaces:
    """Axes that hold every curve, with room for their numbers."""
    box = area.adjusted(em * 3.4, em * 1.5, -em * 0.8, -em * 1.7)
    values = np.concatenate([curve.values for curve in content.curves]) if content.curves else np.zeros(1)
    finite = values[np.isfinite(values)]
    low = min(0.0, float(finite.min())) if finite.size else 0.0
    high = max(float(finite.max()), low + 1e-3) if finite.size else 1.0
    first, last = (float(content.time[0]), float(content.time[-1])) if len(content.time) else (0.0, 1.0)
    return CurvePlaces(box, first, last if last > first else first + 1.0, low, high + 0.06 * (high - low))


def nice_step(span: float, parts: int) -> float:
    """A round step that divides a span into about so many parts."""
    raw = max(span / parts, 1e-12)
    power = 10.0 ** float(np.floor(np.log10(raw)))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= raw - 1e-12)


def paint_curves(painter: QPainter, area: QRectF, content: CurveContent) -> None:
    """Axes, phases and curves: all but the present frame."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    metrics = QFontMetricsF(painter.font())
    places = places_of(area, content, metrics.height())
    _paint_phases(painter, places, content, metrics)
    _paint_axes(painter, places, content, metrics)
    for number, curve in enumerate(content.curves):
        _paint_curve(painter, places, content, curve, STROKES[number // 4 % len(STROKES)], metrics.height())


def _paint_phases(painter: QPainter, places: CurvePlaces, content: CurveContent, metrics: QFontMetricsF) -> None:
    for name, (first, last) in content.phases.items():
        shape, word, colour = PHASE_MARKS[name]
        left, right = places.x_of(float(content.time[first - 1])), places.x_of(float(content.time[last - 1]))
        ground = QColor(colour)
        ground.setAlpha(26)
        painter.fillRect(QRectF(left, places.box.top(), right - left, places.box.height()), ground)
        room = right - left
        text = next((each for each in (f"{shape} {word}", shape) if metrics.horizontalAdvance(each) <= room), "")
        painter.setPen(QColor(colour))
        painter.drawText(QPointF(left + 2.0, places.box.top() - metrics.descent() - 1.0), text)


def _paint_axes(painter: QPainter, places: CurvePlaces, content: CurveContent, metrics: QFontMetricsF) -> None:
    em, box = metrics.height(), places.box
    painter.setPen(QPen(QColor(theme.LINE), 1.0))
    for value in _ticks(places.low, places.high, max(2, int(box.height() / (em * 2.0)))):
        y = places.y_of(value)
        painter.setPen(QPen(QColor(theme.LINE), 1.0))
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        text = f"{value:.3g}"
        painter.setPen(QColor(TEXT_QUIET))
        painter.drawText(QPointF(box.left() - metrics.horizontalAdvance(text) - em * 0.3, y + em * 0.3), text)
    wide = max(2, int(box.width() / (em * 4.0)))
    for time in _ticks(places.first, places.last, min(wide, TICKS * 2)):
        x = places.x_of(time)
        text = f"{time:g} s" if content.unit == "s" else f"{time + 1.0:g}"
        painter.drawText(QPointF(x - metrics.horizontalAdvance(text) / 2.0, box.bottom() + em * 1.1), text)
        painter.drawLine(QPointF(x, box.bottom()), QPointF(x, box.bottom() + em * 0.2))


def _ticks(low: float, high: float, parts: int) -> Sequence[float]:
    step = nice_step(high - low, parts)
    return [step * number for number in range(int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9)) + 1)]


def _paint_curve(
    painter: QPainter, places: CurvePlaces, content: CurveContent, curve: DrawnCurve, stroke: Qt.PenStyle, em: float
) -> None:
    path, pen_down = QPainterPath(), False
    for time, value in zip(content.time, curve.values, strict=True):
        if not np.isfinite(value):
            pen_down = False
            continue
        point = QPointF(places.x_of(float(time)), places.y_of(float(value)))
        path.lineTo(point) if pen_down else path.moveTo(point)
        pen_down = True
    colour = QColor(curve.colour)
    if curve.arrival is not None:
        _paint_arrival(painter, places, curve, colour, em)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, max(1.5, em * 0.13), stroke))
    painter.drawPath(path)


def _paint_arrival(painter: QPainter, places: CurvePlaces, curve: DrawnCurve, colour: QColor, em: float) -> None:
    """A line where contrast arrives, with its error as a band: never sharper than it is known."""
    box = places.box
    x = places.x_of(float(curve.arrival or 0.0))
    if curve.arrival_error is not None:
        half = abs(places.x_of(places.first + curve.arrival_error) - places.x_of(places.first))
        band = QColor(colour)
        band.setAlpha(50)
        painter.fillRect(QRectF(x - half, box.top(), 2.0 * half, box.height()), band)
    painter.setPen(QPen(colour, max(1.0, em * 0.07), Qt.PenStyle.DotLine))
    painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))


def paint_now(painter: QPainter, places: CurvePlaces, time: float) -> None:
    """The present frame."""
    x = places.x_of(time)
    painter.setPen(QPen(QColor(theme.ACCENT), 1.5))
    painter.drawLine(QPointF(x, places.box.top()), QPointF(x, places.box.bottom()))


def paint_empty(painter: QPainter, area: QRectF, text: str) -> None:
    """What to do when there is nothing to show."""
    painter.setPen(QColor(TEXT))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)
