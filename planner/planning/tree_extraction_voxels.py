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
_SAME_PLACE_MM = 3.0
_MOST_TURNS = 4
_NARROWER = 0.8
_WAIST_VOXELS = 0.9
_WALL = 20.0
"""How many times narrower a waist becomes where a loop is cut: passed only where nothing else leads on."""
_TIES = (0.05, 0.03, 0.02)


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
    """Voxel centrelines: branch b holds ``voxels[starts[b]:starts[b + 1]]``, from an earlier branch to its tip.

    Attributes
    ----------
    line, owner
        Per voxel of the graph: its branch where it lies on a centreline; the centreline's voxel that claimed it; -1.
    before, along_mm
        The voxel before it on the way to the root, and the length of that way.
    """

    voxels: Integers
    starts: Integers
    line: NDArray[np.int32]
    owner: NDArray[np.int32]
    before: NDArray[np.int32]
    along_mm: NDArray[np.float32]

    @property
    def count(self) -> int:
        return len(self.starts) - 1

    def branch(self, number: int) -> Integers:
        return self.voxels[self.starts[number] : self.starts[number + 1]]


def raw_tree(graph: VoxelGraph, root: int, passage_mm: NDArray[np.float32] | None = None) -> RawTree:
    """Branches of what hangs together with a root voxel.

    Parameters
    ----------
    passage_mm
        (n,) how well a way passes each voxel: its depth, or less where a loop is to be cut.
    """
    from planner.planning import tree_extraction_kernels as kernels

    count = len(graph.flat)
    depth = graph.depth_mm
    cost = (graph.voxel_mm / (depth if passage_mm is None else passage_mm)) ** np.float32(_CENTRE_POWER)
    # Of two ways as near to the middle the same one is always taken: parallel ways would never meet.
    cost = cost * (1.0 + graph.kji % 2 @ np.array(_TIES)).astype(np.float32)
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
    return RawTree(voxels, starts, line, owner, before, along)


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
    """Branches of a mask whose loops are cut where they are narrowest for what lies before and beyond.

    A spread from the root cuts every loop where both ways round meet. When one way round has a narrower waist than
    the meeting, the waist is made dear and the spread runs again.
    """
    passage = graph.depth_mm.copy()
    walled = np.zeros(len(graph.flat), dtype=np.bool_)
    cut: list[Loop] = []
    for turn in range(_MOST_TURNS):
        tree = raw_tree(graph, root, passage)
        meetings: list[Loop] = []
        waists: list[int] = []
        for meeting in _meetings(graph, tree, passage):
            waist, share = _waist(graph, tree, passage, meeting)
            if waist is None or share >= _NARROWER * meeting.share or walled[waist]:
                meetings.append(Loop(meeting.one, meeting.width_mm))
            else:
                waists.append(waist)
        if not waists or turn == _MOST_TURNS - 1:
            break
        for waist in dict.fromkeys(waists):
            cut.append(Loop(waist, 2.0 * float(graph.depth_mm[waist])))
            near = np.linalg.norm(graph.places_mm - graph.places_mm[waist], axis=1)
            near = (near <= graph.depth_mm[waist] + 0.5 * graph.voxel_mm) & ~walled
            walled |= near
            passage[near] /= _WALL
    return tree, _apart(graph, [*cut, *meetings])


def _apart(graph: VoxelGraph, loops: list[Loop]) -> tuple[Loop, ...]:
    """Loops without further ones at the same place."""
    kept: list[Loop] = []
    for loop in loops:
        gaps = [float(np.linalg.norm(graph.places_mm[each.voxel] - graph.places_mm[loop.voxel])) for each in kept]
        if min(gaps, default=np.inf) > _SAME_PLACE_MM + graph.voxel_mm:
            kept.append(loop)
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Where both ways round a loop meet.

    Attributes
    ----------
    one, other
        The centrelines' voxels on either side.
    width_mm
        Of the contact.
    share
        How well a way passes the contact, of how well it passes the worse of both centrelines.
    """

    one: int
    other: int
    width_mm: float
    share: float


def _meetings(graph: VoxelGraph, tree: RawTree, passage: NDArray[np.float32]) -> list[_Meeting]:
    """Where both ways round a loop meet."""
    from planner.planning import tree_extraction_kernels as kernels

    reached = np.flatnonzero(tree.along_mm >= 0.0)
    outwards: Integers = reached[np.argsort(tree.along_mm[reached], kind="stable")].astype(np.int64)
    attached = kernels.followed(tree.before, tree.owner, outwards)
    pairs = kernels.contacts(
        graph.number,
        graph.flat,
        graph.offsets,
        attached,
        tree.before,
        graph.depth_mm,
        tree.along_mm,
        _LOOP_MM,
        _LOOP_WIDTHS,
    )
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for one, other in pairs:
        first, second = int(tree.line[attached[one]]), int(tree.line[attached[other]])
        found.setdefault((min(first, second), max(first, second)), []).append((int(one), int(other)))
    return [_contact(graph, attached, passage, np.array(pairs_of)) for pairs_of in found.values()]


def _contact(graph: VoxelGraph, attached: NDArray[np.int32], passage: NDArray[np.float32], pairs: Integers) -> _Meeting:
    """Of the (m, 2) neighbouring voxels of a contact the pair in its middle."""
    ones = pairs[:, 0]
    middle = graph.places_mm[ones].mean(axis=0)
    at = int(np.argmin(np.linalg.norm(graph.places_mm[ones] - middle, axis=1)))
    width = 2.0 * float(np.sqrt(len(np.unique(ones)) / np.pi)) * graph.voxel_mm
    one, other = int(attached[pairs[at, 0]]), int(attached[pairs[at, 1]])
    through = float(passage[pairs].min(axis=1).max())
    return _Meeting(one, other, width, through / float(min(passage[one], passage[other])))


def _waist(
    graph: VoxelGraph, tree: RawTree, passage: NDArray[np.float32], meeting: _Meeting
) -> tuple[int | None, float]:
    """Where the ways from a meeting to where they part are narrowest for what lies before and beyond; and by how much.

    The share is that of the passage there of the lesser of both sides': a vessel that merely tapers has no waist.
    """
    from planner.planning import tree_extraction_kernels as kernels

    parting = kernels.parting(tree.before, tree.along_mm, meeting.one, meeting.other)
    best: int | None = None
    least = 1.0
    for start in (meeting.one, meeting.other):
        way = []
        at = start
        while at != parting:
            way.append(at)
            at = int(tree.before[at])
        if len(way) < 5:
            continue
        own = passage[np.array(way)]
        # What is best within a few widths on either side.
        reach = max(3, round(2.0 * float(np.median(graph.depth_mm[np.array(way)])) / graph.voxel_mm) + 2)
        padded = np.concatenate([np.full(reach, own[0]), own, np.full(reach, own[-1])])
        windows = np.lib.stride_tricks.sliding_window_view(padded, reach + 1).max(axis=1)
        sides = np.minimum(windows[: len(own)], windows[reach:])
        # Of what is only a voxel or two wide, depths go up and down by voxels.
        share = np.where(sides - own >= _WAIST_VOXELS * graph.voxel_mm, own / sides, 1.0)
        lowest = 2 + int(np.argmin(share[2:-2]))
        if share[lowest] < least:
            best, least = way[lowest], float(share[lowest])
    return best, least


def _neighbours() -> tuple[tuple[int, int, int], ...]:
    """The 26 steps (k, j, i) to a voxel's neighbours."""
    return tuple((k, j, i) for k in (-1, 0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1) if (k, j, i) != (0, 0, 0))
