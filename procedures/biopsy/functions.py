"""Everything biopsy checks beyond spine and percutaneous fragment."""

from __future__ import annotations

from procedures.biopsy import record_checks, result_checks, sampling, target
from procedures.biopsy.registry import REGISTRY

MODULES = (target, sampling, record_checks, result_checks)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
