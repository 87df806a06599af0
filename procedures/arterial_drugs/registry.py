"""The one registry of drugs given through the arteries: its modules decorate with it."""

from __future__ import annotations

from planner.workflow.registry import FunctionRegistry

REGISTRY = FunctionRegistry("procedures.arterial_drugs")
