"""The monthly report of the board: how cases were prepared and discussed, and what became of the decisions.

Counts and shares are of a month, never of one case. Simulated cases are left out unless only they are asked for.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from planner.app.board import discussion_items, dissent, entries, missing_entries
from planner.app.tables import csv_text
from planner.errors import UsageError
from planner.model.case import Case
from planner.model.codec import to_json
from planner.model.disease import BoardDecision
from planner.store.library import Library


@dataclass(frozen=True, slots=True)
class DiscussionQuality:
    """How a discussion was looked back on: items answered yes, no, and unknown or not answered.

    Attributes
    ----------
    share
        Yes among yes and no; None where nothing was answered. For a month's report only.
    """

    yes: int
    no: int
    unknown: int

    @property
    def share(self) -> float | None:
        answered = self.yes + self.no
        return self.yes / answered if answered else None


def discussion_quality(decision: BoardDecision) -> DiscussionQuality:
    """Counts over the items of ``board.toml``; what was not answered is unknown, never no."""
    told = [decision.discussion.get(item) for item in discussion_items()]
    yes, no = told.count("yes"), told.count("no")
    return DiscussionQuality(yes, no, len(told) - yes - no)


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """One decision of the month.

    Attributes
    ----------
    missing
        Labels of the mandatory entries that nobody filled.
    days_to_treatment
        From the meeting to the first day of treatment it led to; None while there is none, or its day is not known.
    """

    case_id: str
    decision_id: str
    held_on: date
    decision: str
    owner: str | None
    missing: tuple[str, ...]
    dissent: int
    carried_out: str | None
    days_to_treatment: int | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class MonthlyBoardReport:
    """The month of a board.

    Attributes
    ----------
    prepared
        Share of mandatory entries that were filled, over all decisions; None for a month without decisions.
    quality
        Over all decisions of the month together.
    executed
        Share carried out (also when changed) among the decisions of which somebody said; None where nobody did.
    open, changed, not_carried_out
        Counts.
    median_days
        From meeting to treatment over those treated; None where none was.
    missing_often
        Label of an entry -> in how many decisions it was missing, most often first.
    """

    year: int
    month: int
    simulated: bool
    lines: tuple[DecisionLine, ...]
    cases: int
    prepared: float | None
    quality: DiscussionQuality
    executed: float | None
    open: int
    changed: int
    not_carried_out: int
    median_days: float | None
    missing_often: tuple[tuple[str, int], ...]

    def to_json(self) -> dict[str, Any]:
        """The report as a document of plain values."""
        return {**to_json(self), "quality_share": self.quality.share}


def monthly_board_report(
    cases: Iterable[Case], year: int, month: int, *, simulated: bool = False
) -> MonthlyBoardReport:
    """The report over the decisions that were held in a month.

    Parameters
    ----------
    simulated
        Only simulated cases instead of only real ones.

    Raises
    ------
    UsageError
        ``bad-month``.
    """
    if not (1 <= month <= 12 and 1900 <= year <= 9999):
        raise UsageError("bad-month", f"{year}-{month} is no month; write it as 2026-03.")
    held = [
        (case, each)
        for case in cases
        if case.simulated is simulated
        for each in case.decisions
        if each.held_on is not None and (each.held_on.year, each.held_on.month) == (year, month)
    ]
    lines = tuple(sorted((_line(case, each) for case, each in held), key=lambda each: (each.held_on, each.case_id)))
    qualities = [discussion_quality(each) for _, each in held]
    judged = [each.carried_out for each in lines if each.carried_out is not None]
    days = [each.days_to_treatment for each in lines if each.days_to_treatment is not None]
    asked = len(entries()) * len(lines)
    filled = asked - sum(len(each.missing) for each in lines)
    return MonthlyBoardReport(
        year=year,
        month=month,
        simulated=simulated,
        lines=lines,
        cases=len({each.case_id for each in lines}),
        prepared=filled / asked if asked else None,
        quality=DiscussionQuality(
            sum(each.yes for each in qualities),
            sum(each.no for each in qualities),
            sum(each.unknown for each in qualities),
        ),
        executed=sum(each in ("yes", "changed") for each in judged) / len(judged) if judged else None,
        open=len(lines) - len(judged),
        changed=judged.count("changed"),
        not_carried_out=judged.count("no"),
        median_days=statistics.median(days) if days else None,
        missing_often=_missing_often(lines),
    )


def monthly_report_of(library: Library, year: int, month: int, *, simulated: bool = False) -> MonthlyBoardReport:
    """The report over all cases of a library. Each case is read, which its audit trail notes."""
    wanted = [each.case_id for each in library.list_cases(limit=100_000) if each.facts.simulated is simulated]
    return monthly_board_report((library.open_case(each)[0] for each in wanted), year, month, simulated=simulated)


def board_report_csv(report: MonthlyBoardReport) -> str:
    """The decisions of the month as a table for a spreadsheet; text that it would run is made harmless."""
    header = (
        "case",
        "meeting",
        "decision",
        "owner",
        "missing entries",
        "dissenting opinions",
        "carried out",
        "days to treatment",
        "outcome",
    )
    return csv_text(
        header,
        (
            (
                each.case_id,
                each.held_on,
                each.decision,
                each.owner,
                "; ".join(each.missing),
                each.dissent,
                each.carried_out or "open",
                each.days_to_treatment,
                each.outcome,
            )
            for each in report.lines
        ),
    )


def _line(case: Case, decision: BoardDecision) -> DecisionLine:
    held = decision.held_on or date.min
    return DecisionLine(
        case_id=case.id,
        decision_id=decision.id,
        held_on=held,
        decision=decision.decision,
        owner=decision.owner,
        missing=tuple(each.label for each in missing_entries(decision)),
        dissent=len(dissent(decision)),
        carried_out=decision.carried_out,
        days_to_treatment=_days(case, decision, held),
        outcome=decision.outcome,
    )


def _days(case: Case, decision: BoardDecision, held: date) -> int | None:
    """To the first treatment by the sessions and steps that the decision names; else to the day it was carried out."""
    steps = [step for course in case.courses for step in course.steps if step.id in decision.step_ids]
    names = {*decision.session_ids, *(step.session_id for step in steps if step.session_id)}
    days = [each.performed_on for each in case.sessions if each.id in names]
    days += [step.done_on for step in steps]
    known = [day for day in days if day is not None and day >= held]
    first = min(known, default=None if decision.carried_out == "no" else decision.carried_out_on)
    return None if first is None or first < held else (first - held).days


def _missing_often(lines: Sequence[DecisionLine]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for label in (label for each in lines for label in each.missing):
        counts[label] = counts.get(label, 0) + 1
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
