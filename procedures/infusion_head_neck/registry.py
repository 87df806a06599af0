"""The one registry of head and neck infusion: its modules decorate with it, its ``functions`` module offers it."""

from __future__ import annotations

from planner.workflow.registry import FunctionRegistry

REGISTRY = FunctionRegistry("procedures.infusion_head_neck")
