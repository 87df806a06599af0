"""After the drain: rigor and blood, output, culture, and whether it may go."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.devices import REGISTER
from procedures.drainage.registry import REGISTRY
from procedures.spine.support import against, as_date, as_number, limit, not_evaluated, number


@REGISTRY.check("rigor_or_blood")
def rigor_or_blood(context: StageContext) -> list[Finding]:
    found = []
    if context.value("rigor") == "yes":
        found.append(context.finding("rigor", "Rigor after drainage: cultures, antibiotic, call the operator."))
    if context.value("output_blood") == "fresh":
        found.append(context.finding("fresh-blood", "Fresh blood in the drain: call the operator, image the track."))
    return found


def days_of_output(context: StageContext) -> list[tuple[str, float]]:
    """Date and output of each day of the log that has both, oldest first."""
    rows = [
        (str(row.get("on")), volume)
        for row in context.rows("output", "output_log")
        if as_date(row.get("on")) is not None and (volume := as_number(row.get("output_ml"))) is not None
    ]
    return sorted(rows)


@REGISTRY.check("output_course")
def output_course(context: StageContext) -> list[Finding]:
    """A drain that stopped at once, changed colour or does not bring bilirubin down is looked at."""
    rows, found = context.rows("output"), []
    known = days_of_output(context)
    if not known:
        return [not_evaluated(context, "no output is recorded")]
    if known[0][1] > 0 and known[-1][1] == 0 and context.value("what_done", "check_remove") not in ("removed",):
        found.append(context.finding("drain-stopped", "Nothing drains any more: flush, image; clogged or slipped?"))
    colours = [str(row.get("colour")) for row in rows]
    for code, words in (("blood", "blood"), ("stool", "stool: a fistula to the bowel")):
        if code in colours:
            found.append(context.finding(f"output-{code}", f"The drain brings {words}."))
    if context.value("bilirubin_course") == "not-falling":
        found.append(context.finding("bilirubin-not-falling", "Bilirubin does not fall: contrast check of the drain."))
    return found


@REGISTRY.check("culture_fits")
def culture_fits(context: StageContext) -> list[Finding]:
    answer = context.value("antibiotic_fits")
    if answer in ("fits", "changed", "no-growth"):
        return []
    if answer == "does-not-fit":
        return [context.finding("antibiotic-does-not-fit", "The antibiotic does not fit the culture.")]
    return [not_evaluated(context, "the culture is pending or was not compared with the antibiotic")]


@REGISTRY.check("removal_criteria")
def removal_criteria(context: StageContext) -> list[Finding]:
    """Out with no flow, with fever, with a fistula or with much output is asked about."""
    if context.value("what_done") != "removed":
        return []
    found = []
    if context.value("flow") in ("none", "slow"):
        found.append(context.finding("removed-without-flow", "Removed, and contrast does not flow on freely."))
    if context.value("fever_free") != "yes":
        found.append(context.finding("removed-with-fever", "Removed, and freedom from fever is not recorded."))
    if context.value("fistula_now") == "there-is":
        found.append(context.finding("removed-with-fistula", "Removed, and there is a fistula."))
    if context.value("checked_by_image") in (None, "none"):
        found.append(not_evaluated(context, "it was removed without a check"))
    return [*found, *_output_too_high(context)]


def _output_too_high(context: StageContext) -> list[Finding]:
    """Bile and urine flow on after a drain is out; the output rule is for collections."""
    if context.value("technique", "target") != "collection":
        return []
    most, days, known = limit(context, "output"), int(number(limit(context, "days"))), days_of_output(context)
    if len(known) < days:
        return [not_evaluated(context, f"output of the last {days} days is not recorded")]
    highest = max(volume for _, volume in known[-days:])
    if highest <= number(most):
        return []
    text = f"Removed with {highest:g} mL a day; usual is at most {number(most):g} mL for {days} days."
    return [against(context, "removed-with-output", text, highest, most)]


@REGISTRY.check("register_follows")
def register_follows(context: StageContext) -> list[Finding]:
    done = context.value("what_done")
    if done not in ("removed", "exchanged"):
        return []
    rows = [row for row in context.rows(REGISTER) if row.get("action") == done]
    if not rows:
        return [context.finding("register-behind", f"The drain was {done}; the register of devices does not say so.")]
    if done == "exchanged" and any(as_date(row.get("due_on")) is None for row in rows):
        return [context.finding("register-without-date", "The exchanged drain has no next date.")]
    return []
