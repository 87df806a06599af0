"""The minutes of one decision of the meeting on paper: every entry, opinions with dissent, what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from planner.app.board import CARRIED_OUT, decision_of, disciplines, discussion_items, entries, missing_entries
from planner.app.paper_files import write_paper
from planner.app.report_words import NOT_RECORDED, moment, patient_line, short
from planner.model.case import Case
from planner.model.codec import digest
from planner.model.disease import BoardDecision
from planner.report.content import Line, PlanReport, Table
from planner.store.actors import Actor
from planner.store.library import Library

TITLE = "Minutes of the board meeting"
STATE = "As written down by the meeting; a record, not an order"
_WORDS = dict(zip(CARRIED_OUT, ("carried out", "carried out in a changed form", "not carried out"), strict=True))
_OWN_PART = ("opinions",)
"""Entries that are no line: they have a table."""


def board_minutes(
    case: Case,
    decision_id: str,
    now: datetime,
    *,
    revision: int | None = None,
    audit_head: str | None = None,
) -> PlanReport:
    """The minutes as values.

    Parameters
    ----------
    revision, audit_head
        What they are printed from; None: in no library.

    Raises
    ------
    UsageError
        ``unknown-decision``.
    """
    decision = decision_of(case, decision_id)
    lacking = missing_entries(decision)
    missing = f"Missing entries: {', '.join(each.label for each in lacking)}" if lacking else "Every entry is filled"
    printed = "in no library" if revision is None else f"revision {revision}"
    head = "none" if audit_head is None else short(audit_head)
    held = NOT_RECORDED if decision.held_on is None else decision.held_on.isoformat()
    return PlanReport(
        title=f"{TITLE}, {held}",
        patient_line=patient_line(case.patient, now.date()),
        state_line=STATE,
        identity=f"Case {case.id}, {printed} · decision {short(digest(decision))} · audit {head}",
        printed_at=moment(now),
        draft=not decision.decision,
        simulated=case.simulated,
        summary=tuple(_lines(decision)),
        warnings=(missing, *_dissent(decision)),
        tables=(_opinions(decision), _discussion(decision)),
    )


def _lines(decision: BoardDecision) -> Iterator[Line]:
    """The mandatory entries in the order of the form, what was added to them, and what became of the decision."""
    for entry in entries():
        if entry.field in _OWN_PART:
            continue
        note = decision.comorbidity or "" if entry.field == "charlson" else ""
        yield Line(entry.label, _value(getattr(decision, entry.field)), note)
    yield Line("Cost", _value(decision.cost))
    how = "open" if decision.carried_out is None else _WORDS[decision.carried_out]
    on = f" on {decision.carried_out_on.isoformat()}" if decision.carried_out_on else ""
    yield Line("Carried out", f"{how}{on}", decision.carried_out_why or "")
    yield Line("Outcome", _value(decision.outcome))


def _value(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return NOT_RECORDED if value is None or value == "" else str(value)


def _dissent(decision: BoardDecision) -> Iterator[str]:
    known = disciplines()
    for each in decision.opinions:
        if each.dissent:
            yield f"Disagrees: {known.get(each.discipline, each.discipline)}"


def _opinions(decision: BoardDecision) -> Table:
    known = disciplines()
    rows = tuple(
        (known.get(each.discipline, each.discipline), each.person or "", each.opinion, "yes" if each.dissent else "no")
        for each in decision.opinions
    )
    return Table(
        "Opinions", ("Discipline", "Who", "Opinion", "Disagrees"), rows or (("none written down", "", "", ""),)
    )


def _discussion(decision: BoardDecision) -> Table:
    rows = tuple((words, decision.discussion.get(code, "not answered")) for code, words in discussion_items().items())
    return Table("The discussion, looked back on", ("Item", "Answer"), rows)


def write_board_minutes(
    library: Library, case: Case, revision: int, decision_id: str, path: Path, *, by: Actor, now: datetime
) -> int:
    """Print the minutes and remember that they exist; returns the number of pages.

    Raises
    ------
    UsageError
        ``unknown-decision``, ``cannot-write``.
    StoreError
        When the library cannot note the print; then no file is written.
    """
    from planner.report.pdf import set_pdf

    report = board_minutes(case, decision_id, now, revision=revision, audit_head=library.audit_head(case.id))
    content, pages = set_pdf(report)
    write_paper(library, case.id, revision, f"minutes {decision_id}", path, content, by)
    return pages
