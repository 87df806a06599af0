"""The one registry of drainage: its modules decorate with it, its ``functions`` module offers it."""

from __future__ import annotations

from planner.workflow.registry import FunctionRegistry

REGISTRY = FunctionRegistry("procedures.drainage")
