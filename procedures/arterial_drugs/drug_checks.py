"""Any drug through an artery: a maximum that two people typed, a body surface that fits, a record against the plan."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.arterial_drugs.registry import REGISTRY
from procedures.embolisation.agents import planned_kinds
from procedures.embolisation.record_checks import DONE
from procedures.spine.body_surface import mosteller, surface_agrees
from procedures.spine.support import (
    as_number,
    not_evaluated,
    text_of,
)

AGENT = "agent"
DRUG = "drug"
"""Code of ``agent_kinds``: a drug is given."""


REGISTRY.check("surface_used")(surface_agrees)


@REGISTRY.compute("surface_of_body")
def surface(context: StageContext) -> list[Computed]:
    return [mosteller(context)]


def drug_maxima(context: StageContext) -> dict[str, float | None]:
    """Drug, lower case -> prepared maximum in mg; rows of one drug add up, None while one of them is not typed."""
    found: dict[str, float | None] = {}
    for row in context.rows("drugs", AGENT):
        name, dose = text_of(row.get("drug")).casefold(), as_number(row.get("maximum"))
        if name:
            before = found.get(name, 0.0)
            found[name] = None if dose is None or before is None else before + dose
    return found


@REGISTRY.check("drugs_planned")
def drugs_planned(context: StageContext) -> list[Finding]:
    """Each drug has a class and a maximum that a second person typed again; caps are not known of every drug."""
    rows = context.rows("drugs")
    if not rows:
        if DRUG not in planned_kinds(context):
            return []
        return [context.finding("drug-not-described", "A drug is planned, but none is written down.")]
    found = []
    for index, row in enumerate(rows, start=1):
        name, subject = text_of(row.get("drug")) or f"Drug {index}", f"{context.stage.id}.drugs.{index}"
        first, second = as_number(row.get("maximum")), as_number(row.get("second_maximum"))
        if first is None or not row.get("drug_class"):
            why = f"{name}: the prepared maximum or the class is not typed"
            found.append(not_evaluated(context, why, code="drug-not-evaluated", subject=subject))
        elif second is None:
            text = f"No second person has typed the maximum of {name} again."
            found.append(context.finding("no-second-check", text, subject=subject))
        elif second != first:
            text = f"{name}: {first:g} mg and, by the second person, {second:g} mg."
            more = {"measured": second, "limit": first, "unit": "mg", "subject": subject}
            found.append(context.finding("second-person-differs", text, **more))
        if not text_of(row.get("cap_source")):
            text = f"Not checked: no cap of {name} is known here; the range of its source is not written down."
            found.append(context.finding("no-cap-known", text, severity=Severity.INFO, subject=subject))
    return found


@REGISTRY.check("drugs_recorded")
def drugs_recorded(context: StageContext) -> list[Finding]:
    """What was given has name, class and amount, and stands beside what was prepared."""
    planned, given, found = drug_maxima(context), dict[str, float](), []
    rows = context.rows("drugs_given")
    for index, row in enumerate(rows, start=1):
        name, amount = text_of(row.get("drug")), as_number(row.get("amount"))
        if not (name and row.get("drug_class") and amount is not None):
            found.append(context.finding("drug-incomplete", f"Row {index}: drug, class or amount is missing."))
            continue
        given[name.casefold()] = given.get(name.casefold(), 0.0) + amount
    treated = any(row.get("status") in DONE and row.get("agent") == DRUG for row in context.rows("injections"))
    if treated and not rows:
        found.append(context.finding("no-drug-recorded", "A drug was given, but none is recorded."))
    for name, amount in given.items():
        subject, maximum = f"injections.{name}", planned.get(name)
        if maximum is None:
            text = f"{name}: {amount:g} mg given, not in the plan."
            found.append(context.finding("not-planned", text, subject=subject))
        elif amount > maximum:
            text = f"{name}: {amount:g} mg given, {maximum:g} mg prepared at most."
            more = {"measured": amount, "limit": maximum, "unit": "mg", "subject": subject}
            found.append(context.finding("given-over-plan", text, **more))
    return found
