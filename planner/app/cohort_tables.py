"""What the cohort page shows of the cohort's rows: filters, counts, tables by scheme and month, bars of the waterfall.

Nothing is added up over different criteria or different schemes, and every share is printed with its counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from planner.app.cohort import Cohort, CohortRow
from planner.app.cohort_rows import BY_SESSION, ORDER
from planner.catalogues import catalogue
from planner.clinical.constants import RuleConstants
from planner.clinical.registry import rule
from planner.clinical.response_course_measures import constants
from planner.workflow.complications import Complication

UNREAD, NOT_EVALUABLE = "not read", "NE"
UNKNOWN_HISTOLOGY = "not known"


@dataclass(frozen=True, slots=True)
class CohortFilter:
    """Which rows are looked at; None is all.

    Attributes
    ----------
    response
        Best response, or ``not read``.
    since, until
        Cases with a session performed in this period, both days included.
    """

    histology: str | None = None
    template: str | None = None
    response: str | None = None
    since: date | None = None
    until: date | None = None

    def takes(self, row: CohortRow) -> bool:
        days = [on for _, on in row.sessions]
        return (
            self.histology in (None, row.histology or UNKNOWN_HISTOLOGY)
            and (self.template is None or self.template in {each for each, _ in row.sessions})
            and self.response in (None, best_word(row))
            and any(self.covers(day) for day in days)
        )

    def covers(self, day: date) -> bool:
        """Whether a day lies in the period."""
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)


def best_word(row: CohortRow) -> str:
    """The best response of a case as its filter names it."""
    if row.best is not None:
        return row.best.category or NOT_EVALUABLE
    return UNREAD if row.last is None else NOT_EVALUABLE


def filtered(found: Cohort, chosen: CohortFilter) -> Cohort:
    """The cohort with the rows that a filter takes; codes stay as they were."""
    return replace(found, rows=tuple(each for each in found.rows if chosen.takes(each)))


def share(part: int, whole: int) -> str:
    """``3 of 12``; with per cent from the number on that ``resources/cohort.toml`` names."""
    least = catalogue("cohort.toml")["shares"]["percent_from"]["value"]
    counts = f"{part} of {whole}"
    return f"{counts} ({100.0 * part / whole:.0f} %)" if whole >= least else counts


@dataclass(frozen=True, slots=True)
class Scheme:
    """How the grades of a scheme are ordered, and which count as severe and as death."""

    name: str
    grades: tuple[str, ...]
    severe: frozenset[str]
    death: str
    severe_from: str
    source: str
    tag: str


def schemes() -> dict[str, Scheme]:
    """Name with version -> scheme, from ``resources/cohort.toml``."""
    found = {}
    for entry in catalogue("cohort.toml")["scheme"]:
        grades = tuple(entry["grades"])
        severe = frozenset(grades[grades.index(entry["severe_from"]) :])
        found[entry["name"]] = Scheme(
            entry["name"], grades, severe, entry["death"], entry["severe_from"], entry["source"], entry["tag"]
        )
    return found


@dataclass(frozen=True, slots=True)
class ComplicationLine:
    """Events of one grade of one scheme; scheme or grade None: nobody graded them, which is not grade 0."""

    scheme: str | None
    grade: str | None
    events: int
    sessions: int
    cases: int
    names: tuple[str, ...]


def complication_lines(rows: Iterable[CohortRow], chosen: CohortFilter | None = None) -> tuple[ComplicationLine, ...]:
    """Events by scheme and grade, the worst grade of each scheme first; schemes are never put together."""
    found: dict[tuple[str | None, str | None], list[tuple[str, Complication]]] = {}
    for row in rows:
        for event in _events(row, chosen or CohortFilter()):
            grade = event.grade.strip().casefold() if event.scheme and event.grade else None
            found.setdefault((event.scheme if grade else None, grade), []).append((row.case_id, event))
    known = schemes()

    def order(key: tuple[str | None, str | None]) -> tuple[bool, str, int, str]:
        scheme, grade = key
        grades = known[scheme].grades if scheme in known else ()
        return scheme is None, scheme or "", -grades.index(grade) if grade in grades else 1, grade or ""

    return tuple(
        ComplicationLine(
            *key,
            events=len(found[key]),
            sessions=len({(case, event.session_id) for case, event in found[key]}),
            cases=len({case for case, _ in found[key]}),
            names=tuple(sorted({event.event for _, event in found[key]})),
        )
        for key in sorted(found, key=order)
    )


def _events(row: CohortRow, chosen: CohortFilter) -> Iterable[Complication]:
    return (event for held in row.held if chosen.covers(held.on) for event in held.complications)


@dataclass(frozen=True, slots=True)
class ResponseLine:
    """Best responses by one set of criteria.

    Attributes
    ----------
    cases
        Read by these criteria.
    counts
        Category and how many cases, the best first.
    """

    criteria: str
    cases: int
    counts: tuple[tuple[str, int], ...]


def response_lines(rows: Sequence[CohortRow]) -> tuple[ResponseLine, ...]:
    """Best response of each case for each set of criteria; a case read by two stands in both lines."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for each in row.by_criteria:
            found.setdefault(each.criteria, []).append(each.best or NOT_EVALUABLE)
        if not row.by_criteria and row.last is not None:
            found.setdefault(BY_SESSION, []).append(best_word(row))
    return tuple(ResponseLine(each, len(found[each]), _counted(found[each])) for each in sorted(found))


def unread(rows: Iterable[CohortRow]) -> int:
    """Cases of which no response was read at all."""
    return sum(best_word(each) == UNREAD for each in rows)


def _counted(words: Sequence[str]) -> tuple[tuple[str, int], ...]:
    wanted = [*ORDER, *sorted(set(words) - set(ORDER) - {NOT_EVALUABLE}), NOT_EVALUABLE]
    ordered = any(each in ORDER for each in words)
    return tuple((each, words.count(each)) for each in wanted if each in words or (ordered and each in ORDER))


@dataclass(frozen=True, slots=True)
class MonthLine:
    """One month of performed sessions.

    Attributes
    ----------
    asked, read
        Sessions after which somebody asked for events, and after which a response was read.
    severe
        Scheme -> its events from `Scheme.severe_from` on.
    ungraded
        Events without scheme or grade.
    deaths
        Events graded as death by their scheme; a death that was not entered as an event is not known here.
    """

    month: str
    sessions: int
    cases: int
    asked: int
    read: int
    events: int
    severe: tuple[tuple[str, int], ...]
    ungraded: int
    deaths: int


def month_lines(rows: Iterable[CohortRow], chosen: CohortFilter | None = None) -> tuple[MonthLine, ...]:
    """The months in which sessions were held, oldest first."""
    wanted = chosen or CohortFilter()
    months: dict[str, list[tuple[str, int, int, tuple[Complication, ...]]]] = {}
    for row in rows:
        for held in row.held:
            if wanted.covers(held.on):
                entry = (row.case_id, int(held.events_asked is True), int(held.read_on is not None), held.complications)
                months.setdefault(f"{held.on:%Y-%m}", []).append(entry)
    return tuple(_month(month, months[month]) for month in sorted(months))


def _month(month: str, held: Sequence[tuple[str, int, int, tuple[Complication, ...]]]) -> MonthLine:
    known = schemes()
    events = [event for *_, found in held for event in found]
    graded = [(each.scheme, each.grade.strip().casefold()) for each in events if each.scheme and each.grade]
    severe = {
        scheme: sum(name == scheme and grade in known[scheme].severe for name, grade in graded)
        for scheme in dict.fromkeys(name for name, _ in graded)
        if scheme in known
    }
    return MonthLine(
        month=month,
        sessions=len(held),
        cases=len({case for case, *_ in held}),
        asked=sum(asked for _, asked, *_ in held),
        read=sum(read for _, _, read, _ in held),
        events=len(events),
        severe=tuple(sorted(severe.items())),
        ungraded=len(events) - len(graded),
        deaths=sum(name in known and grade == known[name].death for name, grade in graded),
    )


@dataclass(frozen=True, slots=True)
class WaterfallBar:
    """One bar: the best change of a case, or of one of its lesions, per cent from the baseline."""

    case_id: str
    code: str
    label: str
    change: float
    category: str | None


def waterfall_criteria(rows: Iterable[CohortRow]) -> tuple[str, ...]:
    """Criteria by which a change was measured, the most frequent first."""
    found = [each.criteria for row in rows for each in row.by_criteria if each.best_change is not None]
    return tuple(sorted(dict.fromkeys(found), key=lambda each: (-found.count(each), each)))


def waterfall_bars(rows: Iterable[CohortRow], criteria: str, *, by_lesion: bool = False) -> tuple[WaterfallBar, ...]:
    """Bars by one set of criteria, the greatest increase first."""
    bars = []
    for row in rows:
        if by_lesion:
            bars += [
                WaterfallBar(row.case_id, row.code, f"{row.code} {each.name}", each.best_change, each.best)
                for each in row.lesions
                if each.criteria == criteria and each.best_change is not None
            ]
        else:
            bars += [
                WaterfallBar(row.case_id, row.code, row.code, each.best_change, each.best)
                for each in row.by_criteria
                if each.criteria == criteria and each.best_change is not None
            ]
    return tuple(sorted(bars, key=lambda each: -each.change))


@dataclass(frozen=True, slots=True)
class Threshold:
    """A line of the waterfall plot: the change of a rule, with what it means and where it comes from."""

    percent: float
    text: str
    source: str
    tag: str


_CONSTANTS = {
    "recist-1.1": ("recist11", "partial_to", "progression_from"),
    "mrecist": ("mrecist", "partial_to", "progression_from"),
    "easl": ("easl", "partial_to", "progression_above"),
    "choi": ("choi", "size_partial_to", "progression_from"),
}
"""Criteria -> rule, constant of partial response, constant of progression."""


def thresholds(criteria: str) -> tuple[Threshold, ...]:
    """The limits of partial response and progression by criteria; empty for criteria without such limits.

    Progression is judged against the nadir: its line only shows where it would lie without a fall before.
    """
    found = _limits(criteria)
    if found is None:
        return ()
    limits, partial, progressed = found
    words = {partial: "partial response", progressed: "progression, judged against the nadir"}
    entries = [(limits.entries[name], text) for name, text in words.items()]
    return tuple(Threshold(float(each.value), text, each.source, each.tag) for each, text in entries)


def _limits(criteria: str) -> tuple[RuleConstants, str, str] | None:
    if criteria in _CONSTANTS:
        name, partial, progressed = _CONSTANTS[criteria]
        return rule(name).constants, partial, progressed
    if criteria in ("qeasl", "volumetric"):
        return constants(criteria), "partial_to", "progression_from"
    return None
