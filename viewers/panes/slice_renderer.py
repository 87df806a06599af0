"""Slices on request: at once when cheap, otherwise in a thread, the latest request winning.

While the hand moves, sampling follows what the machine can do; at rest the picture is refined to full resolution.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from viewers.scene.slice_picture import SlicePicture, SliceRequest, render
from viewers.scene.slice_view import slice_step_mm
from viewers.state.jobs import LatestWins, Post

AT_ONCE_MS = 14.0
"""Slices expected to take no longer than this are drawn on the GUI thread: less delay than a thread's round trip."""
WHILE_MOVING_MS = 40.0
COARSEST = 4


class SliceRenderer:
    """Draws for one pane.

    Parameters
    ----------
    arrived
        Called on the GUI thread when `picture` is a new one.
    failed
        Called with one sentence when a slice could not be drawn.

    Attributes
    ----------
    picture
        The latest one, or None.
    last_ms
        How long the latest computation of new values took.
    """

    def __init__(
        self, executor: ThreadPoolExecutor, post: Post, arrived: Callable[[], None], failed: Callable[[str], None]
    ) -> None:
        self.picture: SlicePicture | None = None
        self.last_ms = 0.0
        self._arrived, self._failed = arrived, failed
        self._ms_per_sample: float | None = None
        self._latest: LatestWins[SliceRequest, SlicePicture] = LatestWins(
            executor, post, self._timed, self._deliver, self._fail
        )

    @property
    def is_idle(self) -> bool:
        return self._latest.is_idle

    def ask(self, request: SliceRequest, *, moving: bool) -> None:
        """Draw this: at once, or soon."""
        wanted = coarser(request, self._coarseness(request)) if moving else request
        same = self.picture is not None and self.picture.request.same_values(wanted)
        if self._latest.is_idle and (same or self._expected_ms(wanted) <= AT_ONCE_MS):
            self.picture = self._timed(wanted)
            self._arrived()
        else:
            self._latest.ask(wanted)

    def drop(self) -> None:
        self._latest.drop()

    def clear(self) -> None:
        """Forget the picture: the pane shows another volume or none."""
        self._latest.drop()
        self.picture = None

    def _coarseness(self, request: SliceRequest) -> int:
        """1, 2 or 4 device pixels per sample while moving."""
        factor = 1
        while factor < COARSEST and self._expected_ms(request) / factor**2 > WHILE_MOVING_MS:
            factor *= 2
        return factor

    def _expected_ms(self, request: SliceRequest) -> float:
        if self._ms_per_sample is None:
            return math.inf
        return self._ms_per_sample * samples(request)

    def _timed(self, request: SliceRequest) -> SlicePicture:
        previous = self.picture
        begin = time.perf_counter()
        picture = render(request, previous)
        spent = (time.perf_counter() - begin) * 1000.0
        if previous is None or picture.values is not previous.values:
            self.last_ms = spent
            rate = spent / samples(request)
            # The slowest of the recent ones counts for a while: a stutter is worse than a round trip.
            self._ms_per_sample = rate if self._ms_per_sample is None else max(rate, 0.7 * self._ms_per_sample)
        return picture

    def _deliver(self, request: SliceRequest, picture: SlicePicture) -> None:
        del request
        self.picture = picture
        self._arrived()

    def _fail(self, request: SliceRequest, error: Exception) -> None:
        del request
        self._failed(f"This slice could not be drawn: {error}")


def samples(request: SliceRequest) -> float:
    """How many voxel positions are read."""
    height, width = request.size_px
    layers = request.slab.thickness_mm / slice_step_mm(request.volume.grid, request.plane)
    return height * width * max(1.0, layers)


def coarser(request: SliceRequest, factor: int) -> SliceRequest:
    """The same picture from fewer, larger samples."""
    if factor == 1:
        return request
    height, width = (max(1, math.ceil(size / factor)) for size in request.size_px)
    return replace(request, size_px=(height, width), mm_per_px=request.mm_per_px * factor, outline_px=1)
