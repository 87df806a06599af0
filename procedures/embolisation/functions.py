"""Everything the embolisation fragment computes and checks, under the names templates use."""

from __future__ import annotations

from procedures.embolisation import (
    access,
    after,
    agents,
    branches,
    coils,
    model_checks,
    position_checks,
    record_checks,
    shunts,
)
from procedures.embolisation.registry import REGISTRY

MODULES = (access, position_checks, branches, model_checks, shunts, agents, coils, record_checks, after)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
