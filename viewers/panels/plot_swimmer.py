"""The swimmer plot: a lane for each case from its first session on, with sessions, other treatments, responses, end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from PySide6.QtCore import QLineF, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from planner.app.cohort import CohortRow, Swim
from viewers.panels.plot_parts import (
    CATEGORY_COLOURS,
    GRID,
    GROUND,
    LegendEntry,
    PlotHit,
    PlotLook,
    category_colour,
    letters,
    paint_plot_shape,
    paint_tag,
)
from viewers.state import theme

LEFT_EM, RIGHT_EM, HEAD_EM, LANE_EM = 6.4, 2.0, 2.6, 2.2
DAYS_PER_MONTH = 365.25 / 12
STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
BEFORE_DAYS = 3 * DAYS_PER_MONTH
"""Treatments longer before the first session stand at the left edge, so that the course itself has the room."""

BEHIND_EM = 0.9
LEVELS = {"session": 0.0, "outside": -0.45, "response": 0.55, "end": 0.0}
"""Where in a lane a mark stands, em below its middle: what falls on one day is not drawn over each other."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One case: days count from its first session."""

    row: CohortRow
    first: date
    last_days: int
    ended: bool

    def days(self, on: date) -> int:
        return (on - self.first).days


class SwimmerPlot:
    """Lanes, the longest follow-up first."""

    def __init__(self, rows: Sequence[CohortRow], label: Callable[[CohortRow], str]) -> None:
        self.lanes = tuple(sorted((_lane(each) for each in rows), key=lambda each: (-each.last_days, each.row.code)))
        self.label = label
        word = "case" if len(self.lanes) == 1 else "cases"
        self.title = f"Courses from the first session on, months · n = {len(self.lanes)} {word}"
        self.notes: tuple[str, ...] = (
            "A lane ends on the last day of which the case knows anything, or where its course was ended.",
            "Responses by different criteria stand in one lane.",
        )
        if any(lane.days(each.on) < -BEFORE_DAYS for lane in self.lanes for each in lane.row.swims):
            self.notes += ("What was more than 3 months before the first session stands at the left edge.",)
        self.legend: tuple[LegendEntry, ...] = (
            LegendEntry("disc", theme.ACCENT, "session"),
            LegendEntry("diamond", theme.STALE, "treatment elsewhere or between"),
            *(LegendEntry(each, colour, "") for each, colour in CATEGORY_COLOURS.items()),
            LegendEntry("NE", theme.WAITING, "response read"),
            LegendEntry("stop", theme.TEXT, "course ended"),
            LegendEntry("arrow", theme.TEXT, "last known"),
        )

    def size(self, room: QSizeF, em: float, *, whole: bool) -> QSizeF:
        del whole
        return QSizeF(max(room.width(), 30 * em), max(room.height(), (HEAD_EM + LANE_EM * len(self.lanes) + 0.6) * em))

    @property
    def cases(self) -> tuple[str, ...]:
        return tuple(each.row.case_id for each in self.lanes)

    def anchor(self, number: int, size: QSizeF, em: float) -> QPointF:
        return QPointF(self.x(0.0, size, em), self.y(number, em))

    @property
    def span(self) -> tuple[float, float]:
        """First and last day of the axis, counted from the first session."""
        before = [lane.days(each.on) for lane in self.lanes for each in lane.row.swims if each.kind == "outside"]
        low = max(min([0, *before]), -BEFORE_DAYS)
        high = max([30, *(lane.last_days for lane in self.lanes)])
        return low - (12.0 if low < 0 else 0.0), high * 1.03

    def x(self, days: float, size: QSizeF, em: float) -> float:
        """Where a day lies, px."""
        low, high = self.span
        room = size.width() - (LEFT_EM + RIGHT_EM) * em
        return LEFT_EM * em + (max(days, low) - low) / (high - low) * room

    def y(self, number: int, em: float) -> float:
        """The middle of a lane, px."""
        return (HEAD_EM + LANE_EM * (number + 0.5)) * em

    def places(self, number: int, size: QSizeF, em: float) -> Iterator[tuple[Swim, QPointF]]:
        """Marks of a lane and where they are."""
        lane, y = self.lanes[number], self.y(number, em)
        for each in lane.row.swims:
            # An arrow stands behind the last mark, not on it.
            behind = BEHIND_EM * em if each.kind == "end" and not lane.ended else 0.0
            yield each, QPointF(self.x(lane.days(each.on), size, em) + behind, y + LEVELS[each.kind] * em)

    def at(self, point: QPointF, size: QSizeF, em: float) -> PlotHit | None:
        number = math.floor((point.y() / em - HEAD_EM) / LANE_EM)
        if point.y() < HEAD_EM * em or not 0 <= number < len(self.lanes):
            return None
        lane = self.lanes[number]
        near = min(
            self.places(number, size, em),
            key=lambda pair: (pair[1] - point).manhattanLength(),
        )
        head = f"{self.label(lane.row)} · {len(lane.row.sessions)} sessions · known for {lane.last_days} d"
        if (near[1] - point).manhattanLength() > 1.2 * em:
            return PlotHit(lane.row.case_id, (head,), QPointF(self.x(0, size, em), self.y(number, em)))
        swim = near[0]
        until = f" to {swim.until.isoformat()}" if swim.until else ""
        when = f"{swim.on.isoformat()}{until} · day {lane.days(swim.on)}"
        read = (swim.subject,) if swim.kind == "response" and swim.subject else ()
        return PlotHit(lane.row.case_id, (head, f"{swim.text} · {when}", *read), near[1])

    def paint(self, painter: QPainter, size: QSizeF, seen: QRectF, look: PlotLook) -> None:
        em = look.em
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        first = max(0, math.floor((seen.top() / em - HEAD_EM) / LANE_EM) - 1)
        last = min(len(self.lanes), math.ceil((seen.bottom() / em - HEAD_EM) / LANE_EM) + 1)
        for number in range(first, last):
            if number % 2 == 0:
                top = (HEAD_EM + LANE_EM * number) * em
                painter.fillRect(QRectF(0, top, size.width(), LANE_EM * em), QColor("#1f2226"))
        self._paint_months(painter, size, seen, look)
        for number in range(first, last):
            self._paint_lane(painter, number, size, look)
        self._paint_head(painter, size, seen, look)

    def _ticks(self, size: QSizeF, em: float) -> list[tuple[int, float]]:
        low, high = self.span
        room = (size.width() - (LEFT_EM + RIGHT_EM) * em) / (high - low) * DAYS_PER_MONTH
        step = next((each for each in STEPS if each * room >= 2.5 * em), STEPS[-1])
        first = math.ceil(low / DAYS_PER_MONTH / step) * step
        months = range(first, math.floor(high / DAYS_PER_MONTH) + 1, step)
        return [(month, self.x(month * DAYS_PER_MONTH, size, em)) for month in months]

    def _paint_months(self, painter: QPainter, size: QSizeF, seen: QRectF, look: PlotLook) -> None:
        for month, x in self._ticks(size, look.em):
            painter.setPen(QPen(QColor(theme.QUIET if month == 0 else GRID), 1.0))
            painter.drawLine(QLineF(x, seen.top(), x, seen.bottom()))

    def _paint_head(self, painter: QPainter, size: QSizeF, seen: QRectF, look: PlotLook) -> None:
        """Stays at the top while lanes are scrolled under it."""
        em = look.em
        painter.fillRect(QRectF(seen.left(), seen.top(), seen.width(), HEAD_EM * em), QColor(theme.PANEL))
        painter.setFont(look.font)
        for month, x in self._ticks(size, em):
            painter.setPen(QColor(theme.TEXT if month == 0 else theme.QUIET))
            box = QRectF(x - 2 * em, seen.top() + 1.3 * em, 4 * em, em)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(month).replace("-", "−"))
        painter.setPen(QColor(theme.QUIET))
        painter.drawText(QPointF(0.5 * em, seen.top() + 2.0 * em), "months")
        painter.setPen(QColor(theme.TEXT))
        painter.drawText(QPointF(self.x(0.0, size, em) + 0.3 * em, seen.top() + 1.0 * em), "first session")

    def _paint_lane(self, painter: QPainter, number: int, size: QSizeF, look: PlotLook) -> None:
        em, lane, y = look.em, self.lanes[number], self.y(number, look.em)
        chosen = lane.row.case_id == look.chosen
        painter.setFont(look.font)
        painter.setPen(QColor(theme.ACCENT if chosen else theme.TEXT))
        box = QRectF(0.5 * em, y - 0.5 * em, (LEFT_EM - 0.9) * em, em)
        text = painter.fontMetrics().elidedText(self.label(lane.row), Qt.TextElideMode.ElideRight, int(box.width()))
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, f"{'▸ ' if chosen else ''}{text}")
        start, end = self.x(0.0, size, em), self.x(lane.last_days, size, em)
        painter.fillRect(QRectF(start, y - 0.13 * em, max(2.0, end - start), 0.26 * em), QColor(theme.BUTTON))
        for swim, at in sorted(self.places(number, size, em), key=lambda pair: pair[0].kind == "response"):
            self._paint_mark(painter, lane, swim, at, size, look)

    def _paint_mark(self, painter: QPainter, lane: Lane, swim: Swim, at: QPointF, size: QSizeF, look: PlotLook) -> None:
        em = look.em
        if swim.kind == "response":
            category = None if swim.text == "NE" else swim.text
            paint_tag(painter, letters(category), at, QColor(category_colour(category)), look.font)
            return
        colour = QColor({"session": theme.ACCENT, "outside": theme.STALE}.get(swim.kind, theme.TEXT))
        if swim.until is not None:
            bar = QRectF(at.x(), at.y() - 0.2 * em, self.x(lane.days(swim.until), size, em) - at.x(), 0.4 * em)
            painter.fillRect(bar, QColor(colour.red(), colour.green(), colour.blue(), 110))
        edge = QColor(GROUND) if swim.kind in ("session", "outside") else colour
        painter.setPen(QPen(edge, max(1.2, em / 10)))
        painter.setBrush(colour)
        shape = {"session": "disc", "outside": "diamond"}.get(swim.kind, "stop" if lane.ended else "arrow")
        paint_plot_shape(painter, shape, at, em * (0.36 if swim.kind == "session" else 0.3))


def _lane(row: CohortRow) -> Lane:
    first = min(on for _, on in row.sessions)
    end = next((each for each in row.swims if each.kind == "end"), None)
    last = max([(end.on - first).days if end else 0, *((on - first).days for _, on in row.sessions)])
    return Lane(row, first, last, end is not None and end.text == "course ended")
