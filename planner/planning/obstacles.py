"""What a needle keeps away from: prepared distance fields, and the clearance of a shaft to each structure.

A field holds the signed distance (mm, negative inside) from the structure's surface, at nodes of the structure's own
grid: masks of any grid of the frame are used as they are. The surface is where marching cubes put its vertices: half
way between a voxel of the structure and a neighbour that is not of it. The distance to those points is exact; nodes of
an axis-aligned face lie straight above them. The whole structure counts, also outside the region that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging.bands import in_bands
from planner.imaging.masks import Index, Mask, box_size
from planner.jobs import Context
from planner.planning.needles import Needle

TOLERANCE_MM = 0.05
"""The least distance along a shaft is found to within this, of the field as it is interpolated."""
MOST_NODES = 24_000_000
"""Nodes of one field; beyond, every second voxel is a node (the distances at the nodes stay exact)."""

SLOPES = 64
"""Entries of the table of slopes, one for each mm of distance."""
SQRT_3 = float(np.sqrt(3.0))
"""A distance changes by at most 1 mm per mm along each axis, so the trilinear one by at most this much."""

Bounds = NDArray[np.float64]
"""(2, 3): lowest and highest LPS mm."""


class Clearance(NamedTuple):
    """From the shaft's outer wall to the structure's surface (mm, negative inside), and how deep below the skin."""

    mm: float
    depth_mm: float


@dataclass(frozen=True, eq=False)
class DistanceField:
    """Signed distance from one structure.

    Attributes
    ----------
    values
        (k, j, i) float32, mm, negative inside.
    node_from_lps
        (3, 4): LPS mm to node coordinates.
    slopes
        Where the trilinear field is worth v mm or more it changes by at most slopes[int(v)] mm per mm.
    bounds_lps_mm
        Where it answers.
    """

    values: NDArray[np.float32]
    node_from_lps: NDArray[np.float64]
    slopes: NDArray[np.float64]
    bounds_lps_mm: Bounds

    @staticmethod
    def of(mask: Mask, bounds_lps_mm: ArrayLike) -> DistanceField:
        """The field of a structure over a box of the patient.

        Raises
        ------
        InputRefused
            ``empty-mask``.
        """
        if mask.is_empty:
            raise InputRefused("empty-mask", "A structure to keep away from is empty; segment it or leave it out.")
        bounds = np.asarray(bounds_lps_mm, dtype=np.float64)
        nodes, stride = _nodes(mask.grid, bounds)
        return _finished(_signed_distance(mask, nodes), mask.grid, nodes, stride, bounds)

    def at(self, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Distance (mm) at points of shape (n, 3)."""
        from planner.planning import needle_kernels as kernels

        points = np.ascontiguousarray(np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64)))
        found = np.empty(len(points))
        in_bands(
            len(points),
            lambda a, b: kernels.values_at(self.values, self.node_from_lps, points, found, a, b),
            least_rows=4096,
        )
        return found

    def covers(self, points_lps_mm: ArrayLike) -> bool:
        points = np.asarray(points_lps_mm, dtype=np.float64)
        return bool(np.all(points >= self.bounds_lps_mm[0] - 1e-6) and np.all(points <= self.bounds_lps_mm[1] + 1e-6))

    def least_along(
        self, entries_lps_mm: NDArray[np.float64], tips_lps_mm: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least distance (mm) from the axis of each segment, and its depth below the entry (mm); arrays are (n, 3)."""
        from planner.planning import needle_kernels as kernels

        count = len(entries_lps_mm)
        least, depth = np.empty(count), np.empty(count)

        def trace(first: int, last: int) -> None:
            kernels.least_along(
                self.values, self.node_from_lps, self.slopes, TOLERANCE_MM,
                entries_lps_mm, tips_lps_mm, least, depth, first, last,
            )  # fmt: skip

        in_bands(count, trace, least_rows=64)
        return least, depth


@dataclass(frozen=True, eq=False)
class Obstacle:
    """A structure to keep away from.

    Parameters
    ----------
    key
        Key of ``resources/structures.toml``, or a name given on the command line.
    hard_mm
        No path comes nearer.
    desired_mm
        Nearer costs.
    name
        For sentences (``colon``); empty takes the key.
    digest
        Of the mask, when the caller keeps one: fields are kept by it.
    """

    key: str
    mask: Mask
    hard_mm: float
    desired_mm: float
    name: str = ""
    source: str | None = None
    tag: str | None = None
    digest: str | None = None

    @property
    def spoken(self) -> str:
        return self.name or self.key.replace("_", " ")


@dataclass(frozen=True, eq=False)
class Obstacles:
    """Structures with their fields over one box of the patient. Make it with `prepared`."""

    items: tuple[Obstacle, ...]
    fields: tuple[DistanceField, ...]
    bounds_lps_mm: Bounds

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(each.key for each in self.items)

    def clearance(self, needle: Needle) -> dict[str, Clearance]:
        """Clearance of a needle to every structure. The needle must lie in the box (`reaching`)."""
        entries, tips = needle.entry_lps_mm[None, :], needle.tip_lps_mm[None, :]
        found: dict[str, Clearance] = {}
        for item, field in zip(self.items, self.fields, strict=True):
            least, depth = field.least_along(entries, tips)
            found[item.key] = Clearance(float(least[0]) - needle.diameter_mm / 2.0, float(depth[0]))
        return found

    def covers(self, points_lps_mm: ArrayLike) -> bool:
        return all(field.covers(points_lps_mm) for field in self.fields)

    def reaching(self, points_lps_mm: ArrayLike, context: Context | None = None) -> Obstacles:
        """These obstacles prepared for points as well; the same object where they are covered already."""
        if self.covers(points_lps_mm):
            return self
        return prepared(self.items, bounds_around(points_lps_mm, 20.0, self.bounds_lps_mm), context)


def prepared(
    items: Iterable[Obstacle],
    bounds_lps_mm: ArrayLike,
    context: Context | None = None,
    kept: Mapping[str, DistanceField] | None = None,
) -> Obstacles:
    """Compute the fields of structures over a box of the patient.

    Parameters
    ----------
    kept
        Fields by `Obstacle.digest` from before; used where they cover the box.

    Raises
    ------
    InputRefused
        ``empty-mask`` for a structure without voxels.
    FrameMismatch
        When they lie in different frames of reference.
    """
    job = context or Context()
    wanted = tuple(items)
    bounds = np.asarray(bounds_lps_mm, dtype=np.float64)
    same_frame(each.mask for each in wanted)
    fields: list[DistanceField] = []
    for number, each in enumerate(wanted):
        job.step(number / max(1, len(wanted)), f"Distances from {each.spoken}")
        known = None if kept is None or each.digest is None else kept.get(each.digest)
        if each.mask.is_empty:
            text = f"The structure {each.spoken} is empty; segment it, or leave it out."
            raise InputRefused("empty-mask", text, subject=each.key)
        fields.append(known if known is not None and known.covers(bounds) else DistanceField.of(each.mask, bounds))
    return Obstacles(wanted, tuple(fields), bounds)


def bounds_around(points_lps_mm: ArrayLike, margin_mm: float, also: Bounds | None = None) -> Bounds:
    """The box around points and a margin, and around another box."""
    points = np.asarray(points_lps_mm, dtype=np.float64).reshape(-1, 3)
    low, high = points.min(axis=0) - margin_mm, points.max(axis=0) + margin_mm
    if also is not None:
        low, high = np.minimum(low, also[0]), np.maximum(high, also[1])
    return np.stack([low, high])


def same_frame(masks: Iterable[Mask]) -> None:
    """
    Raises
    ------
    FrameMismatch
        When masks lie in different frames of reference.
    """
    if len({each.grid.frame_uid for each in masks}) > 1:
        raise FrameMismatch(
            "mixed-frames", "The structures lie in different frames of reference; link the two studies first."
        )


def _nodes(grid: Grid, bounds: Bounds) -> tuple[tuple[NDArray[np.int64], ...], Index]:
    """Indices of the nodes along k, j, i that cover a box (also beyond the grid), and their stride."""
    corners = np.array([[bounds[a, 0], bounds[b, 1], bounds[c, 2]] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    kji = grid.kji_from_lps.points(corners)
    low, high = np.floor(kji.min(axis=0)).astype(int), np.ceil(kji.max(axis=0)).astype(int) + 1
    stride = np.ones(3, dtype=int)
    while np.prod((high - low) / stride + 2.0) > MOST_NODES:
        stride[int(np.argmin(stride * np.asarray(grid.spacing_kji_mm)))] *= 2
    nodes = tuple(np.arange(low[axis], high[axis] + stride[axis], stride[axis], dtype=np.int64) for axis in range(3))
    return nodes, (int(stride[0]), int(stride[1]), int(stride[2]))


def _signed_distance(mask: Mask, nodes: tuple[NDArray[np.int64], ...]) -> NDArray[np.float32]:
    """Distance (mm) from each node to the nearest point half way across the surface; negative at nodes inside."""
    size = box_size(mask.box)
    bits = np.zeros(tuple(each + 2 for each in size), dtype=np.uint8)
    bits[1:-1, 1:-1, 1:-1] = mask.voxels
    relative = [nodes[axis] - mask.box[0][axis] + 1 for axis in range(3)]
    distance = np.sqrt(_squared_at_nodes(bits, mask.grid.spacing_kji_mm, relative))
    within = [np.flatnonzero((relative[axis] >= 0) & (relative[axis] < bits.shape[axis])) for axis in range(3)]
    if all(len(each) for each in within):
        part = tuple(slice(int(each[0]), int(each[-1]) + 1) for each in within)
        inside = bits[np.ix_(*(relative[axis][within[axis]] for axis in range(3)))] != 0
        np.negative(distance[part], out=distance[part], where=inside)
    return distance


def _squared_at_nodes(
    bits: NDArray[np.uint8], spacing: tuple[float, float, float], nodes: list[NDArray[np.int64]]
) -> NDArray[np.float32]:
    """One axis after the other. Points between two rows or layers lie on lattices of half the spacing."""
    from planner.planning import needle_kernels as kernels

    layers, rows, _ = bits.shape
    wide, high, deep = len(nodes[2]), len(nodes[1]), len(nodes[0])
    in_layers = np.empty((layers, 2 * rows - 1, wide), dtype=np.float32)
    between = np.empty((layers - 1, rows, wide), dtype=np.float32)
    along = (spacing[2], nodes[2])
    for count, step_k, step_j, result in (
        (layers, 0, 0, in_layers[:, 0::2]),
        (layers, 0, 1, in_layers[:, 1::2]),
        (layers - 1, 1, 0, between),
    ):
        in_bands(count, partial(kernels.rows_at_nodes, bits, step_k, step_j, *along, result), least_rows=2)
    flat = np.empty((2 * layers - 1, high, wide), dtype=np.float32)
    in_bands(
        layers, partial(kernels.columns_at_nodes, in_layers, spacing[1] / 2.0, 2 * nodes[1], flat[0::2]), least_rows=2
    )
    in_bands(layers - 1, partial(kernels.columns_at_nodes, between, spacing[1], nodes[1], flat[1::2]), least_rows=2)
    squared = np.empty((deep, high, wide), dtype=np.float32)
    turned, result = flat.transpose(1, 0, 2), squared.transpose(1, 0, 2)
    in_bands(high, partial(kernels.columns_at_nodes, turned, spacing[0] / 2.0, 2 * nodes[0], result), least_rows=2)
    return squared


def _finished(
    signed: NDArray[np.float32], grid: Grid, nodes: tuple[NDArray[np.int64], ...], stride: Index, bounds: Bounds
) -> DistanceField:
    from planner.planning import needle_kernels as kernels

    node_mm = np.asarray(grid.spacing_kji_mm) * np.asarray(stride)
    slopes = np.zeros((signed.shape[0], SLOPES))
    # A point worth v lies in a cell whose corners are worth v less at most the cell's steepest rise across it.
    reach = SQRT_3 * float(np.linalg.norm(node_mm))
    in_bands(signed.shape[0], partial(kernels.steepest_slopes, signed, node_mm, reach, slopes), least_rows=4)
    from_here_up = np.maximum.accumulate(slopes.max(axis=0)[::-1])[::-1]
    placed: NDArray[Any] = grid.kji_from_lps.homogeneous[:3].copy()
    placed[:, 3] -= np.array([each[0] for each in nodes], dtype=np.float64)
    placed /= np.asarray(stride, dtype=np.float64)[:, None]
    return DistanceField(signed, np.ascontiguousarray(placed), np.ascontiguousarray(from_here_up), bounds)
