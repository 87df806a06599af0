"""Distances inside an organ from the places that supply it: even cells, flooded, and read out on any grid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging.bands import in_bands
from planner.imaging.masks import Mask, padded_box
from planner.imaging.resampling import resampled_mask
from planner.planning.non_targets import leading_away
from planner.planning.territories_supply import Supply, places_along
from planner.planning.vessel_tree import Floats, VesselTree

Orders = NDArray[np.uint16]

_CELL_MM = 2.0
"""Edge of the cells in which distances run; voxels are then told apart between them."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The organ and its lesions in even cells, with an empty one on every side."""

    grid: Grid
    inside: NDArray[np.uint8]

    @staticmethod
    def around(organ: Mask, lesions: Iterable[Mask]) -> Cells:
        boxes = organ.grid.cropped(*padded_box(organ.box, 2.0 * _CELL_MM, organ.grid))
        spacing = np.asarray(boxes.spacing_kji_mm)
        size = np.ceil(np.asarray(boxes.size_kji) * spacing / _CELL_MM).astype(int) + 4
        middle = boxes.centre_lps_mm - boxes.axes_lps @ ((size - 1) / 2.0 * _CELL_MM)
        grid = Grid.of(
            (int(size[0]), int(size[1]), int(size[2])),
            origin_lps_mm=middle,
            spacing_kji_mm=(_CELL_MM,) * 3,
            axes_lps=boxes.axes_lps,
            frame_uid=organ.grid.frame_uid,
        )
        inside = resampled_mask(organ, grid).full()
        for lesion in lesions:
            inside |= resampled_mask(lesion, grid).full()
        inside[[0, -1]] = inside[:, [0, -1]] = inside[:, :, [0, -1]] = False
        return Cells(grid, inside.astype(np.uint8))

    def hold(self, points_lps_mm: Floats, *, rim: bool) -> NDArray[np.bool_]:
        """(n,) whether the cells of points are of the organ, or with `rim` one of those around them."""
        kji = np.rint(self.grid.kji_from_lps.points(points_lps_mm)).astype(int)
        valid = np.all((kji >= 0) & (kji < np.asarray(self.inside.shape)), axis=1)
        wanted = _widened(self.inside) if rim else self.inside
        found = np.zeros(len(kji), dtype=np.bool_)
        found[valid] = wanted[tuple(kji[valid].T)] != 0
        return found


def _widened(inside: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With the cells that touch one that is set, by a face, an edge or a corner."""
    found = inside
    for axis in range(3):
        forward, back = np.roll(found, 1, axis), np.roll(found, -1, axis)
        found = found | forward | back
    return found


def places_inside(tree: VesselTree, cells: Cells, treated: str) -> dict[str, tuple[Floats, NDArray[np.bool_]]]:
    """Segment -> places along it, and which of them supply the organ: those in it or on its rim.

    Segments named as a non-target supply nothing; nameless ones beyond them only what lies in the organ itself.
    """
    named, nameless = leading_away(tree, treated)
    along = places_along(tree)
    points = np.concatenate(
        [np.stack([np.interp(along[each.id], each.along_mm, each.points_lps_mm[:, axis]) for axis in range(3)], axis=1)
         for each in tree.segments]
        or [np.empty((0, 3))]
    )  # fmt: skip
    on_rim, within = cells.hold(points, rim=True), cells.hold(points, rim=False)
    found: dict[str, tuple[Floats, NDArray[np.bool_]]] = {}
    start = 0
    for segment in tree.segments:
        own = slice(start, start + len(along[segment.id]))
        start = own.stop
        supplies = within[own] if segment.id in nameless else on_rim[own]
        found[segment.id] = along[segment.id], supplies & (segment.id not in named)
    return found


@dataclass(frozen=True, eq=False)
class Flooded:
    """The cells with their supplying place."""

    grid: Grid
    weight: NDArray[np.float32]
    owner: NDArray[np.int32]
    turn: NDArray[np.float32]
    before: NDArray[np.float32]

    @staticmethod
    def of(cells: Cells, supply: Supply) -> Flooded:
        from planner.planning.territories_kernels import flood, seed

        size = cells.inside.shape
        owner = np.full(size, -1, dtype=np.int32)
        turn, before = np.zeros((*size, 3), dtype=np.float32), np.zeros(size, dtype=np.float32)
        weight = supply.weight.astype(np.float32)
        arrived = np.full(size, np.inf, dtype=np.float32)
        spacing = np.asarray(cells.grid.spacing_kji_mm, dtype=np.float32)
        places = cells.grid.kji_from_lps.points(supply.places_lps_mm).astype(np.float32)
        start = supply.wait_mm.astype(np.float32)
        seed(cells.inside, spacing, places, start, weight, arrived, owner, turn, before)
        flood(cells.inside, spacing, weight, arrived, owner, turn, before)
        return Flooded(cells.grid, weight, owner, turn, before)

    def orders(self, mask: Mask) -> Orders:
        """Numbers in the box of a mask; `NONE` outside it and where no vessel reaches."""
        from planner.planning.territories_kernels import refine

        cells_from_voxels = self.grid.kji_from_lps.after(mask.grid.cropped(*mask.box).lps_from_kji).homogeneous[:3]
        found: Orders = np.empty(mask.voxels.shape, dtype=np.uint16)
        spacing = np.asarray(self.grid.spacing_kji_mm, dtype=np.float32)
        matrix = np.ascontiguousarray(cells_from_voxels)

        def band(first: int, last: int) -> None:
            refine(
                mask.voxels, matrix, spacing, self.weight, self.owner, self.turn, self.before, found, first, last
            )  # fmt: skip

        in_bands(mask.voxels.shape[0], band, least_rows=2)
        return found
