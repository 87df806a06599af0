"""The ledger of a case: a fold over the records of all sessions and the prior treatments. Nothing is stored twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from planner.model.case import Case
from planner.model.ledger import LedgerEntry, LedgerTotal, totals
from planner.model.session import Session
from planner.workflow.template import LedgerRule, Template
from planner.workflow.values import is_empty, value_of


@dataclass(frozen=True, slots=True)
class CaseLedger:
    """Entries and their totals.

    Attributes
    ----------
    outside
        ``yes``, ``no`` or ``unknown``: treatments in other hospitals, as asked. Printed beside every total.
    unread_sessions
        Sessions whose template is not installed: their record is not in the totals.
    """

    entries: tuple[LedgerEntry, ...]
    totals: tuple[LedgerTotal, ...]
    outside: str
    unread_sessions: tuple[str, ...]

    @property
    def note(self) -> str:
        """What the totals cannot know, in one sentence."""
        asked = {"yes": "treated elsewhere too", "no": "no treatment elsewhere"}.get(self.outside, "elsewhere unknown")
        missing = f"; {len(self.unread_sessions)} session(s) could not be read" if self.unread_sessions else ""
        return f"Known sessions only; {asked}{missing}."

    def to_json(self) -> dict[str, Any]:
        """The ``ledger`` of ``case check --json``."""
        return {
            "totals": [
                {
                    "substance": each.substance,
                    "amount": each.amount,
                    "unit": each.unit,
                    "entries": each.entries,
                    "per_m2": each.per_m2,
                }
                for each in self.totals
            ],
            "entries": [
                {
                    "substance": each.substance,
                    "amount": each.amount,
                    "unit": each.unit,
                    "on": each.on.isoformat() if each.on else None,
                    "origin": each.origin,
                    "drug_class": each.drug_class,
                    "bsa_m2": each.bsa_m2,
                }
                for each in self.entries
            ],
            "outside_sessions": self.outside,
            "note": self.note,
        }


def ledger_of(case: Case, templates: Mapping[str, Template]) -> CaseLedger:
    """The ledger over prior treatments and all sessions.

    Parameters
    ----------
    templates
        By id; each says in ``[[ledger]]`` where its record has amounts.
    """
    entries = [*_prior(case)]
    unread: list[str] = []
    for session in case.sessions:
        template = templates.get(session.template.id)
        if template is None:
            unread.append(session.id)
        else:
            entries += session_entries(case, session, template)
    return CaseLedger(tuple(entries), totals(entries), case.outside_sessions or "unknown", tuple(unread))


def _prior(case: Case) -> Iterator[LedgerEntry]:
    for each in case.prior_treatments:
        if each.substance and each.amount is not None and each.unit:
            origin = "outside" if each.where == "outside" else "prior"
            yield LedgerEntry(_name(each.substance), each.amount, each.unit, each.on, origin, None, each.bsa_m2)


def session_entries(case: Case, session: Session, template: Template) -> tuple[LedgerEntry, ...]:
    """What one session's record adds."""
    return tuple(entry for rule in template.ledger for entry in _by_rule(case, session, template, rule))


def planned_entries(
    case: Case, session: Session, template: Template
) -> tuple[tuple[LedgerEntry, ...], tuple[str, ...]]:
    """The most that a session's plan lets be given, on the day it is planned for; and of what the plan says nothing."""
    entries: list[LedgerEntry] = []
    silent: list[str] = []
    for rule in template.ledger:
        found = [entry for planned in rule.planned for entry in _by_rule(case, session, template, planned)]
        entries += [replace(entry, on=session.planned_on) for entry in found]
        if rule.planned and not found:
            silent.append(rule.substance or "drug")
    return tuple(entries), tuple(dict.fromkeys(silent))


def _by_rule(case: Case, session: Session, template: Template, rule: LedgerRule) -> Iterator[LedgerEntry]:
    value = _value(case, session, template, rule.stage, rule.amount_field)
    area = None
    if rule.area is not None:
        stage, _, name = rule.area.partition(".")
        area = _amount(_value(case, session, template, stage, name))
    rows = [{"": value}] if rule.column is None else [dict(row) for row in value or ()]
    for row in rows:
        amount = _amount(row.get(rule.column or ""))
        if amount is None:
            continue
        substance = rule.substance or _named(case, session, template, rule, row, rule.substance_field) or "unnamed"
        drug_class = _named(case, session, template, rule, row, rule.drug_class_field)
        found = None if rule.place_field is None else _value(case, session, template, rule.stage, rule.place_field)
        given = (_name(substance), amount, rule.unit, session.performed_on, session.id)
        yield LedgerEntry(*given, drug_class, area, None if is_empty(found) else str(found))


def _named(
    case: Case, session: Session, template: Template, rule: LedgerRule, row: Mapping[str, Any], name: str | None
) -> str | None:
    if name is None:
        return None
    found = row.get(name) if rule.column is not None else _value(case, session, template, rule.stage, name)
    return None if is_empty(found) else str(found)


def _value(case: Case, session: Session, template: Template, stage: str, name: str) -> Any:
    described = template.stage(stage).field(name)
    return None if described is None else value_of(case, session, stage, described)


def _amount(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _name(substance: str) -> str:
    return substance.strip().lower()
