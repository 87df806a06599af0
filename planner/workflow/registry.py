"""How a procedure's package offers its functions to its template: by decorator, under a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from planner.errors import BugError
from planner.workflow.template import CheckFunction, ComputeFunction


@dataclass(slots=True)
class FunctionRegistry:
    """The functions one procedure package registers. Template names resolve only among these.

    Each package has one module-level registry in its ``functions`` module and decorates with `check` and `compute`.
    """

    package: str
    checks: dict[str, CheckFunction] = field(default_factory=dict)
    computes: dict[str, ComputeFunction] = field(default_factory=dict)

    def check(self, name: str) -> Callable[[CheckFunction], CheckFunction]:
        def register(function: CheckFunction) -> CheckFunction:
            if name in self.checks:
                raise BugError(f"{self.package} registers the check {name} twice")
            self.checks[name] = function
            return function

        return register

    def compute(self, name: str) -> Callable[[ComputeFunction], ComputeFunction]:
        def register(function: ComputeFunction) -> ComputeFunction:
            if name in self.computes:
                raise BugError(f"{self.package} registers the compute function {name} twice")
            self.computes[name] = function
            return function

        return register
