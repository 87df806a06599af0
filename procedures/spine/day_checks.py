"""The three checks of the day, and what sign-out must say."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.spine.registry import REGISTRY
from procedures.spine.support import against, as_number, choices_of, limit, not_evaluated, number, text_of

SIGN_IN = {
    "consent_seen": "Consent was not seen.",
    "fasting": "Fasting was not kept.",
    "allergy_checked": "Allergies were not checked.",
    "laboratory_checked": "The laboratory was not checked.",
    "holds_verified": "Medicine holds were not verified.",
    "iv_access": "There is no intravenous access.",
}
TIME_OUT = ("patient", "procedure", "images", "allergies", "overrides_read", "maximum_dose", "contrast_limit", "kit")


@REGISTRY.check("kit_in_stock")
def kit_in_stock(context: StageContext) -> list[Finding]:
    found = []
    for row in context.rows("kit"):
        state, item = row.get("in_stock"), text_of(row.get("item")) or "an item without name"
        if state == "yes":
            continue
        said = "is not in stock" if state == "no" else "was not looked for in stock"
        found.append(context.finding("not-in-stock", f"{item} {said}.", subject=f"kit_budget.{item}"))
    return found


@REGISTRY.check("kit_bail_out")
def kit_bail_out(context: StageContext) -> list[Finding]:
    if any(row.get("bail_out") == "yes" for row in context.rows("kit")):
        return []
    return [context.finding("no-bail-out", "No bail-out material (coils, covered stent, snare) is on the kit list.")]


@REGISTRY.check("identity_matches")
def identity_matches(context: StageContext) -> list[Finding]:
    found = []
    for name, words in (("identity_first", "name and birth date"), ("identity_second", "the hospital number")):
        answer = context.value(name)
        if answer == "no":
            found.append(context.finding("identity-mismatch", f"The identity does not match: {words}.", subject=name))
        elif answer != "yes":
            text = f"Not evaluated: {words} was not checked."
            found.append(context.finding("identity-not-checked", text, subject=name))
    return found


@REGISTRY.check("side_marked")
def side_marked(context: StageContext) -> list[Finding]:
    answer = context.value("side_marked")
    if answer in ("marked", "not-applicable"):
        return []
    said = "is not marked" if answer == "not-marked" else "was not answered"
    return [context.finding("side-not-marked", f"Side, site or level {said}.")]


@REGISTRY.check("sign_in_answers")
def sign_in_answers(context: StageContext) -> list[Finding]:
    found = [
        context.finding(f"sign-in-{name}", text, subject=f"sign_in.{name}")
        for name, text in SIGN_IN.items()
        if context.value(name) == "no"
    ]
    pregnancy = context.value("pregnancy_today")
    if pregnancy == "positive":
        found.append(context.finding("pregnant", "The pregnancy test is positive.", subject="sign_in.pregnancy_today"))
    elif pregnancy == "not-done":
        found.append(not_evaluated(context, "no pregnancy test was done today", subject="sign_in.pregnancy_today"))
    return found


@REGISTRY.check("weight_changed")
def weight_changed(context: StageContext) -> list[Finding]:
    today, planned = as_number(context.value("weight_today")), context.case.patient.weight_kg
    if today is None or planned is None:
        return [not_evaluated(context, "today's weight or the planned weight is not known")]
    change, allowed = 100.0 * abs(today - planned) / planned, limit(context, "fraction")
    if change <= number(allowed):
        return []
    text = f"Weight today {today:g} kg, planned with {planned:g} kg: doses and contrast were computed with the latter."
    return [against(context, "weight-changed", text, change, allowed)]


@REGISTRY.check("unchanged_today")
def unchanged_today(context: StageContext) -> list[Finding]:
    answer = context.value("change_since_plan")
    if answer == "no":
        return []
    if answer == "yes":
        what = text_of(context.value("change_text")) or "not said what"
        return [context.finding("changed-since-plan", f"Something changed since the plan: {what}.")]
    return [not_evaluated(context, "whether anything changed since the plan is not known")]


@REGISTRY.check("position_as_planned")
def position_as_planned(context: StageContext) -> list[Finding]:
    today, planned = context.value("position_today"), context.value("patient_position", "positions")
    if planned is None or today == planned:
        return []
    if today is None:
        return [not_evaluated(context, "how the patient lies today is not known")]
    text = f"The plan is for a patient who lies {planned}, today {today}: angles and sides change."
    return [context.finding("position-mismatch", text)]


@REGISTRY.check("time_out_answers")
def time_out_answers(context: StageContext) -> list[Finding]:
    labels = {each.id: each.label for each in context.stage.fields}
    found = [
        context.finding("time-out-no", f"Answered no: {labels.get(name, name)}.", subject=f"time_out.{name}")
        for name in TIME_OUT
        if context.value(name) == "no"
    ]
    if context.value("anaesthetist") == "absent":
        found.append(context.finding("anaesthetist-absent", "An anaesthetist is needed and absent."))
    return found


@REGISTRY.check("time_out_recorded")
def time_out_recorded(context: StageContext) -> list[Finding]:
    if context.value("time_out_done") != "no":
        return []
    return [context.finding("no-time-out", "No time-out was done.")]


@REGISTRY.check("dose_report_agrees")
def dose_report_agrees(context: StageContext) -> list[Finding]:
    typed, report = as_number(context.value("air_kerma")), as_number(context.value("dose_report_kerma"))
    if typed is None or report is None or report == 0:
        return []
    difference, allowed = 100.0 * abs(typed - report) / report, limit(context, "tolerance")
    if difference <= number(allowed):
        return []
    text = f"Typed {typed:g} Gy, the dose report says {report:g} Gy."
    return [against(context, "dose-report-differs", text, difference, allowed)]


@REGISTRY.check("contrast_over_plan")
def contrast_over_plan(context: StageContext) -> list[Finding]:
    given, planned = (
        as_number(context.value("contrast_given")),
        as_number(context.value("contrast_maximum", "kit_budget")),
    )
    if given is None or planned is None or given <= planned:
        return []
    text = f"Contrast given {given:g} mL, planned at most {planned:g} mL."
    return [context.finding("contrast-over-plan", text, measured=given, limit=planned, unit="mL")]


@REGISTRY.check("counts_complete")
def counts_complete(context: StageContext) -> list[Finding]:
    found = []
    if context.value("counts") == "no":
        found.append(context.finding("counts-incomplete", "Needles, wires or swabs are not complete."))
    if "not-labelled" in choices_of(context.value("specimens")):
        found.append(context.finding("specimens-not-labelled", "Specimens are not labelled."))
    return found
