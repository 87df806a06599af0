"""The next-step card: what rule sets say about repeating, changing or stopping, on what, and what is unknown.

It advises and orders nothing; the meeting decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from planner.model.case import Case
from planner.model.session import Session, SessionState
from planner.workflow.evaluate import evaluate
from planner.workflow.ledgers import ledger_of
from planner.workflow.next_step_judges import Met, judged
from planner.workflow.rule_sets import Criterion, RuleSet, rule_sets
from planner.workflow.template import Computed, Profile, Template
from planner.workflow.treated import CourseFacts

NOTE = "What published and practised criteria say about this course. Advice, not an order: the meeting decides."


@dataclass(frozen=True, slots=True)
class JudgedCriterion:
    """A criterion, its state, and the lines it stands on."""

    criterion: Criterion
    state: Met
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """A rule set over one course.

    Attributes
    ----------
    applies
        False with the reason in `why_not`: the set is shown folded, and judges nothing.
    """

    rule_set: RuleSet
    applies: bool
    why_not: str | None
    criteria: tuple[JudgedCriterion, ...]
    state: Met

    @property
    def says(self) -> str:
        """One sentence on the whole set."""
        if not self.applies:
            return f"Does not apply: {self.why_not}."
        missing = sum(each.state is Met.UNKNOWN for each in self.criteria)
        if self.state is Met.MET:
            return self.rule_set.says
        if self.state is Met.UNKNOWN:
            return f"Not decided: {missing} of {len(self.criteria)} criteria are unknown."
        return "Its criteria are not met."


@dataclass(frozen=True, slots=True)
class NextStepCard:
    """Every rule set, those that apply first."""

    sets: tuple[JudgedSet, ...]
    note: str = NOTE

    @property
    def unknown(self) -> tuple[str, ...]:
        """What would have to be known, once each."""
        lines = (
            f"{each.criterion.text}: {'; '.join(each.evidence)}"
            for found in self.sets
            if found.applies
            for each in found.criteria
            if each.state is Met.UNKNOWN
        )
        return tuple(dict.fromkeys(lines))


def next_step_card(
    case: Case, templates: Mapping[str, Template], profile: Profile | None, now: datetime
) -> NextStepCard:
    """Judge every rule set on a case.

    Parameters
    ----------
    profile
        For what templates compute (ART, ABCR); None leaves those unknown.
    """
    ledger = ledger_of(case, templates)
    computed = _computed(case, templates, profile, now) if profile is not None else {}
    facts = CourseFacts(case, templates, ledger, now.date(), computed)
    found = [_judged_set(facts, each) for each in rule_sets()]
    return NextStepCard(tuple(sorted(found, key=lambda each: not each.applies)))


def _judged_set(facts: CourseFacts, rule_set: RuleSet) -> JudgedSet:
    why_not = _why_not(facts, rule_set)
    if why_not is not None:
        return JudgedSet(rule_set, False, why_not, (), Met.UNKNOWN)
    judgements = [(each, judged(facts, rule_set, each)) for each in rule_set.criteria]
    criteria = tuple(JudgedCriterion(each, found.state, found.evidence) for each, found in judgements)
    return JudgedSet(rule_set, True, None, criteria, _combined(rule_set, criteria))


def _combined(rule_set: RuleSet, criteria: tuple[JudgedCriterion, ...]) -> Met:
    states = {each.state for each in criteria}
    decisive = Met.MET if rule_set.combine == "any" else Met.NOT_MET
    if decisive in states:
        return decisive
    if Met.UNKNOWN in states:
        return Met.UNKNOWN
    return Met.NOT_MET if rule_set.combine == "any" else Met.MET


def _why_not(facts: CourseFacts, rule_set: RuleSet) -> str | None:
    if not facts.performed(rule_set.after):
        names = ", ".join(facts.templates[each].title for each in rule_set.after if each in facts.templates)
        return f"no performed session of {names}"
    histology = facts.case.diagnosis.histology
    if rule_set.histology and histology not in rule_set.histology:
        return f"made for {', '.join(rule_set.histology)}; the tumour is {histology or 'not known'}"
    return None


def _computed(case: Case, templates: Mapping[str, Template], profile: Profile, now: datetime) -> Mapping[str, Computed]:
    """What the templates compute for the session that is being planned: only where one was started from another."""
    session = _planned(case)
    template = templates.get(session.template.id) if session else None
    if session is None or template is None:
        return {}
    status = evaluate(case, session, template, profile, now)
    return {each.id: each for stage in status.stages for each in stage.computed}


def _planned(case: Case) -> Session | None:
    over = {SessionState.CLOSED, SessionState.CANCELLED, SessionState.POSTPONED}
    open_ones = [each for each in case.sessions if each.performed_on is None and each.state not in over]
    return open_ones[-1] if open_ones else None
