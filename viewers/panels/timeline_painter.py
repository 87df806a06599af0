"""Draws a course on its time axis: calendar, lanes of marks, lanes of curves, today. Values come laid out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPixmap, QPolygonF

from planner.units import shown
from viewers.state import theme
from viewers.state.course_lanes import (
    HEAD_EM,
    Curve,
    LaneBox,
    Layout,
    MarkState,
    PlacedMark,
    PlacedPoint,
    TimelineContent,
)
from viewers.state.time_axis import TimeAxis

LANE_COLOURS = {
    "session": theme.ACCENT,
    "outside": theme.WARN,
    "imaging": theme.SIGNED,
    "response": theme.STALE,
    "between": theme.QUIET,
}
LANE_SHAPES = {"session": "disc", "outside": "diamond", "imaging": "square", "response": "star", "between": "triangle"}

STATE_COLOURS = {
    MarkState.OVERDUE: theme.BLOCK,
    MarkState.DROPPED: theme.WAITING,
}

GUTTER_EM = 11.0
"""Width of the lanes' names."""

HEAD_GROUND = QColor(theme.PANEL)
LANE_GROUND = QColor("#1f2226")


@dataclass(frozen=True, slots=True)
class Look:
    """How it is drawn.

    Attributes
    ----------
    chosen
        Ids of marks that are chosen; they get a ring.
    """

    font: QFont
    chosen: frozenset[str] = frozenset()

    @property
    def em(self) -> float:
        return QFontMetricsF(self.font).height()


def placed_points(layout: Layout) -> tuple[PlacedPoint, ...]:
    """Every value of every visible curve on the screen."""
    return tuple(
        PlacedPoint(curve, point, layout.axis.x_of(point.on), lane.y_of(point.value))
        for lane in layout.lanes
        for curve in lane.curves
        for point in curve.points
    )


def paint_timeline(painter: QPainter, layout: Layout, content: TimelineContent, look: Look, area: QRectF) -> None:
    """Everything but what follows the pointer.

    Parameters
    ----------
    area
        What is seen of the layout, px: it may be scrolled down; the calendar stays at its top.
    """
    painter.setFont(look.font)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(QRectF(0, 0, area.width(), area.height()).toRect(), QColor(theme.WINDOW))
    head = HEAD_EM * look.em
    painter.save()
    painter.setClipRect(QRectF(0, head, area.width(), area.height() - head))
    painter.translate(0.0, -area.top())
    for number, lane in enumerate(layout.lanes):
        if number % 2 == 0:
            painter.fillRect(QRectF(0, lane.top, area.width(), lane.height).toRect(), LANE_GROUND)
    _paint_calendar_lines(painter, layout, look)
    _paint_session_lines(painter, layout)
    if content.today is not None and layout.axis.shows(content.today):
        _paint_today(painter, layout, content, look)
    seen = [lane for lane in layout.lanes if lane.bottom >= area.top() and lane.top <= area.bottom()]
    for lane in seen:
        if lane.curves:
            _paint_curves(painter, layout.axis, lane, look, area.width(), content.today)
    painter.save()
    left = layout.axis.left_px
    painter.setClipRect(QRectF(left, area.top() + head, area.width() - left, area.height() - head))
    for placed in layout.marks:
        if placed.x_until >= left - 2 * look.em and placed.x <= layout.axis.right_px + 2 * look.em:
            paint_mark(painter, layout.axis, placed, look)
    painter.restore()
    for lane in seen:
        _paint_lane_name(painter, layout.axis, lane, look)
    painter.restore()
    _paint_head(painter, layout, content, look, area.width())


def _paint_calendar_lines(painter: QPainter, layout: Layout, look: Look) -> None:
    for tick in layout.axis.ticks(look.em * 4.5):
        x = layout.axis.x_of(tick.on)
        painter.setPen(QPen(QColor(theme.LINE) if tick.strong else QColor("#2a2d33"), 1.0))
        painter.drawLine(QLineF(x, 0.0, x, layout.height))


def _paint_session_lines(painter: QPainter, layout: Layout) -> None:
    """A session's day runs down through the curves: what came before and after is read from it."""
    colour = QColor(theme.ACCENT)
    colour.setAlpha(60)
    painter.setPen(QPen(colour, 1.0, Qt.PenStyle.DotLine))
    for placed in layout.marks:
        if placed.mark.lane == "session" and placed.mark.state is MarkState.DONE and _is_shown(layout.axis, placed.x):
            painter.drawLine(QLineF(placed.x, placed.y, placed.x, layout.height))


def _is_shown(axis: TimeAxis, x: float) -> bool:
    return axis.left_px <= x <= axis.right_px


def _paint_today(painter: QPainter, layout: Layout, content: TimelineContent, look: Look) -> None:
    if content.today is None:
        return
    x = layout.axis.x_of(content.today)
    painter.setPen(QPen(QColor(theme.TEXT), max(1.2, look.em / 14), Qt.PenStyle.DashLine))
    painter.drawLine(QLineF(x, 0.0, x, layout.height))


def _paint_head(painter: QPainter, layout: Layout, content: TimelineContent, look: Look, width: float) -> None:
    em, axis = look.em, layout.axis
    metrics = QFontMetricsF(look.font)
    painter.fillRect(QRectF(0, 0, width, HEAD_EM * em).toRect(), HEAD_GROUND)
    base = HEAD_EM * em * 0.68
    today = QRectF()
    if content.today is not None and axis.shows(content.today):
        text = f"today {content.today.day} {content.today:%b}"
        room = metrics.horizontalAdvance(text)
        left = min(max(axis.x_of(content.today) - room / 2, axis.left_px), width - room - 0.3 * em)
        today = QRectF(left - 0.4 * em, 0.0, room + 0.8 * em, HEAD_EM * em)
        painter.setPen(QColor(theme.TEXT))
        painter.drawText(QPointF(left, base), text)
    edge = 0.0
    for tick in axis.ticks(em * 4.5):
        left = axis.x_of(tick.on) + 0.25 * em
        room = metrics.horizontalAdvance(tick.text)
        if left < edge or left + room > width or QRectF(left, 0.0, room, HEAD_EM * em).intersects(today):
            continue
        edge = left + room + 0.5 * em
        painter.setPen(QColor(theme.TEXT if tick.strong else theme.QUIET))
        painter.drawText(QPointF(left, base), tick.text)
    painter.setPen(QPen(QColor(theme.LINE), 1.0))
    painter.drawLine(QLineF(0.0, HEAD_EM * em, width, HEAD_EM * em))


def _paint_lane_name(painter: QPainter, axis: TimeAxis, lane: LaneBox, look: Look) -> None:
    em = look.em
    painter.fillRect(QRectF(0, lane.top, axis.left_px, lane.height).toRect(), QColor(theme.PANEL))
    painter.setPen(QPen(QColor(theme.LINE), 1.0))
    painter.drawLine(QLineF(0.0, lane.bottom, axis.right_px + em, lane.bottom))
    metrics = QFontMetricsF(look.font)
    room = (GUTTER_EM - (3.2 if lane.curves else 1.0)) * em
    unit = lane.curves[0].unit if lane.curves else ""
    # What stands in brackets is in the legend; the name has to be read here.
    lines = [metrics.elidedText(lane.title.split(" (")[0], _CUT, room)]
    if lane.curves:
        word = "log" if lane.scale.log else ""
        lines.append(metrics.elidedText(" · ".join(each for each in (unit, word) if each), _CUT, room))
    top = lane.top + (lane.height - em * len(lines)) / 2
    for number, line in enumerate(lines):
        painter.setPen(QColor(theme.TEXT if number == 0 else theme.QUIET))
        painter.drawText(QRectF(0.5 * em, top + number * em, room + 0.4 * em, em), Qt.AlignmentFlag.AlignLeft, line)
    if lane.curves:
        _paint_scale_numbers(painter, axis, lane, look)


_CUT = Qt.TextElideMode.ElideRight


def _paint_curves(
    painter: QPainter, axis: TimeAxis, lane: LaneBox, look: Look, width: float, today: date | None
) -> None:
    em = look.em
    painter.save()
    painter.setClipRect(QRectF(axis.left_px, lane.top, width - axis.left_px, lane.height))
    most = max(1, min(4, int(lane.height / (1.3 * em))))
    ticks = lane.scale.ticks(most)
    painter.setPen(QPen(QColor("#2d3138"), 1.0))
    for value in ticks:
        y = lane.y_of(value)
        painter.drawLine(QLineF(axis.left_px, y, width, y))
    for curve in lane.curves:
        _paint_curve(painter, axis, lane, curve, em)
        if curve.steps and curve.points:
            _paint_sum_ends(painter, axis, lane, curve, em, today)
    painter.restore()


def _paint_scale_numbers(painter: QPainter, axis: TimeAxis, lane: LaneBox, look: Look) -> None:
    """The lane's round values, right of its name."""
    em = look.em
    metrics = QFontMetricsF(look.font)
    painter.setPen(QColor(theme.QUIET))
    last = math.inf
    for value in lane.scale.ticks(max(1, min(4, int(lane.height / (1.3 * em))))):
        y = lane.y_of(value)
        if last - y < 0.9 * em or y - 0.4 * em < lane.top or y + 0.3 * em > lane.bottom:
            continue
        last = y
        text = shown(value)
        painter.drawText(QPointF(axis.left_px - metrics.horizontalAdvance(text) - 0.3 * em, y + 0.35 * em), text)


def _paint_curve(painter: QPainter, axis: TimeAxis, lane: LaneBox, curve: Curve, em: float) -> None:
    places = [QPointF(axis.x_of(each.on), lane.y_of(each.value)) for each in curve.points]
    colour = QColor(curve.colour)
    line = Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine
    # Single lines with flat ends are drawn several times faster than one path.
    painter.setPen(QPen(colour, max(1.2, em / 10), line, Qt.PenCapStyle.FlatCap))
    corners = [QPointF(after.x(), before.y()) if curve.steps else after for before, after in pairwise(places)]
    painter.drawLines([QLineF(before, corner) for before, corner in zip(places, corners, strict=False)])
    if curve.steps:
        painter.drawLines([QLineF(corner, after) for corner, after in zip(corners, places[1:], strict=True)])
    stamp = _stamp(painter, curve, em)
    half = stamp.deviceIndependentSize().width() / 2
    first, last = axis.left_px, axis.right_px
    for place in places:
        if first <= place.x() <= last:
            painter.drawPixmap(QPointF(place.x() - half, place.y() - half), stamp)


def _paint_sum_ends(
    painter: QPainter, axis: TimeAxis, lane: LaneBox, curve: Curve, em: float, today: date | None
) -> None:
    """What adds up rises from nothing on its first day, and stands until today."""
    first, last = curve.points[0], curve.points[-1]
    painter.setPen(QPen(QColor(curve.colour), max(1.2, em / 10), Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
    x = axis.x_of(first.on)
    painter.drawLine(QLineF(x, lane.y_of(0.0), x, lane.y_of(first.value)))
    if today is not None and today > last.on:
        y = lane.y_of(last.value)
        painter.drawLine(QLineF(axis.x_of(last.on), y, axis.x_of(today), y))


def _stamp(painter: QPainter, curve: Curve, em: float) -> QPixmap:
    """The point of a curve as a picture: hundreds of them are placed faster than drawn."""
    ratio = painter.device().devicePixelRatioF()
    stamp = QPixmap(round(em * ratio), round(em * ratio))
    stamp.setDevicePixelRatio(ratio)
    stamp.fill(Qt.GlobalColor.transparent)
    inner = QPainter(stamp)
    inner.setRenderHint(QPainter.RenderHint.Antialiasing)
    colour = QColor(curve.colour)
    inner.setPen(QPen(colour, max(1.0, em / 12)))
    inner.setBrush(QColor(theme.WINDOW) if curve.dashed else colour)
    half = stamp.deviceIndependentSize().width() / 2
    paint_shape(inner, curve.shape, QPointF(half, half), em * 0.24)
    inner.end()
    return stamp


def paint_shape(painter: QPainter, shape: str, at: QPointF, radius: float) -> None:
    """One of the shapes that tell lanes and curves apart, with the painter's pen and brush."""
    if shape in ("disc", "ring"):
        if shape == "ring":
            painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(at, radius, radius)
    elif shape == "square":
        painter.drawRect(QRectF(at.x() - radius * 0.9, at.y() - radius * 0.9, radius * 1.8, radius * 1.8))
    elif shape == "cross":
        painter.drawLine(QLineF(at.x() - radius, at.y() - radius, at.x() + radius, at.y() + radius))
        painter.drawLine(QLineF(at.x() - radius, at.y() + radius, at.x() + radius, at.y() - radius))
    else:
        painter.drawPolygon(_polygon(shape, at, radius))


def _polygon(shape: str, at: QPointF, radius: float) -> QPolygonF:
    corners = {"triangle": 3, "diamond": 4, "star": 10}[shape]
    points = []
    for number in range(corners):
        size = radius * (0.5 if shape == "star" and number % 2 else 1.15)
        angle = 2 * math.pi * number / corners - math.pi / 2
        points.append(QPointF(at.x() + size * math.cos(angle), at.y() + size * math.sin(angle)))
    return QPolygonF(points)


def paint_mark(painter: QPainter, axis: TimeAxis, placed: PlacedMark, look: Look) -> None:
    """A mark with its window, its bar and its text."""
    em, mark = look.em, placed.mark
    colour = QColor(STATE_COLOURS.get(mark.state, LANE_COLOURS[mark.lane]))
    at = QPointF(placed.x, placed.y)
    if mark.hollow and (mark.earliest is not None or mark.latest is not None):
        _paint_window(painter, axis, placed, em)
    if placed.x_until > placed.x:
        _paint_bar(painter, placed, colour, em)
    painter.setPen(QPen(colour, max(1.6, em / 8)))
    painter.setBrush(QColor(theme.WINDOW) if mark.hollow else colour)
    if mark.state is MarkState.OVERDUE:
        _paint_overdue(painter, at, colour, em)
    elif mark.state is MarkState.DROPPED:
        paint_shape(painter, "cross", at, em * 0.3)
    elif placed.x_until <= placed.x:
        paint_shape(painter, LANE_SHAPES[mark.lane], at, em * 0.38)
        if mark.state is MarkState.DUE:
            painter.setBrush(colour)
            painter.drawEllipse(at, em * 0.1, em * 0.1)
        elif mark.state is MarkState.CONDITION:
            _paint_letter(painter, "?", at, colour, em, look.font)
    if mark.id in look.chosen:
        painter.setPen(QPen(QColor(theme.TEXT), max(1.4, em / 9)))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(at, em * 0.65, em * 0.65)
    if placed.label_px is not None:
        painter.setFont(look.font)
        painter.setPen(QColor(theme.BLOCK if mark.state is MarkState.OVERDUE else theme.TEXT))
        painter.drawText(QPointF(placed.label_px, placed.y + em * 0.3), mark.label)


def _paint_overdue(painter: QPainter, at: QPointF, colour: QColor, em: float) -> None:
    """A triangle with a bar in it: a shape of its own, beside the word."""
    painter.drawPolygon(_polygon("triangle", at, em * 0.5))
    painter.drawLine(QLineF(at.x(), at.y() - em * 0.2, at.x(), at.y() + em * 0.05))
    painter.setBrush(colour)
    painter.drawEllipse(QPointF(at.x(), at.y() + em * 0.2), em * 0.03, em * 0.03)


def _paint_letter(painter: QPainter, letter: str, at: QPointF, colour: QColor, em: float, font: QFont) -> None:
    small = QFont(font)
    small.setPixelSize(max(6, round(em * 0.55)))
    small.setBold(True)
    painter.setFont(small)
    painter.setPen(colour)
    painter.drawText(QRectF(at.x() - em, at.y() - em, 2 * em, 2 * em), Qt.AlignmentFlag.AlignCenter, letter)


def _paint_bar(painter: QPainter, placed: PlacedMark, colour: QColor, em: float) -> None:
    """What lasts. What goes on is open at its right end."""
    ground = QColor(colour)
    ground.setAlpha(40 if placed.mark.hollow else 95)
    bar = QRectF(placed.x, placed.y - em * 0.55, placed.x_until - placed.x, em * 1.1)
    painter.fillRect(bar, ground)
    style = Qt.PenStyle.DashLine if placed.mark.hollow else Qt.PenStyle.SolidLine
    painter.setPen(QPen(colour, max(1.2, em / 11), style))
    painter.drawLine(bar.topLeft(), bar.bottomLeft())
    painter.drawLine(bar.topLeft(), bar.topRight())
    painter.drawLine(bar.bottomLeft(), bar.bottomRight())
    if not placed.mark.still:
        painter.drawLine(bar.topRight(), bar.bottomRight())


def _paint_window(painter: QPainter, axis: TimeAxis, placed: PlacedMark, em: float) -> None:
    """From the earliest to the latest day as a bracket; an end that nobody set stays open and fades to dots."""
    mark, y = placed.mark, placed.y + em * 0.72
    left = axis.x_of(mark.earliest) if mark.earliest is not None else placed.x - 1.2 * em
    right = axis.x_of(mark.latest) if mark.latest is not None else max(placed.x, left) + 1.2 * em
    painter.setPen(QPen(QColor(theme.QUIET), max(1.0, em / 14)))
    painter.drawLine(QLineF(left, y, right, y))
    if mark.earliest is not None:
        painter.drawLine(QLineF(left, y, left, y - em * 0.22))
    if mark.latest is not None:
        painter.drawLine(QLineF(right, y, right, y - em * 0.22))
