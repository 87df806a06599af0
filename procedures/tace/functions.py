"""Everything TACE computes and checks beyond the spine, under the names its template uses."""

from __future__ import annotations

from procedures.tace import (
    beads,
    contraindications,
    dose_checks,
    dosing,
    early_course,
    liver_scores,
    liver_stage,
    medication,
    outcome,
    positions,
    record_checks,
    retreatment,
    shared,
    stop_repeat,
    vessels,
)
from procedures.tace.registry import REGISTRY

MODULES = (
    vessels,
    liver_scores,
    liver_stage,
    retreatment,
    contraindications,
    positions,
    shared,
    dosing,
    dose_checks,
    beads,
    medication,
    record_checks,
    early_course,
    outcome,
    stop_repeat,
)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
