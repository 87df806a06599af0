"""Scales of the patient's diary and of questionnaires (``resources/scales.toml``), and how an entry is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from planner.catalogues import catalogue
from planner.errors import UsageError
from planner.model.case import Case

FROM_BOARD = {"nrs-2002": "nrs_2002", "hama": "hama", "hamd": "hamd"}
"""Scale -> attribute of a board decision that holds the same points."""


@dataclass(frozen=True, slots=True)
class Band:
    """From `limit` on (towards the worse side, itself included) an entry has this level of ``follow_up.toml``."""

    limit: float
    level: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """One scale.

    Attributes
    ----------
    kind
        ``symptom``, ``function`` or ``questionnaire``.
    unit
        UCUM code; ``1`` for points.
    worse
        ``higher`` or ``lower``: the direction in which the patient is worse.
    bands
        Mildest first; `change` is the band of a change for the worse against the entry before.
    grades
        Words of the whole numbers of a graded symptom, from 0.
    words
        Level of an entry told in words only; None where a number is needed.
    source, tag
        Of the limits: ``M`` and ``P`` are unverified defaults.
    recent_days
        An older entry raises no alert; `recent_source` and `recent_tag` say where that is from.
    """

    key: str
    title: str
    kind: str
    unit: str
    minimum: float
    maximum: float
    whole: bool
    worse: str
    bands: tuple[Band, ...]
    change: Band | None
    grades: tuple[str, ...]
    words: str | None
    source: str
    tag: str
    recent_days: int

    def level_of(self, value: float | None) -> Band | None:
        """The most severe band a value lies in; for one told in words the level of such entries; None is no band."""
        if value is None:
            return None if self.words is None else Band(self.minimum, self.words, "Told in words only; not graded")
        beyond = [band for band in self.bands if self._beyond(value, band.limit)]
        return beyond[-1] if beyond else None

    def changed(self, before: float, now: float) -> Band | None:
        """The band of a change for the worse, or None."""
        worse = now - before if self.worse == "higher" else before - now
        return self.change if self.change is not None and worse >= self.change.limit else None

    def _beyond(self, value: float, limit: float) -> bool:
        return value >= limit if self.worse == "higher" else value <= limit

    def shown(self, value: float) -> str:
        """The word of a graded symptom, or the number as it is."""
        if self.grades and value.is_integer() and 0 <= value < len(self.grades):
            return self.grades[int(value)]
        return f"{value:g}"


@cache
def scales() -> Mapping[str, Scale]:
    """Every scale of the catalogue by key."""
    data = catalogue("scales.toml")
    return {key: _scale(key, entry, data) for key, entry in data["scales"].items()}


def scale(key: str) -> Scale:
    """One scale.

    Raises
    ------
    UsageError
        ``unknown-scale``.
    """
    try:
        return scales()[key]
    except KeyError:
        raise UsageError("unknown-scale", f"There is no scale {key!r}; choose one of {', '.join(scales())}.") from None


def _scale(key: str, entry: Mapping[str, Any], data: Mapping[str, Any]) -> Scale:
    graded = data["graded"] if entry.get("graded") else {}
    known = {**data["defaults"], **graded, **entry}
    change = known.get("change")
    return Scale(
        key=key,
        title=known["title"],
        kind=known["kind"],
        unit=known["unit"],
        minimum=float(known["minimum"]),
        maximum=float(known["maximum"]),
        whole=bool(known.get("whole", False)),
        worse=known["worse"],
        bands=tuple(Band(float(each["limit"]), each["level"], each.get("text")) for each in known["bands"]),
        change=None if change is None else Band(float(change["limit"]), change["level"], change.get("text")),
        grades=tuple(known.get("grades", ())),
        words=known.get("words"),
        source=known["source"],
        tag=known["tag"],
        recent_days=int(known["recent_days"]),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of a scale: of the diary, a questionnaire, or as the board wrote it down; `id` is where it stands."""

    id: str
    value: float | None
    on: date
    text: str | None = None


def told(case: Case, key: str) -> tuple[Told, ...]:
    """The entries of one scale, oldest first; of one day in the order in which they were entered."""
    reports = sorted((each for each in case.reports if each.scale == key), key=lambda each: (each.on, each.entered_at))
    found = [Told(each.id, each.value, each.on, each.text) for each in reports]
    for decision in case.decisions if key in FROM_BOARD else ():
        points = getattr(decision, FROM_BOARD[key])
        if points is not None and decision.held_on is not None:
            found.append(Told(decision.id, float(points), decision.held_on))
    return tuple(sorted(found, key=lambda each: each.on))
