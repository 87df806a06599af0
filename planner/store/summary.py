"""What the library's list shows of a case, without opening it, and what a search looks through."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date

from planner.model.case import Case


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
class CaseFacts:
    """The part of a summary that is derived from the case alone; it is stored beside the head."""

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
