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


def draw_studies(painter: QPainter, area: QRectF, look: FusionLook, earlier: str, later: str) -> None:
    """Which study is where, below the upper edge: on the divider's two sides, else in one line."""
    metrics = QFontMetricsF(painter.font())
    y = area.top() + metrics.height() * 2.2 + metrics.ascent()
    if look.alone is None and look.mode == "swipe":
        x, gap = area.left() + look.divider * area.width(), metrics.height() * 0.5
        left, right = f"◀ {earlier}", f"{later} ▶"
        draw_outlined(painter, QPointF(x - gap - metrics.horizontalAdvance(left), y), left)
        draw_outlined(painter, QPointF(x + gap, y), right)
        return
    text = study_words(look, earlier, later)
    x = area.center().x() - metrics.horizontalAdvance(text) / 2.0
    draw_outlined(painter, QPointF(max(area.left(), x), y), text, WARNING if look.alone is not None else TEXT)


def study_words(look: FusionLook, earlier: str, later: str) -> str:
    """What is seen, in one line."""
    if look.alone is not None:
        return f"{earlier if look.alone == 'earlier' else later} alone"
    if look.mode == "difference":
        return f"{later} minus {earlier}"
    if look.mode == "edges":
        return f"edges of {earlier} over {later}"
    if look.mode == "chequerboard":
        return f"{earlier} and {later} in turn"
    return f"{earlier} {100.0 * look.share:.0f} % over {later}"


def draw_difference_legend(painter: QPainter, area: QRectF, limit: float, unit: str) -> None:
    """The colours of the difference with their numbers, along the lower edge."""
    metrics = QFontMetricsF(painter.font())
    em = metrics.height()
    bar = QRectF(area.center().x() - em * 6.0, area.bottom() - em * 3.4, em * 12.0, em * 0.7)
    table = np.ascontiguousarray(difference_table()[None, 1:])
    painter.drawImage(bar, QImage(table.data, 255, 1, 255 * 4, QImage.Format.Format_RGB32).copy())
    said = f" {unit}" if unit else ""
    below, above = f"−{limit:.0f}{said}", f"+{limit:.0f}{said}"
    gap = em * 0.4
    base = bar.bottom() - metrics.descent() * 0.3
    draw_outlined(painter, QPointF(bar.left() - gap - metrics.horizontalAdvance(below), base), below, LESS)
    draw_outlined(painter, QPointF(bar.right() + gap, base), above, MORE)
    draw_outlined(painter, QPointF(bar.left(), bar.top() - gap), "less than before", LESS)
    more = "more"
    draw_outlined(painter, QPointF(bar.right() - metrics.horizontalAdvance(more), bar.top() - gap), more, MORE)


def draw_legend(painter: QPainter, area: QRectF, rows: Sequence[tuple[str, str]]) -> None:
    """Colour and name of what is laid over, above the lower left corner's lines."""
    metrics = QFontMetricsF(painter.font())
    line = metrics.height() * 1.08
    top = area.bottom() - metrics.height() * 4.2 - line * len(rows)
    for number, (colour, name) in enumerate(rows):
        y = top + number * line
        box = QRectF(area.left() + line * 0.5, y + line * 0.15, line * 0.7, line * 0.7)
        painter.setPen(QPen(QColor(0, 0, 0, 200), 1.0))
        painter.setBrush(QColor(colour))
        painter.drawRect(box)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        fitted = metrics.elidedText(name, Qt.TextElideMode.ElideRight, area.width() * 0.45)
        draw_outlined(painter, QPointF(box.right() + line * 0.3, y + metrics.ascent()), fitted)


def draw_edge_legend(painter: QPainter, area: QRectF, earlier: str) -> None:
    draw_legend(painter, area, ((EDGE, f"edges of {earlier}"),))


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
