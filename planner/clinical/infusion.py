"""Intra-arterial infusion of the head and neck: cisplatin (rule notes R21)."""

from __future__ import annotations

from planner.clinical.comparisons import above
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome
from planner.findings import Finding, Severity


def cisplatin_ia(given: Given, constants: RuleConstants) -> Outcome:
    """Dose per cycle in mg and the cumulative dose in mg/m² after the cycles."""
    per_area, cycles = constants.number("dose_per_area"), given.number("cycles")
    findings: tuple[Finding, ...] = ()
    if above(cycles, constants.number("cycles_to")):
        text = f"{cycles:g} cycles exceed the {constants.number('cycles_to'):g} of the protocol: reason needed."
        findings = (constants.finding("cycles", Severity.BLOCK, text, constant="cycles_to", measured=cycles),)
    return Outcome({"dose_per_cycle": per_area * given.number("bsa"), "cumulative": per_area * cycles}, findings)


COMPUTES = {"cisplatin_ia": cisplatin_ia}
