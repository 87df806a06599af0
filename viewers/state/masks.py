"""Masks in memory: a cropped box of a grid, and everything painted that panes draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging import LabelMap
from viewers.state.signals import Signal

Index = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class MaskBox:
    """The part of a mask that holds something.

    Parameters
    ----------
    voxels
        (k, j, i) bool of the box only; may be empty in size when the mask is empty.
    grid
        The full grid the box lies in.
    low_kji
        Index of the box's first voxel in the full grid.
    """

    voxels: NDArray[np.bool_]
    grid: Grid
    low_kji: Index

    @staticmethod
    def of(mask: NDArray[np.bool_], grid: Grid) -> MaskBox:
        """Crop a full mask of the grid's size."""
        if not mask.any():
            return MaskBox(np.zeros((0, 0, 0), dtype=bool), grid, (0, 0, 0))
        ranges = []
        for axis in range(3):
            others = tuple(each for each in range(3) if each != axis)
            held = np.flatnonzero(mask.any(axis=others))
            ranges.append((int(held[0]), int(held[-1]) + 1))
        (k0, k1), (j0, j1), (i0, i1) = ranges
        return MaskBox(mask[k0:k1, j0:j1, i0:i1].copy(), grid, (k0, j0, i0))

    @property
    def high_kji(self) -> Index:
        """One beyond the box's last voxel."""
        k, j, i = (low + size for low, size in zip(self.low_kji, self.voxels.shape, strict=True))
        return k, j, i

    @property
    def is_empty(self) -> bool:
        return self.voxels.size == 0

    @cached_property
    def box_grid(self) -> Grid:
        """The grid of the box alone. Only for a box that is not empty."""
        return self.grid.cropped(self.low_kji, self.high_kji)

    @cached_property
    def volume_ml(self) -> float:
        return float(np.count_nonzero(self.voxels)) * self.grid.voxel_ml

    def full(self) -> NDArray[np.bool_]:
        """A mask of the whole grid, free to be changed."""
        mask = np.zeros(self.grid.size_kji, dtype=bool)
        if not self.is_empty:
            (k0, j0, i0), (k1, j1, i1) = self.low_kji, self.high_kji
            mask[k0:k1, j0:j1, i0:i1] = self.voxels
        return mask

    def centre_lps_mm(self) -> NDArray[np.float64] | None:
        """Centre of mass, or None for an empty mask."""
        if self.is_empty:
            return None
        inside = np.argwhere(self.voxels).mean(axis=0)
        return self.grid.lps_from_kji.points(inside + np.asarray(self.low_kji))


@dataclass(frozen=True, eq=False)
class RegionShape:
    """One region to draw: a plan item's mask, or a preview.

    Attributes
    ----------
    id
        Of the plan item (visibility and selection go by it).
    label
        Printed beside it; empty for none.
    """

    id: str
    mask: MaskBox
    colour: str
    label: str = ""


class MaskLayer:
    """Everything painted: regions by item id, and label maps by a key of their own.

    Attributes
    ----------
    changed
        Something came, went or was painted.
    """

    def __init__(self) -> None:
        self._regions: dict[str, RegionShape] = {}
        self._label_maps: dict[str, LabelMap] = {}
        self.changed: Signal[[]] = Signal()

    @property
    def regions(self) -> Mapping[str, RegionShape]:
        return MappingProxyType(self._regions)

    @property
    def label_maps(self) -> Mapping[str, LabelMap]:
        return MappingProxyType(self._label_maps)

    def put(self, region: RegionShape) -> None:
        """Draw a region, or draw it anew."""
        self._regions[region.id] = region
        self.changed.emit()

    def replace_all(self, regions: Iterable[RegionShape]) -> None:
        """These regions and no others; silent when they are the very same ones."""
        given = {region.id: region for region in regions}
        if list(given.items()) != list(self._regions.items()):
            self._regions = given
            self.changed.emit()

    def remove(self, region_id: str) -> None:
        if self._regions.pop(region_id, None) is not None:
            self.changed.emit()

    def put_label_map(self, key: str, labels: LabelMap) -> None:
        """Draw a label map; `ViewState.hidden_ids` hides it by ``key`` and one label by ``key/value``."""
        self._label_maps[key] = labels
        self.changed.emit()

    def remove_label_map(self, key: str) -> None:
        if self._label_maps.pop(key, None) is not None:
            self.changed.emit()

    def clear(self) -> None:
        if self._regions or self._label_maps:
            self._regions, self._label_maps = {}, {}
            self.changed.emit()
