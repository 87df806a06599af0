"""What the library's list shows of a case, without opening it, and what a search looks through."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date

from planner.model.case import Case
from planner.workflow.due import due_items


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One session in the list; `state` is a code of `SessionState`."""

    id: str
    title: str
    template: str
    state: str
    planned_on: date | None = None
    performed_on: date | None = None


@dataclass(frozen=True, slots=True)
class DueSummary:
    """One thing a case waits for, small enough to lie beside the head; see `planner.workflow.due.DueItem`.

    What is overdue is decided by who looks: the day is kept, never the state.
    """

    key: str
    kind: str
    text: str
    due_on: date | None = None
    owner: str | None = None
    subject: str | None = None
    session_id: str | None = None
    from_on: date | None = None
    lapses_on: date | None = None

    def overdue(self, today: date) -> bool:
        return self.due_on is not None and self.due_on < today


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """The part of a summary that is derived from the case alone; it is stored beside the head.

    Attributes
    ----------
    due
        What the case waits for as of the save, earliest first; `open_due` leaves out what has lapsed.
    due_known
        False for a case that was last saved before the list kept this, or whose days cannot be computed: then nothing
        is known to be due, which is not the same as nothing being due.
    last_response, last_response_on
        Overall category of the newest signed reading, with its criteria, and its day.
    risk_band
        Of the newest course that has one, as a person chose it.
    """

    patient_id: str
    patient_name: str
    issuer: str | None = None
    birth_date: date | None = None
    sex: str | None = None
    title: str = ""
    diagnosis: str = ""
    histology: str | None = None
    intent: str | None = None
    responsible_physician: str | None = None
    lesions: int = 0
    studies: int = 0
    courses: tuple[str, ...] = ()
    sessions: tuple[SessionSummary, ...] = ()
    simulated: bool = False
    due: tuple[DueSummary, ...] = ()
    due_known: bool = False
    last_response: str | None = None
    last_response_on: date | None = None
    risk_band: str | None = None

    def open_due(self, today: date) -> tuple[DueSummary, ...]:
        """What is still waited for on a day, earliest first; items without a day come last."""
        return tuple(each for each in self.due if each.lapses_on is None or each.lapses_on >= today)


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """One line of the library.

    Attributes
    ----------
    updated_at
        UTC, ISO 8601.
    open_elsewhere
        Who has the case open ("Dr X at room-2 since …"), or None. It informs and locks nothing.
    """

    case_id: str
    revision: int
    facts: CaseFacts
    updated_at: str
    updated_by: str
    open_elsewhere: str | None = None


def facts_of(case: Case) -> CaseFacts:
    """Derive the list's line from a case."""
    reading = max(case.readings, key=lambda each: (each.on, each.read_at.isoformat()), default=None)
    said = None if reading is None else reading.overall or "not evaluable"
    due = _due(case)
    return CaseFacts(
        patient_id=case.patient.patient_id,
        patient_name=case.patient.name,
        issuer=case.patient.issuer,
        birth_date=case.patient.birth_date,
        sex=None if case.patient.sex is None else case.patient.sex.value,
        title=case.title,
        diagnosis=case.diagnosis.text,
        histology=case.diagnosis.histology,
        intent=case.intent,
        responsible_physician=case.responsible_physician,
        lesions=len(case.lesions),
        studies=len(case.studies),
        courses=tuple(course.title for course in case.courses),
        sessions=tuple(
            SessionSummary(each.id, each.title, each.template.id, each.state.value, each.planned_on, each.performed_on)
            for each in case.sessions
        ),
        simulated=case.simulated,
        due=due or (),
        due_known=due is not None,
        last_response=None if reading is None else f"{said} ({reading.criteria})",
        last_response_on=None if reading is None else reading.on,
        risk_band=next((each.risk_band for each in reversed(case.courses) if each.risk_band), None),
    )


def _due(case: Case) -> tuple[DueSummary, ...] | None:
    try:
        items = due_items(case)
    except OverflowError:
        # A day at the end of the calendar, from a document of others, must not keep a case from being saved.
        return None
    return tuple(
        DueSummary(
            each.key,
            each.kind,
            each.text,
            each.due_on,
            each.owner,
            each.subject,
            each.session_id,
            each.from_on,
            each.lapses_on,
        )
        for each in items
    )


def search_text(case_id: str, facts: CaseFacts) -> str:
    """Everything the search looks through, folded: names, identifiers, diagnosis, titles, states of sessions."""
    parts = [
        case_id,
        facts.patient_id,
        facts.patient_name.replace("^", " ").replace("=", " "),
        facts.title,
        facts.diagnosis,
        facts.histology or "",
        facts.intent or "",
        facts.responsible_physician or "",
        "" if facts.birth_date is None else facts.birth_date.isoformat(),
        *facts.courses,
    ]
    for session in facts.sessions:
        parts += [session.title, session.template, session.state]
    if facts.simulated:
        parts.append("simulated")
    return folded(" ".join(parts))


def folded(text: str) -> str:
    """Case and accents removed, so that "muller" finds "Müller"."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(each for each in plain if not unicodedata.combining(each)).casefold()
