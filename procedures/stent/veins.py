"""Veins: severity, thrombus first, balloon first, what a caval stent may close, anticoagulation."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import asked, chosen, site_of

ACUTE = frozenset({"stridor", "cerebral"})


@REGISTRY.check("svc_severity")
def svc_severity(context: StageContext) -> list[Finding]:
    """Stridor and cerebral signs are an emergency; a low score leaves time for tissue and radiotherapy."""
    score, severe = as_number(context.value("kishi")), limit(context, "severe")
    if score is None:
        return [not_evaluated(context, "the Kishi score", subject="first_steps.kishi")]
    acute = chosen(context, "danger_now", "obstruction") & ACUTE
    if acute and score < number(severe):
        text = f"Kishi {score:.0f} is answered beside {' and '.join(sorted(acute))}: count again."
        return [against(context, "kishi-contradicts", text, score, severe, subject="first_steps.kishi")]
    if score < number(severe):
        text = f"Kishi {score:.0f}: below {number(severe):g} a stent is not urgent; tissue and therapy may come first."
        more = {"severity": Severity.INFO, "subject": "first_steps.kishi"}
        return [against(context, "kishi-low", text, score, severe, **more)]
    return []


@REGISTRY.check("svc_pack")
def svc_pack(context: StageContext) -> list[Finding]:
    """One brachiocephalic vein opened is enough, when it is open beyond; leads do not lie behind a stent unasked."""
    closed = {
        "both-closed": ("both-closed", "Both brachiocephalic veins are closed: say which one is opened, and how.")
    }
    found = [
        *asked(
            context, "brachiocephalic", "both brachiocephalic veins were not looked at", closed,
            fine=("both-open", "right-open", "left-open"),
        ),
        *asked(context, "azygos", "the azygos vein was not looked at", {}, fine=("above", "below", "both")),
    ]  # fmt: skip
    leads = context.value("leads")
    if leads == "yes" and not text_of(context.value("leads_plan")):
        text = "A lead, port or line lies in it: what happens to it is not planned; a stent traps it."
        found.append(context.finding("lead-trapped", text, subject="first_steps.leads"))
    elif leads not in ("yes", "no"):
        found.append(not_evaluated(context, "leads, ports and lines were not looked for", subject="first_steps.leads"))
    return found


@REGISTRY.check("thrombus_first")
def thrombus_first(context: StageContext) -> list[Finding]:
    """Fresh thrombus is lysed or aspirated; old thrombus behind a membrane is opened in stages."""
    thrombus, plan = context.value("thrombus"), context.value("thrombus_plan")
    if thrombus == "none":
        return []
    if thrombus in (None, "unknown"):
        return [not_evaluated(context, "thrombus was not looked for", code="thrombus-unanswered")]
    if plan is None or plan == "nothing":
        text = f"{str(thrombus).capitalize()} thrombus and nothing planned: it goes to the lung when the way opens."
        return [context.finding("thrombus-without-plan", text)]
    if thrombus == "fresh" and plan == "covered-over":
        return [context.finding("fresh-thrombus", "Fresh thrombus under a stent: lysis or aspiration first.")]
    if thrombus == "old" and site_of(context) == "ivc" and plan != "staged":
        text = "Old thrombus behind the stricture: a small opening first, the stent weeks later."
        return [context.finding("old-thrombus", text)]
    return []


@REGISTRY.check("balloon_first")
def balloon_first(context: StageContext) -> list[Finding]:
    """Budd-Chiari: the balloon alone is proposed first; a stent is for recoil, with its reason."""
    if context.value("venous_type") in ("compressed", "after-surgery"):
        return []
    answer = context.value("balloon_first")
    if answer in ("planned", "done-failed", "same-session"):
        return []
    subject = "first_steps.balloon_first"
    if answer is None:
        return [not_evaluated(context, "whether the balloon comes first", subject=subject)]
    if text_of(context.value("balloon_reason")):
        return []
    text = "A stent at once, and why not the balloon alone is not written down."
    return [context.finding("stent-before-balloon", text, subject=subject)]


@REGISTRY.check("budd_chiari_pack")
def budd_chiari_pack(context: StageContext) -> list[Finding]:
    types = ("hepatic-vein", "membranous", "segmental", "compressed", "after-surgery")
    found = [
        *asked(context, "venous_type", "the type of obstruction", {}, fine=types),
        *asked(
            context, "accessory_vein", "an accessory hepatic vein was not looked for", {},
            fine=("large-open", "stenosed", "none"),
        ),
    ]  # fmt: skip
    if context.value("accessory_vein") == "large-open":
        text = "A large accessory hepatic vein is open: it may drain enough; keep it open."
        found.append(
            context.finding("accessory-vein", text, severity=Severity.INFO, subject="first_steps.accessory_vein")
        )
    budd = context.value("venous_type") in ("hepatic-vein", "membranous", "segmental")
    if budd and not text_of(context.value("hcc_surveillance")):
        text = "Budd-Chiari: HCC surveillance is not planned."
        found.append(context.finding("no-surveillance", text, subject="first_steps.hcc_surveillance"))
    return found


@REGISTRY.check("portal_pack")
def portal_pack(context: StageContext) -> list[Finding]:
    """Varices may bleed under anticoagulation; a stent into nothing opens nothing."""
    varices = {"untreated": ("varices-untreated", "Untreated varices and anticoagulation: treat them, or say why not.")}
    closed = {"no": ("no-open-branch", "No open branch beyond the stricture: the stent has nowhere to drain.")}
    return [
        *asked(context, "varices", "varices were not looked for", varices, fine=("none", "treated")),
        *asked(context, "portal_branches", "branches beyond it were not looked at", closed),
    ]


@REGISTRY.check("anticoagulation_planned")
def anticoagulation_planned(context: StageContext) -> list[Finding]:
    if text_of(context.value("anticoagulation_plan")):
        return []
    text = "Anticoagulation or antiplatelet after the stent is not planned, nor why there is none."
    return [context.finding("no-anticoagulation-plan", text, subject="first_steps.anticoagulation_plan")]
