"""What a check or a compute function of a template may see. It has no other way to the world."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.people import LabValue
from planner.model.session import Session
from planner.workflow.template import Check, Limit, Profile, Stage, Template
from planner.workflow.values import value_of


@dataclass(slots=True)
class Reads:
    """What functions asked for during one evaluation; a signature depends on all of it."""

    analytes: set[str] = field(default_factory=set)
    answers: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class StageContext:
    """Immutable inputs of one evaluation.

    Attributes
    ----------
    case
        The live case, or the case as pinned by the time-out for phases that come before it.
    check
        The check being evaluated (its parameters, source, tag); None for compute functions.
    now
        The moment of evaluation; functions never ask the clock.
    reads
        Notes what was asked for, so that the signature of a stage depends on it; functions leave it alone.
    """

    case: Case
    session: Session
    template: Template
    stage: Stage
    profile: Profile
    now: datetime
    check: Check | None = None
    reads: Reads = field(default_factory=Reads, compare=False)

    @property
    def today(self) -> date:
        return self.now.date()

    def value(self, name: str, stage: str | None = None) -> Any:
        """The answer of a field of this stage (or another); None is unknown.

        A bound field gives the value of the case, ``yes-no`` fields give ``"yes"`` or ``"no"``, dates ISO text.
        """
        place = stage or self.stage.id
        self.reads.answers.add((place, name))
        described = next((each.field(name) for each in self.template.stages if each.id == place), None)
        if described is None:
            return self.session.answer(place, name)
        return value_of(self.case, self.session, place, described)

    def rows(self, name: str, stage: str | None = None) -> list[dict[str, Any]]:
        """The rows of a table field; empty when nothing was entered."""
        found = self.value(name, stage)
        return [dict(row) for row in found] if found else []

    def limit(self, name: str) -> Limit:
        """A number of the institution profile, with source and tag."""
        return self.profile.limit(name)

    def parameter(self, name: str) -> Any:
        """A parameter of the check: the profile's `Limit` where it names one, else the literal of the template."""
        given = self.check.parameters[name] if self.check else None
        return self.profile.limits[given] if isinstance(given, str) and given in self.profile.limits else given

    def lab(self, analyte: str, *, max_age_days: float | None = None) -> LabValue | None:
        """The newest value of an analyte that is not older than the window; an older one counts as unknown."""
        self.reads.analytes.add(analyte)
        found = self.case.latest_lab(analyte, not_after=self.today)
        if found is None or (max_age_days is not None and (self.today - found.taken_on).days > max_age_days):
            return None
        return found

    def finding(self, code: str, text: str, **more: Any) -> Finding:
        """A finding with the severity, source and tag of the check being evaluated.

        Pass ``severity=Severity.INFO`` or ``WARN`` to say something weaker than the check's strongest severity.
        """
        check = self.check
        severity = more.pop("severity", check.severity if check else Severity.INFO)
        return Finding(
            code=code,
            severity=severity,
            text=text,
            overridable=more.pop("overridable", check.overridable if check else True),
            subject=more.pop("subject", self.stage.id),
            measured=more.pop("measured", None),
            limit=more.pop("limit", None),
            unit=more.pop("unit", None),
            source=more.pop("source", check.source if check else None),
            tag=more.pop("tag", check.tag if check else None),
        )
