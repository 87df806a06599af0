"""Spine: neoplastic instability and cement volume (rule notes R17)."""

from __future__ import annotations

from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome
from planner.findings import Finding, Severity

_ITEMS = ("location", "pain", "lesion", "alignment", "collapse", "posterolateral")


def sins(given: Given, constants: RuleConstants) -> Outcome:
    """Spinal instability neoplastic score 0-18, its class, and whether a surgeon is to be consulted."""
    score = sum(int(constants.table(item)[given.text(item)]) for item in _ITEMS)
    if score >= constants.number("unstable_from"):
        grade = "unstable"
    else:
        grade = "potentially unstable" if score >= constants.number("potentially_unstable_from") else "stable"
    consult = score >= constants.number("consult_from")
    findings: tuple[Finding, ...] = ()
    if consult:
        text = f"SINS {score}: surgical consultation is advised."
        found = constants.finding("surgical-consult", Severity.WARN, text, constant="consult_from", measured=score)
        findings = (found,)
    return Outcome({"score": score, "class": grade, "surgical_consult": consult}, findings)


def cement_volume(given: Given, constants: RuleConstants) -> Outcome:
    """Cement in mL at 15 and 24 % of the vertebral body; the lower of the latter and the level's usual upper volume."""
    volume = given.number("body_volume")
    low, high = (volume * constants.number(name) / 100.0 for name in ("fill_low", "fill_high"))
    upper = float(constants.table("upper")[given.text("region")])
    text = "A usual upper volume, not a safe limit: filling is not linked to pain relief; stop on fluoroscopy."
    found = constants.finding("not-a-safe-limit", Severity.WARN, text, constant="upper", limit=upper)
    return Outcome({"fill_15": low, "fill_24": high, "safe_max": min(high, upper)}, (found,))


COMPUTES = {"sins": sins, "cement_volume": cement_volume}
