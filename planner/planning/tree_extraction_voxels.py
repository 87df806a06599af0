"""The voxels of a vessel mask as a graph: distances to the outside, ways to the root, raw branches, loops.

After Sato et al., "TEASAR: tree-structure extraction algorithm for accurate and robust skeletons", Pacific Graphics
2000: farthest tips first, each along the cheapest way to the root where a step costs the more the nearer it runs to
the wall. Here one spread from the root serves all tips, a claim follows the voxels instead of a ball in the room, so
that a vessel does not swallow its neighbour, and loops are looked for and cut where they are narrowest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging.masks import Box, Mask, box_size, padded_box

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_CENTRE_POWER = 3.0
"""A way costs 1 / depth to this power per mm: free of scale, so twigs are followed in the middle as trunks are."""
_CLAIM = 1.15
_CLAIM_VOXELS = 1.25
_LEAST_VOXELS = 2.0
_LEAST_WIDTHS = 2.0
_LOOP_MM = 6.0
_LOOP_WIDTHS = 3.0
_MOST_TURNS = 4
_NARROWER = 0.8
_WALL = 1e4
"""How many times dearer a neck becomes where a loop was cut: passed only where nothing else leads on."""


@dataclass(frozen=True, eq=False)
class VoxelGraph:
    """Voxels of a mask that touch by faces, edges or corners.

    Attributes
    ----------
    grid, low_kji
        Of the image, and the index of the block's first voxel in it.
    number, flat
        Flat block padded by one voxel: the number of each place (-1 outside); and the place of each number.
    kji
        (n, 3) indices in the image.
    places_mm
        (n, 3) indices times spacing.
    """

    grid: Grid
    low_kji: Integers
    shape: tuple[int, int, int]
    number: NDArray[np.int32]
    flat: Integers
    kji: NDArray[np.int32]
    places_mm: NDArray[np.float32]

    @staticmethod
    def of(mask: Mask, box: Box | None = None) -> VoxelGraph:
        """Of all voxels of a mask that is not empty."""
        box = padded_box(mask.box, 0.0, mask.grid) if box is None else box
        padded = np.pad(mask.within(box), 1)
        flat: Integers = np.flatnonzero(padded)
        number = np.full(padded.size, -1, dtype=np.int32)
        number[flat] = np.arange(len(flat), dtype=np.int32)
        low = np.asarray(box[0], dtype=np.int64)
        kji = (np.stack(np.unravel_index(flat, padded.shape), axis=-1) - 1 + low).astype(np.int32)
        places = (kji * np.asarray(mask.grid.spacing_kji_mm)).astype(np.float32)
        k, j, i = (size + 2 for size in box_size(box))
        return VoxelGraph(mask.grid, low, (k, j, i), number, flat, kji, places)

    @cached_property
    def offsets(self) -> Integers:
        """(26,) flat steps to the neighbours; the second half are the opposites of the first, in reverse."""
        steps = [self._flat_step(step) for step in _neighbours()]
        return np.array(steps, dtype=np.int64)

    @cached_property
    def lengths_mm(self) -> Floats:
        lengths: Floats = np.linalg.norm(np.array(_neighbours()) * np.asarray(self.grid.spacing_kji_mm), axis=1)
        return lengths

    @cached_property
    def voxel_mm(self) -> float:
        """Edge of a cube of a voxel's volume."""
        return float(np.cbrt(np.prod(self.grid.spacing_kji_mm)))

    @cached_property
    def depth_mm(self) -> NDArray[np.float32]:
        """(n,) distance to the nearest voxel outside; the end of the image is no wall."""
        from planner.planning import tree_extraction_kernels as kernels

        squared = np.full(len(self.flat), 1e12)
        strides = (self.shape[1] * self.shape[2], self.shape[2], 1)
        for axis in (2, 1, 0):
            low_open = self.kji[:, axis] == 0
            high_open = self.kji[:, axis] == self.grid.size_kji[axis] - 1
            spacing = self.grid.spacing_kji_mm[axis]
            kernels.squared_along(self.number, self.flat, strides[axis], spacing, low_open, high_open, squared)
        extent = float(np.linalg.norm(np.asarray(self.shape) * np.asarray(self.grid.spacing_kji_mm)))
        depth: NDArray[np.float32] = np.minimum(np.sqrt(squared), extent).astype(np.float32)
        return depth

    @cached_property
    def pieces(self) -> NDArray[np.int32]:
        """(n,) which connected piece a voxel is of, the largest 0."""
        from scipy import ndimage

        block = (self.number >= 0).reshape(self.shape)
        labels, count = ndimage.label(block, structure=np.ones((3, 3, 3)))
        own = labels.reshape(-1)[self.flat] - 1
        sizes = np.bincount(own, minlength=count)
        rank = np.empty(count, dtype=np.int32)
        rank[np.argsort(-sizes, kind="stable")] = np.arange(count, dtype=np.int32)
        ranked: NDArray[np.int32] = rank[own]
        return ranked

    def lps_mm(self, voxels: Integers | NDArray[np.int32]) -> Floats:
        return self.grid.lps_from_kji.points(self.kji[voxels])

    def numbers_at(self, lps_mm: Floats) -> NDArray[np.int32]:
        """(n,) the number of the voxel that holds each point; -1 outside the mask."""
        at = np.rint(self.grid.kji_from_lps.points(lps_mm)).astype(np.int64) - self.low_kji + 1
        held = np.all((at >= 0) & (at < np.asarray(self.shape)), axis=1)
        at = np.clip(at, 0, np.asarray(self.shape) - 1)
        found: NDArray[np.int32] = np.where(held, self.number[np.ravel_multi_index(tuple(at.T), self.shape)], -1)
        return found

    def nearest(self, lps_mm: Floats, among: NDArray[np.bool_] | None = None) -> tuple[int, float]:
        """The voxel nearest to a place, and how far it is (mm)."""
        wanted = self.grid.kji_from_lps.points(lps_mm) * np.asarray(self.grid.spacing_kji_mm)
        gaps = np.linalg.norm(self.places_mm - wanted, axis=1)
        if among is not None:
            gaps = np.where(among, gaps, np.inf)
        at = int(np.argmin(gaps))
        return at, float(gaps[at])

    def middle(self, voxel: int) -> int:
        """The deepest voxel near one: climbs while neighbours are deeper, no further than the lumen is wide."""
        depth, start = self.depth_mm, self.places_mm[voxel]
        while True:
            around = self.number[self.flat[voxel] + self.offsets]
            around = around[around >= 0]
            around = around[np.linalg.norm(self.places_mm[around] - start, axis=1) <= depth[around]]
            if not len(around) or depth[best := int(around[np.argmax(depth[around])])] <= depth[voxel]:
                return voxel
            voxel = best

    def _flat_step(self, step: tuple[int, int, int]) -> int:
        return (step[0] * self.shape[1] + step[1]) * self.shape[2] + step[2]


@dataclass(frozen=True, eq=False)
class RawTree:
    """Voxel centrelines: branch b holds ``voxels[starts[b]:starts[b + 1]]``, from an earlier branch to its tip."""

    voxels: Integers
    starts: Integers
    line: NDArray[np.int32]
    before: NDArray[np.int32]
    along_mm: NDArray[np.float32]

    @property
    def count(self) -> int:
        return len(self.starts) - 1

    def branch(self, number: int) -> Integers:
        return self.voxels[self.starts[number] : self.starts[number + 1]]


def raw_tree(graph: VoxelGraph, root: int, dear: NDArray[np.float32] | None = None) -> RawTree:
    """Branches of what hangs together with a root voxel.

    Parameters
    ----------
    dear
        (n,) factor on the cost of each voxel.
    """
    from planner.planning import tree_extraction_kernels as kernels

    count = len(graph.flat)
    depth = graph.depth_mm
    cost = (graph.voxel_mm / depth) ** np.float32(_CENTRE_POWER)
    if dear is not None:
        cost = cost * dear
    arrived = np.full(count, np.inf, dtype=np.float32)
    before = np.full(count, -1, dtype=np.int32)
    along = np.full(count, -1.0, dtype=np.float32)
    cost = np.ascontiguousarray(cost, dtype=np.float32)
    kernels.spread(graph.number, graph.flat, graph.offsets, graph.lengths_mm, cost, root, arrived, before, along)
    order: Integers = np.argsort(-along, kind="stable")[: int(np.count_nonzero(along > 0.0))].astype(np.int64)
    line = np.full(count, -1, dtype=np.int32)
    left = np.full(count, -1.0, dtype=np.float32)
    owner = np.full(count, -1, dtype=np.int32)
    reach = (_CLAIM * depth + _CLAIM_VOXELS * graph.voxel_mm).astype(np.float32)
    least = np.full(count, _LEAST_VOXELS * graph.voxel_mm, dtype=np.float32)
    voxels, starts = kernels.branches(
        graph.number,
        graph.flat,
        graph.offsets,
        graph.places_mm,
        order,
        before,
        along,
        depth,
        reach,
        least,
        _LEAST_WIDTHS,
        root,
        line,
        left,
        owner,
    )
    return RawTree(voxels, starts, line, before, along)


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop that was cut.

    Attributes
    ----------
    voxel
        Where.
    width_mm
        Diameter of the narrowest place.
    """

    voxel: int
    width_mm: float


def tree_without_loops(graph: VoxelGraph, root: int) -> tuple[RawTree, tuple[Loop, ...]]:
    """Branches of a mask whose loops are cut where they are narrowest.

    A spread from the root cuts every loop where both ways round meet. When that is not the narrowest place, the
    narrowest one is made dear and the spread runs again.
    """
    dear = np.ones(len(graph.flat), dtype=np.float32)
    cut: list[Loop] = []
    for turn in range(_MOST_TURNS):
        tree = raw_tree(graph, root, dear)
        cut = []
        necks: list[int] = []
        for one, other, width in _meetings(graph, tree):
            neck = _neck(graph, tree, one, other)
            if neck is None or 2.0 * graph.depth_mm[neck] >= _NARROWER * width or dear[neck] > 1.0:
                cut.append(Loop(one, width))
            else:
                necks.append(neck)
        if not necks or turn == _MOST_TURNS - 1:
            break
        for neck in necks:
            near = np.linalg.norm(graph.places_mm - graph.places_mm[neck], axis=1)
            dear[near <= graph.depth_mm[neck] + 0.5 * graph.voxel_mm] = _WALL
    return tree, tuple(cut)


def _meetings(graph: VoxelGraph, tree: RawTree) -> list[tuple[int, int, float]]:
    """Where both ways round a loop meet: a voxel on either side, and the width of the contact in mm."""
    from planner.planning import tree_extraction_kernels as kernels

    reached = np.flatnonzero(tree.along_mm >= 0.0)
    outwards: Integers = reached[np.argsort(tree.along_mm[reached], kind="stable")].astype(np.int64)
    attached = kernels.followed(tree.before, tree.line, outwards)
    slack = 2.0 * graph.voxel_mm
    pairs = kernels.contacts(
        graph.number,
        graph.flat,
        graph.offsets,
        graph.places_mm,
        attached,
        graph.depth_mm,
        tree.along_mm,
        slack,
    )
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for one, other in pairs:
        a, b = int(attached[one]), int(attached[other])
        meeting = _parting(tree, a, b)
        around = float(tree.along_mm[a] + tree.along_mm[b] - 2.0 * tree.along_mm[meeting])
        widths = float(graph.depth_mm[a] + graph.depth_mm[b] + graph.depth_mm[meeting])
        if around <= _LOOP_MM + _LOOP_WIDTHS * widths:
            continue
        first, second = int(tree.line[a]), int(tree.line[b])
        found.setdefault((min(first, second), max(first, second)), []).append((int(one), int(other)))
    return [_contact(graph, attached, pairs_of) for pairs_of in found.values()]


def _contact(graph: VoxelGraph, attached: NDArray[np.int32], pairs: list[tuple[int, int]]) -> tuple[int, int, float]:
    """The pair in the middle of a contact, and the contact's width."""
    ones = np.array([pair[0] for pair in pairs])
    middle = graph.places_mm[ones].mean(axis=0)
    at = int(np.argmin(np.linalg.norm(graph.places_mm[ones] - middle, axis=1)))
    faces = len(np.unique(ones))
    width = 2.0 * float(np.sqrt(faces / np.pi)) * graph.voxel_mm
    return int(attached[pairs[at][0]]), int(attached[pairs[at][1]]), width


def _parting(tree: RawTree, one: int, other: int) -> int:
    """The last voxel that the ways to two voxels share."""
    a, b = one, other
    while a != b:
        if tree.along_mm[a] >= tree.along_mm[b]:
            a = int(tree.before[a])
        else:
            b = int(tree.before[b])
    return a


def _neck(graph: VoxelGraph, tree: RawTree, one: int, other: int) -> int | None:
    """The shallowest voxel of both ways to where they part, away from that place and from the meeting."""
    parting = _parting(tree, one, other)
    best: int | None = None
    for start in (one, other):
        way = []
        at = start
        while at != parting:
            way.append(at)
            at = int(tree.before[at])
        if len(way) < 5:
            continue
        inner = np.array(way[2:-2])
        lowest = int(inner[np.argmin(graph.depth_mm[inner])])
        if best is None or graph.depth_mm[lowest] < graph.depth_mm[best]:
            best = lowest
    return best


def _neighbours() -> tuple[tuple[int, int, int], ...]:
    """The 26 steps (k, j, i) to a voxel's neighbours."""
    return tuple((k, j, i) for k in (-1, 0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1) if (k, j, i) != (0, 0, 0))
