"""Progress and cancellation in one call.

A job captures immutable inputs, returns a value and touches no document. It calls ``context.step`` often;
that call reports progress and raises `Cancelled` once the operator has asked for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from planner.errors import Cancelled

Report = Callable[[float, str], None]


def _silent(fraction: float, text: str) -> None:
    del fraction, text


@dataclass(slots=True)
class Context:
    """Handed to every long computation.

    Parameters
    ----------
    report
        Receives (fraction in [0, 1], text) from the thread the job runs in.
    """

    report: Report = _silent
    start: float = 0.0
    stop: float = 1.0
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def step(self, fraction: float, text: str = "") -> None:
        """Report progress.

        Raises
        ------
        Cancelled
            When `cancel` was called since the job began.
        """
        if self._cancelled.is_set():
            raise Cancelled("cancelled by the operator")
        bounded = min(1.0, max(0.0, fraction))
        self.report(self.start + bounded * (self.stop - self.start), text)

    def part(self, start: float, stop: float) -> Context:
        """A context for a part of this job; it shares the cancellation."""
        width = self.stop - self.start
        return Context(self.report, self.start + start * width, self.start + stop * width, self._cancelled)

    def cancel(self) -> None:
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()
