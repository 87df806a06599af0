"""A case after its treatments, as the tests of what happens between sessions begin from."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.course import Course, CourseStep
from planner.model.disease import SeriesRef
from planner.model.people import LabValue, Patient
from planner.model.session import Answer, Session, SessionState, TemplateRef

TREATED = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def day(days: int) -> date:
    return TREATED + timedelta(days=days)


def session(
    name: str = "session-1",
    template: str = "tace",
    on: date | None = TREATED,
    state: SessionState = SessionState.DISCHARGED,
    **answers: dict[str, Any],
) -> Session:
    told = {
        stage: MappingProxyType({key: Answer(value) for key, value in row.items()}) for stage, row in answers.items()
    }
    reference = TemplateRef(template, "1", "0", "bclc-cirse", "1")
    return Session(name, name, reference, state, performed_on=on, answers=MappingProxyType(told))


def images(days: int, modality: str = "CT") -> SeriesRef:
    return SeriesRef(f"1.2.{days}", 1, modality, None, None, day(days), "1.9")


def lab(analyte: str, value: float, days: int, unit: str = "umol/L") -> LabValue:
    return LabValue(f"lab-{analyte}-{days}", analyte, value, unit, day(days))


def reading(overall: str | None, days: int, session_id: str | None = None) -> ResponseReading:
    return ResponseReading(f"reading-{days}", "mrecist", day(days), "Dr R", NOW, overall=overall, session_id=session_id)


def case(*sessions: Session, band: str | None = None, **facts: Any) -> Case:
    kept = sessions or (session(decision={"technique": "ctace"}),)
    steps = tuple(CourseStep(f"step-{each.id}", "session", each.title, session_id=each.id) for each in kept)
    course = Course("course-1", "TACE on demand", steps=steps, risk_band=band)
    facts = {"responsible_physician": "Dr A", "courses": (course,), **facts}
    return Case("case-1", Patient("4711", "DEMO^ONE"), sessions=kept, **facts)
