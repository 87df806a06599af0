"""The sessions of one course side by side: what was planned, what was done, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from planner.app.cohort_rows import accepted_readings
from planner.app.tables import csv_text
from planner.clinical.comparisons import above, below
from planner.model.case import Case
from planner.model.ledger import LedgerEntry
from planner.model.needle_items import AblationMarginBody
from planner.model.needle_reading import margins_of
from planner.model.session import Session
from planner.units import shown
from planner.workflow.complications import Complication, complications_of, events_asked
from planner.workflow.course import what_remains
from planner.workflow.last_time import last_time_card
from planner.workflow.ledgers import planned_entries, session_entries
from planner.workflow.template import Template
from planner.workflow.treated import responses

NOT_RECORDED = "not recorded"
NOT_SAID = "not said"


@dataclass(frozen=True, slots=True)
class ReviewCell:
    """What one session says to one line.

    Attributes
    ----------
    planned, recorded, outcome
        Words as a person reads them; None where the line has no such part.
    differs
        Plan and record are not the same; None where they cannot be compared.
    """

    planned: str | None = None
    recorded: str | None = None
    outcome: str | None = None
    differs: bool | None = None


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """One line over all sessions; cells in the order of `CourseReview.sessions`."""

    title: str
    cells: tuple[ReviewCell, ...]


@dataclass(frozen=True, slots=True)
class CourseReview:
    """The table: sessions are its columns.

    Attributes
    ----------
    left_out
        Titles of chosen sessions whose template is not installed: nothing of them can be read.
    """

    sessions: tuple[tuple[str, str], ...]
    lines: tuple[ReviewLine, ...]
    left_out: tuple[str, ...] = ()

    def line(self, title: str) -> ReviewLine | None:
        return next((each for each in self.lines if each.title == title), None)


def compare_sessions(
    case: Case, templates: Mapping[str, Template], session_ids: Sequence[str] | None = None
) -> CourseReview:
    """Sessions of a case side by side, oldest first.

    Parameters
    ----------
    session_ids
        Which ones; None is all whose template is installed.
    """
    chosen = [each for each in case.sessions if session_ids is None or each.id in session_ids]
    left_out = tuple(each.title for each in chosen if each.template.id not in templates)
    chosen = sorted((each for each in chosen if each.template.id in templates), key=_day)
    lines = [
        ReviewLine("Day", tuple(_days(each) for each in chosen)),
        ReviewLine("Since the session before", tuple(_interval(case, each) for each in chosen)),
        ReviewLine("Procedure", tuple(ReviewCell(templates[each.template.id].title) for each in chosen)),
        ReviewLine("State", tuple(ReviewCell(recorded=_state(each)) for each in chosen)),
        ReviewLine("Lesions", tuple(_lesions(case, templates, each) for each in chosen)),
        *_amounts(case, templates, chosen),
        *_margins(case, chosen),
        *_last_time(case, templates, chosen),
        ReviewLine("Complications", tuple(ReviewCell(outcome=_events(each)) for each in chosen)),
        ReviewLine("Response", tuple(ReviewCell(outcome=_response(case, chosen, each)) for each in chosen)),
        *_lesion_responses(case, chosen),
    ]
    return CourseReview(tuple((each.id, each.title) for each in chosen), tuple(lines), left_out)


def _day(session: Session) -> tuple[bool, str]:
    day = session.performed_on or session.planned_on
    return day is None, "" if day is None else day.isoformat()


def _days(session: Session) -> ReviewCell:
    planned, done = session.planned_on, session.performed_on
    differs = None if planned is None or done is None else planned != done
    return ReviewCell(
        planned.isoformat() if planned else None, done.isoformat() if done else NOT_RECORDED, None, differs
    )


def _interval(case: Case, session: Session) -> ReviewCell:
    """Whole days from the performed session before, of whatever procedure."""
    before = [
        each.performed_on
        for each in case.sessions
        if each.performed_on and session.performed_on and each.performed_on < session.performed_on
    ]
    if session.performed_on is None:
        return ReviewCell(recorded="not performed")
    return ReviewCell(recorded=f"{(session.performed_on - max(before)).days} d" if before else "first session")


def _state(session: Session) -> str:
    reason = f": {session.state_reason}" if session.state_reason else ""
    return session.state.value.replace("-", " ") + reason


def _lesions(case: Case, templates: Mapping[str, Template], session: Session) -> ReviewCell:
    """Targets of the plan against the lesions the record says were treated."""
    targets = tuple(map(str, session.answer("images_lesions", "target_lesions") or ()))
    treated = [each for each in what_remains(case, templates) if session.id in each.treated_in]
    names = {lesion.id: lesion.name for lesion in case.lesions}
    planned = ", ".join(names.get(each, each) for each in targets) or NOT_SAID
    done = ", ".join(each.name for each in treated) or NOT_RECORDED
    differs = None if not targets or not treated else set(targets) != {each.lesion_id for each in treated}
    return ReviewCell(planned, done, None, differs)


def _amounts(case: Case, templates: Mapping[str, Template], sessions: Sequence[Session]) -> list[ReviewLine]:
    """A line for whatever the sessions planned or gave: at most planned, against given."""
    planned = [planned_entries(case, each, templates[each.template.id])[0] for each in sessions]
    given = [session_entries(case, each, templates[each.template.id]) for each in sessions]
    kinds = dict.fromkeys((each.substance, each.unit) for row in (*planned, *given) for each in row)
    return [
        ReviewLine(
            _substance(substance),
            tuple(_amount(substance, unit, most, done) for most, done in zip(planned, given, strict=True)),
        )
        for substance, unit in kinds
    ]


def _substance(name: str) -> str:
    return "KAP" if name == "kap" else name.replace("-", " ").capitalize()


def _amount(substance: str, unit: str, planned: Iterable[LedgerEntry], given: Iterable[LedgerEntry]) -> ReviewCell:
    most = [each.amount for each in planned if (each.substance, each.unit) == (substance, unit)]
    done = [each.amount for each in given if (each.substance, each.unit) == (substance, unit)]
    return ReviewCell(
        f"at most {shown(sum(most), unit)}" if most else None,
        shown(sum(done), unit) if done else NOT_RECORDED,
        None,
        above(sum(done), sum(most)) if most and done else None,
    )


def _margins(case: Case, sessions: Sequence[Session]) -> list[ReviewLine]:
    """Smallest margin of each ablated lesion: as planned, against as achieved."""
    sizes: dict[str, dict[tuple[str, str], AblationMarginBody]] = {}
    for session in sessions:
        for _, body in margins_of(session.items, "planned", "achieved"):
            mine = sizes.setdefault(body.lesion_id or body.region_id, {})
            before = mine.get((session.id, body.kind))
            if before is None or _size(body) < _size(before):
                mine[session.id, body.kind] = body
    names = {lesion.id: lesion.name for lesion in case.lesions}
    return [
        ReviewLine(
            f"Smallest margin, {names.get(lesion, 'target')}",
            tuple(_margin(mine.get((each.id, "planned")), mine.get((each.id, "achieved"))) for each in sessions),
        )
        for lesion, mine in sizes.items()
    ]


def _size(body: AblationMarginBody) -> float:
    """What is not known does not stand for what is."""
    return math.inf if body.mean.minimum_mm is None else body.mean.minimum_mm


def _margin(planned: AblationMarginBody | None, achieved: AblationMarginBody | None) -> ReviewCell:
    """An achieved margin without the error of its registration is no number."""
    if planned is None and achieved is None:
        return ReviewCell()
    wanted = planned.mean.minimum_mm if planned is not None else None
    error = achieved.registration_error_mm if achieved is not None else None
    measured = achieved.mean.minimum_mm if achieved is not None and error is not None else None
    words = "not measured" if measured is None else f"{shown(measured, 'mm')} (± {shown(error, 'mm')})"
    differs = None if wanted is None or measured is None else below(measured, wanted)
    return ReviewCell(shown(wanted, "mm") if wanted is not None else NOT_SAID, words, None, differs)


def _last_time(case: Case, templates: Mapping[str, Template], sessions: Sequence[Session]) -> list[ReviewLine]:
    """What each template's *last time* card shows, on lines of the same name."""
    cards = [
        {
            line.label: "; ".join(line.values)
            for line in last_time_card(case, each.id, templates[each.template.id]).lines
        }
        for each in sessions
    ]
    labels = dict.fromkeys(label for card in cards for label in card)
    return [
        ReviewLine(label, tuple(ReviewCell(recorded=card.get(label) or NOT_RECORDED) for card in cards))
        for label in labels
        if any(card.get(label) for card in cards)
    ]


def event_words(event: Complication) -> str:
    """One event with its grade and the scheme it was graded by."""
    graded = f"{event.scheme} grade {event.grade}" if event.scheme and event.grade else "not graded"
    return f"{event.event} ({graded})"


def _events(session: Session) -> str:
    found = "; ".join(event_words(each) for each in complications_of(session))
    asked = events_asked(session)
    if asked is None:
        return f"{found}; events to 30 days not asked" if found else "events to 30 days not asked"
    return found or "none to 30 days"


def _until(sessions: Sequence[Session], start: date) -> date:
    """The day of the next session of the table; until then a response belongs to the one before."""
    later = [each.performed_on for each in sessions if each.performed_on and each.performed_on > start]
    return min(later, default=date.max)


def _lesion_responses(case: Case, sessions: Sequence[Session]) -> list[ReviewLine]:
    """What the newest signed reading after each session says of each lesion, by its criteria."""
    cells: dict[str, dict[str, str]] = {}
    readings = accepted_readings(case, None)
    for session in sessions:
        start = session.performed_on
        if start is None:
            continue
        for reading in readings:
            if start < reading.on <= _until(sessions, start):
                for each in reading.lesions:
                    change = each.change_from_baseline
                    measured = f", {change:+.1f} % from the baseline" if change is not None else ""
                    words = f"{each.category or 'not evaluable'} ({reading.criteria}{measured})"
                    cells.setdefault(each.lesion_id, {})[session.id] = words
    names = {lesion.id: lesion.name for lesion in case.lesions}
    return [
        ReviewLine(
            f"Response, {names.get(lesion, lesion)}",
            tuple(ReviewCell(outcome=mine.get(each.id, "not read")) for each in sessions),
        )
        for lesion, mine in cells.items()
    ]


def _response(case: Case, sessions: Sequence[Session], session: Session) -> str:
    """The newest response read after this session and before the next one of the table."""
    start = session.performed_on
    if start is None:
        return "not performed"
    seen = [each for each in responses(case) if start < each.on <= _until(sessions, start)]
    if not seen:
        return "not read"
    return f"{seen[-1].category or 'not evaluable'} ({seen[-1].said})"


PARTS = ("plan", "record", "outcome")


def parts_of(line: ReviewLine) -> tuple[str, ...]:
    """Which of plan, record and outcome a line has for any session."""
    return tuple(part for part in PARTS if any(said(cell, part) is not None for cell in line.cells))


def said(cell: ReviewCell, part: str) -> str | None:
    """What a cell says as plan, record or outcome."""
    return {"plan": cell.planned, "record": cell.recorded, "outcome": cell.outcome}[part]


def review_csv(review: CourseReview, *, simulated: bool = False) -> str:
    """The table as CSV that no spreadsheet runs as a formula: a row for each part of each line, without names."""
    apart = ("SIMULATED",) if simulated else ()
    header = ("line", "part", *(title for _, title in review.sessions), "plan and record differ in", *apart)
    rows = []
    for line in review.lines:
        differ = [title for (_, title), cell in zip(review.sessions, line.cells, strict=True) if cell.differs]
        for part in parts_of(line):
            marked = "; ".join(differ) if part == "record" else ""
            rows.append((line.title, part, *(said(cell, part) for cell in line.cells), marked, *apart))
    return csv_text(header, rows)
