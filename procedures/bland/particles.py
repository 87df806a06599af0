"""Small particles alone: how small, and how much of the liver at once."""

from __future__ import annotations

from planner.findings import Finding
from planner.units import shown
from planner.workflow.context import StageContext
from procedures.bland.registry import REGISTRY
from procedures.embolisation.agents import particle_rows
from procedures.spine.support import against, as_number, limit, not_evaluated, number


@REGISTRY.check("very_small_particles")
def very_small_particles(context: StageContext) -> list[Finding]:
    """Below the limit ``least`` particles pass into sinusoids, bile-duct plexus and shunts that nobody sees."""
    least, found = limit(context, "least"), []
    for each in particle_rows(context):
        if each.low_um is not None and each.low_um < number(least):
            subject = f"{context.stage.id}.particles.{each.number}"
            text = f"{each.name} from {shown(each.low_um, 'um')}: lung and bile ducts are at risk even without a shunt."
            found.append(against(context, "very-small", text, each.low_um, least, subject=subject))
    return found


@REGISTRY.check("liver_embolised_at_once")
def liver_embolised_at_once(context: StageContext) -> list[Finding]:
    """The share of the liver that is embolised in one session, against the limit ``share``."""
    volume, liver = (
        as_number(context.value("embolised_volume")),
        as_number(context.value("liver_volume", "portal_shunt_bile")),
    )
    if volume is None or not liver:
        return [not_evaluated(context, "how much of the liver is embolised at once")]
    share, allowed = 100.0 * volume / liver, limit(context, "share")
    if share <= number(allowed):
        return []
    text = f"{share:.0f} % of the liver in one session; above {number(allowed):g} % two sessions are usual."
    return [against(context, "much-liver", text, share, allowed)]
