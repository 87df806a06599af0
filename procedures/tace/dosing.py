"""Doses as ranges with their arithmetic, never a dose: body surface, doxorubicin, Lipiodol, cumulative (R10)."""

from __future__ import annotations

from dataclasses import dataclass

from planner.clinical.results import RuleResult
from planner.model.ledger import LedgerEntry
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.body_surface import mosteller, surface_of_body
from procedures.spine.ledger import earlier_entries, session_entries
from procedures.spine.support import (
    as_number,
    from_rule,
    height,
    in_unit,
    laboratory,
    number,
    ruled,
    text_of,
    unknown_value,
    weight,
)
from procedures.tace.registry import REGISTRY
from procedures.tace.tumour import longest_mm, target_lesions

DOSE = "agent_dose"
DOXORUBICIN = "doxorubicin"
EPIRUBICIN = "epirubicin"
ANTHRACYCLINE = "anthracycline"


def planned_drug(context: StageContext) -> str:
    """The main drug as typed, lower case; empty when it is not chosen."""
    return text_of(context.value("drug", DOSE)).casefold()


def is_doxorubicin(name: str) -> bool:
    """Doxorubicin itself, in English, German and Chinese; not epirubicin, not liposomal forms."""
    plain = name.casefold()
    return plain in (DOXORUBICIN, "adriamycin", "doxorubicin hydrochloride", "多柔比星", "阿霉素", "盐酸多柔比星")


@REGISTRY.compute("bsa")
def bsa(context: StageContext) -> list[Computed]:
    result = surface_of_body(context)
    if result is None:
        return [mosteller(context)]
    inputs = {"height": height(context).printed(), "weight": weight(context).printed()}
    other = from_rule(result, "du_bois", "bsa_du_bois", "Body surface (Du Bois)", inputs=inputs)
    return [mosteller(context), other]


def dose_results(context: StageContext) -> tuple[RuleResult, RuleResult] | None:
    """Doxorubicin by body surface, and per area by bilirubin; None while body surface or bilirubin is unknown."""
    surface = as_number(context.value("bsa_m2", DOSE)) or _mosteller(context)
    bilirubin = laboratory(context, "bilirubin", context.limit("bilirubin_window_days"))
    if surface is None or bilirubin.value is None:
        return None
    constants = {
        "cap": context.limit("doxorubicin_cap_mg"),
        "low_per_area": context.limit("doxorubicin_low_mg_m2"),
        "high_per_area": context.limit("doxorubicin_high_mg_m2"),
    }
    by_surface = ruled(context, "doxorubicin_ctace", {"bsa": (surface, "m2")}, constants=constants)
    return by_surface, ruled(context, "doxorubicin_bilirubin", {"bilirubin": bilirubin})


def _mosteller(context: StageContext) -> float | None:
    result = surface_of_body(context)
    return result.number("mosteller") if result else None


@REGISTRY.compute("dose_range")
def dose_range(context: StageContext) -> list[Computed]:
    """Both sources side by side; they disagree and none is chosen."""
    drug = planned_drug(context)
    if drug and not is_doxorubicin(drug):
        why = f"no source gives a range for {drug}; protocols seen: epirubicin 25-100 mg on beads, 50 mg in oil"
        return [unknown_value("dose_range", "Range", why)]
    results = dose_results(context)
    if results is None:
        return [unknown_value("dose_range", "Doxorubicin range", "body surface or bilirubin in date is unknown")]
    by_surface, by_bilirubin = results
    surface = as_number(context.value("bsa_m2", DOSE)) or _mosteller(context) or 0.0
    bilirubin = laboratory(context, "bilirubin", context.limit("bilirubin_window_days"))
    in_mg = in_unit("bilirubin", bilirubin, "mg/dL") or 0.0
    low, high = context.limit("doxorubicin_low_mg_m2"), context.limit("doxorubicin_high_mg_m2")
    cap = context.limit("doxorubicin_cap_mg")
    area = f"{number(low):g} to {number(high):g} mg/m² x {surface:.3f} m², at most {number(cap):g} mg"
    inputs = {"body surface": f"{surface:.3f} m²", "bilirubin": bilirubin.printed()}
    per_area = by_bilirubin.number("dose_per_area")
    reduced = None if per_area is None else per_area * surface
    llovet = from_rule(by_bilirubin, "dose_per_area", "dose_per_area", "Dose per area by bilirubin", inputs=inputs)
    mg = Computed(
        id="dose_by_bilirubin",
        label="Dose by bilirubin (Llovet)",
        value=reduced,
        unit="mg",
        inputs=inputs,
        arithmetic=f"bilirubin {in_mg:.2f} mg/dL: {per_area:g} mg/m² x {surface:.3f} m²"
        if per_area is not None
        else "",
        rule=by_bilirubin.rule,
        rule_version=by_bilirubin.version,
        source=by_bilirubin.source,
        tag=by_bilirubin.tag,
        note="A range, not a dose. Protocols seen give doxorubicin 20-60 mg; sources disagree and none is chosen.",
    )
    return [
        from_rule(by_surface, "low", "dose_low", "Doxorubicin, low end", inputs=inputs, arithmetic=area),
        from_rule(by_surface, "high", "dose_high", "Doxorubicin, high end", inputs=inputs, arithmetic=area),
        llovet,
        mg,
    ]


@REGISTRY.compute("last_session_dose")
def last_session_dose(context: StageContext) -> list[Computed]:
    """What the session before this one gave, drug by drug; nothing is carried into the plan."""
    earlier = [
        (min(str(entry.on or "") for entry in entries), session.title, entries)
        for session in context.case.sessions
        if session.id != context.session.id
        and (entries := [e for e in session_entries(context, session) if e.unit == "mg"])
    ]
    if not earlier:
        return [unknown_value("last_dose", "Last session's dose", "no earlier session of this case has a dose")]
    _, title, entries = max(earlier, key=lambda each: each[0])
    return [
        Computed(
            id=f"last_dose_{entry.substance}",
            label=f"Last session: {entry.substance}",
            value=entry.amount,
            unit=entry.unit,
            inputs={"session": title, "date": str(entry.on or "–")},
            source="the record of that session",
            tag="calc",
        )
        for entry in entries
    ]


@dataclass(frozen=True, slots=True)
class Cumulative:
    """Anthracyclines as doxorubicin per body surface of each day.

    Attributes
    ----------
    mg_per_m2
        Sum of what is known, unrounded; a lower bound while `missing` is not empty.
    missing
        What could not be counted.
    """

    mg_per_m2: float
    parts: tuple[str, ...]
    missing: tuple[str, ...]


def equivalence(context: StageContext, entry: LedgerEntry) -> float | None:
    """How many mg of doxorubicin 1 mg counts; None for an anthracycline without an entry in the profile."""
    if is_doxorubicin(entry.substance):
        return 1.0
    if entry.substance in (EPIRUBICIN, "表柔比星", "表阿霉素"):
        return number(context.limit("epirubicin_equivalence"))
    return None


def is_anthracycline(entry: LedgerEntry) -> bool:
    named = entry.substance.endswith("rubicin") or entry.substance.endswith("比星")
    return entry.drug_class == ANTHRACYCLINE or named or is_doxorubicin(entry.substance)


def cumulative(context: StageContext, *, planned: bool) -> Cumulative:
    """The anthracycline ledger; with `planned`, the prepared maximum of this session is added."""
    known = earlier_entries(context)
    entries = [each for each in known.entries if each.unit == "mg" and is_anthracycline(each)]
    if planned:
        entries += planned_entries(context)
    total, parts, missing = 0.0, [], list(known.missing)
    for entry in entries:
        factor = equivalence(context, entry)
        if factor is None:
            missing.append(f"{entry.substance} {shown(entry.amount, 'mg')} (no equivalence in the profile)")
        elif entry.bsa_m2 is None:
            missing.append(f"{entry.substance} {shown(entry.amount, 'mg')} (body surface of that day unknown)")
        else:
            total += factor * entry.amount / entry.bsa_m2
            scaled = "" if factor == 1.0 else f"{factor:g} x "
            parts.append(f"{scaled}{entry.amount:g} mg / {entry.bsa_m2:.3f} m²")
    return Cumulative(total, tuple(parts), tuple(dict.fromkeys(missing)))


def planned_entries(context: StageContext) -> list[LedgerEntry]:
    """The anthracyclines of this plan as ledger entries."""
    surface = as_number(context.value("bsa_m2", DOSE))
    rows = [
        {
            "drug": context.value("drug", DOSE),
            "drug_class": context.value("drug_class", DOSE),
            "prepared_maximum": context.value("prepared_maximum", DOSE),
        },
        *context.rows("other_drugs", DOSE),
    ]
    found = []
    for row in rows:
        amount, name = as_number(row.get("prepared_maximum")), text_of(row.get("drug")).casefold()
        if amount is None or not name:
            continue
        drug_class = text_of(row.get("drug_class")) or None
        found.append(LedgerEntry(name, amount, "mg", context.today, context.session.id, drug_class, surface))
    return [each for each in found if is_anthracycline(each)]


@REGISTRY.compute("cumulative_dose")
def cumulative_dose(context: StageContext) -> list[Computed]:
    found, ask = cumulative(context, planned=True), context.limit("anthracycline_ask_mg_m2")
    note = "Conservative: what is given into the liver reaches the heart less."
    if found.missing:
        note = f"Known sessions only. Not counted: {'; '.join(found.missing)}. {note}"
    return [
        Computed(
            id="cumulative_anthracycline",
            label="Anthracycline with this plan, as doxorubicin",
            value=found.mg_per_m2,
            unit="mg/m2",
            inputs={f"{index}": part for index, part in enumerate(found.parts, 1)},
            arithmetic=" + ".join(found.parts) or "nothing known",
            rule="doxorubicin_ledger",
            source=ask.source,
            tag=ask.tag,
            note=note,
        ),
        *_other_drugs(context),
    ]


def _other_drugs(context: StageContext) -> list[Computed]:
    """The sum of every other drug class, in mg, without a limit because none was seen."""
    entries = [each for each in earlier_entries(context).entries if each.unit == "mg" and not is_anthracycline(each)]
    sums: dict[str, float] = {}
    for entry in entries:
        sums[entry.drug_class or entry.substance] = sums.get(entry.drug_class or entry.substance, 0.0) + entry.amount
    note = "Earlier sessions; no limit is known to the profile."
    return [
        Computed(
            id=f"cumulative_{name}",
            label=f"Earlier {name}",
            value=amount,
            unit="mg",
            source="R23",
            tag="calc",
            note=note,
        )
        for name, amount in sums.items()
    ]


@REGISTRY.compute("oil_range")
def oil_range(context: StageContext) -> list[Computed]:
    """Low, usual and high volume per target lesion, both sources shown; how several add up is not known."""
    found: list[Computed] = []
    for lesion in target_lesions(context):
        size = longest_mm(lesion)
        label = f"Lipiodol, {lesion.name}"
        if size is None:
            found.append(unknown_value(f"oil_{lesion.id}", label, "its size is unknown", "lipiodol_range"))
            continue
        constants = {"cap": context.limit("lipiodol_cap_ml")}
        result = ruled(context, "lipiodol_range", {"tumour_diameter": (size / 10, "cm")}, constants=constants)
        low, usual, high = (result.number(name) for name in ("low", "usual", "high"))
        text = f"{shown(low)} / {shown(usual)} / {shown(high)}"
        one = from_rule(
            result,
            "low",
            f"oil_{lesion.id}",
            label,
            inputs={"diameter": f"{size / 10:g} cm"},
            arithmetic=f"0.5 / 1.0 / 1.5 mL per cm x {size / 10:g} cm = {text} mL",
            grade=f"{text} mL",
        )
        found.append(one)
    return found or [unknown_value("oil", "Lipiodol", "no target lesion is known", "lipiodol_range")]
