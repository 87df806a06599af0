"""Kit and the day: spare stent, rescue material of the site, the antibiotic in time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.spine.support import against, limit, not_evaluated, number
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import VENOUS, asked, site_of

MINUTE = 60.0


def moment(value: Any) -> datetime | None:
    """An ISO date and time; None for unknown."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


@REGISTRY.check("spare_stent")
def spare_stent(context: StageContext) -> list[Finding]:
    told = {"not-there": ("no-spare-stent", "No second stent: one that lies wrong or too short cannot be extended.")}
    fine = ("on-shelf", "not-needed")
    return asked(context, "spare_stent", "whether a second stent is on the shelf", told, fine=fine)


@REGISTRY.check("rescue_kit")
def rescue_kit(context: StageContext) -> list[Finding]:
    """Each site's own emergency: tamponade, a closed airway, a torn vessel."""
    site, found = site_of(context), []
    if site == "svc":
        told = {"no": ("no-tamponade-kit", "No pericardial tamponade kit in the room.")}
        found += asked(context, "tamponade_kit", "the pericardial tamponade kit", told)
    if site in ("tracheobronchial", "oesophageal"):
        told = {"no": ("no-airway-kit", "No suction, rigid scope and tube in the room.")}
        found += asked(context, "airway_kit", "suction, rigid scope and tube", told)
    if site in VENOUS or site == "arterial":
        told = {"no": ("no-rupture-kit", "No covered stent and balloon for a rupture.")}
        found += asked(context, "rupture_kit", "covered stent and balloon for a rupture", told)
    return found


@REGISTRY.check("antibiotic_in_time")
def antibiotic_in_time(context: StageContext) -> list[Finding]:
    """Given before the booked time, and not longer before it than the local window."""
    answer, window = context.value("antibiotic"), limit(context, "window")
    if answer != "given":
        text = "No antibiotic before a bile duct is opened."
        return [context.finding("no-antibiotic-given", text, subject="sign_in.antibiotic")]
    given, booked = moment(context.value("antibiotic_time")), moment(context.value("slot", "kit_budget"))
    if given is None or booked is None:
        why = "when the antibiotic was given, or for when the room is booked"
        return [not_evaluated(context, why, subject="sign_in.antibiotic_time")]
    minutes = (booked.replace(tzinfo=None) - given.replace(tzinfo=None)).total_seconds() / MINUTE
    if 0 <= minutes <= number(window):
        return []
    text = (
        f"The antibiotic was given {minutes:.0f} min before the booked time; the window is {number(window):g} min."
        if minutes > 0
        else "The antibiotic was given only after the booked time."
    )
    return [against(context, "antibiotic-out-of-window", text, minutes, window, subject="sign_in.antibiotic_time")]


@REGISTRY.check("tamponade_kit_seen")
def tamponade_kit_seen(context: StageContext) -> list[Finding]:
    told = {"no": ("tamponade-kit-not-seen", "The pericardial tamponade kit was not seen in the room.")}
    return asked(context, "tamponade_read", "whether the tamponade kit is in the room", told)
