"""A volume whose slices come one after another: what a person may look at while the rest is read."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid
from planner.imaging.volumes import ImageSource, Volume

_TOLD_EVERY_S = 0.1


@dataclass(frozen=True, eq=False)
class PartialVolume(Volume):
    """The slices read so far. Looking is allowed; measuring and segmenting wait for the whole `Volume`.

    Parameters
    ----------
    read
        (k,) True where the slice lies in `voxels`; the others hold no values at all.
    """

    read: NDArray[np.bool_]

    @property
    def fraction(self) -> float:
        """Share of the slices that are read."""
        return float(np.count_nonzero(self.read)) / len(self.read)

    def nearest(self, lps_mm: ArrayLike) -> float | None:
        """The value of the voxel at an LPS point; None outside and where nothing is read yet."""
        index = self.grid.nearest_index(lps_mm)
        return None if index is None or not self.read[index[0]] else super().nearest(lps_mm)

    def one_slice(self) -> Volume:
        """The first slice that is read, as a volume: what a first window is chosen by."""
        k = int(np.argmax(self.read))
        size = self.grid.size_kji
        grid = self.grid.cropped((k, 0, 0), (k + 1, size[1], size[2]))
        return Volume(self.voxels[k : k + 1], grid, self.source)

    def unread_at(self, lps_mm: ArrayLike) -> NDArray[np.bool_]:
        """Whether a value at these points (…, 3) would stand on a slice that is not read; False outside the volume."""
        k = self.grid.kji_from_lps.points(np.asarray(lps_mm, dtype=np.float64))[..., 0]
        last = len(self.read) - 1
        inside = (k >= -0.5) & (k <= last + 0.5)
        below = np.clip(np.floor(k), 0, last).astype(np.intp)
        above = np.clip(np.ceil(k), 0, last).astype(np.intp)
        # A plane that lies on a slice, but for rounding, stands on that slice alone.
        near = np.abs(k - np.rint(k)) < 1e-3
        at = np.clip(np.rint(k), 0, last).astype(np.intp)
        missing: NDArray[np.bool_] = inside & np.where(near, ~self.read[at], ~(self.read[below] & self.read[above]))
        return missing


class Growing:
    """The array that a reader fills, and which of its slices are whole.

    Parameters
    ----------
    voxels
        (k, j, i); slices are written once each and then marked.
    """

    def __init__(self, voxels: NDArray[np.int16], grid: Grid, source: ImageSource) -> None:
        self.voxels, self.grid, self.source = voxels, grid, source
        self._read = np.zeros(len(voxels), np.bool_)
        self._is_given_up = False
        self._told_at = -math.inf
        self._tell: Callable[[], None] | None = None

    def listen(self, tell: Callable[[], None]) -> None:
        """Be told of the first slice and then, a few times a second, of more; from any thread."""
        self._tell = tell

    def mark_read(self, k: int) -> None:
        """Slice `k` is whole; from any thread."""
        self._read[k] = True
        now = time.monotonic()
        if self._tell is not None and now - self._told_at >= _TOLD_EVERY_S:
            self._told_at = now
            self._tell()

    def give_up(self) -> None:
        """The values do not fit this array: the volume comes in another one, at once."""
        self._is_given_up = True

    def snapshot(self) -> PartialVolume | None:
        """What is read now; None before the first slice and after `give_up`. It shares the array and never changes.

        From any thread: a marked slice is not written again.
        """
        read = self._read.copy()
        if self._is_given_up or not read.any():
            return None
        return PartialVolume(self.voxels, self.grid, self.source, read)
