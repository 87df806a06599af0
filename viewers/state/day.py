"""What panes and panels share of the day of a needle: which two scans are matched, and the places marked in both.

Points are LPS mm of their own scan. Nothing here matches anything: the open case does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from planner.model.items import Point
from viewers.state.signals import Signal, Value

ZONE_TOOL, LANDMARK_TOOL = "ablation-zone", "match-landmark"
"""Keys of the tools that click a zone and a landmark."""
ENOUGH_FOR_ERROR = 4
"""Pairs from which on a match has a registration error."""

Side = Literal["fixed", "moving"]


@dataclass(frozen=True, slots=True)
class Pair:
    """One place in two scans; None where it was not clicked yet."""

    fixed_lps_mm: Point | None = None
    moving_lps_mm: Point | None = None

    @property
    def whole(self) -> bool:
        return self.fixed_lps_mm is not None and self.moving_lps_mm is not None

    def place(self, side: Side | None) -> Point | None:
        return None if side is None else self.fixed_lps_mm if side == "fixed" else self.moving_lps_mm


class DayDesk:
    """State of the day, shared by the panes of one window.

    Attributes
    ----------
    series
        Keys of the scan that the plan lies on and of the scan it is matched with; None while nothing is matched.
    pairs
        The last one may still lack its second click.
    zone_clicked
        Series and LPS mm of a click into an ablation zone.
    """

    def __init__(self) -> None:
        self.series: Value[tuple[str, str] | None] = Value(None)
        self.pairs: Value[tuple[Pair, ...]] = Value(())
        self.zone_clicked: Signal[[str, Point]] = Signal()

    def clear(self) -> None:
        self.series.set(None)
        self.pairs.set(())

    def match(self, fixed: str, moving: str) -> None:
        """These two scans are matched now; landmarks of another pair of scans are forgotten."""
        if self.series.value != (fixed, moving):
            self.pairs.set(())
            self.series.set((fixed, moving))

    def side_of(self, series: str) -> Side | None:
        scans = self.series.value
        if scans is None or series not in scans:
            return None
        return "fixed" if series == scans[0] else "moving"

    def put(self, series: str, point: Point) -> str | None:
        """A click in one of the two scans; a sentence when it is in neither."""
        side = self.side_of(series)
        if side is None:
            return "This pane shows neither of the two scans that are matched."
        pairs = list(self.pairs.value)
        if not pairs or pairs[-1].whole:
            pairs.append(Pair())
        last = pairs[-1]
        pairs[-1] = replace(last, fixed_lps_mm=point) if side == "fixed" else replace(last, moving_lps_mm=point)
        self.pairs.set(tuple(pairs))
        return None

    def remove(self, number: int) -> None:
        pairs = self.pairs.value
        self.pairs.set((*pairs[:number], *pairs[number + 1 :]))

    @property
    def whole_pairs(self) -> tuple[tuple[Point, Point], ...]:
        """Those clicked in both scans."""
        return tuple(
            (each.fixed_lps_mm, each.moving_lps_mm)
            for each in self.pairs.value
            if each.fixed_lps_mm is not None and each.moving_lps_mm is not None
        )

    @property
    def next_words(self) -> str:
        """What to click next."""
        pairs = self.pairs.value
        if pairs and not pairs[-1].whole:
            where = "other scan" if pairs[-1].fixed_lps_mm is not None else "scan the plan lies on"
            return f"Click the same place in the {where}."
        count = len(self.whole_pairs)
        more = "" if count >= ENOUGH_FOR_ERROR else f" of at least {ENOUGH_FOR_ERROR}, spread around the target"
        return f"Click landmark {count + 1}{more}: a place that both scans show, in either of them."
