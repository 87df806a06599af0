"""The follow-up catalogue ``resources/follow_up.toml``: what follows which procedure, levels, markers, action bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from planner.catalogues import catalogue

IMAGING, LABORATORY, REPORT = "imaging", "laboratory", "report"


@dataclass(frozen=True, slots=True)
class VisitRule:
    """One row: once in a window of days after a session, or again and again.

    Attributes
    ----------
    what
        ``imaging``, ``laboratory`` or ``report``.
    from_days, to_days
        Of a single visit, after the session.
    every_days, after_days, until_days, slack_days
        Of a repeated one: at the multiples of `every_days` beyond `after_days` up to `until_days`, give or take.
    techniques, bands
        Where it holds only for some; empty is for all.
    lapses_days
        After so many days from the session nobody is asked any more; None is never.
    """

    key: str
    what: str
    text: str
    source: str
    tag: str
    from_days: int = 0
    to_days: int = 0
    every_days: int | None = None
    after_days: int = 0
    until_days: int = 0
    slack_days: int = 0
    lapses_days: int | None = None
    modalities: tuple[str, ...] = ()
    analytes: tuple[str, ...] = ()
    scales: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()

    def windows(self) -> tuple[tuple[int, int], ...]:
        """First and last day of every visit, counted from the session."""
        if self.every_days is None:
            return ((self.from_days, self.to_days),)
        days = range(self.every_days, self.until_days + 1, self.every_days)
        return tuple((day - self.slack_days, day + self.slack_days) for day in days if day > self.after_days)


@dataclass(frozen=True, slots=True)
class ProcedureRules:
    """What follows one procedure. A later session of the same `group` starts the schedule anew."""

    group: str
    rows: tuple[VisitRule, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """How severe something is, and within how many days its task is due. A higher `rank` is worse."""

    key: str
    title: str
    rank: int
    due_days: int


@dataclass(frozen=True, slots=True)
class MarkerRule:
    """A marker that is followed once it was measured.

    Attributes
    ----------
    rise
        Times the lowest value before, from which it rises.
    floor
        In the canonical unit; below it nothing is a rise.
    """

    analyte: str
    every_days: int
    rise: float
    floor: float
    source: str
    tag: str


@dataclass(frozen=True, slots=True)
class ActionRule:
    """The three limits of a value after a session, in its canonical unit, mildest first.

    Attributes
    ----------
    how
        ``above``, ``below``, or ``ratio`` to the value before the session.
    """

    analyte: str
    how: str
    limits: tuple[float, float, float]
    source: str
    tag: str

    def rank(self, value: float, baseline: float | None) -> int:
        """0 for none, 1 to 3 for the most severe limit that is reached; 0 too where a ratio has no baseline."""
        if self.how == "below":
            return sum(value < limit for limit in self.limits)
        if self.how == "above":
            return sum(value > limit for limit in self.limits)
        return 0 if not baseline else sum(value >= limit * baseline for limit in self.limits)


@dataclass(frozen=True, slots=True)
class Setting:
    """A number of days with where it comes from."""

    value: int
    source: str
    tag: str


@cache
def procedures() -> Mapping[str, ProcedureRules]:
    """Follow-up by id of the procedure template."""
    data = catalogue("follow_up.toml")
    rows = {key: _row(key, entry, data["defaults"]) for key, entry in data["rows"].items()}
    return {
        key: ProcedureRules(entry["group"], tuple(rows[name] for name in entry["uses"]))
        for key, entry in data["procedures"].items()
    }


def _row(key: str, entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> VisitRule:
    known: dict[str, Any] = {**defaults, **entry}
    values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in known.items()}
    return VisitRule(key, **values)


@cache
def levels() -> Mapping[str, Level]:
    """Levels of an action band by key, mildest first."""
    entries = catalogue("follow_up.toml")["levels"]
    return {key: Level(key, each["title"], each["rank"], each["due_days"]) for key, each in entries.items()}


def level_of_rank(rank: int) -> Level:
    return next(each for each in levels().values() if each.rank == rank)


@cache
def risk_bands() -> Mapping[str, str]:
    """Risk band of a course -> its title; the first is taken where nobody has chosen."""
    return {key: each["title"] for key, each in catalogue("follow_up.toml")["bands"].items()}


@cache
def markers() -> Mapping[str, MarkerRule]:
    """Markers that are followed, by analyte."""
    data = catalogue("follow_up.toml")
    return {
        key: MarkerRule(
            key,
            int(each["every_days"]),
            float(each["rise"]),
            float(each["floor"]),
            each["source"],
            each.get("tag", data["defaults"]["tag"]),
        )
        for key, each in data["markers"].items()
    }


@cache
def action_rules() -> tuple[ActionRule, ...]:
    """Every action band; an analyte may have several."""
    found = []
    for each in catalogue("follow_up.toml")["action"]:
        how = next(name for name in ("above", "below", "ratio") if name in each)
        first, second, third = (float(limit) for limit in each[how])
        found.append(ActionRule(each["analyte"], how, (first, second, third), each["source"], each["tag"]))
    return tuple(found)


def setting(name: str) -> Setting:
    """One number of ``[settings]``."""
    entry = catalogue("follow_up.toml")["settings"][name]
    return Setting(int(entry["value"]), entry["source"], entry["tag"])
