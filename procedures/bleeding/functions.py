"""Everything the bleeding template computes and checks beyond the fragment, under the names its template uses."""

from __future__ import annotations

from procedures.bleeding import monitoring, record, source, state
from procedures.bleeding.registry import REGISTRY

MODULES = (state, source, record, monitoring)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
