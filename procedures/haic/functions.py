"""Everything hepatic arterial infusion computes and checks beyond the fragments, under the names its template uses."""

from __future__ import annotations

from procedures.haic import after, catheter, cycle, liver, pump, regimen
from procedures.haic.registry import REGISTRY

MODULES = (liver, cycle, catheter, regimen, pump, after)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
