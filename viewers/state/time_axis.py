"""One axis of time in pixels: zoom around a point, panning, ticks by the calendar, and scales of values. No Qt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

LEAST_DAYS, MOST_DAYS = 6.0, 366.0 * 40
"""What the axis shows at most and at least."""

LOG_FROM_RATIO = 30.0
"""Largest over smallest value from which a lane is drawn by powers of ten, unless a person says otherwise."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STEPS = ((1, 0), (2, 0), (7, 0), (14, 0), (0, 1), (0, 2), (0, 3), (0, 6), (0, 12), (0, 24), (0, 60), (0, 120))
"""Distance between ticks: days, or months."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the calendar. `strong` where a year begins."""

    on: date
    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Days against pixels.

    Attributes
    ----------
    first
        Ordinal of the day at `left_px`, with a fraction.
    days
        How many days `width_px` shows.
    """

    first: float
    days: float
    left_px: float = 0.0
    width_px: float = 1.0

    @classmethod
    def fitted(cls, days: Iterable[date], left_px: float, width_px: float) -> TimeAxis:
        """An axis on which all of these days have room at both ends."""
        found = [day.toordinal() for day in days]
        low, high = (min(found), max(found)) if found else (date(2000, 1, 1).toordinal(),) * 2
        room = max(7.0, (high - low) * 0.06)
        return cls(low - room, min(high - low + 2 * room, MOST_DAYS), left_px, max(1.0, width_px))

    def placed(self, left_px: float, width_px: float) -> TimeAxis:
        """The same days on another stretch of the screen."""
        return replace(self, left_px=left_px, width_px=max(1.0, width_px))

    @property
    def right_px(self) -> float:
        return self.left_px + self.width_px

    def x_of(self, day: date) -> float:
        """Where a day lies, px."""
        return self.left_px + (day.toordinal() - self.first) * self.width_px / self.days

    def ordinal_at(self, x_px: float) -> float:
        return self.first + (x_px - self.left_px) * self.days / self.width_px

    def day_at(self, x_px: float) -> date:
        """The day nearest to a place on the screen."""
        return date.fromordinal(min(max(1, round(self.ordinal_at(x_px))), date.max.toordinal()))

    def zoomed(self, factor: float, x_px: float) -> TimeAxis:
        """Show `factor` times as much detail; what is at `x_px` stays there."""
        days = min(max(self.days / factor, LEAST_DAYS), MOST_DAYS)
        under = self.ordinal_at(x_px)
        return _inside(replace(self, first=under - (under - self.first) * days / self.days, days=days))

    def panned(self, by_px: float) -> TimeAxis:
        """Shift what is shown to the right by so many pixels."""
        return _inside(replace(self, first=self.first - by_px * self.days / self.width_px))

    def shows(self, day: date) -> bool:
        return self.first <= day.toordinal() <= self.first + self.days

    def ticks(self, room_px: float) -> tuple[Tick, ...]:
        """Lines of the calendar, as dense as leaves `room_px` for the text of each.

        The first one always names its year, as does every one that begins a year.
        """
        per_day = self.width_px / self.days
        step = next((each for each in _STEPS if (each[0] + each[1] * 30.4) * per_day >= room_px), _STEPS[-1])
        found: list[Tick] = []
        for day in _calendar(self.first, self.first + self.days, *step):
            text = _tick_text(day, step, first=not found)
            found.append(Tick(day, text, strong=step[1] < 12 and day.month == 1 and day.day <= max(step[0], 1)))
        return tuple(found)


def _inside(axis: TimeAxis) -> TimeAxis:
    """Never before the first year that a date can name, nor behind the last."""
    latest = date.max.toordinal() - axis.days
    return replace(axis, first=min(max(axis.first, 1.0), latest))


def _calendar(low: float, high: float, days: int, months: int) -> Iterable[date]:
    start = date.fromordinal(max(1, math.ceil(low)))
    end = date.fromordinal(min(math.floor(high), date.max.toordinal()))
    if days:
        # Weeks begin on Mondays, so that a tick stays where it is while the axis is panned.
        first = start.toordinal() + (1 - start.toordinal()) % days
        yield from (date.fromordinal(each) for each in range(first, end.toordinal() + 1, days))
        return
    number = start.year * 12 + start.month - 1 + (start.day > 1)
    number += -number % months
    while (year := number // 12) <= min(end.year, date.max.year) and date(year, number % 12 + 1, 1) <= end:
        yield date(year, number % 12 + 1, 1)
        number += months


def _tick_text(day: date, step: tuple[int, int], *, first: bool) -> str:
    if step[1] >= 12:
        return str(day.year)
    month = MONTHS[day.month - 1]
    text = f"{day.day} {month}" if step[0] else month
    begins = day.month == 1 and day.day <= max(step[0], 1)
    return f"{text} {day.year}" if first or begins else text


@dataclass(frozen=True, slots=True)
class ValueScale:
    """Values of one lane against its height.

    Attributes
    ----------
    log
        By powers of ten; `low` and `high` are above 0 then.
    """

    low: float
    high: float
    log: bool = False

    def part(self, value: float) -> float:
        """0 at `low`, 1 at `high`; what a logarithm cannot show lies at the foot."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        if value <= 0.0:
            return 0.0
        return math.log(value / self.low) / math.log(self.high / self.low)

    def ticks(self, most: int) -> tuple[float, ...]:
        """Round values to be named, at most so many (but at least one)."""
        return _decades(self, most) if self.log else _round_values(self.low, self.high, most)


def scale_of(values: Sequence[float], log: bool | None = None, *, from_zero: bool = True) -> ValueScale:
    """A scale on which all values have room.

    Parameters
    ----------
    log
        None decides by the values: see `LOG_FROM_RATIO`. What is not above 0 never makes one by powers of ten.
    from_zero
        A linear scale begins at 0 where no value is below.
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if log is None:
        log = low > 0.0 and high / low >= LOG_FROM_RATIO
    if log and low > 0.0:
        return ValueScale(low / 1.5, max(high, low * 2.0) * 1.5, True)
    if from_zero and low >= 0.0:
        low = 0.0
    if high <= low:
        high = low + max(1.0, abs(low) * 0.2)
    room = (high - low) * 0.1
    return ValueScale(low if low == 0.0 else low - room, high + room)


def _round_values(low: float, high: float, most: int) -> tuple[float, ...]:
    size = 10.0 ** math.floor(math.log10((high - low) / max(1, most)))
    for step in (size, 2 * size, 5 * size, 10 * size, 20 * size, 50 * size):
        first = math.ceil(low / step - 1e-9)
        count = math.floor(high / step + 1e-9) - first + 1
        if count <= max(1, most):
            break
    return tuple((first + number) * step for number in range(max(0, count)))


def _decades(scale: ValueScale, most: int) -> tuple[float, ...]:
    low, high = math.ceil(math.log10(scale.low) - 1e-9), math.floor(math.log10(scale.high) + 1e-9)
    powers = list(range(low, high + 1))
    if not powers:
        return _round_values(scale.low, scale.high, most)
    stride = math.ceil(len(powers) / max(1, most))
    return tuple(10.0**power for power in powers[::stride])


def days_text(first: date, second: date) -> str:
    """How far two days lie apart, in whole days and, from two weeks on, in weeks."""
    days = abs((second - first) // timedelta(days=1))
    return f"{days} d" if days < 14 else f"{days} d ({days / 7:.1f} weeks)"
