"""The one registry of arterial work in other organs: its modules decorate with it."""

from __future__ import annotations

from planner.workflow.registry import FunctionRegistry

REGISTRY = FunctionRegistry("procedures.embolisation_organ")
