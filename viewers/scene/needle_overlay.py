"""What the panes of a needle draw over their picture: a ruler of depth, the plane across, rings around the shaft."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from planner.units import shown
from viewers.scene.palette import NEEDLE, SELECTED, TEXT_QUIET
from viewers.scene.slice_text import draw_outlined
from viewers.scene.slice_view import SliceView
from viewers.state.needles import NeedleShape

RINGS_MM = (5.0, 10.0)
"""Radii of the rings around the needle: a scale to the eye, no limits."""
_TICK_MM, _LONG_TICK_MM = 10.0, 50.0


def draw_ruler(painter: QPainter, view: SliceView, needle: NeedleShape, depth_mm: float) -> None:
    """Ticks each centimetre below the skin, and where the plane across cuts."""
    em = QFontMetricsF(painter.font()).height()
    ends = view.px_of(np.stack([needle.at_depth(0.0), needle.at_depth(1.0)]))
    along = ends[1] - ends[0]
    length = float(np.linalg.norm(along))
    if length < 1e-6:
        return
    across = np.array([-along[1], along[0]]) / length
    for depth in np.arange(_TICK_MM, needle.length_mm - 1.0, _TICK_MM):
        centre = view.px_of(needle.at_depth(float(depth)))
        reach = em * (0.5 if depth % _LONG_TICK_MM else 0.8)
        for colour, width in (("#000000", 2.4), (TEXT_QUIET, 1.0)):
            painter.setPen(QPen(QColor(colour), width))
            painter.drawLine(QPointF(*(centre + across * em * 0.25)), QPointF(*(centre + across * reach)))
    centre = view.px_of(needle.at_depth(depth_mm))
    reach = 20.0 / view.mm_per_px
    painter.setPen(QPen(QColor(NEEDLE), max(1.0, em / 15.0), Qt.PenStyle.DashLine))
    for side in (-1.0, 1.0):
        inner, outer = centre + side * across * em * 0.7, centre + side * across * reach
        painter.drawLine(QPointF(*inner), QPointF(*outer))
    draw_outlined(painter, QPointF(*(centre + across * (reach + em * 0.2))), shown(depth_mm, "mm", digits=0), NEEDLE)


def draw_rings(painter: QPainter, view: SliceView, needle: NeedleShape, depth_mm: float) -> None:
    """The shaft in cross-section, true to its gauge, with rings about its wall."""
    em = QFontMetricsF(painter.font()).height()
    centre = QPointF(*view.px_of(needle.at_depth(depth_mm)))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for ring in RINGS_MM:
        radius = (ring + needle.diameter_mm / 2.0) / view.mm_per_px
        for colour, width in (("#000000", 2.6), (NEEDLE, 1.1)):
            shade = QColor(colour)
            shade.setAlpha(170)
            painter.setPen(QPen(shade, width))
            painter.drawEllipse(centre, radius, radius)
        place = centre + QPointF(radius * 0.71 + em * 0.15, radius * 0.71 + em * 0.5)
        draw_outlined(painter, place, shown(ring, "mm", digits=0), NEEDLE)
    inside = -1e-6 <= depth_mm <= needle.length_mm + 1e-6
    radius = max(needle.diameter_mm / 2.0 / view.mm_per_px, 1.5)
    painter.setPen(QPen(QColor("#000000"), 1.0))
    painter.setBrush(QColor(SELECTED) if inside else Qt.BrushStyle.NoBrush)
    painter.drawEllipse(centre, radius, radius)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def draw_title(painter: QPainter, area: QRectF, lines: tuple[str, ...], *, below: int = 0) -> None:
    """What the pane shows of the needle, in the upper right corner, `below` lines that stand there already."""
    metrics = QFontMetricsF(painter.font())
    margin = metrics.height() * 0.5
    for row, line in enumerate(lines, start=below):
        fitted = metrics.elidedText(line, Qt.TextElideMode.ElideRight, area.width() * 0.45)
        x = area.right() - margin - metrics.horizontalAdvance(fitted)
        y = area.top() + margin + metrics.ascent() + row * metrics.height()
        draw_outlined(painter, QPointF(x, y), fitted, NEEDLE)


def depth_words(needle: NeedleShape, depth_mm: float) -> str:
    """``64 mm deep``, ``at the tip``, ``12 mm above the skin``, ``5 mm beyond the tip``."""
    beyond = depth_mm - needle.length_mm
    if abs(beyond) < 0.5:
        return f"tip, {shown(needle.length_mm, 'mm', digits=0)} deep"
    if beyond > 0.0:
        return f"{shown(beyond, 'mm', digits=0)} beyond the tip"
    if abs(depth_mm) < 0.5:
        return "at the skin"
    return f"{shown(depth_mm, 'mm', digits=0)} deep" if depth_mm > 0.0 else f"{-depth_mm:.0f} mm above the skin"
