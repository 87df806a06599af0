"""The sclerosant: ethanol by rule and within its caps, polidocanol within its label, never into an open cyst (R22)."""

from __future__ import annotations

from dataclasses import replace

from planner.clinical.results import RuleResult
from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed, Limit
from procedures.cyst.indication import CYST
from procedures.cyst.registry import REGISTRY
from procedures.spine.support import (
    against,
    as_date,
    as_findings,
    as_number,
    from_rule,
    limit,
    not_evaluated,
    number,
    reasons_of,
    ruled,
    sex_code,
    text_of,
    unknown_value,
    weight,
)

PLAN = "sclerosant"
ETHANOL, POLIDOCANOL, ASPIRATION = "ethanol", "polidocanol", "aspiration"
DISULFIRAM_LIKE = ("disulfiram", "cefoperazone", "metronidazole", "头孢哌酮", "甲硝唑", "双硫仑")
"""Names in a list of medicines that stand for a disulfiram-like effect; other drugs are asked for by the form."""
CEILING = "A ceiling: all absorbed, nothing taken out again; measured peaks were about half of it, 3-4 h later."


def caps(context: StageContext) -> dict[str, Limit]:
    """Organ -> most ethanol in one session, by the profile."""
    return {"kidney": context.limit("ethanol_cap_kidney_ml"), "liver": context.limit("ethanol_cap_liver_ml")}


def cap_of(context: StageContext) -> Limit | None:
    """The cap of this organ; None where no cap is known."""
    organ = context.value("target_organ", CYST)
    return caps(context).get(organ) if isinstance(organ, str) else None


def ethanol_by_rule(context: StageContext, aspirate_ml: float | None) -> tuple[RuleResult | None, str]:
    """The volume by the planned share of an aspirate, or why there is none."""
    organ, share = context.value("target_organ", CYST), as_number(context.value("share", PLAN))
    if organ not in caps(context):
        return None, f"no cap of ethanol is known for {organ or 'this organ'}"
    if aspirate_ml is None or share is None:
        return None, "the aspirate or the share is not known"
    inputs = {"organ": organ, "aspirate": (aspirate_ml, "mL"), "fraction": (share, "%")}
    result = ruled(context, "sclerosant_ethanol", inputs, tables={"cap": caps(context)})
    return (result, "") if result.evaluated else (None, reasons_of(result))


@REGISTRY.compute("ethanol_volume")
def ethanol_volume(context: StageContext) -> list[Computed]:
    """Shown beside an empty field: the operator types the maximum."""
    aspirate = as_number(context.value("expected_aspirate", PLAN))
    result, why = ethanol_by_rule(context, aspirate)
    if result is None:
        return [unknown_value("ethanol_volume", "Ethanol by rule", why, "sclerosant_ethanol")]
    share, cap = as_number(context.value("share", PLAN)), cap_of(context)
    printed = {"aspirate": f"{aspirate:g} mL", "share": f"{share:g} %"}
    most = f"{number(cap):g}" if cap else "–"
    sum_text = f"min({most} mL, {share:g} % x {aspirate:g} mL)"
    return [
        from_rule(
            result, "dose", "ethanol_volume", "Ethanol by rule", inputs=printed, arithmetic=sum_text, grade="at most"
        )
    ]


def widmark_result(context: StageContext, volume_ml: float | None) -> tuple[RuleResult | None, str]:
    """Blood alcohol if a volume were absorbed whole, or why it cannot be said."""
    concentration, sex, mass = as_number(context.value("ethanol_percent", PLAN)), sex_code(context), weight(context)
    if volume_ml is None or concentration is None:
        return None, "volume or concentration is not known"
    if sex is None:
        return None, "the formula needs sex M or F"
    if mass.missing is not None:
        return None, mass.missing
    factor = context.limit("widmark_r_male" if sex == "M" else "widmark_r_female")
    inputs = {
        "volume": (volume_ml, "mL"),
        "concentration": (concentration, "%"),
        "weight": mass,
        "sex": sex,
        "r": (number(factor), "1"),
    }
    result = ruled(context, "widmark", inputs)
    return (result, "") if result.evaluated else (None, reasons_of(result))


def ceiling(context: StageContext, volume_ml: float | None, identity: str, label: str) -> Computed:
    """A labelled ceiling of blood alcohol for a volume."""
    result, why = widmark_result(context, volume_ml)
    if result is None:
        return unknown_value(identity, label, why, "widmark")
    factor = context.limit("widmark_r_male" if sex_code(context) == "M" else "widmark_r_female")
    strength, mass = as_number(context.value("ethanol_percent", PLAN)), weight(context)
    printed = {"ethanol": f"{volume_ml:g} mL of {strength:g} %", "weight": mass.printed(), "r": f"{number(factor):g}"}
    formula = f"{volume_ml:g} mL x {strength:g} % x density / ({number(factor):g} x {mass.value:g} kg)"
    line = from_rule(result, "blood_alcohol", identity, label, inputs=printed, grade="ceiling", arithmetic=formula)
    return replace(line, note=CEILING)


@REGISTRY.compute("alcohol_ceiling")
def alcohol_ceiling(context: StageContext) -> list[Computed]:
    """Widmark for the planned maximum, labelled a ceiling."""
    planned = as_number(context.value("ethanol_maximum", PLAN))
    return [ceiling(context, planned, "alcohol_ceiling", "Blood alcohol, ceiling")]


@REGISTRY.check("communication_plan")
def communication_plan(context: StageContext) -> list[Finding]:
    """An open cyst gets no sclerosant; suspected on images, it is asked about until the cystogram says otherwise."""
    technique, cystogram = context.value("technique"), context.value("cystogram_before")
    if technique == ASPIRATION:
        return []
    if cystogram == "communication":
        return [context.finding("communication", "The cyst is open to bile, urine or a vessel: no sclerosant.")]
    if cystogram == "no-communication":
        return []
    suspected = context.value("communication_suspected", CYST)
    if suspected == "no" and cystogram == "not-yet":
        return []
    why = "a communication is suspected and no cystogram was done" if suspected == "yes" else "nobody judged it"
    return [not_evaluated(context, f"whether the cyst is open: {why}", code="communication-open", overridable=True)]


@REGISTRY.check("drain_not_needle")
def drain_not_needle(context: StageContext) -> list[Finding]:
    answer = context.value("through")
    if answer == "drain":
        return []
    if answer == "needle":
        return [context.finding("through-needle", "Through a needle: it slips, and sclerosant runs beside the cyst.")]
    return [not_evaluated(context, "through what the sclerosant is given is not known")]


@REGISTRY.check("ethanol_cap")
def ethanol_cap(context: StageContext) -> list[Finding]:
    planned, cap = as_number(context.value("ethanol_maximum")), cap_of(context)
    if planned is None or cap is None:
        why = "the maximum of ethanol is not typed" if planned is None else "no cap of ethanol is known for this organ"
        return [not_evaluated(context, why, code="ethanol-cap-unknown", overridable=True)]
    if planned <= number(cap):
        return []
    text = f"{planned:g} mL of ethanol planned, at most {number(cap):g} mL in one session."
    return [against(context, "ethanol-over-cap", text, planned, cap)]


@REGISTRY.check("ethanol_share")
def ethanol_share(context: StageContext) -> list[Finding]:
    planned = as_number(context.value("ethanol_maximum"))
    result, why = ethanol_by_rule(context, as_number(context.value("expected_aspirate")))
    dose = result.number("dose") if result else None
    if result is None or dose is None or planned is None:
        return [not_evaluated(context, why or "the maximum of ethanol is not typed")]
    found = as_findings(context, result)
    if planned > dose:
        text = f"{planned:g} mL of ethanol planned, {dose:g} mL by the share of the expected aspirate."
        told = {"source": result.source, "tag": result.tag}
        found.append(context.finding("ethanol-over-share", text, measured=planned, limit=dose, unit="mL", **told))
    return found


@REGISTRY.check("ethanol_strength")
def ethanol_strength(context: StageContext) -> list[Finding]:
    strength, dwell = as_number(context.value("ethanol_percent")), as_number(context.value("dwell"))
    low, short, long = (limit(context, name) for name in ("concentration", "low", "high"))
    if strength is None or dwell is None:
        return [not_evaluated(context, "concentration or dwell is not known")]
    found = []
    if strength < number(low):
        found.append(against(context, "weak-ethanol", f"Ethanol {strength:g} %, published from 95 %.", strength, low))
    for bound, outside in ((short, dwell < number(short)), (long, dwell > number(long))):
        if outside:
            text = f"Dwell {dwell:g} min, published {number(short):g} to {number(long):g} min."
            found.append(against(context, "unusual-dwell", text, dwell, bound))
    return found


@REGISTRY.check("sclerosant_second_person")
def sclerosant_second_person(context: StageContext) -> list[Finding]:
    name = "ethanol_maximum" if context.value("technique") == ETHANOL else "polidocanol_volume"
    first, second = as_number(context.value(name)), as_number(context.value("second_person_maximum"))
    if first is None or second is None or not text_of(context.value("second_person")):
        return [not_evaluated(context, "a second person has not typed the maximum")]
    if first == second:
        return []
    text = f"The operator typed {first:g} mL, the second person {second:g} mL."
    return [context.finding("second-person-differs", text, measured=second, limit=first, unit="mL")]


@REGISTRY.check("polidocanol_within")
def polidocanol_within(context: StageContext) -> list[Finding]:
    planned, most = as_number(context.value("polidocanol_volume")), as_number(context.value("polidocanol_limit"))
    source = text_of(context.value("polidocanol_source"))
    if planned is None or most is None or not source:
        why = "the volume of polidocanol, the limit of its label or where it stands is not known"
        return [not_evaluated(context, why, code="polidocanol-unknown", overridable=True)]
    if planned <= most:
        return []
    text = f"{planned:g} mL of polidocanol planned, its label allows {most:g} mL."
    return [context.finding("polidocanol-over", text, measured=planned, limit=most, unit="mL", source=source)]


@REGISTRY.check("lidocaine_within")
def lidocaine_within(context: StageContext) -> list[Finding]:
    planned, mass, most = as_number(context.value("lidocaine")), weight(context), limit(context, "most")
    if planned is None or mass.value is None:
        return [not_evaluated(context, "the lidocaine or the weight is not known")]
    per_kg = planned / mass.value
    if per_kg <= number(most):
        return []
    text = f"Lidocaine {planned:g} mg is {per_kg:.1f} mg/kg, at most {number(most):g} mg/kg."
    return [against(context, "lidocaine-over", text, per_kg, most)]


@REGISTRY.check("disulfiram_and_ethanol")
def disulfiram_and_ethanol(context: StageContext) -> list[Finding]:
    found = []
    taken, window = context.value("disulfiram_drug", CYST), limit(context, "window")
    if taken == "taken":
        last = as_date(context.value("disulfiram_last", CYST))
        start = context.session.planned_on or context.today
        days = None if last is None else float((start - last).days)
        if days is None:
            found.append(not_evaluated(context, "the last dose of a disulfiram-like drug is not known"))
        elif days < number(window):
            text = f"A disulfiram-like drug was taken {days:.0f} days before: no ethanol."
            found.append(against(context, "disulfiram", text, days, window))
    elif taken != "none":
        found.append(not_evaluated(context, "disulfiram-like drugs were not asked for"))
    listed = [
        each.name for each in context.case.medication if any(word in each.name.casefold() for word in DISULFIRAM_LIKE)
    ]
    if listed and taken == "none":
        found.append(context.finding("disulfiram-listed", f"{listed[0]} is in the list of medicines."))
    if context.value("alcohol_refused", CYST) == "yes":
        found.append(context.finding("alcohol-refused", "The patient must not or will not have alcohol."))
    return found
