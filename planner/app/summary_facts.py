"""What a patient's summary may be made of: facts of one session's record, and what each disclosure level lets out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from planner.app.response import disagreements
from planner.catalogues import catalogue
from planner.model.case import Case
from planner.model.codec import digest
from planner.model.session import Session, SessionState
from planner.workflow.complications import NONE, complications_of
from planner.workflow.course import what_remains
from planner.workflow.dossier import performed_on
from planner.workflow.ledgers import session_entries
from planner.workflow.template import Template
from planner.workflow.treated import responses
from planner.workflow.values import technique_of

PROCEDURE_ONLY, DIAGNOSIS, FULL = "procedure-only", "diagnosis", "full"
LEVELS = (PROCEDURE_ONLY, DIAGNOSIS, FULL)
"""From the least to the most that may be said."""
CONSENTED_LEVEL: Mapping[str, str] = {"full": FULL, "no-prognosis": DIAGNOSIS, "limited": PROCEDURE_ONLY}
"""Answer of ``consent.disclosure_level`` -> the most that the patient wishes to be told."""
_BOOKED = frozenset({SessionState.BOOKED, SessionState.READY})
_TO_COME = frozenset({SessionState.DRAFT, SessionState.PLANNED, *_BOOKED})
_IN_BODY = frozenset({"placed", "exchanged"})
_GIVEN_UNITS = frozenset({"mg", "g", "ug", "mL"})
"""Units of what was given; minutes and doses of radiation are not."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lesion that was treated lies."""

    organ: str
    side: str | None
    segment: str | None


@dataclass(frozen=True, slots=True)
class Appointment:
    """A day to come. `kind` is ``laboratory``, ``imaging``, ``visit``, ``planned`` or ``booked`` (a procedure)."""

    kind: str
    on: date


@dataclass(frozen=True, slots=True)
class InBody:
    """A device that stays: codes of the register, its site as typed, and what is due when."""

    kind: str
    site: str
    due_for: str | None
    due_on: date | None


@dataclass(frozen=True, slots=True)
class SummaryFacts:
    """What the record says. None and empty are *not recorded*, never no.

    Attributes
    ----------
    ended_as
        Code of ``sign_out.ended_as``.
    events
        How many are recorded; their words are technical and are not printed.
    none_said
        Somebody asked and the answer was that there was no adverse event.
    amounts
        (substance, amount, unit) as given.
    response
        (day of the images, category); None while not read, or while two readers differ.
    """

    template: str
    technique: str | None
    performed_on: date | None
    ended_as: str | None
    discharged_on: date | None
    places: tuple[Place, ...]
    events: int
    none_said: bool
    asked_on: date | None
    contact: str | None
    drugs: str | None
    restart: str | None
    devices: tuple[InBody, ...]
    appointments: tuple[Appointment, ...]
    amounts: tuple[tuple[str, float, str], ...]
    histology: str | None
    diagnosis_text: str | None
    stage: str | None
    response: tuple[date, str | None] | None

    def at(self, level: str) -> SummaryFacts:
        """The facts that a level lets out; free text, but for whom to call, needs the level of the diagnosis."""
        if level == FULL:
            return self
        less = replace(self, diagnosis_text=None, stage=None, response=None)
        if level == DIAGNOSIS:
            return less
        devices = tuple(replace(each, site="") for each in self.devices)
        return replace(less, histology=None, drugs=None, restart=None, amounts=(), devices=devices)

    @property
    def digest(self) -> str:
        return digest(self)


def facts_of(case: Case, session: Session, templates: Mapping[str, Template]) -> SummaryFacts:
    """Gather the facts of a session."""
    template = templates.get(session.template.id)
    events = complications_of(session)
    return SummaryFacts(
        template=session.template.id,
        technique=technique_of(session),
        performed_on=performed_on(session),
        ended_as=_words(session.answer("sign_out", "ended_as")),
        discharged_on=_day(session.answer("discharge", "date")),
        places=tuple(_places(case, session, templates)),
        events=len(events),
        none_said=session.answer(*NONE) == "yes" and not events,
        asked_on=_day(session.answer("events_30d", "asked_on")),
        contact=_words(session.answer("discharge", "contact")),
        drugs=_words(session.answer("discharge", "drugs")),
        restart=_words(session.answer("discharge", "anticoagulant_restart")),
        devices=tuple(_devices(session)),
        appointments=tuple(sorted(_appointments(case, session), key=lambda each: (each.on, each.kind))),
        amounts=() if template is None else tuple(_amounts(case, session, template)),
        histology=case.diagnosis.histology,
        diagnosis_text=case.diagnosis.text or None,
        stage=", ".join(part for part in (case.disease_stage, case.diagnosis.tnm) if part) or None,
        response=_response(case, session),
    )


def allowed_level(session: Session) -> str | None:
    """The most that the patient wishes to be told; None where nobody asked."""
    return CONSENTED_LEVEL.get(str(session.answer("consent", "disclosure_level")))


def exceeds_consent(session: Session, addressee: str, level: str) -> bool:
    """Whether a page says more than the patient wishes to be told. A colleague who treats on is told what is needed."""
    if addressee == "follow-up-doctor" or level == PROCEDURE_ONLY:
        return False
    allowed = allowed_level(session)
    return allowed is None or LEVELS.index(level) > LEVELS.index(allowed)


def _places(case: Case, session: Session, templates: Mapping[str, Template]) -> Iterator[Place]:
    treated = {each.lesion_id for each in what_remains(case, templates) if session.id in each.treated_in}
    for lesion in case.lesions:
        if lesion.id in treated:
            yield Place(lesion.organ, lesion.side, lesion.segment)


def _devices(session: Session) -> Iterator[InBody]:
    for row in session.answer("sign_out", "device_register") or ():
        if row.get("action") in _IN_BODY and row.get("kind"):
            site = _words(row.get("site")) or ""
            yield InBody(str(row["kind"]), site, _words(row.get("due_for")), _day(row.get("due_on")))


def _appointments(case: Case, session: Session) -> Iterator[Appointment]:
    asked = (
        ("laboratory", "discharge", "laboratory_booked"),
        ("imaging", "discharge", "imaging_booked"),
        ("visit", "sign_out", "next_date"),
    )
    for kind, stage, name in asked:
        on = _day(session.answer(stage, name))
        if on is not None:
            yield Appointment(kind, on)
    done = performed_on(session)
    for other in case.sessions:
        later = done is None or (other.planned_on or date.min) > done
        if other.id != session.id and other.state in _TO_COME and other.planned_on is not None and later:
            kind = "booked" if other.state in _BOOKED else "planned"
            yield Appointment(kind, other.planned_on)


def _amounts(case: Case, session: Session, template: Template) -> Iterator[tuple[str, float, str]]:
    taken_out = set(catalogue("dossier.toml")["taken_out"])
    sums: dict[tuple[str, str], float] = {}
    for entry in session_entries(case, session, template):
        if entry.unit in _GIVEN_UNITS and entry.amount and entry.substance not in taken_out:
            key = (entry.substance, entry.unit)
            sums[key] = sums.get(key, 0.0) + entry.amount
    for (substance, unit), amount in sums.items():
        yield substance, amount, unit


def _response(case: Case, session: Session) -> tuple[date, str | None] | None:
    """The newest response after this session and before the next one."""
    start = performed_on(session)
    if start is None:
        return None
    later = [each.performed_on for each in case.sessions if each.performed_on and each.performed_on > start]
    seen = [each for each in responses(case) if each.on > start and each.on <= min(later, default=date.max)]
    open_days = {each.on for each in disagreements(case) if each.what == "overall" and each.adjudicated is None}
    if not seen or seen[-1].on in open_days:
        return None
    return seen[-1].on, seen[-1].category


def _words(value: Any) -> str | None:
    text = str(value).strip() if value is not None else ""
    return text or None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
