"""Everything arterial work in other organs computes and checks beyond its fragments."""

from __future__ import annotations

from procedures.embolisation_organ import packs, record, target
from procedures.embolisation_organ.registry import REGISTRY

MODULES = (target, packs, record)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
