"""Everything the template of benign liver lesions computes and checks beyond its fragments."""

from __future__ import annotations

from procedures.benign_liver import indication, oil
from procedures.benign_liver.registry import REGISTRY

MODULES = (indication, oil)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
