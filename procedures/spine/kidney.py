"""Kidney function and the contrast budget (R11)."""

from __future__ import annotations

from dataclasses import dataclass

from planner.clinical.results import RuleResult
from planner.findings import Finding, Severity
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed, Limit
from procedures.spine.registry import REGISTRY
from procedures.spine.support import (
    Known,
    against,
    age,
    as_findings,
    as_number,
    from_rule,
    in_unit,
    laboratory,
    limit,
    missing_of,
    not_evaluated,
    number,
    reasons_of,
    ruled,
    sex_code,
    unknown_value,
    weight,
)

CORONARY = "The published ratios come from coronary work; Laskey and Gurm divided by creatinine clearance."
EGFR_UNIT = "mL/min/{1.73_m2}"


@dataclass(frozen=True, slots=True)
class KidneyFunction:
    """eGFR by CKD-EPI 2021 and clearance by Cockcroft-Gault, or why they are not valid.

    Attributes
    ----------
    egfr, clearance
        mL/min/1.73 m² and mL/min, unrounded; None where not evaluated.
    why
        The reason; empty when both are known.
    """

    egfr: float | None
    clearance: float | None
    why: str
    creatinine: Known
    egfr_result: RuleResult | None = None
    clearance_result: RuleResult | None = None


def kidney_function(context: StageContext, window: Limit) -> KidneyFunction:
    """Both numbers, from a creatinine in date and a kidney that is stable."""
    creatinine, years, mass = laboratory(context, "creatinine", window), age(context), weight(context)
    state = context.value("kidney_state", "fitness")
    sex = sex_code(context)
    reasons = [missing_of(creatinine, years)]
    if sex is None:
        reasons.append("the formula needs sex M or F")
    if state != "stable":
        words = {"acute": "kidney function is changing", "dialysis": "the patient is on dialysis"}
        reasons.append(words.get(str(state), "whether kidney function is stable is not known"))
    why = "; ".join(each for each in reasons if each)
    if why:
        return KidneyFunction(None, None, why, creatinine)
    shared = {"creatinine": creatinine, "age": years, "sex": sex}
    egfr = ruled(context, "ckd_epi_2021", shared)
    clearance = ruled(context, "cockcroft_gault", {**shared, "weight": mass})
    said = "" if egfr.evaluated else reasons_of(egfr)
    return KidneyFunction(egfr.number("egfr"), clearance.number("crcl"), said, creatinine, egfr, clearance)


@REGISTRY.compute("kidney")
def kidney(context: StageContext) -> list[Computed]:
    found = kidney_function(context, context.limit("creatinine_window_days"))
    if found.egfr_result is None or found.clearance_result is None:
        return [unknown_value("egfr", "eGFR", found.why), unknown_value("clearance", "Creatinine clearance", found.why)]
    inputs = {"creatinine": found.creatinine.printed(), "age": age(context).printed(), "sex": sex_code(context) or "–"}
    with_weight = {**inputs, "weight": weight(context).printed()}
    return [
        from_rule(found.egfr_result, "egfr", "egfr", "eGFR (CKD-EPI 2021)", inputs=inputs),
        from_rule(found.clearance_result, "crcl", "clearance", "Creatinine clearance", inputs=with_weight),
    ]


@REGISTRY.compute("contrast_limits")
def contrast_limits(context: StageContext) -> list[Computed]:
    """Volumes at which the bands begin, and the Cigarroa limit; nothing is proposed."""
    found = kidney_function(context, context.limit("creatinine_window_days"))
    if found.egfr is None:
        return [unknown_value("contrast", "Contrast by kidney function", found.why)]
    lines = []
    for name, words in (("amber", "amber from"), ("red", "red from"), ("ask", "ask from")):
        ratio = context.limit(f"contrast_ratio_{name}")
        lines.append(
            Computed(
                id=f"contrast_{name}",
                label=f"Contrast, {words}",
                value=number(ratio) * found.egfr,
                unit="mL",
                inputs={"eGFR": shown(found.egfr, EGFR_UNIT), "ratio": shown(number(ratio))},
                arithmetic=f"{number(ratio):g} x {found.egfr:.1f} = {number(ratio) * found.egfr:.0f} mL",
                rule="contrast_ratio",
                source=ratio.source,
                tag=ratio.tag,
                note=CORONARY,
            )
        )
    return [*lines, _cigarroa(context, found)]


def _cigarroa(context: StageContext, kidney_found: KidneyFunction) -> Computed:
    mass = weight(context)
    result = ruled(context, "macd", {"weight": mass, "creatinine": kidney_found.creatinine})
    shown_creatinine = in_unit("creatinine", kidney_found.creatinine, "mg/dL")
    inputs = {"weight": mass.printed(), "creatinine": kidney_found.creatinine.printed()}
    arithmetic = f"5 mL x {mass.printed()} / {shown_creatinine:.2f} mg/dL, at most 300 mL" if shown_creatinine else ""
    return from_rule(result, "max_contrast", "macd", "Contrast, Cigarroa", inputs=inputs, arithmetic=arithmetic)


@REGISTRY.check("contrast_budget")
def contrast_budget(context: StageContext) -> list[Finding]:
    """The planned limit with what was given within 72 h, against kidney function."""
    planned, recent = as_number(context.value("contrast_maximum")), as_number(context.value("contrast_recent"))
    if planned is None or recent is None:
        why = "the contrast limit of this session or what was given within 72 h is not known"
        return [not_evaluated(context, why, code="contrast-not-evaluated")]
    found = kidney_function(context, limit(context, "creatinine_window"))
    if found.egfr is None:
        return [not_evaluated(context, found.why, code="contrast-not-evaluated")]
    constants = {f"{name}_from": limit(context, name) for name in ("amber", "red", "ask")}
    inputs = {"contrast": (planned + recent, "mL"), "egfr": (found.egfr, EGFR_UNIT)}
    result = ruled(context, "contrast_ratio", inputs, constants=constants)
    if not result.evaluated:
        return [not_evaluated(context, reasons_of(result), code="contrast-not-evaluated")]
    return [
        *as_findings(context, result),
        *_kidney_risk(context, found.egfr),
        *_over_cigarroa(context, planned + recent),
    ]


def _kidney_risk(context: StageContext, egfr: float) -> list[Finding]:
    second, first = limit(context, "egfr_second_pass"), limit(context, "egfr_first_pass")
    if egfr < number(second):
        text = f"eGFR {egfr:.0f} is below {number(second):g}: plan prevention or give a reason (ESUR-10)."
        return [against(context, "contrast-kidney-risk", text, egfr, second)]
    if egfr < number(first):
        text = f"eGFR {egfr:.0f} is below {number(first):g}, the level for first-pass arterial contrast (ESUR-10)."
        return [against(context, "contrast-kidney-risk", text, egfr, first, severity=Severity.WARN)]
    return []


def _over_cigarroa(context: StageContext, total: float) -> list[Finding]:
    creatinine = laboratory(context, "creatinine", limit(context, "creatinine_window"))
    result = ruled(context, "macd", {"weight": weight(context), "creatinine": creatinine})
    allowed = result.number("max_contrast")
    if allowed is None:
        return [not_evaluated(context, f"Cigarroa limit: {reasons_of(result)}", severity=Severity.WARN)]
    if total <= allowed:
        return []
    text = f"Contrast of {total:.0f} mL, 72 h included, is above the Cigarroa limit of {allowed:.0f} mL."
    more = {"source": result.source, "tag": result.tag, "severity": Severity.WARN}
    return [context.finding("contrast-over-cigarroa", text, measured=total, limit=allowed, unit="mL", **more)]
