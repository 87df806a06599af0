"""Reading TOML strictly: every wrong key and type is noted with its place, and all of them are told at once."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any

from planner.errors import InputRefused

MAXIMUM_BYTES = 2_000_000
"""A template or profile larger than this is no template."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a template or profile. `place` is the path inside the file, with the file's name."""

    place: str
    code: str
    text: str


class TemplateRefused(InputRefused):
    """A template or profile with problems; the message tells the first and how many there are, `problems` has all."""

    def __init__(self, subject: str, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more; lint the template to see all)" if len(problems) > 1 else ""
        super().__init__("bad-template", f"{first.place}: {first.text}{more}", subject=subject)
        self.problems = problems


@dataclass(slots=True)
class Problems:
    """Collects what is wrong while reading goes on."""

    found: list[Problem] = field(default_factory=list)

    def note(self, place: str, code: str, text: str) -> None:
        self.found.append(Problem(place, code, text))

    def raise_if_any(self, subject: str) -> None:
        if self.found:
            raise TemplateRefused(subject, tuple(self.found))


@dataclass(slots=True)
class Table:
    """A TOML table being read: values are taken by name and type, and what nobody took is an unknown key."""

    place: str
    data: Mapping[str, Any]
    problems: Problems
    _taken: set[str] = field(default_factory=set)

    def _take(self, key: str, kind: type | tuple[type, ...], expected: str) -> Any:
        self._taken.add(key)
        value = self.data.get(key)
        if value is None:
            return None
        wrong_boolean = isinstance(value, bool) and kind is not bool
        if wrong_boolean or not isinstance(value, kind):
            self.problems.note(f"{self.place}.{key}", "wrong-type", f"expected {expected}.")
            return None
        return value

    def text(self, key: str, *, required: bool = False) -> str | None:
        found: str | None = self._take(key, str, "text")
        if required and (found is None or not found.strip()):
            if key not in self.data or found is not None:
                self.problems.note(self.place, "missing-key", f"{key} is missing or empty.")
            return None
        return found

    def flag(self, key: str, default: bool = False) -> bool:
        found = self._take(key, bool, "true or false")
        return default if found is None else bool(found)

    def number(self, key: str) -> float | None:
        found = self._take(key, (int, float), "a number")
        if found is not None and not math.isfinite(found):
            self.problems.note(f"{self.place}.{key}", "wrong-type", "expected a finite number.")
            return None
        return None if found is None else float(found)

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._take(key, list, "a list of texts") or []
        if all(isinstance(each, str) for each in found):
            return tuple(found)
        self.problems.note(f"{self.place}.{key}", "wrong-type", "expected a list of texts.")
        return ()

    def listed(self, key: str) -> list[Any]:
        return list(self._take(key, list, "a list") or [])

    def tables(self, key: str) -> list[Table]:
        found = self._take(key, list, "a list of tables") or []
        return [self._table(f"{self.place}.{key}[{number}]", each) for number, each in enumerate(found)]

    def table(self, key: str) -> Table | None:
        found = self._take(key, Mapping, "a table")
        return None if found is None else self._table(f"{self.place}.{key}", found)

    def named_tables(self, key: str) -> dict[str, Table]:
        found = self._take(key, Mapping, "a table of tables") or {}
        return {str(name): self._table(f"{self.place}.{key}.{name}", each) for name, each in found.items()}

    def any(self, key: str) -> Any:
        self._taken.add(key)
        return self.data.get(key)

    def _table(self, place: str, value: Any) -> Table:
        if isinstance(value, Mapping):
            identity = value.get("id")
            return Table(f"{place}({identity})" if isinstance(identity, str) else place, value, self.problems)
        self.problems.note(place, "wrong-type", "expected a table.")
        return Table(place, {}, self.problems)

    def close(self) -> None:
        """Every key that was not asked for is unknown."""
        for key in sorted(set(self.data) - self._taken):
            self.problems.note(f"{self.place}.{key}", "unknown-key", f"there is no key named {key!r} here.")


@lru_cache(maxsize=32)
def _parsed(text: str) -> dict[str, Any]:
    """Templates are read more than once while they include each other; nobody changes what was read."""
    return tomllib.loads(text)


def read_toml(path: Path, problems: Problems) -> Table | None:
    """The top table of a file; None, with the problem noted, when it cannot be read."""
    place = f"{path.parent.name}/{path.name}"
    try:
        size = path.stat().st_size
        if size > MAXIMUM_BYTES:
            problems.note(place, "too-large", f"the file is larger than {MAXIMUM_BYTES} bytes.")
            return None
        data = _parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.note(place, "missing-file", "the file is missing.")
        return None
    except (OSError, UnicodeDecodeError) as error:
        problems.note(place, "unreadable", f"the file cannot be read ({type(error).__name__}).")
        return None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problems.note(place, "not-toml", f"the file is not valid TOML: {error}.")
        return None
    return Table(place, data, problems)


def plain(value: Any) -> Any:
    """A TOML value as JSON: dates and times become ISO text."""
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


def closest(name: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` for a mistyped name, or nothing."""
    import difflib

    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
