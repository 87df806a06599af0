"""Everything portal vein embolisation computes and checks beyond the fragment, under the names its template uses."""

from __future__ import annotations

from procedures.portal_vein_embolisation import access, agents, branches, growth, liver, pressures, remnant
from procedures.portal_vein_embolisation.registry import REGISTRY

MODULES = (remnant, liver, access, branches, agents, pressures, growth)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
