"""Stent sizes: the target diameter of a site and the catalogue size to take (rule notes R19)."""

from __future__ import annotations

from planner.clinical.comparisons import above, at_least
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome
from planner.findings import Finding, Severity


def stent_diameter(given: Given, constants: RuleConstants) -> Outcome:
    """Lowest and highest target diameter in mm: the lumen plus a share, plus millimetres, or the site's own range."""
    lumen = given.number("lumen")
    site = constants.table("sites")[given.text("site")]
    if "percent" in site:
        low, high = (lumen * (1.0 + share / 100.0) for share in site["percent"])
    elif "add" in site:
        low, high = (lumen + extra for extra in site["add"])
    else:
        low, high = site["fixed"]
    findings: tuple[Finding, ...] = ()
    if above(lumen, high):
        text = f"The lumen of {lumen:g} mm is wider than the site's stents (to {high:g} mm)."
        found = constants.finding("lumen-too-wide", Severity.WARN, text, constant="sites", limit=high, measured=lumen)
        findings = (found,)
    return Outcome({"low": float(low), "high": float(high)}, findings)


def stent_pick(given: Given, constants: RuleConstants) -> Outcome:
    """The smallest catalogue size that is not below the target range; a warning when it exceeds the range."""
    low, high = given.number("low"), given.number("high")
    fitting = [size for size in sorted(given.numbers("catalogue")) if at_least(size, low)]
    if not fitting:
        text = f"No catalogue size reaches {low:g} mm."
        found = constants.finding("no-size", Severity.WARN, text, limit=low, unit="mm")
        return Outcome({"pick": None, "warn_oversize": None}, (found,))
    pick = fitting[0]
    findings: tuple[Finding, ...] = ()
    oversize = above(pick, high)
    if oversize:
        text = f"The smallest fitting size of {pick:g} mm exceeds the range to {high:g} mm."
        findings = (constants.finding("oversize", Severity.WARN, text, limit=high, measured=pick, unit="mm"),)
    return Outcome({"pick": pick, "warn_oversize": oversize}, findings)


COMPUTES = {"stent_diameter": stent_diameter, "stent_pick": stent_pick}
