"""The sub-voxel surface of a binary structure: a triangle mesh, a signed distance, and how exact both are.

The surface is the zero level of `planner.planning.smooth_field`. It separates every voxel centre of the structure
from every other one, so nothing of the mask is smoothed away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging.bands import in_bands
from planner.imaging.masks import Mask, box_size
from planner.imaging.surfaces import centre_distance_mm
from planner.jobs import Context
from planner.planning.smooth_field import PAD_VOXELS, smooth_field

Floats = NDArray[np.float64]

LONGEST_EDGE_MM = 1.5
LEAST_VOXELS_ACROSS = 10.0
"""Within these the errors were measured (`benchmarks/margins.py`)."""
_MEAN_VOXELS, _MOST_VOXELS = 0.1, 0.5
_SQUARE = 1e-3
_PROJECTIONS = 3
_CANDIDATES = 8


@dataclass(frozen=True, slots=True)
class AccuracyBound:
    """How far a surface may lie from the true one.

    Attributes
    ----------
    mean_mm, most_mm
        Of the distance between the surfaces.
    measured
        Inside the range in which spheres, ellipsoids and capsules were measured; outside it, the bound that follows
        from the voxels alone: both surfaces pass between the same voxel centres.
    voxels_across
        Least thickness of the structure in longest voxel edges.
    """

    mean_mm: float
    most_mm: float
    measured: bool
    voxels_across: float
    longest_edge_mm: float
    words: str


def accuracy_bound(grid: Grid, target: Mask) -> AccuracyBound:
    """What the voxels allow: see `AccuracyBound`. The target is on `grid`.

    Raises
    ------
    InputRefused
        ``empty-mask``.
    """
    _not_empty(target, "structure")
    padded = np.pad(target.voxels, 1)
    deepest = float(centre_distance_mm(~padded, grid.spacing_kji_mm).max())
    longest = max(grid.spacing_kji_mm)
    across = 2.0 * deepest / longest
    if longest <= LONGEST_EDGE_MM and across >= LEAST_VOXELS_ACROSS:
        words = (
            f"surface within {_MEAN_VOXELS * longest:.2f} mm on the mean and {_MOST_VOXELS * longest:.2f} mm at most, "
            "as measured on spheres, ellipsoids and capsules"
        )
        return AccuracyBound(_MEAN_VOXELS * longest, _MOST_VOXELS * longest, True, across, longest, words)
    why = (
        f"voxels of {longest:.2f} mm are longer than {LONGEST_EDGE_MM} mm"
        if longest > LONGEST_EDGE_MM
        else f"it is {across:.1f} voxels thick, fewer than {LEAST_VOXELS_ACROSS:.0f}"
    )
    words = f"surface within one voxel edge of {longest:.2f} mm ({why}); parts thinner than a voxel are not seen"
    return AccuracyBound(0.5 * longest, longest, False, across, longest, words)


@dataclass(frozen=True, eq=False)
class TargetSurface:
    """A structure with its sub-voxel surface. Build with `TargetSurface.of`.

    Attributes
    ----------
    mask
        As given.
    grid
        Of `field`: the structure's box and some space around it, which may lie outside the image.
    field
        (k, j, i) float32, close to the signed distance (mm, negative inside) near the surface only.
    vertices_lps_mm, normals_lps, areas_mm2
        (n, 3), (n, 3) unit outward, (n,): every vertex stands for its share of the surface.
    triangles
        (m, 3) int32, counter-clockwise seen from outside.
    """

    mask: Mask
    grid: Grid
    field: NDArray[np.float32]
    vertices_lps_mm: Floats
    normals_lps: Floats
    areas_mm2: Floats
    triangles: NDArray[np.int32]
    bound: AccuracyBound

    @staticmethod
    def of(mask: Mask, context: Context | None = None) -> TargetSurface:
        """Reconstruct the surface.

        Raises
        ------
        InputRefused
            ``empty-mask``, or ``bad-orientation`` for voxels whose axes are not at right angles.
        """
        from planner.planning import mesh_kernels as kernels

        _not_empty(mask, "structure")
        axes = mask.grid.axes_lps
        if float(np.abs(axes.T @ axes - np.eye(3)).max()) > _SQUARE:
            text = "The voxels of the mask are not at right angles; resample it upright first."
            raise InputRefused("bad-orientation", text)
        grid, inside = _padded(mask)
        field = smooth_field(inside, grid.spacing_kji_mm, context or Context())
        cells = np.empty(tuple(size - 1 for size in field.shape), dtype=np.int32)
        places = kernels.net_vertices(field, cells)
        triangles = kernels.net_triangles(field, cells)
        places, normals = _projected(field, places, grid)
        vertices = grid.lps_from_kji.points(places)
        if np.linalg.det(axes) < 0.0:
            triangles = np.ascontiguousarray(triangles[:, ::-1])
        areas = _vertex_areas(vertices, triangles)
        bound = accuracy_bound(mask.grid, mask)
        return TargetSurface(mask, grid, field, vertices, normals, areas, triangles, bound)

    @property
    def frame_uid(self) -> str:
        return self.mask.grid.frame_uid

    @property
    def area_mm2(self) -> float:
        return float(self.areas_mm2.sum())

    @cached_property
    def centre_lps_mm(self) -> Floats:
        """Centroid of the structure."""
        centre = self.mask.centroid_lps_mm()
        return self.vertices_lps_mm.mean(axis=0) if centre is None else centre

    @cached_property
    def touches_edge(self) -> bool:
        """The mask reaches the outermost voxels of its image: there the surface is the image's, not the structure's."""
        low, high = self.mask.box
        return min(low) == 0 or any(end == size for end, size in zip(high, self.mask.grid.size_kji, strict=True))

    def values_at(self, points_lps_mm: ArrayLike) -> Floats:
        """The field at (n, 3) points, cubic; far outside the grid a large positive value."""
        from scipy import ndimage

        kji = self.grid.kji_from_lps.points(points_lps_mm)
        values = ndimage.map_coordinates(
            self._spline, kji.T, order=3, prefilter=False, mode="constant", cval=np.float32(1e6)
        )
        return np.asarray(values, dtype=np.float64)

    @cached_property
    def _spline(self) -> NDArray[np.float32]:
        return _spline_of(self.field)

    def signed_distance_mm(self, points_lps_mm: ArrayLike) -> Floats:
        """Distance of (n, 3) points of the same frame to the surface, mm, negative inside."""
        from planner.planning import mesh_kernels as kernels

        points = np.ascontiguousarray(points_lps_mm, dtype=np.float64)
        tree, starts, around = self._search
        _, candidates = tree.query(points, k=min(_CANDIDATES, len(self.vertices_lps_mm)), workers=2)
        near = np.ascontiguousarray(candidates.reshape(len(points), -1).astype(np.int64))
        distance = np.empty(len(points))
        in_bands(
            len(points),
            lambda a, b: kernels.nearest_on_mesh(
                points, self.vertices_lps_mm, self.triangles, starts, around, near, distance, a, b
            ),
            least_rows=256,
        )
        return np.where(self.values_at(points) < 0.0, -distance, distance)

    @cached_property
    def _search(self) -> tuple[Any, NDArray[np.int32], NDArray[np.int32]]:
        """Tree over the vertices, and the triangles around each."""
        from scipy.spatial import cKDTree

        corners = self.triangles.ravel()
        order = np.argsort(corners, kind="stable")
        starts = np.searchsorted(corners[order], np.arange(len(self.vertices_lps_mm) + 1)).astype(np.int32)
        return cKDTree(self.vertices_lps_mm), starts, (order // 3).astype(np.int32)

    def same_frame(self, frame_uid: str) -> None:
        """
        Raises
        ------
        FrameMismatch
            ``mixed-frames``.
        """
        if frame_uid != self.frame_uid:
            text = "Target and zone belong to different frames of reference; link the two studies first."
            raise FrameMismatch("mixed-frames", text)


def _not_empty(mask: Mask, what: str) -> None:
    if mask.is_empty:
        raise InputRefused("empty-mask", f"The mask of the {what} holds no voxel; mark it first or name another label.")


def _padded(mask: Mask) -> tuple[Grid, NDArray[np.bool_]]:
    """The structure's box with space around it, of sizes that transform fast."""
    from scipy.fft import next_fast_len

    spacing = np.asarray(mask.grid.spacing_kji_mm)
    pad = np.ceil(PAD_VOXELS * spacing.max() / spacing).astype(int)
    size = [int(next_fast_len(int(n + 2 * p), real=True)) for n, p in zip(box_size(mask.box), pad, strict=True)]
    inside = np.zeros(size, dtype=np.bool_)
    inside[tuple(slice(p, p + n) for p, n in zip(pad, box_size(mask.box), strict=True))] = mask.voxels
    homogeneous = mask.grid.lps_from_kji.homogeneous.copy()
    homogeneous[:3, 3] = mask.grid.lps_from_kji.points(np.asarray(mask.box[0], dtype=np.float64) - pad)
    frame = mask.grid.frame_uid
    return Grid((size[0], size[1], size[2]), SpaceMap(lps(frame), KJI, homogeneous), frame), inside


def _spline_of(field: NDArray[np.float32]) -> NDArray[np.float32]:
    from scipy import ndimage

    return np.asarray(ndimage.spline_filter(field, order=3, output=np.float32))


def _projected(field: NDArray[np.float32], places: Floats, grid: Grid) -> tuple[Floats, Floats]:
    """Vertices (k, j, i) moved along the slope onto the zero level of the cubic field, and outward unit normals."""
    from scipy import ndimage

    spline = _spline_of(field)
    spacing = np.asarray(grid.spacing_kji_mm)
    longest = float(spacing.max())

    def values(at: Floats) -> Floats:
        return np.asarray(ndimage.map_coordinates(spline, at.T, order=3, prefilter=False, mode="nearest"), np.float64)

    def slopes(at: Floats) -> Floats:
        step = 0.25
        sides = [(values(at + step * unit) - values(at - step * unit)) / (2.0 * step) for unit in np.eye(3)]
        rise: Floats = np.stack(sides, axis=1) / spacing
        return rise

    moved = places
    for _ in range(_PROJECTIONS):
        slope = slopes(moved)
        steepness = np.maximum(np.einsum("na,na->n", slope, slope), 0.05)
        step_mm = -(values(moved) / steepness)[:, None] * slope
        length = np.linalg.norm(step_mm, axis=1, keepdims=True)
        step_mm *= np.minimum(1.0, 0.5 * longest / np.maximum(length, 1e-12))
        reached = moved + step_mm / spacing
        # No vertex leaves its own cell by more than a quarter of a voxel: the net must not fold.
        moved = np.clip(reached, np.floor(places) - 0.25, np.floor(places) + 1.25)
    normals = slopes(moved) @ grid.axes_lps.T
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return moved, normals


def _vertex_areas(vertices: Floats, triangles: NDArray[np.int32]) -> Floats:
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    areas = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    return np.asarray(np.bincount(triangles.ravel(), np.repeat(areas / 3.0, 3), minlength=len(vertices)))
