"""A few treated cases made of values alone: for the cohort and for sessions side by side."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from planner.app.templates import installed
from planner.model import codec
from planner.model.assessments import LesionResponse, ResponseReading
from planner.model.case import Case
from planner.model.disease import Diagnosis
from planner.model.items import PlanItem
from planner.model.needle_items import ABLATION_MARGIN, AblationMarginBody, MarginNumbers
from planner.model.people import Patient, PriorTreatment
from planner.model.session import Session, TemplateRef
from tests.course_cases import NOW, START, hcc_case, lesion, tace_session

TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)


def reading(number: int, day: int, change: float, category: str, criteria: str = "mrecist") -> ResponseReading:
    """A signed reading so many days after the start, the second lesion 10 % better than the sum."""
    lesions = tuple(
        LesionResponse(f"lesion-{each}", category, 20.0, max(-100.0, change - 10.0 * (each - 1))) for each in (1, 2)
    )
    return ResponseReading(
        f"reading-{number}",
        criteria,
        START + day * DAY,
        "Dr Reader",
        NOW,
        target=category,
        overall=category,
        change_from_baseline=change,
        lesions=lesions,
    )


def events(*rows: dict[str, str]) -> dict[str, object]:
    return {"events_30d": {"adverse_events": list(rows), "none": "no" if rows else "yes"}}


def margin(kind: str, minimum_mm: float, error_mm: float | None = 1.0) -> PlanItem:
    numbers = MarginNumbers(minimum_mm, minimum_mm + 2, minimum_mm + 0.4, 1.0, 0.0)
    body = AblationMarginBody(kind, "region-1", "lesion-1", numbers, required_mm=5.0, registration_error_mm=error_mm)
    return PlanItem(f"margin-{kind}-{minimum_mm}", ABLATION_MARGIN, kind, "1.2.3", codec.to_json(body))


def session(number: int, start: date = START, **stages: object) -> Session:
    """A performed session of the installed template."""
    known = installed()
    template, profile = known.templates["tace"], known.profiles["bclc-cirse"]
    made = tace_session(number, performed_on=start + (number - 1) * 56 * DAY, **stages)
    reference = TemplateRef(template.id, template.version, template.digest, profile.id, profile.version)
    return replace(made, template=reference, planned_on=made.performed_on)


def named(case: Case, number: int, name: str, histology: str = "HCC") -> Case:
    patient = Patient(f"P-{number}", name, birth_date=date(1960, 1, number))
    return replace(case, id=f"case-{number}", patient=patient, diagnosis=Diagnosis(histology=histology))


def two_sessions() -> Case:
    """Responds, then progresses; an event of grade 3; the second session gave more than was planned."""
    severe = {"event": "Liver abscess", "on": "2026-01-20", "scheme": "CIRSE 2017", "grade": "3"}
    first = session(1, images_lesions={"target_lesions": ["lesion-1", "lesion-2"]}, **events(severe))
    second = session(2, agent_dose={"prepared_maximum": 30.0, "drug": "doxorubicin"}, **events())
    case = hcc_case(
        replace(first, items=(margin("planned", 6.0), margin("achieved", 4.5))),
        second,
        lesions=(lesion("lesion-1", (START, 30, 30)), lesion("lesion-2", (START, 20, 20))),
        readings=(reading(1, 35, -60.0, "PR"), reading(2, 90, 5.0, "PD")),
        prior_treatments=(PriorTreatment("Resection", on=START - 40 * DAY),),
    )
    return named(case, 1, "=HYPERLINK^Evil")


def cases() -> tuple[Case, ...]:
    """Three treated cases, one that is only planned, and a simulated one."""
    mild = {"event": "Haematoma", "on": "2026-02-20", "scheme": "SIR 2017", "grade": "mild"}
    grown = hcc_case(session(1, START + 30 * DAY), readings=(reading(1, 70, 26.0, "PD"),))
    stable = hcc_case(
        session(1, START + 31 * DAY, **events(mild)), readings=(reading(1, 80, -12.0, "SD", "recist-1.1"),)
    )
    return (
        two_sessions(),
        named(grown, 2, "Grown^Greta"),
        named(stable, 3, "Stable^Stan", "CRLM"),
        named(hcc_case(), 4, "Planned^Only"),
        replace(named(two_sessions(), 5, "Digital^Patient"), simulated=True),
    )
