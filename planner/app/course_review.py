"""The sessions of one course side by side: what was planned, what was done, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from planner.clinical.comparisons import above
from planner.model.case import Case
from planner.model.ledger import LedgerEntry
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
    """The table: sessions are its columns."""

    sessions: tuple[tuple[str, str], ...]
    lines: tuple[ReviewLine, ...]

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
    chosen = sorted((each for each in chosen if each.template.id in templates), key=_day)
    lines = [
        ReviewLine("Day", tuple(_days(each) for each in chosen)),
        ReviewLine("Procedure", tuple(ReviewCell(templates[each.template.id].title) for each in chosen)),
        ReviewLine("State", tuple(ReviewCell(recorded=_state(each)) for each in chosen)),
        ReviewLine("Lesions", tuple(_lesions(case, templates, each) for each in chosen)),
        *_amounts(case, templates, chosen),
        *_last_time(case, templates, chosen),
        ReviewLine("Complications", tuple(ReviewCell(outcome=_events(each)) for each in chosen)),
        ReviewLine("Response", tuple(ReviewCell(outcome=_response(case, chosen, each)) for each in chosen)),
    ]
    return CourseReview(tuple((each.id, each.title) for each in chosen), tuple(lines))


def _day(session: Session) -> tuple[bool, str]:
    day = session.performed_on or session.planned_on
    return day is None, "" if day is None else day.isoformat()


def _days(session: Session) -> ReviewCell:
    planned, done = session.planned_on, session.performed_on
    differs = None if planned is None or done is None else planned != done
    return ReviewCell(
        planned.isoformat() if planned else None, done.isoformat() if done else NOT_RECORDED, None, differs
    )


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
            substance.replace("-", " ").capitalize(),
            tuple(_amount(substance, unit, most, done) for most, done in zip(planned, given, strict=True)),
        )
        for substance, unit in kinds
    ]


def _amount(substance: str, unit: str, planned: Iterable[LedgerEntry], given: Iterable[LedgerEntry]) -> ReviewCell:
    most = [each.amount for each in planned if (each.substance, each.unit) == (substance, unit)]
    done = [each.amount for each in given if (each.substance, each.unit) == (substance, unit)]
    return ReviewCell(
        f"at most {shown(sum(most), unit)}" if most else None,
        shown(sum(done), unit) if done else NOT_RECORDED,
        None,
        above(sum(done), sum(most)) if most and done else None,
    )


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


def _response(case: Case, sessions: Sequence[Session], session: Session) -> str:
    """The newest response read after this session and before the next one of the table."""
    start = session.performed_on
    if start is None:
        return "not performed"
    later = [each.performed_on for each in sessions if each.performed_on and each.performed_on > start]
    until = min(later, default=None)
    seen = [each for each in responses(case) if each.on > start and (until is None or each.on <= until)]
    if not seen:
        return "not read"
    return f"{seen[-1].category or 'not evaluable'} ({seen[-1].said})"
