"""After sclerotherapy: alcohol peaks hours later, and early refilling is no recurrence."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.cyst.indication import CYST
from procedures.cyst.record_checks import given_ml
from procedures.cyst.registry import REGISTRY
from procedures.cyst.sclerosant_checks import ETHANOL
from procedures.spine.follow_up_checks import performed_on
from procedures.spine.support import against, as_date, as_number, limit, not_evaluated, number, unknown_value


@REGISTRY.check("observed_long_enough")
def observed_long_enough(context: StageContext) -> list[Finding]:
    if given_ml(context, ETHANOL) == 0:
        return []
    found = []
    hours, wanted = as_number(context.value("observed_h")), limit(context, "hours")
    if hours is None:
        found.append(not_evaluated(context, "how long the patient was observed is not known"))
    elif hours < number(wanted):
        text = f"Observed for {hours:g} h; blood alcohol peaks at 3-4 h."
        found.append(against(context, "observed-too-short", text, hours, wanted))
    if context.value("drunk") == "yes":
        found.append(context.finding("drunk", "Drowsy or drunk: measure blood alcohol and glucose, observe on."))
    if context.value("told_not_to_drive") != "yes":
        found.append(context.finding("driving", "Ethanol was given; the patient was not told not to drive."))
    return found


def days_after(context: StageContext) -> float | None:
    """Days from treatment to the images that were read."""
    done, read = performed_on(context), as_date(context.value("date"))
    return None if done is None or read is None else float((read - done).days)


@REGISTRY.check("recurrence_too_early")
def recurrence_too_early(context: StageContext) -> list[Finding]:
    if context.value("read_as") != "recurrence":
        return []
    days, earliest = days_after(context), limit(context, "days")
    if days is None:
        return [not_evaluated(context, "the day of treatment or of the images is not known")]
    if days >= number(earliest):
        return []
    text = f"Recurrence read {days:.0f} days after treatment: early refilling is usual and needs no treatment."
    return [against(context, "recurrence-too-early", text, days, earliest)]


@REGISTRY.compute("volume_reduction")
def volume_reduction(context: StageContext) -> list[Computed]:
    """Share of the volume that is gone, against the volume before."""
    before, now = as_number(context.value("volume", CYST)), as_number(context.value("volume_after"))
    if not before or now is None:
        return [unknown_value("reduction", "Smaller by", "the volume before or now is not known")]
    return [
        Computed(
            id="reduction",
            label="Smaller by",
            value=100.0 * (before - now) / before,
            unit="%",
            inputs={"before": f"{before:g} mL", "now": f"{now:g} mL"},
            arithmetic=f"({before:g} - {now:g}) / {before:g}",
            source="the volumes of this record",
            tag="calc",
        )
    ]
