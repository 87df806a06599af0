"""Everything fibroid embolisation computes and checks beyond the fragment, under the names its template uses."""

from __future__ import annotations

from procedures.fibroid import after_checks, before_checks, plan_checks
from procedures.fibroid.registry import REGISTRY

MODULES = (before_checks, plan_checks, after_checks)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
