"""What was treated when, and what was seen afterwards: the facts on which repeat-and-stop rules stand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.disease import Lesion, Observation
from planner.model.session import Session
from planner.workflow.course import Remains, what_remains
from planner.workflow.ledgers import CaseLedger
from planner.workflow.template import Computed, Template

NOT_EVALUABLE = frozenset({"NE", "not-evaluable", "LR-TR Nonevaluable"})


@dataclass(frozen=True, slots=True)
class SeenResponse:
    """A response as it was read once.

    Attributes
    ----------
    on
        Day of the images.
    category
        Of the targets where the reading has one, else overall; None is not evaluable.
    new_lesion
        None where it was not said.
    said
        Where it is from, in words.
    """

    on: date
    category: str | None
    new_lesion: bool | None
    said: str


@dataclass(frozen=True, slots=True)
class Treatment:
    """A performed session and what was seen between it and the next of its kind."""

    session: Session
    on: date
    responses: tuple[SeenResponse, ...]

    @property
    def latest(self) -> SeenResponse | None:
        return max(self.responses, key=lambda seen: seen.on, default=None)


@dataclass(frozen=True)
class CourseFacts:
    """A case as the judges of rule sets see it.

    Attributes
    ----------
    computed
        Id -> value that the templates compute for the session that is being planned, or else the newest one.
    """

    case: Case
    templates: Mapping[str, Template]
    ledger: CaseLedger
    today: date
    computed: Mapping[str, Computed] = field(default_factory=dict)

    def performed(self, templates: Collection[str]) -> tuple[Session, ...]:
        """Performed sessions of these templates, oldest first."""
        found = [each for each in self.case.sessions if each.performed_on and each.template.id in templates]
        return tuple(sorted(found, key=day_performed))

    def treatments(self, templates: Collection[str]) -> tuple[Treatment, ...]:
        """The same with what was seen after each and before the next."""
        sessions, seen = self.performed(templates), responses(self.case)
        days = [day_performed(each) for each in sessions]
        found = []
        for number, session in enumerate(sessions):
            start, end = days[number], days[number + 1] if number + 1 < len(days) else date.max
            found.append(Treatment(session, start, tuple(each for each in seen if start < each.on <= end)))
        return tuple(found)

    def last_treated_on(self, templates: Collection[str]) -> date | None:
        return max((day_performed(each) for each in self.performed(templates)), default=None)

    def treated_lesions(self) -> tuple[Lesion, ...]:
        """Lesions of which a record says that they were treated."""
        treated = {each.lesion_id for each in what_remains(self.case, self.templates) if each.treated_in}
        return tuple(lesion for lesion in self.case.lesions if lesion.id in treated)

    def treatments_of(self, lesion_id: str, templates: Collection[str]) -> tuple[str, ...]:
        """Ids of the sessions of these templates that treated a lesion."""
        wanted = {each.id for each in self.performed(templates)}
        remains = next(each for each in what_remains(self.case, self.templates) if each.lesion_id == lesion_id)
        return tuple(each for each in remains.treated_in if each in wanted)

    def left_untreated(self) -> tuple[str, ...]:
        """Names of lesions that the records say were left."""
        remains = what_remains(self.case, self.templates)
        return tuple(each.name for each in remains if each.state is Remains.UNTREATED)


def day_performed(session: Session) -> date:
    """The day of a performed session."""
    return session.performed_on or date.min


def seen_since(lesion: Lesion, day: date | None) -> tuple[Observation, ...]:
    """What the first reader measured of a lesion after a day, oldest first."""
    found = [each for each in lesion.observations if each.read_as == "first" and (day is None or each.study_date > day)]
    return tuple(sorted(found, key=lambda each: each.study_date))


def responses(case: Case) -> tuple[SeenResponse, ...]:
    """Every response that was read, oldest first: signed readings, and outcomes of sessions on days without one."""
    readings: dict[date, ResponseReading] = {}
    for reading in case.readings:
        before = readings.get(reading.on)
        if reading.role == "adjudication" or (reading.role == "first" and (before is None or before.role == "first")):
            readings[reading.on] = reading
    found = [_of_reading(each) for each in readings.values()]
    found += [seen for session in case.sessions if (seen := _of_session(session)) and seen.on not in readings]
    return tuple(sorted(found, key=lambda seen: seen.on))


def _of_reading(reading: ResponseReading) -> SeenResponse:
    category = reading.target or reading.overall
    said = f"{reading.criteria} of {reading.on.isoformat()}, read by {reading.read_by}"
    return SeenResponse(reading.on, None if category in NOT_EVALUABLE else category, reading.new_lesion, said)


def _of_session(session: Session) -> SeenResponse | None:
    on, overall = _day(session.answer("outcome", "date")), session.answer("outcome", "overall")
    if on is None or overall is None:
        return None
    fresh = {"yes": True, "no": False}.get(session.answer("outcome", "new_lesion") or "")
    said = f"outcome of {session.title}, images of {on.isoformat()}"
    return SeenResponse(on, None if overall in NOT_EVALUABLE else str(overall), fresh, said)


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
