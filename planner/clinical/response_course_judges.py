"""From sums to a category. Every threshold is a constant of a rule; the rules of `planner.clinical.response` decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from planner.clinical.comparisons import at_least, at_most
from planner.clinical.response import NO_FLAG, change_percent
from planner.clinical.response_course_measures import constants, ruled
from planner.clinical.results import RuleResult
from planner.findings import Finding, Severity

RULES = {"recist-1.1": "recist11", "mrecist": "mrecist", "easl": "easl", "choi": "choi"}
"""Criteria -> the rule that decides; the others have their constants in ``response_course.toml``."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What a category is judged from, in the unit of the criteria.

    Attributes
    ----------
    baseline, current
        Per target, in the same order; `current` may leave out targets that were not measured.
    nadir
        Smallest sum so far, baseline included.
    gone
        Every target has vanished (nodes: is of normal size).
    returned
        A target that had vanished is there again; after an overall CR `after_complete`.
    attenuation
        Mean attenuation of the targets at the baseline and now (Choi); None where it was not measured.
    """

    baseline: tuple[float, ...]
    nadir: float
    current: tuple[float, ...]
    gone: bool
    returned: bool = False
    after_complete: bool = False
    attenuation: tuple[float, float] | None = None

    @property
    def first(self) -> float:
        return math.fsum(self.baseline)

    @property
    def now(self) -> float:
        return math.fsum(self.current)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A category, None where a rule refused; with a flag and what is to be said."""

    category: str | None
    flag: str | None = None
    findings: tuple[Finding, ...] = ()


def judge(criteria: str, sums: Sums) -> Verdict:
    """The category of some targets together, or of one alone."""
    if sums.after_complete and not sums.gone:
        entry = constants("references")
        text = "A lesion has reappeared after a complete response: progression; take a second look at both studies."
        return Verdict("PD", None, (entry.finding("reappeared", Severity.WARN, text, constant="reappeared"),))
    return _JUDGES[criteria](sums)


def _said(result: RuleResult, name: str) -> str | None:
    value = result.value(name)
    return None if value is None else str(value)


def _recist(sums: Sums) -> Verdict:
    given = {"baseline_sum": sums.first, "nadir_sum": sums.nadir, "current_sum": sums.now, "new_lesion": False}
    result = ruled("recist11", given)
    return _complete(sums, Verdict(_said(result, "category"), None, result.findings))


def _mrecist(sums: Sums) -> Verdict:
    given = {
        "baseline_viable": list(sums.baseline),
        "nadir_sum": sums.nadir,
        "current_viable": list(sums.current),
        "new_lesion": False,
    }
    result = ruled("mrecist", given)
    flag = _said(result, "flag")
    # The rule's word for "no flag" is no flag of a timepoint.
    return _complete(sums, Verdict(_said(result, "category"), None if flag == NO_FLAG else flag, result.findings))


def _complete(sums: Sums, verdict: Verdict) -> Verdict:
    """Nodes of normal size are a complete response although their sum is not 0."""
    if not sums.gone or verdict.category in (None, "CR"):
        return verdict
    if verdict.category != "PD":
        return Verdict("CR")
    text = "The sum has grown, but every target has vanished or is a node of normal size: complete response stands."
    entry = constants("measurable")
    return Verdict("CR", None, (entry.finding("normal-nodes", Severity.INFO, text, constant="node_normal_below_mm"),))


def _easl(sums: Sums) -> Verdict:
    def by(reference: float) -> RuleResult:
        given = {
            "baseline_enhancing_area": reference,
            "current_enhancing_area": sums.now,
            "new_enhancement": sums.returned,
        }
        return ruled("easl", given)

    result = by(sums.first)
    category = _said(result, "category")
    regrown = sums.now > 0.0 if sums.nadir == 0.0 else _said(by(sums.nadir), "category") == "PD"
    return _against_nadir(category, regrown, result.findings)


def _choi(sums: Sums) -> Verdict:
    if sums.gone:
        return Verdict("CR")
    size, from_nadir = change_percent(sums.first, sums.now), change_percent(sums.nadir, sums.now)
    attenuation = None if sums.attenuation is None else change_percent(*sums.attenuation)

    def by(change: float | None) -> RuleResult:
        given = {"size_change": change, "attenuation_change": attenuation or 0.0, "new_lesion": False}
        return ruled("choi", given)

    result = by(size)
    category = _said(result, "category")
    if attenuation is None:
        # By its size it may still be a partial response; stable or progressive cannot be told without attenuation.
        return Verdict("PR") if category == "PR" else Verdict(None, None, (*result.findings, _no_attenuation()))
    regrown = from_nadir is None or _said(by(from_nadir), "category") == "PD"
    return _against_nadir(category, regrown, result.findings)


def _no_attenuation() -> Finding:
    text = "Choi needs the attenuation in the portal phase (above 0 HU) at the baseline and now; not evaluated."
    return Finding("no-attenuation", Severity.WARN, text, subject="density_hu")


def _by_volume(table: str) -> Callable[[Sums], Verdict]:
    def decided(sums: Sums) -> Verdict:
        limits = constants(table)
        change = change_percent(sums.first, sums.now)
        if change is None:
            text = "Refused: there is no volume at the baseline."
            return Verdict(None, None, (Finding("impossible-value", Severity.BLOCK, text, False, "baseline"),))
        if sums.now == 0.0:
            return Verdict("CR")
        progression = limits.number("progression_from")
        from_nadir = change_percent(sums.nadir, sums.now)
        regrown = from_nadir is None or at_least(from_nadir, progression)
        category = "PR" if at_most(change, limits.number("partial_to")) else "SD"
        if at_least(change, progression):
            category = "PD"
        return _against_nadir(category, regrown, ())

    return decided


def _against_nadir(category: str | None, regrown: bool, findings: tuple[Finding, ...]) -> Verdict:
    """Progression is growth from the best response; it is said where the baseline alone would not show it."""
    if not regrown or category in (None, "PD"):
        return Verdict(category, None, findings)
    text = f"Progression against the smallest sum so far; against the baseline alone it would be {category}."
    entry = constants("references")
    told = entry.finding("progression-against-nadir", Severity.WARN, text, constant="progression_against")
    return Verdict("PD", None, (*findings, told))


_JUDGES: Mapping[str, Callable[[Sums], Verdict]] = {
    "recist-1.1": _recist,
    "mrecist": _mrecist,
    "easl": _easl,
    "choi": _choi,
    "qeasl": _by_volume("qeasl"),
    "volumetric": _by_volume("volumetric"),
}
