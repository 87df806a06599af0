"""Everything the percutaneous fragment computes and checks, under the names templates use."""

from __future__ import annotations

from procedures.percutaneous import bleeding, contraindications, needle_checks, position_checks, structure_checks
from procedures.percutaneous.registry import REGISTRY

MODULES = (structure_checks, needle_checks, position_checks, bleeding, contraindications)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
