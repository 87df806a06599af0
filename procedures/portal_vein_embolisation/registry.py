"""The one registry of portal vein embolisation: its modules decorate with it, its ``functions`` module offers it."""

from __future__ import annotations

from planner.workflow.registry import FunctionRegistry

REGISTRY = FunctionRegistry("procedures.portal_vein_embolisation")
