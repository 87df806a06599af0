"""Liver function: Child-Pugh, ALBI and modified ALBI, MELD 3.0 (rule notes R2-R4)."""

from __future__ import annotations

import math

from planner.clinical.comparisons import above, at_most, below, round_half_up
from planner.clinical.constants import RuleConstants
from planner.clinical.results import Given, Outcome
from planner.findings import Severity


def _rising(value: float, low: float, high: float) -> int:
    """1 below `low`, 2 from `low` to `high` inclusive, 3 above."""
    return 1 if below(value, low) else 2 if at_most(value, high) else 3


def child_pugh(given: Given, constants: RuleConstants) -> Outcome:
    """Points for bilirubin, albumin, INR (or PT over control), ascites, encephalopathy; their sum; class A, B or C.

    Bilirubin is compared in the unit it was measured in, because the printed cut-offs are not exact conversions.
    """
    table = constants.table("bilirubin_cholestatic" if given.flag("cholestatic_variant") else "bilirubin")
    low, high = table[given.unit("bilirubin")]
    albumin = given.number("albumin")
    if given.has("inr"):
        clotting = _rising(given.number("inr"), constants.number("inr_low"), constants.number("inr_high"))
    else:
        clotting = _rising(given.number("pt_over_control"), constants.number("pt_low"), constants.number("pt_high"))
    points = (
        _rising(given.number("bilirubin"), low, high),
        1
        if above(albumin, constants.number("albumin_high"))
        else 3
        if below(albumin, constants.number("albumin_low"))
        else 2,
        clotting,
        int(constants.table("ascites")[given.text("ascites")]),
        int(constants.table("encephalopathy")[given.text("encephalopathy")]),
    )
    total = sum(points)
    to_a, to_b = constants.number("class_a_to"), constants.number("class_b_to")
    grade = "A" if total <= to_a else "B" if total <= to_b else "C"
    return Outcome({"points": points, "total": total, "class": grade})


def albi(given: Given, constants: RuleConstants) -> Outcome:
    """ALBI = 0.66·log10(bilirubin µmol/L) − 0.085·(albumin g/L); grade 1-3; modified grade 1, 2a, 2b, 3."""
    score = constants.number("bilirubin_coefficient") * math.log10(given.number("bilirubin"))
    score += constants.number("albumin_coefficient") * given.number("albumin")
    first, second = constants.number("grade_1_to"), constants.number("grade_2_to")
    grade = 1 if at_most(score, first) else 2 if at_most(score, second) else 3
    malbi = str(grade)
    if grade == 2:
        limit = constants.number("malbi_2a_to")
        includes = constants.flag("malbi_2a_includes_limit")
        malbi = "2a" if (at_most(score, limit) if includes else below(score, limit)) else "2b"
    return Outcome({"score": score, "grade": grade, "malbi": malbi})


def meld3(given: Given, constants: RuleConstants) -> Outcome:
    """MELD 3.0: inputs bounded first, then the formula, then rounded half up, then clamped to 6-40. Adults only."""
    if below(given.number("age"), constants.number("adult_from")):
        text = "Not evaluated: MELD 3.0 treats candidates under 18 differently; only adults are supported."
        refusal = constants.finding(
            "not-for-children",
            Severity.BLOCK,
            text,
            constant="adult_from",
            measured=given.number("age"),
            overridable=False,
            subject="age",
        )
        return Outcome({"raw": None, "score": None}, (refusal,))

    def bounded(name: str) -> float:
        value = max(given.number(name), constants.number(f"{name}_floor"))
        ceiling = f"{name}_ceiling"
        return min(value, constants.number(ceiling)) if ceiling in constants.entries else value

    bilirubin, inr = math.log(bounded("bilirubin")), math.log(bounded("inr"))
    dialysed = given.flag("dialysis")
    creatinine = math.log(constants.number("creatinine_ceiling") if dialysed else bounded("creatinine"))
    sodium = constants.number("sodium_ceiling") - bounded("sodium")
    albumin = constants.number("albumin_ceiling") - bounded("albumin")
    raw = (
        (constants.number("female") if given.text("sex") == "F" else 0.0)
        + constants.number("bilirubin") * bilirubin
        + constants.number("sodium") * sodium
        + constants.number("sodium_bilirubin") * sodium * bilirubin
        + constants.number("inr") * inr
        + constants.number("creatinine") * creatinine
        + constants.number("albumin") * albumin
        + constants.number("albumin_creatinine") * albumin * creatinine
        + constants.number("intercept")
    )
    clamped = min(max(round_half_up(raw), constants.number("score_floor")), constants.number("score_ceiling"))
    return Outcome({"raw": raw, "score": round(clamped)})


COMPUTES = {"child_pugh": child_pugh, "albi": albi, "meld3": meld3}
