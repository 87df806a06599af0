"""Everything drainage checks beyond spine and percutaneous fragment."""

from __future__ import annotations

from procedures.drainage import aftercare, drain_plan, record_checks, target
from procedures.drainage.registry import REGISTRY

MODULES = (target, drain_plan, record_checks, aftercare)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
