"""Everything head and neck infusion computes and checks beyond the fragments, under the names its template uses."""

from __future__ import annotations

from procedures.infusion_head_neck import anastomoses, cisplatin, fitness, nerves, split, supply
from procedures.infusion_head_neck.registry import REGISTRY

MODULES = (supply, fitness, cisplatin, anastomoses, split, nerves)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
