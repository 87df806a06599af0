"""The legend under a plot: letters or shapes, each with its words, in as many lines as it takes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from viewers.panels.plot_parts import LegendEntry, legend_width, paint_sign


class PlotLegend(QWidget):
    """Drawn as in an exported picture."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: tuple[LegendEntry, ...] = ()

    def show_entries(self, entries: Sequence[LegendEntry]) -> None:
        self.entries = tuple(entries)
        self.setAccessibleDescription("; ".join(f"{each.sign} {each.text}" for each in entries))
        self._fit()
        self.update()

    def _lines(self) -> list[list[LegendEntry]]:
        lines: list[list[LegendEntry]] = []
        right = 0.0
        for each in self.entries:
            wide = legend_width(each, self.font())
            if not lines or right + wide > self.width():
                lines.append([])
                right = 0.0
            lines[-1].append(each)
            right += wide
        return lines

    def _fit(self) -> None:
        self.setFixedHeight(round(1.5 * QFontMetricsF(self.font()).height() * len(self._lines())))

    def sizeHint(self) -> QSize:
        return QSize(200, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        em = QFontMetricsF(self.font()).height()
        for number, line in enumerate(self._lines()):
            x = 0.0
            for each in line:
                x += paint_sign(painter, each, QPointF(x, (number + 0.5) * 1.5 * em), self.font())
