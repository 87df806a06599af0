"""Binary structures: a box of voxels inside an image's grid, and the patches that edits are undone by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import BugError, FrameMismatch, InputRefused
from planner.geometry import Grid

Index = tuple[int, int, int]
Box = tuple[Index, Index]
"""Lowest index (inclusive) and highest (exclusive) of a block of voxels, each (k, j, i)."""

EMPTY_BOX: Box = ((0, 0, 0), (0, 0, 0))


def box_size(box: Box) -> Index:
    k, j, i = (high - low for low, high in zip(*box, strict=True))
    return k, j, i


def is_empty(box: Box) -> bool:
    return min(box_size(box)) <= 0


def box_slices(box: Box, origin: Index = (0, 0, 0)) -> tuple[slice, slice, slice]:
    """Slices of the box in an array whose first voxel has the index `origin`."""
    k, j, i = (slice(low - first, high - first) for low, high, first in zip(*box, origin, strict=True))
    return k, j, i


def union_box(boxes: Iterable[Box]) -> Box:
    """Smallest box around all boxes that hold anything."""
    filled = [box for box in boxes if not is_empty(box)]
    if not filled:
        return EMPTY_BOX
    return _index(np.min([box[0] for box in filled], axis=0)), _index(np.max([box[1] for box in filled], axis=0))


def clipped_box(low: ArrayLike, high: ArrayLike, size: Index) -> Box:
    """The part of a box inside a grid; `EMPTY_BOX` when there is none."""
    box = _index(np.maximum(np.asarray(low), 0)), _index(np.minimum(np.asarray(high), size))
    return EMPTY_BOX if is_empty(box) else box


def padded_box(box: Box, margin_mm: float, grid: Grid) -> Box:
    """The box and `margin_mm` more on each side, at least one voxel, inside the grid."""
    if is_empty(box):
        return EMPTY_BOX
    margin = np.ceil(margin_mm / np.asarray(grid.spacing_kji_mm)).astype(int) + 1
    return clipped_box(np.asarray(box[0]) - margin, np.asarray(box[1]) + margin, grid.size_kji)


def ball_box(grid: Grid, centre_lps_mm: ArrayLike, radius_mm: float) -> Box:
    """The voxels around a ball, inside the grid."""
    centre = grid.kji_from_lps.points(centre_lps_mm)
    reach = np.linalg.norm(grid.kji_from_lps.homogeneous[:3, :3], axis=1) * radius_mm
    low, high = np.floor(centre - reach).astype(int), np.ceil(centre + reach).astype(int) + 1
    return clipped_box(low, high, grid.size_kji)


@dataclass(frozen=True, eq=False)
class Mask:
    """A binary structure on an image's grid.

    Parameters
    ----------
    grid
        Of the whole image.
    box
        Where `voxels` lie in it; `EMPTY_BOX` for nothing at all. `Mask.of` makes it tight.
    voxels
        bool, of the size of the box; made read-only.
    """

    grid: Grid
    box: Box
    voxels: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.voxels.shape != box_size(self.box) or self.voxels.dtype != np.bool_:
            raise ValueError(f"{self.voxels.dtype} voxels {self.voxels.shape} do not fill the box {self.box}")
        if min(self.box[0]) < 0 or any(high > size for high, size in zip(self.box[1], self.grid.size_kji, strict=True)):
            raise ValueError(f"the box {self.box} leaves the grid {self.grid.size_kji}")
        view = self.voxels.view()
        view.setflags(write=False)
        object.__setattr__(self, "voxels", view)

    @staticmethod
    def empty(grid: Grid) -> Mask:
        return Mask(grid, EMPTY_BOX, np.zeros((0, 0, 0), dtype=np.bool_))

    @staticmethod
    def of(grid: Grid, voxels: NDArray[Any], origin: Index = (0, 0, 0)) -> Mask:
        """From an array whose first voxel has the index `origin`; cut to the voxels that are set."""
        low, high = [], []
        bits = np.asarray(voxels, dtype=np.bool_)
        for axis in range(3):
            others = tuple(other for other in range(3) if other != axis)
            found = np.flatnonzero(bits.any(axis=others))
            if not found.size:
                return Mask.empty(grid)
            low.append(int(found[0]))
            high.append(int(found[-1]) + 1)
        inner: Box = _index(low), _index(high)
        outer: Box = _index(np.add(low, origin)), _index(np.add(high, origin))
        return Mask(grid, outer, np.ascontiguousarray(bits[box_slices(inner)]))

    @property
    def is_empty(self) -> bool:
        return not bool(self.voxels.any())

    @property
    def count(self) -> int:
        return int(np.count_nonzero(self.voxels))

    @property
    def volume_ml(self) -> float:
        """Voxels counted whole.

        Weighing the surface voxels by the share inside was tried on balls of 4 to 20 mm with slices of 1 to 5 mm and
        was no better: the count has no bias, and its scatter (3 % at 6 mm radius and 3 mm slices, 0.6 % at 12 mm)
        comes from where the slices lie.
        """
        return self.count * self.grid.voxel_ml

    def within(self, box: Box) -> NDArray[np.bool_]:
        """A fresh array of the box, False outside the mask's own box."""
        found = np.zeros(box_size(box), dtype=np.bool_)
        shared = _intersection(self.box, box)
        if not is_empty(shared):
            found[box_slices(shared, box[0])] = self.voxels[box_slices(shared, self.box[0])]
        return found

    def full(self) -> NDArray[np.bool_]:
        """A fresh array of the whole grid."""
        return self.within(((0, 0, 0), self.grid.size_kji))

    def contains(self, lps_mm: ArrayLike) -> bool:
        """Whether the voxel that holds an LPS point is set."""
        index = self.grid.nearest_index(lps_mm)
        if index is None or not all(low <= at < high for at, low, high in zip(index, *self.box, strict=True)):
            return False
        k, j, i = (at - low for at, low in zip(index, self.box[0], strict=True))
        return bool(self.voxels[k, j, i])

    def centroid_lps_mm(self) -> NDArray[np.float64] | None:
        """Mean of the voxel centres; None when empty."""
        found = np.argwhere(self.voxels)
        if not len(found):
            return None
        return self.grid.lps_from_kji.points(found.mean(axis=0) + np.asarray(self.box[0]))

    def same_grid(self, other: Mask) -> None:
        """
        Raises
        ------
        FrameMismatch
            When the masks lie on different grids.
        """
        if not self.grid.same_as(other.grid):
            raise FrameMismatch(
                "different-grids", "The two structures were drawn on different images; resample one of them first."
            )

    def equals(self, other: Mask) -> bool:
        """Same grid and the same voxels set."""
        if not self.grid.same_as(other.grid):
            return False
        box = union_box((self.box, other.box))
        return bool(np.array_equal(self.within(box), other.within(box)))


@dataclass(frozen=True, slots=True)
class MaskPatch:
    """The difference between a mask before and after an edit: a box, and its packed bits on both sides.

    An edit that changed nothing has `EMPTY_BOX`.
    """

    grid: Grid
    box: Box
    before: bytes
    after: bytes

    @staticmethod
    def between(before: Mask, after: Mask) -> MaskPatch:
        """The smallest patch; also how the steps of one stroke become one undo step."""
        before.same_grid(after)
        whole = union_box((before.box, after.box))
        old, new = before.within(whole), after.within(whole)
        changed = Mask.of(before.grid, old != new, whole[0])
        inner = box_slices(changed.box, whole[0]) if not is_empty(changed.box) else (slice(0, 0),) * 3
        return MaskPatch(before.grid, changed.box, _packed(old[inner]), _packed(new[inner]))

    @property
    def changes_nothing(self) -> bool:
        return is_empty(self.box)

    def apply(self, mask: Mask) -> Mask:
        """The mask after the edit.

        Raises
        ------
        BugError
            When the mask is not the one the edit was made on.
        """
        return self._swapped(mask, self.before, self.after)

    def revert(self, mask: Mask) -> Mask:
        """The mask before the edit; raises as `apply`."""
        return self._swapped(mask, self.after, self.before)

    def _swapped(self, mask: Mask, expected: bytes, wanted: bytes) -> Mask:
        if not mask.grid.same_as(self.grid):
            raise BugError("a mask patch met a mask of another grid")
        if self.changes_nothing:
            return mask
        if _packed(mask.within(self.box)) != expected:
            raise BugError("a mask patch met a mask that has changed since")
        whole = union_box((mask.box, self.box))
        voxels = mask.within(whole)
        voxels[box_slices(self.box, whole[0])] = _unpacked(wanted, box_size(self.box))
        return Mask.of(mask.grid, voxels, whole[0])


def pack_bits(mask: Mask) -> tuple[bytes, Box]:
    """The bits of the mask's box in C order, eight to a byte, first voxel in the highest bit; and the box."""
    tight = Mask.of(mask.grid, mask.voxels, mask.box[0])
    return _packed(tight.voxels), tight.box


def unpack_bits(packed: bytes, box: Box, grid: Grid) -> Mask:
    """The mask that `pack_bits` stored.

    Raises
    ------
    InputRefused
        When the bytes do not fill the box, or the box leaves the grid.
    """
    size = box_size(box)
    fits = min(box[0]) >= 0 and all(high <= most for high, most in zip(box[1], grid.size_kji, strict=True))
    if min(size) < 0 or not fits or len(packed) != (int(np.prod(size)) + 7) // 8:
        raise InputRefused(
            "broken-mask", f"A stored structure of {len(packed)} bytes does not fit its box {box}; restore it."
        )
    return Mask(grid, box, _unpacked(packed, size))


def _packed(voxels: NDArray[np.bool_]) -> bytes:
    return np.packbits(voxels.reshape(-1)).tobytes()


def _unpacked(packed: bytes, size: Index) -> NDArray[np.bool_]:
    count = int(np.prod(size))
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=count)
    return bits.view(np.bool_).reshape(size)


def _intersection(first: Box, second: Box) -> Box:
    return _index(np.maximum(first[0], second[0])), _index(np.minimum(first[1], second[1]))


def _index(values: Any) -> Index:
    k, j, i = (int(value) for value in values)
    return k, j, i
