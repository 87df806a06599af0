"""Irreversible electroporation: voltage, spacing, heart, metal (R14)."""

from __future__ import annotations

from typing import Any

from planner.clinical.comparisons import above, at_least, at_most, below
from planner.clinical.results import RuleResult
from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed, Limit
from procedures.ablation.registry import REGISTRY
from procedures.spine.support import (
    against,
    as_number,
    from_rule,
    limit,
    not_evaluated,
    number,
    ruled,
    text_of,
    unknown_value,
)

MM_PER_CM = 10.0


def voltage_result(context: StageContext, spacing_cm: float, per_cm: Limit, most: Limit) -> RuleResult:
    constants = {"volts_per_cm": per_cm, "limit": most}
    return ruled(context, "ire_voltage", {"spacing": (spacing_cm, "cm")}, constants=constants)


def pair_name(row: dict[str, Any], place: int) -> str:
    return text_of(row.get("pair")) or f"Pair {place}"


@REGISTRY.check("ire_voltage_allowed")
def ire_voltage_allowed(context: StageContext) -> list[Finding]:
    """The voltage of the spacing, and the one typed, against the generator's limit."""
    per_cm, most = limit(context, "per_cm"), limit(context, "most")
    found = []
    rows = context.rows("ire_pairs")
    if not rows:
        return [not_evaluated(context, "no electrode pair is listed", overridable=True)]
    for place, row in enumerate(rows, start=1):
        name, subject = pair_name(row, place), f"modality.ire_pairs.{place}"
        spacing, typed = as_number(row.get("spacing")), as_number(row.get("voltage"))
        if spacing is None or spacing <= 0:
            why = f"the spacing of {name} is not known"
            found.append(not_evaluated(context, why, overridable=True, subject=subject))
            continue
        wanted = voltage_result(context, spacing, per_cm, most).number("voltage")
        for volts, words in ((wanted, f"{spacing:g} cm"), (typed, "as set")):
            if volts is not None and above(volts, number(most)):
                text = f"{name} ({words}): {volts:.0f} V, the limit is {number(most):g} V; place electrodes closer."
                found.append(against(context, "voltage-limit", text, volts, most, subject=subject))
    return found


@REGISTRY.compute("ire_voltages")
def ire_voltages(context: StageContext) -> list[Computed]:
    per_cm, most = context.limit("ire_volts_per_cm"), context.limit("ire_maximum_volts")
    found: list[Computed] = []
    for place, row in enumerate(context.rows("ire_pairs"), start=1):
        name, spacing = pair_name(row, place), as_number(row.get("spacing"))
        if spacing is None or spacing <= 0:
            found.append(unknown_value(f"ire_{place}", name, "its spacing is not known", "ire_voltage"))
            continue
        result = voltage_result(context, spacing, per_cm, most)
        volts = result.number("voltage")
        arithmetic = f"{number(per_cm):g} x {spacing:g} cm = {volts:.0f} V" if volts is not None else ""
        inputs = {"spacing": f"{spacing:g} cm"}
        found.append(from_rule(result, "voltage", f"ire_{place}", name, inputs=inputs, arithmetic=arithmetic))
    return found or [unknown_value("ire", "Voltage", "no electrode pair is listed", "ire_voltage")]


@REGISTRY.check("ire_geometry")
def ire_geometry(context: StageContext) -> list[Finding]:
    low, high, longest = limit(context, "low"), limit(context, "high"), limit(context, "exposure")
    found = []
    for place, row in enumerate(context.rows("ire_pairs"), start=1):
        spacing = as_number(row.get("spacing"))
        if spacing is None:
            continue
        measured = spacing * MM_PER_CM
        if at_least(measured, number(low)) and at_most(measured, number(high)):
            continue
        crossed = low if below(measured, number(low)) else high
        text = f"{pair_name(row, place)}: spacing {measured:g} mm; {number(low):g}-{number(high):g} mm is practised."
        found.append(against(context, "ire-spacing", text, measured, crossed, subject=f"modality.ire_pairs.{place}"))
    exposure = as_number(context.value("ire_exposure"))
    if exposure is None:
        found.append(not_evaluated(context, "the exposed length is not typed", subject="modality.ire_exposure"))
    elif above(exposure, number(longest)):
        text = f"Exposed length {exposure:g} mm; {number(longest):g} mm is practised, longer needs pull-backs."
        found.append(against(context, "ire-exposure", text, exposure, longest, subject="modality.ire_exposure"))
    return found


@REGISTRY.check("ire_heart")
def ire_heart(context: StageContext) -> list[Finding]:
    found = []
    rhythm = context.value("ire_rhythm")
    if rhythm == "arrhythmia":
        found.append(context.finding("arrhythmia", "Arrhythmia: electroporation is contraindicated.", subject="rhythm"))
    elif rhythm != "sinus":
        found.append(not_evaluated(context, "the heart rhythm is not known", subject="rhythm"))
    for name, text in (
        ("ecg_gating", "Pulses without ECG gating."),
        ("nmb", "No muscle relaxation is booked: the body jerks with each pulse."),
    ):
        if context.value(name) != "yes":
            found.append(context.finding(name.replace("_", "-"), text, subject=f"modality.{name}"))
    if context.value("pacemaker", "fitness") == "yes":
        text = "Pacemaker or ICD and electroporation."
        found.append(context.finding("icd-electroporation", text, subject="fitness.pacemaker"))
    return found


@REGISTRY.check("ire_metal")
def ire_metal(context: StageContext) -> list[Finding]:
    distance, least = as_number(context.value("metal_distance")), limit(context, "distance")
    if distance is None:
        return [not_evaluated(context, "the distance to metal is not known")]
    if at_least(distance, number(least)):
        return []
    text = f"Metal {distance:g} mm from the electrodes: it carries current and heats."
    return [against(context, "metal-near", text, distance, least, subject="modality.metal_distance")]
