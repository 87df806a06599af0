"""Painting and erasing along a stroke: a ball in the room, or a disc on the plane of a pane."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid, SlicePlane
from planner.imaging.masks import Box, Mask, MaskPatch, ball_box, box_slices, is_empty, union_box


def painted(
    mask: Mask, stroke_lps_mm: ArrayLike, radius_mm: float, *, plane: SlicePlane | None = None, erase: bool = False
) -> MaskPatch:
    """Set, or `erase`, the voxels whose centres the brush passes over.

    Parameters
    ----------
    stroke_lps_mm
        (n, 3) points of the pointer, n >= 1, joined by straight lines.
    radius_mm
        Of the brush.
    plane
        None paints with a ball. With a plane, a disc: only voxels that the plane cuts, by their distance in the plane.

    Raises
    ------
    ValueError
        For a stroke without points or a brush without size.
    """
    points = np.atleast_2d(np.asarray(stroke_lps_mm, dtype=np.float64))
    if not points.size or points.shape[1] != 3 or not radius_mm > 0.0:
        raise ValueError("a stroke needs points and a brush a size")
    ends = points[1:] if len(points) > 1 else points
    pieces = [
        _piece(mask.grid, start, end, radius_mm, plane) for start, end in zip(points[: len(ends)], ends, strict=True)
    ]
    pieces = [(box, voxels) for box, voxels in pieces if not is_empty(box)]
    if not pieces:
        return MaskPatch.between(mask, mask)
    whole = union_box([mask.box, *(box for box, _ in pieces)])
    voxels = mask.within(whole)
    for box, stamp in pieces:
        voxels[box_slices(box, whole[0])][stamp] = not erase
    return MaskPatch.between(mask, Mask.of(mask.grid, voxels, whole[0]))


def _piece(
    grid: Grid, start: NDArray[np.float64], end: NDArray[np.float64], radius_mm: float, plane: SlicePlane | None
) -> tuple[Box, NDArray[np.bool_]]:
    """The voxels under the brush while it moves from start to end."""
    reach = radius_mm if plane is None else radius_mm + _half_layer_mm(grid, plane)
    box = _joined(grid, start, end, reach)
    if is_empty(box):
        return box, np.zeros((0, 0, 0), dtype=np.bool_)
    axes = [np.arange(low, high) for low, high in zip(*box, strict=True)]
    centres = grid.lps_from_kji.points(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    from_start, line = centres - start, end - start
    under = np.ones(centres.shape[:3], dtype=np.bool_)
    if plane is not None:
        normal = plane.normal_lps
        half = _half_layer_mm(grid, plane)
        height = plane.distance_mm(centres)
        under = (height > -half) & (height <= half)
        from_start = from_start - (from_start @ normal)[..., None] * normal
        line = line - (line @ normal) * normal
    squared = float(line @ line)
    share = np.clip(from_start @ line / squared, 0.0, 1.0) if squared > 0.0 else np.zeros(centres.shape[:3])
    gap = from_start - share[..., None] * line
    under &= np.einsum("...c,...c->...", gap, gap) <= radius_mm**2
    return box, under


def _joined(grid: Grid, start: NDArray[np.float64], end: NDArray[np.float64], reach_mm: float) -> Box:
    """A box around both ends; an end outside the image still counts through the part inside."""
    boxes = (ball_box(grid, start, reach_mm), ball_box(grid, end, reach_mm))
    middle = ball_box(grid, (start + end) / 2.0, reach_mm + float(np.linalg.norm(end - start)) / 2.0)
    return middle if any(is_empty(box) for box in boxes) else union_box(boxes)


def _half_layer_mm(grid: Grid, plane: SlicePlane) -> float:
    """Half the thickness of the layer of voxels that a plane cuts."""
    edges = grid.axes_lps * np.asarray(grid.spacing_kji_mm)[None, :]
    return float(np.abs(plane.normal_lps @ edges).sum()) / 2.0
