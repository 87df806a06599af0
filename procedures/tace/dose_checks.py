"""Gates of agent and dose: cap, range, bilirubin, second person, cumulative, oil, shunt, body surface (R10)."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.spine.body_surface import surface_agrees
from procedures.spine.support import (
    against,
    as_findings,
    as_number,
    in_unit,
    laboratory,
    limit,
    not_evaluated,
    number,
    ruled,
    text_of,
)
from procedures.tace.dosing import (
    cumulative,
    dose_results,
    is_doxorubicin,
    planned_drug,
)
from procedures.tace.registry import REGISTRY

PORTAL = "portal_shunt_bile"


def planned_drugs(context: StageContext) -> list[tuple[str, float | None, float | None]]:
    """Every drug of the plan: name, prepared maximum, and the number that the second person typed (mg)."""
    first = (
        text_of(context.value("drug")),
        as_number(context.value("prepared_maximum")),
        as_number(context.value("second_person_maximum")),
    )
    more = [
        (text_of(row.get("drug")), as_number(row.get("prepared_maximum")), as_number(row.get("second_person_maximum")))
        for row in context.rows("other_drugs")
    ]
    return [first, *more]


REGISTRY.check("body_surface_agrees")(surface_agrees)


@REGISTRY.check("prepared_dose_within_cap")
def prepared_dose_within_cap(context: StageContext) -> list[Finding]:
    cap, found = limit(context, "cap"), []
    for name, maximum, _ in planned_drugs(context):
        subject = f"{context.stage.id}.{name or 'drug'}"
        if not name or maximum is None:
            why = f"the prepared maximum of {name or 'the drug'} is not typed"
            found.append(not_evaluated(context, why, code="dose-not-evaluated", subject=subject))
        elif is_doxorubicin(name):
            if maximum > number(cap):
                text = f"Doxorubicin {maximum:g} mg is above the cap of {number(cap):g} mg per treatment."
                found.append(against(context, "dose-over-cap", text, maximum, cap, subject=subject))
        else:
            text = f"Not checked: the profile knows no cap per treatment for {name}."
            found.append(
                context.finding("no-cap-known", text, severity=Severity.INFO, overridable=True, subject=subject)
            )
    return found


@REGISTRY.check("prepared_dose_in_range")
def prepared_dose_in_range(context: StageContext) -> list[Finding]:
    maximum = as_number(context.value("prepared_maximum"))
    if not is_doxorubicin(planned_drug(context)) or maximum is None:
        return []
    results = dose_results(context)
    if results is None:
        return [not_evaluated(context, "the dose range: body surface or bilirubin in date is unknown")]
    low, high = results[0].number("low"), results[0].number("high")
    if low is None or high is None:
        return [not_evaluated(context, "the dose range could not be computed")]
    more = {"measured": maximum, "unit": "mg", "source": results[0].source, "tag": results[0].tag}
    if maximum > high:
        text = f"Doxorubicin {maximum:g} mg is above the range of {low:.0f}-{high:.0f} mg."
        return [context.finding("dose-above-range", text, limit=high, **more)]
    if maximum < low:
        text = f"Doxorubicin {maximum:g} mg is below {low:.0f}-{high:.0f} mg by formula; protocols seen give 20-60 mg."
        return [context.finding("dose-below-range", text, limit=low, severity=Severity.INFO, **more)]
    return []


@REGISTRY.check("dose_for_bilirubin")
def dose_for_bilirubin(context: StageContext) -> list[Finding]:
    """Above 5 mg/dL none; below, the amount per area by bilirubin is not exceeded without a reason."""
    maximum, surface = as_number(context.value("prepared_maximum")), as_number(context.value("bsa_m2"))
    if not is_doxorubicin(planned_drug(context)) or maximum is None or maximum == 0:
        return []
    known = laboratory(context, "bilirubin", limit(context, "bilirubin_window"))
    if known.missing is not None or surface is None:
        return [not_evaluated(context, known.missing or "the body surface is not known", code="dose-bilirubin-unknown")]
    result = ruled(context, "doxorubicin_bilirubin", {"bilirubin": known})
    per_area = result.number("dose_per_area")
    if per_area is None:
        return [not_evaluated(context, "bilirubin cannot be used as it stands", code="dose-bilirubin-unknown")]
    allowed = per_area * surface
    if maximum <= allowed:
        return []
    shown_bilirubin = in_unit("bilirubin", known, "mg/dL") or 0.0
    said = "no doxorubicin" if per_area == 0 else f"at most {per_area:g} mg/m² = {allowed:.0f} mg"
    text = f"Bilirubin {shown_bilirubin:.1f} mg/dL: {said} (Llovet); prepared are {maximum:g} mg."
    more = {"measured": maximum, "limit": allowed, "unit": "mg", "source": result.source, "tag": result.tag}
    return [context.finding("dose-for-bilirubin", text, **more)]


@REGISTRY.check("second_person_agrees")
def second_person_agrees(context: StageContext) -> list[Finding]:
    found = []
    for name, maximum, second in planned_drugs(context):
        subject = f"{context.stage.id}.{name or 'drug'}"
        if maximum is None:
            continue
        if second is None:
            text = f"No second person has typed the maximum of {name or 'the drug'} again."
            found.append(context.finding("no-second-check", text, subject=subject))
        elif second != maximum:
            text = f"{name or 'The drug'}: {maximum:g} mg and, by the second person, {second:g} mg."
            found.append(
                context.finding(
                    "second-person-differs", text, measured=second, limit=maximum, unit="mg", subject=subject
                )
            )
    return found


@REGISTRY.check("cumulative_within")
def cumulative_within(context: StageContext) -> list[Finding]:
    total = cumulative(context, planned=True)
    risk = context.value("cardiac_risk", "fitness")
    constants = {
        "warn_from": limit(context, "warn"),
        "ask_from": limit(context, "ask"),
        "ask_from_cardiac_risk": limit(context, "ask_cardiac"),
    }
    inputs = {"cumulative_dose": (total.mg_per_m2, "mg/m2"), "cardiac_risk": risk != "no"}
    found = as_findings(context, ruled(context, "doxorubicin_limit", inputs, constants=constants))
    if found and risk not in ("yes", "no"):
        text = "Cardiac risk is not known: the stricter limit was used."
        found.append(context.finding("cardiac-risk-unknown", text, severity=Severity.INFO))
    if total.missing:
        text = f"The cumulative dose may be higher; not counted: {'; '.join(total.missing)}."
        found.append(context.finding("cumulative-incomplete", text, severity=Severity.WARN))
    return found


@REGISTRY.check("oil_within")
def oil_within(context: StageContext) -> list[Finding]:
    volume, cap = as_number(context.value("oil_maximum")), limit(context, "cap")
    if volume is None:
        return [not_evaluated(context, "the Lipiodol volume is not typed", code="oil-not-evaluated")]
    if volume <= number(cap):
        return []
    text = f"Lipiodol {volume:g} mL is above {number(cap):g} mL per treatment."
    return [against(context, "oil-over-cap", text, volume, cap)]


@REGISTRY.check("shunt_with_agent")
def shunt_with_agent(context: StageContext) -> list[Finding]:
    """Oil, or particles up to the profile's size, into a shunt that is not treated first."""
    small = limit(context, "small")
    sizes = [as_number(context.value(name)) for name in ("bead_size", "final_embolic_size")]
    oil = context.value("technique") == "ctace"
    risky = oil or any(size is not None and size <= number(small) for size in sizes)
    if not risky or text_of(context.value("shunt_treated_first")):
        return []
    agent = "Oil" if oil else "Small particles"
    found = []
    for name, words in (("shunt_ap", "arterioportal"), ("shunt_av", "arteriovenous")):
        answer = context.value(name, PORTAL)
        subject = f"{context.stage.id}.{name}"
        if answer in ("small", "large"):
            text = f"{agent} with a known {words} shunt: treat the shunt first, or give a reason."
            found.append(context.finding("shunt-with-agent", text, subject=subject))
        elif answer != "none-seen":
            found.append(
                not_evaluated(context, f"{words} shunts were not judged", code="shunt-unknown", subject=subject)
            )
    if context.value("right_to_left_shunt", PORTAL) == "yes" and oil:
        found.append(context.finding("shunt-with-agent", "Oil with a right-to-left shunt.", subject="right_to_left"))
    return found


@REGISTRY.check("recent_chemotherapy")
def recent_chemotherapy(context: StageContext) -> list[Finding]:
    if context.case.diagnosis.histology == "HCC":
        return []
    answer = context.value("systemic_therapy", "referral")
    if answer == "no":
        return []
    if answer == "yes":
        text = "Systemic chemotherapy within 3 months before beads in metastases: more liver abscesses were seen."
        return [context.finding("recent-chemotherapy", text)]
    return [not_evaluated(context, "systemic therapy of the last 3 months is not known")]


@REGISTRY.check("irinotecan_lidocaine")
def irinotecan_lidocaine(context: StageContext) -> list[Finding]:
    if "irinotecan" not in planned_drug(context) or context.value("intra_arterial_lidocaine") == "yes":
        return []
    return [context.finding("irinotecan-lidocaine", "Irinotecan beads hurt: intra-arterial lidocaine is not planned.")]
