"""The way into the portal vein: a new tract is high-risk, avoids tumour and ascites, spares the remnant."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.portal_vein_embolisation.registry import REGISTRY
from procedures.spine.support import not_evaluated, text_of

ACCESS = "arteries_access"
THROUGH_LIVER = frozenset({"ipsilateral", "contralateral"})
NEW_TRACT = THROUGH_LIVER | {"transsplenic"}
"""Ways that make a tract through an organ."""


def route_of(context: StageContext) -> str | None:
    found = context.value("portal_route", ACCESS)
    return found if isinstance(found, str) else None


@REGISTRY.check("high_risk_tract")
def high_risk_tract(context: StageContext) -> list[Finding]:
    """The bleeding class that R15 is judged by, and the access that the fragment judges it for."""
    route = route_of(context)
    if route is None:
        return [not_evaluated(context, "the way in is not chosen")]
    if route not in NEW_TRACT:
        return []
    found = []
    if context.value("bleeding_class", "fitness") != "high":
        text = "A new tract through liver or spleen is in the high-risk class; fitness classes it otherwise."
        found.append(context.finding("class-not-high", text))
    expected = "transhepatic" if route in THROUGH_LIVER else "direct"
    if context.value("access") not in (None, expected):
        text = "The access names another route than the way in: coagulation was judged for the wrong one."
        found.append(context.finding("access-differs", text, subject=f"{context.stage.id}.access"))
    return found


@REGISTRY.check("route_fits")
def route_fits(context: StageContext) -> list[Finding]:
    route, found = route_of(context), []
    tumour, subject = context.value("tumour_on_way"), f"{context.stage.id}.tumour_on_way"
    if tumour == "yes":
        text = "Tumour lies on the way in: it bleeds and seeds; choose another way."
        found.append(context.finding("tumour-on-way", text, subject=subject))
    elif tumour != "no":
        found.append(not_evaluated(context, "whether tumour lies on the way in", subject=subject))
    if route in THROUGH_LIVER and context.value("ascites", "liver_stage") != "none":
        text = "Ascites, or nobody has looked: a tract through the liver bleeds into it; drain it or go another way."
        found.append(context.finding("ascites-on-way", text, subject=f"{context.stage.id}.portal_route"))
    if route == "contralateral":
        text = "Through the remnant: an injury there costs the liver that is to stay."
        more = {"severity": Severity.WARN, "subject": f"{context.stage.id}.remnant"}
        found.append(context.finding("through-remnant", text, **more))
    return found


@REGISTRY.check("portal_anatomy_known")
def portal_anatomy_known(context: StageContext) -> list[Finding]:
    """A variant changes which branches belong to the resected side; it is described."""
    answer = context.value("portal_anatomy")
    if answer == "usual":
        return []
    if answer in (None, "unknown"):
        return [not_evaluated(context, "the division of the portal vein was not judged")]
    if text_of(context.value("portal_note")):
        return []
    text = "A variant of the portal vein, and which branch goes where is not written down."
    return [context.finding("variant-not-described", text)]


@REGISTRY.check("tract_closed")
def tract_closed(context: StageContext) -> list[Finding]:
    """A tract bleeds whether or not anything was given through it."""
    if route_of(context) not in NEW_TRACT:
        return []
    answer = context.value("tract_closed")
    if answer == "closed":
        return []
    if answer in ("bleeding", "not-closed"):
        words = "bleeds" if answer == "bleeding" else "is not closed"
        return [
            context.finding("tract-open", f"The tract through the organ {words}: watch blood pressure and haemoglobin.")
        ]
    return [not_evaluated(context, "whether the tract through the organ was closed")]
