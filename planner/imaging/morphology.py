"""Edits of structures: margins in mm, smoothing, holes, components, set operations. Each returns a `MaskPatch`."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from planner.imaging.masks import Box, Mask, MaskPatch, padded_box, union_box
from planner.imaging.surfaces import signed_distance_mm

SmoothingMethod = Literal["gaussian", "median"]
_BLUR_REACH = 3.0


def grown(mask: Mask, margin_mm: float) -> MaskPatch:
    """Add a margin of `margin_mm` in every direction in the room; negative takes one away.

    Measured from the surface between voxels, so anisotropic voxels get the same margin in every direction, right to
    within half a voxel.
    """
    if mask.is_empty:
        return MaskPatch.between(mask, mask)
    box = padded_box(mask.box, max(margin_mm, 0.0), mask.grid)
    bits, trim = _walled(mask.within(box))
    inside = signed_distance_mm(bits, mask.grid.spacing_kji_mm) <= margin_mm
    return MaskPatch.between(mask, Mask.of(mask.grid, inside[trim], box[0]))


def shrunk(mask: Mask, margin_mm: float) -> MaskPatch:
    """Take away a margin of `margin_mm`; see `grown`."""
    return grown(mask, -margin_mm)


def smoothed(mask: Mask, size_mm: float, *, method: SmoothingMethod = "gaussian") -> MaskPatch:
    """Round off corners and bridge notches up to about `size_mm`.

    ``gaussian`` blurs with that standard deviation and cuts at the level that keeps the number of voxels;
    ``median`` takes the majority in a block of that half-width.
    """
    if mask.is_empty or size_mm <= 0.0:
        return MaskPatch.between(mask, mask)
    from scipy import ndimage

    spacing = np.asarray(mask.grid.spacing_kji_mm)
    box = padded_box(mask.box, _BLUR_REACH * size_mm, mask.grid)
    bits = mask.within(box).astype(np.float32)
    if method == "median":
        widths = 2 * np.floor(size_mm / spacing + 1e-9).astype(int) + 1
        majority = ndimage.uniform_filter(bits, size=tuple(int(width) for width in widths), mode="nearest") > 0.5
        return MaskPatch.between(mask, Mask.of(mask.grid, majority, box[0]))
    blurred = ndimage.gaussian_filter(bits, tuple(size_mm / spacing), mode="nearest", truncate=_BLUR_REACH)
    count = mask.count
    level = np.partition(blurred.reshape(-1), blurred.size - count)[blurred.size - count]
    return MaskPatch.between(mask, Mask.of(mask.grid, blurred >= level, box[0]))


def filled(mask: Mask, *, in_slices: bool = False) -> MaskPatch:
    """Set voxels that the structure encloses, in the room or, `in_slices`, within each slice k."""
    if mask.is_empty:
        return MaskPatch.between(mask, mask)
    from scipy import ndimage

    walled, trim = _walled(mask.voxels)
    joined = ndimage.generate_binary_structure(3, 1)
    if in_slices:
        joined[[0, 2]] = False
    background, _ = ndimage.label(~walled, structure=joined)
    corners = background[:, :1, :1] if in_slices else background[:1, :1, :1]
    open_air = background == corners
    return MaskPatch.between(mask, Mask.of(mask.grid, (~open_air)[trim], mask.box[0]))


def largest_kept(mask: Mask) -> MaskPatch:
    """Keep the largest part joined by faces."""
    from scipy import ndimage

    parts, count = ndimage.label(mask.voxels)
    if count < 2:
        return MaskPatch.between(mask, mask)
    sizes = np.bincount(parts.reshape(-1))
    sizes[0] = 0
    return MaskPatch.between(mask, Mask.of(mask.grid, parts == int(np.argmax(sizes)), mask.box[0]))


def united(mask: Mask, other: Mask) -> MaskPatch:
    """Add another structure of the same grid. Raises `FrameMismatch` otherwise."""
    box = _shared(mask, other)
    return MaskPatch.between(mask, Mask.of(mask.grid, mask.within(box) | other.within(box), box[0]))


def intersected(mask: Mask, other: Mask) -> MaskPatch:
    """Keep what lies in both. Raises `FrameMismatch` for different grids."""
    box = _shared(mask, other)
    return MaskPatch.between(mask, Mask.of(mask.grid, mask.within(box) & other.within(box), box[0]))


def subtracted(mask: Mask, other: Mask) -> MaskPatch:
    """Take another structure away. Raises `FrameMismatch` for different grids."""
    box = _shared(mask, other)
    return MaskPatch.between(mask, Mask.of(mask.grid, mask.within(box) & ~other.within(box), box[0]))


def replaced(mask: Mask, other: Mask) -> MaskPatch:
    """Become the other structure, as one undo step. Raises `FrameMismatch` for different grids."""
    return MaskPatch.between(mask, other)


def _shared(mask: Mask, other: Mask) -> Box:
    mask.same_grid(other)
    return union_box((mask.box, other.box))


def _walled(voxels: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], tuple[slice, slice, slice]]:
    """The array with a layer of unset voxels around it, since a structure ends at the image; and its inner part."""
    inner = slice(1, -1)
    return np.pad(voxels, 1), (inner, inner, inner)
