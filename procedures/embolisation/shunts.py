"""The shunt rule (R20): a particle must exceed the shunt; small particles and liquids wait for an answer."""

from __future__ import annotations

from typing import Any

from planner.findings import Finding, Severity
from planner.units import shown
from planner.workflow.context import StageContext
from procedures.embolisation.agents import LIQUIDS, particle_rows, planned_kinds
from procedures.embolisation.registry import REGISTRY
from procedures.spine.support import as_number, limit, not_evaluated, number, text_of

MICROMETRES = 1000.0


@REGISTRY.check("shunt_rule")
def shunt_rule(context: StageContext) -> list[Finding]:
    """Parameter ``small``: the limit of the profile up to which particles are small.

    While nobody has answered, small particles and liquids are refused as a plan. Against a known shunt the size is
    compared; a shunt that is treated first passes.
    """
    small = number(limit(context, "small"))
    sizes = [(each.name, each.low_um) for each in particle_rows(context)]
    liquids = [each for each in LIQUIDS if each in planned_kinds(context)]
    risky = [name for name, low in sizes if low is None or low <= small] + liquids
    answer = context.value("shunt")
    if answer == "none-seen":
        return []
    if answer not in ("small", "large"):
        return _unanswered(context, risky) if sizes or liquids else []
    if text_of(context.value("shunt_treated_first")):
        return []
    diameter = as_number(context.value("shunt_mm"))
    found = [
        _said(context, "liquid-into-shunt", f"{each.capitalize()} into an untreated shunt.", each) for each in liquids
    ]
    for name, low in sizes:
        if diameter is None or low is None:
            why = f"whether {name} exceeds the shunt: a size is not known"
            found.append(not_evaluated(context, why, subject=f"{context.stage.id}.{name}", overridable=True))
        elif low <= MICROMETRES * diameter:
            text = f"{name} from {shown(low, 'um')} does not exceed the shunt of {shown(diameter, 'mm')}."
            more = {"measured": low, "limit": MICROMETRES * diameter, "unit": "um"}
            found.append(_said(context, "particle-below-shunt", text, name, **more))
    return found


def _unanswered(context: StageContext, risky: list[str]) -> list[Finding]:
    if not risky:
        text = "Not evaluated: whether there is a shunt was not answered."
        return [context.finding("shunt-unanswered", text, severity=Severity.WARN)]
    text = f"No plan with small particles or liquids before a shunt is answered ({', '.join(risky)})."
    return [context.finding("shunt-unanswered", text)]


def _said(context: StageContext, code: str, text: str, name: str, **more: Any) -> Finding:
    return context.finding(code, text, subject=f"{context.stage.id}.{name}", overridable=True, **more)


@REGISTRY.check("right_to_left")
def right_to_left(context: StageContext) -> list[Finding]:
    """Particles and liquids that pass the lung reach the brain."""
    chosen = set(planned_kinds(context)) & {"particles", "microspheres", *LIQUIDS}
    if not chosen:
        return []
    answer = context.value("right_to_left")
    if answer == "yes":
        text = "Right-to-left shunt known: particles and liquids may reach the brain."
        return [context.finding("right-to-left-shunt", text)]
    return []
