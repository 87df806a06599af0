"""Response to treatment: RECIST 1.1, mRECIST, EASL, Choi, LI-RADS treatment response v2024 (rule notes R13)."""

from __future__ import annotations

import math

from planner.clinical.comparisons import above, at_least, at_most, below
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome, Value
from planner.findings import Finding, Severity

NO_FLAG = "none"
"""The output ``flag`` of `mrecist` where nothing is to be flagged."""


def change_percent(before: float, now: float) -> float | None:
    """Relative change in per cent; None where there was nothing before."""
    return 100.0 * (now - before) / before if before > 0 else None


def _refused(constants: RuleConstants, outputs: tuple[str, ...], text: str, subject: str) -> Outcome:
    refusal = constants.finding("impossible-value", Severity.BLOCK, text, overridable=False, subject=subject)
    return Outcome(dict.fromkeys(outputs), (refusal,))


def recist11(given: Given, constants: RuleConstants) -> Outcome:
    """RECIST 1.1 from sums of target diameters: progression against the nadir, response against the baseline."""
    baseline, nadir, current = (given.number(f"{name}_sum") for name in ("baseline", "nadir", "current"))
    outputs = ("change_from_baseline", "change_from_nadir", "category")
    if above(nadir, baseline):
        text = "Refused: the nadir is the smallest sum so far and cannot exceed the baseline."
        return _refused(constants, outputs, text, "nadir_sum")
    from_baseline, from_nadir = change_percent(baseline, current), change_percent(nadir, current)
    grown = at_least(current - nadir, constants.number("progression_mm"))
    relative = from_nadir is None or at_least(from_nadir, constants.number("progression_from"))
    if given.flag("new_lesion") or (grown and relative):
        category = "PD"
    elif current == 0:
        category = "CR"
    elif from_baseline is not None and at_most(from_baseline, constants.number("partial_to")):
        category = "PR"
    else:
        category = "SD"
    values: dict[str, Value] = dict(zip(outputs, (from_baseline, from_nadir, category), strict=True))
    return Outcome(values)


def mrecist(given: Given, constants: RuleConstants) -> Outcome:
    """mRECIST of the target lesions from viable diameters; an increase under 5 mm is flagged, not excused."""
    baseline, current = math.fsum(given.numbers("baseline_viable")), math.fsum(given.numbers("current_viable"))
    nadir = given.number("nadir_sum")
    outputs = ("change_from_baseline", "category", "flag")
    if baseline <= 0:
        return _refused(constants, outputs, "Refused: without viable tumour at baseline.", "baseline_viable")
    if above(nadir, baseline):
        text = "Refused: the nadir is the smallest sum so far and cannot exceed the baseline."
        return _refused(constants, outputs, text, "nadir_sum")
    from_baseline, from_nadir = change_percent(baseline, current), change_percent(nadir, current)
    grown = above(current, nadir) and (from_nadir is None or at_least(from_nadir, constants.number("progression_from")))
    flag = NO_FLAG
    findings: tuple[Finding, ...] = ()
    if given.flag("new_lesion") or grown:
        category = "PD"
        if not given.flag("new_lesion") and below(current - nadir, constants.number("flag_below_mm")):
            flag = "increase-lt-5mm"
            text = f"Progression by {current - nadir:.1f} mm only; mRECIST as published has no millimetre rule: review."
            found = constants.finding(flag, Severity.WARN, text, constant="flag_below_mm", measured=current - nadir)
            findings = (found,)
    elif current == 0:
        category = "CR"
    elif from_baseline is not None and at_most(from_baseline, constants.number("partial_to")):
        category = "PR"
    else:
        category = "SD"
    return Outcome({"change_from_baseline": from_baseline, "category": category, "flag": flag}, findings)


def mrecist_overall(given: Given, constants: RuleConstants) -> Outcome:
    """Overall response from target and non-target response and new lesions."""
    del constants
    target, non_target = given.text("target"), given.text("non_target")
    if given.flag("new_lesion") or "PD" in (target, non_target):
        overall = "PD"
    elif target == "CR":
        overall = "CR" if non_target == "CR" else "PR"
    else:
        overall = target
    return Outcome({"overall": overall})


def easl(given: Given, constants: RuleConstants) -> Outcome:
    """EASL response from the enhancing area (product of two diameters)."""
    baseline, current = given.number("baseline_enhancing_area"), given.number("current_enhancing_area")
    change = change_percent(baseline, current)
    if change is None:
        return _refused(constants, ("category", "change"), "Refused: no area at baseline.", "baseline_enhancing_area")
    if given.flag("new_enhancement") or above(change, constants.number("progression_above")):
        category = "PD"
    elif current == 0:
        category = "CR"
    else:
        category = "PR" if at_most(change, constants.number("partial_to")) else "SD"
    return Outcome({"category": category, "change": change})


def choi(given: Given, constants: RuleConstants) -> Outcome:
    """Choi response from the change of size and of portal-phase attenuation."""
    size, attenuation = given.number("size_change"), given.number("attenuation_change")
    if given.flag("new_lesion"):
        category = "PD"
    elif at_most(size, constants.number("gone")):
        category = "CR"
    elif at_most(size, constants.number("size_partial_to")) or at_most(
        attenuation, constants.number("attenuation_partial_to")
    ):
        category = "PR"
    else:
        category = "PD" if at_least(size, constants.number("progression_from")) else "SD"
    return Outcome({"category": category})


def lirads_tr_2024(given: Given, constants: RuleConstants) -> Outcome:
    """LI-RADS treatment response v2024 of one lesion, for radiation and non-radiation therapy."""
    if not given.flag("assessable"):
        return Outcome({"category": "LR-TR Nonevaluable"})
    therapy, enhancement = given.text("therapy"), given.text("masslike_enhancement")
    table = constants.table(therapy.replace("-", "_"))
    category = table.get(enhancement)
    if category is None:
        text = f"Not evaluated: masslike enhancement {enhancement!r} is not defined after {therapy} therapy; "
        text += f"it knows {', '.join(table)}."
        refusal = Finding("unknown-choice", Severity.BLOCK, text, overridable=False, subject="masslike_enhancement")
        return Outcome({"category": None}, (refusal,))
    upgraded = given.text("modality") == "MRI" and given.flag("mri_ancillary_present")
    if upgraded and category in constants.texts("upgraded_by_mri"):
        category = "LR-TR Viable"
    return Outcome({"category": str(category)})


COMPUTES = {
    "recist11": recist11,
    "mrecist": mrecist,
    "mrecist_overall": mrecist_overall,
    "easl": easl,
    "choi": choi,
    "lirads_tr_2024": lirads_tr_2024,
}
