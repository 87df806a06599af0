"""Everything cyst sclerotherapy computes and checks beyond spine and percutaneous fragment."""

from __future__ import annotations

from procedures.cyst import aftercare, indication, record_checks, sclerosant_checks
from procedures.cyst.registry import REGISTRY

MODULES = (indication, sclerosant_checks, record_checks, aftercare)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
