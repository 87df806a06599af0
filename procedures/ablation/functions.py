"""Everything ablation computes and checks beyond the spine, under the names its template uses."""

from __future__ import annotations

from procedures.ablation import (
    after,
    completion,
    day,
    electroporation,
    energy,
    margins,
    organs,
    paths,
    protection,
    record,
    structures,
    target,
    zones,
)
from procedures.ablation.registry import REGISTRY

MODULES = (
    target,
    organs,
    energy,
    electroporation,
    structures,
    paths,
    zones,
    margins,
    protection,
    day,
    record,
    completion,
    after,
)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
