"""The course on its axis, as values: marks, curves, lanes, their places, and what lies under the pointer. No Qt."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from viewers.state.time_axis import TimeAxis, ValueScale, scale_of


class MarkState(StrEnum):
    """How a mark is drawn. Planned is hollow; what is due and overdue has a shape and a word of its own."""

    DONE = "done"
    PLANNED = "planned"
    DUE = "due"
    OVERDUE = "overdue"
    CONDITION = "condition open"
    DROPPED = "dropped"


class Opens(StrEnum):
    """What a click on a mark opens."""

    SESSION = "session"
    STUDY = "study"
    READING = "reading"
    STEP = "step"
    DECISION = "decision"


LANES = {
    "session": "Sessions",
    "outside": "Other treatment",
    "imaging": "Imaging",
    "response": "Response",
    "between": "Board, visits",
}
"""Lanes of marks, from above."""

SHAPES = ("disc", "square", "triangle", "diamond", "cross", "ring")
"""Points of curves differ by shape as well as colour."""

COLOURS = ("#56b4e9", "#e6b13a", "#35b58a", "#cc79a7", "#e8743b", "#f0e442", "#8fa8c8", "#b9bec7")
"""Okabe and Ito's hues, safe for the colour-blind, light enough for a dark ground."""


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """One thing on the axis.

    Attributes
    ----------
    lane
        Key of `LANES`.
    until
        Last day of what lasts; None for what is of one day. `still` draws it open at its end: it goes on.
    earliest, latest
        When a planned step may be, by its intervals.
    opens, target
        What a click opens, and its id or UID.
    detail
        Lines for the card under the pointer.
    """

    id: str
    lane: str
    on: date
    text: str
    state: MarkState = MarkState.DONE
    until: date | None = None
    still: bool = False
    earliest: date | None = None
    latest: date | None = None
    opens: Opens | None = None
    target: str = ""
    detail: tuple[str, ...] = ()

    @property
    def hollow(self) -> bool:
        return self.state is not MarkState.DONE

    @property
    def label(self) -> str:
        """Its text, with the word of a state that asks for something."""
        asks = self.state in (MarkState.DUE, MarkState.OVERDUE, MarkState.CONDITION, MarkState.DROPPED)
        return f"{self.text} · {self.state.value}" if asks else self.text


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A value of a day. `shown` is what a person reads: number, comparator and unit; `source` where it comes from."""

    on: date
    value: float
    shown: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line in a lane.

    Attributes
    ----------
    lane, lane_title, unit
        Curves of one lane share its scale, so they share its unit (as printed).
    kind
        ``laboratory``, ``marker``, ``report``, ``lesion`` or ``dose``.
    steps
        Drawn as a staircase: it adds up.
    dashed
        The secondary line of a pair (longest beside viable).
    switch
        Curves of one switch in the legend are shown together; empty: by its title.
    offered
        Shown before anybody chooses; else only offered in the legend.
    note
        What the curve does not say.
    """

    key: str
    title: str
    lane: str
    lane_title: str
    unit: str
    kind: str
    points: tuple[CurvePoint, ...]
    steps: bool = False
    dashed: bool = False
    colour: str = COLOURS[0]
    shape: str = SHAPES[0]
    switch: str = ""
    offered: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class TimelineContent:
    """All that one timeline shows. `today` None marks no day."""

    marks: tuple[TimelineMark, ...] = ()
    curves: tuple[Curve, ...] = ()
    today: date | None = None

    def days(self) -> tuple[date, ...]:
        """Every day that should be seen when all is fitted; far ends of open windows are none of them."""
        found = [day for mark in self.marks for day in (mark.on, mark.until) if day is not None]
        found += [point.on for curve in self.curves for point in curve.points]
        return tuple(found) if self.today is None else (*found, self.today)


@dataclass(frozen=True, slots=True)
class LaneBox:
    """Where a lane lies, px. `curves` is empty for a lane of marks; curves of one lane share their `scale`."""

    key: str
    title: str
    top: float
    height: float
    curves: tuple[Curve, ...] = ()
    scale: ValueScale = ValueScale(0.0, 1.0)

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def y_of(self, value: float) -> float:
        """Where a value lies, px; the lane keeps some room above and below."""
        room = self.height * 0.12
        return self.bottom - room - self.scale.part(value) * (self.height - 2 * room)


@dataclass(frozen=True, slots=True)
class PlacedMark:
    """A mark on the screen, px. `label_px` is where its text begins, or None where it has no room."""

    mark: TimelineMark
    x: float
    y: float
    x_until: float
    label_px: float | None
    label_width: float = 0.0


@dataclass(frozen=True, slots=True)
class PlacedPoint:
    curve: Curve
    point: CurvePoint
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything in its place, for one axis and one height."""

    axis: TimeAxis
    lanes: tuple[LaneBox, ...]
    marks: tuple[PlacedMark, ...]
    height: float

    def lane(self, key: str) -> LaneBox | None:
        return next((lane for lane in self.lanes if lane.key == key), None)

    def lane_at(self, y: float) -> LaneBox | None:
        return next((lane for lane in self.lanes if lane.top <= y < lane.bottom), None)


MOST_ROWS = 3
MARK_ROW_EM, LANE_ROOM_EM = 1.6, 0.5
LEAST_CURVE_EM, MOST_CURVE_EM = 2.9, 9.0
HEAD_EM, FOOT_EM = 1.9, 0.6


def arranged(
    content: TimelineContent,
    axis: TimeAxis,
    em: float,
    height: float,
    width_of: Callable[[str], float],
    hidden: frozenset[str] = frozenset(),
    logarithmic: Mapping[str, bool] | None = None,
) -> Layout:
    """Put marks into rows and curves into lanes.

    Parameters
    ----------
    em
        Height of a line of text, px.
    height
        What there is; where that is not enough the layout is higher, and never narrower in its lanes.
    width_of
        Width of a text, px.
    hidden
        Keys of curves and of lanes of marks that were switched off.
    logarithmic
        Lane -> by powers of ten or not, where a person has said so.
    """
    top = HEAD_EM * em
    lanes: list[LaneBox] = []
    placed: list[PlacedMark] = []
    for key, title in LANES.items():
        mine = [mark for mark in content.marks if mark.lane == key]
        if key in hidden or (not mine and key != "session"):
            continue
        rows = _without_overlaps(_rows(mine, axis, em, width_of), em)
        count = 1 + max((row for _, row, *_ in rows), default=0)
        box = LaneBox(key, title, top, (count * MARK_ROW_EM + LANE_ROOM_EM) * em)
        for mark, row, x, until, label, width in rows:
            y = box.top + (LANE_ROOM_EM / 2 + MARK_ROW_EM * (row + 0.5)) * em
            placed.append(PlacedMark(mark, x, y, until, label, width))
        lanes.append(box)
        top = box.bottom
    lanes += _curve_lanes(content.curves, em, top, height - FOOT_EM * em, hidden, logarithmic or {})
    end = lanes[-1].bottom if lanes else top
    return Layout(axis, tuple(lanes), tuple(placed), max(height, end + FOOT_EM * em))


def _curve_lanes(
    curves: Sequence[Curve],
    em: float,
    top: float,
    bottom: float,
    hidden: frozenset[str],
    logarithmic: Mapping[str, bool],
) -> Iterable[LaneBox]:
    groups: dict[str, list[Curve]] = {}
    for curve in curves:
        if curve.key not in hidden:
            groups.setdefault(curve.lane, []).append(curve)
    if not groups:
        return
    each = min(max((bottom - top) / len(groups), LEAST_CURVE_EM * em), MOST_CURVE_EM * em)
    for number, (key, mine) in enumerate(groups.items()):
        scale = scale_of([point.value for curve in mine for point in curve.points], logarithmic.get(key))
        yield LaneBox(key, mine[0].lane_title, top + number * each, each, tuple(mine), scale)


_Row = tuple[TimelineMark, int, float, float, float | None, float]


def _rows(marks: Sequence[TimelineMark], axis: TimeAxis, em: float, width_of: Callable[[str], float]) -> list[_Row]:
    """Each mark in the first row where it and its text are free; where none is, in the emptiest one without text."""
    ends: list[float] = []
    found: list[_Row] = []
    for mark in sorted(marks, key=lambda each: (each.on, each.id)):
        x = axis.x_of(mark.on)
        until = axis.x_of(mark.until) if mark.until is not None else axis.right_px if mark.still else x
        until = max(x, until)
        width = width_of(mark.label)
        # A long bar carries its text inside, beginning where it can be seen; at the right end text stands before.
        inside = until - max(x, axis.left_px) > width + em
        if inside:
            label, left, right = max(x, axis.left_px) + 0.5 * em, x - 0.6 * em, until + 0.6 * em
        elif until + 0.7 * em + width > axis.right_px + 0.8 * em and x - width - 0.7 * em > axis.left_px:
            label, left, right = x - 0.7 * em - width, x - 1.4 * em - width, until + 0.6 * em
        else:
            label, left, right = until + 0.7 * em, x - 0.6 * em, until + 1.4 * em + width
        row = next((number for number, end in enumerate(ends) if left >= end), len(ends))
        if row < MOST_ROWS:
            if row == len(ends):
                ends.append(-math.inf)
            ends[row] = right
            found.append((mark, row, x, until, label, width))
            continue
        row = min(range(len(ends)), key=lambda number: ends[number])
        ends[row] = max(ends[row], until + 0.6 * em)
        found.append((mark, row, x, until, None, width))
    return found


def _without_overlaps(rows: Sequence[_Row], em: float) -> list[_Row]:
    """Where rows had to be shared, a text that another mark lies on is left out: the card under the pointer has it."""
    found: list[_Row] = []
    for row in rows:
        mark, number, x, until, label, width = row
        if label is not None:
            beside = [each for each in rows if each[1] == number and each[0] is not mark]
            left, right = label - 0.3 * em, label + width + 0.3 * em
            if any(each[2] - 0.4 * em < right and each[3] + 0.4 * em > left for each in beside):
                label = None
        found.append((mark, number, x, until, label, width))
    return found


def mark_at(layout: Layout, x: float, y: float, em: float) -> TimelineMark | None:
    """The mark under the pointer: its shape first, then its bar or text."""
    near = [
        (math.hypot(each.x - x, each.y - y), number)
        for number, each in enumerate(layout.marks)
        if math.hypot(each.x - x, each.y - y) <= 0.7 * em
    ]
    if near:
        return layout.marks[min(near)[1]].mark
    for each in layout.marks:
        label = each.x if each.label_px is None else each.label_px
        left, right = min(each.x, label), max(each.x_until, label + each.label_width * (each.label_px is not None))
        if abs(each.y - y) <= 0.7 * em and left - 0.4 * em <= x <= right + 0.2 * em:
            return each.mark
    return None


def point_at(points: Iterable[PlacedPoint], x: float, y: float, reach: float) -> PlacedPoint | None:
    """The value nearest to the pointer, within reach."""
    found = min(points, key=lambda each: math.hypot(each.x - x, each.y - y), default=None)
    return found if found is not None and math.hypot(found.x - x, found.y - y) <= reach else None
