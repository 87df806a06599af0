"""The meeting: its decision with opinions and dissent, what an entry lacks, and whether it was carried out.

Each change is one edit of the case. The number for the quality of a discussion is not for a single case: see
`planner.app.board_report`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any

from planner.catalogues import catalogue
from planner.clinical.registry import evaluate
from planner.clinical.results import RuleResult
from planner.errors import InputRefused, UsageError
from planner.model.case import Case
from planner.model.disease import BoardDecision, Lesion, Observation, Opinion
from planner.model.edits import Edit, new_id
from planner.units import shown
from planner.workflow.scales import scale
from planner.workflow.values import is_empty

CARRIED_OUT = ("yes", "changed", "no")
ANSWERS = ("yes", "no", "unknown")


@dataclass(frozen=True, slots=True)
class Entry:
    """One mandatory entry of a decision.

    Attributes
    ----------
    field
        Attribute of `BoardDecision`.
    rule, scale
        What computes it (`planner.clinical`), and the scale it lies on; None without one.
    choices
        Its codes; empty is free.
    """

    field: str
    label: str
    source: str
    tag: str
    rule: str | None = None
    scale: str | None = None
    choices: tuple[str, ...] = ()


@cache
def entries() -> tuple[Entry, ...]:
    """Every mandatory entry, in the order of the form."""
    data = catalogue("board.toml")
    return tuple(
        Entry(
            each["field"],
            each["label"],
            each.get("source", data["defaults"]["source"]),
            each.get("tag", data["defaults"]["tag"]),
            each.get("rule"),
            each.get("scale"),
            tuple(each.get("choices", ())),
        )
        for each in data["entries"]
    )


@cache
def disciplines() -> MappingProxyType[str, str]:
    """Code -> title of the disciplines, in the order in which they are asked."""
    return MappingProxyType(dict(catalogue("board.toml")["disciplines"]))


@cache
def discussion_items() -> MappingProxyType[str, str]:
    """Code -> words of what a good discussion has."""
    return MappingProxyType(dict(catalogue("board.toml")["discussion"]))


def missing_entries(decision: BoardDecision) -> tuple[Entry, ...]:
    """The mandatory entries that nobody has filled. ``0`` points are an answer, an empty text is none."""
    return tuple(each for each in entries() if _empty(getattr(decision, each.field)))


def _empty(value: Any) -> bool:
    return is_empty(value.strip() if isinstance(value, str) else value)


def dissent(decision: BoardDecision) -> tuple[Opinion, ...]:
    """The opinions that differ from the decision."""
    return tuple(each for each in decision.opinions if each.dissent)


def decision_of(case: Case, decision_id: str) -> BoardDecision:
    """A decision of the case.

    Raises
    ------
    UsageError
        ``unknown-decision``.
    """
    found = next((each for each in case.decisions if each.id == decision_id), None)
    if found is None:
        raise UsageError("unknown-decision", f"There is no decision {decision_id} in this case.", subject=decision_id)
    return found


def new_decision(held_on: date | None = None) -> BoardDecision:
    """An empty decision, to be filled and put."""
    return BoardDecision(new_id("decision"), held_on=held_on)


def put_decision(decision: BoardDecision) -> Edit:
    """Put a decision into the case, or replace it by id.

    Raises
    ------
    InputRefused
        ``out-of-scale`` for points that cannot be; ``bad-board-entry`` for a code that is none of its choices.
    UsageError
        When applied, ``unknown-session`` or ``unknown-step`` for what it names and the case lacks.
    """
    _refuse_points(decision)

    def edit(case: Case) -> Case:
        _refuse_unknown(case, decision)
        known = any(each.id == decision.id for each in case.decisions)
        if not known:
            return replace(case, decisions=(*case.decisions, decision))
        return _with(case, decision)

    return edit


def remove_decision(decision_id: str) -> Edit:
    """Take a decision back that was entered by mistake."""

    def edit(case: Case) -> Case:
        decision_of(case, decision_id)
        return replace(case, decisions=tuple(each for each in case.decisions if each.id != decision_id))

    return edit


def set_opinion(decision_id: str, opinion: Opinion) -> Edit:
    """Write down what a discipline said; one opinion per discipline and person.

    Raises
    ------
    InputRefused
        ``missing-opinion`` for a discipline without words, ``missing-discipline``.
    """
    if not opinion.discipline.strip():
        raise InputRefused("missing-discipline", "Name the discipline that speaks.")
    if not opinion.opinion.strip():
        raise InputRefused("missing-opinion", f"Write what {opinion.discipline} said, or leave it out.")

    def change(decision: BoardDecision) -> BoardDecision:
        same = (opinion.discipline, opinion.person)
        others = tuple(each for each in decision.opinions if (each.discipline, each.person) != same)
        if opinion in decision.opinions:
            return decision
        order = [*disciplines()]
        kept = (*others, opinion)
        place = {each: number for number, each in enumerate(order)}
        ranked = sorted(kept, key=lambda each: place.get(each.discipline, len(order)))
        return replace(decision, opinions=tuple(ranked))

    return _changed(decision_id, change)


def remove_opinion(decision_id: str, discipline: str, person: str | None = None) -> Edit:
    """Take an opinion back."""

    def change(decision: BoardDecision) -> BoardDecision:
        gone = (discipline, person)
        kept = tuple(each for each in decision.opinions if (each.discipline, each.person) != gone)
        return decision if kept == decision.opinions else replace(decision, opinions=kept)

    return _changed(decision_id, change)


def answer_discussion(decision_id: str, item: str, answer: str | None) -> Edit:
    """Say whether the discussion had something; None takes the answer back.

    Raises
    ------
    UsageError
        ``unknown-discussion-item`` or ``unknown-answer``.
    """
    if item not in discussion_items():
        raise UsageError("unknown-discussion-item", f"The discussion has no item {item!r}.", subject=item)
    if answer is not None and answer not in ANSWERS:
        raise UsageError("unknown-answer", f"Answer {item} with one of {', '.join(ANSWERS)}.", subject=item)

    def change(decision: BoardDecision) -> BoardDecision:
        told = {key: value for key, value in decision.discussion.items() if key != item}
        if answer is not None:
            told[item] = answer
        return decision if told == dict(decision.discussion) else replace(decision, discussion=MappingProxyType(told))

    return _changed(decision_id, change)


def carry_out(decision_id: str, how: str | None, *, on: date | None = None, why: str | None = None) -> Edit:
    """Say whether a decision was carried out: ``yes``, ``changed`` or ``no`` with the reason; None opens it again.

    Raises
    ------
    UsageError
        ``unknown-answer``.
    InputRefused
        ``missing-reason`` for ``changed`` or ``no`` without why; ``missing-day`` for ``yes`` or ``changed``.
    """
    if how is not None and how not in CARRIED_OUT:
        raise UsageError("unknown-answer", f"A decision was carried out: {', '.join(CARRIED_OUT)}; or it is open.")
    reason = why.strip() if why and why.strip() else None
    if how in ("changed", "no") and reason is None:
        raise InputRefused("missing-reason", "Say why the decision was changed or not carried out.")
    if how in ("yes", "changed") and on is None:
        raise InputRefused("missing-day", "Give the day on which it was carried out.")

    def change(decision: BoardDecision) -> BoardDecision:
        if how is None:
            return replace(decision, carried_out=None, carried_out_on=None, carried_out_why=None)
        return replace(decision, carried_out=how, carried_out_on=on, carried_out_why=reason)

    return _changed(decision_id, change)


def record_outcome(decision_id: str, outcome: str) -> Edit:
    """What came of a decision, for who decided it.

    Raises
    ------
    InputRefused
        ``missing-outcome``; when applied ``not-carried-out`` while nobody has said whether it was carried out.
    """
    words = outcome.strip()
    if not words:
        raise InputRefused("missing-outcome", "Say what came of the decision.")

    def change(decision: BoardDecision) -> BoardDecision:
        if decision.carried_out is None:
            raise InputRefused("not-carried-out", "Say first whether the decision was carried out.")
        return replace(decision, outcome=words)

    return _changed(decision_id, change)


def growth_between(lesion: Lesion, first_on: date, second_on: date) -> tuple[RuleResult, str]:
    """Growth of a lesion between two studies by the rule ``tumour_growth``, and a sentence for the decision.

    Volumes are compared where both days have one, else longest diameters. Only the first reader's sizes are read.

    Raises
    ------
    InputRefused
        ``no-two-sizes`` when the days do not both have a size of one kind.
    """
    first, second = _seen(lesion, first_on), _seen(lesion, second_on)
    pairs = (
        ("mL", first and first.volume_ml, second and second.volume_ml),
        ("mm", first and first.longest_mm, second and second.longest_mm),
    )
    found = next(((unit, one, two) for unit, one, two in pairs if one and two), None)
    if found is None or first_on >= second_on:
        said = f"{lesion.name} has no two volumes or diameters of {first_on.isoformat()} and {second_on.isoformat()}"
        raise InputRefused(
            "no-two-sizes", f"{said}; measure it on both days, the earlier one first.", subject=lesion.id
        )
    unit, one, two = found
    days = (second_on - first_on).days
    result = evaluate("tumour_growth", {"first": (one, unit), "second": (two, unit), "days": float(days)})
    doubling = result.number("doubling_time")
    sizes = f"{shown(one, unit)} on {first_on.isoformat()}, {shown(two, unit)} on {second_on.isoformat()}"
    tail = "" if doubling is None else f", volume doubles in {doubling:.0f} days"
    return result, f"{lesion.name}: {sizes}: {result.grade}{tail}"


def growth_days(lesion: Lesion) -> tuple[date, date] | None:
    """The newest two days on which the first reader has a size of one kind; None while there are no two.

    A treatment between them is not known to the lesion: who takes the days over has to look.
    """
    for name in ("volume_ml", "longest_mm"):
        sized = [each for each in lesion.observations if each.read_as == "first" and getattr(each, name)]
        days = sorted({each.study_date for each in sized})
        if len(days) > 1:
            return days[-2], days[-1]
    return None


def _seen(lesion: Lesion, on: date) -> Observation | None:
    return next((each for each in lesion.observations if each.study_date == on and each.read_as == "first"), None)


def _refuse_points(decision: BoardDecision) -> None:
    for each in entries():
        value = getattr(decision, each.field)
        if each.scale is not None and value is not None:
            known = scale(each.scale)
            if not known.minimum <= value <= known.maximum:
                said = f"{each.label} goes from {known.minimum:g} to {known.maximum:g}; check the number."
                raise InputRefused("out-of-scale", said, subject=each.field)
        if each.choices and value is not None and value not in each.choices:
            said = f"{each.label}: choose one of {', '.join(each.choices)}."
            raise InputRefused("bad-board-entry", said, subject=each.field)
    if decision.charlson is not None and decision.charlson < 0:
        raise InputRefused("out-of-scale", "Charlson points are not negative; check the number.", subject="charlson")


def _refuse_unknown(case: Case, decision: BoardDecision) -> None:
    steps = {step.id for course in case.courses for step in course.steps}
    for step in decision.step_ids:
        if step not in steps:
            raise UsageError("unknown-step", f"There is no step {step} in a course of this case.", subject=step)
    for session in decision.session_ids:
        if case.session(session) is None:
            raise UsageError("unknown-session", f"There is no session {session} in this case.", subject=session)


def _changed(decision_id: str, change: Callable[[BoardDecision], BoardDecision]) -> Edit:
    def edit(case: Case) -> Case:
        decision = decision_of(case, decision_id)
        changed = change(decision)
        return case if changed == decision else _with(case, changed)

    return edit


def _with(case: Case, decision: BoardDecision) -> Case:
    kept = tuple(decision if each.id == decision.id else each for each in case.decisions)
    return case if kept == case.decisions else replace(case, decisions=kept)
