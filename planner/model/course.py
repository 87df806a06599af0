"""The course: the ordered steps for a case, with intervals, prerequisites, conditions and alternatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any


class StepKind(StrEnum):
    """What a step can be: a session of ours, a treatment elsewhere, or what is done between treatments."""

    SESSION = "session"
    SURGERY = "surgery"
    TRANSPLANTATION = "transplantation"
    ABLATION = "ablation"
    SYSTEMIC = "systemic"
    TARGETED = "targeted"
    IMMUNOTHERAPY = "immunotherapy"
    RADIOTHERAPY = "radiotherapy"
    TRADITIONAL = "traditional"
    SUPPORTIVE = "supportive"
    IMAGING = "imaging"
    LABORATORY = "laboratory"
    BOARD = "board"
    VISIT = "visit"


OUTSIDE_TREATMENTS = frozenset(
    {
        StepKind.SURGERY,
        StepKind.TRANSPLANTATION,
        StepKind.ABLATION,
        StepKind.SYSTEMIC,
        StepKind.TARGETED,
        StepKind.IMMUNOTHERAPY,
        StepKind.RADIOTHERAPY,
        StepKind.TRADITIONAL,
        StepKind.SUPPORTIVE,
    }
)


@dataclass(frozen=True, slots=True)
class StepNeed:
    """Something that has to be so before a step may begin, or on which the step depends at all.

    Attributes
    ----------
    kind
        ``laboratory`` (a value, or its recovery), ``imaging``, ``response``, ``wash-out``, ``remnant``, ``text`` …: a
        key of the judges in `planner.workflow.step_needs`.
    text
        In words, as a person reads it.
    parameters
        JSON, by kind; a number among them carries its unit in its name or beside it.
    source, tag
        Where it comes from; None for what a person added.
    """

    kind: str
    text: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class ConditionAnswer:
    """A person's answer to a step's condition: the step is needed, or it falls away."""

    needed: bool
    by: str
    on: date
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CourseStep:
    """One step of a course.

    Attributes
    ----------
    kind
        Code of `StepKind`.
    template, technique
        Procedure template of a session of ours that is not begun yet, and its technique (``deb-tace``, ``biliary`` …).
    after
        Id of the step it follows; with `minimum_days` and `maximum_days` between their dates.
    condition
        In words, such as "if viable at 4-6 weeks"; `condition_need` is what the program can judge of it.
    prerequisites, needs
        In words by a person; as the program can judge them.
    alternative_to
        Id of the step that this one replaces: of a group one is carried out.
    decides
        Role of who decides on it (``board``, ``consultant`` …).
    dropped
        Why the step is not to happen any more; None while it stands.
    until
        Last day of a treatment that lasts (a systemic line, radiotherapy); None for one of a day, or while it goes on.
    """

    id: str
    kind: str
    title: str
    session_id: str | None = None
    planned_on: date | None = None
    done_on: date | None = None
    after: str | None = None
    minimum_days: int | None = None
    maximum_days: int | None = None
    interval_source: str | None = None
    condition: str | None = None
    prerequisites: tuple[str, ...] = ()
    template: str | None = None
    interval_tag: str | None = None
    needs: tuple[StepNeed, ...] = ()
    condition_need: StepNeed | None = None
    condition_answer: ConditionAnswer | None = None
    alternative_to: str | None = None
    decides: str | None = None
    owner: str | None = None
    dropped: str | None = None
    note: str | None = None
    technique: str | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class CourseTemplateRef:
    """Which course template a course was made from."""

    id: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Course:
    """The ordered steps for a case, and at their top what for and why in this order.

    Attributes
    ----------
    intent
        ``radical`` or ``palliative`` (or a person's words in older documents); None is unknown.
    principle
        The order of treatments and why.
    """

    id: str
    title: str
    intent: str | None = None
    steps: tuple[CourseStep, ...] = ()
    template: CourseTemplateRef | None = None
    principle: str | None = None
    evidence: str | None = None
    patient_wishes: str | None = None
    risk_band: str | None = None
    risk_band_by: str | None = None
    begun_on: date | None = None
    ended_on: date | None = None
    ended_why: str | None = None

    def step(self, step_id: str) -> CourseStep | None:
        return next((step for step in self.steps if step.id == step_id), None)
