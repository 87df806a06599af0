"""Gates of the liver stage: Child-Pugh, bilirubin and stage against the profile, hepatitis B."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.spine.support import (
    against,
    in_unit,
    laboratory,
    limit,
    not_evaluated,
    number,
    reasons_of,
    text_of,
)
from procedures.tace.liver_scores import bclc_result, child_pugh_result, cnlc_result, invalid
from procedures.tace.registry import REGISTRY
from procedures.tace.tumour import tumour_of

NO_DRUG = frozenset({"", "none", "no", "-", "无"})


@REGISTRY.check("child_pugh_within")
def child_pugh_within(context: StageContext) -> list[Finding]:
    """Child-Pugh against the limit ``points``."""
    return child_pugh_beyond(context, "is beyond {points:g} points, the profile's limit for TACE.")


def child_pugh_beyond(context: StageContext, words: str) -> list[Finding]:
    """What is said of a Child-Pugh beyond the limit ``points``, or of one that is unknown or not valid.

    Parameters
    ----------
    words
        What follows the class; ``{points}`` is the limit.
    """
    result, why, _ = child_pugh_result(context)
    allowed = limit(context, "points")
    total = result.number("total") if result else None
    if result is None or total is None:
        reason = why if result is None else reasons_of(result)
        return [not_evaluated(context, f"Child-Pugh: {reason}", code="child-pugh-not-evaluated")]
    caveat = invalid(context, inr=True)
    if caveat:
        return [not_evaluated(context, f"Child-Pugh is not valid: {caveat.rstrip('.')}", code="child-pugh-not-valid")]
    if total <= number(allowed):
        return []
    text = f"Child-Pugh {result.grade}{total:g} {words.format(points=number(allowed))}"
    return [against(context, "child-pugh-beyond", text, total, allowed)]


@REGISTRY.check("staging_possible")
def staging_possible(context: StageContext) -> list[Finding]:
    missing = tumour_of(context).missing
    return [not_evaluated(context, f"stage and burden: {missing}", code="stage-not-evaluated")] if missing else []


@REGISTRY.check("stage_for_tace")
def stage_for_tace(context: StageContext) -> list[Finding]:
    tumour = tumour_of(context)
    if tumour.missing:
        return [not_evaluated(context, f"stage: {tumour.missing}")]
    system = limit(context, "staging").value
    treated = limit(context, str(system))
    result = cnlc_result(context, tumour) if system == "cnlc" else bclc_result(context, tumour)
    stage = result.grade if result else None
    if result is None or stage is None:
        why = reasons_of(result) if result else "Child-Pugh is not known"
        return [not_evaluated(context, f"{str(system).upper()} stage: {why}")]
    if stage in treated.value:
        return []
    text = f"{str(system).upper()} {stage}: the profile treats {', '.join(treated.value)} with TACE."
    return [context.finding("stage-not-for-tace", text, source=treated.source, tag=treated.tag)]


@REGISTRY.check("hepatitis_b")
def hepatitis_b(context: StageContext) -> list[Finding]:
    surface, core = context.value("hbsag"), context.value("anti_hbc")
    drug = text_of(context.value("antiviral")).casefold()
    if surface == "positive" and drug in NO_DRUG:
        return [context.finding("hbv-untreated", "HBsAg is positive and no antiviral drug is given.")]
    if surface == "negative":
        if core == "positive" and drug in NO_DRUG:
            text = "HBsAg negative, anti-HBc positive, no antiviral: reactivation is possible."
            return [context.finding("hbv-past", text, severity=Severity.INFO)]
        return []
    return [] if surface == "positive" else [not_evaluated(context, "HBsAg is not known", code="hbv-unknown")]


@REGISTRY.check("bilirubin_within")
def bilirubin_within(context: StageContext) -> list[Finding]:
    known = laboratory(context, "bilirubin", limit(context, "window"))
    value = in_unit("bilirubin", known, "mg/dL")
    if value is None:
        return [not_evaluated(context, known.missing or "bilirubin is unknown", code="bilirubin-not-evaluated")]
    relative, absolute = limit(context, "relative"), limit(context, "absolute")
    if value > number(absolute):
        text = f"Bilirubin {known.printed()} is above {number(absolute):g} mg/dL: absolute in many protocols."
        return [against(context, "bilirubin-absolute", text, value, absolute)]
    if value >= number(relative):
        text = f"Bilirubin {known.printed()} is {number(relative):g} mg/dL or more: a relative contraindication."
        return [against(context, "bilirubin-relative", text, value, relative)]
    return []
