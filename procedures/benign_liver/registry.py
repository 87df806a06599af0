"""The one registry of benign liver lesions: its modules decorate with it, its ``functions`` module offers it."""

from __future__ import annotations

from planner.workflow.registry import FunctionRegistry

REGISTRY = FunctionRegistry("procedures.benign_liver")
