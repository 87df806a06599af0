"""Everything the stent template computes and checks beyond the spine, under the names its template uses."""

from __future__ import annotations

from procedures.stent import (
    access,
    after,
    airway,
    completion,
    first_steps,
    follow_up,
    kit_day,
    lumens,
    obstruction,
    record,
    segments,
    sepsis,
    stent_plan,
    stent_rules,
    type_checks,
    veins,
)
from procedures.stent.registry import REGISTRY

MODULES = (
    obstruction,
    first_steps,
    veins,
    sepsis,
    airway,
    segments,
    lumens,
    access,
    stent_plan,
    stent_rules,
    type_checks,
    kit_day,
    record,
    completion,
    after,
    follow_up,
)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
