"""The waterfall: the best change of each case or lesion as a bar, with the limits of the criteria and their source."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from PySide6.QtCore import QLineF, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen

from planner.app.cohort_tables import Threshold, WaterfallBar
from viewers.panels.plot_parts import (
    GRID,
    GROUND,
    LegendEntry,
    PlotHit,
    PlotLook,
    category_colour,
    letters,
    sized_font,
)
from viewers.state import theme

LEFT_EM, RIGHT_EM, TOP_EM = 4.2, 1.0, 1.6
UPRIGHT_EM, TURNED_EM, LABEL_EM = 2.9, 1.5, 0.44
"""Room under the scale for codes, beside codes that are turned, and for each character of those."""
FEW = 6
"""Of fewer bars the right side is empty."""
BAR_EM, WIDEST_EM = 1.35, 8.0
LETTERS_FROM_EM, LONGEST = 0.95, 16
"""Width of a bar's column from which letters find room; characters of a code that are shown when it is turned."""
LOWEST, HIGHEST_LEAST, HIGHEST = -100.0, 40.0, 120.0
"""The scale, per cent: nothing shrinks by more than all; what grows beyond `HIGHEST` is cut off and names its value."""
STEPS = (10.0, 20.0, 50.0)


class WaterfallPlot:
    """Bars come sorted, the greatest increase first.

    Parameters
    ----------
    rest
        How many of the cases have no change by these criteria, in words; printed with n.
    """

    def __init__(
        self, bars: Sequence[WaterfallBar], thresholds: Sequence[Threshold], criteria: str, *, unit: str, rest: str
    ) -> None:
        self.bars, self.thresholds = tuple(bars), tuple(thresholds)
        of = f"n = {len(self.bars)} {unit if len(self.bars) != 1 else unit.removesuffix('s')}"
        self.title = f"Best change from the baseline by {criteria}, % · {of}{rest}"
        unverified = {"M": ", unverified", "P": ", unverified default"}
        self.notes = tuple(
            f"{signed(each.percent)}: {each.text} ({each.source}{unverified.get(each.tag, '')})" for each in thresholds
        )
        seen = dict.fromkeys(each.category for each in self.bars)
        self.legend = tuple(LegendEntry(letters(each), category_colour(each), _words(each)) for each in seen)

    @property
    def cases(self) -> tuple[str, ...]:
        return tuple(each.case_id for each in self.bars)

    def anchor(self, number: int, size: QSizeF, em: float) -> QPointF:
        return self.bar_rect(number, size, em).center()

    @property
    def top(self) -> float:
        """The highest value of the scale, per cent."""
        wanted = [HIGHEST_LEAST, *(each.percent + 10 for each in self.thresholds), *(b.change + 8 for b in self.bars)]
        return min(HIGHEST, max(wanted))

    def size(self, room: QSizeF, em: float, *, whole: bool) -> QSizeF:
        least = 0.0 if whole else len(self.bars) * BAR_EM * em + (LEFT_EM + RIGHT_EM) * em
        return QSizeF(max(room.width(), least), max(room.height(), 14 * em))

    def bar_rect(self, number: int, size: QSizeF, em: float) -> QRectF:
        """Where a bar lies."""
        width = self._bar_width(size, em)
        bar = self.bars[number]
        zero, end = self._y(0.0, size, em), self._y(max(LOWEST, min(bar.change, self.top)), size, em)
        left = LEFT_EM * em + number * width
        # A bar of no change is still seen, and can be hit.
        return QRectF(left + 0.1 * width, min(zero, end) - 1, 0.8 * width, abs(zero - end) + 2)

    def _bar_width(self, size: QSizeF, em: float) -> float:
        room = size.width() - (LEFT_EM + RIGHT_EM) * em
        return min(WIDEST_EM * em, room / max(1, len(self.bars)))

    def _foot(self, size: QSizeF, em: float) -> float:
        return (TURNED_EM + self._label_em if self._turned(size, em) else UPRIGHT_EM) * em

    @property
    def _label_em(self) -> float:
        """Room of the longest code."""
        return LABEL_EM * min(LONGEST, max((len(each.label) for each in self.bars), default=0)) + 0.3

    def _turned(self, size: QSizeF, em: float) -> bool:
        return self._bar_width(size, em) < self._label_em * em

    def _y(self, value: float, size: QSizeF, em: float) -> float:
        top, bottom = TOP_EM * em, size.height() - self._foot(size, em)
        return top + (self.top - value) / (self.top - LOWEST) * (bottom - top)

    def at(self, point: QPointF, size: QSizeF, em: float) -> PlotHit | None:
        """The bar of the column at a point; a short bar is hit anywhere in its column."""
        width = self._bar_width(size, em)
        number = math.floor((point.x() - LEFT_EM * em) / width)
        if not 0 <= number < len(self.bars) or point.y() < 0.5 * TOP_EM * em:
            return None
        bar = self.bars[number]
        rect = self.bar_rect(number, size, em)
        return PlotHit(bar.case_id, (bar.label, f"{signed(bar.change)} · best {_words(bar.category)}"), rect.center())

    def paint(self, painter: QPainter, size: QSizeF, seen: QRectF, look: PlotLook) -> None:
        em = look.em
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(look.font)
        self._paint_scale(painter, size, seen, look)
        width = self._bar_width(size, em)
        for number in self._seen(size, seen, em):
            self._paint_bar(painter, number, size, width, look)
        self._paint_thresholds(painter, size, seen, look)
        zero = self._y(0.0, size, em)
        painter.setPen(QPen(QColor(theme.TEXT), 1.2))
        painter.drawLine(QLineF(LEFT_EM * em, zero, size.width() - RIGHT_EM * em, zero))
        if len(self.bars) and width < LETTERS_FROM_EM * em:
            painter.setFont(look.font)
            painter.setPen(QColor(theme.QUIET))
            where = QPointF(LEFT_EM * em, size.height() - 1.2 * em)
            painter.drawText(where, "Letters and codes need more room: F shows them, the pointer names each bar.")

    def _seen(self, size: QSizeF, seen: QRectF, em: float) -> Iterator[int]:
        width = self._bar_width(size, em)
        first = max(0, math.floor((seen.left() - LEFT_EM * em) / width) - 1)
        last = min(len(self.bars), math.ceil((seen.right() - LEFT_EM * em) / width) + 1)
        return iter(range(first, last))

    def _paint_scale(self, painter: QPainter, size: QSizeF, seen: QRectF, look: PlotLook) -> None:
        em = look.em
        room = (size.height() - TOP_EM * em - self._foot(size, em)) / (self.top - LOWEST)
        step = next((each for each in STEPS if each * room >= 1.5 * em), STEPS[-1])
        value = math.floor(self.top / step) * step
        while value >= LOWEST:
            y = self._y(value, size, em)
            painter.setPen(QPen(QColor(GRID), 1.0))
            painter.drawLine(QLineF(LEFT_EM * em, y, size.width() - RIGHT_EM * em, y))
            painter.setPen(QColor(theme.QUIET))
            box = QRectF(seen.left(), y - 0.5 * em, (LEFT_EM - 0.4) * em, em)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, signed(value))
            value -= step

    def _paint_thresholds(self, painter: QPainter, size: QSizeF, seen: QRectF, look: PlotLook) -> None:
        em, metrics = look.em, QFontMetricsF(look.font)
        painter.setFont(look.font)
        for each in self.thresholds:
            y = self._y(each.percent, size, em)
            painter.setPen(QPen(QColor(theme.TEXT), max(1.2, em / 12), Qt.PenStyle.DashLine))
            painter.drawLine(QLineF(LEFT_EM * em, y, size.width() - RIGHT_EM * em, y))
            text = f"{signed(each.percent)} {each.text}"
            width = metrics.horizontalAdvance(text)
            # What grew stands left and what shrank stands right: the words go to the other side.
            right = seen.right() - width - 1.4 * em
            left = right if each.percent > 0 or len(self.bars) < FEW else seen.left() + (LEFT_EM + 0.4) * em
            painter.fillRect(QRectF(left - 2, y - 1.05 * em, width + 4, em), QColor(GROUND))
            painter.setPen(QColor(theme.TEXT))
            painter.drawText(QPointF(left, y - 0.3 * em), text)

    def _paint_bar(self, painter: QPainter, number: int, size: QSizeF, width: float, look: PlotLook) -> None:
        em, bar = look.em, self.bars[number]
        rect, colour = self.bar_rect(number, size, em), QColor(category_colour(bar.category))
        painter.setPen(QPen(QColor(theme.TEXT), 2.0) if bar.case_id == look.chosen else Qt.PenStyle.NoPen)
        painter.setBrush(colour if bar.category is not None else QBrush(colour, Qt.BrushStyle.BDiagPattern))
        painter.drawRect(rect)
        if width < LETTERS_FROM_EM * em:
            return
        small = sized_font(look.font, 0.9, bold=True)
        painter.setFont(small)
        painter.setPen(colour)
        over = bar.change > self.top
        above = bar.change >= 0
        y = rect.top() - em if above else rect.bottom()
        text = f"▲ {signed(bar.change)}" if over else letters(bar.category)
        middle = rect.center().x()
        painter.drawText(QRectF(middle - 3 * em, y, 6 * em, em), Qt.AlignmentFlag.AlignCenter, text)
        painter.setPen(QColor(theme.TEXT))
        painter.setFont(sized_font(look.font, 0.9, bold=bar.case_id == look.chosen))
        painter.save()
        painter.translate(middle, size.height() - self._foot(size, em) + 1.2 * em)
        if self._turned(size, em):
            painter.rotate(-90)
            long = self._label_em * em
            box, how = QRectF(-long, -0.5 * em, long, em), Qt.AlignmentFlag.AlignRight
        else:
            box, how = QRectF(-width / 2, 0, width, em), Qt.AlignmentFlag.AlignHCenter
        label = painter.fontMetrics().elidedText(bar.label, Qt.TextElideMode.ElideMiddle, round(box.width()))
        painter.drawText(box, how | Qt.AlignmentFlag.AlignVCenter, label)
        painter.restore()


def _words(category: str | None) -> str:
    words = {"CR": "complete response", "PR": "partial response", "SD": "stable disease", "PD": "progressive disease"}
    return "not evaluable" if category is None else words.get(category, category)


def signed(value: float) -> str:
    """``+20 %``, ``−30 %``."""
    number = f"{abs(value):.0f}" if abs(value - round(value)) < 0.05 else f"{abs(value):.1f}"
    return f"{'−' if value < 0 and number != '0' else '+' if value > 0 else ''}{number} %"
