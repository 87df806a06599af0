"""What the case already says for the mandatory entries of a decision: offered with its day, taken over by a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from planner.app.board import entries, growth_between, growth_days
from planner.model.case import Case
from planner.units import shown
from planner.workflow.scales import scale, told


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One entry as the case has it.

    Attributes
    ----------
    field
        Attribute of `planner.model.disease.BoardDecision`.
    value
        As it would be put: words, or points.
    why
        Where it is from, with its day, in words.
    """

    field: str
    value: str | int
    why: str


def suggestions(case: Case, on: date) -> tuple[Suggestion, ...]:
    """What is known by a day, at most one per entry, in the order of the form. Nothing is filled by itself."""
    known = {each.field: each for each in (*_points(case, on), *_words(case, on))}
    return tuple(known[entry.field] for entry in entries() if entry.field in known)


def _points(case: Case, on: date) -> Iterator[Suggestion]:
    for entry in entries():
        if entry.scale is None:
            continue
        found = [each for each in told(case, entry.scale) if each.on <= on and each.value is not None]
        if found and found[-1].value is not None:
            last = found[-1]
            yield Suggestion(entry.field, round(found[-1].value), f"{scale(entry.scale).title}, {last.on.isoformat()}")


def _words(case: Case, on: date) -> Iterator[Suggestion]:
    performance = [each for each in told(case, "ecog") if each.on <= on and each.value is not None]
    if performance and performance[-1].value is not None:
        yield Suggestion("performance", f"ECOG {performance[-1].value:g}", f"diary, {performance[-1].on.isoformat()}")
    treated = list(_treatments(case, on))
    if treated:
        yield Suggestion("prior_treatment", "; ".join(treated), "sessions and prior treatments; known ones only")
    course = case.courses[-1] if case.courses else None
    if course is not None and course.intent:
        yield Suggestion("intent", course.intent, f"course {course.title}")
    if course is not None and course.patient_wishes:
        yield Suggestion("patient_values", course.patient_wishes, f"course {course.title}")
    growth = _growth(case, on)
    if growth is not None:
        yield growth


def _treatments(case: Case, on: date) -> Iterator[str]:
    rows = [(each.on, each.description or each.kind) for each in case.prior_treatments]
    rows += [(each.performed_on, each.title) for each in case.sessions if each.performed_on is not None]
    dated = sorted({(day, words) for day, words in rows if day is not None and day <= on})
    yield from (f"{words} {day.isoformat()}" for day, words in dated)
    yield from dict.fromkeys(f"{words} (day unknown)" for day, words in rows if day is None)


def _growth(case: Case, on: date) -> Suggestion | None:
    """The lesion that doubles fastest; none where nothing grew beyond the error of measuring."""
    best: tuple[float, str] | None = None
    for lesion in case.lesions:
        days = growth_days(lesion)
        if days is None or days[1] > on:
            continue
        result, words = growth_between(lesion, *days)
        doubling = result.number("doubling_time")
        if doubling is not None and (best is None or doubling < best[0]):
            best = (doubling, f"{words}{_between(case, *days)}")
    return None if best is None else Suggestion("growth_rate", best[1], f"rule tumour_growth, {shown(best[0], 'd')}")


def _between(case: Case, first: date, second: date) -> str:
    """A treatment between the two days changes what a growth rate means."""
    between = [each.title for each in case.sessions if each.performed_on and first <= each.performed_on <= second]
    return f" (between them: {', '.join(between)})" if between else ""
