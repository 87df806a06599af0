"""What an image shows between the end of a vessel and a lesion: whether something of a vessel goes on into it.

The least-cost way to the lesion is compared with least-cost ways of the same length elsewhere, from the same end: noise
gives every way a little brightness, a vessel below what the tree could follow gives it to one only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging import Volume
from planner.imaging.masks import Box, ball_box, box_slices
from planner.imaging.paths import least_cost_path
from planner.planning.feeders_field import LesionField
from planner.planning.vessel_tree import TreeSegment

Floats = NDArray[np.float64]

_LUMEN_MM = 8.0
"""Length of the vessel before its end that its brightness is taken from."""
_FLOOR = 0.05
_LEAST_LIKENESS = 0.35
"""Mean brightness of the way, from surroundings (0) to lumen (1), that is called a faint vessel."""
_ABOVE_OTHERS = 0.10
"""By how much it must be brighter than the best way elsewhere."""
_NEAR_MM, _PER_MM = 3.0, 0.02
"""Beyond the first distance each millimetre asks for more: a long way finds more that is bright by chance."""
_RIM_MM = 1.0
"""This close to the surface the lesion's own brightness has spread; it is not judged."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The way from an end to the lesion, and beside it the best one elsewhere: mean brightness between the
    surroundings (0) and the vessel's lumen (1)."""

    likeness: float
    elsewhere: float
    gap_mm: float

    @property
    def seen(self) -> bool:
        """The image shows something of a vessel."""
        further = _PER_MM * max(0.0, self.gap_mm - _NEAR_MM)
        return self.likeness >= max(_LEAST_LIKENESS, self.elsewhere + _ABOVE_OTHERS) + further


def gap_evidence(volume: Volume, leaf: TreeSegment, gap_mm: float, field: LesionField) -> Gap | None:
    """Compare the way from the end of a segment to the lesion with ways elsewhere; None where the image ends before
    them."""
    end = leaf.points_lps_mm[-1]
    reach = max(gap_mm, 2.0)
    box = ball_box(volume.grid, end, reach + 4.0)
    values = np.asarray(volume.voxels[box_slices(box)], dtype=np.float32)
    start = _index(volume, end, box)
    if start is None or min(values.shape) < 3:
        return None
    lumen, around = _levels(volume, leaf, values, box, end)
    if lumen <= around:
        return None
    likeness = np.clip((values - around) / (lumen - around), 0.0, 1.0)
    cost = (1.0 / (_FLOOR + likeness)).astype(np.float32)
    axes = [np.arange(low, high) for low, high in zip(*box, strict=True)]
    places = volume.grid.lps_from_kji.points(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    depth = field.at(places)
    toward = field.toward(end)
    own = _along(cost, likeness, depth, volume, start, _index(volume, end + reach * toward, box))
    if own is None:
        return None
    # The lesion itself is no way elsewhere.
    closed = np.where(depth > _RIM_MM, cost, np.inf).astype(np.float32)
    closed[start] = cost[start]
    others = [
        _along(closed, likeness, depth, volume, start, _index(volume, end + reach * direction, box))
        for direction in _elsewhere(toward, leaf)
    ]
    known = [each for each in others if each is not None]
    return Gap(own, max(known), gap_mm) if known else None


def _levels(
    volume: Volume, leaf: TreeSegment, values: NDArray[np.float32], box: Box, end: Floats
) -> tuple[float, float]:
    """Brightness of the vessel near its end, and of what lies around it."""
    from planner.imaging.slicing import sample

    last = leaf.points_lps_mm[leaf.along_mm >= leaf.length_mm - _LUMEN_MM]
    seen = sample(volume, last)
    lumen = float(np.nanmedian(seen)) if np.isfinite(seen).any() else float("nan")
    return lumen, float(np.median(values))


def _along(
    cost: NDArray[np.float32],
    likeness: NDArray[np.float32],
    depth: Floats,
    volume: Volume,
    start: tuple[int, int, int],
    goal: tuple[int, int, int] | None,
) -> float | None:
    """Mean likeness of the least-cost way between two voxels, of what lies outside the lesion's rim."""
    if goal is None or not np.isfinite(cost[goal]) or goal == start:
        return None
    way = least_cost_path(cost, start, goal, volume.grid.spacing_kji_mm)
    if way is None:
        return None
    outside = depth[tuple(way.T)] > _RIM_MM
    seen = likeness[tuple(way.T)]
    # The first voxels belong to the vessel's own end.
    judged = seen[2:][outside[2:]] if int(outside[2:].sum()) >= 2 else seen[1:]
    return float(judged.mean())


def _elsewhere(toward: Floats, leaf: TreeSegment) -> list[Floats]:
    """Directions that lead neither to the lesion nor back along the vessel."""
    back = -leaf.direction(leaf.length_mm)
    first = np.eye(3)[int(np.argmin(np.abs(toward)))]
    first = first - toward * float(first @ toward)
    first /= float(np.linalg.norm(first))
    second = np.cross(toward, first)
    found = []
    for tilt in (60.0, 90.0):
        for turn in np.arange(6) * 60.0:
            beside = np.cos(np.radians(turn)) * first + np.sin(np.radians(turn)) * second
            direction = np.cos(np.radians(tilt)) * toward + np.sin(np.radians(tilt)) * beside
            if float(direction @ back) < np.cos(np.radians(50.0)):
                found.append(direction)
    return found


def _index(volume: Volume, place: Floats, box: Box) -> tuple[int, int, int] | None:
    nearest = volume.grid.nearest_index(place)
    if nearest is None or not all(low <= at < high for at, low, high in zip(nearest, *box, strict=True)):
        return None
    k, j, i = (int(at) - low for at, low in zip(nearest, box[0], strict=True))
    return k, j, i
