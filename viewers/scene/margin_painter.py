"""A margin unrolled, as a histogram and with its legend: where the zone falls short is seen before it is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen

from planner.planning.margin_map import MarginMap
from planner.units import shown
from viewers.scene.palette import SELECTED, TEXT_QUIET, WARNING, rgb
from viewers.scene.slice_text import draw_outlined
from viewers.state import theme
from viewers.state.margins import BIN_COLOURS, MarginShown, bins_of

_SIDES = (("back", 0.0), ("right", 0.25), ("front", 0.5), ("left", 0.75), ("back", 1.0))


@dataclass(frozen=True, slots=True)
class MarginPlaces:
    """Where the unrolled surface and the histogram lie in the pane."""

    unrolled: QRectF
    histogram: QRectF

    def direction_at(self, position: QPointF) -> tuple[float, float, float] | None:
        """LPS direction from the middle of the target that a position stands for; None beside the map."""
        box = self.unrolled
        if not box.contains(position):
            return None
        longitude = 2.0 * np.pi * ((position.x() - box.left()) / box.width() - 0.5)
        latitude = np.pi * (0.5 - (position.y() - box.top()) / box.height())
        across = float(np.cos(latitude))
        return across * float(np.sin(longitude)), -across * float(np.cos(longitude)), float(np.sin(latitude))


def places_of(area: QRectF, metrics: QFontMetricsF, lines: int) -> MarginPlaces:
    """The map twice as wide as high where there is room, the histogram in the rest below it."""
    em = metrics.height()
    room = area.adjusted(em * 2.6, em * (lines + 0.6), -em * 0.6, -em * 4.2)
    height = max(30.0, min(room.height() * 0.62, room.width() / 2.0))
    unrolled = QRectF(room.left(), room.top(), max(40.0, room.width()), height)
    top = unrolled.bottom() + em * 1.7
    histogram = QRectF(room.left(), top, unrolled.width(), max(16.0, room.bottom() - top))
    return MarginPlaces(unrolled, histogram)


def colours_of(values_mm: NDArray[np.floating], edges_mm: tuple[float, ...]) -> NDArray[np.uint8]:
    """(..., 3): the colour of each value's bin."""
    table = np.array([rgb(colour) for colour in BIN_COLOURS], dtype=np.uint8)
    return table[np.digitize(values_mm, edges_mm)]


def unrolled_image(found: MarginMap) -> QImage:
    """One pixel an element, with a dark line where the colour changes."""
    pixels = np.full((*found.unrolled_bins.shape, 4), 255, dtype=np.uint8)
    table = np.array([rgb(colour) for colour in BIN_COLOURS], dtype=np.uint8)
    pixels[..., :3] = table[found.unrolled_bins][..., ::-1]
    bins = found.unrolled_bins
    edge = np.zeros(bins.shape, dtype=bool)
    edge[:, 1:] |= bins[:, 1:] != bins[:, :-1]
    edge[1:] |= bins[1:] != bins[:-1]
    pixels[edge, :3] = 0
    height, width = bins.shape
    return QImage(pixels.data, width, height, width * 4, QImage.Format.Format_RGB32).copy()


def paint_margin(
    painter: QPainter, area: QRectF, margin: MarginShown, image: QImage, pointed: tuple[str, QPointF] | None = None
) -> None:
    """Words, unrolled surface, histogram and legend; `pointed` is what lies under the pointer, and where."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    metrics = QFontMetricsF(painter.font())
    lines = margin.lines()
    places = places_of(area, metrics, len(lines))
    _paint_lines(painter, area, lines, metrics)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.drawImage(places.unrolled, image)
    _paint_axes(painter, places.unrolled, metrics)
    _paint_least(painter, places.unrolled, margin, metrics)
    _paint_histogram(painter, places.histogram, margin, metrics)
    _paint_legend(painter, area, margin, metrics)
    if pointed is not None:
        draw_outlined(painter, pointed[1] + QPointF(metrics.height() * 0.6, 0.0), pointed[0], SELECTED)


def _paint_lines(painter: QPainter, area: QRectF, lines: tuple[str, ...], metrics: QFontMetricsF) -> None:
    em = metrics.height()
    for row, text in enumerate(lines):
        painter.setPen(QColor(theme.TEXT if row < 2 else TEXT_QUIET))
        fitted = metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width() - em)
        painter.drawText(QPointF(area.left() + em * 0.5, area.top() + em * (row + 1.0)), fitted)


def _paint_axes(painter: QPainter, box: QRectF, metrics: QFontMetricsF) -> None:
    em = metrics.height()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(theme.LINE), 1.0))
    painter.drawRect(box)
    for name, share in _SIDES:
        x = box.left() + share * box.width()
        painter.setPen(QPen(QColor(0, 0, 0, 110), 1.0, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
        width = metrics.horizontalAdvance(name)
        painter.setPen(QColor(TEXT_QUIET))
        painter.drawText(QPointF(min(max(x - width / 2.0, box.left()), box.right() - width), box.bottom() + em), name)
    for name, height in (("head", box.top() + em * 0.8), ("feet", box.bottom())):
        painter.drawText(QPointF(box.left() - em * 0.2 - metrics.horizontalAdvance(name), height), name)


def _paint_least(painter: QPainter, box: QRectF, margin: MarginShown, metrics: QFontMetricsF) -> None:
    """A ring where the least margin lies."""
    row, column = margin.map.minimum_row_column
    rows, columns = margin.map.unrolled_bins.shape
    x = box.left() + (column + 0.5) / columns * box.width()
    place = QPointF(x, box.top() + (row + 0.5) / rows * box.height())
    em = metrics.height()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in (("#000000", 3.6), (SELECTED, 1.8)):
        painter.setPen(QPen(QColor(colour), width))
        painter.drawEllipse(place, em * 0.4, em * 0.4)
    word = shown(float(margin.map.values_mm.min()), "mm", digits=1)
    side = -em * 0.6 - metrics.horizontalAdvance(word) if place.x() > box.center().x() else em * 0.6
    draw_outlined(painter, place + QPointF(side, em * 0.3), word, SELECTED)


def _paint_histogram(painter: QPainter, box: QRectF, margin: MarginShown, metrics: QFontMetricsF) -> None:
    """A bar for each millimetre, in the colour of its bin; a line at the margin that is wanted."""
    found, em = margin.map, metrics.height()
    edges, shares = found.histogram_edges_mm, found.histogram_shares
    low, high = min(0.0, float(edges[0])), max(found.bin_edges_mm[-1], float(edges[-1]))
    most = max(float(shares.max()), 1e-6)

    def x_of(value: float) -> float:
        return box.left() + (value - low) / (high - low) * box.width()

    painter.setPen(Qt.PenStyle.NoPen)
    bars = colours_of((edges[:-1] + edges[1:]) / 2.0, found.bin_edges_mm)
    for number, share in enumerate(shares):
        left, right = x_of(float(edges[number])), x_of(float(edges[number + 1]))
        height = float(share) / most * box.height()
        painter.fillRect(
            QRectF(left + 0.5, box.bottom() - height, max(1.0, right - left - 1.0), height), _shade(bars[number])
        )
    painter.setPen(QPen(QColor(theme.LINE), 1.0))
    painter.drawLine(box.bottomLeft(), box.bottomRight())
    for value in found.bin_edges_mm:
        painter.setPen(QColor(TEXT_QUIET))
        painter.drawText(QPointF(x_of(value) - em * 0.2, box.bottom() + em), f"{value:.0f}")
    painter.drawText(QPointF(box.left() - em * 0.4 - metrics.horizontalAdvance("mm"), box.bottom() + em), "mm")
    wanted = margin.body.required_mm
    if wanted is not None and low <= wanted <= high:
        painter.setPen(QPen(QColor(WARNING), 1.6, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(x_of(wanted), box.top()), QPointF(x_of(wanted), box.bottom()))


def _shade(colour: NDArray[np.uint8]) -> QColor:
    red, green, blue = (int(part) for part in colour)
    return QColor(red, green, blue)


def _paint_legend(painter: QPainter, area: QRectF, margin: MarginShown, metrics: QFontMetricsF) -> None:
    """Swatches with the share of the surface in each, in two columns."""
    em = metrics.height()
    for number, each in enumerate(bins_of(margin.body)):
        x = area.left() + em * 0.5 + (number % 2) * area.width() / 2.0
        y = area.bottom() - em * (1.7 if number < 2 else 0.5)
        painter.fillRect(QRectF(x, y - em * 0.65, em * 0.8, em * 0.7), QColor(each.colour))
        share = "" if each.share is None else f": {100.0 * each.share:.0f} %"
        painter.setPen(QColor(theme.QUIET))
        painter.drawText(QPointF(x + em, y), each.word + share)
