"""After the cycle: the catheter is out and whole or the port flushed, the artery open, no ulcer."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.haic.catheter import CATHETER, PORTS
from procedures.haic.cycle import grade_of
from procedures.haic.registry import REGISTRY
from procedures.spine.support import against, limit, not_evaluated, number


@REGISTRY.check("catheter_out")
def catheter_out(context: StageContext) -> list[Finding]:
    done, whole, artery = context.value("done"), context.value("whole"), context.value("artery")
    port = context.value("device", CATHETER) in PORTS
    found = []
    if done is None:
        found.append(not_evaluated(context, "whether the catheter is out"))
    elif done == "stays" and not port:
        found.append(context.finding("catheter-stays", "The catheter is still in the artery: a date for its end."))
    subject = f"{context.stage.id}.whole"
    if whole == "no":
        found.append(context.finding("catheter-broken", "The catheter is broken: look for the rest.", subject=subject))
    elif whole in (None, "not-checked") or (whole == "not-relevant" and not port):
        found.append(not_evaluated(context, "whether the catheter came out whole", subject=subject))
    subject = f"{context.stage.id}.artery"
    if artery in ("narrow", "occluded"):
        text = f"The hepatic artery is {artery}: said before every later cycle."
        found.append(context.finding("artery", text, subject=subject))
    elif artery != "open":
        found.append(not_evaluated(context, "nobody looked at the hepatic artery at the end", subject=subject))
    return found


@REGISTRY.check("ulcer_after")
def ulcer_after(context: StageContext) -> list[Finding]:
    """An ulcer is drug that ran astray; neuropathy is asked for after every cycle."""
    found = []
    answer, subject = context.value("ulcer"), f"{context.stage.id}.ulcer"
    if answer == "yes":
        text = "Gastric or duodenal ulcer: drug ran outside the liver; no next cycle before it is closed."
        found.append(context.finding("ulcer", text, subject=subject))
    elif answer != "no":
        found.append(not_evaluated(context, "an ulcer was not asked for", subject=subject))
    grade, stop = grade_of(context.value("neuropathy_after")), limit(context, "stop")
    subject = f"{context.stage.id}.neuropathy_after"
    if grade is None:
        found.append(not_evaluated(context, "neuropathy was not examined", subject=subject))
    elif grade >= number(stop):
        text = f"Neuropathy of grade {grade:g} after this cycle."
        found.append(against(context, "neuropathy-after", text, grade, stop, subject=subject))
    return found
