"""Radiation: what the same field received before, and the substantial level of this session (R12). Warns only."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.ledger import AIR_KERMA, earlier_entries
from procedures.spine.registry import REGISTRY
from procedures.spine.support import against, as_findings, as_number, limit, not_evaluated, number, reasons_of, ruled


@REGISTRY.compute("radiation_so_far")
def radiation_so_far(context: StageContext) -> list[Computed]:
    """Air kerma known to this case: the last 60 days and the lifetime sum. Other hospitals are not in it."""
    window = context.limit("radiation_window_days")
    known = [entry for entry in earlier_entries(context).entries if entry.substance == AIR_KERMA and entry.unit == "Gy"]
    recent = [e for e in known if e.on is not None and (context.today - e.on).days <= number(window)]
    inputs = {str(e.on or "undated"): shown(e.amount, "Gy") for e in known}
    outside = context.case.outside_sessions
    note = "Known sessions only." if outside == "no" else "Known sessions only; outside: not known."
    return [
        Computed(
            id=name,
            label=label,
            value=sum((entry.amount for entry in entries), start=0.0),
            unit="Gy",
            inputs=inputs,
            arithmetic=" + ".join(shown(entry.amount, "Gy") for entry in entries) or "none known",
            source=window.source,
            tag=window.tag,
            note=note,
        )
        for name, label, entries in (
            ("kerma_60d", f"Air kerma, last {number(window):g} days", recent),
            ("kerma_lifetime", "Air kerma, lifetime", known),
        )
    ]


@REGISTRY.check("radiation_budget")
def radiation_budget(context: StageContext) -> list[Finding]:
    typed = as_number(context.value("prior_kerma_60d"))
    if typed is None:
        return [not_evaluated(context, "the air kerma of the last 60 days is not known", code="radiation-unknown")]
    window, substantial = context.limit("radiation_window_days"), limit(context, "substantial")
    known = sum(
        entry.amount
        for entry in earlier_entries(context).entries
        if entry.substance == AIR_KERMA and entry.on is not None and (context.today - entry.on).days <= number(window)
    )
    found = []
    if typed < known:
        text = (
            f"Typed {shown(typed, 'Gy')}, but this case alone holds {shown(known, 'Gy')} within {number(window):g} d."
        )
        found.append(context.finding("radiation-below-record", text, measured=typed, limit=known, unit="Gy"))
    if max(typed, known) >= number(substantial):
        text = f"{shown(max(typed, known), 'Gy')} within {number(window):g} days: at or above the substantial level."
        found.append(against(context, "cumulative-dose", text, max(typed, known), substantial))
    return found


@REGISTRY.check("radiation_level")
def radiation_level(context: StageContext) -> list[Finding]:
    """Each quantity of this session, and the air kerma with the last 60 days."""
    found: list[Finding] = []
    substantial = {
        "ka_r": limit(context, "kerma"),
        "kap": limit(context, "kap"),
        "fluoroscopy_time": limit(context, "time"),
    }
    reached = False
    for name, quantity in (("air_kerma", "ka_r"), ("kap", "kap"), ("fluoroscopy_time", "fluoroscopy_time")):
        value, compared = as_number(context.value(name)), substantial[quantity]
        if value is None:
            found.append(
                not_evaluated(context, f"{name.replace('_', ' ')} is not recorded", subject=f"sign_out.{name}")
            )
            continue
        inputs = {"quantity": quantity, "number": (value, compared.unit)}
        result = ruled(context, "radiation_level", inputs, tables={"substantial": {quantity: compared}})
        if not result.evaluated:
            found.append(not_evaluated(context, reasons_of(result), subject=f"sign_out.{name}"))
        reached = reached or result.value("substantial") is True
        found += as_findings(context, result)
    found += _on_one_field(context)
    if reached and context.value("patient_informed_radiation") != "yes":
        text = "The substantial dose level was reached: tell the patient, book a skin check at 2-4 weeks."
        found.append(context.finding("patient-information", text))
    return found


def _on_one_field(context: StageContext) -> list[Finding]:
    here, before = as_number(context.value("air_kerma")), as_number(context.value("prior_kerma_60d", "kit_budget"))
    if here is None or before is None or before == 0:
        return []
    inputs = {"ka_r": [before, here], "days_apart": (0.0, "d"), "same_field": True}
    result = ruled(context, "radiation_cumulative", inputs, constants={"substantial": limit(context, "kerma")})
    return [
        context.finding(
            each.code, each.text, severity=Severity.WARN, measured=each.measured, limit=each.limit, unit="Gy"
        )
        for each in result.findings
        if each.code == "cumulative-dose"
    ]
