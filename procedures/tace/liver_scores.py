"""Liver scores and stages as derived numbers: each with inputs, dates, arithmetic, source and tag."""

from __future__ import annotations

from planner.clinical.results import RuleResult
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.fitness_checks import inputs_spread, score_caveats
from procedures.spine.support import (
    Known,
    age,
    canonical,
    from_rule,
    in_unit,
    laboratory,
    missing_of,
    ruled,
    sex_code,
    unknown_value,
    yes_no,
)
from procedures.tace.registry import REGISTRY
from procedures.tace.tumour import Tumour, tumour_of

STAGE = "liver_stage"


def liver_laboratory(context: StageContext, analyte: str) -> Known:
    """An analyte of the scores in the profile's window."""
    name = "marker" if analyte == "afp" else "creatinine" if analyte == "sodium" else analyte
    return laboratory(context, analyte, context.limit(f"{name}_window_days"))


def invalid(context: StageContext, *, inr: bool) -> str:
    """Why the liver scores are not valid in this patient; empty when they are."""
    reasons = [each for each in score_caveats(context) if not each.startswith("eGFR")]
    if not inr:
        reasons = [each for each in reasons if not each.startswith("INR")]
    days, allowed = inputs_spread(context), context.limit("score_inputs_spread_days")
    if days is not None and days > float(allowed.value):
        reasons.append(f"The inputs are {days:.0f} days apart; at most {allowed.value} are allowed.")
    return " ".join(reasons)


def child_pugh_result(context: StageContext) -> tuple[RuleResult | None, str, dict[str, str]]:
    """The result, or None with the reason; and the inputs as printed."""
    known = {name: liver_laboratory(context, name) for name in ("bilirubin", "albumin", "inr")}
    inputs: dict[str, str] = {name: each.printed() for name, each in known.items()}
    words = {name: context.value(name, STAGE) for name in ("ascites", "encephalopathy", "cholestatic")}
    inputs |= {name: str(value) if value is not None else "–" for name, value in words.items()}
    reasons = [missing_of(*known.values())]
    reasons += [f"{name} is not answered" for name, value in words.items() if value is None]
    why = "; ".join(each for each in reasons if each)
    if why:
        return None, why, inputs
    given = {
        **known,
        "ascites": words["ascites"],
        "encephalopathy": words["encephalopathy"],
        "cholestatic_variant": yes_no(words["cholestatic"]),
    }
    return ruled(context, "child_pugh", given), "", inputs


@REGISTRY.compute("child_pugh")
def child_pugh(context: StageContext) -> list[Computed]:
    result, why, inputs = child_pugh_result(context)
    if result is None:
        return [unknown_value("child_pugh", "Child-Pugh", why, "child_pugh")]
    points = result.outputs["points"].value
    total = result.number("total")
    sum_text = " + ".join(f"{each:g}" for each in points) if isinstance(points, tuple) else ""
    arithmetic = (
        f"bilirubin, albumin, INR, ascites, encephalopathy: {sum_text} = {total:g}" if total is not None else ""
    )
    found = from_rule(result, "total", "child_pugh", "Child-Pugh", inputs=inputs, arithmetic=arithmetic)
    return [_with_note(found, invalid(context, inr=True))]


def _with_note(found: Computed, caveat: str) -> Computed:
    if not caveat:
        return found
    return Computed(
        id=found.id,
        label=found.label,
        value=None,
        unit=found.unit,
        inputs=found.inputs,
        arithmetic=found.arithmetic,
        rule=found.rule,
        rule_version=found.rule_version,
        source=found.source,
        tag=found.tag,
        note=f"Not valid: {caveat} The arithmetic alone would give {found.value} {found.grade or ''}.".replace(
            " .", "."
        ),
    )


def albi_result(context: StageContext) -> tuple[RuleResult | None, str, dict[str, str]]:
    known = {name: liver_laboratory(context, name) for name in ("bilirubin", "albumin")}
    inputs = {name: each.printed() for name, each in known.items()}
    why = missing_of(*known.values())
    return (None, why, inputs) if why else (ruled(context, "albi", known), "", inputs)


@REGISTRY.compute("albi")
def albi(context: StageContext) -> list[Computed]:
    result, why, inputs = albi_result(context)
    if result is None:
        return [unknown_value("albi", "ALBI", why, "albi")]
    bilirubin = canonical("bilirubin", liver_laboratory(context, "bilirubin"))
    albumin = canonical("albumin", liver_laboratory(context, "albumin"))
    score = result.number("score")
    arithmetic = ""
    if score is not None:
        arithmetic = f"0.66 x log10({bilirubin:g}) - 0.085 x {albumin:g} = {score:.2f}"
    grade = f"{result.grade} ({result.value('malbi')})" if result.grade == "2" else result.grade
    found = from_rule(result, "score", "albi", "ALBI", inputs=inputs, arithmetic=arithmetic, grade=grade)
    return [_with_note(found, invalid(context, inr=False))]


@REGISTRY.compute("meld3")
def meld3(context: StageContext) -> list[Computed]:
    known = {name: liver_laboratory(context, name) for name in ("bilirubin", "sodium", "inr", "creatinine", "albumin")}
    years, sex, dialysis = age(context), sex_code(context), yes_no(context.value("dialysis", STAGE))
    reasons = [missing_of(*known.values(), years)]
    reasons.append("the formula needs sex M or F" if sex is None else None)
    reasons.append("dialysis is not answered" if dialysis is None else None)
    why = "; ".join(each for each in reasons if each)
    if why:
        return [unknown_value("meld3", "MELD 3.0", why, "meld3")]
    result = ruled(context, "meld3", {**known, "sex": sex, "age": years, "dialysis": dialysis})
    inputs = {name: each.printed() for name, each in known.items()} | {"sex": sex or "–", "age": years.printed()}
    raw = result.number("raw")
    arithmetic = f"Kim 2021, bounded inputs: {raw:.2f}, rounded half up" if raw is not None else ""
    found = from_rule(result, "score", "meld3", "MELD 3.0", inputs=inputs, arithmetic=arithmetic)
    return [_with_note(found, invalid(context, inr=True))]


def performance(context: StageContext) -> tuple[float | None, bool | None]:
    """ECOG, and whether the limitation comes from the tumour (ECOG 0 has none)."""
    text = context.value("ecog", "fitness")
    ecog = float(text) if isinstance(text, str) and text.isdigit() else None
    related = yes_no(context.value("ecog_tumour_related", "fitness"))
    return ecog, False if ecog == 0 else related


def bclc_result(context: StageContext, tumour: Tumour) -> RuleResult:
    ecog, related = performance(context)
    end_stage = yes_no(context.value("end_stage_liver", STAGE))
    transplantable = yes_no(context.value("transplantable", STAGE))
    inputs = {
        "nodules": tumour.nodules,
        "largest_diameter": tumour.largest_mm,
        "ecog": ecog,
        "ecog_is_tumour_related": related,
        "vascular_invasion": tumour.vascular_invasion,
        "extrahepatic": tumour.extrahepatic,
        "end_stage_liver": end_stage,
        "transplantable": False if end_stage is False else transplantable,
    }
    return ruled(context, "bclc", inputs)


@REGISTRY.compute("bclc")
def bclc(context: StageContext) -> list[Computed]:
    label = "BCLC stage (2022 criteria, kept in 2025)"
    tumour = tumour_of(context)
    if tumour.missing:
        return [unknown_value("bclc", label, tumour.missing, "bclc")]
    ecog, related = performance(context)
    inputs = {**tumour.printed(), "ECOG": "–" if ecog is None else f"{ecog:g}", "tumour-related": str(related)}
    return [from_rule(bclc_result(context, tumour), "stage", "bclc", label, inputs=inputs)]


def cnlc_result(context: StageContext, tumour: Tumour) -> RuleResult | None:
    child, _, _ = child_pugh_result(context)
    if child is None:
        return None
    inputs = {
        "nodules": tumour.nodules,
        "largest_diameter": tumour.largest_mm,
        "ecog": performance(context)[0],
        "child_pugh_class": child.grade,
        "vascular_invasion": tumour.vascular_invasion,
        "extrahepatic": tumour.extrahepatic,
    }
    return ruled(context, "cnlc", inputs)


@REGISTRY.compute("cnlc")
def cnlc(context: StageContext) -> list[Computed]:
    tumour = tumour_of(context)
    if tumour.missing:
        return [unknown_value("cnlc", "CNLC stage", tumour.missing, "cnlc")]
    result = cnlc_result(context, tumour)
    if result is None:
        return [unknown_value("cnlc", "CNLC stage", f"Child-Pugh: {child_pugh_result(context)[1]}", "cnlc")]
    return [from_rule(result, "stage", "cnlc", "CNLC stage", inputs=tumour.printed())]


def burden_result(context: StageContext, tumour: Tumour) -> RuleResult:
    inputs = {
        "nodules": tumour.nodules,
        "largest_diameter": tumour.largest_mm,
        "vascular_invasion": tumour.vascular_invasion,
        "extrahepatic": tumour.extrahepatic,
    }
    return ruled(context, "tumour_burden", inputs)


@REGISTRY.compute("tumour_burden")
def tumour_burden(context: StageContext) -> list[Computed]:
    tumour = tumour_of(context)
    if tumour.missing:
        return [unknown_value("burden", "Tumour burden", tumour.missing, "tumour_burden")]
    result = burden_result(context, tumour)
    inputs = tumour.printed()
    largest_cm = (tumour.largest_mm or 0.0) / 10
    total = f"{largest_cm:g} cm + {tumour.nodules} = {largest_cm + (tumour.nodules or 0):g}"
    lines = (
        ("milan_in", "Within Milan", ""),
        ("up_to_7_in", "Within up-to-7", total),
        ("six_and_twelve", "Six-and-twelve", total),
        ("tbs", "Tumour burden score", f"root of {largest_cm:g}² + {tumour.nodules}²"),
    )
    return [
        from_rule(
            result,
            output,
            output,
            label,
            inputs=inputs,
            arithmetic=arithmetic,
            grade=str(result.value("tbs_zone")) if output == "tbs" else None,
        )
        for output, label, arithmetic in lines
    ]


@REGISTRY.compute("drawer_scores")
def drawer_scores(context: StageContext) -> list[Computed]:
    """HAP, mHAP-II, ALBI-TAE and Bolondi: shown folded away, advice only; they fail external validation."""
    tumour = tumour_of(context)
    if tumour.missing:
        return [unknown_value("drawer", "Other scores", tumour.missing)]
    known = {name: liver_laboratory(context, name) for name in ("albumin", "bilirubin", "afp")}
    inputs = {**{name: each.printed() for name, each in known.items()}, **tumour.printed()}
    size = {"largest_diameter": tumour.largest_mm, "nodules": tumour.nodules}
    hap = ruled(context, "hap", {**known, **size})
    burden = burden_result(context, tumour)
    albi_found, _, _ = albi_result(context)
    grade = int(albi_found.grade) if albi_found and albi_found.grade else None
    up_to_11 = burden.value("up_to_11_in")
    tae = ruled(context, "albi_tae", {"albi_grade": grade, "afp": known["afp"], "up_to_11_in": up_to_11})
    child, _, _ = child_pugh_result(context)
    total = child.number("total") if child else None
    bolondi_inputs = {
        "child_pugh": total,
        "up_to_7_in": burden.value("up_to_7_in"),
        "ecog": performance(context)[0],
        "pvt": tumour.vascular_invasion,
    }
    bolondi = ruled(context, "bolondi", bolondi_inputs)
    park = in_unit("bilirubin", known["bilirubin"], "umol/L")
    note = "" if park is None else f"Park writes bilirubin > 0.9 mg/dL; this one is {shown(park, 'umol/L')}."
    return [
        from_rule(hap, "hap", "hap", "HAP", inputs=inputs),
        from_rule(
            hap, "mhap2", "mhap2", "mHAP-II", inputs=inputs, grade=str(hap.value("mhap2_grade") or ""), arithmetic=note
        ),
        from_rule(tae, "points", "albi_tae", "ALBI-TAE", inputs=inputs),
        from_rule(bolondi, "substage", "bolondi", "Bolondi sub-stage", inputs=inputs),
    ]
