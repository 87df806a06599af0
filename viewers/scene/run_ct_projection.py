"""The plan of the CT as a run would show it: paths, outlines of lesions, points and rays, in pixels of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid
from planner.geometry.c_arm import CArm, XrayRay
from planner.imaging.masks import Mask
from planner.model.links import FrameLink
from planner.planning.frame_linking import NotLinked, projected_tree

RASTER_SHARE = 0.5
"""Outlines are found on a raster of this share of a voxel's shadow."""
SOFTENED_CELLS = 1.5
"""Takes the steps of the voxels out of an outline."""
MOST_RASTER = 400
"""Cells across the longer side of an outline's raster."""

# Corners of a cell: 0 upper left, 1 upper right, 2 lower right, 3 lower left; edge e runs from corner e to the next.
_CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))
_CROSSED = {
    1: ((3, 0),), 2: ((0, 1),), 3: ((3, 1),), 4: ((1, 2),), 5: ((3, 0), (1, 2)), 6: ((0, 2),), 7: ((3, 2),),
    8: ((2, 3),), 9: ((2, 0),), 10: ((0, 1), (2, 3)), 11: ((2, 1),), 12: ((1, 3),), 13: ((1, 0),), 14: ((0, 3),),
}  # fmt: skip
"""Which corners are inside (bits) -> edges that an outline joins."""


_HALF = (-0.25, 0.25)


@dataclass(frozen=True, eq=False, slots=True)
class Projection:
    """How a CT is seen in one frame of a run.

    Attributes
    ----------
    preview
        The link is under judgement.
    """

    c_arm: CArm
    link: FrameLink
    size_yx: tuple[int, int]
    preview: bool

    def xy(self, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """(n, 2) pixels of points (n, 3) in the CT; NaN behind the source, and all NaN without a link that holds."""
        points = np.asarray(points_lps_mm, dtype=np.float64).reshape(-1, 3)
        found = projected_tree([("", points)], self.c_arm, self.link, preview=self.preview)
        return np.full((len(points), 2), np.nan) if isinstance(found, NotLinked) else found[0].xy

    def contains(self, xy: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n,) inside the image."""
        height, width = self.size_yx
        with np.errstate(invalid="ignore"):
            inside = (xy >= -0.5).all(axis=-1) & (xy <= (width - 0.5, height - 0.5)).all(axis=-1)
        return np.asarray(inside, dtype=np.bool_)


def silhouette(mask: Mask, projection: Projection) -> NDArray[np.float64]:
    """(n, 2, 2) pieces of the outline of a structure's shadow, from and to, in pixels of the run; unordered."""
    points = surface_corners(mask)
    xy = projection.xy(points)
    xy = xy[np.isfinite(xy).all(axis=1)]
    if not len(xy):
        return np.empty((0, 2, 2))
    low, high = xy.min(axis=0), xy.max(axis=0)
    cell = max(_voxel_px(mask, projection) * RASTER_SHARE, float((high - low).max()) / MOST_RASTER, 1e-3)
    return outline(_filled(xy, low - 4.0 * cell, high + 4.0 * cell, cell), cell) + (low - 4.0 * cell)


def surface_corners(mask: Mask) -> NDArray[np.float64]:
    """(n, 3) LPS mm of all voxels on a structure's surface: their centres, and points half way to their corners.

    With half a cell of the raster, whose cells are half a voxel, they reach to the corners themselves.
    """
    from scipy.ndimage import binary_erosion

    inside = np.pad(mask.voxels, 1)
    surface = np.argwhere(inside & ~binary_erosion(inside)) - 1.0 + np.asarray(mask.box[0])
    steps = np.array([[k, j, i] for k in _HALF for j in _HALF for i in _HALF] + [[0.0, 0.0, 0.0]])
    indices = (surface[:, None, :] + steps[None, :, :]).reshape(-1, 3)
    points: NDArray[np.float64] = mask.grid.lps_from_kji.points(indices)
    return points


def _voxel_px(mask: Mask, projection: Projection) -> float:
    """Side of the shadow of a voxel's longest edge, in pixels."""
    arm = projection.c_arm
    return max(mask.grid.spacing_kji_mm) * arm.isocentre_magnification / arm.spacing.right_mm


def _filled(
    xy: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], cell: float
) -> NDArray[np.float32]:
    """(rows, columns) share of the shadow, softened; its holes between samples are closed."""
    from scipy.ndimage import binary_closing, binary_fill_holes, gaussian_filter

    size = np.ceil((high - low) / cell).astype(int) + 1
    raster = np.zeros((size[1], size[0]), dtype=bool)
    at = np.rint((xy - low) / cell).astype(int)
    raster[at[:, 1], at[:, 0]] = True
    closed = binary_fill_holes(binary_closing(raster, np.ones((3, 3), dtype=bool)))
    softened: NDArray[np.float32] = gaussian_filter(closed.astype(np.float32), SOFTENED_CELLS)
    return softened


def outline(field: NDArray[np.float32], cell: float, level: float = 0.5) -> NDArray[np.float64]:
    """(n, 2, 2) pieces of the level line of a raster (marching squares), x and y, in units of `cell` per step."""
    corners = np.stack([field[y : field.shape[0] - 1 + y, x : field.shape[1] - 1 + x] for x, y in _CORNERS])
    codes = sum((corners[number] >= level).astype(int) << number for number in range(4))
    pieces = []
    for code, joined in _CROSSED.items():
        rows, columns = np.nonzero(codes == code)
        for start, end in joined:
            ends = [_crossing(corners[:, rows, columns], edge, level) for edge in (start, end)]
            pieces.append(np.stack([np.stack([columns + x, rows + y], axis=-1) for x, y in ends], axis=1))
    found: NDArray[np.float64] = np.concatenate(pieces) * cell if pieces else np.empty((0, 2, 2))
    return found


def _crossing(corners: NDArray[np.float32], edge: int, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y within the cell where the level lies on an edge."""
    first, last = edge, (edge + 1) % 4
    share = (level - corners[first]) / np.where(corners[last] == corners[first], 1.0, corners[last] - corners[first])
    (x0, y0), (x1, y1) = _CORNERS[first], _CORNERS[last]
    return x0 + share * (x1 - x0), y0 + share * (y1 - y0)


def ray_in(ray: XrayRay, grid: Grid, beyond_mm: float = 0.0) -> NDArray[np.float64] | None:
    """(2, 3) LPS mm where a ray enters and leaves a CT's box, widened by a length; None when it misses it."""
    low, high = grid.bounds_lps_mm
    source, direction = np.asarray(ray.source_lps_mm), np.asarray(ray.direction_lps)
    with np.errstate(divide="ignore", invalid="ignore"):
        near, far = (low - beyond_mm - source) / direction, (high + beyond_mm - source) / direction
    level = direction == 0.0
    outside = level & ((source < low - beyond_mm) | (source > high + beyond_mm))
    enters = np.where(level, -np.inf, np.minimum(near, far)).max()
    leaves = np.where(level, np.inf, np.maximum(near, far)).min()
    enters = max(float(enters), 0.0)
    if outside.any() or enters >= leaves:
        return None
    return np.stack([ray.at(enters), ray.at(float(leaves))])


def stretch(points_lps_mm: NDArray[np.float64], count: int = 33) -> NDArray[np.float64]:
    """(count, 3) points evenly along a straight piece (2, 3)."""
    share = np.linspace(0.0, 1.0, count)[:, None]
    even: NDArray[np.float64] = points_lps_mm[0] + share * (points_lps_mm[1] - points_lps_mm[0])
    return even


def visible_pieces(xy: NDArray[np.float64]) -> Sequence[NDArray[np.float64]]:
    """A line (n, 2) cut where it has no place (behind the source)."""
    finite = np.isfinite(xy).all(axis=1)
    breaks = np.flatnonzero(np.diff(finite.astype(int))) + 1
    return [piece for piece in np.split(xy, breaks) if len(piece) > 1 and np.isfinite(piece).all()]
