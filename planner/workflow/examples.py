"""Filled-in examples of templates (``resources/examples``): the demo and the tests walk a session with them.

Texts that begin with ``@`` are places to fill: ``@-3`` (a date, days from the day of treatment), ``@0 08:30`` (a time
on such a day), ``@lesion:1`` (a lesion by its place in the list of the case), ``@series:arterial`` (a series by role).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from planner.catalogues import catalogue
from planner.errors import UsageError

_DAY = re.compile(r"@(-?\d+)(?: (\d\d:\d\d))?")
_REFERENCE = re.compile(r"@(lesion|series):(.+)")


@dataclass(frozen=True, slots=True)
class ExampleStage:
    """One stage of an example.

    Attributes
    ----------
    day
        The day on which it is filled and signed, counted from the day of treatment.
    answers
        Field id -> value as `planner.workflow.answers.answer_field` takes it.
    signed_by
        Role -> name.
    """

    stage: str
    day: date
    answers: Mapping[str, Any]
    signed_by: Mapping[str, str]


def example_lesions(name: str) -> list[Mapping[str, Any]]:
    """The lesions the example speaks of: name, segment, longest_mm, viable_mm."""
    return list(catalogue(f"examples/{name}.toml")["lesions"])


def example_stages(
    name: str, day: date, *, lesions: tuple[str, ...], series: Mapping[str, str], variant: str | None = None
) -> list[ExampleStage]:
    """The stages of an example in order, with dates, lesions and series filled in.

    Parameters
    ----------
    day
        The day of treatment.
    lesions
        Ids of the case's lesions, in the order of the example's.
    series
        Role -> ``series_uid#part``; an answer that names a role not given here is left out.
    variant
        A technique with other answers, such as ``deb-tace``.

    Raises
    ------
    UsageError
        ``unknown-variant``, or ``too-few-lesions`` when the example speaks of a lesion that is not there.
    """
    data = catalogue(f"examples/{name}.toml")
    changes: Mapping[str, Any] = data.get("variants", {}).get(variant, {}) if variant else {}
    if variant and not changes:
        raise UsageError("unknown-variant", f"The example {name} has no variant {variant!r}.")
    place = _Place(day, lesions, series)
    found = []
    for stage, entry in data["stages"].items():
        answers = {**entry["answers"], **changes.get(stage, {})}
        filled = {field: place.filled(value) for field, value in answers.items() if value != ""}
        known = {field: value for field, value in filled.items() if value is not None}
        found.append(ExampleStage(stage, day + timedelta(days=entry["day"]), known, dict(entry["signed_by"])))
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    day: date
    lesions: tuple[str, ...]
    series: Mapping[str, str]

    def filled(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self.filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if not isinstance(value, str) or not value.startswith("@"):
            return value
        return self._text(value)

    def _text(self, value: str) -> str | None:
        dated = _DAY.fullmatch(value)
        if dated is not None:
            on = (self.day + timedelta(days=int(dated[1]))).isoformat()
            return f"{on}T{dated[2]}" if dated[2] else on
        named = _REFERENCE.fullmatch(value)
        if named is None:
            return value
        if named[1] == "series":
            return self.series.get(named[2])
        index = int(named[2]) - 1
        if not 0 <= index < len(self.lesions):
            raise UsageError("too-few-lesions", f"The example speaks of {index + 1} lesions; mark or type them first.")
        return self.lesions[index]
