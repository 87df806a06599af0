"""The digital patient's TACE for the tests: a case, the installed template, and a walk through every stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

from planner.findings import Finding
from planner.model.case import Case
from planner.model.disease import Diagnosis, Lesion, Observation, SeriesRef
from planner.model.edits import with_session
from planner.model.people import Patient, Sex
from planner.model.session import Answer, Session
from planner.workflow.answers import answer_field
from planner.workflow.context import StageContext
from planner.workflow.evaluate import evaluate
from planner.workflow.examples import ExampleStage, example_lesions, example_stages
from planner.workflow.lifecycle import new_session
from planner.workflow.loader import load_templates
from planner.workflow.profiles import load_profiles
from planner.workflow.signing import record_time_out, sign
from planner.workflow.status import SessionStatus
from planner.workflow.template import Computed, Profile, Template

ROOT = Path(__file__).resolve().parents[1]
DAY = date(2026, 5, 12)
SESSION = "session-1"
SERIES = {"arterial": "1.2.826.1#1", "portal-venous": "1.2.826.2#1"}
LESIONS = ("lesion-1", "lesion-2")


@cache
def profiles() -> Mapping[str, Profile]:
    return load_profiles()


@cache
def tace() -> Template:
    return load_templates(ROOT / "procedures", profiles())["tace"]


def at(day: date, hour: int = 12) -> datetime:
    return datetime.combine(day, time(hour), UTC)


def fresh_case(profile: str = "bclc-cirse") -> Case:
    """An HCC patient with two measured lesions and two phases, and an empty session."""
    seen = date(2026, 5, 1)
    studies = tuple(
        SeriesRef(key.split("#")[0], 1, "CT", role, "1.2.3", seen, "1.2.840.9", phase=role, patient_id="ZZPHI-7")
        for role, key in SERIES.items()
    )
    lesions = tuple(
        Lesion(
            identity,
            str(row["name"]),
            segment=str(row["segment"]),
            observations=(Observation(seen, longest_mm=row["longest_mm"], viable_mm=row["viable_mm"]),),
        )
        for identity, row in zip(LESIONS, example_lesions("tace"), strict=True)
    )
    patient = Patient("ZZPHI-7", "ZZPHI^Digital", birth_date=date(1961, 3, 17), sex=Sex.MALE)
    case = Case("case-7", patient, diagnosis=Diagnosis(histology="HCC"), studies=studies, lesions=lesions)
    return new_session(case, tace(), profiles()[profile], session_id=SESSION, planned_on=DAY)[0]


@dataclass
class Walk:
    """A case on its way through the stages."""

    case: Case
    profile: Profile
    now: datetime
    session_id: str = SESSION

    @property
    def session(self) -> Session:
        found = self.case.session(self.session_id)
        assert found is not None
        return found

    def status(self) -> SessionStatus:
        return evaluate(self.case, self.session, tace(), self.profile, self.now)

    def fill(self, step: ExampleStage) -> None:
        self.now = at(step.day)
        for name, value in step.answers.items():
            self.case = answer_field(
                self.case, self.session_id, tace(), step.stage, name, value, by="Dr Example", now=self.now
            )

    def sign(self, step: ExampleStage) -> None:
        for role, person in step.signed_by.items():
            self.case = sign(
                self.case, self.session_id, tace(), self.profile, step.stage, role=role, by=person, now=self.now
            )
        if tace().stage(step.stage).freezes:
            people = tuple(step.signed_by.values())
            self.case = record_time_out(self.case, self.session_id, tace(), self.profile, by=people, now=self.now)


def steps(variant: str | None = None, day: date = DAY) -> list[ExampleStage]:
    return example_stages("tace", day, lesions=LESIONS, series=SERIES, variant=variant)


@cache
def _cases_on_the_way(variant: str | None, profile: str) -> tuple[tuple[str, Case, datetime], ...]:
    """Before each stage, and at the end: the case as signed so far. Walked once, because every signature evaluates."""
    walk = Walk(fresh_case(profile), profiles()[profile], at(DAY))
    kept = []
    for step in steps(variant):
        kept.append((step.stage, walk.case, walk.now))
        walk.fill(step)
        walk.sign(step)
    return (*kept, ("", walk.case, walk.now))


def walked(variant: str | None = None, *, until: str = "", profile: str = "bclc-cirse") -> Walk:
    """The example filled and signed, stage by stage, up to and without a stage (to the end by default)."""
    case, now = next((case, now) for stage, case, now in _cases_on_the_way(variant, profile) if stage == until)
    return Walk(case, profiles()[profile], now)


@cache
def filled_case(variant: str | None = None) -> Case:
    """The example with every answer and no signature: what single checks are tried on."""
    walk = Walk(fresh_case(), profiles()["bclc-cirse"], at(DAY))
    for step in steps(variant):
        walk.fill(step)
    return walk.case


def with_answers(case: Case, stage: str, **answers: Any) -> Case:
    """The case with answers of a stage replaced; None empties one."""
    session = case.session(SESSION)
    assert session is not None
    fields = {**session.answers.get(stage, {}), **{name: Answer(value) for name, value in answers.items()}}
    return with_session(case, replace(session, answers={**session.answers, stage: fields}))


def session_roles(case: Case, roles: Mapping[str, str]) -> Case:
    """The case with these series roles in its session beside those it has."""
    session = case.sessions[-1]
    return with_session(case, replace(session, series_roles={**session.series_roles, **roles}))


def without_lab(case: Case, analyte: str) -> Case:
    return replace(case, laboratory=tuple(each for each in case.laboratory if each.analyte != analyte))


def with_lab(case: Case, analyte: str, value: float, unit: str, *, on: date | None = None) -> Case:
    """The case in which the newest value of an analyte up to treatment is this one."""
    kept = without_lab(case, analyte).laboratory
    sample = next(each for each in case.laboratory if each.analyte == analyte)
    return replace(case, laboratory=(*kept, replace(sample, value=value, unit=unit, taken_on=on or sample.taken_on)))


def context_of(
    case: Case, stage: str, *, now: datetime | None = None, profile: str = "bclc-cirse", check: str | None = None
) -> StageContext:
    session = case.session(SESSION)
    assert session is not None
    described = tace().stage(stage)
    chosen = next((each for each in described.checks if each.id == check), None)
    assert check is None or chosen is not None, f"{stage} has no check {check}"
    return StageContext(case, session, tace(), described, profiles()[profile], now or at(DAY), chosen)


def checked(case: Case, stage: str, check: str, **more: Any) -> list[Finding]:
    """What one check of the template says about a case."""
    context = context_of(case, stage, check=check, **more)
    assert context.check is not None
    return tace().check_functions[context.check.function](context)


def computed(case: Case, stage: str, name: str, **more: Any) -> list[Computed]:
    """What one compute function says."""
    return tace().compute_functions[name](context_of(case, stage, **more))


def codes(findings: list[Finding]) -> set[str]:
    return {each.code for each in findings}
