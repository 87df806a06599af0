"""Everything the fragment of arterial drugs computes and checks, under the names templates use."""

from __future__ import annotations

from procedures.arterial_drugs import drug_checks
from procedures.arterial_drugs.registry import REGISTRY

MODULES = (drug_checks,)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
