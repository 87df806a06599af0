"""Everything bland embolisation computes and checks beyond the fragment, under the names its template uses."""

from __future__ import annotations

from procedures.bland import liver, particles
from procedures.bland.registry import REGISTRY

MODULES = (liver, particles)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
