"""The ledger as the template's mapping says it: every session of the case, and what earlier treatments gave."""

from __future__ import annotations

from dataclasses import dataclass, replace

from planner.findings import Finding, Severity
from planner.model.ledger import LedgerEntry, totals
from planner.model.session import Session
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.course_ledger import projected
from planner.workflow.ledgers import session_entries as mapped_entries
from planner.workflow.template import Computed, Template
from procedures.spine.registry import REGISTRY
from procedures.spine.support import as_date

AIR_KERMA = "air-kerma"


@dataclass(frozen=True, slots=True)
class Known:
    """Ledger entries, and what is known to be missing from them."""

    entries: tuple[LedgerEntry, ...]
    missing: tuple[str, ...]


def session_entries(context: StageContext, session: Session) -> tuple[LedgerEntry, ...]:
    """What one session gave by its own template, with the day of the record where the session has none."""
    on = as_date(session.answer("sign_out", "performed_on")) or session.planned_on
    return tuple(
        replace(entry, on=entry.on or on)
        for entry in mapped_entries(context.case, session, template_of(context, session) or context.template)
        if entry.amount != 0
    )


def template_of(context: StageContext, session: Session) -> Template | None:
    """The template of any session of the case; None when it is not installed."""
    if session.template.id == context.template.id:
        return context.template
    return context.template.beside.get(session.template.id)


def earlier_entries(context: StageContext, *, with_this: bool = False) -> Known:
    """Everything known of before this session (and of it): records of all sessions, and treatments typed by hand."""
    entries: list[LedgerEntry] = []
    missing: list[str] = []
    for session in context.case.sessions:
        if session.id == context.session.id:
            continue
        entries += session_entries(context, session)
        if template_of(context, session) is None:
            missing.append(f"drugs of {session.title} ({session.template.id})")
    if with_this:
        entries += session_entries(context, context.session)
    for prior in context.case.prior_treatments:
        if prior.substance and prior.amount is not None and prior.unit:
            origin = prior.where or "prior"
            name = prior.substance.strip().casefold()
            entries.append(LedgerEntry(name, prior.amount, prior.unit, prior.on, origin, None, prior.bsa_m2))
        elif prior.kind and not prior.substance:
            missing.append(f"amount of {prior.kind}")
    if context.case.outside_sessions != "no":
        missing.append("treatments elsewhere: " + ("yes" if context.case.outside_sessions == "yes" else "not known"))
    return Known(tuple(entries), tuple(dict.fromkeys(missing)))


@REGISTRY.compute("ledger_totals")
def ledger_totals(context: StageContext) -> list[Computed]:
    """Sum of each substance over the case, this session included."""
    known = earlier_entries(context, with_this=True)
    note = "Known sessions only."
    if known.missing:
        note += f" Not in it: {'; '.join(known.missing)}."
    return [
        Computed(
            id=f"ledger_{total.substance}_{total.unit}",
            label=total.substance.capitalize(),
            value=total.amount,
            unit=total.unit,
            inputs={
                f"{entry.on or 'undated'} ({entry.origin})": shown(entry.amount, entry.unit)
                for entry in known.entries
                if (entry.substance, entry.unit) == (total.substance, total.unit)
            },
            arithmetic=" + ".join(
                shown(entry.amount, entry.unit)
                for entry in known.entries
                if (entry.substance, entry.unit) == (total.substance, total.unit)
            ),
            source="R23",
            tag="calc",
            note=note if total.per_m2 is None else f"{note} {shown(total.per_m2, 'mg/m2')}.",
        )
        for total in totals(known.entries)
    ]


@REGISTRY.check("projected_totals")
def projected_totals(context: StageContext) -> list[Finding]:
    """What the course's totals will be with the most that this plan lets be given, against their limits.

    It warns only: the doses themselves are asked about where they are planned.
    """
    templates = {**context.template.beside, context.template.id: context.template}
    projection = projected(context.case, context.session.id, templates, context.profile, context.today)
    found = [_projected(context, each) for each in projection.ledger.findings]
    if projection.silent:
        text = f"The plan does not say the most of: {', '.join(projection.silent)}. It is not in the projected totals."
        found.append(context.finding("projection-incomplete", text, severity=Severity.INFO))
    return found


def _projected(context: StageContext, found: Finding) -> Finding:
    return context.finding(
        f"projected-{found.code}",
        f"With this plan: {found.text}",
        severity=Severity.WARN if found.severity is Severity.BLOCK else found.severity,
        measured=found.measured,
        limit=found.limit,
        unit=found.unit,
        source=found.source,
        tag=found.tag,
    )
