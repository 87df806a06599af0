"""The ledger as the template's mapping says it: every session of the case, and what earlier treatments gave."""

from __future__ import annotations

from dataclasses import dataclass, replace

from planner.model.ledger import LedgerEntry, totals
from planner.model.session import Session
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.ledgers import session_entries as mapped_entries
from planner.workflow.template import Computed
from procedures.spine.registry import REGISTRY
from procedures.spine.support import as_date

AIR_KERMA = "air-kerma"


@dataclass(frozen=True, slots=True)
class Known:
    """Ledger entries, and what is known to be missing from them."""

    entries: tuple[LedgerEntry, ...]
    missing: tuple[str, ...]


def session_entries(context: StageContext, session: Session) -> tuple[LedgerEntry, ...]:
    """What one session of this template gave, with the day of the record where the session has none."""
    on = as_date(session.answer("sign_out", "performed_on")) or session.planned_on
    return tuple(
        replace(entry, on=entry.on or on)
        for entry in mapped_entries(context.case, session, context.template)
        if entry.amount != 0
    )


def earlier_entries(context: StageContext, *, with_this: bool = False) -> Known:
    """Everything known of before this session (and of it): sessions of this template, and prior treatments by hand."""
    entries: list[LedgerEntry] = []
    missing: list[str] = []
    for session in context.case.sessions:
        if session.id == context.session.id:
            continue
        entries += session_entries(context, session)
        if session.template.id != context.template.id:
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
