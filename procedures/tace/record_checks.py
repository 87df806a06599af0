"""The record: go or no-go, injections against the plan, completion, closure. Nothing here refuses a record."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.embolisation.places import lesion_name
from procedures.embolisation.record_checks import DONE, nothing_given
from procedures.spine.support import (
    against,
    as_number,
    choices_of,
    limit,
    not_evaluated,
    number,
    text_of,
)
from procedures.tace.dosing import is_doxorubicin
from procedures.tace.registry import REGISTRY
from procedures.tace.tumour import target_lesions

DOSE = "agent_dose"
PORTAL = "portal_shunt_bile"


@REGISTRY.check("before_the_drug")
def before_the_drug(context: StageContext) -> list[Finding]:
    """Asked before the drug is drawn up; with a no-go nothing is asked."""
    if context.value("go") == "no-go":
        return []
    found = []
    covered = {row.get("lesion"): row.get("covered") for row in context.rows("coverage")}
    for lesion in target_lesions(context):
        if covered.get(lesion.id) in (None, "not-evaluated"):
            text = f"Before the drug: coverage of {lesion.name} is not evaluated."
            found.append(context.finding("coverage-unanswered", text, subject=f"angio_findings.{lesion.id}"))
        elif covered[lesion.id] == "not":
            text = f"{lesion.name} is not covered from here."
            found.append(context.finding("not-covered", text, subject=f"angio_findings.{lesion.id}"))
    shunt = context.value("shunt")
    if shunt in (None, "unknown"):
        found.append(
            context.finding("shunt-unanswered", "Before the drug: a shunt was not looked for.", subject="shunt")
        )
    elif shunt in ("arterioportal", "arteriovenous"):
        text = f"An {shunt} shunt was seen: treat it before oil or small particles."
        found.append(context.finding("shunt-at-angiography", text, subject="shunt"))
    return found


@REGISTRY.check("plan_against_angiography")
def plan_against_angiography(context: StageContext) -> list[Finding]:
    found = []
    planned, seen = context.value("portal_vein", PORTAL), context.value("portal_return")
    if seen not in (None, "not-seen") and planned is not None and seen != planned:
        text = f"Portal vein: {planned} on CT, {seen} at angiography."
        found.append(context.finding("portal-differs", text))
    if context.value("feeders_as_planned") == "no":
        new = text_of(context.value("new_feeders")) or "not said which"
        found.append(context.finding("feeders-differ", f"Feeders are not as planned: {new}."))
    before = {context.value(name, PORTAL) for name in ("shunt_ap", "shunt_av")}
    if context.value("shunt") in ("arterioportal", "arteriovenous") and not before & {"small", "large"}:
        found.append(context.finding("shunt-differs", "A shunt that CT had not shown."))
    return found


def given_amounts(context: StageContext) -> dict[str, float]:
    """Drug -> mg given in this session."""
    sums: dict[str, float] = {}
    for row in context.rows("drugs_given"):
        amount, name = as_number(row.get("amount")), text_of(row.get("drug")).casefold()
        if amount is not None and name:
            sums[name] = sums.get(name, 0.0) + amount
    return sums


@REGISTRY.check("given_over_plan")
def given_over_plan(context: StageContext) -> list[Finding]:
    planned = {text_of(context.value("drug", DOSE)).casefold(): as_number(context.value("prepared_maximum", DOSE))}
    for row in context.rows("other_drugs", DOSE):
        planned[text_of(row.get("drug")).casefold()] = as_number(row.get("prepared_maximum"))
    found, cap = [], limit(context, "cap")
    for name, amount in given_amounts(context).items():
        subject, maximum = f"injections.{name}", planned.get(name)
        if maximum is None:
            found.append(
                context.finding("not-planned", f"{name}: {amount:g} mg given, not in the plan.", subject=subject)
            )
        elif amount > maximum:
            text = f"{name}: {amount:g} mg given, {maximum:g} mg prepared at most."
            more = {"measured": amount, "limit": maximum, "unit": "mg", "subject": subject}
            found.append(context.finding("given-over-plan", text, **more))
        if is_doxorubicin(name) and amount > number(cap):
            text = f"Doxorubicin {amount:g} mg given, above the cap of {number(cap):g} mg per treatment."
            found.append(against(context, "given-over-cap", text, amount, cap, subject=subject))
    return [*found, *_oil_given(context)]


def _oil_given(context: StageContext) -> list[Finding]:
    given = sum(as_number(row.get("oil")) or 0.0 for row in context.rows("injections"))
    planned, cap = as_number(context.value("oil_maximum", DOSE)), limit(context, "oil_cap")
    if given > number(cap):
        text = f"Lipiodol {given:g} mL given, above {number(cap):g} mL per treatment."
        return [against(context, "oil-over-cap", text, given, cap, subject="injections.oil")]
    if planned is not None and given > planned:
        text = f"Lipiodol {given:g} mL given, {planned:g} mL planned at most."
        more = {"measured": given, "limit": planned, "unit": "mL", "subject": "injections.oil"}
        return [context.finding("given-over-plan", text, **more)]
    return []


@REGISTRY.check("injection_dangers")
def injection_dangers(context: StageContext) -> list[Finding]:
    found = []
    for row in context.rows("injections"):
        place = f"Position {row.get('position')}"
        said = (
            ("reflux", row.get("reflux") == "yes", "reflux; non-target arteries are at risk"),
            (
                "portal-oil",
                row.get("portal_oil") == "beyond",
                "portal branches filled beyond the tumour's surroundings",
            ),
            ("wedged", row.get("wedged") == "yes", "the catheter was wedged"),
        )
        found += [
            context.finding(code, f"{place}: {words}.", subject=f"injections.{row.get('position')}.{code}")
            for code, happened, words in said
            if happened
        ]
        if row.get("status") in DONE and row.get("endpoint") in (None, "not-judged"):
            why = f"{place.lower()}: the endpoint was not judged"
            found.append(not_evaluated(context, why, subject=f"injections.{row.get('position')}.endpoint"))
    return found


@REGISTRY.check("drugs_complete")
def drugs_complete(context: StageContext) -> list[Finding]:
    rows = context.rows("drugs_given")
    treated = any(row.get("status") in DONE for row in context.rows("injections"))
    technique = context.value("technique", DOSE)
    if not rows and treated and technique in ("ctace", "deb-tace"):
        return [context.finding("no-drug-recorded", "Positions were treated, but no drug is recorded.")]
    return [
        context.finding("drug-incomplete", f"Row {number_of}: drug, class or amount is missing.")
        for number_of, row in enumerate(rows, 1)
        if not (text_of(row.get("drug")) and row.get("drug_class") and as_number(row.get("amount")) is not None)
    ]


@REGISTRY.check("completion_dangers")
def completion_dangers(context: StageContext) -> list[Finding]:
    found = []
    if context.value("portal_branch_oil") == "segmental":
        found.append(context.finding("portal-oil", "Oil in portal branches, segmental or beyond: liver tests early."))
    deposits = set(choices_of(context.value("non_target")))
    if "not-looked-for" in deposits:
        found.append(not_evaluated(context, "non-target deposit was not looked for", code="non-target-unknown"))
    elif deposits - {"none"}:
        text = f"Non-target deposit: {', '.join(sorted(deposits - {'none'}))}."
        found.append(context.finding("non-target", text))
    injury = context.value("arterial_injury")
    if injury not in (None, "none"):
        found.append(context.finding("arterial-injury", f"Arterial injury: {injury}; carried to every later session."))
    if context.value("final_run") == "none" and not nothing_given(context):
        found.append(not_evaluated(context, "there is no final run", code="no-final-run"))
    return found


@REGISTRY.check("endpoint_read")
def endpoint_read(context: StageContext) -> list[Finding]:
    """An endpoint stands on what was seen: without a run after treatment it is not evaluated, and said so."""
    if nothing_given(context):
        return []
    found = []
    if context.value("endpoint") in (None, "not-judged"):
        found.append(not_evaluated(context, "the endpoint at the end was not judged", subject="endpoint"))
    if context.value("stasis") in (None, "not-judged"):
        found.append(not_evaluated(context, "flow in the treated arteries was not judged", subject="stasis"))
    if context.value("final_run") in ("dsa", "both") and "dsa-after" not in context.session.series_roles:
        text = "A DSA after treatment was done, but no run is named: attach it so that the next session can compare."
        found.append(context.finding("no-run-after", text, subject="dsa_after"))
    if "dsa-after" in context.session.series_roles and "dsa-before" not in context.session.series_roles:
        text = "There is a run after treatment and none before: the endpoint cannot be compared."
        found.append(context.finding("no-run-before", text, subject="dsa_series"))
    return found


@REGISTRY.check("untreated_explained")
def untreated_explained(context: StageContext) -> list[Finding]:
    rows = context.rows("injections", "injections")
    treated = {name for row in rows if row.get("status") in DONE for name in choices_of(row.get("lesions"))}
    reasons = {row.get("lesion") for row in context.rows("untreated") if text_of(row.get("reason"))}
    return [
        context.finding("untreated", f"{lesion.name} was not treated, and why is not written down.", subject=lesion.id)
        for lesion in target_lesions(context)
        if lesion.id not in treated and lesion.id not in reasons
    ]


@REGISTRY.check("retention_read")
def retention_read(context: StageContext) -> list[Finding]:
    if nothing_given(context):
        return []
    read = {row.get("lesion"): row.get("retention") for row in context.rows("retention")}
    rows = context.rows("injections", "injections")
    treated = dict.fromkeys(
        name for row in rows if row.get("status") in DONE for name in choices_of(row.get("lesions"))
    )
    found = []
    for lesion_id in treated:
        name = lesion_name(context, lesion_id)
        if read.get(lesion_id) in (None, "not-evaluated"):
            found.append(not_evaluated(context, f"oil retention of {name} was not read", subject=lesion_id))
        elif read[lesion_id] == "under-50":
            text = f"Oil retention of {name} is below 50 %."
            found.append(context.finding("low-retention", text, severity=Severity.INFO, subject=lesion_id))
    return found
