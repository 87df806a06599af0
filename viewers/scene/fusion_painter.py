"""What is drawn above two studies laid over each other: the divider, which study is where, legends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen

from viewers.scene.fusion import EDGE, LESS, MORE, difference_table
from viewers.scene.palette import SELECTED, TEXT, WARNING
from viewers.scene.slice_text import draw_outlined
from viewers.scene.slice_view import SliceView
from viewers.state.compare import FusionLook, LandmarkPair, Side

LANDMARK = "#cc79a7"
LEGEND_FROM_EM = 1.7
"""Where the first line of a legend begins, in heights of the text: below the corner's own line."""
_DIVIDER_WORDS = 0.42
"""How far down the names of the studies stand beside the divider, clear of the corners' lines."""


def draw_divider(painter: QPainter, area: QRectF, share: float) -> None:
    """The line that is dragged, with a grip in its middle."""
    em = QFontMetricsF(painter.font()).height()
    x = area.left() + share * area.width()
    for colour, width in ((QColor(0, 0, 0, 200), em / 5.0), (QColor(SELECTED), em / 12.0)):
        painter.setPen(QPen(colour, max(1.0, width)))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
    painter.setPen(QPen(QColor(0, 0, 0, 220), 1.0))
    painter.setBrush(QColor(SELECTED))
    painter.drawRoundedRect(QRectF(x - em * 0.28, area.center().y() - em, em * 0.56, em * 2.0), em * 0.2, em * 0.2)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def draw_studies(painter: QPainter, area: QRectF, look: FusionLook, earlier: str, later: str) -> float:
    """Which study is where: on the divider's two sides, else below the upper right corner; the next free line's top."""
    metrics = QFontMetricsF(painter.font())
    top = area.top() + metrics.height() * LEGEND_FROM_EM
    if look.alone is None and look.mode == "swipe":
        x, gap = area.left() + look.divider * area.width(), metrics.height() * 0.5
        y = area.top() + area.height() * _DIVIDER_WORDS
        left, right = f"◀ {earlier}", f"{later} ▶"
        draw_outlined(painter, QPointF(x - gap - metrics.horizontalAdvance(left), y), left)
        draw_outlined(painter, QPointF(x + gap, y), right)
        return top
    lone = look.alone is not None
    if look.mode == "edges" and not lone:
        return draw_legend(painter, area, top, ((EDGE, f"edges of {earlier} over {later}"),))
    return _right(painter, area, top, study_words(look, earlier, later), WARNING if lone else TEXT)


def _right(painter: QPainter, area: QRectF, top: float, text: str, colour: str = TEXT) -> float:
    """A line at the right edge, cut to half the pane; the top of the next one."""
    metrics = QFontMetricsF(painter.font())
    half = area.width() / 2.0 - metrics.horizontalAdvance("MM")
    fitted = metrics.elidedText(text, Qt.TextElideMode.ElideRight, half)
    x = area.right() - metrics.height() * 0.5 - metrics.horizontalAdvance(fitted)
    draw_outlined(painter, QPointF(x, top + metrics.ascent()), fitted, colour)
    return top + metrics.height() * 1.08


def study_words(look: FusionLook, earlier: str, later: str) -> str:
    """What is seen, in one line."""
    if look.alone is not None:
        return f"{earlier if look.alone == 'earlier' else later} alone"
    if look.mode == "difference":
        return f"{later} minus {earlier}"
    if look.mode == "chequerboard":
        return f"{earlier} and {later} in turn"
    return f"{earlier} {100.0 * look.share:.0f} % over {later}"


def draw_difference_legend(
    painter: QPainter, area: QRectF, top: float, limit: float, unit: str, note: str = ""
) -> float:
    """The colours of the difference with their numbers, at the right edge; the next free line's top."""
    metrics = QFontMetricsF(painter.font())
    em = metrics.height()
    said = f" {unit}" if unit else ""
    below, above = f"−{limit:.0f}", f"+{limit:.0f}{said}"
    right = area.right() - em * 0.5
    room = area.width() / 2.0 - metrics.horizontalAdvance(below + above) - em * 2.0
    width = max(em * 2.0, min(em * 9.0, room))
    bar = QRectF(right - metrics.horizontalAdvance(above) - em * 0.4 - width, top + em * 0.2, width, em * 0.7)
    table = np.ascontiguousarray(difference_table()[None, 1:])
    painter.drawImage(bar, QImage(table.data, 255, 1, 255 * 4, QImage.Format.Format_RGB32).copy())
    base = top + metrics.ascent()
    draw_outlined(painter, QPointF(bar.left() - em * 0.4 - metrics.horizontalAdvance(below), base), below, LESS)
    draw_outlined(painter, QPointF(bar.right() + em * 0.4, base), above, MORE)
    top = _right(painter, area, top + em * 1.08, "blue: less than before")
    top = _right(painter, area, top, "orange: more than before")
    return _right(painter, area, top, note, WARNING) if note else top


def draw_legend(painter: QPainter, area: QRectF, top: float, rows: Sequence[tuple[str, str]]) -> float:
    """Colour and name of what is laid over, at the right edge; the next free line's top."""
    metrics = QFontMetricsF(painter.font())
    line = metrics.height() * 1.08
    half = area.width() / 2.0 - line * 1.5
    for colour, name in rows:
        fitted = metrics.elidedText(name, Qt.TextElideMode.ElideRight, half)
        x = area.right() - metrics.height() * 0.5 - metrics.horizontalAdvance(fitted)
        draw_outlined(painter, QPointF(x, top + metrics.ascent()), fitted)
        painter.setPen(QPen(QColor(0, 0, 0, 200), 1.0))
        painter.setBrush(QColor(colour))
        painter.drawRect(QRectF(x - line, top + line * 0.15, line * 0.7, line * 0.7))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        top += line
    return top


def draw_landmarks(
    painter: QPainter, view: SliceView, pairs: Sequence[LandmarkPair], side: Side, reach_mm: float
) -> None:
    """Numbered crosses of one study; those off the plane are pale."""
    em = QFontMetricsF(painter.font()).height()
    for number, pair in enumerate(pairs, start=1):
        place = pair.place(side)
        if place is None:
            continue
        near = abs(float(view.plane.distance_mm(place))) <= reach_mm
        x, y = view.px_of(place)
        colour = QColor(LANDMARK)
        colour.setAlpha(255 if near else 90)
        painter.setPen(QPen(colour, max(1.0, em / 9.0)))
        arm = em * 0.5
        painter.drawLine(QPointF(x - arm, y - arm), QPointF(x + arm, y + arm))
        painter.drawLine(QPointF(x - arm, y + arm), QPointF(x + arm, y - arm))
        if near:
            draw_outlined(painter, QPointF(x + arm * 1.2, y - arm * 0.4), str(number), LANDMARK)
