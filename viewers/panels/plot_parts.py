"""What the plots of the cohort share: how a plot is asked to draw itself, categories in colour with their letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from viewers.state import theme

CATEGORY_COLOURS = {
    "CR": theme.SIGNED,
    "PR": theme.ACCENT,
    "SD": theme.WARN,
    "PD": theme.BLOCK,
}
"""Okabe and Ito's hues; the letters stand beside every colour."""

GROUND = theme.WINDOW
GRID = "#2d3138"


@dataclass(frozen=True, slots=True)
class PlotLook:
    """How it is drawn: font, and the case that is chosen or under the pointer."""

    font: QFont
    chosen: str | None = None

    @property
    def em(self) -> float:
        return QFontMetricsF(self.font).height()


@dataclass(frozen=True, slots=True)
class PlotHit:
    """What lies at a point: the case, and lines that tell about it. `at` is where a ring goes round it."""

    case_id: str
    lines: tuple[str, ...]
    at: QPointF


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One entry of a legend: its letters or shape, its colour, its words."""

    sign: str
    colour: str
    text: str


class Plot(Protocol):
    """A drawing of the cohort. Sizes and points are px of the whole drawing."""

    title: str
    notes: tuple[str, ...]
    legend: tuple[LegendEntry, ...]

    @property
    def cases(self) -> tuple[str, ...]:
        """Ids of the cases in the order of what is drawn; a case may stand there twice."""
        ...

    def anchor(self, number: int, size: QSizeF, em: float) -> QPointF:
        """A point of the n-th of `cases`."""
        ...

    def size(self, room: QSizeF, em: float, *, whole: bool) -> QSizeF:
        """How large the drawing is in a room; `whole` fits it into the room even where letters get lost."""
        ...

    def paint(self, painter: QPainter, size: QSizeF, seen: QRectF, look: PlotLook) -> None:
        """Draw what is seen of it."""
        ...

    def at(self, point: QPointF, size: QSizeF, em: float) -> PlotHit | None:
        """What lies at a point."""
        ...


def category_colour(category: str | None) -> str:
    return CATEGORY_COLOURS.get(category or "", theme.WAITING)


def letters(category: str | None) -> str:
    """Letters of a category; of one in words the first letters."""
    if category is None:
        return "NE"
    return category if len(category) <= 3 else "".join(word[0] for word in category.split()[-2:]).upper()


def sized_font(font: QFont, factor: float, *, bold: bool = False) -> QFont:
    """The font at another size."""
    made = QFont(font)
    made.setPixelSize(max(6, round(QFontMetricsF(font).height() * 0.78 * factor)))
    made.setBold(bold)
    return made


def paint_sign(painter: QPainter, entry: LegendEntry, at: QPointF, font: QFont) -> float:
    """An entry of a legend, its left edge and middle at a point; returns its width, px."""
    em = QFontMetricsF(font).height()
    colour = QColor(entry.colour)
    if entry.sign in SHAPES:
        painter.setPen(QPen(colour, max(1.4, em / 9)))
        painter.setBrush(colour)
        paint_plot_shape(painter, entry.sign, QPointF(at.x() + 0.6 * em, at.y()), em * 0.32)
    else:
        paint_tag(painter, entry.sign, QPointF(at.x() + 0.6 * em, at.y()), colour, font)
    painter.setFont(font)
    painter.setPen(QColor(theme.TEXT))
    painter.drawText(QPointF(at.x() + 1.6 * em, at.y() + 0.3 * em), entry.text)
    return legend_width(entry, font)


def legend_width(entry: LegendEntry, font: QFont) -> float:
    metrics = QFontMetricsF(font)
    return metrics.horizontalAdvance(entry.text) + 2.6 * metrics.height()


def paint_tag(painter: QPainter, text: str, at: QPointF, colour: QColor, font: QFont) -> None:
    """Letters on their colour, with a dark edge so that neighbours stay apart."""
    em = QFontMetricsF(font).height()
    box = QRectF(at.x() - 0.62 * em, at.y() - 0.42 * em, 1.24 * em, 0.84 * em)
    painter.setPen(QPen(QColor(GROUND), 1.0))
    painter.setBrush(colour)
    painter.drawRoundedRect(box, 0.15 * em, 0.15 * em)
    painter.setFont(sized_font(font, 0.72, bold=True))
    painter.setPen(QColor("#101214"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


SHAPES = ("disc", "diamond", "bar", "stop", "arrow", "hatched")
"""Shapes a legend knows; any other sign is printed as letters."""


def paint_plot_shape(painter: QPainter, shape: str, at: QPointF, radius: float) -> None:
    """A shape of `SHAPES`, with the painter's pen and brush."""
    x, y = at.x(), at.y()
    if shape == "disc":
        painter.drawEllipse(at, radius, radius)
    elif shape == "diamond":
        painter.drawPolygon(
            [
                QPointF(x, y - radius * 1.2),
                QPointF(x + radius * 1.2, y),
                QPointF(x, y + radius * 1.2),
                QPointF(x - radius * 1.2, y),
            ]
        )
    elif shape == "bar":
        painter.drawRect(QRectF(x - radius * 1.4, y - radius * 0.45, radius * 2.8, radius * 0.9))
    elif shape == "hatched":
        painter.setBrush(Qt.BrushStyle.BDiagPattern)
        painter.drawRect(QRectF(x - radius * 1.4, y - radius * 0.7, radius * 2.8, radius * 1.4))
    elif shape == "stop":
        painter.drawLine(QPointF(x, y - radius * 1.5), QPointF(x, y + radius * 1.5))
    else:
        painter.drawLine(QPointF(x - radius * 1.4, y), QPointF(x, y))
        painter.drawPolygon([QPointF(x + radius * 1.3, y), QPointF(x, y - radius * 0.9), QPointF(x, y + radius * 0.9)])
