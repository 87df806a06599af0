"""Courses of TACE sessions that were performed, with what was read after each; no images."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from planner.model.case import Case
from planner.model.disease import Diagnosis, Lesion, Observation
from planner.model.people import LabValue, Patient
from planner.model.session import Answer, Session, SessionState, TemplateRef

START = date(2026, 1, 12)
BETWEEN = timedelta(days=56)
READ_AFTER = timedelta(days=35)
NOW = datetime(2026, 6, 1, 9, 0)


def answers(stages: dict[str, dict[str, Any]]) -> dict[str, dict[str, Answer]]:
    return {stage: {name: Answer(value) for name, value in fields.items()} for stage, fields in stages.items()}


def tace_session(
    number: int,
    *,
    lesions: tuple[str, ...] = ("lesion-1",),
    performed_on: date | None = None,
    outcome: dict[str, Any] | None = None,
    **stages: dict[str, Any],
) -> Session:
    """The n-th performed TACE of a course, 40 mg doxorubicin at 1.8 m2."""
    on = performed_on or START + (number - 1) * BETWEEN
    said: dict[str, dict[str, Any]] = {
        "agent_dose": {"bsa_m2": 1.8},
        "injections": {
            "injections": [{"lesions": list(lesions), "status": "done", "oil": 6.0}],
            "drugs_given": [{"drug": "doxorubicin", "drug_class": "anthracycline", "amount": 40.0}],
        },
        "sign_out": {"contrast_given": 120.0, "air_kerma": 1.5, "kap": 180.0, "fluoroscopy_time": 22.0},
    }
    if outcome is not None:
        said["outcome"] = {"date": (on + READ_AFTER).isoformat(), **outcome}
    for stage, fields in stages.items():
        said[stage] = {**said.get(stage, {}), **fields}
    return Session(
        f"session-{number}",
        f"TACE {number}",
        TemplateRef("tace", "0.1.0", "digest", "bclc-cirse", "0.1.0"),
        SessionState.OUTCOME_READ if outcome else SessionState.DONE,
        performed_on=on,
        answers=answers(said),
    )


def lesion(identifier: str, *seen: tuple[date, float, float | None], **more: Any) -> Lesion:
    """A lesion with (day, longest, viable) observations on MR."""
    observations = tuple(Observation(day, None, longest, viable, modality="MR") for day, longest, viable in seen)
    return Lesion(identifier, identifier.replace("-", " "), observations=observations, **more)


def laboratory(analyte: str, unit: str, *values: tuple[date, float]) -> tuple[LabValue, ...]:
    return tuple(LabValue(f"{analyte}-{day}", analyte, value, unit, day) for day, value in values)


def hcc_case(*sessions: Session, **more: Any) -> Case:
    given = {"outside_sessions": "no", **more}
    return Case(
        "case-course",
        Patient("COURSE-1", "Course^Test", birth_date=date(1960, 1, 1)),
        diagnosis=Diagnosis("HCC", histology="HCC"),
        sessions=sessions,
        **given,
    )
