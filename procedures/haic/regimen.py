"""The regimen: what is printed per area, what was typed, what was given before. No dose is ever filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planner.findings import Finding
from planner.model.ledger import LedgerTotal, totals
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed, Limit
from procedures.arterial_drugs.drug_checks import drug_maxima
from procedures.haic.registry import REGISTRY
from procedures.spine.ledger import earlier_entries
from procedures.spine.support import against, as_number, limit, not_evaluated, number, unknown_value

AGENT = "agent"
OXALIPLATIN, LEUCOVORIN, FLUOROURACIL = "oxaliplatin", "leucovorin", "fluorouracil"
CISPLATIN, RALTITREXED = "cisplatin", "raltitrexed"
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    OXALIPLATIN: ("oxaliplatin", "奥沙利铂"),
    LEUCOVORIN: ("leucovorin", "folinic acid", "folinate", "亚叶酸"),
    FLUOROURACIL: ("fluorouracil", "5-fu", "5 fu", "氟尿嘧啶"),
    CISPLATIN: ("cisplatin", "顺铂"),
    RALTITREXED: ("raltitrexed", "雷替曲塞"),
}
"""Drug -> how its name may begin or contain it, lower case."""
DRUGS_OF = {
    "folfox": (OXALIPLATIN, LEUCOVORIN, FLUOROURACIL),
    "oxaliplatin-raltitrexed": (OXALIPLATIN, RALTITREXED),
    "cisplatin-fluorouracil": (CISPLATIN, FLUOROURACIL),
}
FOLFOX = {
    OXALIPLATIN: ("haic_oxaliplatin_mg_m2",),
    LEUCOVORIN: ("haic_leucovorin_mg_m2",),
    FLUOROURACIL: ("haic_fluorouracil_bolus_mg_m2", "haic_fluorouracil_pump_mg_m2"),
}
"""Drug -> limits of the profile that add up to what the regimen prints per area."""
PARAMETERS = {
    OXALIPLATIN: ("oxaliplatin",),
    LEUCOVORIN: ("leucovorin",),
    FLUOROURACIL: ("fluorouracil_bolus", "fluorouracil_pump"),
}


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed of a drug: mg over all its rows, None while one is missing; `named` when there is a row."""

    named: bool
    amount_mg: float | None


def is_drug(drug: str, name: str) -> bool:
    """Whether a name as typed is a drug, in its usual spellings."""
    return any(each in name.casefold() for each in SPELLINGS[drug])


def typed(context: StageContext, drug: str) -> Typed:
    """The prepared maximum of a drug, bolus and pump together."""
    rows = [amount for name, amount in drug_maxima(context).items() if is_drug(drug, name)]
    known = [each for each in rows if each is not None]
    return Typed(bool(rows), sum(known) if rows and len(known) == len(rows) else None)


def surface_m2(context: StageContext) -> float | None:
    return as_number(context.value("bsa_m2", AGENT))


@REGISTRY.compute("regimen_range")
def regimen_range(context: StageContext) -> list[Computed]:
    """What FOLFOX prints per area times the body surface used; a comparison, never a default."""
    if context.value("regimen") != "folfox":
        return [unknown_value("regimen", "By the regimen", "no rows are known of this regimen")]
    area = surface_m2(context)
    if area is None:
        return [unknown_value("regimen", "By the regimen", "the body surface used is not typed")]
    return [_line(context.limit(name), name, area) for names in FOLFOX.values() for name in names]


def _line(printed: Limit, name: str, area: float) -> Computed:
    return Computed(
        id=name,
        label=printed.label,
        value=number(printed) * area,
        unit="mg",
        inputs={"per area": shown(number(printed), printed.unit), "body surface": shown(area, "m2")},
        arithmetic=f"{number(printed):g} mg/m² x {area:g} m² = {number(printed) * area:.0f} mg",
        source=printed.source,
        tag=printed.tag,
        note="Shown beside the typed dose; not a proposal.",
    )


def earlier_totals(context: StageContext) -> tuple[LedgerTotal, ...]:
    """Sums of drugs given before this session, in mg."""
    return tuple(each for each in totals(earlier_entries(context).entries) if each.unit == "mg")


@REGISTRY.compute("given_before")
def given_before(context: StageContext) -> list[Computed]:
    """Each drug over all earlier cycles, with what is known to be missing."""
    known, sums = earlier_entries(context), earlier_totals(context)
    missing = f" Not in it: {'; '.join(known.missing)}." if known.missing else ""
    if not sums:
        return [unknown_value("given_before", "Given before", f"no dose is known of before this cycle.{missing}")]
    return [
        Computed(
            id=f"before_{each.substance}",
            label=each.substance.capitalize(),
            value=each.amount,
            unit=each.unit,
            source="R23",
            tag="calc",
            note="Known sessions only." + ("" if each.per_m2 is None else f" {each.per_m2:.0f} mg/m².") + missing,
        )
        for each in sums
    ]


@REGISTRY.check("regimen_doses")
def regimen_doses(context: StageContext) -> list[Finding]:
    """Typed maxima against what the regimen prints, times the body surface used; rounding up to ``over`` passes."""
    area, over, found = surface_m2(context), number(limit(context, "over")), []
    if area is None:
        return [not_evaluated(context, "the body surface used is not typed")]
    for drug, names in PARAMETERS.items():
        rows = [limit(context, each) for each in names]
        printed, given = sum(number(each) for each in rows), typed(context, drug)
        subject = f"{context.stage.id}.{drug}"
        if not given.named:
            continue
        if given.amount_mg is None:
            found.append(not_evaluated(context, f"the prepared maximum of {drug}", subject=subject))
        elif given.amount_mg > printed * area * (1.0 + over / 100.0):
            text = (
                f"{drug.capitalize()}: {given.amount_mg:g} mg prepared, {given.amount_mg / area:.0f} mg/m²; "
                f"the regimen prints {printed:g} mg/m²."
            )
            more = {"limit": printed, "unit": "mg/m2", "subject": subject}
            found.append(against(context, "over-regimen", text, given.amount_mg / area, rows[0], **more))
    return found


@REGISTRY.check("regimen_complete")
def regimen_complete(context: StageContext) -> list[Finding]:
    regimen = context.value("regimen")
    if regimen is None:
        return [not_evaluated(context, "the regimen is not chosen")]
    if regimen not in DRUGS_OF:
        return [] if drug_maxima(context) else [context.finding("no-drug", "No drug of the regimen is written down.")]
    return [
        context.finding("drug-missing", f"{drug.capitalize()} is missing.", subject=f"{context.stage.id}.{drug}")
        for drug in DRUGS_OF[regimen]
        if not typed(context, drug).named
    ]


@REGISTRY.check("pump_planned")
def pump_planned(context: StageContext) -> list[Finding]:
    hours, printed = as_number(context.value("pump_hours")), limit(context, "hours")
    if hours is None:
        return [not_evaluated(context, "how long the pump runs")]
    if 100.0 * abs(hours - number(printed)) <= number(printed) * number(limit(context, "tolerance")):
        return []
    text = f"The pump is planned for {hours:g} h; the regimen prints {number(printed):g} h."
    return [against(context, "pump-differs", text, hours, printed)]


@REGISTRY.check("dpd_answered")
def dpd_answered(context: StageContext) -> list[Finding]:
    """Before a plan with fluorouracil: DPD deficiency is known."""
    if not typed(context, FLUOROURACIL).named:
        return []
    answer = context.value("dpd", "cycle")
    if answer == "normal":
        return []
    if answer == "deficient":
        text = "Complete DPD deficiency: fluorouracil can kill; choose a regimen without it."
        return [context.finding("dpd-deficient", text)]
    if answer == "partial":
        return [context.finding("dpd-partial", "Partial DPD deficiency: the dose of fluorouracil is lowered.")]
    return [not_evaluated(context, "DPD deficiency was not tested before fluorouracil", code="dpd-not-tested")]


@REGISTRY.check("oxaliplatin_total")
def oxaliplatin_total(context: StageContext) -> list[Finding]:
    """Earlier cycles and the prepared maximum per area, against the limit ``total``."""
    given, area, allowed = typed(context, OXALIPLATIN), surface_m2(context), limit(context, "total")
    if not given.named:
        return []
    earlier = [each for each in earlier_totals(context) if is_drug(OXALIPLATIN, each.substance)]
    per_area = [each.per_m2 for each in earlier if each.per_m2 is not None]
    if given.amount_mg is None or area is None or len(per_area) < len(earlier):
        return [not_evaluated(context, "oxaliplatin over all cycles: a dose or a body surface is not known")]
    total = sum(per_area) + given.amount_mg / area
    if total <= number(allowed):
        return []
    text = f"Oxaliplatin over all cycles would be {total:.0f} mg/m²; asked above {number(allowed):g}. Known ones only."
    return [against(context, "oxaliplatin-total", text, total, allowed)]
