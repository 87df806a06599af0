"""Playing a run: which frame is due. The clock is handed in, so nothing here waits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import AngioRun
from viewers.state.signals import Value

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Factors + and - walk through."""

ASSUMED_HZ = 10.0
"""Frames per second of the display when the file tells no timing; the pane then says that the rate is not stated."""

Clock = Callable[[], float]


def frame_starts_s(run: AngioRun) -> NDArray[np.float64]:
    """(frames + 1,) seconds at which each frame begins to be shown, from 0; the last entry is the end.

    The frame time vector where the file has a rising one, otherwise the recorded rate, otherwise `ASSUMED_HZ`.
    """
    count = run.count
    if run.time_s is not None and count > 1:
        steps = np.diff(run.time_s)
        if np.isfinite(steps).all() and (steps > 0).all():
            starts = run.time_s - run.time_s[0]
            return np.append(starts, starts[-1] + steps[-1])
    rate = run.facts.rate_hz if run.facts.rate_hz is not None and run.facts.rate_hz > 0 else ASSUMED_HZ
    return np.arange(count + 1) / rate


def has_timing(run: AngioRun) -> bool:
    """Whether the file tells when its frames were taken."""
    return run.time_s is not None or (run.facts.rate_hz is not None and run.facts.rate_hz > 0)


def recorded_hz(run: AngioRun) -> float | None:
    """Frames per second: the recorded rate, or from the frame times; None when not stated."""
    if run.facts.rate_hz is not None and run.facts.rate_hz > 0:
        return run.facts.rate_hz
    if run.time_s is None or run.count < 2:
        return None
    step = float(np.median(np.diff(run.time_s)))
    return 1.0 / step if step > 0 else None


class Playback:
    """Frame, speed and whether it plays, of one pane.

    Parameters
    ----------
    clock
        Seconds that only rise.

    Attributes
    ----------
    frame
        Index from 0.
    speed
        Times the recorded rate.
    """

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self.frame: Value[int] = Value(0)
        self.playing: Value[bool] = Value(False)
        self.speed: Value[float] = Value(1.0)
        self.loop: Value[bool] = Value(True)
        self._clock = clock
        self._starts: NDArray[np.float64] = np.zeros(1)
        self._began_at = 0.0
        self._began_from = 0.0

    @property
    def count(self) -> int:
        return len(self._starts) - 1

    @property
    def last(self) -> int:
        return max(0, self.count - 1)

    def load(self, starts_s: NDArray[np.float64], frame: int = 0) -> None:
        """Take another run, stopped at a frame; `starts_s` as from `frame_starts_s`."""
        self.stop()
        self._starts = starts_s
        self.frame.set(min(max(0, frame), self.last))

    def time_s(self, frame: int | None = None) -> float:
        """Seconds from the first frame at which a frame (the present one) begins."""
        return float(self._starts[self.frame.value if frame is None else frame]) if self.count else 0.0

    def frame_at(self, seconds: float) -> int:
        """The frame that is shown at a time; the nearest end outside."""
        found = int(np.searchsorted(self._starts, seconds + 1e-9, side="right")) - 1
        return min(max(0, found), self.last)

    def play(self) -> None:
        """From the present frame; from the first one when the run stands at its end and does not loop."""
        if self.count < 2:
            return
        if self.frame.value == self.last and not self.loop.value:
            self.frame.set(0)
        self._anchor()
        self.playing.set(True)

    def stop(self) -> None:
        self.playing.set(False)

    def toggle(self) -> None:
        if self.playing.value:
            self.stop()
        else:
            self.play()

    def go(self, frame: int) -> None:
        """Show a frame; playing goes on from there."""
        self.frame.set(min(max(0, frame), self.last))
        self._anchor()

    def step(self, by: int) -> None:
        """Stop, and go some frames on; round the ends when it loops."""
        self.stop()
        if self.count:
            wanted = self.frame.value + by
            self.frame.set(wanted % self.count if self.loop.value else min(max(0, wanted), self.last))

    def faster(self) -> None:
        self._set_speed(1)

    def slower(self) -> None:
        self._set_speed(-1)

    def use_speed(self, speed: float) -> None:
        """One of `SPEEDS`, or any positive factor."""
        self._anchor()
        self.speed.set(speed)

    def advance(self) -> None:
        """Show the frame that is due now. Frames that were not shown in time are left out."""
        if not self.playing.value:
            return
        total = float(self._starts[-1])
        position = self._began_from + (self._clock() - self._began_at) * self.speed.value
        if position >= total and not self.loop.value:
            self.frame.set(self.last)
            self.stop()
            return
        self.frame.set(self.frame_at(math.fmod(position, total)))

    def due_in_s(self) -> float:
        """Seconds until the next frame is due, for a timer; 0 when it is overdue."""
        total = float(self._starts[-1])
        position = self._began_from + (self._clock() - self._began_at) * self.speed.value
        within = math.fmod(position, total) if total > 0 else 0.0
        following = float(self._starts[self.frame_at(within) + 1])
        return max(0.0, (following - within) / self.speed.value)

    def _set_speed(self, by: int) -> None:
        nearest = min(range(len(SPEEDS)), key=lambda n: abs(math.log(SPEEDS[n] / self.speed.value)))
        self.use_speed(SPEEDS[min(max(0, nearest + by), len(SPEEDS) - 1)])

    def _anchor(self) -> None:
        self._began_at = self._clock()
        self._began_from = self.time_s()
